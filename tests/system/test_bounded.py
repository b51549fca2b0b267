"""Calls that may hang: answered, failed, late."""

from __future__ import annotations

import threading

import pytest

from player.core.errors import StoreError
from player.system.bounded import BoundedCall, CallHangs
from tests.fakes.threads import no_more_threads

PATIENCE_S = 20.0


def test_an_answer_is_handed_out_each_time() -> None:
    """Also None."""
    assert BoundedCall(lambda: 7, "test").answer(PATIENCE_S) == 7
    call = BoundedCall(lambda: None, "test")
    assert [call.answer(PATIENCE_S) for _ in range(2)] == [None, None]


def test_a_fault_is_raised_where_the_answer_is_waited_for() -> None:
    """The thread's own fault."""

    def fail() -> int:
        raise StoreError("the disk is full")

    with pytest.raises(StoreError, match="the disk is full"):
        BoundedCall(fail, "test").answer(PATIENCE_S)


def test_what_hangs_is_not_waited_for_and_answers_later() -> None:
    """First CallHangs, then the answer."""
    may_end = threading.Event()
    call = BoundedCall(lambda: may_end.wait(PATIENCE_S), "test")
    with pytest.raises(CallHangs):
        call.answer(0.0)
    may_end.set()
    assert call.answer(PATIENCE_S) is True


def test_too_many_threads_are_as_good_as_a_call_that_hangs() -> None:
    """The service's limit of tasks: Python says so by a RuntimeError, and who asks must go on."""
    with no_more_threads():
        call = BoundedCall(lambda: 7, "test")
    with pytest.raises(CallHangs):
        call.answer(PATIENCE_S)
