"""Topic filters: whether one is valid, what it matches, and whether two of them overlap. Pure; any thread.

The rules are those of MQTT (section 4.7 of both versions): ``+`` stands for one whole level, ``#`` for the rest and for
nothing at all, and neither stands for a first level that begins with ``$``.

A topic that begins with ``input:`` names a device of this machine (`player.system.input_reader`). No broker knows it,
and only its own name matches it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from player.core.text import is_harmless

LONGEST: Final = 256
INPUT: Final = "input:"
"""Prefix of the topic of an input device; its name or path follows."""


def check_filter(text: str) -> None:
    """Raise ValueError naming what is wrong, unless the text can be subscribed."""
    if not text:
        raise ValueError("is empty; write a topic, such as zigbee2mqtt/bedside button/action")
    if len(text) > LONGEST or not is_harmless(text):
        raise ValueError(f"is not a topic; use up to {LONGEST} characters, none of them a control character")
    if text.startswith(INPUT):
        if not text.removeprefix(INPUT).strip():
            raise ValueError(f"{text!r} names no device; `lull doctor` lists those that are there")
        return
    if text.startswith("$share/"):
        raise ValueError(f"{text!r} is a shared subscription, so some messages would not arrive; omit $share/...")
    levels = text.split("/")
    for place, level in enumerate(levels):
        if "#" in level and (level != "#" or place < len(levels) - 1):
            raise ValueError(f"{text!r} has '#' in the wrong place; it must be the last level, such as a/b/#")
        if "+" in level and level != "+":
            raise ValueError(f"{text!r} has '+' inside a level; it must be a whole level, such as a/+/c")


def check_topic(text: str) -> None:
    """Raise ValueError unless the text can be published on."""
    check_filter(text)
    if set(text) & set("+#") and not text.startswith(INPUT):
        raise ValueError(f"{text!r} has a wildcard; a message is on one topic")


def matches(topic_filter: str, topic: str) -> bool:
    """Whether a message on the topic comes through the filter."""
    if INPUT in {topic_filter[: len(INPUT)], topic[: len(INPUT)]}:
        return topic_filter == topic
    if topic.startswith("$") and topic_filter[:1] in {"+", "#"}:
        return False
    return _covers(topic_filter.split("/"), topic.split("/"))


def covers(wide: str, narrow: str) -> bool:
    """Whether every topic of the second filter is one of the first."""
    if narrow.startswith("$") and wide[:1] in {"+", "#"}:
        return False
    return _covers(wide.split("/"), narrow.split("/"))


def overlaps(one: str, other: str) -> bool:
    """Whether there can be a topic that comes through both filters."""
    if "$" in {one[:1], other[:1]} and {one[:1], other[:1]} & {"+", "#"}:
        return False
    first, second = one.split("/"), other.split("/")
    for mine, yours in zip(first, second, strict=False):
        if "#" in {mine, yours}:
            return True
        if "+" not in {mine, yours} and mine != yours:
            return False
    if len(first) == len(second):
        return True
    longer, shorter = (first, second) if len(first) > len(second) else (second, first)
    return longer[len(shorter) :] == ["#"]


def fewest(filters: Iterable[str]) -> tuple[str, ...]:
    """The filters without those that another one covers: a broker may send a message once for each that it matches."""
    found = tuple(dict.fromkeys(filters))
    return tuple(name for name in found if not any(other != name and covers(other, name) for other in found))


def _covers(wide: list[str], narrow: list[str]) -> bool:
    for place, level in enumerate(wide):
        if level == "#":
            return True
        if place >= len(narrow) or narrow[place] == "#":
            return False
        if level not in {"+", narrow[place]}:
            return False
    return len(wide) == len(narrow)
