"""When an interrupted stream is tried again, and when it is given up. Main thread, standard library, pure.

Two counts. *Tries* are in a row without a minute of sound between them: after the third the stream has failed and
something else is played. *Breaks* are those between which there were not ten minutes of sound: a stream that breaks off
every minute is alive and never given up, but the pauses grow to a minute, so that its server is not overloaded all
night, and from the third break on it is a problem that is told until ten minutes have passed without one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

PAUSES_S: Final = (2.0, 5.0, 15.0, 30.0, 60.0)
MOST_TRIES: Final = 3
STEADY_S: Final = 60.0
WELL_S: Final = 600.0
TOLD_FROM: Final = 3


@dataclass(slots=True)
class _Breaks:
    """The breaks of one stream."""

    tries: int = 0
    breaks: int = 0
    reason: str = ""


class StreamRetries:
    """The streams of one session, by their addresses."""

    def __init__(self) -> None:
        self._streams: dict[str, _Breaks] = {}

    def pause_s(self, uri: str, reason: str) -> float | None:
        """Seconds to wait before the next try after a break or a failed start; None where the stream has failed."""
        stream = self._streams.setdefault(uri, _Breaks())
        stream.tries, stream.breaks, stream.reason = stream.tries + 1, stream.breaks + 1, reason
        if stream.tries > MOST_TRIES:
            del self._streams[uri]
            return None
        return PAUSES_S[min(stream.breaks, len(PAUSES_S)) - 1]

    def on_progress(self, uri: str, played_s: float) -> None:
        """Note how long a stream has sounded without a break."""
        stream = self._streams.get(uri)
        if stream is not None and played_s > STEADY_S:
            stream.tries = 0
        if played_s > WELL_S:
            self._streams.pop(uri, None)

    def problem(self, uri: str) -> str | None:
        """The problem of a stream, to be read after its title; None after few breaks."""
        stream = self._streams.get(uri)
        if stream is None or stream.breaks < TOLD_FROM:
            return None
        return f"breaks off repeatedly ({stream.reason}); it is tried again after up to {PAUSES_S[-1]:.0f} s"
