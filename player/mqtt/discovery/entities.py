"""The entities of a speaker, each with the topics and payloads of docs/mqtt.md. Pure data, any thread.

An entity is a platform and the keys of its discovery message, abbreviated as Home Assistant documents them; all read
the one state topic through templates. A template never fails: for null in the state the result is ``None``, which Home
Assistant shows as unknown. The templates use only standard Jinja, no filters that only Home Assistant has.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Final

from player.core.events import EVENT_TYPES
from player.core.settings.bed import MAX_BED_DB, MIN_BED_DB
from player.core.snapshot import NO_DEVICE as MISSING
from player.core.units import VOLUME_MAX
from player.mqtt.discovery.entry_entities import TIME, Fields, entry_entities, times
from player.mqtt.topics import Topics

LONGEST_FADE_MIN: Final = 120
EXTEND_MIN: Final = 15
STATE_WORDS: Final = {
    "idle": "Silent",
    "playing": "Playing",
    "paused": "Paused",
    "fading_out": "Fading out",
    "stopping": "Stopping",
}
"""The text for each state."""
WHY_WORDS: Final = {"mqtt": "By hand over MQTT", "cli": "By hand on the command line"}
"""The text for the plain reasons of a start; others are shown as they are."""
NOTHING: Final = "Nothing is playing"
NO_DEVICE: Final = "No sound device"
END_WORDS: Final = {
    "off": "No end is set",
    "clock": "No end is set",
    "end-of-track": "After this track",
    "end-of-playlist": "After the playlist",
}
"""The text for a sleep timer without a moment."""
_SILENT: Final = f"('{NOTHING}' if value_json.state == 'idle' else '')"
_LOST: Final = f"value_json.state in ('playing', 'fading_out') and '{MISSING}' in (value_json.problem or '')"
_LONGEST_STATE: Final = 255
"""Maximum length of a state in Home Assistant."""
_NO_STATES: Final = ("None", "unknown", "unavailable")
"""Texts that are no state in Home Assistant; as the title of a track they are shown in quotation marks."""


@dataclass(frozen=True, slots=True)
class EntityOptions:
    """The values that entities depend on, besides the topics.

    Attributes:
        volume_max: the cap in force.
        playlists, entries: names, in the order of the config.
        session_max_min: maximum length of a session in minutes.
        tracks: titles to choose from; without any the choice is not announced.
        volume_limit: the highest volume of an entry; the cap of the night does not lower it.
    """

    volume_max: int
    playlists: tuple[str, ...]
    entries: tuple[str, ...]
    session_max_min: int
    tracks: tuple[str, ...] = ()
    volume_limit: int = VOLUME_MAX


def entities(topics: Topics, shown: EntityOptions) -> dict[str, Fields]:
    """Every entity by its key; ``p`` is its platform."""
    return {
        **_levels(topics, shown),
        **({"play_track": _track_choice(topics, shown.tracks)} if shown.tracks else {}),
        **_buttons(topics),
        **_switches(topics),
        **entry_entities(topics, shown.entries, shown.playlists, shown.volume_limit),
        **_sensors(topics),
        **_ends(topics),
        **_morning(topics),
        **_diagnostics(topics),
    }


def _levels(topics: Topics, shown: EntityOptions) -> dict[str, Fields]:
    """The entities that set a value."""
    minutes = {"p": "number", "min": 0, "mode": "box", "unit_of_meas": "min", "ent_cat": "config"}
    longest = shown.session_max_min
    timer = f"[1, [(value_json.timer.set / 60) | round | int, {longest}] | min] | max if value_json.timer.set else "
    ends = "(value_json.timer.ends or '')[11:16] or value_json.timer.until or ''"
    return {
        "volume": {
            "p": "number", "name": "Volume", "ic": "mdi:volume-medium",
            "min": 0, "max": shown.volume_max, "step": 1, "mode": "slider",
            **_value(topics, "{{ value_json.volume }}"), **_command(topics, "volume"),
        },
        "timer": minutes | {
            "name": "Sleep timer", "ic": "mdi:timer-sand", "max": longest, "step": 1,
            **_value(topics, "{{ " + timer + "(0 if value_json.timer.mode == 'off' else 'None') }}"),
            **_command(topics, "timer"), "cmd_tpl": "{{ 'off' if value == 0 else value }}",
        },
        **times(topics, "until", "Play until", ends, "timer", f"until {{{{ {TIME} }}}}"),
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
        **_bed(topics, shown),
    }  # fmt: skip


def _bed(topics: Topics, shown: EntityOptions) -> dict[str, Fields]:
    """The entities of the bed under the tracks."""
    return {
        "bed": {
            "p": "select", "name": "Bed", "ic": "mdi:layers-outline", "ops": ["off", *shown.playlists],
            **_value(topics, "{{ 'off' if not value_json.beds else value_json.beds[0].playlist if "
                             "value_json.beds[0].playlist in value_json.playlists else 'None' }}"),
            **_command(topics, "bed"),
        },
        "bed_gain": {
            "p": "number", "name": "Bed against the tracks", "ic": "mdi:layers-triple-outline", "unit_of_meas": "dB",
            "min": int(MIN_BED_DB), "max": int(MAX_BED_DB), "step": 1, "mode": "slider",
            **_value(topics, "{{ value_json.beds[0].gain if value_json.beds else 'None' }}"),
            **_command(topics, "bed"), "cmd_tpl": "{{ {'bed': {'gain': value}} | tojson }}",
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


def _switches(topics: Topics) -> dict[str, Fields]:
    both = {"p": "switch", "pl_on": "ON", "pl_off": "OFF"}
    return {
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


def _sensors(topics: Topics) -> dict[str, Fields]:
    words = json.dumps(STATE_WORDS)
    moment = {"p": "sensor", "dev_cla": "timestamp"}
    return {
        "state": {
            "p": "sensor", "name": "State", "ic": "mdi:bed", "dev_cla": "enum",
            "ops": [*STATE_WORDS.values(), NO_DEVICE],
            **_value(topics, f"{{{{ '{NO_DEVICE}' if {_LOST} else {words}[value_json.state] }}}}"),
        },
        "track": {
            "p": "sensor", "name": "Track", "ic": "mdi:music-note",
            **_value(topics, _text(f"value_json.track or {_SILENT} or 'No track yet'")),
        },
        "answer": {
            "p": "sensor", "name": "Last command", "ic": "mdi:message-reply-text-outline", **_value(topics, _answer()),
            "json_attr_t": topics.state,
            "json_attr_tpl": "{{ {'asked': value_json.asked, 'refused': value_json.refused} | tojson }}",
        },
        "next_start": moment | {
            "name": "Next start", "ic": "mdi:calendar-start", **_value(topics, "{{ value_json.next_start or 'None' }}"),
        },
        "why": {
            "p": "sensor", "name": "Why it started", "ic": "mdi:help-circle-outline", **_value(topics, _why()),
        },
        "night": {
            "p": "sensor", "name": "Last night", "ic": "mdi:weather-sunset-up", "stat_t": topics.night,
            "val_tpl": f"{{{{ value_json.text[:{_LONGEST_STATE}] }}}}", "json_attr_t": topics.night,
        },
        "activity": {
            "p": "event", "name": "Activity", "ic": "mdi:bell-outline", "event_types": list(EVENT_TYPES),
            "stat_t": topics.event,
        },
    }  # fmt: skip


def _ends(topics: Topics) -> dict[str, Fields]:
    """The end of the session, in words while it is undecided."""
    ends = "(value_json.timer.ends or '')[11:16]"
    return {
        "timer_ends": {
            "p": "sensor", "name": "Sleep timer ends", "ic": "mdi:timer-sand-complete",
            **_value(topics, f"{{{{ {ends} or {_SILENT} or {json.dumps(END_WORDS)}[value_json.timer.mode] }}}}"),
            "json_attr_t": topics.state,
            "json_attr_tpl": "{{ {'at': value_json.timer.ends, 'mode': value_json.timer.mode} | tojson }}",
        },
        "phase": {
            "p": "sensor", "name": "Phase", "ic": "mdi:timeline-clock-outline",
            **_value(topics, "{{ value_json.phase.number ~ ' of ' ~ value_json.phase.count if "
                             f"value_json.phase.number else '{NOTHING}' }}}}"),
            "json_attr_t": topics.state, "json_attr_tpl": "{{ value_json.phase | tojson }}",
        },
        "next_phase": {
            "p": "sensor", "name": "Next phase begins", "ic": "mdi:timeline-outline",
            **_value(topics, f"{{{{ (value_json.phase.next or '')[11:16] or {_SILENT} or 'No phase follows' }}}}"),
            "json_attr_t": topics.state, "json_attr_tpl": "{{ {'at': value_json.phase.next} | tojson }}",
        },
    }  # fmt: skip


def _morning(topics: Topics) -> dict[str, Fields]:
    return {
        "snooze": {
            "p": "button", "name": "Snooze", "ic": "mdi:alarm-snooze", "pl_prs": "snooze", **_command(topics),
        },
        "light": {
            "p": "sensor", "name": "Morning light", "ic": "mdi:weather-sunset-up", "stat_cla": "measurement",
            "unit_of_meas": "%", "sug_dsp_prc": 0,
            **_value(topics, "{{ 'None' if value_json.light is none else (value_json.light * 100) | round | int }}"),
        },
    }  # fmt: skip


def _diagnostics(topics: Topics) -> dict[str, Fields]:
    number = {"p": "sensor", "stat_cla": "measurement", "ent_cat": "diagnostic"}
    return {
        "guard_reduction": number | {
            "name": "Lowered by the guard", "ic": "mdi:shield-half-full", "unit_of_meas": "dB", "sug_dsp_prc": 1,
            **_value(topics, "{{ 'None' if value_json.guard_reduction is none else value_json.guard_reduction }}"),
        },
        "pillow": {
            "p": "sensor", "name": "Level at the pillow", "dev_cla": "sound_pressure", "stat_cla": "measurement",
            "unit_of_meas": "dBA", "sug_dsp_prc": 0,
            **_value(topics, "{{ 'None' if value_json.pillow is none else value_json.pillow }}"),
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
        "sounding": {
            "p": "binary_sensor", "name": "Sound is heard", "dev_cla": "sound",
            "pl_on": "ON", "pl_off": "OFF", **_value(topics, _either("value_json.level is not none")),
        },
        "noticed": {
            "p": "binary_sensor", "name": "Sleep was noticed", "ic": "mdi:power-sleep",
            "pl_on": "ON", "pl_off": "OFF", **_value(topics, _either("value_json.asleep")),
        },
        "clock_trusted": {
            "p": "binary_sensor", "name": "Clock is set", "ic": "mdi:clock-check-outline", "ent_cat": "diagnostic",
            "pl_on": "ON", "pl_off": "OFF", **_value(topics, _either("value_json.clock_trusted")),
        },
    }  # fmt: skip


def _answer() -> str:
    """The result of the last command: what was done, or why it was refused."""
    return (
        "{% set asked, refused = value_json.asked, value_json.refused %}"
        "{% if refused %}{{ ('Refused: ' ~ refused.reason)[:255] }}"
        "{% else %}{{ asked.command[:255] if asked else 'Nothing was asked yet' }}{% endif %}"
    )


def _text(expression: str) -> str:
    """A text of others as a state."""
    return (
        f"{{% set text = ({expression})[:{_LONGEST_STATE}] %}}"
        f"{{{{ '\"' ~ text ~ '\"' if text in {_NO_STATES} else text }}}}"
    )


def _value(topics: Topics, template: str) -> Fields:
    """The value out of the state."""
    return {"stat_t": topics.state, "val_tpl": template}


def _on_off(topics: Topics, is_on: str) -> Fields:
    """The position of a switch, whose state differs from its command."""
    return {**_value(topics, _either(is_on)), "stat_on": "ON", "stat_off": "OFF"}


def _either(is_on: str) -> str:
    return f"{{{{ 'ON' if {is_on} else 'OFF' }}}}"


def _command(topics: Topics, verb: str = "") -> Fields:
    return {"cmd_t": topics.command(verb)}


def _why() -> str:
    """The reason of the start, in words: ``schedule:weeknights`` is "Schedule: weeknights"."""
    parts = [
        "{% set why = value_json.why %}",
        f"{{% if not why %}}{NOTHING}",
        "{% elif ':' in why %}{{ (why.split(':')[0] | capitalize ~ ': ' ~ why.split(':')[1])[:255] }}",
    ]
    parts += [f"{{% elif why == '{why}' %}}{words}" for why, words in WHY_WORDS.items()]
    return "".join([*parts, "{% else %}", _text("why"), "{% endif %}"])
