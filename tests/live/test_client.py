"""The client commands against a real mosquitto and a speaker made of the real session, parser and link."""

from __future__ import annotations

import argparse
import json
import os
import queue
import random
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from player.cli.client import commands as client
from player.cli.client import parsers
from player.core.clock import Now
from player.core.commands import ReplyTo
from player.core.errors import Refused
from player.core.events import Answer, LibraryRead, News, Track
from player.core.settings.mqtt import MqttProtocol, MqttSettings
from player.core.settings.session import Playlist, Settings
from player.mqtt import payloads, topics
from player.mqtt.incoming import Incoming, LinkDown, LinkUp
from player.mqtt.link import make_link
from player.session.controller import Controller
from tests.live.broker import RealBroker

pytestmark = [pytest.mark.live, pytest.mark.slow]

WAIT_S = 10.0
NOW = Now(1000.0, datetime(2026, 1, 31, 22, 30, tzinfo=UTC))


class Speaker:
    """Answers over MQTT as the app does, at an instant that never passes; a deaf one answers somebody else."""

    def __init__(self, settings: MqttSettings, device: str) -> None:
        self.topics = topics.Topics(settings.prefix, device, settings.groups)
        self.session = Controller(Settings(device=device, playlists=(Playlist("rain", ("/rain",)),)), random.Random(1))
        self.session.handle(LibraryRead("rain", (Track("/rain/a", "a"), Track("/rain/b", "b"))), NOW)
        self.is_deaf = False
        self._told: queue.SimpleQueue[Incoming | LinkUp | LinkDown | None] = queue.SimpleQueue()
        self.link = make_link(settings, device, self._told.put)
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.link.start()
        assert self._told.get(timeout=WAIT_S) == LinkUp()
        self._publish_state()
        self._thread.start()

    def close(self) -> None:
        self.link.stop(1.0)
        self._told.put(None)
        self._thread.join(WAIT_S)

    def _run(self) -> None:
        while (message := self._told.get()) is not None:
            if isinstance(message, Incoming) and self.is_deaf:
                self._reply(Answer(ReplyTo("somebody else's"), is_done=True, text="yes", data={}))
            elif isinstance(message, Incoming):
                self._obey(message)

    def _obey(self, incoming: Incoming) -> None:
        try:
            request = topics.parse(self.topics, incoming)
        except Refused as refusal:
            self._reply(Answer(topics.reply_to(self.topics, incoming), is_done=False, text=str(refusal), data={}))
            return
        for event in self.session.handle(request, NOW).events:
            if isinstance(event, News):
                self.link.publish(self.topics.event, payloads.event(event, NOW.wall), qos=1)
            else:
                self._reply(event)
        self._publish_state()

    def _reply(self, answer: Answer) -> None:
        if answer.reply_to is not None:
            topic = answer.reply_to.topic or self.topics.reply
            self.link.publish(topic, payloads.reply(answer, self.session.snapshot(NOW), self.topics.device), qos=1)

    def _publish_state(self) -> None:
        self.link.publish(self.topics.state, payloads.state(self.session.snapshot(NOW)), retain=True, qos=1)


class House:
    """A broker, its speakers, and a person at a shell."""

    def __init__(self, broker: RealBroker, capsys: pytest.CaptureFixture[str]) -> None:
        self.broker = broker
        self.speakers: list[Speaker] = []
        self._capsys = capsys

    def speaker(self, device: str, protocol: MqttProtocol = MqttProtocol.V5, groups: tuple[str, ...] = ()) -> Speaker:
        settings = MqttSettings(host="127.0.0.1", port=self.broker.port, protocol=protocol, groups=groups)
        self.speakers.append(Speaker(settings, device))
        return self.speakers[-1]

    def lull(self, *argv: str) -> tuple[int, str, str]:
        """Exit code, stdout and stderr of a client command."""
        parser = argparse.ArgumentParser(prog="lull")
        parsers.add_parsers(parser.add_subparsers(required=True))
        self._capsys.readouterr()
        args = parser.parse_args([*argv, "--host", "127.0.0.1", "--port", str(self.broker.port)])
        code = client.run(args)
        return code, *self._capsys.readouterr()


