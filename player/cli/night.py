"""``lull night``: play now, in the foreground, with defaults for whatever is missing; what ``scripts/run`` calls."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import re
import shlex
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from player.cli.measure_first import measure_first, open_store
from player.cli.paths import HOME, RUNNING, add_config, check_paths, chosen_config, own_home
from player.cli.private_broker import PrivateBroker
from player.cli.terminal import LiveLine, Progress
from player.core.errors import LullError, SinkError, StoreError, WrongUsage
from player.core.events import has_file
from player.core.settings.audio import AudioSettings, OutputKind
from player.core.settings.mqtt import MqttSettings
from player.core.settings.safety import FadeSettings
from player.core.settings.session import Order, Playlist, Settings, VolumeSettings
from player.core.units import counted, format_bytes, format_duration
from player.storage.lock import holder_of
from player.system.privileges import become_owner_of

if TYPE_CHECKING:
    from player.config import Config
    from player.core.events import LibraryRead
    from player.core.snapshot import Snapshot
    from player.library.ports import Store

DESCRIPTION = """\
Play a night now. Without PATHs and without a config it plays generated sound
(rain, sea, brown noise) and three starter tracks, which the first run writes;
with PATHs it plays those; with --config it runs that config, which waits for
its schedule or a command.

Missing parts are replaced, and the output says so: a private broker on loopback
if the configured one cannot be used, and a WAV file, written in real time, if
there is no sound device. Ctrl-C fades out and exits."""

FIRST_VOLUME: Final = VolumeSettings(default=50, max=80)
"""Volume of a first try, usually by day at a desk: 10 dB above the default for a night."""
FIRST_FADES: Final = FadeSettings(fade_in_s=10.0)
"""The shortest rise from silence, because somebody waits for the first sound."""
MEASURE_S: Final = 20.0
"""Maximum time that people wait for tracks to be measured; the rest is measured in the background."""
ANSWER_S: Final = 3.0
"""Maximum time for the broker to accept the login."""
MOST_REASONS: Final = 3
"""Maximum number of files that are named where none of them can be played."""
TRIAL: Final = "trial"
"""Name of the speaker without a config: another one than that of a service on the same broker."""
STARTER: Final = "starter"
GENERATED: Final = ("rain", "sea", "brown")
NEXT: Final = """\
next: `{lull} night ~/Music` plays your own files, `{lull} night --config FILE` a config.
For every night at a set time: sudo scripts/install (docs/install.md)."""
MOST_PATHS: Final = 100
"""Maximum number of paths of a playlist in the file for other commands, which is read like a config of limited size."""
KEPT_RECORDINGS: Final = 1
"""Number of recordings of earlier runs that are kept; each minute is 23 MB."""


def add_parser(commands: Any) -> None:
    """Add ``night`` to the command line."""
    parser = commands.add_parser(
        "night",
        help="play a night now, with a live line",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("paths", nargs="*", metavar="PATH", help="files, folders, playlist files or streams to play")
    add_config(parser, "run this config instead")
    parser.add_argument(
        "--home",
        type=Path,
        default=None,
        metavar="DIR",
        help=f"folder of starter tracks, memory and recordings ({HOME})",
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Find what can be used, print it, and play until Ctrl-C or the end of the session's timer."""
    if args.config is not None and args.paths:
        raise WrongUsage("give PATHs or --config, not both")
    if args.config is None and args.device is not None:
        raise WrongUsage("--device names one of the speakers of a config; give that with --config")
    home: Path = own_home() if args.home is None else args.home.expanduser()
    if (user := become_owner_of(home)) is not None:
        print(f"note: playing as {user}, who owns {home}")
    try:
        home.mkdir(parents=True, exist_ok=True)
    except OSError as fault:
        raise LullError(f"cannot make the folder {home}: {fault.strerror or fault}; name another with --home") from None
    config = _config(args, home)
    state_dir = _usable_state_dir(config.state_dir, home)
    if holder := holder_of(state_dir):
        raise LullError(f"another lull (process {holder}) already plays with {state_dir}; stop that one first")
    config = replace(config, state_dir=state_dir)
    is_trial = args.config is None
    _measure_first_playlist(config, is_trial=is_trial)
    config = replace(config, audio=_usable_audio(config.audio, home))
    with contextlib.ExitStack() as stack:
        broker, private = _usable_broker(config.mqtt, stack)
        if is_trial and broker is not None and broker is config.mqtt:
            stack.callback(_clear_broker, config)
        config = replace(config, mqtt=broker)
        if is_trial:
            stack.callback(print, NEXT.format(lull=_program()))
        is_found = is_trial and _tell_others(config, stack)
        if config.audio.output is OutputKind.WAV:
            stack.callback(_say_where, Path(config.audio.path or ""))
        given = args if private is None and not is_trial else None
        options = None if broker is None else _options(config, given, is_found=is_found)
        _say_how_to_control(config, options, is_trial=is_trial)
        live = LiveLine()
        stack.callback(live.end)
        _serve(config, (live,) if private is None else (live, private.keep_up), is_trial=is_trial)
    return 0


