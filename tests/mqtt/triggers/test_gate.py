"""Triggers in the daemon: what is passed on to the session, what is held back, and what a flood can do."""

from __future__ import annotations

import logging
from datetime import UTC, datetime

import pytest

from player.core.commands import (
    Advance,
    Command,
    ExtendTimer,
    Next,
    Pause,
    Play,
    Previous,
    Request,
    Resume,
    SetPlaylist,
    SetTimer,
    SetVolume,
    Stop,
    Toggle,
)
from player.core.commands_level import Calibrate, MoveBed, SetBed, SetBedGain, SetLevel
from player.core.events import News
from player.core.pillow import AskedLevel
from player.core.settings.bed import Bed
from player.core.settings.session import TIMER_OFF
from player.core.states import State
from player.mqtt.incoming import Arrival, Incoming, LinkDown, LinkUp
from player.mqtt.router import DuplicateFilter, MessageRouter, Route
from player.mqtt.topics import Topics
from player.mqtt.triggers.gate import PER_S, STARTS, SpeakerStatus, TriggerGate, would_be_louder, would_start
from player.mqtt.triggers.mailbox import MAX_BYTES, MAX_TOPICS, ROOM, ConnectionBreak, Mailbox, MailboxFilled
from player.mqtt.triggers.settings import TriggerSettings
from tests.fakes.clock import FakeClock
from tests.mqtt.triggers.rule_texts import settings_of

BUTTON = "name: button, topic: a/button, equals: single, do: toggle, debounce: 0"
OFF = "name: hush, topic: a/off, do: stop"
VERBS_THAT_START = [(verb, State.PAUSED) for verb in ("play", "toggle", "resume")]


class Bench:
    """Triggers with a fake clock and a state that the test sets."""

    def __init__(self, *lines: str, more: str = "", hour: int = 22, is_trusted: bool = True) -> None:
        self.clock = FakeClock(wall=datetime(2026, 1, 15, hour, 0, tzinfo=UTC), is_trusted=is_trusted)
        self.inbox: list[Arrival | MailboxFilled] = []
        self.state = State.IDLE
        self.volume = 30
        self.heard: list[tuple[str, ...]] = []
        self.triggered = TriggerGate(settings_of(*lines, more=more))
        self.triggered.attach(self.heard.append)
        route = Route(0, Topics("lull", "bedroom", ("upstairs",)))
        self.router = MessageRouter(route, self.triggered.mailbox, DuplicateFilter(self.clock), self.inbox.append)

    def send(self, topic: str, text: str = "x", times: int = 1, *, retained: bool = False) -> None:
        for _ in range(times):
            self.router.route(Incoming(topic, text.encode(), retained))

    def standing(self) -> SpeakerStatus:
        return SpeakerStatus(self.state, self.volume)

    def take(self) -> list[Request | News]:
        return list(self.triggered.take(self.clock.now(), self.standing))

    def requests(self) -> list[tuple[Command, str]]:
        return [(found.command, found.origin) for found in self.take() if isinstance(found, Request)]


def test_a_trigger_asks_with_its_name() -> None:
    """The origin is what `why`, events and journal show."""
    bench = Bench(BUTTON)
    bench.send("a/button", "single")
    assert bench.inbox == [MailboxFilled()]
    assert bench.requests() == [(Toggle(), "trigger:button")]
    assert bench.take() == []


def test_what_is_not_for_triggers_goes_on_as_it_is() -> None:
    """Commands and connections are the inbox's; a connection is laid into the row of messages as well."""
    bench = Bench(BUTTON)
    command = Incoming("lull/bedroom/cmd/play", b"")
    for arrival in (LinkUp(), command, LinkDown("gone")):
        bench.router.route(arrival)
    assert bench.inbox == [MailboxFilled(), LinkUp(), command, LinkDown("gone")]


