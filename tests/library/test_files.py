"""The library: what folders, files, playlist files and addresses become."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from player.core.events import LibraryRead
from player.core.measurement import MeasureResult
from player.core.settings.session import Playlist
from player.library import files as library
from player.library.file_id import look_at, mark_of
from player.library.files import FileLibrary, natural_key
from tests.contracts.test_store import MEASURED
from tests.ended_process import ended_process
from tests.fakes.store import FakeStore

KEPT_OF_IT = replace(MEASURED, surprises=())
"""What a track carries: all but what is only for reports."""


def touch(folder: Path, *names: str) -> None:
    """Files with something in them; folders are made on the way."""
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")


def read(*paths: Path | str) -> LibraryRead:
    """The library's answer for a playlist of these paths."""
    return FileLibrary().read(Playlist("p", tuple(map(str, paths))))


def names(found: LibraryRead, folder: Path) -> list[str]:
    """Where the tracks lie in the folder."""
    return [os.path.relpath(track.uri, folder) for track in found.tracks]


def test_a_folder_is_read_with_all_below_it_in_the_order_people_count(tmp_path: Path) -> None:
    """Track 2 before track 10, whatever the case; a folder's own files come first."""
    touch(tmp_path, "Track10.mp3", "track2.MP3", "b/2.flac", "b/10.ogg", "b/1.opus", "a/x.wav")
    assert names(read(tmp_path), tmp_path) == [
        "track2.MP3", "Track10.mp3", "a/x.wav", "b/1.opus", "b/2.flac", "b/10.ogg",
    ]  # fmt: skip


def test_companions_and_hidden_files_are_skipped_without_a_word(tmp_path: Path) -> None:
    """Pictures, texts, logs, cue sheets, playlists, unknown things, dot files and what lies in dot folders."""
    touch(
        tmp_path, "a.mp3", "cover.jpg", "x.nfo", "x.txt", "x.cue", "x.log", "x.m3u", "x", "x.xyz", "._a.mp3", ".h/b.mp3"
    )
    found = read(tmp_path)
    assert names(found, tmp_path) == ["a.mp3"]
    assert found.warnings == ()


def test_a_file_that_is_named_is_taken_whatever_it_is_called(tmp_path: Path) -> None:
    """Its title is the name without the extension."""
    touch(tmp_path, "rain.xyz")
    (track,) = read(tmp_path / "rain.xyz").tracks
    assert (track.uri, track.title, track.is_stream) == (str(tmp_path / "rain.xyz"), "rain", False)


def test_paths_keep_their_order_and_a_track_comes_once(tmp_path: Path) -> None:
    """A file named before its folder stays in front."""
    touch(tmp_path, "a.mp3", "b.mp3", "c.mp3")
    assert names(read(tmp_path / "b.mp3", tmp_path, tmp_path), tmp_path) == ["b.mp3", "a.mp3", "c.mp3"]


