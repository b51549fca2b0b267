"""A private sound server for the live tests: PulseAudio with one null sink at 48 kHz, ALSA led to it, and a recorder.

It needs neither D-Bus nor rtkit nor a sound card, runs as root too, and touches nobody's PulseAudio: it has a home, a
run-time directory and a socket of its own. All its processes get SIGKILL from the kernel when the test process dies.

The null sink runs without rewinds: it takes sound every 50 ms like a card would, instead of up to 2 s ahead. What is
recorded is its monitor: the very samples that it played, as float32, so 0 means digital silence.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Final

import numpy as np
import numpy.typing as npt

RATE_HZ: Final = 48_000
CHANNELS: Final = 2
PATIENCE_S: Final = 10.0
NAMED_PCM: Final = "bench"
"""Besides ``default``, the ALSA name of the same sink; a name that nothing can take for a fall-back."""
S32_PCM: Final = "raw_s32"
"""No sound: a device that takes no float, into the file `SoundServer.raw_file`; ALSA's own converter, no pace."""
MONO_PCM: Final = "raw_mono"
"""The same with one channel."""

_DIES_WITH_PARENT: Final = ("setpriv", "--pdeathsig", "KILL", "--")
_SINK: Final = "bench"


Samples = npt.NDArray[np.float32]


class Recording:
    """Float32 samples of the monitor, shape (frames, 2), and when they were played.

    Attributes:
        samples: complete once the recorder's context has ended.
        started_wall_s: `time.time` of the first sample; late by the delay of the monitor, below 60 ms.
        started_boot_s: the same instant on CLOCK_BOOTTIME.
    """

    def __init__(self) -> None:
        self.samples: Samples = np.zeros((0, CHANNELS), np.float32)
        self.started_wall_s = 0.0
        self.started_boot_s = 0.0
        self._data = bytearray()
        self._begun = threading.Event()

    def seconds(self) -> float:
        """Seconds recorded so far; may be asked while recording."""
        return len(self._data) // (4 * CHANNELS) / RATE_HZ

    def wait_s(self, duration_s: float) -> None:
        """Block until so much is recorded in all, at most 10 s longer than that."""
        give_up_s = time.monotonic() + duration_s + PATIENCE_S
        while self.seconds() < duration_s:
            assert time.monotonic() < give_up_s, f"the recorder is at {self.seconds():.2f} s"
            time.sleep(0.01)

    def _read(self, pipe: IO[bytes]) -> None:
        """Thread of the recorder. The chunk that came with the least delay dates the first sample."""
        earliest_s = np.inf
        while chunk := os.read(pipe.fileno(), 65_536):
            now_s = time.clock_gettime(time.CLOCK_BOOTTIME)
            self._data += chunk
            earliest_s = min(earliest_s, now_s - self.seconds())
            self.started_boot_s = float(earliest_s)
            self.started_wall_s = float(earliest_s) + time.time() - now_s
            self._begun.set()

    def _finish(self) -> None:
        whole = len(self._data) // (4 * CHANNELS) * (4 * CHANNELS)
        self.samples = np.frombuffer(bytes(self._data[:whole]), "<f4").astype(np.float32).reshape(-1, CHANNELS)


