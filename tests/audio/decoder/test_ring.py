"""The ring: order, bounds, naps and the two ways in."""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Callable

import numpy as np
import pytest

from player.audio.decoder.ring import OVERHANG_FRAMES, Ring
from player.audio.dsp.types import Block

CAPACITY = 4 * OVERHANG_FRAMES


def counted(start: int, frames: int) -> Block:
    """Frames whose left side is their number and whose right side is minus that: exact in float32 up to 2**24."""
    left = np.arange(start, start + frames, dtype=np.float32)
    return np.stack([left, -left], axis=1)


def put(ring: Ring, block: Block) -> None:
    """Write as libVLC does: ask for room, copy to the address, say so."""
    address = ring.reserve(len(block))
    ctypes.memmove(address, block.ctypes.data, block.nbytes)
    ring.commit(len(block))


def writing(ring: Ring, sizes: list[int]) -> threading.Thread:
    """A thread that writes counted blocks of these sizes and finishes the ring."""

    def run() -> None:
        at = 0
        for size in sizes:
            put(ring, counted(at, size))
            at += size
        ring.finish()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    return thread


def wait_until(condition: Callable[[], bool]) -> None:
    """Give the other thread its turn until something holds; a bound instead of a hang."""
    event = threading.Event()
    for _ in range(5000):
        if condition():
            return
        event.wait(0.001)
    pytest.fail("it never came true")


@pytest.mark.parametrize("size", [1, 1023, 1254, OVERHANG_FRAMES, OVERHANG_FRAMES + 1, 3 * CAPACITY + 7])
def test_every_frame_comes_once_and_in_order_for_any_block_size(size: int) -> None:
    """Blocks that fit in place, that run over the end, and that are longer than the whole ring."""
    total = max(6 * CAPACITY // 7, 4 * size) if size > 1 else 3000
    ring = Ring(CAPACITY)
    count = -(-total // size)
    thread = writing(ring, [size] * count)
    at = 0
    while not (ring.is_finished and not ring.frames_ready()):
        assert ring.wait_ready(777, 5.0)
        block = ring.read(777)
        assert np.array_equal(block, counted(at, len(block)))
        at += len(block)
    thread.join(5.0)
    assert at == size * count


def test_a_block_of_no_frames_is_nothing() -> None:
    """LibVLC hands over empty blocks now and then; they get room and leave no trace."""
    ring = Ring(CAPACITY)
    assert ring.reserve(0) != 0
    ring.commit(0)
    put(ring, counted(0, 10))
    assert np.array_equal(ring.read(100), counted(0, 10))


def test_a_full_ring_holds_the_writer_back_until_half_of_it_is_free() -> None:
    """Reading a little does not wake the writer; reading half of the ring does."""
    ring = Ring(CAPACITY)
    writer = writing(ring, [1024] * 200)
    wait_until(lambda: ring.is_writer_waiting)
    assert ring.frames_ready() == CAPACITY // 1024 * 1024
    ring.read(CAPACITY // 2 - 1)
    writer.join(0.05)  # its chance to go on
    assert ring.is_writer_waiting
    assert ring.written_frames == CAPACITY
    ring.read(1)
    wait_until(lambda: ring.frames_ready() > CAPACITY - 1024)
    ring.finish()


def test_whoever_waits_for_more_than_half_gets_it() -> None:
    """A napping writer is woken for a reader that needs more than is there."""
    ring = Ring(CAPACITY)
    writing(ring, [1024] * 200)
    wait_until(lambda: ring.is_writer_waiting)
    ring.read(CAPACITY // 4)
    assert ring.wait_ready(CAPACITY - OVERHANG_FRAMES, 5.0)
    assert ring.frames_ready() >= CAPACITY - OVERHANG_FRAMES
    ring.finish()


def test_asking_for_more_than_the_ring_holds_does_not_hang() -> None:
    """It is answered with as much as the ring can promise."""
    ring = Ring(CAPACITY)
    writing(ring, [1024] * 200)
    assert ring.wait_ready(100 * CAPACITY, 5.0)
    ring.finish()


def test_waiting_ends_after_its_time() -> None:
    """Nothing comes, and it says so."""
    ring = Ring(CAPACITY)
    assert not ring.wait_ready(1, 0.01)
    assert ring.frames_ready() == 0


def test_finishing_lets_a_waiting_writer_go_and_drops_what_it_writes() -> None:
    """What was ready before can still be read, and nothing more than that."""
    ring = Ring(CAPACITY)
    thread = writing(ring, [1024] * 200)
    wait_until(lambda: ring.is_writer_waiting)
    ready = ring.frames_ready()
    ring.finish()
    thread.join(5.0)
    assert not thread.is_alive()
    assert np.array_equal(ring.read(10 * CAPACITY), counted(0, ready))


def test_a_finished_ring_keeps_unread_frames_safe_from_a_late_writer() -> None:
    """A full ring that is finished hands out room that nobody reads."""
    ring = Ring(CAPACITY)
    for at in range(0, CAPACITY, 1024):
        put(ring, counted(at, 1024))
    ring.finish()
    put(ring, counted(7_000_000, 1024))
    assert np.array_equal(ring.read(2 * CAPACITY), counted(0, CAPACITY))


def test_waiting_ends_when_nothing_more_comes() -> None:
    """A reader that waits for a second is let go by the end of a shorter track."""
    ring = Ring(CAPACITY)
    put(ring, counted(0, 100))
    threading.Timer(0.01, ring.finish).start()
    assert ring.wait_ready(48_000, 5.0)
    assert ring.frames_ready() == 100


def test_a_ring_that_is_too_short_for_its_blocks_is_a_bug() -> None:
    """Half of it must hold the longest block that is written in place."""
    with pytest.raises(AssertionError):
        Ring(CAPACITY - 1)
