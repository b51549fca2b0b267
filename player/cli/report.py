"""``lull report``: prints the report of the last night, from the memory or from the broker, and draws its level."""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final
from xml.sax.saxutils import escape

from player.cli.client.format import printable
from player.cli.exit_codes import DONE, NO_ANSWER, REFUSED, USAGE
from player.cli.history import ENDED_WORDS
from player.cli.paths import state_dir
from player.cli.terminal import show
from player.core.clock import moved
from player.core.errors import LullError
from player.core.night_report import LevelPoint, NightReport, ReportedMoment
from player.core.units import counted, format_duration
from player.core.validation import check_name

if TYPE_CHECKING:
    from player.cli.client.nights import NightReports
    from player.core.settings.mqtt import MqttSettings

BRIEF: Final = "show how the last night went"
DESCRIPTION: Final = """\
Show how the last night went, or this one so far: when it began and ended and
why, its phases and tracks, what the guard lowered and how far, the loudest
moment over calm, gaps and problems. It names no file and no address, so it can
be shown to anybody. Over MQTT the same is retained on <prefix>/<device>/night.

Reads the memory in the config's state_dir, whether the speaker runs or not; the
last minutes of a night that goes on may not have been written yet.

With --device, --all, --group or --host it reads what the speakers have left at
the broker: with --all a line for each, also for those that are switched off,
with --group a line for each member that is switched on. While a night goes on,
that is up to five minutes old.

    lull report --picture
    lull --all report"""
LOWEST_DB: Final = -80.0
ROWS: Final = 8
INK, QUIET, LOUD = "#333333", "#0072B2", "#E69F00"
WIDTH, HEIGHT, LEFT, TOP, BOTTOM = 1000, 360, 60, 60, 40


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of ``report``."""
    parser.add_argument(
        "--picture",
        nargs="?",
        const="-",
        metavar="FILE.svg",
        help="also draw the level over the night: in the terminal, or as an SVG file",
    )
    parser.add_argument("--json", action="store_true", help="the report as it is published over MQTT")
    parser.set_defaults(run=run, verb=None)


def run(args: argparse.Namespace) -> int:
    """Print the report, of this machine's memory or over MQTT; returns the exit code.

    Raises:
        LullError: there is no report, or the picture cannot be written.
    """
    is_of_many = args.all or args.group is not None
    if is_of_many and args.picture is not None:
        print("lull: report --picture shows one speaker", file=sys.stderr)
        return USAGE
    if is_of_many or args.device is not None or args.host is not None:
        return _run_over_mqtt(args, is_of_many=is_of_many)
    from player.storage.memory_db import look_into

    _show(look_into(state_dir(args.config, None))[0].documents.night, args)
    return DONE


def _run_over_mqtt(args: argparse.Namespace, *, is_of_many: bool) -> int:
    """Print the reports that speakers have published; returns the exit code."""
    from player.cli.client.commands import find_speaker, listed_speakers, no_answer
    from player.cli.client.nights import NightReports
    from player.cli.client.request import NoAnswer

    try:
        settings, device = find_speaker(args)
        members = None if args.group is None else _members(settings, args)
        with NightReports(settings, None if is_of_many else device, args.timeout) as found:
            if members is not None:
                found.reports = {name: found.reports.get(name) for name in members}
            if is_of_many:
                return _show_all(found, () if members is not None else listed_speakers(args), is_json=args.json)
    except ValueError as error:
        print(f"lull: {printable(error)}", file=sys.stderr)
        return USAGE
    except NoAnswer as error:
        return no_answer(error, args)
    if len(found.reports) > 1:
        print(f"lull: several speakers are known: {', '.join(found.reports)}; name one with --device", file=sys.stderr)
        return USAGE
    _show(next(iter(found.reports.values())) or NightReport(), args)
    return DONE


def _members(settings: MqttSettings, args: argparse.Namespace) -> list[str]:
    """The speakers of a group: those that answer, because only they know that they belong to it."""
    from player.cli.client.broadcast import Broadcast

    check_name("group", args.group)
    with Broadcast(settings, args.group, args.timeout) as speakers:
        return sorted(speakers.ask_all("status", {}).given)


def _show_all(found: NightReports, listed: Sequence[str], *, is_json: bool) -> int:
    """Each speaker's night on a line; returns the exit code."""
    from player.mqtt.payloads import night

    code = DONE
    for device, report in found.reports.items():
        if report is None:
            print(f"lull: {printable(device)}: no night is recorded yet", file=sys.stderr)
            code = REFUSED
        elif is_json:
            print(json.dumps({"device": device, "night": json.loads(night(report))}))
        else:
            offline = " (offline)" if found.is_offline(device) else ""
            show(printable(f"{device}{offline}: {report.night:%A %d %B}, {report.text}"))
            for problem in report.problems:
                show(printable(f"  problem: {problem}"))
    for device in listed:
        if device not in found.reports:
            print(f"lull: {printable(device)}: it is in the config, but the broker does not know it", file=sys.stderr)
            code = NO_ANSWER
    return code


