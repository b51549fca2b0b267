"""Programme gain: each track at the same loudness, bound to its playing; what was not measured counts as loud."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from functools import partial

import pytest

from player.core.commands import Next, Play, Request, Seek
from player.core.engine_orders import Item, LevelItem, PlayItem, QueueItem
from player.core.events import ItemStarted, LibraryRead, Track
from player.core.measurement import MAX_UNPLANNED_GAIN_DB, Measured
from player.core.settings.safety import LimitSettings
from player.core.settings.session import Order, Playlist, Settings
from player.session.messages import NewSettings
from tests.nights.night_rig import Nights

EVENING = datetime(2026, 1, 15, 22, 0, tzinfo=UTC)
SETTINGS = Settings(playlists=(Playlist("rain", ("/r",), Order.IN_ORDER, gain_db=-3.0),))
LONG_S = 1200.0


def measured(lufs: float, **parts: float) -> Measured:
    """A steady track of that loudness."""
    start = Measured(LONG_S, lufs, lufs, 1.0, lufs, lufs, lufs, -20.0, lufs + 2.0)
    return replace(start, **parts)  # type: ignore[arg-type]


def night(tracks: dict[str, Measured | None], settings: Settings = SETTINGS) -> Nights:
    """A night that plays these tracks in order, each 20 minutes long."""
    nights = Nights(settings, EVENING, tracks)
    nights.engine.duration_s = LONG_S
    know(nights, tracks)
    nights.command(Play())
    return nights


def know(nights: Nights, tracks: dict[str, Measured | None]) -> None:
    """The library looks (again), and this is what is known by now."""
    found = tuple(Track(uri, uri, measured=one) for uri, one in tracks.items())
    nights.library["rain"] = found
    nights.tell(LibraryRead("rain", found))


def items(nights: Nights) -> list[Item]:
    """What the engine was given, queued or at once, in order."""
    orders = [order for order in nights.engine.orders if isinstance(order, PlayItem | QueueItem)]
    return [order.item for order in orders if order.item is not None]


def test_every_track_comes_at_the_target() -> None:
    """-28 and -14 LUFS under a target of -23, in a playlist of -3 dB: +2 dB and -12 dB."""
    nights = night({"soft": measured(-28), "loud": measured(-14)})
    nights.run_for(10)
    assert [item.gain_db for item in items(nights)[:2]] == [5.0 - 3.0, -9.0 - 3.0]


def test_what_nobody_measured_counts_as_loud() -> None:
    """C6: as -8 LUFS, and nothing is habitual."""
    nights = night({"new": None})
    assert items(nights)[0].gain_db == -15.0 - 3.0
    assert items(nights)[0].habitual_lufs is None


def test_no_gain_exceeds_six_decibels() -> None:
    """Whatever the track and the playlist add up to."""
    settings = replace(SETTINGS, playlists=(replace(SETTINGS.playlists[0], gain_db=6.0),))
    assert items(night({"faint": measured(-60)}, settings))[0].gain_db == MAX_UNPLANNED_GAIN_DB


def test_the_habitual_level_goes_with_the_gain() -> None:
    """It is what the fast level will reach after it."""
    item = items(night({"loud": measured(-14)}))[0]
    assert item.habitual_lufs == pytest.approx(-12.0 + item.gain_db)


def test_silence_has_no_habitual_level() -> None:
    """Minus infinity is told to nobody."""
    assert items(night({"silent": measured(-float("inf"))}))[0].habitual_lufs is None


def test_a_true_peak_at_the_ceiling_allows_no_gain() -> None:
    """C4: nothing is raised into the limiter."""
    assert items(night({"slam": measured(-40, true_peak_dbtp=0.5)}))[0].gain_db == 0.0 - 3.0


def test_the_target_is_the_configs() -> None:
    """At -30 a track of -23 is lowered by 7 dB; a reload holds for the tracks that come."""
    settings = replace(SETTINGS, limits=LimitSettings(target_lufs=-30.0))
    nights = night({"a": measured(-23), "b": measured(-23)}, settings)
    assert items(nights)[0].gain_db == -7.0 - 3.0
    nights.tell(NewSettings(SETTINGS))
    nights.command(Next())
    assert items(nights)[-1].gain_db == 0.0 - 3.0


def test_a_track_that_is_measured_while_it_is_opened_is_levelled_once_it_sounds() -> None:
    """Before that the engine has no such item yet, and would leave the order out."""
    nights = Nights(SETTINGS, EVENING, ["new"])
    handle = partial(nights.session.handle, now=nights.now)
    (play,) = (order for order in handle(Request(Play(), "test")).orders if isinstance(order, PlayItem))
    track = Track("new", "new", measured=measured(-23, plan=b"plan"))
    assert not [order for order in handle(LibraryRead("rain", (track,))).orders if isinstance(order, LevelItem)]
    started = ItemStarted(play.item.id, LONG_S)
    (order,) = (order for order in handle(started).orders if isinstance(order, LevelItem))
    assert (order.item.id, order.item.plan) == (play.item.id, b"plan")


def test_a_track_that_is_measured_while_it_plays_is_levelled_from_then_on() -> None:
    """Told to the engine once, for the same item, and for no other; a seek and its next playing have the gain."""
    nights = night({"new": None, "other": measured(-23)})
    nights.run_for(60)
    (first,) = (item for item in items(nights) if item.uri == "new")
    for _ in range(2):
        know(nights, {"new": measured(-23, plan=b"plan"), "other": measured(-22)})
    (order,) = (order for order in nights.engine.orders if isinstance(order, LevelItem))
    assert (order.item.id, order.item.gain_db, order.item.plan) == (first.id, -3.0, b"plan")
    before = len(items(nights))
    nights.command(Seek(300.0))
    assert items(nights)[before].gain_db == -3.0
    nights.run_for(2 * LONG_S)
    assert [item.gain_db for item in items(nights) if item.uri == "new"][-1] == -3.0


def test_what_follows_gets_its_gain_as_long_as_it_has_not_been_opened() -> None:
    """Measured while the track before it plays: queued anew, once, and not in the last minute."""
    nights = night({"new": None, "next": None})
    nights.run_for(60)
    assert items(nights)[-1].gain_db == -18.0
    for _ in range(3):
        know(nights, {"new": measured(-23), "next": measured(-23)})
    assert [item.gain_db for item in items(nights) if item.uri == "next"] == [-18.0, -3.0]
    nights.run_for(LONG_S)
    assert nights.engine.heard[-1][1] == "next"


def test_in_the_last_minute_what_follows_stays_as_it_is() -> None:
    """It may have been opened."""
    nights = night({"new": None, "next": None})
    nights.run_for(LONG_S - 30)
    know(nights, {"new": measured(-23), "next": measured(-23)})
    assert [item.gain_db for item in items(nights) if item.uri == "next"] == [-18.0]


def test_a_file_that_is_replaced_while_it_plays_does_not_level_what_sounds() -> None:
    """Another length: it is another recording. The next playing opens the new file and has its gain."""
    nights = night({"new": None, "other": measured(-23)})
    nights.run_for(60)
    replaced = measured(-40, plan=b"plan", duration_s=LONG_S + 60.0)
    know(nights, {"new": replaced, "other": measured(-23)})
    assert not [order for order in nights.engine.orders if isinstance(order, LevelItem)]
    nights.run_for(3 * LONG_S)
    assert [item.plan for item in items(nights) if item.uri == "new"][-1] == b"plan"
    first = items(nights)[0]
    assert (first.uri, first.plan) == ("new", None)
