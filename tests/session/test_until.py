"""``until 06:30``: silent when the clocks next show that time, where they change too."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, time
from zoneinfo import ZoneInfo

import pytest

from player.core.clock import elapsed_s
from player.core.commands import ExtendTimer, Play, SetTimer
from player.core.settings.session import TIMER_OFF, Entry, Phase, Playlist, Settings, TimerMode, TimerSetting
from player.core.states import State
from player.session.checks import NOT_SET
from player.session.memory.records import Documents, RecalledMemory, read_texts, texts
from player.session.sleep_timer import UNKNOWN_TIME_S, resolve
from tests import effort
from tests.nights.night_rig import Nights

BERLIN = ZoneInfo("Europe/Berlin")
HALF_SIX = TimerSetting.at(time(6, 30))
SETTINGS = Settings(playlists=(Playlist("rain", ("/r",)),))


@pytest.mark.parametrize(
    ("asked", "hours"),
    [
        ("2026-01-15T22:30:00+01:00", 8.0),
        ("2026-01-15T06:29:59+01:00", 1 / 3600),
        ("2026-01-15T06:30:00+01:00", 24.0),  # has come already: tomorrow's
        ("2026-03-28T22:30:00+01:00", 7.0),  # the clocks go forward in this night
        ("2026-10-24T22:30:00+02:00", 9.0),  # and back
        ("2026-10-25T06:45:00+01:00", 23.75),
    ],
)
def test_until_is_as_long_as_the_night_really_is(asked: str, hours: float) -> None:
    """Real hours from the moment of asking."""
    wall = datetime.fromisoformat(asked).astimezone(BERLIN)
    found = resolve(HALF_SIX, wall, is_trusted=True)
    assert found.duration_s == pytest.approx(hours * 3600)
    assert found.until == time(6, 30)


def test_until_a_time_that_the_clocks_skip_is_the_end_of_the_gap() -> None:
    """02:30 does not exist on that night; it is silent at 03:00, when the clocks have jumped."""
    wall = datetime(2026, 3, 29, 1, 0, tzinfo=BERLIN)
    assert resolve(TimerSetting.at(time(2, 30)), wall, is_trusted=True).duration_s == 3600.0


def test_until_a_time_that_comes_twice_is_its_first_showing() -> None:
    """02:30 comes at summer time first; asked after it, the next day's is meant."""
    wall = datetime(2026, 10, 25, 1, 30, tzinfo=BERLIN)
    assert resolve(TimerSetting.at(time(2, 30)), wall, is_trusted=True).duration_s == 3600.0
    between = datetime(2026, 10, 25, 2, 45, tzinfo=BERLIN)
    assert (
        resolve(TimerSetting.at(time(2, 30)), between, is_trusted=True).duration_s == 24 * 3600.0
    )  # no timer is longer


def test_a_day_of_25_hours_is_no_longer_than_the_longest_timer() -> None:
    """Asked just after the time on the day before the clocks go back."""
    wall = datetime(2026, 10, 24, 6, 30, 1, tzinfo=BERLIN)
    assert resolve(HALF_SIX, wall, is_trusted=True).duration_s == 24 * 3600.0


@pytest.mark.parametrize(("day", "hours"), effort.first(1, [(28, 7), (27, 8)]))
def test_a_night_until_half_past_six_is_silent_at_half_past_six(day: int, hours: int) -> None:
    """Within a second, also in the night of summer time; the answer names the day."""
    nights = Nights(replace(SETTINGS, timer=TIMER_OFF), datetime(2026, 3, day, 22, 30, tzinfo=BERLIN))
    nights.command(Play())
    answer = nights.command(SetTimer(HALF_SIX))
    weekday = {28: "Sun", 27: "Sat"}[day]
    assert answer.text == f"silent in {hours}h, {weekday} 06:30"
    began = nights.now.wall
    nights.run_for(hours * 3600 + 60)
    (told,) = nights.events("session_ended")
    assert abs(elapsed_s(began, told.now.wall) - hours * 3600) <= 1.0
    assert f"{told.now.wall:%H:%M}" in {"06:29", "06:30"}


