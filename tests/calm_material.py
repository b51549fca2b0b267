"""Calm material at a known loudness: whispers, taps, brushing, page turning, rain; what a night is made of.

Seeded by name like tests/signals.py. Whispers are spoken by espeak-ng where it is installed and shaped noise where it
is not; each call gets other words. A sound is scaled by the proven meter, so its loudness is known to a tenth.
"""

from __future__ import annotations

import shutil
import subprocess
import wave
from collections.abc import Callable
from functools import cache
from io import BytesIO
from typing import Final

import numpy as np
import numpy.typing as npt

from player.analysis.ebur128 import ProgrammeMeter
from tests.signals import RATE_HZ, Sound, both, frames_of, in_blocks, rng_for, scaled

Channel = npt.NDArray[np.float64]

WORDS: Final = """\
The house is quiet now, and the rain has found the window. Somebody has left a lamp on in the hall. You can hear the
pages turn in the next room, and then you cannot. A cat walks along the wall and does not look back. Tomorrow there
will be bread, and the long road by the river, and nobody will be in a hurry. Listen to the slow clock, and to the
trees. Let your hands be heavy. There is nothing left to carry, nothing to remember, and nothing to count. The boats
are tied to the pier, and the water moves them a little. Some of them have names that nobody can read any more."""
SPEECH_RATE_HZ: Final = 22_050


def loudness(sound: Sound) -> float:
    """Integrated loudness in LUFS."""
    meter = ProgrammeMeter()
    for block in in_blocks(sound, 4800):
        meter.add(block)
    return meter.integrated_lufs


def at_lufs(sound: Sound, lufs: float) -> Sound:
    """The sound at this integrated loudness."""
    return scaled(sound, lufs - loudness(sound))


def band(frames: int, low_hz: float, high_hz: float, tilt: float, rng: np.random.Generator) -> Channel:
    """Noise of a band, power falling with frequency to the ``tilt``, RMS 1."""
    hz = np.fft.rfftfreq(frames, 1 / RATE_HZ)
    inside = (hz >= low_hz) & (hz <= high_hz)
    spectrum = np.zeros(len(hz), complex)
    spectrum[inside] = np.maximum(hz[inside], 1.0) ** (-tilt / 2) * np.exp(2j * np.pi * rng.random(len(hz))[inside])
    noise = np.fft.irfft(spectrum, frames)
    return np.asarray(noise / np.sqrt(np.mean(noise**2)))


def stereo(
    frames: int, low_hz: float, high_hz: float, tilt: float, rng: np.random.Generator
) -> npt.NDArray[np.float64]:
    """Two such channels, half of each common to both."""
    common = band(frames, low_hz, high_hz, tilt, rng)
    sides = [band(frames, low_hz, high_hz, tilt, rng) for _ in range(2)]
    return np.stack([common + side for side in sides], axis=1) / np.sqrt(2)


def whisper(duration_s: float, name: str = "whisper") -> Sound:
    """A voice close by, over the faint noise of a room."""
    rng, frames = rng_for(name), frames_of(duration_s)
    speech = _spoken() if shutil.which("espeak-ng") else _murmured()
    voice = np.resize(np.roll(speech, -int(rng.integers(len(speech)))), frames)
    level = np.sqrt(np.mean(voice**2))
    room = stereo(frames, 60, 12_000, 1.0, rng) * (level * 0.02)
    delay = 12  # the voice is a little to the left
    sides = np.stack([voice, 0.8 * np.roll(voice, delay)], axis=1)
    return (0.1 * (sides + room) / level).astype(np.float32)


@cache
def _spoken() -> Channel:
    """The words, whispered; about 40 s."""
    spoken = subprocess.run(
        ["espeak-ng", "-v", "en+whisper", "-s", "115", "-g", "8", "--stdout", WORDS.replace("\n", " ")],
        check=True, capture_output=True, timeout=60,
    ).stdout  # fmt: skip
    with wave.open(BytesIO(spoken)) as file:
        assert file.getframerate() == SPEECH_RATE_HZ
        raw = np.frombuffer(file.readframes(1 << 24), "<i2").astype(np.float64)  # the length in its header is a fiction
    frames = len(raw) * RATE_HZ // SPEECH_RATE_HZ
    spectrum = np.fft.rfft(raw)
    speech = np.fft.irfft(spectrum, frames) * frames / len(raw)
    edge = np.linspace(0.0, 1.0, frames_of(0.05))  # it is repeated, and the joint is no click
    speech[: len(edge)] *= edge
    speech[-len(edge) :] *= edge[::-1]
    return np.asarray(speech)


