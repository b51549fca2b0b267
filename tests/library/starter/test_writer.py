"""The starter library on disk: whole files or none, resumable, and faults that name the path."""

from __future__ import annotations

import resource
import signal
import wave
from pathlib import Path

import numpy as np
import pytest

from player.library.starter import writer as starter
from player.library.starter.recipes import BEDS, render
from player.library.starter.writer import StarterError, make_starter_library

SHORT_S = 10.0


def ignore(_title: str, _share: float) -> None:
    """Nobody watches."""


@pytest.mark.slow
def test_first_run_writes_every_bed_in_full(tmp_path: Path) -> None:
    """Each bed becomes a 16-bit stereo 48 kHz WAV of the asked length, within 2 steps of what was rendered."""
    seen: list[tuple[str, float]] = []
    paths = make_starter_library(tmp_path / "new" / "lull", lambda title, share: seen.append((title, share)), SHORT_S)
    assert [path.stem for path in paths] == [bed.title for bed in BEDS]
    assert sorted(paths[0].parent.iterdir()) == sorted(paths)
    for path in paths:
        with wave.open(str(path)) as file:
            assert file.getparams()[:4] == (2, 2, 48_000, 480_000)
    with wave.open(str(paths[0])) as file:
        written = np.frombuffer(file.readframes(480_000), "<i2").reshape(-1, 2)
    exact = np.concatenate(list(render(BEDS[0], starter.SEED, 480_000))) * 32767
    assert np.abs(written - exact).max() < 2
    shares = [share for title, share in seen if title == BEDS[0].title]
    assert shares == sorted(shares)
    assert (shares[0], shares[-1]) == (0.0, 1.0)


def test_files_that_are_there_stay(tmp_path: Path) -> None:
    """A second run writes nothing, and nothing is shown as being made."""
    for bed in BEDS:
        (tmp_path / f"{bed.title}.wav").write_text("mine")
    seen: list[str] = []
    paths = make_starter_library(tmp_path, lambda title, _share: seen.append(title), SHORT_S)
    assert [path.read_text() for path in paths] == ["mine"] * len(BEDS)
    assert not seen


@pytest.mark.slow
def test_an_interrupted_run_leaves_whole_files_and_goes_on(tmp_path: Path) -> None:
    """Interrupted in the second track: the first stays, nothing half-written is left, the next run makes the rest."""

    def stop_in_second(title: str, share: float) -> None:
        if title == BEDS[1].title and share > 0.3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        make_starter_library(tmp_path, stop_in_second, SHORT_S)
    first = tmp_path / f"{BEDS[0].title}.wav"
    assert list(tmp_path.iterdir()) == [first]
    written_ns = first.stat().st_mtime_ns
    assert len(make_starter_library(tmp_path, ignore, SHORT_S)) == len(BEDS)
    assert first.stat().st_mtime_ns == written_ns


def test_a_disk_without_room_is_told_before_writing(tmp_path: Path) -> None:
    """More than the disk holds is refused at once, with the path and the sizes."""
    with pytest.raises(StarterError, match="MB are free") as caught:
        make_starter_library(tmp_path, ignore, 1e9)
    assert caught.value.filename == str(tmp_path)
    assert isinstance(caught.value, OSError)
    assert list(tmp_path.iterdir()) == []


def test_a_write_that_fails_midway_names_the_file(tmp_path: Path) -> None:
    """A disk that refuses further bytes raises StarterError with the path, and nothing half-written is left."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (500_000, hard))
    try:
        with pytest.raises(StarterError) as caught:
            make_starter_library(tmp_path, ignore, SHORT_S)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, before)
    assert str(tmp_path / f"{BEDS[0].title}.wav") in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    """A path through a file is no folder: StarterError with the path."""
    (tmp_path / "file").write_text("")
    with pytest.raises(StarterError, match="file"):
        make_starter_library(tmp_path / "file" / "lull", ignore, SHORT_S)
