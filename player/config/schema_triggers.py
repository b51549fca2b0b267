"""The triggers of the config: their keys, and what must agree between a trigger, its command and the rest of the file.

Runs on the main thread; pure. What a trigger asks for is read by the same code that reads commands from the broker, so
that whatever would be refused at night is already a fault of the config.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from player.config.binding import Key, Keys, read
from player.config.readers import (
    ConfigValue,
    ValueReported,
    clock_time,
    duration_s,
    number,
    several,
    switch,
    text,
    word,
)
from player.config.yaml_tree import Leaf, Listing, Table, shown
from player.core.commands import ChangeEntry, Command, Play, SetPlaylist, SetSchedule, SetStartTime, SetVolume, Tonight
from player.core.errors import Refused, choices, did_you_mean
from player.core.settings.mqtt import MqttSettings
from player.core.settings.session import FAVOURITES, Entry, Settings, VolumeSettings
from player.core.validation import check_name
from player.core.values import Value
from player.core.verbs import VERBS, to_command, verb_named
from player.mqtt.topics import Topics
from player.mqtt.triggers.content import Step, read_path
from player.mqtt.triggers.filters import check_filter, overlaps
from player.mqtt.triggers.rules import AnyValue, Beyond, Condition, DayPart, Glob, OneOf, Trigger

MAX_TRIGGERS: Final = 64
_CONDITIONS: Final = ("equals", "one_of", "glob", "above", "below")


@dataclass(frozen=True, slots=True)
class TriggerContext:
    """The other settings that triggers are checked against; None and empty where they could not be read."""

    mqtt: MqttSettings | None
    device: str
    playlists: Sequence[str]
    entries: Sequence[Entry]
    volume: VolumeSettings
    quiet_hours: DayPart | None


def triggers(spot: ConfigValue) -> tuple[Trigger | None, ...]:
    """The list of triggers, None for a faulty one; `check_triggers` checks them against the other settings."""
    if not isinstance(spot.node, Listing):
        raise ValueError(
            "must be a list, one trigger after each dash, such as - {topic: a/button, equals: single, do: toggle}"
        )
    items = spot.items()
    if len(items) > MAX_TRIGGERS:
        raise ValueError(f"has {len(items)} triggers; the maximum is {MAX_TRIGGERS}")
    found: list[Trigger | None] = []
    names: dict[str, int] = {}
    for item in items:
        trigger = _trigger(item, names)
        found.append(trigger)
        if trigger is not None:
            names[trigger.name] = item.place.line
    return tuple(found)


def _trigger(item: ConfigValue, names: dict[str, int]) -> Trigger | None:
    """A trigger, or None when it has faults, which have been recorded."""
    before = len(item.faults)
    try:
        found = read(item, TRIGGER)
    except ValueReported:
        return None
    condition = _condition(item, found)
    asked = _command(item, found)
    if len(item.faults) > before or condition is None or asked is None:
        return None
    name = found.get("name") or _free_name(found["topic"], names)
    if name in names:
        item.rows()["name"].blame(f"{shown(name)} is already used by the trigger in line {names[name]}")
        return None
    keys = {"for": "hold_s", "debounce": "debounce_s", "grab": "is_grabbed"}
    plain = ("path", "for", "debounce", "allow_retained", "only_changes", "only_between", "grab")
    rest: dict[str, Any] = {keys.get(key, key): found[key] for key in plain if key in found}
    try:
        return Trigger(name, found["topic"], asked[0], asked[1], condition=condition, **rest)
    except ValueError as error:
        item.blame(str(error))
        return None


def _condition(item: ConfigValue, found: dict[str, Any]) -> Condition | None:
    rows = item.rows()
    given = [key for key in _CONDITIONS if key in rows and not rows[key].is_empty]
    if len(given) > 1:
        rows[given[1]].blame(f"cannot be combined with {given[0]}; use only one of {', '.join(_CONDITIONS)}")
        return None
    if "hysteresis" in found and not {"above", "below"} & set(given):
        rows["hysteresis"].blame("only applies to above and below")
        return None
    if not given:
        return AnyValue()
    if given[0] not in found:
        return None
    value, is_above = found[given[0]], given[0] == "above"
    try:
        match given[0]:
            case "equals" | "one_of":
                return OneOf(value)
            case "glob":
                return Glob(value)
            case _:
                return Beyond(value, is_above, found.get("hysteresis", 0.0))
    except ValueError as error:
        rows["hysteresis" if "hysteresis" in found else given[0]].blame(str(error))
        return None


def _command(item: ConfigValue, found: dict[str, Any]) -> tuple[Command, str] | None:
    """The command, and how it was written."""
    verb = found.get("do")
    if verb is None:
        return None
    row = item.rows().get("with")
    if row is not None and not row.is_empty and "with" not in found:
        return None
    value: Value = found.get("with")
    try:
        command = to_command(verb, value)
    except Refused as refusal:
        (row or item.rows()["do"]).blame(str(refusal))
        return None
    if isinstance(value, str):
        return command, f"{verb} {value}"
    return command, " ".join([verb, *(f"{key}={part}" for key, part in (value or {}).items())])


def _free_name(topic: str, names: dict[str, int]) -> str:
    """A default name: the topic, with a number where it has several triggers."""
    number_of = 2
    name = topic
    while name in names:
        name, number_of = f"{topic} ({number_of})", number_of + 1
    return name


def day_part(spot: ConfigValue) -> DayPart:
    """A part of every day, ``21:00-07:00``."""
    value = text(spot)
    parts = re.fullmatch(r"([0-9:]+)\s*(?:-|\u2013|to)\s*([0-9:]+)", value)
    if not parts:
        raise ValueError(f"{shown(value)} is not a period of the day; write it like 21:00-07:00")
    begins, ends = (clock_time(_leaf(spot, part)) for part in parts.groups())
    return DayPart(begins, ends)


def _leaf(spot: ConfigValue, part: str) -> ConfigValue:
    return ConfigValue(Leaf(spot.node.place, part, False), spot.path, spot.base, spot.faults, spot.place)


def _topic(spot: ConfigValue) -> str:
    value = text(spot)
    check_filter(value)
    return value


def _path(spot: ConfigValue) -> tuple[Step, ...]:
    return read_path(text(spot))


def _name(spot: ConfigValue) -> str:
    value = word(spot)
    check_name("trigger", value)
    return value


def _verb(spot: ConfigValue) -> str:
    value = text(spot)
    verb = verb_named(value)
    if verb not in VERBS:
        known = ", ".join(verb for verb in VERBS if verb not in {"status", "tracks"})
        raise ValueError(f"{shown(value)} is not a command{did_you_mean(value, VERBS)}; choose one of {known}")
    return verb


def _value(spot: ConfigValue) -> Value:
    """The value of the command: a single one, or keys with values."""
    if isinstance(spot.node, Table):
        return {key: text(row) for key, row in spot.rows().items() if not row.is_empty}
    return text(spot)


TRIGGER: Final = Keys(
    (
        Key("name", "name", _name),
        Key("topic", "topic", _topic),
        Key("path", "path", _path),
        Key("equals", "equals", lambda spot: (text(spot),)),
        Key("one_of", "one_of", several(text)),
        Key("glob", "glob", text),
        Key("above", "above", number),
        Key("below", "below", number),
        Key("hysteresis", "hysteresis", number),
        Key("for", "hold_s", duration_s),
        Key("only_changes", "only_changes", switch),
        Key("only_between", "only_between", day_part),
        Key("debounce", "debounce_s", duration_s),
        Key("allow_retained", "allow_retained", switch),
        Key("grab", "is_grabbed", switch),
        Key("do", "do", _verb),
        Key("with", "with", _value),
    ),
    needs=("topic", "do"),
    hints=(("payload", "use equals, one_of or glob instead"), ("command", "use do instead")),
)


def check_triggers(root: ConfigValue, read_so_far: Mapping[str, Any], names: Sequence[str]) -> None:
    """Report triggers that contradict the rest of the file; ``names`` are those of its playlists."""
    spot, found = root.rows()["triggers"], read_so_far["triggers"]
    around = _around(root, read_so_far, names)
    if around.mqtt is None and any(trigger is not None and trigger.input is None for trigger in found):
        spot.blame("needs mqtt: without a broker no message arrives")
    for item, trigger in zip(spot.items(), found, strict=True):
        if trigger is None:
            continue
        rows = item.rows()
        if around.mqtt is not None and trigger.input is None:
            _check_loop(rows["topic"], trigger.topic, Topics(around.mqtt.prefix, around.device, around.mqtt.groups))
        _check_command(rows.get("with", rows["do"]), trigger.command, around)


def _around(root: ConfigValue, found: Mapping[str, Any], names: Sequence[str]) -> TriggerContext:
    """The context of the checks; the default replaces a faulty broker section."""
    is_broker_faulty = any(fault.path.startswith("mqtt") for fault in root.faults)
    mqtt = MqttSettings() if is_broker_faulty else found.get("mqtt")
    device, volume = found.get("device", Settings().device), found.get("volume", VolumeSettings())
    return TriggerContext(mqtt, device, names, found.get("schedule", ()), volume, found.get("quiet_hours"))


def _check_loop(row: ConfigValue, topic: str, own: Topics) -> None:
    """Report a trigger on lull's own topics: it would react to itself, or carry out everything twice."""
    for whose, others in (
        ("the messages of this speaker", f"{own.root}/#"),
        ("commands of this and other speakers", f"{own.prefix}/+/cmd/#"),
    ):
        if overlaps(topic, others):
            row.blame(f"{shown(topic)} reaches {others}, {whose}: that would be a loop; use a topic of another device")
            return


