"""Commands about when it ends: sleep timer, fade-out, asleep and awake, snooze. Main thread, standard library, pure.

As in `player.session.commands`, each is checked whole before anything is changed.
"""

from __future__ import annotations

from typing import Final, TypeAlias

from player.core.clock import Now, elapsed_s, moved
from player.core.commands import Asleep, Awake, ExtendTimer, SetFade, SetTimer, ShortenTimer, Snooze
from player.core.errors import Refused
from player.core.settings.session import TimerMode, TimerSetting
from player.core.states import State
from player.core.units import format_duration
from player.session.checks import check_timer
from player.session.outcome import Outcome
from player.session.playback import Playback
from player.session.session import Session
from player.session.sleep_timer import resolve
from player.session.snooze import snooze

TimerCommand: TypeAlias = SetTimer | ExtendTimer | ShortenTimer | SetFade | Asleep | Awake | Snooze
ENDS: Final = {TimerMode.END_OF_TRACK: "the end of the track", TimerMode.END_OF_PLAYLIST: "the end of the playlist"}


def execute(playback: Playback, command: TimerCommand, now: Now, out: Outcome) -> str:
    """Carry a command out. Returns what was done, for people; raises Refused, and then nothing has changed."""
    match command:
        case SetTimer(timer):
            return _set_timer(playback, timer, now, out)
        case ExtendTimer(by_s):
            playback.running.extend_timer(by_s, now.boot_s, out)
            return announce_timer(playback.running, now, out)
        case ShortenTimer(left_s):
            playback.running.shorten_timer(left_s, now.boot_s, out)
            return announce_timer(playback.running, now, out)
        case SetFade(fade_out_s):
            return _set_fade(playback, fade_out_s, out)
        case Asleep():
            return _fall_asleep(playback, now, out)
        case Awake():
            return _wake_up(playback, now, out)
        case Snooze(for_s):
            return _snooze(playback, for_s, now, out)


def learn_time(playback: Playback, now: Now, out: Outcome) -> float:
    """Once the clock is set: when the running session began, and the end of a timer until a time of day.

    Returns by how many seconds the start was wrong.
    """
    session, wrong_s = playback.session, 0.0
    if session is None or not now.trusted:
        return wrong_s
    if not session.started.trusted:
        since_s, late_s, before = now.boot_s - session.started.boot_s, session.start.late_s, session.started.wall
        session.started = Now(session.started.boot_s, moved(now.wall, -since_s))
        session.phases.learn_time(Now(session.started.boot_s - late_s, moved(now.wall, -since_s - late_s)))
        wrong_s = elapsed_s(before, session.started.wall)
    # a fade that has begun goes on, because somebody may be asleep
    is_fading = session.state not in {State.PLAYING, State.PAUSED} or session.tracks.is_leaving
    if not is_fading and session.end_plan.learn_time(now):
        announce_timer(session, now, out)
    return wrong_s


def _set_timer(playback: Playback, timer: TimerSetting, now: Now, out: Outcome) -> str:
    session = playback.session
    check_timer(timer, now)
    if session is not None:
        session.set_timer(resolve(timer, now.wall, is_trusted=now.trusted), now.boot_s, out)
        return announce_timer(session, now, out)
    playback.next_session.choose(timer=timer)
    if timer.mode is TimerMode.CLOCK:
        text = f"sleep timer of the next session: {timer}"
        seconds = {} if timer.duration_s is None else {"seconds": round(timer.duration_s)}
        out.announce("timer_set", text, mode=timer.mode.value, **seconds)
    elif timer.mode in ENDS:
        text = f"the next session stops at {ENDS[timer.mode]}"
        out.announce("timer_set", text, mode=timer.mode.value)
    else:
        text = "the next session has no sleep timer"
        out.announce("timer_cleared", text)
    return text


def _set_fade(playback: Playback, fade_out_s: float, out: Outcome) -> str:
    if playback.session is None:
        playback.next_session.choose(fade_out_s=fade_out_s)
    else:
        playback.session.end_plan.fade_out_s = fade_out_s
    text = f"fade-out over {format_duration(fade_out_s)}"
    out.announce("fade_set", text, seconds=round(fade_out_s))
    return text


def announce_timer(session: Session, now: Now, out: Outcome) -> str:
    """What the sleep timer is now, as an event and as an answer."""
    timer = session.end_plan.timer
    if timer.mode is TimerMode.OFF and not timer.has_end:
        out.announce("timer_cleared", "sleep timer off")
        return "sleep timer off"
    if timer.mode in ENDS and not timer.has_end:
        text = f"{'stops' if session.end_plan.is_last_phase else 'next phase'} at {ENDS[timer.mode]}"
        out.announce("timer_set", text, mode=timer.mode.value)
        return text
    left_s = timer.remaining_s(now.boot_s) or 0.0
    text = "the sleep timer has no time left" + ("; stopping now" if session.end_plan.is_last_phase else "")
    text = ends_in(session, left_s, now) if left_s else text
    out.announce("timer_set", text, mode=timer.mode.value, seconds=round(left_s))
    return text


def ends_in(session: Session, left_s: float, now: Now) -> str:
    """When silence or the next phase comes: how soon and on which day; and what may end the session before that."""
    what = "silent" if session.end_plan.is_last_phase else "next phase"
    timer, text = session.end_plan.timer, f"{what} in {format_duration(left_s)}"
    if session.end_plan.setting.until is not None and now.trusted:
        text += f", {moved(now.wall, left_s + 0.5):%a %H:%M}"
    if timer.is_last_moment:
        text += " (session.max)"
    return text if timer.mode not in ENDS else f"{text}, or at {ENDS[timer.mode]}"


def _fall_asleep(playback: Playback, now: Now, out: Outcome) -> str:
    session = playback.running
    if session.morning is not None:  # most people are asleep when it begins, and it is meant to wake them
        return "asleep: a morning is playing; nothing changes"
    following = session.phases.following
    is_next = following is not None and following.when_asleep and session.state in {State.PLAYING, State.PAUSED}
    # the last of several phases is meant for the sleeper, so it keeps its length
    is_kept = is_next or (following is None and session.phases.count > 1)
    within_s = None if is_kept else playback.settings.session.asleep_timer_s
    session.fall_asleep(within_s, now.boot_s, out)
    if is_next:
        playback.advance(now, out)
    left_s = session.end_plan.phase_left_s(now.boot_s)
    text = "asleep" if left_s is None else f"asleep: {ends_in(session, left_s, now)}"
    out.announce("asleep", text, seconds=None if left_s is None else round(left_s))
    return text


def _snooze(playback: Playback, for_s: float, now: Now, out: Outcome) -> str:
    session = playback.running
    if session.morning is None:
        raise Refused("snooze: no morning is playing")
    return snooze(session, session.morning, for_s, now.boot_s, out)


def _wake_up(playback: Playback, now: Now, out: Outcome) -> str:
    session = playback.running
    session.wake_up()
    left_s = session.end_plan.phase_left_s(now.boot_s)
    text = "awake" if left_s is None else f"awake: {ends_in(session, left_s, now)}"
    out.announce("awake", text, seconds=None if left_s is None else round(left_s))
    return text
