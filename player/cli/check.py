"""``lull check``: prints every fault of a config, or on one screen what it means. Nothing is played or connected."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from player.cli.paths import DEFAULT_CONFIG, add_config, config_file
from player.cli.terminal import show
from player.core.days import DAYS
from player.core.errors import ConfigError, WrongUsage
from player.core.settings.audio import AudioSettings, Channels, OutputKind
from player.core.settings.bed import Bed, named_beds
from player.core.settings.mqtt import MqttSettings
from player.core.settings.safety import FadeSettings, GuardMode, GuardSettings, RestNights, SessionSettings
from player.core.settings.session import Entry, Phase, Playlist, Settings, TimerSetting, TrackStart, VolumeSettings
from player.core.text import without_controls, without_secrets
from player.core.units import counted, format_duration
from player.mqtt.triggers.content import show_path
from player.mqtt.triggers.rules import Trigger
from player.mqtt.triggers.settings import TriggerSettings
from player.session.memory.memory import tonight
from player.session.schedule.preview import fade_in_of, playlist_of, timer_of
from player.session.schedule.rest_nights import is_rest

if TYPE_CHECKING:
    from player.config import Config

DESCRIPTION = """\
Read a config as `lull run` would and list every fault at once, with its line,
its key, what is allowed and the nearest known key. Without a fault it says what
the config means: output, broker, playlists, the next start. Things that may
still change, such as a folder that does not exist, are notes, not faults.
Without FILE it is the config that other commands would take. Of a config with
several speakers all are checked; then it says how the others differ from the
first. With --device it is about one alone.

exit codes: 0 good, 1 faults, 2 wrong usage"""

LISTED: Final = 8
"""Maximum number of playlists, paths and entries that are listed, so that all fits on one screen."""


def add_parser(commands: Any) -> None:
    """Add ``check`` to the command line."""
    parser = commands.add_parser(
        "check",
        help="list every fault of a config, or say what it means",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("file", nargs="?", type=Path, metavar="FILE", help="the config, see config/lull.yaml")
    add_config(parser, "the same, as other commands name it")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print the faults to stderr and return 1, or the meaning to stdout and return 0."""
    from player.config import load, load_all
    from player.storage.memory_db import calibration_in

    if args.file is not None and args.config is not None:
        raise WrongUsage("give the config once, as FILE or with --config")
    path: Path = args.file or config_file(args.config) or DEFAULT_CONFIG
    try:
        one = args.device is not None
        configs = (load(path, calibration_in, args.device),) if one else load_all(path, calibration_in)
    except ConfigError as error:
        print(without_controls("\n".join(error.faults)), file=sys.stderr)
        return 1
    names = ", ".join(config.settings.device for config in configs)
    print(f"{path} is valid" + (f": {counted(len(configs), 'speaker')}, {names}" if len(configs) > 1 else ""))
    _show(configs, is_alone=len(configs) == 1)
    return 0


def _show(configs: Sequence[Config], *, is_alone: bool) -> None:
    """Print what the first config means, how the others differ from it, and the notes on them."""
    from player.config.speakers import is_here

    first: dict[str, list[str]] = {}
    noted: dict[str, list[str]] = {}
    for config in configs:
        rows, notes = _meaning(config, is_here=is_alone or is_here(config.speaker))
        if first:
            print()
        for title in [*rows, *(title for title in first if title not in rows)]:
            lines = rows.get(title, ["none"])
            for line in _rows(title, lines) if lines != first.get(title) else ():
                show(line, margin=11)
        first = first or rows
        for note in notes:
            noted.setdefault(note, []).append(config.settings.device)
    for note, names in noted.items():
        whose = "" if len(names) == len(configs) else f"{', '.join(names)}: "
        show(f"note: {whose}{note}", margin=6)


def _meaning(config: Config, *, is_here: bool) -> tuple[dict[str, list[str]], list[str]]:
    """What a config means, lines by title, and the notes on it; ``is_here``: the speaker is on this machine."""
    from player.cli.check_notes import level_notes, level_row, notes
    from player.core.clock import SystemClock
    from player.library.folders import with_library
    from player.storage.memory_db import calibration_in

    settings, of_library = with_library(config.settings)
    config = replace(config, settings=settings)
    rows: dict[str, list[str]] = {}
    for line in summary(config, SystemClock().now().wall):
        rows.setdefault(line[:11].strip() or next(reversed(rows)), []).append(line[11:])
    if not is_here:
        return rows, list(notes(config, is_here=False))
    known = calibration_in(config.state_dir)
    row = level_row(settings, known)
    if row is not None:
        rows["pillow"] = [row]
    return rows, [*of_library, *notes(config), *level_notes(settings, known)]


