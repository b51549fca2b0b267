"""Records a crash of the process: Python's faulthandler writes it into a file of the state directory, and the
next start reads it there.

Set up on the main thread before anything plays. A decoder that crashes ends the whole process, and the next process
has to know: after an end by SIGKILL, by SIGABRT from outside or by a power cut the same track may be played; after a
crash another track is played. The handler runs in whatever thread crashed, libVLC's own among them, writes nothing but
that file, and then lets the process end as it would have. An empty file costs no write to the card while all is well.
"""

from __future__ import annotations

import contextlib
import faulthandler
import logging
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from player.system.privileges import give_to_owner

log = logging.getLogger("lull")

FILE_NAME: Final = "crash.txt"
KEPT_NAME: Final = "crash.last.txt"
"""The record of the latest crash, for people who look into it."""
_MOST_BYTES: Final = 65_536
_FLAGS: Final = os.O_NOFOLLOW | os.O_CLOEXEC


@contextlib.contextmanager
def crash_recorded(folder: Path) -> Iterator[bool]:
    """Within the context a crash of this process is recorded; yields whether the process before it crashed.

    Where the directory cannot be written nothing is recorded, and no crash is reported.
    """
    has_crashed = _read(folder)
    before = faulthandler.is_enabled()
    with contextlib.ExitStack() as stack:
        try:
            number = os.open(folder / FILE_NAME, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NONBLOCK | _FLAGS, 0o640)
            file = stack.enter_context(open(number, "wb"))
            give_to_owner(number, folder)
        except OSError as fault:
            log.info("a crash cannot be recorded in %s: %s", folder, fault.strerror)
        else:
            faulthandler.enable(file)
            stack.callback(_disable, is_wanted=before)
        yield has_crashed


def _disable(*, is_wanted: bool) -> None:
    """Stop writing into the file, which is about to be closed, because its number may soon mean another one."""
    faulthandler.disable()
    if is_wanted:
        faulthandler.enable()


def _read(folder: Path) -> bool:
    """Whether there is a record of a crash; it is logged, and kept under another name."""
    path = folder / FILE_NAME
    try:
        with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK | _FLAGS), "rb") as file:
            words = file.read(_MOST_BYTES).decode("utf-8", "replace").strip()
        if words:
            os.replace(path, folder / KEPT_NAME)
    except OSError:
        return False
    if _is_abort_from_outside(words):
        log.warning("lull was aborted from outside, by the watchdog or by hand; see %s", folder / KEPT_NAME)
        return False
    if words:
        log.warning("lull crashed: %s; the details are in %s", words.splitlines()[0], folder / KEPT_NAME)
    return bool(words)


def _is_abort_from_outside(words: str) -> bool:
    """Whether SIGABRT was sent to the process: it reaches the main thread, which decodes nothing."""
    current = next((part for part in words.split("\n\n") if part.startswith("Current thread")), "in _bootstrap")
    return words.startswith("Fatal Python error: Aborted") and "in _bootstrap" not in current
