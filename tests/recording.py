"""Measurements on a recording: how loud, how fast it rises, where it clicks, where it is interrupted, how it ends.

Numpy alone, no code of the player: the checks must not share a mistake with what they check. A recording is float32,
shape (frames, channels), 48 kHz. Levels are mean squares in dB re full scale, over both channels (a full-scale sine is
-3.01 dB). tests/test_recording.py proves each of them on signals with known faults.

Rises and clicks are meant for a steady test tone of 200 to 1000 Hz through the player: then all movement in the
recording is the player's, and none is the material's.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

RATE_HZ: Final = 48_000
HOP_S: Final = 0.005
BOX_S: Final = 0.050
FAST_HOP_S: Final = 0.010
FAST_S: Final = 0.125

Samples = npt.NDArray[np.float32]
Levels = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Curve:
    """A level over time.

    Attributes:
        at_s: the end of each window, so that no value knows of sound that comes after its time.
        level_db: the levels; -inf for digital silence.
    """

    at_s: Levels
    level_db: Levels


@dataclass(frozen=True, slots=True)
class Rise:
    """The fastest rise: its slope, when it had happened, and between which levels."""

    db_per_s: float
    at_s: float
    from_db: float
    to_db: float


@dataclass(frozen=True, slots=True)
class Click:
    """A kink in the waveform, ``ratio`` times as sharp as the waveform around it usually is."""

    at_s: float
    size: float
    ratio: float


@dataclass(frozen=True, slots=True)
class Gap:
    """Near-silence between sound."""

    at_s: float
    length_s: float


@dataclass(frozen=True, slots=True)
class Ending:
    """How the sound ends.

    Attributes:
        silent_from_s: no sample from here on is digital sound.
        quiet_from_s: no sample from here on is louder than 60 dB below the programme's peak.
        last_db: the peak of the last 5 ms of sound, in dB re the programme's peak; above -60 it was a cut.
    """

    silent_from_s: float
    quiet_from_s: float
    last_db: float


def box_level(samples: Samples, box_s: float = BOX_S, hop_s: float = HOP_S) -> Curve:
    """Mean square over a sliding box of 50 ms, every 5 ms."""
    power = np.concatenate([[0.0], np.cumsum(_power(samples))])
    box, hop = round(box_s * RATE_HZ), round(hop_s * RATE_HZ)
    ends = np.arange(box, len(power), hop)
    # the sum runs up over the whole recording, so a difference below its rounding error is digital silence
    mean = (power[ends] - power[ends - box]) / box
    mean[mean < power[-1] * 1e-15] = 0.0
    return Curve(ends / RATE_HZ, _to_db(mean))


def fast_level(samples: Samples) -> Curve:
    """Time weighting F: mean squares of 10 ms, exponentially averaged with 125 ms, starting at silence (IEC 61672)."""
    hop = round(FAST_HOP_S * RATE_HZ)
    hops = len(samples) // hop
    at_s: Any = np.arange(1, hops + 1) * FAST_HOP_S
    power = _power(samples)[: hops * hop].reshape(hops, hop).mean(axis=1)
    keep = math.exp(-FAST_HOP_S / FAST_S)
    level: Levels = np.empty(hops)
    state = 0.0
    for number, value in enumerate(power):
        state = keep * state + (1.0 - keep) * float(value)
        level[number] = state
    return Curve(at_s, _to_db(level))


def fastest_rise(samples: Samples, floor_db: float, over_s: float = 0.1) -> Rise:
    """The steepest rise of the 50 ms level between two instants ``over_s`` apart.

    What lies below ``floor_db`` counts as the floor: a fade may start at once 60 dB below its target. Give a floor 1 dB
    above that start, or the box that is half full at the start counts as part of the rise. A step of x dB shows as
    x / over_s, so 6 dB/s with the allowed steps of 0.1 dB stays below 7, and a step of 1 dB does not. The ripple of a
    steady tone of 200 Hz or more stays below 1 dB/s.
    """
    curve = box_level(samples)
    level_db = np.maximum(curve.level_db, floor_db)
    steps = round(over_s / HOP_S)
    if len(level_db) <= steps:
        raise ValueError(f"a recording of {len(samples) / RATE_HZ:.3f} s is too short to rise over {over_s:g} s")
    rises_db = level_db[steps:] - level_db[:-steps]
    top = int(np.argmax(rises_db))
    return Rise(
        db_per_s=float(rises_db[top]) / over_s,
        at_s=float(curve.at_s[top + steps]),
        from_db=float(level_db[top]),
        to_db=float(level_db[top + steps]),
    )


def clicks(samples: Samples, ratio: float = 8.0, smallest: float = 3.2e-5) -> tuple[Click, ...]:
    """Places where the second difference stands out of its local median (30 ms), worst of each 5 ms, in time order.

    A pure tone has a largest second difference of 1.4 times its median, white noise of 7 times. Kinks smaller than
    ``smallest`` (by default -90 dBFS) are not heard and not counted; give 1.1e-3 of the programme's peak where the
    sound may end 60 dB below it at once. At 220 Hz a step of 0.1 dB at the crest is found, at 1 kHz one of 1 dB.
    """
    sharpness = np.abs(np.diff(samples.astype(np.float64), n=2, axis=0)).max(axis=1)
    around = np.maximum(_local_median(sharpness, round(0.010 * RATE_HZ)), smallest / ratio)
    found: list[Click] = []
    for index in np.flatnonzero(sharpness > ratio * around):
        click = Click(float(index + 1) / RATE_HZ, float(sharpness[index]), float(sharpness[index] / around[index]))
        if found and click.at_s - found[-1].at_s < 0.005:
            found[-1] = max(found[-1], click, key=lambda one: one.ratio)
        else:
            found.append(click)
    return tuple(found)


def gaps(samples: Samples, longer_than_s: float = 0.005, below_db: float = -80.0) -> tuple[Gap, ...]:
    """Runs of more than 5 ms without a sample above ``below_db`` re full scale, between the first and last sound."""
    loud = np.flatnonzero(_peaks(samples) > 10.0 ** (below_db / 20.0))
    quiet_frames = np.diff(loud) - 1
    return tuple(
        Gap(float(loud[at] + 1) / RATE_HZ, float(quiet_frames[at]) / RATE_HZ)
        for at in np.flatnonzero(quiet_frames > longer_than_s * RATE_HZ)
    )


def ending(samples: Samples, programme_peak: float) -> Ending:
    """How the sound ends, against the largest amplitude that the programme normally reaches."""
    peaks = _peaks(samples)
    silent_from = _end_of(peaks > 0.0)
    last = peaks[max(0, silent_from - round(0.005 * RATE_HZ)) : silent_from]
    last_peak = float(last.max()) if len(last) else 0.0
    return Ending(
        silent_from_s=silent_from / RATE_HZ,
        quiet_from_s=_end_of(peaks > programme_peak * 1e-3) / RATE_HZ,
        last_db=20.0 * math.log10(last_peak / programme_peak) if last_peak > 0.0 else -math.inf,
    )


def beginning_s(samples: Samples, above_db: float = -100.0) -> float:
    """When the first sample exceeds ``above_db`` re full scale; inf when none does."""
    loud = np.flatnonzero(_peaks(samples) > 10.0 ** (above_db / 20.0))
    return float(loud[0]) / RATE_HZ if len(loud) else math.inf


def _power(samples: Samples) -> Levels:
    squares: Levels = np.square(samples.astype(np.float64)).mean(axis=1)
    return squares


def _peaks(samples: Samples) -> Samples:
    peaks: Samples = np.abs(samples).max(axis=1, initial=0.0)
    return peaks


def _to_db(power: Any) -> Levels:
    with np.errstate(divide="ignore"):
        level_db: Levels = 10.0 * np.log10(power)
    return level_db


def _end_of(is_sound: npt.NDArray[np.bool_]) -> int:
    """The first frame behind the last sound; 0 when there is none."""
    sounding = np.flatnonzero(is_sound)
    return int(sounding[-1]) + 1 if len(sounding) else 0


def _local_median(values: Levels, block: int) -> Levels:
    """The median of the block that a value is in and of both its neighbours: of 3 blocks."""
    count = -(-len(values) // block)
    padded = np.full((count + 2) * block, np.nan)
    padded[block : block + len(values)] = values
    windows: Any = np.lib.stride_tricks.sliding_window_view(padded, 3 * block)[::block]
    return np.repeat(np.nanmedian(windows, axis=1), block)[: len(values)]
