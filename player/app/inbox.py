"""The inbox: the queue of everything for the main thread. Any thread puts, the main thread gets.

There are three kinds of messages. Those of the daemon itself (reports of the engine, the library, signals) are never
lost and keep their order. Commands are bounded: the inbox holds a limited number and takes a limited number a second;
the surplus is refused, so that a stuck button or a script in a loop costs neither memory nor the time that a stop
needs. A stop is always taken: it is handed out before the commands that wait, and those become void, because a stop
ends everything that was asked for before it.

Messages on topics of others have a bound of their own, so that a sensor that publishes a lot takes no room from
commands. A command that carries an expiry and waited longer than that is refused as well; a stop never is.
"""

from __future__ import annotations

import queue
import threading
from collections import deque
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

from player.core.clock import Clock
from player.core.commands import Request, Stop
from player.core.token_bucket import Bucket
from player.mqtt.incoming import Incoming, Lane, Refusal

MAX_WAITING: Final = 40
"""Maximum number of commands that wait, and that come at once after a pause."""
RATE_PER_S: Final = 20.0
"""Maximum rate of commands in the long run; a dial that is turned fast sends fewer."""
MAX_OTHERS: Final = 200
"""Maximum number of messages on topics of others that wait; further ones are dropped."""
MAX_STOPS: Final = 16
"""Maximum number of stops that wait; a further one adds nothing."""
EVENT_EVERY_S: Final = 10.0
"""Minimum time between two events that say that there are too many commands."""

TOO_MANY: Final = f"too many commands: {RATE_PER_S:.0f} a second are accepted, stop always"
VOID: Final = "cancelled: a stop came after it, before it was carried out"

T = TypeVar("T")
_WAKE: Final[Any] = object()


@dataclass(frozen=True, slots=True)
class _Waiting:
    message: Incoming | Request
    at_s: float


def _lane_of(request: Request) -> Lane:
    return Lane.STOP if isinstance(request.command, Stop) else Lane.COMMAND


class Inbox(Generic[T]):
    """``put`` from any thread; ``get`` on one. The daemon's own messages may be put from a signal handler too.

    Args:
        clock: for the arrival times of commands.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        # the one queue that is waited on; each command stands in it as a mark, and itself in one of the queues below
        self._queue: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._stops: deque[_Waiting] = deque()
        self._commands: deque[_Waiting] = deque()
        self._others: deque[_Waiting] = deque()
        self._refusals: deque[Refusal] = deque()
        self._taken = Bucket(MAX_WAITING, RATE_PER_S)
        self._answered = Bucket(MAX_WAITING, RATE_PER_S)
        self._last_event_s: float | None = None

    def put(self, message: T) -> None:
        """Leave a message; never waits."""
        if not isinstance(message, Incoming | Request):
            self._queue.put(message)
            return
        lane = message.lane if isinstance(message, Incoming) else _lane_of(message)
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

    # With the lock held. The queues of commands hold as many entries as there are marks in the one that is waited on.

    def void_waiting(self) -> None:
        """Void the commands that wait: a stop came from a trigger, and it ends everything that was asked for before."""
        with self._lock:
            self._void()

    def _void(self) -> None:
        self._refusals.extend(Refusal(command.message, VOID) for command in self._commands)
        self._commands.clear()

    def _put_stop(self, stop: _Waiting) -> bool:
        if len(self._stops) >= MAX_STOPS:
            return self._refuse(stop, "a stop is already being carried out")
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
        """Answer some of them, publish an event from time to time, and drop the others unread."""
        is_news = self._last_event_s is None or surplus.at_s - self._last_event_s >= EVENT_EVERY_S
        if is_news:
            self._last_event_s = surplus.at_s
        elif len(self._refusals) >= MAX_WAITING or not self._answered.take(surplus.at_s):
            return False
        self._refusals.append(Refusal(surplus.message, reason, is_news))
        return True

    def _unless_expired(self, waited: _Waiting) -> T | Refusal:
        message = waited.message
        good_for_s = message.expires_s if isinstance(message, Incoming) else None
        late_s = self._clock.now().boot_s - waited.at_s
        if good_for_s is not None and late_s > good_for_s:
            return Refusal(message, f"it came too late: it was valid for {good_for_s:.0f} s", is_news=True)
        return message  # type: ignore[return-value]
