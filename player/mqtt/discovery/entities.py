"""The entities of a speaker, each with the topics and payloads of docs/mqtt.md. Pure data, any thread.

An entity is a platform and the keys of its discovery message, abbreviated as Home Assistant documents them; all read
the one state topic through templates. A template never fails: for null in the state the result is ``None``, which Home
Assistant shows as unknown. The templates use only standard Jinja, no filters that only Home Assistant has.
"""

from __future__ import annotations

import hashlib
import json
import re
import unicodedata
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from player.core.events import EVENT_TYPES
from player.mqtt.topics import Topics

Fields: TypeAlias = dict[str, Any]

LONGEST_TIMER_MIN: Final = 24 * 60
LONGEST_FADE_MIN: Final = 120
EXTEND_MIN: Final = 15
STATE_WORDS: Final = {
    "idle": "Silent",
    "playing": "Playing",
    "paused": "Paused",
    "fading_out": "Fading out",
    "stopping": "Stopping",
}
"""What people read for each state."""
WHY_WORDS: Final = {"mqtt": "By hand over MQTT", "cli": "By hand on the command line"}
"""What people read for a plain reason of a start; others are shown as they are."""
_LONGEST_STATE: Final = 255
"""Home Assistant refuses longer states."""


@dataclass(frozen=True, slots=True)
class EntityOptions:
    """What entities depend on beside the topics.

    Attributes:
        volume_max: the cap in force.
        playlists, entries: names, in the order of the config.
        tracks: titles to choose from; without any there is nothing to choose.
    """

    volume_max: int
    playlists: tuple[str, ...]
    entries: tuple[str, ...]
    tracks: tuple[str, ...] = ()


def entities(topics: Topics, shown: EntityOptions) -> dict[str, Fields]:
    """Every entity by its key; ``p`` is its platform."""
    return {
        **_levels(topics, shown),
        **({"play_track": _track_choice(topics, shown.tracks)} if shown.tracks else {}),
        **_buttons(topics),
        **_switches(topics, shown.entries),
        **_sensors(topics),
        **_diagnostics(topics),
    }


def _levels(topics: Topics, shown: EntityOptions) -> dict[str, Fields]:
    """What is set to a value."""
    minutes = {"p": "number", "min": 0, "mode": "box", "unit_of_meas": "min", "ent_cat": "config"}
    timer = "[1, (value_json.timer.set / 60) | round | int] | max if value_json.timer.set else "
    return {
        "volume": {
            "p": "number", "name": "Volume", "ic": "mdi:volume-medium",
            "min": 0, "max": shown.volume_max, "step": 1, "mode": "slider",
            **_value(topics, "{{ value_json.volume }}"), **_command(topics, "volume"),
        },
        "timer": minutes | {
            "name": "Sleep timer", "ic": "mdi:timer-sand", "max": LONGEST_TIMER_MIN, "step": 1,
            **_value(topics, "{{ " + timer + "(0 if value_json.timer.mode == 'off' else 'None') }}"),
            **_command(topics, "timer"), "cmd_tpl": "{{ 'off' if value == 0 else value }}",
        },
        "fade": minutes | {
            "name": "Fade-out", "ic": "mdi:chart-bell-curve-cumulative", "max": LONGEST_FADE_MIN, "step": 0.5,
            **_value(topics, "{{ 'None' if value_json.fade is none else (value_json.fade / 60) | round(1) }}"),
            **_command(topics, "fade"),
        },
        "playlist": {
            "p": "select", "name": "Playlist", "ic": "mdi:playlist-music", "ops": list(shown.playlists),
            **_value(
                topics, "{{ value_json.playlist if value_json.playlist in value_json.playlists else 'None' }}"
            ),
            **_command(topics, "playlist"),
        },
    }  # fmt: skip


def _track_choice(topics: Topics, titles: tuple[str, ...]) -> Fields:
    """Liked tracks and those heard last; choosing one plays it."""
    listed = json.dumps(titles, ensure_ascii=False)
    return {
        "p": "select", "name": "Play track", "ic": "mdi:playlist-star", "ops": list(titles),
        **_value(topics, f"{{{{ value_json.track if value_json.track in {listed} else 'None' }}}}"),
        **_command(topics, "play"), "cmd_tpl": "{{ {'track': value} | tojson }}",
    }  # fmt: skip


