"""The announcement of a session that is over, and the command that starts it again. Main thread, standard library,
pure.
"""

from __future__ import annotations

from dataclasses import asdict

from player.core.clock import Now
from player.core.commands import Play
from player.session.memory.records import EndedSession
from player.session.outcome import Outcome
from player.session.session import Session


def announce_end(session: Session, reason: str, now: Now, out: Outcome, text: str | None = None) -> None:
    """Announce and log that a session is over; ``text`` replaces the reason in the text for people."""
    held, counted, dropouts = session.guard_report, session.statistics, session.dropouts
    held.announce(out)
    dropouts.announce(out)
    played_s = now.boot_s - session.started.boot_s
    name, began, minutes = session.queue.playlist.name, session.started.wall, round(played_s / 60, 1)
    names = ", ".join(session.playlists) if len(session.playlists) > 1 else name
    names += f" over {' and '.join(session.beds.names)}" if session.beds.names else ""
    out.ended.append(EndedSession(began, session.why, names, minutes, reason, counted.problems, dropouts.count))
    out.announce(
        "session_ended",
        counted.line(played_s, text or reason, f"{names} from {began:%H:%M}", held, dropouts.count),
        reason=reason,
        why=session.why,
        playlist=name,
        started=began.isoformat(timespec="seconds"),
        minutes=minutes,
        tamed=held.count,
        largest_db=held.largest_db,
        dropouts=dropouts.count,
        **asdict(counted),
    )


def again(session: Session) -> Play:
    """The command that starts it again as it is."""
    plan = session.end_plan
    timer = session.tracks.setting if session.tracks.is_gone else plan.setting_again
    bed = None if session.beds.is_of_playlist else session.beds.now
    name = session.queue.playlist.name
    return Play(name, session.volume, timer, fade_out_s=plan.fade_out_s, then=(), bed=bed)