def test_the_home_folder_can_be_written_as_a_tilde(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """``~/x`` is x in the home folder."""
    monkeypatch.setenv("HOME", str(tmp_path))
    touch(tmp_path, "night/a.mp3")
    assert names(read("~/night"), tmp_path) == ["night/a.mp3"]


def test_missing_and_empty_things_are_one_warning_each_that_names_the_path(tmp_path: Path) -> None:
    """And the rest is found all the same."""
    touch(tmp_path, "a.mp3", "empty/cover.jpg", "none.m3u")
    (tmp_path / "none.m3u").write_text("#EXTM3U\n")
    found = read(tmp_path / "gone", tmp_path / "empty", tmp_path / "none.m3u", tmp_path / "a.mp3")
    assert names(found, tmp_path) == ["a.mp3"]
    assert [warning.split(" ")[0] for warning in found.warnings] == [
        str(tmp_path / "gone"), str(tmp_path / "empty"), str(tmp_path / "none.m3u"),
    ]  # fmt: skip


def test_a_loop_of_links_is_survived(tmp_path: Path) -> None:
    """Each folder is read once, though links lead back up and to and fro."""
    touch(tmp_path, "a.mp3", "x/b.mp3")
    (tmp_path / "x" / "up").symlink_to(tmp_path)
    (tmp_path / "x" / "self").symlink_to(tmp_path / "x")
    assert names(read(tmp_path), tmp_path) == ["a.mp3", "x/b.mp3"]


def test_a_link_to_nowhere_is_skipped(tmp_path: Path) -> None:
    """A broken link inside a folder is no track."""
    touch(tmp_path, "a.mp3")
    (tmp_path / "b.mp3").symlink_to(tmp_path / "gone.mp3")
    assert names(read(tmp_path), tmp_path) == ["a.mp3"]


def test_an_unreadable_folder_is_one_warning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The folders beside it are read; the system's own reason is in the warning."""
    touch(tmp_path, "a/1.mp3", "b/2.mp3")
    real = os.scandir

    def scandir(path: str) -> object:
        if path == str(tmp_path / "a"):
            raise PermissionError(13, "Permission denied")
        return real(path)

    monkeypatch.setattr(os, "scandir", scandir)  # root, who runs tests in containers, may read anything
    found = read(tmp_path)
    assert names(found, tmp_path) == ["b/2.mp3"]
    assert found.warnings == (f"{tmp_path / 'a'} cannot be read: Permission denied",)


def test_an_address_is_a_stream_whose_title_hides_its_secrets() -> None:
    """User, password and query may be tokens; they stay in the address alone."""
    (track,) = read("https://me:secret@radio.example/rain?token=t").tracks
    assert track.uri == "https://me:secret@radio.example/rain?token=t"
    assert (track.title, track.is_stream) == ("radio.example/rain", True)


def test_a_playlist_file_leads_to_files_beside_it(tmp_path: Path) -> None:
    """Relative, absolute, escaped and backslashed entries, file addresses and streams; titles where it has them."""
    touch(tmp_path, "lists/x", "music/a b.mp3", "music/c%20d.mp3", "music/#1?.mp3", "music/e.mp3", "music/f.mp3")
    lines = [
        "#EXTINF:1,Rain", "../music/a b.mp3", "../music/c%20d.mp3", "../music/#1?.mp3", "..\\music\\e.mp3",
        f"file://{tmp_path}/music/a%20b.mp3", str(tmp_path / "music" / "f.mp3"), "http://radio.example/s",
    ]  # fmt: skip
    playlist = tmp_path / "lists" / "night.m3u8"
    playlist.write_text("\n".join(lines))
    found = read(playlist)
    assert found.warnings == ()
    assert names(found, tmp_path / "music")[:5] == ["a b.mp3", "c%20d.mp3", "#1?.mp3", "e.mp3", "f.mp3"]
    assert [track.title for track in found.tracks] == ["Rain", "c%20d", "#1?", "e", "f", "radio.example/s"]
    assert [track.is_stream for track in found.tracks] == [False] * 5 + [True]


def test_an_escaped_entry_finds_a_file_with_a_space(tmp_path: Path) -> None:
    """XSPF escapes; a name that really holds the escape is preferred (see the test above)."""
    touch(tmp_path, "a b#.mp3")
    playlist = tmp_path / "x.xspf"
    playlist.write_text(
        '<playlist xmlns="http://xspf.org/ns/0/"><trackList><track><location>a%20b%23.mp3</location>'
        "<title>Rain</title></track></trackList></playlist>"
    )
    assert [(track.uri, track.title) for track in read(playlist).tracks] == [(str(tmp_path / "a b#.mp3"), "Rain")]


def test_a_missing_entry_is_a_warning_that_names_it_and_its_playlist(tmp_path: Path) -> None:
    """So that a person knows where to look; another scheme than http or file cannot be played either."""
    touch(tmp_path, "a.mp3")
    (tmp_path / "l.m3u").write_text("gone.mp3\na.mp3\nrtsp://x/y\n")
    found = read(tmp_path / "l.m3u")
    assert names(found, tmp_path) == ["a.mp3"]
    assert found.warnings == (
        f"{tmp_path / 'gone.mp3'} does not exist (named in {tmp_path / 'l.m3u'})",
        f"rtsp://x/y is not a file and not an http address (named in {tmp_path / 'l.m3u'})",
    )


@pytest.mark.parametrize(
    "line", ["x" * 5000, "a\0b", "~nobody-here/x.mp3", "file:", "file://[", "file:gone.mp3", "%", "a%2"]
)
def test_no_entry_can_break_the_reading(tmp_path: Path, line: str) -> None:
    """Nonsense in a playlist is a warning each, and the next entry is found."""
    touch(tmp_path, "a.mp3")
    (tmp_path / "l.m3u").write_text(f"{line}\na.mp3\n")
    found = read(tmp_path / "l.m3u")
    assert names(found, tmp_path) == ["a.mp3"]
    assert len(found.warnings) == 1


@pytest.mark.parametrize("path", ["~nobody-here/x", "x" * 5000, "http://[", "a\0b"])
def test_no_path_of_the_config_can_break_the_reading(path: str) -> None:
    """What cannot be a path is a warning; an address is not judged here."""
    found = read(path)
    assert len(found.warnings) == (0 if path.startswith("http") else 1)


def test_playlists_that_name_each_other_end(tmp_path: Path) -> None:
    """A circle is left out with a warning; what else they name is found once."""
    touch(tmp_path, "a.mp3", "b.mp3")
    (tmp_path / "1.m3u").write_text("a.mp3\n2.m3u\n")
    (tmp_path / "2.m3u").write_text("1.m3u\nb.mp3\na.mp3\n")
    found = read(tmp_path / "1.m3u")
    assert names(found, tmp_path) == ["a.mp3", "b.mp3"]
    assert len(found.warnings) == 1
    assert str(tmp_path / "1.m3u") in found.warnings[0]


def test_playlists_nest_three_deep_and_no_deeper(tmp_path: Path) -> None:
    """The fourth is left out with a warning."""
    for number in range(1, 6):
        touch(tmp_path, f"{number}.mp3")
        (tmp_path / f"{number}.m3u").write_text(f"{number}.mp3\n{number + 1}.m3u\n")
    found = read(tmp_path / "1.m3u")
    assert names(found, tmp_path) == ["1.mp3", "2.mp3", "3.mp3"]
    assert str(tmp_path / "4.m3u") in found.warnings[0]


def test_a_broken_playlist_is_a_warning(tmp_path: Path) -> None:
    """An XSPF that is no XML."""
    (tmp_path / "x.xspf").write_text("nonsense")
    assert str(tmp_path / "x.xspf") in read(tmp_path / "x.xspf").warnings[0]


def test_a_folder_whose_files_are_being_copied_says_so(tmp_path: Path) -> None:
    """Whoever plays it meanwhile is told why it has nothing to play."""
    (tmp_path / "new").mkdir()
    (tmp_path / "new/a.mp3").touch()
    found = FileLibrary(is_complete=lambda _path: False).read(Playlist("p", (str(tmp_path / "new"),)))
    assert (found.tracks, found.warnings) == ((), (f"{tmp_path / 'new'} is still being copied",))


def test_very_many_warnings_are_counted_instead(tmp_path: Path) -> None:
    """A playlist from another machine may miss thousands; 20 are shown."""
    (tmp_path / "l.m3u").write_text("\n".join(f"{number}.mp3" for number in range(1000)))
    warnings = read(tmp_path / "l.m3u").warnings
    assert len(warnings) == 21
    assert warnings[-1] == "and 980 more like these"


def test_the_number_of_tracks_is_bounded_and_said_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One warning, however many are too many."""
    monkeypatch.setattr(library, "MAX_TRACKS", 3)
    touch(tmp_path, *(f"{number}.mp3" for number in range(9)))
    found = read(tmp_path)
    assert names(found, tmp_path) == ["0.mp3", "1.mp3", "2.mp3"]
    assert found.warnings == ("only the first 3 tracks are used",)


def test_a_name_that_is_no_utf8_is_found(tmp_path: Path) -> None:
    """Old disks hold Latin-1 names; Python carries their bytes along, and so does the path that is opened."""
    os.close(os.open(bytes(tmp_path) + b"/caf\xe9.mp3", os.O_CREAT | os.O_WRONLY))
    (track,) = read(tmp_path).tracks
    assert os.fsencode(track.uri).endswith(b"caf\xe9.mp3")


@pytest.mark.parametrize(
    ("before", "after"), [("track2", "track10"), ("a1b2", "a1b10"), ("A", "b"), ("9", "a"), ("02", "3"), ("x", "x1")]
)
def test_natural_order(before: str, after: str) -> None:
    """Numbers count as numbers, case does not, and digits come before letters."""
    assert natural_key(before) < natural_key(after)


def test_what_was_measured_goes_with_the_track(tmp_path: Path) -> None:
    """Measured ones carry it, failures count as tried, the rest is named as unmeasured; streams never are."""
    touch(tmp_path, "a.flac", "b.flac", "c.flac", "gone.flac")
    store = FakeStore()
    store.keep(mark_of(str(tmp_path / "a.flac")), MeasureResult(MEASURED))
    store.keep(mark_of(str(tmp_path / "b.flac")), MeasureResult(None, "has no sound in it"))
    (tmp_path / "empty.flac").touch()
    found = FileLibrary(store).read(Playlist("p", (str(tmp_path), "http://radio.lan/x")))
    by_title = {track.title: track.measured for track in found.tracks}
    assert by_title["a"] == KEPT_OF_IT
    assert [by_title[title] for title in ("b", "c", "empty")] == [None, None, None]
    assert found.unmeasured == (str(tmp_path / "c.flac"), str(tmp_path / "gone.flac"))


def test_without_a_store_nothing_is_known_and_nothing_is_asked_for(tmp_path: Path) -> None:
    """No track carries measurements, none is named as unmeasured."""
    touch(tmp_path, "a.flac")
    found = read(tmp_path)
    assert (found.tracks[0].measured, found.unmeasured) == (None, ())


def test_a_store_that_hangs_is_not_asked(tmp_path: Path) -> None:
    """The tracks play as unmeasured ones, and are not measured again because of it."""
    touch(tmp_path, "a.flac")
    store = FakeStore()
    store.keep(mark_of(str(tmp_path / "a.flac")), MeasureResult(MEASURED))
    store.hangs = True
    found = FileLibrary(store).read(Playlist("p", (str(tmp_path),)))
    assert (found.tracks[0].measured, found.unmeasured) == (None, ())


def test_an_opening_is_read_apart_and_recalled_like_all_tracks(tmp_path: Path) -> None:
    """Its tracks are measured as well, and what is missing of it is told."""
    touch(tmp_path, "rain/a.mp3", "hello.mp3")
    store = FakeStore()
    store.keep(mark_of(str(tmp_path / "hello.mp3")), MeasureResult(MEASURED))
    opening = (str(tmp_path / "hello.mp3"), str(tmp_path / "gone.mp3"))
    found = FileLibrary(store).read(Playlist("p", (str(tmp_path / "rain"),), opening=opening))
    assert [(track.title, track.measured) for track in found.opening] == [("hello", KEPT_OF_IT)]
    assert names(found, tmp_path) == ["rain/a.mp3"]
    assert found.unmeasured == (str(tmp_path / "rain/a.mp3"),)
    assert [warning for warning in found.warnings if "gone.mp3" in warning]


def test_generated_sound_stands_beside_files(tmp_path: Path) -> None:
    """By a path of the config or an entry of a playlist file; its loudness is known, and a wrong name is said."""
    (tmp_path / "list.m3u").write_text("#EXTM3U\n#EXTINF:-1,Night\nnoise:brown?cut=300\nnoise:bown\n")
    read = FileLibrary().read(Playlist("p", ("noise:rain", str(tmp_path / "list.m3u"))))
    assert [(track.uri, track.title, track.is_stream) for track in read.tracks] == [
        ("noise:rain", "Rain", True),
        ("noise:brown?cut=300", "Night", True),
    ]
    assert all(track.measured and abs(track.measured.programme_lufs + 23.0) < 0.01 for track in read.tracks)
    assert "unknown noise 'bown' (did you mean 'brown'?)" in read.warnings[0]


@pytest.mark.parametrize(
    "folder",
    ["#recycle", "$RECYCLE.BIN/S-1-5-21-1", "@eaDir", "lost+found", "System Volume Information", ".Trash-1"],
)
def test_deleted_files_and_what_machines_leave_behind_are_no_music(tmp_path: Path, folder: str) -> None:
    """Whatever the capitals; a playlist or config that names such a folder itself gets it."""
    touch(tmp_path, "kept.mp3", f"{folder}/deleted.mp3")
    assert names(read(tmp_path), tmp_path) == ["kept.mp3"]
    assert len(read(tmp_path / folder).tracks) == 1


def test_links_into_the_kernel_are_no_music(tmp_path: Path) -> None:
    """A folder of /proc has no end, and reading a device may do anything."""
    touch(tmp_path, "a.mp3")
    (tmp_path / "p").symlink_to("/proc/self")
    (tmp_path / "x.mp3").symlink_to("/proc/self/environ")
    (tmp_path / "l.m3u").write_text("x.mp3\n")
    assert names(read(tmp_path), tmp_path) == ["a.mp3"]
    assert "folder of the kernel" in read(tmp_path / "l.m3u").warnings[0]


def test_links_into_a_process_that_may_not_be_looked_at_are_no_music(tmp_path: Path) -> None:
    """The links of a process that has ended, or of somebody else, can be seen and not followed."""
    touch(tmp_path, "a.mp3")
    with ended_process() as process:
        for name in ("folder", "x.mp3"):
            (tmp_path / name).symlink_to(process / "cwd")
        assert names(read(tmp_path), tmp_path) == ["a.mp3"]


def test_a_file_that_crashed_the_decoder_of_a_scan_is_never_opened(tmp_path: Path) -> None:
    """It would end the daemon; a warning names it and why."""
    touch(tmp_path, "a.flac", "b.flac")
    store = FakeStore()
    store.keep(mark_of(str(tmp_path / "b.flac")), MeasureResult(None, "crashes the decoder (SIGSEGV)"))
    found = FileLibrary(store).read(Playlist("p", (str(tmp_path),)))
    assert names(found, tmp_path) == ["a.flac"]
    assert found.warnings == (f"{tmp_path / 'b.flac'} is left out: it crashes the decoder (SIGSEGV)",)


def test_marks_of_many_files_resolve_each_folder_once(tmp_path: Path) -> None:
    """And say the same as one by one, links included."""
    touch(tmp_path, "real/a.mp3")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    (tmp_path / "b.mp3").symlink_to(tmp_path / "real" / "a.mp3")
    folders: dict[str, str] = {}
    real = str(tmp_path / "real" / "a.mp3")
    for path in map(str, (real, tmp_path / "link" / "a.mp3", tmp_path / "b.mp3")):
        facts, mark = look_at(path, folders)
        assert mark == mark_of(path) == mark_of(real)
        assert facts == os.stat(real)
    assert len(folders) == 2


def counting(real: Callable[..., object], asked: list[str]) -> Callable[..., object]:
    def count(path: str, *args: object, **options: object) -> object:
        asked.append(path)
        return real(path, *args, **options)

    return count


def test_a_known_track_costs_one_system_call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A share answers each one in milliseconds; the listing of a folder says which of its entries are files."""
    touch(tmp_path, *(f"a/{number}.mp3" for number in range(50)))
    store = FakeStore()
    for path in (tmp_path / "a").iterdir():
        store.keep(mark_of(str(path)), MeasureResult(MEASURED))
    asked: list[str] = []
    for name in ("stat", "lstat", "readlink", "access", "open"):
        monkeypatch.setattr(os, name, counting(getattr(os, name), asked))
    found = FileLibrary(store).read(Playlist("p", (str(tmp_path),)))
    assert len(found.tracks) == 50
    assert len(asked) <= 50 + 20, "a few for the folders"


def test_a_pipe_is_no_playlist_and_no_folder(tmp_path: Path) -> None:
    """Named in the config or in a playlist: whoever opened it would wait, and the playlist would never be read."""
    os.mkfifo(tmp_path / "a.m3u")
    (tmp_path / "b.m3u").write_text("a.m3u\n", encoding="utf-8")
    for name, named in (("a.m3u", ""), ("b.m3u", f" (named in {tmp_path / 'b.m3u'})")):
        read = FileLibrary().read(Playlist("p", (str(tmp_path / name),)))
        assert read.tracks == ()
        assert f"{tmp_path / 'a.m3u'} is neither a file nor a folder{named}" in read.warnings
