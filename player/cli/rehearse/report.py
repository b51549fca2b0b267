"""Examines a rehearsed night against the contract while it is rendered; then reports to people and programs."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any, Final

from player.analysis.contract.examiner import Examiner, Findings, Instruments, Limits
from player.analysis.contract.figures import Figure, TrackHeard
from player.analysis.ebur128 import HopMeter, true_peak_dbtp
from player.analysis.lowered import Lowered
from player.audio.dsp.guard_episodes import APART_HOPS
from player.audio.dsp.hearing import HOP_S
from player.core.clock import Now
from player.core.events import ClauseBroken, EngineFaulted, EngineReport, GuardReported
from player.core.settings.session import Settings
from player.core.units import volume_to_db

PROMISES: Final = {
    "C1": "nothing startles",
    "C1b": "nothing rises suddenly",
    "C1c": "repeated surprises stay down",
    "C1d": "no octave and no ear rises suddenly",
    "C2": "lull itself moves slowly",
    "C3": "nothing far louder than calm",
    "C4": "peaks under the ceiling",
    "C5": "faults are silent",
    "C6": "no track is turned up much",
    "C8": "volume within its maximum",
    "C9": "calm stays as it is",
    "C10": "no clicks",
    "C11": "what plays is heard",
    "C12": "tracks are equally loud",
}
"""The clauses in a few words; C7 cannot be heard."""
PLACES_SHOWN: Final = 5
TOLD_S: Final = APART_HOPS * HOP_S
"""Seconds after a reduction at which the guard reports it."""


class Examination:
    """Examines a night while it is rendered."""

    def __init__(self, settings: Settings) -> None:
        limits = Limits(settings.limits.target_lufs, settings.limits.ceiling_dbtp, volume_to_db(settings.volume.max))
        self.target_lufs = limits.target_lufs
        self.examiner = Examiner(limits, Instruments(HopMeter, true_peak_dbtp))
        self.surprises: list[dict[str, Any]] = []
        self.mutes: list[dict[str, Any]] = []
        self._findings: Findings | None = None
        self._plans: Callable[[str], Sequence[Lowered]] = lambda _uri: ()

    def ask(self, plans: Callable[[str], Sequence[Lowered]]) -> None:
        """Use ``plans`` for what the plan of a file lowers."""
        self._plans = plans

    def note(self, now: Now, report: EngineReport) -> None:
        """Record what the guard and the output meter did."""
        at_s = now.boot_s
        if isinstance(report, GuardReported):
            self.surprises.append(
                {
                    "at": round(max(0.0, at_s - TOLD_S - report.duration_s), 2),
                    "item_id": report.item_id,
                    "position": round(report.position_s, 2),
                    "reduction_db": round(report.reduction_db, 1),
                    "duration_s": round(report.duration_s, 2),
                }
            )
        elif isinstance(report, ClauseBroken | EngineFaulted):
            self.mutes.append({"at": round(at_s, 2), "reason": report.reason})
            if isinstance(report, ClauseBroken):
                self.examiner.mute(at_s)

    @property
    def findings(self) -> Findings:
        """The result; only once the night is over."""
        if self._findings is None:
            self._findings = self.examiner.finish()
        return self._findings

    def named_surprises(self) -> list[dict[str, Any]]:
        """The surprises with the names of their tracks, in order."""
        titles = {track.item_id: track.title for track in self.findings.tracks}
        return [
            {"at": one["at"], "track": titles.get(one["item_id"]), **{k: one[k] for k in _SURPRISE_KEYS}}
            for one in sorted(self.surprises, key=lambda one: float(one["at"]))
        ]

    def lowered(self, track: TrackHeard) -> list[Lowered]:
        """The places that the plan lowered in the heard part of the track."""
        end_s = track.start_s + track.heard_s
        return [one for one in self._plans(track.uri) if track.start_s <= one.at_s < end_s]

    def marks(self) -> list[tuple[float, float]]:
        """The times in the night at which the guard or a plan lowered something, and by how many dB."""
        planned = [
            (track.began_s + one.at_s - track.start_s, one.lowered_db)
            for track in self.findings.tracks
            for one in self.lowered(track)
        ]
        return sorted([*planned, *((one["at"], one["reduction_db"]) for one in self.named_surprises())])

    def as_dict(self, tracks: list[dict[str, Any]]) -> dict[str, Any]:
        """Ready for JSON: the contract, the surprises, and the tracks with what was heard of them."""
        found, heard, described = self.findings, list(self.findings.tracks), []
        for track in tracks:
            own = next((one for one in heard if one.uri == track["uri"]), None)
            if own is not None:
                heard.remove(own)
            lowered = [] if own is None else [asdict(one) for one in self.lowered(own)]
            described.append(track if own is None else {**track, **_described(own), "lowered": lowered})
        return {
            "tracks": described,
            "holds": not found.broken,
            "contract": [asdict(figure) for figure in found.figures],
            "surprises": self.named_surprises(),
            "before_the_guard": {"startle_events": found.startles_before, "worst_db": round(found.worst_before_db, 1)},
            "recorded_clicks": found.recorded_clicks,
            "mutes": self.mutes,
        }

    def lines(self) -> list[str]:
        """Text for people: a line for each clause, the reductions, and the verdict."""
        found, marks = self.findings, _marks()
        lines = []
        for clause, promise in PROMISES.items():
            figures = [figure for figure in found.figures if figure.clause == clause]
            if figures:
                mark = marks[clause not in found.broken]
                lines.append(f"  {mark} {clause:<3} {promise}: {'; '.join(map(_said, figures))}")
        return [*lines, *self._planned(), *self._held_down(), self.verdict()]

    def _planned(self) -> list[str]:
        """The places that are lowered because the scan found that they stand out, the worst first."""
        found = [(track.title, one) for track in self.findings.tracks for one in self.lowered(track)]
        if not found:
            return []
        found.sort(key=lambda titled: -titled[1].lowered_db)
        count = (
            "1 place stands out of the recordings and was"
            if len(found) == 1
            else (f"{len(found)} places stand out of the recordings and were")
        )
        more = f"  and {len(found) - PLACES_SHOWN} more" if len(found) > PLACES_SHOWN else ""
        places = [f"  {place_text(one)}  in {title}" for title, one in found[:PLACES_SHOWN]]
        return [f"{count} lowered:", *places, *([more] if more else [])]

    def _held_down(self) -> list[str]:
        surprises = self.named_surprises()
        if not surprises:
            return []
        worst = max(surprises, key=lambda one: float(one["reduction_db"]))
        where = "" if worst["track"] is None else f" in {worst['track']}"
        how_far = f"{worst['reduction_db']:.0f} dB at {clock_text(worst['at'])}{where}"
        if len(surprises) == 1:
            return [f"1 surprise was lowered by {how_far}."]
        return [f"{len(surprises)} surprises were lowered, the worst by {how_far}."]

    def verdict(self) -> str:
        """One sentence."""
        found = self.findings
        if found.broken:
            return f"This night breaks {_listed(found.broken)}."
        had = found.startles_before
        recorded = f" The recordings had {had} startle event{'s' if had != 1 else ''}." if had else ""
        return f"Nothing in this night startles: it keeps the contract.{recorded}"

    def complaint(self) -> str:
        """The broken clauses with their first times, as the reason of an exit code."""
        figures = [figure for figure in self.findings.figures if not figure.holds]
        parts = [f"{figure.clause}: {_said(figure)}{_at(figure)}" for figure in figures]
        return "the night breaks the never-startle contract: " + "; ".join(parts)


_SURPRISE_KEYS: Final = ("position", "reduction_db", "duration_s")


def _described(track: TrackHeard) -> dict[str, Any]:
    """A track for JSON; -inf becomes null."""
    before, after = map(_finite, track.integrated_lufs)
    return {
        "gain_db": round(track.gain_db, 2),
        "heard_s": round(track.heard_s, 2),
        "is_measured": track.is_measured,
        "is_calm": track.is_calm,
        "lowered_percent": round(track.lowered_percent, 2),
        "loudness_lufs": {"before": before, "after": after},
        "range_lu": {"before": round(track.range_lu[0], 2), "after": round(track.range_lu[1], 2)},
        "calm_lufs": _finite(track.calm_lufs),
        "over_calm_lu": {"momentary": _finite(track.over_calm_lu[0]), "short_term": _finite(track.over_calm_lu[1])},
        "median_lufs": _finite(track.median_lufs),
    }


def _finite(level: float) -> float | None:
    return round(level, 2) if math.isfinite(level) else None


def _said(figure: Figure) -> str:
    """A figure as text for people."""
    if figure.value is None:
        return f"{figure.text} none"
    if not figure.unit:
        return f"{figure.text} {figure.value:.0f}"
    return f"{figure.text} {figure.value:.1f} {figure.unit} (at most {figure.limit:g})"


def _at(figure: Figure) -> str:
    return f" at {clock_text(figure.at[0])}" if figure.at else ""


def place_text(one: Lowered) -> str:
    """A lowered place as text: where in a track, for how long, by how much and in which part."""
    return f"{clock_text(one.at_s)} for {max(0.1, one.duration_s):.1f} s by {one.lowered_db:.0f} dB{one.where}"


def clock_text(at_s: float) -> str:
    """Seconds as ``9:05``, or from an hour on as ``1:09:05``."""
    minutes, seconds = divmod(int(at_s), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{seconds:02d}" if hours else f"{minutes}:{seconds:02d}"


def _listed(clauses: tuple[str, ...]) -> str:
    named = [f"{clause} ({PROMISES[clause]})" for clause in clauses]
    return named[0] if len(named) == 1 else f"{', '.join(named[:-1])} and {named[-1]}"


def _marks() -> tuple[str, str]:
    """Cross and tick, or words where the terminal cannot show them."""
    try:
        "\u2717\u2713".encode(sys.stdout.encoding or "ascii")
    except UnicodeEncodeError:
        return "NO", "ok"
    return "\u2717", "\u2713"
