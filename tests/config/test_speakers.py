"""Several speakers in one file: each has exactly the config that a file of its own would be, and faults say whose."""

from __future__ import annotations

import socket
from dataclasses import replace
from pathlib import Path

import pytest

from player.config import Config, load_all, load_whereabouts, parse
from player.config.speakers import NAMED_BY
from player.core.errors import ConfigError
from player.core.settings.safety import GuardMode
from tests.paths import ROOT

PATH = Path("/etc/lull/lull.yaml")
HOME = """\
mqtt: {host: broker.lan, groups: [house]}
playlists:
  whispers: {paths: [/srv/whispers]}
  rain: {paths: ["noise:rain"], gain: -3}
volume: {default: 30, max: 50}
schedule:
  - {name: night, at: "22:30", playlist: whispers}
speakers:
  kitchen:
    audio: {device: "plughw:CARD=Kitchen"}
    schedule: []
  bedroom:
  child:
    volume: {default: 10, max: 20}
    playlists: {rain: {order: shuffle}, sea: {paths: ["noise:sea"]}}
"""


@pytest.fixture(autouse=True)
def _machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine whose name is nobody's."""
    monkeypatch.delenv(NAMED_BY, raising=False)
    monkeypatch.setattr(socket, "gethostname", lambda: "raspberrypi.lan")


def of(name: str | None, text: str = HOME) -> Config:
    return parse(text, PATH, speaker=name)


def faults(text: str, name: str | None = None) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        of(name, text)
    return [line.removeprefix(f"{PATH}:") for line in caught.value.faults]


def test_a_speaker_has_the_config_of_a_file_of_its_own() -> None:
    """Tables are merged, lists and values replaced, and the name is the device."""
    alone = parse(
        """\
device: child
mqtt: {host: broker.lan, groups: [house]}
playlists:
  whispers: {paths: [/srv/whispers]}
  rain: {paths: ["noise:rain"], gain: -3, order: shuffle}
  sea: {paths: ["noise:sea"]}
volume: {default: 10, max: 20}
schedule:
  - {name: night, at: "22:30", playlist: whispers}
""",
        PATH,
    )
    assert of("child") == replace(alone, speaker="child")
    assert of("kitchen").settings.schedule == ()
    assert of("kitchen").audio.device == "plughw:CARD=Kitchen"
    assert of("bedroom").settings.device == "bedroom"
    assert of("bedroom").settings.volume.max == 50


