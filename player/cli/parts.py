"""The real parts of the daemon, put together; imported late, because libVLC and paho take time to load."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

from player.adapters.background_scan import BackgroundScanner
from player.adapters.content_key import recognise
from player.adapters.diary import WritingDiary
from player.adapters.ebur128 import HopMeter
from player.adapters.identity import identity_of
from player.adapters.library import FileLibrary
from player.adapters.memory_file import MemoryFile, look_into, this_boot
from player.adapters.mqtt import MqttLink
from player.adapters.overheard import vlc_log_options
from player.adapters.sinks import make_sink
from player.adapters.store import SqliteStore
from player.adapters.systemd import SystemdNotifier
from player.adapters.timesync import TimeSync
from player.adapters.vlc_source import VlcDecoder
from player.broker import MqttSettings
from player.clock import SystemClock
from player.errors import StoreError
from player.parts import Parts
from player.ports import Store
from player.session import Trouble
from player.triggered import Arrival

log = logging.getLogger("lull")


def real_parts(state_dir: Path, *, has_crashed: bool = False) -> Parts:
    """libVLC, ALSA, paho, systemd, and the store in the state directory; ``has_crashed`` as in `Recalled`."""
    store = _store(state_dir)
    clock = SystemClock()
    decoder = VlcDecoder(more_options=vlc_log_options())
    return Parts(
        clock=clock,
        make_sink=lambda audio, deliver: make_sink(audio, clock, lambda text: deliver(Trouble("mixer", text))),
        decoder=decoder,
        library=FileLibrary(store),
        notifier=SystemdNotifier(),
        make_link=_make_link,
        make_diary=lambda deliver: _diary(state_dir, lambda text: deliver(Trouble("memory", text))),
        recognise=recognise,
        make_scan=lambda deliver: BackgroundScanner(store, clock, deliver),
        identity=identity_of(state_dir),
        is_time_trusted=TimeSync().is_trusted,
        make_power_meter=HopMeter,
        has_crashed=has_crashed,
    )


def _diary(state_dir: Path, tell: Callable[[str | None], None]) -> WritingDiary:
    return WritingDiary(lambda: MemoryFile(state_dir, this_boot()), lambda: look_into(state_dir)[0], tell)


def _store(state_dir: Path) -> Store:
    """The store; where it cannot be used tracks count as loud, and the daemon plays all the same."""
    try:
        return SqliteStore(state_dir)
    except StoreError as fault:
        log.warning("no measurements can be kept: %s", fault)
        return SqliteStore(None)


def _make_link(
    settings: MqttSettings, device: str, others: tuple[str, ...], deliver: Callable[[Arrival], None]
) -> MqttLink:
    return MqttLink(settings, device, deliver, others)
