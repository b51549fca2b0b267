"""A decoder on a script: what each address holds, and how it fails, without libVLC, files or threads.

An ideal `Source`: its ring is full whenever somebody looks, and what goes wrong is switched on by name.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np

from player.audio.dsp.types import Block
from player.core.units import CHANNELS, format_duration, to_frames, to_seconds

Maker = Callable[[int, int], Block]
"""Audio as a function: (first frame, number of frames) -> block. It must give the same for the same frames."""

RING_S: Final = 6.0


@dataclass(frozen=True, slots=True)
class Script:
    """What one address holds and how it fails.

    Attributes:
        audio: the samples, or a function that makes them (for long ones; then ``frames`` says how many).
        frames: length of what ``audio`` makes; None takes that of the array, and with ``never_ends`` there is no end.
        fails_to_open: finished at once, with a fault.
        breaks_off_at: frame at which it ends with a fault.
        stalls_at: frame from which nothing comes although it is not finished.
        nan_at: frame that is NaN on both sides; with a fader behind it, everything after would be.
        is_duration_unknown: no length, as with streams.
        duration_s: a length that is a lie; None tells the truth.
        never_ends: the audio starts again, without a seam in time, for ever.
    """

    audio: Block | Maker
    frames: int | None = None
    fails_to_open: bool = False
    breaks_off_at: int | None = None
    stalls_at: int | None = None
    nan_at: int | None = None
    is_duration_unknown: bool = False
    duration_s: float | None = None
    never_ends: bool = False

    def __post_init__(self) -> None:
        assert self.frames is not None or isinstance(self.audio, np.ndarray), "a maker needs a number of frames"

    @property
    def length(self) -> int:
        """Frames of one run through the audio."""
        return len(self.audio) if isinstance(self.audio, np.ndarray) else self.frames or 0

    def block(self, start: int, frames: int) -> Block:
        """The frames from ``start`` on, as a new array; a script that never ends starts again."""
        if not self.never_ends:
            return self._piece(start, frames)
        pieces = []
        while frames > 0:
            at = start % self.length
            count = min(frames, self.length - at)
            pieces.append(self._piece(at, count))
            start, frames = start + count, frames - count
        return np.concatenate(pieces) if pieces else np.empty((0, CHANNELS), dtype=np.float32)

    def _piece(self, start: int, frames: int) -> Block:
        if isinstance(self.audio, np.ndarray):
            return np.array(self.audio[start : start + frames], dtype=np.float32)
        return self.audio(start, frames)


def silence(duration_s: float = 600.0) -> Script:
    """A track of digital silence."""
    return Script(lambda _start, frames: np.zeros((frames, CHANNELS), dtype=np.float32), to_frames(duration_s))


def tone(frequency_hz: float = 440.0, level_db: float = -20.0, duration_s: float = 600.0) -> Script:
    """A track of one sine on both sides, phase zero at its first frame; ``level_db`` is its peak in dBFS."""

    def make(start: int, frames: int) -> Block:
        time_s = (start + np.arange(frames)) / 48_000
        wave = 10 ** (level_db / 20) * np.sin(2 * np.pi * frequency_hz * time_s)
        return np.repeat(wave[:, None], CHANNELS, axis=1).astype(np.float32)

    return Script(make, to_frames(duration_s))


class FakeSource:
    """One opened script; see `player.audio.ports.Source`.

    Attributes:
        script: may be exchanged while it plays, for faults that come later.
        position: frames of the track that were read or skipped, so the next frame's place.
        closings: how often it was closed.
    """

    def __init__(self, script: Script, start_s: float = 0.0, ring_s: float = RING_S) -> None:
        self.script = script
        self.position = to_frames(start_s)
        self.closings = 0
        self._ring = to_frames(ring_s)
        self._start = self.position

    @property
    def duration_s(self) -> float | None:
        """As the script says."""
        script = self.script
        if script.is_duration_unknown or script.never_ends or script.fails_to_open:
            return None
        return to_seconds(script.length) if script.duration_s is None else script.duration_s

    @property
    def fault(self) -> str | None:
        """The script's fault, once the decoder has met it."""
        if self.script.fails_to_open:
            return "cannot be opened"
        if self.closings or not self.is_finished():
            return None
        if self.script.breaks_off_at is not None:
            return f"broke off after {format_duration(to_seconds(self.script.breaks_off_at))}"
        return None if self._end() > self._start else "has no sound in it"

    def frames_ready(self) -> int:
        """What is left of the track, as far as the ring goes."""
        stop = self._end() if self.script.stalls_at is None else min(self._end(), self.script.stalls_at)
        return max(0, min(self._ring, stop - self.position))

    def is_finished(self) -> bool:
        """Whether the end is in the ring."""
        if self.closings or self.script.fails_to_open:
            return True
        end = self._end()
        is_stalled = self.script.stalls_at is not None and self.script.stalls_at < end
        return not is_stalled and end - self.position <= self._ring

    def read(self, frames: int) -> Block:
        """Up to ``frames`` frames of the script."""
        block = self.peek(frames)
        self.position += len(block)
        return block

    def peek(self, frames: int) -> Block:
        """The same without taking them."""
        count = max(0, min(frames, self.frames_ready()))
        block = self.script.block(self.position, count)
        nan_at = self.script.nan_at
        if nan_at is not None and self.position <= nan_at < self.position + count:
            block[nan_at - self.position] = np.nan
        return block

    def skip(self, frames: int) -> None:
        """As if they had been read."""
        self.read(frames)

    def wait_ready(self, frames: int, timeout_s: float) -> bool:
        """Takes no time: what is not ready now never will be."""
        assert timeout_s >= 0
        return self.is_finished() or self.frames_ready() >= min(frames, self._ring)

    def close(self) -> None:
        """Counted; what was ready can still be read."""
        self.closings += 1

    def _end(self) -> int:
        """The frame behind the last one."""
        script = self.script
        if script.fails_to_open:
            return self.position
        end = self.position + 2 * self._ring if script.never_ends else script.length
        return end if script.breaks_off_at is None else min(end, script.breaks_off_at)


class FakeDecoder:
    """Opens scripts by their address; see `player.audio.ports.Decoder`.

    Args:
        scripts: what each address holds; an address that is not in here cannot be opened.
        ring_s: how far ahead its sources decode.

    Attributes:
        scripts: may be changed while it plays.
        opened: every source that was opened, in order, with its address.
    """

    def __init__(self, scripts: dict[str, Script] | None = None, ring_s: float = RING_S) -> None:
        self.scripts = dict(scripts or {})
        self.opened: list[tuple[str, FakeSource]] = []
        self._ring_s = ring_s

    @property
    def open_count(self) -> int:
        """Sources that are open now; more than two at once is more than a crossfade needs."""
        return sum(1 for _, source in self.opened if not source.closings)

    def open(self, uri: str, start_s: float = 0.0) -> FakeSource:
        """A source on the script of that address."""
        script = self.scripts.get(uri, Script(np.zeros((0, CHANNELS), dtype=np.float32), fails_to_open=True))
        source = FakeSource(script, start_s, self._ring_s)
        self.opened.append((uri, source))
        return source
