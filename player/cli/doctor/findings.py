"""A finding: one thing that is right, doubtful or wrong, in plain words, and how to repair it. Frozen; pure."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

FORMAT: Final = 1
"""Version of the JSON form, see player/mqtt/schema/doctor.v1.json."""


class Level(StrEnum):
    """The severity: a warning leaves the exit code at 0; WRONG means that a night may fail."""

    RIGHT = "right"
    WARNING = "warning"
    WRONG = "wrong"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the screen.

    Attributes:
        check: what was checked.
        what: what was found.
        mend: what to do; None where nothing has to be done.
    """

    check: str
    level: Level
    what: str
    mend: str | None = None

    def __post_init__(self) -> None:
        assert self.level is not Level.WRONG or self.mend, "whoever is told that something is wrong is told what to do"


def right(check: str, what: str) -> Finding:
    """A finding that all is well."""
    return Finding(check, Level.RIGHT, what)


def warning(check: str, what: str, mend: str | None = None) -> Finding:
    """A finding that can wait."""
    return Finding(check, Level.WARNING, what, mend)


def wrong(check: str, what: str, mend: str) -> Finding:
    """A finding that may make a night fail."""
    return Finding(check, Level.WRONG, what, mend)


def is_all_right(findings: Iterable[Finding]) -> bool:
    """Whether nothing is wrong; warnings do not count."""
    return all(finding.level is not Level.WRONG for finding in findings)


def as_json(findings: Iterable[Finding], version: str) -> dict[str, Any]:
    """The findings for programs."""
    listed = list(findings)
    return {
        "v": FORMAT,
        "lull": version,
        "right": is_all_right(listed),
        "findings": [
            {"check": one.check, "level": one.level.value, "what": one.what, "mend": one.mend} for one in listed
        ],
    }


def shortened(items: Iterable[str], most: int = 3) -> str:
    """The first few of many, and how many more there are."""
    listed = list(items)
    more = len(listed) - most
    return "; ".join(listed[:most]) + (f"; and {more} more" if more > 0 else "")


def log(unit: str | None, more: str = "") -> str:
    """Where lull tells what happens: the journal of this unit, or without one the terminal that it was started in."""
    return f"journalctl -u {unit}{more}" if unit is not None else "what lull printed in its terminal"


def to_read(fault: str) -> str:
    """What to do about a file of the state directory that could not be read."""
    if os.strerror(errno.EACCES) in fault:
        return "sudo lull doctor, if only lull may read it"
    return "if it is damaged, lull sets it aside when it starts next, and begins a new one"
