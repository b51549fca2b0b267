"""What became of a track, on sound that was changed by a known amount."""

from __future__ import annotations

import numpy as np
import pytest

from player.analysis.contract.alteration import Alteration
from player.analysis.ebur128 import HopMeter
from player.audio.dsp.hearing import HOP_FRAMES, HOP_S
from tests.audio.dsp.listener import at_lufs
from tests.signals import Sound, frames_of, pink, scaled, silence


def powers(sound: Sound) -> np.ndarray:
    """K-weighted hops."""
    return np.array(HopMeter(HOP_FRAMES).powers(sound))


def altered(before: Sound, after: Sound) -> Alteration:
    """The two sides, pushed at once."""
    found = Alteration()
    found.push(powers(before), powers(after))
    return found


def lowered(sound: Sound, at_s: float, until_s: float, by_db: float) -> Sound:
    """A stretch of it."""
    out = sound.copy()
    part = slice(frames_of(at_s), frames_of(until_s))
    out[part] = scaled(sound[part], -by_db)
    return out


def test_what_is_the_same_was_not_altered() -> None:
    """Everything reads zero."""
    sound = at_lufs(pink(30.0), -30.0)
    same = altered(sound, sound)
    assert (same.lowered_percent, same.most_lowered_db, same.spread_change_db) == (0.0, 0.0, 0.0)
    assert (same.loudness_change_lu, same.range_change_lu) == (0.0, 0.0)
    assert same.audible_s == pytest.approx(30.0, abs=0.1)


def test_a_share_of_the_audible_time_was_lowered() -> None:
    """3 of 30 s by 6 dB is 10 %; by 0.4 dB is nothing."""
    sound = at_lufs(pink(30.0), -30.0)
    found = altered(sound, lowered(sound, 10.0, 13.0, 6.0))
    assert found.lowered_percent == pytest.approx(10.0, abs=0.2)
    assert found.most_lowered_db == pytest.approx(6.0, abs=0.2)
    assert altered(sound, lowered(sound, 10.0, 13.0, 0.4)).lowered_percent < 0.3


def test_what_nobody_hears_does_not_count() -> None:
    """Half of it lies 30 dB below the rest: 3 s of the loud half are 20 % of the audible time, of the faint half 0."""
    sound = at_lufs(pink(30.0), -30.0)
    sound[frames_of(15.0) :] = scaled(sound[frames_of(15.0) :], -30.0)
    assert altered(sound, lowered(sound, 5.0, 8.0, 6.0)).lowered_percent == pytest.approx(20.0, abs=0.5)
    assert altered(sound, lowered(sound, 20.0, 23.0, 6.0)).lowered_percent < 0.1


def test_loudness_and_spread_changes_are_what_was_done() -> None:
    """All of it 2 dB lower: I falls by 2, LRA and spread by nothing. Its louder half 4 dB lower: the spread by 4."""
    sound = at_lufs(pink(40.0), -30.0)
    assert altered(sound, scaled(sound, -2.0)).loudness_change_lu == pytest.approx(-2.0, abs=0.05)
    assert altered(sound, scaled(sound, -2.0)).spread_change_db == pytest.approx(0.0, abs=0.11)
    steps = lowered(sound, 20.0, 40.0, 10.0)
    found = altered(steps, lowered(steps, 0.0, 20.0, 4.0))
    assert found.spread_change_db == pytest.approx(-4.0, abs=0.3)
    assert found.range_change_lu == pytest.approx(-4.0, abs=0.3)


def test_blocks_and_the_whole_read_the_same() -> None:
    """A second at a time, and all at once."""
    before = at_lufs(pink(20.0), -30.0)
    after = lowered(before, 5.0, 7.0, 3.0)
    pieces, sides = Alteration(), (powers(before), powers(after))
    second = round(1.0 / HOP_S)
    for at in range(0, len(sides[0]), second):
        pieces.push(sides[0][at : at + second], sides[1][at : at + second])
    whole = altered(before, after)
    for name in ("lowered_percent", "most_lowered_db", "loudness_change_lu", "range_change_lu", "spread_change_db"):
        assert getattr(pieces, name) == pytest.approx(getattr(whole, name), abs=1e-6), name


def test_silence_was_not_altered() -> None:
    """Nothing is audible in it."""
    found = altered(silence(5.0), silence(5.0))
    assert (found.audible_s, found.lowered_percent, found.loudness_change_lu) == (0.0, 0.0, 0.0)
