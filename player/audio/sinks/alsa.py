"""The sound card, or a sound server, through ALSA (`player.audio.sinks.alsa_pcm`).

Runs on the engine thread. Theory: the handle is non-blocking, because a blocking one waits indefinitely for a busy card
and for a sound server that hangs. `write` offers what is left of the block, sleeps as long as the device needs to play
that much, and offers again; a device that takes nothing for `STALL_S` is lost. Poll descriptors are not used:
those of dmix need a further call for each wake-up.

Opening and closing wait for a sound server's answer, up to 30 s where it is frozen (libpulse's own timeout). Both run
on a thread of their own; the wait for opening is limited to `ANSWER_S`, for closing to `CLOSE_S`. A handle that is
opened later is closed again; until an earlier call has returned, opening is refused.

The device grants the nearest rate, channels and buffer that it has, so they are compared with the requested ones. A
card that has only another rate gets the sound at that rate, resampled here and nowhere else. ALSA's plug devices
resample as well, but by linear interpolation if no better converter is installed, and do not report it.

A block that follows a gap is replaced by silence of the same length: sound that begins at full level after a gap would
startle. `drain` writes silence as well, one full buffer, because ALSA's own drain call could block.

Limitations: what a frozen sound server has taken and not played, at most one buffer, is dropped by a request that the
server reads when it resumes; a server that cannot take back what it has passed on plays it first.
The mixer (`pin`) uses pyalsaaudio, which holds the interpreter's lock: if a mixer belongs to a sound server and not to
a card, the whole process waits when the server freezes at that moment. ALSA's configuration decides what ``default``
means when it is opened; Debian's may choose the bare card while PulseAudio is not running.
"""

from __future__ import annotations

import errno
import os
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Final

from player.audio.dsp.types import Block
from player.audio.sinks.alsa_mixer import MixerPin
from player.audio.sinks.alsa_pcm import AlsaError, AlsaFormat, AlsaPcm, Granted
from player.audio.sinks.bounded_call import BoundedCaller
from player.audio.sinks.pcm_format import PcmEncoder, SampleFormat
from player.audio.sinks.resampler import RATES_HZ
from player.core.clock import Clock
from player.core.errors import SinkError, Underrun
from player.core.units import CHANNELS, RATE_HZ, to_frames, to_seconds

PERIOD_FRAMES: Final = 4_800
STALL_S: Final = 2.0
"""A device that takes no sample for this long is lost."""
ANSWER_S: Final = 2.0
"""Maximum time for opening a device."""
CLOSE_S: Final = 0.3
"""Maximum wait for closing a device; if it needs longer, its thread continues alone."""
DRAIN_STALL_S: Final = 0.5
SLACK_S: Final = 0.003
"""Slept in addition, so that the device has room for all the rest and one wake-up serves a block."""
RETRY_S: Final = 0.010
SILENT_FRAMES: Final = to_frames(1.0)
"""After a full buffer of silence and this much more, nothing earlier is still heard, even from a sound server."""
BUFFER_TOLERANCE: Final = (0.25, 1.5)
"""Accepted range of the granted buffer, as a factor of the requested one: dmix uses a size of its own."""
_FORMATS: Final = (
    (SampleFormat.FLOAT_LE, AlsaFormat.FLOAT_LE),
    (SampleFormat.S32_LE, AlsaFormat.S32_LE),
    (SampleFormat.S24_LE, AlsaFormat.S24_LE),
    (SampleFormat.S24_3LE, AlsaFormat.S24_3LE),
    (SampleFormat.S16_LE, AlsaFormat.S16_LE),
)
_HINTS: Final = {
    errno.EBUSY: "another program holds the device; stop it, or use a shared one such as default",
    errno.ENOENT: "no such device at the moment; `aplay -L` lists the names",
    errno.ENODEV: "no such device at the moment; `aplay -L` lists the names",
    errno.EACCES: "this user has no permission to use it; add the user to the group audio",
    errno.EPERM: "the device is there, but the service's sandbox does not allow it; `sudo systemctl restart lull`",
    errno.ECONNREFUSED: "the sound server is not running",
}
CARDS: Final = Path("/dev/snd")


