"""Plays sound through a guard or a chain and says what a listener would have made of it; for the tests of both."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt

from player.analysis.ebur128 import HopMeter, ProgrammeMeter
from player.audio.dsp.chain import Chain
from player.audio.dsp.guard import Guard
from player.audio.dsp.guard_bounds import Volumes
from player.audio.dsp.hearing import HOP_FRAMES, HOP_S, Hearing, to_lufs
from player.audio.dsp.startle import Judge, Onset
from tests.engine_rig import POWER_METER
from tests.signals import Sound, frames_of, in_blocks, pink, rng_for, scaled, silence

TARGET = -23.0
BLOCK = 4_800


def at_lufs(sound: Sound, lufs: float) -> Sound:
    """The sound with an integrated loudness."""
    meter = ProgrammeMeter()
    meter.add(sound)
    return scaled(sound, lufs - meter.integrated_lufs)


def at_full(frames: int) -> Volumes:
    """Full volume, and nothing else that rises."""
    ones = [1.0] * (frames // HOP_FRAMES)
    return Volumes(ones, ones, [10 ** (0.6 * HOP_S)] * len(ones))


def kept(sound: Sound) -> Sound:
    """The sound, made once for many tests: none of them may change it."""
    sound.setflags(write=False)
    return sound


def guarded(sound: Sound, *, strict: bool = False) -> tuple[Sound, Guard]:
    """What a guard at full volume makes of a sound, and the guard; whole blocks, without the delay."""
    guard = Guard(POWER_METER, TARGET)
    guard.is_strict = strict
    volumes = at_full(BLOCK)
    whole = sound[: len(sound) // BLOCK * BLOCK]
    parts = [guard.process(block, volumes) for block in in_blocks(np.concatenate((whole, silence(0.1))), BLOCK)]
    return np.concatenate(parts)[HOP_FRAMES : HOP_FRAMES + len(whole)], guard


def played(sound: Sound, fade_in_s: float = 30.0) -> Sound:
    """What the whole chain at full volume makes of a sound that fades in, without the delay."""
    chain = Chain(-1.0, TARGET, POWER_METER)
    chain.ramp.to(0.0, fade_in_s)
    parts = [chain.process(block) for block in in_blocks(np.concatenate((sound, silence(0.1))), BLOCK)]
    assert chain.faults == 0
    return np.concatenate(parts)[chain.latency_frames :][: len(sound)]


def powers(sound: Sound) -> list[float]:
    """K-weighted power of each hop."""
    return HopMeter(HOP_FRAMES).powers(np.ascontiguousarray(sound[: len(sound) // HOP_FRAMES * HOP_FRAMES]))


def onsets(sound: Sound, calm_lufs: float = TARGET) -> list[Onset]:
    """All onsets and bursts in a sound."""
    judge, found = Judge(calm_lufs - 12.0), []
    for power in powers(sound):
        found += judge.push(power)
    return found + judge.finish()


def startles(sound: Sound, calm_lufs: float = TARGET) -> list[Onset]:
    """Those that startle."""
    return [onset for onset in onsets(sound, calm_lufs) if onset.is_startle]


def highest_ki(sound: Sound) -> float:
    """KI of the most impulsive onset."""
    return max((onset.ki_db for onset in onsets(sound) if not onset.is_burst), default=0.0)


@dataclass(frozen=True)
class Loudness:
    """The programme meter's findings."""

    integrated_lufs: float
    range_lu: float
    max_momentary_lufs: float
    max_short_lufs: float


def loudness(sound: Sound) -> Loudness:
    """I, LRA, and the largest M and S every 100 ms."""
    meter, momentary, short = ProgrammeMeter(), [-200.0], [-200.0]
    for block in in_blocks(sound, BLOCK):
        meter.add(block)
        momentary.append(meter.momentary_lufs)
        short.append(meter.short_term_lufs)
    return Loudness(meter.integrated_lufs, meter.range_lu, max(momentary), max(short))


def reduction_db(before: Sound, after: Sound) -> npt.NDArray[np.float64]:
    """How far each hop was lowered, in dB; 0 where there is silence."""
    first, then = (np.mean(np.square(x.reshape(-1, HOP_FRAMES * 2), dtype=np.float64), axis=1) for x in (before, after))
    with np.errstate(divide="ignore", invalid="ignore"):
        db: npt.NDArray[np.float64] = 10 * np.log10(first / then)
    return np.where(first > 1e-12, db, 0.0)


def faded_in(sound: Sound, over_s: float = 30.0) -> Sound:
    """The sound under a rise by 60 dB, straight in dB."""
    rise_db = np.minimum(0.0, np.arange(len(sound)) / frames_of(over_s) * 60.0 - 60.0)
    return (sound * (10 ** (rise_db / 20))[:, np.newaxis]).astype(np.float32)


def emergence_db(sound: Sound, floor_lufs: float) -> float:
    """The most by which the fast level stands over all that excuses it: familiar + 3 dB, background + 10 dB.

    It is taken every hop and not only at the ends of onsets, and so is stricter than the definition of a startle.
    """
    hearing, most = Hearing(), -100.0
    for power in powers(sound):
        excuse = max(to_lufs(hearing.familiar) + 3.0, max(to_lufs(hearing.background), floor_lufs) + 10.0)
        hearing.push(power)
        most = max(most, to_lufs(hearing.fast) - excuse)
    return most


@cache
def whispers(duration_s: float, name: str = "whispers") -> Sound:
    """Words of noise with pauses between them, over faint noise; at the target."""
    rng, sound = rng_for(name), pink(duration_s, rms=1.0, name=name)
    envelope, at_s = np.full(len(sound), 0.01), 0.0
    while at_s < duration_s - 1.0:
        word = np.hanning(frames_of(rng.uniform(0.1, 0.35))) * 10 ** (rng.normal(0, 1.0) / 20)
        at = frames_of(at_s)
        envelope[at : at + len(word)] += word
        at_s += len(word) / 48_000 + (rng.uniform(0.6, 2.0) if rng.random() < 0.12 else rng.uniform(0.02, 0.15))
    return kept(at_lufs((sound * envelope[:, np.newaxis]).astype(np.float32), TARGET))


@cache
def rain(duration_s: float) -> Sound:
    """Steady noise with drops in it; at the target."""
    rng, sound = rng_for("rain"), pink(duration_s, rms=0.05, name="rain")
    for at in rng.integers(0, len(sound) - 2_000, int(duration_s * 20)):
        drop = rng.normal(0, 0.12, (1_500, 2)) * np.exp(-np.arange(1_500) / 250)[:, np.newaxis]
        sound[at : at + 1_500] += drop.astype(np.float32)
    return kept(at_lufs(sound, TARGET))
