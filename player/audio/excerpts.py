"""Analyses a file that has not been measured, before it sounds: five seconds at four places.

Runs on the engine thread and never blocks: one excerpt at a time is opened like any track, and its decoder works on
threads of its own. So a new file begins with about the gain that its measurement will give it, and its habitual level
is known (`player.audio.dsp.live_plan`). That takes a few tenths of a second; the next track is opened 20 s ahead.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from player.audio.dsp.types import Block
from player.audio.ports import Decoder, Source
from player.core.units import to_frames

PLACES: Final = (0.2, 0.4, 0.6, 0.8)
EXCERPT_S: Final = 5.0
SHORTEST_S: Final = 30.0
"""For a shorter file its beginning is enough."""
PATIENCE_S: Final = 3.0
"""An excerpt that takes longer is left out, and so are those after it: the file may be on a slow share."""


class Excerpts:
    """The excerpts of one file.

    Args:
        decoder: opens them.
        uri: the file.
        take: receives each excerpt, shape (frames, 2).

    Attributes:
        is_done: nothing more will come.
    """

    def __init__(self, decoder: Decoder, uri: str, take: Callable[[Block], None]) -> None:
        self.is_done = False
        self._decoder = decoder
        self._uri = uri
        self._take = take
        self._places_s: list[float] | None = None
        self._source: Source | None = None
        self._waited_frames = 0

    def step(self, track: Source, frames: int) -> None:
        """One step, ``frames`` after the last one; ``track`` is the opened file, whose length is known."""
        if self.is_done or not track.frames_ready():
            return
        if self._places_s is None:
            length_s = track.duration_s or 0.0
            self._places_s = [length_s * place for place in PLACES] if length_s >= SHORTEST_S else []
        if self._source is not None:
            self._look(self._source, frames)
        if self._source is None and self._places_s and not self.is_done:
            self._source, self._waited_frames = self._decoder.open(self._uri, self._places_s.pop(0)), 0
        self.is_done = self.is_done or self._source is None

    def _look(self, source: Source, frames: int) -> None:
        self._waited_frames += frames
        wanted = to_frames(EXCERPT_S)
        if source.frames_ready() >= wanted or source.is_finished():
            self._take(source.peek(wanted))
            source.close()
            self._source = None
        elif self._waited_frames > to_frames(PATIENCE_S):
            self.close()

    def wait(self, track: Source, timeout_s: float) -> None:
        """Rehearsals: take all of them now."""
        track.wait_ready(1, timeout_s)
        while not self.is_done:
            if self._source is not None and not self._source.wait_ready(to_frames(EXCERPT_S), timeout_s):
                self.close()
            self.step(track, 0)
            if not track.frames_ready():
                return

    def close(self) -> None:
        """Close what is open; no more excerpts follow."""
        if self._source is not None:
            self._source.close()
            self._source = None
        self.is_done = True
