"""Waking a thread that waits, and one that has ended."""

from __future__ import annotations

import os
import select

from player.system.wake import WakeUp


def test_it_is_readable_from_the_first_wake_on() -> None:
    """However often it is woken."""
    wake = WakeUp()
    assert select.select([wake], [], [], 0.0)[0] == []
    wake.wake()
    wake.wake()
    assert select.select([wake], [], [], 0.0)[0] == [wake]
    wake.close()


def test_after_its_end_a_wake_reaches_no_other_file() -> None:
    """A descriptor that took the number is not written to."""
    wake = WakeUp()
    number = wake.fileno()
    wake.close()
    other = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
    assert other == number, "the lowest free number is given"
    wake.wake()
    assert select.select([other], [], [], 0.0)[0] == []
    os.close(other)
