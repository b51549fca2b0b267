"""What the doctor finds in a playlist: real files, a real store and the mode bits of real folders."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from player.cli.doctor.facts import UserAccount
from player.cli.doctor.judge_setup import judge_playlist
from player.cli.doctor.library_state import take_stock
from player.cli.doctor.probes import access
from player.core.events import Track
from player.core.measurement import MeasureResult
from player.core.settings.session import Playlist
from player.library.file_id import mark_of
from player.session.memory.memory import Memory
from player.storage.measurements_db import MeasurementsDb

LULL = UserAccount("lull", 54_321, frozenset({54_321}), frozenset({"lull"}))
AT = datetime(2026, 1, 15, tzinfo=UTC)


@pytest.fixture
def rain(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Playlist:
    """A folder of four files that every user may read; the folders above count as open."""
    real = access._grants

    def grants(path: Path, account: UserAccount, wanted: int) -> bool:
        return not path.is_relative_to(tmp_path) or path == tmp_path or real(path, account, wanted)

    monkeypatch.setattr(access, "_grants", grants)
    folder = tmp_path / "rain"
    folder.mkdir()
    for name in ("a.mp3", "b.mp3", "c.mp3", "d.mp3"):
        (folder / name).write_bytes(b"\xff\xfb")
        (folder / name).chmod(0o644)
    folder.chmod(0o755)
    return Playlist("rain", (str(folder),))


@pytest.mark.parametrize("mode", [0o700, 0o711])
def test_a_folder_that_only_its_owner_may_list_makes_all_of_it_silent(
    rain: Playlist, tmp_path: Path, mode: int
) -> None:
    """As the home folder of a user is: root sees the music, and the service does not. It had been a warning."""
    (tmp_path / "rain").chmod(mode)
    found = take_stock(rain, tmp_path / "state", Memory(), LULL)
    assert (found.tracks, found.playable, found.closed) == (4, 0, (str(tmp_path / "rain"),))
    wrong, *_ = judge_playlist(found, None)
    assert wrong.what == f"nothing in it can be played: lull cannot read {tmp_path / 'rain'}"
    assert wrong.mend == "chmod o+rX, from there down"


def test_some_files_that_may_not_be_read_leave_the_others(rain: Playlist, tmp_path: Path) -> None:
    """They are named, and a folder that is only entered need not be listed."""
    (tmp_path / "rain" / "a.mp3").chmod(0o600)
    found = take_stock(rain, tmp_path / "state", Memory(), LULL)
    assert (found.playable, found.closed) == (3, (str(tmp_path / "rain" / "a.mp3"),))
    (tmp_path / "rain").chmod(0o711)
    alone = Playlist("one", (str(tmp_path / "rain" / "b.mp3"),))
    assert take_stock(alone, tmp_path / "state", Memory(), LULL).playable == 1


def test_what_no_scan_takes_is_not_called_unmeasured(rain: Playlist, tmp_path: Path) -> None:
    """The empty file is faulty and the other one closed; the doctor had said that the daemon measures them."""
    (tmp_path / "rain" / "a.mp3").chmod(0o600)
    (tmp_path / "rain" / "b.mp3").write_bytes(b"")
    found = take_stock(rain, tmp_path / "state", Memory(), LULL)
    assert (found.playable, found.unmeasured, found.faulty) == (2, 2, ("b.mp3 is empty",))
    assert found.closed == (str(tmp_path / "rain" / "a.mp3"),)


def test_a_file_that_is_lost_in_two_ways_is_lost_once(rain: Playlist, tmp_path: Path) -> None:
    """Banned and faulty: two of four remain, and nothing is wrong; all four had been taken for lost."""
    store, memory = MeasurementsDb(tmp_path / "state"), Memory()
    for name in ("a.mp3", "b.mp3"):
        uri = str(tmp_path / "rain" / name)
        store.keep(mark_of(uri), MeasureResult(None, "has no sound in it"))
        memory.ban(Track(uri, name), AT)
    store.close()
    found = take_stock(rain, tmp_path / "state", memory, LULL)
    assert (found.playable, found.banned, len(found.faulty)) == (2, 2, 2)
    first, *_ = judge_playlist(found, None)
    assert first.what == "4 tracks, 2 banned"


def test_measurements_that_are_damaged_are_no_matter_of_rights(rain: Playlist, tmp_path: Path) -> None:
    """The fault is told, and sudo is not advised: root had been told that this user may not read them."""
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "lull.db").write_bytes(b"no database" * 500)
    found = list(judge_playlist(take_stock(rain, tmp_path / "state", Memory(), LULL), None))
    assert "file is not a database" in found[-1].what
    assert "sets it aside" in str(found[-1].mend)
