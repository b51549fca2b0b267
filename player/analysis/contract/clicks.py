"""C10 on a stream: clicks in what left that the recordings do not have.

Runs on the thread that renders. A click is a kink in the wave: its second difference is large for two or three samples
and stands alone. Its largest magnitude is taken in cells of half a millisecond; a cell is a click if it is more than
four times as large as each cell from 1 to 11 ms before and each from 1 to 11 ms behind it. A drop or a tap rings on for
longer, and noise is never so even, so neither is one. In a tone of 440 Hz a step of 0.11 dB is found, at 1 kHz 0.6 dB.
Anything that kinks by less than 40 dB below the programme is not heard.

Whether a click was recorded is looked up in each deck's frames as they were decoded, under lull's own gains
(`decoded`), as much earlier as lull is late: if the same cells stand out in one of them, lull did not make it. In their
sum a loud sound of one track, which the plan lowers, would hide the crackles of another.

Limitation: two clicks within 11 ms hide each other, and one may hide in a recorded one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt

from player.analysis.contract.figures import Violations
from player.audio.dsp.tap import SOURCE_LATE_FRAMES
from player.audio.dsp.types import Block
from player.core.units import CHANNELS, RATE_HZ, db_to_gain, to_seconds

Cells: TypeAlias = npt.NDArray[np.float32]

CELL_FRAMES: Final = 24
STANDS_OUT: Final = 4.0
NEAR_CELLS: Final = 2
FAR_CELLS: Final = 22
QUIETEST_DB: Final = -40.0
SOURCE_SLACK_CELLS: Final = 4
_KEPT_FRAMES: Final = SOURCE_LATE_FRAMES + RATE_HZ // 4
_LEAD_FRAMES: Final = 2 * FAR_CELLS * CELL_FRAMES + 2
_NOTHING: Final = 1e-9


class Clicks:
    """Counts clicks.

    Attributes:
        offences: those that are lull's own.
        recorded: how many there were that are not.
    """

    def __init__(self) -> None:
        self.offences = Violations()
        self.recorded = 0
        self._frames = 0
        self._window: Block = np.zeros((_LEAD_FRAMES, CHANNELS), np.float32)
        self._sources: dict[int, Block] = {}

    def push(self, out: Block, decoded: Mapping[int, Block], programme_db: float) -> None:
        """A block as it leaves, whole cells, and what was decoded for the block that leaves `SOURCE_LATE_FRAMES` later.

        ``decoded`` has as many frames of each track; ``programme_db`` is the level of calm sound at the volume before
        fades.
        """
        assert len(out) % CELL_FRAMES == 0, len(out)
        self._keep(decoded, len(out))
        window = np.concatenate((self._window, out))
        self._window = window[len(out) :]
        self._frames += len(out)
        if not window.any():
            return
        cells = _sharpness(window)
        standing = _standing_out(cells)
        smallest = db_to_gain(programme_db + QUIETEST_DB)
        for cell in np.flatnonzero((standing > STANDS_OUT) & (cells[FAR_CELLS:-FAR_CELLS] > smallest)):
            self._judge(self._frames - len(window) + 2 + (FAR_CELLS + int(cell)) * CELL_FRAMES)

    def _keep(self, decoded: Mapping[int, Block], frames: int) -> None:
        """Add the frames to the last ones of each track; tracks that have been silent since then are dropped."""
        silence: Block = np.zeros((_KEPT_FRAMES, CHANNELS), np.float32)
        for track in {**self._sources, **decoded}:
            former, added = self._sources.get(track, silence), decoded.get(track, silence[:frames])
            self._sources[track] = np.concatenate((former, added))[-_KEPT_FRAMES:]
        self._sources = {track: source for track, source in self._sources.items() if source.any()}

    def _judge(self, frame: int) -> None:
        """A click in the cell that begins with this frame."""
        if self._was_recorded(frame):
            self.recorded += 1
        else:
            self.offences.add(max(0.0, to_seconds(frame)))

    def _was_recorded(self, frame: int) -> bool:
        at = frame - SOURCE_LATE_FRAMES - (self._frames - _KEPT_FRAMES)
        reach = (FAR_CELLS + SOURCE_SLACK_CELLS) * CELL_FRAMES
        first, end = at - reach, at + reach + CELL_FRAMES
        if first < 2 or end > _KEPT_FRAMES:
            return False
        cells = (_sharpness(source[first - 2 : end]) for source in self._sources.values())
        return any((_standing_out(one) > STANDS_OUT / 2.0).any() for one in cells)


def _sharpness(frames: Block) -> Cells:
    """Largest second difference of each cell; the frames are two more than whole cells."""
    samples = frames.reshape(-1)
    steps = samples[CHANNELS:] - samples[:-CHANNELS]
    kinks = np.abs(steps[CHANNELS:] - steps[:-CHANNELS])
    cells: Cells = kinks.reshape(-1, CELL_FRAMES * CHANNELS).max(axis=1)
    return cells


def _standing_out(cells: Cells) -> Cells:
    """How many times each cell, but the first and last 22, is as large as the largest of those around it."""
    span = FAR_CELLS - NEAR_CELLS + 1
    most = np.lib.stride_tricks.sliding_window_view(cells, span).max(axis=1)
    count = len(cells) - 2 * FAR_CELLS
    before, behind = most[:count], most[FAR_CELLS + NEAR_CELLS :][:count]
    around: Cells = np.maximum(np.maximum(before, behind), np.float32(_NOTHING))
    return (cells[FAR_CELLS : FAR_CELLS + count] / around).astype(np.float32, copy=False)
