"""The door to ALSA's PCM: libasound through ctypes, which lets other Python threads run during each call.

Runs on the calling thread. pyalsaaudio is not used for this, because it holds the interpreter's lock while it
opens and closes: a frozen sound server answers after 30 s, and until then no thread of the daemon would run.

A handle is opened in non-blocking mode, which applies only to its samples: opening, preparing, dropping and closing
still wait for a sound server's answer. `player.audio.sinks.bounded_call` bounds the wait.
"""

from __future__ import annotations

import ctypes
import errno
import os
from ctypes import POINTER, byref, c_char_p, c_int, c_long, c_uint, c_ulong, c_void_p
from dataclasses import dataclass
from enum import IntEnum
from functools import cache
from typing import Any, Final


class AlsaFormat(IntEnum):
    """Sample formats, with ALSA's numbers (pcm.h)."""

    U8 = 1
    S16_LE = 2
    S24_LE = 6
    S32_LE = 10
    FLOAT_LE = 14
    S24_3LE = 32


PLAYBACK: Final = 0
NONBLOCK: Final = 1
INTERLEAVED: Final = 3
XRUN: Final = 4
_ERROR_HANDLER = ctypes.CFUNCTYPE(None, c_char_p, c_int, c_char_p, c_int, c_char_p)


class AlsaError(Exception):
    """A call into ALSA failed: ``number`` is the errno; the message is the system's, with the device."""

    def __init__(self, number: int, device: str) -> None:
        super().__init__(f"{os.strerror(number)} [{device}]")
        self.number = number


@dataclass(frozen=True, slots=True)
class Granted:
    """The parameters that a device granted; ``buffer_frames`` at its own rate."""

    sample_format: int
    channels: int
    rate_hz: int
    buffer_frames: int


