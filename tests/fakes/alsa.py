"""Fakes of pyalsaaudio: an ideal card on a fake clock, with the manners of version 0.10 or 0.11, and its mixer.

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
    alsaaudio.PCM_FORMAT_S24_LE: 4,
    alsaaudio.PCM_FORMAT_S24_3LE: 3,
    alsaaudio.PCM_FORMAT_S16_LE: 2,
    alsaaudio.PCM_FORMAT_U8: 1,
}


@dataclass
class FakeCard:
    """What a device can do and how it breaks; `PCM` opens it in the place of `alsaaudio.PCM`.

    Attributes:
        formats, channels, rate: what it grants whatever is asked; a format that it has not becomes its first one.
        buffer_frames: the buffer that it grants; None grants what is asked.
        significant_bits: of a 4-byte S32 sample.
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
        sizes = {alsaaudio.PCM_FORMAT_S32_LE: card.significant_bits, alsaaudio.PCM_FORMAT_S24_LE: 24}
        self._bits = bits = sizes.get(self._format, 8 * WIDTH_BYTES[self._format])
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


@dataclass
class FakeControl:
    """A control of a card's mixer, in steps.

    Attributes:
        steps: where each channel stands.
        lowest, highest: the range.
        db_per_step: hundredths of a decibel; 0 is a control without a scale. The highest step is 0 dB.
        capabilities: as `volumecap` says them.
        stuck_at: whatever is written, it stays there.
        is_loud: setting it in decibels picks the next step above, as some do.
        mutes: whether each channel is muted; none is a control without a switch.
        is_mute_stuck: whatever is written, the switch stays where it is.
    """

    steps: list[int]
    lowest: int = 0
    highest: int = 100
    db_per_step: int = 50
    capabilities: tuple[str, ...] = ("Playback Volume",)
    stuck_at: int | None = None
    is_loud: bool = False
    mutes: list[int] = field(default_factory=list)
    is_mute_stuck: bool = False


@dataclass
class FakeMixers:
    """The mixers of a machine; `mixers` and `Mixer` stand in the place of pyalsaaudio's.

    Attributes:
        cards: controls by the name of the mixer and their own.
        tried: how often a handle was asked for.
        opened: how many handles were opened.
        held: how many of them are still open.
        writes: what was written, in order: control, channel (-1 is all), step.
    """

    cards: dict[str, dict[str, FakeControl]]
    tried: int = 0
    opened: int = 0
    held: int = 0
    writes: list[tuple[str, int, int]] = field(default_factory=list)

    def mixers(self, *, device: str) -> list[str]:
        """As `alsaaudio.mixers(device=...)`."""
        if device not in self.cards:
            raise alsaaudio.ALSAAudioError(f"{os.strerror(errno.ENOENT)} [{device}]")
        return [name.partition(",")[0] for name in self.cards[device]]

    def open(self, *, control: str, id: int, device: str) -> FakeMixer:  # noqa: A002 - pyalsaaudio's own name
        """As `alsaaudio.Mixer(...)`."""
        self.tried += 1
        self.mixers(device=device)
        name = f"{control},{id}" if id else control
        if name not in self.cards[device]:
            raise alsaaudio.ALSAAudioError(f"Unable to find mixer control {control},{id} [{device}]")
        self.opened += 1
        self.held += 1
        return FakeMixer(self, name, self.cards[device][name])


class FakeMixer:
    """One handle: it shows what it saw when it was opened, and believes what it writes."""

    def __init__(self, mixers: FakeMixers, name: str, control: FakeControl) -> None:
        self._mixers = mixers
        self._name = name
        self._control = control
        self._seen = list(control.steps)

    def volumecap(self) -> list[str]:
        return list(self._control.capabilities)

    def getrange(self, *, units: int) -> list[int]:
        control = self._control
        ends = [control.lowest, control.highest]
        return [self._db(step) for step in ends] if units == alsaaudio.VOLUME_UNITS_DB else ends

    def getvolume(self, *, units: int) -> list[int]:
        return [self._db(step) for step in self._seen] if units == alsaaudio.VOLUME_UNITS_DB else list(self._seen)

    def setvolume(self, volume: int, channel: int = -1, *, units: int) -> None:
        control = self._control
        if units == alsaaudio.VOLUME_UNITS_DB:
            rounding = 1 if control.is_loud and volume % control.db_per_step else 0
            volume = min(control.highest, control.highest + volume // control.db_per_step + rounding)
        self._mixers.writes.append((self._name, channel, volume))
        for at in range(len(self._seen)) if channel == -1 else [channel]:
            self._seen[at] = volume
            control.steps[at] = volume if control.stuck_at is None else control.stuck_at

    def getmute(self) -> list[int]:
        if not self._control.mutes:
            raise alsaaudio.ALSAAudioError(f"Mixer {self._name},0 has no playback switch capabilities, [hw:Fake]")
        return list(self._control.mutes)

    def setmute(self, mute: int) -> None:
        self._mixers.writes.append((self._name, -1, self._control.steps[0]))
        if not self._control.is_mute_stuck:
            self._control.mutes = [mute] * len(self._control.mutes)

    def close(self) -> None:
        self._mixers.held -= 1

    def _db(self, step: int) -> int:
        return (step - self._control.highest) * self._control.db_per_step
