"""The clauses of the second edition, on nights whose figures follow from how they were made."""

from __future__ import annotations

import numpy as np
import pytest

from player.analysis.contract.clicks import Clicks
from player.analysis.contract.decoded import DecodedMix
from player.analysis.contract.figures import Figure
from player.analysis.contract.integrated import calm_level
from player.analysis.ebur128 import HopMeter
from player.audio.decoder.noise import NoiseGenerator
from player.audio.dsp.highpass import HighPass
from player.audio.dsp.octaves import BAND_S, STREAMS, OctaveMeter
from player.audio.dsp.tap import SOURCE_LATE_FRAMES, Rendered, Sounding
from player.core.engine_orders import Item
from player.core.noise import NoiseKind, NoisePath
from tests import effort
from tests.analysis.contract.test_examiner import BLOCK, Night, examined, figures, risen
from tests.audio.dsp.listener import TARGET, at_lufs, whispers
from tests.signals import Sound, frames_of, pink, rng_for, scaled, silence, tone, with_part

CALM = TARGET - 10.0

pytestmark = pytest.mark.slow


def noise_at(level_lufs: float, duration_s: float, name: str = "bed") -> Sound:
    """Pink noise at a level."""
    return at_lufs(pink(duration_s, name=name), level_lufs)


def added(sound: Sound, at_s: float, part: Sound) -> Sound:
    """The sound with something more in it."""
    out = sound.copy()
    first = frames_of(at_s)
    out[first : first + len(part)] += part[: len(out) - first]
    return out


def one(night: Night, clause: str, text: str = "") -> Figure:
    """The figure of a clause whose text begins so."""
    return next(figure for figure in figures(examined(night), clause) if figure.text.startswith(text))


SHOUT = noise_at(CALM + 13.0, 0.6, "shout")
VACUUM = noise_at(CALM + 22.0, 8.0, "vacuum")


@pytest.mark.thorough
def test_a_shout_after_a_vacuum_cleaner_breaks_c1b_and_not_c1() -> None:
    """It is no burst, and familiar, so C1 excuses it; nothing does from C1b. The vacuum itself is another one."""
    night = Night(added(added(noise_at(CALM, 80.0), 20.0, VACUUM), 46.0, SHOUT))
    found = examined(night)
    assert not any(45.0 < at_s < 48.0 for at_s in figures(found, "C1")[0].at)
    (rises,) = figures(found, "C1b")
    assert rises.value == 2.0
    assert rises.at[0] == pytest.approx(20.2, abs=0.3)
    assert rises.at[1] == pytest.approx(46.2, abs=0.3)


@pytest.mark.thorough
def test_what_the_track_does_all_the_time_breaks_nothing() -> None:
    """The same shout every 5 s is what that track is like."""
    sound = noise_at(CALM, 60.0)
    for at_s in np.arange(3.0, 58.0, 5.0):
        sound = added(sound, float(at_s), SHOUT)
    assert one(Night(sound), "C1b").holds


@pytest.mark.thorough
def test_a_beep_breaks_c1d_and_not_c1b() -> None:
    """2 kHz 6 dB over the noise: 7 dB in the whole, 14 in its octave."""
    found = examined(Night(added(noise_at(CALM, 60.0), 40.0, at_lufs(tone(1.0, 2000.0), CALM + 6.0))))
    assert figures(found, "C1b")[0].holds
    (beep,) = figures(found, "C1d")
    assert (beep.value, len(beep.at)) == (1.0, 1)
    assert beep.at[0] == pytest.approx(40.2, abs=0.2)


@pytest.mark.thorough
@pytest.mark.parametrize(("over_db", "count"), [(12.0, 0.0), (14.0, 1.0)])
def test_what_comes_back_may_begin_12_db_over_what_was_heard(over_db: float, count: float) -> None:
    """Calls in an octave every 4 s from 24 s on: habit of the track, and the first one is new or not by its height."""
    octave = OctaveMeter().powers(noise_at(CALM, 64.0))[: round(24.0 / BAND_S), STREAMS.index("2000 Hz")]
    heard = np.convolve(octave, np.ones(5) / 5.0, "valid").max()
    sound = noise_at(CALM, 64.0)
    call = tone(0.5, 2000.0)
    gain = np.sqrt(heard * 10.0 ** (over_db / 10.0) / OctaveMeter().powers(call)[20, STREAMS.index("2000 Hz")])
    for at_s in range(24, 62, 4):
        sound = added(sound, float(at_s), call * np.float32(gain))
    assert one(Night(sound), "C1d").value == count


