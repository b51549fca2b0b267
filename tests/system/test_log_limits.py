"""Repeated messages are said once and counted; memory stays bounded."""

from __future__ import annotations

import logging

from hypothesis import given
from hypothesis import strategies as st

from player.system.log_limits import LogDedup, LogMessage

WINDOW_S = 600.0


def message(text: str, level: int = logging.WARNING, logger: str = "lull.mqtt") -> LogMessage:
    """A warning of the broker's."""
    return LogMessage(logger, level, text)


def test_a_new_text_is_said() -> None:
    """What was never said is new."""
    assert LogDedup().is_new(message("refused"), 0.0)


def test_the_same_text_is_said_once_within_the_window() -> None:
    """A thousand times in ten minutes: said once, 999 more are counted, and the count is handed out once."""
    repeats = LogDedup()
    said = [repeats.is_new(message("refused"), index * 0.5) for index in range(1000)]
    assert said.count(True) == 1
    assert said[0]
    assert repeats.take_counts(WINDOW_S - 0.1) == []
    assert repeats.take_counts(WINDOW_S) == [(message("refused"), 999)]
    assert repeats.take_counts(WINDOW_S) == []


def test_after_the_window_the_text_is_new_again() -> None:
    """A fault that lasts is named again every ten minutes."""
    repeats = LogDedup()
    assert repeats.is_new(message("refused"), 0.0)
    assert not repeats.is_new(message("refused"), WINDOW_S - 0.1)
    assert repeats.is_new(message("refused"), WINDOW_S)
    assert not repeats.is_new(message("refused"), 2 * WINDOW_S - 0.1)


def test_a_text_that_came_once_has_no_count() -> None:
    """Nothing is said about what did not come again."""
    repeats = LogDedup()
    repeats.is_new(message("refused"), 0.0)
    assert repeats.take_counts(WINDOW_S) == []


def test_level_and_logger_make_a_difference() -> None:
    """The same words from somebody else, or in earnest, are another message."""
    repeats = LogDedup()
    assert repeats.is_new(message("refused"), 0.0)
    assert repeats.is_new(message("refused", logging.ERROR), 0.0)
    assert repeats.is_new(message("refused", logger="lull.vlc"), 0.0)


@given(st.lists(st.tuples(st.integers(0, 30), st.floats(0, 50)), max_size=300))
def test_no_message_is_lost_and_memory_is_bounded(steps: list[tuple[int, float]]) -> None:
    """For any sequence of messages, said and counted together are all that came, with at most eight texts kept."""
    repeats = LogDedup(max_texts=8)
    now_s = 0.0
    said = counted = 0
    for text, pause_s in steps:
        now_s += pause_s
        counted += sum(count for _, count in repeats.take_counts(now_s))
        said += repeats.is_new(message(str(text)), now_s)
        assert len(repeats._windows) <= 9
    counted += sum(count for _, count in repeats.take_counts(float("inf")))
    assert said + counted == len(steps)
