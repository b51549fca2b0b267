"""Mornings: the gentle end of a night, its snooze, its lamp, and what happens to it when something goes wrong."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from player.audio.decoder.noise import measured_noise
from player.core.commands import (
    Asleep,
    Command,
    Like,
    NeverAgain,
    Pause,
    Play,
    Resume,
    SetVolume,
    SkipTonight,
    Snooze,
    Stop,
    Unlike,
)
from player.core.events import LibraryRead
from player.core.limits import MAX_RISE_DB_PER_S
from player.core.noise import parse_noise
from player.core.settings.safety import NightCap, RestNights, SessionSettings, Taper
from player.core.settings.session import Entry, EntryKind, Playlist, Settings, TimerSetting, VolumeSettings
from player.core.snapshot import Snapshot
from player.core.states import State
from player.core.units import SILENCE_DB, volume_to_db
from player.session.library_findings import CALIBRATION, FALLBACK, found_in
from player.session.messages import Message
from player.session.outcome import Outcome
from tests import effort
from tests.nights.night_rig import Nights
from tests.nights.remembered_nights import Remembering

DAY_S = 86_400.0
"""While nothing plays the rig goes straight to the next start."""
BERLIN = ZoneInfo("Europe/Berlin")
EVENING = datetime(2026, 1, 15, 22, 0, tzinfo=BERLIN)
MORNING = Entry("up", time(6, 30), playlist="birds", volume=35, fade_in_s=1200.0, kind=EntryKind.MORNING)
SETTINGS = Settings(
    playlists=(Playlist("brown", ("/n",)), Playlist("birds", ("/b",))),
    volume=VolumeSettings(default=20, max=60, night_cap=NightCap(15, 600.0)),
    timer=TimerSetting.at(time(7, 0)),
    schedule=(MORNING,),
)


def at(hour: int, minute: int, second: int = 0) -> datetime:
    """A moment of the morning."""
    return datetime(2026, 1, 16, hour, minute, second, tzinfo=BERLIN)


@pytest.fixture
def nights() -> Nights:
    return Nights(SETTINGS, EVENING, longest_idle_s=DAY_S)


def shown(nights: Nights) -> Snapshot:
    return nights.session.snapshot(nights.now)


def level(nights: Nights) -> float:
    return nights.engine.level_db()


def test_a_morning_rises_over_its_fade_in_and_ends_half_an_hour_after_it(nights: Nights) -> None:
    """06:30 to 06:50 up to volume 35, silent at 07:20; the general sleep timer says nothing of it."""
    nights.run_until(at(6, 30, 1))
    assert (shown(nights).why, shown(nights).playlist, shown(nights).is_morning) == ("schedule:up", "birds", True)
    assert shown(nights).timer_ends == at(7, 20)
    nights.run_until(at(6, 40))
    assert level(nights) < volume_to_db(35) - 20.0
    nights.run_until(at(6, 50, 1))
    assert level(nights) == volume_to_db(35)
    nights.run_until(at(7, 20, 1))
    assert (nights.state, level(nights)) == (State.IDLE, SILENCE_DB)


def test_the_night_goes_over_into_the_morning_without_a_jump(nights: Nights) -> None:
    """Noise at the night cap plays on; from its level the sound moves to the morning's in twenty minutes."""
    nights.command(Play())
    nights.run_until(at(6, 29, 59))
    before = level(nights)
    assert before == volume_to_db(15)
    levels: list[float] = []
    nights.on_step = lambda: levels.append(level(nights))
    nights.run_until(at(6, 30, 10))
    assert shown(nights).why == "schedule:up"
    assert min(levels) >= before
    assert level(nights) - before < 0.2
    nights.run_until(at(6, 50, 1))
    assert level(nights) == max(levels) == volume_to_db(35)


def test_a_louder_night_sinks_to_the_morning(nights: Nights) -> None:
    """A morning is never louder than its own volume; what is above it comes down as slowly."""
    nights = Nights(replace(SETTINGS, volume=VolumeSettings(default=55, max=60)), EVENING, longest_idle_s=DAY_S)
    nights.command(Play())
    nights.run_until(at(6, 35))
    assert volume_to_db(35) < level(nights) < volume_to_db(55)
    nights.run_until(at(6, 50, 1))
    assert level(nights) == volume_to_db(35)


