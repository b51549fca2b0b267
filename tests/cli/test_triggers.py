"""``lull triggers test``: for each trigger whether it would fire and why, what would come of it, and exit codes."""

from __future__ import annotations

import json
import queue
import signal
from datetime import UTC, datetime
from pathlib import Path

import pytest

from player.cli.main import main
from player.cli.triggers import Watcher
from player.config import load
from player.core.pillow import Calibration, level_of
from player.core.states import State
from player.mqtt.incoming import Incoming, LinkDown, LinkUp
from player.mqtt.triggers.gate import SpeakerStatus
from player.mqtt.triggers.rule_engine import RuleEngine
from player.session.memory.records import Batch, Documents, texts
from player.storage.memory_db import MemoryDb
from player.system.input_reader import InputReader, InputWish
from tests.fakes.clock import FakeClock
from tests.fakes.inputs import FakeInputs
from tests.mqtt.triggers.rule_texts import HEAD, settings_of

TRIGGERS = """\
quiet_hours: 23:00-6:30
triggers:
  - {name: single, topic: z/button, path: action, equals: single, do: toggle}
  - {name: double, topic: z/button, path: action, equals: double, do: extend, with: {minutes: 15}}
  - {name: presence, topic: home/presence, equals: empty, for: 10m, do: stop}
  - {name: evening, topic: home/presence, equals: x, for: 10m, only_between: 21:00-23:00, do: play}
  - {name: warm, topic: tele/temp, above: 20, do: volume, with: -5}
"""


@pytest.fixture
def config(tmp_path: Path) -> str:
    path = tmp_path / "lull.yaml"
    path.write_text(HEAD + TRIGGERS, encoding="utf-8")
    return str(path)


def said(capsys: pytest.CaptureFixture[str], code: int, *words: str) -> list[str]:
    """The lines of ``lull triggers test``, which ends with this code."""
    assert main(["triggers", "test", *words]) == code
    return capsys.readouterr().out.splitlines()


def test_each_trigger_is_told_with_its_reason(config: str, capsys: pytest.CaptureFixture[str]) -> None:
    """What fires, and why the others do not; code 0, because something would be done."""
    assert said(capsys, 0, "z/button", '{"action":"single"}', "--at", "21:05", "--config", config) == [
        "single: fires: action is 'single'",
        "  toggle: sound starts at 21:05 (the speaker is idle)",
        "double: does not fire: action 'single' is not 'double'",
        "presence: does not fire: it listens to home/presence",
        "evening: does not fire: it listens to home/presence",
        "warm: does not fire: it listens to tele/temp",
    ]


