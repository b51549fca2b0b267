"""What is wrong with a running session, in sentences. Main thread, pure."""

from __future__ import annotations

from player.session.session import Session


def problems_of(session: Session, now_s: float) -> list[str]:
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
