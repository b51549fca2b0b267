"""``lull night``: a night at once, in the foreground, with whatever is there and defaults for whatever is not."""

from __future__ import annotations

import argparse
import contextlib
import sys
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from player.cli.measure_first import measure_first, open_store
from player.cli.paths import HOME
from player.cli.private_broker import PrivateBroker, answers
from player.cli.terminal import LiveLine
from player.core.errors import LullError, SinkError, StoreError
from player.core.settings.mqtt import MqttSettings
from player.core.settings.session import AudioSettings, Order, OutputKind, Playlist, Settings, VolumeSettings
from player.core.units import format_duration

if TYPE_CHECKING:
    from player.config import Config

DESCRIPTION = """\
Play a night now. Without PATHs and without a config the first run makes a
starter library (rain, sea, brown noise, brushing, taps, pages) and plays it;
with PATHs it plays those; with --config it runs that config.

What is missing is replaced and said: a private broker on loopback where the
configured one does not answer, and a WAV at real time where there is no sound
device. Ctrl-C fades out and ends."""

FIRST_VOLUME: Final = VolumeSettings(default=50, max=80)
"""A first try is by day, at a desk: 10 dB above the default of a night."""
MEASURE_S: Final = 20.0
"""So long at most people wait for tracks to be measured; the rest follows in the background."""


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
        "--home", type=Path, default=HOME, metavar="DIR", help=f"where the starter library lies ({HOME})"
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Find out what is there, say so, and play until Ctrl-C or the end of the session's timer."""
    if args.config is not None and args.paths:
        raise LullError("give PATHs or --config, not both")
    home: Path = args.home.expanduser()
    home.mkdir(parents=True, exist_ok=True)
    config = _config(args, home)
    state_dir = _state_dir_that_is_there(config.state_dir, home)
    config = replace(config, audio=_audio_that_is_there(config.audio, home), state_dir=state_dir)
    with contextlib.ExitStack() as stack:
        config = replace(config, mqtt=_broker_that_answers(config.mqtt, stack))
        _measure_what_comes_first(config)
        _say_how_to_control(config)
        live = LiveLine()
        stack.callback(live.end)
        _serve(config, live, autoplay=args.config is None)
    return 0


def _serve(config: Config, live: LiveLine, *, autoplay: bool) -> None:
    from player.cli.run import serve
    from player.system.logging_setup import set_up

    set_up(warnings_only=True)
    serve(config, (live,), autoplay=autoplay)


def _config(args: argparse.Namespace, home: Path) -> Config:
    from player.config import Config, load

    if args.config is not None:
        # without its path: a reload would bring back the broker and the device that were replaced here
        return replace(load(args.config), path=None)
    playlist = Playlist("mine", tuple(args.paths), Order.ROTATE) if args.paths else _starter(home)
    settings = Settings(playlists=(playlist,), volume=FIRST_VOLUME)
    return Config(settings=settings, audio=AudioSettings(), mqtt=MqttSettings(), state_dir=home)


def _starter(home: Path) -> Playlist:
    """The starter library, made on the first run."""
    from player.cli.starter import write_tracks

    folder = home / "starter"
    print(f"starter library: {write_tracks(folder)} tracks in {folder}")
    return Playlist("starter", (str(folder),), Order.SHUFFLE)


def _state_dir_that_is_there(state_dir: Path, home: Path) -> Path:
    """The configured state directory, or the home of this command where it cannot be written."""
    from player.storage.measurements_db import MeasurementsDb

    try:
        MeasurementsDb(state_dir).close()
    except StoreError as fault:
        print(f"state: {fault}; what is known of tracks is kept in {home}")
        return home
    return state_dir


def _measure_what_comes_first(config: Config) -> None:
    """Measure the playlist that plays first, as far as that takes no time: unmeasured tracks are played as if loud."""
    from player.library.files import FileLibrary

    settings = config.settings
    playlist = settings.playlist(settings.first_playlist or "")
    if playlist is None:
        return
    store = open_store(config.state_dir)
    try:
        new = FileLibrary(store).read(playlist).unmeasured
        if new:
            print(f"measuring {len(new)} new track{'' if len(new) == 1 else 's'}, so that all are equally loud")
            measure_first(new, store, MEASURE_S)
    finally:
        store.close()


def _audio_that_is_there(audio: AudioSettings, home: Path) -> AudioSettings:
    """The configured output, or a WAV where there is no sound device."""
    from player.audio.sinks.factory import make_sink
    from player.core.clock import SystemClock

    if audio.output is not OutputKind.ALSA:
        return audio
    sink = make_sink(audio, SystemClock())
    try:
        sink.open()
    except SinkError as fault:
        path = home / f"night-{datetime.now().astimezone():%Y-%m-%d-%H%M%S}.wav"
        print(f"no sound: {fault}")
        print(f"writing what would be heard to {path}, at real time (23 MB a minute)")
        return replace(audio, output=OutputKind.WAV, path=str(path), mixer=None)
    sink.close()
    print(f"sound: ALSA device {audio.device}")
    return audio


def _broker_that_answers(mqtt: MqttSettings | None, stack: contextlib.ExitStack) -> MqttSettings | None:
    """The configured broker, or a private one where it does not answer; none at all where that cannot be had."""
    if mqtt is None or answers(mqtt.host, mqtt.port):
        return mqtt
    try:
        broker = stack.enter_context(PrivateBroker())
    except LullError as error:
        print(f"broker: {mqtt.host}:{mqtt.port} does not answer, and {error}; playing without one")
        return None
    print(f"broker: {mqtt.host}:{mqtt.port} does not answer; a private one runs on 127.0.0.1:{broker.port}")
    return MqttSettings(host="127.0.0.1", port=broker.port, prefix=mqtt.prefix, groups=mqtt.groups)


def _say_how_to_control(config: Config) -> None:
    settings = config.settings
    if config.mqtt is not None:
        broker = f"--host {config.mqtt.host} --port {config.mqtt.port}"
        print(f"control: {sys.argv[0]} --help; for example: {sys.argv[0]} volume +5 {broker}")
    timer = settings.timer.duration_s
    ends = "" if timer is None else f"; silent after {format_duration(timer)}"
    print(f"fades in over {format_duration(settings.fades.fade_in_s)}{ends}; Ctrl-C fades out and ends")
