"""A session on a fake clock that is commanded by a fixed list of payloads, and everything that is published meanwhile.

``python -m tests.mqtt.recorded_session`` rewrites recorded_session.txt, which is what the test expects. Review the
diff: each line that changes is something that a home, a script or a person sees.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, time
from typing import Any, Final
from zoneinfo import ZoneInfo

from player import __version__
from player.core.events import Answer, Event
from player.core.settings.mqtt import Identity, MqttSettings
from player.core.settings.session import Entry, Playlist, Settings, VolumeSettings
from player.mqtt.discovery.announcer import LONGEST_WAIT_S
from player.mqtt.gateway import Gateway
from player.mqtt.incoming import Incoming, LinkUp
from player.mqtt.intake import Intake
from player.mqtt.triggers.gate import TriggerGate
from player.mqtt.triggers.settings import TriggerSettings
from tests import schema_check as schemas
from tests.nights.night_rig import Nights
from tests.paths import ROOT

GOLDEN: Final = ROOT / "tests" / "mqtt" / "recorded_session.txt"
EVENING: Final = datetime(2026, 1, 15, 21, 0, tzinfo=ZoneInfo("Europe/Berlin"))
SETTINGS: Final = Settings(
    playlists=(Playlist("rain", ("/srv/rain",)), Playlist("sea", ("/srv/sea",))),
    volume=VolumeSettings(default=30, max=60),
    schedule=(Entry("weeknights", time(22, 30), playlist="rain"),),
)
CMD: Final = "lull/bedroom/cmd"


@dataclass(frozen=True)
class Sent:
    """One payload of the list.

    Attributes:
        wait_s: how long nothing is sent after it.
    """

    topic: str
    payload: bytes = b""
    wait_s: float = 0.0
    retained: bool = False
    response_topic: str | None = None
    correlation: bytes | None = None
    marks: tuple[tuple[str, str], ...] = ()


def to(verb: str, payload: str = "", wait_s: float = 0.0, **more: Any) -> Sent:
    """A payload on a verb's own topic."""
    return Sent(f"{CMD}/{verb}", payload.encode(), wait_s, **more)


def as_json(wait_s: float = 0.0, **fields: Any) -> Sent:
    """A command on the topic for every verb."""
    return Sent(CMD, json.dumps(fields).encode(), wait_s)


SENT: Final = (
    to("status", '{"id": "1"}'),
    to("volume", "25"),
    to("volume", "25%"),
    to("timer", "45m"),
    to("play", "", 40.0),
    as_json(command="play", id="2"),
    as_json(command="volume", volume="+5", id="3"),
    as_json(command="volume", volume="+5", id="3"),
    to("volume", "up", 5.0),
    to("volume", "100", 5.0),
    to("volume", "101"),
    to("volume", "loud"),
    to("volume", "NaN"),
    to("volume", '{"volume": 1e999}'),
    to("volume", '{"volume": 20, "volume": 90}'),
    to("volume", "20", 5.0),
    to("next", "PRESS", 20.0),
    to("seek", "+30", 10.0),
    to("seek", "1:30", 10.0),
    to("seek", "yesterday"),
    to("timer", "6:30"),
    to("timer", '{"minutes": 30, "id": 4}'),
    to("timer", '{"minutes": 30, "seconds": 5}'),
    to("timer", "+15m"),
    to("timer", "end-of-track", 5.0),
    to("timer", "off"),
    to("timer", "30 min"),
    to("timer", "until 22:10"),
    to("timer", "at-most 20m"),
    to("timer", "at-most 50m"),
    to("bed", "sea", 5.0),
    to("bed", "+2"),
    to("bed", '{"bed": [{"playlist": "sea", "gain": -20}, "sae"]}'),
    to("bed", "off"),
    to("previous", "", 5.0),
    to("advance", "", 5.0),
    to("asleep", "ON", 5.0),
    to("awake", "PRESS"),
    to("snooze", "5"),
    to("calibrate", ""),
    to("volume", "35 dBA"),
    to("extend", ""),
    to("extend", "20"),
    to("extend", "-5"),
    to("fade", "10m"),
    to("fade", "10 parsecs"),
    to("playlist", "sea", 30.0),
    to("playlist", "see"),
    to("pause", "", 8.0),
    to("pause", "OFF"),
    to("seek", "10"),
    to("resume", "ON", 20.0),
    to("resume", "OFF"),
    to("toggle", "", 8.0),
    to("toggle", "", 20.0),
    to("never_again", "", 20.0),
    to("never_again", "undo"),
    to("never_again", '{"track": "no such track"}'),
    to("like", "", 1.0),
    to("like", '{"track": "no such track", "id": "13"}'),
    to("unlike", "PRESS", 1.0),
    to("unlike", ""),
    to("like", "OFF"),
    to("tracks", '{"id": "14"}'),
    to("tracks", '{"text": "g", "id": "15"}'),
    to("tonight", "23:15"),
    to("tonight", '{"playlist": "rain"}'),
    to("tonight", "off"),
    to("skip_tonight", ""),
    to("skip_tonight", "off"),
    to("schedule", "off"),
    to("schedule", '{"entry": "weeknights", "at": "23:00"}'),
    to("schedule", '{"entry": "weekend", "enabled": false}'),
    to("schedule", "on"),
    as_json(command="pley", id="5"),
    as_json(play="rain", id="6"),
    as_json(command="play", playlist="rain", loudness=3, id="7"),
    Sent(CMD, b"\xff\xfe"),
    Sent(CMD, b'{"command": "play"'),
    Sent(CMD, b"[1, 2]"),
    Sent(CMD, b'{"command": "play", "timer": ' + b"9" * 5000 + b"}"),
    Sent(CMD, b"vol\x00ume"),
    to("play", "rain", retained=True),
    Sent("lull/all/cmd/volume", b"18", 5.0),
    Sent("lull/upstairs/cmd/volume", b"19", 5.0),
    Sent("lull/kitchen/cmd/stop"),
    to("volume", "17", response_topic="my/answers", correlation=b"\x01\x02"),
    to("volume", "16", response_topic="lull/bedroom/state"),
    to("volume", "15", marks=(("origin", "bedside-button"), ("id", "8"))),
    to("volume", '{"volume": 14, "origin": "schedule:x"}'),
    to("stop", "whatever", 10.0),
    to("stop", ""),
    to("pause", '{"id": "9"}'),
    to("play", '{"playlist": "rain", "volume": 20, "timer": "20m", "fade_in": "30s", "id": "10"}', 60.0),
    as_json(command="stop", now=True, id="11"),
    to("toggle", ""),
    to("status", '{"id": "12"}'),
)  # fmt: skip


