"""The real parts of the daemon, put together; imported late, because libVLC and paho take time to load."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

from player.analysis.ebur128 import HopMeter
from player.app.parts import Parts
from player.audio.decoder.vlc_decoder import VlcDecoder
from player.audio.sinks.factory import make_sink
from player.core.clock import SystemClock
from player.core.errors import StoreError
from player.core.settings.mqtt import MqttSettings
from player.library.background_scan import BackgroundScanner
from player.library.content_hash import recognise
from player.library.files import FileLibrary
from player.library.ports import Store
from player.mqtt.client import MqttLink
from player.mqtt.triggers.gate import Arrival
from player.session.controller import ExternalProblem
from player.storage.measurements_db import MeasurementsDb
from player.storage.memory_db import MemoryDb, look_into, this_boot
from player.storage.writer_thread import WriterThread
from player.system.clock_trust import ClockTrust
from player.system.identity import identity_of
from player.system.native_logs import vlc_log_options
from player.system.systemd import SystemdNotifier

log = logging.getLogger("lull")


def real_parts(state_dir: Path, *, has_crashed: bool = False) -> Parts:
    """libVLC, ALSA, paho, systemd, and the store in the state directory; ``has_crashed`` as in `Recalled`."""
    store = _store(state_dir)
    clock = SystemClock()
    decoder = VlcDecoder(more_options=vlc_log_options())
    return Parts(
        clock=clock,
        make_sink=lambda audio, deliver: make_sink(audio, clock, lambda text: deliver(ExternalProblem("mixer", text))),
        decoder=decoder,
        library=FileLibrary(store),
        notifier=SystemdNotifier(),
        make_link=_make_link,
        make_diary=lambda deliver: _diary(state_dir, lambda text: deliver(ExternalProblem("memory", text))),
        recognise=recognise,
        make_scan=lambda deliver: BackgroundScanner(store, clock, deliver),
        identity=identity_of(state_dir),
        is_time_trusted=ClockTrust().is_trusted,
        make_power_meter=HopMeter,
        has_crashed=has_crashed,
    )


def _diary(state_dir: Path, tell: Callable[[str | None], None]) -> WriterThread:
    return WriterThread(lambda: MemoryDb(state_dir, this_boot()), lambda: look_into(state_dir)[0], tell)


def _store(state_dir: Path) -> Store:
    """The store; where it cannot be used tracks count as loud, and the daemon plays all the same."""
    try:
        return MeasurementsDb(state_dir)
    except StoreError as fault:
        log.warning("no measurements can be kept: %s", fault)
        return MeasurementsDb(None)


def _make_link(
    settings: MqttSettings, device: str, others: tuple[str, ...], deliver: Callable[[Arrival], None]
) -> MqttLink:
    return MqttLink(settings, device, deliver, others)
