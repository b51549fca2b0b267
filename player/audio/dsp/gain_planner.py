"""Plans a track of any length with the leveller (`player.audio.dsp.leveller`), in bounded memory.

A file is planned in sections of ten minutes with 90 s of context on either side.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np
import numpy.typing as npt

from player.audio.dsp.leveller import Section, levelled_powers, plan
from player.audio.dsp.loudness_windows import MOMENTARY, SHORT_TERM, TINY, largest, loudest, trailing
from player.audio.dsp.octave_gain import STEP_DB, OctaveGains
from player.audio.dsp.octaves import BAND_S, BandPowers
from player.audio.dsp.rises import fast_levels

_SECTION: Final = round(600.0 / BAND_S)
_CONTEXT: Final = round(90.0 / BAND_S)


class GainPlanner:
    """Plans a track from its powers, which are added in pieces."""

    def __init__(self) -> None:
        self._waiting: list[npt.NDArray[np.float32]] = []
        self._peaks: list[npt.NDArray[np.float32]] = []
        self._count = 0
        self._context = 0
        self._sections: list[Section] = []

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
        return Section(
            np.concatenate([section.gain_db for section in self._sections]),
            calm,
            max(section.reached_lufs for section in self._sections),
            max(section.peak_dbfs for section in self._sections),
            max(section.momentary_lufs for section in self._sections),
            max(section.short_term_lufs for section in self._sections),
            OctaveGains(np.concatenate(hops), np.concatenate(gains_db)),
        )

    def _plan(self, until: int) -> None:
        """Plan the waiting hops from the context up to hop ``until``, and keep their end as the next context."""
        powers = np.concatenate(self._waiting).astype(np.float64)
        peaks = np.concatenate(self._peaks)
        part, planned = slice(self._context, until), plan(powers)
        gains = 10.0 ** (planned.gain_db[part] / 20.0)
        levelled = levelled_powers(np.maximum(powers, TINY), planned)[part, 0]
        untouched = np.where(planned.gain_db[part] > -STEP_DB, levelled, 0.0)
        peak = float((peaks[part] * gains).max(initial=0.0))
        self._sections.append(
            Section(
                planned.gain_db[part],
                planned.calm_lufs,
                largest(fast_levels(untouched[:, np.newaxis], np.zeros(1))),
                20.0 * math.log10(peak) if peak > 0.0 else -math.inf,
                largest(trailing(levelled, MOMENTARY)),
                loudest(levelled, SHORT_TERM),
                planned.octaves.within(self._context, until).later(-self._context),
            )
        )
        first = max(0, until - _CONTEXT)
        kept = powers[first:].astype(np.float32)
        self._waiting, self._peaks, self._count = [kept], [peaks[first:]], len(kept)
        self._context = min(until, _CONTEXT)
