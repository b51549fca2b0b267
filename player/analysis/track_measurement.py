"""Measures a decoded track: sound in, block by block, and at the end a `player.core.measurement.Measured`.

Runs on the thread that owns the object. Each block goes through the same `Sanitiser` as when it is played, and from
there into powers of 5 ms hops, which are kept: 0.8 kB a second, and as much for its plan, so a file of ten hours takes
60 MB. All else follows from the powers once the sound is over, in pieces of bounded size (`player.analysis.loudness`,
`player.analysis.startle_search`), because what a surprise is depends on how loud the rest turned out to be.
"""

from __future__ import annotations

from array import array
from typing import Final

import numpy as np

from player.analysis.ebur128 import HopMeter
from player.analysis.loudness import Loudness, measure_loudness
from player.analysis.lowered import Prominent
from player.analysis.startle_search import Calm, find_surprises
from player.analysis.true_peak import TruePeak
from player.audio.dsp.gain_planner import GainPlanner
from player.audio.dsp.hearing import HOP_FRAMES, to_lufs
from player.audio.dsp.highpass import HighPass
from player.audio.dsp.leveller import Section
from player.audio.dsp.native import hop_peaks, kernel, power_meters
from player.audio.dsp.octaves import BAND_FRAMES, OctaveMeter
from player.audio.dsp.planned_gain import encode
from player.audio.dsp.sanitise import LOOK_AHEAD_FRAMES, Sanitiser
from player.audio.dsp.types import Block
from player.core.measurement import Measured
from player.core.units import CHANNELS, SILENCE_DB, to_frames, to_seconds

LOWEST_DB: Final = -200.0
"""A level or peak below it counts as silence."""
LONGEST_S: Final = 12 * 3600.0
"""Of anything longer the first twelve hours are measured: a file without an end must not fill the memory."""


class Measurer:
    """One track.

    Attributes:
        frames: number of frames that were added.
    """

    def __init__(self) -> None:
        assert LOOK_AHEAD_FRAMES == HOP_FRAMES, "the sanitiser is late by one hop, which is left out"
        self.frames = 0
        self._sanitiser = Sanitiser()
        self._meter = power_meters(HopMeter)(HOP_FRAMES)
        self._peak = TruePeak()
        self._powers = array("f")
        self._high_pass = HighPass(kernel())  # a constant is not heard, and would be all that a spectrum shows
        self._octaves = OctaveMeter()
        self._planner = GainPlanner()
        self._prominent = Prominent()
        self._octaves_begun = False
        self._planned_rest: Block = np.empty((0, CHANNELS), np.float32)
        self._rest: Block = np.empty((0, CHANNELS), np.float32)

    @property
    def is_enough(self) -> bool:
        """Whether nothing more needs to be added."""
        return self.frames >= to_frames(LONGEST_S)

    def add(self, block: Block) -> None:
        """Measure more of the sound: shape (frames, 2) as decoded, any length; a second at a time is cheap."""
        self.frames += len(block)
        good = self._sanitiser.process(block)
        self._peak.add(good)
        if len(self._rest):
            good = np.concatenate((self._rest, good))
        whole = len(good) // HOP_FRAMES * HOP_FRAMES
        self._rest = good[whole:]
        self._powers.extend(self._meter.powers(good[:whole]))
        self._add_to_plan(good[:whole])

    def _add_to_plan(self, good: Block) -> None:
        """The plan counts from the first frame of the track, and so leaves out what the sanitiser is late by."""
        if not self._octaves_begun:
            self._octaves_begun, good = True, good[LOOK_AHEAD_FRAMES:]
        sound = np.concatenate((self._planned_rest, good)) if len(self._planned_rest) else good
        whole = len(sound) // BAND_FRAMES * BAND_FRAMES
        self._planned_rest = sound[whole:]
        if whole:
            heard = self._high_pass.process(sound[:whole])
            powers = self._octaves.powers(heard)
            self._planner.add(powers, hop_peaks(kernel(), heard, BAND_FRAMES))
            self._prominent.add(powers)

    def finish(self) -> Measured:
        """The measurement of the whole track."""
        self._peak.finish()
        powers = np.frombuffer(self._powers, np.float32)[1:]
        loudness = measure_loudness(powers)
        calm = find_surprises(powers, loudness)
        return self._measured(loudness, calm, self._planner.finish())

    def _measured(self, loudness: Loudness, calm: Calm, planned: Section) -> Measured:
        plan = encode(planned.gain_db, planned.octaves)
        return Measured(
            duration_s=to_seconds(self.frames),
            integrated_lufs=_heard(to_lufs(loudness.integrated)),
            programme_lufs=_heard(to_lufs(loudness.programme)),
            range_lu=loudness.range_lu,
            max_momentary_lufs=_heard(to_lufs(loudness.max_momentary)),
            max_short_lufs=_heard(to_lufs(loudness.max_short)),
            calm_short_lufs=_heard(to_lufs(calm.max_short)),
            true_peak_dbtp=_heard(self._peak.peak_dbtp),
            habitual_lufs=_heard(to_lufs(calm.habitual)),
            surprises=calm.surprises,
            faults=self._sanitiser.faults,
            plan=plan,
            lowered_in=self._prominent.streams(plan, planned.calm_lufs),
            calm_lufs=_heard(planned.calm_lufs),
            reached_lufs=_heard(planned.reached_lufs),
            planned_peak_dbtp=_heard(planned.peak_dbfs),
            planned_momentary_lufs=_heard(planned.momentary_lufs),
            planned_short_lufs=_heard(planned.short_term_lufs),
        )


def _heard(level_db: float) -> float:
    """The level, or -inf where it is so low that no device can play it: float files hold samples down to 1e-45."""
    return level_db if level_db >= LOWEST_DB else SILENCE_DB
