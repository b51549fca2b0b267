"""Calls that may never return, as on a share whose server is away or a card that fails: made on a thread of their own.

Any thread may call. A thread that hangs is left behind; it is a daemon thread, so it does not keep the process.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

from player.core.errors import LullError
from player.core.threads import TOO_MANY, has_started

T = TypeVar("T")


class CallHangs(LullError):
    """A call did not return in time."""


class BoundedCall(Generic[T]):
    """One call, which begins at once on a thread of its own.

    Args:
        call: what may hang.
        name: of the thread.
    """

    def __init__(self, call: Callable[[], T], name: str) -> None:
        self._call = call
        self._answers: list[T] = []
        self._fault: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        if not has_started(self._thread):  # as good as a call that hangs
            self._fault = CallHangs(TOO_MANY)

    def _run(self) -> None:
        try:
            self._answers.append(self._call())
        except Exception as fault:  # noqa: BLE001 - raised where the answer is waited for
            self._fault = fault

    def answer(self, wait_s: float) -> T:
        """What the call returned; raises what it raised, or CallHangs where it has not returned within seconds."""
        if self._thread.ident is not None:
            self._thread.join(max(0.0, wait_s))
        if self._fault is not None:
            raise self._fault
        if not self._answers:
            raise CallHangs("no answer")
        return self._answers[0]