def summary(config: Config, wall: datetime) -> Iterator[str]:
    """What the config means, a line each; ``wall`` is the aware local time that the next start is counted from."""
    settings = config.settings
    yield from _rows("device", [settings.device])
    yield from _rows("output", [_output(config.audio), *_ears(config.audio)])
    yield from _rows("broker", [_broker(config.mqtt, settings.device)])
    yield from _rows("volume", [_volume(settings.volume)])
    yield from _rows("fades", [_fades(settings.fades)])
    yield from _rows("target", [f"{settings.limits.target_lufs:g} LUFS for every track, before the volume"])
    yield from _rows("ceiling", [f"{settings.limits.ceiling_dbtp:g} dBTP"])
    yield from _rows("guard", [_guard(settings.guard)])
    yield from _rows("timer", [_timer(settings.timer)])
    yield from _rows("session", _session(settings.session))
    yield from _rows("library", [] if settings.library is None else [_library(settings.library)])
    playlists = [line for playlist in settings.playlists[:LISTED] for line in _playlist(playlist, settings)]
    yield from _rows("playlists", [*playlists, *_more(len(settings.playlists))])
    entries = [line for entry in settings.schedule[:LISTED] for line in _entry_lines(entry, settings)]
    yield from _rows("schedule", [*entries, *_more(len(settings.schedule))] or ["nothing starts by itself"])
    yield from _rows("away", _away(settings))
    yield from _rows("rest", _rest(settings.rest_nights, wall))
    yield from _rows("next", [_next(settings, wall)])
    yield from _rows("triggers", _triggers(config.triggers))
    yield from _rows("state", [str(config.state_dir)])


def _rows(title: str, lines: Iterable[str]) -> Iterator[str]:
    for index, line in enumerate(lines):
        yield f"{title if index == 0 else '':<10} {line}"


def _more(count: int) -> list[str]:
    return [f"and {count - LISTED} more"] if count > LISTED else []


def _output(audio: AudioSettings) -> str:
    waits = f"{format_duration(audio.buffer_s)} of buffer"
    held = f"kept open {format_duration(audio.hold_s)} after a session"
    match audio.output:
        case OutputKind.ALSA:
            pinned = f"; mixer {audio.mixer.control} pinned at {audio.mixer.level}" if audio.mixer is not None else ""
            return f"ALSA device {audio.device}, {waits}, {held}{pinned}"
        case OutputKind.WAV:
            return f"WAV file {audio.path}"
        case OutputKind.PIPE:
            return f"pipe {audio.path}, {audio.form.value}, {waits}, {held}"
        case OutputKind.SILENT:
            return "silent: no sound, in real time"


def _ears(audio: AudioSettings) -> Iterator[str]:
    """The line about channels; none for ordinary stereo."""
    channels = {
        Channels.MONO: "mono: both speakers get both channels",
        Channels.LEFT: "only the left speaker, with both channels",
        Channels.RIGHT: "only the right speaker, with both channels",
        Channels.SWAP: "left and right are exchanged",
    }
    if audio.channels in channels:
        yield channels[audio.channels]
    if audio.balance:
        other = "left" if audio.balance > 0 else "right"
        yield f"balance {audio.balance:+d}: the {other} speaker gets {100 - abs(audio.balance)}% of the amplitude"


def _volume(volume: VolumeSettings) -> str:
    capped = f"{volume.default} at a start, never above {volume.max}"
    night = volume.night_cap
    return capped if night is None else f"{capped}, and not above {night.max} from {format_duration(night.after_s)} on"


def _guard(guard: GuardSettings) -> str:
    if guard.mode is GuardMode.STRICT:
        return "strict: nothing new stands out by more than 6 dB"
    return f"gentle: nothing new stands out by more than 8 dB, after {format_duration(guard.asleep_after_s)} 6 dB"


def _broker(mqtt: MqttSettings | None, device: str) -> str:
    if mqtt is None:
        return "none; lull is not controlled over MQTT"
    user = f" as {mqtt.username}" if mqtt.username else ""
    tls = ", TLS" if mqtt.tls is not None else ""
    topics = ", ".join(f"{mqtt.prefix}/{name}/..." for name in (device, *mqtt.groups, "all"))
    return f"{mqtt.address}{user}, MQTT {mqtt.protocol.value}{tls}, topics {topics}"


def _fades(fades: FadeSettings) -> str:
    named = {
        "in": fades.fade_in_s,
        "out": fades.fade_out_s,
        "crossfade": fades.crossfade_s,
        "stop": fades.stop_s,
        "pause": fades.pause_s,
    }
    lengths = ", ".join(f"{name} {format_duration(length_s)}" for name, length_s in named.items())
    return f"{lengths}; volume moves {fades.volume_db_per_s:g} dB/s"


def _timer(timer: TimerSetting) -> str:
    return str(timer)


def _session(session: SessionSettings) -> Iterator[str]:
    back = (
        f"resumed within {format_duration(session.resume_s)} of a crash"
        if session.resume_s
        else "not resumed after a crash"
    )
    again = "" if not session.rearm_s else f"; play within {format_duration(session.rearm_s)} of its end continues it"
    yield f"{format_duration(session.max_s)} at most; {back}{again}"
    if session.pause_holds_timer:
        yield "a pause holds the sleep timer"
    if session.asleep_timer_s is not None:
        yield f"silent within {format_duration(session.asleep_timer_s)} of asleep"
    if session.taper is not None:
        yield f"sinks by {session.taper.db_per_h:g} dB an hour once asleep, down to volume {session.taper.floor}"


