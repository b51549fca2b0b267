"""The real daemon as a process of its own, and somebody on the broker who listens and commands."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion

from player.audio.decoder.vlc_decoder import DecoderSettings, VlcDecoder
from player.config import load
from player.library.file_id import mark_of
from player.library.files import FileLibrary
from player.library.scan_worker import measure_file
from player.storage.measurements_db import MeasurementsDb
from tests import schema_check as schemas
from tests.paths import ROOT

PATIENCE_S = 60.0


def boot_s() -> float:
    """Seconds on the clock that the recorder uses."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def hours_away(hours: float) -> str:
    """A time of day at which nothing starts while a test runs, whenever that is: ``HH:MM``, so many hours from now."""
    return f"{datetime.now().astimezone() + timedelta(hours=hours):%H:%M}"


@dataclass(frozen=True)
class Heard:
    """A message on the broker, and when it came on the boot clock."""

    topic: str
    payload: bytes
    retained: bool
    at_s: float

    @property
    def is_state(self) -> bool:
        """Whether it is a speaker's state."""
        return self.topic.split("/")[2:] == ["state"]

    @property
    def fields(self) -> dict[str, Any]:
        """The payload as JSON."""
        fields: dict[str, Any] = json.loads(self.payload)
        return fields


class Listener:
    """Hears everything below ``lull/`` on a broker, or what filters let through, and sends commands."""

    def __init__(self, port: int, *filters: str) -> None:
        self.heard: list[Heard] = []
        self._faults: list[str] = []
        self._news = threading.Condition()
        self._client = Client(CallbackAPIVersion.VERSION2)
        self._client.on_message = self._take
        self._client.on_connect = lambda client, *_: client.subscribe([(name, 1) for name in filters or ("lull/#",)])
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()
        self._ids = 0

    def _take(self, _client: Client, _data: object, message: MQTTMessage) -> None:
        with self._news:
            self.heard.append(Heard(message.topic, bytes(message.payload), message.retain, boot_s()))
            kind = message.topic.rpartition("/")[2]
            is_other = "/media/" in message.topic or "/cmd/" in message.topic  # plain values, and what others send
            if kind in schemas.KINDS and message.payload and not is_other:
                self._faults += filter(None, [schemas.fault_of(kind, message.payload)])
            self._news.notify_all()

    def wait(self, what: str, matches: Any, since: int = 0, patience_s: float = PATIENCE_S) -> Heard:
        """The first message from number ``since`` on for which ``matches`` is true."""
        give_up_s = time.monotonic() + patience_s
        with self._news:
            while True:
                for heard in self.heard[since:]:
                    if matches(heard):
                        return heard
                left_s = give_up_s - time.monotonic()
                assert left_s > 0, f"waited for {what}; heard {[(h.topic, h.payload[:300]) for h in self.heard[-8:]]}"
                self._news.wait(left_s)

    def wait_state(self, what: str, matches: Any, patience_s: float = PATIENCE_S) -> dict[str, Any]:
        """The first state, from the latest one on, for which ``matches(fields)`` is true."""
        latest = max((i for i, heard in enumerate(self.heard) if heard.is_state), default=0)
        found = self.wait(what, lambda heard: heard.is_state and matches(heard.fields), latest, patience_s)
        return found.fields

    def wait_level(self) -> dict[str, Any]:
        """The state in which a rise, which may not have begun yet, has arrived."""
        self.wait_state("a rise", lambda fields: fields["ramping_to"] is not None)
        return self.wait_state("its level", lambda fields: fields["ramping_to"] is None)

    def wait_event(self, event_type: str, since: int = 0, patience_s: float = PATIENCE_S) -> Heard:
        """The first event of a type from message number ``since`` on."""
        return self.wait(
            event_type,
            lambda heard: heard.topic.endswith("/event") and heard.fields["event_type"] == event_type,
            since,
            patience_s,
        )

    def command(self, verb: str, **fields: Any) -> tuple[float, dict[str, Any]]:
        """Send a command and wait for its answer; returns when it was sent (boot clock) and the answer."""
        self._ids += 1
        sender_id = f"t{self._ids}"
        since = len(self.heard)
        sent_s = boot_s()
        payload = json.dumps({"command": verb, "id": sender_id, **fields})
        self._client.publish("lull/bedroom/cmd", payload, qos=1)
        answer = self.wait(
            f"the answer to {verb}",
            lambda heard: heard.topic.endswith("/reply") and heard.fields["id"] == sender_id,
            since,
        )
        return sent_s, answer.fields

    def publish(self, topic: str, payload: bytes | str, *, retain: bool = False, qos: int = 1) -> None:
        """Send anything."""
        self._client.publish(topic, payload, qos=qos, retain=retain).wait_for_publish(5)

    def send(self, topic: str, payload: bytes | str) -> None:
        """Send without waiting, for floods."""
        self._client.publish(topic, payload, qos=0)

    def close(self) -> None:
        """Disconnect; whatever the speaker has published must have been as its schema says."""
        self._client.disconnect()
        self._client.loop_stop()
        assert not self._faults, self._faults[:3]


class Daemon:
    """``lull run`` on a config, with its state beside it where the config names no other place."""

    def __init__(self, folder: Path, config: str) -> None:
        self.config = folder / "lull.yaml"
        if "state_dir:" not in config:
            config += f"state_dir: {folder / 'state'}\n"
        self.config.write_text(config, encoding="utf-8")
        self._log = folder / "log"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, *options: str, wrapper: tuple[str, ...] = ()) -> None:
        """Start it in this process's environment; ``wrapper`` is a command that in the end becomes the daemon."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", "--", *wrapper, sys.executable,
                 "-m", "player", "run", "--config", str(self.config), *options],
                cwd=ROOT, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                env={**os.environ, "PYTHONPATH": str(ROOT)},
            )  # fmt: skip

    def measure(self) -> None:
        """Measure its tracks first, as it would by itself within a while; `lull scan` would begin three processes."""
        config = load(self.config)
        store, decoder = MeasurementsDb(config.state_dir), VlcDecoder(DecoderSettings(is_piped=True))
        for playlist in config.settings.playlists:
            for path in FileLibrary(store).read(playlist).unmeasured:
                store.keep(mark_of(path), measure_file(decoder, path, lambda _at_s: None))
        store.close()

    def send(self, number: signal.Signals) -> None:
        """Send a signal."""
        assert self._process is not None
        self._process.send_signal(number)

    def stop(self) -> int:
        """End it with SIGTERM and return its exit code."""
        assert self._process is not None
        self._process.send_signal(signal.SIGTERM)
        return self._process.wait(PATIENCE_S)

    def wait_end(self) -> int:
        """Wait for it to end by itself."""
        assert self._process is not None
        return self._process.wait(PATIENCE_S)

    def kill(self) -> None:
        """End it at once, if it still runs."""
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait()

    @property
    def pid(self) -> int:
        """The process."""
        assert self._process is not None
        return self._process.pid

    @property
    def is_running(self) -> bool:
        """Whether the process lives."""
        return self._process is not None and self._process.poll() is None

    def log(self) -> str:
        """What it has said."""
        return self._log.read_text(errors="replace")
