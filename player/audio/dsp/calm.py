"""The fast path of the chain: processes a calm block in one call into C.

Runs on the engine thread. A block is calm when the volume is constant, no sound has to be lowered and no peak is near
the ceiling; most blocks of a night are. For such blocks the stages are Python around a few loops in C, and with cold
caches the Python costs several times as much as the C. Therefore the stages lend their state to the kernel (calm.c),
which processes whole blocks. If a block is not calm, the kernel changes nothing; the stages take their state back and
process the block in the normal way.

Lent state must not be read before `take_back`.
"""

from __future__ import annotations

import ctypes
from ctypes import c_double, c_size_t, c_void_p
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from player.audio.dsp.declick import ALONE, SMALL, Declick
from player.audio.dsp.guard import Guard
from player.audio.dsp.hearing import CHUNK_FRAMES, FAMILIAR_CHUNKS, HOP_FRAMES
from player.audio.dsp.highpass import HOP_KEEP, STILL, HighPass
from player.audio.dsp.licence import ABOVE, RISE, SILENT, STEADY_CHUNKS
from player.audio.dsp.limiter import Limiter
from player.audio.dsp.native import Kernel, place_of
from player.audio.dsp.output_meter import MOMENTARY_ROOM, NOTICED, SHORT_TERM_ROOM, OutputMeter
from player.audio.dsp.startle import BOX_OVER_FAST
from player.audio.dsp.types import Block

MOST_FRAMES: Final = 8 * CHUNK_FRAMES
"""Longer blocks are processed by the stages; the same limit as in calm.c."""
_MOST_LOGGED: Final = 2_000
"""Hops: after 10 s the stages take their state back and lend it again."""
_MOST_SKIPPED: Final = 15
"""Maximum number of blocks for which the fast path is not tried after blocks that were not calm."""
_POINTERS: Final = (
    "mean", "weights", "falling", "declick_late", "guard_late", "limiter_late", "window", "curve", "guard_meter",
    "output_meter", "heard", "familiar", "hop_powers", "peaks", "momentary", "short_term", "guard", "licence",
    "licence_boxes", "judge_heard", "judge_familiar", "judge", "clause_powers", "clause_full", "powers", "boxes",
)  # fmt: skip
_NUMBERS: Final = (
    "hop_keep", "still", "most", "volume", "alone", "small", "loudest", "full", "reached", "licence_rise",
    "licence_above", "steady_chunks", "silent", "forgotten_chunks", "known_share", "box_over_fast", "noticed", "target",
    "momentary_room", "short_term_room", "is_steady_for", "is_silent_for", "licence_value", "late_peak", "energy",
    "peak",
)  # fmt: skip


class _Lent(ctypes.Structure):
    """`struct calm` of calm.c."""

    _fields_ = [
        *((name, c_void_p) for name in _POINTERS),
        *((name, c_double) for name in _NUMBERS),
        ("logged", c_size_t),
        ("most_logged", c_size_t),
    ]


@dataclass(frozen=True, slots=True)
class Stages:
    """The stages that lend their state."""

    highpass: HighPass
    declick: Declick
    guard: Guard
    limiter: Limiter
    output_meter: OutputMeter


@dataclass(frozen=True, slots=True)
class StandingVolume:
    """A constant volume: its gain, its power gain, and the lowest power gain since silence (above 0)."""

    gain: float
    full: float
    low: float