def test_the_end_is_shown_with_the_offset_that_holds_then() -> None:
    """Where the clocks go back, 02:10 comes twice: from 02:48 at summer time in 22 minutes it is winter time."""
    nights = Nights(SETTINGS, datetime(2026, 10, 25, 2, 48, tzinfo=BERLIN))
    nights.command(Play(timer=TimerSetting.clock(22 * 60.0)))
    ends = nights.session.snapshot(nights.now).timer_ends
    assert ends is not None
    assert ends.isoformat() == "2026-10-25T02:10:00+01:00"


def test_a_play_until_after_the_maximum_length_says_when_it_is_silent() -> None:
    """From 18:30 until 06:30: after ten hours, at a start and on what plays; with 45 minutes nothing is added."""
    nights = Nights(SETTINGS, datetime(2026, 1, 15, 18, 30, tzinfo=BERLIN))
    for _ in range(2):
        answer = nights.command(Play("rain", timer=HALF_SIX))
        assert answer.text == "playing rain; silent in 10h, Fri 04:30 (session.max)"
    assert nights.command(Play("rain", timer=TimerSetting.clock(2700.0))).text == "playing rain"


def test_an_entry_until_a_time_of_day_counts_from_its_planned_start() -> None:
    """Caught up with 10 minutes late it ends at the same time; one whose end has passed does not start."""
    entry = Entry("nap", time(14, 0), timer=TimerSetting.at(time(14, 15)))
    settings = replace(SETTINGS, schedule=(entry,))
    nights = Nights(settings, datetime(2026, 1, 15, 14, 10, tzinfo=BERLIN))
    nights.run_for(5.0)
    assert nights.session.snapshot(nights.now).timer_remaining_s == pytest.approx(295.0, abs=0.1)
    late = Nights(settings, datetime(2026, 1, 15, 14, 16, tzinfo=BERLIN))
    late.run_for(5.0)
    (missed,) = late.events("start_missed")
    assert missed.news.data["reason"] == "its planned end has passed"


def test_a_missed_start_is_told_once_and_not_at_the_first_start_of_all() -> None:
    """A new installation had no night to miss; one that knows earlier nights tells it, and not at each restart."""
    settings = replace(SETTINGS, schedule=(Entry("night", time(22, 0)),))
    known, told = texts(Documents(nights=frozenset({date(2026, 1, 14)}))), []
    for documents in ({}, known, known):
        recalled = RecalledMemory(read_texts(documents)[0])
        nights = Nights(settings, datetime(2026, 1, 15, 22, 40, tzinfo=BERLIN), recalled=recalled)
        nights.run_for(15.0)
        for batch in nights.written:
            documents.update(batch.documents)
        told.append([event.news.data["reason"] for event in nights.events("start_missed")])
    assert told == [[], ["it is too late for it"], []]


def test_while_the_clock_is_not_set_until_is_refused_and_a_default_is_45_minutes() -> None:
    """What a person asks for by name is refused with another way; a button that names nothing still plays."""
    nights = Nights(replace(SETTINGS, timer=HALF_SIX), datetime(2026, 1, 15, 22, 0, tzinfo=BERLIN))
    nights.clock.is_trusted = False
    for command in (Play(timer=HALF_SIX), SetTimer(HALF_SIX)):
        answer = nights.command(command)
        assert not answer.is_done
        assert answer.text == f"timer until 06:30: {NOT_SET}; use a length, such as 45m"
    assert nights.command(Play()).is_done
    assert nights.session.snapshot(nights.now).timer_remaining_s == UNKNOWN_TIME_S


def test_idle_it_is_kept_for_the_next_session_and_counted_from_its_start() -> None:
    """Asked at 22:00, played at 23:00: 7 h 30."""
    nights = Nights(SETTINGS, datetime(2026, 1, 15, 22, 0, tzinfo=BERLIN))
    assert nights.command(SetTimer(HALF_SIX)).text == "sleep timer of the next session: until 06:30"
    nights.run_for(3600.0)
    nights.command(Play())
    assert nights.session.snapshot(nights.now).timer_remaining_s == 7.5 * 3600


def test_play_after_its_end_begins_with_the_default_timer_and_not_with_tomorrow() -> None:
    """Within rearm_within of the end: 45 minutes, not a day."""
    nights = Nights(SETTINGS, datetime(2026, 1, 15, 6, 0, tzinfo=BERLIN))
    nights.command(Play(timer=HALF_SIX))
    nights.run_for(1860.0)
    assert nights.events("timer_expired")
    nights.command(Play())
    assert nights.session.snapshot(nights.now).timer_remaining_s == 2700.0


