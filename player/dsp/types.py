"""The one array type of the audio path."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

Block: TypeAlias = npt.NDArray[np.float32]
"""Audio: float32, shape (frames, 2), 48 kHz, left and right, full scale at 1.0."""

Gains: TypeAlias = npt.NDArray[np.float32]
"""One amplitude factor a frame: float32, shape (frames,)."""
