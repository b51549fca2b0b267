"""How the broker is reached. Frozen, valid once built, on the standard library alone."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Annotated, Final

from player.core.settings.key import SECONDS, ConfigKey, check_bounds
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


CREDENTIAL: Final = "credential:"
"""A ``password_file`` with this prefix names a credential of the service manager instead of a file."""


class MqttProtocol(StrEnum):
    """Protocol version of the broker connection; auto is 5, and 3.1.1 with a broker that does not speak 5."""

    AUTO = "auto"
    V5 = "5"
    V311 = "3.1.1"


@dataclass(frozen=True, slots=True)
class TlsSettings:
    """TLS towards the broker; no ``ca`` means the system's trust store."""

    ca: Annotated[
        str | None, ConfigKey("ca", "the authority that must have signed the broker's certificate", allowed="a file")
    ] = None
    cert: Annotated[str | None, ConfigKey("cert", "the certificate of this client; needs `key`", allowed="a file")] = (
        None
    )
    key: Annotated[str | None, ConfigKey("key", "the private key of `cert`", allowed="a file")] = None

    def __post_init__(self) -> None:
        if (self.cert is None) != (self.key is None):
            raise ValueError("cert and key belong together; give both or neither")


@dataclass(frozen=True, slots=True)
class MqttSettings:
    """The broker; None in `player.config.Config` means: no MQTT at all."""

    host: Annotated[str, ConfigKey("host", "the broker", allowed="a host name or an address")] = "localhost"
    port: Annotated[int, ConfigKey("port", "its port; with `tls` the default is 8883", (1, 65535))] = 1883
    username: Annotated[str | None, ConfigKey("username", "the user name", allowed="a text")] = None
    password_file: Annotated[
        str | None,
        ConfigKey(
            "password_file",
            "a file that contains only the password; needs `username`",
            allowed="a file, or `credential:NAME` of systemd",
        ),
    ] = None
    prefix: Annotated[str, ConfigKey("prefix", "first part of every topic", allowed="names, with `/` between them")] = (
        "lull"
    )
    groups: Annotated[
        tuple[str, ...], ConfigKey("groups", "more names that this speaker listens to", allowed="a list of names")
    ] = ()
    protocol: Annotated[MqttProtocol, ConfigKey("protocol", "auto: 5, or 3.1.1 if the broker does not support 5")] = (
        MqttProtocol.AUTO
    )
    keepalive_s: Annotated[
        int, ConfigKey("keepalive", "whole seconds between keep-alive messages", (5, 3600), SECONDS)
    ] = 30
    tls: Annotated[
        TlsSettings | None,
        ConfigKey("tls", "on: the system's certificates", allowed="on, off, or `ca`, `cert` and `key`"),
    ] = None
    discovery: Annotated[
        DiscoverySettings,
        ConfigKey(
            "discovery",
            "announcements, so that Home Assistant shows this speaker by itself",
            allowed="off, or its keys",
        ),
    ] = field(default_factory=DiscoverySettings)

    def __post_init__(self) -> None:
        if not self.host:
            raise ValueError("host is empty")
        check_bounds(self)
        for level in self.prefix.split("/"):
            check_name("prefix", level)
        for group in self.groups:
            check_group(group)

    @property
    def address(self) -> str:
        """Host and port, as messages show them; an IPv6 address in brackets, because it has colons of its own."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


def check_group(name: str) -> None:
    """Raise ValueError unless it is a valid name for a group of speakers."""
    check_name("group", name)
    if name == "all":
        raise ValueError("group 'all' is reserved: every speaker listens to it")