def _show(report: NightReport, args: argparse.Namespace) -> None:
    if report.start is None:
        raise LullError("no night is recorded yet")
    if args.json:
        from player.mqtt.payloads import night

        print(json.dumps(json.loads(night(report)), indent=2))
    else:
        show("\n".join(printable(line) for line in lines(report)))
    if args.picture == "-" and not args.json:
        print("\n".join(["", *plot(report, shutil.get_terminal_size().columns)]))
    elif args.picture not in {None, "-"}:
        _save(report, Path(args.picture))


def _save(report: NightReport, path: Path) -> None:
    if path.suffix.lower() != ".svg":
        raise LullError(f"--picture {path}: the picture is an SVG; use a name that ends in .svg")
    try:
        path.write_text(drawing(report), encoding="utf-8")
    except OSError as fault:
        raise LullError(f"cannot write {path}: {fault.strerror or fault}") from None


def lines(report: NightReport) -> Iterator[str]:
    """The report for people, a fact a line."""
    assert report.start is not None, "there is a night"
    assert report.night is not None
    yield f"The night of {report.night:%A %d %B %Y}"
    end = "still going on" if report.end is None else f"to {report.end_face:%H:%M}"
    how = "" if report.ended_by is None else f", {ENDED_WORDS.get(report.ended_by, report.ended_by)}"
    yield f"  time        {report.start:%H:%M} {end}{how}; started by {report.why}"
    played_s = 60.0 * round(report.minutes) if report.minutes >= 1.0 else round(60.0 * report.minutes)
    so_far = " so far" if report.end is None else ""
    yield f"  played      {format_duration(played_s)}{so_far}, {counted(report.sessions, 'session')}"
    yield f"  phases      {'; '.join(f'{one.at:%H:%M} {one.playlist} at {one.volume}' for one in report.phases)}"
    titles = ", ".join(track.title for track in report.tracks[-8:])
    yield f"  tracks      {report.track_count}{': ' if titles else ''}{'… ' if report.track_count > 8 else ''}{titles}"
    held = "nothing" if report.worst is None else (
        f"{counted(report.held, 'surprise')}, by {report.worst.db:.0f} dB at most ({_moment(report.worst)})"
    )  # fmt: skip
    yield f"  lowered     {held}"
    if report.loudest is not None:
        yield f"  loudest     {report.loudest.db:.0f} dB over calm, {_moment(report.loudest)}"
    yield f"  rises       {report.rises}, each of them slow"
    yield f"  gaps        {counted(report.dropouts, 'dropout')}, {counted(report.interruptions, 'interruption')}"
    yield f"  problems    {'; '.join(report.problems) or 'none'}"
    used = "not counted while the clock is not set"
    yield f"  nights      {f'{report.nights_used} of the last 30 were used' if report.nights_used else used}"


