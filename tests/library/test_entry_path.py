"""Where entries of playlist files lead, however programs wrote the names."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import pytest

from player.core.settings.session import Playlist
from player.library.files import FileLibrary

NFC = unicodedata.normalize("NFC", "Grüße.mp3")
NFD = unicodedata.normalize("NFD", "Grüße.mp3")


def titles(playlist: Path) -> list[str]:
    """The names of the files that a playlist leads to."""
    found = FileLibrary().read(Playlist("p", (str(playlist),)))
    return [Path(track.uri).name for track in found.tracks]


@pytest.mark.parametrize(
    ("on_disk", "line", "encoding", "name"),
    [
        ("Don’t wake.mp3", "Don’t wake.mp3", "cp1252", "a.m3u"),
        ("Don’t wake.mp3", "Don’t wake.mp3", "utf-16", "a.m3u"),
        ("Regen.mp3", "Regen.mp3", "utf-16-le", "a.m3u"),
        ("Regen.mp3", "Regen.mp3", "utf-16-be", "a.m3u"),
        (NFC, NFD, "utf-8", "a.m3u8"),
        (NFD, NFC, "utf-8", "a.m3u8"),
        ("a.mp3", '"a.mp3"', "utf-8", "a.m3u"),
        ("a.mp3", "[playlist]\nFile1='a.mp3'", "utf-8", "a.pls"),
        ('"a.mp3"', '"a.mp3"', "utf-8", "a.m3u"),
        ("Rain.MP3", "RAIN.mp3", "utf-8", "a.m3u"),
        ("Grüße.mp3", "Gr%FC%DFe.mp3", "utf-8", "a.m3u"),
        ("Grüße.mp3", "Gr%C3%BC%C3%9Fe.mp3", "utf-8", "a.m3u"),
        ("a\u2028b.mp3", "a\u2028b.mp3", "utf-8", "a.m3u"),
        ("#1 rain.mp3", "#1 rain.mp3", "utf-8", "a.m3u"),
        ("Příroda.mp3", "Příroda.mp3", "cp1250", "a.m3u"),
        ("Дождь.mp3", "Дождь.mp3", "cp1251", "a.m3u"),
        ("Дождь.mp3", "Дождь.mp3", "koi8-r", "a.m3u"),
        ("雨の音.mp3", "雨の音.mp3", "cp932", "a.m3u"),
        ("表.mp3", "表.mp3", "cp932", "a.m3u"),
        ("雨声.mp3", "雨声.mp3", "gbk", "a.m3u"),
        ("빗소리.mp3", "빗소리.mp3", "cp949", "a.m3u"),
        ("été.mp3", "été.mp3", "cp850", "a.m3u"),
        ("été.mp3", "ÉTÉ.MP3", "mac_roman", "a.m3u"),
        ("ljud/Дождь.mp3", "ljud\\Дождь.mp3", "cp1251", "a.m3u"),
        ("a.mp3", "#EXTM3U\n\ufeffa.mp3", "utf-8", "a.m3u8"),
        ("#EXTRA.mp3", "#EXTRA.mp3", "utf-8", "a.m3u"),
    ],
)
def test_an_entry_is_found_although_it_is_written_in_another_way(
    tmp_path: Path, on_disk: str, line: str, encoding: str, name: str
) -> None:
    """Other encodings, composed and decomposed accents, quotes, capitals, percent signs, a leading ``#``."""
    (tmp_path / on_disk).parent.mkdir(exist_ok=True)
    (tmp_path / on_disk).write_bytes(b"x")
    (tmp_path / name).write_bytes(line.encode(encoding))
    assert titles(tmp_path / name) == [Path(on_disk).name]


