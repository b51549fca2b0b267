"""Lists for people in the width of their terminal. Where the output is not a terminal, each line stays one line."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator
from typing import Final

NARROW: Final = 60
WIDE: Final = 120
_SECOND_COLUMN: Final = re.compile(r" *\S+(?: \S+)*  +")
"""What stands before the second column: words, and two spaces or more."""


def show(text: str, margin: int | None = None) -> None:
    """Print a list, a line for each thing.

    Args:
        text: its lines.
        margin: where what does not fit on a line goes on; the second column of that line, if not given.
    """
    if not sys.stdout.isatty():
        print(text)
        return
    import shutil

    columns = min(max(shutil.get_terminal_size().columns, NARROW), WIDE)
    print("\n".join(folded(text.splitlines(), columns, margin)))


def folded(lines: Iterable[str], columns: int, margin: int | None = None) -> Iterator[str]:
    """The lines, each folded where it is longer than so many columns."""
    import textwrap

    for line in lines:
        if len(line) <= columns:
            yield line
            continue
        start = _SECOND_COLUMN.match(line)
        hang = margin if margin is not None else start.end() if start is not None else 2
        yield from textwrap.wrap(line, columns, subsequent_indent=" " * min(hang, columns // 2), break_on_hyphens=False)
