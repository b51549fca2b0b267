"""Folders of the library as playlists, and files in it that are still being copied."""

from __future__ import annotations

import os
import threading
import time
from datetime import UTC, datetime, timedelta
from datetime import time as time_of_day
from pathlib import Path

import pytest

from player.core.clock import Now, SystemClock
from player.core.settings.session import Entry, Order, Playlist, Settings
from player.library.copies import OLD_S, SETTLE_S, STARTING_S, WRITTEN_S, CopyWatch
from player.library.files import FileLibrary
from player.library.folder_watch import FolderWatch
from player.library.folders import (
    FolderChanged,
    LibraryFolders,
    look_at_library,
    mounted_stick,
    playlist_name,
    with_folders,
)
from player.system import inotify

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)


class HandClock:
    """A clock whose hands are moved by the test."""

    def __init__(self) -> None:
        self.passed_s = 0.0
        self.wall = NOON

    def now(self) -> Now:
        return Now(self.passed_s, self.wall + timedelta(seconds=self.passed_s))


def look(folder: Path) -> LibraryFolders:
    return look_at_library(str(folder), folder / "no-labels", folder / "no-mounts")


def make(*paths: Path) -> None:
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"sound")


def names(found: LibraryFolders) -> list[str]:
    return [playlist.name for playlist in found.playlists]


def test_each_folder_is_a_playlist_and_loose_files_are_one(tmp_path: Path) -> None:
    """Folders count in the order of people, hidden ones and bins do not; loose files have the library's name."""
    library = tmp_path / "music"
    make(library / "rain 10/a.mp3", library / "rain 2/b/c.mp3", library / ".hidden/d.mp3", library / "loose.mp3")
    make(library / "lost+found/e.mp3", library / "readme.txt")
    assert names(look(library)) == ["rain 2", "rain 10", "music"]
    read = FileLibrary().read(look(library).playlists[-1])
    assert [track.title for track in read.tracks] == ["loose"], "the folders have playlists of their own"
    read = FileLibrary().read(look(library).playlists[0])
    assert [track.title for track in read.tracks] == ["c"], "nested folders belong to their playlist"


@pytest.mark.parametrize(
    ("folder", "name"),
    [
        ("Märchen & Lieder", "Märchen - Lieder"),
        ("it's (late)", "it-s -late-"),
        ("雨", "雨"),
        ("#+/", "folder -"),
        ("Off", "folder Off"),
        ("-12", "folder -12"),
        ("x" * 100, "x" * 64),
        (os.fsdecode(b"Fr\xfch"), "Fr-h"),
        ("line\nbreak", "line-break"),
        ("Gera\u0308usche", "Geräusche"),
        ("बारिश", "बारिश"),
    ],
)
def test_what_a_name_may_not_contain_becomes_a_dash(folder: str, name: str) -> None:
    """Any folder has a name that is allowed for playlists; letters of any script and their accents stay."""
    assert playlist_name(folder) == name
    assert Playlist(name, ("x",)).name == name


def test_folders_with_the_same_name_are_told_of(tmp_path: Path) -> None:
    """The first one is the playlist, the other one is left out with a note that names both."""
    make(tmp_path / "rain!/a.mp3", tmp_path / "rain?/a.mp3")
    found = look(tmp_path)
    assert names(found) == ["rain-"]
    assert found.notes == (f"{tmp_path}/rain? is left out: {tmp_path}/rain! is the playlist 'rain-' already",)


def test_the_config_refines_a_folder(tmp_path: Path) -> None:
    """An entry without paths of its own keeps its order and gain, and plays the folder; one with others wins."""
    make(tmp_path / "rain/a.mp3", tmp_path / "sea/a.mp3", tmp_path / "new/a.mp3")
    settings = Settings(library=str(tmp_path))
    rain = Playlist("rain", (settings.folder_of("rain"),), Order.SHUFFLE, -3.0)
    sea = Playlist("sea", ("/elsewhere",))
    merged, notes = with_folders(Settings(library=str(tmp_path), playlists=(sea, rain)), look(tmp_path))
    assert merged.playlists == (sea, rain, Playlist("new", (f"{tmp_path}/new",)))
    assert notes == (f"{tmp_path}/sea is left out: playlist 'sea' of the config has other paths",)


