"""What a scan found out about a track, and the programme gain that follows from it. Frozen, standard library alone."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from player.core.limits import MAX_GAIN_DB
from player.core.text import clean_text
from player.core.validation import check_range

MEASURING: Final = 20
"""Version of the measuring; results of an older version are measured again."""
MAX_CHAPTERS: Final = 1000
PEAKS_COST_DB: Final = 3.0
"""By so much at most peaks take a planned track below its own level; otherwise the limiter lowers them one by one."""
MAX_UNPLANNED_GAIN_DB: Final = 6.0
"""C6: the largest peak after the gain of a track without a plan."""
UNMEASURED_LUFS: Final = -8.0
"""C6: an unmeasured track is assumed to be this loud, so it may come out too quiet and never too loud."""
SHORT_TERM_ROOM_LU: Final = 5.0
"""C3: maximum short-term loudness over the target, in LU."""
MOMENTARY_ROOM_LU: Final = 8.0
"""C3: maximum momentary loudness over the target, in LU."""
HABITUAL_ROOM_LU: Final = 7.0
"""What a track reaches habitually stands no higher over the target, or sparse sounds would be new beside dense ones."""
BELOW_LIMIT_LU: Final = 0.5
"""Margin of a planned track below the limit of C3, in LU, so that the guard does not intervene there."""


@dataclass(frozen=True, slots=True)
class Surprise:
    """A startle event in a track as it was recorded; the guard tames it.

    Attributes:
        at_s: where in the track.
        ld_db: how far it stands out.
        ki_db: its impulse adjustment KI.
    """

    at_s: float
    ld_db: float
    ki_db: float


@dataclass(frozen=True, slots=True)
class Chapter:
    """A chapter of a track; its title may be empty. Chapters follow one another without gaps."""

    start_s: float
    title: str

    def __post_init__(self) -> None:
        """Titles from files are not trusted: they become one line of bounded length."""
        object.__setattr__(self, "title", clean_text(self.title))
        check_range("start_s", self.start_s, 0, 1e7)


@dataclass(frozen=True, slots=True)
class Measured:
    """A track's measurements, before any gain; -inf where nothing could be heard.

    Attributes:
        duration_s: length of what could be decoded.
        integrated_lufs: I.
        programme_lufs: I', loudness of the calm part: one loud event does not move it.
        range_lu: LRA.
        max_momentary_lufs: largest M.
        max_short_lufs: largest S.
        calm_short_lufs: largest S of the calm part, what C3 is planned with.
        true_peak_dbtp: largest true peak.
        habitual_lufs: what the fast level reaches habitually, its 95th percentile; never a surprise.
        faults: stretches that could not be decoded or were broken.
        plan: by how much each moment is lowered while it plays (`player.audio.dsp.leveller`); empty: by nothing.
        lowered_in: the octave or ear in which each stretch that the plan lowers stands out most (a name of
            `player.audio.dsp.octaves.STREAMS`), in order; empty where that was not measured yet.
        calm_lufs: loudness without the parts that the plan lowers, the lower of I and of heard calm; -inf where no plan
            was made.
        reached_lufs: what the fast level of all that the plan does not lower reaches; -inf where no plan was made.
        planned_peak_dbtp: largest peak with the plan; -inf where no plan was made.
        planned_momentary_lufs, planned_short_lufs: largest M and S with the plan; -inf where no plan was made.
        chapters: in the order of their beginnings; none, or more than one.
    """

    duration_s: float
    integrated_lufs: float
    programme_lufs: float
    range_lu: float
    max_momentary_lufs: float
    max_short_lufs: float
    calm_short_lufs: float
    true_peak_dbtp: float
    habitual_lufs: float
    surprises: tuple[Surprise, ...] = ()
    faults: int = 0
    plan: bytes = b""
    calm_lufs: float = -math.inf
    reached_lufs: float = -math.inf
    planned_peak_dbtp: float = -math.inf
    planned_momentary_lufs: float = -math.inf
    planned_short_lufs: float = -math.inf
    chapters: tuple[Chapter, ...] = ()
    lowered_in: tuple[str, ...] = ()

    @property
    def is_planned(self) -> bool:
        """Whether the leveller knows the track."""
        return math.isfinite(self.calm_lufs)

    def gain_db(self, target_lufs: float, ceiling_dbtp: float) -> float:
        """Programme gain: what brings the calm part to the target, and breaks neither C3 nor C4 nor C6.

        With a plan it is bound by what the plan leaves of M, S and peaks, so that the stages behind have nothing to do.
        """
        if self.is_planned:
            peaks_db = ceiling_dbtp - self.planned_peak_dbtp
            if peaks_db < 0.0:  # samples; the limiter looks between them
                peaks_db = max(-PEAKS_COST_DB, ceiling_dbtp - max(self.planned_peak_dbtp, self.true_peak_dbtp))
            levels = self.calm_lufs, self.planned_momentary_lufs, self.planned_short_lufs
            return min(level_gain_db(target_lufs, *levels), peaks_db, MAX_GAIN_DB)
        return min(
            target_lufs - self.programme_lufs,
            target_lufs + SHORT_TERM_ROOM_LU - BELOW_LIMIT_LU - self.calm_short_lufs,
            target_lufs + HABITUAL_ROOM_LU - self.habitual_lufs,
            max(0.0, ceiling_dbtp - self.true_peak_dbtp),
            MAX_UNPLANNED_GAIN_DB,
        )


def level_gain_db(target_lufs: float, calm_lufs: float, momentary_lufs: float, short_term_lufs: float) -> float:
    """The gain of planned sound as far as its calm level and its largest M and S decide: the target, and C3."""
    room_lufs = target_lufs - BELOW_LIMIT_LU
    return min(
        target_lufs - calm_lufs,
        room_lufs + MOMENTARY_ROOM_LU - momentary_lufs,
        room_lufs + SHORT_TERM_ROOM_LU - short_term_lufs,
    )


def programme_gain_db(
    measured: Measured | None, target_lufs: float, ceiling_dbtp: float, playlist_db: float = 0.0
) -> float:
    """The gain of a track, whether it was measured or not, with what its playlist asks for on top."""
    if measured is None:
        return min(target_lufs - UNMEASURED_LUFS + playlist_db, MAX_UNPLANNED_GAIN_DB)
    most_db = MAX_GAIN_DB if measured.is_planned else MAX_UNPLANNED_GAIN_DB
    return min(measured.gain_db(target_lufs, ceiling_dbtp) + playlist_db, most_db)


@dataclass(frozen=True, slots=True)
class FileMark:
    """Which file was measured, and that it is still the same one.

    Attributes:
        path: where it really lies, links resolved.
        size: in bytes.
        mtime_ns: when it was last written.
    """

    path: str
    size: int
    mtime_ns: int


@dataclass(frozen=True, slots=True)
class MeasureResult:
    """What measuring a file led to.

    Attributes:
        measured: None for a file that cannot be played at all.
        fault: what is wrong with it, to be read after its name: why it cannot be played, or where it broke off.
    """

    measured: Measured | None
    fault: str | None = None

    def __post_init__(self) -> None:
        assert self.measured is not None or self.fault, "a file that was not measured has a reason"