class CalmChain:
    """Runs the fast path: lends the state of the stages to the kernel and takes it back.

    Args:
        most: largest magnitude that an input sample may have.

    Attributes:
        energy: the sum of the squares of the last output block.
        peak: the largest magnitude in it.
    """

    def __init__(self, kernel: Kernel, stages: Stages, most: float) -> None:
        self.energy = self.peak = 0.0
        self._kernel = kernel
        self._stages = stages
        self._most = most
        self._terms: tuple[object, ...] | None = None
        self._skip = self._skipped = 0
        self._kept: dict[str, Any] = {}
        self._lent = _Lent()
        self._log = np.zeros((2, _MOST_LOGGED))
        behind = Declick.latency_frames
        self._window = np.zeros((behind + MOST_FRAMES, 2), np.float32)
        self._curve = np.zeros(behind + MOST_FRAMES, np.float32)

    def process(self, mixed: Block, volume: StandingVolume) -> Block | None:
        """The same output as `Chain.process` if the block is calm; otherwise None, and then no state is lent."""
        stages = self._stages
        if self._skip > 0:
            self._skip -= 1
            return None
        terms = (volume, stages.guard.terms, stages.limiter.terms, stages.output_meter.target_lufs)
        if terms != self._terms:
            self.take_back()
            if not self._lend(volume):
                self._wait_longer()
                return None
            self._terms = terms
        out = self._kernel.calm_chain(self._lent, mixed)
        if out is None:
            is_log_full = self._lent.logged > max(0, _MOST_LOGGED - len(mixed) // HOP_FRAMES)
            self.take_back()
            if is_log_full:
                return self.process(mixed, volume)
            self._wait_longer()
            return None
        self._skipped = 0
        self.energy, self.peak = self._lent.energy, self._lent.peak
        return out

    def _wait_longer(self) -> None:
        """Skip more blocks before the next attempt, because an attempt costs as much as a stage."""
        self._skip = self._skipped
        self._skipped = min(2 * self._skipped + 1, _MOST_SKIPPED)

    def take_back(self) -> None:
        """Give all lent state back to the stages."""
        if self._terms is None:
            return
        self._terms = None
        lent, stages = self._lent, self._stages
        powers, boxes = self._log[:, : lent.logged].tolist()
        stages.declick.take_back(len(powers))
        stages.guard.take_back(len(powers))
        licence = stages.guard.licence
        licence.value, licence.steady_chunks = lent.licence_value, int(lent.is_steady_for)
        licence.silent_chunks = int(lent.is_silent_for)
        stages.limiter.take_back(lent.late_peak)
        stages.output_meter.take_back(powers, boxes)

    def _lend(self, volume: StandingVolume) -> bool:
        """Lend the state of all stages; False if one of them is not calm."""
        stages, lent = self._stages, self._lent
        loans = (stages.guard.lend(volume.full, volume.low), stages.output_meter.lend(volume.low))
        if not stages.limiter.is_clear or None in loans:
            return False
        arrays: dict[str, Any] = {name: array for loan in loans if loan is not None for name, array in loan.items()}
        arrays |= {"mean": stages.highpass.means, "weights": stages.highpass.curves[0]}
        arrays |= {"falling": stages.highpass.curves[1]}
        arrays |= {"declick_late": stages.declick.lend(), "limiter_late": stages.limiter.lend()}
        arrays |= {"window": self._window, "curve": self._curve, "powers": self._log[0], "boxes": self._log[1]}
        self._kept = arrays  # a stage that is reset creates new arrays; these are written until `take_back`
        for name in _POINTERS:
            setattr(lent, name, place_of(arrays[name]))
        lent.hop_keep, lent.still, lent.most, lent.volume = HOP_KEEP, STILL, self._most, volume.gain
        lent.alone, lent.small, lent.loudest = ALONE, SMALL, stages.limiter.clear_up_to
        lent.full, lent.licence_rise, lent.licence_above = volume.full, RISE, ABOVE
        lent.steady_chunks, lent.silent, lent.forgotten_chunks = STEADY_CHUNKS, SILENT, FAMILIAR_CHUNKS
        licence = stages.guard.licence
        lent.reached, lent.licence_value = stages.guard.reached(volume.low), licence.value
        lent.is_steady_for, lent.is_silent_for = licence.steady_chunks, licence.silent_chunks
        lent.known_share = max(1.0, volume.full / max(volume.low, 1e-12))
        lent.box_over_fast, lent.noticed = BOX_OVER_FAST, NOTICED
        lent.target = stages.output_meter.target
        lent.momentary_room, lent.short_term_room = MOMENTARY_ROOM, SHORT_TERM_ROOM
        lent.late_peak, lent.logged, lent.most_logged = stages.limiter.late_peak, 0, _MOST_LOGGED
        return True
