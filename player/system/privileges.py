"""Root works in the folder of another user only as that user, because a link in it could lead a writer to any file.

Main thread, before other threads are started. `become_owner_of` is for commands that people type with sudo and that the
installer runs; the service itself runs as its own user.
"""

from __future__ import annotations

import os
import pwd
import stat
from pathlib import Path
from typing import Final

_MOST_LINKS: Final = 40


def become_owner_of(folder: Path) -> str | None:
    """Give up root permanently where another user can change what the path leads to.

    Returns:
        the name of the user that this process is now, None where nothing has changed: it is not root, or everything
        on the way to the path belongs to root.
    """
    facts = foreign_part(folder) if os.geteuid() == 0 else None
    if facts is None:
        return None
    try:
        entry = pwd.getpwuid(facts.st_uid)
    except KeyError:
        name, group, groups, home = f"user {facts.st_uid}", facts.st_gid, [facts.st_gid], "/"
    else:
        name, group, home = entry.pw_name, entry.pw_gid, entry.pw_dir
        groups = os.getgrouplist(name, group)
    os.setgroups(groups)
    os.setresgid(group, group, group)
    os.setresuid(facts.st_uid, facts.st_uid, facts.st_uid)
    os.environ["HOME"] = home  # libVLC looks for its settings there
    return name


def give_to_owner(file: int, folder: Path) -> None:
    """What root makes in a folder belongs to the folder's owner: the service must be able to use it as well.

    Args:
        file: an open file, which was opened without following a link; a file with other names or another owner is not
            changed.
        folder: where it lies.

    Raises:
        OSError: the owner cannot be changed.
    """
    if os.geteuid() != 0:
        return
    facts, owner = os.fstat(file), folder.stat()
    if stat.S_ISREG(facts.st_mode) and facts.st_nlink == 1 and facts.st_uid == 0:
        os.fchown(file, owner.st_uid, owner.st_gid)


def foreign_part(path: Path) -> os.stat_result | None:
    """The first folder, file or link on the way to the path that does not belong to root; None where all do.

    Links are followed one step at a time, because a link of root may lead through the folder of another user, and
    ``..`` behind a link is the folder above its target. What does not exist yet ends the way.
    """
    here, links = "/", 0
    waiting = os.path.join(os.getcwd(), path).split("/")[::-1]
    while waiting:
        name = waiting.pop()
        if name == "..":
            here = os.path.dirname(here)
        if name in {"", ".", ".."}:
            continue
        place = os.path.join(here, name)
        try:
            facts = os.lstat(place)
            target = os.readlink(place) if stat.S_ISLNK(facts.st_mode) else None
        except OSError:
            return None
        if facts.st_uid != 0:
            return facts
        if target is None:
            here = place
            continue
        links += 1
        if links > _MOST_LINKS:
            return None
        here = "/" if target.startswith("/") else here
        waiting.extend(target.split("/")[::-1])
    return None
