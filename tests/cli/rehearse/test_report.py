"""``lull rehearse --report --picture``: the verdict on a night, for people, programs and the exit code."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from player.analysis.lowered import Lowered
from player.audio.dsp.octaves import STREAMS
from player.audio.dsp.tap import Rendered, Sounding
from player.cli.main import main
from player.cli.rehearse.output_files import check_out, check_picture, check_report
from player.cli.rehearse.report import Examination
from player.core.clock import Now
from player.core.engine_orders import Item
from player.core.errors import LullError
from player.core.events import ClauseBroken, GuardReported
from player.core.settings.session import Settings
from player.core.units import volume_to_db
from tests.audio.dsp.listener import whispers
from tests.audio_files import sine, write_wav
from tests.live.daemon import ROOT
from tests.signals import Sound, frames_of, rng_for, silence, with_part

SLAM = "slam"
WORDS = "words"


def slammed(duration_s: float = 50.0) -> Sound:
    """Whispers with 200 ms of full-scale noise at 40 s."""
    noise = rng_for("slam").uniform(-1, 1, (frames_of(0.2), 2)).astype(np.float32)
    return with_part(whispers(duration_s), 40.0, noise)


def rendered(path: Path) -> Sound:
    """The float samples of a rehearsed night."""
    data = path.read_bytes()
    start = data.index(b"data") + 8
    return np.frombuffer(data[start:], np.float32).reshape(-1, 2)


def loudest_db(sound: Sound, began_s: float) -> dict[str, float]:
    """The RMS of the loudest 100 ms, in the slam and in the words after the fade-in before it."""
    found = {}
    for name, (begin_s, end_s) in {SLAM: (39.9, 40.4), WORDS: (15.0, 39.5)}.items():
        part = sound[frames_of(began_s + begin_s) : frames_of(began_s + end_s)]
        tenths = part[: len(part) // 4_800 * 4_800].reshape(-1, 4_800 * 2)
        found[name] = float(10 * np.log10(np.mean(np.square(tenths, dtype=np.float64), axis=1).max()))
    return found


def at(boot_s: float) -> Now:
    """An instant of the rehearsal."""
    return Now(boot_s, datetime(2026, 1, 1, 22, 30, tzinfo=UTC))


def heard(sound: Sound) -> Examination:
    """The examination of a night that left as it is, at full volume."""
    examination = Examination(Settings())
    item = Item(7, "one.wav", "One")
    for start in range(0, len(sound), 4_800):
        block = sound[start : start + 4_800]
        examination.examiner.push(block, Rendered(-20.0, -20.0, (Sounding(item, 0.0, decoded=10 * block),)))
    return examination


@pytest.mark.live
@pytest.mark.slow
def test_a_night_with_a_slam_is_reported_and_drawn(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit 0, because it was brought down: a line for each clause, how far the slam was lowered, and the picture."""
    music = write_wav(tmp_path / "story.wav", slammed())
    out, report, picture = (tmp_path / name for name in ("night.wav", "night.json", "night.png"))
    words = ["rehearse", "--report", str(report), "--picture", str(picture), "--volume", "60", str(out), str(music)]
    for _ in range(2):  # the second time over its own files
        assert main(words) == 0
    text = capsys.readouterr().out
    for clause in ("C1", "C2", "C3", "C4", "C5", "C6", "C8", "C10"):
        assert f"✓ {clause} " in text or f"ok {clause} " in text
    assert "surprise was lowered" not in text, "the leveller knew of it, so the guard had nothing to do"
    assert "1 place stands out of the recordings and was lowered:" in text
    assert "Nothing in this night startles: it keeps the contract. The recordings had" in text
    figures = json.loads(report.read_text())
    assert figures["holds"] is True
    assert {"clause", "text", "value", "unit", "limit", "holds", "at"} == set(figures["contract"][0])
    assert figures["contract"][0]["clause"] == "C1"
    assert figures["surprises"] == []
    place = max(figures["tracks"][0]["lowered"], key=lambda one: one["lowered_db"])
    assert place["lowered_db"] > 10.0
    assert place["stream"] in STREAMS
    began_s = figures["tracks"][0]["at_s"]
    before, after = loudest_db(slammed(), 0.0), loudest_db(rendered(out), began_s)
    assert before[SLAM] > before[WORDS] + 10.0
    assert after[SLAM] < after[WORDS] + 3.0
    assert after[WORDS] == pytest.approx(before[WORDS] + volume_to_db(60), abs=1.0), "the words are left as they are"
    assert figures["tracks"][0]["gain_db"] == pytest.approx(0.0, abs=0.5)
    assert figures["tracks"][0]["is_measured"] is True
    assert figures["tracks"][0]["is_calm"] is False
    assert figures["tracks"][0]["loudness_lufs"]["before"] > figures["tracks"][0]["loudness_lufs"]["after"]
    assert figures["before_the_guard"]["startle_events"] >= 1
    assert picture.read_bytes().startswith(b"\x89PNG")


@pytest.mark.slow
def test_a_broken_clause_is_a_cross_and_a_sentence() -> None:
    """A slam that left: which clause, how often and when; the verdict names it."""
    examination = heard(slammed())
    lines = examination.lines()
    assert any(line.lstrip().startswith(("✗ C1", "NO C1")) for line in lines)
    assert lines[-1].startswith("This night breaks C1 (nothing startles)")
    assert "C1: startle events and bursts" in examination.complaint()
    assert "at 0:" in examination.complaint()
    assert json.dumps(examination.as_dict([]), allow_nan=False)


