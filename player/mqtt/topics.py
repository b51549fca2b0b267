"""Topics: their names, and topic plus payload to request. Pure functions; the app calls them on the main thread.

A speaker listens to ``<prefix>/<device>/cmd/…``, ``<prefix>/all/cmd/…`` and ``<prefix>/<group>/cmd/…``. A message on
them becomes a `Request`, is refused with a reason, or is not for this speaker. Retained messages on command topics are
dropped: a broker repeats them at every connection, whenever they were sent.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from player.core.commands import ReplyTo, Request, Stop
from player.core.errors import Refused
from player.core.json_text import quoted
from player.core.text import is_harmless, without_controls
from player.core.values import Value, text
from player.core.verbs import to_command
from player.mqtt.incoming import Incoming
from player.mqtt.payload_values import read

ONLINE: Final = b"online"
OFFLINE: Final = b"offline"
ALL: Final = "all"
STOP: Final = "stop"
_COMMON_KEYS: Final = ("id", "origin")
_SHOWN_TOPIC: Final = 100
MAX_TOPIC_BYTES: Final = 1024
"""Longer topics from outside are not used."""
RETAINED: Final = ("state", "night", "tracks", "light", "availability")
"""Last levels of the topics on which a speaker publishes retained messages; those of a former name are cleared."""
_NO_ANSWERS: Final = frozenset({"cmd", "cmnd", "command", "set", "state", "availability", "config"})
"""Topic levels on which others take commands or publish their state; an answer there could be mistaken for one."""


def is_name(topic: str) -> bool:
    """Whether a message may be published there: a name without wildcards, and none of the broker's own."""
    is_plain = 0 < len(topic.encode("utf-8", "replace")) <= MAX_TOPIC_BYTES and is_harmless(topic)
    return is_plain and topic[0] != "$" and not set("+#") & set(topic)


@dataclass(frozen=True, slots=True)
class Topics:
    """The names of one speaker's topics; ``discovery`` is where devices are announced."""

    prefix: str
    device: str
    groups: tuple[str, ...] = ()
    discovery: str = "homeassistant"

    @property
    def root(self) -> str:
        """The first two levels of this speaker's own topics."""
        return f"{self.prefix}/{self.device}"

    @property
    def availability(self) -> str:
        """Retained ``online`` or ``offline``."""
        return f"{self.root}/availability"

    @property
    def state(self) -> str:
        """Retained snapshot."""
        return f"{self.root}/state"

    @property
    def tracks(self) -> str:
        """Retained list of the tracks that can be played."""
        return f"{self.root}/tracks"

    @property
    def night(self) -> str:
        """Retained report of the night."""
        return f"{self.root}/night"

    @property
    def light(self) -> str:
        """Retained brightness for the lamp of a morning: ``0.35``."""
        return f"{self.root}/light"

    @property
    def event(self) -> str:
        """Events."""
        return f"{self.root}/event"

    @property
    def reply(self) -> str:
        """Answers to commands with an id."""
        return f"{self.root}/reply"

    @property
    def self_check(self) -> str:
        """The topic of the check whether commands reach this speaker; see `player.mqtt.self_check`."""
        return f"{self.root}/cmd/self_check"

    def command(self, verb: str = "") -> str:
        """The topic on which this speaker takes a verb, or any command as JSON."""
        return f"{self.root}/cmd/{verb}" if verb else f"{self.root}/cmd"

    @property
    def command_roots(self) -> tuple[str, ...]:
        """The ``cmd`` topics of this speaker: its own, that of all speakers, and its groups'."""
        names = dict.fromkeys((self.device, ALL, *self.groups))
        return tuple(f"{self.prefix}/{name}/cmd" for name in names)

    @property
    def subscriptions(self) -> tuple[str, ...]:
        """Filters for `command_roots` and all that is below them (``#`` matches its parent too)."""
        return tuple(f"{root}/#" for root in self.command_roots)

    def verb_of(self, topic: str) -> str | None:
        """The verb in a command topic, empty for ``cmd`` itself; None for a topic that is not ours."""
        for root in self.command_roots:
            if topic == root:
                return ""
            if topic.startswith(f"{root}/"):
                return topic[len(root) + 1 :]
        return None

    def can_answer_on(self, topic: str) -> bool:
        """Whether an answer may be published there.

        A name without wildcards on which nobody takes commands, publishes a state, or announces devices: not even
        other speakers, so that they cannot be made to command each other. Below the prefix only ``reply`` is allowed.
        """
        levels = topic.split("/")
        if not is_name(topic) or _NO_ANSWERS & set(levels):
            return False
        if topic.startswith(tuple(f"{root}/" for root in (self.discovery, "homeassistant"))):
            return False
        return not topic.startswith(f"{self.prefix}/") or "reply" in levels


