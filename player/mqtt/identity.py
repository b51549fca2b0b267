"""How a speaker identifies itself to a broker: client id and password; and how long it waits between attempts.

The thread of the link; without paho.
"""

from __future__ import annotations

import logging
import os
import random
import select
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from player.core.digest import sha256_hex
from player.core.settings.mqtt import CREDENTIAL, MqttSettings
from player.system.identity import machine_id

log = logging.getLogger("lull.mqtt")
PAHO_LOG: Final = log.getChild("paho")
PAHO_LOG.addHandler(logging.NullHandler())  # a command that sets up no log shows its user nothing of it

_PASSWORD_BYTES: Final = 4096
_PIPE_S: Final = 2.0
FIRST_S: Final = 1.0
LONGEST_S: Final = 60.0
STEADY_S: Final = 60.0
"""After a connection that lasted this long the waiting time starts from the beginning."""


def client_id_of(prefix: str, device: str, number: int = 0) -> str:
    """The same id after each start, another one on each machine, at most 23 characters (all that 3.1.1 promises).

    Links with an odd number have an id of their own: during a reload the new link is connected before the old one
    ends, and a broker ends the older of two connections with one id.

    A broker disconnects the first of two clients with one id, so a mere name is not enough; and the machine's id must
    not be shown (machine-id(5)), so it is hashed.
    """
    seed = "\0".join((machine_id(), prefix, device, *(["1"] if number % 2 else [])))
    return "lull-" + sha256_hex(seed.encode())[:18]


def read_password(settings: MqttSettings, environ: Mapping[str, str] = os.environ) -> str | None:
    """The first line of the password file, or of the service manager's credential; None without one.

    A file that cannot be read is a warning, not an error: the speaker continues to play, and the broker's refusal is
    logged as the reason why it is not connected.
    """
    named = settings.password_file
    if named is None:
        return None
    folder = environ.get("CREDENTIALS_DIRECTORY")
    if named.startswith(CREDENTIAL) and not folder:
        log.warning("the broker's password cannot be read from %s: only a service is handed credentials", named)
        return None
    path = Path(folder or "", named.removeprefix(CREDENTIAL)) if named.startswith(CREDENTIAL) else Path(named)
    try:
        lines = _first_bytes(path).decode("utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
        log.warning("the broker's password cannot be read from %s: %s", named, reason)
        return None
    return lines[0] if lines else None


def _first_bytes(path: Path) -> bytes:
    """The first bytes of a file; of a pipe, such as a shell's ``<(command)``, those that come soon. Raises OSError."""
    file = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        select.select([file], [], [], _PIPE_S)
        return os.read(file, _PASSWORD_BYTES)
    finally:
        os.close(file)


class Backoff:
    """Time to wait before the next attempt: 1 s, doubled up to 60 s, each shortened by up to half at random.

    The thread of the link.

    The jitter keeps many speakers from connecting all at once when the broker is back.
    """

    def __init__(self, rng: random.Random | None = None) -> None:
        self._rng = random.Random() if rng is None else rng  # noqa: S311 - a delay, no secret
        self._next_s = FIRST_S

    def next_s(self, lasted_s: float) -> float:
        """Seconds to wait after an attempt that lasted so long; after a long one the first waiting time."""
        if lasted_s >= STEADY_S:
            self._next_s = FIRST_S
        wait_s = self._next_s * self._rng.uniform(0.5, 1.0)
        self._next_s = min(self._next_s * 2, LONGEST_S)
        return wait_s
