"""The snooze of a morning, and the generated sound that replaces a playlist without any.

Main thread, standard library, pure.
"""

from __future__ import annotations

from player.core.limits import SHORTEST_RISE_S
from player.core.states import State
from player.core.units import format_duration
from player.session.library_findings import FALLBACK
from player.session.morning import SNOOZE_RISE_S, Morning
from player.session.outcome import Outcome
from player.session.session import Session


def snooze(session: Session, morning: Morning, for_s: float, now_s: float, out: Outcome) -> str:
    """Be silent for a number of seconds; the end of the morning is delayed by as much. Returns what was done."""
    if session.state is not State.PAUSED:
        session.pause(now_s, out)
    session.end_plan.hold(now_s)
    morning.snooze(for_s, session.ramp.fades.pause_s, now_s)
    text = f"snoozing for {format_duration(for_s)}"
    out.announce("snoozed", text, seconds=round(for_s))
    return text


def end_snooze(session: Session, now_s: float, out: Outcome) -> None:
    """Come back when the snooze is over, or was ended by command."""
    morning = session.morning
    if morning is None or morning.snoozed_until_s is None:
        return
    if session.state is State.PAUSED and now_s < morning.snoozed_until_s:
        return
    rise_s = max(SHORTEST_RISE_S, min(morning.fade_in_s, SNOOZE_RISE_S))
    morning.wake(rise_s, now_s)
    if session.state is State.PAUSED:
        session.resume(now_s, out, rise_s)


def announce_missing_sound(session: Session, now_s: float, out: Outcome) -> bool:
    """Whether the playlist of a morning gives no sound, so that `FALLBACK` replaces it; that is announced."""
    queue, is_playing = session.queue, session.state is State.PLAYING
    if session.morning is None or queue.playlist is FALLBACK or not is_playing:
        return False
    has_nothing = queue.current is None and queue.problem is not None
    if not has_nothing and session.silence_alarm.problem(now_s) is None:
        return False
    text = f"playlist {queue.playlist.name!r} gives no sound; the morning goes on with {FALLBACK.name}"
    out.announce("track_skipped_over", text, playlist=queue.playlist.name, reason="no sound")
    return True
