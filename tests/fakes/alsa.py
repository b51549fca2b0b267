"""Fakes of ALSA: an ideal card on a fake clock in the place of `player.audio.sinks.alsa_pcm.AlsaPcm`, and its mixer.

The manners of the card are those of ALSA and of the PulseAudio plugin as the live tests see them; those of the mixer
are pyalsaaudio's.
"""

from __future__ import annotations

import errno
import os
from dataclasses import dataclass, field
from typing import Final

import alsaaudio

from player.audio.sinks.alsa_pcm import AlsaError, AlsaFormat, Granted
from tests.fakes.clock import FakeClock

WIDTH_BYTES: Final = {
    AlsaFormat.FLOAT_LE: 4,
    AlsaFormat.S32_LE: 4,
    AlsaFormat.S24_LE: 4,
    AlsaFormat.S24_3LE: 3,
    AlsaFormat.S16_LE: 2,
    AlsaFormat.U8: 1,
}


@dataclass(frozen=True)
class Asked:
    """What a device was asked for."""

    device: str
    sample_format: AlsaFormat
    rate_hz: int
    channels: int
    period_frames: int
    periods: int


@dataclass
class FakeCard:
    """What a device can do and how it breaks; `open` stands in the place of `AlsaPcm`.

    Attributes:
        formats: the formats that it has; opening with another one fails with EINVAL.
        channels, rate: what it grants whatever is asked.
        buffer_frames: the buffer that it grants; None grants what is asked.
        open_errno: opening fails with this.
        write_errno: writing fails with this.
        is_stuck: takes nothing any more.
        is_always_dry: reports a gap at each write.
        heard: all bytes that it took.
        held: how many handles are open.
    """

    clock: FakeClock
    formats: tuple[AlsaFormat, ...] = (AlsaFormat.FLOAT_LE, AlsaFormat.S32_LE, AlsaFormat.S16_LE)
    channels: int = 2
    rate: int = 48_000
    buffer_frames: int | None = None
    open_errno: int | None = None
    write_errno: int | None = None
    is_stuck: bool = False
    is_always_dry: bool = False
    heard: bytearray = field(default_factory=bytearray)
    offers: list[int] = field(default_factory=list)
    asked: list[Asked] = field(default_factory=list)
    held: int = 0

    def open(
        self, device: str, sample_format: AlsaFormat, rate_hz: int, channels: int, period_frames: int, periods: int
    ) -> FakePcm:
        """As `AlsaPcm(...)`."""
        asked = Asked(device, sample_format, rate_hz, channels, period_frames, periods)
        self.asked.append(asked)
        number = self.open_errno or (None if sample_format in self.formats else errno.EINVAL)
        if number is not None:
            raise AlsaError(number, device)
        self.held += 1
        return FakePcm(self, asked)


class FakePcm:
    """One handle of a `FakeCard`."""

    def __init__(self, card: FakeCard, asked: Asked) -> None:
        self._card = card
        self._device = asked.device
        buffer_frames = card.buffer_frames or asked.period_frames * asked.periods
        self.granted = Granted(asked.sample_format, card.channels, card.rate, buffer_frames)
        self._empty_at_s: float | None = None
        self._is_open = True
        self._frame_bytes = card.channels * WIDTH_BYTES[asked.sample_format]

    @property
    def has_run_dry(self) -> bool:
        """Whether it has played all that it had."""
        if self._empty_at_s is None:
            return False
        return self._card.is_always_dry or self._card.clock.now().boot_s > self._empty_at_s + 1e-6

    @property
    def room_frames(self) -> int:
        """Frames that it would take; none after a gap, until it is written to; below 0 in an error."""
        if self._card.write_errno is not None:
            return -self._card.write_errno
        return 0 if self._card.is_stuck or self.has_run_dry else self._room(self._card.clock.now().boot_s)

    def write(self, data: bytes) -> int:
        """Frames taken; EPIPE after a gap."""
        assert len(data) % self._frame_bytes == 0, "whole frames"
        self._card.offers.append(len(data))
        if self._card.write_errno is not None:
            raise AlsaError(self._card.write_errno, self._device)
        if self._card.is_always_dry:
            raise AlsaError(errno.EPIPE, self._device)
        if self.has_run_dry:
            self._empty_at_s = None
            raise AlsaError(errno.EPIPE, self._device)
        return self._take(data)

    def close(self) -> None:
        """Let go of the card."""
        self._card.held -= self._is_open
        self._is_open = False

    def _take(self, data: bytes) -> int:
        now_s = self._card.clock.now().boot_s
        empty_at_s = max(self._empty_at_s or 0.0, now_s)
        frames = 0 if self._card.is_stuck else min(len(data) // self._frame_bytes, self._room(now_s))
        self._card.heard += data[: frames * self._frame_bytes]
        self._empty_at_s = empty_at_s + frames / self._card.rate
        return frames

    def _room(self, now_s: float) -> int:
        return self.granted.buffer_frames - round(max(0.0, (self._empty_at_s or 0.0) - now_s) * self._card.rate)


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
