"""docs/sound.md against the code: its examples are configs, and what it counts up is what there is."""

from __future__ import annotations

import re

import pytest

from player.audio.sinks.alsa_mixer import mixer_name
from player.audio.sinks.resampler import RATES_HZ
from player.config import parse
from player.core.settings.audio import OutputKind, PipeFormat
from tests.paths import ROOT

TEXT = (ROOT / "docs" / "sound.md").read_text(encoding="utf-8")
MADE_AT_BOOT = ROOT / "systemd" / "lull.tmpfiles"
EXAMPLES = re.findall(r"^    (audio: .*)$", TEXT, re.MULTILINE)
DEVICES = re.findall(r"^\| [^|]+ \| `([^`]+)`", TEXT, re.MULTILINE)
LEAST = "playlists: {a: {paths: /a}}\n"


@pytest.mark.parametrize("example", EXAMPLES)
def test_each_example_is_a_config(example: str) -> None:
    """It can be copied as it stands."""
    parse(f"{LEAST}{example}\n")


@pytest.mark.parametrize("device", DEVICES)
def test_each_device_of_the_table_can_be_written(device: str) -> None:
    """None of them names a card by its number."""
    assert parse(f"{LEAST}audio: {{device: '{device}'}}\n").audio.device == device


def test_there_are_as_many_as_people_need() -> None:
    """The patterns above still find them."""
    assert len(EXAMPLES) >= 5
    assert len(DEVICES) >= 5


def test_the_formats_and_rates_are_all_there_are() -> None:
    """No more and no fewer."""
    found = re.search(r"there is noise: (.*?)\.", TEXT, re.DOTALL)
    assert found is not None
    assert re.findall(r"\d+:\d+:\d", found[1]) == [form.value for form in PipeFormat]
    rates = re.search(r"and with ([\d., and]+) kHz", TEXT)
    assert rates is not None
    assert [round(float(rate) * 1_000) for rate in re.findall(r"\d+(?:\.\d)?", rates[1])] == list(RATES_HZ)


def test_snapcast_s_lines_agree() -> None:
    """The server reads the very pipe and format that lull writes, and the pipe that is made at boot."""
    source = re.search(r"source = pipe://(\S+?)\?.*sampleformat=(\S+)", TEXT)
    audio = next(parse(LEAST + one + "\n").audio for one in EXAMPLES if "output: pipe" in one)
    assert source is not None
    assert audio.output is OutputKind.PIPE
    assert (audio.path, audio.pipe_format) == (source[1], source[2])
    assert f"p {audio.path} 0660 lull lull -" in MADE_AT_BOOT.read_text(encoding="utf-8").splitlines()


def test_the_speaker_s_mixer_is_its_own() -> None:
    """BlueALSA shows a control called A2DP only where the speaker's address is given, and nothing else."""
    audio = next(parse(LEAST + one + "\n").audio for one in EXAMPLES if "bluealsa" in one)
    assert audio.mixer is not None
    assert audio.mixer.control == "A2DP"
    assert mixer_name(audio.device) == "bluealsa:DEV=00:11:22:33:44:55"