def may_stop(incoming: Incoming) -> bool:
    """Whether a message on a command topic could be a stop, so that it has to be parsed at once. Quick."""
    return not incoming.retained and ("stop" in incoming.topic or b"stop" in incoming.payload)


def parse(topics: Topics, incoming: Incoming) -> Request | None:
    """The request in a message; None when it is not on a command topic of ours, or retained.

    A stop is a stop even where its payload, its origin or its response topic cannot be used.

    Raises:
        Refused: it is on a command topic, but is not a command; the reason names verb, topic and choices.
    """
    verb = topics.verb_of(incoming.topic)
    if verb is None or incoming.retained:
        return None
    try:
        value = read(incoming.payload)
        fields = value if isinstance(value, Mapping) else {}
        if not verb:
            verb, value = _verb_in(value)
        return _request(topics, verb, value, {**dict(incoming.marks), **fields}, incoming)
    except Refused as refusal:
        if verb == STOP:
            return Request(Stop(), "mqtt", reply_to(topics, incoming), STOP)
        raise Refused(f"{refusal} (sent to {_shown(incoming.topic)})") from None


def _request(topics: Topics, verb: str, value: Value, common: Mapping[str, Any], incoming: Incoming) -> Request:
    if isinstance(value, Mapping):
        value = {key: found for key, found in value.items() if key not in _COMMON_KEYS}
    command = to_command(verb, value)  # before the refusals below, which name the verb: it is a known one from here on
    sender_id = _sender_id(common)
    if incoming.response_topic is not None and not topics.can_answer_on(incoming.response_topic):
        raise Refused(
            f"{verb}: response topic {quoted(incoming.response_topic)} cannot be used; allowed are topics of your own: "
            "no wildcards, no command, state or discovery topics"
        )
    origin = text("origin", common["origin"]) if "origin" in common else "mqtt"
    if ":" in origin:
        raise Refused(f"{verb}: origin {quoted(origin)} has a colon, which only the speaker's own origins have")
    return Request(command, origin, _reply_to(topics, sender_id, incoming), verb)


def reply_to(topics: Topics, incoming: Incoming) -> ReplyTo | None:
    """Where the refusal of a message goes, as far as it can be read; None when no answer is expected."""
    sender_id = None
    try:
        sender_id = _sender_id(dict(incoming.marks))
        value = read(incoming.payload)
        if isinstance(value, Mapping):
            sender_id = _sender_id(value) or sender_id
    except Refused:
        pass  # what cannot be read has no id; the response topic may still be good
    return _reply_to(topics, sender_id, incoming)


def _shown(topic: str) -> str:
    """A topic in a reason: bounded, without control characters."""
    return without_controls(topic[:_SHOWN_TOPIC], kept="")


def _verb_in(value: Value) -> tuple[str, Value]:
    """Verb and value of a message on ``cmd`` itself: an object with ``command``, or just the verb."""
    if value is None:
        raise Refused('cmd needs a command, such as {"command": "play", "playlist": "rain"}')
    if not isinstance(value, Mapping):
        return value, None
    if "command" not in value:
        raise Refused('the key "command" is missing, as in {"command": "play", "playlist": "rain"}')
    return text("command", value["command"]), {key: found for key, found in value.items() if key != "command"}


def _sender_id(fields: Mapping[str, Any]) -> str | None:
    value = fields.get("id")
    if value is None:
        return None
    return text("id", str(value) if isinstance(value, int) and not isinstance(value, bool) else value)


def _reply_to(topics: Topics, sender_id: str | None, incoming: Incoming) -> ReplyTo | None:
    topic = incoming.response_topic
    if topic is not None and not topics.can_answer_on(topic):
        topic = None
    if sender_id is None and topic is None:
        return None
    return ReplyTo(sender_id, topic, None if topic is None else incoming.correlation)