def test_a_folder_that_the_schedule_names_may_come_later(tmp_path: Path) -> None:
    """Its playlist is there from the beginning: a share that is not mounted yet must not cost the night."""
    entry = Entry("evening", time_of_day(22), playlist="whispers")
    merged, _ = with_folders(Settings(library=str(tmp_path), schedule=(entry,)), LibraryFolders())
    assert merged.playlists == (Playlist("whispers", (f"{tmp_path}/whispers",)),)


def test_a_stick_is_found_by_its_label(tmp_path: Path) -> None:
    """The device behind the label is looked up among the mounts, escapes and links included."""
    device, labels, mounts = tmp_path / "sdb1", tmp_path / "labels", tmp_path / "mountinfo"
    device.touch()
    labels.mkdir()
    mounts.write_text(
        f"22 1 8:2 / / rw - ext4 /dev/sda2 rw\n30 22 8:17 / /media/my\\040stick ro shared:1 - vfat {device} ro\n",
        encoding="utf-8",
    )
    assert mounted_stick(labels, mounts) is None, "no stick has the label"
    (labels / "LULL").symlink_to(device)
    assert mounted_stick(labels, mounts) == "/media/my stick"
    mounts.write_text("22 1 8:2 / / rw - ext4 /dev/sda2 rw\n", encoding="utf-8")
    assert mounted_stick(labels, mounts) is None, "it is not mounted"


def test_the_library_has_the_names_before_the_stick(tmp_path: Path) -> None:
    """Playlists of both are there; of two with one name that of the library is used."""
    library, stick = tmp_path / "music", tmp_path / "stick"
    make(library / "rain/a.mp3", stick / "rain/a.mp3", stick / "trip/a.mp3")
    (tmp_path / "LULL").symlink_to(stick)
    mounts = tmp_path / "mountinfo"
    mounts.write_text(f"30 22 8:17 / {stick} ro - vfat {stick} ro\n", encoding="utf-8")
    found = look_at_library(str(library), tmp_path, mounts)
    assert [playlist.paths[0] for playlist in found.playlists] == [f"{library}/rain", f"{stick}/trip"]
    assert len(found.notes) == 1


def covered(clock: HandClock, folder: Path) -> CopyWatch:
    copies = CopyWatch(clock)
    copies.cover((str(folder),))
    return copies


def test_a_file_counts_once_it_has_stayed_the_same(tmp_path: Path) -> None:
    """Each change of size or time begins the wait anew."""
    clock, path = HandClock(), tmp_path / "a.mp3"
    copies = covered(clock, tmp_path)
    clock.passed_s = STARTING_S
    make(path)
    for _ in range(4):
        assert not copies.is_complete(str(path))
        clock.passed_s += SETTLE_S - 0.1
        path.write_bytes(path.read_bytes() + b"more")
    assert not copies.is_complete(str(path))
    assert copies.take_due() == set()
    clock.passed_s += SETTLE_S
    assert copies.take_due() == {str(tmp_path)}
    assert copies.is_complete(str(path))


def test_a_folder_is_told_of_although_one_of_its_playlists_has_been_read_since(tmp_path: Path) -> None:
    """Somebody's command read one playlist just when the file was complete; others have the same folder."""
    clock, path = HandClock(), tmp_path / "a.mp3"
    copies = covered(clock, tmp_path)
    clock.passed_s = STARTING_S
    make(path)
    assert not copies.is_complete(str(path))
    clock.passed_s += SETTLE_S
    assert copies.is_complete(str(path))
    assert copies.is_settling
    assert copies.take_due() == {str(tmp_path)}
    assert copies.is_complete(str(path))
    assert copies.take_due() == set()
    assert not copies.is_settling


def test_a_stalled_copy_never_counts_while_it_is_written(tmp_path: Path) -> None:
    """Somebody has it open: it does not count however long it stays the same, nor does an empty file."""
    clock, path, empty = HandClock(), tmp_path / "a.mp3", tmp_path / "b.mp3"
    copies = covered(clock, tmp_path)
    make(path)
    empty.touch()
    copies.is_written(str(path))
    copies.is_complete(str(path))
    clock.passed_s = 3600.0
    assert not copies.is_complete(str(path))
    assert not copies.is_complete(str(empty))
    copies.was_closed(str(path))
    assert copies.is_complete(str(path))


