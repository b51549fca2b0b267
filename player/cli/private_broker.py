"""A broker for ``lull night``, where the configured one cannot be used: mosquitto on a free port of 127.0.0.1."""

from __future__ import annotations

import contextlib
import logging
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Final

from player.core.errors import LullError

log = logging.getLogger("lull")

AGAIN_S: Final = 5.0
"""Minimum seconds between two starts."""
_UNTIL_PIPE_CLOSES: Final = 'exec 3<&0 </dev/null; (read -r _ <&3 || kill $$ 2>/dev/null) & exec 3<&-; exec "$@"'
"""Shell program that runs a command, and ends it once nobody holds the other end of its input, even after kill -9.

A line on the input ends the watch: a command that has ended must not be killed, its number may be another process's.
"""
_SBIN: Final = "/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin"


def mosquitto() -> str | None:
    """The path of mosquitto; None where it is not installed."""
    return shutil.which("mosquitto") or shutil.which("mosquitto", path=_SBIN)


class PrivateBroker:
    """``with PrivateBroker() as broker:`` runs it.

    Raises:
        LullError: mosquitto is not installed or does not start.
    """

    def __init__(self) -> None:
        self.port = 0
        self._folder = tempfile.TemporaryDirectory(prefix="lull-broker-")
        self._command: list[str] = []
        self._process: subprocess.Popen[bytes] | None = None
        self._started_s = 0.0

    def __enter__(self) -> PrivateBroker:
        program = mosquitto()
        if program is None:
            raise LullError("mosquitto is not installed; install it, or set `mqtt` in the config")
        self.port = _free_port()
        config = Path(self._folder.name) / "mosquitto.conf"
        config.write_text(
            f"listener {self.port} 127.0.0.1\nallow_anonymous true\npersistence false\n", encoding="utf-8"
        )
        self._command = ["sh", "-c", _UNTIL_PIPE_CLOSES, "sh", program, "-c", str(config)]
        self._start()
        return self

    def _start(self) -> None:
        self._let_go()
        self._started_s = time.monotonic()
        self._process = subprocess.Popen(
            self._command,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C is for the player, which still has to disconnect from the broker
        )

    def _let_go(self) -> None:
        """End the watch over the process, where there is one."""
        if self._process is not None and self._process.stdin is not None:
            with contextlib.suppress(BrokenPipeError), self._process.stdin as pipe:
                pipe.write(b"\n")

    def keep_up(self, _: object) -> None:
        """Start it again where it has ended, and say so; called from time to time, with what does not matter here."""
        if self._process is None or self._process.poll() is None or time.monotonic() - self._started_s < AGAIN_S:
            return
        try:
            self._start()
        except OSError as fault:
            text = f"and cannot be started again: {fault.strerror}"
            self._process = None
        else:
            text = f"and was started again on 127.0.0.1:{self.port}"
        log.warning("broker: the private one has ended, %s", text)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process is not None:
            self._process.terminate()
            self._let_go()
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
