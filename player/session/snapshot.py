"""The whole state at one instant, for people and homes, as `player.session.controller` shows it. Main thread, pure.

It includes the problems of the running session, in sentences, and the result of the last command.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime
from pathlib import PurePath
from typing import Any, Final

from player.core.clock import Now, elapsed_s, moved
from player.core.events import News
from player.core.settings.bed import Bed
from player.core.settings.session import FAVOURITES, Settings
from player.core.snapshot import NO_DEVICE, BedState, LastCommand, LastRefusal, Snapshot
from player.session import calibrate
from player.session.calibrate import offset_db
from player.session.memory.memory import DIED_OF_IT, Memory
from player.session.playback import Playback
from player.session.queue_item import chapter_title
from player.session.schedule.schedule import Schedule
from player.session.session import Session

STEADY_S: Final = 2.0
"""The end of the sleep timer is shown as before until it has moved by more."""


@dataclass(slots=True)
class LastAsked:
    """The last command that was obeyed, and what was refused since; main thread.

    An invalid payload is refused before it reaches the session; `note` takes that.
    """

    obeyed: LastCommand | None = None
    refused: LastRefusal | None = None

    def obey(self, text: str, origin: str, wall: datetime) -> None:
        """Note a command that was carried out."""
        self.obeyed, self.refused = LastCommand(text, origin, wall), None

    def refuse(self, reason: str, origin: str, wall: datetime) -> None:
        """Note a command that was refused."""
        self.refused = LastRefusal(reason, origin, wall)

    def note(self, news: News, wall: datetime) -> None:
        """Note a refusal from the events of a turn."""
        if news.type == "command_rejected":
            self.refuse(news.text, str(news.data["origin"]), wall)


class SteadyEnd:
    """The end of the sleep timer to the second, unchanged by the jitter between the two clocks."""

    def __init__(self) -> None:
        self._shown: datetime | None = None

    def show(self, ends: datetime | None) -> datetime | None:
        """What the state says of it: as before, until it has moved by more than `STEADY_S`."""
        if ends is None:
            self._shown = None
        elif self._shown is not None and abs(elapsed_s(self._shown, ends)) <= STEADY_S:
            self._shown = self._shown.astimezone(ends.tzinfo)
        else:
            self._shown = moved(ends, 0.5).replace(microsecond=0)
        return self._shown


def snapshot_of(
    playback: Playback,
    schedule: Schedule,
    memory: Memory,
    asked: LastAsked,
    problems: tuple[str, ...],
    now: Now,
) -> Snapshot:
    """The snapshot of the session, the schedule and their problems."""
    session, following, settings = playback.session, playback.next_session, playback.settings
    playing = None if session is None else session.queue.current
    left_s = None if session is None else session.end_plan.phase_left_s(now.boot_s)
    ends = None if left_s is None else moved(now.wall, left_s)
    return Snapshot(
        state=playback.state.value,
        why=None if session is None else session.why,
        started=None if session is None else session.started.wall,
        asked=asked.obeyed,
        refused=asked.refused,
        playlist=following.playlist if session is None else session.queue.playlist.name,
        track=None if playing is None else playing.track.title,
        chapter=None if playing is None else chapter_title(playing),
        is_liked=playing is not None and memory.is_liked(playing.track),
        next_track=None if session is None or session.queue.following is None else session.queue.following.title,
        position_s=None if playing is None else playing.position_s,
        duration_s=None if playing is None else playing.duration_s,
        beds=tuple(BedState(bed.playlist, bed.gain_db) for bed in _beds(playback)),
        volume=playback.volume,
        volume_max=settings.volume.max if session is None else session.night_mode.volume_max(now.boot_s),
        ramping_to=None if session is None else session.ramp.going_to,
        level_db=None if session is None else session.level_db,
        level_dba=_pillow_of(session, memory, settings),
        guard_reduction_db=0.0 if session is None else session.held_db,
        **_timer_of(playback),
        session_max_s=settings.session.max_s,
        timer_ends=ends,
        next_phase=None if session is None or _is_last_part(session) else ends,
        timer_remaining_s=left_s,
        **_night_of(session, now.boot_s),
        fade_out_s=following.fade_out_s if session is None else session.end_plan.fade_out_s,
        **_schedule_of(schedule, now),
        nights_used=memory.nights_used(now.wall),
        clock_trusted=now.trusted,
        tamed=0 if session is None else session.guard_report.count,
        dropouts=0 if session is None else session.dropouts.count,
        playlists=_playlists(settings, memory),
        problems=problems,
    )


def _playlists(settings: Settings, memory: Memory) -> tuple[str, ...]:
    names = tuple(playlist.name for playlist in settings.playlists)
    return (*names, FAVOURITES.name) if memory.likes and FAVOURITES.name not in names else names


def _is_last_part(session: Session) -> bool:
    """Whether silence comes when the sleep timer ends: no other phase, and no bed that continues alone."""
    return session.tracks.is_gone or (session.end_plan.is_last_phase and session.beds.outlasts_s == 0.0)


def _schedule_of(schedule: Schedule, now: Now) -> dict[str, Any]:
    """The schedule with its state."""
    coming = schedule.coming(now.wall)
    planned = None if coming is None else coming.first
    return {
        "next_start": None if planned is None else planned[1],
        "next_entry": None if planned is None else planned[0].name,
        "schedule_enabled": schedule.is_enabled,
        "entries": schedule.entry_states(coming),
        "skip_tonight": schedule.is_skipped(now.wall),
        "rest_night": schedule.is_rest_night(now.wall),
    }


def _beds(playback: Playback) -> tuple[Bed, ...]:
    """The beds under the tracks, or those of the next session."""
    if playback.session is None:
        return playback.next_session.choices.bed or ()
    return tuple(layer.bed for layer in playback.session.beds)


def _pillow_of(session: Session | None, memory: Memory, settings: Settings) -> float | None:
    """The level at the pillow in dB(A); None in silence and without a calibration."""
    known_db = offset_db(memory, settings)
    if session is None or known_db is None or session.level_db is None or session.level_a_db is None:
        return None
    return known_db + session.level_a_db if math.isfinite(session.level_db + session.level_a_db) else None


def _timer_of(playback: Playback) -> dict[str, Any]:
    """The sleep timer as it was set, of this session or of the next."""
    session, following = playback.session, playback.next_session
    setting = following.timer if session is None else session.end_plan.setting
    mode = setting.mode if session is None else session.end_plan.timer.mode
    return {"timer_mode": mode.value, "timer_set_s": setting.duration_s, "timer_until": setting.until}


def _night_of(session: Session | None, now_s: float) -> dict[str, Any]:
    """The phase of the night, and the lamp and the snooze of a morning.

    A bed that continues alone counts as a phase of its own.
    """
    found: dict[str, Any] = {"phase": None, "phases": None, "is_asleep": False}
    found |= {"is_morning": False, "snooze_left_s": None, "light": 0.0}
    if session is None:
        return found
    is_alone, count, morning = session.tracks.is_gone, session.phases.count, session.morning
    count += is_alone or session.beds.outlasts_s > 0.0
    number = count if is_alone else session.phases.number
    found |= {"phase": number, "phases": count, "is_asleep": session.night_mode.is_asleep}
    if morning is None:
        return found
    return found | {
        "is_morning": True, "snooze_left_s": morning.snooze_left_s(now_s), "light": morning.light(now_s)
    }  # fmt: skip


def problems_of(playback: Playback, memory: Memory, now_s: float) -> list[str]:
    """The problems of playing and of the memory, a sentence each; a track is named without its folder."""
    found = [] if playback.output_fault is None else [f"{NO_DEVICE}: {playback.output_fault}"]
    found += [f"{PurePath(death.uri).name}: {DIED_OF_IT}" for death in memory.set_aside]
    of_levels = calibrate.problem(memory, playback.settings)
    of_session = [] if playback.session is None else _problems_of_session(playback.session, now_s)
    return [*found, *([] if of_levels is None else [of_levels]), *of_session]


def _problems_of_session(session: Session, now_s: float) -> list[str]:
    """The problems of the running session, a sentence each."""
    found = [session.queue.problem] if session.queue.problem else []
    if not found and (silence := session.silence_alarm.problem(now_s)) is not None:
        found.append(silence)
    found += session.beds.problems
    if (dropouts := session.dropouts.problem(now_s)) is not None:
        found.append(dropouts)
    if session.muted_until_s not in {None, math.inf}:  # before a restart it is silent until it ends
        found.append("silent for a while: the sound was interrupted too often")
    return found
