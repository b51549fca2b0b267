"""What is installed, judged without installing: the scripts' own errors, and that what they name is there."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from player import __version__
from player.config import parse
from tests import effort
from tests.paths import ROOT

SCRIPTS = (
    "scripts/install",
    "scripts/package",
    "scripts/release",
    "scripts/run",
    "scripts/test",
    "scripts/container/make-app",
    "tests/systemd/booted.sh",
)


@pytest.mark.parametrize("script", [*SCRIPTS, "scripts/setup.sh"])
def test_bash_can_read_it(script: str) -> None:
    """No slip of the pen that only a fresh machine would show."""
    verdict = subprocess.run(["bash", "-n", ROOT / script], capture_output=True, text=True, check=False)
    assert (verdict.returncode, verdict.stderr) == (0, "")


@pytest.mark.live
@pytest.mark.slow
def test_shellcheck_has_nothing_to_say() -> None:
    """The slips that bash forgives until the wrong machine: quotes, words that split, names that are never used."""
    scripts = (
        *SCRIPTS,
        *(f"debian/lull.{name}" for name in ("postinst", "prerm", "postrm")),
        *(f"debian/tests/{name}" for name in ("sound", "service")),
    )
    verdict = subprocess.run(
        ["shellcheck", "-x", "-P", "SCRIPTDIR", *scripts], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (verdict.returncode, verdict.stdout, verdict.stderr) == (0, "", "")


def test_ctrl_c_ends_a_script_whose_step_lets_it_pass() -> None:
    """A step that completes its work after a Ctrl-C and ends with 0, as apt does, is the last one."""
    deaf = "trap : INT; kill -INT $PPID; sleep 0.1"
    script = f". scripts/setup.sh; step installing bash -c '{deaf}'; echo it went on"
    ended = subprocess.run(["bash", "-c", script], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stdout) == (130, "")
    assert "ended by Ctrl-C" in ended.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            "need_packages 'libasound2t64|libasound2' gcc",
            "as root, or install sudo first: libasound2t64 or libasound2 gcc",
        ),
        ("step reading as_root apt-get update", "this needs root: install sudo, or run as root: apt-get update"),
    ],
)
def test_who_cannot_become_root_is_told_what_to_do(words: str, said: str) -> None:
    """A step had kept that to itself: the script ended with 1 and without a reason."""
    nobody = 'id() { echo 1000; }; command() { [ "$2" != sudo ]; }; is_installed() { return 1; }'
    script = f"set -euo pipefail; . scripts/setup.sh; {nobody}; {words}; echo it went on"
    ended = subprocess.run(["bash", "-c", script], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stdout) == (1, "")
    assert said in ended.stderr


def test_an_option_that_a_package_cannot_be_built_with_is_no_folder(tmp_path: Path) -> None:
    """It had been made and the package put into it."""
    for word, code in (("--help", 0), ("--frob", 2)):
        verdict = subprocess.run([ROOT / "scripts/package", word], cwd=tmp_path, capture_output=True, check=False)
        assert verdict.returncode == code
        assert b"--source" in verdict.stdout + verdict.stderr
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("script", ["postinst", "prerm", "postrm"])
def test_dpkg_can_run_it(script: str) -> None:
    """They are plain sh, ready to run."""
    path = ROOT / "debian" / f"lull.{script}"
    verdict = subprocess.run(["sh", "-n", path], capture_output=True, text=True, check=False)
    assert (verdict.returncode, verdict.stderr) == (0, "")
    assert path.read_text(encoding="utf-8").startswith("#!/bin/sh\n")


def test_an_unknown_word_is_named_with_the_choices() -> None:
    """And nothing has been touched: that is the first thing it looks at."""
    verdict = subprocess.run([ROOT / "scripts/install", "--frob"], capture_output=True, text=True, check=False)
    assert verdict.returncode == 2
    for word in ("--frob", "--with-broker", "--uninstall", "--purge"):
        assert word in verdict.stderr


@pytest.mark.parametrize("mqtt", ["mqtt: {host: localhost}", "# mqtt: {host: localhost}"])
def test_the_first_config_is_good(mqtt: str) -> None:
    """Whatever was found out about the machine."""
    text = (ROOT / "config" / "installed.yaml").read_text(encoding="utf-8")
    for mark, value in {
        "@NAME@": "pi-4",
        "@CARDS@": "none ",
        "@DEVICE@": "plughw:CARD=vc4hdmi0",
        "@MQTT@": mqtt,
    }.items():
        assert mark in text
        text = text.replace(mark, value)
    assert "@" not in text
    config = parse(text)
    assert [playlist.name for playlist in config.settings.playlists] == ["rain", "brown"]
    assert str(config.settings.library) == "/srv/lull"
    assert (config.mqtt is None) == mqtt.startswith("#")


def test_the_package_names_every_library_with_the_projects_own_bounds() -> None:
    """Debian's libraries are used from the version on that pyproject asks for."""
    wanted = re.findall(r'^    "([A-Za-z-]+)>=([\d.]+),<[\d.]+",$', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    control = (ROOT / "debian" / "control").read_text(encoding="utf-8")
    listed = re.findall(r"^ python3-(numpy|yaml|systemd) \(>= (?:1:)?([\d.]+)\),$", control, re.MULTILINE)
    names = {"yaml": "PyYAML", "systemd": "systemd-python"}
    table = (ROOT / "debian" / "libraries").read_text(encoding="utf-8")
    often_too_old = re.findall(r"^python3-\S+ ([\d.]+) (\S+)$", table, re.MULTILINE)
    found = {(names.get(name, name), version) for name, version in listed}
    found |= {(name, version) for version, name in often_too_old}
    assert len(found) == 6
    assert found <= set(wanted)


@pytest.mark.parametrize("table", ["install", "docs", "manpages"])
def test_what_the_package_copies_is_there(table: str) -> None:
    """dh_install and its kin would end the build."""
    lines = (ROOT / "debian" / f"lull.{table}").read_text(encoding="utf-8").splitlines()
    assert lines
    for line in lines:
        assert (ROOT / line.split()[0]).exists()


def test_the_kernel_is_built_alike_by_pip_and_by_debian() -> None:
    """With other flags the two would not give the same bits."""
    flags = re.findall(r'"(-[^"]+)"', (ROOT / "setup.py").read_text(encoding="utf-8"))
    assert len(flags) == 3
    assert " ".join(flags) in (ROOT / "debian" / "rules").read_text(encoding="utf-8")


def test_every_place_names_the_same_version() -> None:
    """A release changes all of them at once (docs/releasing.md)."""
    latest = (ROOT / "debian" / "changelog").read_text(encoding="utf-8").splitlines()[0]
    assert latest.startswith(f"lull ({__version__}) ")


def _released(folder: Path, version: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([folder / "scripts/release", version], capture_output=True, text=True, check=False)


GIT = ["git", "-c", "user.name=somebody", "-c", "user.email=somebody@lull.example"]


def _tag(folder: Path, version: str, refused: str = "") -> None:
    """Make the tag of a version, or see it refused."""
    who = {f"GIT_COMMITTER_{what}": "somebody@lull.example" for what in ("NAME", "EMAIL")}
    done = subprocess.run(
        [folder / "scripts/release", "--tag", version],
        env={**os.environ, **who, "GIT_CONFIG_GLOBAL": "/dev/null"}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode == 0, refused in done.stderr) == (not refused, True), done.stderr


@pytest.mark.slow
def test_a_release_numbers_every_place_and_its_notes_are_the_section(tmp_path: Path) -> None:
    """The version, the Debian changelog, the app and the changelog; a second time nothing is left to release."""
    for name in ("CHANGELOG.md", "debian/changelog", "player/__init__.py", "scripts/container/app/config.yaml"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text((ROOT / name).read_text(encoding="utf-8"), encoding="utf-8")
    shutil.copy(ROOT / "scripts/release", tmp_path / "scripts")
    (tmp_path / "CHANGELOG.md").write_text(
        "# Changelog\n\n## Unreleased\n\n- New.\n\n## 0.1.0\n\n- Old.\n", encoding="utf-8"
    )
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    assert _released(tmp_path, "7.0.1").returncode == 0
    assert '"7.0.1"' in (tmp_path / "player/__init__.py").read_text()
    assert 'version: "7.0.1"\n' in (tmp_path / "scripts/container/app/config.yaml").read_text()
    entries = re.findall(r"^lull \((.*)\) unstable", (tmp_path / "debian/changelog").read_text(), re.MULTILINE)
    assert entries[:2] == ["7.0.1", __version__]
    notes = subprocess.run(
        [tmp_path / "scripts/release", "--notes", "7.0.1"], capture_output=True, text=True, check=True
    )
    assert notes.stdout == "- New.\n"
    assert "nothing is under ## Unreleased" in _released(tmp_path, "7.0.2").stderr
    _tag(tmp_path, "7.0.1", "something is not committed")
    for words in (["add", "-A"], ["commit", "-qm", "release: 7.0.1"]):
        subprocess.run([*GIT, *words], cwd=tmp_path, check=True)
    _tag(tmp_path, "7.0.1")
    tag = subprocess.run([*GIT, "cat-file", "-p", "v7.0.1"], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert tag.stdout.startswith("object ")
    assert tag.stdout.endswith("\n\nlull 7.0.1\n\n- New.\n")
    _tag(tmp_path, "0.1.0", "this checkout is not 0.1.0")


@pytest.mark.parametrize("version", ["", "1.0", "v1.0.0", "0.1.0"])
def test_a_release_needs_a_new_number(version: str) -> None:
    """Nothing is changed without one."""
    assert _released(ROOT, version).returncode in {1, 2}


CARDS = {
    "none": "--- no soundcards ---\n",
    "a Pi 4": """\
 0 [Headphones     ]: bcm2835_headpho - bcm2835 Headphones
                      bcm2835 Headphones
 1 [vc4hdmi0       ]: vc4-hdmi - vc4-hdmi-0
                      vc4-hdmi-0
""",
    "a screen first": """\
 0 [vc4hdmi        ]: vc4-hdmi - vc4-hdmi
                      vc4-hdmi
10 [Device         ]: USB-Audio - USB Audio Device
                      C-Media Electronics Inc. USB Audio Device at usb-20980000.usb-1, full speed
""",
    "a screen alone": " 0 [vc4hdmi        ]: vc4-hdmi - vc4-hdmi\n                      vc4-hdmi\n",
}


def functions(script: str, *names: str) -> str:
    """Some functions of a script, to be tried alone."""
    text = (ROOT / script).read_text(encoding="utf-8")
    return "".join(
        re.findall(rf"^{name}\(\) \{{(?: .*\}}\n|\n(?:.*\n)*?\}}\n)", text, re.MULTILINE)[0] for name in names
    )


@pytest.mark.parametrize(
    ("machine", "all_of_them", "best"),
    [
        ("none", [], ""),
        ("a Pi 4", ["Headphones", "vc4hdmi0"], "Headphones"),
        ("a screen first", ["vc4hdmi", "Device"], "Device"),
        ("a screen alone", ["vc4hdmi"], "vc4hdmi"),
    ],
)
def test_the_sound_card_is_found_by_its_id(machine: str, all_of_them: list[str], best: str, tmp_path: Path) -> None:
    """One that is not a screen's goes first; where there is none, nothing is made up and nothing fails."""
    cards = tmp_path / "cards"
    cards.write_text(CARDS[machine], encoding="utf-8")
    code = functions("debian/lull.postinst", "cards_by_id", "best_card").replace("/proc/asound/cards", str(cards))
    code = f'set -e\n{code}cards_by_id\ncard=$(best_card)\necho "best: $card"\n'
    heard = subprocess.run(["sh", "-c", code], capture_output=True, text=True, check=True).stdout.splitlines()
    assert heard == [*all_of_them, f"best: {best}"]


@pytest.mark.parametrize(
    ("folder", "found"),
    [
        ("/srv/lull", "/srv/lull/nas\n/srv/lull/stick/deep\n"),
        ("/srv/lull/nas", "/srv/lull/nas\n"),
        ("/srv", "/srv/lull/nas\n/srv/lull/stick/deep\n/srv/lullaby\n"),
        ("/srv/lullab", ""),
    ],
)
def test_a_share_in_the_music_folder_is_noticed_before_a_purge(folder: str, found: str, tmp_path: Path) -> None:
    """Somebody's whole collection may be mounted there; a folder whose name only begins alike is another one."""
    table = tmp_path / "mountinfo"
    places = ("/", "/srv/lull/nas", "/srv/lull/stick/deep", "/srv/lullaby")
    table.write_text("".join(f"36 35 0:33 / {place} rw - tmpfs tmpfs rw\n" for place in places), encoding="utf-8")
    code = functions("scripts/install", "mounted").replace("/proc/self/mountinfo", str(table))
    heard = subprocess.run(["bash", "-c", f'{code}mounted "{folder}"'], capture_output=True, text=True, check=True)
    assert heard.stdout == found


@pytest.mark.slow
@pytest.mark.parametrize(
    ("config", "code"), effort.first(1, [("playlists: {a: {paths: [/srv]}}", 0), ("plailists: {}", 1)])
)
def test_an_upgrade_asks_the_new_version_about_the_config(config: str, code: int, tmp_path: Path) -> None:
    """Before anything is replaced, and with the new version's own words."""
    (tmp_path / "usr/lib").mkdir(parents=True)
    (tmp_path / "usr/lib/lull").symlink_to(ROOT)
    (tmp_path / "lull.yaml").write_text(config, encoding="utf-8")
    script = functions("scripts/install", "can_read").replace("/usr/bin/python3", sys.executable)
    script = f"config={tmp_path}/lull.yaml\n{script}can_read {tmp_path}"
    verdict = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=False)
    assert verdict.returncode == code
    assert ("plailists" in verdict.stderr) == bool(code)


def test_an_upgrade_that_cannot_ask_yet_goes_on(tmp_path: Path) -> None:
    """A library that apt has still to bring is no fault of the config."""
    player = tmp_path / "usr/lib/lull/player"
    player.mkdir(parents=True)
    (player / "__init__.py").touch()
    (player / "config.py").write_text("import no_such_library_yet\n", encoding="ascii")
    script = functions("scripts/install", "can_read").replace("/usr/bin/python3", sys.executable)
    subprocess.run(["bash", "-c", f"config=none\n{script}can_read {tmp_path}"], check=True)


STUB_SETUP = """\
here=$PWD venv=$PWD run_packages=()
say() { echo "$*"; }
fail() { say "$*"; exit 1; }
need_packages() { :; }
need_venv() { :; }
"""

STUB_TOOL = """\
#!/bin/sh
case "$0 $*" in
    */ruff*) exit 0 ;;
    */mypy*) exit "$MYPY" ;;
    *"not live"*)
        if [ "$BESIDE" = waits ]; then echo $$ >pid.new && mv pid.new pid && exec sleep 60; fi
        exit "$BESIDE"
        ;;
    *--last-failed*) echo once more; exit "$AGAIN" ;;
esac
while [ "$BESIDE" = waits ] && [ ! -e pid ]; do sleep 0.05; done
exit "$LIVE"
"""


def _tested(folder: Path, **codes: str) -> tuple[int, bool]:
    """Run `scripts/test` over programs that only end with these exit codes; its own, and whether it tried once more."""
    for name in ("ruff", "mypy", "python"):
        tool = folder / "bin" / name
        tool.parent.mkdir(exist_ok=True)
        tool.unlink(missing_ok=True)  # one that was ended may not be gone yet, and a file that runs cannot be written
        tool.write_text(STUB_TOOL, encoding="utf-8")
        tool.chmod(0o755)
    (folder / "scripts").mkdir(exist_ok=True)
    (folder / "scripts/setup.sh").write_text(STUB_SETUP, encoding="utf-8")
    shutil.copy(ROOT / "scripts/test", folder / "scripts")
    names = {"MYPY": "0", "BESIDE": "0", "LIVE": "0", "AGAIN": "0"} | codes
    done = subprocess.run(
        [folder / "scripts/test"],
        cwd=folder,
        env={**os.environ, **names},
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    return done.returncode, "once more\n" in done.stdout


@pytest.mark.slow
def test_no_failure_of_what_runs_beside_other_things_is_hidden(tmp_path: Path) -> None:
    """Only live tests that failed, and not a run that broke off, are tried once more alone."""
    assert _tested(tmp_path) == (0, False)
    assert _tested(tmp_path, MYPY="1") == (1, False)
    assert _tested(tmp_path, BESIDE="1") == (1, False)
    assert _tested(tmp_path, LIVE="1") == (0, True)
    assert _tested(tmp_path, LIVE="1", AGAIN="5") == (5, True)
    for broken_off in ("2", "3", "5", "137"):
        assert _tested(tmp_path, LIVE=broken_off) == (1, False)


@pytest.mark.slow
def test_a_test_run_that_breaks_off_leaves_nothing_running(tmp_path: Path) -> None:
    """What runs beside the live tests ends with them."""
    assert _tested(tmp_path, LIVE="137", BESIDE="waits") == (1, False)
    pid = int((tmp_path / "pid").read_text(encoding="ascii"))
    ends_s = time.monotonic() + 20.0
    while (status := Path(f"/proc/{pid}/stat")).exists() and " Z " not in status.read_text(encoding="utf-8"):
        assert time.monotonic() < ends_s
        time.sleep(0.02)
