"""The identity of this speaker, independent of its name, by which homes recognise it. Main thread, at start.

The machine's id must not be shown (machine-id(5)), so it is hashed; the state directory is hashed with it, because two
speakers of one machine have two of them.
"""

from __future__ import annotations

import platform
import socket
from pathlib import Path
from typing import Final

from player.core.digest import sha256_hex
from player.core.settings.mqtt import Identity

_MACHINE_ID: Final = Path("/etc/machine-id")
_MODEL: Final = Path("/proc/device-tree/model")
"""Holds the name of the board, such as "Raspberry Pi 4 Model B Rev 1.4"; other machines have no such file."""


def machine_id() -> str:
    """A permanent id of this machine; its host name where it has no machine id."""
    try:
        found = _MACHINE_ID.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        found = ""
    return found or socket.gethostname()


def identity_of(state_dir: Path) -> Identity:
    """The identity of the speaker whose memory is in this directory."""
    seed = "\0".join((machine_id(), str(state_dir)))
    return Identity(f"lull_{sha256_hex(seed.encode())[:12]}", hardware())


def hardware() -> str:
    """The name of the board, or the processor's architecture."""
    try:
        found = _MODEL.read_text(encoding="utf-8").strip("\0 \n")
    except (OSError, UnicodeDecodeError):
        found = ""
    return found or platform.machine()
