"""A private mosquitto on loopback, for a first night without a broker of one's own; it ends with the command."""

from __future__ import annotations

import shutil
import socket
import subprocess
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Final

from player.core.errors import LullError

_SBIN: Final = "/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin"


def answers(host: str, port: int, timeout_s: float = 1.5) -> bool:
    """Whether something accepts a connection there."""
    try:
        with socket.create_connection((host, port), timeout=timeout_s):
            return True
    except OSError:
        return False


class PrivateBroker:
    """``with PrivateBroker() as broker:`` runs a mosquitto on a free port of 127.0.0.1.

    Raises:
        LullError: mosquitto is not installed or does not start.
    """

    def __init__(self) -> None:
        self.port = 0
        self._folder = tempfile.TemporaryDirectory(prefix="lull-broker-")
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> PrivateBroker:
        program = shutil.which("mosquitto") or shutil.which("mosquitto", path=_SBIN)
        if program is None:
            raise LullError("mosquitto is not installed; install it, or set `mqtt` in the config")
        self.port = _free_port()
        config = Path(self._folder.name) / "mosquitto.conf"
        config.write_text(
            f"listener {self.port} 127.0.0.1\nallow_anonymous true\npersistence false\n", encoding="utf-8"
        )
        self._process = subprocess.Popen(
            [program, "-c", str(config)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C is for the player, which still has to say goodbye to the broker
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(timeout=3)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        self._folder.cleanup()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port
