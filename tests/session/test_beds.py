"""What plays under the tracks: who brings it, when it goes, what outlasts what, and what is remembered of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, time
from zoneinfo import ZoneInfo

import pytest

from player.audio.decoder.noise import measured_noise
from player.core import commands as c
from player.core.commands_level import Calibrate, MoveBed, SetBed, SetBedGain
from player.core.engine_orders import BEDS, TRACKS
from player.core.events import EngineFaulted, Track
from player.core.noise import parse_noise
from player.core.settings.bed import Bed
from player.core.settings.safety import FadeSettings, LimitSettings, SessionSettings
from player.core.settings.session import (
    TIMER_END_OF_PLAYLIST,
    TIMER_END_OF_TRACK,
    TIMER_OFF,
    Entry,
    Order,
    Phase,
    Playlist,
    Settings,
    TimerSetting,
)
from player.core.states import State
from player.core.units import SILENCE_DB, volume_to_db
from player.session.queue_item import item_of
from tests.nights.night_rig import Nights
from tests.nights.remembered_nights import Remembering

EVENING = datetime(2026, 11, 20, 22, 0, tzinfo=ZoneInfo("Europe/Berlin"))
RAIN = Bed("rain")
BED, OTHER = BEDS
MINUTE = 60.0


def settings(bed: tuple[Bed, ...] | None = None, **parts: object) -> Settings:
    """Whispers with a bed, rain and brown; half an hour, two minutes of which fade."""
    playlists = (
        Playlist("whispers", ("/w",), bed=bed),
        Playlist("rain", ("/r",)),
        Playlist("brown", ("/b",)),
    )
    fades = FadeSettings(fade_in_s=30.0, fade_out_s=120.0, stop_s=4.0)
    return replace(Settings(playlists=playlists, timer=TimerSetting.clock(30 * MINUTE), fades=fades), **parts)  # type: ignore[arg-type]


def started(bed: tuple[Bed, ...] | None = None, play: c.Play | None = None, **parts: object) -> Nights:
    """A session that has played for a minute."""
    nights = Nights(settings(bed, **parts), EVENING)
    assert nights.command(play or c.Play("whispers")).is_done
    nights.run_for(MINUTE)
    return nights


def beds(nights: Nights) -> list[tuple[str, float]]:
    """What the state says of them."""
    return [(bed.playlist, bed.gain_db) for bed in nights.session.snapshot(nights.now).beds]


def level(nights: Nights, layer: int) -> float:
    """Of a layer, against the tracks at full level."""
    return nights.engine.layers[layer].level_db(nights.now.boot_s)


def test_the_bed_of_a_playlist_begins_with_it() -> None:
    """12 dB below the tracks."""
    nights = started((RAIN,))
    assert beds(nights) == [("rain", -12.0)]
    assert level(nights, BED) == -12.0
    assert level(nights, TRACKS) == 0.0
    assert [told.news.text for told in nights.events("bed_set")] == ["bed: rain at -12 dB"]


@pytest.mark.parametrize(
    ("play", "expected"),
    [
        (c.Play("whispers", bed=(Bed("brown", -20.0),)), [("brown", -20.0)]),
        (c.Play("whispers", bed=()), []),
        (c.Play("brown"), []),
    ],
)
def test_play_says_what_the_bed_is(play: c.Play, expected: list[tuple[str, float]]) -> None:
    """What it names goes before the playlist's own."""
    assert beds(started((RAIN,), play)) == expected


def test_an_entry_of_the_schedule_has_a_bed_of_its_own() -> None:
    """It goes before the playlist's."""
    entry = Entry("night", time(22, 5), playlist="whispers", bed=(Bed("brown", -18.0),))
    nights = Nights(settings((RAIN,), schedule=(entry,)), EVENING)
    nights.run_for(10 * MINUTE)
    assert beds(nights) == [("brown", -18.0)]