@pytest.fixture
def house(capsys: pytest.CaptureFixture[str]) -> Iterator[House]:
    broker = RealBroker()
    broker.start()
    house = House(broker, capsys)
    yield house
    for speaker in house.speakers:
        speaker.close()
    broker.close()


@pytest.mark.parametrize("protocol", [MqttProtocol.V5, MqttProtocol.V311])
def test_a_command_is_obeyed_and_answered(house: House, protocol: MqttProtocol) -> None:
    """What was done is said, and the state says that the command line was it."""
    speaker = house.speaker("bedroom", protocol)
    assert house.lull("play", "rain", "--volume", "20") == (0, "playing rain\n", "")
    snapshot = speaker.session.snapshot(NOW)
    assert (snapshot.state, snapshot.why, snapshot.volume) == ("playing", "cli", 20)
    code, out, _ = house.lull("timer", "-15m")
    assert (code, out) == (0, "silent in 30m\n")


def test_a_refusal_is_1_with_the_speakers_own_reason(house: House) -> None:
    """The person learns the choices."""
    house.speaker("bedroom")
    code, out, err = house.lull("play", "rian", "--device", "bedroom")
    assert (code, out) == (1, "")
    assert err == "lull: unknown playlist 'rian' (did you mean 'rain'?); available: rain\n"
    code, _, err = house.lull("volume", "80", "--device", "bedroom")
    assert code == 1
    assert "allowed is 0 to 60" in err


def test_status_is_for_people_or_for_programs(house: House) -> None:
    """Lines, or the state as it is published."""
    speaker = house.speaker("bedroom")
    code, out, _ = house.lull("status")
    assert code == 0
    assert out.splitlines()[0] == "bedroom: idle"
    code, out, _ = house.lull("status", "--json")
    assert code == 0
    assert json.loads(out) == json.loads(payloads.state(speaker.session.snapshot(NOW)))


def test_the_tracks_are_listed_for_people_or_for_programs(house: House) -> None:
    """A line each, with a star before what is liked; some by a part of the title; of every speaker."""
    house.speaker("bedroom")
    assert house.lull("like", "b") == (0, "liked: b\n", "")
    code, out, _ = house.lull("tracks")
    assert (code, out.splitlines()[:2]) == (0, ["*          b  (rain)", "           a  (rain)"])
    code, out, _ = house.lull("tracks", "B", "--json")
    assert code == 0
    row = {"title": "b", "playlist": "rain", "length": None, "liked": True}
    assert json.loads(out) == {"tracks": [row], "count": 1}
    assert house.lull("tracks", "no", "such") == (0, "no track\n", "")
    assert house.lull("tracks", "b", "--all") == (0, "bedroom:\n*          b  (rain)\n", "")
    assert house.lull("unlike", "b")[:2] == (0, "no longer liked: b\n")


def test_the_only_speaker_is_found_and_of_several_one_must_be_named(house: House) -> None:
    """An offline one does not count; with two the names are said, and nothing is sent."""
    house.speaker("attic").close()
    bedroom = house.speaker("bedroom")
    assert house.lull("play") == (0, "playing rain\n", "")
    house.speaker("kitchen")
    code, out, err = house.lull("stop")
    assert (code, out) == (2, "")
    assert "bedroom, kitchen; name one with --device" in err
    assert bedroom.session.snapshot(NOW).state == "playing"
    assert house.lull("stop", "--device", "bedroom")[0] == 0


def test_one_command_to_all_is_answered_by_each(house: House) -> None:
    """Three speakers, in both versions of the protocol: a line each; an offline one is not waited for."""
    house.speaker("attic").close()
    speakers = [
        house.speaker("bedroom"),
        house.speaker("kitchen", MqttProtocol.V311),
        house.speaker("nursery", groups=("upstairs",)),
    ]
    assert house.lull("play", "--all") == (
        0,
        "".join(f"{n}: playing rain\n" for n in ("bedroom", "kitchen", "nursery")),
        "",
    )
    assert {speaker.session.snapshot(NOW).state for speaker in speakers} == {"playing"}
    assert house.lull("stop", "--now", "--group", "upstairs")[:2] == (0, "nursery: stopping\n")
    assert [speaker.session.snapshot(NOW).state for speaker in speakers] == ["playing", "playing", "stopping"]
    code, out, _ = house.lull("status", "--all")
    assert code == 0
    assert [line.removesuffix(", 0:00") for line in out.splitlines() if not line.startswith(" ")] == [
        "bedroom: playing, rain, a", "kitchen: playing, rain, a", "nursery: stopping, rain, a",
    ]  # fmt: skip