def test_a_title_is_read_in_the_code_page_in_which_its_file_was_found(tmp_path: Path) -> None:
    """One that code page 1252 gives a meaning stays as it is; a file that is nowhere is named as it was read."""
    for name in ("Déšť.mp3", "Été.mp3"):
        (tmp_path / name).write_bytes(b"x")
    text = "#EXTINF:1,Tichý déšť\nDéšť.mp3\n#EXTINF:1,Tichý\ngone é.mp3\n"
    (tmp_path / "a.m3u").write_bytes(text.encode("cp1250"))
    (tmp_path / "b.m3u").write_bytes("#EXTINF:1,L’été\nÉté.mp3\n".encode("cp1252"))
    found = [FileLibrary().read(Playlist("p", (str(tmp_path / name),))) for name in ("a.m3u", "b.m3u")]
    assert [track.title for read in found for track in read.tracks] == ["Tichý déšť", "L’été"]
    assert "gone é.mp3 does not exist" in found[0].warnings[0]


def test_lists_of_other_programs_are_named_and_do_not_play(tmp_path: Path) -> None:
    """As a path of the config, and as an entry of a playlist."""
    for name in ("a.wpl", "b.asx"):
        (tmp_path / name).write_bytes(b"<smil/>")
    (tmp_path / "l.m3u").write_text("b.asx\n")
    found = FileLibrary().read(Playlist("p", (str(tmp_path / "a.wpl"), str(tmp_path / "l.m3u"))))
    assert found.tracks == ()
    assert [warning.rpartition("/")[2] for warning in found.warnings] == [
        "a.wpl is a playlist in a format that lull does not read; save it as .m3u8",
        "l.m3u)",
    ]
    assert "b.asx is a playlist in a format" in found.warnings[1]


def test_folders_on_the_way_may_differ_as_well(tmp_path: Path) -> None:
    """``sounds/regen.mp3`` leads to ``Sounds/Regen.mp3``; the exact name is preferred where both exist."""
    (tmp_path / "Sounds").mkdir()
    (tmp_path / "Sounds" / "Regen.mp3").write_bytes(b"x")
    (tmp_path / "a.mp3").write_bytes(b"x")
    (tmp_path / "A.mp3").write_bytes(b"x")
    (tmp_path / "l.m3u").write_text("sounds\\regen.mp3\nA.mp3\na.mp3\n")
    assert titles(tmp_path / "l.m3u") == ["Regen.mp3", "A.mp3", "a.mp3"]


def test_a_name_on_disk_in_latin_1_is_found_by_a_list_in_utf_8(tmp_path: Path) -> None:
    """The bytes of such a name are not UTF-8; they are compared as code page 1252."""
    Path(str(tmp_path) + "/caf\udce9.mp3").write_bytes(b"x")
    (tmp_path / "l.m3u").write_text("café.mp3\n")
    assert titles(tmp_path / "l.m3u") == ["caf\udce9.mp3"]


def test_a_comment_with_a_dot_is_no_missing_file(tmp_path: Path) -> None:
    """Only an existing file makes an entry of a line that begins with ``#``."""
    (tmp_path / "a.mp3").write_bytes(b"x")
    (tmp_path / "l.m3u").write_text("#EXTM3U\n# made by lists.app\na.mp3\n")
    found = FileLibrary().read(Playlist("p", (str(tmp_path / "l.m3u"),)))
    assert (len(found.tracks), found.warnings) == (1, ())


def test_xspf_takes_the_second_location_and_follows_xml_base(tmp_path: Path) -> None:
    """The first place does not exist, the second does; a base holds for what lies below it."""
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "a b.mp3").write_bytes(b"x")
    (tmp_path / "c.mp3").write_bytes(b"x")
    (tmp_path / "l.xspf").write_text(
        '<playlist xmlns="http://xspf.org/ns/0/"><trackList xml:base="deep/"><track><location>a%20b.mp3</location>'
        "</track></trackList><trackList><track><location>gone.mp3</location><location>c.mp3</location></track>"
        "</trackList></playlist>"
    )
    assert titles(tmp_path / "l.xspf") == ["a b.mp3", "c.mp3"]
