"""How much a run of the tests tries: a few cases of each kind, or all of them with ``--thorough``."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import Any

import pytest

_chosen = {"thorough": False}


def choose(*, thorough: bool) -> None:
    """Set by conftest.py from the command line, before any test is collected."""
    _chosen["thorough"] = thorough


def is_thorough() -> bool:
    """Whether every case is tried."""
    return _chosen["thorough"]


def first(number: int, cases: Iterable[Any]) -> list[Any]:
    """The cases for ``parametrize``; those behind the first ``number`` are run only with ``--thorough``."""
    return [case if index < number else _later(case) for index, case in enumerate(cases)]


def examples(few: int, many: int) -> int:
    """The number of examples that hypothesis tries."""
    return many if is_thorough() else few


def least_cpu_s(work: Callable[[], object], times: int) -> float:
    """The processor time of this thread for the work, s: the least of so many runs, for ratios on a busy machine."""
    taken = []
    for _ in range(times):
        began_s = time.thread_time()
        work()
        taken.append(time.thread_time() - began_s)
    return min(taken)


def _later(case: Any) -> Any:
    """The case, only with ``--thorough``; it may be a value, a tuple of them, or made by `pytest.param`."""
    if isinstance(case, type(pytest.param())):
        return case._replace(marks=(*case.marks, pytest.mark.thorough))
    return pytest.param(*(case if isinstance(case, tuple) else (case,)), marks=pytest.mark.thorough)