def _serve(config: Config, watchers: tuple[Callable[[Snapshot], None], ...], *, is_trial: bool) -> None:
    from player.cli.run import serve
    from player.system.logging_setup import set_up

    set_up(warnings_only=True)
    serve(config, watchers, autoplay=is_trial)


def _tell_others(config: Config, stack: contextlib.ExitStack) -> bool:
    """Write a file with what plays and how to control it, for `player.cli.paths.config_file`; removed at the end.

    Returns whether that was possible; on a disk that is full or read-only the night is played all the same.
    """
    mqtt, audio, settings = config.mqtt, config.audio, config.settings
    told = {
        "device": settings.device,
        "mqtt": "off" if mqtt is None else {"host": mqtt.host, "port": mqtt.port},
        "audio": {"output": audio.output.value} | ({"path": audio.path} if audio.path else {}),
        "volume": {"default": settings.volume.default, "max": settings.volume.max},
        "fades": {"fade_in": f"{settings.fades.fade_in_s:g}s"},
        "playlists": {
            one.name: {
                "paths": [os.path.abspath(path) if has_file(path) else path for path in one.paths[:MOST_PATHS]],
                "order": one.order.value,
            }
            for one in settings.playlists
        },
        "state_dir": str(config.state_dir),
    }
    file = config.state_dir / RUNNING
    try:
        file.write_text(_yaml(told), encoding="utf-8")
    except OSError as fault:
        print(f"{file} cannot be written: {fault.strerror or fault}", file=sys.stderr)
        _remove(file)
        return False
    stack.callback(_remove, file)
    return True


def _yaml(told: dict[str, Any]) -> str:
    """The text of the file: JSON but for characters beyond 16 bits, of which JSON's escapes are two halves in YAML.

    Bytes of names that are not UTF-8 are replaced, because nobody could read the file otherwise.
    """
    text = json.dumps(told, indent=2, ensure_ascii=False) + "\n"
    text = re.sub("[\ud800-\udfff]", "\N{REPLACEMENT CHARACTER}", text)
    return "".join(one if one.isprintable() or one == "\n" else f"\\U{ord(one):08x}" for one in text)


def _remove(file: Path) -> None:
    """Remove a file where that is possible: the disk may be read-only, also since a moment ago."""
    with contextlib.suppress(OSError):
        file.unlink(missing_ok=True)


def _config(args: argparse.Namespace, home: Path) -> Config:
    from player.config import Config, load
    from player.library.folders import with_library
    from player.storage.memory_db import calibration_in

    if args.config is not None:
        config = load(args.config, calibration_in, args.device)
        # without its path, because a reload would restore the broker and the device that were replaced here
        return replace(config, settings=with_library(config.settings)[0], path=None)
    check_paths(args.paths)
    playlists = (Playlist("mine", tuple(args.paths), Order.ROTATE),) if args.paths else _first_playlists(home)
    settings = Settings(device=TRIAL, playlists=playlists, volume=FIRST_VOLUME, fades=FIRST_FADES)
    return Config(settings=settings, audio=AudioSettings(), mqtt=MqttSettings(), state_dir=home)