@pytest.mark.thorough
@pytest.mark.parametrize(("over_db", "count"), [(-2.0, 0.0), (6.0, 1.0)])
def test_an_octave_that_is_new_is_no_surprise_while_the_whole_is_not_louder(over_db: float, count: float) -> None:
    """Calls at 4 kHz every 4 s from 24 s on, 2 dB below a hum of 250 Hz or 6 over it: the whole rises by 2 or 7 dB."""
    sound = at_lufs(tone(64.0, 250.0), CALM)
    for at_s in range(24, 62, 4):
        sound = added(sound, float(at_s), at_lufs(tone(0.5, 4000.0), CALM + over_db))
    assert one(Night(sound), "C1d").value == count


@pytest.mark.thorough
def test_one_ear_breaks_c1d() -> None:
    """A bark on the right, where the left hides it: both ears have noise, the left 20 dB louder."""
    bed = noise_at(CALM, 60.0)
    bed[:, 1] = scaled(bed, -20.0)[:, 0]
    bark = noise_at(CALM, 0.5, "bark")
    bark[:, 0] = 0.0
    found = examined(Night(added(bed, 40.0, bark)))
    assert figures(found, "C1b")[0].holds
    assert figures(found, "C1d")[0].value == 1.0


@pytest.mark.parametrize(("gain_db", "holds"), effort.first(0, [(0.0, True), (2.5, False)]))
def test_a_repeated_surprise_may_climb_by_3_db_in_10_s(gain_db: float, holds: bool) -> None:
    """Three barks 4 s apart that were decoded alike and left 2.5 dB louder each time: 5 dB within 10 s."""
    source, out = noise_at(CALM, 60.0), noise_at(CALM, 60.0)
    for number in range(3):
        at_s = 40.0 + 4.0 * number
        source = added(source, at_s, noise_at(CALM + 25.0, 0.4, "bark"))
        out = added(out, at_s, noise_at(CALM + 6.0 + gain_db * number, 0.4, "bark"))
    found = figures(examined(Night(out, source=source)), "C1c")
    if holds:  # what came down to habit each time is no repetition
        assert not found
    else:
        assert not found[0].holds
        assert found[0].value == pytest.approx(2 * gain_db, abs=0.8)


@pytest.mark.thorough
def test_c3_is_held_against_heard_calm_as_well() -> None:
    """A stretch 10 LU over a track that plays 10 LU below the target is none over the target, and 10 over calm."""
    found = examined(Night(with_part(noise_at(CALM, 60.0), 40.0, noise_at(CALM + 10.0, 1.0, "loud"))))
    at_target, _, momentary, short_term = figures(found, "C3")
    assert at_target.holds
    assert momentary.value == pytest.approx(10.0, abs=0.5)
    assert not momentary.holds
    assert short_term.value == pytest.approx(10.0 * np.log10((10.0 + 2.0) / 3.0), abs=0.5)
    assert not short_term.holds


def test_a_mute_is_a_startle_event() -> None:
    """One mute breaks C1, with its time."""
    from player.analysis.contract.examiner import Examiner, Instruments
    from player.analysis.ebur128 import true_peak_dbtp
    from tests.analysis.contract.test_examiner import LIMITS

    examiner = Examiner(LIMITS, Instruments(HopMeter, true_peak_dbtp))
    examiner.push(silence(0.1), None)
    examiner.mute(12.0)
    found = examiner.finish()
    assert "C1" in found.broken
    assert figures(found, "C1")[1].at == (12.0,)


