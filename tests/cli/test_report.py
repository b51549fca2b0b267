"""``lull report``: the night for people, as JSON and as a picture."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path

import pytest

from player.cli import report
from player.cli.client.nights import night_of
from player.cli.main import main
from player.core.night_report import NightReport
from player.mqtt import payloads
from player.session.memory.records import Batch, Documents, texts
from player.storage.memory_db import MemoryDb
from tests.mqtt.nights import NIGHT


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A config whose memory has a night."""
    path = tmp_path / "lull.yaml"
    path.write_text(f"playlists: {{rain: {{paths: [noise:rain]}}}}\nstate_dir: {tmp_path}\n", encoding="utf-8")
    base = MemoryDb(tmp_path)
    base.write(Batch(texts(Documents(night=NIGHT))))
    base.close()
    return path


def test_the_night_is_told_in_lines(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """When, why, what it played, and what was held down."""
    assert main(["report", "--config", str(config)]) == 0
    shown = capsys.readouterr().out
    assert "The night of Saturday 31 January 2026" in shown
    assert "22:30 to 06:30, ended by the sleep timer; started by schedule:weeknights" in shown
    assert "3 surprises, by 9 dB at most (at 00:30 in Drops)" in shown


@pytest.mark.parametrize(("minutes", "played"), [(0.4, "24s so far, 1 session"), (71.6, "1h12m so far, 1 session")])
def test_a_night_that_goes_on_is_told_as_it_is(minutes: float, played: str) -> None:
    """The first minute in seconds."""
    told = list(report.lines(replace(NIGHT, end=None, ended_by=None, minutes=minutes, sessions=1)))
    assert "22:30 still going on" in told[1]
    assert told[2].endswith(f"played      {played}")


def test_the_json_is_what_is_published(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The same keys as on the topic."""
    assert main(["report", "--json", "--config", str(config)]) == 0
    fields = json.loads(capsys.readouterr().out)
    assert fields["text"] == NIGHT.text
    assert fields["held_down"]["count"] == 3


def test_the_picture_is_a_valid_svg(config: Path, tmp_path: Path) -> None:
    """One bar for each five minutes and level, and the text of the night."""
    path = tmp_path / "night.svg"
    assert main(["report", "--picture", str(path), "--config", str(config)]) == 0
    root = ET.fromstring(path.read_text(encoding="utf-8"))  # noqa: S314 - our own file
    bars = [element for element in root if element.tag.endswith("rect")]
    assert len(bars) == 1 + 2 * len(NIGHT.curve)
    assert any(NIGHT.text == element.text for element in root)


def test_without_a_clock_no_night_is_said_to_have_been_used() -> None:
    """The night that is told was one, and nobody knows which."""
    night = NightReport(night=NIGHT.night, start=NIGHT.start)
    assert list(report.lines(night))[-1] == "  nights      not counted while the clock is not set"


@pytest.mark.parametrize("columns", [20, 60, 80, 120, 300])
def test_the_picture_in_the_terminal_fits_it(columns: int) -> None:
    """However wide it is."""
    assert all(len(line) <= columns for line in report.plot(NIGHT, columns))


def test_a_picture_needs_a_name_that_ends_in_svg(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It says so."""
    assert main(["report", "--picture", "night.png", "--config", str(config)]) == 1
    assert "ends in .svg" in capsys.readouterr().err


def test_a_memory_without_a_night_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A night before the first one is an error with a reason."""
    path = tmp_path / "lull.yaml"
    path.write_text(f"playlists: {{rain: {{paths: [noise:rain]}}}}\nstate_dir: {tmp_path}\n", encoding="utf-8")
    base = MemoryDb(tmp_path)
    base.write(Batch(texts(Documents(night=NightReport()))))
    base.close()
    assert main(["report", "--config", str(path)]) == 1
    assert "no night is recorded yet" in capsys.readouterr().err


def test_what_was_published_is_the_same_report() -> None:
    """The night as it comes back from its topic reads and looks like the one in the memory."""
    read = night_of(payloads.night(NIGHT))
    assert read is not None
    assert list(report.lines(read)) == list(report.lines(NIGHT))
    assert report.drawing(read) == report.drawing(NIGHT)


@pytest.mark.parametrize("payload", [b"", b"{}", b"5", b'{"start": 5}', b'{"start": "2026-01-31"}', b'{"tracks": [5]}'])
def test_a_payload_that_is_no_report_is_none(payload: bytes) -> None:
    """Whoever may write to the broker can write anything there."""
    assert night_of(payload) is None


def test_no_night_at_the_broker_is_none() -> None:
    """A new speaker publishes that there is none."""
    assert night_of(payloads.night(NightReport())) is None


@pytest.mark.parametrize(("argv", "reason"), [
    (["--group", "upstairs", "--picture"], "--picture shows one speaker"),
    (["--all", "--picture"], "--picture shows one speaker"),
])  # fmt: skip
def test_what_cannot_be_shown_is_wrong_usage(argv: list[str], reason: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Before anybody is asked."""
    assert main(["report", *argv]) == 2
    assert reason in capsys.readouterr().err


def test_a_memory_of_another_speaker_is_not_taken_for_it(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`lull history --device child` on the bedroom's machine has nothing to read."""
    assert main(["history", "--device", "child", "--config", str(config)]) == 1
    assert "is the memory of lull, not that of child" in capsys.readouterr().err
