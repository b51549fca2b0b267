"""Which track is blamed for a death of the daemon, and which is not; where a session goes on; what the log says."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from player.core.commands import AllowAgain, NeverAgain, Next, Play, Seek, Stop
from player.core.engine_orders import PlayItem
from player.core.events import LibraryRead, Track
from player.core.measurement import Measured
from player.core.settings.session import Order, Playlist, Settings, TimerSetting, VolumeSettings
from player.core.states import State
from player.session.memory.write_policy import SIGN_OF_LIFE_S
from tests.nights.remembered_nights import Remembering

EVENING = datetime(2026, 1, 15, 22, 0, tzinfo=ZoneInfo("Europe/Berlin"))
SETTINGS = Settings(
    playlists=(Playlist("rain", ("/rain",)),), volume=VolumeSettings(30, 60), timer=TimerSetting.clock(3600.0)
)


def measured(duration_s: float) -> Measured:
    """A track of that length, as the scan finds it."""
    return Measured(duration_s, -20.0, -20.0, 5.0, -15.0, -16.0, -16.0, -3.0, -18.0)


def dying_of(suspect: str, deaths: int = 2, tracks: str = "abcd") -> Remembering:
    """A night in which the daemon dies so often as soon as one track is opened."""
    nights = Remembering(SETTINGS, EVENING, tracks)
    for _ in range(deaths):
        nights.command(Stop(now=True))
        nights.run_for(3.0)
        nights.die(off_s=1.0)  # on another day: what was left out for a while is back
        nights.command(Play("rain", timer=TimerSetting.clock(8 * 3600.0)))
        while nights.session.snapshot(nights.now).track != suspect:
            nights.command(Next())
            nights.run_for(10.0)  # there is room for the name of the track by then
        nights.die(off_s=1.0, has_crashed=True)
        nights.run_for(5.0)
    return nights


def test_a_track_that_was_opened_at_two_deaths_is_left_out_and_named() -> None:
    """The next restart plays something else; the state names the file until its content changes."""
    nights = dying_of("c")
    nights.command(Play("rain"))
    nights.run_for(10.0)
    snapshot = nights.session.snapshot(nights.now)
    assert snapshot.track not in {None, "c"}
    assert any("c: lull crashed 2 times" in problem for problem in snapshot.problems)
    left_out = [told.news.data for told in nights.events("track_skipped_over")]
    assert [data["uri"] for data in left_out if "lull crashed 2 times" in data["reason"]] == ["c"]
    others = tuple(track for track in nights.library["rain"] if track.uri != "c")
    for key in ("1-aa", "1-aa"):
        nights.tell(LibraryRead("rain", (*others, Track("c", "c", key=key))))
    assert any("c: lull crashed" in problem for problem in nights.session.problems(nights.now))
    nights.tell(LibraryRead("rain", (*others, Track("c", "c", key="2-bb"))))
    assert not any("c: lull crashed" in problem for problem in nights.session.problems(nights.now))


def test_a_track_that_was_left_out_comes_back_when_a_person_allows_it() -> None:
    """By name, or as the latest where nothing is banned; two further deaths would be needed to lose it again."""
    for name in ("c", None):
        nights = dying_of("c")
        assert nights.command(AllowAgain(name)).text == "allowed again: c"
        assert not any("lull crashed" in problem for problem in nights.session.problems(nights.now))
        assert not nights.session.handle(None, nights.now).events
        nights.die(off_s=1.0, has_crashed=True)
        assert not any("c: lull crashed" in problem for problem in nights.session.problems(nights.now))


def test_killing_it_twice_while_a_track_plays_peacefully_costs_no_track() -> None:
    """A minute into a healthy file, four times at different places: it is innocent."""
    nights = Remembering(SETTINGS, EVENING, tracks="a")
    nights.engine.duration_s = 36_000.0
    nights.command(Play("rain", timer=TimerSetting.clock(8 * 3600.0)))
    for _ in range(4):
        nights.run_for(700.0)
        nights.die(off_s=1.0)
        assert not nights.events("track_skipped_over")
        assert nights.session.snapshot(nights.now).track == "a"


def test_a_track_that_kills_the_decoder_twice_at_one_place_is_left_out() -> None:
    """In the middle of it, on two evenings; a second death elsewhere in it would not count."""
    for place_s, is_left_out in ((100.0, True), (170.0, False)):
        nights = Remembering(SETTINGS, EVENING, tracks="ab")
        nights.command(Play("rain"))
        nights.run_for(100.0)
        suspect = nights.session.snapshot(nights.now).track
        assert suspect is not None
        nights.die(off_s=1.0, has_crashed=True)
        nights.command(Stop(now=True))
        nights.run_for(3.0)
        nights.die(off_s=1.0)  # on another day: what was left out for a while is back
        nights.command(Play("rain"))
        nights.run_for(5.0)
        while nights.session.snapshot(nights.now).track != suspect:
            nights.command(Next())
            nights.run_for(10.0)
        shot = nights.session.snapshot(nights.now)
        assert shot.position_s is not None
        nights.run_for(place_s - shot.position_s)
        nights.die(off_s=1.0, has_crashed=True)
        assert any("lull crashed" in problem for problem in nights.session.problems(nights.now)) is is_left_out


def test_the_last_track_of_a_playlist_is_tried_again_rather_than_silence() -> None:
    """Everything else is banned; what lull crashed of twice is all that there is."""
    nights = dying_of("a", tracks="ab")
    nights.command(NeverAgain("b"))
    nights.command(Stop(now=True))
    nights.run_for(3.0)
    nights.command(Play("rain"))
    nights.run_for(10.0)
    assert nights.session.snapshot(nights.now).track == "a"


def test_power_cuts_blame_no_track() -> None:
    """Three power cuts during the same long track: it is still played."""
    nights = Remembering(SETTINGS, EVENING, tracks="a")
    nights.engine.duration_s = 36_000.0
    nights.command(Play("rain", timer=TimerSetting.clock(8 * 3600.0)))
    for boot in ("second", "third", "fourth"):
        nights.run_for(900.0)
        nights.die(off_s=30.0, boot=boot)
        assert nights.session.snapshot(nights.now).track == "a"


def test_a_track_that_was_played_to_its_end_is_acquitted() -> None:
    """One death during each of two playings, with a whole one in between, is not two."""
    nights = Remembering(SETTINGS, EVENING, tracks="ab")
    nights.command(Play("rain", timer=TimerSetting.clock(8 * 3600.0)))
    for _ in range(4):
        nights.run_for(1000.0)
        nights.die(off_s=1.0)
    assert not nights.session.problems(nights.now)


@pytest.mark.parametrize("order", Order)
@pytest.mark.parametrize("played_s", [8.0, 100.0, 500.0])
def test_after_a_crash_the_session_goes_on_with_another_track(order: Order, played_s: float) -> None:
    """From the first time on, in each order, and however long the track had played; a kill brings the same one back."""
    for has_crashed in (True, False):
        playlist = replace(SETTINGS.playlists[0], order=order)
        nights = Remembering(replace(SETTINGS, playlists=(playlist,)), EVENING)
        nights.library["rain"] = tuple(Track(name, name, measured=measured(600.0)) for name in "abcd")
        nights.engine.duration_s = 600.0
        nights.look()
        nights.command(Play("rain"))
        nights.run_for(played_s)
        before = nights.session.snapshot(nights.now).track
        nights.die(has_crashed=has_crashed)
        nights.run_for(30.0)
        shot = nights.session.snapshot(nights.now)
        assert (shot.why, shot.state) == ("resume", State.PLAYING)
        assert (shot.track != before) is has_crashed
        told = [told.news.data["uri"] for told in nights.events("track_skipped_over")]
        assert told == ([before] if has_crashed else [])


def test_nothing_is_left_out_where_the_session_does_not_go_on() -> None:
    """After a crash that is too long ago nothing is played instead, and no message says so."""
    nights = Remembering(SETTINGS, EVENING)
    nights.command(Play("rain"))
    nights.run_for(100.0)
    nights.die(off_s=SETTINGS.session.resume_s + SIGN_OF_LIFE_S + 1.0, has_crashed=True)
    nights.run_for(5.0)
    assert nights.events("session_lost")
    assert not nights.events("track_skipped_over")


def test_near_the_end_of_a_track_a_crash_is_blamed_on_what_was_being_opened_too() -> None:
    """Neither of the two is played; the third one is."""
    nights = Remembering(SETTINGS, EVENING, tracks="abc")
    nights.library["rain"] = tuple(Track(name, name, measured=measured(240.0)) for name in "abc")
    nights.look()
    nights.command(Play("rain"))
    nights.run_for(225.0)
    shot = nights.session.snapshot(nights.now)
    nights.die(has_crashed=True)
    nights.run_for(10.0)
    after = nights.session.snapshot(nights.now).track
    assert {shot.track, shot.next_track, after} == set("abc")


def test_the_only_track_there_is_is_tried_again_after_a_crash() -> None:
    """Within seconds: silence for a whole night is certain otherwise, another crash is not."""
    nights = Remembering(SETTINGS, EVENING, tracks="a")
    nights.command(Play("rain"))
    nights.run_for(100.0)
    nights.die(has_crashed=True)
    nights.run_for(6.0)
    assert nights.session.snapshot(nights.now).track == "a"


def test_a_place_that_was_sought_is_kept_across_a_death() -> None:
    """A seek is written within five seconds, so the same track goes on from there and no other one is taken."""
    nights = Remembering(SETTINGS, EVENING, tracks="ab")
    nights.library["rain"] = tuple(Track(name, name, measured=measured(600.0)) for name in "ab")
    nights.engine.duration_s = 600.0
    nights.look()
    nights.command(Play("rain"))
    nights.run_for(500.0)
    before = nights.session.snapshot(nights.now).track
    nights.command(Seek(60.0))
    nights.run_for(100.0)
    nights.die(off_s=2.0)
    nights.run_for(1.0)
    (order,) = [order for order in nights.engine.orders if isinstance(order, PlayItem)]
    assert order.item.uri == before
    assert order.item.start_s == pytest.approx(162.0, abs=1.0)


def test_where_the_track_is_over_by_now_what_was_to_follow_plays() -> None:
    """Near its end the session goes on with the track that was chosen for then, not with any other."""
    nights = Remembering(SETTINGS, EVENING)
    nights.library["rain"] = tuple(Track(name, name, measured=measured(240.0)) for name in "abcd")
    nights.look()
    nights.command(Play("rain"))
    nights.run_for(225.0)
    following = nights.session.snapshot(nights.now).next_track
    nights.die(off_s=30.0)
    (order,) = [order for order in nights.engine.orders if isinstance(order, PlayItem)]
    assert order.item.uri == following


def test_a_session_that_was_broken_off_and_then_stopped_is_in_the_history() -> None:
    """While it waits for its turn a person stops it, or starts another one: what was heard of it is told."""
    for command in (Stop(), Play("rain")):
        nights = Remembering(SETTINGS, EVENING)
        nights.command(Play("rain"))
        nights.run_for(900.0)
        nights.die(off_s=1.0)
        nights.run_for(5.0)
        nights.die(off_s=1.0)
        assert nights.state is State.IDLE, "the second time it waits for half a minute"
        nights.command(command)
        nights.run_for(10.0)
        assert [ended.reason for ended in nights.store.ended] == ["interrupted", "interrupted"]


def test_whoever_kills_lull_twice_while_it_opens_a_track_costs_no_track() -> None:
    """SIGKILL or no memory left: only a crash of its own says anything about the file."""
    nights = Remembering(SETTINGS, EVENING, tracks="a")
    nights.command(Play("rain"))
    for _ in range(2):
        nights.run_for(5.0)
        nights.die(off_s=1.0)
    nights.run_for(60.0)
    assert nights.session.snapshot(nights.now).track == "a"
    assert not nights.events("track_skipped_over")
    assert not nights.session.problems(nights.now)
