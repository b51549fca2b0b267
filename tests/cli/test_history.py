"""``lull history`` and ``lull bans``: read from the memory's file, with or without a running speaker."""

from __future__ import annotations

import json
import shutil
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from player.cli.client import commands as client
from player.cli.main import main
from player.session.memory.memory import RememberedTrack
from player.session.memory.records import Batch, Documents, EndedSession, HeardEntry, HeardHow, texts
from player.storage.memory_db import MemoryDb

EVENING = datetime(2026, 1, 15, 22, 30, tzinfo=ZoneInfo("Europe/Berlin"))
BANS = (
    RememberedTrack("/rain/a.mp3", "Airhorn", EVENING),
    RememberedTrack("/rain/b.mp3", "Bell\x1b[2J", EVENING + timedelta(days=1)),
)


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A config whose speaker has played two nights, the first one past midnight."""
    file = tmp_path / "lull.yaml"
    file.write_text("playlists: {rain: {paths: [/rain]}}\nmqtt: off\nstate_dir: state\n", encoding="utf-8")
    store = MemoryDb(tmp_path / "state")
    first, second = EVENING + timedelta(hours=2), EVENING + timedelta(days=1)
    heard = (
        HeardEntry(EVENING, "rain", "/rain/d.mp3", "Drops", HeardHow.OPENED),
        HeardEntry(first, "rain", "/rain/d.mp3", "Drops", HeardHow.SKIPPED),
        HeardEntry(first, "rain", "/rain/g.mp3", "Gutter", HeardHow.PLAYED),
        HeardEntry(second, "rain", "/rain/g.mp3", "Gutter", HeardHow.OPENED),
    )
    ended = (
        EndedSession(EVENING, "schedule:night", "rain", 150.0, "timer"),
        EndedSession(second, "cli", "rain", 45.0, "stop"),
    )
    store.write(Batch(texts(Documents(bans=BANS)), heard, ended))
    store.close()
    return file


def test_nights_are_listed_with_sessions_and_tracks(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What was heard after midnight belongs to the evening before; a skipped track stands there once."""
    assert main(["history", "--config", str(config)]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "Thu 15 Jan 2026",
        "  22:30  rain, 2h30m (schedule:night; ended by the sleep timer)",
        "  22:30      Drops (skipped)",
        "  00:30      Gutter",
        "Fri 16 Jan 2026",
        "  22:30  rain, 45m (cli; stopped)",
        "  22:30      Gutter",
    ]


