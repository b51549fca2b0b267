"""The law of a blend, the durations it needs, and a deck's gain under every order."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from player.audio.dsp.crossfade import HIDDEN_DB, DeckGain, crossfade_within, overlap_s, plan_overlap
from tests import effort
from tests.audio.dsp.test_ramp import assert_rises_gently

RATE = 48_000


def taken(gain: DeckGain, frames: int, size: int = 4800) -> np.ndarray:
    """The gains of so many frames as float64, taken in blocks."""
    parts = []
    for at in range(0, frames, size):
        count = min(size, frames - at)
        part = gain.gains(count)
        parts.append(np.full(count, part) if isinstance(part, float) else part.astype(np.float64))
        assert len(parts[-1]) == count
    return np.concatenate(parts) if parts else np.zeros(0)


def in_db(gains: np.ndarray) -> np.ndarray:
    """Levels, -inf for 0."""
    return np.where(gains > 0, 20 * np.log10(np.where(gains > 0, gains, 1.0)), -np.inf)


def full() -> DeckGain:
    """A deck at full gain."""
    gain = DeckGain()
    gain.open()
    return gain


def blending(crossfade_s: float) -> tuple[DeckGain, DeckGain]:
    """A full deck that makes room for another: outgoing, incoming."""
    outgoing, incoming = full(), DeckGain()
    incoming.rise(crossfade_s, HIDDEN_DB)
    outgoing.fall_with(incoming)
    return outgoing, incoming


# --- durations ------------------------------------------------------------------------------------------------------


def test_a_crossfade_of_no_length_overlaps_for_5_2_s() -> None:
    """A second hidden, 24 dB less 0.9 at 6 dB/s, and the end of a sine of 1.1 s."""
    assert overlap_s(0.0) == overlap_s(1.1) == pytest.approx(5.163, abs=0.001)


def test_a_crossfade_of_8_s_overlaps_for_9_7_s() -> None:
    """The sine is slow enough from x0 = atan(pi/16 / 0.69078) = 0.27695 on, 11.263 dB below full.

    A second is hidden, 12.737 dB at 6 dB/s are 2.1228 s, and (pi/2 - x0) / (pi/16) = 6.5895 s of sine follow.
    """
    x0 = math.atan(math.pi / 16 / (6 * math.log(10) / 20))
    line_s = (24 + 20 * math.log10(math.sin(x0))) / 6
    assert overlap_s(8.0) == pytest.approx(1.0 + line_s + (math.pi / 2 - x0) * 16 / math.pi, abs=3 / RATE)
    assert overlap_s(8.0) == pytest.approx(9.712, abs=0.001)


def test_what_is_hidden_behind_a_softer_sound_takes_longer() -> None:
    """Over a track that is 12 dB softer the incoming one is hidden 36 dB down: 2 s more at 6 dB/s."""
    assert overlap_s(8.0, HIDDEN_DB - 12.0) == pytest.approx(11.712, abs=0.001)


@given(st.floats(0, 60), st.floats(0, 60))
def test_a_longer_crossfade_overlaps_for_longer(one_s: float, other_s: float) -> None:
    """To within the two frames that rounding up may add."""
    short_s, long_s = sorted((one_s, other_s))
    assert overlap_s(short_s) <= overlap_s(long_s) + 2 / RATE


@given(st.floats(0, 200), st.one_of(st.none(), st.floats(0, 400)), st.floats(0, 60))
def test_an_overlap_fits_both_tracks(left_s: float, duration_s: float | None, crossfade_s: float) -> None:
    """Never more than what is left, than half of the incoming track, or than was wanted; never a rise above 6 dB/s."""
    planned_s = plan_overlap(left_s, duration_s, crossfade_s)
    assert planned_s <= left_s
    assert duration_s is None or planned_s <= duration_s / 2
    assert planned_s <= overlap_s(crossfade_s)
    assert planned_s == 0.0 or planned_s >= overlap_s(0.0)


@pytest.mark.parametrize(
    ("left_s", "duration_s", "crossfade_s", "expected_s"),
    [
        (300.0, None, 0.0, overlap_s(0.0)),
        (8.5, 600.0, 8.0, 8.5),
        (300.0, 15.0, 8.0, 7.5),
        (300.0, 10.2, 8.0, 0.0),
        (5.1, 600.0, 8.0, 0.0),
        (5.2, None, 8.0, 5.2),
    ],
)
def test_what_is_planned(left_s: float, duration_s: float | None, crossfade_s: float, expected_s: float) -> None:
    """The wanted overlap, or what is left, or half of the incoming track; nothing below 5.2 s."""
    assert plan_overlap(left_s, duration_s, crossfade_s) == expected_s


@given(st.floats(5.2, 80), st.floats(0, 60))
def test_the_crossfade_that_fits_a_room_nearly_fills_it(room_s: float, crossfade_s: float) -> None:
    """It is the wanted one, or one whose overlap is at most 1 ms shorter than the room."""
    fitting_s = crossfade_within(room_s, crossfade_s)
    assert fitting_s <= crossfade_s
    assert overlap_s(fitting_s) <= room_s
    assert fitting_s == crossfade_s or overlap_s(fitting_s) >= room_s - 0.001


# --- the law --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("crossfade_s", [0.0, 0.5, 8.0, 30.0])
def test_the_powers_of_a_blend_add_to_one_in_each_frame(crossfade_s: float) -> None:
    """g_in^2 + g_out^2 = 1 within the rounding of float32, over the whole overlap and after it."""
    outgoing, incoming = blending(crossfade_s)
    frames = round(overlap_s(crossfade_s) * RATE) + 100
    power = taken(outgoing, frames) ** 2 + taken(incoming, frames) ** 2
    np.testing.assert_allclose(power, 1.0, atol=3e-7)
    assert outgoing.is_silent
    assert incoming.is_full


@pytest.mark.parametrize("crossfade_s", [0.0, 0.5, 8.0, 30.0])
def test_the_incoming_track_never_rises_faster_than_6_db_a_second(crossfade_s: float) -> None:
    """Alone it begins 60 dB down, keeps to 6 dB/s in each frame and over each 100 ms, and ends at exactly 1."""
    gain = DeckGain()
    gain.rise(crossfade_s)
    gain_db = in_db(taken(gain, round((overlap_s(crossfade_s, -60.0) + 1e-3) * RATE)))
    assert gain_db[0] == pytest.approx(-60.0, abs=2e-4)
    assert_rises_gently(gain_db)
    assert gain_db[-1] == pytest.approx(0.0, abs=1e-6)
    assert gain.gains(10) == 1.0


@pytest.mark.parametrize("crossfade_s", [0.0, 8.0])
def test_a_track_that_enters_hidden_rises_slowly_from_24_db_below(crossfade_s: float) -> None:
    """After one second it stands at -24 dB, and only from there on is it a rise: at most 6 dB/s, and told as it is."""
    gain = DeckGain()
    gain.rise(crossfade_s, HIDDEN_DB)
    assert gain.rise_db_per_s == 0.0
    assert not gain.is_rising_alone
    gain_db = in_db(taken(gain, RATE))
    assert (gain_db <= HIDDEN_DB + 1e-6).all()
    told, rest_db = [], []
    while not gain.is_full:
        told.append(gain.rise_db_per_s)
        rest_db.append(in_db(taken(gain, 480)))
    assert_rises_gently(np.concatenate([gain_db[-1:], *rest_db]))
    risen = [(block[-1] - block[0]) * RATE / 479 for block in rest_db]
    assert all(real <= told_db + 0.01 for real, told_db in zip(risen, told, strict=True))
    assert max(told) <= 6.0 + 1e-9


def test_the_creep_meets_the_sine_without_a_corner() -> None:
    """In dB the slope never changes by more than 0.05 dB/s from one 10 ms to the next."""
    gain = DeckGain()
    gain.rise(8.0)
    slope = np.diff(in_db(taken(gain, 14 * RATE))[::480]) * 100
    assert np.abs(np.diff(slope)).max() < 0.05


def test_most_of_a_blend_is_the_sine_quarter() -> None:
    """Half a crossfade before its end the incoming gain is sin(45 degrees)."""
    gain = DeckGain()
    gain.rise(8.0, HIDDEN_DB)
    gains = taken(gain, round(overlap_s(8.0) * RATE))
    assert gains[-1 - 4 * RATE] == pytest.approx(math.sqrt(0.5), abs=1e-5)


# --- a deck under orders --------------------------------------------------------------------------------------------


def test_a_deck_starts_silent() -> None:
    """Before any order its gain is the number 0."""
    gain = DeckGain()
    assert gain.is_silent
    assert gain.level_db == -math.inf
    assert gain.gains(4800) == 0.0


def test_an_opened_deck_is_full_at_once() -> None:
    """For the first track, whose rise the output ramp makes."""
    gain = full()
    assert gain.is_full
    assert gain.gains(4800) == 1.0


def test_a_fall_goes_down_by_66_db_and_is_silent() -> None:
    """3 s: 20 dB/s, 30 dB down after 1.5 s, then exact zeros."""
    gain = full()
    gain.fall(3.0)
    gains = taken(gain, 3 * RATE + 10)
    assert in_db(gains)[3 * RATE // 2 - 1] == pytest.approx(-33.0, abs=1e-5)
    assert in_db(gains)[3 * RATE - 1] == pytest.approx(-66.0, abs=1e-5)
    assert not gains[3 * RATE :].any()
    assert gain.is_silent


def test_a_second_fall_never_keeps_a_deck_alive() -> None:
    """Skipped again each second, it is still silent 3 s after the first skip."""
    gain = full()
    for _ in range(3):
        gain.fall(3.0)
        taken(gain, RATE)
    assert gain.is_silent


def test_a_shorter_fall_takes_over() -> None:
    """One second into a fall of 600 s, a fall of 1 s ends it in a second."""
    gain = full()
    gain.fall(600.0)
    taken(gain, RATE)
    gain.fall(1.0)
    taken(gain, RATE)
    assert gain.is_silent


@pytest.mark.parametrize("frames", [1, 100, 19_200])
def test_a_tail_ends_within_the_frames_that_are_left(frames: int) -> None:
    """The last frame stands 66 dB down, the next is silent."""
    gain = full()
    gain.tail(frames)
    gains = taken(gain, frames + 5)
    assert in_db(gains)[frames - 1] == pytest.approx(-66.0, abs=1e-5)
    assert not gains[frames:].any()


def test_a_tail_of_nothing_is_silence() -> None:
    """Where no frame is left there is nothing to fade, whatever the deck did before."""
    rising = DeckGain()
    rising.rise(8.0)
    falling = full()
    falling.fall(3.0)
    late, _ = blending(8.0)
    taken(late, round(overlap_s(8.0) * RATE) - 10)
    for gain in (full(), DeckGain(), rising, falling, late):
        gain.tail(0)
        assert gain.is_silent


def test_a_blend_that_ends_a_moment_early_keeps_its_law() -> None:
    """When a file ends 100 frames before the blend, the outgoing is below -60 dB by then: it goes on and ends there."""
    frames = round(overlap_s(8.0) * RATE)
    plain, _ = blending(8.0)
    cut, _ = blending(8.0)
    cut.tail(frames - 100)
    before = taken(plain, frames)
    after = taken(cut, frames)
    assert np.array_equal(before[: frames - 100], after[: frames - 100])
    assert not after[frames - 100 :].any()
    assert cut.is_silent


def test_a_blend_whose_file_ends_too_early_falls_in_time() -> None:
    """With 1 s of data but 14 s of blend, the outgoing is 66 dB down after that second."""
    outgoing, _ = blending(8.0)
    outgoing.tail(RATE)
    gains = taken(outgoing, RATE + 1)
    assert in_db(gains)[RATE - 1] == pytest.approx(-66.0, abs=0.01)
    assert gains[RATE] == 0.0


def test_an_incoming_deck_that_is_skipped_falls_from_where_it_is() -> None:
    """Ten seconds into a rise, a fall begins at that level."""
    gain = DeckGain()
    gain.rise(8.0)
    before_db = in_db(taken(gain, 10 * RATE))[-1]
    gain.fall(3.0)
    after_db = in_db(taken(gain, RATE))
    assert after_db[0] == pytest.approx(before_db - 66 / (3 * RATE), abs=1e-5)
    assert after_db[-1] == pytest.approx(before_db - 22, abs=1e-4)


def test_a_deck_that_still_rises_yields_from_where_it_is() -> None:
    """A short track that is blended out before it was full does not rise any more."""
    middle, incoming = DeckGain(), DeckGain()
    middle.rise(0.0)
    before = taken(middle, 5 * RATE)[-1]
    incoming.rise(8.0)
    middle.fall_with(incoming)
    after = taken(middle, 15 * RATE)
    assert after[0] == pytest.approx(before, rel=1e-5)
    assert (np.diff(after) <= 0).all()
    assert middle.is_silent


def test_a_falling_deck_that_is_told_to_rise_comes_back_from_where_it_is() -> None:
    """One second into a fall of 3 s it stands at -20 dB and rises from there at 6 dB/s."""
    gain = full()
    gain.fall(3.0)
    before_db = in_db(taken(gain, RATE))[-1]
    gain.rise(8.0)
    gain_db = in_db(taken(gain, 15 * RATE))
    assert gain_db[0] == pytest.approx(before_db + 6 / RATE, abs=1e-5)
    assert_rises_gently(gain_db)
    assert gain.is_full


def test_yielding_to_a_deck_that_was_not_told_to_rise_is_a_bug() -> None:
    """There is no law to complement."""
    with pytest.raises(AssertionError):
        full().fall_with(DeckGain())


def test_yielding_to_a_deck_that_has_been_heard_already_is_a_bug() -> None:
    """The two would be out of step."""
    incoming = DeckGain()
    incoming.rise(8.0)
    incoming.gains(1)
    with pytest.raises(AssertionError):
        full().fall_with(incoming)


def test_a_rise_from_silence_waits_and_a_blend_does_not() -> None:
    """What waited for something else that rises stands still; a blend goes on, for the data of its track run out."""
    alone = DeckGain()
    alone.rise(8.0)
    taken(alone, RATE)
    stood_db = alone.level_db
    outgoing, incoming = blending(8.0)
    for gain in (alone, outgoing, incoming):
        for _ in range(50):
            gain.gains(4_800, may_rise=False)
    assert alone.level_db == stood_db
    assert incoming.level_db > HIDDEN_DB
    assert outgoing.level_db < 0.0


def test_a_deck_that_goes_on_for_another_does_what_that_one_did() -> None:
    """In the middle of a rise a second deck takes it over: the gains go on as those of the first would have."""
    first, whole, second = DeckGain(), DeckGain(), DeckGain()
    first.rise(8.0)
    whole.rise(8.0)
    taken(first, 3 * RATE)
    second.follow_on(first)
    assert np.array_equal(taken(second, 12 * RATE), taken(whole, 15 * RATE)[3 * RATE :])


@pytest.mark.parametrize("crossfade_s", [0.0, 0.001, 0.5, 1.1, 8.0])
def test_what_goes_out_never_falls_in_a_step(crossfade_s: float) -> None:
    """Above -60 dB no frame is more than 0.28 dB below the one before: with 0 s it fell by 3 dB at -42."""
    outgoing, _ = blending(crossfade_s)
    gain_db = in_db(taken(outgoing, round(overlap_s(crossfade_s) * RATE) + 10))
    with np.errstate(invalid="ignore"):
        falls = gain_db[:-1] - gain_db[1:]
    assert (falls[gain_db[1:] > -60] <= 66 / 240 + 1e-3).all()
    assert gain_db[-1] == -np.inf


def test_a_fall_does_not_wait() -> None:
    """Whatever rises elsewhere, a skipped deck goes down."""
    gain = full()
    gain.fall(1.0)
    for _ in range(10):
        gain.gains(4_800, may_rise=False)
    assert gain.is_silent


ACTIONS = st.lists(
    st.tuples(st.sampled_from(["rise", "fall", "tail", "yield"]), st.floats(0, 20), st.integers(0, 100_000)),
    min_size=1,
    max_size=6,
)


@given(ACTIONS, st.booleans())
@settings(max_examples=effort.examples(15, 50), deadline=None)
@pytest.mark.slow
def test_no_sequence_of_orders_steps_or_rises_fast(actions: list[tuple[str, float, int]], is_open: bool) -> None:
    """Between 0 and 1 always; up at most 6 dB/s; down at most 66 dB in 5 ms or in the frames that a tail has left."""
    gain = full() if is_open else DeckGain()
    parts, shortest = [], 240
    for action, length_s, frames in actions:
        if action == "rise":
            gain.rise(length_s)
        elif action == "fall":
            gain.fall(length_s)
        elif action == "tail":
            left = round(length_s * RATE) + 240
            gain.tail(left)
        else:
            incoming = DeckGain()
            incoming.rise(length_s, HIDDEN_DB)
            gain.fall_with(incoming)
        parts.append(np.zeros(int(gain.level_db == -math.inf)))
        parts.append(taken(gain, frames))
    gains = np.concatenate(parts)
    assert (gains >= 0).all()
    assert (gains <= 1).all()
    gain_db = in_db(gains)
    assert_rises_gently(gain_db)
    with np.errstate(invalid="ignore"):
        falls = gain_db[:-1] - gain_db[1:]
    assert (falls[gain_db[1:] > -60] <= 66 / shortest + 1e-3).all()


@given(st.lists(st.integers(0, 9_000), min_size=1, max_size=60), st.sampled_from([0.0, 0.2, 8.0]))
@settings(max_examples=effort.examples(15, 40), deadline=None)
@pytest.mark.slow
def test_gains_have_the_same_bits_however_they_are_cut(sizes: list[int], crossfade_s: float) -> None:
    """Blocks of any size laid end to end are the whole, for the incoming and for the outgoing deck."""
    for which in (0, 1):
        whole = taken(blending(crossfade_s)[which], sum(sizes), size=10**9)
        gain = blending(crossfade_s)[which]
        pieces = np.concatenate([taken(gain, size, size=max(1, size)) for size in sizes])
        assert pieces.tobytes() == whole.tobytes()