@pytest.mark.live
@pytest.mark.slow
def test_a_broken_clause_is_exit_code_1(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The files are there all the same. Broken here by a cap that is lower than the volume."""
    from player.cli.rehearse import report as examination

    monkeypatch.setattr(examination, "volume_to_db", lambda _volume: -60.0)
    music = write_wav(tmp_path / "tone.wav", sine(440.0, 30.0, peak=0.05))
    report = tmp_path / "night.json"
    assert main(["rehearse", "--report", str(report), "--volume", "60", str(tmp_path / "night.wav"), str(music)]) == 1
    assert "the night breaks the never-startle contract: C8: highest volume" in capsys.readouterr().err
    assert json.loads(report.read_text())["holds"] is False


def test_surprises_and_mutes_are_told_with_their_times() -> None:
    """A surprise began before the guard told of it; what nobody played has no track."""
    examination = heard(silence(1.0))
    examination.note(at(30.0), GuardReported(7, 12.0, 20.04, 0.5))
    examination.note(at(10.0), GuardReported(None, 0.0, 9.0, 0.2))
    examination.note(at(5.0), ClauseBroken("C1", "a burst"))
    night = examination.as_dict([])
    assert night["surprises"] == [
        {"at": 8.8, "track": None, "position": 0.0, "reduction_db": 9.0, "duration_s": 0.2},
        {"at": 28.5, "track": "One", "position": 12.0, "reduction_db": 20.0, "duration_s": 0.5},
    ]
    assert night["mutes"] == [{"at": 5.0, "reason": "a burst"}]
    assert "2 surprises were lowered, the worst by 20 dB at 0:28 in One." in examination.lines()


def test_what_a_plan_lowered_is_marked_beside_what_the_guard_did() -> None:
    """In the order of the night, at its own moment; what lies behind the part that was heard is left out."""
    examination = heard(rng_for("marks").uniform(-0.1, 0.1, (frames_of(30.0), 2)).astype(np.float32))
    examination.ask(lambda uri: (Lowered(12.0, 0.5, 24.0), Lowered(90.0, 0.5, 9.0)) if uri == "one.wav" else ())
    examination.note(at(29.0), GuardReported(7, 28.0, 12.0, 0.4))
    (planned, guarded) = examination.marks()
    assert planned == (12.0, 24.0)
    assert guarded[1] == 12.0
    assert 12.0 < guarded[0] <= 29.0


def test_a_terminal_without_ticks_gets_words(monkeypatch: pytest.MonkeyPatch) -> None:
    """An encoding that has no tick is no error."""

    class Plain:
        encoding = "ascii"

    examination = heard(silence(1.0))
    monkeypatch.setattr(sys, "stdout", Plain())
    lines = examination.lines()
    monkeypatch.undo()
    assert lines[0].startswith("  ok C1")


def test_somebody_s_files_are_not_written_over(tmp_path: Path) -> None:
    """Music, a photograph or a config in place of an output is refused, and stays."""
    for check, name in (
        (check_out, "a.wav"),
        (check_picture, "a.png"),
        (check_picture, "a.svg"),
        (check_report, "a.json"),
    ):
        path = tmp_path / name
        path.write_bytes(b'{"somebody": "else"}' * 100)
        with pytest.raises(LullError, match=rf"{name} already exists"):
            check(path, []) if check is check_out else check(path)  # type: ignore[call-arg]
        assert path.read_bytes().startswith(b'{"somebody"')


def test_an_output_that_cannot_be_looked_at_is_refused(tmp_path: Path) -> None:
    """Its folder has a name that is too long for the file system; a folder that may not be entered is the same."""
    folder = tmp_path / ("x" * 300)
    for check, name in ((check_report, "a.json"), (check_picture, "a.png")):
        with pytest.raises(LullError, match="cannot write"):
            check(folder / name)
    with pytest.raises(LullError, match="cannot write"):
        check_out(folder / "a.wav", [str(folder)])


def test_an_unknown_suffix_is_refused_with_the_choices(tmp_path: Path) -> None:
    """A song that was named by mistake is never touched."""
    with pytest.raises(LullError, match=r"must end in \.png or \.svg"):
        check_picture(tmp_path / "song.mp3")
    with pytest.raises(LullError, match=r"must end in \.json"):
        check_report(tmp_path / "song.mp3")


def test_what_cannot_be_written_is_said_before_the_night_is_rendered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A folder that is not there, and one that may not be written into."""
    with pytest.raises(LullError, match="does not exist"):
        check_picture(tmp_path / "missing" / "a.png")
    monkeypatch.setattr(os, "access", lambda *_: False)
    for check in (check_picture, check_report):
        with pytest.raises(LullError, match="permission denied"):
            check(tmp_path / ("a.png" if check is check_picture else "a.json"))
    with pytest.raises(LullError, match="permission denied"):
        check_out(tmp_path / "a.wav", [])
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_without_matplotlib_the_command_that_installs_it_is_said(tmp_path: Path) -> None:
    """Exit 1 at once; and nothing but a picture imports it."""
    script = (
        "import sys; sys.modules['matplotlib'] = None\n"
        "from player.cli.main import main\n"
        f"words = ['rehearse', '--picture', {str(tmp_path / 'a.png')!r}, {str(tmp_path / 'a.wav')!r}, 'noise:rain']\n"
        "sys.exit(main(words))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 1
    assert "a picture needs matplotlib, which is not installed; install it with:" in done.stderr
    assert "-m pip install matplotlib" in done.stderr
    assert not list(tmp_path.iterdir())