def test_a_track_that_was_skipped_is_listed_once(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """When it began; one that was skipped before it sounded, or in another playlist, has a line of its own."""
    store = MemoryDb(config.parent / "state")
    began = EVENING + timedelta(days=2)
    how = (
        ("rain", "a", HeardHow.OPENED), ("rain", "a", HeardHow.SKIPPED), ("rain", "a", HeardHow.SKIPPED),
        ("rain", "b", HeardHow.PLAYED), ("sea", "b", HeardHow.SKIPPED),
    )  # fmt: skip
    entries = [HeardEntry(began + timedelta(minutes=n), p, f"/{t}", t, why) for n, (p, t, why) in enumerate(how)]
    store.write(Batch({}, tuple(entries), (EndedSession(began, "cli", "rain", 45.0, "stop"),)))
    store.close()
    assert main(["history", "--config", str(config), "--nights", "1"]) == 0
    assert capsys.readouterr().out.splitlines()[2:] == [
        "  22:30      a (skipped)", "  22:32      a (skipped)", "  22:33      b", "  22:34      b (skipped)",
    ]  # fmt: skip
    assert main(["history", "--config", str(config), "--nights", "1", "--json"]) == 0
    (night,) = json.loads(capsys.readouterr().out)
    assert [track["how"] for track in night["tracks"]] == ["skipped", "skipped", "played", "skipped"]


def test_a_session_that_is_still_running_is_not_part_of_the_one_before(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It has a line of its own, without an end."""
    store = MemoryDb(config.parent / "state")
    began = EVENING + timedelta(days=1, hours=1)
    store.write(Batch({}, (HeardEntry(began, "rain", "/rain/d.mp3", "Drops", HeardHow.OPENED),), ()))
    store.close()
    assert main(["history", "--config", str(config), "--nights", "1"]) == 0
    assert capsys.readouterr().out.splitlines()[-2:] == ["  23:30  rain, not ended yet", "  23:30      Drops"]


def test_a_session_whose_end_was_lost_has_a_line_of_its_own(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The daemon was killed and another session runs now; neither is part of the one before."""
    store = MemoryDb(config.parent / "state")
    times = [EVENING + timedelta(days=1, hours=hours) for hours in (1, 2)]
    store.write(Batch({}, tuple(HeardEntry(at, "rain", "/r/d", "Drops", HeardHow.OPENED) for at in times), ()))
    store.close()
    assert main(["history", "--config", str(config), "--nights", "1"]) == 0
    assert capsys.readouterr().out.splitlines()[-4:] == [
        "  23:30  rain, no end is known",
        "  23:30      Drops",
        "  00:30  rain, not ended yet",
        "  00:30      Drops",
    ]


def test_only_the_last_nights_and_as_json(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """For programs, with times and paths."""
    assert main(["history", "--nights", "1", "--json", "--config", str(config)]) == 0
    (night,) = json.loads(capsys.readouterr().out)
    assert night["night"] == "2026-01-16"
    assert night["sessions"][0] == {
        "started": "2026-01-16T22:30:00+01:00", "why": "cli", "playlist": "rain", "minutes": 45.0, "reason": "stop",
        "problems": 0,
    }  # fmt: skip
    assert [(track["uri"], track["how"]) for track in night["tracks"]] == [("/rain/g.mp3", "opened")]


def test_bans_are_listed_without_what_a_terminal_would_obey(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Titles come from files."""
    assert main(["bans", "--config", str(config)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "2026-01-15  Airhorn  /rain/a.mp3"
    assert "\x1b" not in lines[1]
    assert main(["bans", "--json", "--config", str(config)]) == 0
    assert [ban["uri"] for ban in json.loads(capsys.readouterr().out)] == ["/rain/a.mp3", "/rain/b.mp3"]


def test_taking_a_ban_back_asks_the_running_speaker(monkeypatch: pytest.MonkeyPatch) -> None:
    """The very command that `never_again --undo` sends."""
    asked = []
    monkeypatch.setattr(client, "send", lambda _args, verb, fields: asked.append((verb.name, fields)) or 0)
    assert main(["bans", "--undo", "Airhorn", "--host", "broker"]) == 0
    assert asked == [("never_again", {"track": "Airhorn", "undo": True})]


@pytest.mark.parametrize("command", ["history", "bans"])
def test_where_nothing_is_remembered_that_is_said(
    command: str, config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """No file: a reason and exit code 1."""
    shutil.rmtree(config.parent / "state")
    assert main([command, "--config", str(config)]) == 1
    assert "nothing has been remembered yet" in capsys.readouterr().err


def test_a_wrong_number_of_nights_is_a_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    """With the range that is allowed."""
    for text in ("0", "x", "1001"):
        with pytest.raises(SystemExit) as ended:
            main(["history", "--nights", text])
        assert ended.value.code == 2
        assert "1 to 1000" in capsys.readouterr().err


@pytest.mark.parametrize("verb", ["history", "bans"])
def test_a_fault_elsewhere_in_the_config_hides_no_memory(
    verb: str, config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Only what says where the memory lies has to be right."""
    main([verb, "--config", str(config)])
    good = capsys.readouterr().out
    config.write_text(config.read_text() + "volume: {max: 900}\n", encoding="utf-8")
    assert main([verb, "--config", str(config)]) == 0
    assert capsys.readouterr().out == good
    config.write_text("state_dir: [1]\nplaylists: {rain: {paths: [/rain]}}\n", encoding="utf-8")
    assert main([verb, "--config", str(config)]) == 1
    assert "state_dir" in capsys.readouterr().err
