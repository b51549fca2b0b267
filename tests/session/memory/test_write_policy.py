"""When it is written down: at once, within five seconds, or when there is room."""

from __future__ import annotations

from datetime import UTC, datetime, time

import pytest

from player.core.commands import Asleep, Awake, Command, ExtendTimer, Play, SetTimer, SetVolume, ShortenTimer, Stop
from player.core.commands_level import Calibrate, NoteReading
from player.core.events import Progressed
from player.core.pillow import Calibration
from player.core.settings.bed import Bed
from player.core.settings.session import (
    TIMER_END_OF_TRACK,
    TIMER_OFF,
    Entry,
    EntryKind,
    Phase,
    Playlist,
    Settings,
    TimerSetting,
    VolumeSettings,
)
from player.core.states import State
from player.session.crash_resume import WELL_S
from player.session.memory.records import SessionRecord
from player.session.memory.write_policy import SIGN_OF_LIFE_S, SOON_S
from tests.nights.remembered_nights import Remembering

SETTINGS = Settings(playlists=(Playlist("rain", ("/r",)),), volume=VolumeSettings(30, 60))


@pytest.fixture
def nights() -> Remembering:
    """A session that has played for a minute, its volume set just now, which was written at once."""
    nights = Remembering(SETTINGS, datetime(2026, 1, 15, 22, 0, tzinfo=UTC))
    nights.command(Play(timer=TIMER_END_OF_TRACK))
    nights.run_for(60.0)
    before = len(nights.store.batches)
    nights.command(SetVolume(20))
    assert len(nights.store.batches) == before + 1
    return nights


def record(nights: Remembering) -> SessionRecord:
    """What the store holds."""
    found = nights.store.recall().documents.record
    assert found is not None
    return found


def due_s(nights: Remembering) -> float:
    """When the session asks to be woken, seconds from now."""
    return nights.session.wait_s(nights.now)


def ends_boot_s(nights: Remembering) -> object:
    """When the session is silent, to a second, on the boot clock."""
    return None if nights.left_s is None else pytest.approx(nights.now.boot_s + nights.left_s, abs=1.0)


WISHES: list[Command] = [
    SetVolume(10), SetTimer(TimerSetting.clock(600.0)), SetTimer(TIMER_OFF), ExtendTimer(900.0), ShortenTimer(60.0),
]  # fmt: skip


def test_that_somebody_sleeps_is_written_at_once(nights: Remembering) -> None:
    """A death a second after `asleep` does not forget it, nor `awake`."""
    for command, is_asleep in ((Asleep(), True), (Awake(), False)):
        nights.command(command)
        nights.die()
        assert nights.session.snapshot(nights.now).is_asleep == is_asleep
        nights.run_for(WELL_S)


@pytest.mark.parametrize("timer", [TIMER_OFF, TimerSetting.clock(4 * 3600.0)], ids=["off", "4h"])
def test_a_sensor_that_flaps_writes_no_more_than_the_quota(nights: Remembering, timer: TimerSetting) -> None:
    """A bed sensor that changes its mind every 20 s for an hour makes at most the 10 writes of a full bucket and one
    each 400 s, although sleep brings the end forward each time; once it rests, the last word is in the store.
    """
    nights.command(SetTimer(timer))
    nights.run_for(WELL_S)
    before = len(nights.store.batches)
    for _ in range(90):
        nights.command(Asleep())
        nights.run_for(20.0)
        nights.command(Awake())
        nights.run_for(20.0)
    assert len(nights.store.batches) - before <= 10 + 3600 / SIGN_OF_LIFE_S + 1
    nights.command(Asleep())
    nights.run_for(2 * SIGN_OF_LIFE_S)
    assert record(nights).asleep_s is not None
    assert record(nights).is_strict
    assert record(nights).ends_boot_s == ends_boot_s(nights)


@pytest.mark.parametrize("is_before", [True, False], ids=["before", "after"])
def test_a_wish_does_not_wait_until_the_quota_has_room_for_sleep(nights: Remembering, *, is_before: bool) -> None:
    """A flapping sensor has used the quota, so sleep is not written yet; a longer timer is, five seconds later."""
    nights.command(SetTimer(TimerSetting.clock(4 * 3600.0)))
    nights.run_for(WELL_S)
    for command in (Asleep(), Awake()) * 7:
        nights.command(command)
        nights.run_for(10.0)
    nights.command(SetVolume(10))
    nights.run_for(1.0)
    before = len(nights.store.batches)
    for command in (ExtendTimer(900.0), Asleep()) if is_before else (Asleep(), ExtendTimer(900.0)):
        nights.command(command)
    assert len(nights.store.batches) == before
    nights.run_for(SOON_S)
    assert len(nights.store.batches) == before + 1
    assert record(nights).ends_boot_s == ends_boot_s(nights)


