"""The gateway replaces one link by another: when it publishes over which, when the old one ends, and what that says."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from player.core.commands import ReplyTo, SetVolume
from player.core.events import Answer
from player.core.settings.mqtt import Identity, MqttSettings
from player.mqtt.discovery.announcer import LONGEST_WAIT_S
from player.mqtt.gateway import CONFIRM_S, LINGER_S, REPLACE_WITHIN_S, Gateway
from player.mqtt.incoming import Arrival, Incoming, LinkDown, LinkUp
from player.mqtt.intake import Intake
from player.mqtt.self_check import TWIN, ConnectionFinding, is_token
from player.mqtt.triggers.gate import TriggerGate
from player.mqtt.triggers.settings import TriggerSettings
from tests.fakes.clock import FakeClock
from tests.mqtt.snapshots import PLAYING, shot

HOME = MqttSettings(host="home")
AWAY = MqttSettings(host="away")


@dataclass
class PlainLink:
    """Keeps what is published and how it ended."""

    settings: MqttSettings
    device: str
    sent: list[str] = field(default_factory=list)
    ended: list[bool] = field(default_factory=list)
    kept: dict[str, bytes] = field(default_factory=dict)
    others: tuple[str, ...] = ()
    deliver: Callable[[Arrival], None] = lambda _arrival: None
    markers: list[tuple[str, bytes]] = field(default_factory=list)
    has_refused: bool = False
    refused: tuple[str, ...] = ()

    def start(self) -> None:
        """Nothing to do."""

    def listen(self, filters: tuple[str, ...]) -> None:
        """Nothing to do."""

    def stop(self, timeout_s: float, *, says_offline: bool = True) -> None:
        assert timeout_s > 0
        self.ended.append(says_offline)

    def publish(
        self, topic: str, payload: bytes, *, retain: bool = False, qos: int = 0, correlation: bytes | None = None
    ) -> None:
        self.sent.append(topic)
        if retain:
            self.kept[topic] = payload
        if topic.endswith("/self_check") and is_token(payload):
            self.token = payload
        elif topic.endswith("/self_check"):
            self.markers.append((topic, payload))


class Bench:
    """A gateway with links that the test drives."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.links: list[PlainLink] = []
        gate = TriggerGate(TriggerSettings())
        identity = Identity("lull_0123456789ab", "test board")
        self.gateway = Gateway(self._make, identity, self.clock, Intake(), gate, lambda _arrival: None)
        self.open(HOME)
        self.up(0)

    def _make(
        self,
        settings: MqttSettings,
        device: str,
        deliver: Callable[[Arrival], None],
        others: tuple[str, ...],
        number: int,
    ) -> PlainLink:
        assert number == len(self.links)
        self.links.append(PlainLink(settings, device, others=others, deliver=deliver))
        return self.links[-1]

    @property
    def now_s(self) -> float:
        return self.clock.now().boot_s

    def open(self, settings: MqttSettings | None, device: str = "bedroom") -> None:
        self.gateway.open(settings, device, self.now_s)

    def up(self, number: int) -> None:
        self.links[number].deliver(LinkUp())
        self.gateway.connected(LinkUp(link=number), self.now_s)

    def turn(self) -> tuple[ConnectionFinding, ...]:
        """One turn of the main loop; returns what it finds."""
        found = self.gateway.findings(self.now_s)
        self.gateway.publish_state(PLAYING, self.clock.now())
        return found

    def advance(self, seconds: float) -> tuple[ConnectionFinding, ...]:
        self.clock.advance(seconds)
        return self.turn()

    def confirm(self, number: int) -> None:
        """The link hears its own message."""
        check = Incoming(f"lull/{self.links[number].device}/cmd/self_check", self.links[number].token, link=number)
        self.gateway.take(check, self.now_s)

    def state_is_on(self, number: int) -> bool:
        """Whether the state goes out over this link now, and over no other."""
        for link in self.links:
            link.sent.clear()
        self.gateway.publish_last(PLAYING, self.clock.now())
        return [bool(link.sent) for link in self.links] == [place == number for place in range(len(self.links))]


@pytest.fixture
def bench() -> Bench:
    made = Bench()
    made.turn()
    return made


def test_the_old_link_publishes_until_the_new_one_is_connected_and_ends_when_that_is_confirmed(bench: Bench) -> None:
    """At another broker the old one is told that the speaker is offline, and forgets what was announced."""
    bench.open(AWAY)
    assert bench.state_is_on(0)
    bench.up(1)
    assert bench.state_is_on(1)
    bench.turn()
    bench.confirm(1)
    bench.advance(LINGER_S - 0.1)
    assert bench.links[0].ended == []
    bench.advance(0.2)
    assert bench.links[0].ended == [True]
    assert bench.links[1].ended == []


