"""Why a file in the state directory cannot be used, for people: which folder it is about, and what to do.

SQLite's own words ("unable to open database file") name neither. The folder itself is looked at, because SQLite reports
a disk that is full or read-only in several ways. Any thread; may wait for the disk.
"""

from __future__ import annotations

import errno
import os
import pwd
from pathlib import Path
from typing import Final

_ANOTHER: Final = "or set another state_dir"
_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT})
_BUSY: Final = ("SQLITE_BUSY", "SQLITE_LOCKED")
_BY_THE_DISK: Final = ("SQLITE_CANTOPEN", "SQLITE_FULL", "SQLITE_IOERR", "SQLITE_PERM", "SQLITE_READONLY")


def why_unusable(path: Path, fault: Exception) -> str:
    """The whole sentence about a file that could not be opened or written."""
    name = str(getattr(fault, "sqlite_errorname", ""))
    if name.startswith(_BUSY):
        return f"{path} is being written by another program; stop that, or wait for it"
    if isinstance(fault, FileExistsError | NotADirectoryError):
        return f"{path.parent} is not a folder; remove what is there, {_ANOTHER}"
    if isinstance(fault, OSError):
        reason = _reason(path, is_full=fault.errno in _FULL)
    elif name.startswith(_BY_THE_DISK):
        reason = _reason(path, is_full=name == "SQLITE_FULL", may_be_full=True)
    else:
        reason = None
    return reason or f"{path} cannot be used: {getattr(fault, 'strerror', None) or fault}"


def _reason(path: Path, *, is_full: bool, may_be_full: bool = False) -> str | None:
    """What the folder itself says; None where it seems to be in order."""
    folder = path.parent
    there = next((one for one in (folder, *folder.parents) if os.path.exists(one)), Path("/"))
    try:
        disk = os.statvfs(there)
    except OSError:
        return None
    if is_full or (may_be_full and (disk.f_bavail == 0 or (disk.f_files > 0 and disk.f_favail == 0))):
        return f"the disk of {folder} is full; free some space there, {_ANOTHER}"
    if disk.f_flag & os.ST_RDONLY:
        return f"{folder} is on a read-only disk; make that writable, {_ANOTHER}"
    if not os.access(there, os.W_OK | os.X_OK):
        if there != folder:
            return f"{folder} cannot be made by the user {_user()}; make it for that user, {_ANOTHER}"
        return f"{folder} cannot be written by the user {_user()}; give it to that user, {_ANOTHER}"
    if os.path.exists(path) and not os.access(path, os.W_OK):
        return f"{path} cannot be written by the user {_user()}; give it to that user, {_ANOTHER}"
    return None


def _user() -> str:
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:  # a container may run a number that is nobody's
        return str(os.geteuid())
