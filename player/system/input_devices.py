"""The kernel's input devices: which there are, and how one is opened and read. Any thread; the standard library alone.

Everybody can list them in sysfs; reading one needs the group ``input``. Names come from drivers: a button of
``dtoverlay=gpio-key,gpio=17`` is called ``button@11``, a remote by its maker. One remote may be several devices, one
for its keys and one for its volume, under names of their own.
"""

from __future__ import annotations

import errno
import fcntl
import os
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Final

from player.core.input_codes import AXES, key_name, key_of

NODES: Final = Path("/dev/input")
SYSFS: Final = Path("/sys/class/input")
GROUP: Final = "input"

EV_SYN: Final = 0
EV_KEY: Final = 1
EV_REL: Final = 2
SYN_DROPPED: Final = 3
"""The kernel's queue has overflowed: the events until the next report are incomplete."""

EVENT: Final = struct.Struct("llHHi")
"""``struct input_event``: seconds and microseconds in the kernel's ``long``, type, code, value."""
EVIOCSCLOCKID: Final = 0x400445A0
EVIOCGRAB: Final = 0x40044590
CLOCK_BOOTTIME: Final = 7
_READ_EVENTS: Final = 64
_BITS: Final = 8 * struct.calcsize("l")
"""Sysfs writes masks in words of this length."""


@dataclass(frozen=True, slots=True)
class InputDevice:
    """A device that is there.

    Attributes:
        name: as its driver gives it.
        node: where it is read.
        links: the other paths of the node, ``/dev/input/by-id/...`` and ``/dev/input/by-path/...``.
        keys: the names of its keys and relative axes, as in `player.core.input_codes`, an axis without its direction.
    """

    name: str
    node: str
    links: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()

    def is_called(self, wanted: str) -> bool:
        """Whether a name from a config means this device: its name in any case, with ``*``, or one of its paths."""
        if wanted.startswith("/"):
            return wanted in (self.node, *self.links)
        mine, yours = self.name.casefold(), wanted.casefold()
        return mine == yours or fnmatchcase(mine, yours.replace("[", "[[]").replace("?", "[?]"))

    def can_say(self, word: str) -> bool:
        """Whether the device has the key or the axis of a word."""
        return key_of(word) in self.keys


@dataclass(frozen=True, slots=True)
class InputEvent:
    """One ``struct input_event``; ``at_s`` is on the boot clock where the kernel has been asked for that."""

    at_s: float
    kind: int
    code: int
    value: int


@dataclass(frozen=True, slots=True)
class InputSystem:
    """Where the devices are and how they are read; tests use other folders.

    Attributes:
        nodes, sysfs: the folders that the kernel fills.
        control: ``ioctl`` for a descriptor, a request and its argument.
    """

    nodes: Path = NODES
    sysfs: Path = SYSFS
    control: Callable[[int, int, Any], object] = fcntl.ioctl

    def devices(self) -> list[InputDevice]:
        """The devices that are there, in the kernel's order; those without keys and turns (a lid) too."""
        try:
            listed = os.listdir(self.nodes)
        except OSError:
            return []
        names = sorted((name for name in listed if name[:5] == "event" and name[5:].isdecimal()), key=_number)
        links = list(_links(self.nodes))
        return [
            InputDevice(
                _text(self.sysfs / name / "device" / "name") or name,
                str(self.nodes / name),
                tuple(sorted(link for link, target in links if target == name)),
                tuple(_keys(self.sysfs / name / "device" / "capabilities")),
            )
            for name in names
        ]

    def open(self, device: InputDevice, *, is_grabbed: bool) -> int:
        """The descriptor of a device whose events carry the boot clock; a grabbed device sends them to no other
        program.

        Raises:
            OSError: it is gone, may not be read (EACCES), or somebody else has grabbed it (EBUSY).
        """
        fd = os.open(device.node, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            self.control(fd, EVIOCSCLOCKID, struct.pack("i", CLOCK_BOOTTIME))
            if is_grabbed:
                self.control(fd, EVIOCGRAB, 1)
        except OSError:
            os.close(fd)
            raise
        return fd


def _number(name: str) -> int:
    return int(name[5:])


def _links(nodes: Path) -> Iterator[tuple[str, str]]:
    """The links of a folder and the names of the nodes that they lead to."""
    for folder in (nodes / "by-id", nodes / "by-path"):
        try:
            listed = os.listdir(folder)
        except OSError:
            continue
        for name in listed:
            try:
                yield str(folder / name), os.path.basename(os.readlink(folder / name))
            except OSError:
                continue


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""


def _keys(folder: Path) -> Iterator[str]:
    for code in _bits(_text(folder / "key")):
        yield key_name(code)
    for code in _bits(_text(folder / "rel")):
        if code < len(AXES):
            yield f"REL_{AXES[code]}"


def _bits(mask: str) -> Iterator[int]:
    """The numbers of the bits that are set in a mask of sysfs, its highest word first."""
    try:
        words = [int(word, 16) for word in reversed(mask.split())]
    except ValueError:
        return
    for place, word in enumerate(words):
        yield from (place * _BITS + bit for bit in range(_BITS) if word >> bit & 1)


def read_events(fd: int) -> list[InputEvent]:
    """The events that can be read now. Raises OSError when the device is gone."""
    try:
        data = os.read(fd, EVENT.size * _READ_EVENTS)
    except BlockingIOError:
        return []
    if not data:
        raise OSError(errno.ENODEV, os.strerror(errno.ENODEV))
    return [
        InputEvent(seconds + microseconds / 1e6, kind, code, value)
        for seconds, microseconds, kind, code, value in EVENT.iter_unpack(data[: len(data) // EVENT.size * EVENT.size])
    ]
