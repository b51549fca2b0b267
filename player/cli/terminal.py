"""Lists in the width of a terminal, and one line that is redrawn: progress, or the state of the speaker.

Where the output is not a terminal, plain lines are written instead, less often.
"""

from __future__ import annotations

import math
import re
import shutil
import sys
import time
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Final, TextIO

from player.core.units import SILENCE_DB, format_duration

if TYPE_CHECKING:
    from player.core.snapshot import Snapshot

_METER_FLOOR_DB: Final = -72.0
_METER_WIDTH: Final = 12
_STATE_EVERY_S: Final = 0.5
_PLAIN_STATE_EVERY_S: Final = 30.0
_BAR_WIDTH: Final = 24
_PROGRESS_EVERY_S: Final = 0.1
_PLAIN_PROGRESS_EVERY_S: Final = 10.0


class Progress:
    """A progress line; a context manager, so that the line is always ended."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = sys.stderr if stream is None else stream
        self._is_terminal = self._stream.isatty()
        self._last_s = float("-inf")
        self._left_out: tuple[str, float | None] | None = None
        self._is_open = False

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def show(self, text: str, share: float | None = None) -> None:
        """Draw the line, at most ten times a second; ``share`` 0-1 draws a bar before it."""
        now_s = time.monotonic()
        if now_s - self._last_s < (_PROGRESS_EVERY_S if self._is_terminal else _PLAIN_PROGRESS_EVERY_S):
            self._left_out = (text, share)
            return
        self._last_s = now_s
        self._draw(text, share)

    def _draw(self, text: str, share: float | None) -> None:
        self._left_out = None
        if share is not None:
            share = max(0.0, min(share, 1.0))
            filled, percent = int(share * _BAR_WIDTH), f"{int(share * 100):3d}% "
            text = (f"[{'#' * filled}{'.' * (_BAR_WIDTH - filled)}] " if self._is_terminal else "") + percent + text
        if self._is_terminal:
            width = shutil.get_terminal_size().columns - 1
            self._stream.write("\r" + text[:width].ljust(width))
            self._is_open = True
        else:
            self._stream.write(text + "\n")
        self._stream.flush()

    def end(self) -> None:
        """Draw the last state, which may have come too soon after the line before, and keep it."""
        if self._left_out is not None:
            self._draw(*self._left_out)
        if self._is_open:
            self._stream.write("\n")
            self._stream.flush()
        self._is_open = False


def line(snapshot: Snapshot) -> str:
    """One line: state, track, level, timer, volume, and problems."""
    parts = [snapshot.state.replace("_", " ").ljust(10)]
    if snapshot.track is not None:
        parts.append(f"{snapshot.track} {_position(snapshot)}".strip())
    if snapshot.level_db is not None:
        parts.append(meter(snapshot.level_db))
    if snapshot.timer_remaining_s is not None:
        parts.append(f"timer {format_duration(snapshot.timer_remaining_s)}")
    elif snapshot.state != "idle":
        parts.append(f"timer {snapshot.timer_mode}")
    is_on_its_way = snapshot.ramping_to not in {None, snapshot.volume}
    towards = f" (moving to {snapshot.ramping_to})" if is_on_its_way else ""
    parts.append(f"volume {snapshot.volume}{towards}")
    if snapshot.state == "idle" and snapshot.next_start is not None:
        parts.append(f"next start {snapshot.next_start:%a %H:%M}")
    parts.extend(f"! {problem}" for problem in snapshot.problems)
    return " | ".join(parts)


def meter(level_db: float) -> str:
    """A small bar and the level in dBFS."""
    if level_db == SILENCE_DB or not math.isfinite(level_db):
        return f"[{'.' * _METER_WIDTH}] silent"
    share = 1.0 - max(_METER_FLOOR_DB, min(level_db, 0.0)) / _METER_FLOOR_DB
    filled = round(share * _METER_WIDTH)
    return f"[{'#' * filled}{'.' * (_METER_WIDTH - filled)}] {level_db:.0f} dBFS"


def _position(snapshot: Snapshot) -> str:
    if snapshot.position_s is None:
        return ""
    minutes, seconds = divmod(int(snapshot.position_s), 60)
    return f"{minutes}:{seconds:02d}"


class LiveLine:
    """Draws each snapshot; without a terminal, a plain line when the state changes and from time to time."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = sys.stdout if stream is None else stream
        self._is_terminal = self._stream.isatty()
        self._is_lost = False
        self._last_s = float("-inf")
        self._last_key: tuple[object, ...] = ()

    def __call__(self, snapshot: Snapshot) -> None:
        """Draw when it is due."""
        now_s = time.monotonic()
        key = (snapshot.state, snapshot.track, snapshot.volume, snapshot.problems)
        has_changed = key != self._last_key
        if not has_changed and now_s - self._last_s < (_STATE_EVERY_S if self._is_terminal else _PLAIN_STATE_EVERY_S):
            return
        self._last_s, self._last_key = now_s, key
        self._write("\r\x1b[2K" + clip_to_terminal(line(snapshot)) if self._is_terminal else line(snapshot) + "\n")

    def end(self) -> None:
        """Keep the last line."""
        if self._is_terminal:
            self._write("\n")

    def _write(self, text: str) -> None:
        """Write it; nothing any more once that fails, because a terminal that was closed must not cut the sound off."""
        if self._is_lost:
            return
        try:
            self._stream.write(text)
            self._stream.flush()
        except OSError:
            self._is_lost = True


def clip_to_terminal(text: str) -> str:
    """The text, cut to the width of the terminal."""
    return text[: shutil.get_terminal_size().columns - 1]


NARROW: Final = 60
WIDE: Final = 120
_SECOND_COLUMN: Final = re.compile(r" *\S+(?: \S+)*  +")
"""The first column of a line: words, and two spaces or more."""


def show(text: str, margin: int | None = None) -> None:
    """Print a list, a line for each thing.

    Args:
        text: its lines.
        margin: indentation of continued lines; the second column of the line, if not given.
    """
    if not sys.stdout.isatty():
        print(text)
        return
    columns = min(max(shutil.get_terminal_size().columns, NARROW), WIDE)
    print("\n".join(folded(text.splitlines(), columns, margin)))


def folded(lines: Iterable[str], columns: int, margin: int | None = None) -> Iterator[str]:
    """The lines, each folded at a number of columns."""
    import textwrap

    for line in lines:
        if len(line) <= columns:
            yield line
            continue
        start = _SECOND_COLUMN.match(line)
        hang = margin if margin is not None else start.end() if start is not None else 2
        yield from textwrap.wrap(line, columns, subsequent_indent=" " * min(hang, columns // 2), break_on_hyphens=False)
