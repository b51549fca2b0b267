"""What is wrong with a running session, in sentences. Main thread, pure."""

from __future__ import annotations

from player.session import calibrate
from player.session.memory.memory import Memory
from player.session.playback import Playback
from player.session.session import Session


def problems_of(playback: Playback, memory: Memory, now_s: float) -> list[str]:
    """What is wrong with the calibration and with the running session, a sentence each."""
    of_levels = calibrate.problem(memory, playback.settings)
    of_session = [] if playback.session is None else _problems_of_session(playback.session, now_s)
    return [*([] if of_levels is None else [of_levels]), *of_session]


def _problems_of_session(session: Session, now_s: float) -> list[str]:
    """What is wrong with the running session, a sentence each."""
    found = [session.queue.problem] if session.queue.problem else []
    if not found and (silence := session.silence_alarm.problem(now_s)) is not None:
        found.append(silence)
    found += session.beds.problems
    if (dropouts := session.dropouts.problem(now_s)) is not None:
        found.append(dropouts)
    if session.is_muted:
        found.append("silent for a while: the sound was interrupted too often")
    return found
