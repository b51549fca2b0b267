"""The queue of the engine's orders."""

from __future__ import annotations

import threading

from player.audio.order_queue import OrderQueue


def test_an_order_that_ends_a_wait_is_taken_first() -> None:
    """It is kept until then, and what came behind it follows in sequence."""
    orders = OrderQueue[str]()
    waiting = threading.Thread(target=orders.wait, args=(30.0,))
    waiting.start()
    for order in ("first", "second", "third"):
        orders.put(order)
    waiting.join(30.0)
    assert orders.was_woken
    assert orders.has_order
    assert list(orders.take_all()) == ["first", "second", "third"]
    assert not orders.was_woken
    assert not orders.has_order


def test_a_wait_without_an_order_ends_by_time() -> None:
    """Nothing is taken."""
    orders = OrderQueue[str]()
    orders.wait(0.0)
    assert not orders.was_woken
    assert list(orders.take_all()) == []


def test_what_comes_after_a_fault_in_one_order_is_kept() -> None:
    """The engine drops what it was doing, and carries on with the next order."""
    orders = OrderQueue[str]()
    orders.put("faulty")
    orders.put("next")
    assert next(orders.take_all()) == "faulty"
    assert list(orders.take_all()) == ["next"]
