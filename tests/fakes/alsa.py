"""A fake of pyalsaaudio's PCM: an ideal card on a fake clock, with the manners of version 0.10 or 0.11.

The manners are those of `alsaaudio.c` at tags 0.10.0 and 0.11.0, and of the PulseAudio plugin as the live tests see it.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any, Final

import alsaaudio

from tests.fakes.clock import FakeClock

WIDTH_BYTES: Final = {
    alsaaudio.PCM_FORMAT_FLOAT_LE: 4,
    alsaaudio.PCM_FORMAT_S32_LE: 4,
    alsaaudio.PCM_FORMAT_S16_LE: 2,
    alsaaudio.PCM_FORMAT_U8: 1,
}


@dataclass
class FakeCard:
    """What a device can do and how it breaks; `PCM` opens it in the place of `alsaaudio.PCM`.

    Attributes:
        formats, channels, rate: what it grants whatever is asked; a format that it has not becomes its first one.
        buffer_frames: the buffer that it grants; None grants what is asked.
        significant_bits: of a 4-byte integer sample.
        is_old: pyalsaaudio 0.10 instead of 0.11.
        open_errno: opening fails with this.
        refuses: formats with which opening fails with EINVAL.
        write_errno: writing fails with this.
        is_stuck: takes nothing any more.
        is_always_dry: reports a gap at each write.
        heard: all bytes that it took.
        held: how many handles are open.
    """

    clock: FakeClock
    formats: tuple[int, ...] = (
        alsaaudio.PCM_FORMAT_FLOAT_LE,
        alsaaudio.PCM_FORMAT_S32_LE,
        alsaaudio.PCM_FORMAT_S16_LE,
    )
    channels: int = 2
    rate: int = 48_000
    buffer_frames: int | None = None
    significant_bits: int = 32
    is_old: bool = False
    open_errno: int | None = None
    refuses: Collection[int] = ()
    write_errno: int | None = None
    is_stuck: bool = False
    is_always_dry: bool = False
    heard: bytearray = field(default_factory=bytearray)
    offers: list[int] = field(default_factory=list)
    asked: list[dict[str, Any]] = field(default_factory=list)
    held: int = 0

    def open(self, **asked: Any) -> FakePcm:
        """As `alsaaudio.PCM(...)`."""
        self.asked.append(asked)
        number = errno.EINVAL if asked["format"] in self.refuses else self.open_errno
        if number is not None:
            raise alsaaudio.ALSAAudioError(f"{os.strerror(number)} [{asked['device']}]")
        self.held += 1
        return FakePcm(self, asked)


class FakePcm:
    """One handle of a `FakeCard`."""

    def __init__(self, card: FakeCard, asked: dict[str, Any]) -> None:
        self._card = card
        self._device = asked["device"]
        self._format = asked["format"] if asked["format"] in card.formats else card.formats[0]
        self._buffer = card.buffer_frames or asked["periodsize"] * asked["periods"]
        self._empty_at_s: float | None = None
        self._is_open = True
        bits = card.significant_bits if self._format == alsaaudio.PCM_FORMAT_S32_LE else 8 * WIDTH_BYTES[self._format]
        self._bits = bits
        width = bits // 8 if card.is_old else WIDTH_BYTES[self._format]
        self._frame_bytes = card.channels * width

    def info(self) -> dict[str, Any]:
        """The granted parameters that the sink reads."""
        granted = {
            "format": self._format,
            "channels": self._card.channels,
            "rate": self._card.rate,
            "buffer_size": self._buffer,
            "significant_bits": self._bits,
        }
        return granted if self._card.is_old else granted | {"physical_bits": 8 * WIDTH_BYTES[self._format]}

    def state(self) -> int:
        """Prepared, running, or dry."""
        if self._empty_at_s is None:
            return int(alsaaudio.PCM_STATE_PREPARED)
        is_dry = self._card.is_always_dry or self._card.clock.now().boot_s > self._empty_at_s + 1e-6
        return int(alsaaudio.PCM_STATE_XRUN if is_dry else alsaaudio.PCM_STATE_RUNNING)

    def write(self, data: memoryview) -> int:
        """Frames taken; -EPIPE after a gap (0.11), or an error or nothing at all about it (0.10)."""
        assert len(data) % self._frame_bytes == 0, "Data size must be a multiple of framesize"
        self._card.offers.append(len(data))
        if self._card.write_errno is not None:
            raise self._fault(self._card.write_errno)
        if self._card.is_always_dry:
            if self._card.is_old:
                raise self._fault(errno.EPIPE)
            return -errno.EPIPE
        if self.state() == alsaaudio.PCM_STATE_XRUN:
            self._empty_at_s = None
            if not self._card.is_old:
                return -errno.EPIPE
        return self._take(data)

    def close(self) -> None:
        """Let go of the card."""
        self._card.held -= self._is_open
        self._is_open = False

    def _take(self, data: memoryview) -> int:
        now_s = self._card.clock.now().boot_s
        empty_at_s = max(self._empty_at_s or 0.0, now_s)
        room = self._buffer - round((empty_at_s - now_s) * self._card.rate)
        frames = 0 if self._card.is_stuck else min(len(data) // self._frame_bytes, room)
        self._card.heard += data[: frames * self._frame_bytes]
        self._empty_at_s = empty_at_s + frames / self._card.rate
        return frames

    def _fault(self, number: int) -> alsaaudio.ALSAAudioError:
        return alsaaudio.ALSAAudioError(f"{os.strerror(number)} [{self._device}]")
