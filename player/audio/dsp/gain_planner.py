"""Plans a track of any length with the leveller (`player.audio.dsp.leveller`), in bounded memory.

A file is planned in sections of ten minutes with 90 s of context on either side.

Calm, which the gain of a track follows, is the lower of heard calm and I of what the plan leaves: pauses count as in
EBU R 128, or a whisper with long ones would stand 9 LU below steady rain, and not 6.

Where peaks keep a track below the target although its calm part, M and S would allow more, the highest of them are
lowered, one in eight seconds and by at most 3 dB: a few drops on a tent kept a minute of rain 8 dB below the
other tracks. Such a gain comes and goes within 10 ms.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Final

import numpy as np
import numpy.typing as npt

from player.audio.dsp.leveller import Section, levelled_powers, plan
from player.audio.dsp.loudness_windows import (
    MOMENTARY,
    SHORT_TERM,
    TINY,
    Levels,
    calm_with_pauses,
    largest,
    loudest,
    trailing,
)
from player.audio.dsp.octave_gain import STEP_DB, OctaveGains
from player.audio.dsp.octaves import BAND_S, BandPowers
from player.audio.dsp.rises import fast_levels
from player.core.limits import CEILING_DBTP, MAX_GAIN_DB
from player.core.measurement import level_gain_db
from player.core.settings.safety import TARGET_LUFS

_SECTION: Final = round(600.0 / BAND_S)
_CONTEXT: Final = round(90.0 / BAND_S)
_SILENT_DBFS: Final = -200.0
_RARE: Final = 1.0 / 800.0
"""Share of the hops whose peaks may be lowered: one in eight seconds."""
RARE_PEAK_DB: Final = 3.0
"""By how much they are at most."""


class GainPlanner:
    """Plans a track from its powers, which are added in pieces."""

    def __init__(self) -> None:
        self._waiting: list[npt.NDArray[np.float32]] = []
        self._peaks: list[npt.NDArray[np.float32]] = []
        self._count = 0
        self._context = 0
        self._sections: list[Section] = []
        self._highest: list[tuple[npt.NDArray[np.int64], Levels]] = []
        """Of each section the hops with the highest peaks, in ascending order of these peaks, and the peaks in dBFS."""

    def add(self, powers: BandPowers, peaks: npt.NDArray[np.float32]) -> None:
        """Add more of the track: powers of shape (hops, 10), and the largest sample of each hop, shape (hops,)."""
        self._waiting.append(powers.astype(np.float32))
        self._peaks.append(peaks)
        self._count += len(powers)
        if self._count >= self._context + _SECTION + _CONTEXT:
            self._plan(self._context + _SECTION)

    def finish(self) -> Section:
        """The plan of the whole track; its calm level is the power mean of those of its sections."""
        if self._count > self._context:
            self._plan(self._count)
        if not self._sections:
            return Section(np.zeros(0), float("-inf"))
        heard = [section for section in self._sections if math.isfinite(section.calm_lufs)]
        calms, lengths = [section.calm_lufs for section in heard], [len(section.gain_db) for section in heard]
        powers = 10.0 ** (np.array(calms) / 10.0)
        calm = 10.0 * math.log10(np.average(powers, weights=lengths)) if heard else -math.inf
        ends = np.cumsum([len(section.gain_db) for section in self._sections]).tolist()
        octaves = [part.octaves.later(start) for start, part in zip([0, *ends[:-1]], self._sections, strict=True)]
        hops, gains_db = [one.hops for one in octaves], [one.gain_db for one in octaves]
        return self._without_rare_peaks(
            Section(
                np.concatenate([section.gain_db for section in self._sections]),
                calm,
                max(section.reached_lufs for section in self._sections),
                max(section.peak_dbfs for section in self._sections),
                max(section.momentary_lufs for section in self._sections),
                max(section.short_term_lufs for section in self._sections),
                OctaveGains(np.concatenate(hops), np.concatenate(gains_db)),
            )
        )

    def _without_rare_peaks(self, planned: Section) -> Section:
        """The plan with the highest peaks lowered as far as they alone keep the track below the target."""
        levels = planned.calm_lufs, planned.momentary_lufs, planned.short_term_lufs
        gain_db = min(level_gain_db(TARGET_LUFS, *levels), MAX_GAIN_DB)
        most_db = max(
            CEILING_DBTP - gain_db,
            planned.peak_dbfs - RARE_PEAK_DB,
            *(float(peaks_db[0]) for _, peaks_db in self._highest if len(peaks_db)),
        )
        if not most_db < planned.peak_dbfs:
            return planned
        gains_db = planned.gain_db.copy()
        for hops, peaks_db in self._highest:
            for hop, over_db in zip(hops, peaks_db - most_db, strict=True):
                if over_db > 0.0:  # gains are interpolated between the middles of hops
                    part = slice(max(0, hop - 1), hop + 2)
                    gains_db[part] = np.minimum(gains_db[part], planned.gain_db[part] - over_db)
        return replace(planned, gain_db=gains_db, peak_dbfs=most_db)

    def _plan(self, until: int) -> None:
        """Plan the waiting hops from the context up to hop ``until``, and keep their end as the next context."""
        powers = np.concatenate(self._waiting).astype(np.float64)
        peaks = np.concatenate(self._peaks)
        part, planned = slice(self._context, until), plan(powers)
        gains = 10.0 ** (planned.gain_db[part] / 20.0)
        levelled = levelled_powers(np.maximum(powers, TINY), planned)[part, 0]
        untouched = np.where(planned.gain_db[part] > -STEP_DB, levelled, 0.0)
        peaks_db = 20.0 * np.log10(np.maximum(peaks[part] * gains, TINY))
        highest = np.argsort(peaks_db)[-1 - int(len(peaks_db) * _RARE) :]
        self._highest.append((highest + sum(len(one.gain_db) for one in self._sections), peaks_db[highest]))
        peak_db = float(peaks_db.max(initial=-math.inf))
        self._sections.append(
            Section(
                planned.gain_db[part].copy(),  # a part would keep all gains of the section, of octaves too, in memory
                calm_with_pauses(planned.calm_lufs, levelled),
                largest(fast_levels(untouched[:, np.newaxis], np.zeros(1))),
                peak_db if peak_db > _SILENT_DBFS else -math.inf,
                largest(trailing(levelled, MOMENTARY)),
                loudest(levelled, SHORT_TERM),
                planned.octaves.within(self._context, until).later(-self._context),
            )
        )
        first = max(0, until - _CONTEXT)
        kept = powers[first:].astype(np.float32)
        self._waiting, self._peaks, self._count = [kept], [peaks[first:]], len(kept)
        self._context = min(until, _CONTEXT)
