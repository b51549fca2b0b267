"""``lull scan``: what it prints for people and for programs, what it keeps, and how it is interrupted."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from player.audio.dsp.planned_gain import encode as encode_plan
from player.cli import paths, scan, scan_table
from player.cli.main import main
from player.cli.measure_first import MeasureRun, progress_line
from player.config import parse
from player.core.events import Track
from player.core.measurement import Measured, MeasureResult, Surprise
from player.core.settings.safety import LimitSettings
from player.library.scanner import ScanCounts, Scanned
from tests import signals
from tests.audio_files import encode, noise, write_wav
from tests.fakes.store import FakeStore
from tests.live.daemon import ROOT

CALM = Measured(200.0, -25.0, -25.0, 2.0, -22.0, -24.0, -24.0, -10.0, -24.0)
_GAINS = np.repeat([0.0, -4.0, 0.0, -12.0, 0.0], [1000, 100, 1900, 80, 500])
PLANNED = replace(CALM, surprises=(Surprise(5.0, 30.0, 9.0),), plan=encode_plan(_GAINS), calm_lufs=-25.0)
"""Lowered at 10 s and at 30 s, and not where a surprise was found."""
FORMATS = {"flac": (), "mp3": ("-b:a", "192k"), "ogg": ("-q:a", "6"), "opus": ("-b:a", "128k"), "m4a": ("-b:a", "192k")}


@pytest.mark.parametrize(
    ("finding", "words"),
    [
        (MeasureResult(CALM), "calm"),
        (MeasureResult(replace(CALM, surprises=(Surprise(751.0, 28.4, 9.0),))), "1 surprise at 12:31 +28 dB: lowered"),
        (
            MeasureResult(replace(CALM, surprises=(Surprise(60.0, 12.0, 6.0), Surprise(3751.0, 28.0, 9.0)))),
            "2 surprises, worst at 1:02:31 +28 dB: lowered",
        ),
        (MeasureResult(PLANNED), "lowered 2 times, most at 0:30 for 0.8 s by 12 dB"),
        (
            MeasureResult(replace(PLANNED, lowered_in=("all", "2000 Hz"))),
            "lowered 2 times, most at 0:30 for 0.8 s by 12 dB around 2000 Hz",
        ),
        (MeasureResult(replace(PLANNED, plan=b"")), "calm"),
        (MeasureResult(None, "has no sound in it"), "unplayable: has no sound in it"),
        (MeasureResult(replace(CALM, faults=1)), "calm; damaged in 1 place: silenced"),
        (
            MeasureResult(replace(CALM, faults=3), "lacks 2m of its 5m"),
            "calm; damaged in 3 places: silenced; lacks 2m of its 5m",
        ),
        (MeasureResult(replace(CALM, programme_lufs=-float("inf"))), "silent"),
    ],
)
def test_a_verdict_says_what_is_worth_knowing(finding: MeasureResult, words: str) -> None:
    """Calm, surprises and the worst of them, damage, or why it cannot be played."""
    assert scan_table.verdict(finding) == words


def test_the_table_is_aligned_and_shows_the_gain(tmp_path: Path) -> None:
    """Loudness, range, true peak, length and gain, folder by folder; nothing that a terminal would obey."""
    tracks = [(Track("/m/a.flac", "a"), 0.0), (Track("/m/b\x1b[2J.mp3", "b"), -3.0), (Track("/n/c.wav", "c"), 0.0)]
    results = {
        "/m/a.flac": Scanned("/m/a.flac", MeasureResult(CALM), is_new=True),
        "/m/b\x1b[2J.mp3": Scanned("/m/b\x1b[2J.mp3", MeasureResult(CALM), is_new=False),
        "/n/c.wav": Scanned("/n/c.wav", MeasureResult(None, "is empty"), is_new=False),
    }
    rows = scan_table.rows(tracks, results, LimitSettings())
    assert [row.gain_db for row in rows] == [2.0, -1.0, None]
    lines = list(scan_table.lines(rows, 2, MeasureRun([], FakeStore())))
    assert lines[:3] == [
        "  loud   LRA   peak   length   gain",
        "/m/",
        " -25.0   2.0  -10.0     3:20   +2.0  a.flac: calm",
    ]
    assert "\x1b" not in "".join(lines)
    assert any(line.endswith("  c.wav: unplayable: is empty") for line in lines)
    assert "2 streams skipped: their content is not known in advance" in lines
    assert lines[-1] == "3 tracks, 6m40s of sound: 2 without surprises, 1 unplayable"


def test_the_line_of_progress_tells_how_far_and_how_long() -> None:
    """Tracks, hours, speed, and the time left by the size of the files."""
    tally = ScanCounts(files=10, done=4, measured_s=7200.0, bytes=1000, bytes_done=250)
    assert progress_line(tally, 60.0) == "4/10 tracks, 2.0 h, 120 x real time, 3m left"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home of its own for whatever is kept without a config."""
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture(scope="module")
def music(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pink noise in every format, a whisper with a slam, and things that are no music."""
    folder = tmp_path_factory.mktemp("music")
    pink = np.ascontiguousarray(signals.pink(12.0))
    for kind, options in FORMATS.items():
        encode(folder / f"pink.{kind}", pink, *options)
    whisper = np.ascontiguousarray(signals.pink(30.0, rms=0.005))
    write_wav(folder / "whisper.wav", signals.with_part(whisper, 20.0, signals.slam()[48_000:57_600]))
    (folder / "text.mp3").write_bytes(b"this is no music\n" * 20)
    (folder / "empty.flac").touch()
    return folder


def objects(capsys: pytest.CaptureFixture[str], *words: str) -> dict[str, Any]:
    """What ``lull scan --json`` says."""
    assert main(["scan", "--json", *words]) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


@pytest.mark.live
@pytest.mark.slow
def test_every_format_is_measured_alike_and_remembered(
    music: Path, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Loudness within 0.5 LU of each other in five formats; bad files are told with exit code 0; then all is known."""
    found = objects(capsys, str(music))
    by_name = {Path(track["path"]).name: track for track in found["tracks"]}
    loudness = [by_name[f"pink.{kind}"]["programme_lufs"] for kind in FORMATS]
    assert max(loudness) - min(loudness) < 0.5
    assert all(by_name[f"pink.{kind}"]["verdict"] == "calm" for kind in FORMATS)
    (lowered,) = by_name["whisper.wav"]["lowered"]
    assert lowered["at_s"] == pytest.approx(20.0, abs=0.1)
    assert lowered["lowered_db"] > 20
    assert "surprises" not in by_name["whisper.wav"]
    assert by_name["text.mp3"]["verdict"].startswith("unplayable: ")
    assert by_name["empty.flac"]["verdict"] == "unplayable: is empty"
    assert found["measured_now"] == 7
    assert (home / ".local/share/lull/lull.db").is_file()
    again = objects(capsys, str(music))
    assert again["measured_now"] == 0
    assert [track["verdict"] for track in again["tracks"]] == [track["verdict"] for track in found["tracks"]]
    assert objects(capsys, "--all", "--jobs", "1", str(music / "pink.flac"))["measured_now"] == 1


@pytest.mark.live
@pytest.mark.slow
def test_a_config_says_what_is_scanned_and_where_it_is_kept(
    music: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """All of its playlists, streams left out, with the playlist's gain and the config's target."""
    config = tmp_path / "lull.yaml"
    config.write_text(
        "mqtt: off\nstate_dir: state\nlimits: {target: -30}\nplaylists:\n"
        f"  one: {{paths: [{music}/pink.flac, 'http://radio.lan/x'], gain: -2}}\n"
        f"  two: {{paths: [{music}/pink.opus]}}\n"
    )
    assert main(["scan", "--config", str(config)]) == 0
    text = capsys.readouterr().out
    assert "pink.flac: calm" in text
    assert "pink.opus: calm" in text
    assert "1 stream skipped" in text
    assert (tmp_path / "state" / "lull.db").is_file()
    found = objects(capsys, "--config", str(config))
    flac, opus = found["tracks"]
    assert flac["gain_db"] == pytest.approx(opus["gain_db"] - 2.0, abs=0.3)
    assert flac["gain_db"] == pytest.approx(-30.0 - flac["calm_lufs"] - 2.0, abs=0.01)


def test_wrong_usage_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing to scan is refused with what is needed; a number of jobs must be one."""
    monkeypatch.setattr(paths, "DEFAULT_CONFIG", tmp_path / "absent")
    assert main(["scan"]) == 1
    assert "give PATHs, or a config with playlists; looked for --config, then" in capsys.readouterr().err
    with pytest.raises(SystemExit) as ended:
        main(["scan", "--jobs", "none", "x"])
    assert ended.value.code == 2
    assert "from 1 to 64" in capsys.readouterr().err


@pytest.mark.live
@pytest.mark.slow
def test_ctrl_c_keeps_what_was_done(tmp_path: Path, home: Path) -> None:
    """Exit code 130 with a sentence, the finished track is known to the next scan, no process stays."""
    music = tmp_path / "music"
    music.mkdir()
    write_wav(music / "a short one.wav", noise(2.0))
    write_wav(music / "b long one.wav", np.tile(noise(10.0), (80, 1)))
    command = [sys.executable, "-m", "player", "scan", "--jobs", "1", str(music)]
    process = subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    database = home / ".local/share/lull/lull.db"
    give_up_s = time.monotonic() + 20.0
    while b"short" not in written(database):
        assert time.monotonic() < give_up_s
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=20)
    assert process.returncode == 130
    assert "interrupted: 1 of 2 tracks done and saved" in err
    assert "a short one.wav: calm" in out
    with pytest.raises(ProcessLookupError):
        os.killpg(process.pid, 0)


def written(database: Path) -> bytes:
    """All bytes of the database and its journal."""
    return b"".join(path.read_bytes() for path in database.parent.glob("lull.db*"))


def test_what_a_playlist_opens_with_is_measured_as_well(tmp_path: Path) -> None:
    """A night begins with it, so it must not count as loud."""
    for name in ("first.wav", "rain.wav"):
        (tmp_path / name).write_bytes(b"x")
    config = parse(f"playlists: {{rain: {{paths: [{tmp_path}/rain.wav], opening: {tmp_path}/first.wav}}}}\n")
    assert [track.title for track, _ in scan.find_material([], config).tracks] == ["first", "rain"]


def test_where_nothing_can_be_played_the_exit_code_says_so(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Files that are no music alone are a failure; beside one that plays, or a stream, they are not."""
    broken = tmp_path / "broken.mp3"
    broken.write_bytes(b"this is no music\n" * 20)
    whole = write_wav(tmp_path / "whole.wav", np.ascontiguousarray(signals.pink(2.0)))
    assert main(["scan", str(broken)]) == 1
    assert capsys.readouterr().err.endswith("lull: none of the tracks can be played\n")
    assert main(["scan", str(broken), str(whole)]) == 0
    assert main(["scan", str(broken), "http://127.0.0.1:9/radio"]) == 0
