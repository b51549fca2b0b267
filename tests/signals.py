"""Material for tests: hazards and calm sound, by name, the same bits every time.

Every signal is float32, shape (frames, 2), 48 kHz, made from a seed that hangs on its name. `HAZARDS` is what must not
startle anybody, `CALM` what must come through as it is. Numpy alone, no code of the player.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Final

import numpy as np
import numpy.typing as npt

RATE_HZ: Final = 48_000
Sound = npt.NDArray[np.float32]

BLOCK_SIZES: Final = (1, 64, 1023, 4800)
"""The block sizes for which every stage must give the same bits."""


def rng_for(name: str) -> np.random.Generator:
    """A generator whose seed is the name."""
    return np.random.default_rng(zlib.crc32(name.encode()))


def frames_of(duration_s: float) -> int:
    """Seconds as frames."""
    return round(duration_s * RATE_HZ)


def in_blocks(sound: Sound, size: int) -> Iterator[Sound]:
    """The sound in blocks of one size, the last one shorter."""
    return (sound[at : at + size] for at in range(0, len(sound), size))


def in_random_blocks(sound: Sound, name: str, longest: int = 6000) -> Iterator[Sound]:
    """The sound in blocks of random sizes from 0 on, most of them short."""
    rng, at = rng_for(name), 0
    while at < len(sound):
        size = int(longest ** rng.random()) - (rng.random() < 0.05)
        yield sound[at : at + size]
        at += size


def both(left: npt.ArrayLike) -> Sound:
    """One channel in both."""
    return np.stack([np.asarray(left, np.float32)] * 2, axis=1)


def silence(duration_s: float) -> Sound:
    """Zeros."""
    return np.zeros((frames_of(duration_s), 2), np.float32)


def dc(duration_s: float, level: float = 0.25) -> Sound:
    """A constant: its output is the gain itself."""
    return np.full((frames_of(duration_s), 2), level, np.float32)


def tone(duration_s: float, hz: float = 440.0, peak: float = 0.25, phase: float = 0.0) -> Sound:
    """A sine in both channels."""
    return both(peak * np.sin(2 * np.pi * hz * np.arange(frames_of(duration_s)) / RATE_HZ + phase))


def pink(duration_s: float, rms: float = 0.05, name: str = "pink") -> Sound:
    """Pink noise, 20 Hz to 20 kHz, channels independent; the caller may change it."""
    return _pink(duration_s, rms, name).copy()


@lru_cache(maxsize=8)
def _pink(duration_s: float, rms: float, name: str) -> Sound:
    frames = frames_of(duration_s)
    hz = np.fft.rfftfreq(frames, 1 / RATE_HZ)
    shape = np.where((hz >= 20) & (hz <= 20_000), 1 / np.sqrt(np.maximum(hz, 1)), 0.0)
    spectrum = shape * np.exp(2j * np.pi * rng_for(name).random((2, len(hz))))
    noise = np.fft.irfft(spectrum, frames)
    return (noise * (rms / np.sqrt(np.mean(noise**2)))).T.astype(np.float32)


def taps(duration_s: float, peak: float = 0.15) -> Sound:
    """Fingertips: damped knocks three times a second over faint noise."""
    sound = pink(duration_s, rms=0.005, name="taps")
    t = np.arange(frames_of(0.08)) / RATE_HZ
    knock = both(peak * np.exp(-t / 0.015) * np.sin(2 * np.pi * 300 * t) * np.minimum(1, t / 0.004))
    for at in range(0, len(sound) - len(knock), frames_of(1 / 3)):
        sound[at : at + len(knock)] += knock
    return sound


def with_part(sound: Sound, at_s: float, part: Sound) -> Sound:
    """The sound with a part of it replaced."""
    out, at = sound.copy(), frames_of(at_s)
    out[at : at + len(part)] = part
    return out


def scaled(sound: Sound, gain_db: float) -> Sound:
    """The sound at another level."""
    return (sound * np.float32(10 ** (gain_db / 20))).astype(np.float32)


def level_step(step_db: float) -> Sound:
    """Noise that is ``step_db`` louder from its middle on."""
    sound = pink(2.0, rms=0.01, name=f"step {step_db}")
    return np.concatenate((sound[:RATE_HZ], scaled(sound[RATE_HZ:], step_db)))


def slam() -> Sound:
    """200 ms of full-scale noise in a whisper."""
    noise = rng_for("slam").uniform(-1, 1, (frames_of(0.2), 2)).astype(np.float32)
    return with_part(pink(2.0, rms=0.005, name="whisper"), 1.0, noise)


def full_scale_sample() -> Sound:
    """One sample at full scale in a whisper."""
    return with_part(pink(2.0, rms=0.005, name="whisper"), 1.0, np.ones((1, 2), np.float32))


def not_finite() -> Sound:
    """Bursts of NaN and infinities of both signs: 1 frame, 100 frames in one channel, 3000 frames."""
    sound = tone(2.0)
    sound[frames_of(0.2)] = np.nan
    sound[frames_of(0.7) : frames_of(0.7) + 100, 1] = np.inf
    sound[frames_of(1.2) : frames_of(1.2) + 3000] = -np.inf
    sound[frames_of(1.22) : frames_of(1.22) + 5, 0] = np.nan
    return sound


def far_too_large() -> Sound:
    """Samples at +85 dBFS for 10 ms, as a broken float decoder makes them."""
    return with_part(tone(2.0), 1.0, scaled(tone(0.01, 997.0, peak=1.0), 85.0))


def between_samples(peak: float = 1.41) -> Sound:
    """fs/4 at 45 degrees, faded in and out over 50 ms: samples at 0.707 of the peak of the wave, EBU Tech 3341."""
    sound = tone(1.0, RATE_HZ / 4, peak, np.pi / 4)
    edge = both(np.sin(np.linspace(0, np.pi / 2, frames_of(0.05))) ** 2)
    sound[: len(edge)] *= edge
    sound[-len(edge) :] *= edge[::-1]
    return sound


def dc_step() -> Sound:
    """A constant of half of full scale that comes at once."""
    return np.concatenate((silence(1.0), dc(1.0, 0.5)))


def clipped() -> Sound:
    """A loud mix cut off at full scale, 12 dB over."""
    return np.clip(scaled(pink(1.0, rms=0.25, name="clipped"), 12.0), -1, 1)


def uneven_sides() -> Sound:
    """Left far over full scale, right a whisper."""
    sound = pink(1.0, rms=0.005, name="uneven")
    sound[:, 0] = tone(1.0, 220.0, 1.8)[:, 0]
    return sound


def loud_end() -> Sound:
    """Full-scale noise that ends at once."""
    noise = rng_for("loud end").uniform(-1, 1, (RATE_HZ, 2)).astype(np.float32)
    return np.concatenate((noise, silence(0.5)))


def bell_after_silence() -> Sound:
    """Two seconds of digital silence, then a bell at full scale."""
    t = np.arange(RATE_HZ) / RATE_HZ
    return np.concatenate((silence(2.0), both(np.exp(-3 * t) * np.sin(2 * np.pi * 880 * t))))


def extremes() -> Sound:
    """Whatever float32 can hold: largest, smallest, subnormal, signed zeros, in no order."""
    most = np.finfo(np.float32).max
    values = np.array([most, -most, 1e-45, -1e-45, 0.0, -0.0, 1.0, -1.0, 1e20, 1e-20], np.float32)
    return rng_for("extremes").choice(values, (4000, 2))


HAZARDS: Final[dict[str, Callable[[], Sound]]] = {
    "step +3 dB": lambda: level_step(3),
    "step +6 dB": lambda: level_step(6),
    "step +10 dB": lambda: level_step(10),
    "step +20 dB": lambda: level_step(20),
    "step +40 dB": lambda: level_step(40),
    "slam": slam,
    "one full-scale sample": full_scale_sample,
    "not finite": not_finite,
    "far too large": far_too_large,
    "peaks between samples": between_samples,
    "dc step": dc_step,
    "clipped": clipped,
    "uneven sides": uneven_sides,
    "loud end": loud_end,
    "bell after silence": bell_after_silence,
    "extremes": extremes,
}

CALM: Final[dict[str, Callable[[], Sound]]] = {
    "silence": lambda: silence(1.0),
    "tone": lambda: tone(1.0),
    "pink noise": lambda: pink(1.0),
    "taps": lambda: taps(2.0),
}
