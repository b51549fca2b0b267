"""``lull night``: play now, in the foreground, with defaults for whatever is missing; what ``scripts/run`` calls."""

from __future__ import annotations

import argparse
import contextlib
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from player.cli.measure_first import measure_first, open_store
from player.cli.paths import HOME
from player.cli.private_broker import PrivateBroker, answers
from player.cli.terminal import LiveLine
from player.core.errors import LullError, SinkError, StoreError
from player.core.settings.audio import AudioSettings, OutputKind
from player.core.settings.mqtt import MqttSettings
from player.core.settings.safety import FadeSettings
from player.core.settings.session import Order, Playlist, Settings, VolumeSettings
from player.core.units import counted, format_duration

if TYPE_CHECKING:
    from player.config import Config
    from player.core.events import LibraryRead

DESCRIPTION = """\
Play a night now. Without PATHs and without a config the first run creates a
starter library (rain, sea, brown noise, brushing, taps, pages) and plays it;
with PATHs it plays those; with --config it runs that config.

Missing parts are replaced, and the output says so: a private broker on loopback
if the configured one does not answer, and a WAV file, written in real time, if
there is no sound device. Ctrl-C fades out and exits."""

FIRST_VOLUME: Final = VolumeSettings(default=50, max=80)
"""A first try is by day, at a desk: 10 dB above the default for a night."""
FIRST_FADES: Final = FadeSettings(fade_in_s=10.0)
"""The shortest rise from silence: somebody is waiting for the first sound."""
MEASURE_S: Final = 20.0
"""Maximum time that people wait for tracks to be measured; the rest is measured in the background."""
STARTER: Final = "starter"
KEPT_RECORDINGS: Final = 1
"""Recordings of earlier runs that are kept; each minute is 23 MB."""


