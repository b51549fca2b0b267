"""The entities of the schedule: a switch, time, days, playlist and volume for each entry, and a start for once.

Pure data, any thread. A time of day is announced twice: as ``time``, which Home Assistant knows from 2026.5 on, and as
``text`` for older versions, where it has to be enabled by hand; see `player.mqtt.discovery.messages`.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Sequence
from typing import Any, Final, TypeAlias

from player.core.digest import sha256_hex
from player.core.settings.session import ONCE
from player.mqtt.topics import Topics

Fields: TypeAlias = dict[str, Any]

TIME: Final = "(value | string)[:5]"
"""Template of the sent time: a time entity passes a time, and a text entity a text."""
_TIME_PATTERN: Final = "^(([01]?[0-9]|2[0-3]):[0-5][0-9])?$"
"""Template of the state of a text entity; empty without a time."""
_CONFIG: Final = {"ent_cat": "config"}


def entry_entities(
    topics: Topics, entries: Sequence[str], playlists: Sequence[str], volume_limit: int
) -> dict[str, Fields]:
    """The entities of every entry by name, and those of the single start."""
    found = _once(topics)
    for name in entries:
        found |= _of_entry(topics, name, playlists, volume_limit)
    return found


def times(topics: Topics, key: str, name: str, state: str, verb: str, template: str) -> dict[str, Fields]:
    """A time of day, for new versions and for old ones: ``state`` is the expression of its value, empty for none."""
    both = {
        "stat_t": topics.state, "cmd_t": topics.command(verb), "cmd_tpl": template, "ent_cat": "config",
        "ic": "mdi:clock-edit-outline",
    }  # fmt: skip
    text = {"p": "text", "name": f"{name} (text)", "en": False, "max": 5, "ptrn": _TIME_PATTERN}
    return {
        key: {"p": "time", "name": name, "val_tpl": f"{{{{ ({state}) or 'None' }}}}"} | both,
        f"{key}_text": text | {"val_tpl": f"{{{{ {state} }}}}"} | both,
    }


def _once(topics: Topics) -> dict[str, Fields]:
    at = f"(value_json.entries[{json.dumps(ONCE)}] | default({{}})).at | default('')"
    return {
        **times(topics, "tonight", "Tonight at", at, "tonight", f"{{{{ {{'at': {TIME}}} | tojson }}}}"),
        "not_tonight": {
            "p": "button", "name": "Cancel tonight at", "ic": "mdi:clock-remove-outline", "pl_prs": "off",
            "cmd_t": topics.command("tonight"),
        },
    }  # fmt: skip


def _of_entry(topics: Topics, name: str, playlists: Sequence[str], volume_limit: int) -> dict[str, Fields]:
    """The entities of one entry; its name is a JSON text in payloads and templates."""
    key, text, called = entry_key(name), json.dumps(name, ensure_ascii=False), f"Schedule {name}"
    entry = f"(value_json.entries[{text}] | default({{}}))"

    def value(template: str) -> Fields:
        return {"stat_t": topics.state, "val_tpl": f"{{{{ {template} }}}}"} | _CONFIG

    def command(argument: str, asked: str = "value") -> Fields:
        sent = f"{{{{ {{'entry': {text}, '{argument}': {asked}}} | tojson }}}}"
        return {"cmd_t": topics.command("schedule"), "cmd_tpl": sent}

    at = f"{entry}.at | default('')"
    return {
        key: {
            "p": "switch", "name": called, "ic": "mdi:calendar-clock", "cmd_t": topics.command("schedule"),
            "pl_on": f'{{"entry": {text}, "enabled": true}}',
            "pl_off": f'{{"entry": {text}, "enabled": false}}',
            **value(f"'ON' if {entry}.enabled | default(false) else 'OFF'"), "stat_on": "ON", "stat_off": "OFF",
        },
        **times(topics, f"{key}_at", f"{called} at", at, "schedule", command("at", TIME)["cmd_tpl"]),
        f"{key}_days": {
            "p": "text", "name": f"{called} days", "ic": "mdi:calendar-week", "max": 64, **command("days"),
            **value(f"({entry}.days | default([])) | join(', ')"),
        },
        f"{key}_playlist": {
            "p": "select", "name": f"{called} playlist", "ic": "mdi:playlist-music", "ops": list(playlists),
            **command("playlist"),
            **value(f"{entry}.playlist if {entry}.playlist in value_json.playlists else 'None'"),
        },
        f"{key}_volume": {
            "p": "number", "name": f"{called} volume", "ic": "mdi:volume-medium", "min": 0, "max": volume_limit,
            "step": 1, "mode": "slider", **command("volume"), **value(f"{entry}.volume | default('None')"),
        },
        f"{key}_reset": {
            "p": "button", "name": f"{called} as in the config", "ic": "mdi:restore", **_CONFIG,
            "cmd_t": topics.command("schedule"), "pl_prs": f'{{"entry": {text}, "reset": true}}',
        },
    }  # fmt: skip


def entry_key(name: str) -> str:
    """The key of a schedule entry: its name as far as it goes, and a hash, so that no two names have the same."""
    return f"entry_{slug(name)}_{sha256_hex(name.encode())[:6]}".replace("__", "_")


def slug(name: str) -> str:
    """A name in lower-case letters, digits and single underscores, as entity ids are made of; it may be empty."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "_", plain).strip("_")