def test_a_bed_comes_moves_and_goes_by_command() -> None:
    """In 20 s up, by 2 dB in a second, in 20 s to silence; the tracks never move."""
    nights = started()
    assert nights.command(SetBed((RAIN,))).text == "bed: rain at -12 dB"
    nights.run_for(10.0)
    assert -72.0 < level(nights, BED) < -12.0
    nights.run_for(11.0)
    assert level(nights, BED) == -12.0
    assert nights.command(MoveBed(2.0)).text == "bed: rain at -10 dB"
    nights.run_for(2.0)
    assert level(nights, BED) == -10.0
    assert nights.command(SetBed(())).text == "bed: none"
    nights.run_for(21.0)
    assert level(nights, BED) == SILENCE_DB
    assert beds(nights) == []
    assert level(nights, TRACKS) == 0.0
    assert nights.state is State.PLAYING


def test_a_bed_is_moved_within_its_bounds() -> None:
    """-3 dB at most, whatever is asked for."""
    nights = started((RAIN,))
    assert nights.command(MoveBed(30.0)).text == "bed: rain at -3 dB"
    assert nights.command(MoveBed(-37.0)).text == "bed: rain at -40 dB"


def test_a_bed_is_brought_to_a_level() -> None:
    """The first of two gets it, and the second keeps its distance; without a bed there is nothing to bring anywhere."""
    nights = started((RAIN, Bed("brown", -20.0)))
    nights.run_for(21.0)
    assert nights.command(SetBedGain(-15.0)).text == "bed: rain at -15 dB and brown at -23 dB"
    nights.run_for(5.0)
    assert level(nights, BED) == -15.0
    assert nights.command(SetBedGain(-15.0)).text == "bed: rain at -15 dB and brown at -23 dB"
    assert started().command(SetBedGain(-15.0)).text.startswith("bed: nothing plays under the tracks")


def test_another_bed_takes_the_place_of_the_first_and_a_second_one_is_added() -> None:
    """One layer where one is wanted, two where two are."""
    nights = started((RAIN,))
    nights.command(SetBed((Bed("brown"),)))
    nights.run_for(30.0)
    assert (level(nights, BED), level(nights, OTHER)) == (-12.0, SILENCE_DB)
    nights.command(SetBed((Bed("rain", -20.0), Bed("brown"))))
    nights.run_for(30.0)
    assert (level(nights, BED), level(nights, OTHER)) == (-12.0, -20.0)
    nights.command(SetBed((Bed("rain", -20.0),)))
    nights.run_for(30.0)
    assert (level(nights, BED), level(nights, OTHER)) == (SILENCE_DB, -20.0)


def test_what_cannot_be_played_is_refused_and_nothing_changes() -> None:
    """An unknown playlist with its neighbour, an empty one, and a step where there is no bed."""
    nights = started()
    assert "unknown playlist 'rian' (did you mean 'rain'?)" in nights.command(SetBed((Bed("rian"),))).text
    assert nights.command(MoveBed(2.0)).text.startswith("bed: nothing plays under the tracks")
    nights.library["rain"] = ()
    nights.tell(nights.read("rain"))
    assert "nothing to play" in nights.command(SetBed((RAIN,))).text
    assert beds(nights) == []


def test_before_a_session_a_bed_is_chosen_for_it() -> None:
    """Of the next one that is started by hand, and of no other."""
    nights = Nights(settings(), EVENING)
    assert nights.command(SetBed((RAIN,))).text == "bed: rain at -12 dB"
    assert nights.command(MoveBed(-3.0)).text == "bed: rain at -15 dB"
    assert beds(nights) == [("rain", -15.0)]
    nights.command(c.Play())
    nights.run_for(MINUTE)
    assert beds(nights) == [("rain", -15.0)]
    nights.command(c.Stop())
    nights.run_for(MINUTE)
    nights.command(c.Play())
    nights.run_for(MINUTE)
    assert beds(nights) == []


def test_the_bed_of_a_playlist_ends_with_it_and_a_named_one_stays() -> None:
    """Another playlist, by hand."""
    nights = started((RAIN,))
    nights.command(c.SetPlaylist("brown"))
    nights.run_for(30.0)
    assert beds(nights) == []
    nights.command(SetBed((RAIN,)))
    nights.command(c.SetPlaylist("whispers"))
    nights.run_for(30.0)
    assert beds(nights) == [("rain", -12.0)]