def test_neither_cap_nor_taper_of_the_night_holds_it_down() -> None:
    """Both come with the time since the start, for people who fall asleep; the guard is strict from the beginning."""
    session = SessionSettings(taper=Taper(12.0, 1))
    guarded = replace(SETTINGS, session=session, schedule=(replace(MORNING, timer=TimerSetting.clock(7200.0)),))
    nights = Nights(guarded, EVENING, longest_idle_s=DAY_S)
    nights.run_until(at(8, 0))
    assert (shown(nights).volume, shown(nights).volume_max) == (35, 60)
    assert not nights.events("volume_capped")


def test_asleep_does_not_end_a_morning(nights: Nights) -> None:
    """Most people are asleep when it begins; a sensor that says so changes nothing."""
    nights.run_until(at(6, 35))
    before = shown(nights)
    assert nights.command(Asleep()).is_done
    after = shown(nights)
    assert (after.timer_ends, after.volume_max, after.is_asleep) == (before.timer_ends, before.volume_max, False)


def test_a_skipped_night_and_a_rest_night_have_a_morning(nights: Nights) -> None:
    """Who wants no noise at night wants to get up all the same; dates that are left out are left out."""
    nights.command(SkipTonight(True))
    nights.run_until(at(6, 30, 1))
    assert shown(nights).is_morning
    resting = Nights(replace(SETTINGS, rest_nights=RestNights(6)), EVENING, longest_idle_s=DAY_S)
    for _ in range(7):
        resting.run_for(24 * 3600.0)
    assert len(resting.events("session_started")) == 7
    assert all(told.news.data["playlist"] == "birds" for told in resting.events("session_started"))


def test_snooze_is_silence_for_nine_minutes_and_the_end_moves_along(nights: Nights) -> None:
    """Sound and light fall together, come back slowly, and the morning is as long as before."""
    nights.run_until(at(6, 55))
    assert nights.command(Snooze()).is_done
    nights.run_for(3.0)
    state = shown(nights)
    assert (state.state, state.light, level(nights)) == ("paused", 0.0, SILENCE_DB)
    assert state.snooze_left_s == pytest.approx(537.0)
    nights.run_until(at(7, 3, 59))
    assert level(nights) == SILENCE_DB
    nights.run_until(at(7, 5))
    assert SILENCE_DB < level(nights) < volume_to_db(35)
    assert 0.0 < shown(nights).light < 0.3
    nights.run_until(at(7, 9, 1))
    assert (level(nights), shown(nights).light, shown(nights).snooze_left_s) == (volume_to_db(35), 1.0, None)
    assert shown(nights).timer_ends == at(7, 29)


def test_snooze_again_begins_anew_and_its_length_is_bounded(nights: Nights) -> None:
    """A second one in the middle of the first is counted from then; an hour at most, a minute at least."""
    nights.run_until(at(6, 55))
    nights.command(Snooze(300.0))
    nights.run_until(at(6, 59))
    nights.command(Snooze(300.0))
    nights.run_until(at(7, 3, 55))
    assert shown(nights).state == "paused"
    nights.run_until(at(7, 4, 5))
    assert shown(nights).state == "playing"
    for wrong in (59.0, 3601.0):
        with pytest.raises(ValueError, match="snooze"):
            Snooze(wrong)


def test_what_a_person_does_in_a_snooze(nights: Nights) -> None:
    """Resume ends it, stop ends the morning, pause makes it a pause that lasts; without a morning it is refused."""
    assert nights.command(Snooze()).text == "snooze: nothing is playing"
    nights.run_until(at(6, 40))
    nights.command(Snooze())
    nights.run_for(60.0)
    nights.command(Resume())
    nights.run_for(301.0)
    assert (shown(nights).state, shown(nights).snooze_left_s) == ("playing", None)
    nights.command(Snooze())
    nights.command(Pause())
    nights.run_for(1200.0)
    assert (shown(nights).state, shown(nights).snooze_left_s) == ("paused", None)
    nights.command(Resume())
    nights.command(Snooze())
    nights.command(Stop())
    nights.run_for(1200.0)
    assert (nights.state, shown(nights).light) == (State.IDLE, 0.0)
    nights.command(Play())
    assert nights.command(Snooze()).text == "snooze: no morning is playing"


