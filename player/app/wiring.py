"""Builds the real parts of the daemon and of a rehearsal. Imported late, because libVLC and paho take time to load."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Final

from player.analysis.ebur128 import HopMeter
from player.app.offline import Rehearsal, VirtualClock
from player.app.parts import Parts
from player.audio.decoder.noise import NoiseDecoder
from player.audio.decoder.vlc_decoder import VlcDecoder
from player.audio.dsp.ears import Ears
from player.audio.dsp.native import power_meters
from player.audio.engine import Engine
from player.audio.engine_settings import EngineSettings
from player.audio.monitor import Monitor, MonitoredSink
from player.audio.sinks.factory import make_sink
from player.audio.sinks.wav import WavSink
from player.core.clock import Now, SystemClock
from player.core.events import EngineReport, Event
from player.core.settings.audio import AudioSettings
from player.core.settings.session import Settings
from player.library.background_scan import BackgroundScanner
from player.library.copies import CopyWatch
from player.library.file_id import recognise
from player.library.files import FileLibrary
from player.library.folder_watch import FolderWatch
from player.library.ports import Library
from player.mqtt.link import make_link
from player.session.controller import Controller
from player.session.messages import ExternalProblem, MemoryFound
from player.storage.document_copy import read_copy
from player.storage.measurements_db import MeasurementsDb
from player.storage.memory_db import MemoryDb, look_into, this_boot
from player.storage.runtime_copy import RuntimeCopy, runtime_file
from player.storage.writer_thread import MemorySources, WriterThread
from player.system.clock_trust import ClockTrust
from player.system.identity import identity_of
from player.system.input_reader import InputReader
from player.system.native_logs import vlc_log_options
from player.system.systemd import SystemdNotifier

REHEARSAL_SEED: Final = 1
"""A rehearsal plays shuffled tracks in the same order each time."""


def real_parts(state_dir: Path, *, has_crashed: bool = False) -> Parts:
    """libVLC, ALSA, paho, systemd, and the store in the state directory; ``has_crashed`` as in `Recalled`."""
    store = MeasurementsDb(state_dir, is_patient=True)  # without it tracks count as loud, and play all the same
    clock = SystemClock()
    decoder = NoiseDecoder(VlcDecoder(more_options=vlc_log_options()))
    copies = CopyWatch(clock)
    identity = identity_of(state_dir)
    return Parts(
        clock=clock,
        make_sink=lambda audio, deliver: make_sink(audio, clock, lambda text: deliver(ExternalProblem("mixer", text))),
        decoder=decoder,
        library=FileLibrary(store, copies.is_complete),
        make_folder_watch=lambda deliver: FolderWatch(copies, deliver),
        notifier=SystemdNotifier(),
        make_link=make_link,
        make_memory_writer=lambda deliver: WriterThread(
            MemorySources(
                lambda: MemoryDb(state_dir, this_boot()),
                lambda: look_into(state_dir)[0],
                lambda: read_copy(state_dir),
                RuntimeCopy(runtime_file(identity.id), this_boot()),
            ),
            lambda text: deliver(ExternalProblem("memory", text)),
            lambda documents: deliver(MemoryFound(documents)),
        ),
        make_inputs=lambda hear, tell: InputReader(hear, tell, clock),
        recognise=recognise,
        make_scan=lambda deliver: BackgroundScanner(store, clock, deliver),
        identity=identity,
        is_time_trusted=ClockTrust().is_trusted,
        make_power_meter=power_meters(HopMeter),
        has_crashed=has_crashed,
    )


def real_rehearsal(
    out: Path,
    config: tuple[Settings, AudioSettings],
    library: Library,
    clock: VirtualClock,
    monitor: Monitor,
    listener: tuple[Callable[[Now, Event], None], Callable[[Now, EngineReport], None]],
) -> Rehearsal:
    """The real session, decoder and engine on a virtual clock, writing a WAV.

    Args:
        out: the WAV.
        config: the settings of the session; those of the output, of which only `channels` and `balance` count.
        library: answers with the tracks of a playlist.
        clock: stands at the aware local time at which it begins.
        monitor: called with each written block and what the tap saw of it.
        listener: called with the session's events and their virtual time, and with the engine's reports, before the
            session is.
    """
    settings, audio = config
    on_event, on_report = listener
    sink = MonitoredSink(WavSink(out, clock, buffer_s=0.0), monitor)
    session = Controller(settings, random.Random(REHEARSAL_SEED))  # noqa: S311 - not a secret
    rehearsal = Rehearsal(settings, session, library, clock, on_event)

    def report(told: EngineReport) -> None:
        on_report(clock.now(), told)
        rehearsal.report(told)

    engine_settings = replace(
        EngineSettings.of(settings, power_meters(HopMeter), hold_s=0.0),
        is_offline=True,
        tap=sink.tap,
        ears=Ears(audio.channels, audio.balance),
    )
    decoder = NoiseDecoder(VlcDecoder(), itertools.count())
    rehearsal.attach(Engine(sink, decoder, clock, report, engine_settings))
    return rehearsal
