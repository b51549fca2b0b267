"""Live tests: which files have some, and what is done on a busy machine, where they measure it and not lull."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from _pytest.runner import runtestprotocol

ATTEMPTS = 3
"""A live test that fails is tried so often in all, while the machine has more to do than cores to do it."""

LIVE = "mark.live"
"""What is written in each file with a live test."""

repeated: list[str] = []
"""What was repeated, a line each, for the summary."""


def is_busy(load: float | None = None, cores: int | None = None) -> bool:
    """Whether more programs wanted to run in the last minute than there are cores."""
    load = os.getloadavg()[0] if load is None else load
    return load > (cores or os.cpu_count() or 1)


def attempt(
    run: Callable[[], list[pytest.TestReport]], name: str, *, is_too_busy: Callable[[], bool] = is_busy
) -> list[pytest.TestReport]:
    """The reports of a test, of its last attempt where it failed on a busy machine. On another one it fails at once."""
    for number in range(1, ATTEMPTS + 1):
        reports = run()
        failed = [report for report in reports if report.failed]
        if not failed or number == ATTEMPTS or not is_too_busy():
            break
        repeated.append(f"{name}: attempt {number} failed at a load of {os.getloadavg()[0]:.1f}")
    return reports


def names_live(path: Path) -> bool:
    """Whether a test file can have live tests."""
    return LIVE in path.read_text(encoding="utf-8")


def run_live_test(item: pytest.Item, nextitem: pytest.Item | None) -> bool:
    """Run one test with its attempts and tell its reports; each attempt has fixtures of its own."""

    def run() -> list[pytest.TestReport]:
        item._initrequest()  # type: ignore[attr-defined]  # what pytest does itself when it makes the item
        return runtestprotocol(item, log=False, nextitem=nextitem)

    hook = item.ihook
    hook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
    for report in attempt(run, item.nodeid):
        hook.pytest_runtest_logreport(report=report)
    hook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
    return True
