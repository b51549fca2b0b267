"""Settings of MQTT discovery: how a speaker announces itself to Home Assistant and others. Frozen, standard library.

From the announcement they create switches, numbers and sensors by themselves; see docs/home-assistant.md.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Final

from player.core.settings.key import ConfigKey
from player.core.validation import check_name

DEFAULT_PREFIX: Final = "homeassistant"
_ID: Final = re.compile(r"[a-zA-Z0-9_-]{1,64}")


class DiscoveryMode(StrEnum):
    """What is announced: nothing, the whole device in one message, or each component in a message of its own."""

    OFF = "off"
    HOME_ASSISTANT = "home-assistant"
    COMPONENTS = "components"


@dataclass(frozen=True, slots=True)
class DiscoverySettings:
    """What a home is told about this speaker."""

    mode: Annotated[
        DiscoveryMode,
        ConfigKey("mode", "home-assistant needs 2024.12 or newer; components is one message each, for openHAB"),
    ] = DiscoveryMode.HOME_ASSISTANT
    prefix: Annotated[
        str, ConfigKey("prefix", "first part of the discovery topics", allowed="names, with `/` between them")
    ] = DEFAULT_PREFIX
    birth_topic: Annotated[
        str | None,
        ConfigKey("birth_topic", "where the home publishes `online`; default: `<prefix>/status`", allowed="a topic"),
    ] = None
    media_player: Annotated[
        bool, ConfigKey("media_player", "also announce a player for the community integration `mqtt_media_player`")
    ] = False
    id: Annotated[
        str | None,
        ConfigKey(
            "id",
            "identity of the speaker; default: one that belongs to the machine and `state_dir`",
            allowed="up to 64 letters, digits, `_` and `-`",
        ),
    ] = None
    area: Annotated[str | None, ConfigKey("area", "suggested area", allowed="a name")] = None

    def __post_init__(self) -> None:
        for level in self.prefix.split("/"):
            check_name("prefix", level)
        for level in (self.birth_topic or "status").split("/"):
            check_name("birth_topic", level)
        if self.id is not None and not _ID.fullmatch(self.id):
            raise ValueError(f"id {self.id!r} is not usable: use up to 64 letters, digits, '_' and '-'")

    @property
    def birth(self) -> str:
        """The topic on which the home says that it has started."""
        return self.birth_topic or f"{self.prefix}/status"


@dataclass(frozen=True, slots=True)
class Identity:
    """What stays the same when a speaker is given another name.

    Attributes:
        id: letters, digits and ``_``; another one for each machine and state directory.
        hardware: what it runs on, for people.
    """

    id: str
    hardware: str
