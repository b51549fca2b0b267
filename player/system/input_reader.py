"""Reads the kernel's input devices: buttons on GPIO pins, knobs, remotes. One thread, none where no device is wanted.

The thread waits for events, for a device that comes or goes (inotify on ``/dev/input``), and for the end of a press
that is still undecided. Waiting for absent devices costs no wake-ups. A device that cannot be opened is reported once
and tried again when its permissions change.
"""

from __future__ import annotations

import errno
import logging
import math
import os
import select
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Final, TypeAlias

from player.core.clock import Clock
from player.core.input_codes import key_name, turn_name
from player.core.threads import TOO_MANY, has_started
from player.system import inotify
from player.system.gestures import Gestures
from player.system.input_devices import (
    EV_KEY,
    EV_REL,
    EV_SYN,
    GROUP,
    SYN_DROPPED,
    InputDevice,
    InputEvent,
    InputSystem,
    read_events,
)
from player.system.wake import WakeUp

log = logging.getLogger("lull")

LOOK_S: Final = 10.0
"""Seconds between two searches for devices without inotify, and between two attempts to open one."""
SETTLE_S: Final = 1.0
"""Seconds after a change at which devices are listed once more, because udev makes the links a little later."""
MAX_STEPS: Final = 10
"""Maximum steps of a knob that count in one event."""
JOIN_S: Final = 1.0
_COMES_AND_GOES: Final = inotify.CREATE | inotify.DELETE | inotify.MOVED | inotify.ATTRIBUTES


@dataclass(frozen=True, slots=True)
class InputWish:
    """A device that is listened to.

    Attributes:
        device: its name or path, as in the config.
        words: the presses that are waited for; see `Gestures`.
        is_grabbed: no other program gets its events.
    """

    device: str
    words: frozenset[str] = frozenset()
    is_grabbed: bool = False


@dataclass(slots=True)
class _Open:
    """An open device, with one or more wishes."""

    device: InputDevice
    fd: int
    wishes: tuple[InputWish, ...]
    gestures: Gestures
    is_incomplete: bool = False


Hear: TypeAlias = Callable[[str, str], None]
Tell: TypeAlias = Callable[[str | None], None]


class InputReader:
    """Listens to devices. `listen` and `close` are called on the main thread.

    Args:
        hear: called with the device, as in the wish, and the word; on the reader's thread, must not block.
        tell: called with what prevents devices from being read, or None when that is over; likewise.
        clock: the boot clock.
    """

    def __init__(self, hear: Hear, tell: Tell, clock: Clock, system: InputSystem = InputSystem()) -> None:  # noqa: B008
        self._hear = hear
        self._tell = tell
        self._clock = clock
        self._system = system
        self._wishes: tuple[InputWish, ...] = ()
        self._run: Listening | None = None
        self._thread: threading.Thread | None = None

    def listen(self, wishes: tuple[InputWish, ...]) -> None:
        """Listen to these devices and to no others; where it does so already, nothing changes."""
        if wishes == self._wishes and not self._is_refused:
            return
        self.close()
        self._wishes = wishes
        if wishes:
            self._run = Listening(wishes, self._hear, self._tell, self._clock, self._system)
            thread = threading.Thread(target=self._run.run, name="lull-inputs", daemon=True)
            if has_started(thread):
                self._thread = thread
            else:  # the next reload tries again
                self._tell(f"no button and no knob is read: {TOO_MANY}")

    @property
    def _is_refused(self) -> bool:
        """Whether there was no thread for it."""
        return self._run is not None and self._thread is None

    def close(self) -> None:
        """Close all devices and withdraw what was reported about them."""
        if self._run is not None and self._thread is not None:
            self._run.stop()
            self._thread.join(JOIN_S)  # a device that is grabbed can be opened only once
        elif self._is_refused:
            self._tell(None)
        self._run = self._thread = None
        self._wishes = ()


