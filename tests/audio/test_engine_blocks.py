"""Blocks are long while nothing moves and short while something does, and what is heard does not depend on it."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Sequence
from functools import cache

import numpy as np
import pytest

from player.audio.engine import Engine
from player.audio.engine_settings import BLOCK_FRAMES, EngineSettings
from player.audio.output import AudioOutput, Written
from player.core.engine_orders import Crossfade, QuitEngine, RampTo, Then
from player.core.events import EngineFaulted
from player.core.units import CHANNELS, SILENCE_DB, to_frames
from tests import effort
from tests.engine_rig import POWER_METER, Rig, noise
from tests.fakes.clock import FakeClock
from tests.fakes.sink import FakeSink
from tests.fakes.source import FakeDecoder

SHORT, LONG = BLOCK_FRAMES, 2 * BLOCK_FRAMES


def run(rig: Rig, until_frame: int) -> list[int]:
    """Render until so much has been heard in all, to the end of that block; the lengths of the blocks."""
    lengths = []
    before = rig.heard_frames
    while before < until_frame:
        rig.engine.step()
        lengths.append(rig.heard_frames - before)
        before += lengths[-1]
    return lengths


def story(longest_s: float, marks: Sequence[int]) -> tuple[Rig, list[list[int]]]:
    """Start, steady, volume, skip, steady, the end of the track and what follows it, stop, rest; up to these frames."""
    rig = Rig({"a": noise(1), "b": noise(2, 30.0), "c": noise(3)}, longest_s=longest_s)
    rig.sink._buffer_s = 0.6
    to = iter(marks)
    rig.play("a")
    rig.engine.order(RampTo(0.0, 0.0))
    lengths = [run(rig, next(to)), run(rig, next(to))]
    rig.engine.order(RampTo(-12.0, 1.0))
    lengths += [run(rig, next(to)), run(rig, next(to))]
    rig.play("b", Crossfade.SKIP)
    rig.queue("c")
    lengths += [run(rig, next(to)), run(rig, next(to))]
    rig.engine.order(RampTo(SILENCE_DB, 3.0, Then.STOP))
    lengths += [run(rig, next(to)), run(rig, next(to))]
    return rig, lengths


MARKS = tuple(to_frames(at_s) for at_s in (12.0, 16.0, 17.0, 22.0, 23.0, 68.0, 70.0, 74.0))


@cache
def long_story() -> tuple[Rig, list[list[int]]]:
    """The story with long blocks, played once for both tests."""
    return story(0.4, MARKS)


def test_what_is_heard_does_not_depend_on_the_length_of_blocks() -> None:
    """The same session with long blocks and without gives the same samples."""
    long, lengths = long_story()
    short, _ = story(0.1, np.cumsum([sum(part) for part in lengths]).tolist())
    assert np.array_equal(long.heard(), short.heard())
    assert {length for part in lengths for length in part} == {SHORT, LONG}


def test_blocks_are_short_while_something_moves() -> None:
    """While the volume moves, a track comes or goes, every block has 100 ms; in between 200 ms with a buffer of 600."""
    _, (rise, steady, volume, _, skip, *_, stop, rest) = long_story()
    assert set(rise[:100]) == set(volume[:9]) == set(skip) == set(stop) == {SHORT}
    assert set(steady) == {LONG}
    assert rest[-1] == LONG


@pytest.mark.parametrize(
    ("buffer_s", "longest_s"),
    effort.first(3, [(0.1, 0.1), (0.3, 0.1), (0.5, 0.1), (0.6, 0.2), (0.9, 0.3), (1.2, 0.4), (2.0, 0.4)]),
)
def test_a_block_takes_at_most_a_third_of_the_buffer(buffer_s: float, longest_s: float) -> None:
    """And never more than 400 ms, and never less than 100."""
    rig = Rig({"a": noise(1)}, longest_s=0.4)
    rig.sink._buffer_s = buffer_s
    rig.start("a")
    rig.run(3.0)
    before = len(rig.heard())
    rig.engine.step()
    assert len(rig.heard()) - before == to_frames(longest_s)


def test_the_next_block_is_put_off_until_the_device_has_room_for_it() -> None:
    """Not where there is room, and never to the last 100 ms."""
    clock = FakeClock()
    sink = FakeSink(clock, buffer_s=0.3)
    outlet = AudioOutput(sink, clock, lambda _report: None)
    outlet.open_or_wait()
    silence = np.zeros((BLOCK_FRAMES, CHANNELS), np.float32)
    outlet.write(silence)
    assert outlet.spare_s(0.1) == outlet.spare_s(0.2) == 0.0, "there is room"
    outlet.write(silence)
    outlet.write(silence)
    assert outlet.spare_s(0.1) == pytest.approx(0.1)
    clock.sleep(0.06)
    assert outlet.spare_s(0.1) == pytest.approx(0.04)
    assert outlet.spare_s(0.4) == pytest.approx(0.14)
    clock.sleep(0.05)
    assert outlet.spare_s(0.1) == 0.0
    outlet.close()
    assert outlet.spare_s(0.1) == 0.0


class SteppingSink(FakeSink):
    """A sound server: what it holds is told in steps of 100 ms."""

    @property
    def delay_s(self) -> float:
        """Whole steps, and never less than there is."""
        return math.ceil(round(super().delay_s / 0.1, 6)) * 0.1


def test_a_server_that_tells_its_room_in_steps_is_kept_full() -> None:
    """Each turn takes 3 ms, and yet a block comes every 100 ms: 200 ms are held when the next one is rendered.

    Waiting for a whole block from each write on would fall behind by 3 ms a block, until half of that is left.
    """
    clock = FakeClock()
    sink = SteppingSink(clock, buffer_s=0.3)
    outlet = AudioOutput(sink, clock, lambda _report: None)
    outlet.open_or_wait()
    silence, at_s = np.zeros((BLOCK_FRAMES, CHANNELS), np.float32), []
    for _ in range(60):
        clock.sleep(outlet.spare_s(0.1))
        at_s.append(clock.now().boot_s)
        clock.sleep(0.003)
        assert outlet.write(silence) is Written.HEARD
    assert at_s[-1] - at_s[10] == pytest.approx(49 * 0.1, abs=0.004)


def test_an_order_ends_the_wait_for_room() -> None:
    """The thread waits for orders and not for the device, so an order is obeyed while there is sound for a minute."""
    clock = FakeClock()
    sink = FakeSink(clock, buffer_s=120.0)
    settings = EngineSettings(8.0, -1.0, -23.0, POWER_METER, hold_s=36_000.0, longest_s=60.0)
    engine = Engine(sink, FakeDecoder({}), clock, lambda _report: None, settings)
    thread = threading.Thread(target=engine.run)
    thread.start()
    engine.order(RampTo(SILENCE_DB, 0.0))
    give_up_s = time.monotonic() + 60.0
    while not (sink.writes > 2 and engine.turn_began_s is None):
        assert time.monotonic() < give_up_s, "the thread never waits"
        time.sleep(0.001)
    began_s = time.monotonic()
    engine.order(QuitEngine())
    thread.join(50.0)
    assert not thread.is_alive()
    assert time.monotonic() - began_s < 50.0


def test_a_track_that_fails_while_the_thread_looks_how_long_it_may_wait_ends_in_silence(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A bug there is told like one in a block; the thread goes on, and so does the next track."""
    rig = Rig({"a": noise(1)})
    rig.start("a")
    with monkeypatch.context() as broken:
        broken.setattr(rig.decoder.opened[-1][1], "frames_ready", _broken)
        rig.engine._wait_for_orders()
        rig.engine.step()
    assert len(rig.reported(EngineFaulted)) == 1
    rig.start("a")
    assert rig.heard(1.0).any()


def _broken() -> int:
    raise RuntimeError("a bug")


def test_an_order_that_comes_in_the_last_wait_before_the_device_is_closed_is_obeyed() -> None:
    """It has left the queue already; whoever rests then waits for another one, and a night would not start."""
    rig = Rig({"a": noise(1)}, hold_s=1.0)
    rig.engine.order(RampTo(SILENCE_DB, 0.0))
    rig.run(3.0)
    engine = rig.engine
    assert engine.is_idle
    assert engine._may_rest()
    assert engine._outlet.spare_s(0.1) > 0.0, "the device is full, so the thread waits for orders"
    rig.play("a")
    engine._wait_for_orders()
    assert not engine._may_rest()
    engine.step()
    assert not engine.is_idle
