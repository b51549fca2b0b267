"""``lull schedule`` without a value: what it lists."""

from __future__ import annotations

import argparse
import json
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from player.cli.client import schedule_list
from player.cli.client.schedule_list import moment, starts, switches_of
from player.cli.main import main
from player.config import load
from player.core.errors import LullError
from tests.live.broker import free_port

CONFIG = """\
playlists: {rain: {paths: [/srv/rain]}, sea: {paths: [/srv/sea]}}
timer: 45m
away: [2026-03-24, 2026-04-02 to 2026-04-30]
schedule:
  - {name: night, at: "02:30", at_on: {sat: "23:15"}, days: [fri, sat, sun, mon, tue]}
  - {name: other, at: "22:00", days: wed, playlist: sea, timer: off, leave_out: 2026-03-25}
"""


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A config, in Berlin."""
    monkeypatch.setenv("TZ", "Europe/Berlin")
    file = tmp_path / "lull.yaml"
    file.write_text(CONFIG, encoding="utf-8")
    return file


def test_two_weeks_are_listed(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A skipped hour, days with a time of their own, dates left out by the entry and by all, and no end by a timer."""
    assert main(["schedule", "--from", "2026-03-22T12:00", "--config", str(config)]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "Mon 2026-03-23 02:30  night  rain, timer 45m",
        "Fri 2026-03-27 02:30  night  rain, timer 45m",
        "Sat 2026-03-28 23:15  night  rain, timer 45m",
        "Sun 2026-03-29 03:00  night  rain, timer 45m",
        "Mon 2026-03-30 02:30  night  rain, timer 45m",
        "Tue 2026-03-31 02:30  night  rain, timer 45m",
        "Wed 2026-04-01 22:00  other  sea, timer off",
    ]


def test_as_json_with_the_moment_of_silence(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The same for programs; silence is counted in real seconds."""
    assert main(["schedule", "--from", "2026-03-31", "--days", "2", "--json", "--config", str(config)]) == 0
    night, other = json.loads(capsys.readouterr().out)
    assert night == {
        "start": "2026-03-31T02:30:00+02:00", "entry": "night", "playlist": "rain", "volume": 30,
        "silent": "2026-03-31T03:15:00+02:00",
    }  # fmt: skip
    assert other["silent"] is None


def test_nothing_planned_is_said(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Everybody is away."""
    assert main(["schedule", "--from", "2026-04-03", "--config", str(config)]) == 0
    assert capsys.readouterr().out == "no start is planned within 14 days\n"


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["--from", "tomorrow"], "'tomorrow' is not a time"),
        (["--from", "9999-12-31"], "'9999-12-31' is out of range; allowed are 100 years before and after today"),
        (["--from", "0001-01-01T00:00+14:00"], "is out of range"),
        (["--days", "0"], "--days 0 is out of range"),
        (["--days=--5"], "is not a day"),
    ],
)
def test_wrong_words_are_refused(
    config: Path, capsys: pytest.CaptureFixture[str], words: list[str], reason: str
) -> None:
    """Named, with what is allowed."""
    assert main(["schedule", *words, "--config", str(config)]) == 2
    assert reason in capsys.readouterr().err


def test_a_time_with_an_offset_is_shown_in_the_local_zone() -> None:
    """18:00 in Kathmandu is 13:15 in Berlin in winter; a date alone is its local midnight."""
    now = datetime(2026, 1, 1, tzinfo=ZoneInfo("Europe/Berlin"))
    assert moment("2026-01-15T18:00+05:45", now).isoformat() == "2026-01-15T13:15:00+01:00"
    assert moment("2026-07-01", now).isoformat() == "2026-07-01T00:00:00+02:00"
    with pytest.raises(LullError, match="is not a time"):
        moment("7 pm", now)


