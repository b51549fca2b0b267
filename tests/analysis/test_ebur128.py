"""The loudness meter against the numbered signals of EBU Tech 3341 and 3342, and a few truths of its own.

The signals are 1 kHz sines in both channels with the stated peaks; a stage is (dBFS, seconds). The tolerances are those
of the documents: 0.1 LU, 1 LU for the range, +0.2 and -0.4 dB for true peak.
"""

from __future__ import annotations

import math

import numpy as np
import pytest

from player.analysis.ebur128 import HopMeter, ProgrammeMeter
from player.audio.dsp.hearing import HOP_FRAMES, to_lufs
from player.audio.dsp.limiter import Limiter
from tests import effort
from tests.audio.dsp.true_peak_oracle import true_peak_db
from tests.signals import BLOCK_SIZES, RATE_HZ, Sound, both, dc, frames_of, in_blocks, pink, scaled, silence, tone

Stages = tuple[tuple[float, float], ...]
HOP_10_MS = RATE_HZ // 100


def staged(*stages: tuple[float, float]) -> Sound:
    """A 1 kHz sine whose peak changes from stage to stage, without a break in its phase."""
    peaks = np.concatenate([np.full(frames_of(length_s), 10 ** (dbfs / 20)) for dbfs, length_s in stages])
    return both(peaks * np.sin(2 * np.pi * 1000.0 * np.arange(len(peaks)) / RATE_HZ))


def programme(sound: Sound, *, true_peak: bool = False) -> ProgrammeMeter:
    """The meter after the whole sound."""
    meter = ProgrammeMeter(true_peak=true_peak)
    for block in in_blocks(sound, 4800):
        meter.add(block)
    return meter


def wave(divisor: int, degrees: float, peak: float) -> Sound:
    """A sine of 1/``divisor`` of the sampling rate, faded over 50 ms at both ends so that an edge makes no peak."""
    sound = tone(1.0, RATE_HZ / divisor, peak, math.radians(degrees))
    edge = both(np.sin(np.linspace(0, np.pi / 2, frames_of(0.05))) ** 2)
    sound[: len(edge)] *= edge
    sound[-len(edge) :] *= edge[::-1]
    return sound


@pytest.mark.parametrize("dbfs", [-23.0, -33.0])
def test_a_steady_sine_is_as_loud_as_it_is(dbfs: float) -> None:
    """Tech 3341, 1 and 2: M, S and I of a 20 s sine are its level."""
    meter = programme(staged((dbfs, 20.0)))
    assert meter.momentary_lufs == pytest.approx(dbfs, abs=0.1)
    assert meter.short_term_lufs == pytest.approx(dbfs, abs=0.1)
    assert meter.integrated_lufs == pytest.approx(dbfs, abs=0.1)


@pytest.mark.parametrize(
    "stages",
    effort.first(
        1,
        [
            pytest.param(((-36, 10), (-23, 60), (-36, 10)), id="3"),
            pytest.param(((-72, 10), (-36, 10), (-23, 60), (-36, 10), (-72, 10)), id="4"),
            pytest.param(((-26, 20), (-20, 20.1), (-26, 20)), id="5"),
        ],
    ),
)
def test_quiet_parts_are_gated(stages: Stages) -> None:
    """Tech 3341, 3 to 5: integrated loudness -23 LUFS, both gates at work."""
    assert programme(staged(*stages)).integrated_lufs == pytest.approx(-23.0, abs=0.1)


def test_short_term_is_a_mean_over_three_seconds() -> None:
    """Tech 3341, 9: 1.34 s and 1.66 s in turns read -23 at every moment from the third second on."""
    meter, sound = ProgrammeMeter(), staged(*((-20.0, 1.34), (-30.0, 1.66)) * 5)
    read = []
    for block in in_blocks(sound, HOP_10_MS):
        meter.add(block)
        read.append(meter.short_term_lufs)
    assert read[300:] == pytest.approx([-23.0] * len(read[300:]), abs=0.1)


def test_momentary_is_a_mean_over_400_ms() -> None:
    """Tech 3341, 12: 0.18 s and 0.22 s in turns read -23 at every moment from the second second on."""
    meter, sound = ProgrammeMeter(), staged(*((-20.0, 0.18), (-30.0, 0.22)) * 25)
    read = []
    for block in in_blocks(sound, HOP_10_MS):
        meter.add(block)
        read.append(meter.momentary_lufs)
    assert read[100:] == pytest.approx([-23.0] * len(read[100:]), abs=0.1)


@pytest.mark.parametrize("number", effort.first(4, range(1, 21)))
def test_a_tone_of_400_ms_is_caught_whole(number: int) -> None:
    """Tech 3341, 13: wherever the 400 ms lie, the largest M is -23: by the meter, and by 40 hops of the guard's."""
    sound = np.concatenate((silence(number * 0.020), staged((-23.0, 0.4)), silence(1.0)))
    meter, largest = ProgrammeMeter(), -math.inf
    for block in in_blocks(sound, HOP_10_MS):
        meter.add(block)
        largest = max(largest, meter.momentary_lufs)
    assert largest == pytest.approx(-23.0, abs=0.1)
    powers = HopMeter(HOP_FRAMES).powers(sound)
    means = np.convolve(powers, np.full(80, 1 / 80), "valid")
    assert to_lufs(float(means.max())) == pytest.approx(-23.0, abs=0.1)