class Listening:
    """The state of the thread for one set of wishes."""

    def __init__(
        self, wishes: tuple[InputWish, ...], hear: Hear, tell: Tell, clock: Clock, system: InputSystem
    ) -> None:
        self._wishes = wishes
        self._hear = hear
        self._tell = tell
        self._clock = clock
        self._system = system
        self._wake = WakeUp()
        self._open: dict[str, _Open] = {}
        self._faults: dict[str, str] = {}
        self._told: str | None = None
        self._missing: frozenset[str] = frozenset()
        self._inotify: inotify.Inotify | None = None
        self._is_watching = False
        self._look_s = -math.inf
        self._is_over = False

    def stop(self) -> None:
        """End at once."""
        self._is_over = True
        self.wake()

    def wake(self) -> None:
        """From now on no turn waits. The thread may already have ended."""
        self._wake.wake()

    def run(self) -> None:
        """The main function of the thread."""
        try:
            self.start()
            while not self._is_over:
                self.turn()
        except Exception:  # the thread ends here; what plays goes on
            log.exception("the input devices are not listened to any more")
        finally:
            self.finish()

    def start(self) -> None:
        """Prepare to be told of devices that come and go."""
        try:
            self._inotify = inotify.Inotify()
        except OSError as fault:
            log.info("input devices are looked for every %.0f s: inotify: %s", LOOK_S, fault)

    def finish(self) -> None:
        """Close everything."""
        for one in self._open.values():
            os.close(one.fd)
        self._open.clear()
        if self._told is not None:
            self._tell(None)
        if self._inotify is not None:
            self._inotify.close()
        self._wake.close()

    def turn(self) -> None:
        """Wait for events, and handle them."""
        now_s = self._clock.now().boot_s
        if now_s >= self._look_s:
            self._look(now_s)
        ready = self._wait(now_s)
        for one in [one for one in self._open.values() if one.fd in ready]:
            self._read(one)
        if self._inotify is not None and self._inotify.fileno() in ready:
            self._inotify.read()
            now_s = self._clock.now().boot_s
            self._look(now_s)
            self._look_s = now_s + SETTLE_S
        now_s = self._clock.now().boot_s
        for one in self._open.values():
            if one.fd not in ready:  # its events have times of their own, and may still wait
                self._say(one, one.gestures.advance(now_s))

    def _wait(self, now_s: float) -> frozenset[int]:
        """The descriptors with something to read."""
        due_s = min((one.gestures.due_s for one in self._open.values()), default=math.inf)
        wait_s = max(0.0, min(self._look_s, due_s) - now_s)
        poll = select.poll()
        poll.register(self._wake, select.POLLIN)
        for one in self._open.values():
            poll.register(one.fd, select.POLLIN)
        if self._inotify is not None:
            poll.register(self._inotify.fileno(), select.POLLIN)
        found = poll.poll(None if wait_s == math.inf else math.ceil(wait_s * 1000))
        return frozenset(fd for fd, _ in found)

    # Devices.

    def _look(self, now_s: float) -> None:
        """Open the wanted devices that are present, and report what prevents it."""
        self._watch_folder()
        there = self._system.devices()
        self._faults.clear()
        for device in there:
            wishes = tuple(wish for wish in self._wishes if device.is_called(wish.device))
            one = self._open.get(device.node)
            if one is not None and (one.device.name, one.wishes) != (device.name, wishes):
                self._close(one)
                one = None
            if one is None and wishes:
                self._try(device, wishes)
        self._tell_missing(there)
        self._tell_faults()
        must_look = self._faults or not self._is_watching
        self._look_s = now_s + LOOK_S if must_look else math.inf

    def _watch_folder(self) -> None:
        self._is_watching = self._is_watching and os.path.isdir(self._system.nodes)
        if self._inotify is None or self._is_watching:
            return
        try:
            self._inotify.watch(str(self._system.nodes), _COMES_AND_GOES)
        except OSError:
            return  # a machine without any device has no such folder
        self._is_watching = True

    def _try(self, device: InputDevice, wishes: tuple[InputWish, ...]) -> None:
        is_grabbed = any(wish.is_grabbed for wish in wishes)
        try:
            fd = self._system.open(device, is_grabbed=is_grabbed)
        except OSError as fault:
            if fault.errno not in {errno.ENOENT, errno.ENODEV, errno.ENXIO}:  # it has just gone
                self._faults[device.node] = _said(device, fault)
            return
        words = frozenset(word for wish in wishes for word in wish.words)
        self._open[device.node] = _Open(device, fd, wishes, Gestures(words))
        grabbed = ", for lull alone" if is_grabbed else ""
        log.info("input %s: listening at %s%s", device.name, device.node, grabbed)

    def _close(self, one: _Open) -> None:
        os.close(one.fd)
        del self._open[one.device.node]
        log.info("input %s: gone", one.device.name)

    def _tell_missing(self, there: Iterable[InputDevice]) -> None:
        devices = list(there)
        missing = frozenset(
            wish.device for wish in self._wishes if not any(device.is_called(wish.device) for device in devices)
        )
        for name in sorted(missing - self._missing):
            log.warning("input %s: no such device; waiting for it", name)
        self._missing = missing

    def _tell_faults(self) -> None:
        text = "; ".join(self._faults[node] for node in sorted(self._faults)) or None
        if text != self._told:
            self._told = text
            self._tell(text)

    # Events.

    def _read(self, one: _Open) -> None:
        try:
            events = read_events(one.fd)
        except OSError:
            self._close(one)
            self._look_s = self._clock.now().boot_s + SETTLE_S
            return
        for event in events:
            self._say(one, self._words(one, event))

    def _words(self, one: _Open, event: InputEvent) -> Iterator[str]:
        if event.kind == EV_SYN:
            one.is_incomplete = event.code == SYN_DROPPED
            if one.is_incomplete:
                one.gestures.forget()
        elif one.is_incomplete:
            return
        elif event.kind == EV_KEY and event.value in {0, 1}:
            yield from one.gestures.change(key_name(event.code), event.at_s, is_down=event.value == 1)
        elif event.kind == EV_REL and (turn := turn_name(event.code, event.value)) is not None:
            yield from one.gestures.advance(event.at_s)
            yield from [turn] * min(abs(event.value), MAX_STEPS)

    def _say(self, one: _Open, words: Iterable[str]) -> None:
        for word in words:
            for name in dict.fromkeys(wish.device for wish in one.wishes):
                self._hear(name, word)


def _said(device: InputDevice, fault: OSError) -> str:
    """Why a device cannot be read, and what to do about it."""
    what = f"{device.name} ({device.node})"
    if fault.errno in {errno.EACCES, errno.EPERM}:
        return f"{what} may not be read: the user that lull runs as must be in the group {GROUP}"
    if fault.errno == errno.EBUSY:
        return f"{what} cannot be grabbed: another program has grabbed it"
    return f"{what} cannot be read: {fault.strerror}"