def test_a_setting_is_written_as_people_write_it() -> None:
    """In answers and in `lull check`."""
    shown = [str(one) for one in (HALF_SIX, TimerSetting.clock(2700), TIMER_OFF)]
    assert shown == ["until 06:30", "45m", "off"]
    with pytest.raises(ValueError, match="a duration or a time of day"):
        TimerSetting(TimerMode.CLOCK)


def unset(settings: Settings, at: datetime = datetime(2026, 1, 15, 20, 0, tzinfo=BERLIN)) -> Nights:
    """Nights on a machine whose clock is two hours behind and not set."""
    nights = Nights(settings, at)
    nights.clock.is_trusted = False
    nights.command(Play())
    return nights


def set_clock(nights: Nights) -> None:
    """A time server answers."""
    nights.clock.jump_wall(7200.0)
    nights.clock.is_trusted = True
    nights.run_for(10.0)


def test_once_the_clock_is_set_a_default_until_ends_at_its_time() -> None:
    """Played at 22:00, which the speaker learns five minutes later: silent at 06:30, and that is told."""
    nights = unset(replace(SETTINGS, timer=HALF_SIX))
    nights.run_for(300.0)
    nights.clock.jump_wall(7200.0)
    nights.run_for(10.0)
    assert nights.session.snapshot(nights.now).timer_remaining_s == UNKNOWN_TIME_S - 310.0
    nights.clock.is_trusted = True
    nights.run_for(10.0)
    shown = nights.session.snapshot(nights.now)
    assert shown.timer_ends == datetime(2026, 1, 16, 6, 30, tzinfo=BERLIN)
    assert shown.started == datetime(2026, 1, 15, 22, 0, tzinfo=BERLIN)
    (told,) = nights.events("timer_set")
    assert told.news.text == "silent in 8h24m40s, Fri 06:30"
    nights.run_until(datetime(2026, 1, 16, 6, 31, tzinfo=BERLIN))
    (ended,) = nights.events("session_ended")
    assert abs(elapsed_s(ended.now.wall, datetime(2026, 1, 16, 6, 30, tzinfo=BERLIN))) <= 1.0


def test_what_a_person_made_of_an_assumed_length_holds() -> None:
    """Extended by ten minutes, or already fading, it ends as it was told."""
    nights = unset(replace(SETTINGS, timer=HALF_SIX))
    nights.command(ExtendTimer(600.0))
    set_clock(nights)
    assert nights.session.snapshot(nights.now).timer_remaining_s == UNKNOWN_TIME_S + 590.0
    fading = unset(replace(SETTINGS, timer=HALF_SIX))
    fading.run_for(UNKNOWN_TIME_S - 300.0)
    assert fading.state is State.FADING_OUT
    set_clock(fading)
    assert (fading.state, fading.session.snapshot(fading.now).timer_remaining_s) == (State.FADING_OUT, 290.0)


def test_an_until_that_passed_before_the_clock_was_set_leaves_the_fade_its_time() -> None:
    """Until 22:05, and at 22:10 the clock is set: it fades from then on over ten minutes."""
    nights = unset(replace(SETTINGS, timer=TimerSetting.at(time(22, 5))))
    nights.run_for(600.0)
    set_clock(nights)
    nights.run_for(1.0)
    assert nights.state is State.FADING_OUT
    assert nights.session.snapshot(nights.now).timer_remaining_s == pytest.approx(600.0, abs=2.0)


def test_a_phase_until_a_time_of_day_counts_from_the_start_that_the_clock_tells_later() -> None:
    """45 minutes of rain, and the clock is set in them: what follows until 06:30 is silent at 06:30."""
    phases = (Phase("rain", timer=HALF_SIX),)
    rain = replace(SETTINGS.playlists[0], then=phases)
    nights = unset(replace(SETTINGS, playlists=(rain,), timer=TimerSetting.clock(2700.0)))
    set_clock(nights)
    nights.run_for(3600.0)
    shown = nights.session.snapshot(nights.now)
    assert (shown.phase, shown.timer_ends) == (2, datetime(2026, 1, 16, 6, 30, tzinfo=BERLIN))