def test_a_bed_outlasts_its_tracks_into_the_next_phase_and_then_fades() -> None:
    """20 min longer than the whispers, then two minutes of fade-out; brown goes on."""
    bed = (Bed("rain", outlasts_s=20 * MINUTE),)
    play = c.Play(
        "whispers", timer=TimerSetting.clock(30 * MINUTE), then=(Phase("brown", timer=TimerSetting.clock(3600.0)),)
    )
    nights = started(bed, play)
    nights.run_for(45 * MINUTE)
    assert nights.session.snapshot(nights.now).playlist == "brown"
    assert level(nights, BED) == -12.0
    nights.run_for(5 * MINUTE)
    assert -70.0 < level(nights, BED) < -12.0
    nights.run_for(2 * MINUTE)
    assert level(nights, BED) == SILENCE_DB
    assert nights.state is State.PLAYING


@pytest.mark.parametrize(
    ("phase", "expected"),
    [
        (Phase("brown"), []),
        (Phase(), [("rain", -12.0)]),
        (Phase("brown", bed=(Bed("rain", -20.0),)), [("rain", -20.0)]),
        (Phase(bed=()), []),
    ],
)
def test_a_phase_has_the_bed_that_it_names_or_that_of_its_playlist(
    phase: Phase, expected: list[tuple[str, float]]
) -> None:
    """Where it names neither, everything stays as it was."""
    nights = started((RAIN,), c.Play("whispers", then=(phase,)))
    nights.command(c.Advance())
    nights.run_for(30.0)
    assert beds(nights) == expected


def alone(nights: Nights) -> Nights:
    """The tracks have ended, and the bed goes on: a session of 30 min after 35."""
    nights.run_for(34 * MINUTE)
    assert nights.state is State.PLAYING
    assert level(nights, TRACKS) == SILENCE_DB
    assert level(nights, BED) == -12.0
    return nights


OUTLASTING = (Bed("rain", outlasts_s=20 * MINUTE),)


def test_a_bed_outlasts_the_sleep_timer_and_the_session_ends_with_it() -> None:
    """Tracks silent at 30 min, the bed fades from 50 to 52 min, and then it is over: within a second."""
    nights = Nights(settings(OUTLASTING), EVENING)
    nights.command(c.Play("whispers"))
    shot = nights.session.snapshot(nights.now)
    assert (shot.phase, shot.phases) == (1, 2)
    nights.run_for(29 * MINUTE)
    assert nights.state is State.PLAYING
    assert -70.0 < level(nights, TRACKS) < 0.0
    assert nights.engine.layer_db(BED) == volume_to_db(30) - 12.0
    nights.run_for(2 * MINUTE)
    assert level(nights, TRACKS) == SILENCE_DB
    shot = nights.session.snapshot(nights.now)
    assert (shot.phase, shot.phases, shot.track) == (2, 2, None)
    assert shot.timer_remaining_s == pytest.approx(21 * MINUTE)
    nights.run_for(20 * MINUTE)
    assert nights.state is State.FADING_OUT
    nights.run_for(MINUTE - 1.0)
    assert nights.state is State.FADING_OUT
    nights.run_for(2.0)
    assert nights.state is State.IDLE
    (ended,) = nights.events("session_ended")
    assert ended.news.data["reason"] == "timer"
    assert "whispers over rain" in ended.news.text


@pytest.mark.parametrize("timer", ["end-of-track", "end-of-playlist", "once"])
def test_a_bed_outlasts_the_end_of_track_and_playlist(timer: str) -> None:
    """Whatever ends the tracks but the longest time that a session may last."""
    setting = {"end-of-track": TIMER_END_OF_TRACK, "end-of-playlist": TIMER_END_OF_PLAYLIST, "once": TIMER_OFF}[timer]
    chosen = settings(OUTLASTING)
    if timer == "once":
        first, *rest = chosen.playlists
        chosen = replace(chosen, playlists=(replace(first, order=Order.ONCE), *rest))
    nights = Nights(chosen, EVENING, tracks=("a", "b"))
    nights.command(c.Play("whispers", timer=setting))
    nights.run_for(9 * MINUTE if timer != "end-of-track" else 5 * MINUTE)
    assert level(nights, TRACKS) == SILENCE_DB or nights.engine.layers[TRACKS].item is None
    assert nights.events("bed_alone")
    nights.run_for(14 * MINUTE)
    assert nights.state is State.PLAYING
    nights.run_for(10 * MINUTE)
    assert nights.state is State.IDLE


