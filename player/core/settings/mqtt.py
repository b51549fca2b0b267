"""How the broker is reached. Frozen, valid once built, on the standard library alone."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Annotated, Final

from player.core.settings.discovery import DiscoverySettings
from player.core.settings.key import SECONDS, ConfigKey, check_bounds
from player.core.validation import check_name

CREDENTIAL: Final = "credential:"
"""A ``password_file`` that begins so names a credential of the service manager instead of a file."""


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


def check_group(name: str) -> None:
    """Raise ValueError unless speakers can be called so together."""
    check_name("group", name)
    if name == "all":
        raise ValueError("group 'all' is reserved: every speaker listens to it")
