"""Generated sound: coloured noise, rain, the sea, a fan. It never ends, has no seams and never repeats.

Runs on the thread that reads (the engine); numpy only. The sound is made in pieces in the frequency domain: the
magnitudes of a layer are given, the phases are random, and one inverse FFT makes 0.34 s of it. Each piece fades into
the next at equal power, which keeps the level because their phases are independent. So there is no filter
state, a slope is exact by construction, and nothing repeats. Layers of rain, sea and fan move slowly: their gains are
sums of cosines whose periods have no common multiple within a night, and waves at random
intervals.

The loudness is known by construction, too: the spectrum is K-weighted (ITU-R BS.1770-4, the two filters at 48 kHz) and
scaled to `LOUDNESS_LUFS`, the default target, or lower if the peaks would come near full scale. Nothing needs to be
measured.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt

from player.audio.dsp.types import Block
from player.audio.ports import Decoder, Source
from player.core.measurement import Measured
from player.core.noise import NoiseKind, NoisePath, is_noise, parse_noise
from player.core.units import CHANNELS, RATE_HZ, to_frames

Curve: TypeAlias = npt.NDArray[np.float64]

PIECE_FRAMES: Final = 1 << 14
FADE_FRAMES: Final = 1 << 12
STEP_FRAMES: Final = PIECE_FRAMES - FADE_FRAMES
AHEAD_S: Final = 6.0
"""How much is reported as ready: as much as the ring of a decoded track holds."""
LOUDNESS_LUFS: Final = -23.0
RMS_MAX_DBFS: Final = -17.0
"""Maximum level in one ear: peaks of noise are 12 to 14 dB above its RMS and stay below -3 dBFS."""
LOWEST_HZ: Final = 30.0
"""Lower cut: a bedside speaker plays nothing below it, and most of the power of brown noise would be there."""
_FADE_IN: Final = np.sin(np.pi / 2 * (np.arange(FADE_FRAMES) + 0.5) / FADE_FRAMES)[:, np.newaxis].astype(np.float32)
_FADE_OUT: Final = np.ascontiguousarray(_FADE_IN[::-1])
_HZ: Final[Curve] = np.fft.rfftfreq(PIECE_FRAMES, 1 / RATE_HZ).astype(np.float64)


@dataclass(frozen=True, slots=True)
class NoiseLayer:
    """Noise of one spectrum, of unit power before its gain.

    Attributes:
        low_hz, high_hz: its cut-off frequencies, at 12 dB per octave.
        slope_db: slope of its power density between them, in dB per octave: 0 is white, -3 pink, -6 brown.
        level_db: relative to the other layers.
        drift_db: how far its level varies, up and down.
        lean_db: how far its balance varies.
        swell_db: how far a wave raises it; 0: waves do not affect it.
        delay_s: how much later a wave affects it.
    """

    low_hz: float
    high_hz: float
    slope_db: float
    level_db: float = 0.0
    drift_db: float = 0.0
    lean_db: float = 0.0
    swell_db: float = 0.0
    delay_s: float = 0.0


LAYERS: Final[dict[NoiseKind, tuple[NoiseLayer, ...]]] = {
    NoiseKind.WHITE: (NoiseLayer(LOWEST_HZ, 20_000, 0.0),),
    NoiseKind.PINK: (NoiseLayer(LOWEST_HZ, 20_000, -3.0103),),
    NoiseKind.BROWN: (NoiseLayer(LOWEST_HZ, 20_000, -6.0206),),
    NoiseKind.RAIN: (
        NoiseLayer(90, 400, -3.0, -7.0, 0.8, 1.0),
        NoiseLayer(350, 6000, -3.5, 0.0, 1.2, 1.5),
        NoiseLayer(2500, 11_000, -2.0, -7.5, 1.8, 1.5),
    ),
    NoiseKind.SEA: (
        NoiseLayer(60, 1500, -4.0, -1.0, 1.0, 1.0),
        NoiseLayer(45, 220, -3.0, -6.0, 0.0, 0.0, 7.0),
        NoiseLayer(180, 1400, -4.0, -7.0, 0.0, 1.0, 9.0, 0.6),
        NoiseLayer(900, 7000, -3.5, -13.0, 0.0, 1.5, 10.0, 1.8),
    ),
    NoiseKind.FAN: (
        NoiseLayer(60, 350, -2.0, 0.0, 0.5),
        NoiseLayer(300, 1800, -5.0, -4.0, 0.6),
        NoiseLayer(1500, 7000, -4.0, -14.0, 0.8),
    ),
}
"""The layers of each kind."""


def spectrum_of(layer: NoiseLayer, cut_hz: float | None = None) -> Curve:
    """Magnitudes of one piece at each frequency of its FFT; the power is 1 before the cut at ``cut_hz``."""
    hz = np.maximum(_HZ, 1.0)
    shape = hz ** (layer.slope_db / 6.0206) / np.sqrt((1 + (layer.low_hz / hz) ** 4) * (1 + (hz / layer.high_hz) ** 4))
    shape[0] = shape[-1] = 0.0
    shape *= PIECE_FRAMES / np.sqrt(2 * np.sum(shape**2)) * 10 ** (layer.level_db / 20)
    if cut_hz is not None:
        shape /= np.sqrt(1 + (_HZ / cut_hz) ** 4)
    return shape


def k_weighting(hz: Curve) -> Curve:
    """Power gain of the K-weighting filter at each frequency (ITU-R BS.1770-4, coefficients for 48 kHz)."""
    z = np.exp(-2j * np.pi * hz / RATE_HZ)
    shelf = (1.53512485958697 - 2.69169618940638 * z + 1.19839281085285 * z**2) / (
        1 - 1.69065929318241 * z + 0.73248077421585 * z**2
    )
    high = (1 - 2 * z + z**2) / (1 - 1.99004745483398 * z + 0.99007225036621 * z**2)
    gain: Curve = np.abs(shelf * high) ** 2
    return gain


class Movement:
    """The slow variation of a sound: drifts and waves, as functions of time that do not repeat."""

    def __init__(self, rng: np.random.Generator) -> None:
        self._rng = rng
        self._rates = 2 * np.pi / np.exp(rng.uniform(np.log(11.0), np.log(120.0), (16, 5)))
        self._turns = rng.uniform(0, 2 * np.pi, (16, 5))
        self._waves: list[tuple[float, float, float, float]] = []
        self._next_s = 0.0

    def wander(self, number: int, at_s: Curve) -> Curve:
        """A value around 0, from -1 to 1, at each time; ``number`` selects one of 16 independent curves."""
        angles = np.outer(at_s, self._rates[number]) + self._turns[number]
        wander: Curve = np.cos(angles).sum(axis=1) / 5.0
        return wander

    def wave(self, at_s: Curve) -> Curve:
        """How far a wave has risen at each time, 0 to 1; ``at_s`` may go back by a few seconds at most."""
        while self._next_s <= at_s[-1]:
            self._waves.append(
                (self._next_s, self._rng.uniform(0.6, 1.0), self._rng.uniform(4.6, 5.6), self._rng.uniform(4.5, 6.5))
            )
            self._next_s += self._rng.uniform(9.0, 13.0)
        self._waves = [wave for wave in self._waves if wave[0] + 20.0 > at_s[0]]
        height = np.zeros(at_s.size)
        for began_s, size, rise_s, fall_s in self._waves:
            since = at_s - began_s
            up = np.clip(since / rise_s, 0.0, 1.0)
            down = np.clip(1.0 - (since - rise_s) / fall_s, 0.0, 1.0)
            height = np.maximum(height, size * (0.5 - 0.5 * np.cos(np.pi * np.minimum(up, down))))
        return height


class NoiseGenerator:
    """Generates one sound indefinitely.

    Args:
        path: which sound.
        seed: the same seed and version of numpy give the same samples, whatever the block sizes.
    """

    def __init__(self, path: NoisePath, seed: int = 0) -> None:
        self._layers = LAYERS[path.kind]
        self._rng = np.random.default_rng(seed)
        self._movement = Movement(np.random.default_rng((seed, 1)))
        spectra = [spectrum_of(layer, path.cut_hz) for layer in self._layers]
        moves = [self._mean_gain(layer) for layer in self._layers]
        power: Curve = np.zeros(_HZ.size)
        for move, shape in zip(moves, spectra, strict=True):
            power += move * shape**2 * (2.0 / PIECE_FRAMES**2)
        weighted = float(np.sum(power * k_weighting(_HZ)))
        lufs = -0.691 + 10 * np.log10(CHANNELS * weighted)
        rms_db = 10 * np.log10(float(np.sum(power)))
        gain_db = min(LOUDNESS_LUFS - lufs, RMS_MAX_DBFS - rms_db)
        self.loudness_lufs = float(lufs + gain_db)
        self._spectra = [(shape * 10 ** (gain_db / 20)).astype(np.float32) for shape in spectra]
        self._made = 0
        self._tail = self._piece()[STEP_FRAMES:] * _FADE_OUT
        self._block = np.empty((0, CHANNELS), np.float32)

    def read(self, frames: int) -> Block:
        """The next frames, shape (frames, 2), float32."""
        blocks = [self._block]
        ready = len(self._block)
        while ready < frames:
            blocks.append(self._next())
            ready += STEP_FRAMES
        sound = np.concatenate(blocks)
        self._block = sound[frames:]
        return np.ascontiguousarray(sound[:frames])

    def _next(self) -> Block:
        piece = self._piece()
        piece[:FADE_FRAMES] = piece[:FADE_FRAMES] * _FADE_IN + self._tail
        self._tail = piece[STEP_FRAMES:] * _FADE_OUT
        return piece[:STEP_FRAMES]

    def _piece(self) -> Block:
        """One piece: all layers with their varying gains, summed; shape (PIECE_FRAMES, 2)."""
        at_s = np.array([0.0, PIECE_FRAMES]) / RATE_HZ + self._made * STEP_FRAMES / RATE_HZ
        self._made += 1
        sound = np.zeros((PIECE_FRAMES, CHANNELS), np.float32)
        for number, (layer, shape) in enumerate(zip(self._layers, self._spectra, strict=True)):
            phases = self._rng.random((CHANNELS, shape.size), np.float32) * np.float32(2 * np.pi)
            waves = np.fft.irfft(shape * np.exp(1j * phases), PIECE_FRAMES, axis=1).T
            if layer.drift_db or layer.lean_db or layer.swell_db:
                gains = 10 ** (self._gains_db(number, layer, at_s) / 20)
                waves = waves * np.linspace(gains[0], gains[1], PIECE_FRAMES, endpoint=False)
            sound += waves.astype(np.float32)
        return sound

    def _gains_db(self, number: int, layer: NoiseLayer, at_s: Curve) -> Curve:
        """Gain of a layer at each time for the left and the right ear, shape (times, 2)."""
        level = layer.drift_db * self._movement.wander(number, at_s)
        if layer.swell_db:
            level = level + layer.swell_db * self._movement.wave(at_s - layer.delay_s)
        lean = layer.lean_db * self._movement.wander(8 + number, at_s) / 2
        return np.stack((level + lean, level - lean), axis=1)

    @staticmethod
    def _mean_gain(layer: NoiseLayer) -> float:
        """Mean power gain of a layer's variation, estimated from one hour of such a variation."""
        if not (layer.drift_db or layer.swell_db):
            return 1.0
        movement, powers = Movement(np.random.default_rng(7)), []
        for at_s in np.arange(0.0, 3600.0, 0.5).reshape(-1, 20):
            level = layer.drift_db * movement.wander(0, at_s) + layer.swell_db * movement.wave(at_s)
            powers.append(np.mean(10 ** (level / 10)))
        return float(np.mean(powers))