def _buttons(topics: Topics) -> dict[str, Fields]:
    def button(name: str, icon: str, verb: str, payload: str) -> Fields:
        return {"p": "button", "name": name, "ic": f"mdi:{icon}", "pl_prs": payload, **_command(topics, verb)}

    return {
        "next": button("Next track", "skip-next", "", "next"),
        "previous": button("Previous track", "skip-previous", "", "previous"),
        "advance": button("Next phase", "page-next-outline", "", "advance"),
        "extend": button(f"{EXTEND_MIN} minutes more", "timer-plus-outline", "extend", str(EXTEND_MIN)),
        "asleep": button("Asleep", "power-sleep", "", "asleep"),
        "awake": button("Awake", "eye-outline", "", "awake"),
        "stop_now": button("Stop now", "stop", "stop", "now"),
        "never_again": button("Never this track again", "thumb-down-outline", "", "never_again"),
        "allow_again": button("Undo never again", "undo-variant", "never_again", "undo") | {"ent_cat": "config"},
    }


def _switches(topics: Topics, entries: tuple[str, ...]) -> dict[str, Fields]:
    both = {"p": "switch", "pl_on": "ON", "pl_off": "OFF"}
    found = {
        "play": {
            "p": "switch", "name": "Play", "ic": "mdi:sleep", **_command(topics), "pl_on": "play", "pl_off": "stop",
            **_on_off(topics, "value_json.state in ('playing', 'fading_out')"),
        },
        "liked": {
            "p": "switch", "name": "Like this track", "ic": "mdi:heart-outline", **_command(topics),
            "pl_on": "like", "pl_off": "unlike", **_on_off(topics, "value_json.liked"),
        },
        "skip_tonight": both | {
            "name": "Skip tonight", "ic": "mdi:calendar-remove", **_command(topics, "skip_tonight"),
            **_on_off(topics, "value_json.skip_tonight"),
        },
        "schedule": both | {
            "name": "Schedule", "ic": "mdi:calendar-clock", "ent_cat": "config", **_command(topics, "schedule"),
            **_on_off(topics, "value_json.schedule"),
        },
    }  # fmt: skip
    return found | {entry_key(name): _entry_switch(topics, name) for name in entries}


def _entry_switch(topics: Topics, name: str) -> Fields:
    """A switch for one entry of the schedule; its name is a JSON text in the payload and in the template."""
    text = json.dumps(name, ensure_ascii=False)
    return {
        "p": "switch", "name": f"Schedule {name}", "ic": "mdi:calendar-clock", "ent_cat": "config",
        **_command(topics, "schedule"),
        "pl_on": f'{{"entry": {text}, "enabled": true}}',
        "pl_off": f'{{"entry": {text}, "enabled": false}}',
        **_on_off(topics, f"(value_json.entries[{text}] | default({{}})).enabled | default(false)"),
    }  # fmt: skip


