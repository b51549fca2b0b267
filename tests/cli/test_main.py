"""What a command reads before it does anything: seconds on a small board."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from player.cli.client.parsers import NAMES
from player.cli.exit_codes import REFUSED, USAGE
from player.cli.main import COMMANDS, MEANT, main
from tests import effort
from tests.paths import ROOT

PROGRAM = """\
import sys
from player.cli.main import main
try:
    main(sys.argv[1:])
except SystemExit:
    pass
print(*sorted({name.partition(".")[0] for name in sys.modules}), file=sys.stderr)
"""
HEAVY = {"numpy", "vlc", "alsaaudio", "matplotlib", "yaml"}


@pytest.mark.slow
@pytest.mark.parametrize("words", ["--version", "--help", "stop --host 127.0.0.1 --port 9 --timeout 1", "scan --help"])
def test_a_command_to_a_running_speaker_reads_no_sound_library(words: str) -> None:
    """Whoever says stop in the dark does not wait for numpy."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *words.split()], capture_output=True, text=True, check=True, timeout=60
    )
    assert not HEAVY & set(done.stderr.splitlines()[-1].split())


def test_numpy_has_one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """OpenBLAS would start one for each core, and they would keep the processor busy."""
    monkeypatch.delenv("OPENBLAS_NUM_THREADS")
    assert main(["no such command"]) == 2
    assert os.environ["OPENBLAS_NUM_THREADS"] == "1"


NEEDLESS = (
    "ssl", "urllib.request", "http.client", "email", "sqlite3", "multiprocessing", "asyncio", "zoneinfo",
    "player.core.events", "player.core.snapshot", "player.core.clock", "player.session", "player.storage",
    "player.config", "player.audio", "player.analysis", "player.library", "player.app", "player.mqtt.link",
    "player.mqtt.tls", "player.cli.client.bans", "player.cli.client.schedule_list", "player.cli.client.broadcast",
)  # fmt: skip
"""What only other commands need, TLS or a daemon."""
ALL_NAMES = PROGRAM.replace('{name.partition(".")[0] for name in sys.modules}', "sys.modules")


