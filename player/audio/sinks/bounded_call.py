"""A bounded wait for calls that may block: each runs on a daemon thread of its own, one at a time."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

from player.core.threads import has_started

T = TypeVar("T")


class BoundedCaller:
    """Runs calls that a frozen sound server can block for half a minute; used by one thread."""

    def __init__(self) -> None:
        self._last: _Call[object] | None = None

    def call(self, work: Callable[[], T], patience_s: float, undo: Callable[[T], object] = lambda _: None) -> T:
        """The result of ``work``, or its exception.

        Args:
            work: is run on a thread of its own.
            patience_s: maximum wait for its result, and before that for an earlier call.
            undo: receives a result that comes too late; runs on the thread of the call.

        Raises:
            TimeoutError: it did not return in time, an earlier one has still not returned, or no thread is free for it.
        """
        if self._last is not None and not self._last.has_ended(patience_s):
            raise TimeoutError
        call = _Call(work, undo)
        if not has_started(threading.Thread(target=call.run, name="lull-device", daemon=True)):
            raise TimeoutError
        self._last = call  # type: ignore[assignment]
        return call.result(patience_s)


class _Call(Generic[T]):
    """One call on a thread of its own. ``_lock`` decides whether the result is still wanted when it comes."""

    def __init__(self, work: Callable[[], T], undo: Callable[[T], object]) -> None:
        self._work = work
        self._undo = undo
        self._lock = threading.Lock()
        self._is_abandoned = False
        self._results: list[T] = []
        self._fault: Exception | None = None
        self._has_ended = threading.Event()

    def has_ended(self, patience_s: float) -> bool:
        """Whether it returns within ``patience_s`` seconds."""
        return self._has_ended.wait(patience_s)

    def result(self, patience_s: float) -> T:
        """What it returned or raised. Raises TimeoutError where it takes longer."""
        self._has_ended.wait(patience_s)
        with self._lock:
            if self._fault is not None:
                raise self._fault
            if not self._results:
                self._is_abandoned = True
                raise TimeoutError
            return self._results[0]

    def run(self) -> None:
        """The body of the thread."""
        try:
            found = self._work()
            with self._lock:
                is_late = self._is_abandoned
                self._results.append(found)
            if is_late:
                self._undo(found)
        except Exception as fault:  # noqa: BLE001 - handed to whoever waits
            with self._lock:
                self._fault = fault
        finally:
            self._has_ended.set()
