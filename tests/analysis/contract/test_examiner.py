"""The examination finds what breaks a clause, and when; and nothing in a night that is as it should be."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import pytest

from player.analysis.contract.examiner import Examiner, Findings, Instruments, Limits
from player.analysis.contract.figures import MOST_TIMES, Figure, Violations
from player.analysis.contract.integrated import IntegratedMeter
from player.analysis.ebur128 import HopMeter, ProgrammeMeter, true_peak_dbtp
from player.audio.dsp.chain import Chain
from player.audio.dsp.sanitise import Sanitiser
from player.audio.dsp.tap import LATE_FRAMES, SOURCE_LATE_FRAMES, Rendered, Sounding
from player.core.engine_orders import Item
from player.core.units import SILENCE_DB
from tests import effort
from tests.audio.dsp.listener import TARGET, at_lufs, whispers
from tests.engine_rig import POWER_METER
from tests.signals import Sound, both, frames_of, pink, rng_for, scaled, silence, tone, with_part

BLOCK = 4_800
ITEM = Item(1, "one.wav", "one")
LIMITS = Limits(TARGET, -1.0, 0.0)


@dataclass
class Night:
    """What is pushed: sound as it leaves, and by block what the inside was like.

    Attributes:
        out: what leaves.
        source: as decoded, before the ramp, at the place of what leaves; None: the ramp undone, so nothing was changed.
        volume_db: by block; the last one goes on.
        deck_db: the deck's fade, by block.
        over_at: block from which on nothing goes through the chain.
        items: by the block from which on each plays.
    """

    out: Sound
    source: Sound | None = None
    volume_db: list[float] = field(default_factory=lambda: [0.0])
    deck_db: list[float] = field(default_factory=lambda: [0.0])
    target_db: float = 0.0
    items: dict[int, Item] = field(default_factory=lambda: {0: ITEM})
    over_at: int = 10**9
    limits: Limits = LIMITS


def examined(night: Night) -> Findings:
    """The findings of a night."""
    examiner = Examiner(night.limits, Instruments(POWER_METER, true_peak_dbtp))
    out = night.out[: len(night.out) // BLOCK * BLOCK]
    source = _early(_undone(night, out) if night.source is None else night.source, SOURCE_LATE_FRAMES)
    item = ITEM
    for number, at in enumerate(range(0, len(out), BLOCK)):
        item = night.items.get(number, item)
        volume_db, deck_db = _of(night.volume_db, number), _of(night.deck_db, number)
        decks = (Sounding(item, deck_db, decoded=source[at : at + BLOCK], gains=10 ** (deck_db / 20)),)
        rendered = Rendered(volume_db, night.target_db, decks)
        examiner.push(out[at : at + BLOCK], rendered if number < night.over_at else None)
    return examiner.finish()


def _of(levels: list[float], block: int) -> float:
    return levels[min(block, len(levels) - 1)]


def _undone(night: Night, out: Sound) -> Sound:
    """The sound without the ramp that is in it."""
    blocks = range(-(-len(out) // BLOCK))
    ends = np.array([_of(night.volume_db, block) for block in blocks])
    level_db = np.interp(np.arange(len(out)) / BLOCK, np.arange(len(ends) + 1), np.concatenate((ends[:1], ends)))
    level_db += np.repeat([_of(night.deck_db, block) for block in blocks], BLOCK)[: len(out)]
    return (np.nan_to_num(out) * 10 ** (np.clip(-level_db, 0.0, 100.0) / 20)[:, np.newaxis]).astype(np.float32)


def _early(sound: Sound, frames: int) -> Sound:
    return np.concatenate((sound[frames:], np.zeros((frames, 2), np.float32)))


def figures(findings: Findings, clause: str) -> list[Figure]:
    """The figures of a clause."""
    return [figure for figure in findings.figures if figure.clause == clause]


def noise(duration_s: float) -> Sound:
    """White noise at full scale."""
    return rng_for("noise").uniform(-1, 1, (frames_of(duration_s), 2)).astype(np.float32)


def rise(duration_s: float, db_per_s: float) -> list[float]:
    """The ramp at the ends of blocks, from 60 dB below 0."""
    return [min(0.0, -60.0 + db_per_s * 0.1 * (block + 1)) for block in range(round(duration_s * 10))]


def risen(sound: Sound, db_per_s: float = 2.0) -> Sound:
    """The sound under such a rise."""
    level_db = np.minimum(0.0, -60.0 + db_per_s * np.arange(len(sound)) / 48_000)
    return (sound * (10 ** (level_db / 20))[:, np.newaxis]).astype(np.float32)


@pytest.fixture(scope="module")
def calm() -> Sound:
    """Whispers of 95 s that come up at 2 dB/s; the words of a faster rise would stand out."""
    return risen(whispers(95.0))


def test_a_calm_night_keeps_every_clause(calm: Sound) -> None:
    """All of them, C7 apart, which cannot be heard; and in the order of their names."""
    found = examined(Night(calm, volume_db=rise(95.0, 2.0)))
    assert not found.broken
    assert list(dict.fromkeys(figure.clause for figure in found.figures)) == [
        "C1", "C1b", "C1d", "C2", "C3", "C4", "C5", "C6", "C8", "C9", "C10", "C11",
    ]  # fmt: skip
    assert found.startles_before == 0
    assert found.tracks[0].is_calm
    assert all(not figure.at for figure in found.figures)


BROKEN: dict[str, tuple[str, Callable[[Sound], Night], float]] = {
    "a slam": ("C1", lambda calm: Night(with_part(calm, 40.0, noise(0.2))), 40.0),
    "a rise of 7 dB/s": ("C2", lambda calm: Night(calm, volume_db=[-40.0] * 20 + [-39.3, -38.6]), 2.0),
    "a level that leaps": ("C2", lambda calm: Night(calm, volume_db=[-10.0] * 20 + [0.0]), 2.0),
    "sound that is cut off": (
        "C2",
        lambda calm: Night(np.concatenate((pink(5.0, rms=0.05), silence(1.0))), over_at=50),
        5.0,
    ),
    "S 6 LU over the target": ("C3", lambda _: Night(risen(at_lufs(pink(40.0), TARGET + 6.0))), 31.0),
    "M 9 LU over the target": (
        "C3",
        lambda calm: Night(with_part(calm, 40.0, at_lufs(pink(0.5, name="loud"), TARGET + 9.0))),
        40.4,
    ),
    "the same level after the volume fell": (
        "C3",
        lambda calm: Night(calm, volume_db=[0.0] * 300 + [-20.0], target_db=-20.0),
        33.1,
    ),
    "a wave above the ceiling": ("C4", lambda calm: Night(with_part(calm, 30.0, tone(0.5, 12e3, 1, np.pi / 4))), 30.0),
    "a sample above the ceiling": ("C4", lambda calm: Night(with_part(calm, 30.0, tone(0.5, 440.0, 0.92))), 30.0),
    "a NaN": ("C5", lambda calm: Night(with_part(calm, 30.0, np.full((1, 2), np.nan, np.float32))), 30.0),
    "a gain of 21 dB": ("C6", lambda calm: Night(calm, items={0: Item(1, "one.wav", "one", gain_db=19.9)}), 0.0),
    "a volume above its maximum": ("C8", lambda calm: Night(calm, limits=Limits(TARGET, -1.0, -10.0)), 0.0),
    "calm that was lowered for 2 % of the time": (
        "C9",
        lambda calm: Night(with_part(calm, 40.0, scaled(calm[frames_of(40) : frames_of(41.8)], -1.0)), source=calm),
        0.0,
    ),
    "a step within a tone": ("C10", lambda _: Night(with_step(), source=tone(20.0)), 10.0),
}  # fmt: skip


def with_step() -> Sound:
    """A tone with a step of half a dB."""
    out = tone(20.0, phase=1.0)
    out[frames_of(10.0) :] *= np.float32(10 ** (0.5 / 20))
    return out


@pytest.mark.slow
@pytest.mark.parametrize("name", effort.first(1, BROKEN))
def test_what_breaks_a_clause_is_found(name: str, calm: Sound) -> None:
    """The clause is named, with the time, to a tenth of a second or the length of its window."""
    clause, night_of, at_s = BROKEN[name]
    night = night_of(calm if clause == "C9" else calm[: frames_of(at_s + 6.0)])
    if clause == "C6":
        object.__setattr__(night.items[0], "gain_db", 21.0)  # no order can: it refuses such a gain
    found = examined(night)
    assert clause in found.broken
    times = [at_s for figure in figures(found, clause) for at_s in figure.at]
    assert min(abs(time_s - at_s) for time_s in times) <= (0.6 if clause in {"C1", "C3"} else 0.1)


@pytest.mark.thorough
def test_c3_is_held_against_the_volume() -> None:
    """At a volume 20 dB lower, sound that is 20 dB quieter reads the same."""
    loud = risen(at_lufs(pink(40.0), TARGET))
    full = figures(examined(Night(loud)), "C3")
    low = figures(examined(Night(scaled(loud, -20.0), volume_db=[-20.0], target_db=-20.0)), "C3")
    assert [one.value for one in low] == pytest.approx([one.value for one in full], abs=0.01)
    assert full[0].limit == TARGET + 8.0
    assert full[1].limit == TARGET + 5.0


@pytest.mark.thorough
def test_a_recording_may_fall_silent_at_once() -> None:
    """Zeros in the middle of a track are the recording's, and no stop of lull's."""
    sound = np.concatenate((risen(at_lufs(pink(40.0), TARGET)), silence(2.0), at_lufs(pink(3.0), TARGET - 20.0)))
    assert figures(examined(Night(sound)), "C2")[1].value is None


@pytest.mark.thorough
def test_a_fade_to_nothing_is_no_cut() -> None:
    """66 dB down, then zeros."""
    fade = 10 ** (np.linspace(0.0, -66.0, frames_of(5.0)) / 20)
    sound = np.concatenate((pink(10.0), pink(5.0, name="end") * fade[:, np.newaxis].astype(np.float32), silence(1.0)))
    last = figures(examined(Night(sound, over_at=150)), "C2")[1]
    assert last.holds
    assert last.value == pytest.approx(-66.0, abs=4.0)


@pytest.mark.thorough
def test_a_click_that_was_recorded_is_none_of_lull_s() -> None:
    """It is counted apart; the same click without a source for it breaks C10."""
    sound = risen(tone(20.0, peak=0.1), 6.0)
    clicked = with_part(sound, 15.0, sound[frames_of(15.0) : frames_of(15.0) + 1] + np.float32(0.05))
    recorded = examined(Night(clicked, source=clicked))
    assert figures(recorded, "C10")[0].holds
    assert recorded.recorded_clicks == 1
    assert "C10" in examined(Night(clicked, source=sound)).broken


@pytest.mark.parametrize("name", effort.first(1, ["noise", "whispers", "taps"]))
def test_natural_sound_does_not_click(name: str, calm: Sound) -> None:
    """Nor does white noise or a finger that taps, with no source to excuse it."""
    t = np.arange(frames_of(0.05)) / 48_000
    tap = both(0.1 * np.exp(-t / 0.004) * rng_for("tap").normal(size=len(t)))
    taps = pink(10.0, rms=0.001)
    for at in range(0, len(taps) - len(tap), 12_000):
        taps[at : at + len(tap)] += tap
    sounds = {"whispers": calm, "taps": taps, "noise": noise(10.0) * np.float32(0.1)}
    assert figures(examined(Night(sounds[name], source=silence(10.0))), "C10")[0].holds


@pytest.mark.thorough
def test_startles_that_were_decoded_are_counted_apart(calm: Sound) -> None:
    """A slam that did not leave breaks nothing, and the track that had it is not judged as calm."""
    recorded = with_part(whispers(95.0), 40.0, noise(0.2))
    found = examined(Night(calm, source=recorded, volume_db=rise(95.0, 2.0)))
    assert not found.broken
    assert found.startles_before >= 1
    assert found.worst_before_db > 10.0
    assert not found.tracks[0].is_calm
    assert not figures(found, "C9")


def test_silence_has_nothing_to_measure() -> None:
    """No value is made up for it."""
    found = examined(Night(silence(5.0), volume_db=[SILENCE_DB], target_db=SILENCE_DB, over_at=0))
    assert not found.broken
    assert {figure.clause: figure.value for figure in found.figures}["C4"] is None
    assert found.tracks == ()


def test_the_delays_are_those_of_the_chain() -> None:
    """What leaves is laid beside what went in."""
    chain = Chain(-1.0, TARGET, HopMeter)
    assert chain.latency_frames == LATE_FRAMES
    assert chain.latency_frames == SOURCE_LATE_FRAMES - Sanitiser.latency_frames


def test_offences_are_counted_all_and_listed_first() -> None:
    """A hundred offences: a hundred, and twenty times."""
    offences = Violations()
    for at_s in range(100):
        offences.add(float(at_s))
    figure = offences.figure("C1", "events")
    assert figure.value == 100.0
    assert not figure.holds
    assert len(figure.at) == MOST_TIMES


@pytest.mark.parametrize("level_db", effort.first(1, [0.0, -30.0]))
def test_loudness_and_range_are_those_of_the_library(level_db: float, calm: Sound) -> None:
    """I within 0.1 LU and LRA within 0.3 LU of libebur128, for sound of two levels; far down, I goes with the level."""
    sound = np.concatenate((calm[frames_of(15.0) :], scaled(calm[frames_of(15.0) :], -8.0)))
    meter, own = ProgrammeMeter(), IntegratedMeter()
    powers = np.array(HopMeter(240).powers(scaled(sound, level_db)))
    sums = np.concatenate(([0.0], np.cumsum(powers)))
    meter.add(sound)
    for end in range(80, len(sums), 20):
        own.push_momentary((sums[[end]] - sums[[end - 80]]) / 80)
        if end >= 600 and end % 200 == 0:  # every second, as the library does
            own.push_short_term((sums[[end]] - sums[[end - 600]]) / 600)
    assert own.integrated_lufs == pytest.approx(meter.integrated_lufs + level_db, abs=0.1)
    assert own.range_lu == pytest.approx(meter.range_lu, abs=0.3)


def test_a_wave_that_rises_above_the_ceiling_behind_the_last_frame_of_a_block_is_found() -> None:
    """Two frames of -1.1 dBFS, then a block of silence: the wave reaches +0.8 dBTP there, which was not seen."""
    sound = silence(2.0)
    sound[BLOCK - 2 : BLOCK] = 0.88
    assert true_peak_dbtp(sound) > 0.5
    true_peak, sample = figures(examined(Night(sound)), "C4")
    assert true_peak.value == pytest.approx(true_peak_dbtp(sound), abs=0.1)
    assert (true_peak.holds, sample.holds) == (False, True)


def test_a_sample_far_beyond_full_scale_does_not_make_the_meters_deaf() -> None:
    """10^20 is a number, and its square is none in 32 bits: no rise was found for the rest of the night."""
    bed = at_lufs(pink(40.0), TARGET - 8.0)
    out = bed.copy()
    out[frames_of(12.0), 0] = 1e20
    shout = at_lufs(pink(0.6, name="shout"), TARGET + 5.0)
    out[frames_of(30.0) : frames_of(30.0) + len(shout)] += shout
    found = examined(Night(out, source=bed))
    assert "C5" in found.broken
    assert [figure.holds for figure in figures(found, "C1b")] == [False]
    assert any(30.0 <= at_s <= 30.5 for at_s in figures(found, "C1b")[0].at)
    assert figures(found, "C4")[1].value == pytest.approx(400.0, abs=0.1)
