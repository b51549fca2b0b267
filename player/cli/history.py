"""``lull history``: what was heard in the last nights. Reads the memory's file; no running speaker is needed."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from player.cli.client.format import printable
from player.cli.paths import add_config, state_dir
from player.cli.terminal import show
from player.core.clock import elapsed_s
from player.core.errors import LullError
from player.core.text import without_secrets
from player.core.units import counted, format_duration
from player.session.memory.memory import night_of
from player.session.memory.records import EndedSession, HeardEntry, HeardHow

NIGHTS: Final = 7
MOST: Final = 1000
ENDED_WORDS: Final = {
    "stop": "stopped",
    "timer": "ended by the sleep timer",
    "end-of-track": "ended with the track",
    "end-of-playlist": "ended with the playlist",
    "never_again": "ended by a ban of its last track",
    "max_session": "ended by session.max",
    "taken_over": "replaced by the next start",
    "shutdown": "ended because lull stopped",
    "interrupted": "interrupted",
}
"""The text for each end of a session; other reasons are shown as they are."""
DESCRIPTION = """\
Show the last nights that had a session: when each session began, who started
it, how long it lasted and what ended it, and the tracks that were heard. A
night reaches from noon to noon and is called by the day on which it begins.

Reads the memory in the config's state_dir (of `lull night`, where there is no
config), whether the speaker runs or not; what happened in the last minutes may
not have been written yet."""


@dataclass(frozen=True, slots=True)
class HeardTrack:
    """A track that was heard, or skipped."""

    began: HeardEntry
    is_skipped: bool


@dataclass(frozen=True, slots=True)
class Night:
    """What happened from noon to noon."""

    begins: date
    sessions: tuple[EndedSession, ...]
    tracks: tuple[HeardTrack, ...]


def add_parser(commands: Any) -> None:
    """Add ``history`` to the command line."""
    parser = commands.add_parser(
        "history",
        help="show what was heard in the last nights",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--nights", type=_nights, default=NIGHTS, metavar="N", help=f"how many nights, 1 to {MOST} (default {NIGHTS})"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON list, for programs")
    add_config(parser, "the config that names the state_dir")
    parser.set_defaults(run=run)


def _nights(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= MOST:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 1 to {MOST}")
    return int(text)


def run(args: argparse.Namespace) -> int:
    """Print the nights, the latest one last. Raises LullError where nothing can be read."""
    from player.storage.memory_db import look_into

    recalled, ended = look_into(state_dir(args.config, args.device))
    for fault in recalled.faults:
        print(f"note: {fault}", file=sys.stderr)
    found = nights(ended, recalled.heard)[-args.nights :]
    if args.json:
        print(json.dumps([_fields(night) for night in found], indent=2))
    elif found:
        show("\n".join(printable(line) for night in found for line in _lines(night)))
    else:
        raise LullError("no session is recorded yet")
    return 0


def nights(ended: Sequence[EndedSession], heard: Sequence[HeardEntry]) -> list[Night]:
    """The nights in which anything was heard, the latest one last."""
    tracks = _tracks(heard)
    dates = {night_of(end.started) for end in ended} | {night_of(track.began.at) for track in tracks}
    return [
        Night(
            day,
            tuple(end for end in ended if night_of(end.started) == day),
            tuple(track for track in tracks if night_of(track.began.at) == day),
        )
        for day in sorted(dates)
    ]


def _tracks(heard: Sequence[HeardEntry]) -> list[HeardTrack]:
    """Each track once: the log has an entry for the beginning of a track, and another if it was skipped."""
    found: list[HeardTrack] = []
    for entry in heard:
        is_skipped, last = entry.how is HeardHow.SKIPPED, found[-1] if found else None
        if is_skipped and last is not None and not last.is_skipped and _track_of(last.began) == _track_of(entry):
            found[-1] = HeardTrack(last.began, is_skipped=True)
        else:
            found.append(HeardTrack(entry, is_skipped))
    return found


def _track_of(entry: HeardEntry) -> tuple[str, str]:
    return entry.playlist, entry.uri


def _fields(night: Night) -> dict[str, Any]:
    return {
        "night": night.begins.isoformat(),
        "sessions": [
            {
                "started": end.started.isoformat(timespec="seconds"),
                "why": end.why,
                "playlist": end.playlist,
                "minutes": end.minutes,
                "reason": end.reason,
                "problems": end.problems,
            }
            for end in night.sessions
        ],
        "tracks": [
            {
                "at": track.began.at.isoformat(timespec="seconds"),
                "playlist": track.began.playlist,
                "title": without_secrets(track.began.title),
                "uri": without_secrets(track.began.uri),
                "how": (HeardHow.SKIPPED if track.is_skipped else track.began.how).value,
            }
            for track in night.tracks
        ],
    }


def _lines(night: Night) -> Iterator[str]:
    """The night's date, and below it sessions and tracks in the order of their times."""
    yield f"{night.begins:%a %d %b %Y}"
    told = [(end.started, _session(end)) for end in night.sessions]
    begun = [track.began for track in night.tracks if _has_no_end(track.began, night)]
    told += [(track.at, f"{track.playlist}, no end is known") for track in begun[:-1]]
    told += [(track.at, f"{track.playlist}, not ended yet") for track in begun[-1:]]
    told += [(track.began.at, _track(track)) for track in night.tracks]
    yield from (f"  {at:%H:%M}  {text}" for at, text in sorted(told, key=lambda pair: pair[0]))


def _has_no_end(track: HeardEntry, night: Night) -> bool:
    """Whether a session began with this track of which no end is recorded; it is not part of the one before."""
    ends = [(elapsed_s(end.started, track.at), end.minutes * 60.0) for end in night.sessions]
    has_ended = any(0.0 <= after_s <= lasted_s for after_s, lasted_s in ends)
    return track.how is HeardHow.OPENED and not has_ended


def _session(end: EndedSession) -> str:
    problems = f"; {counted(end.problems, 'problem')}" if end.problems else ""
    problems += f"; {counted(end.dropouts, 'dropout')}" if end.dropouts else ""
    how = ENDED_WORDS.get(end.reason, end.reason)
    return f"{end.playlist}, {format_duration(end.minutes * 60)} ({end.why}; {how}{problems})"


def _track(track: HeardTrack) -> str:
    return f"    {track.began.title}{' (skipped)' if track.is_skipped else ''}"
