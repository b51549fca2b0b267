"""The errors for faults from outside: files, devices, networks, people. A bug is an assert and not one of these.

Every message names what is wrong and, where there are choices, the choices, so that it can be shown to a person as it
stands: in a reply, in the journal, on the terminal.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from typing import Final


class LullError(Exception):
    """The base class: a fault from outside, not one of the code."""


class WrongUsage(LullError):
    """Words or options of the command line that contradict each other."""


class ConfigError(LullError):
    """A config that cannot be used; ``faults`` lists every fault that was found, one line each."""

    def __init__(self, faults: Iterable[str]) -> None:
        self.faults = tuple(faults)
        super().__init__("\n".join(self.faults))


class Refused(LullError):
    """A command or message that is not obeyed; nothing has changed."""


class SourceError(LullError):
    """A track or stream that cannot be opened or decoded."""


class SinkError(LullError):
    """The sound device is missing, busy, lost or refuses the format."""


class Underrun(SinkError):
    """The device ran out of samples and played a gap; it is ready for more."""


class StoreError(LullError):
    """The state directory cannot be read or written."""


_SHOWN: Final = 12
_LONGEST_WORD: Final = 64
_MOST_CHOICES: Final = 300
"""A comparison costs about 0.1 ms, and this runs on the thread that obeys commands."""


def choices(words: Iterable[str], most: int = _SHOWN) -> str:
    """Words as a message lists them, at most so many; ``none`` where there are none."""
    listed: Sequence[str] = list(words)
    more = len(listed) - most
    return ", ".join(listed[:most]) + (f" and {more} more" if more > 0 else "") or "none"


def did_you_mean(word: str, choices: Iterable[str]) -> str:
    """`` (did you mean 'x'?)`` when a choice is close to the word, otherwise an empty string."""
    import difflib  # noqa: PLC0415 - only now: it takes 2 ms of a start, and nobody mistypes a word in most nights

    near = (choice for choice in choices if abs(len(choice) - len(word)) <= max(3, len(word) // 2))
    close = difflib.get_close_matches(word[:_LONGEST_WORD], list(itertools.islice(near, _MOST_CHOICES)), 1, cutoff=0.6)
    return f" (did you mean {close[0]!r}?)" if close else ""
