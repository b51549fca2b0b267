"""What the engine and the app need from the outside world, as protocols; each contract is in prose and in a test class
under tests/contracts that runs against the real thing and its fake.
"""

from __future__ import annotations

from typing import Protocol

from player.dsp.types import Block
from player.events import LibraryRead
from player.measured import FileMark, Finding
from player.night.kept import Batch, Recalled
from player.settings import Playlist


class Source(Protocol):
    """One opened track: decoded audio that waits in a bounded ring, in order, each sample once.

    The decoder's own threads fill the ring and are held back when it is full. `read`, `frames_ready`, `is_finished`
    and `close` are called by one thread and never block. Samples come as decoded: they may be out of range or NaN.
    """

    @property
    def duration_s(self) -> float | None:
        """Whole length of the track in seconds as its container tells it (it may lie), None if unknown."""
        ...

    @property
    def fault(self) -> str | None:
        """Why the track ended before its end or never began, as a sentence; None while all is well."""
        ...

    def frames_ready(self) -> int:
        """Frames that `read` would hand over now."""
        ...

    def is_finished(self) -> bool:
        """Whether nothing more will come into the ring; what is ready can still be read."""
        ...

    def read(self, frames: int) -> Block:
        """Up to ``frames`` frames, fewer where fewer are ready; an array of the caller's own."""
        ...

    def wait_ready(self, frames: int, timeout_s: float) -> bool:
        """Block until ``frames`` are ready or the source is finished; False after ``timeout_s``. Rehearsals only."""
        ...

    def close(self) -> None:
        """Let go of the decoder; returns soon, may be called twice, and at any moment."""
        ...


class Decoder(Protocol):
    """Opens tracks."""

    def open(self, uri: str, start_s: float = 0.0) -> Source:
        """Begin to decode a file path or http(s) address at ``start_s``; returns at once, faults come in the source."""
        ...


class Sink(Protocol):
    """Where the sound goes. It is the clock of the engine: `write` returns when the device has room for more.

    A sink never falls back to another device and has no volume of its own.
    """

    @property
    def delay_s(self) -> float:
        """About how long a sample that is written now takes until it is heard."""
        ...

    def open(self) -> None:
        """Take the device. Raises SinkError, and then nothing is held; may be called again."""
        ...

    def write(self, block: Block) -> None:
        """Play the block after all that was written before, blocking while there is no room.

        Raises:
            Underrun: a gap was heard before this block; the block was taken, the sink goes on.
            SinkError: the device is gone; `close` and `open` again.
        """
        ...

    def drain(self) -> None:
        """Block until all that was written has been heard, at most about a second longer than `delay_s`."""
        ...

    def close(self) -> None:
        """Let go of the device; may be called twice."""
        ...


class Library(Protocol):
    """Looks up what a playlist's paths hold; may take seconds on a slow share, so never on the audio thread."""

    def read(self, playlist: Playlist) -> LibraryRead:
        """Tracks of the playlist in path order; what is missing or unreadable becomes a warning, never an error."""
        ...


class Store(Protocol):
    """Remembers across restarts. Any thread may call; a power cut loses at most the last seconds.

    A store that cannot be read knows nothing, which is safe: an unmeasured track counts as loud.
    """

    def find(self, mark: FileMark) -> Finding | None:
        """What was found out about exactly this file by this version of the measuring, None where nothing was."""
        ...

    def keep(self, mark: FileMark, finding: Finding) -> None:
        """Remember; what was known of that path is replaced. Raises StoreError, and then nothing has changed."""
        ...

    def close(self) -> None:
        """Let go of the file; may be called twice."""
        ...


class MemoryStore(Protocol):
    """What survives a crash and a power cut, in a file. One thread at a time."""

    def recall(self) -> Recalled:
        """All that was written. Called once, at the start.

        A record of a session is handed out only if it could be counted first: ``tries`` in the answer includes this
        time, so whoever dies again with it finds a higher number.

        Raises:
            StoreError: it cannot be read.
        """
        ...

    def write(self, batch: Batch) -> None:
        """Write all of it; when this returns, a power cut cannot take it away. Raises StoreError, and then none is."""
        ...

    def close(self) -> None:
        """Let go of the file; may be called twice."""
        ...


class Diary(Protocol):
    """A memory store that nobody waits for. Main thread."""

    def recall(self) -> Recalled:
        """All that was written, or nothing where it cannot be read; then with a fault that says so."""
        ...

    def write(self, batch: Batch) -> None:
        """Write it soon, in another thread; returns at once and never fails: what is wrong becomes a problem."""
        ...

    def close(self, timeout_s: float) -> None:
        """Write what is left, waiting no longer than that."""
        ...


class BackgroundScan(Protocol):
    """Measures files while the daemon runs, and never gets in the way of playing; tells of it as `ScanMoved`."""

    def start(self, paths: tuple[str, ...]) -> None:
        """Measure these files, in this order, instead of what is under way; returns soon."""
        ...

    def stop(self) -> None:
        """End what is under way, within two seconds; nothing is told of it any more. May be called at any time."""
        ...


class Link(Protocol):
    """The broker connection, as the app needs it."""

    def start(self) -> None:
        """Begin to connect; returns at once."""
        ...

    def stop(self, timeout_s: float) -> None:
        """Say offline and disconnect, within a time."""
        ...

    def listen(self, filters: tuple[str, ...]) -> None:
        """From now on, and after each connection, take these topics of others as well, and no longer any before."""
        ...

    def publish(
        self, topic: str, payload: bytes, *, retain: bool = False, qos: int = 0, correlation: bytes | None = None
    ) -> None:
        """Send, or drop while offline; ``correlation`` goes with an answer over MQTT 5."""
        ...


class Notifier(Protocol):
    """The service manager, as the app needs it."""

    @property
    def watchdog_s(self) -> float | None:
        """The watchdog's period, None without one."""
        ...

    def ready(self) -> None:
        """The daemon is up."""
        ...

    def status(self, text: str) -> None:
        """One line for ``systemctl status``."""
        ...

    def reloading(self) -> None:
        """A reload began; `ready` ends it."""
        ...

    def stopping(self) -> None:
        """The daemon goes down."""
        ...

    def feed_watchdog(self) -> None:
        """All is well."""
        ...
