"""The contract of `player.audio.ports.Source` and `Decoder`, run against libVLC and against its fake."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from player.audio.decoder.vlc_decoder import DecoderSettings, VlcDecoder
from player.audio.dsp.types import Block
from player.audio.ports import Decoder, Source
from tests.audio_files import noise, write_wav
from tests.fakes.source import FakeDecoder, Script

LONG_S = 12.0
TAIL_FRAMES = 2_640
"""libVLC may lose the last packet of a WAV: 50 ms and its rounding."""


@dataclass
class Rig:
    """A decoder, an address that it can play, and what it should give."""

    decoder: Decoder
    uri: str
    audio: Block
    missing: str


def read_all(source: Source, step: int = 4800) -> Block:
    """All that a source gives, waited for."""
    blocks = []
    while True:
        assert source.wait_ready(step, 20.0)
        block = source.read(step)
        if not len(block) and source.is_finished() and not source.frames_ready():
            return np.concatenate(blocks) if blocks else block
        blocks.append(block)


class SourceContract:
    """What every decoder and its sources keep; ``held_s`` is what any of them can hold ready."""

    held_s = 3.0

    @pytest.fixture
    def opened(self, rig: Rig) -> Iterator[Callable[..., Source]]:
        """Opens the rig's track; closes what was opened."""
        sources = []

        def start(uri: str | None = None, start_s: float = 0.0) -> Source:
            sources.append(rig.decoder.open(uri or rig.uri, start_s))
            return sources[-1]

        yield start
        for source in sources:
            source.close()

    def test_each_sample_comes_once_and_in_order(self, rig: Rig, opened: Callable[..., Source]) -> None:
        """What is read is the track, bit by bit, up to the last 50 ms that libVLC may lose."""
        heard = read_all(opened())
        assert len(rig.audio) - TAIL_FRAMES <= len(heard) <= len(rig.audio)
        assert np.array_equal(heard, rig.audio[: len(heard)])

    def test_the_size_of_the_reads_does_not_matter(self, opened: Callable[..., Source]) -> None:
        """Reading by 1 023 frames or by 50 000 gives the same samples."""
        assert np.array_equal(read_all(opened(), 1023), read_all(opened(), 50_000))

    def test_a_block_is_float32_stereo_and_the_readers_own(self, rig: Rig, opened: Callable[..., Source]) -> None:
        """Writing into a block changes nothing that is read later, not even once the ring has gone round."""
        source = opened()
        assert source.wait_ready(4800, 20.0)
        first = source.read(4800)
        assert first.dtype == np.float32
        assert first.shape == (4800, 2)
        kept = first.copy()
        rest = read_all(source)
        assert np.array_equal(first, kept)
        first[:] = 9.0
        assert np.array_equal(rest, rig.audio[4800 : 4800 + len(rest)])

    def test_a_read_gives_no_more_than_was_asked_for(self, opened: Callable[..., Source]) -> None:
        """Nor does it give less while enough is ready; zero frames are an empty block."""
        source = opened()
        assert source.wait_ready(1000, 20.0)
        assert len(source.read(0)) == 0
        assert source.read(0).shape == (0, 2)
        assert len(source.read(700)) == 700

    def test_what_is_ready_is_bounded(self, opened: Callable[..., Source]) -> None:
        """A track of 12 s is not decoded as a whole before anybody reads it."""
        source = opened()
        source.wait_ready(48_000 * 11, 1.0)
        assert source.frames_ready() <= 48_000 * 8
        assert not source.is_finished()

    def test_what_is_ready_at_the_end_can_still_be_read(self, opened: Callable[..., Source]) -> None:
        """A source is finished some seconds before its last sample is read, and then it gives no more."""
        source = opened(start_s=LONG_S - self.held_s)
        assert source.wait_ready(48_000 * 4, 20.0)
        assert source.is_finished()
        assert source.frames_ready() > 48_000 * 0.66 * self.held_s
        read_all(source)
        assert (source.frames_ready(), len(source.read(100))) == (0, 0)

    def test_a_start_in_the_middle_begins_there(self, rig: Rig, opened: Callable[..., Source]) -> None:
        """The first sample of a WAV opened at 5 s is the sample at 5 s."""
        source = opened(start_s=5.0)
        assert source.wait_ready(4800, 20.0)
        assert np.array_equal(source.read(4800), rig.audio[48_000 * 5 : 48_000 * 5 + 4800])

    def test_the_length_is_known_when_there_is_something_to_read(self, opened: Callable[..., Source]) -> None:
        """It is the whole track's, wherever the start was."""
        source = opened(start_s=5.0)
        assert source.wait_ready(4800, 20.0)
        assert source.duration_s == pytest.approx(LONG_S, abs=0.01)

    def test_a_track_without_fault_has_none(self, opened: Callable[..., Source]) -> None:
        """Neither while it plays nor at its end."""
        source = opened()
        assert source.fault is None
        read_all(source)
        assert source.fault is None

    def test_a_missing_track_is_finished_with_a_fault(self, rig: Rig, opened: Callable[..., Source]) -> None:
        """Opening does not raise; the source says why, and has nothing."""
        source = opened(rig.missing)
        assert source.wait_ready(1, 20.0)
        assert source.is_finished()
        assert source.frames_ready() == 0
        assert source.fault

    def test_a_start_behind_the_end_is_finished(self, opened: Callable[..., Source]) -> None:
        """Nothing comes, and it says so."""
        source = opened(start_s=LONG_S + 5.0)
        assert source.wait_ready(1, 20.0)
        assert source.is_finished()
        assert source.fault

    def test_a_source_can_be_closed_at_any_moment_and_twice(self, opened: Callable[..., Source]) -> None:
        """At once after opening, in the middle, at the end; after that it is finished and has no fault."""
        for frames in (0, 48_000, 48_000 * 20):
            source = opened()
            if frames:
                source.wait_ready(min(frames, 48_000), 20.0)
                source.read(frames)
            source.close()
            source.close()
            assert source.is_finished()
            assert source.fault is None

    def test_two_sources_of_one_file_do_not_disturb_each_other(self, rig: Rig, opened: Callable[..., Source]) -> None:
        """Read in turns, each gives the whole track from its own start."""
        first, second = opened(), opened(start_s=1.0)
        for at in range(0, 48_000 * 3, 4800):
            assert first.wait_ready(4800, 20.0)
            assert second.wait_ready(4800, 20.0)
            assert np.array_equal(first.read(4800), rig.audio[at : at + 4800])
            assert np.array_equal(second.read(4800), rig.audio[at + 48_000 : at + 52_800])