@pytest.mark.parametrize("wish", WISHES, ids=str)
def test_a_wish_right_after_a_write_wakes_the_session_after_five_seconds(nights: Remembering, wish: Command) -> None:
    """Whatever else happens: no other wake and no report of the engine is needed."""
    nights.clock.advance(1.0)
    written = len(nights.store.batches)
    nights.command(wish)
    assert len(nights.store.batches) == written
    assert due_s(nights) <= SOON_S - 1.0
    nights.clock.advance(SOON_S - 1.0)
    nights.tell(None)
    assert len(nights.store.batches) == written + 1
    shown = nights.session.snapshot(nights.now)
    found = record(nights)
    assert (found.volume, found.left_s, found.mode.value) == (
        shown.volume, shown.timer_remaining_s, shown.timer_mode,
    )  # fmt: skip
    assert found.is_strict is (wish == Asleep())


def test_without_a_wish_nothing_is_due(nights: Remembering) -> None:
    """The place in the track is no reason to wake up; a wish that was taken back neither."""
    nights.command(SetVolume(10))
    assert due_s(nights) <= SOON_S
    nights.command(SetVolume(20))
    assert due_s(nights) > SOON_S


def test_a_stop_is_written_at_once(nights: Remembering) -> None:
    """What was to be written in five seconds is no longer due."""
    nights.command(SetVolume(10))
    nights.command(Stop())
    assert nights.store.recall().documents.record is None


def test_a_session_that_moved_on_at_its_start_because_nothing_can_be_opened_ends_when_it_would_have() -> None:
    """A phase to the end of a track is over where no track can be opened, and still is after a death in that second.

    The session of the next process finds all tracks: it would otherwise play the first phase for a whole track.
    """
    sea = Playlist("sea", ("/s",), then=(Phase("sea", 20, TimerSetting.clock(600.0)),))
    nights = Remembering(Settings(playlists=(sea,)), datetime(2026, 1, 15, 22, 0, tzinfo=UTC))
    nights.engine.broken.update("abcd")
    nights.command(Play(timer=TIMER_END_OF_TRACK))
    assert (nights.session.snapshot(nights.now).phase, nights.left_s) == (2, 600.0)
    nights.die(10.0)
    nights.run_for(1.0)
    assert (nights.session.snapshot(nights.now).phase, nights.left_s) == (2, pytest.approx(589.0))


def test_a_morning_that_went_over_to_generated_noise_at_its_start_ends_when_it_would_have() -> None:
    """Its bed ended with its tracks; after a death in that second no bed comes back that would outlast the morning."""
    rain = Playlist("rain", ("/r",), bed=(Bed("rain", -3.0, 1200.0),))
    morning = Entry("morning", time(7, 0), timer=TimerSetting.clock(1800.0), kind=EntryKind.MORNING)
    evening = datetime(2026, 1, 15, 6, 59, tzinfo=UTC)
    nights = Remembering(Settings(playlists=(rain,), schedule=(morning,)), evening)
    nights.engine.broken.update("abcd")
    nights.run_for(60.0)
    assert (nights.session.snapshot(nights.now).playlist, nights.left_s) == ("generated noise", 1800.0)
    nights.die(10.0)
    nights.run_for(1780.0)
    assert nights.state is State.FADING_OUT
    nights.run_for(20.0)
    assert nights.state is State.IDLE


def test_a_calibration_is_written_before_it_is_answered(nights: Remembering) -> None:
    """A person stood at the pillow with a meter for it; five seconds later the plug may be pulled."""
    nights.command(Stop())
    nights.run_for(60.0)
    nights.command(Calibrate())
    nights.run_for(30.0)
    nights.tell(Progressed(None, 0.0, -30.0, -30.0, level_a_db=-40.0))
    assert nights.command(NoteReading(40.0)).is_done
    assert nights.store.recall().documents.calibration == Calibration(80.0, SETTINGS.output, nights.now.wall)
    assert nights.store.recall().heard[-1].title == "Pink noise", "what `lull history` shows"
