"""The ring: order, bounds, naps and the two ways in."""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from player.audio.decoder.ring import FRAME_BYTES, OVERHANG_FRAMES, Ring
from player.audio.dsp.native import RingFront, kernel
from player.audio.dsp.types import Block
from player.core.units import RATE_HZ

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


Put = Callable[[Ring, Block], None]
PRERENDER = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.POINTER(ctypes.c_void_p), ctypes.c_size_t)
POSTRENDER = ctypes.CFUNCTYPE(
    None, ctypes.c_void_p, ctypes.c_void_p, *[ctypes.c_uint] * 4, ctypes.c_size_t, ctypes.c_int64
)


class Native:
    """Writes through ring.c as libVLC does; counts what is handed on to Python."""

    def __init__(self, rate_hz: int = RATE_HZ) -> None:
        installed = kernel()
        if installed is None:
            pytest.skip("no kernel is installed")
        self.handed_on = 0
        self._rate_hz = rate_hz
        self._prerender, self._postrender = (
            kind(address) for kind, address in zip((PRERENDER, POSTRENDER), installed.ring_callbacks(), strict=True)
        )
        self._ring: Ring | None = None
        self._reserve, self._commit = PRERENDER(self._handed_on), POSTRENDER(self._committed)

    def _handed_on(self, number: int, place: Any, size: int) -> None:
        assert self._ring is not None
        self.handed_on += 1
        assert number == 7
        place[0] = self._ring.reserve(size // FRAME_BYTES)

    def _committed(self, _number: int, _place: int, *block: int) -> None:
        assert self._ring is not None
        self.handed_on += 1
        self._ring.commit(block[4] // FRAME_BYTES)

    def __call__(self, ring: Ring, block: Block) -> None:
        self._ring, front, place = ring, ring.front, ctypes.c_void_p()
        front.number = 7
        front.reserve, front.commit = (ctypes.cast(one, ctypes.c_void_p).value for one in (self._reserve, self._commit))
        self._prerender(ctypes.addressof(front), ctypes.byref(place), block.nbytes)
        ctypes.memmove(place.value, block.ctypes.data, block.nbytes)
        self._postrender(ctypes.addressof(front), place, 2, self._rate_hz, len(block), 32, block.nbytes, 0)


def writing(ring: Ring, sizes: list[int], put: Put = put) -> threading.Thread:
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


@pytest.mark.parametrize("size", [1, 1254, OVERHANG_FRAMES, OVERHANG_FRAMES + 1, 3 * CAPACITY + 7])
def test_through_c_every_frame_comes_once_and_in_order(size: int) -> None:
    """The same; the reader asks for as much as there is, and waits without end for more where there is nothing."""
    native, ring = Native(), Ring(CAPACITY)
    count = -(-max(6 * CAPACITY // 7, 4 * size) // size) if size > 1 else 3000
    thread = writing(ring, [size] * count, native)
    at = 0
    while not (ring.is_finished and not ring.frames_ready()):
        assert ring.wait_ready(1, 20.0)
        block = ring.peek(500)
        assert np.array_equal(block, counted(at, len(block)))
        block = ring.read(777)
        assert np.array_equal(block, counted(at, len(block)))
        at += len(block)
    thread.join(5.0)
    assert at == size * count


def test_through_c_nothing_is_handed_on_while_there_is_room() -> None:
    """Neither call reaches Python; what does not fit does, and what is dropped, and another rate, and the end."""
    native, ring = Native(), Ring(CAPACITY)
    for at in range(0, CAPACITY - 1254, 1254):
        native(ring, counted(at, 1254))
    assert native.handed_on == 0
    at = ring.frames_ready()
    assert np.array_equal(ring.read(CAPACITY), counted(0, at))
    native(ring, counted(at, OVERHANG_FRAMES + 1))
    assert native.handed_on == 2
    assert np.array_equal(ring.read(CAPACITY), counted(at, OVERHANG_FRAMES + 1))
    odd = Native(rate_hz=44_100)
    odd(ring, counted(0, 10))
    assert odd.handed_on == 1
    ring.finish()
    native(ring, counted(0, 10))
    assert native.handed_on == 4
    assert np.array_equal(ring.read(100), counted(0, 10))
    assert ring.frames_ready() == 0


def test_a_stream_of_more_than_a_day_goes_on_as_it_was() -> None:
    """At 2**32 frames, after 24.9 hours, also where `size_t` has 32 bits: counts have 64 in C and in Python."""
    native, ring = Native(), Ring(CAPACITY)
    assert RingFront.written.size == RingFront.taken.size == 8
    ring.front.written = ring.front.taken = 2**32 - 1_900
    for at in range(0, 6_000, 1_000):
        (native if at < 3_000 else put)(ring, counted(at, 1_000))
        assert ring.frames_ready() == 1_000
        assert np.array_equal(ring.read(1_000), counted(at, 1_000))
    assert ring.received_frames == 2**32 + 4_100


def test_through_c_what_comes_first_can_be_dropped() -> None:
    """So many frames, in the middle of a block; from then on nothing is handed on."""
    native, ring = Native(), Ring(CAPACITY)
    ring.drop(1_500)
    for at in range(0, 5_000, 1_000):
        native(ring, counted(at, 1_000))
    assert native.handed_on == 4
    assert np.array_equal(ring.read(9_999), counted(1_500, 3_500))
    assert ring.received_frames == 5_000


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