class PlayedSourceContract(SourceContract):
    """What a source keeps that is played and not only read."""

    def test_what_is_only_looked_at_stays(self, opened: Callable[..., Source]) -> None:
        """`peek` shows what `read` gives next, and what is skipped is left out of it."""
        source = opened()
        assert source.wait_ready(9600, 20.0)
        seen = source.peek(9600)
        assert np.array_equal(seen, source.peek(9600))
        source.skip(1000)
        assert np.array_equal(source.read(8600), seen[1000:])


class TestFakeSource(PlayedSourceContract):
    @pytest.fixture
    def rig(self) -> Rig:
        """The fake with the samples themselves."""
        audio = noise(LONG_S)
        return Rig(FakeDecoder({"track": Script(audio)}), "track", audio, "nowhere")


@pytest.fixture(scope="module")
def decoder() -> VlcDecoder:
    """One libVLC for all."""
    return VlcDecoder()


@pytest.fixture(scope="module")
def piped() -> VlcDecoder:
    """The same for scans."""
    return VlcDecoder(DecoderSettings(is_piped=True))


@pytest.mark.live
@pytest.mark.slow
class TestVlcPipe(SourceContract):
    held_s = 0.5

    @pytest.fixture
    def rig(self, tmp_path: Path, piped: VlcDecoder) -> Rig:
        """The real one with a pipe instead of a ring."""
        audio = noise(LONG_S)
        path = write_wav(tmp_path / "track.wav", audio)
        return Rig(piped, str(path), audio, str(tmp_path / "nowhere.wav"))


@pytest.mark.live
@pytest.mark.slow
class TestVlcSource(PlayedSourceContract):
    @pytest.fixture
    def rig(self, tmp_path: Path, decoder: VlcDecoder) -> Rig:
        """The real one with a WAV of 48 kHz and 16 bit, which needs no resampling and so is exact."""
        audio = noise(LONG_S)
        path = write_wav(tmp_path / "track.wav", audio)
        return Rig(decoder, str(path), audio, str(tmp_path / "nowhere.wav"))
