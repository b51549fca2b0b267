"""The parts of the daemon that touch the world, and the messages of its inbox. Frozen."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final, TypeAlias

from player.audio.dsp.types import MakePowerMeter
from player.audio.ports import Decoder, Sink
from player.config import Config
from player.core.clock import Clock
from player.core.errors import ConfigError
from player.core.events import Answer, ScanMoved
from player.core.settings.audio import AudioSettings
from player.core.settings.mqtt import Identity
from player.library.folder_watch import FolderWatch
from player.library.folders import FolderChanged, LibraryFolders
from player.library.ports import BackgroundScan, Library
from player.library.reader import Recognise
from player.mqtt.connection import MakeLink
from player.mqtt.incoming import Incoming, LinkDown, LinkUp, Refusal
from player.mqtt.triggers.mailbox import MailboxFilled
from player.session.memory.ports import MemoryWriter
from player.session.messages import Message
from player.system.input_reader import Hear, InputReader, Tell
from player.system.ports import Notifier

TERM_FADE_S: Final = 1.2
"""Seconds of the fade after SIGTERM: silence well within two seconds."""


@dataclass(frozen=True, slots=True)
class Reload:
    """SIGHUP: read the config again."""


@dataclass(frozen=True, slots=True)
class ConfigLoaded:
    """The config that a reload read, or its faults; and the content of its library, if that has changed.

    ``reload`` is the number of the reload: one that another has overtaken changes nothing.
    """

    found: Config | ConfigError
    reload: int
    folders: LibraryFolders | None = None


@dataclass(frozen=True, slots=True)
class Terminate:
    """SIGTERM, SIGINT: fade out and end. With ``is_restart`` the next start resumes what plays."""

    over_s: float = TERM_FADE_S
    is_restart: bool = False


@dataclass(frozen=True, slots=True)
class EngineEnded:
    """The engine's thread has ended; if nobody asked for that, the daemon fails, to be started again."""


@dataclass(frozen=True, slots=True)
class AnswerWritten:
    """The memory's confirmation for a delayed answer: written, or ``fault`` says why not."""

    answer: Answer
    fault: str | None

    @property
    def final(self) -> Answer:
        """The answer to send."""
        if self.fault is None:
            return self.answer
        text = f"{self.answer.text}, but only until lull is restarted: it could not be saved: {self.fault}"
        return replace(self.answer, is_done=False, text=text)


Inbound: TypeAlias = (
    AnswerWritten
    | ConfigLoaded
    | EngineEnded
    | Message
    | Incoming
    | LinkUp
    | LinkDown
    | ScanMoved
    | LibraryFolders
    | FolderChanged
    | MailboxFilled
    | Reload
    | Terminate
    | Refusal
)


@dataclass(frozen=True, slots=True)
class Parts:
    """The parts that touch the world; real ones from `player.app.wiring`, fakes in tests."""

    clock: Clock
    make_sink: Callable[[AudioSettings, Callable[[Inbound], None]], Sink]
    decoder: Decoder
    library: Library
    notifier: Notifier
    make_link: MakeLink
    identity: Identity
    make_scan: Callable[[Callable[[Inbound], None]], BackgroundScan]
    make_folder_watch: Callable[[Callable[[Inbound], None]], FolderWatch]
    make_memory_writer: Callable[[Callable[[Inbound], None]], MemoryWriter]
    make_inputs: Callable[[Hear, Tell], InputReader]
    recognise: Recognise
    is_time_trusted: Callable[[], bool]
    make_power_meter: MakePowerMeter
    has_crashed: bool = False
    """Whether the daemon before this one crashed, see `player.session.memory.records.RecalledMemory`."""
