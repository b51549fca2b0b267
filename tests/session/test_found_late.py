"""A memory that became readable only after the start: what of it still holds."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from player.core.commands import NeverAgain, Play, SetVolume, SkipTonight, Stop
from player.core.engine_orders import Crossfade, PlayItem
from player.core.settings.session import Entry, Playlist, Settings, TimerSetting, VolumeSettings
from player.core.states import State
from player.session.memory.memory import RememberedTrack
from player.session.memory.records import Choices, Documents, RecalledMemory, SessionRecord, Switches
from player.session.messages import ExternalProblem, MemoryFound
from tests.nights.night_rig import Nights
from tests.nights.remembered_nights import Remembering

EVENING = datetime(2026, 1, 15, 22, 0, tzinfo=ZoneInfo("Europe/Berlin"))
SETTINGS = Settings(
    playlists=(Playlist("rain", ("/rain",), "in_order"), Playlist("sea", ("/sea",))),
    volume=VolumeSettings(30, 60),
    timer=TimerSetting.clock(3600.0),
)


def started() -> Nights:
    """A start at which nothing of the memory can be read."""
    return Nights(SETTINGS, EVENING, recalled=RecalledMemory(boot="this"))


def interrupted() -> SessionRecord:
    """A session of ``sea`` that was written down ten seconds after a start like that of `started`."""
    nights = Remembering(SETTINGS, EVENING)
    nights.command(Play("sea", volume=40))
    nights.run_for(10.0)
    record = nights.store.recall().documents.record
    assert record is not None
    return record


def found(nights: Nights, documents: Documents) -> None:
    """The disk answers."""
    nights.tell(MemoryFound(documents))
    nights.run_for(2.0)


def test_the_interrupted_session_is_resumed() -> None:
    """As it would have been at the start."""
    nights = started()
    nights.run_for(30.0)
    found(nights, Documents(record=interrupted(), tries=1))
    snapshot = nights.session.snapshot(nights.now)
    assert (snapshot.state, snapshot.why, snapshot.playlist, snapshot.volume) == ("playing", "resume", "sea", 40)


@pytest.mark.parametrize("command", [SetVolume(20), Stop(), Play("rain")])
def test_no_session_is_resumed_after_a_command(command: SetVolume | Stop | Play) -> None:
    """Who has said something meanwhile knows what they want; after a stop of theirs nothing sounds by itself."""
    nights = started()
    nights.command(command)
    nights.run_for(30.0)
    before = nights.state
    found(nights, Documents(record=interrupted(), tries=1))
    assert nights.state is before
    assert nights.session.snapshot(nights.now).why != "resume"


def test_a_loop_of_crashes_ends_here_too() -> None:
    """The count comes with the record."""
    nights = started()
    found(nights, Documents(record=interrupted(), tries=4))
    assert nights.state is State.IDLE
    assert "4 times in a row" in str(nights.events("session_lost")[0].news.data["reason"])


def test_a_banned_track_that_plays_is_left_softly() -> None:
    """And one that would follow does not play."""
    nights = started()
    nights.command(Play("rain"))
    nights.run_for(20.0)
    bans = tuple(RememberedTrack(uri, uri, nights.now.wall) for uri in "ab")
    found(nights, Documents(bans=bans))
    assert nights.session.snapshot(nights.now).track == "c"
    orders = [order for order in nights.engine.orders if isinstance(order, PlayItem)]
    assert (orders[-1].item.uri, orders[-1].crossing) == ("c", Crossfade.SKIP)


def test_where_all_tracks_are_banned_the_session_ends() -> None:
    """With the fade of a stop."""
    nights = started()
    nights.command(Play("rain"))
    nights.run_for(20.0)
    found(nights, Documents(bans=tuple(RememberedTrack(uri, uri, nights.now.wall) for uri in "abcd")))
    nights.run_for(60.0)
    assert nights.state is State.IDLE


def test_choices_for_the_next_session_hold_unless_others_were_made() -> None:
    """A volume that was chosen meanwhile is the newer one."""
    for command, volume in ((None, 25), (SetVolume(35), 35)):
        nights = started()
        if command is not None:
            nights.command(command)
        found(nights, Documents(choices=Choices(volume=25)))
        assert nights.session.volume == volume


@pytest.mark.parametrize("is_changed", [True, False])
def test_switches_hold_unless_the_schedule_was_changed_meanwhile(is_changed: bool) -> None:
    """What was said while the disk hung is newer, also where the writer had not seen it when it read the disk."""
    nights = started()
    if is_changed:
        nights.command(SkipTonight())
    found(nights, Documents(switches=Switches(is_enabled=False)))
    snapshot = nights.session.snapshot(nights.now)
    assert (snapshot.skip_tonight, snapshot.schedule_enabled) == (is_changed, is_changed)


def test_a_start_that_was_made_before_is_not_made_again() -> None:
    """It was stopped, lull was restarted while the disk hung, and the clock was set only after the disk answered."""
    entry = Entry("night", EVENING.time())
    settings = replace(SETTINGS, schedule=(entry,))
    for made, state in (((), State.PLAYING), ((("night", EVENING.time(), EVENING.date()),), State.IDLE)):
        nights = Nights(settings, EVENING - timedelta(minutes=1), recalled=RecalledMemory(boot="this"))
        nights.clock.is_trusted = False
        nights.run_for(120.0)
        found(nights, Documents(switches=Switches(made=made)))
        nights.clock.is_trusted = True
        nights.run_for(30.0)
        assert nights.state is state


def test_playlists_are_read_again_when_the_memory_answers() -> None:
    """Measurements lie on the same disk."""
    nights = started()
    assert nights.tell(ExternalProblem("memory", "the state directory does not answer")).reads == []
    assert nights.tell(ExternalProblem("memory", None)).reads == ["rain", "sea"]


def test_a_ban_that_was_made_meanwhile_does_not_replace_those_of_the_file() -> None:
    """The ban of tonight may be written right behind the merge, alone: what follows has both again."""
    nights = Remembering(SETTINGS, EVENING)
    nights.command(Play("rain"))
    nights.run_for(20.0)
    nights.command(NeverAgain("a"))
    assert [one.uri for one in nights.store.recall().documents.bans] == ["a"]
    found(nights, Documents(bans=(RememberedTrack("b", "b", nights.now.wall),)))
    assert {one.uri for one in nights.store.recall().documents.bans} == {"a", "b"}