def test_the_light_rises_along_with_the_sound_and_never_above_its_cap() -> None:
    """A straight line in time, in hundredths; 0 before and after."""
    nights = Nights(replace(SETTINGS, schedule=(replace(MORNING, light=0.6),)), EVENING, longest_idle_s=DAY_S)
    lights: list[float] = []
    nights.on_step = lambda: lights.append(shown(nights).light)
    nights.run_until(at(6, 29))
    assert set(lights) == {0.0}
    nights.run_until(at(6, 40))
    assert shown(nights).light == pytest.approx(0.3, abs=0.011)
    nights.run_until(at(7, 0))
    assert shown(nights).light == max(lights) == 0.6
    nights.run_until(at(7, 21))
    assert shown(nights).light == 0.0
    assert lights[: lights.index(0.6)] == sorted(lights[: lights.index(0.6)])


def test_the_light_needs_no_sound_device(nights: Nights) -> None:
    """A speaker without its device still wakes by the lamp; the sound comes back no faster than its fade-in."""
    nights.engine.lose_output()
    nights.run_until(at(6, 40))
    assert shown(nights).light == pytest.approx(0.5, abs=0.011)
    nights.engine.find_output()
    nights.run_until(at(6, 45))
    assert level(nights) < volume_to_db(35) - 5.0
    nights.run_until(at(6, 50, 5))
    assert level(nights) == volume_to_db(35)


class Unanswered(Nights):
    """The library never says what is in a playlist."""

    def tell(self, message: Message | None) -> Outcome:
        return Outcome() if isinstance(message, LibraryRead) else super().tell(message)


@pytest.mark.parametrize("hole", effort.first(1, ["empty", "broken", "gone", "hangs"]))
def test_a_library_that_fails_leaves_a_generated_sound(hole: str) -> None:
    """Nothing in it, nothing that can be opened, no such playlist any more, or a library that never answers."""
    settings = replace(SETTINGS, playlists=SETTINGS.playlists[:1]) if hole == "gone" else SETTINGS
    nights = (Unanswered if hole == "hangs" else Nights)(settings, EVENING, () if hole == "empty" else "ab")
    nights.engine.durations[FALLBACK.paths[0]] = None
    if hole == "broken":
        nights.engine.broken.update("ab")
    nights.run_until(at(6, 31))
    assert shown(nights).playlist == FALLBACK.name
    nights.run_until(at(6, 50, 30))
    assert level(nights) == volume_to_db(35)
    assert shown(nights).problems == ()


@pytest.mark.parametrize("command", [NeverAgain(), Like(), Unlike()])
def test_the_generated_sound_can_neither_be_banned_nor_liked(command: Command) -> None:
    """It stands in for what is missing; a ban would leave later mornings without any sound."""
    nights = Nights(SETTINGS, EVENING, (), longest_idle_s=DAY_S)
    nights.engine.durations[FALLBACK.paths[0]] = None
    nights.run_until(at(6, 31))
    answer = nights.command(command)
    assert (answer.is_done, answer.text.partition(": ")[2]) == (
        False,
        "Generated noise is not of a playlist; stop ends it",
    )
    nights.run_for(5.0)
    assert shown(nights).playlist == FALLBACK.name


def test_the_generated_sound_is_what_the_library_would_say_of_it() -> None:
    """It is written down, so that nobody needs to be asked; both come from one construction."""
    for playlist in (FALLBACK, CALIBRATION):
        found = found_in(playlist)
        assert found is not None
        assert found.tracks[0].measured == measured_noise(parse_noise(playlist.paths[0]))


def test_a_late_start_rises_in_what_is_left_and_ends_when_planned() -> None:
    """The speaker is switched on at 06:45: it is at its level at 06:50, and silent at 07:20."""
    nights = Nights(SETTINGS, at(6, 45))
    nights.run_for(1.0)
    assert (shown(nights).is_morning, shown(nights).timer_ends) == (True, at(7, 20))
    assert shown(nights).light == 0.0
    nights.run_until(at(6, 49, 55))
    assert level(nights) < volume_to_db(35)
    nights.run_until(at(6, 50, 5))
    assert (level(nights), shown(nights).light) == (volume_to_db(35), 1.0)