def test_what_was_written_and_never_closed_counts_after_some_hours(tmp_path: Path) -> None:
    """truncate(2) changes a file without opening it: nothing tells that it is over."""
    clock, path = HandClock(), tmp_path / "a.mp3"
    copies = covered(clock, tmp_path)
    make(path)
    copies.is_written(str(path))
    copies.is_complete(str(path))
    clock.passed_s = WRITTEN_S - 1.0
    assert not copies.is_settling
    assert not copies.is_complete(str(path))
    clock.passed_s = WRITTEN_S
    assert copies.is_settling
    assert copies.take_due() == {str(tmp_path)}
    assert copies.is_complete(str(path))


@pytest.mark.parametrize(("age_s", "is_complete"), [(OLD_S + 5, True), (OLD_S - 5, False), (-3600, False)])
def test_old_files_count_at_once_when_lull_starts(tmp_path: Path, age_s: float, is_complete: bool) -> None:
    """At a start the night must not wait; a time in the future proves nothing, and later no time does."""
    clock, path = HandClock(), tmp_path / "a.mp3"
    make(path)
    clock.wall = datetime.fromtimestamp(path.stat().st_ctime + age_s, UTC)
    assert covered(clock, tmp_path).is_complete(str(path)) is is_complete
    late = covered(clock, tmp_path)
    clock.passed_s = STARTING_S
    assert not late.is_complete(str(path))


def test_other_folders_are_not_judged(tmp_path: Path) -> None:
    """What the config names outside the library counts as it is found, also beside a name that begins alike."""
    make(tmp_path / "lib/a.mp3", tmp_path / "library2/a.mp3")
    copies = covered(HandClock(), tmp_path / "lib")
    assert copies.is_complete(str(tmp_path / "library2/a.mp3"))


class Rig:
    """A watched library whose playlists are read as the daemon would; what can be played, by title."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.copies = CopyWatch(SystemClock())
        self.library = FileLibrary(is_complete=self.copies.is_complete)
        self.titles: set[str] = set()
        self._lock = threading.Lock()
        self.watch = FolderWatch(self.copies, self.deliver, lambda _library: look(folder))
        self.found = self.watch.open(str(folder))
        self.read()

    def deliver(self, message: LibraryFolders | FolderChanged) -> None:
        if isinstance(message, LibraryFolders):
            self.found = message
        self.read()

    def read(self) -> None:
        with self._lock:
            reads = [self.library.read(playlist) for playlist in self.found.playlists]
            self.titles = {track.title for read in reads for track in read.tracks}

    def wait(self, titles: set[str], within_s: float = 60.0) -> None:
        end_s = time.monotonic() + within_s
        while self.titles != titles:
            assert time.monotonic() < end_s, f"{self.titles} after {within_s:.0f} s"
            time.sleep(0.1)


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    (tmp_path / "music/old").mkdir(parents=True)
    rig = Rig(tmp_path / "music")
    yield rig
    rig.watch.close()


def test_copied_files_are_found_and_half_copied_ones_are_not(rig: Rig) -> None:
    """From copied to playable less than a minute, in new folders too; a file that is open for writing, and the
    temporary files of programs, never; what is deleted is gone.
    """
    slow = (rig.folder / "old/slow.mp3").open("wb")
    slow.write(b"begin")
    slow.flush()
    make(rig.folder / "old/quick.mp3", rig.folder / "new & odd/deep/way/down.flac", rig.folder / "loose.ogg")
    make(*(rig.folder / "old" / f"x.mp3{end}" for end in (".part", ".tmp", ".crdownload")), rig.folder / "old/.y.mp3")
    rig.wait({"quick", "down", "loose"})
    slow.write(b"end")
    slow.close()
    rig.wait({"quick", "down", "loose", "slow"})
    (rig.folder / "old/quick.mp3").unlink()
    (rig.folder / "new & odd").rename(rig.folder / "renamed")
    rig.wait({"down", "loose", "slow"})
    assert "renamed" in names(rig.found)


def test_what_seems_new_at_the_start_counts_soon(tmp_path: Path) -> None:
    """As all files do while the clock is not set: nobody writes to them, so no event ends the wait for a look."""
    make(tmp_path / "music/rain/a.mp3")
    rig = Rig(tmp_path / "music")
    try:
        rig.wait({"a"}, SETTLE_S + 8.0)
    finally:
        rig.watch.close()


def test_a_folder_that_another_one_has_replaced_is_watched(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stick that is mounted there, or a folder that was made anew: half a copy in it never counts."""
    watched, watch = list[str](), inotify.Inotify.watch

    def counted(self: inotify.Inotify, folder: str) -> None:
        watched.append(folder)
        watch(self, folder)

    monkeypatch.setattr(inotify.Inotify, "watch", counted)
    (rig.folder / "old").rename(rig.folder.parent / "elsewhere")
    make(rig.folder / "old/one.mp3")
    rig.wait({"one"})
    assert str(rig.folder / "old") in watched
    with (rig.folder / "old/slow.mp3").open("wb") as slow:
        slow.write(b"begin")
        slow.flush()
        make(rig.folder / "old/two.mp3")
        rig.wait({"one", "two"})
    rig.wait({"one", "two", "slow"})


