"""Discovery: the retained messages that announce a speaker and its entities. Pure functions, main thread.

Home Assistant reads the whole device from one message on ``<prefix>/device/<id>/config``. Systems that read only
single components (openHAB) get one message for each on ``<prefix>/<platform>/<id>/<key>/config``. Ids depend on the
identity of the speaker, not on its name: after a rename the same entities have another name and read other topics.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from player import __version__
from player.core.settings.mqtt import DEFAULT_PREFIX, DiscoveryMode, DiscoverySettings, Identity
from player.mqtt.discovery import media_player as media
from player.mqtt.discovery.entities import EntityOptions, entities
from player.mqtt.discovery.entry_entities import Fields, slug
from player.mqtt.payload_values import as_object
from player.mqtt.topics import OFFLINE, ONLINE, Topics, is_name

MANUFACTURER: Final = "lull"
MODEL: Final = "Bedside speaker"
NOT_FOR_ALL: Final = frozenset({"event", "text", "time"})
"""Platforms that systems which read single components do not support."""
APART: Final = frozenset({"time"})
"""Platforms that Home Assistant has had for a short while only (``time`` since 2026.5). One unknown platform in the
message of a device makes an older version refuse the device, so these have a message each, which it does not read."""


@dataclass(frozen=True, slots=True)
class Speaker:
    """The announced speaker and its topics.

    Attributes:
        topics: its own topics, from its present name.
    """

    settings: DiscoverySettings
    identity: Identity
    topics: Topics

    @property
    def id(self) -> str:
        """The id under which it is announced."""
        return self.settings.id or self.identity.id

    @property
    def device_topic(self) -> str:
        """The topic on which the whole device is announced."""
        return f"{self.settings.prefix}/device/{self.id}/config"

    @property
    def media_topic(self) -> str:
        """The topic on which the community's media player is announced; it reads no other prefix."""
        return f"{DEFAULT_PREFIX}/media_player/{self.id}/config"

    @property
    def has_media_player(self) -> bool:
        """Whether the topics of a media player are served."""
        return self.settings.media_player and self.settings.mode is not DiscoveryMode.OFF

    @property
    def filters(self) -> tuple[str, ...]:
        """Filters that match every announcement of this speaker in any mode and under any name."""
        return (self.device_topic, f"{self.settings.prefix}/+/{self.id}/+/config", self.media_topic)

    def is_own(self, topic: str) -> bool:
        """Whether a topic is one of this speaker's announcements."""
        if topic in {self.device_topic, self.media_topic}:
            return True
        levels = topic.removeprefix(f"{self.settings.prefix}/").split("/")
        return topic.startswith(f"{self.settings.prefix}/") and len(levels) == 4 and levels[1::2] == [self.id, "config"]


def announcement(speaker: Speaker, shown: EntityOptions) -> dict[str, bytes]:
    """All retained announcements of this speaker, by topic; none where discovery is off."""
    settings = speaker.settings
    if settings.mode is DiscoveryMode.OFF:
        return {}
    found = _device(speaker, shown) if settings.mode is DiscoveryMode.HOME_ASSISTANT else _components(speaker, shown)
    if speaker.has_media_player:
        found[speaker.media_topic] = _encode(media.config(speaker.topics, _long_device(speaker)))
    return found


def with_removals(before: bytes, after: bytes) -> bytes | None:
    """A device's message that also names, with nothing but its platform, each entity of an earlier message that is
    gone, which removes it; None when none is gone.
    """
    old, new = as_object(before), as_object(after)
    components = old.get("cmps")
    if not isinstance(components, Mapping):
        return None
    gone = {
        key: {"p": fields["p"]}
        for key, fields in components.items()
        if key not in new["cmps"] and key.isascii() and _is_entity(fields)
    }
    return _encode({**new, "cmps": new["cmps"] | gone}) if gone else None


