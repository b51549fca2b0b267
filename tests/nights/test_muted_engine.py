"""Session and engine together when the output meter mutes: silence, the track kept, and a slow return."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from player.audio.dsp.output_meter import BrokenClause
from player.core.commands import Play
from player.core.limits import MAX_RISE_DB_PER_S
from player.core.settings.session import TIMER_OFF
from player.core.states import State
from tests.engine_rig import fastest_rise
from tests.session.test_commands import House

pytestmark = pytest.mark.slow


def trip(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """The meter objects to the next block."""
    engine: Any = house.rehearsal._engine
    engine._chain._take_back()
    with monkeypatch.context() as patched:
        patched.setattr(engine._chain, "_calm", None)  # a calm block does not come through the meter's `measure`
        patched.setattr(engine._chain._output_meter, "measure", lambda *_: BrokenClause("C1", "a burst"))
        house.run(0.1)
    assert engine._chain.ramp.is_silent


def position_s(house: House) -> float:
    position_s = house.session.snapshot(house.clock.now()).position_s
    assert position_s is not None
    return position_s


def test_a_mute_is_followed_by_a_rise_of_the_same_track(monkeypatch: pytest.MonkeyPatch) -> None:
    """Silent within a block, ten seconds up at 6 dB/s, and the track has gone on."""
    house = House()
    house.command(Play(timer=TIMER_OFF))
    house.run(40.0)
    level = float(np.abs(house.blocks[-1]).max())
    house.blocks.clear()
    trip(house, monkeypatch)
    assert not house.blocks[0][240:].any()
    house.run(13.0)
    assert np.abs(house.blocks[2]).max() < level / 400
    samples = house.heard()
    assert samples[-1, 0] == pytest.approx(level, rel=1e-3)
    assert fastest_rise(samples[4_800:], floor_db=-58.0, over_s=0.5) <= MAX_RISE_DB_PER_S + 1.0
    assert 50.0 < position_s(house) < 55.0


@pytest.mark.thorough
def test_the_second_mute_keeps_silence_and_the_place(monkeypatch: pytest.MonkeyPatch) -> None:
    """15 s of silence, and then the track goes on where it was, from silence."""
    house = House()
    house.command(Play(timer=TIMER_OFF))
    house.run(40.0)
    level = float(np.abs(house.blocks[-1]).max())
    for _ in range(2):
        trip(house, monkeypatch)
        house.run(1.0)
    place_s = position_s(house)
    house.blocks.clear()
    house.run(13.0)
    assert not house.heard().any()
    house.run(15.0)
    assert house.heard()[-1, 0] == pytest.approx(level, rel=1e-3)
    assert position_s(house) - place_s < 15.0
    assert house.session.state is State.PLAYING


@pytest.mark.thorough
def test_the_third_mute_takes_another_track(monkeypatch: pytest.MonkeyPatch) -> None:
    """The one at fault is let go of."""
    house = House()
    house.command(Play(timer=TIMER_OFF))
    house.run(40.0)
    level = float(np.abs(house.blocks[-1]).max())
    before = house.session.snapshot(house.clock.now()).track
    for _ in range(3):
        trip(house, monkeypatch)
        house.run(30.0)
    house.run(30.0)
    snapshot = house.session.snapshot(house.clock.now())
    assert snapshot.track not in {None, before}
    assert np.abs(house.blocks[-1]).max() == pytest.approx(level, rel=1e-3)
