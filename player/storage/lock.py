"""One daemon for one state directory: a lock that the kernel releases when its holder ends, in whatever way.

Taken on the main thread before the memory is read and held until the end. Two daemons on one memory would both go on
with the session that one of them plays, and each would overwrite the other's memory.
"""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from player.core.errors import LullError
from player.system.privileges import give_to_owner

log = logging.getLogger("lull")

FILE_NAME: Final = "daemon.lock"
"""The name of the lock file. It stays when the daemon ends: a lock on a deleted file excludes nobody."""


class InUse(LullError):
    """Another daemon works with this state directory; the message names both."""


@contextlib.contextmanager
def only_daemon(folder: Path) -> Iterator[None]:
    """Hold the directory's lock within the context.

    Where it cannot be written, or its file system has no locks, there is no lock, with a warning: without
    writing nothing can be resumed either, and a night without memory is better than none.

    Raises:
        InUse: another process holds it.
    """
    with contextlib.ExitStack() as stack:
        try:
            folder.mkdir(mode=0o750, parents=True, exist_ok=True)
            file = os.open(folder / FILE_NAME, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o640)
            stack.callback(os.close, file)
            give_to_owner(file, folder)
            _lock(file, folder)
        except OSError as fault:
            log.warning("%s cannot be kept for one daemon alone: %s", folder, fault.strerror)
        yield


def holder_of(folder: Path, locks: Path = Path("/proc/locks")) -> int:
    """The process that holds the lock, 0 where none does or it cannot be told.

    The kernel's list of locks is read instead of trying the lock: a daemon that starts at that instant must get it.
    """
    try:
        facts = (folder / FILE_NAME).stat()
        listed = locks.read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return 0
    place = f"{os.major(facts.st_dev):02x}:{os.minor(facts.st_dev):02x}:{facts.st_ino}"
    for line in listed:
        words = line.split()
        # "1: FLOCK  ADVISORY  WRITE 1234 08:01:5678 0 EOF"; a line with "->" only waits
        if words[1:2] == ["FLOCK"] and words[5] == place and words[4].isdecimal():
            return int(words[4])
    return 0


def _lock(file: int, folder: Path) -> None:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as fault:
        holder = os.pread(file, 20, 0).decode("ascii", "replace").strip()
        who = f"another lull (process {holder})" if holder.isdecimal() else "another lull"
        raise InUse(
            f"{folder} is in use by {who}; each daemon needs a state_dir of its own: stop that one, or set "
            "another state_dir"
        ) from fault
    with contextlib.suppress(OSError):  # a full disk: the lock holds without the number
        os.ftruncate(file, 0)
        os.pwrite(file, f"{os.getpid()}\n".encode(), 0)
