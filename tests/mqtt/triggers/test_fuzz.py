"""Triggers under whatever a broker delivers: nothing raises, and no sequence of messages breaks the rules of starts."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from player.core.commands import Play, Request, Resume, Stop, Toggle
from player.core.events import News
from player.core.states import State
from player.mqtt.incoming import Incoming, LinkDown, LinkUp
from player.mqtt.router import DuplicateFilter, MessageRouter, Route
from player.mqtt.topics import Topics
from player.mqtt.triggers.gate import PER_S, STARTS, SpeakerStatus, TriggerGate, would_be_louder, would_start
from tests import effort
from tests.fakes.clock import FakeClock
from tests.mqtt.triggers.rule_texts import settings_of

TRIGGERS = settings_of(
    "name: toggle, topic: a/b, equals: x, do: toggle, debounce: 0",
    "name: play, topic: +/b, path: 'p[0].q', one_of: [x, 1, true], do: play",
    "name: resume, topic: a/#, glob: '?', do: resume, debounce: 0",
    "name: held, topic: a/c, equals: x, for: 2s, do: play",
    "name: up, topic: a/c, above: 5, hysteresis: 2, do: volume, with: up",
    "name: once, topic: a/c, equals: x, only_changes: yes, only_between: 22:00-2:00, do: play",
    "name: kept, topic: a/c, allow_retained: yes, do: extend",
    "name: stop, topic: a/d, do: stop",
    more="quiet_hours: 23:00-1:00",
)
TOPIC = st.sampled_from(["a/b", "a/c", "a/d", "c/b", "a", "b"]) | st.text(max_size=8)
PAYLOAD = (
    st.sampled_from([b"x", b"", b"6", b"1", b'"x"', b'{"p":[{"q":"x"}]}', b'{"p":[{"q":true}]}', b"null", b"[[["])
    | st.binary(max_size=20)
)  # fmt: skip
STEP = st.one_of(
    st.builds(Incoming, TOPIC, PAYLOAD, st.booleans()),
    st.builds(Incoming, st.just("a/b"), st.just(b"x")),
    st.sampled_from([LinkUp(), LinkDown("gone")]),
    st.sampled_from([0.01, 0.5, 5.0, 61.0, 1800.0]),
)
AFTER = {Play: State.PLAYING, Resume: State.PLAYING, Stop: State.IDLE}


@pytest.mark.slow
@settings(max_examples=effort.examples(50, 300), deadline=None)
@given(st.lists(st.tuples(STEP, st.integers(1, 30)), max_size=30), st.integers(0, 23), st.sampled_from(list(State)))
def test_no_sequence_of_messages_starts_sound_against_the_rules(
    steps: list[tuple[Incoming | LinkUp | LinkDown | float, int]], hour: int, state: State
) -> None:
    """Nothing begins or grows louder in the quiet hours, nothing begins six times a minute; refusals name a reason."""
    clock = FakeClock(wall=datetime(2026, 1, 15, hour, 30, tzinfo=UTC))
    triggered = TriggerGate(TRIGGERS)
    route = Route(0, Topics("lull", "bedroom"))
    router = MessageRouter(route, triggered.mailbox, DuplicateFilter(clock), lambda _arrival: None)
    starts: dict[str, list[float]] = defaultdict(list)
    for step, times in steps:
        for _ in range(times):
            if isinstance(step, float):
                clock.advance(step)
            else:
                router.route(step)
            now = clock.now()
            for found in triggered.take(now, lambda: SpeakerStatus(state, 30)):  # noqa: B023 - as it is then is what is wanted
                if isinstance(found, News):
                    assert found.text.startswith(found.data["origin"])
                    assert "quiet hours" in found.text or "it is suspended" in found.text
                    continue
                assert isinstance(found, Request)
                if would_be_louder(found.command, SpeakerStatus(state, 30)):
                    assert now.wall.hour not in {23, 0}
                if would_start(found.command, state):
                    assert now.wall.hour not in {23, 0}
                    starts[found.origin].append(now.boot_s)
                is_pause = isinstance(found.command, Toggle) and not would_start(found.command, state)
                state = State.PAUSED if is_pause else AFTER.get(type(found.command), state)
    for asked_s in starts.values():
        for first_s in asked_s:
            assert sum(first_s <= at_s < first_s + PER_S for at_s in asked_s) <= STARTS
