"""Brings a session back after a silence that the engine caused: a lost device, a gap, a fault. Main thread, pure.

After any loss of samples the engine is at silence and has forgotten its ramp. `rise_again` brings the level
back from there, at most to where it was; after `stay_silent` not before its time.
"""

from __future__ import annotations

from typing import Final

from player.core.engine_orders import RampTo, Then
from player.core.events import OutputUnderran
from player.core.limits import SHORTEST_RISE_S, STOP_NOW_S
from player.core.states import Move, State, moved
from player.core.units import SILENCE_DB
from player.session.outcome import Outcome
from player.session.session import Session

_SOUNDING: Final = frozenset({State.PLAYING, State.FADING_OUT})


def lose_output(session: Session, out: Outcome) -> None:
    """The device is lost: a stop or a pause is complete at once, everything else waits for the device."""
    session.is_output_lost = True
    session.level_db = None  # nothing is heard and nothing is measured any more
    _settle(session, out)


def find_output(session: Session, now_s: float, out: Outcome) -> None:
    """The device is back."""
    session.is_output_lost = False
    rise_again(session, now_s, out)


def after_dropout(session: Session, gap: OutputUnderran, now_s: float, out: Outcome) -> None:
    """The device ran out of data: the sound returns by itself after a short gap, and by an order after a long one."""
    session.dropouts.add(gap, now_s, out)
    if gap.is_hushed:
        rise_again(session, now_s, out)


def rise_again(session: Session, now_s: float, out: Outcome) -> None:
    """The engine went to silence: order the level that is due now, or confirm silence."""
    session.ramp.db = SILENCE_DB
    if session.muted_until_s is not None and now_s < session.muted_until_s and session.state in _SOUNDING:
        return
    session.muted_until_s = None
    if session.state in _SOUNDING and (session.state is State.FADING_OUT or session.is_fade_due(now_s)):
        resume_fade(session, now_s, out)
    elif session.state is State.PLAYING:
        rise_left_s = 0.0 if session.morning is None else session.morning.rise_left_s(now_s)
        session.rise(max(SHORTEST_RISE_S, rise_left_s), now_s, out)
    else:
        _settle(session, out)


def stay_silent(session: Session, for_s: float, now_s: float, out: Outcome, over_s: float = STOP_NOW_S) -> None:
    """Fall silent, keep the place, and come back later, or sooner by command: the engine went to silence too often."""
    if for_s > 0.0 and session.state in _SOUNDING:
        session.muted_until_s = now_s + for_s
        session.ramp.going_to = None
        out.order(RampTo(SILENCE_DB, over_s, Then.HOLD))


def bring_up(session: Session, now_s: float, out: Outcome) -> None:
    """A track began: the first one brings the level up to its present target."""
    if session.on_sound(now_s, out):
        resume_fade(session, now_s, out)


def end_silence(session: Session, now_s: float, out: Outcome) -> None:
    """End the silence of `stay_silent` when its time is over."""
    if session.muted_until_s is not None and now_s >= session.muted_until_s:
        rise_again(session, now_s, out)


def resume_fade(session: Session, now_s: float, out: Outcome) -> None:
    """After a silence in the final fade: come back where the fade would be now, or stay silent if little is left."""
    if session.is_output_lost:
        return
    end_plan = session.end_plan
    left_s = end_plan.left_s(now_s)
    if left_s is None or left_s < 2 * SHORTEST_RISE_S:
        session.stop(STOP_NOW_S, end_plan.reason if left_s is not None else session.end_reason, out)
        return
    if session.state is State.FADING_OUT:
        session.state = moved(session.state, Move.TAKE_BACK)
    end_plan.timer = end_plan.timer.refade(now_s)
    depth_db = end_plan.fallen_db(left_s)
    out.order(RampTo(session.ramp.target_db - depth_db, SHORTEST_RISE_S))


def _settle(session: Session, out: Outcome) -> None:
    """Order again what was to follow the ramp that the engine forgot, from silence."""
    if session.state is State.STOPPING:
        out.order(RampTo(SILENCE_DB, STOP_NOW_S, Then.STOP))
    elif session.state is State.PAUSED:
        out.order(RampTo(SILENCE_DB, STOP_NOW_S, Then.HOLD))