def test_who_refuses_and_who_says_nothing_is_named(house: House) -> None:
    """The others are done all the same; a group without members is told from one that is silent."""
    house.speaker("bedroom")
    assert house.lull("volume", "80", "--all") == (
        1,
        "",
        "lull: bedroom: volume 80 is out of range; allowed is 0 to 60 (volume.max)\n",
    )
    house.speaker("kitchen").is_deaf = True
    code, out, err = house.lull("play", "--all", "--timeout", "0.5")
    assert (code, out, err) == (3, "bedroom: playing rain\n", "lull: kitchen: online, but no answer within 0.5 s\n")
    code, _, err = house.lull("stop", "--group", "upstairs", "--timeout", "0.3")
    assert code == 3
    assert "no speaker of the group 'upstairs' answered" in err
    assert "mqtt.groups" in err


def test_no_answer_says_whether_the_speaker_is_unknown_offline_or_deaf(house: House) -> None:
    """Each with what to check; an offline one is not waited for in full."""
    code, _, err = house.lull("pause")
    assert code == 3
    assert "no speaker is online under 'lull'" in err
    code, _, err = house.lull("pause", "--device", "bedroom", "--timeout", "0.3")
    assert code == 3
    assert "the broker knows no speaker of that name" in err
    house.speaker("bedroom").close()
    code, _, err = house.lull("pause", "--device", "bedroom", "--timeout", "600")
    assert code == 3
    assert "the speaker is offline" in err
    assert f"127.0.0.1:{house.broker.port}" in err
    house.speaker("bedroom").is_deaf = True
    code, _, err = house.lull("pause", "--device", "bedroom", "--timeout", "0.3")
    assert code == 3
    assert "it is online but said nothing within 0.3 s" in err


def test_a_refused_user_is_3_and_the_password_is_not_shown(house: House) -> None:
    """What to check is said."""
    passwords = house.broker.add_user("lull", "right")
    house.broker.kill()
    house.broker.start(("allow_anonymous false", f"password_file {passwords}"))
    wrong = house.broker.folder / "wrong"
    wrong.write_text("wr0ng\n")
    code, _, err = house.lull("pause", "--username", "lull", "--password-file", str(wrong))
    assert code == 3
    assert "check username and password" in err
    assert "wr0ng" not in err


def test_watch_prints_until_ctrl_c(house: House) -> None:
    """First what is retained, then what happens; Ctrl-C is a good end."""
    house.speaker("bedroom")
    code = (
        "import argparse, sys; from player.cli.client import parsers; parser = argparse.ArgumentParser();"
        "parsers.add_parsers(parser.add_subparsers()); args = parser.parse_args(); sys.exit(args.run(args))"
    )
    command = [sys.executable, "-c", code, "watch", "--host", "127.0.0.1", "--port", str(house.broker.port)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as watching:
        assert watching.stdout is not None
        seen = {watching.stdout.readline().strip() for _ in range(2)}
        assert seen == {"bedroom is online", "idle | volume 30 of at most 60"}
        assert house.lull("schedule", "off")[0] == 0
        assert watching.stdout.readline().strip() == "22:30:00 schedule off"
        os.kill(watching.pid, signal.SIGINT)
        assert watching.wait(WAIT_S) == 0
        assert watching.stderr is not None
        assert watching.stderr.read() == ""


def test_watch_ends_with_3_when_the_broker_goes(house: House) -> None:
    """It says so."""
    house.speaker("bedroom")
    end = threading.Timer(1.5, house.broker.kill)
    end.start()
    code, out, err = house.lull("watch", "--json")
    end.join()
    assert code == 3
    assert "the connection was lost" in err
    assert {json.loads(line)["topic"] for line in out.splitlines()} == {
        "lull/bedroom/availability",
        "lull/bedroom/state",
    }
