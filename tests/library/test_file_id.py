"""Files known by their content, whatever they are called."""

from __future__ import annotations

import os
from pathlib import Path

from player.core.events import LibraryRead, Track
from player.library.file_id import READ_BYTES, key_of, recognise
from player.session.memory.memory import WatchList


def read_of(*paths: Path) -> LibraryRead:
    return LibraryRead("rain", tuple(Track(str(path), path.stem) for path in paths))


def test_a_file_that_was_renamed_has_the_same_key(tmp_path: Path) -> None:
    """Somebody asks about the old name; later the new one is recognised, and no other file of that size."""
    old, other = tmp_path / "old.mp3", tmp_path / "other.mp3"
    old.write_bytes(b"a" * 100_000)
    other.write_bytes(b"b" * 100_000)
    (track,) = recognise(read_of(old), WatchList(frozenset({str(old)}))).tracks
    assert track.key is not None
    new = old.rename(tmp_path / "new.mp3")
    keys = [track.key for track in recognise(read_of(new, other), WatchList(keys=frozenset({track.key}))).tracks]
    assert keys[0] == track.key
    assert keys[1] not in {None, track.key}


def test_files_of_other_sizes_are_not_opened(tmp_path: Path) -> None:
    """A share with thousands of files is not read through: a file without the right to read it is no fault either."""
    path = tmp_path / "a.mp3"
    path.write_bytes(b"a" * 10)
    (track,) = recognise(read_of(path), WatchList(keys=frozenset({"11-ff"}))).tracks
    assert track.key is None
    assert recognise(read_of(path), WatchList()) == read_of(path)


def test_another_content_has_another_key(tmp_path: Path) -> None:
    """Another size, or another beginning; what differs only behind the first 64 KiB at the same size counts as same."""
    path = tmp_path / "a.mp3"
    keys = []
    for content in (
        b"a" * 70_000,
        b"a" * 70_001,
        b"b" + b"a" * 69_999,
        b"a" * READ_BYTES + b"c" * (70_000 - READ_BYTES),
    ):
        path.write_bytes(content)
        keys.append(key_of(str(path)))
    assert len(set(keys)) == 3
    assert keys[3] == keys[0]


def test_streams_folders_and_what_is_gone_have_no_key(tmp_path: Path) -> None:
    """Nor has a pipe, which would never be read to its end."""
    pipe = tmp_path / "pipe.mp3"
    os.mkfifo(pipe)
    stream = Track("http://radio/live", "live", is_stream=True)
    tracks = (stream, *(Track(str(path), "x") for path in (tmp_path, pipe, tmp_path / "gone.mp3")))
    watched = WatchList(frozenset(track.uri for track in tracks), frozenset({"0-aa"}))
    assert [track.key for track in recognise(LibraryRead("rain", tracks), watched).tracks] == [None] * 4


def test_what_a_night_opens_with_is_recognised_as_well(tmp_path: Path) -> None:
    """A ban holds there too."""
    path = tmp_path / "first.mp3"
    path.write_bytes(b"a" * 100)
    read = LibraryRead("rain", (), opening=(Track(str(path), "first"),))
    assert recognise(read, WatchList(frozenset({str(path)}))).opening[0].key == key_of(str(path))