@pytest.mark.parametrize(
    ("stages", "range_lu"),
    effort.first(
        1,
        [
            pytest.param(((-20, 20), (-30, 20)), 10.0, id="1"),
            pytest.param(((-20, 20), (-15, 20)), 5.0, id="2"),
            pytest.param(((-40, 20), (-20, 20)), 20.0, id="3"),
            pytest.param(((-50, 20), (-35, 20), (-20, 20), (-35, 20), (-50, 20)), 15.0, id="4"),
        ],
    ),
)
def test_the_loudness_range_is_found(stages: Stages, range_lu: float) -> None:
    """Tech 3342, 1 to 4: LRA within 1 LU."""
    assert programme(staged(*stages)).range_lu == pytest.approx(range_lu, abs=1.0)


TRUE_PEAKS = [
    pytest.param(4, 0.0, 0.5, -6.0, id="15"),
    pytest.param(4, 45.0, 0.5, -6.0, id="16"),
    pytest.param(6, 60.0, 0.5, -6.0, id="17"),
    pytest.param(8, 67.5, 0.5, -6.0, id="18"),
    pytest.param(4, 45.0, 1.41, 3.0, id="19"),
]


@pytest.mark.parametrize(("divisor", "degrees", "peak", "dbtp"), effort.first(2, TRUE_PEAKS))
def test_the_true_peak_is_found(divisor: int, degrees: float, peak: float, dbtp: float) -> None:
    """Tech 3341, 15 to 19: within +0.2 and -0.4 dB, by the library and by the tests' own Fourier interpolation."""
    sound = wave(divisor, degrees, peak)
    for read in (programme(sound, true_peak=True).true_peak_dbtp, true_peak_db(sound)):
        assert dbtp - 0.4 <= read <= dbtp + 0.2


@pytest.mark.parametrize(("divisor", "degrees", "peak", "dbtp"), TRUE_PEAKS)
def test_the_limiter_reads_true_peak_alike(divisor: int, degrees: float, peak: float, dbtp: float) -> None:
    """Tech 3341, 15 to 19: what the limiter takes away, 6 dB too loud for it, says what it read: +0.2, -0.4 dB."""
    ceiling_dbtp = -13.0
    limiter = Limiter(ceiling_dbtp)
    limiter.process(wave(divisor, degrees, peak))
    assert dbtp - 0.4 <= ceiling_dbtp + limiter.reduction_db <= dbtp + 0.2


def test_the_two_channels_add_up() -> None:
    """One channel alone is 3 LU less than both; the other's silence counts for nothing."""
    sound = staged((-23.0, 5.0))
    one = sound * np.array([1, 0], np.float32)
    assert programme(one).short_term_lufs == pytest.approx(-23.0 - 3.01, abs=0.02)
    assert programme(one[:, ::-1]).short_term_lufs == pytest.approx(-23.0 - 3.01, abs=0.02)


def test_the_cutting_into_blocks_cannot_show() -> None:
    """The hop powers are the same however the hops are handed over, bit by bit."""
    sound = pink(2.0)
    whole = HopMeter(HOP_FRAMES).powers(sound)
    for hops in (1, 3, 20):
        meter = HopMeter(HOP_FRAMES)
        cut = [power for block in in_blocks(sound, hops * HOP_FRAMES) for power in meter.powers(block)]
        assert cut == whole


@pytest.mark.parametrize("size", effort.first(1, BLOCK_SIZES))
def test_the_programme_is_measured_alike_in_any_blocks(size: int) -> None:
    """I, LRA and true peak do not depend on the block size."""
    sound, expected = staged((-20, 2), (-30, 2)), programme(staged((-20, 2), (-30, 2)), true_peak=True)
    meter = ProgrammeMeter(true_peak=True)
    for block in in_blocks(sound, size):
        meter.add(block)
    assert meter.integrated_lufs == expected.integrated_lufs
    assert meter.range_lu == expected.range_lu
    assert meter.true_peak_dbtp == expected.true_peak_dbtp


def test_the_mean_of_the_hops_is_the_level() -> None:
    """Hop powers of 5 ms are mean squares: a quieter sound is less by as many dB, and silence is nothing."""
    sound = pink(4.0)
    loud, quiet = (HopMeter(HOP_FRAMES).powers(scaled(sound, gain_db)) for gain_db in (0.0, -20.0))
    assert [10 * math.log10(a / b) for a, b in zip(loud, quiet, strict=True)] == pytest.approx([20.0] * 800, abs=0.01)
    assert HopMeter(HOP_FRAMES).powers(silence(1.0)) == [0.0] * 200


def test_a_constant_is_not_heard() -> None:
    """K-weighting takes DC away: after a second a constant of a quarter of full scale is below -60 LUFS."""
    assert to_lufs(HopMeter(HOP_FRAMES).powers(dc(1.0))[-1]) < -60.0


def test_silence_has_no_loudness() -> None:
    """-inf and no range, not an error."""
    meter = programme(silence(5.0), true_peak=True)
    assert meter.integrated_lufs == -math.inf
    assert meter.momentary_lufs == -math.inf
    assert meter.true_peak_dbtp == -math.inf
    assert meter.range_lu == 0.0
