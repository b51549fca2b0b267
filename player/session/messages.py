"""The messages that the controller takes, beside the passing of time. Frozen, any thread."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from player.core.commands import Request
from player.core.events import EngineReport, LibraryRead
from player.core.settings.session import Settings
from player.session.memory.records import Documents


@dataclass(frozen=True, slots=True)
class Shutdown:
    """The daemon is asked to end: fade out within a number of seconds. With ``is_restart`` the next start resumes."""

    over_s: float
    is_restart: bool = False


@dataclass(frozen=True, slots=True)
class NewSettings:
    """New settings from now on: after a reload, or when the library has other playlists."""

    settings: Settings
    text: str = "the config was read again"


@dataclass(frozen=True, slots=True)
class ExternalProblem:
    """A problem outside the session (``text``), or its end (None); shown among the problems."""

    key: str
    text: str | None


@dataclass(frozen=True, slots=True)
class MemoryFound:
    """The memory became readable only after the start: its content, merged with what happened since."""

    documents: Documents


Message: TypeAlias = Request | EngineReport | LibraryRead | Shutdown | NewSettings | ExternalProblem | MemoryFound
