"""The end of the tracks where a bed outlasts them, and what the bed does alone. Main thread, pure."""

from __future__ import annotations

from player.core.engine_orders import TRACKS, RampTo, Then
from player.core.events import RampArrived
from player.core.limits import STOP_NOW_S
from player.core.settings.session import MAX_TIMER_S, TimerSetting
from player.core.states import State
from player.core.units import SILENCE_DB, format_duration
from player.session.beds import COMES_S
from player.session.end_plan import OUTPUT_LATENCY_S
from player.session.outcome import Outcome
from player.session.session import Session


def tick(session: Session, now_s: float, out: Outcome) -> None:
    """Begin the fade of the tracks when it is due, and go on without them when it is over."""
    session.beds.tick(now_s, session.end_plan.fade_out_s, session.end_plan.timer.held_at_s, out)
    if session.tracks.is_gone and session.beds.is_empty and session.state in {State.PLAYING, State.PAUSED}:
        session.stop(STOP_NOW_S, "timer", out)
    if not session.is_outlasted(now_s):
        return
    plan, tracks = session.end_plan, session.tracks
    if plan.is_due(now_s) or (session.queue.is_over and not session.phases.is_followed(now_s)):
        go_on(session, now_s, out)
    elif session.is_heard and not tracks.is_leaving and plan.is_fade_due(now_s):
        tracks.leave(plan.fade_s(now_s), now_s, out)
    elif session.is_heard and session.queue.last is not None:
        over_s = plan.fade_with_track_s(session.queue.last)
        if over_s is not None and not tracks.is_leaving:
            tracks.leave(over_s, now_s, out)


def go_on(session: Session, now_s: float, out: Outcome) -> None:
    """After the tracks the bed continues alone for its ``outlasts`` time, and then fades."""
    plan = session.end_plan
    out.order(RampTo(SILENCE_DB, STOP_NOW_S, Then.STOP, TRACKS))
    session.tracks.go(plan.setting_again)
    session.queue.rest()
    alone_s = session.beds.outlasts_s
    session.beds.outlast(now_s)
    early_s = min(plan.phase_left_s(now_s) or 0.0, OUTPUT_LATENCY_S)
    plan.set(TimerSetting.clock(min(early_s + alone_s + plan.fade_out_s, MAX_TIMER_S)), now_s)
    out.announce(
        "bed_alone", f"the tracks have ended; the bed goes on for {format_duration(alone_s)}", seconds=round(alone_s)
    )


def on_silent(session: Session, report: RampArrived, now_s: float, out: Outcome) -> None:
    """The level of the tracks' layer has arrived; at silence the engine has dropped the tracks."""
    if report.then is not Then.STOP:
        return
    if session.tracks.is_leaving and session.is_outlasted(now_s):
        go_on(session, now_s, out)
    elif not session.tracks.is_gone:
        session.tracks.come_back(COMES_S, out)
        session.queue.play_on(out)  # the tracks were wanted back just as silence was reached


def bring_back(session: Session, now_s: float, out: Outcome) -> None:
    """Tracks are wanted while the bed is alone: they come back as at a start, and the bed's timer no longer applies."""
    if session.tracks.come_back(COMES_S, out):
        session.queue.wake_up(now_s, out)
