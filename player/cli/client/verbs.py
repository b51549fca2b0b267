"""The verbs of the client commands: their arguments, their help, and what they say in the JSON command."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from player.cli.client import schedule_list as starts


@dataclass(frozen=True, slots=True)
class Verb:
    """A client command.

    Attributes:
        name: on the command line and on the wire.
        brief: its line in the list of commands.
        description: what its own help says.
        add: adds its own arguments.
        fields: what it says in the JSON command, from the parsed arguments.
    """

    name: str
    brief: str
    description: str
    add: Callable[[argparse.ArgumentParser], None]
    fields: Callable[[argparse.Namespace], dict[str, Any]]


def _nothing(_parser: argparse.ArgumentParser) -> None:
    """A verb without arguments."""


def _no_fields(_args: argparse.Namespace) -> dict[str, Any]:
    return {}


def _value(metavar: str, text: str) -> Callable[[argparse.ArgumentParser], None]:
    """Adds one argument that must be given."""

    def add(parser: argparse.ArgumentParser) -> None:
        parser.add_argument("value", metavar=metavar, help=text)

    return add


def _value_as(key: str) -> Callable[[argparse.Namespace], dict[str, Any]]:
    """Says that one argument under a key."""
    return lambda args: {key: args.value}


def _add_play(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("playlist", nargs="?", metavar="PLAYLIST", help="what to play; the default one if not given")
    parser.add_argument("--volume", metavar="N", help="0 to 100, at most the configured maximum")
    parser.add_argument("--timer", metavar="T", help="silent after: 45m, 1h30, 45 (minutes), off, end-of-track")
    parser.add_argument("--fade-in", metavar="T", help="length of the fade-in: 30s, 2m; never faster than 6 dB/s")


def _play_fields(args: argparse.Namespace) -> dict[str, Any]:
    given = {name: getattr(args, name) for name in ("playlist", "volume", "timer", "fade_in")}
    return {name: value for name, value in given.items() if value is not None}


def _add_stop(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--now", action="store_true", help="by the shortest fade that is not heard as a cut (0.5 s)")


def _stop_fields(args: argparse.Namespace) -> dict[str, Any]:
    return {"now": True} if args.now else {}


def _add_status(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print the state as JSON, as in docs/mqtt.md")


def _add_extend(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("value", nargs="?", metavar="T|-T", help="15m, 1h, 20 (minutes); 15 minutes if not given")


def _extend_fields(args: argparse.Namespace) -> dict[str, Any]:
    return {} if args.value is None else {"by": args.value}


def _add_never_again(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("track", nargs="?", metavar="TRACK", help="its title or path; what plays if not given")
    parser.add_argument("--undo", action="store_true", help="allow it again; without TRACK the one banned last")


def _never_again_fields(args: argparse.Namespace) -> dict[str, Any]:
    named = {} if args.track is None else {"track": args.track}
    return {**named, "undo": True} if args.undo else named


def _add_tonight(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("value", metavar="HH:MM|off", help="the local time, or off")
    parser.add_argument("--playlist", metavar="NAME", help="what to play; the default one if not given")
    parser.add_argument("--volume", metavar="N", help="0 to 100, at most the configured maximum")
    parser.add_argument("--timer", metavar="T", help="silent after: 45m, 1h30, 45 (minutes), off, end-of-track")


def _tonight_fields(args: argparse.Namespace) -> dict[str, Any]:
    named = {name: getattr(args, name) for name in ("playlist", "volume", "timer") if getattr(args, name) is not None}
    return {"off": True} if args.value == "off" and not named else {"at": args.value, **named}


def _add_skip(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("value", nargs="?", default="on", metavar="on|off|toggle", help="what it is to be; on")


def _add_schedule(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("value", nargs="?", metavar="on|off|toggle", help="what it is to be")
    starts.add_arguments(parser)
    parser.add_argument("--entry", metavar="NAME", help="only this entry of the schedule")
    parser.add_argument("--at", metavar="HH:MM|config", help="move that entry to this time, or back to the config's")


def _schedule_fields(args: argparse.Namespace) -> dict[str, Any]:
    if args.at is not None:
        return {"entry": args.entry, "at": None if args.at == "config" else args.at}
    return {"enabled": args.value, **({} if args.entry is None else {"entry": args.entry})}


VERBS: Final = (
    Verb(
        "play",
        "start, or change what plays",
        "Start from silence, with a slow fade-in. While something plays, change only what\nis named: another playlist "
        "is blended in, a volume or timer is set. A paused or\nfading session comes back.\n\n"
        "    lull play\n    lull play rain --volume 25 --timer 1h",
        _add_play,
        _play_fields,
    ),
    Verb(
        "stop",
        "fade out and end the session",
        "Fade out in the configured time (4 s) and end the session, its sleep timer with\nit.",
        _add_stop,
        _stop_fields,
    ),
    Verb("pause", "fall silent and keep the place", "Fade to silence and keep the place.", _nothing, _no_fields),
    Verb("resume", "go on after a pause", "Rise from silence where it was paused.", _nothing, _no_fields),
    Verb(
        "toggle",
        "one button: play, pause, resume",
        "Play when idle, pause when playing, resume when paused. While a stop fades it is\nrefused; play takes "
        "a stop back.",
        _nothing,
        _no_fields,
    ),
    Verb("next", "go to another track", "Fall silent and rise again with another track.", _nothing, _no_fields),
    Verb(
        "seek",
        "move within the track",
        "Move within the track, through silence.\n\n    lull seek 3:20      to that place\n"
        "    lull seek +30       half a minute on\n    lull seek -2m       two minutes back",
        _value("POS|+N|-N", "m:ss, h:mm:ss, seconds, or 90s, 2m; with a sign a distance"),
        _value_as("position"),
    ),
    Verb(
        "volume",
        "set or change the volume",
        "Move to a volume; it never rises faster than 6 dB/s. 0 is silence, each point is\nhalf a decibel.\n\n"
        "    lull volume 30\n    lull volume -5",
        _value("N|+N|-N", "0 to 100, at most the configured maximum; with a sign a step; up and down are 2 dB"),
        _value_as("volume"),
    ),
    Verb(
        "timer",
        "set the sleep timer",
        "Set the sleep timer; the fade-out is over when it ends.\n\n    lull timer 45m\n"
        "    lull timer +15m     a quarter of an hour longer\n    lull timer off",
        _value(
            "T|+T|-T|off|end-of-...",
            "45m, 1h30, 45 (minutes); with a sign from where it stands; end-of-track, end-of-playlist",
        ),
        _value_as("timer"),
    ),
    Verb(
        "extend",
        "move the end of the sleep timer",
        "Move the end of the sleep timer, by a quarter of an hour where nothing is named.\n\n"
        "    lull extend\n    lull extend 1h\n    lull extend -5m     sooner",
        _add_extend,
        _extend_fields,
    ),
    Verb(
        "playlist",
        "choose the playlist",
        "Choose the playlist: blended in while playing, otherwise what play starts next.",
        _value("NAME", "a playlist of the config; status lists them"),
        _value_as("playlist"),
    ),
    Verb(
        "fade",
        "set the length of the fade-out",
        "Set how long the fade-out takes: of this session, or of the next one.",
        _value("T", "10m, 90s, 10 (minutes)"),
        _value_as("fade"),
    ),
    Verb(
        "never_again",
        "ban a track for ever",
        "Ban the track that plays, or the one that is named, and go softly to another.\n\n    lull never_again\n"
        "    lull never_again --undo     take the latest ban back",
        _add_never_again,
        _never_again_fields,
    ),
    Verb(
        "tonight",
        "plan a start for once",
        "Start once, at the next time that the clocks show it, besides the schedule.\n\n"
        "    lull tonight 23:15 --playlist rain\n    lull tonight off            take it back",
        _add_tonight,
        _tonight_fields,
    ),
    Verb(
        "skip_tonight",
        "let the schedule leave tonight out",
        "Let the schedule start nothing tonight. By hand everything can be played.",
        _add_skip,
        lambda args: {"skip": args.value},
    ),
    Verb(
        "schedule",
        "list the coming starts, or switch the schedule",
        "Without a value list every start of the next two weeks, as the config plans it:\nlocal time with its offset "
        "from UTC, entry, playlist, timer. What was switched\noff or skipped by hand is known to the running speaker: "
        "see `lull status`.\n\nWith a value switch the schedule, or one entry of it. What plays goes on.\n\n"
        "    lull schedule --from 2026-12-24\n    lull schedule off --entry weekend",
        _add_schedule,
        _schedule_fields,
    ),
    Verb(
        "status",
        "show what the speaker does",
        "Show what plays, volume, sleep timer, next start, and what is wrong.",
        _add_status,
        _no_fields,
    ),
)
