"""The pipe between libVLC and a scan: order, counts, ends, and nobody waits for ever."""

from __future__ import annotations

import os
import threading

import numpy as np
import pytest

from player.audio.decoder.pipe_ring import PipeRing
from tests.audio_files import noise


def test_what_is_written_comes_out_in_order() -> None:
    """Bit by bit, also where a write ends in the middle of a frame."""
    ring, sound = PipeRing(), noise(0.2)
    data = sound.tobytes()
    os.write(ring.write_fd, data[:1001])
    assert ring.frames_ready() == 125
    os.write(ring.write_fd, data[1001:])
    assert ring.written_frames == len(sound)
    assert np.array_equal(np.concatenate((ring.read(7), ring.read(100_000))), sound)
    assert (ring.frames_ready(), ring.written_frames) == (0, len(sound))


def test_waiting_ends_when_there_is_enough_or_nothing_more_comes() -> None:
    """False while neither is so."""
    ring = PipeRing()
    assert not ring.wait_ready(10, 0.01)
    os.write(ring.write_fd, bytes(80))
    assert ring.wait_ready(10, 0.01)
    assert not ring.wait_ready(11, 0.01)
    ring.finish()
    assert ring.wait_ready(11, 5.0)


def test_a_writer_that_waits_is_let_go_when_the_reader_shuts() -> None:
    """It gets an error instead of waiting for ever; counts are zero from then on."""
    ring = PipeRing()
    outcome: list[type[BaseException]] = []

    def write() -> None:
        try:
            while True:
                os.write(ring.write_fd, bytes(1 << 16))
        except BrokenPipeError as fault:
            outcome.append(type(fault))

    writer = threading.Thread(target=write)
    writer.start()
    while not ring.is_writer_waiting:
        ring.wait_ready(1 << 20, 0.01)
    ring.shut()
    writer.join(5.0)
    assert outcome == [BrokenPipeError]
    assert (ring.frames_ready(), len(ring.read(10))) == (0, 0)


def test_files_are_closed_with_the_ring() -> None:
    """The writer's end too, and not before."""
    ring = PipeRing()
    number = ring.write_fd
    ring.finish()
    ring.shut()
    os.fstat(number)
    del ring
    with pytest.raises(OSError, match="Bad file"):
        os.fstat(number)
