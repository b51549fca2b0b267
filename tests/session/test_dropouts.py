"""Dropouts of the sound device: all are counted, some are told, many are a problem."""

from __future__ import annotations

from player.core.events import News, OutputUnderran
from player.session.dropouts import DropoutReport
from player.session.outcome import Outcome


def told(out: Outcome) -> list[tuple[str, int]]:
    """Text and number of each event."""
    return [(event.text, event.data["times"]) for event in out.events if isinstance(event, News)]


def test_the_first_is_told_at_once_and_further_ones_together() -> None:
    """Two that follow are told 30 s after the first: their number and the longest."""
    report, out = DropoutReport(), Outcome()
    report.add(OutputUnderran(0.1), 100.0, out)
    assert told(out) == [("the sound device ran out of data: silent for 0.1 s", 1)]
    out = Outcome()
    report.add(OutputUnderran(0.15), 110.0, out)
    report.add(OutputUnderran(0.25), 120.0, out)
    assert told(out) == []
    assert 130.0 in report.due_s()
    report.tick(130.0, out)
    assert told(out) == [("the sound device ran out of data 2 times: silent for at most 0.25 s", 2)]
    assert report.count == 3


def test_a_night_of_them_is_told_some_hundred_times_and_counted_whole() -> None:
    """One every 10 s for eight hours: 2,880 are counted, and an event comes every five minutes at last."""
    report, out = DropoutReport(), Outcome()
    for number in range(2_880):
        report.add(OutputUnderran(0.1), 10.0 * number, out)
    report.announce(out)
    assert report.count == 2_880
    assert sum(times for _, times in told(out)) == 2_880
    assert 90 < len(told(out)) < 105


def test_three_within_ten_minutes_are_a_problem_until_half_an_hour_is_quiet() -> None:
    """Two are none; the third is, with what lull does about it; the time counts from the last one."""
    report, out = DropoutReport(), Outcome()
    report.add(OutputUnderran(0.1), 100.0, out)
    report.add(OutputUnderran(0.1), 200.0, out)
    assert report.problem(200.0) is None
    report.add(OutputUnderran(0.1, buffer_times=2), 300.0, out)
    problem = report.problem(300.0)
    assert problem is not None
    assert "3 times or more within 10 minutes" in problem
    assert "its buffer is larger until this session is over" in problem
    report.add(OutputUnderran(0.1, buffer_times=4), 1_500.0, out)
    assert report.problem(3_200.0) == problem  # the same one, which is not told again
    assert report.problem(3_301.0) is None


def test_seldom_ones_are_no_problem() -> None:
    """One in six minutes, all night."""
    report, out = DropoutReport(), Outcome()
    for number in range(80):
        report.add(OutputUnderran(0.1), 360.0 * number, out)
        assert report.problem(360.0 * number) is None
