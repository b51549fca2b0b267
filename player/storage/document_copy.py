"""A second copy of what cannot be made again: bans, excluded tracks, settings and switches, as JSON.

A database of a few pages is lost when its header or the root page of a table is hit. This copy is another file in
another format: ``memory.json``, an object with ``documents`` (JSON texts by name) and their ``checksum``. It is written
before the database, so it never lacks what the database has. It is written under another name and renamed, so a power
cut leaves the old one or the new one. A copy that is damaged in any way counts as none.

One thread at a time.
"""

from __future__ import annotations

import contextlib
import json
import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from player.core.digest import sha256_hex
from player.core.errors import StoreError
from player.session.memory.records import NAMES, RECORD, TRIES
from player.storage.unusable import why_unusable
from player.system.privileges import give_to_owner

FILE_NAME: Final = "memory.json"
COPIED: Final = tuple(name for name in NAMES if name not in {RECORD, TRIES})
"""All documents but the running session, which is written too often and has no value the next day."""
_MAX_BYTES: Final = 32 << 20
_FLAGS: Final = os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK


def read_copy(folder: Path) -> dict[str, str]:
    """The documents in the copy, by name; empty where there is none, or where it is damaged."""
    try:
        file = os.open(folder / FILE_NAME, os.O_RDONLY | _FLAGS)
        with open(file, "rb") as opened:
            facts = os.fstat(file)
            data = opened.read(_MAX_BYTES) if stat.S_ISREG(facts.st_mode) else b""
        found = json.loads(data)
        documents = {name: found["documents"][name] for name in COPIED if name in found["documents"]}
        is_whole = found["checksum"] == _checksum(documents)
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        return {}
    return documents if is_whole else {}


def set_aside(folder: Path) -> str | None:
    """Keep a copy that cannot be read as ``memory.json.damaged``; returns what is lost, None where there is none."""
    path = folder / FILE_NAME
    lost = "bans, likes and settings that only it had are lost"
    try:
        what = _fault(path)
        os.replace(path, f"{path}.damaged")
    except FileNotFoundError:
        return None
    except OSError as fault:
        return f"{path} cannot be read, and not be renamed either ({fault.strerror}); {lost}"
    return f"{path} {what}; it is kept as {FILE_NAME}.damaged, and {lost}"


def _fault(path: Path) -> str:
    """Why it counts as none, for the text of `set_aside`. Raises FileNotFoundError where there is nothing."""
    if not stat.S_ISREG(path.lstat().st_mode):
        return "was not a regular file"
    try:
        with open(os.open(path, os.O_RDONLY | _FLAGS), "rb") as file:
            file.read()
    except OSError as fault:
        return f"could not be read ({fault.strerror})"
    return "was damaged"


def write_copy(folder: Path, documents: Mapping[str, str]) -> None:
    """Replace the copy; when this returns it is on the disk. Raises StoreError, and then the old one is still there."""
    kept = {name: documents[name] for name in COPIED if name in documents}
    text = json.dumps({"checksum": _checksum(kept), "documents": kept}, indent=1)
    path, new = folder / FILE_NAME, folder / f"{FILE_NAME}.new"
    try:
        folder.mkdir(mode=0o750, parents=True, exist_ok=True)
        with contextlib.suppress(FileNotFoundError):
            os.unlink(new)
        with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _FLAGS, 0o640), "w", encoding="ascii") as file:
            file.write(text)
            file.flush()
            give_to_owner(file.fileno(), folder)
            os.fsync(file.fileno())
        os.replace(new, path)
        _sync_folder(folder)
    except OSError as fault:
        raise StoreError(why_unusable(path, fault)) from fault


def _checksum(documents: Mapping[str, str]) -> str:
    return sha256_hex(json.dumps(documents, sort_keys=True).encode("ascii"))


def _sync_folder(folder: Path) -> None:
    """Bring the new name to the disk, where the file system can do that."""
    file = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        with contextlib.suppress(OSError):
            os.fsync(file)
    finally:
        os.close(file)
