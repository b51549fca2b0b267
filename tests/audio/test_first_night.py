"""A file that nobody has measured is looked into before it sounds, and then plays at its level."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from player.audio.deck import Deck
from player.audio.dsp.planned_gain import encode
from player.audio.excerpts import PATIENCE_S, PLACES, Excerpts
from player.audio.mixer import Mixer
from player.core.engine_orders import Crossfade, Item, LevelItem, RampTo
from player.core.events import EngineReport
from tests.engine_rig import Rig, noise
from tests.fakes.source import FakeDecoder, FakeSource, Script

GAIN_DB = -15.0
"""What an unmeasured item is given."""


def excerpts(decoder: FakeDecoder) -> tuple[Excerpts, FakeSource, list[np.ndarray]]:
    taken: list[np.ndarray] = []
    return Excerpts(decoder, "a", taken.append), decoder.open("a"), taken


def test_five_seconds_at_four_places_are_taken_one_after_the_other() -> None:
    """They are those of the file, and whatever was opened for them is closed."""
    decoder = FakeDecoder({"a": noise(1, 100.0)})
    looking, track, taken = excerpts(decoder)
    for _ in range(10):
        looking.step(track, 4_800)
        assert decoder.open_count <= 2
    assert looking.is_done
    audio = decoder.scripts["a"].block(0, 100 * 48_000)
    assert len(taken) == len(PLACES)
    for place, sound in zip(PLACES, taken, strict=True):
        at = round(place * 100 * 48_000)
        assert np.array_equal(sound, audio[at : at + 5 * 48_000])
    assert decoder.open_count == 1


@pytest.mark.parametrize(
    "script", [noise(1, 20.0), Script(np.zeros((48_000, 2), np.float32), is_duration_unknown=True)]
)
def test_of_a_short_file_and_of_one_without_a_length_the_beginning_is_enough(script: Script) -> None:
    """Nothing else is opened."""
    decoder = FakeDecoder({"a": script})
    looking, track, taken = excerpts(decoder)
    looking.step(track, 4_800)
    assert looking.is_done
    assert not taken
    assert len(decoder.opened) == 1


def test_an_excerpt_that_does_not_come_is_given_up() -> None:
    """A slow share: after 3 s it is closed, and no other one is tried."""
    decoder = FakeDecoder({"a": noise(1, 100.0)})
    looking, track, taken = excerpts(decoder)
    looking.step(track, 4_800)
    decoder.opened[-1][1].script = Script(noise(1, 100.0).audio, stalls_at=0)
    for _ in range(round(PATIENCE_S * 10) + 1):
        looking.step(track, 4_800)
    assert looking.is_done
    assert not taken
    assert decoder.open_count == 1


def test_an_excerpt_that_is_still_open_when_the_track_begins_is_closed() -> None:
    """A slow disk: the second excerpt has come to nothing when the track has waited for 5 s; its decoder goes."""
    decoder = FakeDecoder({"a": noise(1, 100.0)})
    deck = Deck(Item(1, "a", "a", GAIN_DB), decoder.open("a"))
    deck.look_into(decoder)
    deck.wait(4_800)
    assert decoder.open_count == 2
    deck.render(4_800, may_rise=True)
    assert decoder.open_count == 1


def level_db(sound: np.ndarray) -> float:
    return float(10.0 * np.log10(np.mean(np.square(sound.astype(np.float64)))))


def test_two_new_files_of_unlike_loudness_sound_equally_loud() -> None:
    """C6: 20 dB apart as recorded, each is within 1 dB of the other from its first second on."""
    heard = {}
    for name, level in (("soft", 0.005), ("loud", 0.05)):
        reports: list[EngineReport] = []
        mixer = Mixer(FakeDecoder({name: noise(2, 100.0, level)}), reports.append, 8.0)
        mixer.play(Item(1, name, name, GAIN_DB), Crossfade.BLEND)
        blocks = []
        for _ in range(100):
            mixer.prepare(4_800, is_output_silent=not blocks or not blocks[-1].any())
            blocks.append(mixer.mix(4_800))
        sound = np.concatenate(blocks)
        heard[name] = sound[np.flatnonzero(sound.any(axis=1))[0] + 4_800 :]
    for at in range(0, 4 * 48_000, 48_000):
        soft, loud = (level_db(heard[name][at : at + 48_000]) for name in ("soft", "loud"))
        assert soft == pytest.approx(loud, abs=1.0)


def test_what_is_measured_while_it_plays_comes_to_its_gain_without_a_step() -> None:
    """By an order of the engine: it ends at the gain of its measurement, and no second is 1 dB over the one before.

    A second that its plan lowers by 12 dB is lowered. An order for another item changes nothing.
    """
    reductions = np.zeros(10_000)
    reductions[8_000:8_100] = -12.0
    rig = Rig({"a": noise(4, 100.0, 0.02)})
    item = rig.play("a", gain_db=GAIN_DB, plan=None)
    rig.engine.order(RampTo(0.0, 0.0))
    rig.run(30.0)
    before_db = level_db(rig.heard(1.0))
    known = replace(item, gain_db=0.0, plan=encode(reductions), reached_lufs=-30.0, length_s=100.0)
    rig.engine.order(LevelItem(replace(known, id=item.id + 1, gain_db=6.0)))
    rig.run(5.0)
    assert level_db(rig.heard(1.0)) == pytest.approx(before_db, abs=0.1)
    rig.engine.order(LevelItem(known))
    rig.run(30.0)
    seconds = [level_db(part) for part in np.array_split(rig.heard(30.0), 30)]
    assert np.diff(seconds).max() < 1.0
    assert seconds[-1] == pytest.approx(20.0 * np.log10(0.02), abs=0.3)
    assert abs(seconds[-1] - before_db) > 1.0
    rig.run(30.0)
    tenths = np.array([level_db(part) for part in np.array_split(rig.heard(30.0), 300)]) - seconds[-1]
    assert np.count_nonzero(tenths < -11.0) == pytest.approx(10, abs=1)
    assert np.count_nonzero(np.abs(tenths) > 0.3) <= 12


@pytest.mark.thorough
def test_an_unmeasured_loop_keeps_its_level_over_the_seam() -> None:
    """A file of 20 s, four times: no second is more than 1 dB off the others."""
    decoder, reports = FakeDecoder({"a": noise(3, 20.0, 0.01)}), list[EngineReport]()
    mixer, blocks, number = Mixer(decoder, reports.append, 8.0), [], 1
    mixer.play(Item(number, "a", "a", GAIN_DB), Crossfade.BLEND)
    for _ in range(750):
        mixer.prepare(4_800, is_output_silent=not blocks)
        blocks.append(mixer.mix(4_800))
        if mixer._queued is None:
            number += 1
            mixer.queue(Item(number, "a", "a", GAIN_DB))
    sound = np.concatenate(blocks)[48_000:]
    levels = [level_db(sound[at : at + 48_000]) for at in range(0, len(sound) - 48_000, 48_000)]
    assert max(levels) - min(levels) < 1.0
