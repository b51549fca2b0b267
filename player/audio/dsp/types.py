"""The array types of the audio path, and what it asks of a loudness meter."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

Block: TypeAlias = npt.NDArray[np.float32]
"""Audio: float32, shape (frames, 2), 48 kHz, left and right, full scale at 1.0."""

Gains: TypeAlias = npt.NDArray[np.float32]
"""One amplitude factor a frame: float32, shape (frames,)."""


class PowerMeter(Protocol):
    """K-weighted power, hop by hop; what is measured goes on from call to call."""

    def powers(self, block: Block) -> list[float]:
        """Mean square, summed over the channels, of each whole hop of the block: LUFS = -0.691 + 10 lg(power)."""
        ...


MakePowerMeter: TypeAlias = Callable[[int], PowerMeter]
"""A new meter for hops of so many frames."""