@pytest.mark.parametrize(
    ("settings", "device", "says_offline"),
    [(MqttSettings(host="home", keepalive_s=90), "bedroom", False), (HOME, "kitchen", True)],
)
def test_nobody_says_offline_on_a_topic_on_which_the_successor_is_online(
    bench: Bench, settings: MqttSettings, device: str, says_offline: bool
) -> None:
    """At the same broker under the same name; another name leaves its topic, and says so."""
    bench.open(settings, device)
    bench.up(1)
    bench.turn()
    bench.confirm(1)
    bench.advance(LINGER_S + 0.1)
    assert bench.links[0].ended == [says_offline]


def test_without_a_confirmation_both_are_heard_for_some_seconds(bench: Bench) -> None:
    """As where access rights keep the message of its own from the speaker."""
    bench.open(AWAY)
    bench.up(1)
    bench.advance(CONFIRM_S - 0.1)
    assert bench.links[0].ended == []
    bench.advance(0.2)
    assert bench.links[0].ended == [True]


def test_a_new_link_that_does_not_connect_replaces_the_old_one_after_half_a_minute(bench: Bench) -> None:
    """Until then the speaker is obeyed and seen at the old broker."""
    bench.open(AWAY)
    bench.gateway.disconnected(LinkDown("refused", link=1), bench.now_s)
    bench.advance(REPLACE_WITHIN_S - 0.1)
    assert bench.state_is_on(0)
    assert bench.gateway.wait_s(bench.now_s) <= 0.1 + 1e-6
    bench.advance(0.2)
    assert bench.links[0].ended == [True]
    assert bench.state_is_on(1)


def test_where_the_old_link_is_lost_the_new_one_takes_over_at_once(bench: Bench) -> None:
    """There is nothing to be heard over it any more."""
    bench.open(AWAY)
    bench.gateway.disconnected(LinkDown("gone", link=0), bench.now_s)
    bench.turn()
    assert bench.links[0].ended == [True]
    assert bench.state_is_on(1)


def test_a_link_that_is_not_connected_is_replaced_at_once(bench: Bench) -> None:
    """No command can come over it."""
    bench.gateway.disconnected(LinkDown("gone", link=0), bench.now_s)
    bench.open(AWAY)
    assert bench.links[0].ended == [True]
    assert bench.state_is_on(1)


def test_switching_mqtt_off_ends_every_link(bench: Bench) -> None:
    """Also the one that was about to connect."""
    bench.open(AWAY)
    bench.open(None)
    assert [len(link.ended) for link in bench.links] == [1, 1]
    assert not bench.state_is_on(0)


def test_a_command_over_the_old_link_is_read_with_its_names_and_answered_where_it_came_from(bench: Bench) -> None:
    """While both are heard: the old name of the speaker is still its own, at both brokers."""
    bench.open(AWAY, "kitchen")
    bench.up(1)
    message = Incoming("lull/bedroom/cmd/volume", b'{"volume": 5, "id": "7"}', link=0)
    request = bench.gateway.take(message, bench.now_s).request
    assert request is not None
    assert request.command == SetVolume(5)
    bench.gateway.reply(Answer(request.reply_to, is_done=True, text="volume 5", data={}), PLAYING)
    assert "lull/bedroom/reply" in bench.links[0].sent
    assert "lull/kitchen/reply" in bench.links[1].sent


def test_a_new_link_publishes_a_marker_where_both_hear_it(bench: Bench) -> None:
    """On the old name, after its subscriptions and before its own check; each connection has another one."""
    bench.open(HOME, "kitchen")
    assert "lull/bedroom/cmd/self_check" in bench.links[1].others
    bench.up(1)
    bench.turn()
    checks = [topic for topic in bench.links[1].sent if topic.endswith("/self_check")]
    assert checks == ["lull/bedroom/cmd/self_check", "lull/kitchen/cmd/self_check"]
    bench.gateway.disconnected(LinkDown("gone", link=1), bench.now_s)
    bench.up(1)
    (first, second) = bench.links[1].markers
    assert first[1] != second[1]
    bench.confirm(1)
    bench.advance(LINGER_S + 0.1)
    bench.up(1)
    assert len(bench.links[1].markers) == 2, "the old link has ended"


def test_the_marker_is_no_other_speaker(bench: Bench) -> None:
    """Also where it arrives late, after that of the next connection."""
    bench.open(MqttSettings(host="home", keepalive_s=90))
    bench.up(1)
    bench.up(1)
    for topic, payload in bench.links[1].markers:
        bench.gateway.take(Incoming(topic, payload, link=1), bench.now_s)
    assert bench.turn() == ()