def test_a_lost_connection_ends_a_for_that_runs() -> None:
    """Messages before the break belong to it, messages after it begin anew."""
    bench = Bench("name: t, topic: a/p, equals: empty, for: 10m, do: stop")
    bench.send("a/p", "empty")
    bench.router.route(LinkDown("gone"))
    assert bench.take() == []
    assert bench.triggered.wait_s(bench.clock.now().boot_s) == float("inf")
    bench.send("a/p", "empty")
    bench.take()
    assert bench.triggered.wait_s(bench.clock.now().boot_s) == pytest.approx(600)
    bench.clock.advance(600)
    assert bench.triggered.wait_s(bench.clock.now().boot_s) == 0
    assert bench.requests() == [(Stop(), "trigger:t")]
    assert bench.triggered.wait_s(bench.clock.now().boot_s) == float("inf")


@pytest.mark.parametrize("command", [Play(), Toggle(), Resume(), Calibrate(), Pause(), Stop(), SetVolume(5)])
def test_what_begins_sound_depends_on_the_state(command: Command) -> None:
    """Each command in each state."""
    starting = {
        Play: set(State) - {State.PLAYING},
        Toggle: {State.IDLE, State.PAUSED},
        Resume: {State.PAUSED, State.FADING_OUT},
        Calibrate: {State.IDLE},
    }.get(type(command), set())
    assert {state for state in State if would_start(command, state)} == starting


@pytest.mark.parametrize(("verb", "state"), [*VERBS_THAT_START, ("calibrate", State.IDLE)])
def test_in_the_quiet_hours_no_trigger_starts_sound(verb: str, state: State) -> None:
    """Refused with its reason, as news for everyone; by day it is passed on."""
    line = f"name: t, topic: a, do: {verb}"
    night = Bench(line, more="quiet_hours: 21:00-7:00")
    night.state = state
    night.send("a")
    (news,) = night.take()
    assert isinstance(news, News)
    assert news.type == "command_rejected"
    assert news.data["origin"] == "trigger:t"
    assert "quiet hours (21:00-07:00)" in news.text
    assert "(a)" in news.text
    day = Bench(line, more="quiet_hours: 21:00-7:00", hour=12)
    day.state = state
    day.send("a")
    assert len(day.requests()) == 1


def test_quiet_hours_let_everything_through_that_makes_nothing_louder() -> None:
    """A toggle that pauses, a stop, less volume: stopping is always possible."""
    bench = Bench(
        "name: t, topic: a, do: toggle", "name: s, topic: a, do: stop", "name: v, topic: a, do: volume, with: down",
        more="quiet_hours: 21:00-7:00",
    )  # fmt: skip
    bench.state = State.PLAYING
    bench.send("a")
    assert [origin for _, origin in bench.requests()] == ["trigger:t", "trigger:s", "trigger:v"]


LOUDER = [
    (SetVolume(31), set(State)),
    (SetVolume(1, is_relative=True), set(State)),
    (SetVolume(30), {State.FADING_OUT}),
    (SetVolume(-5, is_relative=True), {State.FADING_OUT}),
    (SetVolume(0), set()),
    (SetVolume(-100, is_relative=True), set()),
    (Play(volume=31), set(State)),
    (Play(volume=30), set()),
    (Play(volume=AskedLevel(41.0)), set(State)),
    (Play(volume=AskedLevel(40.0)), set()),
    (Play(volume=AskedLevel(99.0)), set(State)),
    (Play(), set()),
    (Play(bed=(Bed("rain"),)), set(State)),
    (Play(bed=()), set()),
    (SetBed((Bed("rain"),)), set(State)),
    (SetBed(()), set()),
    (MoveBed(3.0), set(State)),
    (MoveBed(-3.0), set()),
    (SetBedGain(-40.0), set(State)),
    (SetLevel(41.0), set(State)),
    (SetLevel(40.0), {State.FADING_OUT}),
    (SetLevel(99.0), set(State)),
    (SetTimer(TIMER_OFF), {State.FADING_OUT}),
    (ExtendTimer(900), {State.FADING_OUT}),
    (ExtendTimer(-60), {State.FADING_OUT}),
    (Stop(), set()),
    (Pause(), set()),
]


