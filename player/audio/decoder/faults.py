"""Why a track cannot be played, or ended early: messages for people, given only if the cause is certain.

Runs on the keeper thread of a source. A message follows the track's name: "rain.flac" + "lacks 12s of its 5m".
"""

from __future__ import annotations

import os
import stat
from typing import Final

from player.audio.decoder.ring_source import RingSource
from player.core.units import format_duration, to_seconds

CRASHES: Final = "crashes the decoder"
"""Beginning of the permanent fault that the scan stores for a file that crashed the measuring process."""

MISSING_S: Final = 2.0
"""A shortfall below this is not worth a fault: decoders skip a damaged frame, encoders round the length."""


def unreadable(path: str) -> str | None:
    """Why a file cannot be played, checked before it is opened; None if it can."""
    try:
        facts = os.stat(path)
    except FileNotFoundError:
        return "does not exist"
    except OSError as fault:
        return f"cannot be read: {fault.strerror}"
    if stat.S_ISDIR(facts.st_mode):
        return "is a folder"
    if not stat.S_ISREG(facts.st_mode):
        return "is not a regular file"  # a pipe or a device could keep a decoder indefinitely
    if not os.access(path, os.R_OK):
        return "may not be read"
    return None if facts.st_size else "is empty"


def why_over(source: RingSource, start_s: float, *, states_length: bool = False) -> str | None:
    """What is wrong with a track that is over; None if no fault is known.

    ``states_length``: `player.audio.decoder.content_kind.FileContent` has it; the end of anything else is no fault.
    """
    played_s = to_seconds(source.ring.written_frames)
    if source.is_alien:
        return "was decoded into an unexpected format"
    if source.is_error:
        return f"broke off after {format_duration(start_s + played_s)}" if played_s else "cannot be opened"
    if not played_s:
        return f"has no sound after {format_duration(start_s)}" if start_s else "has no sound in it"
    length_s = source.length_s or 0.0
    missing_s = length_s - start_s - played_s
    if missing_s > MISSING_S and states_length:
        return f"lacks {format_duration(missing_s)} of its {format_duration(length_s)}"
    return None
