"""The output meter: checks each block against the contract before it is played.

Runs on the engine thread, on the block that is about to be handed to the device. It is independent of the stages: it
has its own meter and judge. A block that would break a clause is not played; the chain mutes, the engine reports it,
and sound returns by a rise from silence. The check costs as much as the stages that it watches, and finds nothing as
long as these are correct.

C1 is judged with a tolerance of 1 dB; what stays below it is left to the examiner of a rehearsal, which has none.

C1b, a sudden rise whatever was loud before, is checked for planned sound that is more than 3 dB over the licence
(`player.audio.dsp.licence`), because in tracks without a plan habitual sounds rise like that all the time. Only then
the rise itself is computed (`player.audio.dsp.rises`, as in a rehearsal). Octaves and ears (C1d) are not judged here:
their spectra would cost three quarters of the whole chain, and whether a rise in an octave is habitual is known where
the track is planned and where a night is rehearsed, which judge with the same code.

Limitation: it works in whole hops; if the length of a block is not a multiple of 5 ms, the remainder is judged with the
next block.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from player.audio.dsp.hearing import CHUNK_HOPS, CHUNK_S, HOP_FRAMES, to_lufs, to_power
from player.audio.dsp.native import Kernel, KernelMeter
from player.audio.dsp.rises import MEMORY, NO_RISE_DB, RISE_DB, RiseMeter, rises_db
from player.audio.dsp.startle import NOTICED_DB, ROOM_BELOW_CALM_DB, Judge, Onset
from player.audio.dsp.types import Block, MakePowerMeter
from player.core.measurement import MOMENTARY_ROOM_LU, SHORT_TERM_ROOM_LU
from player.core.units import CHANNELS, gain_to_db

MOMENTARY_CHUNKS: Final = round(0.4 / CHUNK_S)
SHORT_TERM_CHUNKS: Final = round(3.0 / CHUNK_S)
_TOLERANCE_DB: Final = 1.0
"""Up to 0.5 dB more may leave than the guard counts: a gain that falls within a hop moves bass that K-weighting hides
to where it counts. (Measured on rumbling wind, 16 to 60 Hz, at a gain of +20 dB.) A silence there is worse."""
_PIECE_HOPS: Final = 50
"""Hops of the past that are kept in addition to those that a rise needs, so that the fast level settles."""


@dataclass(frozen=True, slots=True)
class BrokenClause:
    """A clause that a block would have broken, with the reason."""

    clause: str
    reason: str


class OutputMeter:
    """Judges the output.

    Args:
        make_power_meter: makes its own meter.
        target_lufs: the programme target at full volume.
        native: the native kernel, which processes calm chunks; None to work in Python.

    Attributes:
        known: the power that the fast level reaches at full volume as the leveller has planned it; 0: no plan.
    """

    def __init__(self, make_power_meter: MakePowerMeter, target_lufs: float, native: Kernel | None = None) -> None:
        self._kernel = native
        self._make_power_meter = make_power_meter
        self.target_lufs = target_lufs
        self.known = 0.0
        self.forget()

    def forget(self) -> None:
        """Forget all earlier sound."""
        self._meter = self._make_power_meter(HOP_FRAMES)
        self._judge = Judge(self.target_lufs - ROOM_BELOW_CALM_DB, self._kernel, _TOLERANCE_DB)
        self._rest: Block = np.zeros((0, CHANNELS), np.float32)
        self._chunk = 0.0
        self._hops = 0
        self._chunks = deque([0.0] * SHORT_TERM_CHUNKS, SHORT_TERM_CHUNKS)
        self._full = deque([0.0] * SHORT_TERM_CHUNKS, SHORT_TERM_CHUNKS)
        self._past: deque[list[float]] = deque()
        self._kept = 0

    @property
    def target(self) -> float:
        """The programme target as a power."""
        return to_power(self.target_lufs)

    def lend(self, room: float) -> dict[str, Any] | None:
        """The state that calm.c updates instead of `measure` until `take_back`, by its names there; None if impossible.

        Args:
            room: as in `measure`.
        """
        self._move_floor(room)
        if not isinstance(self._meter, KernelMeter) or self._hops > 0 or len(self._rest):
            return None
        judge = self._judge.lend()
        if judge is None:
            return None
        self._lent = np.array(self._chunks), np.array(self._full)
        return judge | {
            "output_meter": self._meter.state, "clause_powers": self._lent[0], "clause_full": self._lent[1],
        }  # fmt: skip

    def take_back(self, powers: list[float], boxes: list[float]) -> None:
        """Take the state back, with the powers of the hops that left meanwhile and the boxes of the judge."""
        self._judge.take_back(boxes)
        self._chunks.extend(self._lent[0].tolist())
        self._full.extend(self._lent[1].tolist())
        for at in range(0, len(powers), CHUNK_HOPS):
            self._past.append(powers[at : at + CHUNK_HOPS])
            self._kept += CHUNK_HOPS

    def _move_floor(self, room: float) -> None:
        if room > 0.0:
            self._judge.move_floor(self.target_lufs - ROOM_BELOW_CALM_DB + gain_to_db(room) / 2.0)

    def measure(self, block: Block, full: float, room: float) -> BrokenClause | None:
        """Judge the block, shape (frames, 2), finite; returns the first broken clause, after which call `forget`.

        Args:
            block: what is about to be played.
            full: power gain of the volume: that of the target or, while it falls, the present one.
            room: power gain of the lowest volume since silence; what the room masks depends on it.
        """
        frames = np.concatenate((self._rest, block)) if len(self._rest) else block
        whole = len(frames) // HOP_FRAMES * HOP_FRAMES
        self._rest = frames[whole:].copy()
        self._judge.known = self.known
        self._move_floor(room)
        powers, former = self._meter.powers(frames[:whole]), self._judge.hearing.fast
        known = self.known * max(1.0, full / max(room, 1e-12))
        return self._judged(powers, full) or self._rise(powers, known, former)

    def rest(self, hops: int) -> None:
        """So many hops of silence were played that did not come through here."""
        self._judged([0.0] * hops, 0.0)
        self._rise([0.0] * hops, 0.0, 0.0)

    def _judged(self, powers: list[float], full: float) -> BrokenClause | None:
        at = 0
        calm = 0  # so far the judge has heard what is coming
        while at < len(powers):
            if at >= calm and self._hops == 0:
                calm = at + self._judge.push_calm(powers[at : at + (len(powers) - at) // CHUNK_HOPS * CHUNK_HOPS])
            part = powers[at : at + CHUNK_HOPS - self._hops]
            broken = None if at < calm else self._startle(*self._judge.push_many(part))
            at += len(part)
            for power in part:
                self._chunk += power
            self._hops += len(part)
            if self._hops >= CHUNK_HOPS and broken is None:
                broken = self._end_chunk(full)
            if broken is not None:
                return broken
        return None

    @staticmethod
    def _startle(onsets: list[Onset], was_startling: bool) -> BrokenClause | None:
        """C1: of what has just been found, or of what was under way."""
        for onset in onsets:
            if onset.is_startle:
                what = "a burst" if onset.is_burst else "an onset"
                return BrokenClause("C1", f"{what} {onset.ld_db:.1f} dB up to {onset.level_lufs:.1f} LUFS")
        return BrokenClause("C1", "an onset that stands out") if was_startling else None

    def _rise(self, hops: list[float], known: float, former: float) -> BrokenClause | None:
        """C1b: of these hops, where the fast level, ``former`` before them, is 3 dB over what is known; 0: nothing is.

        No fast level is higher than the former one and all hops, so it is mostly enough to look at these.
        """
        self._past.append(hops)
        self._kept += len(hops)
        while self._kept - len(self._past[0]) >= 2 * (MEMORY + _PIECE_HOPS) + len(hops):
            self._kept -= len(self._past.popleft())
        least = known * NOTICED
        if known == 0.0 or max(hops, default=0.0) <= least >= former:
            return None
        powers = np.array([hop for part in self._past for hop in part])
        pairs = powers[len(powers) % 2 :].reshape(-1, 2).mean(axis=1, keepdims=True)
        now, before = (levels[-((len(hops) + 1) // 2) :] for levels in RiseMeter(0.0, streams=1).heights(pairs))
        rises = rises_db(now, before, self._judge.floor_lufs + ROOM_BELOW_CALM_DB)
        rises[now <= least] = NO_RISE_DB
        at = int(np.argmax(rises))
        if rises[at, 0] <= RISE_DB:
            return None
        return BrokenClause("C1b", f"a rise of {rises[at, 0]:.1f} dB up to {to_lufs(float(now[at, 0])):.1f} LUFS")

    def _end_chunk(self, full: float) -> BrokenClause | None:
        """C3, each 50 ms."""
        self._chunks.append(self._chunk / CHUNK_HOPS)
        self._full.append(full)
        self._chunk, self._hops = 0.0, 0
        limit = max(self._full) * to_power(self.target_lufs)
        if limit == 0.0:
            return None
        short_term = sum(self._chunks) / SHORT_TERM_CHUNKS
        momentary = sum(list(self._chunks)[-MOMENTARY_CHUNKS:]) / MOMENTARY_CHUNKS
        if momentary > limit * MOMENTARY_ROOM:
            return BrokenClause("C3", f"M {to_lufs(momentary):.1f} LUFS")
        if short_term > limit * SHORT_TERM_ROOM:
            return BrokenClause("C3", f"S {to_lufs(short_term):.1f} LUFS")
        return None


MOMENTARY_ROOM: Final[float] = 10.0 ** (MOMENTARY_ROOM_LU / 10.0)
SHORT_TERM_ROOM: Final[float] = 10.0 ** (SHORT_TERM_ROOM_LU / 10.0)
NOTICED: Final[float] = 10.0 ** (NOTICED_DB / 10.0)
