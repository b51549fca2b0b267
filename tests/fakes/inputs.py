"""Input devices without a kernel's: pipes that carry ``struct input_event``, and folders like those of sysfs.

Everything but the ioctls is real: files that come and go, inotify, poll, the bytes of the events. What the ioctls ask
for is kept. `tests.live.uinput` makes real devices with the same methods.
"""

from __future__ import annotations

import errno
import os
import struct
from collections.abc import Iterable
from pathlib import Path

from player.core.clock import Clock, SystemClock
from player.core.input_codes import AXES, key_names
from player.system.input_devices import (
    EV_KEY,
    EV_REL,
    EV_SYN,
    EVENT,
    EVIOCGRAB,
    SYN_DROPPED,
    InputSystem,
)

CODES = {name: code for code, name in key_names().items()} | {f"REL_{axis}": code for code, axis in enumerate(AXES)}
"""Codes of keys and axes by their names."""


class FakeInputs:
    """The devices of a machine.

    Attributes:
        system: what the reader is given.
        closed: nodes that may not be opened.
        taken: nodes that another program has grabbed.
        grabbed: nodes that were grabbed.
    """

    def __init__(self, folder: Path, clock: Clock | None = None) -> None:
        self.system = InputSystem(folder / "nodes", folder / "sysfs", self._control)
        self.clock: Clock = clock or SystemClock()
        self.closed: set[str] = set()
        self.taken: set[str] = set()
        self.grabbed: list[str] = []
        self._plugged = 0
        self._devices: list[FakeInput] = []
        self.system.nodes.mkdir(parents=True)

    def _control(self, fd: int, request: int, _argument: object) -> object:
        node = os.readlink(f"/proc/self/fd/{fd}")
        if node in self.closed:
            raise PermissionError(errno.EACCES, "Permission denied")
        if request == EVIOCGRAB:
            if node in self.taken:
                raise OSError(errno.EBUSY, "Device or resource busy")
            self.grabbed.append(node)
        return 0

    def plug(self, name: str, keys: Iterable[str], link: str | None = None, *, is_closed: bool = False) -> FakeInput:
        """A device comes, with keys and axes by their names, and a link of this name in by-path."""
        node = self.system.nodes / f"event{self._plugged}"
        self._plugged += 1
        facts = self.system.sysfs / node.name / "device"
        (facts / "capabilities").mkdir(parents=True)
        (facts / "name").write_text(f"{name}\n", encoding="utf-8")
        listed = tuple(keys)
        for kind in ("key", "rel"):
            codes = [CODES[key] for key in listed if key.startswith("REL_") is (kind == "rel")]
            (facts / "capabilities" / kind).write_text(mask(codes), encoding="ascii")
        if is_closed:
            self.closed.add(str(node))
        if link is not None:
            (self.system.nodes / "by-path").mkdir(exist_ok=True)
            (self.system.nodes / "by-path" / link).symlink_to(f"../{node.name}")
        os.mkfifo(node)
        self._devices.append(FakeInput(node, self))
        return self._devices[-1]

    def allow(self, device: FakeInput) -> None:
        """Its permissions change, as udev changes them."""
        self.closed.discard(device.node)
        os.chmod(device.node, 0o660)

    def close(self) -> None:
        """All devices go."""
        for device in self._devices:
            device.unplug()


class FakeInput:
    """One device; what it says carries the time of the clock, or the one that is given."""

    def __init__(self, node: Path, inputs: FakeInputs) -> None:
        self.node = str(node)
        self._inputs = inputs
        self._fd = os.open(node, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)

    @property
    def is_grabbed(self) -> bool:
        """Whether somebody has it alone."""
        return self.node in self._inputs.grabbed

    def key(self, name: str, value: int, at_s: float | None = None) -> None:
        """A key goes down (1), up (0), or repeats (2)."""
        self._write(EV_KEY, CODES[name], value, at_s)
        self._write(EV_SYN, 0, 0, at_s)

    def edges(self, name: str, values: Iterable[int]) -> None:
        """A key changes so often within a moment."""
        at_s = self._inputs.clock.now().boot_s
        for value in values:
            self.key(name, value, at_s)

    def turn(self, axis: str, by: int) -> None:
        """A knob turns."""
        self._write(EV_REL, CODES[axis], by, None)
        self._write(EV_SYN, 0, 0, None)

    def overflow(self) -> None:
        """The kernel's queue was full: what was said before is lost."""
        self._write(EV_SYN, SYN_DROPPED, 0, None)

    def unplug(self) -> None:
        """It goes."""
        if self._fd >= 0:
            os.unlink(self.node)
            os.close(self._fd)
            self._fd = -1

    def _write(self, kind: int, code: int, value: int, at_s: float | None) -> None:
        at_s = self._inputs.clock.now().boot_s if at_s is None else at_s
        seconds = int(at_s)
        os.write(self._fd, EVENT.pack(seconds, round((at_s - seconds) * 1e6), kind, code, value))


def mask(codes: Iterable[int]) -> str:
    """A mask as sysfs writes it: words in hexadecimal, the highest first."""
    bits = 8 * struct.calcsize("l")
    number = sum(1 << code for code in codes)
    words = []
    while number:
        words.append(f"{number & ((1 << bits) - 1):x}")
        number >>= bits
    return " ".join(reversed(words)) or "0"
