"""Converts blocks to the bytes that a device takes: float, 32 or 24 bit, or 16 bit with dither; stereo or mixed down to
one channel; at 48 kHz, or at the device's own rate.

Runs on the engine thread. This is the last thing that touches a sample, so it is also the last place where a sample can
do harm: a block with a NaN or an infinity in it becomes silence (converted to integers a NaN is full scale on some
machines and zero on others), and nothing exceeds full scale. Digital silence stays digital silence, even with dither,
so a paused speaker does not hiss.
"""

from __future__ import annotations

from enum import Enum
from typing import Final

import numpy as np
import numpy.typing as npt

from player.audio.dsp.types import Block
from player.audio.sinks.resampler import LAG_FRAMES, Resampler
from player.core.limits import CEILING_DBTP
from player.core.units import CHANNELS, RATE_HZ, db_to_gain

_S32_SCALE: Final = 2.0**31
_S24_SCALE: Final = 2.0**23
_S16_SCALE: Final = 2.0**15
_CEILING: Final = np.float32(db_to_gain(CEILING_DBTP))
"""Bound after resampling: noise up to 24 kHz loses its highest part, and its peaks may exceed the limiter's ceiling."""


class SampleFormat(Enum):
    """A little-endian sample format by ALSA's name; the value is the width of a sample in bytes.

    S24_LE is 24 bits in the lower three of four bytes, S24_3LE without the fourth.
    """

    FLOAT_LE = ("FLOAT_LE", 4)
    S32_LE = ("S32_LE", 4)
    S24_LE = ("S24_LE", 4)
    S24_3LE = ("S24_3LE", 3)
    S16_LE = ("S16_LE", 2)

    @property
    def width_bytes(self) -> int:
        """Bytes of one sample of one channel."""
        return self.value[1]


class PcmEncoder:
    """Turns blocks into interleaved bytes.

    Args:
        sample_format: what the device takes.
        channels: 2, or 1 for the mean of left and right.
        rate_hz: the device's rate; frames of the device are counted at it.
        seed: seed of the dither.
    """

    def __init__(
        self, sample_format: SampleFormat, channels: int = CHANNELS, rate_hz: int = RATE_HZ, seed: int = 1
    ) -> None:
        assert channels in (1, CHANNELS), channels
        self.frame_bytes = sample_format.width_bytes * channels
        self.rate_hz = rate_hz
        self._resampler = Resampler(rate_hz) if rate_hz != RATE_HZ else None
        self._format = sample_format
        self._channels = channels
        # numpy.random takes 3 MB and 50 ms to load, so it is loaded for those who dither
        self._random = np.random.default_rng(seed) if sample_format is SampleFormat.S16_LE else None

    def encode(self, block: Block) -> bytes:
        """The block's bytes, always whole frames; after resampling some frames may come with the next block."""
        assert block.dtype == np.float32, block.dtype
        assert block.ndim == 2, block.shape
        assert block.shape[1] == CHANNELS, block.shape
        if self._resampler is None:
            return self._encode(block)
        # one NaN would spread over a whole stretch of the resampler
        sound = self._resampler.process(block if np.isfinite(block).all() else np.zeros_like(block))
        return self._encode(np.clip(sound, -_CEILING, _CEILING))

    def forget(self) -> None:
        """After a gap: drop the earlier sound, since silence was heard last."""
        if self._resampler is not None:
            self._resampler.forget()

    def _encode(self, block: Block) -> bytes:
        if not block.any():
            return self.silence(len(block))
        is_float = self._format is SampleFormat.FLOAT_LE and self._channels == CHANNELS
        if is_float and block.max() <= 1.0 and block.min() >= -1.0:  # NaN fails both comparisons
            return block.astype("<f4", copy=False).tobytes()
        if not np.isfinite(block).all():
            return self.silence(len(block))
        # the mean of two channels cannot exceed the louder one, so one channel needs no new headroom
        mixed = block if self._channels == CHANNELS else block.mean(axis=1, keepdims=True)
        bounded = np.clip(mixed, np.float32(-1.0), np.float32(1.0))
        match self._format:
            case SampleFormat.FLOAT_LE:
                return bounded.astype("<f4", copy=False).tobytes()
            case SampleFormat.S32_LE:
                return self._as_s32(bounded)
            case SampleFormat.S24_LE:
                return self._as_s24(bounded).tobytes()
            case SampleFormat.S24_3LE:
                return self._as_s24(bounded).reshape(-1, 1).view(np.uint8)[:, :3].tobytes()
            case SampleFormat.S16_LE:
                return self._as_s16(bounded)

    def silence(self, frames: int) -> bytes:
        """``frames`` frames of silence at the device's rate; zero in every format."""
        return bytes(frames * self.frame_bytes)

    def ending(self, frames: int) -> bytes:
        """What the resampler still holds, then silence for ``frames`` frames at 48 kHz."""
        return self.encode(np.zeros((frames + (0 if self._resampler is None else LAG_FRAMES), CHANNELS), np.float32))

    def _as_s32(self, samples: Block) -> bytes:
        # in float64: 2^31 - 1 is not a float32: it would round up to 2^31 and wrap around to full scale the other way
        scaled = np.rint(samples.astype(np.float64) * _S32_SCALE)
        return np.minimum(scaled, _S32_SCALE - 1.0).astype("<i4").tobytes()

    def _as_s24(self, samples: Block) -> npt.NDArray[np.int32]:
        """Rounded, without dither: the error is 144 dB down, below the noise of every converter."""
        scaled = np.rint(samples * np.float32(_S24_SCALE))
        return np.asarray(np.minimum(scaled, np.float32(_S24_SCALE - 1.0)), "<i4")

    def _as_s16(self, samples: Block) -> bytes:
        """16 bit with triangular dither of two steps peak to peak, which makes the rounding error plain white noise.

        Source: Lipshitz, Wannamaker, Vanderkooy, Quantization and Dither, J. Audio Eng. Soc. 40 (1992).
        """
        assert self._random is not None, "only 16 bit are dithered"
        shape = samples.shape
        dither = self._random.random(shape, np.float32) - self._random.random(shape, np.float32)
        scaled = np.rint(samples * np.float32(_S16_SCALE) + dither)
        return np.clip(scaled, -_S16_SCALE, _S16_SCALE - 1.0).astype("<i2").tobytes()