@pytest.mark.thorough
def test_c9_is_asked_of_what_was_decoded() -> None:
    """Crackles that a stage took out of a recording are a change, though nothing in front of the guard was lowered."""
    bed = noise_at(CALM, 95.0)
    crackles = np.zeros_like(bed)
    for at in rng_for("crackle").choice(len(bed) // 480, 900, replace=False):
        crackles[int(at) * 480 : int(at) * 480 + 48] = 0.02
    share = one(Night(bed, source=bed + crackles), "C9", "a calm track's audible time")
    assert not share.holds
    assert share.value is not None
    assert share.value > 3.0
    assert one(Night(bed + crackles, source=bed + crackles), "C9", "a calm track's audible time").value == 0.0


@pytest.mark.parametrize("cut_hz", effort.first(0, [200, 400, 800]))
def test_low_noise_is_not_lowered_by_the_removal_of_what_is_inaudible(cut_hz: int) -> None:
    """Without what is below 4 Hz, single hops of brown noise are up to 2 dB softer or louder: nobody lowered them."""
    source = risen(NoiseGenerator(NoisePath(NoiseKind.BROWN, cut_hz), seed=3).read(frames_of(95.0)))
    out = HighPass().process(source)
    hops = [np.array(HopMeter(240).powers(sound[frames_of(60.0) :])) for sound in (source, out)]
    assert np.mean(hops[1] < hops[0] * 10**-0.05) > 0.005
    assert one(Night(out, source=source), "C9", "a calm track's audible time").value == 0.0


@pytest.mark.thorough
def test_a_fade_in_is_no_change() -> None:
    """A rise of 30 s, as ordered."""
    level = [min(0.0, -60.0 + 0.2 * block) for block in range(500)]
    ends = np.interp(np.arange(frames_of(95.0)) / BLOCK, np.arange(len(level) + 1), [level[0], *level])
    sound = noise_at(TARGET, 95.0)
    out = (sound * (10 ** (ends / 20))[:, np.newaxis]).astype(np.float32)
    share = one(Night(out, source=sound, volume_db=level), "C9", "a calm track's audible time")
    assert share.value == 0.0


@pytest.mark.parametrize(("short_s", "holds"), effort.first(0, [(13.0, True), (18.0, False)]))
def test_what_plays_is_at_its_level_within_15_s(short_s: float, holds: bool) -> None:
    """A deck that stays 30 dB down for so long."""
    deck_db = [-30.0] * round(short_s * 10) + [0.0]
    out = noise_at(TARGET, 60.0)
    out[: frames_of(short_s)] = scaled(out[: frames_of(short_s)], -30.0)
    figure = one(Night(out, deck_db=deck_db), "C11")
    assert figure.value == pytest.approx(short_s, abs=0.2)
    assert figure.holds is holds


@pytest.mark.thorough
def test_what_a_stage_holds_down_is_not_at_its_level() -> None:
    """20 s at half the amplitude, though all of lull's gains stand at 0."""
    source = noise_at(TARGET, 60.0)
    out = source.copy()
    out[frames_of(20.0) : frames_of(40.0)] *= np.float32(0.5)
    assert one(Night(out, source=source), "C11").value == pytest.approx(20.0, abs=0.3)


@pytest.mark.parametrize(("stands_s", "holds"), [(14.0, True), (17.0, False)])
def test_a_volume_that_stands_on_its_way_is_not_at_its_level(stands_s: float, *, holds: bool) -> None:
    """It rose to 20 dB below its target and waits there; that was taken for a fade-in, however long it lasted."""
    sound = noise_at(TARGET, stands_s + 3.0)
    level = [*[-20.0] * round(stands_s * 10), *[min(0.0, -20.0 + 0.6 * block) for block in range(34)]]
    figure = one(Night(scaled(sound, -20.0), source=sound, volume_db=level), "C11")
    assert figure.value == pytest.approx(stands_s, abs=0.2)
    assert figure.holds is holds


@pytest.mark.thorough
def test_a_long_fade_in_is_not_counted() -> None:
    """The volume is on its way for 40 s."""
    level = [min(0.0, -60.0 + 0.15 * block) for block in range(401)]
    ends = np.interp(np.arange(frames_of(60.0)) / BLOCK, np.arange(len(level) + 1), [level[0], *level])
    out = (noise_at(TARGET, 60.0) * (10 ** (ends / 20))[:, np.newaxis]).astype(np.float32)
    assert one(Night(out, volume_db=level), "C11").value == 0.0


@pytest.mark.parametrize(("apart_lu", "holds"), effort.first(0, [(2.0, True), (4.0, False)]))
def test_tracks_are_level(apart_lu: float, holds: bool) -> None:
    """Five tracks, each so much louder than the one before: P90 - P10 is 3.2 steps."""
    out = np.concatenate([noise_at(TARGET - 16.0 + apart_lu * track, 40.0, str(track)) for track in range(5)])
    items = {400 * track: Item(track + 1, f"{track}.wav", str(track)) for track in range(5)}
    figure = one(Night(out, items=items), "C12")
    assert figure.value == pytest.approx(3.2 * apart_lu, abs=0.4)
    assert figure.holds is holds


def test_a_click_of_a_track_that_fades_is_found_in_its_recording() -> None:
    """The click was recorded at full level, where the blend's other track is loud; it left 20 dB lower."""
    sound = tone(20.0, peak=0.1)
    clicked = added(sound, 15.0, np.full((1, 2), 0.05, np.float32))
    found = examined(Night(scaled(clicked, -20.0), source=clicked, deck_db=[-20.0]))
    assert found.recorded_clicks == 1
    assert figures(found, "C10")[0].holds


def test_a_loud_sound_beside_it_does_not_hide_a_recorded_click() -> None:
    """Crackles of one track in a blend with an alarm of another one, which the plan lowered by 60 dB."""
    crackling = added(tone(3.0, peak=0.01), 2.0, np.full((1, 2), 0.05, np.float32))
    alarm = tone(3.0, 3000.0, 0.5)
    clicks, late = Clicks(), silence(SOURCE_LATE_FRAMES / 48_000)
    out = np.concatenate((late, crackling + scaled(alarm, -60.0)))
    for at in range(0, len(crackling), BLOCK):
        part = slice(at, at + BLOCK)
        clicks.push(out[part], {1: crackling[part], 2: alarm[part]}, TARGET)
    assert clicks.offences.count == 0
    assert clicks.recorded > 0


def test_a_blend_is_the_sum_of_its_tracks_under_their_fades() -> None:
    """Two decks that cross, and a ramp that falls by 6 dB/s, late by what the chain is late."""
    one_track, other = tone(4.0, 440.0, 0.1), tone(4.0, 3000.0, 0.1)
    t = np.arange(frames_of(4.0)) / 48_000
    falls, rises = np.cos(t / 4.0 * np.pi / 2), np.sin(t / 4.0 * np.pi / 2)
    mix, pieces = DecodedMix(), []
    for block in range(40):
        part = slice(block * BLOCK, (block + 1) * BLOCK)
        decks = (
            Sounding(Item(1, "a", "a"), 0.0, is_current=False, decoded=one_track[part], gains=falls[part]),
            Sounding(Item(2, "b", "b", gain_db=3.0), 0.0, decoded=other[part], gains=rises[part]),
        )
        pieces.append(mix.push(Rendered(-0.6 * (block + 1), -60.0, decks), BLOCK)[1])
    wanted = one_track * falls[:, np.newaxis] + other * (10**0.15 * rises)[:, np.newaxis]
    wanted = HighPass().process(wanted.astype(np.float32)) * 10 ** (-6.0 * t / 20)[:, np.newaxis]
    got = np.concatenate(pieces)[SOURCE_LATE_FRAMES:]
    np.testing.assert_allclose(got[BLOCK:], wanted[BLOCK : len(got)], atol=1e-4)


def test_samples_that_nobody_recorded_are_left_out() -> None:
    """NaN and 85 dB over full scale count as silence, as C5 makes them."""
    sound = tone(0.1)
    sound[100], sound[200] = np.nan, 2e4
    tracks, _ = DecodedMix().push(Rendered(0.0, 0.0, (Sounding(Item(1, "a", "a"), 0.0, decoded=sound),)), BLOCK)
    assert np.isfinite(tracks[1]).all()
    assert np.abs(tracks[1]).max() <= 1.0


@pytest.mark.parametrize(
    ("pause_s", "pause_lufs"), effort.first(1, [(0.0, -63.0), (1.0, -np.inf), (3.0, -np.inf), (4.0, -63.0)])
)
def test_calm_is_what_sounds_whatever_the_pauses(pause_s: float, pause_lufs: float) -> None:
    """Words of 1 s at -30 LUFS with pauses between them, and one scream: -30, within 1.5 LU.

    Pauses of 4 s at -63 LUFS are four fifths of the half-seconds, as between the croaks of frogs.
    """
    pieces = []
    for word in range(30):
        pieces.append(noise_at(-30.0, 1.0, str(word)))
        if pause_s > 0.0:
            pause = np.zeros((frames_of(pause_s), 2), np.float32)
            pieces.append(pause if pause_lufs == -np.inf else noise_at(pause_lufs, pause_s, f"pause {word}"))
    pieces[20] = noise_at(-8.0, 1.0, "scream")
    assert calm_level(np.array(HopMeter(240).powers(np.concatenate(pieces)))) == pytest.approx(-30.0, abs=1.5)


@pytest.mark.thorough
def test_whispers_have_no_rise_that_is_no_habit() -> None:
    """Words after a pause rise by more than 10 dB in most octaves, all the time."""
    found = examined(Night(whispers(95.0)))
    assert figures(found, "C1b")[0].holds
    assert figures(found, "C1d")[0].holds


@pytest.mark.parametrize("hops", [2000, 99, 0])
def test_silence_has_no_calm(hops: int) -> None:
    """Nothing sounds in it, nor in less than half a second, which raised an exception."""
    assert calm_level(np.zeros(hops)) == -np.inf
