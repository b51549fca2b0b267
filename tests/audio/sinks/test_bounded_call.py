"""Calls that may block are waited for so long and no longer, one at a time."""

from __future__ import annotations

import threading

import pytest

from player.audio.sinks.bounded_call import BoundedCaller
from tests.fakes.threads import no_more_threads

SOON_S = 0.05
PATIENCE_S = 10.0


def test_the_result_or_the_exception_comes_back() -> None:
    """A call that returns in time is like any other call."""
    caller = BoundedCaller()
    assert caller.call(lambda: 7, PATIENCE_S) == 7
    with pytest.raises(ZeroDivisionError):
        caller.call(lambda: 1 // 0, PATIENCE_S)
    assert caller.call(lambda: 8, PATIENCE_S) == 8


def test_a_call_for_which_there_is_no_thread_is_as_good_as_one_that_hangs() -> None:
    """The service's limit of tasks: the device is tried again later, as any that does not answer."""
    caller = BoundedCaller()
    with no_more_threads(), pytest.raises(TimeoutError):
        caller.call(lambda: 7, PATIENCE_S)
    assert caller.call(lambda: 8, PATIENCE_S) == 8


def test_what_comes_too_late_is_undone_and_holds_the_next_one_up() -> None:
    """A call that hangs ends in a TimeoutError, and so does the next one; its late result is handed to ``undo``."""
    caller, gate, undone = BoundedCaller(), threading.Event(), threading.Event()
    late: list[bool] = []

    def undo(result: bool) -> None:
        late.append(result)
        undone.set()

    with pytest.raises(TimeoutError):
        caller.call(lambda: gate.wait(PATIENCE_S), SOON_S, undo)
    with pytest.raises(TimeoutError):
        caller.call(lambda: True, SOON_S)
    gate.set()
    assert undone.wait(PATIENCE_S)
    assert late == [True]
    assert caller.call(lambda: 9, PATIENCE_S) == 9


def test_a_late_exception_is_nobodys() -> None:
    """A call that fails after it was given up is forgotten, and the next one runs."""
    caller, gate = BoundedCaller(), threading.Event()

    def work() -> None:
        gate.wait(PATIENCE_S)
        raise ValueError

    with pytest.raises(TimeoutError):
        caller.call(work, SOON_S)
    gate.set()
    assert caller.call(lambda: 1, PATIENCE_S) == 1
