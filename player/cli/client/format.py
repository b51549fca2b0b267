"""A speaker's published state and events as lines for people. Pure functions; keys that are missing are left out."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from player.core.settings.session import ONCE
from player.core.text import without_controls, without_secrets
from player.core.units import format_duration


def printable(text: object) -> str:
    """The text on one line, without control characters and passwords, because titles come from any source."""
    return without_controls(without_secrets(str(text)), kept="")


def status(device: str, state: Mapping[str, Any]) -> str:
    """The whole state, one fact a line."""
    rows = [
        ("", _headline(state)),
        ("started by", state.get("why")),
        ("volume", _volume(state)),
        ("bed", " and ".join(f"{bed['playlist']} at {bed['gain']:g} dB" for bed in state.get("beds") or ()) or None),
        ("lowered", _tamed(state)),
        ("dropouts", state.get("dropouts") or None),
        ("morning", _morning(state) if state.get("morning") else None),
        ("phase", _phase(state)),
        ("asleep", "yes" if state.get("asleep") else None),
        ("sleep timer", _timer(state) if state.get("state") != "idle" else None),
        ("next start", _next_start(state)),
        ("schedule", None if "schedule" not in state else _schedule(state)),
        ("playlists", ", ".join(map(str, state.get("playlists") or ())) or None),
        *(("problem", problem) for problem in state.get("problems") or ()),
    ]
    lines = [f"  {name:12}{value}" if name else f"{device}: {value}" for name, value in rows if value is not None]
    return "\n".join(map(printable, lines))


def tracks(found: Mapping[str, Any]) -> str:
    """A list of tracks, a line each: liked, length, title and playlist; and how many are left out."""
    rows = found.get("tracks") or []
    lines = []
    for row in rows:
        length = "" if row.get("length") is None else _place(row["length"])
        lines.append(f"{'*' if row.get('liked') else ' '} {length:>7}  {row.get('title')}  ({row.get('playlist')})")
    more = (found.get("count") or 0) - len(rows)
    lines += [f"and {more} more; add a part of the title"] if more > 0 else []
    return "\n".join(map(printable, lines)) or "no track"


def line(state: Mapping[str, Any]) -> str:
    """The state on one line, for ``watch``."""
    parts = [_headline(state), f"volume {_volume(state)}"]
    if state.get("state") != "idle":
        parts.append(f"timer {_timer(state)}")
    parts.extend(f"! {problem}" for problem in state.get("problems") or ())
    return printable(" | ".join(parts))


def event(fields: Mapping[str, Any]) -> str:
    """An event with its time of day."""
    time_of_day = _moment(fields.get("time"), "%H:%M:%S") or "--:--:--"
    return printable(f"{time_of_day} {fields.get('text') or fields.get('event_type', '?')}")


def _headline(state: Mapping[str, Any]) -> str:
    words = [str(state.get("state", "?")).replace("_", " ")]
    if state.get("state") != "idle":
        words.extend(str(state[key]) for key in ("playlist", "track", "chapter") if state.get(key) is not None)
        if state.get("position") is not None:
            words.append(
                _place(state["position"]) + (f" of {_place(state['duration'])}" if state.get("duration") else "")
            )
    return ", ".join(words)


def _volume(state: Mapping[str, Any]) -> str:
    towards = state.get("ramping_to")
    moving = "" if towards is None or towards == state.get("volume") else f", moving to {towards}"
    return f"{state.get('volume', '?')} of at most {state.get('volume_max', '?')}{moving}"


def _tamed(state: Mapping[str, Any]) -> str | None:
    count = state.get("tamed") or 0
    return f"{count} surprise{'s' if count > 1 else ''} in this session" if count else None


def _morning(state: Mapping[str, Any]) -> str:
    light = f"light {round(100 * (state.get('light') or 0))}%"
    snooze_s = state.get("snooze")
    return light if snooze_s is None else f"snoozing for another {format_duration(snooze_s)}, {light}"


def _timer(state: Mapping[str, Any]) -> str:
    timer = state.get("timer") or {}
    if timer.get("remaining") is None:
        return str(timer.get("mode", "off"))
    ends = _moment(timer.get("ends"), "%H:%M")
    what = "silent" if (state.get("phase") or {}).get("next") is None else "next phase"
    return f"{what} in {format_duration(timer['remaining'])}" + (f", at {ends}" if ends else "")


def _phase(state: Mapping[str, Any]) -> str | None:
    """Which phase of a night that has several."""
    phase = state.get("phase") or {}
    return f"{phase['number']} of {phase['count']}" if (phase.get("count") or 1) > 1 else None


def _next_start(state: Mapping[str, Any]) -> str | None:
    planned = _moment(state.get("next_start"), "%a %d %b %H:%M")
    return None if planned is None else f"{planned} ({state.get('next_entry')})"


def _schedule(state: Mapping[str, Any]) -> str:
    """Whether the schedule is on, and its changes by command."""
    words = ["on" if state["schedule"] else "off"]
    if state.get("skip_tonight"):
        words.append("tonight is skipped")
    for name, entry in (state.get("entries") or {}).items():
        if name == ONCE:
            starts = _moment(entry.get("next"), "%a %H:%M")
            words.append(f"planned for once: {starts or entry.get('at')}")
            continue
        changed = [] if entry.get("enabled", True) else ["is off"]
        changed += [f"was moved to {entry.get('at')}"] if entry.get("moved") else []
        others = [key for key in entry.get("changed") or () if key != "at"]
        changed += [f"has other {' and '.join(others)}"] if others else []
        words += [f"{name} {' and '.join(changed)}"] if changed else []
    return ", ".join(words)


def _moment(text: object, form: str) -> str | None:
    """A time as the speaker's own clock shows it; its offset may differ from this machine's."""
    try:
        return datetime.fromisoformat(str(text)).strftime(form)
    except ValueError:
        return None


def _place(seconds: int) -> str:
    minutes, rest = divmod(seconds, 60)
    return f"{minutes}:{rest:02d}"