class AlsaPcm:
    """One open handle for playing.

    Args:
        device: its ALSA name.
        sample_format: if it is not granted, opening fails with EINVAL.
        rate_hz, channels, period_frames, periods: the nearest that the device has is granted.

    Raises:
        AlsaError: it cannot be opened or set up; nothing is held.
    """

    def __init__(
        self, device: str, sample_format: AlsaFormat, rate_hz: int, channels: int, period_frames: int, periods: int
    ) -> None:
        self._device = device
        self._lib = _library()
        self._handle = c_void_p()
        self._check(self._lib.snd_pcm_open(byref(self._handle), os.fsencode(device), PLAYBACK, NONBLOCK))
        try:
            self.granted = self._set_up(sample_format, rate_hz, channels, period_frames, periods)
        except AlsaError:
            self._lib.snd_pcm_close(self._handle)
            raise
        self._frame_bytes = self.granted.channels * self._lib.snd_pcm_format_physical_width(sample_format) // 8

    @property
    def has_run_dry(self) -> bool:
        """Whether the device has played all that it had and has stopped."""
        return bool(self._lib.snd_pcm_state(self._handle) == XRUN)

    @property
    def room_frames(self) -> int:
        """How many frames it would take at once, as far as it knows without asking the hardware.

        Below 0 after an error, which `write` raises.
        """
        room: int = self._lib.snd_pcm_avail_update(self._handle)
        return room

    def write(self, data: bytes) -> int:
        """Offer whole frames; returns how many were taken at once, 0 where there is no room.

        Raises:
            AlsaError: with EPIPE after a gap, and then the device is ready for more; otherwise it is lost.
        """
        taken: int = self._lib.snd_pcm_writei(self._handle, data, len(data) // self._frame_bytes)
        if taken == -errno.EAGAIN:
            return 0
        if taken == -errno.EPIPE:
            self._check(self._lib.snd_pcm_prepare(self._handle))
        self._check(taken)
        return taken

    def close(self) -> None:
        """Drop what has not been played and release the device; must not be used afterwards."""
        self._lib.snd_pcm_drop(self._handle)
        self._lib.snd_pcm_close(self._handle)

    def _set_up(self, sample_format: int, rate_hz: int, channels: int, period_frames: int, periods: int) -> Granted:
        lib, pcm, params = self._lib, self._handle, c_void_p()
        self._check(lib.snd_pcm_hw_params_malloc(byref(params)))
        try:
            self._check(lib.snd_pcm_hw_params_any(pcm, params))
            self._check(lib.snd_pcm_hw_params_set_access(pcm, params, INTERLEAVED))
            self._check(lib.snd_pcm_hw_params_set_format(pcm, params, sample_format))
            granted_channels, rate, count = c_uint(channels), c_uint(rate_hz), c_uint(periods)
            period, buffer, direction = c_ulong(period_frames), c_ulong(), c_int()
            self._check(lib.snd_pcm_hw_params_set_channels_near(pcm, params, byref(granted_channels)))
            self._check(lib.snd_pcm_hw_params_set_rate_near(pcm, params, byref(rate), byref(direction)))
            lib.snd_pcm_hw_params_set_period_size_near(pcm, params, byref(period), byref(direction))
            lib.snd_pcm_hw_params_set_periods_near(pcm, params, byref(count), byref(direction))
            self._check(lib.snd_pcm_hw_params(pcm, params))
            self._check(lib.snd_pcm_hw_params_get_buffer_size(params, byref(buffer)))
        finally:
            lib.snd_pcm_hw_params_free(params)
        return Granted(sample_format, granted_channels.value, rate.value, buffer.value)

    def _check(self, result: int) -> None:
        if result < 0:
            raise AlsaError(-result, self._device)


def _say_nothing(*_: object) -> None:
    """Suppress ALSA's own messages: several to stderr for each attempt, all night; the exception is enough."""


_SILENT_HANDLER = _ERROR_HANDLER(_say_nothing)
"""Kept alive here because ALSA stores only the address."""


@cache
def _library() -> Any:
    """The library with the types of its functions; its own messages are suppressed in this process."""
    lib = ctypes.CDLL("libasound.so.2")
    lib.snd_lib_error_set_handler(_SILENT_HANDLER)
    pointers = {
        "snd_pcm_open": [POINTER(c_void_p), c_char_p, c_int, c_int],
        "snd_pcm_close": [c_void_p],
        "snd_pcm_drop": [c_void_p],
        "snd_pcm_prepare": [c_void_p],
        "snd_pcm_state": [c_void_p],
        "snd_pcm_avail_update": [c_void_p],
        "snd_pcm_writei": [c_void_p, c_char_p, c_ulong],
        "snd_pcm_format_physical_width": [c_int],
        "snd_pcm_hw_params": [c_void_p, c_void_p],
        "snd_pcm_hw_params_malloc": [POINTER(c_void_p)],
        "snd_pcm_hw_params_free": [c_void_p],
        "snd_pcm_hw_params_any": [c_void_p, c_void_p],
        "snd_pcm_hw_params_set_access": [c_void_p, c_void_p, c_int],
        "snd_pcm_hw_params_set_format": [c_void_p, c_void_p, c_int],
        "snd_pcm_hw_params_set_channels_near": [c_void_p, c_void_p, POINTER(c_uint)],
        "snd_pcm_hw_params_set_rate_near": [c_void_p, c_void_p, POINTER(c_uint), POINTER(c_int)],
        "snd_pcm_hw_params_set_period_size_near": [c_void_p, c_void_p, POINTER(c_ulong), POINTER(c_int)],
        "snd_pcm_hw_params_set_periods_near": [c_void_p, c_void_p, POINTER(c_uint), POINTER(c_int)],
        "snd_pcm_hw_params_get_buffer_size": [c_void_p, POINTER(c_ulong)],
    }
    for name, arguments in pointers.items():
        getattr(lib, name).argtypes = arguments
    lib.snd_pcm_writei.restype = lib.snd_pcm_avail_update.restype = c_long
    lib.snd_pcm_hw_params_free.restype = None
    return lib
