"""The sound card, or a sound server, through ALSA: the door to pyalsaaudio's PCM (0.10 and 0.11).

Runs on the engine thread. Theory: the handle is non-blocking, because a blocking one waits for ever for a busy card and
for a sound server that hangs. `write` offers what is left of the block, sleeps as long as the device needs to play that
much, and offers again; a device that takes nothing for `STALL_S` is lost. There is no wait on poll descriptors: those
of dmix must be read through a call that pyalsaaudio 0.10 does not have.

What pyalsaaudio does not say is read back: it ignores every refused parameter, so format, rate, channels and buffer are
compared with what was asked. 0.10 hides an underrun that happened between two writes and raises "Broken pipe" for one
inside a write; 0.11 returns -EPIPE for both. Both prepare the device again. The state, asked before each offer, tells
the first kind. 0.10 also takes the *significant* bits of a sample for its width, so a 24 bit card in 32 bit samples
would be fed misaligned frames: such a format is passed over there.

A card that has only another rate gets the sound at that rate, resampled here and nowhere else. ALSA's plug devices
resample as well, but by straight lines between samples where no better converter is installed, and never tell.

A block that follows a gap is replaced by silence of the same length: sound that sets in at full level after a gap is
what startles. Silence is also what `drain` writes, a buffer full of it: no call into ALSA that could block.

Where it falls short: pyalsaaudio holds the interpreter's lock while it opens and closes. A PulseAudio server that is
frozen (not dead: that is refused at once) keeps both for 30 s, libpulse's own timeout, and the whole process with them.
What ALSA's name ``default`` means is decided by ALSA's configuration when it is opened; Debian's may choose the bare
card while PulseAudio is not running.
"""

from __future__ import annotations

import ctypes
import errno
import os
from functools import cache
from typing import Any, Final

import alsaaudio

from player.audio.dsp.types import Block
from player.audio.sinks.alsa_mixer import MixerPin
from player.audio.sinks.pcm_format import PcmEncoder, SampleFormat
from player.audio.sinks.resampler import RATES_HZ
from player.core.clock import Clock
from player.core.errors import SinkError, Underrun
from player.core.units import CHANNELS, RATE_HZ, to_frames, to_seconds

PERIOD_FRAMES: Final = 4_800
STALL_S: Final = 5.0
"""A device that takes no sample for so long is lost."""
DRAIN_STALL_S: Final = 0.5
SLACK_S: Final = 0.003
"""Slept in addition, so that the device has room for all the rest and one wake-up serves a block."""
RETRY_S: Final = 0.010
SILENT_FRAMES: Final = to_frames(1.0)
"""So much silence behind a buffer full of it, and nothing is heard any more, whatever a sound server holds back."""
BUFFER_TOLERANCE: Final = (0.25, 1.5)
"""The buffer that a device grants, as a factor of the one that was asked: dmix has its own idea of it."""
_FORMATS: Final = (
    (SampleFormat.FLOAT_LE, alsaaudio.PCM_FORMAT_FLOAT_LE),
    (SampleFormat.S32_LE, alsaaudio.PCM_FORMAT_S32_LE),
    (SampleFormat.S24_LE, alsaaudio.PCM_FORMAT_S24_LE),
    (SampleFormat.S24_3LE, alsaaudio.PCM_FORMAT_S24_3LE),
    (SampleFormat.S16_LE, alsaaudio.PCM_FORMAT_S16_LE),
)
_HINTS: Final = {
    errno.EBUSY: "another program holds the device; stop it, or use a shared one such as default",
    errno.ENOENT: "there is no such device now; `aplay -L` lists the names",
    errno.ENODEV: "there is no such device now; `aplay -L` lists the names",
    errno.EACCES: "this user may not use it; add the user to the group audio",
    errno.EPERM: "the device is there, but the service's sandbox does not allow it; `sudo systemctl restart lull`",
    errno.ECONNREFUSED: "the sound server is not running",
}
_ERROR_HANDLER = ctypes.CFUNCTYPE(None, ctypes.c_char_p, ctypes.c_int, ctypes.c_char_p, ctypes.c_int, ctypes.c_char_p)


