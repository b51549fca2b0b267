"""The night of hazards through the real session, decoder and chain: what was in it, and what is left of it.

Every figure is taken from the recording of the output alone, by tests/contract_check.py.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

from player.clock import Now
from player.commands import Command, Next, Pause, Resume, Seek, SetVolume
from player.dsp.crossfade import overlap_s
from player.measured import TARGET_LUFS
from player.safety import CEILING_DBTP
from player.units import db_to_gain
from tests.contract_check import Figures, figures, raised_ki, touch
from tests.nightmare import EMPTY, TEXT, Night, night
from tests.nights.played import FADES, Played, play

pytestmark = [pytest.mark.live, pytest.mark.slow]

OVERLAP_S = overlap_s(FADES.crossfade_s)
NEAR_S = 2.0
"""As long as the longest hazard hides what comes behind it."""


@pytest.fixture(scope="module")
def hazards(tmp_path_factory: pytest.TempPathFactory) -> Night:
    """Built once for all processes of a test run."""
    base = tmp_path_factory.getbasetemp()
    return night((base.parent if base.name.startswith("popen-") else base) / "nightmare")


@dataclass(frozen=True)
class Whole:
    """The night as it would be without protection, and as it is."""

    raw: Played
    heard: Played
    raw_figures: Figures
    figures: Figures


@cache
def whole_of(folder: Path) -> Whole:
    raw, heard = (play(night(folder), is_open=is_open) for is_open in (True, False))
    return Whole(raw, heard, figures(raw.sound, TARGET_LUFS), figures(heard.sound, TARGET_LUFS))


@pytest.fixture(scope="module")
def whole(hazards: Night) -> Whole:
    """Both, rendered once for this process."""
    found = whole_of(hazards.folder)
    print(f"\nbefore the guard: {found.raw_figures}\nlull:             {found.figures}")
    return found


def check(found: Figures, played: Played) -> None:
    """C1, C3, C4, C5 and C10; each fault with its place."""
    faults = [
        f"{what} at {played.where(one.at_s)}: {one}"
        for what, ones in (
            ("startle event", found.startles),
            ("burst", found.bursts),
            ("new onset", found.new_onsets),
            ("click", found.clicks),
        )
        for one in ones
    ]
    assert not faults, "\n".join(faults)
    assert found.max_momentary_lufs <= TARGET_LUFS + 8.0
    assert found.max_short_lufs <= TARGET_LUFS + 5.0
    assert found.peak <= db_to_gain(CEILING_DBTP)
    assert found.true_peak_dbtp <= CEILING_DBTP + 0.2
    assert found.is_finite
    assert played.faults == 0
    assert not played.told("problem"), played.told("problem")


class TestWholeNight:
    def test_there_is_much_to_be_tamed(self, whole: Whole) -> None:
        """Twelve minutes and more; without protection it startles, clicks, and exceeds C3 and C4."""
        found = whole.raw_figures
        assert len(whole.raw.sound) / 48_000 > 12 * 60
        assert len(found.startles) >= 10
        assert len(found.bursts) >= 10
        assert len(found.new_onsets) >= 10
        assert len(found.clicks) >= 5
        assert found.max_momentary_lufs > TARGET_LUFS + 20.0
        assert found.peak > 1.0

    def test_every_file_is_played_but_those_without_sound(self, hazards: Night, whole: Whole) -> None:
        """Truncated, corrupt, mislabelled: all are heard; an empty one and a text are left out with a reason."""
        expected = [track.file for track in hazards.tracks if track.file not in {EMPTY, TEXT}]
        assert [track.file for track in whole.heard.tracks()] == expected
        assert len(whole.heard.told("track_skipped_over")) == 2

    def test_the_contract_holds(self, whole: Whole) -> None:
        """No startle event, no burst, no new onset of more than 10 dB, no click; C3 and C4 to the letter."""
        check(whole.figures, whole.heard)

    def test_calm_tracks_are_untouched(self, hazards: Night, whole: Whole) -> None:
        """C9 for each calm track, from where it stands alone to where the next one comes in."""
        kinds = {track.file: track.is_calm for track in hazards.tracks}
        touched = []
        for track in whole.heard.tracks():
            if kinds[track.file]:
                stretch = (track.at_s + OVERLAP_S, track.until_s)
                found = touch(whole.raw.part(*stretch), whole.heard.part(*stretch))
                print(f"{track.file:20} {found}")
                touched += [] if found.is_calm else [f"{track.file}: {found}"]
        assert not touched, "\n".join(touched)

    def test_no_onset_is_made_worse(self, hazards: Night, whole: Whole) -> None:
        """C9: no KI is raised in a calm track, and elsewhere none above what the hazard beside it scored."""
        calm = {track.file for track in hazards.tracks if track.is_calm}
        before, after = whole.raw_figures.onsets, whole.figures.onsets
        stretches = [(track.at_s + OVERLAP_S, track.until_s) for track in whole.heard.tracks() if track.file in calm]
        raised = [
            (whole.heard.where(onset.at_s), round(onset.ki_db, 2), round(most, 2))
            for onset, most in raised_ki(before, after)
            if any(first <= onset.at_s <= last for first, last in stretches)
        ]
        raised += [
            (whole.heard.where(onset.at_s), round(onset.ki_db, 2), round(most, 2))
            for onset, most in raised_ki(before, after, NEAR_S)
        ]
        assert not raised, raised

    def test_the_legitimate_swell_passes(self, whole: Whole) -> None:
        """+25 dB over 20 s is music, and comes out as it is."""
        (swell,) = [track for track in whole.heard.tracks() if track.file.startswith("10-swell")]
        stretch = (swell.at_s + OVERLAP_S, swell.until_s)
        found = touch(whole.raw.part(*stretch), whole.heard.part(*stretch))
        print(f"swell: {found}")
        assert found.is_calm, found


class Meddler:
    """Somebody who cannot sleep: a command every few seconds, seeded."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self._due_s = 14.0
        self._is_paused = False

    def __call__(self, now: Now) -> Command | None:
        """What is asked for now, if anything."""
        if now.boot_s < self._due_s:
            return None
        rng = self._random
        if self._is_paused:
            self._is_paused = False
            self._due_s = now.boot_s + rng.uniform(0.1, 20.0)
            return Resume()
        self._due_s = now.boot_s + rng.choice((0.3, 3.0, 9.0, 18.0))
        match rng.randrange(10):
            case 0:
                self._is_paused = True
                return Pause()
            case 1:
                return Next()
            case 2 | 3:
                return Seek(rng.uniform(-20.0, 20.0), is_relative=True)
            case _:
                return SetVolume(rng.choice((20, 50, 70, 80, 90, 100)))


@pytest.mark.parametrize("seed", [1, 2])
def test_whatever_is_pressed_nobody_is_startled(hazards: Night, seed: int) -> None:
    """Volume, pauses, skips and seeks at random moments of the same night: the contract holds all the same."""
    played = play(hazards, meddle=Meddler(seed))
    found = figures(played.sound, TARGET_LUFS)
    print(f"\nmeddled with, seed {seed}, {len(played.sound) / 48_000:.0f} s: {found}")
    assert len(played.sound) / 48_000 > 5 * 60
    check(found, played)