def _away(settings: Settings) -> list[str]:
    """The line about ``away``; none where it is off."""
    named = ", ".join([*map(str, settings.away[:LISTED]), *_more(len(settings.away))])
    return [f"{named}: the schedule starts nothing"] if named else []


def _rest(rests: RestNights | None, wall: datetime) -> list[str]:
    """The line about rest nights; none without them."""
    if rests is None:
        return []
    ahead = (tonight(wall) + timedelta(days=days) for days in range(14))
    night = next(night for night in ahead if is_rest(night, rests))
    instead = "nothing" if rests.playlist is None else rests.playlist
    return [f"{rests.per_week} a week, on which the schedule plays {instead}; the next one is that of {night:%a %d %b}"]


def _library(folder: str) -> str:
    return f"{folder}: each folder in it is a playlist, and those of a USB stick with the label LULL"


def _playlist(playlist: Playlist, settings: Settings) -> Iterator[str]:
    gain = f", {playlist.gain_db:+g} dB" if playlist.gain_db else ""
    default = " (the default)" if playlist.name == settings.first_playlist else ""
    start = "" if playlist.start is TrackStart.BEGINNING else f", long tracks: {playlist.start.value}"
    skip = f", without the first {format_duration(playlist.skip_first_s)}" if playlist.skip_first_s else ""
    yield f"{playlist.name}: {playlist.order.value}{gain}{start}{skip}{default}"
    for path in [*playlist.paths[:LISTED], *_more(len(playlist.paths))]:
        yield f"  {without_secrets(path)}"
    yield from _beds(playlist.bed)
    yield from _then(playlist.then, settings)


def _then(then: tuple[Phase, ...], settings: Settings) -> Iterator[str]:
    """The phases that follow, a line each."""
    for phase in then:
        parts = [phase.playlist or "the same", "" if phase.volume is None else f"volume {phase.volume}"]
        parts += [f"timer {phase.timer or settings.timer}", "sooner when asleep" if phase.when_asleep else ""]
        if phase.taper is not None:
            parts.append(f"sinks by {phase.taper.db_per_h:g} dB an hour, down to volume {phase.taper.floor}")
        elif phase.has_no_taper:
            parts.append("no taper")
        yield f"  then {', '.join(filter(None, parts))}"
        yield from _beds(phase.bed)


def _entry_lines(entry: Entry, settings: Settings) -> Iterator[str]:
    yield _entry(entry, settings)
    yield from _beds(entry.bed)
    yield from _then(entry.then or (), settings)


def _entry(entry: Entry, settings: Settings) -> str:
    days = "daily" if len(entry.days) == len(DAYS) else " ".join(DAYS[day] for day in sorted(entry.days))
    volume = settings.volume.default if entry.volume is None else entry.volume
    own = "".join(f", {DAYS[day]} {at:%H:%M}" for day, at in entry.own_times)
    out = f", {len(entry.leave_out)} left out" if entry.leave_out else ""
    over = ", replaces what is playing" if entry.takes_over or entry.is_morning else ""
    kind = f"morning, fade-in {format_duration(fade_in_of(entry, settings))}, " if entry.is_morning else ""
    return (
        f"{entry.name}: {kind}{entry.at:%H:%M} {days}{own}{out}, {entry.playlist or settings.first_playlist}, "
        f"volume {volume}, timer {_timer(timer_of(entry, settings))}{over}"
    )


def _beds(found: tuple[Bed, ...] | None) -> Iterator[str]:
    """The lines about beds; none where the config has none."""
    if found is not None:
        outlasts = [bed for bed in found if bed.outlasts_s]
        after = "".join(
            f"; {bed.playlist} goes on for {format_duration(bed.outlasts_s)} after them" for bed in outlasts
        )
        yield f"  under them {named_beds(found)}{after}"


def _next(settings: Settings, wall: datetime) -> str:
    from player.session.schedule.planner import next_start

    coming = next_start(settings.planned(), wall)
    while coming is not None and playlist_of(*coming, settings) is None:
        coming = next_start(settings.planned(), coming[1])  # a rest night
    if coming is None:
        return "no start is planned"
    entry, planned = coming
    return f"{entry.name} starts {DAYS[planned.weekday()]} {planned.isoformat(sep=' ', timespec='minutes')}"


def _triggers(triggers: TriggerSettings) -> list[str]:
    """The lines about triggers; none without triggers."""
    lines = [f"{rule.name}: {_when(rule)}: {rule.asks}" for rule in triggers.rules[:LISTED]]
    quiet = triggers.quiet_hours
    told = [] if quiet is None else [f"in the quiet hours, {quiet}, none of them starts sound or makes it louder"]
    return [*lines, *_more(len(triggers.rules)), *told] if lines else []


def _when(rule: Trigger) -> str:
    """What a trigger waits for."""
    where = "" if rule.name.startswith(rule.topic) else f" on {rule.topic}"
    what = f"{show_path(rule.path) or 'the message'}{where} is {rule.condition}"
    held = "" if rule.hold_s is None else f" for {format_duration(rule.hold_s)}"
    between = "" if rule.only_between is None else f", {rule.only_between}"
    return what + held + between
