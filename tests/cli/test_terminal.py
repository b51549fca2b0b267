"""The line of long work: it is not drawn too often, and ends with what was told last."""

from __future__ import annotations

import io
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from player.cli.terminal import Progress, folded
from player.core.units import format_bytes
from tests import effort
from tests.audio_files import sine, write_wav
from tests.paths import ROOT


class Screen(io.StringIO):
    """A terminal."""

    def isatty(self) -> bool:
        return True


def test_the_last_line_is_drawn_however_soon_it_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    """A bar of work that is done stands at 100 %, also where the output is a file."""
    monkeypatch.setenv("COLUMNS", "60")
    screen, file = Screen(), io.StringIO()
    for stream in (screen, file):
        with Progress(stream) as progress:
            for done in range(101):
                progress.show(f"{done} of 100", done / 100)
    assert screen.getvalue().endswith("\n")
    last = screen.getvalue().rstrip("\n").split("\r")[-1].rstrip()
    assert last == f"[{'#' * 24}] 100% 100 of 100"
    assert file.getvalue().splitlines()[-1] == "100% 100 of 100"
    assert len(file.getvalue().splitlines()) == 2


def test_work_that_is_not_done_does_not_stand_at_100(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where it is broken off, and where very little is left."""
    monkeypatch.setenv("COLUMNS", "60")
    screen = Screen()
    with Progress(screen) as progress:
        progress.show("nearly", 0.999)
    assert "]  99% nearly" in screen.getvalue()
    assert screen.getvalue().endswith("\n")


TITLE = "Rain on a tin roof \udcff in the hills, recorded at night without wind ✓"


@pytest.mark.parametrize("columns", [60, 80, 120])
def test_a_long_line_goes_on_under_its_second_column(columns: int) -> None:
    """No word is lost, and no line is longer than the terminal is wide."""
    line = "  playlists   " + ", ".join(f"playlist number {number}" for number in range(20))
    found = list(folded(["short", line], columns))
    assert found[0] == "short"
    assert all(len(one) <= columns for one in found)
    assert all(one.startswith(" " * 14) and one[14] != " " for one in found[2:])
    assert " ".join(" ".join(found[1:]).split()) == " ".join(line.split())


def test_a_margin_may_be_given() -> None:
    """Also one that a narrow terminal has hardly room for."""
    assert list(folded(["a" * 5 + " " + "b" * 58], 60, 3)) == ["aaaaa", "   " + "b" * 57, "   b"]
    assert all(len(one) <= 60 for one in folded(["word " * 40], 60, 200))


def test_sizes_have_sensible_units() -> None:
    """Two or three figures, in powers of 1000."""
    sizes = {
        0: "0 bytes", 999: "999 bytes", 1000: "1.0 kB", 812_345: "812 kB", 999_600: "1.0 MB", 3_249_000: "3.2 MB",
        54_321_000_000: "54 GB", 2_000_000_000_000: "2.0 TB",
    }  # fmt: skip
    assert {size: format_bytes(size) for size in sizes} == sizes


def lull(folder: Path, *words: str, **environ: str) -> subprocess.CompletedProcess[bytes]:
    """The program in another locale."""
    return subprocess.run(
        [sys.executable, "-m", "player", *words], capture_output=True, check=False, timeout=120, cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), "HOME": str(folder), **environ},
    )  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("encoding", effort.first(1, ["ascii", "latin-1", "utf-8"]))
def test_no_name_and_no_locale_breaks_the_output(encoding: str, tmp_path: Path) -> None:
    """A file whose name is no UTF-8 and has signs that the encoding lacks is scanned and listed; no traceback."""
    music = tmp_path / "music"
    music.mkdir()
    os.rename(write_wav(music / "a.wav", sine(440.0, 0.5)), os.fsencode(music / f"{TITLE}.wav"))
    locale = {"LC_ALL": "C", "PYTHONIOENCODING": encoding, "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}
    config = tmp_path / "lull.yaml"
    config.write_text(
        f"playlists: {{rain: {{paths: [{music}]}}}}\naudio: {{output: silent}}\nstate_dir: {tmp_path}/state\n"
    )
    for words, codes in (
        (["scan", str(music)], {0}),
        (["check", "--config", str(config)], {0}),
        (["doctor", "--config", str(config)], {0, 1}),
        (["--help"], {0}),
        (["check", "--config", f"{tmp_path}/\udcff✓.yaml"], {1}),
        (["\udcff✓"], {2}),
    ):
        done = lull(tmp_path, *words, **locale)
        assert done.returncode in codes, (words, done.stderr)
        assert b"Traceback" not in done.stderr, done.stderr.decode(errors="replace")
        assert done.stdout or done.stderr


@pytest.mark.slow
def test_a_list_on_a_terminal_is_as_wide_as_the_terminal(tmp_path: Path) -> None:
    """The real program on a real pseudo-terminal of 60 columns; in a file each line is one line."""
    config = tmp_path / "lull.yaml"
    config.write_text(f"playlists: {{rain: {{paths: [{tmp_path}/{'long ' * 20}]}}}}\naudio: {{output: silent}}\n")
    ours, theirs = pty.openpty()
    program = subprocess.Popen(
        [sys.executable, "-m", "player", "check", "--config", str(config)], stdout=theirs, cwd=tmp_path,
        env={**os.environ, "COLUMNS": "60", "PYTHONPATH": str(ROOT), "HOME": str(tmp_path)},
    )  # fmt: skip
    os.close(theirs)
    text = b""
    while chunk := _read(ours):
        text += chunk
    os.close(ours)
    assert program.wait(timeout=60) == 0
    lines = text.decode().splitlines()[1:]
    assert any(line.startswith("volume") for line in lines)
    assert max(map(len, lines)) <= 60


def _read(fd: int) -> bytes:
    """What is left; a terminal whose other end is closed is an error."""
    try:
        return os.read(fd, 65536)
    except OSError:
        return b""
