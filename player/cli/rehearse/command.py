"""``lull rehearse``: renders a night on a virtual clock into a WAV, through the real chain, at full speed."""

from __future__ import annotations

import argparse
import contextlib
import json
import time
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from player.cli.measure_first import MeasuredLibrary
from player.cli.paths import CONFIG_ORDER, add_config, check_paths, chosen_config
from player.cli.rehearse import DEMO
from player.cli.terminal import Progress, show
from player.core.clock import Now, SystemClock
from player.core.commands import Play, Request, Stop
from player.core.errors import LullError, StoreError, WrongUsage, choices, did_you_mean
from player.core.events import Event, News
from player.core.settings.audio import AudioSettings
from player.core.settings.session import FAVOURITES, TIMER_OFF, Entry, Order, Playlist, Settings, TimerSetting
from player.core.units import format_duration, parse_duration_s
from player.session.phases import PlannedPhase, planned_night
from player.session.schedule.planner import next_start
from player.session.schedule.preview import night_of_entry
from player.session.sleep_timer import SHORTEST_S

if TYPE_CHECKING:
    from player.cli.rehearse.report import Examination

DESCRIPTION = """\
Render what would be heard into OUT.wav (float32, 48 kHz, stereo): the real
session, decoder, chain and limiter on a virtual clock, as fast as the CPU
allows. The same input gives the same file, bit for bit. Tracks that nobody has
measured are measured first, as the daemon would have done by the evening.

With PATHs those are played in order, once each, to the end of the last.
Otherwise one session of the config is: the default playlist, --playlist or
a line of the schedule (--entry), to the end of its sleep timer.

What was rendered is checked against the never-startle contract
(docs/never-startle.md). A broken clause is reported and gives exit code 1; the
files are written in any case."""

ENDLESS_S: Final = 12 * 3600.0
"""Maximum seconds of a rehearsal without a timer."""
SILENT_LIMIT_S: Final = 60.0
"""Seconds without a playable track after which a rehearsal is given up."""
REASONS_SHOWN: Final = 5