def _moment(moment: ReportedMoment) -> str:
    return f"at {moment.at:%H:%M}" + ("" if moment.track is None else f" in {moment.track}")


def plot(report: NightReport, columns: int) -> list[str]:
    """The level over the night in characters: the mean dark, the loudest second light."""
    assert report.start is not None, "there is a night"
    if not report.curve:
        return ["no level is recorded yet: a night is drawn in pieces of five minutes"]
    points = _thinned(report.curve, max(10, columns - 9))
    top_db, span_db = _range(report.curve)
    rows = []
    for row in range(ROWS):
        edge_db = top_db - span_db * (row + 0.5) / ROWS
        cells = "".join("█" if one.mean_db >= edge_db else "░" if one.loudest_db >= edge_db else " " for one in points)
        rows.append(f"{top_db - span_db * row / ROWS:4.0f} dB {cells}")
    first, last = (f"{moved(report.start, 60.0 * one.minute):%H:%M}" for one in (points[0], points[-1]))
    return [*rows, f"        {first}{last:>{max(6, len(points) - len(first))}}"]


def _range(curve: tuple[LevelPoint, ...]) -> tuple[float, float]:
    """The highest level, rounded up to 10 dB, and how far down is drawn."""
    top_db = min(0.0, 10.0 * -(-max(point.loudest_db for point in curve) // 10.0))
    lowest_db = max(LOWEST_DB, min(point.mean_db for point in curve))
    return top_db, max(20.0, top_db - 10.0 * (lowest_db // 10.0))


def _thinned(curve: tuple[LevelPoint, ...], most: int) -> list[LevelPoint]:
    """As many points as fit; each is the loudest of those around it."""
    step = -(-len(curve) // most)
    pieces = [curve[at : at + step] for at in range(0, len(curve), step)]
    return [
        LevelPoint(one[0].minute, max(point.mean_db for point in one), max(point.loudest_db for point in one))
        for one in pieces
    ]


def drawing(report: NightReport) -> str:
    """The level over the night as an SVG, 1000 by 360 points; it needs no font and no other file."""
    assert report.start is not None, "there is a night"
    curve = report.curve or (LevelPoint(0, LOWEST_DB, LOWEST_DB),)
    top_db, span_db = _range(curve)
    minutes = max(60, curve[-1].minute + 5)

    def x(minute: float) -> float:
        return round(LEFT + (WIDTH - LEFT - 20) * minute / minutes, 1)

    def y(level_db: float) -> float:
        return round(TOP + (HEIGHT - TOP - BOTTOM) * min(1.0, (top_db - level_db) / span_db), 1)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" '
        f'font-size="13" fill="{INK}"><rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
        f'<text x="{LEFT}" y="24" font-size="17">{escape(f"The night of {report.night:%A %d %B %Y}")}</text>',
        f'<text x="{LEFT}" y="44">{escape(report.text)}</text>',
    ]
    for colour, level in ((LOUD, "loudest_db"), (QUIET, "mean_db")):
        parts += [
            f'<rect x="{x(one.minute)}" y="{y(getattr(one, level))}" width="{x(one.minute + 5) - x(one.minute):.1f}" '
            f'height="{HEIGHT - BOTTOM - y(getattr(one, level)):.1f}" fill="{colour}"/>'
            for one in curve
        ]
    for db in range(int(top_db), int(top_db - span_db) - 1, -10):
        parts.append(f'<text x="{LEFT - 8}" y="{y(db) + 4}" text-anchor="end">{db} dB</text>')
    for minute in range(0, minutes, 60 if minutes <= 720 else 120):
        at = f"{moved(report.start, 60.0 * minute):%H:%M}"
        parts.append(f'<text x="{x(minute)}" y="{HEIGHT - BOTTOM + 18}">{at}</text>')
    parts.append(f'<text x="{WIDTH - 20}" y="{HEIGHT - 6}" text-anchor="end">blue: mean of five minutes; '
                 "orange: their loudest second</text></svg>")  # fmt: skip
    return "\n".join(parts) + "\n"
