"""Input devices that the kernel makes through ``/dev/uinput``, with the methods of `tests.fakes.inputs`."""

from __future__ import annotations

import fcntl
import os
import struct
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from player.system.input_devices import EV_KEY, EV_REL, EV_SYN, EVENT, EVIOCGRAB, InputSystem
from tests.fakes.inputs import CODES

UINPUT: Final = Path("/dev/uinput")
_UI_SET_EVBIT: Final = 0x40045564
_UI_SET_KEYBIT: Final = 0x40045565
_UI_SET_RELBIT: Final = 0x40045566
_UI_DEV_SETUP: Final = 0x405C5503
_UI_DEV_CREATE: Final = 0x5501
_UI_DEV_DESTROY: Final = 0x5502
_SETUP: Final = struct.Struct("HHHH80sI")
"""``struct uinput_setup``: bus, vendor, product, version, name, effects."""
_BUS_VIRTUAL: Final = 6
_PATIENCE_S: Final = 10.0


def is_there() -> bool:
    """Whether this user may make devices."""
    return os.access(UINPUT, os.W_OK)


class RealInputs:
    """The devices of this machine."""

    def __init__(self) -> None:
        self.system = InputSystem()
        self._devices: list[RealInput] = []

    def plug(self, name: str, keys: Iterable[str]) -> RealInput:
        """A device comes; it is there when this returns."""
        self._devices.append(RealInput(name, tuple(keys), self.system))
        return self._devices[-1]

    def close(self) -> None:
        """All devices go."""
        for device in self._devices:
            device.unplug()


class RealInput:
    """One device of uinput."""

    def __init__(self, name: str, keys: tuple[str, ...], system: InputSystem) -> None:
        self._fd = os.open(UINPUT, os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        for key in keys:
            kind, request = (EV_REL, _UI_SET_RELBIT) if key.startswith("REL_") else (EV_KEY, _UI_SET_KEYBIT)
            fcntl.ioctl(self._fd, _UI_SET_EVBIT, kind)
            fcntl.ioctl(self._fd, request, CODES[key])
        fcntl.ioctl(self._fd, _UI_DEV_SETUP, _SETUP.pack(_BUS_VIRTUAL, 0x1209, 1, 1, name.encode(), 0))
        fcntl.ioctl(self._fd, _UI_DEV_CREATE)
        give_up_s = time.monotonic() + _PATIENCE_S
        while not (found := [device for device in system.devices() if device.name == name]):
            assert time.monotonic() < give_up_s, f"{name} has not come"
            time.sleep(0.01)
        self.node = found[-1].node

    @property
    def is_grabbed(self) -> bool:
        """Whether somebody has it alone."""
        fd = os.open(self.node, os.O_RDONLY)
        try:
            fcntl.ioctl(fd, EVIOCGRAB, 1)
        except OSError:
            return True
        finally:
            os.close(fd)
        return False

    def key(self, name: str, value: int) -> None:
        """A key goes down (1), up (0), or repeats (2)."""
        self._write(EV_KEY, CODES[name], value)

    def edges(self, name: str, values: Iterable[int]) -> None:
        """A key changes so often within a moment."""
        os.write(self._fd, b"".join(_event(EV_KEY, CODES[name], value) + _event(EV_SYN, 0, 0) for value in values))

    def turn(self, axis: str, by: int) -> None:
        """A knob turns."""
        self._write(EV_REL, CODES[axis], by)

    def unplug(self) -> None:
        """It goes."""
        if self._fd >= 0:
            fcntl.ioctl(self._fd, _UI_DEV_DESTROY)
            os.close(self._fd)
            self._fd = -1

    def _write(self, kind: int, code: int, value: int) -> None:
        os.write(self._fd, _event(kind, code, value) + _event(EV_SYN, 0, 0))


def _event(kind: int, code: int, value: int) -> bytes:
    """The kernel writes the time."""
    return EVENT.pack(0, 0, kind, code, value)