def test_rest_nights_are_left_out_or_play_something_else(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Of the nights of a week so many fewer are listed; with a playlist of their own all are, with that one."""
    listed = {}
    for rests in ("off", "2 per week", "{per_week: 2, playlist: sea}"):
        config.write_text(
            "playlists: {rain: {paths: [/r]}, sea: {paths: [/s]}}\nschedule: [{name: night, at: 22:00}]\n"
            f"rest_nights: {rests}\n"
        )
        words = ["--from", "2026-05-04", "--days", "7", "--config", str(config)]  # a Monday
        assert main(["schedule", *words]) == 0
        listed[rests] = [line.split("  ")[2] for line in capsys.readouterr().out.splitlines()]
    assert listed["off"] == ["rain, timer 45m"] * 7
    assert listed["2 per week"] == ["rain, timer 45m"] * 5
    assert sorted(listed["{per_week: 2, playlist: sea}"]) == ["rain, timer 45m"] * 5 + ["sea, timer 45m"] * 2


def state(**changed: Any) -> dict[str, Any]:
    """What the speaker tells when nothing was changed by hand, and then what was."""
    entries = {
        "night": {"enabled": True, "at": "02:30", "moved": False, "next": None},
        "other": {"enabled": True, "at": "22:00", "moved": False, "next": None},
    }
    return {"schedule": True, "skip_tonight": False, "entries": entries | changed.pop("entries", {}), **changed}


@pytest.mark.parametrize(
    ("told", "listed"),
    [
        (state(), ["Mon 02:30 night", "Tue 02:30 night", "Wed 22:00 other", "Fri 02:30 night"]),
        (state(schedule=False), []),
        (state(skip_tonight=True), ["Tue 02:30 night", "Wed 22:00 other", "Fri 02:30 night"]),
        (
            state(entries={"other": {"enabled": False, "at": "22:00", "moved": False, "next": None}}),
            ["Mon 02:30 night", "Tue 02:30 night", "Fri 02:30 night"],
        ),
        (
            state(entries={"other": {"enabled": True, "at": "21:15", "moved": True, "next": None}}),
            ["Mon 02:30 night", "Tue 02:30 night", "Wed 21:15 other", "Fri 02:30 night"],
        ),
        (
            state(
                schedule=False,
                entries={"tonight": {"enabled": True, "at": "23:15", "moved": False, "next": "2026-05-04T21:15:00Z"}},
            ),
            ["Mon 23:15 tonight"],
        ),
    ],
)
def test_what_was_changed_by_hand_counts(config: Path, told: dict[str, Any], listed: list[str]) -> None:
    """Switched off as a whole or by entry, this night skipped, moved, planned for once: as the speaker tells it."""
    now = datetime(2026, 5, 4, 1, 0, tzinfo=ZoneInfo("Europe/Berlin"))  # the night of Sunday to Monday
    settings = load(config).settings
    found = starts(settings, now, 5, switches_of(told, settings, now))
    assert [f"{planned:%a %H:%M} {entry.name}" for entry, planned in found] == listed


def test_a_speaker_that_does_not_answer_is_said(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The list is the config's then, and a line above it says what it lacks; nothing listens on that port."""
    config.write_text(f"mqtt: {{host: 127.0.0.1, port: {free_port()}}}\n{CONFIG}", encoding="utf-8")
    assert main(["schedule", "--from", "2026-03-22T12:00", "--days", "1", "--config", str(config)]) == 0
    told = capsys.readouterr()
    assert told.out == "Mon 2026-03-23 02:30  night  rain, timer 45m\n"
    assert told.err.splitlines()[-1] == "lull: so this is what the config plans, without what was changed by hand:"


def test_without_a_config_the_next_start_of_each_entry_is_listed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As with --host, where the speaker is on another machine: it tells no more than that."""
    monkeypatch.setattr("player.cli.paths.DEFAULT_CONFIG", Path("/nonexistent/lull.yaml"))
    late, soon = "2026-05-06T20:00:00+00:00", "2026-05-05T00:30:00+00:00"
    told = state()
    told["entries"]["other"]["next"], told["entries"]["night"]["next"] = late, soon
    asked = argparse.Namespace(
        since="2026-05-04T12:00+00:00", days=None, json=False, host="broker", config=None, all=False, group=None
    )
    assert schedule_list.run(asked, lambda: told) == 0
    assert [line.split("  ")[-1] for line in capsys.readouterr().out.splitlines()] == ["night", "other"]
    asked.json, asked.days = True, "1"
    assert schedule_list.run(asked, lambda: told) == 0
    (only,) = json.loads(capsys.readouterr().out)
    assert datetime.fromisoformat(only["start"]) == datetime.fromisoformat(soon)
    assert (only["entry"], only["playlist"]) == ("night", None)
    assert schedule_list.run(asked, lambda: None) == 3


def test_what_a_start_plays_is_listed_with_its_phases(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A night in phases with its end; the start that was planned by hand as the speaker tells it."""
    file = tmp_path / "lull.yaml"
    file.write_text(
        "playlists: {rain: {paths: [/r]}, sea: {paths: [/s]}}\n"
        "schedule: [{name: night, at: '22:30', timer: 45m, then: [{playlist: sea, volume: 10, until: '06:30'}]}]\n",
        encoding="utf-8",
    )
    assert main(["schedule", "--from", "2026-01-15", "--days", "1", "--config", str(file)]) == 0
    assert capsys.readouterr().out == "Thu 2026-01-15 22:30  night  rain, timer 45m, then sea, silent at 06:30\n"
    now = datetime(2026, 1, 15, 12, 0, tzinfo=ZoneInfo("Europe/Berlin"))
    once = {
        "enabled": True,
        "at": "23:15",
        "moved": False,
        "next": "2026-01-15T22:15:00Z",
        "playlist": "sea",
        "volume": 9,
    }
    settings = load(file).settings
    *_, (entry, planned) = starts(settings, now, 1, switches_of(state(entries={"tonight": once}), settings, now))
    assert (f"{planned:%H:%M}", entry.name, entry.playlist, entry.volume) == ("23:15", "tonight", "sea", 9)


def test_a_morning_is_listed_with_its_own_end(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """20 minutes of rise and half an hour, whatever the general timer and the rest nights say."""
    file = tmp_path / "lull.yaml"
    file.write_text(
        "playlists: {birds: {paths: [/b]}}\ntimer: off\nrest_nights: 6 per week\n"
        "schedule: [{name: up, at: '6:30', kind: morning}]\n",
        encoding="utf-8",
    )
    asked = ["schedule", "--from", "2026-03-23T00:00", "--config", str(file)]
    assert main([*asked, "--days", "7"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 7
    assert lines[0].endswith("up  morning: birds, timer 50m")
    assert main([*asked, "--days", "1", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)[0]["silent"].startswith("2026-03-23T07:20:00")
