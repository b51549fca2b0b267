"""The app wires the parts: reload, quit, answers, publication. Real threads, a silent output, no broker."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from player.app import daemon
from player.app.parts import Reload, Terminate
from player.config import Config
from player.core.commands import Pause, Play, ReplyTo, Request, SetVolume, Stop, Toggle
from player.core.states import State
from player.mqtt import gateway, router
from player.mqtt.incoming import Incoming, LinkUp
from player.mqtt.self_check import is_token
from player.session.memory.records import RECORD
from player.session.messages import ExternalProblem
from tests.daemon_rig import CONFIG, PATIENCE_S, House, LibraryThatHangs, NewTrack, lived_in
from tests.fakes.threads import no_more_threads

SOON_S = 10.0
"""Far less than the fade of a session, also on a machine ten times slower than a desktop."""


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    with lived_in(tmp_path) as built:
        yield built


@pytest.mark.slow
def test_a_command_from_the_broker_is_obeyed_and_answered_with_its_correlation(house: House) -> None:
    """Incoming message to answer, on the topic that the sender asked for, and to a new state."""
    house.tell(Incoming("lull/bedroom/cmd/volume", b"40", response_topic="me/answers", correlation=b"\x01"))
    house.wait(lambda: bool(house.link.fields("me/answers")))
    topic, payload, retain, correlation = next(sent for sent in house.link.sent if sent[0] == "me/answers")
    assert json.loads(payload)["done"] is True
    assert (topic, retain, correlation) == ("me/answers", False, b"\x01")
    house.wait(lambda: house.state()["volume"] == 40)


@pytest.mark.slow
def test_what_is_not_understood_is_refused_with_an_answer_and_an_event(house: House) -> None:
    """A wrong verb: the reason names it, and nothing changes."""
    house.tell(Incoming("lull/bedroom/cmd/plya", b'{"id": "7"}'))
    house.wait(lambda: bool(house.link.fields("lull/bedroom/reply")))
    answer = house.link.fields("lull/bedroom/reply")[-1]
    assert answer["id"] == "7"
    assert answer["done"] is False
    assert "plya" in answer["text"]
    house.wait(lambda: bool(house.link.fields("lull/bedroom/event")))
    assert "command_rejected" in [fields["event_type"] for fields in house.link.fields("lull/bedroom/event")]
    house.wait(lambda: house.state()["refused"] is not None)
    assert "plya" in house.state()["refused"]["reason"]


@pytest.mark.slow
def test_a_bad_config_on_reload_leaves_the_old_one_and_is_a_problem_until_it_is_mended(house: House) -> None:
    """The first fault is published, the old maximum stays; the mended file is taken over and clears the problem."""
    house.write("volume: {max: loud}")
    house.tell(Reload())
    house.wait(lambda: house.state()["problem"] is not None)
    assert "lull.yaml" in house.state()["problem"]
    assert house.state()["volume_max"] == 60
    house.write(CONFIG % 50)
    house.tell(Reload())
    house.wait(lambda: house.state()["problem"] is None and house.state()["volume_max"] == 50)
    assert house.notifier.told.count("reloading") == 2
    assert house.notifier.told.count("ready") == 3


@pytest.mark.slow
@pytest.mark.parametrize("name", ["lull-reload", "lull-config"])
def test_a_reload_for_which_there_is_no_thread_is_a_problem_until_the_next_one(house: House, name: str) -> None:
    """The service's limit of tasks: the old config stays, and the service manager does not wait."""
    with no_more_threads(name):
        house.tell(Reload())
        house.wait(lambda: house.state()["problem"] is not None)
    assert house.state()["problem"].endswith("lull.yaml: cannot be read: there are too many threads")
    house.tell(Reload())
    house.wait(lambda: house.state()["problem"] is None)
    assert house.notifier.told.count("ready") == 3


