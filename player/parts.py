"""What the app is put together from: the parts that touch the world, and the messages that its inbox holds. Frozen."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeAlias

from player.announced import Identity
from player.broker import MqttSettings
from player.clock import Clock
from player.dsp.types import MakePowerMeter
from player.events import ScanMoved
from player.inbox import Refusal
from player.librarian import Recognise
from player.ports import BackgroundScan, Decoder, Diary, Library, Link, Notifier, Sink
from player.session import Message
from player.settings import AudioSettings
from player.triggered import Arrival
from player.triggers.mailbox import Knock
from player.wire.topics import Incoming, LinkDown, LinkUp

MakeLink: TypeAlias = Callable[[MqttSettings, str, tuple[str, ...], Callable[[Arrival], None]], Link]
"""Makes a link from its settings, the device's name, what it is to hear beside the command topics, and who is told."""
TERM_FADE_S: Final = 1.2
"""SIGTERM: silent well within two seconds."""


@dataclass(frozen=True, slots=True)
class Reload:
    """SIGHUP: read the config again."""


@dataclass(frozen=True, slots=True)
class Quit:
    """SIGTERM, SIGINT: fade out and end."""

    over_s: float = TERM_FADE_S


Inbound: TypeAlias = Message | Incoming | LinkUp | LinkDown | ScanMoved | Knock | Reload | Quit | Refusal


@dataclass(frozen=True, slots=True)
class Parts:
    """Everything that touches the world; real ones from `player.cli.parts`, fakes in tests."""

    clock: Clock
    make_sink: Callable[[AudioSettings, Callable[[Inbound], None]], Sink]
    decoder: Decoder
    library: Library
    notifier: Notifier
    make_link: MakeLink
    identity: Identity
    make_scan: Callable[[Callable[[Inbound], None]], BackgroundScan]
    make_diary: Callable[[Callable[[Inbound], None]], Diary]
    recognise: Recognise
    is_time_trusted: Callable[[], bool]
    make_power_meter: MakePowerMeter
    has_crashed: bool = False
    """The daemon before this one crashed, see `player.night.kept.Recalled`."""
