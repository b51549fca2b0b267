"""A track by its title, and the one before: what is found, what is refused, and that nothing else changes."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from player.core.commands import NeverAgain, Next, Play, Previous, SetPlaylist, Stop
from player.core.commands_level import Calibrate
from player.core.engine_orders import Crossfade, PlayItem
from player.core.events import LibraryRead, Track
from player.core.settings.session import TIMER_OFF, Order, Playlist, Settings
from player.core.states import State
from player.session.library_findings import CALIBRATION
from tests.nights.night_rig import Nights

EVENING = datetime(2026, 1, 15, 22, 0, tzinfo=UTC)
SETTINGS = Settings(
    playlists=(Playlist("rain", ("/r",), Order.IN_ORDER), Playlist("whispers", ("/w",), Order.IN_ORDER)),
    timer=TIMER_OFF,
)
RAIN = ("Drops on a Tent", "Drops", "Gentle Rain", "Heavy Rain")
WHISPERS = ("Towels", "Brushes", "Drops in a Cave")


@pytest.fixture
def nights() -> Nights:
    nights = Nights(SETTINGS, EVENING)
    for name, titles in (("rain", RAIN), ("whispers", WHISPERS)):
        nights.library[name] = tuple(Track(f"/{name}/{title}.flac", title) for title in titles)
        nights.tell(LibraryRead(name, nights.library[name]))
    return nights


def playing(nights: Nights) -> tuple[str | None, str | None]:
    """Playlist and track."""
    state = nights.session.snapshot(nights.now)
    return state.playlist, state.track


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        (Play(track="drops"), ("rain", "Drops")),  # the whole title, in any case
        (Play(track="tent"), ("rain", "Drops on a Tent")),
        (Play(track="brush"), ("whispers", "Brushes")),
        (Play("whispers", track="drops"), ("whispers", "Drops in a Cave")),
        (Play(track="Gentle Rain", volume=20), ("rain", "Gentle Rain")),
    ],
)
def test_a_track_is_found_by_its_title_or_a_part_that_is_its_own(
    nights: Nights, asked: Play, found: tuple[str, str]
) -> None:
    """Idle, and over what plays; the session goes on after it with its playlist."""
    assert nights.command(asked).is_done
    nights.run_for(5.0)
    assert playing(nights) == found
    nights.command(Play("rain", track="Heavy Rain"))
    nights.run_for(5.0)
    assert nights.command(asked).is_done
    nights.run_for(5.0)
    assert playing(nights) == found
    nights.run_for(300.0)
    assert playing(nights)[0] == found[0]
    assert len(nights.events("session_started")) == 1


@pytest.mark.parametrize(
    ("asked", "reason"),
    [
        (Play(track="rain"), "2 tracks match 'rain': Gentle Rain, Heavy Rain"),
        (Play(track="thunder"), "no track 'thunder'; there are Towels, Brushes, Drops in a Cave, Drops on a Tent, "
         "Drops and 2 more (`tracks` lists all of them)"),
        (Play(track="Towel", playlist="rain"), "no track 'Towel' in 'rain'; there are Drops on a Tent, Drops, "
         "Gentle Rain, Heavy Rain (`tracks` lists all of them)"),
        (Play(track="Brushs"), "no track 'Brushs' (did you mean 'Brushes'?)"),
        (Play(track="/rain/Drops.flac"), "no track '/rain/Drops.flac'"),
        (Play(track="http://host/x"), "no track 'http://host/x'"),
        (Play("sea", track="Drops"), "unknown playlist 'sea'"),
    ],
)  # fmt: skip
def test_what_is_not_one_track_of_the_library_is_refused_and_changes_nothing(
    nights: Nights, asked: Play, reason: str
) -> None:
    """Paths and addresses too: only titles count."""
    nights.command(Play("whispers"))
    nights.run_for(5.0)
    orders, before = len(nights.engine.orders), playing(nights)
    answer = nights.command(asked)
    assert not answer.is_done
    assert answer.text.startswith(reason)
    assert (len(nights.engine.orders), playing(nights)) == (orders, before)


def test_a_title_in_the_place_of_a_playlist_names_the_way_to_play_it(nights: Nights) -> None:
    """Only where it is one track; the refusal is otherwise as ever."""
    hint = ". There is a track 'Heavy Rain': play it with --track, or as track in JSON"
    refused = "unknown playlist 'heavy'; available: rain, whispers"
    assert nights.command(Play("heavy")).text == refused + hint
    assert nights.command(Play("thunder")).text == "unknown playlist 'thunder'; available: rain, whispers"
    assert not nights.command(Play("drops on")).is_done
    assert nights.state is State.IDLE


def test_a_banned_track_is_not_found(nights: Nights) -> None:
    """Not even by name: never again means never."""
    nights.command(NeverAgain("Drops"))
    assert nights.command(Play(track="Drops")).is_done
    nights.run_for(5.0)
    assert playing(nights) == ("rain", "Drops on a Tent")


def test_previous_goes_back_track_by_track_and_then_to_the_beginning(nights: Nights) -> None:
    """Through silence, as next does."""
    nights.command(Play("rain"))
    nights.run_for(5.0)
    for _ in range(2):
        nights.command(Next())
        nights.run_for(5.0)
    assert playing(nights)[1] == "Gentle Rain"
    assert nights.command(Previous()).text == "previous track"
    nights.run_for(5.0)
    assert playing(nights)[1] == "Drops"
    (last,) = [order for order in nights.engine.orders if isinstance(order, PlayItem)][-1:]
    assert last.crossing is Crossfade.SKIP
    nights.command(Previous())
    nights.run_for(50.0)
    assert playing(nights)[1] == "Drops on a Tent"
    text = "there is no track before this one; playing Drops on a Tent from the beginning"
    assert nights.command(Previous()).text == text
    nights.run_for(2.0)
    assert playing(nights)[1] == "Drops on a Tent"
    assert (nights.session.snapshot(nights.now).position_s or 0.0) < 5.0
    assert nights.command(Previous()).is_done


def test_previous_pressed_twice_before_the_track_sounds_goes_two_back(nights: Nights) -> None:
    """Each press counts."""
    nights.command(Play("rain"))
    nights.run_for(5.0)
    for _ in range(2):
        nights.command(Next())
        nights.run_for(5.0)
    nights.command(Previous())
    nights.command(Previous())
    nights.run_for(5.0)
    assert playing(nights)[1] == "Drops on a Tent"


@pytest.mark.parametrize("asked", [Play("whispers"), Play(track="Towels"), Play()])
@pytest.mark.parametrize("is_ending", [False, True])
def test_play_over_the_noise_of_a_calibration_is_a_session_of_its_own(
    nights: Nights, asked: Play, is_ending: bool
) -> None:
    """The noise was at the highest volume for five minutes: what plays next has volume and timer of any start."""
    nights.command(Calibrate())
    nights.run_for(30.0)
    if is_ending:
        nights.command(Stop())
    assert nights.command(asked).is_done
    nights.run_for(20.0)
    state = nights.session.snapshot(nights.now)
    assert (state.state, state.volume, state.timer_mode) == ("playing", SETTINGS.volume.default, "off")
    assert state.playlist in {"rain", "whispers"}


def test_a_playlist_that_is_chosen_during_a_calibration_is_for_the_next_start(nights: Nights) -> None:
    """The noise goes on, so that it can be measured."""
    nights.command(Calibrate())
    nights.run_for(5.0)
    assert nights.command(SetPlaylist("whispers")).is_done
    nights.run_for(5.0)
    assert playing(nights)[0] == CALIBRATION.name
    nights.command(Play())
    nights.run_for(5.0)
    assert playing(nights)[0] == "whispers"
