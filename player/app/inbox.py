"""The inbox: everything that reaches the main thread waits here. Any thread puts, the main thread gets.

Three kinds are told apart. What the house says itself (reports of the engine, the library, signals) is never lost and
keeps its order. Commands are bounded: so many may wait and so many a second are taken; the surplus is refused, so that
a button that hangs or a script in a loop costs neither memory nor the time that a stop needs. A stop is taken always:
it goes before the commands that wait, and those are void, because whoever says stop means all that was said before.

What comes on other people's topics is bounded too, but apart, so that a chatty plug does not use up the commands' room.
A command that carries an expiry and waited longer than that is refused as well; a stop never is.
"""

from __future__ import annotations

import queue
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

from player.core.clock import Clock
from player.core.commands import Request
from player.core.token_bucket import Bucket
from player.mqtt.lanes import Lane, Refusal
from player.mqtt.topics import Incoming

MAX_WAITING: Final = 40
"""So many commands may wait, and so many may come at once after a pause."""
RATE_PER_S: Final = 20.0
"""So many a second are taken for ever; a dial that is turned fast sends fewer."""
MAX_OTHERS: Final = 200
"""So many messages on other people's topics may wait; further ones are dropped."""
MAX_STOPS: Final = 16
"""A stop that comes while so many wait to be obeyed says nothing new."""
TELL_EVERY_S: Final = 10.0
"""So often at most is it news that commands were refused for their number."""

TOO_MANY: Final = f"too many commands: {RATE_PER_S:.0f} a second are taken, and stop always"
VOID: Final = "void: a stop came after it, before it could be obeyed"

T = TypeVar("T")
_WAKE: Final[Any] = object()


@dataclass(frozen=True, slots=True)
class _Waiting:
    message: Incoming | Request
    at_s: float


class Inbox(Generic[T]):
    """``put`` from any thread; ``get`` on one. What the house says itself may be put from a signal handler too.

    Args:
        clock: when a command came.
        lane_of: tells a stop from other commands, and both from other people's messages; runs on the putting thread.
    """

    def __init__(self, clock: Clock, lane_of: Callable[[Incoming | Request], Lane]) -> None:
        self._clock = clock
        self._lane_of = lane_of
        # the one queue that is waited on; each command stands in it as a mark, and itself in one of the rows below
        self._queue: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._stops: deque[_Waiting] = deque()
        self._commands: deque[_Waiting] = deque()
        self._others: deque[_Waiting] = deque()
        self._refusals: deque[Refusal] = deque()
        self._taken = Bucket(MAX_WAITING, RATE_PER_S)
        self._answered = Bucket(MAX_WAITING, RATE_PER_S)
        self._told_s: float | None = None

    def put(self, message: T) -> None:
        """Leave a message; never waits."""
        if not isinstance(message, Incoming | Request):
            self._queue.put(message)
            return
        lane = self._lane_of(message)
        put = {Lane.STOP: self._put_stop, Lane.COMMAND: self._put_command, Lane.OTHER: self._put_other}[lane]
        waiting = _Waiting(message, self._clock.now().boot_s)
        with self._lock:
            is_kept = put(waiting)
        if is_kept:
            self._queue.put(_WAKE)

    def get(self, timeout: float) -> T | Refusal:
        """The next message, a stop before other commands; raises `queue.Empty` when none comes in time."""
        found = self._queue.get(timeout=timeout)
        if found is not _WAKE:
            message: T = found
            return message
        with self._lock:
            if self._stops:
                return self._stops.popleft().message  # type: ignore[return-value]
            if self._commands:
                return self._unless_expired(self._commands.popleft())
            if self._others:
                return self._others.popleft().message  # type: ignore[return-value]
            return self._refusals.popleft()

    # With the lock held. Each row keeps as many entries as there are marks in the queue.

    def void_waiting(self) -> None:
        """A stop came from elsewhere than the broker: whoever says it means all that was said before."""
        with self._lock:
            self._void()

    def _void(self) -> None:
        self._refusals.extend(Refusal(command.message, VOID) for command in self._commands)
        self._commands.clear()

    def _put_stop(self, stop: _Waiting) -> bool:
        if len(self._stops) >= MAX_STOPS:
            return self._refuse(stop, "a stop is being obeyed already")
        self._stops.append(stop)
        self._void()
        return True

    def _put_command(self, command: _Waiting) -> bool:
        if len(self._commands) >= MAX_WAITING or not self._taken.take(command.at_s):
            return self._refuse(command, TOO_MANY)
        self._commands.append(command)
        return True

    def _put_other(self, other: _Waiting) -> bool:
        if len(self._others) >= MAX_OTHERS:
            return False
        self._others.append(other)
        return True

    def _refuse(self, surplus: _Waiting, reason: str) -> bool:
        """Answer a few of them and tell one now and then; the others are dropped unread."""
        is_news = self._told_s is None or surplus.at_s - self._told_s >= TELL_EVERY_S
        if is_news:
            self._told_s = surplus.at_s
        elif len(self._refusals) >= MAX_WAITING or not self._answered.take(surplus.at_s):
            return False
        self._refusals.append(Refusal(surplus.message, reason, is_news))
        return True

    def _unless_expired(self, waited: _Waiting) -> T | Refusal:
        message = waited.message
        good_for_s = message.expires_s if isinstance(message, Incoming) else None
        late_s = self._clock.now().boot_s - waited.at_s
        if good_for_s is not None and late_s > good_for_s:
            return Refusal(message, f"it came too late: it was good for {good_for_s:.0f} s", is_news=True)
        return message  # type: ignore[return-value]
