"""``lull doctor``: a screen, JSON for programs, an exit code; nothing hangs it, and a faulty config does not end it."""

from __future__ import annotations

import argparse
import json
import re
import shlex
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from jsonschema import Draft202012Validator

from player.audio.dsp.planned_gain import encode
from player.cli.doctor import checks as doctoring
from player.cli.doctor import command as doctor
from player.cli.doctor import judge_machine as machine
from player.cli.doctor.checks import Check, in_time
from player.cli.doctor.facts import Service
from player.cli.doctor.findings import Finding, Level, right, warning, wrong
from player.cli.doctor.probes.access import account_of
from player.cli.main import main
from player.config import parse, salvage
from player.core.measurement import Measured, MeasureResult
from player.library.file_id import mark_of
from player.storage.measurements_db import MeasurementsDb
from tests import schema_check as schemas
from tests.audio_files import sine, write_wav
from tests.paths import ROOT


def lull(*words: str) -> int:
    """The exit code of a command line that knows `doctor` alone."""
    parser = argparse.ArgumentParser(prog="lull")
    doctor.add_parser(parser.add_subparsers(required=True))
    args = parser.parse_args(words)
    code: int = args.run(args)
    return code


@pytest.fixture
def quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine on which all checks are quick: no ALSA is asked, and systemd is not here."""
    monkeypatch.setattr(doctoring, "ask_service", lambda _unit, _limit_s: None)
    monkeypatch.setattr(doctoring, "read_journal", lambda _unit, _zone, _limit_s: ((), True))
    monkeypatch.setattr(doctoring, "read_throttled", lambda _limit_s: None)


def config(folder: Path, more: str = "") -> Path:
    (folder / "music").mkdir(exist_ok=True)
    (folder / "music" / "rain.mp3").write_bytes(b"\xff\xfb")
    path = folder / "lull.yaml"
    path.write_text(f"playlists: {{rain: {{paths: [music]}}}}\nstate_dir: state\naudio: {{output: silent}}\n{more}")
    return path


@pytest.mark.usefixtures("quiet")
def test_a_good_machine_is_right(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 0, a line for each check, warnings counted at the end."""
    assert lull("doctor", "--config", str(config(tmp_path))) == 0
    out = capsys.readouterr().out
    assert "✓ playlist rain   1 track" in out
    assert "! playlist rain   1 not measured yet" in out
    assert "✓ broker          none" in out
    assert out.splitlines()[-1].startswith("Nothing is wrong; ")
    assert max(map(len, out.splitlines())) <= 120