@dataclass
class RecordingLink:
    """Keeps what is published until it is asked."""

    sent: list[tuple[str, bytes, bool]] = field(default_factory=list)
    has_refused: bool = False
    refused: tuple[str, ...] = ()

    def start(self) -> None:
        """Nothing to do."""

    def stop(self, timeout_s: float, *, says_offline: bool = True) -> None:
        """Nothing to do."""

    def listen(self, filters: tuple[str, ...]) -> None:
        """Nothing to do."""

    def publish(
        self, topic: str, payload: bytes, *, retain: bool = False, qos: int = 0, correlation: bytes | None = None
    ) -> None:
        schemas.check(topic, payload)
        self.sent.append((topic, payload, retain))


class RecordedSession(Nights):
    """The controller with a fake engine, behind the real gateway."""

    def __init__(self) -> None:
        self.link = RecordingLink()
        self._intake = Intake()
        super().__init__(SETTINGS, EVENING)
        gate = TriggerGate(TriggerSettings())
        identity = Identity("lull_0123456789ab", "test board")
        self._gateway = Gateway(lambda *_: self.link, identity, self.clock, self._intake, gate, lambda _arrival: None)
        self._gateway.open(MqttSettings(groups=("upstairs",)), "bedroom", self.now.boot_s)
        self._gateway.connected(LinkUp(), self.now.boot_s)
        self._shown: dict[str, Any] = {}
        self.on_step = self._publish_state
        self.run_for(2 * LONGEST_WAIT_S)  # the announcement waits for a random time
        self.link.sent.clear()

    def send(self, sent: Sent) -> dict[str, Any]:
        """Send one payload and let time pass; returns what was published since the one before it."""
        message = Incoming(
            sent.topic, sent.payload, sent.retained, sent.response_topic, sent.correlation, marks=sent.marks
        )
        taken = self._gateway.take(message, self.now.boot_s)
        self._hear(taken.events)
        if taken.request is not None:
            self.tell(taken.request)
        self.run_for(max(sent.wait_s, 1.0))
        payload = sent.payload[:60].decode("utf-8", "replace")
        published, self.link.sent = list(self._published()), []
        return {"to": sent.topic, "payload": payload, "published": published}

    def _hear(self, events: Iterable[Event]) -> None:
        for event in events:
            if isinstance(event, Answer):
                self._intake.note(event)
                self._gateway.reply(event, self.session.snapshot(self.now))
            else:
                self.session.asked.note(event, self.now.wall)
                self._gateway.publish_event(event, self.now.wall)

    def _publish_state(self) -> None:
        self._gateway.publish_state(self.session.snapshot(self.now), self.now)
        self._gateway.publish_night(self.session.night, self.now.boot_s)
        self._gateway.publish_tracks(self.session.tracks, self.now.boot_s)

    def _published(self) -> Iterator[dict[str, Any]]:
        """Each message; of a state only what differs from the one before it."""
        for topic, payload, is_retained in self.link.sent:
            if topic.startswith("homeassistant/"):
                continue
            fields = json.loads(payload) if payload.startswith(b"{") else payload.decode()
            if topic.endswith("/night"):
                fields = {"text": fields["text"]}
            elif topic.endswith("/state"):
                fields = self._changed(fields)
            elif isinstance(fields, dict):
                fields.pop("state", None)
            yield {"on": topic + (" (retained)" if is_retained else ""), "is": fields}

    def _changed(self, fields: dict[str, Any]) -> dict[str, Any]:
        fields["version"] = fields["version"].replace(__version__, "VERSION")
        changed = {key: value for key, value in fields.items() if key not in self._shown or self._shown[key] != value}
        self._shown = fields
        return changed


def recorded() -> str:
    """The whole session as JSON, one message a line."""
    session = RecordedSession()
    lines = []
    for sent in SENT:
        step = session.send(sent)
        shown = [f"  {json.dumps(message, ensure_ascii=False)}" for message in step["published"]]
        head = json.dumps({"to": step["to"], "payload": step["payload"]}, ensure_ascii=False)
        lines.append("\n".join([head, *shown]))
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    GOLDEN.write_text(recorded(), encoding="utf-8")
