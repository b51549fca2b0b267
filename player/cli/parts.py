"""The real parts of the daemon, put together; imported late, because libVLC and paho take time to load."""

from __future__ import annotations

import logging
from pathlib import Path

from player.adapters.background_scan import BackgroundScanner
from player.adapters.ebur128 import HopMeter
from player.adapters.identity import identity_of
from player.adapters.library import FileLibrary
from player.adapters.mqtt import MqttLink, read_password
from player.adapters.sinks import make_sink
from player.adapters.store import SqliteStore
from player.adapters.systemd import SystemdNotifier
from player.adapters.timesync import TimeSync
from player.adapters.vlc_source import VlcDecoder
from player.app import Parts
from player.clock import SystemClock
from player.errors import StoreError
from player.ports import Store
from player.post import Deliver
from player.session import Trouble
from player.settings import MqttSettings

log = logging.getLogger("lull")


def real_parts(state_dir: Path) -> Parts:
    """libVLC, ALSA, paho, systemd, and the store in the state directory."""
    store = _store(state_dir)
    clock = SystemClock()
    decoder = VlcDecoder()
    return Parts(
        clock=clock,
        make_sink=lambda audio, deliver: make_sink(audio, clock, lambda text: deliver(Trouble("mixer", text))),
        decoder=decoder,
        library=FileLibrary(store),
        notifier=SystemdNotifier(),
        make_link=_make_link,
        make_scan=lambda deliver: BackgroundScanner(store, clock, deliver),
        identity=identity_of(state_dir),
        is_time_trusted=TimeSync().is_trusted,
        make_power_meter=HopMeter,
    )


def _store(state_dir: Path) -> Store:
    """The store; where it cannot be used nothing is remembered, and the daemon plays all the same."""
    try:
        return SqliteStore(state_dir)
    except StoreError as fault:
        log.warning("nothing can be remembered across restarts: %s", fault)
        return SqliteStore(None)


def _make_link(settings: MqttSettings, device: str, others: tuple[str, ...], deliver: Deliver) -> MqttLink:
    return MqttLink(settings, device, deliver, read_password(settings), others)
