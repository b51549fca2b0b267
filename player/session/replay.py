"""Play, shortly after the sleep timer has run out: as it was. A bedside button has no screen.

Main thread, standard library, pure.
"""

from __future__ import annotations

from typing import TypeVar

from player.core.commands import Play
from player.core.settings.session import Settings
from player.session.memory.records import Choices
from player.session.session import Session

_Any = TypeVar("_Any")


def as_it_was(run: Session) -> Play:
    """What brings a session back."""
    ending = run.ending
    return Play(run.programme.playlist.name, run.volume, ending.setting, fade_out_s=ending.fade_out_s)


def rearmed(play: Play, before: Play, chosen: Choices, settings: Settings) -> Play:
    """The session before, but for what is named now and what was chosen since."""
    is_other = play.playlist not in {None, before.playlist} or settings.playlist(before.playlist or "") is None
    return Play(
        play.playlist if is_other else before.playlist,
        _first(play.volume, chosen.volume, settings.volume.cap(before.volume or 0)),
        _first(play.timer, chosen.timer, before.timer),
        play.fade_in_s,
        _first(play.fade_out_s, chosen.fade_out_s, before.fade_out_s),
    )


def _first(*choices: _Any) -> _Any:
    """The first one that is not None, or the last."""
    return next((choice for choice in choices if choice is not None), choices[-1])
