"""Loudness of a whole track from its K-weighted hop powers: I, LRA, the largest M and S, and I', which one loud event
does not move. Pure functions, on the thread that measures; all values are powers, see
`player.audio.dsp.hearing.to_lufs`.

I and LRA are those of EBU R 128 (Tech 3341, Tech 3342); M and S are looked at every 5 ms.

I' is gated from both sides. Of the 400 ms blocks above -70 LUFS, those more than 8 LU over the median are left out,
but at most a quarter of all, the loudest; then the gate of R 128 follows. So a scream of seconds in a whisper of
minutes does not count, and the loud half of a track does: a quarter is the border between an event and a part of the
programme.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt

from player.audio.dsp.hearing import HOP_S, to_lufs, to_power

Powers: TypeAlias = npt.NDArray[np.float32]
"""K-weighted powers of 5 ms hops, summed over the channels: shape (hops,)."""
Doubles: TypeAlias = npt.NDArray[np.float64]

STEP_HOPS: Final = round(0.1 / HOP_S)
MOMENTARY_HOPS: Final = round(0.4 / HOP_S)
SHORT_HOPS: Final = round(3.0 / HOP_S)
PIECE_HOPS: Final = round(600.0 / HOP_S)
"""Hops that are processed at once."""
EVENT_SHARE: Final = 0.25
"""Sound that takes a smaller share of a track is an event; otherwise it belongs to the programme."""
_ABSOLUTE: Final = to_power(-70.0)
_EVENT: Final = 10.0**0.8
"""8 LU."""


@dataclass(frozen=True, slots=True)
class Loudness:
    """Powers of a track, and its range; 0 where nothing could be heard.

    Attributes:
        integrated: I.
        programme: I'.
        range_lu: LRA.
        max_momentary: largest M.
        max_short: largest S.
        steps: mean of each whole 0.1 s.
    """

    integrated: float
    programme: float
    range_lu: float
    max_momentary: float
    max_short: float
    steps: Doubles


def measure_loudness(powers: Powers) -> Loudness:
    """All of it, in pieces."""
    whole = len(powers) // STEP_HOPS * STEP_HOPS
    steps: Doubles = powers[:whole].reshape(-1, STEP_HOPS).mean(axis=1, dtype=np.float64)
    blocks = running_mean(steps, MOMENTARY_HOPS // STEP_HOPS)
    return Loudness(
        integrated=gated(blocks[blocks > _ABSOLUTE]),
        programme=programme(blocks),
        range_lu=loudness_range(running_mean(steps, SHORT_HOPS // STEP_HOPS)),
        max_momentary=largest_mean(powers, MOMENTARY_HOPS),
        max_short=largest_mean(powers, SHORT_HOPS),
        steps=steps,
    )


def running_mean(values: npt.NDArray[np.floating], width: int) -> Doubles:
    """Mean of each ``width`` neighbouring values; empty where there are fewer. Powers: never below 0."""
    if len(values) < width:
        return np.zeros(0)
    sums = np.concatenate(([0.0], np.cumsum(values, dtype=np.float64)))
    means: Doubles = np.maximum(sums[width:] - sums[:-width], 0.0) / width
    return means


def pieces(powers: Powers, before: int) -> Iterator[tuple[int, Powers]]:
    """The powers in pieces, each with ``before`` hops of what came before it (zeros at first), and where it begins."""
    for start in range(0, len(powers), PIECE_HOPS):
        lead = powers[max(0, start - before) : start]
        zeros = np.zeros(before - len(lead), np.float32)
        yield start, np.concatenate((zeros, lead, powers[start : start + PIECE_HOPS]))


def largest_mean(powers: Powers, width: int) -> float:
    """The largest mean of a window; silence stands before the track."""
    return max((float(running_mean(piece, width).max()) for _, piece in pieces(powers, width - 1)), default=0.0)


def gated(blocks: Doubles) -> float:
    """Mean of the blocks within 10 LU of the mean of all."""
    return float(blocks[blocks > 0.1 * blocks.mean()].mean()) if len(blocks) else 0.0


def programme(blocks: Doubles) -> float:
    """I' of 400 ms blocks that overlap by three quarters."""
    heard = np.sort(blocks[blocks > _ABSOLUTE])
    if not len(heard):
        return 0.0
    events = len(heard) - int(np.searchsorted(heard, np.median(heard) * _EVENT))
    return gated(heard[: len(heard) - min(events, int(len(heard) * EVENT_SHARE))])


def loudness_range(shorts: Doubles) -> float:
    """LRA of short-term powers (EBU Tech 3342): from the 10th to the 95th percentile above the gates."""
    heard = shorts[shorts > _ABSOLUTE]
    if not len(heard):
        return 0.0
    heard = heard[heard > 0.01 * heard.mean()]
    low, high = np.percentile(heard, (10.0, 95.0))
    return to_lufs(float(high)) - to_lufs(float(low))