def test_a_start_that_is_late_by_the_whole_fade_in_takes_a_minute(nights: Nights) -> None:
    """Nothing jumps, the lamp neither."""
    late = replace(SETTINGS, schedule=(replace(MORNING, fade_in_s=300.0),))
    nights = Nights(late, at(6, 45))
    nights.run_for(30.0)
    assert (level(nights) < volume_to_db(35), shown(nights).light) == (True, 0.5)
    nights.run_for(31.0)
    assert (level(nights), shown(nights).light) == (volume_to_db(35), 1.0)


@pytest.mark.parametrize(("evening", "moment"), [
    (datetime(2026, 3, 28, 22, 0, tzinfo=BERLIN), datetime(2026, 3, 29, 3, 0, tzinfo=BERLIN)),
    (datetime(2026, 10, 24, 22, 0, tzinfo=BERLIN), datetime(2026, 10, 25, 2, 30, fold=0, tzinfo=BERLIN)),
])  # fmt: skip
def test_the_clocks_change(evening: datetime, moment: datetime) -> None:
    """A time that is skipped comes at the end of the gap, one that comes twice once, and it is as long as ever."""
    nights = Nights(replace(SETTINGS, schedule=(replace(MORNING, at=time(2, 30)),)), evening, longest_idle_s=DAY_S)
    nights.run_for(20 * 3600.0)
    (told,) = nights.events("session_started")
    assert told.now.wall.timestamp() == moment.timestamp()
    (ended,) = nights.events("session_ended")
    assert ended.now.boot_s - told.now.boot_s == pytest.approx(50 * 60.0, abs=1.0)


def test_a_crash_in_the_rise_goes_on_rising() -> None:
    """Not from the beginning, not at once at full level; the end stands and the lamp does not go out."""
    nights = Remembering(SETTINGS, EVENING, longest_idle_s=DAY_S)
    nights.run_until(at(6, 40))
    nights.die(5.0)
    nights.run_for(20.0)
    assert (shown(nights).why, shown(nights).is_morning) == ("resume", True)
    assert shown(nights).timer_ends == at(7, 20)
    assert shown(nights).light == pytest.approx(0.5, abs=0.05)
    assert level(nights) < volume_to_db(35) - 10.0
    nights.run_until(at(6, 50, 10))
    assert level(nights) == volume_to_db(35)


def test_a_power_cut_in_a_snooze_does_not_forget_it() -> None:
    """It comes back when the snooze is over, and not before; the end is where the snooze has put it."""
    nights = Remembering(SETTINGS, EVENING, longest_idle_s=DAY_S)
    nights.run_until(at(6, 55))
    nights.command(Snooze())
    nights.run_for(60.0)
    nights.die(120.0, "another boot")
    nights.run_until(at(7, 3, 58))
    assert (shown(nights).state, level(nights)) == ("paused", SILENCE_DB)
    nights.run_until(at(7, 9, 5))
    assert level(nights) == volume_to_db(35)
    assert abs((shown(nights).timer_ends or EVENING) - at(7, 29)) <= timedelta(seconds=3)


def test_a_stop_ends_it_for_good() -> None:
    """Neither a crash nor the schedule brings it back on that day."""
    nights = Remembering(SETTINGS, EVENING, longest_idle_s=DAY_S)
    nights.run_until(at(6, 40))
    nights.command(Stop())
    nights.run_for(10.0)
    nights.die(5.0)
    nights.run_until(at(9, 0))
    assert nights.state is State.IDLE
    assert len(nights.events("session_started")) == 1


def test_no_rise_is_faster_than_the_contract_whatever_is_done(nights: Nights) -> None:
    """Volume, snooze and resume in the middle of the rise."""
    heard: list[tuple[float, float]] = []
    nights.on_step = lambda: heard.append((nights.now.boot_s, level(nights)))
    nights.run_until(at(6, 33))
    for command in (SetVolume(40), Snooze(60.0), Resume(), SetVolume(25), Snooze(60.0)):
        nights.command(command)
        nights.run_for(90.0)
    for (before_s, before), (after_s, after) in pairwise(heard):
        if before != SILENCE_DB:
            assert after - before <= MAX_RISE_DB_PER_S * (after_s - before_s) + 0.1