def test_the_longest_session_ends_tracks_and_bed_together() -> None:
    """There is nothing that outlasts it."""
    nights = Nights(settings(OUTLASTING, session=SessionSettings(max_s=1200.0)), EVENING)
    nights.command(c.Play("whispers"))
    nights.run_for(19.5 * MINUTE)
    assert nights.state is State.FADING_OUT
    nights.run_for(MINUTE)
    assert nights.state is State.IDLE


@pytest.mark.parametrize("command", [c.Stop(), SetBed(())])
def test_a_stop_and_the_end_of_the_bed_end_what_only_a_bed_is_left_of(command: c.Command) -> None:
    """Nothing sounds then."""
    nights = alone(started(OUTLASTING))
    nights.command(command)
    nights.run_for(10.0)
    assert nights.state is State.IDLE


@pytest.mark.parametrize("command", [c.Play(), c.Next(), c.Previous(), c.SetPlaylist("brown"), c.Play("brown")])
def test_whoever_asks_for_tracks_while_the_bed_is_alone_gets_them_with_their_timer(command: c.Command) -> None:
    """They come up in 20 s, and there is half an hour again."""
    nights = alone(started(OUTLASTING))
    assert nights.command(command).is_done
    nights.run_for(25.0)
    assert level(nights, TRACKS) == 0.0
    assert nights.session.snapshot(nights.now).timer_remaining_s == pytest.approx(30 * MINUTE - 25.0, abs=1.0)
    nights.run_for(29 * MINUTE)
    assert nights.state is (State.PLAYING if beds(nights) else State.FADING_OUT)


@pytest.mark.parametrize(
    "command", [c.Play(), c.SetVolume(20), c.ExtendTimer(900.0), c.SetTimer(TimerSetting.clock(900.0))]
)
def test_tracks_that_fade_under_a_bed_come_back_like_from_a_final_fade(command: c.Command) -> None:
    """Whatever takes back a final fade takes this one back."""
    nights = started(OUTLASTING)
    nights.run_for(28 * MINUTE)
    assert level(nights, TRACKS) < 0.0
    nights.command(command)
    nights.run_for(15.0)
    assert level(nights, TRACKS) == 0.0


def test_a_pause_holds_the_bed_alone_and_volume_changes_it() -> None:
    """It is a session like any other."""
    nights = alone(started(OUTLASTING))
    nights.command(c.Pause())
    nights.run_for(5.0)
    assert nights.engine.level_db() == SILENCE_DB
    nights.command(c.Resume())
    nights.run_for(15.0)
    assert nights.engine.layer_db(BED) == volume_to_db(30) - 12.0
    nights.command(c.SetVolume(20))
    nights.run_for(10.0)
    assert nights.engine.layer_db(BED) == volume_to_db(20) - 12.0


@pytest.mark.parametrize("holds", [True, False])
def test_a_bed_that_ends_before_another_one_is_held_by_a_pause_like_the_timer(holds: bool) -> None:
    """Brown outlasts by 10 min, rain by 20: a pause of 8 min holds both, or with the timer neither."""
    chosen = (Bed("brown", outlasts_s=600.0), Bed("rain", outlasts_s=1200.0))
    nights = started(chosen, session=SessionSettings(pause_holds_timer=holds))
    nights.run_for(34 * MINUTE)
    nights.command(c.Pause())
    nights.run_for(8 * MINUTE)
    nights.command(c.Resume())
    nights.run_for(3 * MINUTE)
    assert [layer for layer in BEDS if level(nights, layer) > SILENCE_DB] == (list(BEDS) if holds else [BEDS[1]])
    nights.run_for(8 * MINUTE)
    assert nights.state is (State.PLAYING if holds else State.IDLE)


