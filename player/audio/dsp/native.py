"""The door to the native kernel (kernel.c): loops over samples in C, where a compiled kernel was installed.

Runs on the thread that owns the object. The Python of each stage is the reference, and is used where no kernel was
built: `pip` builds it where there is a compiler (setup.py), and the Debian package has it (debian/rules). Both ways
give the same bits, except for powers, which are equal to 1e-6.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence
from ctypes import c_double, c_int, c_size_t, c_uint64, c_void_p
from functools import cache
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from player.audio.dsp.hearing import CHUNK_HOPS
from player.audio.dsp.types import Block
from player.core.units import CHANNELS

VERSION: Final = 5
"""What `lull_kernel_version` of kernel.c says."""
_PLACE: Final[Any] = ctypes.c_char * 0
_FOLDER: Final = Path(__file__).resolve().parent
_FUNCTIONS: Final[dict[str, tuple[Any, list[Any]]]] = {
    "lull_kernel_version": (c_int, []),
    "lull_hop_powers": (None, [c_void_p, c_void_p, c_size_t, c_size_t, c_void_p]),
    "lull_hop_peaks": (None, [c_void_p, c_size_t, c_size_t, c_void_p]),
    "lull_high_pass": (None, [*[c_void_p] * 2, c_size_t, c_size_t, *[c_void_p] * 2, c_double, c_double, c_void_p]),
    "lull_sharpness": (None, [c_void_p, c_size_t, c_size_t, c_void_p, c_void_p, c_void_p]),
    "lull_guard_calm": (c_size_t, [*[c_void_p] * 4, c_size_t, c_void_p]),
    "lull_judge_calm": (c_size_t, [*[c_void_p] * 4, c_size_t, c_void_p]),
    "lull_calm_deck": (c_size_t, [c_void_p, c_size_t, c_void_p, c_size_t, c_double, c_double, c_void_p, c_void_p]),
    "lull_calm_chain": (c_size_t, [c_void_p, c_void_p, c_size_t, c_void_p]),
    "lull_ring_read": (c_size_t, [c_void_p, c_void_p, c_size_t, c_size_t]),
    "lull_first_sharp": (c_size_t, [c_void_p, c_void_p, c_size_t, c_size_t, c_size_t, c_double, c_double]),
}

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]


class RingFront(ctypes.Structure):
    """`struct ring` of ring.c."""

    _fields_ = (
        ("store", c_void_p),
        ("capacity", c_size_t),
        ("overhang", c_size_t),
        ("written", c_uint64),
        ("taken", c_uint64),
        *((name, c_size_t) for name in ("is_plain", "reserved", "number", "rate_hz")),
        ("reserve", c_void_p),
        ("commit", c_void_p),
    )


class Kernel:
    """One loaded kernel.

    Args:
        path: the shared library.

    Raises:
        OSError: it cannot be loaded, or is one for another version of this file.
    """

    def __init__(self, path: Path) -> None:
        library = ctypes.CDLL(str(path))
        for name, (result, arguments) in _FUNCTIONS.items():
            function = getattr(library, name, None)
            if function is None:
                raise OSError(f"{path} has no {name}")
            function.restype, function.argtypes = result, arguments
        if library.lull_kernel_version() != VERSION:
            raise OSError(f"{path} is of version {library.lull_kernel_version()}, not {VERSION}")
        self._library = library

    def hop_powers(self, state: Doubles, block: Block, hop_frames: int) -> list[float]:
        """K-weighted mean square of each whole hop, summed over the channels; ``state`` has 8 numbers, 0 at first."""
        samples = _floats(block)
        powers = np.empty(len(samples) // hop_frames)
        self._library.lull_hop_powers(_at(state), _at(samples), len(powers), hop_frames, _at(powers))
        found: list[float] = powers.tolist()
        return found

    def hop_peaks(self, block: Block, hop_frames: int) -> Floats:
        """The largest magnitude in each whole hop, finite."""
        samples = _floats(block)
        peaks: Floats = np.empty(len(samples) // hop_frames, np.float32)
        self._library.lull_hop_peaks(_at(samples), len(peaks), hop_frames, _at(peaks))
        return peaks

    def high_pass(
        self, mean: Doubles, hops: Block, curves: tuple[Floats, Floats], hop_keep: float, still: float
    ) -> Block:
        """See `player.audio.dsp.highpass`; ``mean`` has 2 numbers and is moved on."""
        samples = _floats(hops)
        out = np.empty_like(samples)
        weights, falling = curves
        self._library.lull_high_pass(
            _at(mean), _at(samples), len(samples) // len(weights), len(weights), _at(weights), _at(falling), hop_keep,
            still, _at(out),
        )  # fmt: skip
        return out

    def sharpness(self, wave: Block, side_frames: int) -> tuple[Floats, Doubles, Doubles]:
        """See `player.audio.dsp.declick`: the curve, and the largest by half hops, with the last frame and without."""
        samples = _floats(wave)
        curve: Floats = np.empty(len(samples), np.float32)
        sharpest, calmest = np.empty(len(samples) // side_frames), np.empty(len(samples) // side_frames)
        self._library.lull_sharpness(_at(samples), len(samples), side_frames, _at(curve), _at(sharpest), _at(calmest))
        return curve, sharpest, calmest

    def first_sharp(
        self, halves: tuple[Doubles, Doubles], hops: range, ahead: int, *, alone: float, small: float
    ) -> int:
        """The first of the hops in which something may stand out alone; their end where none does."""
        found: int = self._library.lull_first_sharp(
            _at(halves[0]), _at(halves[1]), hops.start, hops.stop, ahead, alone, small
        )
        return found

    def guard_calm(
        self, states: Sequence[Doubles], guard: Doubles, powers: list[float], peaks: Floats
    ) -> list[tuple[float, float, float]]:
        """See `player.audio.dsp.guard`: three figures of each chunk that was calm, up to the first that was not.

        ``states``, of six classes, and ``guard`` are moved on; ``powers`` and ``peaks`` are of whole chunks.
        """
        places = np.array([ctypes.addressof(_at(state)) for state in states], np.uintp)
        hops, figures = np.array(powers), np.empty((len(powers) // CHUNK_HOPS, 3))
        calm = self._library.lull_guard_calm(_at(places), _at(guard), _at(hops), _at(peaks), len(figures), _at(figures))
        return [(came, box, used_to) for came, box, used_to in figures[:calm].tolist()]

    def judge_calm(self, states: tuple[Doubles, Doubles], judge: Doubles, powers: list[float]) -> list[float]:
        """See `player.audio.dsp.startle`: the boxes of the chunks that were calm, up to the first that was not.

        ``states``, of two classes, and ``judge`` are moved on; ``powers`` are of whole chunks.
        """
        boxes = np.empty(len(powers))
        calm = self._library.lull_judge_calm(
            _at(states[0]), _at(states[1]), _at(judge), _at(hops := np.array(powers)), len(hops) // CHUNK_HOPS,
            _at(boxes),
        )  # fmt: skip
        found: list[float] = boxes[: calm * CHUNK_HOPS].tolist()
        return found

    def calm_deck(self, block: Block, late: Block, gain: float, most: float) -> tuple[Block, float] | None:
        """See `player.audio.dsp.sanitise`: the block under a gain, the sum of its squares; None where not calm.

        ``late``, what was held back, is moved on.
        """
        samples = _floats(block)
        out = np.empty_like(samples)
        power = c_double()
        taken = self._library.lull_calm_deck(
            _at(samples), len(samples), _at(late), len(late), gain, most, _at(out), ctypes.addressof(power)
        )
        return (out, power.value) if taken else None

    def ring_read(self, front: RingFront, frames: int, *, is_to_stay: bool) -> Block:
        """Up to so many frames of a ring, the oldest first; they are taken out of it unless they are to stay."""
        out: Block = np.empty((max(0, frames), CHANNELS), np.float32)
        count = self._library.lull_ring_read(ctypes.addressof(front), _at(out), len(out), is_to_stay)
        return out if count == len(out) else out[:count].copy()

    def ring_callbacks(self) -> tuple[int, int]:
        """The addresses of what libVLC is to call before and after each block, with that of a `RingFront`."""
        functions = self._library.lull_ring_prerender, self._library.lull_ring_postrender
        before, after = (ctypes.cast(function, c_void_p).value or 0 for function in functions)
        return before, after

    def calm_chain(self, lent: ctypes.Structure, block: Block) -> Block | None:
        """See `player.audio.dsp.calm`; None where the block is not calm, and then nothing was moved on."""
        samples = _floats(block)
        out = np.empty_like(samples)
        taken = self._library.lull_calm_chain(ctypes.addressof(lent), _at(samples), len(samples), _at(out))
        return out if taken else None


def _floats(block: Block) -> Block:
    """The same samples as C reads them: 32 bits, one beside the other. Mostly the block itself."""
    return np.ascontiguousarray(block, np.float32)


def _at(array: npt.NDArray[Any]) -> Any:
    """Where its numbers lie, as ctypes takes it, in a tenth of the time of ``array.ctypes``."""
    return _PLACE.from_buffer(array) if array.flags.writeable else array.ctypes.data


def place_of(array: npt.NDArray[Any]) -> int:
    """The address of its numbers, which lie one beside the other; valid while the array lives."""
    assert array.flags.c_contiguous, "C reads one number beside the other"
    place: int = array.ctypes.data
    return place


@cache
def kernel() -> Kernel | None:
    """The installed kernel; None where there is none that fits, and then everything works without."""
    for path in sorted(_FOLDER.glob("_kernel*.so")):
        try:
            return Kernel(path)
        except OSError:
            continue
    return None


class KernelMeter:
    """`player.audio.dsp.types.PowerMeter` by the kernel; equals libebur128's to 1e-6 of the power.

    Args:
        hop_frames: length of a hop.

    Attributes:
        state: the memory of the filter.
    """

    def __init__(self, hop_frames: int, native: Kernel) -> None:
        self._hop_frames = hop_frames
        self._kernel = native
        self.state = np.zeros(8)

    def powers(self, block: Block) -> list[float]:
        """Power of each hop of the block, shape (n * hop_frames, 2), finite."""
        return self._kernel.hop_powers(self.state, block, self._hop_frames)


def hop_peaks(native: Kernel | None, block: Block, hop_frames: int) -> Floats:
    """The largest magnitude in each hop of a block of whole hops, finite; by the kernel if there is one."""
    if native is not None:
        return native.hop_peaks(block, hop_frames)
    peaks: Floats = np.abs(block.reshape(-1, hop_frames * CHANNELS)).max(axis=1)
    return peaks


def power_meters(otherwise: Callable[[int], Any]) -> Callable[[int], Any]:
    """What makes power meters: the kernel's, or others where there is no kernel."""
    native = kernel()
    return otherwise if native is None else lambda hop_frames: KernelMeter(hop_frames, native)