class SoundServer:
    """One private PulseAudio: `start`, then `kill` and `start` again at will, and `close` in the end.

    Its processes end with the thread that starts them, so start it from the main thread.
    """

    def __init__(self) -> None:
        self._dir = Path(tempfile.mkdtemp(prefix="lull-pa-"))  # pytest's own are too long for the name of a socket
        self._socket = self._dir / "native"
        self._process: subprocess.Popen[bytes] | None = None
        self.raw_file = self._dir / "raw"
        (self._dir / "pulse.pa").write_text(
            f"load-module module-null-sink sink_name={_SINK} rate={RATE_HZ} channels={CHANNELS} format=float32le "
            "norewinds=1\n"
            f"load-module module-native-protocol-unix auth-anonymous=1 socket={self._socket}\n"
            f"set-default-sink {_SINK}\n"
        )
        pulse = f'type pulse server "unix:{self._socket}"'
        (self._dir / "asound.conf").write_text(
            f"pcm.!default {{ {pulse} }}\n"
            f"ctl.!default {{ {pulse} }}\n"
            f"pcm.{NAMED_PCM} {{ {pulse} }}\n"
            f"pcm.raw {{ type file file {self.raw_file} format raw slave.pcm {{ type null }} }}\n"
            f'pcm.{S32_PCM} {{ type linear slave {{ pcm "raw" format S32_LE }} }}\n'
            f'pcm.{MONO_PCM} {{ type multi slaves.a {{ pcm "raw" channels 1 }} bindings.0 {{ slave a channel 0 }} }}\n'
        )

    def env(self) -> dict[str, str]:
        """What a child process needs in its environment (besides PATH) to play here through ALSA or PulseAudio."""
        return {
            "HOME": str(self._dir),
            "XDG_RUNTIME_DIR": str(self._dir),
            "XDG_CONFIG_HOME": str(self._dir),
            "ALSA_CONFIG_PATH": str(self._dir / "asound.conf"),
            "PULSE_SERVER": f"unix:{self._socket}",
            "DBUS_SESSION_BUS_ADDRESS": "unix:path=/nonexistent",
        }

    def start(self) -> None:
        """Start it and wait until it can be reached."""
        assert self._process is None, "already running"
        with (self._dir / "log").open("ab") as log:
            self._process = self._spawn(
                ["pulseaudio", "-n", "-F", str(self._dir / "pulse.pa"), "--daemonize=no", "--exit-idle-time=-1",
                 "--disable-shm=yes", "--realtime=no", "--high-priority=no", "--use-pid-file=no"],
                stdout=log, stderr=log,
            )  # fmt: skip
        give_up_s = time.monotonic() + PATIENCE_S
        while not self._is_reachable():
            assert self._process.poll() is None, self.log()
            assert time.monotonic() < give_up_s, self.log()
            time.sleep(0.05)

    def kill(self) -> None:
        """End it as a crash does (SIGKILL), leaving its socket behind."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(PATIENCE_S)
        self._process = None

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Stop it with SIGSTOP for a while: alive, reachable, and taking nothing."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self._process.send_signal(signal.SIGCONT)

    @contextmanager
    def record(self) -> Iterator[Recording]:
        """Record what the sink plays, silence included, from before the block to after it; then read `samples`."""
        recording = Recording()
        parec = self._spawn(
            ["parec", f"--device={_SINK}.monitor", "--format=float32le", f"--rate={RATE_HZ}", f"--channels={CHANNELS}",
             "--raw", "--latency-msec=20"],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        assert parec.stdout is not None
        reader = threading.Thread(target=recording._read, args=(parec.stdout,), daemon=True)
        reader.start()
        try:
            assert recording._begun.wait(PATIENCE_S), "the recorder hears nothing, not even silence"
            yield recording
        finally:
            parec.terminate()
            parec.wait(PATIENCE_S)
            reader.join(PATIENCE_S)
            parec.stdout.close()
            recording._finish()

    def log(self) -> str:
        """What the server has said."""
        return (self._dir / "log").read_text(errors="replace")

    def close(self) -> None:
        """End it and remove what it left."""
        self.kill()
        shutil.rmtree(self._dir, ignore_errors=True)

    def _is_reachable(self) -> bool:
        if not self._socket.exists():
            return False
        with suppress(subprocess.TimeoutExpired):
            return self._spawn(["pactl", "info"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).wait(2) == 0
        return False

    def _spawn(self, command: list[str], stdout: object, stderr: object) -> subprocess.Popen[bytes]:
        path = {"PATH": os.environ.get("PATH", os.defpath)}
        return subprocess.Popen([*_DIES_WITH_PARENT, *command], env=path | self.env(), stdout=stdout, stderr=stderr)  # type: ignore[call-overload, no-any-return]