@pytest.mark.parametrize("command", [c.ExtendTimer(5 * MINUTE), c.SetTimer(TimerSetting.clock(40 * MINUTE))])
def test_a_timer_that_is_set_in_a_pause_takes_nothing_from_the_beds(command: c.Command) -> None:
    """Brown has 6 of its 10 min left: a pause of 8 min, with the timer set after 7 of them, holds all 6."""
    chosen = (Bed("brown", outlasts_s=600.0), Bed("rain", outlasts_s=1200.0))
    nights = started(chosen, session=SessionSettings(pause_holds_timer=True))
    nights.run_for(33 * MINUTE)
    nights.command(c.Pause())
    nights.run_for(7 * MINUTE)
    assert nights.command(command).is_done
    nights.run_for(MINUTE)
    nights.command(c.Resume())
    nights.run_for(5 * MINUTE)
    assert level(nights, BED) == -12.0
    nights.run_for(4 * MINUTE)
    assert (level(nights, BED), level(nights, OTHER)) == (SILENCE_DB, -12.0)


def test_a_bed_of_the_phase_before_that_goes_on_in_a_pause_outlasts_it_no_longer_than_it_should() -> None:
    """By 10 min after a pause that held it, although the next phase was entered 7 min into the pause."""
    play = c.Play("whispers", bed=(Bed("brown", outlasts_s=600.0),), then=(Phase("rain", bed=()),))
    nights = started((), play, session=SessionSettings(pause_holds_timer=True))
    nights.command(c.Pause())
    nights.run_for(7 * MINUTE)
    assert nights.command(c.Advance()).is_done
    nights.run_for(MINUTE)
    nights.command(c.Resume())
    nights.run_for(9 * MINUTE)
    assert level(nights, BED) == -12.0
    nights.run_for(4 * MINUTE)
    assert level(nights, BED) == SILENCE_DB


def test_nothing_is_laid_under_the_noise_of_a_calibration() -> None:
    """It would change what the meter reads; no bed is always true."""
    nights = Nights(settings(), EVENING)
    nights.command(Calibrate())
    nights.run_for(MINUTE)
    answer = nights.command(SetBed((RAIN,)))
    assert not answer.is_done
    assert answer.text.startswith("bed: the noise of calibrate is playing")
    assert beds(nights) == []
    assert nights.command(SetBed(())).is_done


def test_a_start_of_the_schedule_takes_over_from_the_noise_of_a_calibration() -> None:
    """Nobody listens to it: a forgotten calibration does not cost the night."""
    entry = Entry("nightly", time(22, 2), playlist="whispers")
    nights = Nights(settings(schedule=(entry,)), EVENING)
    nights.command(Calibrate())
    nights.run_for(4 * MINUTE)
    state = nights.session.snapshot(nights.now)
    assert (state.why, state.playlist, state.volume) == ("schedule:nightly", "whispers", settings().volume.default)
    assert not nights.events("start_missed")


def test_an_entry_that_takes_over_brings_its_tracks_up_from_a_bed_alone() -> None:
    """The layer of the tracks is opened again; a bed that both have goes on."""
    entry = Entry("late", time(22, 40), playlist="whispers", takes_over=True)
    nights = alone(started(OUTLASTING, schedule=(entry,)))
    nights.run_for(7 * MINUTE)
    assert level(nights, TRACKS) == 0.0
    assert beds(nights) == [("rain", -12.0)]


def test_an_engine_fault_brings_tracks_and_bed_back() -> None:
    """Everything was dropped; both begin anew."""
    nights = started((RAIN,))
    nights.engine.mute(EngineFaulted("broken on purpose"))
    nights.take_reports()
    nights.run_for(40.0)
    assert nights.engine.level_db() == volume_to_db(30)
    assert level(nights, BED) == -12.0


def test_a_bed_that_cannot_be_played_is_a_problem_and_the_tracks_play_on() -> None:
    """It is told once, and tried again."""
    nights = Nights(settings((RAIN,)), EVENING)
    nights.engine.broken = {"r"}
    nights.library["rain"] = tuple(replace(track, uri="r") for track in nights.library["rain"][:1])
    nights.tell(nights.read("rain"))
    nights.command(c.Play("whispers"))
    nights.run_for(MINUTE)
    problem = "bed: playlist 'rain' has nothing that can be played"
    assert nights.session.snapshot(nights.now).problems == (problem,)
    assert nights.engine.level_db() == volume_to_db(30)
    nights.engine.broken.clear()
    nights.run_for(5 * MINUTE)
    assert nights.session.snapshot(nights.now).problems == ()
    assert level(nights, BED) == -12.0


