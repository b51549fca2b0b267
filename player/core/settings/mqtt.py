"""How the broker is reached. Frozen, valid once built, on the standard library alone."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from player.core.settings.discovery import DiscoverySettings
from player.core.validation import check_length, check_name, check_range

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

    ca: str | None = None
    cert: str | None = None
    key: str | None = None

    def __post_init__(self) -> None:
        if (self.cert is None) != (self.key is None):
            raise ValueError("cert and key belong together; give both or neither")


@dataclass(frozen=True, slots=True)
class MqttSettings:
    """The broker; None in `player.config.Config` means: no MQTT at all."""

    host: str = "localhost"
    port: int = 1883
    username: str | None = None
    password_file: str | None = None
    prefix: str = "lull"
    groups: tuple[str, ...] = ()
    protocol: MqttProtocol = MqttProtocol.AUTO
    keepalive_s: int = 30
    tls: TlsSettings | None = None
    discovery: DiscoverySettings = field(default_factory=DiscoverySettings)

    def __post_init__(self) -> None:
        if not self.host:
            raise ValueError("host is empty")
        check_range("port", self.port, 1, 65535)
        check_length("keepalive", self.keepalive_s, 5, 3600)
        for level in self.prefix.split("/"):
            check_name("prefix", level)
        for group in self.groups:
            check_group(group)


def check_group(name: str) -> None:
    """Raise ValueError unless speakers can be called so together."""
    check_name("group", name)
    if name == "all":
        raise ValueError("group 'all' is reserved: every speaker listens to it")