def _sensors(topics: Topics) -> dict[str, Fields]:
    words = json.dumps(STATE_WORDS)
    moment = {"p": "sensor", "dev_cla": "timestamp"}
    return {
        "state": {
            "p": "sensor", "name": "State", "ic": "mdi:bed", "dev_cla": "enum", "ops": list(STATE_WORDS.values()),
            **_value(topics, f"{{{{ {words}[value_json.state] | default('None') }}}}"),
        },
        "track": {
            "p": "sensor", "name": "Track", "ic": "mdi:music-note",
            **_value(topics, f"{{{{ (value_json.track or 'None')[:{_LONGEST_STATE}] }}}}"),
        },
        "timer_ends": moment | {
            "name": "Sleep timer ends", "ic": "mdi:timer-sand-complete",
            **_value(topics, "{{ value_json.timer.ends or 'None' }}"),
        },
        "phase": {
            "p": "sensor", "name": "Phase", "ic": "mdi:timeline-clock-outline",
            **_value(topics, "{{ value_json.phase.number ~ ' of ' ~ value_json.phase.count if "
                             "value_json.phase.number else 'None' }}"),
            "json_attr_t": topics.state, "json_attr_tpl": "{{ value_json.phase | tojson }}",
        },
        "next_phase": moment | {
            "name": "Next phase begins", "ic": "mdi:timeline-outline",
            **_value(topics, "{{ value_json.phase.next or 'None' }}"),
        },
        "next_start": moment | {
            "name": "Next start", "ic": "mdi:calendar-start", **_value(topics, "{{ value_json.next_start or 'None' }}"),
        },
        "why": {
            "p": "sensor", "name": "Why it started", "ic": "mdi:help-circle-outline", **_value(topics, _why()),
        },
        "night": {
            "p": "sensor", "name": "Last night", "ic": "mdi:weather-sunset-up", "stat_t": topics.night, "qos": 1,
            "val_tpl": f"{{{{ value_json.text[:{_LONGEST_STATE}] }}}}", "json_attr_t": topics.night,
        },
        "activity": {
            "p": "event", "name": "Activity", "ic": "mdi:bell-outline", "event_types": list(EVENT_TYPES),
            "stat_t": topics.event, "qos": 1,
        },
    }  # fmt: skip


def _diagnostics(topics: Topics) -> dict[str, Fields]:
    number = {"p": "sensor", "stat_cla": "measurement", "ent_cat": "diagnostic"}
    return {
        "guard_reduction": number | {
            "name": "Held down by the guard", "ic": "mdi:shield-half-full", "unit_of_meas": "dB", "sug_dsp_prc": 1,
            **_value(topics, "{{ 'None' if value_json.guard_reduction is none else value_json.guard_reduction }}"),
        },
        "nights_used": number | {
            "name": "Nights used of the last 30", "ic": "mdi:weather-night", "unit_of_meas": "nights",
            "sug_dsp_prc": 0, **_value(topics, "{{ value_json.nights_used }}"),
        },
        "problem": {
            "p": "binary_sensor", "name": "Problem", "dev_cla": "problem", "ent_cat": "diagnostic",
            "pl_on": "ON", "pl_off": "OFF", **_value(topics, _either("value_json.problem")),
            "json_attr_t": topics.state, "json_attr_tpl": "{{ {'text': value_json.problem} | tojson }}",
        },
        "clock_trusted": {
            "p": "binary_sensor", "name": "Clock is set", "ic": "mdi:clock-check-outline", "ent_cat": "diagnostic",
            "pl_on": "ON", "pl_off": "OFF", **_value(topics, _either("value_json.clock_trusted")),
        },
    }  # fmt: skip


def _value(topics: Topics, template: str) -> Fields:
    """The value out of the state."""
    return {"stat_t": topics.state, "val_tpl": template, "qos": 1}


def _on_off(topics: Topics, is_on: str) -> Fields:
    """A switch's place; what it reads differs from what it sends."""
    return {**_value(topics, _either(is_on)), "stat_on": "ON", "stat_off": "OFF"}


def _either(is_on: str) -> str:
    return f"{{{{ 'ON' if {is_on} else 'OFF' }}}}"


def _command(topics: Topics, verb: str = "") -> Fields:
    return {"cmd_t": topics.command(verb), "qos": 1}


def _why() -> str:
    """Why it started, in words: ``schedule:weeknights`` is "Schedule: weeknights"."""
    parts = [
        "{% set why = value_json.why %}",
        "{% if not why %}None",
        "{% elif ':' in why %}{{ (why.split(':')[0] | capitalize ~ ': ' ~ why.split(':')[1])[:255] }}",
    ]
    parts += [f"{{% elif why == '{why}' %}}{words}" for why, words in WHY_WORDS.items()]
    return "".join([*parts, "{% else %}{{ why }}{% endif %}"])


def entry_key(name: str) -> str:
    """The key of a schedule entry: its name as far as it goes, and a hash, so that no two names have the same."""
    return f"entry_{slug(name)}_{hashlib.sha256(name.encode()).hexdigest()[:6]}".replace("__", "_")


def slug(name: str) -> str:
    """A name in lower-case letters, digits and single underscores, as entity ids are made of; it may be empty."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "_", plain).strip("_")
