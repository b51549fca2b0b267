"""What became of the last command: obeyed, or refused. Main thread, pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from player.core.events import News
from player.core.snapshot import LastCommand, LastRefusal


@dataclass(slots=True)
class LastAsked:
    """The last command that was obeyed, and what was refused since; main thread.

    A payload that is no command is refused before it reaches the session, so that is told by `note`.
    """

    obeyed: LastCommand | None = None
    refused: LastRefusal | None = None

    def obey(self, text: str, origin: str, wall: datetime) -> None:
        """A command was obeyed."""
        self.obeyed, self.refused = LastCommand(text, origin, wall), None

    def refuse(self, reason: str, origin: str, wall: datetime) -> None:
        """A command was refused."""
        self.refused = LastRefusal(reason, origin, wall)

    def note(self, news: News, wall: datetime) -> None:
        """Take a refusal from what everybody is told."""
        if news.type == "command_rejected":
            self.refuse(news.text, str(news.data["origin"]), wall)