def _check_command(row: ConfigValue, command: Command, around: TriggerContext) -> None:
    """Report names and volumes that the session would refuse."""
    playlist = command.playlist if isinstance(command, Play | SetPlaylist | Tonight | ChangeEntry) else None
    if playlist is not None and around.playlists and playlist not in (*around.playlists, FAVOURITES.name):
        guess = did_you_mean(playlist, around.playlists)
        row.blame(f"{shown(playlist)} is not a playlist{guess}; choose one of {choices(around.playlists)}")
    volume = command.volume if isinstance(command, Play | SetVolume | Tonight | ChangeEntry) else None
    is_step = isinstance(command, SetVolume) and command.is_relative
    if volume is not None and not is_step and volume > around.volume.max:
        row.blame(f"volume is {volume}, above volume.max, which is {around.volume.max}")
    entries = [entry.name for entry in around.entries]
    quiet = around.quiet_hours
    at = command.at if isinstance(command, Tonight | SetStartTime) else None
    if at is not None and quiet is not None and quiet.has(at):
        row.blame(f"{at:%H:%M} is within quiet_hours ({quiet}), when no trigger starts sound")
    entry = command.entry if isinstance(command, SetSchedule | SetStartTime | ChangeEntry) else None
    if entry is not None and entry not in entries:
        guess = did_you_mean(entry, entries)
        row.blame(f"{shown(entry)} is not a schedule entry{guess}; choose one of {choices(entries)}")
