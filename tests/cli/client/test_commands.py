"""The client commands as far as they go without a broker: arguments, config, what is shown."""

from __future__ import annotations

import argparse
import json
import threading
from dataclasses import replace
from datetime import time
from pathlib import Path
from typing import Any

import pytest

from player.cli import main as command_line
from player.cli import paths
from player.cli.client import commands as client
from player.cli.client import format as shown
from player.cli.client import parsers, schedule_list
from player.cli.client import request as remote
from player.cli.client.verbs import fields
from player.core.commands import (
    AllowAgain,
    ChangeEntry,
    Command,
    ExtendTimer,
    NeverAgain,
    NotTonight,
    Play,
    Seek,
    SetFade,
    SetPlaylist,
    SetSchedule,
    SetStartTime,
    SetTimer,
    SetVolume,
    SkipTonight,
    Stop,
    Tonight,
)
from player.core.commands_level import SetLevel
from player.core.days import DAYS
from player.core.errors import ConfigError, LullError
from player.core.settings.mqtt import MqttSettings
from player.core.settings.session import TimerSetting
from player.core.snapshot import EntryState, Snapshot
from player.core.verbs import VERBS
from player.mqtt import payloads
from player.mqtt.incoming import Incoming
from player.mqtt.topics import Topics
from tests.live.broker import free_port
from tests.mqtt.snapshots import PLAYING

CONFIG = """\
device: bedroom
mqtt: {host: broker.lan, port: 1884, username: lull, password_file: /etc/lull/password, prefix: home}
playlists: {rain: {paths: [/srv/rain]}}
"""


def parse(*argv: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="lull")
    parsers.add_parsers(parser.add_subparsers(required=True))
    return parser.parse_args(argv)


@pytest.fixture(autouse=True)
def _no_config_of_this_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("LULL_CONFIG", raising=False)
    monkeypatch.setattr(paths, "DEFAULT_CONFIG", tmp_path / "absent.yaml")
    monkeypatch.setattr(paths, "HOME", tmp_path)


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "lull.yaml"
    path.write_text(CONFIG)
    return path


@pytest.mark.parametrize(
    ("argv", "command"),
    [
        ("play", Play()),
        ("play rain --volume 30 --timer 1h --fade-in 2m", Play("rain", 30, TimerSetting.clock(3600), 120)),
        ("stop", Stop()),
        ("stop --now", Stop(now=True)),
        ("seek 3:20", Seek(200)),
        ("seek +30", Seek(30, is_relative=True)),
        ("seek -30", Seek(-30, is_relative=True)),
        ("seek -1:00 --host broker", Seek(-60, is_relative=True)),
        ("volume 30", SetVolume(30)),
        ("volume -5", SetVolume(-5, is_relative=True)),
        ("volume +", SetVolume(4, is_relative=True)),
        ("volume -", SetVolume(-4, is_relative=True)),
        ("volume 35 dBA", SetLevel(35.0)),
        ("timer 45m", SetTimer(TimerSetting.clock(2700))),
        ("timer +15m", ExtendTimer(900)),
        ("timer -15m", ExtendTimer(-900)),
        ("timer --device bedroom -15m", ExtendTimer(-900)),
        ("extend", ExtendTimer(900)),
        ("extend 1h", ExtendTimer(3600)),
        ("extend 20", ExtendTimer(1200)),
        ("extend -5m", ExtendTimer(-300)),
        ("playlist rain", SetPlaylist("rain")),
        ("schedule off", SetSchedule(is_enabled=False)),
        ("schedule toggle", SetSchedule(None)),
        ("schedule off --entry late", SetSchedule(False, "late")),
        ("schedule --entry late --at 1:05", SetStartTime("late", time(1, 5))),
        ("schedule --entry late --at config", SetStartTime("late", None)),
        ("schedule --entry late --days fri,sat", ChangeEntry("late", frozenset({4, 5}))),
        ("schedule --entry late --volume 12 --playlist rain", ChangeEntry("late", playlist="rain", volume=12)),
        ("schedule --entry late --reset", ChangeEntry("late", back=frozenset({"at", "days", "playlist", "volume"}))),
        (
            "tonight 23:15 --playlist rain --volume 20 --timer 1h",
            Tonight(time(23, 15), "rain", 20, TimerSetting.clock(3600)),
        ),
        ("tonight off", NotTonight()),
        ("never_again", NeverAgain()),
        ("never_again Drops --undo", AllowAgain("Drops")),
        ("skip_tonight", SkipTonight()),
        ("skip_tonight off", SkipTonight(is_skipped=False)),
        ("fade 10m", SetFade(600)),
    ],
)
def test_arguments_say_the_command(argv: str, command: Command) -> None:
    """Steps down begin with a minus and are no options."""
    args = parse(*argv.split())
    assert args.verb.command(fields(args.verb, args)) == command