def _first_playlists(home: Path) -> tuple[Playlist, ...]:
    """Generated sound, rain first, and the starter tracks, which the first run writes.

    The first playlist has all of the generated sound, so that `next` and `never_again` lead to another one.
    """
    from player.library.starter.writer import StarterError, make_starter_library

    found = [
        Playlist("generated", tuple(f"noise:{kind}" for kind in GENERATED), Order.IN_ORDER),
        *(Playlist(kind, (f"noise:{kind}",)) for kind in GENERATED),
    ]
    folder = home / STARTER
    try:
        with Progress() as progress:
            make_starter_library(folder, lambda title, done: progress.show(f"making {title}", done))
    except StarterError as fault:
        print(f"without starter tracks: {fault}")
    else:
        found.append(Playlist(STARTER, (str(folder),), Order.SHUFFLE))
    return tuple(found)


def _usable_state_dir(state_dir: Path, home: Path) -> Path:
    """The configured state directory, or the home of this command where it cannot be written."""
    from player.storage.measurements_db import MeasurementsDb

    try:
        MeasurementsDb(state_dir).close()
    except StoreError as fault:
        print(f"state: {fault}; using {home} instead")
        return home
    return state_dir


def _measure_first_playlist(config: Config, *, is_trial: bool) -> None:
    """Measure the playlist that plays first, for `MEASURE_S` at most: unmeasured tracks are played quietly.

    Raises:
        LullError: nothing in it can be played, in a trial, which somebody watches.
    """
    from player.library.files import FileLibrary

    settings = config.settings
    playlist = settings.playlist(settings.first_playlist or "")
    if playlist is None:
        return
    store = open_store(config.state_dir)
    try:
        read = FileLibrary(store).read(playlist)
        if read.unmeasured:
            print(f"measuring {counted(len(read.unmeasured), 'new track')}, so that all have the same loudness")
            measure_first(read.unmeasured, store, MEASURE_S)
            read = FileLibrary(store).read(playlist)
        if is_trial and (reasons := _why_unplayable(read, store)):
            raise LullError("; ".join(("nothing to play", *reasons)))
    finally:
        store.close()


def _why_unplayable(read: LibraryRead, store: Store) -> tuple[str, ...]:
    """The first reasons why nothing of a playlist can be played; none where something may be."""
    from player.library.file_id import look_at

    reasons = list(read.warnings)
    for track in read.tracks:
        try:
            finding = None if track.is_stream or track.measured else store.find(look_at(track.uri, {})[1])
        except OSError:
            finding = None
        if finding is None or finding.fault is None:
            return ()
        reasons.append(f"{track.uri} {finding.fault}")
    return tuple(reasons[:MOST_REASONS])


def _usable_audio(audio: AudioSettings, home: Path) -> AudioSettings:
    """The configured output, or a WAV where there is no sound device."""
    from player.audio.sinks.factory import make_sink
    from player.core.clock import SystemClock

    if audio.output is not OutputKind.ALSA:
        return audio
    sink = make_sink(audio, SystemClock())
    try:
        sink.open()
    except SinkError as fault:
        path = _new_recording(home)
        print(f"no sound: {fault}")
        print(f"writing what would be heard to {path}, in real time (23 MB a minute)")
        return replace(audio, output=OutputKind.WAV, path=str(path), mixer=None)
    sink.close()
    print(f"sound: ALSA device {audio.device}")
    return audio


def _new_recording(home: Path) -> Path:
    """Where to write; all but the latest recordings of earlier runs are deleted."""
    for old in sorted(home.glob("night-*.wav"))[:-KEPT_RECORDINGS]:
        _remove(old)
    return home / f"night-{datetime.now().astimezone():%Y-%m-%d-%H%M%S}.wav"


def _say_where(recording: Path) -> None:
    if recording.exists():
        print(f"what would have been heard: {recording} ({format_bytes(recording.stat().st_size)})")
        print("aplay plays it where there is a sound device; the last two recordings are kept")