@cache
def _murmured() -> Channel:
    """Noise in syllables, for machines without a voice; 40 s."""
    rng, frames = rng_for("murmur"), frames_of(40.0)
    hiss = band(frames, 800, 8000, 0.5, rng)
    shape = np.zeros(frames)
    at = 0
    while at < frames:
        length = frames_of(rng.uniform(0.12, 0.3))
        rest = frames_of(rng.choice([0.02, 0.05, 0.4], p=[0.5, 0.35, 0.15]))
        part = shape[at : at + length]
        part += (np.sin(np.pi * np.arange(length) / length) ** 0.7 * rng.uniform(0.5, 1.0))[: len(part)]
        at += length + rest
    return np.asarray(hiss * shape)


def tapping(duration_s: float, name: str = "tapping") -> Sound:
    """Fingertips on wood, two to four a second, no two alike."""
    rng, frames = rng_for(name), frames_of(duration_s)
    sound = stereo(frames, 60, 12_000, 1.0, rng) * 0.004
    t = np.arange(frames_of(0.12)) / RATE_HZ
    at = frames_of(0.2)
    while at < frames - len(t):
        hz, decay_s = rng.uniform(180, 700), rng.uniform(0.008, 0.025)
        knock = np.sin(2 * np.pi * hz * t) * np.exp(-t / decay_s) * np.sin(np.minimum(t / 0.004, 1) * np.pi / 2) ** 2
        pan = rng.uniform(0.4, 1.0, 2)
        sound[at : at + len(t)] += 0.3 * rng.uniform(0.6, 1.0) * knock[:, None] * pan
        at += frames_of(rng.uniform(0.25, 0.5))
    return sound.astype(np.float32)


def brushing(duration_s: float, name: str = "brushing") -> Sound:
    """A soft brush, a stroke and a bit each second."""
    rng, frames = rng_for(name), frames_of(duration_s)
    phase = (
        2 * np.pi * (1.3 * np.arange(frames) / RATE_HZ + 0.15 * np.sin(2 * np.pi * 0.11 * np.arange(frames) / RATE_HZ))
    )
    stroke = 0.06 + np.abs(np.sin(phase / 2)) ** 1.5
    return (0.05 * stereo(frames, 700, 9000, 1.0, rng) * stroke[:, None]).astype(np.float32)


def pages(duration_s: float, name: str = "pages") -> Sound:
    """Pages that are turned every two or three seconds in a quiet room."""
    rng, frames = rng_for(name), frames_of(duration_s)
    sound = stereo(frames, 60, 12_000, 1.0, rng) * 0.008
    at = frames_of(0.5)
    while at < frames - RATE_HZ:
        length = frames_of(rng.uniform(0.4, 0.8))
        swell = np.sin(np.pi * np.arange(length) / length) ** 2
        rustle = (0.8 + 0.4 * np.abs(band(length, 8, 60, 0.0, rng))) * swell
        sound[at : at + length] += 0.04 * stereo(length, 400, 11_000, 0.7, rng) * rustle[:, None]
        at += frames_of(rng.uniform(1.5, 3.0))
    return sound.astype(np.float32)


def rain(duration_s: float, name: str = "rain") -> Sound:
    """Steady rain with drops on a sill."""
    rng, frames = rng_for(name), frames_of(duration_s)
    sound = 0.03 * stereo(frames, 100, 14_000, 0.8, rng)
    t = np.arange(frames_of(0.02)) / RATE_HZ
    for at in np.sort(rng.integers(0, frames - len(t), round(25 * duration_s))):
        drop = np.sin(2 * np.pi * rng.uniform(900, 3500) * t) * np.exp(-t / 0.004) * np.minimum(1, t / 0.001)
        sound[at : at + len(t)] += 0.05 * rng.uniform(0.2, 1.0) * drop[:, None] * rng.uniform(0.5, 1.0, 2)
    return sound.astype(np.float32)


def singing_bowl(duration_s: float, name: str = "bowl") -> Sound:
    """A bowl that is rubbed, not struck: a tone that breathes."""
    rng, t = rng_for(name), np.arange(frames_of(duration_s)) / RATE_HZ
    breath = 0.6 + 0.4 * np.sin(2 * np.pi * 0.09 * t + rng.uniform(0, 6))
    partials = [(220.0, 1.0), (221.1, 0.6), (586.0, 0.35), (1105.0, 0.12)]
    return both(0.1 * breath * sum(part * np.sin(2 * np.pi * hz * t) for hz, part in partials))


KINDS: Final[dict[str, Callable[[float, str], Sound]]] = {
    "whisper": whisper,
    "tapping": tapping,
    "brushing": brushing,
    "pages": pages,
    "rain": rain,
    "bowl": singing_bowl,
}
