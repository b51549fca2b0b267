"""What each part of the benchmark hands over, how it is printed, and where it stands in docs/performance.md."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

DOCUMENT: Final = Path(__file__).resolve().parent.parent / "docs" / "performance.md"
BEGIN: Final = "<!-- python -m bench --docs writes from here ... -->\n"
END: Final = "<!-- ... to here -->\n"


@dataclass(frozen=True, slots=True)
class Ratio:
    """A figure of lull over the same of a rival; above 1 lull needs more."""

    figure: str
    rival: str
    mine: float
    theirs: float

    @property
    def value(self) -> float:
        """Infinite where the rival needs nothing."""
        return self.mine / self.theirs if self.theirs else float("inf")


@dataclass(frozen=True, slots=True)
class Part:
    """One table, and what of it is compared."""

    title: str
    table: str
    ratios: tuple[Ratio, ...] = ()


def compared(mine: Mapping[str, float], rivals: Mapping[str, Mapping[str, float]]) -> tuple[Ratio, ...]:
    """Each figure of lull over the same of every rival that has it."""
    return tuple(
        Ratio(figure, rival, mine[figure], value)
        for rival, figures in rivals.items()
        for figure, value in figures.items()
        if figure in mine
    )


def line(name: str, cells: Iterable[str], width: int = 9) -> str:
    """One line of a table."""
    return f"{name:24}" + "".join(f"{cell:>{width}}" for cell in cells)


def ratio_table(ratios: Iterable[Ratio]) -> str:
    """One line for each ratio, the worst first."""
    lines = [f"{'ratio':>6}  {'figure':38}{'lull':>9}{'rival':>9}  over"]
    for one in sorted(ratios, key=lambda ratio: -ratio.value):
        lines.append(f"{one.value:6.2f}  {one.figure:38}{one.mine:9.2f}{one.theirs:9.2f}  {one.rival}")
    return "\n".join(lines)


def text(parts: Sequence[Part]) -> str:
    """All tables in Markdown, and the ratios of all of them in one."""
    said = [f"Measured on {machine()}.\n"]
    said += [f"{part.title}:\n\n```\n{part.table}\n```\n" for part in parts]
    ratios = [ratio for part in parts for ratio in part.ratios]
    if ratios:
        said.append("lull over every rival, the worst ratio first; below 1 lull needs less:\n")
        said.append(f"```\n{ratio_table(ratios)}\n```\n")
    return "\n".join(said)


def machine() -> str:
    """How many cores of what."""
    rows = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    model = next((row.partition(":")[2].strip() for row in rows if "model name" in row), os.uname().machine)
    return f"{os.cpu_count()} cores of {model}"


def write_document(new: str, path: Path = DOCUMENT) -> None:
    """Put the text between the two marks of the page. Raises ValueError where they are missing."""
    page = path.read_text(encoding="utf-8")
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{path} has no lines {BEGIN.strip()!r} and {END.strip()!r}")
    path.write_text(f"{before}{BEGIN}\n{new}\n{END}{after}", encoding="utf-8")