def add_parser(commands: Any) -> None:
    """Add ``rehearse`` to the command line."""
    parser = commands.add_parser(
        "rehearse",
        help="render a night into a WAV, faster than real time",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("out", type=Path, metavar="OUT.wav", help="the file to write")
    parser.add_argument("paths", nargs="*", metavar="PATH", help="files, folders, playlist files or streams")
    add_config(parser, "the config; not needed with PATHs")
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--playlist", metavar="NAME", help="a playlist of the config")
    what.add_argument("--entry", metavar="NAME", help="a line of the schedule, with its volume, timer and fades")
    parser.add_argument(
        "--for",
        dest="duration",
        type=_duration,
        metavar="TIME",
        help="silent after so long, phases included, such as 12m",
    )
    parser.add_argument("--volume", type=int, metavar="N", help="0-100, within the config's maximum")
    parser.add_argument("--report", type=Path, metavar="FILE.json", help="write figures and events here")
    parser.add_argument("--picture", type=Path, metavar="FILE.png", help="draw the night, as .png or .svg")
    parser.set_defaults(run=run)


def _duration(text: str) -> float:
    try:
        duration_s = parse_duration_s(text)
        TimerSetting.clock(duration_s)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    return duration_s


@dataclass(frozen=True, slots=True)
class RehearsalPlan:
    """The plan of a rehearsal: settings, the output's channels, start, maximum length, and the tracks.

    Without a start the schedule of the settings makes it, at the moment ``begins``.
    """

    settings: Settings
    audio: AudioSettings
    start: Play | None
    longest_s: float
    expected_s: float | None
    library: MeasuredLibrary
    begins: datetime | None = None


def run(args: argparse.Namespace) -> int:
    """Render, write report and picture, print the result; a broken clause of the contract is a failure."""
    from player.cli.rehearse.report import Examination

    plan = make_plan(args)
    _check_files(args)
    report, examination = Report(), Examination(plan.settings)
    began_s = time.monotonic()
    with Progress() as progress:
        rendered_s = render(plan, args.out, (report, examination), progress)
    took_s = time.monotonic() - began_s
    if args.report is not None:
        figures = {"duration_s": round(rendered_s, 3), "speed": round(rendered_s / max(took_s, 1e-9), 1)}
        night = {**report.as_dict(), **examination.as_dict(report.tracks), **figures}
        args.report.write_text(json.dumps(night, indent=2, allow_nan=False) + "\n", encoding="utf-8")
    speed = f"{rendered_s / took_s:.0f} times real time"
    print(f"{args.out}: {format_duration(rendered_s)} rendered in {took_s:.1f} s ({speed})")
    problems = list(dict.fromkeys(report.problems))
    if not report.tracks:
        raise LullError("nothing was played: " + "; ".join(problems[:REASONS_SHOWN] or ["no track could be opened"]))
    if args.picture is not None:
        from player.cli.rehearse import picture
        from player.cli.rehearse.picture import scene_of

        picture.save(scene_of(report.events, examination, rendered_s), args.picture)
    print("\n".join(examination.lines()))
    for problem in problems[:REASONS_SHOWN]:
        show(f"note: {problem}", margin=6)
    if len(problems) > REASONS_SHOWN:
        print(f"and {len(problems) - REASONS_SHOWN} more; --report names all of them")
    if examination.findings.broken:
        raise LullError(examination.complaint())
    return 0


def _check_files(args: argparse.Namespace) -> None:
    from player.cli.rehearse.output_files import check_out, check_picture, check_report

    check_out(args.out, args.paths)
    if args.report is not None:
        check_report(args.report)
    if args.picture is not None:
        check_picture(args.picture)


def make_plan(args: argparse.Namespace) -> RehearsalPlan:
    """Read the arguments; raises LullError that names what is wrong."""
    if args.paths and (args.playlist or args.entry):
        raise WrongUsage(f"give PATHs or {'--playlist' if args.playlist else '--entry'}, not both")
    check_paths(args.paths)
    settings, audio, state_dir = _settings(args)
    library = MeasuredLibrary(state_dir)
    if args.volume is not None and not 0 <= args.volume <= settings.volume.max:
        raise LullError(f"--volume {args.volume} is out of range; use 0 to {settings.volume.max} (volume: max)")
    entry = _entry(settings, args.entry)
    if entry is not None and args.volume is not None:
        entry = replace(entry, volume=args.volume)
    begins = None if entry is None else _next_start(entry)
    if args.paths:
        playlist = _path_playlist(args.paths, library)
        settings = replace(settings, playlists=(playlist,), default_playlist=None, schedule=())
        start = Play(DEMO, args.volume, TIMER_OFF if args.duration is None else TimerSetting.clock(args.duration))
    elif entry is not None and entry.is_morning:
        timer = entry.timer if args.duration is None else TimerSetting.clock(args.duration)
        return _morning_plan(settings, audio, replace(entry, timer=timer), library)
    elif entry is not None:
        ends = entry.timer, entry.fade_in_s, entry.fade_out_s, entry.then
        start = Play(entry.playlist, entry.volume, *ends, bed=entry.bed)
    else:
        start = Play(args.playlist, args.volume)
    if args.duration is not None and not args.paths:
        start = _shortened(settings, start, begins, args.duration)
    if settings.playlist(start.playlist or settings.first_playlist or "") is FAVOURITES:
        raise LullError("favourites has nothing to play: no track is liked yet")
    expected_s = _expected_s(settings, start, begins)
    return RehearsalPlan(
        replace(settings, schedule=()), audio, start, (expected_s or ENDLESS_S) + 60.0, expected_s, library, begins
    )


def _morning_plan(settings: Settings, audio: AudioSettings, entry: Entry, library: MeasuredLibrary) -> RehearsalPlan:
    """The plan of a morning, which only the schedule can start."""
    begins = _next_start(entry)
    ends_s = [one.ends_s for one in night_of_entry(entry, begins, settings) if one.never is None][-1]
    alone = replace(settings, schedule=(entry,), away=(), trusts_clock=True)
    return RehearsalPlan(alone, audio, None, (ends_s or ENDLESS_S) + 60.0, ends_s, library, begins)


def _next_start(entry: Entry) -> datetime:
    """The next start of the entry, which determines the length of phases until a time of day."""
    now = SystemClock().now().wall
    coming = next_start([entry], now)
    return now if coming is None else coming[1]


def _night(settings: Settings, start: Play, begins: datetime | None) -> list[PlannedPhase]:
    """The phases of the night that a start begins."""
    from player.app.offline import REHEARSAL_BEGINS

    playlist = settings.playlist(start.playlist or settings.first_playlist or "")
    then = start.then if start.then is not None or playlist is None else playlist.then
    return planned_night(start.timer or settings.timer, then or (), settings.timer, begins or REHEARSAL_BEGINS)


def _shortened(settings: Settings, start: Play, begins: datetime | None, length_s: float) -> Play:
    """The same night, ended after ``length_s``: the phase that is reached by then is the last one."""
    night = _night(settings, start, begins)
    reached = [one for one in night if one.never is None and one.begins_s is not None]
    reached = [one for one in reached if (one.begins_s or 0.0) + SHORTEST_S <= length_s]
    last, number = reached[-1], night.index(reached[-1])
    timer = TimerSetting.clock(length_s - (last.begins_s or 0.0))
    if last.phase is None:
        return replace(start, timer=timer, then=())
    phases = tuple(one.phase for one in night[1:number] if one.phase is not None)
    return replace(start, then=(*phases, replace(last.phase, timer=timer)))


def _expected_s(settings: Settings, start: Play, begins: datetime | None) -> float | None:
    """Length of the night with all its phases in seconds; None where it is unknown."""
    ends_s = [planned.ends_s for planned in _night(settings, start, begins) if planned.never is None][-1]
    return None if ends_s is None else min(ends_s, settings.session.max_s)


def _settings(args: argparse.Namespace) -> tuple[Settings, AudioSettings, Path | None]:
    """The settings, those of the output, and the state directory; without a config, temporary ones."""
    path = args.config if args.paths else chosen_config(args.config)
    if path is None:
        if not args.paths:
            raise LullError(f"nothing to rehearse: give PATHs, or a config; looked for {CONFIG_ORDER}")
        return Settings(), AudioSettings(), None
    from player.config import load
    from player.library.folders import with_library
    from player.storage.memory_db import calibration_in

    config = load(path, calibration_in, args.device)
    settings = _with_favourites(with_library(config.settings)[0], config.state_dir)
    return settings, config.audio, config.state_dir


def _with_favourites(settings: Settings, state_dir: Path | None) -> Settings:
    """The settings with the liked tracks as a playlist of files, if there are any."""
    from player.storage.memory_db import look_into

    liked: tuple[str, ...] = ()
    if state_dir is not None and settings.playlist(FAVOURITES.name) is FAVOURITES:
        with contextlib.suppress(StoreError):
            liked = tuple(like.uri for like in look_into(state_dir)[0].documents.likes)
    playlists = (*settings.playlists, Playlist(FAVOURITES.name, liked)) if liked else settings.playlists
    return replace(settings, playlists=playlists)


def _entry(settings: Settings, name: str | None) -> Entry | None:
    if name is None:
        return None
    names = [entry.name for entry in settings.schedule]
    for entry in settings.schedule:
        if entry.name == name:
            return entry
    raise LullError(f"{name!r} is not a schedule entry{did_you_mean(name, names)}; choose one of {choices(names)}")


def _path_playlist(paths: list[str], library: MeasuredLibrary) -> Playlist:
    """The paths as a playlist. Raises LullError where nothing in them can be played."""
    playlist = Playlist(DEMO, tuple(paths), Order.ONCE)
    found = library.find(playlist)
    if not found.tracks:
        raise LullError("nothing to rehearse: " + "; ".join(found.warnings[:REASONS_SHOWN]))
    return playlist


@dataclass(slots=True)
class Report:
    """The events of a rehearsal, with seconds from the start."""

    tracks: list[dict[str, Any]] = field(default_factory=list)
    events: list[dict[str, Any]] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    refusals: list[str] = field(default_factory=list)

    def note(self, now: Now, event: Event) -> None:
        """Record one event."""
        if not isinstance(event, News):
            if not event.is_done:
                self.refusals.append(event.text)
            return
        self.events.append({"at_s": round(now.boot_s, 3), "type": event.type, "text": event.text, **event.data})
        if event.type == "track_started":
            self.tracks.append({"at_s": round(now.boot_s, 3), "track": event.data["track"], "uri": event.data["uri"]})
        elif event.type in {"problem", "track_skipped_over", "track_damaged"}:
            self.problems.append(event.text)

    def as_dict(self) -> dict[str, Any]:
        """Ready for JSON."""
        return {"tracks": self.tracks, "problems": self.problems, "events": self.events}


def render(plan: RehearsalPlan, out: Path, listeners: tuple[Report, Examination], progress: Progress) -> float:
    """Render the plan into a file while it is examined; returns the seconds rendered.

    Raises:
        LullError: the start is refused, or the file cannot be written.
    """
    from player.app.offline import REHEARSAL_BEGINS, VirtualClock
    from player.app.wiring import real_rehearsal

    report, examination = listeners
    library = plan.library
    clock = VirtualClock(plan.begins or REHEARSAL_BEGINS)
    rehearsal = real_rehearsal(
        out, (plan.settings, plan.audio), library, clock, examination.examiner, (report.note, examination.note)
    )
    rehearsal.tell(None if plan.start is None else Request(plan.start, "rehearsal"))
    if report.refusals:
        raise LullError(report.refusals[0])
    try:
        while not rehearsal.is_idle:
            if rehearsal.now_s > SILENT_LIMIT_S and not report.tracks:
                break
            if rehearsal.now_s > plan.longest_s:
                rehearsal.tell(Request(Stop(), "rehearsal"))
            rehearsal.step()
            share = None if plan.expected_s is None else rehearsal.now_s / plan.expected_s
            progress.show(f"{timedelta(seconds=int(rehearsal.now_s))} rendered", share)
        progress.show(f"{timedelta(seconds=int(rehearsal.now_s))} rendered", 1.0)
    finally:
        rehearsal.finish()
    examination.ask(library.lowered)
    return rehearsal.now_s
