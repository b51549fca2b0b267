"""One tree of errors for the world's faults; a bug is an assert and is not in here.

Every message names the offender and, where there are choices, the choices, so that it can be shown to a person as it
stands: in a reply, in the journal, on the terminal.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class LullError(Exception):
    """The root: anything that the world, not the code, did wrong."""


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


def did_you_mean(word: str, choices: Iterable[str]) -> str:
    """`` (did you mean 'x'?)`` when a choice is close to the word, otherwise an empty string."""
    close = difflib.get_close_matches(word, list(choices), n=1, cutoff=0.6)
    return f" (did you mean {close[0]!r}?)" if close else ""
