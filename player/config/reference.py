"""The tables of keys in docs/config.md, from their declarations: ``python -m player.config.reference`` rewrites them.

A test holds the document against the declarations.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import MISSING, Field, dataclass, fields
from enum import StrEnum
from pathlib import Path
from types import NoneType
from typing import Any, Final, get_args

from player.config.schema import BESIDE, TIMER_DEFAULT
from player.config.schema_night import Mix
from player.core.settings.audio import AudioSettings
from player.core.settings.bed import Bed
from player.core.settings.key import SECONDS, ConfigKey, keys_of
from player.core.settings.mqtt import DiscoverySettings, MqttSettings, TlsSettings
from player.core.settings.safety import (
    FadeSettings,
    GuardSettings,
    LimitSettings,
    MixerSettings,
    NightCap,
    RestNights,
    SessionSettings,
    Taper,
)
from player.core.settings.session import Entry, Phase, Playlist, Settings, TimerSetting, VolumeSettings
from player.core.units import format_duration
from player.mqtt.reference import filled_in

DOCUMENT: Final = Path(__file__).parents[2] / "docs" / "config.md"
TABLES: Final[dict[str, type]] = {
    "audio": AudioSettings,
    "audio.mixer": MixerSettings,
    "mqtt": MqttSettings,
    "mqtt.tls": TlsSettings,
    "mqtt.discovery": DiscoverySettings,
    "volume": VolumeSettings,
    "volume.night_cap": NightCap,
    "fades": FadeSettings,
    "limits": LimitSettings,
    "guard": GuardSettings,
    "session": SessionSettings,
    "session.taper": Taper,
    "playlists.<name>": Playlist,
    "schedule[]": Entry,
    "then[], of a playlist or an entry": Phase,
    "bed, of a playlist, a mix, an entry or a phase": Bed,
    "mixes.<name>": Mix,
    "rest_nights": RestNights,
}
"""The tables of the file below the top level, and the settings that they fill."""


@dataclass(frozen=True, slots=True)
class DeclaredKey:
    """A key of the config in words: its default, what may be written, and what it is for."""

    word: str
    default: str
    allowed: str
    about: str


def declared_keys() -> Iterator[tuple[str, list[DeclaredKey]]]:
    """Every table of the file with its keys."""
    yield "At the top", [*_keys(Settings), *(_key(key, None, "") for key, _ in BESIDE)]
    for path, settings in TABLES.items():
        yield path, _keys(settings)
        if path == "limits":
            yield "timer", [_key(TIMER_DEFAULT, TimerSetting, format_duration(45 * 60))]


def key_tables() -> str:
    """Every key with its default, what may be written, and what it is for, in Markdown."""
    return "\n\n".join("\n".join([f"### {path}", *_table(keys)]) for path, keys in declared_keys())


def _table(keys: list[DeclaredKey]) -> list[str]:
    head = ["", "| key | default | allowed | what it is for |", "|---|---|---|---|"]
    rows = [(key, key.about.replace("|", "\\|")) for key in keys]
    return [*head, *(f"| `{key.word}` | {key.default} | {key.allowed} | {about} |" for key, about in rows)]


def _keys(settings: type) -> list[DeclaredKey]:
    """The keys of one class of settings."""
    by_name = {one.name: one for one in fields(settings)}
    return [_key(key, kind, _default(by_name[name], key)) for name, (key, kind) in keys_of(settings).items()]


def _key(key: ConfigKey, kind: Any, default: str) -> DeclaredKey:
    return DeclaredKey(key.word, default, ", ".join(_allowed(key, kind)), key.about)


def _default(one: Field[Any], key: ConfigKey) -> str:
    """The default as it would be written; ``required``, or nothing where it is another table or a list."""
    if one.default is MISSING:
        return "required" if one.default_factory is MISSING else ""
    value = one.default
    if value is None:
        return "off" if key.takes_off else ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, StrEnum):
        return value.value
    if isinstance(value, float | int):
        return _number(value, key.unit)
    return value if isinstance(value, str) else ""


def _allowed(key: ConfigKey, kind: Any) -> Iterator[str]:
    """What may be written."""
    types = [part for part in get_args(kind) or (kind,) if isinstance(part, type) and part is not NoneType]
    if key.takes_off:
        yield "off"
    if key.allowed:
        yield key.allowed
    elif key.bounds is not None:
        low, high = (_number(bound, key.unit) for bound in key.bounds)
        yield f"{low} to {high}{f' {key.unit}' if key.unit not in {'', SECONDS} else ''}"
    elif types and issubclass(types[0], StrEnum):
        yield from (member.value for member in types[0])
    elif types and types[0] is bool:
        yield "true, false"
    else:
        yield "its keys"


def _number(value: float, unit: str) -> str:
    return format_duration(value) if unit == SECONDS and value else f"{value:g}"


def main() -> None:
    """Rewrite the document."""
    text = DOCUMENT.read_text(encoding="utf-8")
    DOCUMENT.write_text(filled_in(text, {"keys": key_tables}), encoding="utf-8")


if __name__ == "__main__":
    main()
