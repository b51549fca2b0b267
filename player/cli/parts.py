"""The real parts of the daemon, put together; imported late, because libVLC and paho take time to load."""

from __future__ import annotations

from collections.abc import Callable

from player.adapters.ebur128 import HopMeter
from player.adapters.library import FileLibrary
from player.adapters.mqtt import MqttLink, read_password
from player.adapters.sinks import make_sink
from player.adapters.systemd import SystemdNotifier
from player.adapters.timesync import TimeSync
from player.adapters.vlc_source import VlcDecoder
from player.app import Inbound, Parts
from player.clock import SystemClock
from player.settings import MqttSettings


def real_parts() -> Parts:
    """libVLC, ALSA, paho and systemd."""
    clock = SystemClock()
    decoder = VlcDecoder()
    return Parts(
        clock=clock,
        make_sink=lambda audio, tell: make_sink(audio, clock, tell),
        decoder=decoder,
        library=FileLibrary(),
        notifier=SystemdNotifier(),
        make_link=_make_link,
        is_time_trusted=TimeSync().is_trusted,
        make_power_meter=HopMeter,
    )


def _make_link(settings: MqttSettings, device: str, deliver: Callable[[Inbound], None]) -> MqttLink:
    return MqttLink(settings, device, deliver, read_password(settings))
