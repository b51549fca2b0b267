"""A private Snapcast: Debian's snapserver on ports of its own, which reads a pipe, and a snapclient that is recorded.

Neither D-Bus, Avahi nor a sound card is needed, and nobody's own Snapcast is touched. The client plays into its
standard output, at the pace at which it would play into a card: the very samples that a speaker would get.
"""

from __future__ import annotations

import os
import signal
import socket
import statistics
import subprocess
import threading
import time
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

RATE_HZ: Final = 48_000
PATIENCE_S: Final = 10.0
_DIES_WITH_PARENT: Final = ("setpriv", "--pdeathsig", "KILL", "--")
_CONFIG: Final = """\
[server]
datadir = {folder}
[http]
enabled = false
[tcp]
enabled = false
[stream]
bind_to_address = 127.0.0.1
port = {port}
source = pipe://{pipe}?name=lull&sampleformat={sampleformat}&codec=pcm
[logging]
sink = stderr
"""


def free_port() -> int:
    """A port that nobody listens at just now."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


class TimedClient:
    """A client whose samples are noted with the moment at which it gave them out."""

    def __init__(self, folder: Path, port: int, name: str) -> None:
        self._data = bytearray()
        self._given: list[tuple[float, int]] = []
        with (folder / f"snapclient-{name}.log").open("ab") as log:
            self._process = subprocess.Popen(
                [*_DIES_WITH_PARENT, "snapclient", "-h", "127.0.0.1", "-p", str(port), "--hostID", name,
                 "--player", "file", "--logsink", "stderr"],
                stdout=subprocess.PIPE, stderr=log,
            )  # fmt: skip
        self._thread = threading.Thread(target=self._read, name=f"snapclient-{name}", daemon=True)
        self._thread.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        while data := os.read(self._process.stdout.fileno(), 1 << 16):
            self._data += data
            self._given.append((time.monotonic(), len(self._data) // 4))

    def heard(self) -> npt.NDArray[np.float32]:
        """What it has given out so far, in 16 bit."""
        data = bytes(self._data)
        return (np.frombuffer(data[: len(data) // 4 * 4], "<i2").reshape(-1, 2) / 2.0**15).astype(np.float32)

    def began_s(self, first: int, last: int) -> float:
        """When frame 0 would have been given out (`time.monotonic`) by the moments of the frames from first to last.

        The median: a busy machine gives out single pieces late.
        """
        return statistics.median(at_s - frame / RATE_HZ for at_s, frame in self._given if first <= frame < last)

    def close(self) -> None:
        """End it."""
        self._process.kill()
        self._process.wait(PATIENCE_S)
        self._thread.join(PATIENCE_S)
        assert self._process.stdout is not None
        self._process.stdout.close()


class Snapcast:
    """One server and one client: `start`, then `kill_server` and `start_server` at will, and `close` in the end."""

    def __init__(self, folder: Path, sampleformat: str = "48000:16:2") -> None:
        self.pipe = folder / "snapfifo"
        self._folder = folder
        self._config = folder / "snapserver.conf"
        self._recording = folder / "heard.raw"
        self._port = free_port()
        self._config.write_text(
            _CONFIG.format(folder=folder, pipe=self.pipe, port=self._port, sampleformat=sampleformat)
        )
        self._server: subprocess.Popen[bytes] | None = None
        self._client: subprocess.Popen[bytes] | None = None

    def start_server(self) -> None:
        """Start the server and wait until it listens."""
        with (self._folder / "snapserver.log").open("ab") as log:
            self._server = subprocess.Popen(
                [*_DIES_WITH_PARENT, "snapserver", "-c", str(self._config)], stdout=log, stderr=log
            )
        give_up_s = time.monotonic() + PATIENCE_S
        while not self._is_listening():
            assert self._server.poll() is None, self.log()
            assert time.monotonic() < give_up_s, self.log()
            time.sleep(0.05)

    def start_client(self) -> None:
        """Start the client, which begins to record, silence at first."""
        with self._recording.open("wb") as out, (self._folder / "snapclient.log").open("ab") as log:
            self._client = subprocess.Popen(
                [*_DIES_WITH_PARENT, "snapclient", "-h", "127.0.0.1", "-p", str(self._port), "--hostID", "lull",
                 "--player", "file", "--logsink", "stderr"],
                stdout=out, stderr=log,
            )  # fmt: skip
        self.wait_s(0.1)

    def kill_server(self) -> None:
        """End the server as a crash does."""
        assert self._server is not None
        self._server.kill()
        self._server.wait(PATIENCE_S)
        self._server = None

    def freeze_server(self, *, is_frozen: bool) -> None:
        """Stop the server with SIGSTOP, or let it go on."""
        assert self._server is not None
        self._server.send_signal(signal.SIGSTOP if is_frozen else signal.SIGCONT)

    def seconds(self) -> float:
        """Seconds recorded so far."""
        return self._recording.stat().st_size / 4 / RATE_HZ

    def wait_s(self, more_s: float) -> None:
        """Block until so much more is recorded."""
        until_s = self.seconds() + more_s
        give_up_s = time.monotonic() + more_s + PATIENCE_S
        while self.seconds() < until_s:
            assert time.monotonic() < give_up_s, self.log()
            time.sleep(0.02)

    def raw(self) -> bytes:
        """The bytes that the client has played so far."""
        return self._recording.read_bytes()

    def heard(self) -> npt.NDArray[np.float32]:
        """What the client has played so far, in 16 bit."""
        data = self.raw()
        return (np.frombuffer(data[: len(data) // 4 * 4], "<i2").reshape(-1, 2) / 2.0**15).astype(np.float32)

    def log(self) -> str:
        """What both have said."""
        return "".join(path.read_text(errors="replace") for path in sorted(self._folder.glob("snap*.log")))

    def another_client(self, name: str) -> TimedClient:
        """A further client, in a room of its own."""
        return TimedClient(self._folder, self._port, name)

    def close(self) -> None:
        """End both."""
        for process in (self._client, self._server):
            if process is not None:
                process.kill()
                process.wait(PATIENCE_S)

    def _is_listening(self) -> bool:
        with socket.socket() as one:
            one.settimeout(0.2)
            return one.connect_ex(("127.0.0.1", self._port)) == 0