class AlsaSink:
    """A `Sink` into one ALSA device, and no other.

    Args:
        device: its ALSA name: ``default``, ``plughw:CARD=Headphones``, …
        buffer_s: the device buffer to ask for, in periods of about 100 ms.
        clock: measures and sleeps the waits of `write`.
        pin: keeps a control of the card's mixer at its set level.
    """

    def __init__(self, device: str, buffer_s: float, clock: Clock, pin: MixerPin | None = None) -> None:
        self._device = device
        self._asked_frames = to_frames(buffer_s)
        self._buffer_s = buffer_s
        self._clock = clock
        self._pin = pin
        self._silent_frames = 0
        self._pcm: AlsaPcm | None = None
        self._device_calls = BoundedCaller()
        self._encoder = PcmEncoder(SampleFormat.FLOAT_LE)

    @property
    def buffer_s(self) -> float:
        """The length of the device's buffer; while it is closed, the requested length."""
        return self._buffer_s

    @property
    def delay_s(self) -> float:
        """What is in the device's buffer; a sound server updates it in steps, and its own delay is not included."""
        if self._pcm is None or self._pcm.has_run_dry or (room_frames := self._pcm.room_frames) < 0:
            return 0.0
        return max(0.0, self._buffer_s - room_frames / self._encoder.rate_hz)

    @property
    def granted(self) -> Granted | None:
        """What the device granted; None when closed."""
        return None if self._pcm is None else self._pcm.granted

    def open(self, buffer_times: int = 1) -> None:
        """Open the device in the first of FLOAT, S32, S24, S16 that it grants; in stereo, or mono if it has no stereo.

        Raises:
            SinkError: the device is missing, busy, not permitted, does not answer, has no supported rate or format,
                or its mixer level is too high; nothing is held.
        """
        self.close()
        if self._pin is not None:
            self._pin.set()
        self._pcm = self._opened(self._asked_frames * buffer_times)
        self._silent_frames = SILENT_FRAMES + to_frames(self._buffer_s)
        if self._pin is not None:
            self._pin.opened(self._clock.boot_s())

    def _opened(self, buffer_frames: int) -> AlsaPcm:
        """The device in the first format that it grants."""
        for sample_format, alsa_format in _FORMATS:
            try:
                pcm = self._take(alsa_format, buffer_frames)
            except AlsaError as fault:
                if fault.number == errno.EINVAL:
                    refusal = self._error("cannot open", fault)
                    continue  # it does not have this format
                raise self._error("cannot open", fault) from fault
            self._use(pcm, sample_format, buffer_frames)
            return pcm
        formats = ", ".join(sample_format.name for sample_format, _ in _FORMATS)
        raise SinkError(f"{self._device} accepts none of {formats} ({refusal}); {self._advice()}")

    def write(self, block: Block) -> None:
        """Play the block after all earlier ones; waits until the device has taken it.

        Raises:
            Underrun: a gap was heard; silence was played instead of this block, or of what was left of it.
            SinkError: the sink is closed, the device is gone, it took nothing for 2 s, or its mixer level is too high.
        """
        had_gap = self._push(self._encoder.encode(block), STALL_S)
        if had_gap:
            self._encoder.forget()
            raise Underrun(f"{self._device} ran out of data")
        if self._pin is not None:
            self._silent_frames = 0 if block.any() else self._silent_frames + len(block)
            is_silent = self._silent_frames >= SILENT_FRAMES + to_frames(self._buffer_s)
            self._pin.look(self._clock.boot_s(), is_silent=is_silent)

    def drain(self) -> None:
        """Play silence until all that was written before it has left the buffer; a lost device ends it at once."""
        if self._pcm is None:
            return
        try:
            self._push(self._encoder.ending(to_frames(self._buffer_s)), DRAIN_STALL_S)
        except SinkError:
            return  # nothing of it will be heard any more; the next write or open reports why

    def close(self) -> None:
        """Release the device; what it has not played yet is dropped."""
        pcm, self._pcm = self._pcm, None
        if pcm is not None:
            self._close(pcm)

    def _close(self, pcm: AlsaPcm) -> None:
        with suppress(TimeoutError):  # closing continues, and nothing is opened until it is done
            self._device_calls.call(pcm.close, CLOSE_S)

    def _take(self, alsa_format: AlsaFormat, buffer_frames: int) -> AlsaPcm:
        periods = max(2, round(buffer_frames / PERIOD_FRAMES))
        opening = partial(AlsaPcm, self._device, alsa_format, RATE_HZ, CHANNELS, buffer_frames // periods, periods)
        try:
            return self._device_calls.call(opening, ANSWER_S, undo=lambda pcm: pcm.close())
        except TimeoutError:
            raise SinkError(f"{self._device} does not answer; is its sound server frozen?") from None

    def _use(self, pcm: AlsaPcm, sample_format: SampleFormat, buffer_frames: int) -> None:
        """Set up for what was granted; if lull cannot convert to it, the device is closed again."""
        granted = pcm.granted
        try:
            self._check(granted, buffer_frames)
        except SinkError:
            self._close(pcm)
            raise
        self._encoder = PcmEncoder(sample_format, granted.channels, granted.rate_hz)
        self._buffer_s = granted.buffer_frames / granted.rate_hz

    def _check(self, granted: Granted, buffer_frames: int) -> None:
        """Refuse what lull cannot convert to. A larger buffer than that of the settings is optional."""
        if granted.rate_hz not in RATES_HZ:
            rates = ", ".join(str(rate_hz) for rate_hz in RATES_HZ)
            raise SinkError(f"{self._device} plays at {granted.rate_hz} Hz; allowed are {rates}; {self._advice()}")
        if granted.channels not in (1, CHANNELS):
            raise SinkError(f"{self._device} has {granted.channels} channels, not {CHANNELS}; {self._advice()}")
        asked_s, granted_s = to_seconds(self._asked_frames), granted.buffer_frames / granted.rate_hz
        if not BUFFER_TOLERANCE[0] * asked_s <= granted_s <= BUFFER_TOLERANCE[1] * to_seconds(buffer_frames):
            raise SinkError(
                f"{self._device} has a buffer of {granted_s:.3f} s; {asked_s:.3f} s were asked for: "
                f"change `buffer`, or {self._advice()}"
            )

    def _advice(self) -> str:
        plain = self._device.removeprefix("hw:")
        return f"use plughw:{plain} or default" if plain != self._device else "use a plughw: device or default"

    def _push(self, data: bytes, patience_s: float) -> bool:
        """Write all of ``data``, or silence of the same length from the first gap on; True if there was a gap."""
        pcm = self._pcm
        if pcm is None:
            raise SinkError(f"{self._device} is not open")
        if not data:
            return False  # a resampler waits for more
        had_gap = False
        rest = memoryview(data)
        give_up_s = self._clock.boot_s() + patience_s
        wait_s = self._wait_s(rest)
        while (missing_s := self._missing_s(pcm, len(data))) > 0.0 and self._clock.boot_s() < give_up_s:
            # so that one call takes all of it; a sound server updates its room in steps, so it is asked again
            self._clock.sleep(min(missing_s + SLACK_S, RETRY_S))
        while True:
            taken_frames, is_gap = self._offer(pcm, rest)
            rest = rest[taken_frames * self._encoder.frame_bytes :]
            had_gap = had_gap or is_gap
            if not rest:
                return had_gap
            if is_gap:
                rest, wait_s = memoryview(bytes(len(rest))), RETRY_S
            if taken_frames > 0:
                give_up_s, wait_s = self._clock.boot_s() + patience_s, self._wait_s(rest)
            if self._clock.boot_s() >= give_up_s:
                raise SinkError(f"{self._device} has accepted no sound for {patience_s:g} s")
            self._clock.sleep(wait_s)
            wait_s = RETRY_S

    def _missing_s(self, pcm: AlsaPcm, data_bytes: int) -> float:
        """How long until there is room for all of it.

        0 if waiting does not help: the device has stopped or has an error, or it has no room for all of it before more
        than half of its buffer is empty.
        """
        data_s = data_bytes / self._encoder.frame_bytes / self._encoder.rate_hz
        if data_s > self._buffer_s / 2 or pcm.has_run_dry or (room_frames := pcm.room_frames) < 0:
            return 0.0
        return data_s - room_frames / self._encoder.rate_hz

    def _offer(self, pcm: AlsaPcm, data: memoryview) -> tuple[int, bool]:
        """Frames that the device took at once, and whether there was a gap before them; if so, they were silence."""
        has_gap = pcm.has_run_dry
        try:
            return pcm.write(bytes(len(data)) if has_gap else bytes(data)), has_gap
        except AlsaError as fault:
            if fault.number == errno.EPIPE:
                return 0, True
            raise self._error("lost", fault) from fault

    def _wait_s(self, rest: memoryview) -> float:
        """How long until a full device has room for the rest, but never so long that it could run out of sound."""
        rest_s = len(rest) / self._encoder.frame_bytes / self._encoder.rate_hz
        return min(rest_s + SLACK_S, self._buffer_s / 2)

    def _error(self, what: str, fault: AlsaError) -> SinkError:
        """The system's text, and advice if the cause is known."""
        is_missing = fault.number in {errno.ENOENT, errno.ENODEV}
        number = (_refusal() if is_missing else None) or fault.number
        hint = _HINTS.get(number)
        text = f"{os.strerror(number)} [{self._device}]"
        return SinkError(f"{what} the sound device: {text}" + (f"; {hint}" if hint else ""))


def _refusal() -> int | None:
    """EPERM (a sandbox) or EACCES (no rights) if a card exists and this process may not open it; otherwise None.

    ALSA searches for a card's name by opening each card, skips those that it may not open, and reports ENODEV.
    """
    for control in sorted(CARDS.glob("controlC*")):
        try:
            os.close(os.open(control, os.O_RDONLY | os.O_NONBLOCK))
        except PermissionError as fault:
            return fault.errno
        except OSError:
            continue
    return None
