"""A recorded session of payloads, valid, odd and faulty: the same replies, events and states as in its golden file."""

from __future__ import annotations

from player.core.verbs import VERBS
from tests.mqtt.recorded_session import GOLDEN, SENT, recorded


def test_the_recorded_payloads_give_the_same_replies_events_and_states() -> None:
    """Where a difference is meant, ``python -m tests.mqtt.recorded_session`` rewrites the file."""
    assert len(SENT) >= 60
    assert recorded().splitlines() == GOLDEN.read_text(encoding="utf-8").splitlines()


def test_every_verb_is_sent() -> None:
    """A new verb gets a payload in the list."""
    topics = {sent.topic.rpartition("/")[2] for sent in SENT}
    assert set(VERBS) <= topics
