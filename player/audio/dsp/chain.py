"""The stages after the mixer and their order.

Runs on the engine thread. The stages, in order, with the reason for each:

1. the *high-pass* removes DC: a constant is not audible, but its steps are;
2. the *ramp* applies the volume. It comes before the guard, because the guard judges what is heard, and that includes
   a rising volume;
3. *declick* replaces single samples that stand out;
4. the *guard* lowers sounds that newly stand out;
5. the *limiter* keeps peaks below the ceiling; no later stage can raise a level;
6. the *check* and the *output meter* verify the result independently of the stages.

The first four work in hops of 5 ms and chunks of ten hops; a block consists of whole chunks.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from player.audio.dsp.calm import CalmChain, Stages, StandingVolume
from player.audio.dsp.declick import Declick
from player.audio.dsp.gain import applied, let_down
from player.audio.dsp.guard import Guard
from player.audio.dsp.guard_bounds import FREE_RISE, Volumes
from player.audio.dsp.hearing import CHUNK_FRAMES, FAST_S, HOP_FRAMES
from player.audio.dsp.highpass import HighPass
from player.audio.dsp.level_meter import LevelMeter
from player.audio.dsp.limiter import Limiter
from player.audio.dsp.native import Kernel
from player.audio.dsp.output_meter import BrokenClause, OutputMeter
from player.audio.dsp.ramp import Ramp
from player.audio.dsp.types import Block, MakePowerMeter
from player.core.limits import FADE_DEPTH_DB, FAULT_LEVEL
from player.core.units import SILENCE_DB, db_to_gain, to_frames, to_seconds

MOST: Final = 96 * FAULT_LEVEL
"""A mixture of three sanitised decks in each of three layers, with gains of at most +20 dB, stays below this."""
_LATE_HOPS: Final = Declick.latency_frames // HOP_FRAMES
"""Hops by which the guard receives the sound later than the ramp."""
_STANDS: Final = [FREE_RISE] * _LATE_HOPS
"""`Volumes.left` of these hops when the volume has been constant."""
_LET_GO: Final = let_down(HOP_FRAMES)
_SET_IN: Final = _LET_GO[::-1].copy()
"""Fades of 5 ms to silence and from silence; neither is heard as a click."""
FAST_FALL_DB_PER_S: Final = 10.0 * math.log10(math.e) / FAST_S
"""How fast the F-weighted level falls in silence: 34.7 dB/s."""


class Chain:
    """The stages in order; silent until the ramp is given a target.

    Args:
        ceiling_dbtp: no true peak above this leaves; at most -1.
        target_lufs: the programme target; C3 and the floor of the guard depend on it.
        make_power_meter: makes meters of K-weighted power, one for the guard, one for the output meter.
        native: the native kernel, which the stages use where they can.

    Attributes:
        latency_frames: frames by which the output is later than the input.
        faults: how often the check rejected a block; more than 0 means a bug in a stage or in its input.
        broken: the clause that the last block would have broken; that block was muted, and the chain is now silent.
    """

    def __init__(
        self, ceiling_dbtp: float, target_lufs: float, make_power_meter: MakePowerMeter, native: Kernel | None = None
    ) -> None:
        self.guard = Guard(make_power_meter, target_lufs, native)
        self.limiter = Limiter(ceiling_dbtp)
        self.declick = Declick(native)
        late = (Declick, self.guard, self.limiter)
        self.latency_frames = sum(stage.latency_frames for stage in late)
        self.ramp = Ramp(settle_frames=self.latency_frames)
        self.meter = LevelMeter()
        self.faults = 0
        self.broken: BrokenClause | None = None
        self._highpass = HighPass(native)
        self._output_meter = OutputMeter(make_power_meter, target_lufs, native)
        self._room = 0.0
        self._sets_in = False
        self._left = _STANDS
        stages = Stages(self._highpass, self.declick, self.guard, self.limiter, self._output_meter)
        self._calm = None if native is None else CalmChain(native, stages, MOST)

    def set_target(
        self, target_lufs: float, habitual_lufs: float | None = None, known_lufs: float | None = None
    ) -> None:
        """Set, from the next block on: the target, and the habitual and the highest level of the current sound."""
        self.guard.set_target(target_lufs, habitual_lufs, known_lufs)
        self._output_meter.target_lufs = target_lufs

    def process(self, mixed: Block, *, may_rise: bool = True, is_deck_rising: bool = False) -> Block:
        """The block as it goes to the device: shape (frames, 2), finite, nowhere above the ceiling.

        It must consist of whole chunks, so that the output does not depend on how the sound is cut into blocks. Without
        ``may_rise`` a rising ramp pauses for this block, because a deck rises in it. While ``is_deck_rising``, the
        licence does not.

        Raises:
            ValueError: the block does not consist of whole chunks.
        """
        if len(mixed) % CHUNK_FRAMES:
            raise ValueError(f"a block has whole chunks of {CHUNK_FRAMES} frames, not {len(mixed)}")
        self.broken = None
        self.guard.is_deck_rising = is_deck_rising
        if self._calm is not None and (calm := self._while_calm(self._calm, mixed)) is not None:
            return calm
        if len(mixed) == 0 or not self._is_fit(mixed, MOST):
            return np.zeros_like(mixed)
        former = self.guard.licence.value
        guarded, full = self._guarded(mixed, moves=may_rise or not self.ramp.is_rising)
        out = self.limiter.process(guarded)
        if not self._is_fit(out, self.limiter.bound):
            return np.zeros_like(out)
        self._output_meter.known = max(former, self.guard.licence.value)
        self.broken = self._output_meter.measure(out, full, self._room)
        if self.broken is not None:
            out = _let_go(out)
            self.hush()
            self.forget()
        self.meter.measure(out)
        return out

    def _while_calm(self, calm: CalmChain, mixed: Block) -> Block | None:
        """The block from the fast path, if it is calm; otherwise None."""
        ramp = self.ramp
        is_moving = ramp.is_moving or self.guard.is_deck_rising
        if is_moving or ramp.target_db == SILENCE_DB or self._sets_in or self._left != _STANDS:
            calm.take_back()
            return None
        full = _power(ramp.target_db)
        self._room = min(self._room or full, full)
        out = calm.process(mixed, StandingVolume(ramp.target_gain, full, self._room))
        if out is not None:
            self.meter.add(out, calm.energy, calm.peak)
        return out

    def _take_back(self) -> None:
        if self._calm is not None:
            self._calm.take_back()

    def rest(self, frames: int) -> None:
        """Account for frames of silence that are played without passing through the chain."""
        self._take_back()
        self.guard.rest(frames // HOP_FRAMES)
        self._output_meter.rest(frames // HOP_FRAMES)
        self.meter.rest(frames)

    def forget(self) -> None:
        """Forget all earlier sound, after a silence of unknown length: nothing is familiar any more."""
        self._take_back()
        self.guard.forget()
        self._output_meter.forget()

    def hush(self) -> None:
        """Be silent from the next frame on, and drop the audio that is held back.

        Only after the device lost samples or a stage failed. Sound returns by a ramp.
        """
        self._reset()
        self.meter.reset()
        self.ramp.hush()

    def come_back(self, gap_s: float) -> float:
        """Continue after a gap of ``gap_s`` seconds at the device, at the level to which the fast level has fallen.

        The fast level falls by 35 dB a second in silence. A sound that starts at that level does not raise it, so it is
        not an onset. From there the ramp rises as usual. Returns by how many dB the ramp was lowered; if that is its
        whole depth, the ramp is at silence and waits for a target.
        """
        fall_db = (gap_s + to_seconds(self.latency_frames)) * FAST_FALL_DB_PER_S
        if fall_db >= FADE_DEPTH_DB:
            self.hush()
            return FADE_DEPTH_DB
        self._reset()
        self.meter.rest(to_frames(gap_s))
        self.ramp.fall_back(fall_db)
        self._sets_in = True
        return fall_db

    def _reset(self) -> None:
        self._take_back()
        self._highpass.reset()
        self.declick.reset()
        self.guard.reset()
        self.limiter.reset()

    def _guarded(self, hops: Block, *, moves: bool) -> tuple[Block, float]:
        """Whole chunks after the guard, and the volume that counts as full (power gain)."""
        clean = self._highpass.process(hops)
        volumes = self._volumes(len(hops) // HOP_FRAMES, moves=moves)
        loud = self.ramp.process(clean) if moves else self.ramp.wait(clean)
        if self._sets_in:
            self._sets_in = False
            loud = np.concatenate((applied(loud[:HOP_FRAMES], _SET_IN), loud[HOP_FRAMES:]))
        return self.guard.process(self.declick.process(loud), volumes), max(volumes.full)

    def _volumes(self, hops: int, *, moves: bool) -> Volumes:
        """The volumes of the next hops, for the guard."""
        ramp, full, low, left = self.ramp, [], [], self._left.copy()
        target, former = _power(ramp.target_db), _power(ramp.level_db)
        if left == _STANDS and not (moves and ramp.is_moving):
            if former == 0.0:
                self._room = 0.0
            elif target > 0.0:
                self._room = min(self._room or target, target)
            return Volumes([max(former, target)] * hops, [self._room] * hops, [FREE_RISE] * hops)
        for hop in range(1, hops + 1):
            level = _power(ramp.level_ahead_db(hop * HOP_FRAMES) if moves else ramp.level_db)
            if level == 0.0:
                self._room = 0.0
            elif target > 0.0:
                self._room = min(self._room or target, target)
            full.append(max(level, target))
            low.append(self._room)
            left.append(max(1.0, FREE_RISE * former / level) if level > former else FREE_RISE)
            former = level
        self._left = left[hops:]
        return Volumes(full, low, [min(left[hop : hop + _LATE_HOPS + 1]) for hop in range(hops)])

    def _is_fit(self, block: Block, most: float) -> bool:
        """Whether all samples are finite and at most ``most``; if not, go silent (C5). NaN fails both comparisons."""
        if len(block) == 0 or (block.max() <= most and block.min() >= -most):
            return True
        self.faults += 1
        self.hush()
        return False


def _power(level_db: float) -> float:
    return db_to_gain(level_db) ** 2 if level_db > SILENCE_DB else 0.0


def _let_go(block: Block) -> Block:
    """The block with its first 5 ms faded out, and silence after that."""
    out = np.zeros_like(block)
    frames = min(len(block), HOP_FRAMES)
    out[:frames] = applied(block[:frames], _LET_GO[:frames])
    return out