@pytest.mark.parametrize("after_min", [10, 35])
def test_a_bed_comes_back_after_a_crash(after_min: float) -> None:
    """With its level; and alone where the tracks had ended."""
    nights = Remembering(settings(OUTLASTING), EVENING)
    nights.command(c.Play("whispers"))
    nights.run_for(after_min * MINUTE)
    nights.command(MoveBed(-2.0))
    nights.run_for(MINUTE)
    left_s = nights.session.snapshot(nights.now).timer_remaining_s
    assert left_s is not None
    nights.die(30.0)
    nights.run_for(MINUTE)
    assert nights.state is State.PLAYING
    assert beds(nights) == [("rain", -14.0)]
    assert level(nights, BED) == -14.0
    is_alone = nights.engine.layers[TRACKS].item is None
    assert is_alone == (after_min == 35)
    assert nights.session.snapshot(nights.now).timer_remaining_s == pytest.approx(left_s - 90.0, abs=1.0)


def test_tracks_that_would_have_ended_meanwhile_leave_the_bed_alone() -> None:
    """The power is off over the end of the sleep timer: it comes back with the bed, and ends when it would have."""
    nights = Remembering(settings(OUTLASTING), EVENING)
    nights.command(c.Play("whispers"))
    nights.run_for(28 * MINUTE)
    nights.die(5 * MINUTE)
    nights.run_for(MINUTE)
    assert nights.state is State.PLAYING
    assert nights.engine.layers[TRACKS].item is None
    assert beds(nights) == [("rain", -12.0)]
    nights.run_for(18 * MINUTE - 1.0)
    assert nights.state is State.FADING_OUT
    nights.run_for(2.0)
    assert nights.state is State.IDLE


@pytest.mark.parametrize("off_s", [5.0, 3 * MINUTE])
@pytest.mark.parametrize("at_min", [10, 28, 35, 48, 55, 69, 75])
def test_after_a_crash_each_phase_has_the_bed_that_it_would_have(at_min: float, off_s: float) -> None:
    """Phases from 30 min (its own bed), 50 (none named, another playlist) and 70 min on (the bed is off)."""
    then = (
        Phase("brown", 20, TimerSetting.clock(20 * MINUTE), bed=(Bed("rain", -20.0),)),
        Phase("rain", 15, TimerSetting.clock(20 * MINUTE)),
        Phase("brown", 10, TimerSetting.clock(20 * MINUTE), bed=()),
    )
    shown = []
    for has_crashed in (False, True):
        nights = Remembering(settings((RAIN,)), EVENING)
        nights.command(c.Play("whispers", then=then))
        nights.run_for(at_min * MINUTE)
        if has_crashed:
            nights.die(off_s)
        else:
            nights.run_for(off_s)
        nights.run_for(40.0)
        state = nights.session.snapshot(nights.now)
        shown.append((state.playlist, state.phase, state.volume, beds(nights)))
        assert [level(nights, BED)] == [bed.gain_db for bed in state.beds] or not state.beds
    assert shown[0] == shown[1]


@pytest.mark.parametrize("at_min", [10, 28])
def test_after_a_crash_the_bed_of_a_playlist_is_that_of_the_playlist_that_plays(at_min: float) -> None:
    """Whispers with rain under them for 30 min, then fan with brown under it."""
    fan = Playlist("fan", ("/f",), bed=(Bed("brown", -20.0),))
    both = settings((RAIN,))
    nights = Remembering(replace(both, playlists=(*both.playlists, fan)), EVENING)
    nights.command(c.Play("whispers", then=(Phase("fan"),)))
    nights.run_for(at_min * MINUTE)
    nights.die(5 * MINUTE)
    nights.run_for(40.0)
    assert beds(nights) == ([("rain", -12.0)] if at_min == 10 else [("brown", -20.0)])


def test_generated_sound_has_no_length_that_could_be_written_down() -> None:
    """Its record would hold an infinity, which is refused when it is read: a session with noise would never resume."""
    path = "noise:rain"
    track = Track(path, "Rain", is_stream=True, measured=measured_noise(parse_noise(path)))
    item = item_of(track, 1, 0.0, Playlist("rain", (path,)), LimitSettings())
    assert item.length_s is None
    assert item.plan is None or item.reached_lufs is not None