@pytest.mark.usefixtures("quiet")
def test_it_tells_what_of_a_measured_track_will_be_lowered(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A bang 12 dB over its habit at 0:30, as `lull scan` says it; a calm track is not named."""
    path = config(tmp_path)
    calm, bang = tmp_path / "music" / "rain.mp3", tmp_path / "music" / "thunder.mp3"
    bang.write_bytes(b"x")
    gains = np.zeros(6000)
    gains[3000:3080] = -12.0
    store = MeasurementsDb(tmp_path / "state")
    measured = Measured(60.0, -25.0, -25.0, 2.0, -22.0, -24.0, -24.0, -10.0, -24.0, calm_lufs=-25.0)
    store.keep(mark_of(str(calm)), MeasureResult(measured))
    store.keep(mark_of(str(bang)), MeasureResult(replace(measured, plan=encode(gains), lowered_in=("left",))))
    store.close()
    lull("doctor", "--config", str(path))
    told = re.sub(r"\s+", " ", capsys.readouterr().out)
    assert "will be lowered in parts: thunder.mp3 lowered at 0:30 for 0.8 s by 12 dB in the left ear" in told
    assert "rain.mp3" not in told


@pytest.mark.usefixtures("quiet")
def test_the_remedy_for_unmeasured_tracks_is_a_command_that_works(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Typed as it stands, from any folder: a scan without a config has nothing to scan. Any path is quoted."""
    folder = tmp_path / "my music's"
    folder.mkdir()
    path = config(folder)
    (folder / "state").mkdir()
    write_wav(folder / "music" / "sea.wav", sine(440.0, 2.0))
    lull("doctor", "--json", "--config", str(path))
    findings = json.loads(capsys.readouterr().out)["findings"]
    (mend,) = [found["mend"] for found in findings if "not measured" in found["what"]]
    words = shlex.split(mend)
    assert words == ["lull", "scan", "--config", str(path)]
    assert main(words[1:]) == 0


@pytest.mark.usefixtures("quiet")
def test_a_service_is_measured_for_as_its_user(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody else may write what the service remembers."""
    user = account_of(None)
    assert user is not None
    service = Service(is_loaded=True, user=user.name)
    monkeypatch.setattr(doctoring, "ask_service", lambda _unit, _limit_s: service)
    lull("doctor", "--json", "--config", str(config(tmp_path)))
    mends = [found["mend"] for found in json.loads(capsys.readouterr().out)["findings"]]
    assert f"sudo -u {user.name} lull scan --config {tmp_path / 'lull.yaml'}" in mends


@pytest.mark.usefixtures("quiet")
@pytest.mark.parametrize(
    ("own", "expected"),
    [
        (Service(is_loaded=True, unit="lull@left", is_enabled=True, active="failed"), "lull@left"),
        (Service(is_loaded=True, unit="lull@left", active="active"), "lull@left"),
        (Service(is_loaded=True, unit="lull@left"), "lull"),
        (None, "lull"),
    ],
)
def test_one_of_several_speakers_has_a_service_of_its_own_or_the_plain_one(
    own: Service | None,
    expected: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Two on one machine are lull@left and lull@right; a file for the whole house has one speaker for each machine."""
    units = {"lull@left": own, "lull": Service(is_loaded=True, active="failed")}
    read = []
    monkeypatch.setattr(doctoring, "ask_service", lambda unit, _limit_s: units[unit])
    monkeypatch.setattr(doctoring, "read_journal", lambda unit, _zone, _limit_s: (read.append(unit) or (), True))
    path = config(tmp_path)
    text = path.read_text(encoding="utf-8").replace("device: bedroom\n", "")
    path.write_text(f"{text}speakers: {{left: {{state_dir: left}}, right: {{state_dir: right}}}}\n", encoding="utf-8")
    lull("doctor", "--json", "--device", "left", "--config", str(path))
    mends = [found["mend"] for found in json.loads(capsys.readouterr().out)["findings"] if found["check"] == "service"]
    assert read == [expected]
    is_active = own is not None and own.active == "active"
    assert any(f"sudo systemctl enable {'' if is_active else '--now '}{expected}" in (mend or "") for mend in mends)


@pytest.mark.usefixtures("quiet")
@pytest.mark.parametrize(
    ("active", "expected"),
    [
        ({"lull@left": "failed", "lull@right": "active"}, "lull@left"),
        ({"lull@left": "active", "lull@right": "failed"}, "lull@right"),
        ({"lull": "failed"}, "lull"),
        ({}, None),
    ],
)
def test_where_none_of_several_speakers_is_chosen_the_plain_service_is_not_advised_beside_theirs(
    active: dict[str, str],
    expected: str | None,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The one that does not run is started again. Where systemd does not answer, it is not asked for each of them."""
    asked = []

    def ask(unit: str, _limit_s: float) -> Service | None:
        asked.append(unit)
        return Service(is_loaded=True, unit=unit, active=active.get(unit, "inactive")) if active else None

    monkeypatch.setattr(doctoring, "ask_service", ask)
    path = tmp_path / "lull.yaml"
    path.write_text("state_dir: state\nspeakers: {left: {}, right: {}}\n")
    lull("doctor", "--json", "--config", str(path))
    mends = [found["mend"] for found in json.loads(capsys.readouterr().out)["findings"] if found["check"] == "service"]
    if expected is None:
        assert asked == ["lull@left", "lull"]
    else:
        assert any(f"sudo systemctl enable --now {expected};" in (mend or "") for mend in mends)


@pytest.mark.usefixtures("quiet")
def test_json_is_as_its_schema_says(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One object that the shipped schema allows."""
    assert lull("doctor", "--json", "--config", str(config(tmp_path))) == 0
    said = json.loads(capsys.readouterr().out)
    Draft202012Validator.check_schema(schemas.schema("doctor"))
    Draft202012Validator(schemas.schema("doctor")).validate(said)
    assert said["right"]


@pytest.mark.usefixtures("quiet")
def test_a_faulty_config_is_told_and_the_rest_looked_at(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 1; the playlist that can be read is looked at."""
    assert lull("doctor", "--config", str(config(tmp_path, "devcie: x\nvolume: {max: 0}\n"))) == 1
    out = capsys.readouterr().out
    assert "devcie" in out
    assert "volume.max" in out
    assert "✓ playlist rain" in out
    assert "things are wrong" in out


@pytest.mark.usefixtures("quiet")
def test_a_config_that_is_not_there_is_wrong_and_not_the_end(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Versions are told all the same."""
    assert lull("doctor", "--config", str(tmp_path / "none.yaml")) == 1
    out = capsys.readouterr().out
    assert "does not exist" in out
    assert "✓ versions" in out


def test_wrong_usage_is_2(capsys: pytest.CaptureFixture[str]) -> None:
    """As for every command."""
    with pytest.raises(SystemExit) as caught:
        lull("doctor", "--jsno")
    assert caught.value.code == 2
    assert "jsno" in capsys.readouterr().err


def test_a_check_that_hangs_is_left_behind() -> None:
    """The others are heard, in order, and the one that hangs has a finding that names what to look at."""
    never = threading.Event()

    def hang() -> list[Finding]:
        never.wait()
        return []

    found = in_time(
        [Check("a", lambda: [right("a", "x")]), Check("b", hang, "the share"), Check("c", lambda: [right("c", "x")])],
        0.1,
    )
    never.set()
    assert [(one.check, one.level) for one in found] == [("a", Level.RIGHT), ("b", Level.WRONG), ("c", Level.RIGHT)]
    assert found[1].mend == "the share does not respond; check it"


def test_a_check_that_fails_does_not_end_the_others() -> None:
    """A bug of ours in one check is a finding, and the rest is told."""

    def fail() -> list[Finding]:
        raise ValueError("odd")

    found = in_time([Check("a", fail), Check("b", lambda: [right("b", "x")])], 5)
    assert [one.level for one in found] == [Level.WRONG, Level.RIGHT]
    assert "ValueError: odd" in found[0].what


def test_long_lines_are_wrapped_and_advice_follows() -> None:
    """Within the terminal's width, each line under its text; what is right has no advice; no control characters."""
    lines = list(
        doctor.screen([wrong("power", "word " * 40, "mend it"), right("clock", "tr\x1busted"), warning("x", "y")], 70)
    )
    assert max(map(len, lines)) <= 70
    assert lines[0].startswith("✗ power           word")
    assert lines[1].startswith(" " * 18 + "word")
    assert "                  → mend it" in lines
    assert "\x1b" not in "".join(lines)
    assert lines[-1] == "1 thing is wrong; 1 marked ! can wait."


def test_the_documented_form_is_that_of_the_schema() -> None:
    """The example of docs/doctor.md, and each check that this machine may show stands in its table."""
    text = (ROOT / "docs" / "doctor.md").read_text(encoding="utf-8")
    example = json.loads(text.split("nothing to check:")[1].split("## The log")[0])
    Draft202012Validator(schemas.schema("doctor")).validate(example)
    sources = [path.read_text(encoding="utf-8") for path in Path(machine.__file__).parent.glob("*.py")]
    checks = set(re.findall(r'(?:right|warning|wrong)\(\s*"([a-z_ ]+)"|check = "([a-z_ ]+)"', "".join(sources)))
    assert {name for pair in checks for name in pair if name} >= {"config", "broker", "power", "last night"}
    assert not {name for pair in checks for name in pair if name and f"`{name}`" not in text}


def test_a_config_is_salvaged(tmp_path: Path) -> None:
    """What is right in it holds, and every fault is listed; a good one is as it is loaded."""
    path = config(tmp_path, "mqtt: {host: hub, port: 99999}\ndevice: bedroom\nvolume: {max: 0}\n")
    found, faults = salvage(path)
    assert found.settings.device == "bedroom"
    assert found.settings.playlist("rain") is not None
    assert len(faults) == 2
    assert salvage(tmp_path / "none.yaml")[1]
    path.write_text("{: [")
    assert salvage(path)[1]
    good = config(tmp_path)
    assert salvage(good) == (parse(good.read_text(), good), ())
