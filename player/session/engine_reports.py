"""What the engine reports to the running session. Main thread, pure."""

from __future__ import annotations

from player.core.engine_orders import TRACKS
from player.core.events import (
    ClauseBroken,
    EngineFaulted,
    EngineReport,
    GuardReported,
    ItemEnded,
    ItemFailed,
    ItemStarted,
    OutputFound,
    OutputLost,
    OutputUnderran,
    Progressed,
    QueueRanDry,
    RampArrived,
)
from player.session import bed_alone, recovery
from player.session.dropouts import DropoutBackoff
from player.session.memory.memory import Memory
from player.session.outcome import Outcome
from player.session.session import Session


class EngineReports:
    """Passes each report to its owner.

    Args:
        memory: is told which tracks played well.
    """

    def __init__(self, memory: Memory) -> None:
        self._memory = memory
        self._dropouts = DropoutBackoff()

    def handle(self, session: Session, report: EngineReport, now_s: float, out: Outcome) -> bool:
        """Take a report; True when it ends the session."""
        if session.beds.on_report(report, now_s, out):
            if isinstance(report, ItemStarted) and session.tracks.is_gone:
                recovery.bring_up(session, now_s, out)
            return False
        match report:
            case ItemStarted() | ItemEnded() | ItemFailed() | QueueRanDry():
                self._on_tracks(session, report, now_s, out)
            case Progressed():
                session.on_progress(report)
            case RampArrived():
                if report.layer != TRACKS:
                    return session.on_arrived(report, out)
                bed_alone.on_silent(session, report, now_s, out)
            case GuardReported():
                session.on_guard(report, now_s, out)
            case EngineFaulted() | ClauseBroken():
                self._recover(session, report, now_s, out)
            case _:
                _on_output(session, report, now_s, out)
        return False

    def _on_tracks(
        self, session: Session, report: ItemStarted | ItemEnded | ItemFailed | QueueRanDry, now_s: float, out: Outcome
    ) -> None:
        queue = session.queue
        match report:
            case ItemStarted():
                queue.on_started(report, out)
                recovery.bring_up(session, now_s, out)
            case ItemEnded():
                if (track := queue.track_of(report.item_id)) is not None:
                    self._memory.played_well(track.uri, report.played_s)
                queue.on_ended(report, now_s, out)
            case ItemFailed():
                queue.on_failed(report, now_s, out)
            case QueueRanDry():
                queue.on_dry(now_s, out)

    def _recover(self, session: Session, muted: EngineFaulted | ClauseBroken, now_s: float, out: Outcome) -> None:
        """The engine muted itself: the sound comes back at once the first time, and after growing pauses later.

        After a fault the tracks are gone. After a clause the track goes on behind what would have broken it, unless
        that happens too often.
        """
        recovery.stay_silent(session, self._dropouts.next_silence_s(now_s), now_s, out)
        if isinstance(muted, EngineFaulted):
            session.tracks.forget_fade()
            session.beds.play_on(out)
            session.queue.on_fault("the audio engine failed while it played", now_s, out)
        elif self._dropouts.is_the_tracks_fault:
            session.queue.on_fault(f"it was about to break {muted.clause} repeatedly", now_s, out)
        recovery.rise_again(session, now_s, out)


def _on_output(session: Session, report: OutputLost | OutputFound | OutputUnderran, now_s: float, out: Outcome) -> None:
    match report:
        case OutputLost():
            recovery.lose_output(session, out)
        case OutputFound():
            recovery.find_output(session, now_s, out)
        case OutputUnderran():
            recovery.after_dropout(session, report, now_s, out)
