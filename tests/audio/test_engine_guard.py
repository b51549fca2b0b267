"""The engine's dealings with the guard and the output meter: what is told, when, and what follows."""

from __future__ import annotations

import numpy as np
import pytest

from player.core.engine_orders import Item, PlayItem, RampTo, Retune, Then
from player.core.events import ClauseBroken, GuardReported, RampArrived
from player.core.units import SILENCE_DB
from tests import effort
from tests.audio.dsp.listener import TARGET, at_lufs, loudness, startles, whispers
from tests.engine_rig import Rig
from tests.fakes.source import Script
from tests.signals import Sound, frames_of, pink, rng_for, scaled, with_part

pytestmark = pytest.mark.slow


AS_IT_IS = b""
"""A plan that lowers nothing, so that the slam is left to the guard."""


def slam(duration_s: float = 0.5) -> Sound:
    """Noise at full scale."""
    return rng_for("slam").uniform(-1, 1, (frames_of(duration_s), 2)).astype(np.float32)


def script(sound: Sound) -> Script:
    """A track of these samples."""
    return Script(sound, len(sound))


def test_what_the_guard_held_down_is_told_with_its_place() -> None:
    """A slam at 40 s: one report, that names the track, the place, the depth and the length."""
    rig = Rig({"a": script(with_part(whispers(60.0), 40.0, slam()))})
    item = rig.play("a", plan=AS_IT_IS)
    rig.engine.order(RampTo(0.0, 30.0))
    rig.run(50.0)
    (tamed,) = rig.reported(GuardReported)
    assert tamed.item_id == item.id
    assert tamed.position_s == pytest.approx(40.0, abs=0.3)
    assert tamed.duration_s == pytest.approx(0.5, abs=0.2)
    assert tamed.reduction_db > 15.0
    assert not startles(rig.heard())


@pytest.mark.thorough
def test_without_the_guard_the_output_meter_mutes_and_a_ramp_brings_the_sound_back() -> None:
    """The slam is not heard, the report names the clause, and what comes back comes by a ramp."""
    rig = Rig({"a": script(with_part(whispers(90.0), 40.0, slam()))})
    rig.play("a", plan=AS_IT_IS)
    rig.engine.order(RampTo(0.0, 30.0))
    calm, rig.engine._chain._calm = rig.engine._chain._calm, None
    rig.engine._chain.guard.process = lambda hops, _volumes: hops  # type: ignore[method-assign]
    rig.run(45.0)
    del rig.engine._chain.guard.process
    rig.engine._chain._calm = calm
    assert [report.clause for report in rig.reported(ClauseBroken)] == ["C1"]
    assert not rig.heard(4.0).any()
    assert not startles(rig.heard())
    rig.engine.order(RampTo(0.0, 10.0))
    rig.run(30.0)
    assert rig.heard(5.0).any()
    assert not startles(rig.heard())
    assert len(rig.reported(ClauseBroken)) == 1


@pytest.mark.thorough
def test_a_pause_of_more_than_half_a_minute_is_forgotten_like_silence() -> None:
    """After 40 s of pause whispers are let in again, by the ramp and the guard together: nothing stands out."""
    rig = Rig({"a": script(whispers(120.0))})
    rig.start("a")
    rig.run(30.0)
    rig.engine.order(RampTo(SILENCE_DB, 1.5, Then.HOLD))
    rig.run(40.0)
    rig.engine.order(RampTo(0.0, 0.0))
    rig.run(25.0)
    assert not startles(rig.heard())
    assert not rig.reported(ClauseBroken)


