"""What a plan lowers is told: where, how long, how far; and nothing else is."""

from __future__ import annotations

import numpy as np
import pytest

from player.analysis.lowered import Lowered, Prominent, lowered_stretches
from player.analysis.track_measurement import Measurer
from player.audio.dsp.octaves import STREAMS
from player.audio.dsp.planned_gain import encode
from tests.audio.dsp.listener import TARGET, at_lufs
from tests.signals import Sound, pink, tone, with_part


def plan(**parts: float) -> bytes:
    """A minute of hops of 10 ms; ``h1000_80=12.0``: 80 hops from the 1000th on are lowered by 12 dB."""
    gains = np.zeros(6000)
    for name, db in parts.items():
        first, count = map(int, name[1:].split("_"))
        gains[first : first + count] = -db
    return encode(gains)


def test_each_stretch_with_its_time_length_and_depth() -> None:
    """Two that are 20 s apart."""
    found = lowered_stretches(plan(h1000_80=12.0, h3000_5=4.0))
    assert found == (Lowered(10.0, 0.8, 12.0), Lowered(30.0, 0.05, 4.0))


@pytest.mark.parametrize(("gap", "count"), [(90, 1), (110, 2)])
def test_stretches_within_a_second_are_one(gap: int, count: int) -> None:
    """The deeper of the two is told."""
    found = lowered_stretches(plan(**{"h1000_80": 12.0, f"h{1080 + gap}_10": 20.0}))
    assert len(found) == count
    assert found[-1].lowered_db == 20.0


@pytest.mark.parametrize(
    "nothing",
    [b"", plan(h1000_80=0.5), b"damaged", plan(h1000_3=3.0, h1040_4=2.0)],
    ids=["empty", "soft", "bad", "peaks"],
)
def test_what_is_not_lowered_is_not_told(nothing: bytes) -> None:
    """An empty plan, half a decibel, a plan that cannot be read and so lowers nothing, and two peaks for the level."""
    assert lowered_stretches(nothing) == ()


def in_one_ear(sound: Sound) -> Sound:
    """The sound on the left alone."""
    return sound * np.array((1.0, 0.0), np.float32)


@pytest.mark.parametrize(
    ("part", "stream", "words"),
    [
        (at_lufs(tone(0.5, 2000.0), TARGET - 4.0), "2000 Hz", " around 2000 Hz"),
        (in_one_ear(at_lufs(pink(0.5), TARGET + 12.0)), "left", " in the left ear"),
        (at_lufs(pink(0.5), TARGET + 12.0), "all", ""),
    ],
    ids=["beep", "left", "shout"],
)
def test_what_stands_out_is_named(part: Sound, stream: str, words: str) -> None:
    """A beep hardly above the noise, a burst in one ear, and one in both; 30 s into a minute of soft noise."""
    measurer = Measurer()
    measurer.add(with_part(at_lufs(pink(60.0), TARGET - 10.0), 30.0, part))
    measured = measurer.finish()
    (only,) = lowered_stretches(measured.plan, measured.lowered_in)
    assert only.at_s == pytest.approx(30.0, abs=0.2)
    assert (only.stream, only.where) == (stream, words)


def test_powers_may_come_in_pieces_of_any_length() -> None:
    """Half-seconds are cut at the same places."""
    powers = np.random.default_rng(1).random((1000, len(STREAMS)))
    powers[600:620, 7] *= 1e4
    pieces, whole = Prominent(), Prominent()
    whole.add(powers)
    for first in range(0, 1000, 130):
        pieces.add(powers[first : first + 130])
    assert pieces.streams(plan(h600_20=12.0), -60.0) == whole.streams(plan(h600_20=12.0), -60.0) == (STREAMS[7],)