def test_a_folder_that_was_removed_and_made_anew_is_watched(rig: Rig) -> None:
    """It may have the number of the old one (ext4): a copy that stands still for a while never counts."""
    (rig.folder / "old").rmdir()
    make(rig.folder / "old/one.mp3")
    rig.wait({"one"})
    with (rig.folder / "old/slow.mp3").open("wb") as slow:
        slow.write(b"begin")
        slow.flush()
        make(rig.folder / "old/two.mp3")
        rig.wait({"one", "two"})
        time.sleep(SETTLE_S + 2.0)
        assert rig.titles == {"one", "two"}
    rig.wait({"one", "two", "slow"})


def test_without_inotify_they_are_found_as_well(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A share has no events: the folders are compared, and a copy is still played within a minute."""

    def missing() -> None:
        raise OSError("no inotify here")

    monkeypatch.setattr("player.system.inotify.Inotify", missing)
    monkeypatch.setattr("player.library.folder_watch.LOOK_S", 2.0)
    (tmp_path / "music/old").mkdir(parents=True)
    rig = Rig(tmp_path / "music")
    make(rig.folder / "old/a.mp3")
    rig.wait({"a"})
    rig.watch.close()


def test_a_watch_whose_thread_has_died_can_be_closed(tmp_path: Path) -> None:
    """Nothing is raised, and no other file that has taken the number of its event counter is written to."""

    def fail(_library: str | None) -> LibraryFolders:
        raise RuntimeError("the look failed")

    before = set(threading.enumerate())
    watch = FolderWatch(CopyWatch(SystemClock()), lambda _message: None, fail)
    watch.open(str(tmp_path))
    for thread in set(threading.enumerate()) - before:
        thread.join(10.0)
    others = [os.open(tmp_path / f"other {number}", os.O_RDWR | os.O_CREAT) for number in range(8)]
    try:
        watch.close()
        assert [os.fstat(other).st_size for other in others] == [0] * len(others)
    finally:
        for other in others:
            os.close(other)


def test_a_share_that_hangs_holds_nobody_up_who_reloads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While a file of it is looked at, another library can be covered."""
    path = str(tmp_path / "a.mp3")
    make(Path(path))
    copies = covered(HandClock(), tmp_path)
    is_asked, may_answer, look_at = threading.Event(), threading.Event(), os.stat

    def hang(asked: str, **more: bool) -> os.stat_result:
        if asked == path:
            is_asked.set()
            may_answer.wait(10.0)
        return look_at(asked, **more)

    monkeypatch.setattr(os, "stat", hang)
    asking = threading.Thread(target=copies.is_complete, args=(path,))
    asking.start()
    assert is_asked.wait(10.0)
    covering = threading.Thread(target=copies.cover, args=((),))
    covering.start()
    covering.join(5.0)
    was_held_up = covering.is_alive()
    may_answer.set()
    for thread in (asking, covering):
        thread.join(10.0)
    assert not was_held_up
