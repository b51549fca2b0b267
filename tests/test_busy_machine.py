"""When a live test is tried again."""

from __future__ import annotations

import pytest

from tests import busy_machine


def report(outcome: str) -> pytest.TestReport:
    """The report of one attempt."""
    made = pytest.TestReport("t", ("t.py", 1, "t"), {}, "passed", None, "call")
    made.outcome = "failed" if outcome == "failed" else "passed"
    return made


@pytest.mark.parametrize(
    ("outcomes", "is_busy", "attempts", "is_failed"),
    [
        (["passed"], True, 1, False),
        (["failed"], False, 1, True),
        (["failed", "passed"], True, 2, False),
        (["failed", "failed", "failed"], True, 3, True),
    ],
)
def test_a_failure_is_repeated_only_on_a_busy_machine(
    outcomes: list[str], is_busy: bool, attempts: int, is_failed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two more attempts at most, each told with the load; on an idle machine the first failure counts."""
    monkeypatch.setattr(busy_machine, "repeated", [])
    left = iter(outcomes)
    reports = busy_machine.attempt(lambda: [report(next(left))], "t", is_too_busy=lambda: is_busy)
    assert [one.failed for one in reports] == [is_failed]
    assert next(left, None) is None
    assert len(busy_machine.repeated) == attempts - 1
    assert all("at a load of" in line for line in busy_machine.repeated)


def test_a_machine_is_busy_with_more_programs_than_cores() -> None:
    """By the load of the last minute."""
    assert busy_machine.is_busy(2.1, 2)
    assert not busy_machine.is_busy(2.0, 2)
