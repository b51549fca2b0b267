"""``lull report``: how the last night went, from the memory's file; with ``--picture`` its level over time."""

from __future__ import annotations

import argparse
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final
from xml.sax.saxutils import escape

from player.cli.client.format import printable
from player.cli.history import ENDED_WORDS
from player.cli.paths import state_dir
from player.cli.terminal import show
from player.core.clock import moved
from player.core.errors import LullError
from player.core.night_report import LevelPoint, NightReport, ReportedMoment
from player.core.units import counted, format_duration

DESCRIPTION = """\
Show how the last night went, or this one so far: when it began and ended and
why, its phases and tracks, what the guard lowered and how far, the loudest
moment over calm, gaps and problems. It names no file and no address, so it can
be shown to anybody. Over MQTT the same is retained on <prefix>/<device>/night.

Reads the memory in the config's state_dir, whether the speaker runs or not; the
last minutes of a night that goes on may not have been written yet."""
LOWEST_DB: Final = -80.0
ROWS: Final = 8
INK, QUIET, LOUD = "#333333", "#0072B2", "#E69F00"
WIDTH, HEIGHT, LEFT, TOP, BOTTOM = 1000, 360, 60, 60, 40


def add_parser(commands: Any) -> None:
    """Add ``report`` to the command line."""
    parser = commands.add_parser(
        "report",
        help="show how the last night went",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--picture",
        nargs="?",
        const="-",
        metavar="FILE.svg",
        help="also draw the level over the night: in the terminal, or as an SVG file",
    )
    parser.add_argument("--json", action="store_true", help="the report as it is published over MQTT")
    parser.add_argument("--config", type=Path, metavar="FILE", help="the config that names the state_dir")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print the report. Raises LullError where nothing is recorded, or the picture cannot be written."""
    from player.storage.memory_db import look_into

    report = look_into(state_dir(args.config))[0].documents.night
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
    return 0


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
    yield f"  played      {format_duration(60.0 * round(report.minutes))}, {counted(report.sessions, 'session')}"
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
    yield f"  nights      {report.nights_used} of the last 30 were used"


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
    """As many points as there is room for; each stands for the loudest of those around it."""
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
