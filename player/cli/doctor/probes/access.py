"""Access rights of another user, computed from mode bits without becoming that user. Any thread.

Access control lists are ignored; where they are used, access may be reported as missing although it is granted.
"""

from __future__ import annotations

import grp
import os
import pwd
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from player.cli.doctor.facts import PasswordFile, StateDir, UserAccount

READ: Final = 4
WRITE: Final = 2
ENTER: Final = 1
MOUNTS: Final = Path("/proc/self/mounts")
_ROOT: Final = 0
_FORGETFUL: Final = frozenset({"tmpfs", "ramfs"})
_STRANGER: Final = UserAccount("any other", -1, frozenset(), frozenset())
"""Has no more rights than every user."""


def account_of(name: str | None, more_groups: Iterable[str] = ()) -> UserAccount | None:
    """A user by name, or the present user; None for an unknown name.

    The present user may have a number and no name, as in a container that was started with ``--user``.
    """
    try:
        known = pwd.getpwuid(os.geteuid()) if name is None else pwd.getpwnam(name)
    except KeyError:
        if name is not None:
            return None
        called, uid, gids = str(os.geteuid()), os.geteuid(), {os.getegid()}
    else:
        called, uid, gids = known.pw_name, known.pw_uid, set(os.getgrouplist(known.pw_name, known.pw_gid))
    if name is None:
        gids |= set(os.getgroups())
    for group in more_groups:
        try:
            gids.add(grp.getgrnam(group).gr_gid)
        except KeyError:
            continue
    return UserAccount(called, uid, frozenset(gids), frozenset(_group_names(gids)))


def _group_names(gids: Iterable[int]) -> Iterator[str]:
    for gid in gids:
        try:
            yield grp.getgrgid(gid).gr_name
        except KeyError:
            continue


def barrier(path: Path, account: UserAccount, wanted: int) -> str | None:
    """The first place on the way to a path, itself included, that denies the user access; None without one."""
    if account.uid == _ROOT:
        return None
    real = Path(_real(path))
    for folder in reversed(real.parents):
        if not _grants(folder, account, ENTER):
            return str(folder)
    is_folder = os.path.isdir(real)
    return None if _grants(real, account, wanted | ENTER if is_folder else wanted) else str(real)


def _real(path: Path) -> str:
    """The real path, as far as this user can read the links in it."""
    try:
        return os.path.realpath(path)
    except OSError:
        return os.path.abspath(path)


def _grants(path: Path, account: UserAccount, wanted: int) -> bool:
    """Whether the mode bits of one place allow the access; a place that cannot be checked counts as open."""
    try:
        facts = path.stat()
    except OSError:
        return True
    if facts.st_uid == account.uid:
        bits = facts.st_mode >> 6
    elif facts.st_gid in account.gids:
        bits = facts.st_mode >> 3
    else:
        bits = facts.st_mode
    return bits & wanted == wanted


def read_place(folder: Path, account: UserAccount | None, mounts: Path = MOUNTS) -> StateDir:
    """The state directory, as far as this user can see it; if it is missing, the folder that it would be made in."""
    there = next(one for one in (folder, *folder.parents) if _is_there(one))
    try:
        room, is_folder = os.statvfs(there), there.is_dir()
    except OSError as fault:
        return StateDir(str(folder), fault=fault.strerror or "cannot be checked")
    if not is_folder:
        return StateDir(str(folder), fault=f"{there} is a file, not a folder")
    closed = None if account is None else barrier(there, account, READ | WRITE)
    if there != folder and closed is not None:
        return StateDir(str(folder), fault="does not exist, and the service is not allowed to create it")
    is_read_only = bool(room.f_flag & os.ST_RDONLY)
    return StateDir(str(folder), None, room.f_bavail * room.f_frsize, closed, is_read_only, _in_memory(there, mounts))


def _is_there(path: Path) -> bool:
    try:
        path.stat()
    except FileNotFoundError:
        return False
    except OSError:
        return True
    return True


def _in_memory(path: Path, mounts: Path) -> str | None:
    """The type of the file system of a path, if its content is lost at each boot; otherwise None.

    An overlay loses what its upper layer loses: that of overlayroot is in memory, that of a container is not.
    """
    kind, options = _file_system(path, mounts)
    if kind in _FORGETFUL:
        return kind
    upper = next((one.partition("=")[2] for one in options.split(",") if one.startswith("upperdir=")), None)
    is_forgetful = kind == "overlay" and upper is not None and _file_system(Path(upper), mounts)[0] in _FORGETFUL
    return kind if is_forgetful else None


def _file_system(path: Path, mounts: Path) -> tuple[str, str]:
    """Kind and options of the file system of a path; the last one that was mounted there counts."""
    found, longest = ("", ""), 0
    real = _real(path)
    try:
        lines = mounts.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return found
    for line in lines:
        _, point, kind, options, *_ = line.split()
        if len(point) >= longest and (real == point or real.startswith(point.rstrip("/") + "/")):
            found, longest = (kind, options), len(point)
    return found


def read_password_file(path: Path, account: UserAccount) -> PasswordFile:
    """The access rights of the broker's password file."""
    try:
        path.stat()
    except FileNotFoundError:
        return PasswordFile(str(path), is_there=False)
    except OSError:
        is_open_to_all = False  # behind a folder that this user may not enter
    else:
        is_open_to_all = barrier(path, _STRANGER, READ) is None
    return PasswordFile(str(path), True, barrier(path, account, READ), is_open_to_all)