class AlsaSink:
    """A `Sink` into one ALSA device, and no other.

    Args:
        device: ALSA's name of it: ``default``, ``plughw:CARD=Headphones``, …
        buffer_s: the device buffer to ask for, in periods of about 100 ms.
        clock: measures and sleeps the waits of `write`.
        pin: keeps a control of the card's mixer where it belongs.
    """

    def __init__(self, device: str, buffer_s: float, clock: Clock, pin: MixerPin | None = None) -> None:
        self._device = device
        self._asked_frames = to_frames(buffer_s)
        self._buffer_s = buffer_s
        self._clock = clock
        self._pin = pin
        self._silent_frames = 0
        self._pcm: Any = None
        self._encoder = PcmEncoder(SampleFormat.FLOAT_LE)

    @property
    def delay_s(self) -> float:
        """The length of the device's buffer, which `write` keeps full; a sound server's own delay comes on top."""
        return self._buffer_s

    def open(self) -> None:
        """Take the device in the first of FLOAT, S32, S24, S16 that it grants; in stereo, or mono if that is all.

        Raises:
            SinkError: the device is missing, busy, not ours, has no rate or format of ours, or its mixer stands too
                high; nothing is held.
        """
        _hush_alsa_lib()
        self.close()
        if self._pin is not None:
            self._pin.set()
        self._pcm = self._opened()
        self._silent_frames = SILENT_FRAMES + to_frames(self._buffer_s)
        if self._pin is not None:
            self._pin.opened(self._clock.now().boot_s)

    def _opened(self) -> Any:
        """The device in the first format that it grants."""
        refusal = SinkError(
            f"{self._device} takes neither FLOAT_LE, S32_LE, S24_LE, S24_3LE nor S16_LE; {self._advice()}"
        )
        for sample_format, alsa_format in _FORMATS:
            try:
                pcm = self._take(alsa_format)
            except alsaaudio.ALSAAudioError as fault:
                refusal = self._error("cannot open", fault)
                if os.strerror(errno.EINVAL) in str(fault):
                    continue  # some plugins answer so to a format that they have not
                raise refusal from fault
            if self._is_usable(pcm, sample_format, alsa_format):
                return pcm
        raise refusal

    def write(self, block: Block) -> None:
        """Play the block after all before; waits until the device has taken it.

        Raises:
            Underrun: a gap was heard; silence was played in the place of this block, or of what was left of it.
            SinkError: the sink is closed, the device is gone, it took nothing for 5 s, or its mixer stands too high.
        """
        had_gap = self._push(self._encoder.encode(block), STALL_S)
        if had_gap:
            self._encoder.forget()
            raise Underrun(f"{self._device} ran dry")
        if self._pin is not None:
            self._silent_frames = 0 if block.any() else self._silent_frames + len(block)
            is_silent = self._silent_frames >= SILENT_FRAMES + to_frames(self._buffer_s)
            self._pin.look(self._clock.now().boot_s, is_silent=is_silent)

    def drain(self) -> None:
        """Play silence until all that was written before it has left the buffer; a lost device ends it at once."""
        if self._pcm is None:
            return
        try:
            self._push(self._encoder.ending(to_frames(self._buffer_s)), DRAIN_STALL_S)
        except SinkError:
            return  # nothing of it will be heard any more; the next write or open says why

    def close(self) -> None:
        """Let go of the device; what it has not played yet may be dropped (a card does, PulseAudio plays it out)."""
        if self._pcm is not None:
            self._pcm.close()
        self._pcm = None

    def _take(self, alsa_format: int) -> Any:
        periods = max(2, round(self._asked_frames / PERIOD_FRAMES))
        return alsaaudio.PCM(
            type=alsaaudio.PCM_PLAYBACK,
            mode=alsaaudio.PCM_NONBLOCK,
            device=self._device,
            rate=RATE_HZ,
            channels=CHANNELS,
            format=alsa_format,
            periodsize=self._asked_frames // periods,
            periods=periods,
        )

    def _is_usable(self, pcm: Any, sample_format: SampleFormat, alsa_format: int) -> bool:
        """Whether the format was granted, and then all is set for it; otherwise the device is closed again."""
        try:
            granted = pcm.info()
            self._check(granted)
        except BaseException:
            pcm.close()
            raise
        if granted["format"] != alsa_format or not _is_width_known(granted, sample_format):
            pcm.close()
            return False
        self._encoder = PcmEncoder(sample_format, granted["channels"], granted["rate"])
        self._buffer_s = granted["buffer_size"] / granted["rate"]
        return True

    def _check(self, granted: dict[str, Any]) -> None:
        """Refuse what no conversion of ours can serve."""
        if granted["rate"] not in RATES_HZ:
            rates = ", ".join(str(rate_hz) for rate_hz in RATES_HZ)
            raise SinkError(f"{self._device} plays {granted['rate']} Hz, which is none of {rates}; {self._advice()}")
        if granted["channels"] not in (1, CHANNELS):
            raise SinkError(f"{self._device} has {granted['channels']} channels, not {CHANNELS}; {self._advice()}")
        asked_s, granted_s = to_seconds(self._asked_frames), granted["buffer_size"] / granted["rate"]
        lowest_s, highest_s = (factor * asked_s for factor in BUFFER_TOLERANCE)
        if not lowest_s <= granted_s <= highest_s:
            raise SinkError(
                f"{self._device} has a buffer of {granted_s:.3f} s; {asked_s:.3f} s were asked for: "
                f"change `buffer`, or {self._advice()}"
            )

    def _advice(self) -> str:
        plain = self._device.removeprefix("hw:")
        return f"use plughw:{plain} or default" if plain != self._device else "use a plughw: device or default"

    def _push(self, data: bytes, patience_s: float) -> bool:
        """Hand over all of it, or silence of the same length from the first gap on; True when there was a gap."""
        pcm = self._pcm
        if pcm is None:
            raise SinkError(f"{self._device} is not open")
        if not data:
            return False  # a resampler waits for more
        had_gap = False
        rest = memoryview(data)
        give_up_s = self._clock.now().boot_s + patience_s
        wait_s = self._wait_s(rest)
        while True:
            taken_frames, is_gap = self._offer(pcm, rest)
            rest = rest[taken_frames * self._encoder.frame_bytes :]
            had_gap = had_gap or is_gap
            if not rest:
                return had_gap
            if is_gap:
                rest, wait_s = memoryview(bytes(len(rest))), RETRY_S
            if taken_frames > 0:
                give_up_s, wait_s = self._clock.now().boot_s + patience_s, self._wait_s(rest)
            if self._clock.now().boot_s >= give_up_s:
                raise SinkError(f"{self._device} has taken no sound for {patience_s:g} s")
            self._clock.sleep(wait_s)
            wait_s = RETRY_S

    def _offer(self, pcm: Any, data: memoryview) -> tuple[int, bool]:
        """Frames that the device took at once, and whether there was a gap before them; then they were silence."""
        has_gap = bool(pcm.state() == alsaaudio.PCM_STATE_XRUN)
        try:
            taken_frames: int = pcm.write(bytes(len(data)) if has_gap else data)
        except alsaaudio.ALSAAudioError as fault:
            if os.strerror(errno.EPIPE) in str(fault):
                return 0, True
            raise self._error("lost", fault) from fault
        return (0, True) if taken_frames == -errno.EPIPE else (taken_frames, has_gap)

    def _wait_s(self, rest: memoryview) -> float:
        """Until a full device has room for the rest, but never until it could have run dry."""
        rest_s = len(rest) / self._encoder.frame_bytes / self._encoder.rate_hz
        return min(rest_s + SLACK_S, self._buffer_s / 2)

    def _error(self, what: str, fault: Exception) -> SinkError:
        """ALSA's text, and what to do about it where that is known."""
        text = str(fault)
        hints = (hint for number, hint in _HINTS.items() if text.startswith(os.strerror(number)))
        hint = next(hints, None)
        return SinkError(f"{what} the sound device: {text}" + (f"; {hint}" if hint else ""))


def _is_width_known(granted: dict[str, Any], sample_format: SampleFormat) -> bool:
    """Whether pyalsaaudio counts a frame's bytes as we do; 0.11 does always, and has ``physical_bits``."""
    bits = granted.get("physical_bits", granted["significant_bits"])
    return bool(bits == 8 * sample_format.width_bytes)


def _say_nothing(*_: object) -> None:
    """ALSA's own messages go to stderr, several for each attempt, all night; the exception says enough."""


_SILENT_HANDLER = _ERROR_HANDLER(_say_nothing)
"""Kept here because ALSA keeps only the address."""


@cache
def _hush_alsa_lib() -> None:
    """Silence the messages of the ALSA library in this process, once."""
    ctypes.CDLL("libasound.so.2").snd_lib_error_set_handler(_SILENT_HANDLER)
