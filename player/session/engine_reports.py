"""What the engine reports, handed to the running session. Main thread, standard library, pure."""

from __future__ import annotations

from player.core.clock import Now
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
from player.session.outcome import Outcome
from player.session.session import Session
from player.session.state import Keeper


def take_report(keeper: Keeper, report: EngineReport, now: Now, out: Outcome) -> None:
    """Hand the engine's report to the running session."""
    if isinstance(report, OutputLost):
        keeper.output_fault = report.reason
    elif isinstance(report, OutputFound):
        keeper.output_fault = None
    elif isinstance(report, ClauseBroken):
        text = f"{report.clause} would have been broken ({report.reason}); muted, the sound comes back slowly"
        out.tell("problem", text, problem=text, clause=report.clause)
    elif isinstance(report, EngineFaulted):
        out.tell("problem", f"the engine failed and goes on: {report.reason}", problem=report.reason)
    if keeper.run is not None:
        _report_to(keeper, keeper.run, report, now, out)


def _report_to(keeper: Keeper, run: Session, report: EngineReport, now: Now, out: Outcome) -> None:
    programme = run.programme
    match report:
        case ItemStarted():
            programme.on_started(report, out)
            run.on_sound(now.boot_s, out)
        case ItemEnded():
            if (track := programme.track_of(report.item_id)) is not None:
                keeper.memory.acquit(track.uri, report.played_s)
            programme.on_ended(report, now.boot_s, out)
        case ItemFailed():
            programme.on_failed(report, now.boot_s, out)
        case QueueRanDry():
            programme.on_dry(now.boot_s, out)
        case Progressed():
            run.on_progress(report)
        case RampArrived():
            if run.on_arrived(report, out):
                keeper.end(run, now, out)
        case OutputLost():
            run.on_output_lost(out)
        case OutputFound():
            run.on_output_found(now.boot_s, out)
        case OutputUnderran():
            run.rise_again(now.boot_s, out)
        case GuardReported(item_id):
            run.taming.take(report, programme.track_of(item_id), now.boot_s, out)
        case EngineFaulted() | ClauseBroken():
            _come_back(keeper, run, report, now, out)


def _come_back(keeper: Keeper, run: Session, muted: EngineFaulted | ClauseBroken, now: Now, out: Outcome) -> None:
    """The engine muted itself: the first time it comes back at once, then later and later.

    After a fault the tracks are gone. After a clause the track goes on behind what would have broken it, unless
    that happens too often.
    """
    run.stay_silent(keeper.setbacks.note(now.boot_s), now.boot_s, out)
    if isinstance(muted, EngineFaulted):
        run.programme.on_fault("the engine failed in it", now.boot_s, out)
    elif keeper.setbacks.is_the_tracks_fault:
        run.programme.on_fault(f"it was about to break {muted.clause} again and again", now.boot_s, out)
    run.rise_again(now.boot_s, out)
