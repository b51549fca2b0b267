"""Progress on the terminal: one line that is drawn over; plain lines now and then when nobody watches."""

from __future__ import annotations

import shutil
import sys
import time
from typing import Final, TextIO

_BAR: Final = 24
_PLAIN_EVERY_S: Final = 10.0
_DRAW_EVERY_S: Final = 0.1


class Progress:
    """A line about long work; ``with`` it, so that the line is ended whatever happens."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = sys.stderr if stream is None else stream
        self._is_terminal = self._stream.isatty()
        self._last_s = float("-inf")
        self._is_open = False

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def show(self, text: str, share: float | None = None) -> None:
        """Draw the line, at most ten times a second; ``share`` 0-1 draws a bar before it."""
        now_s = time.monotonic()
        if now_s - self._last_s < (_DRAW_EVERY_S if self._is_terminal else _PLAIN_EVERY_S):
            return
        self._last_s = now_s
        if share is not None:
            filled = round(max(0.0, min(share, 1.0)) * _BAR)
            percent = f"{max(0.0, min(share, 1.0)):4.0%} "
            text = (f"[{'#' * filled}{'.' * (_BAR - filled)}] " if self._is_terminal else "") + percent + text
        if self._is_terminal:
            width = shutil.get_terminal_size().columns - 1
            self._stream.write("\r" + text[:width].ljust(width))
            self._is_open = True
        else:
            self._stream.write(text + "\n")
        self._stream.flush()

    def end(self) -> None:
        """Leave the line as it is."""
        if self._is_open:
            self._stream.write("\n")
            self._stream.flush()
        self._is_open = False
