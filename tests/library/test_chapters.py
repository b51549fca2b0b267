"""Chapters of files that ffmpeg made, and what damaged ones do to their readers: nothing."""

from __future__ import annotations

import random
import struct
import time
from pathlib import Path

import pytest

from player.core.measurement import MAX_CHAPTERS, Chapter
from player.library.chapters import read_chapters, usable
from tests import effort
from tests.audio_files import encode, noise, with_chapters

TITLES = ("Opening", "The Storm: ünd ♥", "", "At Last")
STARTS_S = (0.0, 12.5, 30.0, 45.25)
LENGTH_S = 60.0
KINDS = ("m4b", "mka", "mkv", "webm")


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("chapters")
    marks = list(zip(STARTS_S, TITLES, strict=True))
    return {kind: with_chapters(folder / f"book.{kind}", marks, LENGTH_S) for kind in KINDS}


def changed(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("kind", KINDS)
def test_chapters_are_found_with_their_beginnings_and_titles(kind: str, files: dict[str, Path]) -> None:
    """To the millisecond; one without a title has none."""
    found = read_chapters(str(files[kind]), LENGTH_S)
    assert [chapter.title for chapter in found] == list(TITLES)
    assert [chapter.start_s for chapter in found] == pytest.approx(STARTS_S, abs=0.002)


@pytest.mark.parametrize("gone", [b"chap", b"chpl"])
def test_an_mp4_needs_only_one_of_its_two_lists(gone: bytes, files: dict[str, Path], tmp_path: Path) -> None:
    """ITunes writes a track, others Nero's list; without both there are none."""
    data = files["m4b"].read_bytes()
    assert data.count(gone) == 1
    one = changed(tmp_path / "one.m4b", data.replace(gone, b"none"))
    assert [chapter.title for chapter in read_chapters(str(one), LENGTH_S)] == list(TITLES)
    none = changed(tmp_path / "none.m4b", data.replace(b"chap", b"none").replace(b"chpl", b"none"))
    assert read_chapters(str(none), LENGTH_S) == ()


def test_a_title_in_utf_16_and_the_newer_nero_list_are_read(files: dict[str, Path], tmp_path: Path) -> None:
    """A mark of two bytes says so; version 1 has four more bytes before the count."""
    entries = b"".join(struct.pack(">QB", start * 10**7, len(t)) + t for start, t in ((0, b"a"), (9, b"b")))
    for version, extra in ((0, b""), (1, bytes(4))):
        chpl = bytes([version, 0, 0, 0]) + extra + b"\x02" + entries
        udta = struct.pack(">I4s", len(chpl) + 16, b"udta") + struct.pack(">I4s", len(chpl) + 8, b"chpl") + chpl
        moov = struct.pack(">I4s", len(udta) + 8, b"moov") + udta
        path = changed(tmp_path / "small.m4b", struct.pack(">I4s", 8, b"ftyp") + moov)
        assert read_chapters(str(path), 60.0) == (Chapter(0.0, "a"), Chapter(9.0, "b"))
    data = files["m4b"].read_bytes().replace(b"\x00\x07Opening", b"\x00\x06\xfe\xff\x00O\x00p!")
    titles = [one.title for one in read_chapters(str(changed(tmp_path / "wide.m4b", data)), LENGTH_S)]
    assert titles == ["Op", *TITLES[1:]]


def test_a_file_without_chapters_has_none(tmp_path: Path) -> None:
    """Nor has one of another kind, an empty one, or one that is not there."""
    for name in ("plain.m4a", "plain.mka", "plain.wav", "plain.ogg"):
        assert read_chapters(str(encode(tmp_path / name, noise(1.0))), 1.0) == ()
    assert read_chapters(str(changed(tmp_path / "empty.m4b", b"")), 1.0) == ()
    assert read_chapters(str(tmp_path / "missing.m4b"), 1.0) == ()


def test_only_chapters_that_can_be_played_are_kept() -> None:
    """In their order, a second apart and a second before the end at least, 1,000 at most; one alone is none."""
    found = usable([Chapter(30.0, "c"), Chapter(0.0, "a"), Chapter(0.5, "b"), Chapter(59.5, "d")], 60.0)
    assert found == (Chapter(0.0, "a"), Chapter(30.0, "c"))
    assert usable([Chapter(0.0, "alone")], 60.0) == ()
    assert len(usable([Chapter(float(at), "") for at in range(3000)], 1e6)) == MAX_CHAPTERS


def test_a_title_is_one_line_of_bounded_length(files: dict[str, Path], tmp_path: Path) -> None:
    """Control characters and bytes that are no text do not reach a terminal."""
    data = files["mka"].read_bytes().replace(b"Opening", b"\x1b[2J\xff\n\x07")
    title = read_chapters(str(changed(tmp_path / "odd.mka", data)), LENGTH_S)[0].title
    assert title == "[2J\N{REPLACEMENT CHARACTER}"
    assert len(Chapter(0.0, "x" * 10_000).title) == 200


@pytest.mark.parametrize("kind", ["m4b", "mka"])
def test_a_damaged_file_has_some_chapters_or_none(kind: str, files: dict[str, Path], tmp_path: Path) -> None:
    """Bytes that are other ones, sizes that are huge, an end that is missing: never an exception."""
    rng = random.Random(7)
    whole = files[kind].read_bytes()
    at = whole.index(b"moov") if kind == "m4b" else 0
    fragile = [*range(at, len(whole))] if kind == "m4b" else [*range(600), *range(len(whole) - 600, len(whole))]
    path = tmp_path / f"mutant.{kind}"
    for _ in range(effort.examples(300, 5000)):
        data = bytearray(whole)
        for _ in range(rng.choice((1, 2, 8, 40))):
            place = rng.choice(fragile)
            data[place : place + rng.choice((1, 4, 8))] = rng.choice(
                (bytes([rng.randrange(256)]), b"\xff" * 4, b"\x00" * 4, b"\x00\x00\x00\x01", rng.randbytes(8))
            )
        if rng.random() < 0.2:
            del data[rng.randrange(len(data)) :]
        changed(path, bytes(data))
        found = read_chapters(str(path), LENGTH_S)
        assert all(0.0 <= chapter.start_s <= LENGTH_S and len(chapter.title) <= 200 for chapter in found)
        assert len(found) <= MAX_CHAPTERS


def test_what_is_made_to_cost_time_or_memory_is_given_up(tmp_path: Path) -> None:
    """A million boxes, elements without content, tables that name themselves: within the bounds of the readers."""
    box = struct.pack(">I4s", 8, b"free")
    ebml = b"\x1a\x45\xdf\xa3\x80" + b"\x18\x53\x80\x67\x01\xff\xff\xff\xff\xff\xff\xff"
    chap = struct.pack(">I4s", 8 + (1 << 19), b"chap") + b"\0\0\0\1" * (1 << 17)
    tref = struct.pack(">I4s", 8 + len(chap), b"tref") + chap
    trak = struct.pack(">I4s", 8 + len(tref), b"trak") + tref
    cases = (
        struct.pack(">I4s", 8, b"ftyp") + box * 1_000_000,
        struct.pack(">I4s", 8, b"ftyp") + struct.pack(">I4s", 8 + 60 * len(trak), b"moov") + trak * 60,
        ebml + b"\xec\x80" * 1_000_000,
        ebml + b"\x10\x43\xa7\x70\x20\x0f\xff\xfe" + b"\xb6\x80" * 524_287,
        ebml + b"\x10\x43\xa7\x70\x20\x0f\xff\xf0\x45\xb9\x20\x0f\xff\xea" + b"\xb6\x80" * 524_277,
    )
    for number, data in enumerate(cases):
        began_s = time.process_time()
        assert read_chapters(str(changed(tmp_path / "bomb", data)), LENGTH_S) == (), number
        assert time.process_time() - began_s < 30.0, number
