"""Topic filters: the table of MQTT, and how two filters lie to each other."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from player.mqtt.triggers.filters import check_filter, check_topic, covers, fewest, matches, overlaps

TOPICS = ["/".join(levels) for size in (1, 2, 3) for levels in itertools.product(("a", "b", ""), repeat=size)]
FILTERS = sorted(
    {"/".join(levels) for size in (1, 2, 3) for levels in itertools.product(("a", "b", "+"), repeat=size)}
    | {"/".join((*levels, "#")) for size in (0, 1, 2) for levels in itertools.product(("a", "+"), repeat=size)}
)


@pytest.mark.parametrize(
    ("name", "topic", "is_match"),
    [
        ("a/b", "a/b", True), ("a/b", "a/b/c", False), ("a/+", "a/b", True), ("a/+", "a", False), ("a/+", "a/", True),
        ("+/+", "/b", True), ("#", "a/b/c", True), ("a/#", "a", True), ("a/#", "a/b/c", True), ("a/#", "ab", False),
        ("+/b/#", "a/b", True), ("#", "$SYS/up", False), ("+/up", "$SYS/up", False), ("$SYS/#", "$SYS/up", True),
        ("A", "a", False),
    ],
)  # fmt: skip
def test_a_filter_matches_as_the_standard_says(name: str, topic: str, is_match: bool) -> None:
    """The examples of MQTT, section 4.7."""
    assert matches(name, topic) is is_match


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("", "is empty"), ("a/#/b", "'#' in the wrong place"), ("a#", "'#' in the wrong place"), ("a+/b", "'+' inside"),
        ("$share/x/a", "is a shared"), ("a\nb", "control"), ("a\0", "control"), ("x" * 257, "up to 256"),
    ],
)  # fmt: skip
def test_what_cannot_be_subscribed_is_named(name: str, said: str) -> None:
    """The reason quotes the filter where that can be printed."""
    with pytest.raises(ValueError, match=said.replace("+", r"\+")):
        check_filter(name)


def test_a_message_is_on_a_topic_without_wildcards() -> None:
    """What can be subscribed is not always what can be published on."""
    check_topic("a/b")
    with pytest.raises(ValueError, match="wildcard"):
        check_topic("a/+")


def test_filters_overlap_where_some_topic_is_on_both() -> None:
    """Compared with all topics of up to three levels: none is missed, and none is invented."""
    deep = [*TOPICS, "a/a/a/a", "b/b/b/b", "a/b/a/b"]
    for one, other in itertools.product(FILTERS, repeat=2):
        found = [topic for topic in deep if matches(one, topic) and matches(other, topic)]
        assert overlaps(one, other) is bool(found), (one, other, found[:3])


def test_a_filter_covers_another_where_it_has_all_its_topics() -> None:
    """Compared with all topics of up to three levels; `+/#` says the same as `#`, and only one covers the other."""
    deep = [*TOPICS, "a/a/a/a", "b/b/b/b", "b/a/a/a"]
    for one, other in set(itertools.product(FILTERS, repeat=2)) - {("+/#", "#")}:
        theirs = [topic for topic in deep if matches(other, topic)]
        assert covers(one, other) is all(matches(one, topic) for topic in theirs), (one, other)


def test_system_topics_lie_apart_from_wildcards() -> None:
    """``#`` neither has nor meets what begins with a dollar sign."""
    assert not overlaps("#", "$SYS/up")
    assert not covers("+/up", "$SYS/up")
    assert overlaps("$SYS/#", "$SYS/up")


@given(st.lists(st.sampled_from(FILTERS), max_size=6), st.sampled_from(TOPICS))
def test_the_fewest_filters_let_the_same_topics_through(names: list[str], topic: str) -> None:
    """Nothing is lost, nothing is added, and none of them covers another."""
    found = fewest(names)
    assert any(matches(name, topic) for name in found) is any(matches(name, topic) for name in names)
    assert not [pair for pair in itertools.permutations(found, 2) if covers(*pair)]