@pytest.mark.parametrize(("command", "louder"), LOUDER, ids=[str(command) for command, _ in LOUDER])
def test_what_makes_it_louder_depends_on_the_state_and_the_level(command: Command, louder: set[State]) -> None:
    """At volume 30: more than that at any time, and in the final fade whatever takes the fade back.

    Volume 30 has 40 dB(A), and nobody knows which one has 99.
    """
    volumes = {40.0: 30, 41.0: 31}
    assert {state for state in State if would_be_louder(command, SpeakerStatus(state, 30, volumes.get))} == louder


def test_the_next_phase_is_louder_where_its_config_says_so() -> None:
    """In the quiet hours a trigger may not go on to it; to one at the same level or below it may."""
    assert would_be_louder(Advance(), SpeakerStatus(State.PLAYING, 30, is_next_phase_louder=True))
    assert not would_be_louder(Advance(), SpeakerStatus(State.PLAYING, 30))


def test_a_playlist_that_brings_a_bed_is_louder() -> None:
    """While something plays; chosen for the next session it is no sound yet."""
    for command in (SetPlaylist("story"), Play("story")):
        for state in (State.PLAYING, State.FADING_OUT):
            assert would_be_louder(command, SpeakerStatus(state, 30, brings_bed="story".__eq__))
    assert not would_be_louder(SetPlaylist("rain"), SpeakerStatus(State.PLAYING, 30, brings_bed="story".__eq__))
    assert not would_be_louder(SetPlaylist("story"), SpeakerStatus(State.IDLE, 30, brings_bed="story".__eq__))


@pytest.mark.parametrize("command", [Play(), Next(), Previous(), SetPlaylist("rain")])
def test_where_only_a_bed_is_left_tracks_are_more_sound(command: Command) -> None:
    """In the quiet hours a trigger may not bring them back."""
    assert would_be_louder(command, SpeakerStatus(State.PLAYING, 30, is_bed_alone=True))
    assert not would_be_louder(command, SpeakerStatus(State.PLAYING, 30))


@pytest.mark.parametrize("line", ["do: extend", "do: timer, with: 1h", "do: volume, with: 20", "do: volume, with: up"])
def test_in_the_quiet_hours_no_trigger_brings_the_final_fade_up_again(line: str) -> None:
    """Refused with its reason; by day, and to a person at any time, it is obeyed."""
    more = "quiet_hours: 21:00-7:00"
    night = Bench(f"name: t, topic: a, {line}", more=more)
    night.state = State.FADING_OUT
    night.send("a")
    (news,) = night.take()
    assert isinstance(news, News)
    assert "in the quiet hours (21:00-07:00) no trigger makes it louder" in news.text
    day = Bench(f"name: t, topic: a, {line}", more=more, hour=12)
    day.state = State.FADING_OUT
    day.send("a")
    assert len(day.requests()) == 1


def test_in_the_quiet_hours_a_knob_is_refused_often_and_told_once_a_minute() -> None:
    """Turned up all night: nothing is passed on, and the event comes once a minute; turned down it is obeyed."""
    bench = Bench(
        "name: up, topic: a/up, do: volume, with: up", "name: down, topic: a/down, do: volume, with: down",
        more="quiet_hours: 21:00-7:00",
    )  # fmt: skip
    bench.state = State.PLAYING
    told = 0
    for _ in range(240):
        bench.clock.advance(0.5)
        bench.send("a/up")
        found = bench.take()
        assert all(isinstance(one, News) for one in found)
        told += len(found)
    assert told == 2
    bench.send("a/down")
    assert len(bench.requests()) == 1