def device_last(topics: Iterable[str]) -> list[str]:
    """Topics of announcements in the order in which they are removed: those of whole devices last.

    Home Assistant removes with a device also the entities that have a message of their own, and logs a warning for
    each that is still there.
    """
    return sorted(topics, key=lambda topic: topic.split("/")[-3] == "device")


def _is_entity(fields: object) -> bool:
    """Whether this announces an entity; what only names a platform has removed one."""
    platform = fields.get("p") if isinstance(fields, Mapping) and len(fields) > 1 else None
    return isinstance(platform, str) and platform.isascii()


def root_of(payload: bytes) -> str | None:
    """The root of the topics in an announcement of ours; None for other messages."""
    fields = as_object(payload)
    topic = fields.get("avty_t")
    if topic is None and isinstance(fields.get("availability"), Mapping):
        topic = fields["availability"].get("topic")
    if not isinstance(topic, str) or not topic.endswith("/availability") or not is_name(topic):
        return None
    return topic.removesuffix("/availability")


def _device(speaker: Speaker, shown: EntityOptions) -> dict[str, bytes]:
    found = entities(speaker.topics, shown)
    apart = {key: fields for key, fields in found.items() if fields["p"] in APART}
    components = {key: _with_ids(speaker, key, fields) for key, fields in found.items() if key not in apart}
    return {speaker.device_topic: _encode({**_common(speaker), "cmps": components}), **_single(speaker, apart)}


def _components(speaker: Speaker, shown: EntityOptions) -> dict[str, bytes]:
    found = entities(speaker.topics, shown)
    return _single(speaker, {key: fields for key, fields in found.items() if fields["p"] not in NOT_FOR_ALL})


def _single(speaker: Speaker, components: Mapping[str, Fields]) -> dict[str, bytes]:
    """A message for each entity."""
    common = _common(speaker)
    return {
        f"{speaker.settings.prefix}/{fields['p']}/{speaker.id}/{key}/config": _encode(
            {name: value for name, value in {**common, **_with_ids(speaker, key, fields)}.items() if name != "p"}
        )
        for key, fields in components.items()
    }


def _device_name(speaker: Speaker) -> str:
    """The speaker's name; a name equal to its area's is changed, because homes show both."""
    name, area = speaker.topics.device, speaker.settings.area
    return f"{name} speaker" if area is not None and slug(area) == slug(name) else name


def _with_ids(speaker: Speaker, key: str, fields: Fields) -> Fields:
    """The entity with its unique id, which never changes, and the entity id that a home may begin with.

    It is the one that Home Assistant before 2025.10 derived from the names.
    """
    name = f"{slug(speaker.topics.device) or speaker.id}_{slug(fields['name']) or key}"
    # at QoS 1 a home that loses the broker sends again what was not answered, however late; only a stop may come late
    qos = 1 if fields.get("cmd_t") in {None, speaker.topics.command("stop")} else 0
    return {**fields, "qos": qos, "uniq_id": f"{speaker.id}_{key}", "def_ent_id": f"{fields['p']}.{name}"}


def _common(speaker: Speaker) -> Fields:
    device = {
        "ids": [speaker.id],
        "name": _device_name(speaker),
        "mf": MANUFACTURER,
        "mdl": MODEL,
        "sw": __version__,
        "hw": speaker.identity.hardware,
        "sn": speaker.id,
    }
    return {
        "dev": device | ({} if speaker.settings.area is None else {"sa": speaker.settings.area}),
        "o": {"name": "lull", "sw": __version__},
        "avty_t": speaker.topics.availability,
        "pl_avail": ONLINE.decode(),
        "pl_not_avail": OFFLINE.decode(),
    }


def _long_device(speaker: Speaker) -> Fields:
    """The device with unabbreviated keys, the only ones that the community's media player reads."""
    return {
        "identifiers": [speaker.id],
        "name": speaker.topics.device,
        "manufacturer": MANUFACTURER,
        "model": MODEL,
        "sw_version": __version__,
    }


def _encode(fields: Mapping[str, Any]) -> bytes:
    return json.dumps(fields, ensure_ascii=False, separators=(",", ":")).encode()