@pytest.mark.slow
@pytest.mark.parametrize("word", ["stop", "status"])
def test_stop_and_status_import_only_what_they_need(word: str) -> None:
    """Without a config and without TLS; what they import is most of their processor time."""
    done = subprocess.run(
        [sys.executable, "-c", ALL_NAMES, word, "--host", "127.0.0.1", "--port", "9", "--device", "x"],
        capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    loaded = set(done.stderr.splitlines()[-1].split())
    assert "paho.mqtt.client" in loaded, "it did not get as far as the broker"
    assert loaded.isdisjoint(NEEDLESS)


def test_the_daemon_hears_a_stop_before_it_loads_its_parts() -> None:
    """Until then a stop ends the process at once, and the next start resumes what was interrupted."""
    program = "import sys; import player.cli.main, player.cli.run; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    own = {name for name in done.stdout.split() if name.startswith("player.") and not name.startswith("player.cli")}
    assert own == {"player.core", "player.core.errors"}


@pytest.mark.slow
def test_a_config_without_triggers_loads_neither_their_rules_nor_input_devices(tmp_path: Path) -> None:
    """Each command to a speaker reads the config; the clock, inotify and sysfs are for the daemon."""
    config = tmp_path / "lull.yaml"
    config.write_text("device: x\nmqtt: {host: 127.0.0.1, port: 9}\nplaylists: {rain: {paths: [/srv/rain]}}\n")
    done = subprocess.run(
        [sys.executable, "-c", ALL_NAMES, "stop", "--config", str(config)],
        capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    loaded = set(done.stderr.splitlines()[-1].split())
    assert "paho.mqtt.client" in loaded, "it did not get as far as the broker"
    needless = {"player.mqtt.triggers.rules", "player.system.input_reader", "player.core.clock", "zoneinfo", "ctypes"}
    assert loaded.isdisjoint(needless)


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("stat", "unknown command 'stat' (did you mean 'status'?); lull --help lists all of them"),
        ("skip-tonigt", "unknown command 'skip-tonigt' (did you mean 'skip_tonight'?);"),
        ("rehearsal", "unknown command 'rehearsal' (did you mean 'rehearse'?);"),
        ("until", "unknown command 'until' (did you mean `lull timer until 06:30`?); lull --help lists all of them"),
        ("xyzzy", "unknown command 'xyzzy'; lull --help lists all of them"),
    ],
)
def test_an_unknown_command_is_wrong_usage(word: str, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    """With the nearest one, where there is one, instead of a list of forty."""
    assert main([word, "--json"]) == 2
    assert said in capsys.readouterr().err


def test_what_is_named_instead_of_a_word_is_a_command() -> None:
    """And the word itself is none."""
    known = {*COMMANDS, *NAMES, "--version"}
    assert {words.split()[0] for words in MEANT.values()} <= known
    assert not known & set(MEANT)


@pytest.mark.parametrize(("word", "name"), [("vol", "volume"), ("skip-tonight", "skip_tonight"), ("bans", "bans")])
def test_a_command_may_be_written_short_or_with_hyphens(
    word: str, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its help is that of the command."""
    with pytest.raises(SystemExit):
        main([word, "--help"])
    assert capsys.readouterr().out.startswith(f"usage: lull {name} ")


MISSING = """\
import sys
class Finder:
    @staticmethod
    def find_spec(name, path=None, target=None):
        if name == {module!r}:
            raise ImportError({message!r}, name=name)
sys.meta_path.insert(0, Finder)
from player.cli.main import main
sys.exit(main(["run", "--config", {config!r}]))
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("module", "message", "words"),
    effort.first(
        2,
        [
            (
                "alsaaudio",
                "libasound.so.2: cannot open shared object file: No such file or directory",
                "the library libasound.so.2 is missing or damaged; "
                "install the Debian package libasound2t64 (libasound2 before Debian 13)",
            ),
            (
                "yaml",
                "No module named 'yaml'",
                "the Python module yaml cannot be imported (No module named 'yaml'); see docs/install.md",
            ),
        ],
    ),
)
def test_a_missing_library_is_a_sentence(module: str, message: str, words: str, tmp_path: Path) -> None:
    """A C library that pip does not bring, or a Python module: what is missing and what to install, no traceback."""
    config = tmp_path / "lull.yaml"
    config.write_text(f"state_dir: {tmp_path}\nplaylists: {{a: {{paths: ['noise:rain']}}}}\n", encoding="utf-8")
    program = MISSING.format(module=module, message=message, config=str(config))
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (1, "", f"lull: {words}\n")


@pytest.mark.slow
def test_a_damaged_libvlc_is_a_sentence(tmp_path: Path) -> None:
    """A file of that name that cannot be loaded: python-vlc says so by an exception of its own."""
    (tmp_path / "libvlc.so.5").write_bytes(b"garbage")
    config = tmp_path / "lull.yaml"
    config.write_text(f"state_dir: {tmp_path}\nplaylists: {{a: {{paths: ['noise:rain']}}}}\n", encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "player", "run", "--config", str(config)],
        capture_output=True, text=True, check=False, timeout=60,
        env={**os.environ, "LD_LIBRARY_PATH": str(tmp_path), "PATH": "/nonexistent"},
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "lull: the library libvlc.so.5 is missing or damaged; install the Debian package libvlc5\n"


@pytest.mark.slow
def test_output_onto_a_full_disk_is_a_sentence() -> None:
    """As in ``lull check > report`` where the disk is full; of /dev/full every write fails so."""
    with open("/dev/full", "wb") as full:
        words = [sys.executable, "-m", "player", "--help"]
        done = subprocess.run(words, cwd=ROOT, stdout=full, stderr=subprocess.PIPE, check=False, timeout=60)
    assert done.stderr == b"lull: the output cannot be written: No space left on device\n"
    assert done.returncode == REFUSED


def test_a_word_that_a_command_does_not_take_is_answered_with_what_it_takes(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The usage is named at once, without the options that all commands share."""
    assert main(["stop", "foo"]) == 2
    assert capsys.readouterr().err == "lull stop: unknown: foo\nusage: lull stop [--now]; see lull stop --help\n"


def test_paths_may_stand_behind_options(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each path is read, wherever it stands: the one behind the option is not called unknown."""
    assert main(["scan", str(tmp_path / "a.flac"), "--json", str(tmp_path / "b.flac")]) == 1
    said = capsys.readouterr().err
    assert "a.flac" in said
    assert "b.flac" in said
    assert main(["scan", str(tmp_path / "a.flac"), "--nosuch", str(tmp_path / "b.flac")]) == 2
    assert "lull scan: unknown: --nosuch" in capsys.readouterr().err


@pytest.mark.parametrize(
    "words", [["stop", "\x1b[2J"], ["night", "/no\x1b]0;owned\x07"], ["\x9b5m"], ["check", "/\u202e"]]
)
def test_what_an_error_names_is_cleaned(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """A terminal obeys neither a word nor a path in it; the error is on as many lines as before."""
    assert main(words) in {1, 2}
    said = capsys.readouterr().err
    assert all(line.isprintable() for line in said.splitlines())
    assert "\N{REPLACEMENT CHARACTER}" in said or "\\x9b" in said


@pytest.mark.parametrize(
    "words",
    [
        "check lull.yaml --config lull.yaml",
        "night rain.mp3 --config lull.yaml",
        "night --device left",
        "rehearse night.wav rain.mp3 --playlist rain",
        "rehearse night.wav rain.mp3 --entry weeknights",
    ],
)
def test_options_that_contradict_each_other_are_wrong_usage(words: str, capsys: pytest.CaptureFixture[str]) -> None:
    """As every other wrong usage, so that a script can tell it from a faulty config."""
    assert main(words.split()) == USAGE
    assert capsys.readouterr().err.startswith("lull: ")
