"""What is installed, judged without installing: the scripts' own errors, and that what they name is there."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from player.config import parse

ROOT = Path(__file__).parents[2]
SCRIPTS = ("scripts/install", "scripts/package", "scripts/run", "scripts/test", "tests/systemd/booted.sh")


@pytest.mark.parametrize("script", [*SCRIPTS, "scripts/setup.sh"])
def test_bash_can_read_it(script: str) -> None:
    """No slip of the pen that only a fresh machine would show."""
    verdict = subprocess.run(["bash", "-n", ROOT / script], capture_output=True, text=True, check=False)
    assert (verdict.returncode, verdict.stderr) == (0, "")


@pytest.mark.parametrize("script", ["postinst", "prerm", "postrm"])
def test_dpkg_can_run_it(script: str) -> None:
    """They are plain sh, ready to run."""
    path = ROOT / "scripts" / "deb" / script
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
    assert config.settings.playlist("music") is not None
    assert (config.mqtt is None) == mqtt.startswith("#")


def test_the_package_names_every_library_with_the_projects_own_bounds() -> None:
    """What Debian has is used from the version on that pyproject asks for."""
    wanted = re.findall(
        r'^    "([A-Za-z-]+)>=([\d.]+),<([\d.]+)",$', (ROOT / "pyproject.toml").read_text(), re.MULTILINE
    )
    package = (ROOT / "scripts" / "package").read_text(encoding="utf-8")
    listed = re.findall(r'^    "python3-\S+ (\S+) (?:1:)?(\S+) (?:1:)?(\S+)"$', package, re.MULTILINE)
    assert len(listed) == 6
    assert set(listed) <= set(wanted)