def test_while_the_clock_is_not_set_any_hour_may_be_a_quiet_one() -> None:
    """With quiet hours starts wait for the clock; without them nothing has to."""
    bench = Bench(BUTTON, more="quiet_hours: 21:00-7:00", hour=12, is_trusted=False)
    bench.send("a/button", "single")
    (news,) = bench.take()
    assert isinstance(news, News)
    assert "the clock is not set yet" in news.text
    free = Bench(BUTTON, is_trusted=False)
    free.send("a/button", "single")
    assert free.requests() == [(Toggle(), "trigger:button")]


def test_the_state_is_looked_at_between_two_requests() -> None:
    """Two presses at once: the first starts, the second pauses and is therefore never refused."""
    bench = Bench(BUTTON)
    bench.send("a/button", "single", times=2)
    found = bench.triggered.take(bench.clock.now(), bench.standing)
    assert isinstance(next(found), Request)
    bench.state = State.PLAYING
    assert isinstance(next(found), Request)


def test_a_trigger_that_starts_sound_again_and_again_is_put_to_rest() -> None:
    """Six starts, one piece of news, then nothing until it has been silent for a minute."""
    bench = Bench(BUTTON)
    started = told = 0
    for _ in range(1000):
        bench.clock.advance(1.0)
        bench.send("a/button", "single")
        for found in bench.take():
            started += isinstance(found, Request)
            told += isinstance(found, News)
    assert (started, told) == (STARTS, 1)
    bench.clock.advance(PER_S - 1)
    bench.send("a/button", "single")
    assert bench.take() == []
    bench.clock.advance(PER_S)
    bench.send("a/button", "single")
    assert bench.requests() == [(Toggle(), "trigger:button")]


def test_a_person_who_starts_now_and_then_never_meets_the_rest() -> None:
    """Once in eleven seconds, all night."""
    bench = Bench(BUTTON)
    for _ in range(300):
        bench.clock.advance(11.0)
        bench.send("a/button", "single")
        assert len(bench.requests()) == 1


def test_a_trigger_at_rest_still_pauses() -> None:
    """The rest is for what begins sound, not for what ends it."""
    bench = Bench(BUTTON)
    for _ in range(STARTS + 3):
        bench.clock.advance(1.0)
        bench.send("a/button", "single")
        bench.take()
    bench.state = State.PLAYING
    bench.clock.advance(1.0)
    bench.send("a/button", "single")
    assert bench.requests() == [(Toggle(), "trigger:button")]


def test_a_flood_keeps_nobody_waiting_and_loses_no_stop() -> None:
    """Ten thousand messages are one knock and a bounded row, and the one word of another sender is among them."""
    bench = Bench(BUTTON, OFF)
    bench.send("a/button", "noise", times=5000)
    bench.send("a/off")
    bench.send("a/button", "noise", times=5000)
    assert bench.inbox == [MailboxFilled()]
    assert bench.requests() == [(Stop(), "trigger:hush")]


def test_what_a_flood_gave_up_is_a_line_in_the_journal(caplog: pytest.LogCaptureFixture) -> None:
    """Told once, and again after thousands."""
    bench = Bench(BUTTON)
    with caplog.at_level(logging.WARNING, "lull.triggers"):
        for _ in range(3):
            bench.send("a/button", "noise", times=ROOM + 100)
            bench.take()
        assert caplog.text.count("dropped") == 1
        bench.send("a/button", "noise", times=1000)
        bench.take()
    assert caplog.text.count("dropped") == 2


def test_the_journal_says_which_topic_started_sound(caplog: pytest.LogCaptureFixture) -> None:
    """By the logger that says the same twice, each time; what only pauses by the one that counts, a stop by neither."""
    bench = Bench(BUTTON, OFF)
    bench.send("a/button", "single", times=2)
    bench.send("a/off")
    with caplog.at_level(logging.INFO, "lull"):
        bench.take()
        bench.state = State.PLAYING
        bench.send("a/button", "single")
        bench.take()
    said = "trigger:button asks for toggle: 'single' on a/button"
    assert [(record.name, record.getMessage()) for record in caplog.records] == [
        ("lull", said), ("lull", said), ("lull.triggers", said),
    ]  # fmt: skip


