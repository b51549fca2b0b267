"""A private mosquitto for live tests: its own config, folder and free port on loopback; killed and started at will."""

from __future__ import annotations

import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path

_PATH = "/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin"
START_S = 5.0


def free_port() -> int:
    """A port of 127.0.0.1 on which nothing listens at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class RealBroker:
    """A mosquitto that keeps nothing on disk; `start`, `kill`, `start` again, on the same port.

    Args:
        lines: further lines of its config; given anew to `start` they replace the old ones.
    """

    def __init__(self, lines: Iterable[str] = ("allow_anonymous true",)) -> None:
        self.port = free_port()
        self.folder = Path(tempfile.mkdtemp(prefix="lull-test-broker-"))
        # run as root, mosquitto changes to the user `mosquitto`, who has to get at the files of this folder
        self.folder.chmod(0o755)
        self._lines = tuple(lines)
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, lines: Iterable[str] | None = None) -> None:
        """Start, and wait until it accepts connections."""
        if lines is not None:
            self._lines = tuple(lines)
        config = self.folder / "mosquitto.conf"
        config.write_text("\n".join((f"listener {self.port} 127.0.0.1", "persistence false", *self._lines, "")))
        program = shutil.which("mosquitto") or shutil.which("mosquitto", path=_PATH)
        assert program is not None, "mosquitto is not installed; live tests need it"
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [program, "-c", str(config)], stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        deadline_s = time.monotonic() + START_S
        while time.monotonic() < deadline_s and self._process.poll() is None:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.02)
        raise AssertionError(f"mosquitto did not start: {(self.folder / 'log').read_text()}")

    @property
    def pid(self) -> int:
        """The process, to be stopped and continued."""
        assert self._process is not None, "it does not run"
        return self._process.pid

    def add_user(self, name: str, password: str) -> Path:
        """Write a password file with one user and return its path, for ``password_file``."""
        path = self.folder / "passwords"
        subprocess.run(["mosquitto_passwd", "-c", "-b", str(path), name, password], check=True, capture_output=True)
        path.chmod(0o644)
        return path

    def kill(self) -> None:
        """End at once, as a power cut does; no will is sent and nothing is remembered."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def close(self) -> None:
        """End, and remove the folder."""
        self.kill()
        shutil.rmtree(self.folder)
