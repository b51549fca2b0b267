"""The sleep timer: when it ends, when its fade begins, and what extending and touching it do."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from player.core.settings.session import MAX_TIMER_S, TIMER_END_OF_TRACK, TIMER_OFF, TimerMode, TimerSetting
from player.session.sleep_timer import SleepTimer
from tests import effort

MINUTE = 60.0
START_S = 5_000.0


def clock(minutes: float, now_s: float = START_S) -> SleepTimer:
    """A timer of so many minutes."""
    return SleepTimer.start(TimerSetting.clock(minutes * MINUTE), now_s)


def test_a_clock_timer_ends_after_its_duration_and_not_before() -> None:
    """45 minutes after the start it is due; a moment earlier it is not; nothing is ever negative."""
    timer = clock(45)
    end_s = START_S + 45 * MINUTE
    assert timer.deadline_boot_s == end_s
    assert not timer.is_due(end_s - 0.001)
    assert timer.is_due(end_s)
    assert timer.remaining_s(START_S + 40 * MINUTE) == 5 * MINUTE
    assert timer.remaining_s(end_s + 99) == 0.0


@pytest.mark.parametrize("setting", [TIMER_OFF, TIMER_END_OF_TRACK])
def test_without_a_deadline_nothing_is_ever_due(setting: TimerSetting) -> None:
    """Off and end-of-track have no end of their own, no fade by the clock, and nothing that remains."""
    timer = SleepTimer.start(setting, START_S)
    assert timer.mode is setting.mode
    assert not timer.is_due(1e12)
    assert timer.remaining_s(START_S) is None
    assert timer.fade_starts_at(600, START_S) is None
    assert timer.refade(START_S) == timer


def test_the_fade_ends_with_the_timer() -> None:
    """A fade of ten minutes in a timer of 45 begins after 35."""
    assert clock(45).fade_starts_at(10 * MINUTE, START_S) == START_S + 35 * MINUTE


def test_a_fade_longer_than_the_timer_begins_with_it() -> None:
    """A fade of ten minutes in a timer of four begins at once and takes four."""
    assert clock(4).fade_starts_at(10 * MINUTE, START_S) == START_S


def test_a_fade_of_no_length_begins_at_the_end() -> None:
    """Without a fade its beginning is the end of the timer."""
    assert clock(45).fade_starts_at(0.0, START_S) == START_S + 45 * MINUTE


def test_a_late_start_keeps_its_planned_end() -> None:
    """A session that starts 15 minutes late with a timer of 45 has 30 left."""
    assert clock(45, START_S - 15 * MINUTE).remaining_s(START_S) == 30 * MINUTE


def test_extending_moves_the_end() -> None:
    """Fifteen minutes more, or fewer, than there were."""
    assert clock(45).extend(15 * MINUTE, START_S + 600).deadline_boot_s == START_S + 60 * MINUTE
    assert clock(45).extend(-15 * MINUTE, START_S + 600).deadline_boot_s == START_S + 30 * MINUTE


@pytest.mark.parametrize("setting", [TIMER_OFF, TIMER_END_OF_TRACK])
def test_extending_what_has_no_deadline_sets_one_from_now(setting: TimerSetting) -> None:
    """Off, or to the end of the track, extended by 15 minutes is a timer of 15 minutes."""
    timer = SleepTimer.start(setting, START_S).extend(15 * MINUTE, START_S + 100)
    assert timer == clock(15, START_S + 100)


@pytest.mark.parametrize("setting", [TIMER_OFF, TIMER_END_OF_TRACK])
def test_shortening_what_has_no_deadline_changes_nothing(setting: TimerSetting) -> None:
    """There is nothing to shorten, and nobody who presses "less" without a timer wants silence at once."""
    timer = SleepTimer.start(setting, START_S)
    assert timer.extend(-15 * MINUTE, START_S) == timer


@pytest.mark.parametrize("by_s", [-45 * MINUTE, -60 * MINUTE, -45 * MINUTE + 0.9])
def test_shortening_below_a_second_means_now(by_s: float) -> None:
    """An end in the past, or nearly so, is an end now."""
    timer = clock(45).extend(by_s, START_S)
    assert timer.deadline_boot_s == START_S
    assert timer.is_due(START_S)


def test_no_extension_goes_beyond_a_day() -> None:
    """A timer ends within 24 hours of the last touch, as one that is set does."""
    assert clock(23 * 60).extend(4 * 60 * MINUTE, START_S).remaining_s(START_S) == MAX_TIMER_S


def test_a_level_set_during_the_fade_is_kept_for_half_of_what_remains() -> None:
    """With six minutes left the level stays for three, then fades over three; the end stands."""
    now_s = START_S + 39 * MINUTE
    timer = clock(45).refade(now_s)
    assert timer.fade_starts_at(10 * MINUTE, START_S) == now_s + 3 * MINUTE
    assert timer.deadline_boot_s == START_S + 45 * MINUTE


def test_a_kept_level_never_makes_a_short_fade_longer() -> None:
    """Where the fade is shorter than half of what remains it begins when it always would."""
    assert clock(45).refade(START_S).fade_starts_at(10 * MINUTE, START_S) == START_S + 35 * MINUTE


def test_each_touch_halves_what_remains_anew() -> None:
    """A second touch one minute later, with five left, keeps the level for two and a half."""
    now_s = START_S + 40 * MINUTE
    assert clock(45).refade(now_s - MINUTE).refade(now_s).fade_starts_at(10 * MINUTE, START_S) == now_s + 2.5 * MINUTE


def test_an_extension_while_a_level_is_kept_keeps_it_for_half_of_the_new_rest() -> None:
    """Touched with six minutes left, extended by five with five left: ten remain, five at the level, five to fade."""
    now_s = START_S + 40 * MINUTE
    timer = clock(45).refade(now_s - MINUTE).extend(5 * MINUTE, now_s)
    assert timer.deadline_boot_s == now_s + 10 * MINUTE
    assert timer.fade_starts_at(10 * MINUTE, START_S) == now_s + 5 * MINUTE


def test_an_extension_forgets_a_level_that_is_no_longer_kept() -> None:
    """Once the second half fades, an extension by an hour has an ordinary fade at its end again."""
    now_s = START_S + 44 * MINUTE
    timer = clock(45).refade(START_S + 39 * MINUTE).extend(60 * MINUTE, now_s)
    assert timer.fade_starts_at(10 * MINUTE, START_S) == now_s + 51 * MINUTE


SECONDS = st.floats(0, 3600)


@settings(derandomize=True, database=None, deadline=None, max_examples=effort.examples(20, 60))
@given(SECONDS, st.lists(st.tuples(st.floats(0.1, 600), st.floats(-7200, 7200) | st.none())), SECONDS)
def test_whatever_is_pressed_the_fade_lies_before_the_end_and_the_end_not_in_the_past(
    first_s: float, presses: list[tuple[float, float | None]], fade_s: float
) -> None:
    """Extensions (seconds) and touches (None) in any order: now <= end <= now + 24 h, fade start <= end."""
    now_s, timer = START_S, clock(1 + first_s / 60)
    for passed_s, by_s in presses:
        now_s += passed_s
        before_s = timer.deadline_boot_s
        timer = timer.refade(now_s) if by_s is None else timer.extend(by_s, now_s)
        starts_s, end_s = timer.fade_starts_at(fade_s, START_S), timer.deadline_boot_s
        assert timer.mode is TimerMode.CLOCK
        assert starts_s is not None
        assert end_s is not None
        if by_s is None:
            assert end_s == before_s
        else:
            assert now_s <= end_s <= now_s + MAX_TIMER_S
        assert end_s - fade_s <= starts_s + 1e-6
        assert starts_s <= end_s