def test_a_reload_leaves_alone_what_did_not_change() -> None:
    """A `for` that runs goes on, the link is told the new list, a trigger that is gone is deaf."""
    waiting = "name: t, topic: a/p, equals: empty, for: 10m, do: stop"
    bench = Bench(waiting, BUTTON)
    bench.send("a/p", "empty")
    bench.take()
    bench.clock.advance(60)
    bench.triggered.change(settings_of(OFF, waiting))
    assert bench.triggered.wait_s(bench.clock.now().boot_s) == pytest.approx(540)
    assert bench.heard == [("a/p", "a/button"), ("a/off", "a/p")]
    bench.inbox.clear()
    bench.send("a/button", "single")
    assert bench.inbox == [Incoming("a/button", b"single")]
    bench.triggered.change(TriggerSettings())
    assert bench.triggered.wait_s(bench.clock.now().boot_s) == float("inf")


def test_a_full_mailbox_gives_up_what_is_older_of_the_loudest_sender() -> None:
    """The latest word of everybody stays, in its order; so does a break of the connection."""
    box = Mailbox()
    assert box.put(Incoming("quiet", b"1"))
    assert not box.put(ConnectionBreak())
    for number in range(500):
        box.put(Incoming("loud", str(number).encode()))
    box.put(Incoming("late", b"2"))
    found = box.take()
    assert len(found) == ROOM + 1  # the break takes no message's room
    assert found[:2] == (Incoming("quiet", b"1"), ConnectionBreak())
    assert found[-2:] == (Incoming("loud", b"499"), Incoming("late", b"2"))
    assert box.dropped == 502 - ROOM
    assert box.take() == ()
    assert box.put(ConnectionBreak())


def test_of_many_senders_at_once_the_word_of_each_is_kept() -> None:
    """Two hundred devices tell everything again after a broker's restart, a loud one among them: none is unheard."""
    box = Mailbox()
    for number in range(100):
        box.put(Incoming(f"a/{number}", b"x"))
        box.put(Incoming("loud", str(number).encode()))
    for number in range(100, 200):
        box.put(Incoming(f"a/{number}", b"x"))
    found = box.take()
    assert {item.topic for item in found if isinstance(item, Incoming)} == {*(f"a/{n}" for n in range(200)), "loud"}
    assert [item.payload for item in found if isinstance(item, Incoming) and item.topic == "loud"] == [b"99"]


def test_a_break_is_never_dropped() -> None:
    """In whatever flood, and however many breaks there are; side by side they are one, so they take no room."""
    box = Mailbox()
    for number in range(5000):
        box.put(ConnectionBreak())
        box.put(Incoming(f"a/{number % 700}", b"x"))
        box.put(ConnectionBreak())
    found = box.take()
    messages = [item for item in found if isinstance(item, Incoming)]
    assert len(messages) == MAX_TOPICS
    assert len(found) == 2 * len(messages) + 1
    assert all(isinstance(item, ConnectionBreak) for item in found[::2])
    for number in range(300):
        box.put(ConnectionBreak() if number == 150 else Incoming("loud", b"x"))
    assert [type(item) for item in box.take()].count(ConnectionBreak) == 1


def test_the_mailbox_holds_no_more_text_than_its_bound() -> None:
    """A few senders of very long messages: those are dropped, not the short word beside them."""
    box = Mailbox()
    box.put(Incoming("quiet", b"1"))
    for number in range(100):
        box.put(Incoming(f"long/{number}", b"x" * (64 << 10)))
    found = [item for item in box.take() if isinstance(item, Incoming)]
    assert sum(len(item.payload) for item in found) <= MAX_BYTES
    assert Incoming("quiet", b"1") in found
