"""The only module that calls Linux's inotify, which tells what happens to the files in a folder. For one thread.

It only reports what this machine does; a file that another computer copies to a share causes no event.
"""

from __future__ import annotations

import ctypes
import os
import select
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

MODIFY: Final = 0x2
ATTRIBUTES: Final = 0x4
"""Also who may read it."""
CLOSE_WRITE: Final = 0x8
MOVED: Final = 0x40 | 0x80
CREATE: Final = 0x100
DELETE: Final = 0x200
OVERFLOW: Final = 0x4000
IGNORED: Final = 0x8000
"""The folder is gone, and the watch with it."""
IS_DIR: Final = 0x40000000
_ONLY_DIR: Final = 0x01000000
WRITES: Final = MODIFY | CLOSE_WRITE | MOVED | CREATE | DELETE
_HEAD: Final = struct.Struct("iIII")
"""An event as inotify(7) describes it: watch, mask, cookie, and the length of the name that follows."""
_READ_BYTES: Final = 64 << 10


@dataclass(frozen=True, slots=True)
class FolderEvent:
    """What happened in a watched folder: ``mask`` has the bits above; ``path`` is empty where events were lost."""

    path: str
    mask: int


class Inotify:
    """Watches of folders. Raises OSError where the system has no inotify, or no more instances of it."""

    def __init__(self) -> None:
        self._libc = ctypes.CDLL(None, use_errno=True)
        try:
            self._fd: int = self._libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        except AttributeError:
            raise OSError("the C library has no inotify") from None
        if self._fd < 0:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
        self._folders: dict[int, str] = {}

    def watch(self, folder: str, mask: int = WRITES) -> None:
        """Watch a folder, without the folders in it. Raises OSError, usually because there are too many watches."""
        number = self._libc.inotify_add_watch(self._fd, os.fsencode(folder), mask | _ONLY_DIR)
        if number < 0:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
        self._folders[number] = folder

    def wait(self, timeout_s: float, wake_fd: int) -> list[FolderEvent]:
        """Wait for events; empty when the time is over, or when ``wake_fd`` became readable."""
        ready, _, _ = select.select([self._fd, wake_fd], [], [], timeout_s)
        return self.read() if self._fd in ready else []

    def fileno(self) -> int:
        """Readable when something has happened."""
        return self._fd

    def read(self) -> list[FolderEvent]:
        """The events so far; does not wait."""
        try:
            return list(self._events(os.read(self._fd, _READ_BYTES)))
        except BlockingIOError:
            return []

    def _events(self, data: bytes) -> Iterator[FolderEvent]:
        place = 0
        while place < len(data):
            number, mask, _, length = _HEAD.unpack_from(data, place)
            place += _HEAD.size + length
            folder = self._folders.get(number, "")
            if mask & OVERFLOW:
                yield FolderEvent("", mask)
            elif mask & IGNORED:
                self._folders.pop(number, None)
            elif folder and length:
                name = data[place - length : place].rstrip(b"\0")
                yield FolderEvent(os.path.join(folder, os.fsdecode(name)), mask)

    def close(self) -> None:
        """Remove all watches."""
        os.close(self._fd)
