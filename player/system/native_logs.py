"""Logs what C libraries write: libVLC's own log, and what its codecs write to stderr themselves.

Native code never calls Python here. The libraries write into a pipe, as into a file, on their own threads; one thread
of ours for each pipe, ``lull-overheard``, reads lines and logs them under the library's name, where they are logged
once, counted and limited like all such messages (`player.system.logging_setup`). (libVLC's log callback would hand over
a C argument list that Python cannot read portably, on threads that may still talk while the interpreter goes down.)

A writer must never wait for us: if the reading thread ends, it closes its end, and writing becomes an error that C
libraries ignore, since Python ignores SIGPIPE.
"""

from __future__ import annotations

import contextlib
import faulthandler
import logging
import os
import re
import signal
import sys
import threading
from collections.abc import Callable
from typing import Final, TypeAlias

from player.core.text import without_controls

LINE_LENGTH: Final = 300
VLC: Final = "libVLC"
CODECS: Final = "library"
"""The name for messages on stderr without one; libmpg123 writes such messages."""
_STDERR: Final = 2
_VLC_LINE: Final = re.compile(r"(\S+) (error|warning): (.*)")
_NEVER_TRUE: Final = frozenset({
    "invalid stop-time ignored", "Invalid get/release function pointers",
    "unknown query 0x30e in demux_vaControlHelper",
})  # fmt: skip
"""libVLC logs this for each stream and each track that does not begin at its start, although nothing is wrong."""
_ADVICE: Final = re.compile(r"-caching|is called too late")
"""libVLC's advice about its buffers: nobody who reads the log can follow it, and lull has buffers of its own."""
_LEVELS: Final = {"error": logging.ERROR, "warning": logging.WARNING}

Sort: TypeAlias = Callable[[str], tuple[int, str] | None]
"""Makes a level and a text from a line; None for a line that is not logged."""


def listen(name: str, sort: Sort) -> int:
    """Log what is written to the file descriptor that is returned; it stays open for the life of the process."""
    read_fd, write_fd = os.pipe()
    threading.Thread(target=_run, args=(read_fd, name, sort), name="lull-overheard", daemon=True).start()
    return write_fd


def vlc_log_options() -> tuple[str, ...]:
    """Options for a libVLC instance by which it writes warnings and errors to the log."""
    write_fd = listen(VLC, sort_vlc)
    return ("--file-logging", f"--logfile=/dev/fd/{write_fd}", "--logmode=text", "--log-verbose=1")


def take_over_stderr() -> None:
    """Let C libraries write to the log; `sys.stderr`, and with it the log itself, keeps what stderr was.

    What they write just before a crash is lost in the pipe, so Python reports the place of a crash on the real stderr.
    """
    kept = os.fdopen(os.dup(_STDERR), "w", buffering=1, encoding="utf-8", errors="backslashreplace")
    sys.stderr = kept
    faulthandler.enable(kept, all_threads=False)
    faulthandler.register(signal.SIGQUIT, kept, chain=True)  # the watchdog's: each thread says where it hangs
    write_fd = listen(CODECS, lambda line: (logging.WARNING, line))
    os.dup2(write_fd, _STDERR)
    os.close(write_fd)


def sort_vlc(line: str) -> tuple[int, str] | None:
    """A line of libVLC's file log, as in ``flac warning: text``."""
    found = _VLC_LINE.match(line)
    if found is None or found[3].strip() in _NEVER_TRUE:
        return None
    level = logging.DEBUG if _ADVICE.search(found[3]) else _LEVELS[found[2]]
    return level, f"{found[1]}: {found[3]}"


def _run(read_fd: int, name: str, sort: Sort) -> None:
    """The main function of the thread."""
    log = logging.getLogger(name)
    with contextlib.suppress(OSError), os.fdopen(read_fd, "rb") as pipe:
        for raw in iter(lambda: pipe.readline(4 * LINE_LENGTH), b""):
            line = without_controls(raw.decode("utf-8-sig", "replace").strip(), kept="")
            sorted_line = sort(line) if line else None
            if sorted_line is not None:
                log.log(sorted_line[0], "%s: %s", name, sorted_line[1][:LINE_LENGTH])
