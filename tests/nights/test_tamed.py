"""What the guard held down: counted in full, told in moderation."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from player.core.commands import Play, Stop
from player.core.events import EVENT_TYPES, GuardReported
from player.core.settings.session import TIMER_OFF, Playlist, Settings
from tests.nights.night_rig import Nights

EVENING = datetime(2026, 1, 15, 22, 0, tzinfo=UTC)
SETTINGS = Settings(playlists=(Playlist("whispers", ("/w",)),))


@pytest.fixture
def nights() -> Nights:
    nights = Nights(SETTINGS, EVENING)
    nights.engine.duration_s = 36_000.0
    nights.command(Play(timer=TIMER_OFF))
    nights.run_for(60.0)
    return nights


def tame(nights: Nights, reduction_db: float = 18.04, item_id: int | None = 1) -> None:
    nights.tell(GuardReported(item_id, 751.2, reduction_db, 1.23))


def test_a_surprise_is_told_at_once_with_its_place(nights: Nights) -> None:
    """How far, how long, where, in which track."""
    tame(nights)
    (told,) = nights.events("surprise_tamed")
    track = nights.engine.heard[0][1]
    assert told.news.text == f"lowered by 18 dB for 1.2 s at 12:31 of {track}"
    assert told.news.data == {
        "track": track, "uri": track, "position": 751, "reduction_db": 18.0, "seconds": 1.2, "times": 1,
    }  # fmt: skip
    assert nights.session.snapshot(nights.now).tamed == 1


@pytest.mark.parametrize("item_id", [None, 99])
def test_without_a_known_track_no_place_is_made_up(nights: Nights, item_id: int | None) -> None:
    """A report that came late, or between two tracks."""
    tame(nights, item_id=item_id)
    (told,) = nights.events("surprise_tamed")
    assert told.news.text == "lowered by 18 dB for 1.2 s"
    assert told.news.data["track"] is told.news.data["position"] is None


def test_those_that_follow_soon_are_told_together(nights: Nights) -> None:
    """Four within five seconds: one at once, and after the five seconds the worst of the other three."""
    for reduction_db in (9.0, 12.0, 20.0, 11.0):
        tame(nights, reduction_db)
        nights.run_for(1.0)
    assert len(nights.events("surprise_tamed")) == 1
    nights.run_for(1.1)
    first, second = nights.events("surprise_tamed")
    assert second.now.boot_s - first.now.boot_s == pytest.approx(5.0, abs=0.01)
    assert second.news.text.startswith("lowered 3 times, once by 20 dB for")
    assert (second.news.data["times"], second.news.data["reduction_db"]) == (3, 20.0)
    assert nights.session.snapshot(nights.now).tamed == 4


@pytest.mark.thorough
@pytest.mark.slow
def test_a_night_of_surprises_does_not_flood_anybody(nights: Nights) -> None:
    """One a second for eight hours: 28800 counted, about a hundred told, and none of them lost."""
    for _ in range(8 * 3600):
        tame(nights)
        nights.run_for(1.0)
    nights.command(Stop())
    nights.run_for(10.0)
    told = nights.events("surprise_tamed")
    assert 90 < len(told) < 120
    assert sum(one.news.data["times"] for one in told) == 8 * 3600
    ended = nights.events("session_ended")[-1].news.data
    assert (ended["tamed"], ended["largest_db"]) == (8 * 3600, 18.0)


def test_after_a_quiet_while_the_next_one_is_told_at_once_again(nights: Nights) -> None:
    """The pause that has grown is forgotten."""
    for _ in range(100):
        tame(nights)
        nights.run_for(1.0)
    nights.run_for(400.0)
    before = len(nights.events("surprise_tamed"))
    for _ in range(2):
        tame(nights)
        nights.run_for(3.0)
    assert len(nights.events("surprise_tamed")) == before + 2


def test_a_session_ends_with_its_count_and_the_next_begins_at_none(nights: Nights) -> None:
    """What waits to be told is told before the end; without any there is no largest one."""
    tame(nights, 9.0)
    tame(nights, 12.34)
    nights.command(Stop())
    nights.run_for(10.0)
    types = [told.news.type for told in nights.told]
    assert types.index("session_ended") > max(i for i, kind in enumerate(types) if kind == "surprise_tamed")
    ended = nights.events("session_ended")[-1].news.data
    assert (ended["tamed"], ended["largest_db"]) == (2, 12.3)
    assert nights.session.snapshot(nights.now).tamed == 0
    nights.command(Play())
    nights.run_for(30.0)
    nights.command(Stop())
    nights.run_for(10.0)
    ended = nights.events("session_ended")[-1].news.data
    assert (ended["tamed"], ended["largest_db"]) == (0, None)


def test_every_type_that_is_told_is_listed(nights: Nights) -> None:
    """Homes are given the list of event types."""
    tame(nights)
    assert {told.news.type for told in nights.told} <= set(EVENT_TYPES)
    assert {"surprise_tamed", "volume_capped"} <= set(EVENT_TYPES)