@pytest.mark.thorough
def test_a_rising_volume_makes_nothing_stand_out() -> None:
    """Taps under a volume that rises by 30 dB at 6 dB/s would each stand up to 6 dB over the last one."""
    sparse = np.zeros((frames_of(90.0), 2), np.float32) + at_lufs(pink(90.0), TARGET - 20.0)
    knock = np.exp(-np.arange(4_000) / 700) * np.sin(2 * np.pi * 300 * np.arange(4_000) / 48_000)
    for at_s in range(1, 89):
        sparse[at_s * 48_000 : at_s * 48_000 + 4_000] += (0.2 * knock).astype(np.float32)[:, np.newaxis]
    rig = Rig({"a": script(sparse)})
    rig.play("a")
    rig.engine.order(RampTo(-30.0, 30.0))
    rig.run(60.0)
    rig.engine.order(RampTo(0.0, 0.0))
    rig.run(20.0)
    assert RampArrived(0.0, Then.NOTHING) in rig.reports
    assert not startles(rig.heard(), TARGET - 30.0)
    assert not rig.reported(ClauseBroken)


def test_c3_holds_for_a_track_that_is_far_too_hot() -> None:
    """Full-scale noise, unmeasured and without any gain: M and S stay within 8 and 5 LU over the target."""
    rig = Rig({"a": script(slam(60.0))})
    rig.play("a")
    rig.engine.order(RampTo(0.0, 10.0))
    rig.run(50.0)
    heard = loudness(rig.heard())
    assert heard.max_momentary_lufs <= TARGET + 8.0
    assert heard.max_short_lufs <= TARGET + 5.0
    assert not startles(rig.heard())
    assert not rig.reported(ClauseBroken)


@pytest.mark.thorough
def test_a_whisper_track_that_cannot_reach_the_target_has_a_lower_floor() -> None:
    """At -40 LUFS a slam of the target's level is one; the floor follows what was measured of the track."""
    quiet = scaled(whispers(60.0), -17.0)
    sound = with_part(quiet, 40.0, at_lufs(pink(0.5, name="ten"), TARGET))
    heard = []
    for habitual in (None, TARGET - 17.0 + 6.0):
        rig = Rig({"a": script(sound)})
        rig.engine.order(PlayItem(Item(1, "a", "a", habitual_lufs=habitual)))
        rig.engine.order(RampTo(0.0, 30.0))
        rig.run(50.0)
        heard.append(rig.heard())
    assert not startles(heard[1], TARGET - 17.0)


@pytest.mark.parametrize("fade_in_s", effort.first(1, [0.0, 11.0, 10.0, 12.0, 20.0, 60.0]))
def test_a_fade_in_of_steady_noise_is_no_surprise(fade_in_s: float) -> None:
    """What lull raises itself is nothing new, whatever the length: no report, no mute, and the level is reached."""
    rig = Rig({"a": script(at_lufs(pink(fade_in_s + 25.0), TARGET))})
    rig.play("a")
    rig.engine.order(RampTo(-10.0, fade_in_s))
    rig.run(max(fade_in_s, 10.0) + 13.0)
    assert not rig.reported(GuardReported)
    assert not rig.reported(ClauseBroken)
    assert loudness(rig.heard(8.0)).integrated_lufs == pytest.approx(TARGET - 10.0, abs=0.3)


def test_a_lower_target_does_not_mute_what_was_planned_for_the_higher_one() -> None:
    """A reload in the middle of a track: it goes on as it is, and the new limits hold from the next silence on."""
    rig = Rig({"a": script(at_lufs(pink(90.0), TARGET))})
    rig.play("a", plan=AS_IT_IS)
    rig.engine.order(RampTo(0.0, 30.0))
    rig.run(35.0)
    before = loudness(rig.heard(4.0)).integrated_lufs
    rig.engine.order(Retune(crossfade_s=5.0, ceiling_dbtp=-1.0, target_lufs=TARGET - 17.0))
    rig.run(10.0)
    assert not rig.reported(ClauseBroken)
    assert not rig.reported(GuardReported)
    assert loudness(rig.heard(4.0)).integrated_lufs == pytest.approx(before, abs=0.3)
    rig.engine.order(RampTo(SILENCE_DB, 1.0, Then.STOP))
    rig.run(1.5)
    assert rig.engine._chain._output_meter.target_lufs == TARGET
    rig.play("a", plan=AS_IT_IS)
    rig.run(0.1)
    assert rig.engine._chain._output_meter.target_lufs == TARGET - 17.0
