"""An app in a thread, with fakes around it: real threads, a silent output, no broker."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from player.app.daemon import Daemon
from player.app.parts import Inbound, Parts, Terminate
from player.audio.sinks.null import SilentSink
from player.config import load
from player.core.clock import SystemClock
from player.core.events import LibraryRead, Track
from player.core.settings.audio import AudioSettings
from player.core.settings.mqtt import Identity, MqttSettings
from player.core.settings.session import Playlist
from player.core.snapshot import Snapshot
from player.library.copies import CopyWatch
from player.library.folder_watch import FolderWatch
from player.library.ports import Library
from player.mqtt.incoming import Arrival, Incoming, LinkDown, LinkUp
from player.system.input_reader import InputReader
from tests import schema_check as schemas
from tests.engine_rig import POWER_METER
from tests.fakes.inputs import FakeInputs
from tests.fakes.memory import FakeMemoryStore, FakeMemoryWriter
from tests.fakes.scan import FakeScan
from tests.fakes.source import FakeDecoder, tone

CONFIG = """\
device: bedroom
audio: {output: silent, hold: 0s}
mqtt: {host: localhost}
volume: {default: 30, max: %d}
trust_clock: true
playlists:
  rain: {paths: [/music]}
"""
PATIENCE_S = 20.0


@dataclass
class FakeLink:
    """Keeps what is published."""

    settings: MqttSettings
    others: tuple[str, ...] = ()
    sent: list[tuple[str, bytes, bool, bytes | None]] = field(default_factory=list)
    is_stopped: bool = False
    heard: tuple[str, ...] = ()
    has_refused: bool = False
    refused: tuple[str, ...] = ()
    said_offline: bool = False

    def start(self) -> None:
        """Nothing to do."""

    def stop(self, timeout_s: float, *, says_offline: bool = True) -> None:
        self.is_stopped = timeout_s > 0
        self.said_offline = says_offline

    def listen(self, filters: tuple[str, ...]) -> None:
        self.heard = filters

    def publish(
        self, topic: str, payload: bytes, *, retain: bool = False, qos: int = 0, correlation: bytes | None = None
    ) -> None:
        assert qos <= 1
        schemas.check(topic, payload)
        self.sent.append((topic, payload, retain, correlation))

    def fields(self, topic: str) -> list[dict[str, Any]]:
        return [json.loads(payload) for name, payload, *_ in list(self.sent) if name == topic]


@dataclass
class FakeNotifier:
    """Keeps what the service manager is told."""

    watchdog_s: float | None = None
    told: list[str] = field(default_factory=list)

    def ready(self) -> None:
        self.told.append("ready")

    def status(self, text: str) -> None:
        self.told.append(f"status {text}")

    def reloading(self) -> None:
        self.told.append("reloading")

    def stopping(self) -> None:
        self.told.append("stopping")

    def feed_watchdog(self) -> None:
        self.told.append("fed")


class OneTrack:
    """A library with the same track in every playlist."""

    def read(self, playlist: Playlist) -> LibraryRead:
        return LibraryRead(playlist.name, (Track("tone", "tone"),))


class NewTrack:
    """A library whose track nobody has measured, and never will."""

    def __init__(self) -> None:
        self.looks = 0

    def read(self, playlist: Playlist) -> LibraryRead:
        self.looks += 1
        return LibraryRead(playlist.name, (Track("tone", "tone"),), (), ("/music/new.flac",))


class LibraryThatHangs:
    """A share whose server is away: a read does not return until ``answers`` is set."""

    def __init__(self) -> None:
        self.answers = threading.Event()

    def read(self, playlist: Playlist) -> LibraryRead:
        self.answers.wait()
        return LibraryRead(playlist.name, (Track("tone", "tone"),))


class House:
    """An app that runs in a thread, with fakes around it."""

    def __init__(self, folder: Path, watchdog_s: float | None = None, library: Library | None = None) -> None:
        self.path = folder / "lull.yaml"
        self.write(CONFIG % 60)
        self.links: list[FakeLink] = []
        self.hears: list[Callable[[Arrival], None]] = []
        self.notifier = FakeNotifier(watchdog_s)
        self.snapshots: list[Snapshot] = []
        self.memory = FakeMemoryStore()
        self.inputs = FakeInputs(folder / "inputs")
        clock = SystemClock()
        self.copies = CopyWatch(clock)
        parts = Parts(
            clock=clock,
            make_sink=lambda audio, deliver: self._sink(audio, clock, deliver),
            decoder=FakeDecoder({"tone": tone()}),
            library=library or OneTrack(),
            notifier=self.notifier,
            make_link=self._make_link,
            make_scan=self._make_scan,
            make_folder_watch=lambda deliver: FolderWatch(self.copies, deliver),
            make_power_meter=POWER_METER,
            identity=Identity("lull_0123456789ab", "test board"),
            make_memory_writer=lambda _deliver: FakeMemoryWriter(self.memory),
            make_inputs=lambda hear, tell: InputReader(hear, tell, clock, self.inputs.system),
            recognise=lambda read, _watched: read,
            is_time_trusted=lambda: True,
        )
        self.app = Daemon(load(self.path), parts, (self.snapshots.append,))
        self.thread = threading.Thread(target=self.app.run, daemon=True)
        self.thread.start()
        self.wait(lambda: bool(self.links))

    def _sink(self, audio: AudioSettings, clock: SystemClock, deliver: Callable[[Inbound], None]) -> SilentSink:
        self.deliver = deliver
        return SilentSink(clock, audio.buffer_s)

    def _make_scan(self, deliver: Callable[[Inbound], None]) -> FakeScan:
        self.scan = FakeScan(deliver)
        return self.scan

    def _make_link(
        self,
        settings: MqttSettings,
        device: str,
        deliver: Callable[[Arrival], None],
        others: tuple[str, ...],
        number: int,
    ) -> FakeLink:
        assert device == "bedroom"
        assert number == len(self.links)
        self.links.append(FakeLink(settings, others))
        self.hears.append(deliver)
        return self.links[-1]

    @property
    def link(self) -> FakeLink:
        """The newest link."""
        return self.links[-1]

    def hear(self, arrival: Arrival) -> None:
        """Something comes over the newest link."""
        self.hears[-1](arrival)

    def write(self, text: str) -> None:
        self.path.write_text(text, encoding="utf-8")

    def tell(self, message: Inbound) -> None:
        """Put a message into the inbox; what comes from the broker takes its way through the link."""
        if isinstance(message, Incoming | LinkUp | LinkDown):
            self.hear(message)
        else:
            self.app.inbox.put(message)

    def wait(self, what: Callable[[], bool]) -> None:
        give_up_s = time.monotonic() + PATIENCE_S
        while not what():
            assert time.monotonic() < give_up_s, (self.notifier.told, [link.sent[-3:] for link in self.links])
            time.sleep(0.005)

    def state(self) -> dict[str, Any]:
        return self.link.fields("lull/bedroom/state")[-1]


@contextlib.contextmanager
def lived_in(folder: Path) -> Iterator[House]:
    """A house that has published its state; it ends with the block."""
    built = House(folder)
    built.wait(lambda: bool(built.link.fields("lull/bedroom/state")))
    yield built
    built.tell(Terminate(over_s=0.5))
    built.thread.join(PATIENCE_S)
    assert not built.thread.is_alive()
