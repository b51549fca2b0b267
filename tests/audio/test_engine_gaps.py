"""The sound device runs dry: what is told, how the sound comes back, and when the buffer grows."""

from __future__ import annotations

import numpy as np
import pytest

from player.core.engine_orders import RampTo, Then
from player.core.events import OutputUnderran, Progressed, RampArrived
from player.core.limits import MAX_RISE_DB_PER_S
from player.core.units import SILENCE_DB
from tests import effort
from tests.audio.dsp.listener import TARGET, whispers
from tests.contract_check import figures
from tests.engine_rig import Rig, constant, fast_levels_db, fastest_rise, gain_db
from tests.fakes.source import Script
from tests.signals import frames_of

RISE = MAX_RISE_DB_PER_S + 0.01
HALT = RampTo(SILENCE_DB, 1.0, Then.STOP)


def test_after_a_short_gap_the_sound_comes_back_from_where_the_ears_level_has_fallen_to() -> None:
    """100 ms are lost and 35 ms held back are dropped: 4.7 dB, back in a second, and the fast level never jumps."""
    rig = Rig({"a": constant()})
    rig.start("a")
    rig.sink.underrun_at = {rig.sink.writes}
    rig.run(3.0)
    (gap,) = rig.reported(OutputUnderran)
    assert gap.gap_s == pytest.approx(0.1)
    assert not gap.is_hushed
    levels = fast_levels_db(rig.heard())[-300:]
    assert -6.0 < levels.min() < -4.0
    assert np.diff(levels).max() * 100 <= 10.0
    assert gain_db(rig.heard())[-1] == pytest.approx(0.0, abs=1e-4)
    sounding = np.flatnonzero(rig.heard(3.2)[:, 0])
    back = sounding[np.flatnonzero(np.diff(sounding) > 1)[0] + 1]
    assert (back - sounding[0]) / 48_000 < 0.5


def test_a_gap_every_ten_seconds_leaves_the_sound_there() -> None:
    """Nine tenths of the time are within 1 dB of the level, where each gap used to cost ten seconds of rise."""
    rig = Rig({"a": constant()})
    rig.start("a")
    for _ in range(6):
        rig.sink.underrun_at = {rig.sink.writes}
        rig.run(10.0)
    levels = fast_levels_db(rig.heard())[-6_000:]
    assert np.mean(levels > -1.0) > 0.88


def test_a_fade_out_with_a_gap_in_it_ends_when_it_would_have() -> None:
    """The gap costs level, and no time: silence comes at the same moment, and what was to follow is done."""
    rig = Rig({"a": constant()})
    rig.start("a")
    rig.engine.order(RampTo(SILENCE_DB, 20.0, Then.STOP))
    rig.run(5.0)
    rig.sink.underrun_at = {rig.sink.writes}
    rig.run(14.0)
    assert not [report for report in rig.reported(RampArrived) if report.then is Then.STOP]
    rig.run(2.0)
    assert [report for report in rig.reported(RampArrived) if report.then is Then.STOP]
    assert fastest_rise(rig.heard(14.0)) <= RISE


def test_after_a_long_gap_it_waits_in_silence_for_an_order() -> None:
    """Two seconds of nothing are 70 dB: the session says how to come back, and the rise takes ten seconds."""
    rig = Rig({"a": constant()})
    rig.start("a")
    rig.clock.sleep(2.0)
    rig.run(0.5)
    (gap,) = rig.reported(OutputUnderran)
    assert gap.is_hushed
    assert gap.gap_s == pytest.approx(1.8, abs=0.05)
    assert not rig.heard(0.4).any()
    rig.engine.order(RampTo(0.0, 0.0))
    rig.run(11.0)
    assert fastest_rise(rig.heard()) <= RISE


def test_a_short_gap_is_no_silence_in_the_level_that_is_told() -> None:
    """In whichever block of a second it comes, each report has the level of a second with sound in it."""
    rig = Rig({"a": constant()})
    rig.start("a")
    rig.run(2.0)
    for block in range(10):
        rig.sink.underrun_at = {rig.sink.writes + block}
        rig.run(3.0)
    assert len(rig.reported(OutputUnderran)) == 10
    assert min(told.level_db for told in rig.reported(Progressed)[-30:]) > -66.0  # it sounds at -60