@functools.cache
def measured_noise(path: NoisePath) -> Measured:
    """What a scan would measure in a generated sound, known from its construction."""
    lufs = NoiseGenerator(path).loudness_lufs
    is_moved = any(layer.swell_db for layer in LAYERS[path.kind])
    above_lu = 3.0 if is_moved else 1.0
    return Measured(
        duration_s=float("inf"),
        integrated_lufs=lufs,
        programme_lufs=lufs,
        range_lu=5.0 if is_moved else 1.0,
        max_momentary_lufs=lufs + above_lu,
        max_short_lufs=lufs + above_lu,
        calm_short_lufs=lufs + above_lu,
        true_peak_dbtp=-3.0,
        habitual_lufs=lufs + above_lu,
        calm_lufs=lufs,
        reached_lufs=lufs + above_lu + 3.0,
        planned_peak_dbtp=-3.0,
    )


class NoiseSource:
    """Generated sound as a track: `player.audio.ports.Source`. One thread."""

    duration_s: float | None = None
    fault: str | None = None

    def __init__(self, generator: NoiseGenerator) -> None:
        self._generator = generator
        self._is_closed = False
        self._seen: Block = np.zeros((0, CHANNELS), np.float32)

    def frames_ready(self) -> int:
        """As much as the ring of a decoded track would hold; 0 once it is closed."""
        return 0 if self._is_closed else to_frames(AHEAD_S)

    def is_finished(self) -> bool:
        """True only once it is closed."""
        return self._is_closed

    def read(self, frames: int) -> Block:
        """The next frames."""
        block = self.peek(frames)
        self._seen = self._seen[len(block) :]
        return block

    def peek(self, frames: int) -> Block:
        """The next frames, without taking them."""
        count = min(frames, self.frames_ready())
        if count > len(self._seen):
            self._seen = np.concatenate((self._seen, self._generator.read(count - len(self._seen))))
        return self._seen[:count].copy()

    def skip(self, frames: int) -> None:
        """Take frames and drop them."""
        self.read(frames)

    def wait_ready(self, frames: int, timeout_s: float) -> bool:
        """Returns at once: there is always more."""
        assert frames >= 0
        assert timeout_s >= 0
        return True

    def close(self) -> None:
        """No more is generated."""
        self._is_closed = True


class NoiseDecoder:
    """Opens generated sound, and everything else through another decoder: `player.audio.ports.Decoder`.

    Args:
        files: the decoder of everything else.
        seeds: one for each opening; None: random ones, so that no two nights sound the same.
    """

    def __init__(self, files: Decoder, seeds: Iterator[int] | None = None) -> None:
        self._files = files
        self._seeds = seeds or iter(lambda: int.from_bytes(os.urandom(4), "little"), None)

    def open(self, uri: str, start_s: float = 0.0) -> Source:
        """A source; each opening of a generated sound has a seed of its own, and ``start_s`` has no effect on it."""
        if not is_noise(uri):
            return self._files.open(uri, start_s)
        return NoiseSource(NoiseGenerator(parse_noise(uri), next(self._seeds)))
