"""The start values of the next session: what was chosen for it, otherwise the config's defaults. Main thread, pure.

`play` shortly after the sleep timer has run out starts the session again as it was, because a bedside button has no
screen: see `NextSession.like_the_last`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, TypeVar

from player.core.clock import Now, moved
from player.core.commands import Play
from player.core.settings.bed import Bed
from player.core.settings.session import Entry, Phase, Playlist, Settings, TimerSetting
from player.session.memory.records import Choices
from player.session.morning import LONGEST_PART, MorningParams
from player.session.schedule.preview import fade_in_of, then_of, timer_of
from player.session.sleep_timer import resolve

_Any = TypeVar("_Any")


@dataclass(frozen=True, slots=True)
class StartParams:
    """The start values of a session: those of the command or schedule entry, completed with the defaults.

    ``then`` are the phases that follow; an interrupted session begins in a later ``phase`` than the first, for which
    ``phase_volume`` was written. ``morning`` is there where it ends a night. ``bed`` is what somebody named; None: that
    of the playlist.
    """

    why: str
    volume: int
    timer: TimerSetting
    fade_in_s: float
    fade_out_s: float
    late_s: float = 0.0
    then: tuple[Phase, ...] = ()
    phase: int = 1
    phase_volume: int | None = None
    morning: MorningParams | None = None
    bed: tuple[Bed, ...] | None = None


class NextSession:
    """The choices for the next session, and the only owner of them.

    Args:
        settings: the defaults and the caps.
        choices: what had been chosen before a restart.

    Attributes:
        choices: what was chosen for the next session.
    """

    def __init__(self, settings: Settings, choices: Choices) -> None:
        self.choices = choices
        self._settings = settings
        self._expired: tuple[float, Play] | None = None
        """When a sleep timer has run out, and what starts its session again; None from the next start on."""
        self._drop_what_is_gone()

    @property
    def playlist(self) -> str | None:
        """The playlist of a `play` that names none."""
        return self.choices.playlist or self._settings.first_playlist

    @property
    def volume(self) -> int:
        """The volume at which it begins."""
        return self._settings.volume.default if self.choices.volume is None else self.choices.volume

    @property
    def timer(self) -> TimerSetting:
        """The sleep timer."""
        return self._settings.timer if self.choices.timer is None else self.choices.timer

    @property
    def fade_out_s(self) -> float:
        """Length of the final fade in seconds."""
        return self._settings.fades.fade_out_s if self.choices.fade_out_s is None else self.choices.fade_out_s

    def choose(self, **choices: Any) -> None:
        """Note a choice: fields of `Choices` by name."""
        self.choices = replace(self.choices, **choices)

    def recall(self, choices: Choices) -> None:
        """Take saved choices that became readable late, unless something was chosen since."""
        if self.choices == Choices():
            self.choices = choices
            self._drop_what_is_gone()

    def has_started(self) -> None:
        """Forget the choices of a session that began, except the playlist."""
        self.choices = Choices(self.choices.playlist)
        self._expired = None

    def timer_ran_out(self, was: Play, now_s: float) -> None:
        """Note that the sleep timer of a session has run out; ``was`` starts it again."""
        self._expired = now_s, was

    def change_settings(self, settings: Settings) -> None:
        """Use other defaults and caps."""
        self._settings = settings
        self._drop_what_is_gone()

    def start_params(
        self, why: str, wanted: Entry | Play, playlist: Playlist, now: Now, late_s: float = 0.0
    ) -> StartParams:
        """The completed start values, held under the cap. Choices do not apply to entries of the schedule."""
        settings = self._settings
        if isinstance(wanted, Entry):
            return self._of_entry(why, wanted, playlist, now, late_s)
        fade_out_s = self.fade_out_s
        return StartParams(
            why=why,
            volume=settings.volume.cap(self.volume if wanted.volume is None else wanted.volume),
            timer=resolve(wanted.timer or self.timer, now.wall, is_trusted=now.trusted),
            fade_in_s=settings.fades.fade_in_s if wanted.fade_in_s is None else wanted.fade_in_s,
            fade_out_s=fade_out_s if wanted.fade_out_s is None else wanted.fade_out_s,
            then=playlist.then if wanted.then is None else wanted.then,
            bed=_first(wanted.bed, self.choices.bed),
        )

    def _of_entry(self, why: str, entry: Entry, playlist: Playlist, now: Now, late_s: float) -> StartParams:
        """The start values of an entry of the schedule."""
        settings = self._settings
        timer = resolve(timer_of(entry, settings), moved(now.wall, -late_s), is_trusted=now.trusted)
        fade_in_s, morning = fade_in_of(entry, settings), None
        if entry.is_morning:
            fade_in_s = min(fade_in_s, LONGEST_PART * (timer.duration_s or fade_in_s / LONGEST_PART))
            morning = MorningParams(fade_in_s, 1.0 if entry.light is None else entry.light, late_s)
            fade_in_s = morning.left_s
        return StartParams(
            why=why,
            volume=settings.volume.cap(settings.volume.default if entry.volume is None else entry.volume),
            timer=timer,
            fade_in_s=fade_in_s,
            fade_out_s=settings.fades.fade_out_s if entry.fade_out_s is None else entry.fade_out_s,
            late_s=late_s,
            then=then_of(entry, playlist),
            bed=entry.bed,
            morning=morning,
        )

    def like_the_last(self, play: Play, now_s: float) -> Play:
        """Soon after the sleep timer has run out: the previous session's values, except what is named or was chosen."""
        if self._expired is None or now_s - self._expired[0] > self._settings.session.rearm_s:
            return play
        before, settings, chosen = self._expired[1], self._settings, self.choices
        is_other = play.playlist not in {None, before.playlist} or settings.playlist(before.playlist or "") is None
        return Play(
            play.playlist if is_other else before.playlist,
            _first(play.volume, chosen.volume, settings.volume.cap(before.volume or 0)),
            _first(play.timer, chosen.timer, before.timer),
            play.fade_in_s,
            _first(play.fade_out_s, chosen.fade_out_s, before.fade_out_s),
            play.then if is_other else _first(play.then, before.then),
            play.track,
            _first(play.bed, chosen.bed, None if is_other else before.bed),
        )

    def _drop_what_is_gone(self) -> None:
        """Keep choices made under other settings as far as these allow them."""
        playlist, volume = self.choices.playlist, self.choices.volume
        if playlist is not None and self._settings.playlist(playlist) is None:
            playlist = None
        if volume is not None:
            volume = self._settings.volume.cap(volume)
        bed = self.choices.bed
        if bed is not None:
            bed = tuple(one for one in bed if self._settings.playlist(one.playlist) is not None)
        self.choices = replace(self.choices, playlist=playlist, volume=volume, bed=bed)


def _first(*choices: _Any) -> _Any:
    """The first one that is not None, or the last."""
    return next((choice for choice in choices if choice is not None), choices[-1])
