"""Triggers as a config would make them, for tests."""

from __future__ import annotations

from player.config import parse
from player.mqtt.triggers.rules import Trigger
from player.mqtt.triggers.settings import TriggerSettings

HEAD = "device: bedroom\nmqtt: {groups: [upstairs]}\nplaylists: {rain: {paths: [/srv/rain]}}\n"


def settings_of(*lines: str, more: str = "") -> TriggerSettings:
    """The triggers of a config; each line is one of them without its braces."""
    listed = "".join(f"  - {{{line}}}\n" for line in lines)
    return parse(f"{HEAD}{more}\ntriggers:\n{listed}").triggers


def rule(line: str) -> Trigger:
    """The trigger of one line, on the topic ``a`` and with the name ``t``."""
    return settings_of(f"name: t, topic: a, {line}").rules[0]
