"""What the rules want of input devices, and what those that are there lack. Pure, any thread."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from player.core.input_codes import key_of
from player.mqtt.triggers.rules import Trigger
from player.system.input_devices import InputDevice
from player.system.input_reader import InputWish

_OF_THE_SYSTEM: Final = frozenset({"KEY_POWER", "KEY_SLEEP", "KEY_SUSPEND"})
"""Keys with which systemd-logind switches the machine off or lets it sleep."""


def wishes_of(rules: Iterable[Trigger]) -> tuple[InputWish, ...]:
    """One wish for each device; it is grabbed where one of its triggers says so."""
    found: dict[str, InputWish] = {}
    for rule in rules:
        if rule.input is not None:
            before = found.get(rule.input, InputWish(rule.input))
            words = before.words | frozenset(rule.words)
            found[rule.input] = InputWish(rule.input, words, before.is_grabbed or rule.is_grabbed)
    return tuple(found.values())


def notes_on(rules: Iterable[Trigger], devices: list[InputDevice]) -> Iterator[str]:
    """Devices that are not there, and keys that they do not have."""
    for wish in wishes_of(rules):
        for key in sorted(_OF_THE_SYSTEM & {key_of(word) for word in wish.words}):
            if not wish.is_grabbed:
                yield f"{key} of {wish.device} may also switch the machine off; `grab: true` keeps it for lull"
        mine = [device for device in devices if device.is_called(wish.device)]
        if not mine:
            yield f"there is no input device {wish.device} now; those that are there: {listed(devices)}"
        for word in sorted(wish.words):
            if mine and not any(device.can_say(word) for device in mine):
                yield f"the input device {wish.device} has no {key_of(word)}"


def listed(devices: Iterable[InputDevice]) -> str:
    """The names of the devices that have keys or turns."""
    return ", ".join(sorted({device.name for device in devices if device.keys})) or "none"