def test_after_a_long_gap_nothing_is_familiar() -> None:
    """What was loud before it permits nothing behind it: nobody knows how long the silence was."""
    rig = Rig({"a": constant()})
    rig.start("a")
    rig.run(5.0)
    guard = rig.engine._chain.guard
    assert guard._hearing.familiar > 0.0
    rig.clock.sleep(2.0)
    rig.run(0.5)
    assert rig.reported(OutputUnderran)[-1].is_hushed
    assert guard._hearing.familiar == 0.0


@pytest.mark.thorough
def test_where_gaps_go_on_the_buffer_grows_until_the_session_is_over() -> None:
    """Three within ten minutes double it, three more double it again; the next session has the usual one."""
    rig = Rig({"a": constant(3_000.0)})
    rig.start("a")
    for _ in range(12):
        rig.sink.underrun_at = {rig.sink.writes}
        rig.run(20.0)
    assert [gap.buffer_times for gap in rig.reported(OutputUnderran)] == [1, 1, 2, 1, 1, 4, *[1] * 6]
    assert rig.sink.buffer_times == 4
    assert gain_db(rig.heard())[-1] == pytest.approx(0.0, abs=1e-4)
    rig.engine.order(HALT)
    rig.run(5.0)
    rig.engine._outlet.close()
    rig.start("a")
    assert rig.sink.buffer_times == 1


@pytest.mark.thorough
def test_seldom_gaps_leave_the_buffer_alone() -> None:
    """One in six minutes is counted and told, and no reason for a larger delay."""
    rig = Rig({"a": constant(3_000.0)})
    rig.start("a")
    for _ in range(4):
        rig.sink.underrun_at = {rig.sink.writes}
        rig.run(360.0)
    assert len(rig.reported(OutputUnderran)) == 4
    assert rig.sink.buffer_times == 1


def test_a_device_that_stands_still_for_a_second_is_told_though_it_lost_nothing() -> None:
    """A sound server that froze and went on says nothing of the gap that was heard."""
    rig = Rig({"a": constant()})
    rig.start("a")
    rig.sink.stall_s = {rig.sink.writes: 1.0}
    rig.run(1.0)
    assert rig.reported(OutputUnderran)


def test_a_gap_that_begins_while_a_block_waits_for_room_counts_whole() -> None:
    """The process stood still for a second in a write: the sound comes back as far down as after any gap."""
    rig = Rig({"a": constant()})
    rig.start("a")
    rig.run(2.0)
    held_s = rig.sink.delay_s
    rig.sink.stall_s = {rig.sink.writes: 1.0}
    rig.run(0.5)
    (gap,) = rig.reported(OutputUnderran)
    assert gap.gap_s == pytest.approx(1.0 - held_s + 0.1, abs=0.01)
    assert gain_db(rig.heard())[-1] < -24.0


@pytest.mark.slow
@pytest.mark.parametrize("dry_s", effort.first(1, [0.3, 0.01, 0.05, 1.0, 3.0]))
def test_no_gap_of_any_length_startles(dry_s: float) -> None:
    """Whispers with a gap every seven seconds, the silence of the dry device included: C1, C3 and no click."""
    whisper, gaps = whispers(100.0), effort.examples(2, 8)
    rig = Rig({"a": Script(whisper, len(whisper))})
    rig.start("a")
    rig.run(20.0)
    for _ in range(gaps):
        rig.clock.sleep(rig.sink.delay_s + dry_s)
        rig._blocks.append(np.zeros((frames_of(dry_s), 2), np.float32))
        rig.run(0.1)
        if (gap := rig.reported(OutputUnderran)[-1]).is_hushed:
            rig.engine.order(RampTo(0.0, 0.0))
        assert gap.gap_s >= dry_s - 1e-6
        rig.run(7.0)
    found = figures(rig.heard(), TARGET)
    assert not found.startles, found
    assert not found.bursts, found
    assert not found.new_onsets, found
    assert not found.clicks, found
    assert len(rig.reported(OutputUnderran)) == gaps
