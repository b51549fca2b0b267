"""The heartbeat: fed while sound is rendered or silence is expected, and never otherwise."""

from __future__ import annotations

import math

from player.system.watchdog import Heartbeat

PERIOD_S = 20.0


def test_without_a_watchdog_nothing_is_ever_due() -> None:
    """No period, no feeding, and no reason to wake up."""
    heart = Heartbeat(None)
    assert not heart.is_due(0.0, 1, is_silence_expected=True)
    assert not heart.is_due(1e9, 2, is_silence_expected=True)
    assert heart.wait_s() == math.inf


def test_the_wait_is_well_under_half_of_the_period() -> None:
    """A look every quarter of the period: two may be late before the watchdog bites."""
    assert Heartbeat(PERIOD_S).wait_s() == 5.0


def test_the_first_look_feeds() -> None:
    """Nothing can have moved before the first look."""
    assert Heartbeat(PERIOD_S).is_due(1000.0, 0, is_silence_expected=False)


def test_a_moving_counter_feeds_every_quarter() -> None:
    """Looked at every second while ten blocks a second are rendered, it is fed at 0, 5, 10, … seconds."""
    heart = Heartbeat(PERIOD_S)
    fed = [second for second in range(31) if heart.is_due(1000.0 + second, 10 * second, is_silence_expected=False)]
    assert fed == [0, 5, 10, 15, 20, 25, 30]


def test_a_single_block_is_a_sign_of_life() -> None:
    """One block since the last feeding is movement."""
    heart = Heartbeat(PERIOD_S)
    assert heart.is_due(0.0, 7, is_silence_expected=False)
    assert heart.is_due(5.0, 8, is_silence_expected=False)


def test_a_frozen_audio_thread_is_not_fed() -> None:
    """The counter stands while sound is expected: no feeding, however often one looks, so the watchdog bites."""
    heart = Heartbeat(PERIOD_S)
    assert heart.is_due(0.0, 50, is_silence_expected=False)
    assert not any(heart.is_due(second, 50, is_silence_expected=False) for second in range(1, 200))


def test_a_freeze_is_found_within_one_period_and_a_quarter() -> None:
    """Frozen at any moment after a feeding, there is at most one more feeding, a quarter of the period later."""
    for frozen_at_s in (0.1, 2.5, 4.9):
        heart = Heartbeat(PERIOD_S)
        fed = [
            tenth / 10
            for tenth in range(1000)
            if heart.is_due(tenth / 10, int(10 * min(tenth / 10, frozen_at_s)), is_silence_expected=False)
        ]
        assert fed == [0.0, 5.0]


def test_expected_silence_feeds_without_movement() -> None:
    """An idle night with a closed device is healthy."""
    heart = Heartbeat(PERIOD_S)
    fed = [second for second in range(0, 31, 5) if heart.is_due(second, 50, is_silence_expected=True)]
    assert fed == [0, 5, 10, 15, 20, 25, 30]


def test_a_start_out_of_silence_has_a_whole_period() -> None:
    """Fed a moment before the start, the engine may take up to a period for its first block; then it is fed at once."""
    heart = Heartbeat(PERIOD_S)
    assert heart.is_due(0.0, 50, is_silence_expected=True)
    assert not heart.is_due(6.0, 50, is_silence_expected=False)
    assert not heart.is_due(18.0, 50, is_silence_expected=False)
    assert heart.is_due(18.2, 51, is_silence_expected=False)


def test_a_pause_that_is_expected_does_not_excuse_a_later_freeze() -> None:
    """Silence feeds while it is expected; once sound is expected again a standing counter starves the watchdog."""
    heart = Heartbeat(PERIOD_S)
    assert heart.is_due(0.0, 50, is_silence_expected=True)
    assert heart.is_due(5.0, 50, is_silence_expected=True)
    assert not any(heart.is_due(second, 50, is_silence_expected=False) for second in range(6, 100))


def test_many_looks_feed_no_more_than_few() -> None:
    """A busy inbox costs no datagrams: a thousand looks in one quarter of the period feed once."""
    heart = Heartbeat(PERIOD_S)
    looks = [heart.is_due(index * 0.0049, index, is_silence_expected=False) for index in range(1000)]
    assert looks.count(True) == 1