def test_where_the_new_link_is_lost_the_old_one_is_heard_and_answers_until_it_is_back(bench: Bench) -> None:
    """Although the new one has published already; but no longer than one that never connects."""
    bench.open(MqttSettings(host="home", keepalive_s=90))
    bench.up(1)
    bench.gateway.disconnected(LinkDown("gone", link=1), bench.now_s)
    bench.advance(REPLACE_WITHIN_S - 0.1)
    assert bench.links[0].ended == []
    bench.gateway.reply(Answer(ReplyTo("7", None, None), is_done=True, text="volume 5", data={}), PLAYING)
    assert "lull/bedroom/reply" in bench.links[0].sent
    bench.up(1)
    bench.advance(CONFIRM_S - 0.1)
    assert bench.links[0].ended == []
    bench.advance(0.2)
    assert bench.links[0].ended == [False]


@pytest.mark.parametrize("last", [LinkDown("gone", link=0), LinkUp(link=0)], ids=["down", "up"])
def test_what_a_link_said_before_its_end_is_not_taken_for_its_successor(bench: Bench, last: LinkUp | LinkDown) -> None:
    """It may have been in the inbox; the new link stays up, and is checked and announced as before."""
    bench.open(AWAY)
    bench.up(1)
    bench.advance(0.0)
    bench.confirm(1)
    bench.advance(1.0)
    assert bench.links[0].ended == [True]
    bench.links[1].sent.clear()
    if isinstance(last, LinkUp):
        bench.gateway.connected(last, bench.now_s)
        bench.advance(0.0)
        assert bench.links[1].sent == []  # nothing is published anew
        return
    bench.gateway.disconnected(last, bench.now_s)
    bench.advance(LONGEST_WAIT_S)
    assert any(topic.startswith("homeassistant/device/") for topic in bench.links[1].sent)
    bench.open(HOME)
    assert bench.links[1].ended == []  # it is up: the next one succeeds it without a gap


def test_what_was_wrong_with_a_connection_ends_with_it(bench: Bench) -> None:
    """Another speaker had this name; under the new name there is none, and the problem is cleared."""
    bench.gateway.take(Incoming("lull/bedroom/cmd/self_check", b"0123456789abcdef"), bench.now_s)
    (twin,) = bench.turn()
    assert twin.key == TWIN
    bench.open(HOME, "kitchen")
    bench.up(1)
    bench.turn()
    bench.confirm(1)
    assert bench.advance(LINGER_S + 0.1) == (ConnectionFinding(TWIN, None),)


def test_a_topic_that_may_not_be_subscribed_is_a_problem_while_that_is_so(bench: Bench) -> None:
    """It is named; so is the number of those that are not named."""
    bench.links[0].refused = ("a/button", *(f"b/{number}" for number in range(6)))
    (found,) = bench.turn()
    assert found.text == (
        "the broker does not let this speaker read 'a/button', 'b/0', 'b/1', 'b/2', 'b/3' and 2 more: "
        "check this user's access rights"
    )
    assert bench.turn() == ()
    bench.links[0].refused = ()
    assert bench.turn() == (ConnectionFinding(found.key, None),)


@pytest.mark.parametrize("garbage", [b"", b"1", b"somebody else", b"0123456789ABCDEF", b"0123456789abcdef0"])
def test_what_no_speaker_publishes_is_no_other_speaker(bench: Bench, garbage: bytes) -> None:
    """Whatever somebody puts on the topic of the check."""
    bench.gateway.take(Incoming("lull/bedroom/cmd/self_check", garbage), bench.now_s)
    assert bench.turn() == ()


def test_what_others_overwrote_at_the_broker_is_published_again(bench: Bench) -> None:
    """Every five minutes, though nothing has changed."""
    topics = {"lull/bedroom/state", "lull/bedroom/light"}
    bench.confirm(0)
    bench.advance(60.0)
    bench.links[0].sent.clear()
    bench.advance(239.0)
    assert not topics & set(bench.links[0].sent)
    bench.advance(1.0)
    assert topics <= set(bench.links[0].sent)


def test_the_light_of_a_morning_has_a_topic_of_its_own(bench: Bench) -> None:
    """Published at the start, and again when it changes; a lamp that is switched on later finds it there."""
    bench.advance(60.0)
    assert bench.links[0].kept["lull/bedroom/light"] == b"0"
    bench.links[0].sent.clear()
    bench.advance(60.0)
    assert "lull/bedroom/light" not in bench.links[0].sent
    bench.gateway.publish_state(shot(light=0.25), bench.clock.now())
    assert bench.links[0].kept["lull/bedroom/light"] == b"0.25"