@pytest.mark.slow
def test_a_reload_that_a_bug_ends_is_answered(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """As a config that was rejected: the service manager waits for the answer."""

    def broken(*_: object) -> Config:
        raise ValueError("no such thing")

    with monkeypatch.context() as patch:
        patch.setattr(daemon, "load", broken)
        house.tell(Reload())
        house.wait(lambda: house.state()["problem"] is not None)
    assert house.state()["problem"].endswith("lull.yaml: ValueError: no such thing")
    assert house.notifier.told.count("ready") == 2


@pytest.mark.slow
def test_a_state_dir_that_moves_waits_for_the_next_start_and_that_is_said(house: House, tmp_path: Path) -> None:
    """Once for each reload that names another one than is in use; back at the old one there is nothing to say."""

    def told() -> list[str]:
        events = house.link.fields("lull/bedroom/event")
        return [event["text"] for event in events if event["event_type"] == "settings_changed"]

    def reload(text: str, said: list[str]) -> None:
        before = told()
        house.write(text)
        house.tell(Reload())
        house.wait(lambda: told()[len(before) :] == said)

    begun, again = CONFIG % 60, "the config was read again"
    waits = f"state_dir {tmp_path}/new takes effect after a restart; until then it is /var/lib/lull. "
    reload(begun + f"state_dir: {tmp_path}/new\n", [again, waits + "Nothing is moved there"])
    reload(begun, [again])
    reload(begun.replace("max: 60", "max: 50"), [again])
    assert len(told()) == 4


@pytest.mark.slow
def test_a_problem_of_the_mixer_is_published_and_goes_with_the_audio_settings_it_belongs_to(house: House) -> None:
    """The sink tells it through the inbox; a reload of other settings leaves it, one of the audio section ends it."""
    house.deliver(ExternalProblem("mixer", "mixer control PCM is not pinned"))
    house.wait(lambda: house.state()["problem"] == "mixer control PCM is not pinned")
    house.write(CONFIG % 50)
    house.tell(Reload())
    house.wait(lambda: house.state()["volume_max"] == 50)
    assert house.state()["problem"] == "mixer control PCM is not pinned"
    house.write((CONFIG % 50).replace("hold: 0s", "hold: 1s"))
    house.tell(Reload())
    house.wait(lambda: house.state()["problem"] is None)


@pytest.mark.slow
def test_a_reload_while_playing_goes_on_and_lowers_a_level_above_the_new_maximum(house: House) -> None:
    """The same session and track; the volume moves down to the new cap."""
    house.tell(Request(Play(volume=60), "test", ReplyTo("1")))
    house.wait(lambda: house.state()["state"] == "playing" and house.state()["track"] == "tone")
    house.write(CONFIG % 40)
    house.tell(Reload())
    house.wait(lambda: house.state()["volume"] == 40)
    assert house.state()["state"] == "playing"

    def told() -> list[str]:
        return [fields["event_type"] for fields in house.link.fields("lull/bedroom/event")]

    house.wait(lambda: "track_started" in told())
    assert told().count("session_started") == told().count("track_started") == 1


@pytest.mark.slow
def test_quit_fades_out_says_offline_and_ends_soon(tmp_path: Path) -> None:
    """SIGTERM in the middle of a session."""
    house = House(tmp_path)
    house.tell(Request(Play(), "test"))
    house.wait(lambda: bool(house.snapshots) and house.snapshots[-1].track == "tone")
    began_s = time.monotonic()
    house.tell(Terminate())
    house.thread.join(PATIENCE_S)
    assert not house.thread.is_alive()
    assert time.monotonic() - began_s < SOON_S
    assert house.link.is_stopped
    assert house.notifier.told[-1] == "stopping"
    assert [fields["reason"] for fields in house.link.fields("lull/bedroom/event") if "minutes" in fields] == [
        "shutdown"
    ]


@pytest.mark.slow
def test_before_a_restart_it_falls_silent_and_keeps_the_session(tmp_path: Path) -> None:
    """In the same time, without an end of the session."""
    house = House(tmp_path)
    house.tell(Request(Play(), "test"))
    house.wait(lambda: bool(house.snapshots) and house.snapshots[-1].track == "tone")
    began_s = time.monotonic()
    house.tell(Terminate(is_restart=True))
    house.thread.join(PATIENCE_S)
    assert not house.thread.is_alive()
    assert time.monotonic() - began_s < SOON_S
    assert not [fields for fields in house.link.fields("lull/bedroom/event") if "minutes" in fields]


@pytest.mark.slow
@pytest.mark.parametrize("command", [Stop(), Pause(), Toggle()], ids=["stop", "pause", "toggle"])
def test_a_stop_that_comes_after_the_last_turn_before_a_restart_holds(
    tmp_path: Path, command: Stop | Pause | Toggle, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The parts are being closed when it arrives; the next start does not resume what was stopped. A toggle of a button
    that bounces does not take that back.
    """
    house = House(tmp_path)
    house.tell(Request(Play(), "test"))
    house.wait(lambda: bool(house.snapshots) and house.snapshots[-1].track == "tone")
    monkeypatch.setattr(house.notifier, "stopping", lambda: [house.tell(Request(command, "test")) for _ in range(2)])
    house.tell(Terminate(is_restart=True))
    house.thread.join(PATIENCE_S)
    assert not house.thread.is_alive()
    assert house.memory.documents[RECORD] == "null"


@pytest.mark.slow
def test_a_trigger_that_stops_after_the_last_turn_before_a_restart_holds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The button beside the bed is as good as a command."""
    house = House(tmp_path)
    house.write(CONFIG % 60 + "triggers:\n  - {name: button, topic: a/button, equals: single, do: stop}\n")
    house.tell(Reload())
    house.wait(lambda: house.link.heard == ("a/button",))
    house.tell(Request(Play(), "test"))
    house.wait(lambda: bool(house.snapshots) and house.snapshots[-1].track == "tone")
    monkeypatch.setattr(house.notifier, "stopping", lambda: house.hear(Incoming("a/button", b"single")))
    house.tell(Terminate(is_restart=True))
    house.thread.join(PATIENCE_S)
    assert not house.thread.is_alive()
    assert house.memory.documents[RECORD] == "null"


@pytest.mark.slow
def test_everything_is_published_again_when_the_broker_comes_back(house: House) -> None:
    """A broker forgets: after each connect the whole state goes out, changed or not."""
    before = len(house.link.fields("lull/bedroom/state"))
    house.tell(LinkUp())
    house.wait(lambda: len(house.link.fields("lull/bedroom/state")) > before)
    assert all(retain for name, _, retain, _ in house.link.sent if name == "lull/bedroom/state")


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_the_watchdog_is_fed_while_idle_and_while_playing_and_without_an_engine_the_daemon_ends(tmp_path: Path) -> None:
    """Fed from rendered blocks; where the engine's thread has ended, the next start resumes the session."""
    house = House(tmp_path, watchdog_s=0.4)
    house.wait(lambda: house.notifier.told.count("fed") >= 2)
    house.tell(Request(Play(), "test"))
    house.wait(lambda: bool(house.snapshots) and house.snapshots[-1].track == "tone")
    fed = house.notifier.told.count("fed")
    house.wait(lambda: house.notifier.told.count("fed") >= fed + 3)
    house.app._engine._has_quit = True
    house.thread.join(PATIENCE_S)
    assert not house.thread.is_alive()
    assert house.link.is_stopped
    assert house.memory.documents[RECORD] != "null"


@pytest.mark.slow
def test_the_watchdog_is_fed_while_a_session_waits_for_a_share_that_is_away(tmp_path: Path) -> None:
    """The engine rests, because there is nothing to play yet; the session plays as soon as the share is back."""
    house = House(tmp_path, watchdog_s=0.4, library=(library := LibraryThatHangs()))
    house.tell(Request(Play(), "test"))
    house.wait(lambda: bool(house.snapshots) and house.snapshots[-1].state == State.PLAYING)
    house.wait(lambda: house.app._engine.is_resting)
    fed = house.notifier.told.count("fed")
    house.wait(lambda: house.notifier.told.count("fed") >= fed + 3)
    library.answers.set()
    house.wait(lambda: house.snapshots[-1].track == "tone")
    house.tell(Terminate(over_s=0.2))
    house.thread.join(PATIENCE_S)
    assert not house.thread.is_alive()


@pytest.mark.slow
def test_the_status_line_says_what_plays(house: House) -> None:
    """``systemctl status`` shows state and track."""
    house.tell(Request(Play(), "test"))
    house.tell(Request(SetVolume(35), "test"))
    house.wait(lambda: "status playing; tone (rain) at volume 35" in house.notifier.told)


@pytest.mark.slow
def test_what_nobody_measured_is_handed_to_the_background_scan_and_looked_at_again(tmp_path: Path) -> None:
    """The library names it, a scan is started once; when it has found something, the library looks again.

    While it cannot go on, that is a problem.
    """
    house = House(tmp_path, library=(library := NewTrack()))
    house.wait(lambda: house.scan.started == [("/music/new.flac",)])
    house.scan.move(0, is_over=False, fault="the disk is full")
    house.wait(lambda: bool(house.snapshots) and house.snapshots[-1].problems == ("the disk is full",))
    looks = library.looks
    house.scan.move(1, is_over=True)
    house.wait(lambda: library.looks > looks)
    house.wait(lambda: not house.snapshots[-1].problems)
    house.tell(Request(Play(), "test"))
    house.wait(lambda: bool(house.snapshots) and house.snapshots[-1].track == "tone")
    house.wait(lambda: len(house.scan.started) == 2)  # a night gives it another chance
    house.tell(Terminate(over_s=0.5))
    house.thread.join(PATIENCE_S)
    assert house.scan.stops >= 1


def own_check(house: House, number: int) -> None:
    """The message of its own comes back over that link."""
    topic = "lull/bedroom/cmd/self_check"

    def checks() -> list[bytes]:
        return [said for name, said, *_ in list(house.links[number].sent) if name == topic and is_token(said)]

    house.wait(lambda: bool(checks()))
    house.hears[number](Incoming(topic, checks()[0]))


@pytest.mark.slow
@pytest.mark.parametrize("place", ["host: elsewhere", "host: localhost, groups: [upstairs], keepalive: 60s"])
def test_a_reload_of_the_broker_loses_no_command(house: House, place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The old link is heard, and publishes, until the new one is up, and is heard until that one hears itself."""
    monkeypatch.setattr(gateway, "CONFIRM_S", 60.0)  # a slow machine must not end the old link meanwhile
    monkeypatch.setattr(router, "SAME_WITHIN_S", 60.0)
    house.hear(LinkUp())
    house.write((CONFIG % 60).replace("host: localhost", place))
    house.tell(Reload())
    house.wait(lambda: len(house.links) == 2)
    old, new = house.links
    house.hears[0](Incoming("lull/bedroom/cmd/volume", b'{"volume": 20, "id": "1"}'))
    house.wait(lambda: [fields["id"] for fields in old.fields("lull/bedroom/reply")] == ["1"])
    house.hears[1](LinkUp())
    house.wait(lambda: bool(new.fields("lull/bedroom/state")))
    for hear in house.hears:
        hear(Incoming("lull/bedroom/cmd/volume", b"+5"))
    house.wait(lambda: house.state()["volume"] == 25)
    house.hears[0](Incoming("lull/bedroom/cmd/play", b""))
    house.wait(lambda: house.state()["state"] == "playing")
    assert house.state()["volume"] == 25, "one step, though both links heard it; once idle it is the default again"
    house.hears[0](Incoming("lull/bedroom/cmd/stop", b""))
    house.wait(lambda: house.state()["state"] in {"stopping", "idle"})
    assert not old.is_stopped
    own_check(house, 1)
    house.wait(lambda: old.is_stopped)
    assert old.said_offline == (place == "host: elsewhere"), "its successor is online at the same broker"
    assert not new.is_stopped


@pytest.mark.slow
def test_a_second_reload_ends_what_the_first_one_began(house: House) -> None:
    """Three links at most are made, and the last one remains."""
    house.hear(LinkUp())
    for number, host in enumerate(("one", "two"), 2):
        house.write((CONFIG % 60).replace("localhost", host))
        house.tell(Reload())
        house.wait(lambda number=number: len(house.links) == number)  # type: ignore[misc]
    assert [link.is_stopped for link in house.links] == [False, True, False]
    house.hear(LinkUp())
    own_check(house, 2)
    house.wait(lambda: house.links[0].is_stopped)
    assert house.links[2].settings.host == "two"


@pytest.mark.slow
def test_another_speaker_of_this_name_is_a_problem(house: House) -> None:
    """Its token arrives on the topic of the self-check, and the state names it."""
    house.hear(LinkUp())
    house.wait(lambda: any(topic == "lull/bedroom/cmd/self_check" for topic, *_ in list(house.link.sent)))
    house.hear(Incoming("lull/bedroom/cmd/self_check", b"0123456789abcdef"))
    house.wait(lambda: house.state()["problem"] is not None)
    assert "another speaker is called 'bedroom' too" in house.state()["problem"]


@pytest.mark.slow
def test_playlists_follow_the_folders_of_the_library(house: House, tmp_path: Path) -> None:
    """A new folder can be chosen and played, in the state and in the announcement; one that goes while it plays does
    not end the session.
    """
    library = tmp_path / "music"
    (library / "sea").mkdir(parents=True)
    house.hear(LinkUp())
    house.write(CONFIG % 60 + f"library: {library}\n")
    house.tell(Reload())
    house.wait(lambda: house.state()["playlists"] == ["rain", "sea"])
    (library / "birds").mkdir()
    house.wait(lambda: house.state()["playlists"] == ["rain", "birds", "sea"])
    house.wait(lambda: any(b'"birds"' in payload and "/config" in topic for topic, payload, *_ in house.link.sent))
    house.tell(Request(Play("birds"), "test"))
    house.wait(lambda: house.state()["state"] == "playing" and house.state()["playlist"] == "birds")
    (library / "birds").rmdir()
    house.wait(lambda: house.state()["playlists"] == ["rain", "sea"])
    assert house.state()["state"] == "playing"
    texts = [fields["text"] for fields in house.link.fields("lull/bedroom/event")]
    assert "the library has changed: added birds" in texts
    assert "the library has changed: removed birds" in texts


@pytest.mark.slow
def test_a_reload_that_another_one_has_overtaken_changes_nothing(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """It has read an older file, on a disk that was slow then."""
    real, read, may_answer = daemon.load, list[int](), threading.Event()

    def slow_at_first(*args: Any) -> Config:
        found = real(*args)
        read.append(found.settings.volume.max)
        assert len(read) > 1 or may_answer.wait(PATIENCE_S)
        return found

    monkeypatch.setattr(daemon, "load", slow_at_first)
    house.write(CONFIG % 40)
    house.tell(Reload())
    house.wait(lambda: len(read) == 1)
    house.write(CONFIG % 50)
    house.tell(Reload())
    house.wait(lambda: house.app._config.settings.volume.max == 50)
    overtaken = next(thread for thread in threading.enumerate() if thread.name == "lull-reload")
    may_answer.set()
    overtaken.join(PATIENCE_S)
    house.tell(Request(SetVolume(45), "test"))
    house.wait(lambda: house.state()["volume"] == 45)
    assert house.app._config.settings.volume.max == 50