def add_parser(commands: Any) -> None:
    """Add ``night`` to the command line."""
    parser = commands.add_parser(
        "night",
        help="play a night now, with a live line",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("paths", nargs="*", metavar="PATH", help="files, folders, playlist files or streams to play")
    parser.add_argument("--config", type=Path, metavar="FILE", help="run this config instead")
    parser.add_argument(
        "--home", type=Path, default=HOME, metavar="DIR", help=f"folder of the starter library and the memory ({HOME})"
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Find out what is there, say so, and play until Ctrl-C or the end of the session's timer."""
    if args.config is not None and args.paths:
        raise LullError("give PATHs or --config, not both")
    home: Path = args.home.expanduser()
    home.mkdir(parents=True, exist_ok=True)
    config = _config(args, home)
    state_dir = _usable_state_dir(config.state_dir, home)
    config = replace(config, audio=_usable_audio(config.audio, home), state_dir=state_dir)
    is_trial = args.config is None
    with contextlib.ExitStack() as stack:
        broker = _usable_broker(config.mqtt, stack)
        if is_trial and broker is not None and broker is config.mqtt:
            stack.callback(_clear_broker, config)
        config = replace(config, mqtt=broker)
        if config.audio.output is OutputKind.WAV:
            stack.callback(_say_where, Path(config.audio.path or ""))
        _measure_first_playlist(config)
        _say_how_to_control(config)
        live = LiveLine()
        stack.callback(live.end)
        _serve(config, live, is_trial=is_trial)
    return 0


def _serve(config: Config, live: LiveLine, *, is_trial: bool) -> None:
    from player.cli.run import serve
    from player.system.logging_setup import set_up

    set_up(warnings_only=True)
    starter = config.settings.playlist(STARTER) if is_trial else None
    serve(config, (live,), autoplay=is_trial, beside=None if starter is None else _finish_starter(config, starter))


def _finish_starter(config: Config, playlist: Playlist) -> Callable[[Callable[[LibraryRead], None]], None]:
    """Writes the tracks that are still missing while the first one plays."""
    from player.library.files import FileLibrary
    from player.library.starter.writer import StarterError, make_starter_library

    def finish(deliver: Callable[[LibraryRead], None]) -> None:
        try:
            make_starter_library(Path(playlist.paths[0]), lambda *_: None)
        except StarterError as fault:
            print(f"\nstarter library: {fault}", file=sys.stderr)
        store = open_store(config.state_dir)
        try:
            deliver(FileLibrary(store).read(playlist))
        finally:
            store.close()

    return finish


def _config(args: argparse.Namespace, home: Path) -> Config:
    from player.config import Config, load
    from player.library.folders import with_library

    if args.config is not None:
        config = load(args.config)
        # without its path: a reload would bring back the broker and the device that were replaced here
        return replace(config, settings=with_library(config.settings)[0], path=None)
    playlist = Playlist("mine", tuple(args.paths), Order.ROTATE) if args.paths else _starter(home)
    settings = Settings(playlists=(playlist,), volume=FIRST_VOLUME, fades=FIRST_FADES)
    return Config(settings=settings, audio=AudioSettings(), mqtt=MqttSettings(), state_dir=home)


def _starter(home: Path) -> Playlist:
    """The starter library; the first run makes one track and plays it while the others are made."""
    from player.cli.starter import write_tracks

    folder = home / STARTER
    write_tracks(folder, 1)
    print(f"starter library: in {folder}")
    return Playlist(STARTER, (str(folder),), Order.SHUFFLE)


def _usable_state_dir(state_dir: Path, home: Path) -> Path:
    """The configured state directory, or the home of this command where it cannot be written."""
    from player.storage.measurements_db import MeasurementsDb

    try:
        MeasurementsDb(state_dir).close()
    except StoreError as fault:
        print(f"state: {fault}; using {home} instead")
        return home
    return state_dir


def _measure_first_playlist(config: Config) -> None:
    """Measure the playlist that plays first, for `MEASURE_S` at most: unmeasured tracks are played quietly."""
    from player.library.files import FileLibrary

    settings = config.settings
    playlist = settings.playlist(settings.first_playlist or "")
    if playlist is None:
        return
    store = open_store(config.state_dir)
    try:
        new = FileLibrary(store).read(playlist).unmeasured
        if new:
            print(f"measuring {counted(len(new), 'new track')}, so that all have the same loudness")
            measure_first(new, store, MEASURE_S)
    finally:
        store.close()


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
        old.unlink(missing_ok=True)
    return home / f"night-{datetime.now().astimezone():%Y-%m-%d-%H%M%S}.wav"


def _say_where(recording: Path) -> None:
    if recording.exists():
        print(f"what was heard: {recording} ({recording.stat().st_size / 1e6:.0f} MB)")


def _usable_broker(mqtt: MqttSettings | None, stack: contextlib.ExitStack) -> MqttSettings | None:
    """The configured broker, or a private one if it does not answer; None if that is impossible as well."""
    if mqtt is None or answers(mqtt.host, mqtt.port):
        return mqtt
    try:
        broker = stack.enter_context(PrivateBroker())
    except LullError as error:
        print(f"broker: {mqtt.host}:{mqtt.port} does not answer, and {error}; playing without one")
        return None
    print(f"broker: {mqtt.host}:{mqtt.port} does not answer; using a private one on 127.0.0.1:{broker.port}")
    return MqttSettings(host="127.0.0.1", port=broker.port, prefix=mqtt.prefix, groups=mqtt.groups)


def _clear_broker(config: Config) -> None:
    """A trial leaves no speaker behind in Home Assistant."""
    from player.cli.forget import forget

    try:
        forget(config)
    except LullError as error:
        print(f"broker: the messages of this trial were not removed: {error}", file=sys.stderr)


def _say_how_to_control(config: Config) -> None:
    settings = config.settings
    if config.mqtt is not None:
        broker = f"--host {config.mqtt.host} --port {config.mqtt.port}"
        print(f"control: {sys.argv[0]} --help, for example: {sys.argv[0]} volume +5 {broker}")
    timer = settings.timer
    ends = "" if timer.duration_s is None and timer.until is None else f"; sleep timer: {timer}"
    print(f"fades in over {format_duration(settings.fades.fade_in_s)}{ends}; Ctrl-C fades out and exits")