def _usable_broker(
    mqtt: MqttSettings | None, stack: contextlib.ExitStack
) -> tuple[MqttSettings | None, PrivateBroker | None]:
    """The configured broker, or a private one if it cannot be used; None if that is impossible as well."""
    if mqtt is None or (reason := _why_refused(mqtt)) is None:
        return mqtt, None
    try:
        broker = stack.enter_context(PrivateBroker())
    except (LullError, OSError) as error:  # OSError: there is no room for its config
        print(f"broker: {reason}, and {error}; playing without one")
        return None, None
    print(f"broker: {reason}; using a private one on 127.0.0.1:{broker.port}")
    return MqttSettings(host="127.0.0.1", port=broker.port, prefix=mqtt.prefix, groups=mqtt.groups), broker


def _why_refused(mqtt: MqttSettings) -> str | None:
    """Why the broker takes no connection, or not with this login; None if it does."""
    from player.cli.client.request import MqttSession
    from player.mqtt.incoming import LinkDown, LinkUp

    try:
        session = MqttSession(mqtt, ())
    except LullError as fault:
        return str(fault)
    session.start()
    arrival = session.next_by(time.monotonic() + ANSWER_S)
    session.close()
    if isinstance(arrival, LinkUp):
        return None
    return arrival.reason if isinstance(arrival, LinkDown) else f"{mqtt.address}: no answer in {ANSWER_S:g} s"


def _clear_broker(config: Config) -> None:
    """Remove the speaker from Home Assistant after a trial."""
    from player.cli.forget import forget

    try:
        forget(config)
    except LullError as error:
        print(f"broker: the messages of this trial were not removed: {error}", file=sys.stderr)


def _options(config: Config, given: argparse.Namespace | None, *, is_found: bool) -> str:
    """The options of a command from another terminal, each with a space before it.

    Args:
        config: what plays, with its broker.
        given: the options of this command, where the broker is that of a config: only that has its login.
        is_found: the file of `_tell_others` says where the broker is.
    """
    assert config.mqtt is not None, "there is a broker"
    if given is not None:
        device = "" if given.device is None else f" --device {shlex.quote(given.device)}"
        return f" --config {shlex.quote(str(given.config))}{device}"
    if not is_found:
        prefix = "" if config.mqtt.prefix == MqttSettings().prefix else f" --prefix {shlex.quote(config.mqtt.prefix)}"
        return f" --host {config.mqtt.host} --port {config.mqtt.port}{prefix}"
    if chosen_config(None) is None and config.state_dir == own_home():
        return ""
    # without an option they go to the speaker of a config, or do not find another home
    return f" --config {shlex.quote(str(config.state_dir / RUNNING))}"


def _say_how_to_control(config: Config, options: str | None, *, is_trial: bool) -> None:
    """Print commands for another terminal; ``options``: those of each, None where there is no broker."""
    settings = config.settings
    if options is not None:
        names = [playlist.name for playlist in settings.playlists[1:][-1:]]
        examples = ["volume +5", "next", *(f"playlist {name}" for name in names)]
        examples[:0] = [] if is_trial else ["play"]
        print(f"control it from another terminal: {', '.join(f'{_program()} {words}{options}' for words in examples)}")
    if not is_trial:
        starts = {
            "its schedule": settings.schedule,
            "a trigger": config.triggers.rules,
            "a command": options is not None,
        }
        awaited = " or ".join(what for what, is_there in starts.items() if is_there)
        never = "nothing starts it: the config has no schedule, and no broker for commands (mqtt: {host: localhost})"
        print(f"it waits for {awaited}" if awaited else never)
    timer = settings.timer
    ends = "" if timer.duration_s is None and timer.until is None else f"; sleep timer: {timer}"
    volume = f"volume {settings.volume.default}; " if is_trial else ""
    print(f"{volume}fades in over {format_duration(settings.fades.fade_in_s)}{ends}; Ctrl-C fades out and exits")


def _program() -> str:
    """The command for this program in the present folder."""
    return min(sys.argv[0], os.path.relpath(sys.argv[0]), key=len)