@pytest.mark.parametrize("name", [*VERBS, "watch"])
def test_every_command_has_a_help_worth_reading(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """What it does, which broker it asks, and the exit codes; no line wider than a terminal."""
    with pytest.raises(SystemExit) as caught:
        parse(name, "--help")
    assert caught.value.code == 0
    text = capsys.readouterr().out
    assert "3 no answer" in text
    assert "see lull --help" in text
    assert max(map(len, text.splitlines())) <= 80


@pytest.mark.parametrize(
    ("argv", "reason"),
    [
        ("volume loud", "volume 'loud' is not a number"),
        ("volume 101", "allowed is 0 to 100"),
        ("timer soon", "write minutes, 45m, 1h30, until 06:30, off, end-of-track or end-of-playlist"),
        ("timer 0", "to switch the sleep timer off write off"),
        ("seek here", "is not a place in a track"),
        ("schedule perhaps", "allowed: on, off, toggle"),
        ("play --fade-in 3h", "fade_in is 3h; allowed is 0s to 1h"),
        ("pause --host x --port 0", "port is 0; allowed is 1 to 65535"),
        ("pause --host x --prefix a/#", "prefix '#' is not a name"),
        ("pause --host x --device a/+", "device 'a/+' is not a name"),
        ("pause --host x --device all", "write --all"),
        ("watch --host x --all", "watch shows one speaker"),
        ("stop --host x --group a/+", "group 'a/+' is not a name"),
    ],
)
def test_wrong_usage_is_2_before_anything_is_sent(argv: str, reason: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The reason is on stderr, nothing on stdout."""
    args = parse(*argv.split())
    assert client.run(args) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert reason in err


@pytest.mark.parametrize("argv", ["volume", "pause 3", "play a b", "status --timeout 0", "status --timeout x"])
def test_arguments_that_do_not_fit_are_2(argv: str) -> None:
    """As argparse has it."""
    with pytest.raises(SystemExit) as caught:
        parse(*argv.split())
    assert caught.value.code == 2


@pytest.mark.parametrize("text", ["x", "0", "-1", "nan", "601"])
def test_a_timeout_that_is_not_usable_is_named_with_what_is_allowed(
    text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Text and numbers out of range alike."""
    with pytest.raises(SystemExit):
        parse("status", f"--timeout={text}")
    assert f"'{text}' is not usable; allowed are seconds, more than 0, up to 600" in capsys.readouterr().err


def test_a_broker_that_is_not_there_is_3_and_named(capsys: pytest.CaptureFixture[str]) -> None:
    """Host, port, and what to check."""
    port = free_port()
    assert client.run(parse("pause", "--host", "127.0.0.1", "--port", str(port))) == 3
    err = capsys.readouterr().err
    assert f"127.0.0.1:{port}" in err
    assert "--host, --port" in err
    assert client.NOTHING_HERE not in err


def test_without_a_config_and_a_night_it_is_told_that_nothing_plays(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """In one line: the default broker was asked only because nothing else is known."""
    for module in (client, schedule_list):
        monkeypatch.setattr(module, "config_file", lambda _: None)
    port = free_port()
    said = f"lull: {client.NOTHING_HERE} (no connection to the broker at localhost:{port}: Connection refused)\n"
    for words in (["pause"], ["schedule"], ["stop", "--all"]):
        assert client.run(parse(*words, "--port", str(port))) == 3
        assert capsys.readouterr().err == said


@pytest.mark.parametrize(
    ("words", "same"),
    [
        ("--all stop --now", "stop --now --all"),
        ("--group upstairs stop", "stop --group upstairs"),
        ("--group=upstairs stop", "stop --group=upstairs"),
        ("stop --all", "stop --all"),
        ("--all scan", "--all scan"),
        ("--group upstairs", "--group upstairs"),
        ("--device kitchen status", "status --device kitchen"),
        ("--host=hub --port 1884 --json status", "status --host=hub --port 1884 --json"),
        ("--config a.yaml check", "check --config a.yaml"),
        ("--config a.yaml triggers test a b", "triggers test a b --config a.yaml"),
        ("triggers --json test a b", "triggers test a b --json"),
        ("--device kitchen seek -- -5", "seek --device kitchen -- -5"),
        ("--device k --all stop", "stop --device k --all"),
        ("", ""),
    ],
)
def test_whom_to_ask_may_be_said_first(words: str, same: str) -> None:
    """``lull --all stop``, ``lull --device kitchen status``; ``--all`` of a command that asks nobody stays."""
    assert command_line._command_first(words.split()) == same.split()


# Which speaker.


def test_without_a_config_it_is_the_broker_of_this_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And the speaker is found out, where no `lull night` of this user plays and no lull is installed."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    monkeypatch.setattr(paths, "DEFAULT_CONFIG", tmp_path / "absent")
    assert client.find_speaker(parse("pause")) == (MqttSettings(), None)


def test_the_config_names_broker_and_speaker(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By option, by $LULL_CONFIG, and at its usual place."""
    wanted = MqttSettings("broker.lan", 1884, "lull", "/etc/lull/password", "home"), "bedroom"
    assert client.find_speaker(parse("pause", "--config", str(config))) == wanted
    monkeypatch.setattr(paths, "DEFAULT_CONFIG", config)
    assert client.find_speaker(parse("pause")) == wanted
    monkeypatch.setattr(paths, "DEFAULT_CONFIG", config / "absent")
    monkeypatch.setenv("LULL_CONFIG", str(config))
    assert client.find_speaker(parse("pause")) == wanted


def test_options_come_before_the_config(config: Path) -> None:
    """Each for itself."""
    settings, device = client.find_speaker(
        parse("pause", "--config", str(config), "--port", "1999", "--prefix", "lull", "--device", "kitchen")
    )
    assert (settings.host, settings.port, settings.prefix, device) == ("broker.lan", 1999, "lull", "kitchen")


def test_the_configs_password_goes_to_the_configs_broker_only(config: Path) -> None:
    """A host on the command line is taken alone."""
    settings, device = client.find_speaker(parse("pause", "--config", str(config), "--host", "other.lan"))
    assert (settings, device) == (MqttSettings("other.lan"), None)


def test_a_config_without_mqtt_cannot_be_asked(tmp_path: Path) -> None:
    """It says so, and what to do."""
    path = tmp_path / "lull.yaml"
    path.write_text("mqtt: off\nplaylists: {rain: {paths: [/srv/rain]}}\n")
    with pytest.raises(LullError, match="has no mqtt"):
        client.find_speaker(parse("pause", "--config", str(path)))


def test_a_fault_elsewhere_in_the_config_keeps_nobody_from_a_stop(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Broker and device are read, and the faults are shown; a fault in those two ends it."""
    path = tmp_path / "lull.yaml"
    path.write_text("device: attic\nmqtt: {host: broker.lan}\nvolume: {max: 700}\nplaylists: {rain: {path: /rain}}\n")
    settings, device = client.find_speaker(parse("stop", "--config", str(path)))
    assert (settings, device) == (MqttSettings("broker.lan"), "attic")
    told = capsys.readouterr().err
    assert f"{path}:3: volume.max" in told
    assert f"{path}:4: playlists.rain.path" in told
    path.write_text("device: attic\nmqtt: {host: broker.lan, port: many}\nvolume: {max: 700}\n")
    with pytest.raises(ConfigError) as refused:
        client.find_speaker(parse("stop", "--config", str(path)))
    assert [fault.split(": ")[1] for fault in refused.value.faults[:-1]] == ["mqtt.port"]
    path.write_text("device: [attic\n")
    with pytest.raises(ConfigError):
        client.find_speaker(parse("stop", "--config", str(path)))


def test_who_cannot_read_the_config_is_told_how_to_stop_without_it(tmp_path: Path) -> None:
    """A file left half-written at night must not leave somebody with a fault instead of silence; --host works."""
    path = tmp_path / "lull.yaml"
    path.write_text("playlists:\n\train: {paths: [/rain]}\n")
    with pytest.raises(ConfigError) as refused:
        client.find_speaker(parse("stop", "--config", str(path)))
    assert "--host localhost" in refused.value.faults[-1]
    settings, device = client.find_speaker(parse("stop", "--config", str(path), "--host", "localhost"))
    assert (settings.host, device) == ("localhost", None)


def test_a_config_that_is_asked_for_must_be_there(tmp_path: Path) -> None:
    """No silent step to another broker."""
    with pytest.raises(ConfigError):
        client.find_speaker(parse("pause", "--config", str(tmp_path / "absent.yaml")))


# What is shown.


def state_of(snapshot: Snapshot) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(payloads.state(snapshot))
    return found


def test_the_status_in_a_phase_says_when_the_next_one_comes() -> None:
    """Which of how many, and that somebody is known to be asleep; in the last one silence comes."""
    ends = PLAYING.timer_ends
    first = replace(PLAYING, phase=1, phases=2, next_phase=ends)
    assert shown.status("bedroom", state_of(first)).splitlines()[4:6] == [
        "  phase       1 of 2",
        "  sleep timer next phase in 30m, at 23:15",
    ]
    last = replace(PLAYING, phase=2, phases=2, next_phase=None, is_asleep=True)
    assert shown.status("bedroom", state_of(last)).splitlines()[4:7] == [
        "  phase       2 of 2",
        "  asleep      yes",
        "  sleep timer silent in 30m, at 23:15",
    ]


def test_the_status_of_a_night() -> None:
    """A line for each thing worth knowing, in the speaker's own time."""
    snapshot = replace(PLAYING, ramping_to=20, problems=("no sound device",))
    assert shown.status("bedroom", state_of(snapshot)).splitlines() == [
        "bedroom: playing, rain, Drops, 1:01 of 5:00",
        "  started by  schedule:weeknights",
        "  volume      30 of at most 60, moving to 20",
        "  bed         sea at -12 dB",
        "  sleep timer silent in 30m, at 23:15",
        "  next start  Sun 01 Feb 22:30 (weeknights)",
        "  schedule    on",
        "  playlists   rain, sea",
        "  problem     no sound device",
    ]


def test_the_status_shows_the_cap_in_force_and_what_was_held_down() -> None:
    """Under the cap of the night the maximum is the cap; without surprises nothing is said of them."""
    lines = shown.status("bedroom", state_of(replace(PLAYING, volume=20, volume_max=20, tamed=3))).splitlines()
    assert "  volume      20 of at most 20" in lines
    assert "  lowered     3 surprises in this session" in lines
    assert "lowered" not in shown.status("bedroom", state_of(PLAYING))


def test_what_was_changed_in_the_schedule_by_hand_is_shown() -> None:
    """A skipped night, an entry that is off and one that was moved, each in words."""
    changed = {
        "early": EntryState(False, time(22, 30), False, None, DAYS, "rain", 30, ()),
        "late": EntryState(True, time(1, 5), True, None, DAYS, "rain", 30, ()),
        "both": EntryState(False, time(2, 0), True, None, DAYS, "rain", 30, ()),
        "plain": EntryState(True, time(3, 0), False, None, DAYS, "rain", 30, ()),
        "other": EntryState(True, time(3, 0), False, None, DAYS, "rain", 30, ("days", "volume")),
        "tonight": EntryState(True, time(23, 15), False, PLAYING.next_start, DAYS, "rain", 30, ()),
    }
    lines = shown.status("bedroom", state_of(replace(PLAYING, skip_tonight=True, entries=changed))).splitlines()
    assert (
        "  schedule    on, tonight is skipped, early is off, late was moved to 01:05, "
        "both is off and was moved to 02:00, other has other days and volume, planned for once: Sun 22:30"
    ) in lines


@pytest.mark.parametrize("argv", ["--all schedule", "--group up schedule --days 3", "--all bans", "--group=up bans"])
def test_what_asks_no_speaker_refuses_to_ask_all_of_them(argv: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Wrong usage, with the option that is to be left out; nothing is listed."""
    assert command_line.main(argv.split()) == 2
    told = capsys.readouterr()
    assert not told.out
    assert "it is about one speaker; omit --" in told.err


def test_the_status_of_an_idle_day() -> None:
    """Nothing is said about what there is not."""
    idle = replace(
        PLAYING, state="idle", why=None, track=None, position_s=None, next_start=None, schedule_enabled=False, beds=()
    )
    assert shown.status("bedroom", state_of(idle)).splitlines() == [
        "bedroom: idle",
        "  volume      30 of at most 60",
        "  schedule    off",
        "  playlists   rain, sea",
    ]


def test_a_state_of_another_version_is_shown_as_far_as_it_goes() -> None:
    """Missing keys, odd times and nulls are no exception."""
    for state in (
        {},
        {"state": "playing", "timer": None, "next_start": "soon"},
        {"timer": {"remaining": 5, "ends": 3}},
    ):
        assert shown.status("bedroom", state).startswith("bedroom: ")
        assert shown.line(state)
    assert shown.event({}) == "--:--:-- ?"


def test_a_title_cannot_command_the_terminal() -> None:
    """Titles come from files, and files from anywhere."""
    evil = state_of(replace(PLAYING, track="\x1b]0;owned\x07\x1b[2J", problems=("a\nb",)))
    for text in (shown.status("bedroom", evil), shown.line(evil), shown.event({"text": "\x1b[31m"})):
        assert all(character.isprintable() or character == "\n" for character in text)


@pytest.mark.parametrize("title", ["می\u200cخواهم", "क्\u200dष", "👩\u200d🚀", "bruit\u202f!", "שלום\u200f!"])
def test_a_title_in_any_script_is_shown_as_it_is(title: str) -> None:
    """With its joiners, spaces and direction marks."""
    assert title in shown.status("bedroom", state_of(replace(PLAYING, track=title)))


def test_watch_shows_state_events_and_availability() -> None:
    """A line each; answers to others are not its business."""
    topics = Topics("lull", "bedroom")
    event = b'{"event_type": "faded_out", "time": "2026-01-31T23:15:00+01:00", "text": "silent"}'

    def told(topic: str, payload: bytes, *, is_json: bool = False) -> str | None:
        return client._line_of(topics, Incoming(topic, payload), is_json=is_json)

    assert told(topics.availability, b"online") == "bedroom is online"
    assert told(topics.event, event) == "23:15:00 silent"
    assert (
        told(topics.state, payloads.state(PLAYING))
        == "playing, rain, Drops, 1:01 of 5:00 | volume 30 of at most 60 | timer silent in 30m, at 23:15"
    )
    assert told(topics.reply, b"{}") is None
    assert told(topics.availability, b"online", is_json=True) == (
        '{"topic": "lull/bedroom/availability", "payload": "online"}'
    )


def test_waiting_for_the_broker_has_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """A broker that accepts and says nothing is named after the timeout."""

    class Silent:
        def __init__(self, *_args: object) -> None:
            self.is_over = threading.Event()

        def serve(self) -> str:
            assert self.is_over.wait(10.0)
            return "closed"

        def close(self) -> None:
            self.is_over.set()

    monkeypatch.setattr(remote, "PahoConnection", Silent)
    silent = remote.SpeakerClient(MqttSettings("broker.lan"), "bedroom", 0.01)
    with pytest.raises(remote.NoAnswer, match=r"broker.lan:1883: no answer in 0.01 s"), silent:
        pass


def test_a_speaker_that_comes_online_after_the_command_is_to_be_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """The broker keeps no command for a speaker that is still starting, so the answer does not blame its journal."""

    class Starting:
        def __init__(self, *args: Any) -> None:
            *_, self.on_up, self.tell = args
            self.is_over = threading.Event()

        def serve(self) -> str:
            self.on_up()
            assert self.is_over.wait(10.0)
            return "closed"

        def publish(self, *_args: object, **_how: object) -> None:
            self.tell(Incoming("lull/bedroom/availability", b"offline", retained=True))
            self.tell(Incoming("lull/bedroom/availability", b"online"))

        def close(self) -> None:
            self.is_over.set()

    monkeypatch.setattr(remote, "PahoConnection", Starting)
    monkeypatch.setattr(remote, "OFFLINE_S", 0.01)
    with (
        remote.SpeakerClient(MqttSettings("broker.lan"), "bedroom", 5.0) as speaker,
        pytest.raises(remote.NoAnswer, match=r"it has only just come online; ask again$"),
    ):
        speaker.ask("pause", {})
