"""What a listener hears and is used to, computed hop by hop: the quantities of docs/never-startle.md.

Runs on the thread that owns the object. The input is K-weighted powers of 5 ms hops; it keeps, all as powers:

- ``fast``, E: the F-weighted level of ISO/PAS 1996-3, an exponential mean of 125 ms;
- ``box``, R: the plain mean of the last 50 ms, in which a short burst cannot hide;
- ``background``, B: the mean over 10 s of min(E, B + 10 dB); time without sound counts as silence;
- ``familiar``, H: the largest E of the last 30 s without the last half second;
- ``usual``, Q: the level that R exceeded for a tenth of the last 5 s. The ear is used to the peaks of taps, not to the
  pauses;
- ``chunk_fast``: the largest E of the last whole chunk of 50 ms.

B, H and Q are updated every 50 ms. For that reason H leaves out up to 50 ms more than half a second, so it is never
higher than by the definition.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from functools import reduce
from operator import add
from typing import Final

import numpy as np
import numpy.typing as npt

from player.core.units import RATE_HZ, SILENCE_DB

HOP_FRAMES: Final = RATE_HZ // 200
"""5 ms."""
HOP_S: Final = HOP_FRAMES / RATE_HZ
CHUNK_HOPS: Final = 10
CHUNK_S: Final = CHUNK_HOPS * HOP_S
CHUNK_FRAMES: Final = CHUNK_HOPS * HOP_FRAMES
FAST_S: Final = 0.125
"""The time constant of the F weighting."""
FAST_KEEP: Final = math.exp(-HOP_S / FAST_S)
FAST_TAKE: Final = 1.0 - FAST_KEEP
BACKGROUND_CHUNKS: Final = round(10.0 / CHUNK_S)
FAMILIAR_CHUNKS: Final = round(30.0 / CHUNK_S)
RECENT_CHUNKS: Final = round(0.5 / CHUNK_S)
USUAL_HOPS: Final = round(5.0 / HOP_S)
USUAL_RANK: Final = USUAL_HOPS - USUAL_HOPS // 10 - 1
BACKGROUND_ROOM: Final = 10.0
"""10 dB: for B, a level further above the background counts as this."""
_FAMILIAR_HEAD: Final = 3
_HEARING_HEAD: Final = 9
_TINY: Final = 1e-12
"""-120 dB, far below any room."""


def to_lufs(power: float) -> float:
    """Level in LUFS of a K-weighted power that is summed over the channels; -inf for 0."""
    return 10.0 * math.log10(power) - 0.691 if power > 0.0 else SILENCE_DB


def to_power(level_lufs: float) -> float:
    """The power of a level in LUFS; 0 for -inf."""
    return math.pow(10.0, (level_lufs + 0.691) / 10.0)


def added(powers: Iterable[float]) -> float:
    """The sum, added one by one as in kernel.c: since Python 3.12 the built-in `sum` compensates for rounding."""
    return reduce(add, powers, 0.0)


class Familiar:
    """The largest value of the last 30 s, or of ``chunks`` chunks of 50 ms, without the last half second.

    Attributes:
        value: that value.
        state: float64, for kernel.c, which may update it instead of `push`: `value` and the count of chunks (valid
            between `save` and `load`), the number of maxima, the last half second, the maxima.
    """

    def __init__(self, chunks: int = FAMILIAR_CHUNKS) -> None:
        self.value = 0.0
        self.state = np.zeros(_FAMILIAR_HEAD + chunks)
        self.state[2] = chunks - RECENT_CHUNKS
        self._recent = self.state[_FAMILIAR_HEAD : _FAMILIAR_HEAD + RECENT_CHUNKS]
        self._maxima = self.state[_FAMILIAR_HEAD + RECENT_CHUNKS :]
        self._chunks = 0

    def push(self, largest: float) -> None:
        """Add the largest value of one more chunk."""
        at, recent_at = self._chunks % len(self._maxima), self._chunks % RECENT_CHUNKS
        left, came = self._maxima.item(at), self._recent.item(recent_at)
        self._maxima[at], self._recent[recent_at] = came, largest
        self._chunks += 1
        if came >= self.value:
            self.value = came
        elif left == self.value:
            self.value = float(self._maxima.max())

    def save(self) -> None:
        """Copy the other attributes into `state`."""
        self.state[0], self.state[1] = self.value, self._chunks

    def load(self) -> None:
        """Copy them back from `state`."""
        self.value, self._chunks = self.state.item(0), int(self.state[1])


class Hearing:
    """The quantities after the last hop that was pushed; all 0 at first, as after a long silence.

    Attributes:
        state: float64, for kernel.c, which may process whole chunks instead of `push_many`: scalars and the last
            chunk (valid between `save` and `load`), the sums for B, the boxes for Q.
        familiar_state: the same for H.
    """

    def __init__(self) -> None:
        self.fast = 0.0
        self.background = 0.0
        self.usual = 0.0
        self.chunk_fast = 0.0
        self._familiar = Familiar()
        self._former = [0.0] * CHUNK_HOPS
        self._hops: list[float] = []
        self._box_sum = 0.0
        self._box_sums: list[float] = []
        self._most = _TINY
        self._chunk_sum = 0.0
        self._chunk_max = 0.0
        first, last = _HEARING_HEAD + CHUNK_HOPS, _HEARING_HEAD + CHUNK_HOPS + BACKGROUND_CHUNKS
        self.state = np.zeros(last + USUAL_HOPS)
        self._sums, self._boxes = self.state[first:last], self.state[last:]
        self._chunks = 0

    @property
    def familiar_state(self) -> npt.NDArray[np.float64]:
        """The state of H, see `Familiar`."""
        return self._familiar.state

    def save(self) -> None:
        """Copy the other attributes into `state`; only where `hops_left` is a whole chunk."""
        self._familiar.save()
        self.state[: _HEARING_HEAD + CHUNK_HOPS] = (
            self.fast, self._box_sum, self._most, self.background, self.usual, self.chunk_fast, self._chunks,
            FAST_KEEP, FAST_TAKE, *self._former,
        )  # fmt: skip

    def load(self) -> None:
        """Copy them back from `state`."""
        self._familiar.load()
        fast, box_sum, most, background, usual, chunk_fast, chunks, _, _, *former = self.state[
            : _HEARING_HEAD + CHUNK_HOPS
        ].tolist()
        self.fast, self._box_sum, self._most, self.background, self.usual = fast, box_sum, most, background, usual
        self.chunk_fast, self._chunks, self._former = chunk_fast, int(chunks), former

    @property
    def box(self) -> float:
        """R."""
        return self._box_sum / CHUNK_HOPS

    @property
    def chunk_box(self) -> float:
        """The largest R of the last whole chunk of 50 ms."""
        first = (self._chunks - 1) * CHUNK_HOPS % USUAL_HOPS
        return float(self._boxes[first : first + CHUNK_HOPS].max()) / CHUNK_HOPS

    @property
    def familiar(self) -> float:
        """H."""
        return self._familiar.value

    @property
    def lowest(self) -> float:
        """The lowest mean of E in the last five chunks of 50 ms (as in B, at most 10 dB over it)."""
        last = [(self._chunks - number) % BACKGROUND_CHUNKS for number in range(1, 6)]
        return float(self._sums[last].min()) / CHUNK_HOPS

    def box_after(self, hops: int) -> list[float]:
        """Sums of the present powers that are still in the box after one more hop, after two, and so on."""
        at, left, sums = len(self._hops), self._box_sum, []
        for power in (self._former + self._hops)[at : at + hops]:
            left -= power
            sums.append(left)
        return sums

    def last_hops(self, hops: int) -> list[float]:
        """The powers of the last ``hops`` hops, at most ten."""
        return (self._former + self._hops)[-hops:]

    @property
    def hops_left(self) -> int:
        """Hops until B, H and Q change."""
        return CHUNK_HOPS - len(self._hops)

    def push(self, power: float) -> None:
        """Add the power of one more hop."""
        self.push_many((power,))

    def boxes(self, hops: int) -> list[float]:
        """R after each of the last ``hops`` hops; at most those since the last change of B, H and Q."""
        return [total / CHUNK_HOPS for total in self._box_sums[len(self._box_sums) - hops :]]

    def push_many(self, powers: Sequence[float]) -> list[float]:
        """Add at most `hops_left` more hops; returns E after each of them."""
        fast, box_sum, most, fasts = self.fast, self._box_sum, self._most, []
        hops, sums, former = self._hops, self._box_sums, self._former
        chunk_sum, chunk_max = self._chunk_sum, self._chunk_max
        for power in powers:
            fast = FAST_KEEP * fast + FAST_TAKE * power
            box_sum += power - former[len(hops)]
            hops.append(power)
            sums.append(box_sum)
            chunk_sum += fast if fast < most else most
            chunk_max = fast if fast > chunk_max else chunk_max
            fasts.append(fast)
        self.fast, self._box_sum = fast, box_sum
        self._chunk_sum, self._chunk_max = chunk_sum, chunk_max
        if len(hops) == CHUNK_HOPS:
            self._end_chunk()
        return fasts

    def _end_chunk(self) -> None:
        at = self._chunks
        self._chunks += 1
        self._sums[at % BACKGROUND_CHUNKS] = self._chunk_sum
        self.background = float(self._sums.sum()) / (BACKGROUND_CHUNKS * CHUNK_HOPS)
        self._most = self.background * BACKGROUND_ROOM + _TINY
        self.chunk_fast = self._chunk_max
        self._familiar.push(self._chunk_max)
        first = at * CHUNK_HOPS % USUAL_HOPS
        self._boxes[first : first + CHUNK_HOPS] = self._box_sums
        self.usual = float(np.partition(self._boxes, USUAL_RANK)[USUAL_RANK]) / CHUNK_HOPS
        self._former, self._hops, self._box_sums = self._hops, [], []
        self._box_sum = added(self._former)  # each chunk starts without the rounding errors of the last one
        self._chunk_sum = self._chunk_max = 0.0