def test_a_start_in_the_quiet_hours_is_refused_with_code_1(config: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The same press while it plays is a pause, and is obeyed."""
    words = ("z/button", '{"action":"single"}', "--at", "23:10", "--config", config)
    assert said(capsys, 1, *words)[1] == ("  toggle: refused: in the quiet hours (23:00-06:30) no trigger starts sound")
    assert said(capsys, 0, *words, "--state", "playing")[1] == (
        "  toggle: accepted (the speaker is playing; this starts no sound)"
    )


@pytest.mark.parametrize(
    ("words", "code", "line"),
    [
        (("z/button", '{"action":"double"}'), 1, "  extend minutes=15: refused, because the speaker is idle"),
        (("z/button", '{"action":""}'), 1, "single: does not fire: action is empty"),
        (("z/button", '{"action":"single"}', "--retained"), 1, "single: does not fire: the message is retained"),
        (
            ("home/presence", "empty"),
            0,
            "presence: waits: the message is 'empty'; fires in 10m, unless that ends first",
        ),
        (("home/presence", "empty"), 0, "  stop: accepted (the speaker is idle; this starts no sound)"),
        (("home/presence", "x", "--at", "20:55"), 0, "  play: sound starts at 21:05 (the speaker is idle)"),
        (
            ("home/presence", "x", "--at", "22:55"),
            1,
            "evening: does not fire: it has been true for 10m, but it is 23:05",
        ),
        (("tele/temp", "21"), 0, "warm: fires: the message '21' is above 20, and it was not before"),
        (("nowhere", "x"), 1, "single: does not fire: it listens to z/button"),
    ],
)
def test_what_a_message_would_do(
    config: str, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], code: int, line: str
) -> None:
    """Code 0 where something would be done, 1 where nothing would."""
    assert any(one.startswith(line) for one in said(capsys, code, *words, "--config", config))


@pytest.mark.parametrize(("volume", "code"), [("40", 0), ("10", 1)])
def test_a_level_is_judged_by_the_calibration(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], volume: str, code: int
) -> None:
    """In the quiet hours 30 dB(A) make it louder than volume 10 and softer than 40; without a calibration, than any."""
    path = tmp_path / "lull.yaml"
    rule = "triggers: [{name: level, topic: a, equals: x, do: volume, with: 30 dBA}]\n"
    path.write_text(f"{HEAD}state_dir: state\nquiet_hours: 23:00-6:30\n{rule}", encoding="utf-8")
    words = ("a", "x", "--at", "23:10", "--state", "playing", "--volume", volume, "--config", str(path))
    assert "makes it louder" in said(capsys, 1, *words)[-1]
    found = load(path)
    offset_db = 30.0 - level_of(25, 0.0, found.settings.limits.target_lufs)
    at = datetime(2026, 1, 1, tzinfo=UTC)
    store = MemoryDb(tmp_path / "state")
    store.write(Batch(texts(Documents(calibration=Calibration(offset_db, found.settings.output, at)))))
    store.close()
    assert ("makes it louder" in said(capsys, code, *words)[-1]) is bool(code)


def test_for_programs_there_is_json(config: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The same, with stable words."""
    words = ("z/button", '{"action":"single"}', "--at", "23:10", "--config", config, "--json")
    found = json.loads("\n".join(said(capsys, 1, *words)))
    assert (found["topic"], found["state"], found["at"][11:16]) == ("z/button", "idle", "23:10")
    assert [one["ruling"] for one in found["triggers"]] == ["fires", "not", "not", "not", "not"]
    assert found["triggers"][0] == {
        "name": "single", "topic": "z/button", "ruling": "fires", "why": "action is 'single'", "asks": "toggle",
        "outcome": "refused: in the quiet hours (23:00-06:30) no trigger starts sound", "done": False,
    }  # fmt: skip


@pytest.mark.parametrize("words", [("a/+", "x"), ("", "x")])
def test_a_topic_with_wildcards_is_wrong_usage(
    config: str, capsys: pytest.CaptureFixture[str], words: tuple[str, ...]
) -> None:
    """A message is on one topic: code 2."""
    assert main(["triggers", "test", *words, "--config", config]) == 2
    assert "TOPIC" in capsys.readouterr().err


def test_a_time_that_is_none_is_wrong_usage(config: str, capsys: pytest.CaptureFixture[str]) -> None:
    """As argparse does it."""
    with pytest.raises(SystemExit) as caught:
        main(["triggers", "test", "a", "x", "--at", "25:00", "--config", config])
    assert caught.value.code == 2
    assert "'25:00' is not a time of day; write it like 23:10" in capsys.readouterr().err


def test_a_config_without_triggers_is_said_to_have_none(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Code 1, and where to read on."""
    path = tmp_path / "lull.yaml"
    path.write_text(HEAD)
    assert main(["triggers", "test", "a", "x", "--config", str(path)]) == 1
    assert "has no triggers; see docs/triggers.md" in capsys.readouterr().err


def test_check_tells_of_triggers_and_of_filters_that_share_topics(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A row for each, the quiet hours, and a note where a message may come twice."""
    path = tmp_path / "lull.yaml"
    path.write_text(
        HEAD + "quiet_hours: 23:00-6:30\ntriggers:\n"
        "  - {name: n, topic: a/+, do: stop}\n  - {topic: +/b, equals: x, do: play, with: rain}\n"
    )
    assert main(["check", "--config", str(path)]) == 0
    out = capsys.readouterr().out
    assert "triggers   n: the message on a/+ is any value: stop\n           +/b: the message is 'x': play rain\n" in out
    assert "in the quiet hours, 23:00-06:30, none of them starts sound or makes it louder\n" in out
    assert "note: triggers: a/+ and +/b overlap; a message that matches both may arrive twice\n" in out


def test_watching_tells_what_comes_with_the_state_of_the_speaker() -> None:
    """A line for the message, one for each trigger on its topic; the state is the one that the speaker publishes."""
    clock = FakeClock(wall=datetime(2026, 1, 15, 22, 0, tzinfo=UTC))
    found = settings_of("name: t, topic: a, equals: x, do: extend", "name: p, topic: b, equals: e, for: 10m, do: stop")
    standing = SpeakerStatus(State.IDLE, 0)
    watcher = Watcher(RuleEngine(found.rules), None, "lull/bedroom/state", clock, standing, is_json=False)
    arrivals: queue.SimpleQueue[Incoming | LinkUp | LinkDown] = queue.SimpleQueue()

    def hear(arrival: Incoming | LinkUp | LinkDown) -> str | LinkDown:
        arrivals.put(arrival)
        return watcher.turn(arrivals)

    assert hear(LinkUp()) == "listening to a, b"
    assert hear(Incoming("a", b"x")) == (
        "22:00:00 a x\n  t: fires: the message is 'x'\n    extend: refused, because the speaker is idle"
    )
    assert hear(Incoming("lull/bedroom/state", b'{"state":"playing"}', retained=True)) == ""
    assert hear(Incoming("lull/bedroom/state", b'{"state":"dancing"}')) == ""
    clock.advance(60)
    assert str(hear(Incoming("a", b"x"))).endswith("extend: accepted (the speaker is playing; this starts no sound)")
    assert str(hear(Incoming("a", b"\x1b[2J", retained=True))).startswith("22:01:00 a \ufffd[2J (retained)\n")
    assert str(hear(Incoming("b", b"e"))).endswith("p: waits: the message is 'e'; fires in 10m")
    clock.advance(600)
    assert watcher.turn(arrivals) == (
        "22:11:00 the waiting time is over\n  p: fires: it has been true for 10m\n"
        "    stop: accepted (the speaker is playing; this starts no sound)"
    )
    assert hear(Incoming("lull/bedroom/state", b'{"state": [], "volume": {}}')) == ""  # nothing that lull publishes
    assert hear(LinkDown("gone")) == LinkDown("gone")


def test_what_would_be_louder_in_the_quiet_hours_is_refused(config: str, capsys: pytest.CaptureFixture[str]) -> None:
    """An extension in the final fade; while it plays it is obeyed at any time. A volume is judged by ``--volume``."""
    words = ("z/button", '{"action":"double"}', "--at", "23:10", "--config", config, "--state")
    refused = "  extend minutes=15: refused: in the quiet hours (23:00-06:30) no trigger makes it louder"
    assert refused in said(capsys, 1, *words, "fading_out")
    assert refused not in said(capsys, 0, *words, "playing")
    path = Path(config)
    path.write_text(path.read_text() + "  - {name: scene, topic: scene, do: volume, with: 25}\n")
    scene = ("scene", "x", "--at", "23:10", "--config", config, "--state", "playing", "--volume")
    assert said(capsys, 1, *scene, "20")[-1].endswith("no trigger makes it louder")
    assert said(capsys, 0, *scene, "25")[-1].startswith("  volume 25: accepted")
    with pytest.raises(SystemExit):
        main(["triggers", "test", *scene, "101"])
    assert "is not a volume" in capsys.readouterr().err


def test_what_depends_on_the_night_is_said_to(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """In the quiet hours: nobody knows here whether the next phase is louder or only a bed plays."""
    asked = {"a": "advance", "b": "next", "c": "playlist, with: story", "d": "playlist, with: rain"}
    rules = "\n".join(f"  - {{topic: {topic}, equals: x, do: {verb}}}" for topic, verb in asked.items())
    path = tmp_path / "lull.yaml"
    path.write_text(
        "device: bedroom\nmqtt: {host: localhost}\nquiet_hours: 23:00-6:30\n"
        f"playlists:\n  rain: {{paths: [/r]}}\n  story: {{paths: [/s], bed: rain}}\ntriggers:\n{rules}\n",
        encoding="utf-8",
    )
    rule = "in the quiet hours (23:00-06:30) no trigger makes it louder"
    accepted = "accepted (the speaker is playing; this starts no sound)"
    for topic, code, line in (
        ("a", 0, f"  advance: {accepted}; refused where the next phase is louder: {rule}"),
        ("b", 0, f"  next: {accepted}; refused where only a bed plays: {rule}"),
        ("c", 1, f"  playlist story: refused: {rule}"),
        ("d", 0, f"  playlist rain: {accepted}; refused where only a bed plays: {rule}"),
    ):
        words = (topic, "x", "--at", "23:10", "--state", "playing", "--config", str(path))
        assert line in said(capsys, code, *words)
    by_day = said(capsys, 0, "a", "x", "--at", "12:00", "--state", "playing", "--config", str(path))
    assert f"  advance: {accepted}" in by_day


def test_every_state_can_be_named(config: str, capsys: pytest.CaptureFixture[str]) -> None:
    """``--state`` takes what the state topic says."""
    for state in State:
        assert said(capsys, 0, "home/presence", "empty", "--state", state.value, "--config", config)


def test_keys_are_named_as_a_trigger_is_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The devices with their keys, then each press until Ctrl-C; without a device that can be read it is code 1."""
    inputs = FakeInputs(tmp_path)
    monkeypatch.setattr("player.cli.triggers.InputSystem", lambda: inputs.system)
    assert main(["triggers", "keys"]) == 1
    assert "no input device was found" in capsys.readouterr().err
    button = inputs.plug("button@11", ["KEY_PLAYPAUSE"])

    class Pressed(InputReader):
        """A reader of those devices, at which somebody presses a key and then Ctrl-C."""

        def listen(self, wishes: tuple[InputWish, ...]) -> None:
            assert wishes == (InputWish(button.node),)
            self._hear(button.node, "KEY_PLAYPAUSE")
            signal.setitimer(signal.ITIMER_REAL, 0.2)

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("player.cli.triggers.InputReader", Pressed)
    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        assert main(["triggers", "keys"]) == 0
    finally:
        signal.signal(signal.SIGALRM, before)
        inputs.close()
    assert capsys.readouterr().out.splitlines() == [
        f"button@11: {button.node}, KEY_PLAYPAUSE",
        "press a key or turn a knob; Ctrl-C ends this",
        'topic: "input:button@11", equals: KEY_PLAYPAUSE',
    ]


def test_a_press_is_judged_like_a_message(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Without a broker in the config."""
    path = tmp_path / "lull.yaml"
    trigger = "{name: b, topic: 'input:button@11', equals: KEY_A long, do: stop}"
    path.write_text(f"playlists: {{rain: {{paths: [/srv/rain]}}}}\ntriggers: [{trigger}]\n", encoding="utf-8")
    words = ("--config", str(path))
    assert said(capsys, 0, "input:button@11", "KEY_A long", *words)[0] == "b: fires: the message is 'KEY_A long'"
    assert said(capsys, 1, "input:button@11", "KEY_A", *words) == [
        "b: does not fire: the message 'KEY_A' is not 'KEY_A long'"
    ]