def test_the_option_goes_before_the_variable_and_that_before_the_name_of_the_machine(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Case and domain of the machine's name do not matter."""
    monkeypatch.setattr(socket, "gethostname", lambda: "Kitchen.home.lan")
    assert of(None).speaker == "kitchen"
    monkeypatch.setenv(NAMED_BY, "child")
    assert of(None).speaker == "child"
    assert of("bedroom").speaker == "bedroom"


def test_a_speaker_that_is_not_there_is_told_with_the_choices(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who is missing, in which line, and who there is."""
    assert faults(HOME) == [
        "8: speakers: no speaker has the name of this machine, 'raspberrypi'; name one with --device or "
        "$LULL_DEVICE: kitchen, bedroom, child"
    ]
    wrong = "8: speakers: has no 'kitchn' (did you mean 'kitchen'?); choose one of kitchen, bedroom, child"
    assert faults(HOME, "kitchn") == [wrong]
    monkeypatch.setenv(NAMED_BY, "kitchn")
    assert faults(HOME) == [wrong]


def test_a_file_about_one_speaker_is_not_taken_for_another() -> None:
    """`lull run --device kitchen` with the bedroom's file would be its twin."""
    text = "device: bedroom\nplaylists: {rain: {paths: [/rain]}}\n"
    assert of("bedroom", text).speaker is None
    assert faults(text, "kitchen") == ["1: describes only the speaker bedroom, not kitchen"]


@pytest.mark.parametrize(
    ("changed", "to", "said"),
    [
        ("max: 20", "max: 200", "14: speakers.child.volume.max: 200 is out of range; use 1 to 100"),
        ("order: shuffle", "order: no", "15: speakers.child.playlists.rain.order: 'no' is not one of rotate, shuffle,"),
        (
            "schedule: []",
            "device: x",
            "11: speakers.kitchen.device: cannot be set here: the name is 'kitchen'; omit it",
        ),
        ("schedule: []", "speakers: {}", "11: speakers.kitchen.speakers: a speaker has no speakers of its own"),
        ("  bedroom:", "  all:", "12: speakers.all: 'all' is reserved"),
        ("  bedroom:", "  bed/room:", "12: speakers.bed/room: device 'bed/room' is not a name"),
        (
            "  bedroom:",
            "  bedroom: 5",
            "12: speakers.bedroom: must be a table with the keys that differ for this speaker",
        ),
        ("  bedroom:", "  child:", "13: speakers.child: appears twice; first in line 12"),
        (
            "mqtt: {",
            "device: home\nmqtt: {",
            "1: device: cannot be given together with speakers: each speaker has its name there",
        ),
        ("  rain: {paths", "  rain: {path", "4: playlists.rain.path: unknown key (did you mean 'paths'?)"),
    ],
)
def test_a_fault_names_the_speaker_the_line_and_what_is_allowed(
    changed: str, to: str, said: str, tmp_path: Path
) -> None:
    """A place of a speaker with its path in the file, a shared one as ever."""
    with pytest.raises(ConfigError) as caught:
        all_of(tmp_path, HOME.replace(changed, to))
    assert any(line.partition(":")[2].startswith(said) for line in caught.value.faults)


def test_a_fault_of_the_speakers_hides_no_other_one(tmp_path: Path) -> None:
    """Those of the file, and those of each speaker, are told together."""
    for there in ("speakers: [kitchen]\n", "speakers:\n  kitchen: 5\n  bedroom: {timer: soon}\n"):
        with pytest.raises(ConfigError) as caught:
            all_of(tmp_path, f"volume: {{max: 200}}\nplaylists: {{rain: {{paths: [/rain]}}}}\n{there}")
        told = " ".join(caught.value.faults)
        assert "volume.max: 200 is out of range" in told
        assert "speakers" in told
        assert "bedroom" not in there or "speakers.bedroom.timer: 'soon'" in told


def test_a_name_in_the_environment_that_no_speaker_has_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`lull run` would not start with it."""
    monkeypatch.setenv("LULL_DEVICE", "kitchn")
    with pytest.raises(ConfigError, match=r"has no 'kitchn'.*kitchen.*choose one of kitchen, bedroom, child"):
        all_of(tmp_path, HOME)


def test_speakers_without_a_name_are_no_speakers() -> None:
    """A list, or nothing in it."""
    for there in ("[kitchen]", "{}", "5"):
        assert faults(f"playlists: {{rain: {{paths: [/rain]}}}}\nspeakers: {there}\n") == [
            "2: speakers: must be a table of names with keys, such as kitchen: {volume: {max: 40}}"
        ]
    assert parse("playlists: {rain: {paths: [/rain]}}\nspeakers:\n").speaker is None


def all_of(tmp_path: Path, text: str) -> tuple[Config, ...]:
    file = tmp_path / "lull.yaml"
    file.write_text(text, encoding="utf-8")
    return load_all(file)


def test_all_are_read_and_a_fault_that_only_some_have_says_whose_it_is(tmp_path: Path) -> None:
    """Shared faults once, those of one speaker by its path, those that come of a mixture with the name."""
    assert [one.speaker for one in all_of(tmp_path, HOME)] == ["kitchen", "bedroom", "child"]
    text = HOME.replace("gain: -3", "gain: 30").replace("{default: 10, max: 20}", "{max: 20}").replace("[]", "5")
    with pytest.raises(ConfigError) as caught:
        all_of(tmp_path, text)
    assert [line.partition(":")[2] for line in caught.value.faults] == [
        "4: playlists.rain.gain: 30 is out of range; use -40 to 6 dB",
        "5: volume.default: 30 is above volume.max, which is 20; lower it or raise volume.max (of child)",
        "11: speakers.kitchen.schedule: must be a list, one entry after each dash, such as - "
        '{name: evening, at: "22:30"}',
    ]


def test_the_house_of_the_docs_is_read_as_it_says(tmp_path: Path) -> None:
    """Groups, a later start, a child's maximum, a kitchen where nothing starts by itself."""
    page = (ROOT / "docs" / "config.md").read_text(encoding="utf-8")
    left, right, child, kitchen = all_of(tmp_path, page.split("```yaml\n")[1].split("```")[0])
    assert left.mqtt is not None
    assert left.mqtt.groups == ("house", "bedroom")
    assert [entry.name for entry in right.settings.schedule] == ["late"]
    assert (child.settings.volume.max, child.settings.guard.mode) == (20, GuardMode.STRICT)
    assert (kitchen.settings.schedule, kitchen.settings.device) == ((), "kitchen")


def test_two_with_one_id_in_home_assistant_are_told(tmp_path: Path) -> None:
    """It would show one device that jumps between them."""
    text = HOME.replace("groups: [house]", "discovery: {id: lull_home}")
    with pytest.raises(ConfigError, match=r"speakers\.bedroom: has the id 'lull_home' of kitchen"):
        all_of(tmp_path, text)


@pytest.mark.parametrize(
    ("changed", "to"), [("max: 20", "max: 200"), ("  bedroom:", "  bedroom: 5"), ("  bedroom:", "  bed/room:")]
)
def test_a_fault_of_another_speaker_keeps_nobody_from_starting(changed: str, to: str) -> None:
    """Each reads its own: a slip in one table may not silence a whole house at its next start."""
    assert of("kitchen", HOME.replace(changed, to)).speaker == "kitchen"


def test_who_only_talks_needs_no_speaker_of_this_machine(tmp_path: Path) -> None:
    """From a laptop: the broker that all share, or that of the one who is named."""
    file = tmp_path / "lull.yaml"
    file.write_text(HOME.replace("schedule: []", "mqtt: {host: other.lan}"), encoding="utf-8")
    found = load_whereabouts(file)
    assert found.device is None
    assert found.speakers == ("kitchen", "bedroom", "child")
    assert found.mqtt is not None
    assert found.mqtt.host == "broker.lan"
    kitchen = load_whereabouts(file, speaker="kitchen")
    assert kitchen.mqtt is not None
    assert (kitchen.device, kitchen.mqtt.host) == ("kitchen", "other.lan")
    assert load_whereabouts(file, speaker="garage").device == "garage"
