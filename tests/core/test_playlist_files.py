"""Playlist files as bytes: what their entries are."""

from __future__ import annotations

import time

import pytest

from player.core.playlist_files import MAX_ENTRIES, PlaylistEntry, parse_playlist


def test_an_m3u_line_is_an_entry_and_extinf_names_it() -> None:
    """Comments and empty lines are none; a title belongs to the next location alone, and may hold commas."""
    data = b"#EXTM3U\r\n#EXTINF:20,Rain, heavy\r\n\r\n# a comment\r\nsub dir/rain.mp3\r\nplain.flac\r\n"
    assert parse_playlist(".m3u", data) == [
        PlaylistEntry("sub dir/rain.mp3", "Rain, heavy"),
        PlaylistEntry("plain.flac", None),
    ]


def test_marks_inside_a_name_stay() -> None:
    """A '#' or '?' in the middle of a line is part of the file's name."""
    assert [entry.location for entry in parse_playlist(".m3u", b"Night #1.mp3\nWhy?.mp3\n")] == [
        "Night #1.mp3",
        "Why?.mp3",
    ]


@pytest.mark.parametrize("suffix", [".m3u", ".m3u8"])
def test_text_is_utf8_or_else_latin1_and_a_byte_order_mark_is_no_entry(suffix: str) -> None:
    """Whatever the extension says."""
    assert parse_playlist(suffix, "\ufeffcafé.mp3\n".encode()) == [PlaylistEntry("café.mp3")]
    assert parse_playlist(suffix, "café.mp3\n".encode("latin-1")) == [PlaylistEntry("café.mp3")]


def test_pls_entries_come_in_the_order_of_their_numbers() -> None:
    """Keys in any case; 10 comes after 2; an empty file is left out."""
    data = b"[playlist]\nFile10=ten.mp3\nfile2=two.mp3\nTITLE2=Two\nFile3=\nNumberOfEntries=3\n"
    assert parse_playlist(".pls", data) == [PlaylistEntry("two.mp3", "Two"), PlaylistEntry("ten.mp3", None)]


def test_xspf_tracks_have_a_location_and_perhaps_a_title() -> None:
    """Locations stay as they are written; a track without one is left out."""
    data = (
        b'<?xml version="1.0"?><playlist version="1" xmlns="http://xspf.org/ns/0/"><trackList>'
        b"<track><location>a%20b.mp3</location><title>A &amp; B</title></track>"
        b"<track><title>nowhere</title></track>"
        b"<track><location>http://radio.example/s</location></track></trackList></playlist>"
    )
    assert parse_playlist(".xspf", data) == [
        PlaylistEntry("a%20b.mp3", "A & B"),
        PlaylistEntry("http://radio.example/s", None),
    ]


@pytest.mark.parametrize("data", [b"no xml", b"", b'<!DOCTYPE p [<!ENTITY a "aa">]><playlist>&a;</playlist>'])
def test_an_xspf_that_is_broken_or_defines_entities_is_refused(data: bytes) -> None:
    """A few bytes of entities can unfold to gigabytes."""
    with pytest.raises(ValueError, match="XML"):
        parse_playlist(".xspf", data)


@pytest.mark.parametrize("suffix", [".m3u", ".pls"])
def test_any_bytes_at_all_are_survived(suffix: str) -> None:
    """A playlist that is really a program gives nonsense entries or none, but no error."""
    for entry in parse_playlist(suffix, bytes(range(256)) * 8):
        assert entry.location


def test_a_long_line_of_spaces_costs_no_time() -> None:
    """A pattern that tries each space as the end of the value needs seconds for this, with the interpreter locked."""
    began_s = time.process_time()
    assert parse_playlist(".pls", b"File1=" + b" " * 1_000_000 + b"x") == [PlaylistEntry("x")]
    assert time.process_time() - began_s < 1.0


def test_the_number_of_entries_is_bounded() -> None:
    """A list of millions of lines would ask the disk about each."""
    assert len(parse_playlist(".m3u", b"a\n" * (MAX_ENTRIES + 5))) == MAX_ENTRIES
