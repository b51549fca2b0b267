"""Loudness by ITU-R BS.1770 and EBU R 128: a thin door to libebur128. The only file that loads it.

Each meter belongs to one thread. The library is C, in every Debian as ``libebur128-1``, 30 KB, and filters a second of
stereo in under a millisecond of a desktop core; scipy would cost 75 MB and half a second of start-up for the same.

Powers here are K-weighted mean squares summed over the channels, so that a level in LUFS is -0.691 + 10 lg(power).
"""

from __future__ import annotations

import ctypes
import math
import weakref
from functools import cache
from typing import Any, Final

import numpy as np

from player.audio.dsp.hearing import to_power
from player.audio.dsp.types import Block
from player.core.errors import LullError
from player.core.units import CHANNELS, RATE_HZ, SILENCE_DB

LIBRARY: Final = "libebur128.so.1"

_MODE_M: Final = 1 << 0
_MODE_S: Final = 1 << 1 | _MODE_M
_MODE_I: Final = 1 << 2 | _MODE_M
_MODE_LRA: Final = 1 << 3 | _MODE_S
_MODE_TRUE_PEAK: Final = 1 << 5 | 1 << 4 | _MODE_M
_MODE_HISTOGRAM: Final = 1 << 6
_FRAME_BYTES: Final = 4 * CHANNELS


class LoudnessError(LullError):
    """libebur128 is missing or refused."""


@cache
def _library() -> ctypes.CDLL:
    """The loaded library with the types of what is used of it."""
    try:
        library = ctypes.CDLL(LIBRARY)
    except OSError as fault:
        raise LoudnessError(f"{LIBRARY} is missing; install libebur128-1 ({fault})") from None
    state, size, value = ctypes.c_void_p, ctypes.c_size_t, ctypes.POINTER(ctypes.c_double)
    for name, result, *arguments in (
        ("ebur128_init", state, ctypes.c_uint, ctypes.c_ulong, ctypes.c_int),
        ("ebur128_destroy", None, ctypes.POINTER(state)),
        ("ebur128_add_frames_float", ctypes.c_int, state, ctypes.c_void_p, size),
        ("ebur128_loudness_window", ctypes.c_int, state, ctypes.c_ulong, value),
        ("ebur128_loudness_global", ctypes.c_int, state, value),
        ("ebur128_loudness_range", ctypes.c_int, state, value),
        ("ebur128_true_peak", ctypes.c_int, state, ctypes.c_uint, value),
    ):
        function = getattr(library, str(name))
        function.restype, function.argtypes = result, arguments
    return library


class _State:
    """One measuring state of the library, freed with its owner."""

    def __init__(self, mode: int) -> None:
        self.library = _library()
        self.handle = ctypes.c_void_p(self.library.ebur128_init(CHANNELS, RATE_HZ, mode))
        if not self.handle:
            raise LoudnessError(f"{LIBRARY} has no memory left")
        self.value = ctypes.c_double()
        self.result = ctypes.byref(self.value)
        weakref.finalize(self, self.library.ebur128_destroy, ctypes.byref(self.handle))

    def add(self, block: Block) -> None:
        """Measure more audio."""
        samples = np.ascontiguousarray(block, np.float32)
        if self.library.ebur128_add_frames_float(self.handle, samples.ctypes.data, len(samples)):
            raise LoudnessError(f"{LIBRARY} has no memory left")

    def ask(self, question: str, *arguments: Any) -> float:
        """A measurement; -inf where there is nothing to measure."""
        if getattr(self.library, question)(self.handle, *arguments, self.result):
            raise LoudnessError(f"{LIBRARY} refused {question}")
        return self.value.value


class HopMeter:
    """K-weighted power, hop by hop: `player.audio.dsp.types.PowerMeter`.

    Args:
        hop_frames: length of a hop; a whole number of milliseconds.
    """

    def __init__(self, hop_frames: int) -> None:
        assert hop_frames * 1000 % RATE_HZ == 0, hop_frames
        self._hop_frames = hop_frames
        self._hop_ms = hop_frames * 1000 // RATE_HZ
        self._state = _State(_MODE_M)

    def powers(self, block: Block) -> list[float]:
        """Power of each hop of the block, shape (n * hop_frames, 2), finite."""
        samples = np.ascontiguousarray(block, np.float32)
        state, hop, hop_ms, found = self._state, self._hop_frames, self._hop_ms, []
        add, window = state.library.ebur128_add_frames_float, state.library.ebur128_loudness_window
        handle, value, result, first = state.handle.value, state.value, state.result, samples.ctypes.data
        for at in range(first, first + len(samples) // hop * hop * _FRAME_BYTES, hop * _FRAME_BYTES):
            add(handle, at, hop)
            window(handle, hop_ms, result)
            found.append(value.value)
        return [to_power(level_lufs) for level_lufs in found]


class ProgrammeMeter:
    """I and LRA of a whole programme, in constant memory; with ``true_peak`` the library's own 4x oversampled peak."""

    def __init__(self, *, true_peak: bool = False) -> None:
        self._state = _State(_MODE_I | _MODE_LRA | _MODE_HISTOGRAM | (_MODE_TRUE_PEAK if true_peak else 0))

    def add(self, block: Block) -> None:
        """Measure more audio: finite, shape (frames, 2), any length."""
        self._state.add(block)

    @property
    def integrated_lufs(self) -> float:
        """Gated loudness of all so far, -inf where nothing passed the gates."""
        return self._state.ask("ebur128_loudness_global")

    @property
    def range_lu(self) -> float:
        """Loudness range of all so far (EBU Tech 3342)."""
        return self._state.ask("ebur128_loudness_range")

    @property
    def momentary_lufs(self) -> float:
        """M: the last 400 ms."""
        return self._state.ask("ebur128_loudness_window", 400)

    @property
    def short_term_lufs(self) -> float:
        """S: the last 3 s."""
        return self._state.ask("ebur128_loudness_window", 3000)

    @property
    def true_peak_dbtp(self) -> float:
        """Largest true peak of both channels so far, -inf for silence."""
        peak = max(self._state.ask("ebur128_true_peak", channel) for channel in range(CHANNELS))
        return 20.0 * math.log10(peak) if peak > 0.0 else SILENCE_DB


def true_peak_dbtp(block: Block) -> float:
    """Largest true peak of a stretch, shape (frames, 2), by the library's 4x oversampling."""
    meter = ProgrammeMeter(true_peak=True)
    meter.add(block)
    return meter.true_peak_dbtp
