"""Everything that is made from what the command line declares: help, completions, manual pages and docs/commands.md."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from player.cli import exit_codes
from player.cli.client.parsers import NAMES, SPEAKER_OPTIONS
from player.cli.completion import SHELLS, completion
from player.cli.declared import GROUPS, declared_commands, grouped, overview
from player.cli.exit_codes import EXIT_CODES
from player.cli.main import COMMANDS, build_parser, main
from player.cli.reference import made_files
from tests.paths import ROOT


@pytest.fixture(scope="module", params=SHELLS)
def script(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    """A shell, and its completion in a file."""
    shell = str(request.param)
    path = tmp_path_factory.mktemp(shell) / "lull"
    path.write_text(completion(shell), encoding="utf-8")
    return shell, path


def test_the_made_files_are_those_of_the_declarations() -> None:
    """Where this fails: ``python -m player.cli.reference``."""
    stale = [path.name for path, text in made_files() if path.read_text(encoding="utf-8") != text]
    assert not stale, "run python -m player.cli.reference"


def test_every_command_is_in_one_group_and_in_the_help() -> None:
    """By its name and what it does; a new one that nobody has grouped is about what plays."""
    names = [command.name for command in declared_commands(build_parser())]
    assert sorted(names) == sorted({*COMMANDS, *NAMES})
    listed = [name for members in grouped(tuple(names)).values() for name in members]
    assert sorted(listed) == sorted(names)
    assert grouped(("brand_new",))["what plays"] == ("brand_new",)
    assert [len(set(members)) for members in GROUPS.values()] == [len(members) for members in GROUPS.values()]
    shown = overview(build_parser())
    for command in declared_commands(build_parser()):
        assert command.brief, command.name
        assert re.search(rf"^  {command.name}\b", shown, re.MULTILINE), command.name


@pytest.mark.parametrize("columns", [60, 80, 120])
def test_the_help_fits_the_terminal(columns: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """No line is longer than the terminal is wide, from 60 columns on."""
    monkeypatch.setenv("COLUMNS", str(columns))
    assert max(map(len, overview(build_parser()).splitlines())) <= columns


def test_the_options_of_the_speaker_are_told_once(capsys: pytest.CaptureFixture[str]) -> None:
    """By the help of lull, and by name only in that of a verb; --help and help are the same."""
    for words in (
        ["volume", "--help"],
        ["help", "volume"],
        ["triggers", "test", "--help"],
        ["help", "triggers", "test"],
    ):
        with pytest.raises(SystemExit) as ended:
            main(words)
        assert ended.value.code == 0
    first, second, third, fourth = re.split(r"(?=^usage: )", capsys.readouterr().out, flags=re.MULTILINE)[1:]
    assert (first, third) == (second, fourth)
    assert "--password-file" not in first
    assert "see lull --help" in first
    assert main(["--help"]) == main(["help"]) == 0
    whole = capsys.readouterr().out
    for option, metavar, about in SPEAKER_OPTIONS:
        assert f"{option} {metavar or ''}".strip() in whole
        assert about.split(";")[0] in whole


def test_each_exit_code_is_in_the_table_once() -> None:
    """And in the help, the manual page and docs/commands.md, with the same words."""
    declared = {value for name, value in vars(exit_codes).items() if name.isupper() and isinstance(value, int)}
    assert declared == set(EXIT_CODES)
    manual, document = (ROOT / path for path in ("docs/man/lull.1", "docs/commands.md"))
    for code, meaning in EXIT_CODES.items():
        roff = meaning.replace("-", "\\-")
        assert f".B {code}\n{roff}\n" in manual.read_text(encoding="utf-8")
        assert f"| {code} | {meaning} |" in document.read_text(encoding="utf-8")
    stated = {
        int(code)
        for command in declared_commands(build_parser())
        for code in re.findall(r"\b(\d+) [a-z]", _codes(command.about))
    }
    assert stated <= set(EXIT_CODES)


def _codes(about: str) -> str:
    """What a command says of its exit codes."""
    return about.partition("exit codes")[2]


def test_a_shell_takes_its_completion(script: tuple[str, Path]) -> None:
    """Without a word of complaint; a shell that is not installed is left out."""
    shell, path = script
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")
    done = subprocess.run([shell, "-n", str(path)], capture_output=True, text=True, check=False, timeout=30)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def bash(folder: Path, *words: str) -> list[str]:
    """What the real bash completes the last word to."""
    path = folder / "lull"
    path.write_text(completion("bash"), encoding="utf-8")
    program = f'. {path}; COMP_WORDS=(lull "$@"); COMP_CWORD=$#; _lull 2>/dev/null; printf "%s\\n" "${{COMPREPLY[@]}}"'
    done = subprocess.run(
        ["bash", "--norc", "-c", program, "bash", *words],
        capture_output=True, text=True, check=True, timeout=30, cwd=folder,
    )  # fmt: skip
    return sorted(done.stdout.split())


def test_bash_completes_commands_options_values_and_files(tmp_path: Path) -> None:
    """In a real bash; options of the speaker may stand before the command; nothing is offered for free text."""
    (tmp_path / "night.yaml").touch()
    assert bash(tmp_path, "pla") == ["play", "playlist"]
    assert bash(tmp_path, "play", "--vol") == ["--volume"]
    assert bash(tmp_path, "--device", "kitchen", "stat") == ["status"]
    assert bash(tmp_path, "--dev") == ["--device"]
    assert bash(tmp_path, "stop", "--device", "") == []
    assert bash(tmp_path, "stop", "--config", "nig") == ["night.yaml"]
    assert bash(tmp_path, "check", "nig") == ["night.yaml"]
    assert bash(tmp_path, "report", "--picture", "nig") == ["night.yaml"]
    assert bash(tmp_path, "triggers", "") == ["--help", "-h", "keys", "test", "watch"]
    assert bash(tmp_path, "triggers", "test", "--state", "pl") == ["playing"]
    assert bash(tmp_path, "completion", "") == ["--help", "-h", "bash", "fish", "zsh"]
    assert bash(tmp_path, "help", "sca") == ["scan"]


def test_fish_completes_commands_and_options(tmp_path: Path) -> None:
    """In a real fish, where there is one."""
    if shutil.which("fish") is None:
        pytest.skip("fish is not installed")
    path = tmp_path / "lull.fish"
    path.write_text(completion("fish"), encoding="utf-8")

    def fish(line: str) -> list[str]:
        program = f"source {path}; complete -C '{line}'"
        done = subprocess.run(
            ["fish", "--no-config", "-c", program], capture_output=True, text=True, check=True, timeout=30,
            env={"PATH": "/usr/bin:/bin", "HOME": str(tmp_path)},
        )  # fmt: skip
        return sorted(line.split("\t")[0] for line in done.stdout.splitlines())

    assert fish("lull pla") == ["play", "playlist"]
    assert fish("lull play --vol") == ["--volume"]
    assert fish("lull triggers test --state pl") == ["playing"]


def test_the_manual_pages_are_read_without_a_warning(tmp_path: Path) -> None:
    """By the real groff, where there is one; every command has its section."""
    pages = {path.name: text for path, text in made_files() if path.parent.name == "man"}
    assert set(pages) == {"lull.1", "lull.yaml.5"}
    for command in declared_commands(build_parser()):
        assert f".SS lull {command.name}" in pages["lull.1"]
    if shutil.which("groff") is None:
        pytest.skip("groff is not installed")
    for name, text in pages.items():
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        done = subprocess.run(
            ["groff", "-man", "-Tutf8", "-P-cbou", "-Kutf8", "-wmac", str(path)],
            capture_output=True, text=True, check=True,
            timeout=60, env={"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"},
        )  # fmt: skip
        assert done.stderr == ""
        assert done.stdout.startswith(f"{name[:-2].upper()}(")


def test_the_packages_install_what_is_made() -> None:
    """The wheel by its data files, the Debian package by its lists; a page more is not forgotten."""
    wheel = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    names = ("lull.install", "lull.manpages")
    package = "".join((ROOT / "debian" / name).read_text(encoding="utf-8") for name in names).split()
    for path in (path for path, _ in made_files() if path.parent.name in {"completion", "man"}):
        name = str(path.relative_to(ROOT))
        assert f'["{name}"]' in wheel
        assert name in package
