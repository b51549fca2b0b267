"""When a speaker is announced, announced again, and taken back; on a clock of the test's own, with no broker."""

from __future__ import annotations

import json
import logging
import random
from dataclasses import replace
from datetime import time
from typing import Any

import pytest

from player.core.commands import SetVolume
from player.core.days import DAYS
from player.core.errors import Refused
from player.core.settings.mqtt import DiscoveryMode, DiscoverySettings, Identity
from player.core.snapshot import EntryState
from player.mqtt.discovery.announcer import (
    LONGEST_WAIT_S,
    MAX_KNOWN,
    MAX_NEIGHBOURS,
    MIN_GAP_S,
    SHORTEST_WAIT_S,
    Announcer,
    Publication,
)
from player.mqtt.discovery.entry_entities import entry_key
from player.mqtt.discovery.messages import Speaker
from player.mqtt.incoming import Incoming
from player.mqtt.topics import Topics
from tests.mqtt.snapshots import PLAYING, shot

IDENTITY = Identity("lull_0123456789ab", "test board")
DEVICE = "homeassistant/device/lull_0123456789ab/config"
PLAYER = "homeassistant/media_player/lull_0123456789ab/config"
NEW = EntryState(True, time(22), False, None, DAYS, "rain", 30, ())
LATER = 10.0
"""By then everything that was due has been told."""


def homes(device: str = "bedroom", **more: Any) -> Announcer:
    return Announcer(Speaker(DiscoverySettings(**more), IDENTITY, Topics("lull", device)), random.Random(1))


class Broker:
    """What is retained at a broker that one speaker talks to."""

    def __init__(self) -> None:
        self.retained: dict[str, bytes] = {}

    def take(self, publications: tuple[Publication, ...]) -> dict[str, bytes]:
        """Keep what is published; returns all of it, the last of each topic."""
        for publication in publications:
            self.retained.pop(publication.topic, None)
            if publication.payload:
                self.retained[publication.topic] = publication.payload
        return {publication.topic: publication.payload for publication in publications}

    def meet(self, speaker: Announcer, boot_s: float = 0.0) -> None:
        """The speaker connects, and hears what it asks for."""
        speaker.connected(boot_s)
        for topic, payload in list(self.retained.items()):
            if topic.startswith("homeassistant/") or topic.endswith("/availability"):
                speaker.handle(Incoming(topic, payload, retained=True), boot_s)


def is_time(publication: Publication) -> bool:
    """Whether this announces a time of day, which has a message of its own."""
    return publication.topic.startswith("homeassistant/time/")


def without_times(told: tuple[Publication, ...]) -> list[Publication]:
    """What is told but for those."""
    return [publication for publication in told if not is_time(publication)]


def components(payload: bytes) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(payload)["cmps"]
    return found


def test_it_is_announced_a_moment_after_the_connection() -> None:
    """Not at once, because the broker's retained messages have to come first; within five seconds."""
    waits = set()
    for seed in range(50):
        speaker = Announcer(Speaker(DiscoverySettings(), IDENTITY, Topics("lull", "bedroom")), random.Random(seed))
        assert speaker.announce(PLAYING, 99.0) == ()
        speaker.connected(100.0)
        wait_s = speaker.wait_s(100.0)
        waits.add(wait_s)
        assert SHORTEST_WAIT_S <= wait_s <= LONGEST_WAIT_S
        assert speaker.announce(PLAYING, 100.0 + wait_s - 0.01) == ()
        told = speaker.announce(PLAYING, 100.0 + wait_s)
        assert [publication.topic for publication in without_times(told)] == [DEVICE, "lull/bedroom/availability"]
        assert told[-1].payload == b"online"
        assert speaker.wait_s(1000.0) == float("inf")
    assert len(waits) == 50


def test_it_is_announced_again_when_a_home_has_started() -> None:
    """On its birth message and on nothing else: not on its farewell, not on an old one that the broker kept."""
    speaker = homes()
    speaker.connected(0.0)
    assert speaker.announce(PLAYING, LATER)
    for payload, retained in ((b"offline", False), (b"online", True), (b"", False)):
        speaker.handle(Incoming("homeassistant/status", payload, retained), 20.0)
        assert speaker.announce(PLAYING, 40.0) == ()
    speaker.handle(Incoming("homeassistant/status", b"online"), 50.0)
    assert SHORTEST_WAIT_S <= speaker.wait_s(50.0) <= LONGEST_WAIT_S
    assert speaker.announce(PLAYING, 50.5) == ()
    assert {publication.topic for publication in speaker.announce(PLAYING, 60.0)} >= {
        DEVICE,
        "lull/bedroom/availability",
    }


def test_the_birth_topic_can_be_named() -> None:
    """And is listened to."""
    speaker = homes(birth_topic="ha/born")
    assert "ha/born" in speaker.filters
    speaker.connected(0.0)
    speaker.announce(PLAYING, LATER)
    speaker.handle(Incoming("homeassistant/status", b"online"), 20.0)
    assert speaker.wait_s(20.0) == float("inf")
    speaker.handle(Incoming("ha/born", b"online"), 20.0)
    assert speaker.wait_s(20.0) < 6


@pytest.mark.parametrize(
    ("change", "key", "field", "value"),
    [
        ({"volume_max": 20}, "volume", "max", 20),
        ({"track_choices": ("Drops", "Sea http://me:secret@host/")}, "play_track", "ops", ["Drops"]),
        ({"playlists": ("rain", "sea", "ocean")}, "playlist", "ops", ["rain", "sea", "ocean"]),
        (
            {"entries": {"new": EntryState(True, time(22), False, None, DAYS, "rain", 30, ())}},
            entry_key("new"),
            "name",
            "Schedule new",
        ),
    ],
)
def test_what_changes_is_announced_at_once(change: dict[str, Any], key: str, field: str, value: object) -> None:
    """The cap of the night, playlists and entries of a config that was read again; other changes are none."""
    speaker = homes()
    speaker.connected(0.0)
    speaker.announce(PLAYING, LATER)
    assert speaker.announce(shot(track="Gutter", volume=7), 20.0) == ()
    told = {publication.topic: publication.payload for publication in speaker.announce(shot(**change), 20.0)}
    assert components(told[DEVICE])[key][field] == value
    assert speaker.announce(shot(**change), 30.0) == ()


def test_the_cap_of_the_night_does_not_lower_the_entries() -> None:
    """Their volumes are for other times; a home refuses a number above its maximum, once for each message."""
    speaker = homes()
    speaker.connected(0.0)
    capped = shot(volume=15, volume_max=15, volume_limit=60)
    found = components(next(one.payload for one in speaker.announce(capped, LATER) if one.topic == DEVICE))
    assert found["volume"]["max"] == 15
    assert found[f"{entry_key('weeknights')}_volume"]["max"] == 60


def test_changes_are_announced_once_a_second_at_most() -> None:
    """The last one is not forgotten."""
    speaker = homes()
    speaker.connected(0.0)
    speaker.announce(PLAYING, LATER)
    told = [speaker.announce(shot(volume_max=20 + number % 2), 20.0 + number / 100) for number in range(201)]
    assert 2 <= sum(map(bool, told)) <= 3
    speaker.announce(shot(volume_max=33), 22.01)
    assert 0 < speaker.wait_s(22.01) <= MIN_GAP_S
    last = speaker.announce(shot(volume_max=33), 24.0)
    assert components(last[0].payload)["volume"]["max"] == 33


def test_nothing_is_told_without_a_connection() -> None:
    """Neither what is due nor what changes; after the next connection everything is."""
    speaker = homes()
    speaker.connected(0.0)
    speaker.disconnected()
    assert speaker.announce(PLAYING, LATER) == ()
    assert speaker.announce(shot(volume_max=20), 20.0) == ()
    assert speaker.wait_s(20.0) == float("inf")
    speaker.connected(30.0)
    assert speaker.announce(shot(volume_max=20), 30.5) == ()
    assert speaker.announce(shot(volume_max=20), 40.0)


def test_an_entry_that_was_removed_while_it_was_off_is_removed_from_the_home() -> None:
    """Known from its own retained message: first with nothing but its platform, then no more."""
    broker = Broker()
    before = homes()
    broker.meet(before)
    broker.take(before.announce(PLAYING, LATER))
    after = homes()
    broker.meet(after)
    told = after.announce(shot(entries={}), LATER)
    first, second, _online = without_times(told)
    assert first.topic == second.topic == DEVICE
    assert components(first.payload)[entry_key("weeknights")] == {"p": "switch"}
    assert entry_key("weeknights") not in components(second.payload)
    gone = f"homeassistant/time/lull_0123456789ab/{entry_key('weeknights')}_at/config"
    assert broker.take(told)[gone] == b""
    broker.meet(after, 20.0)
    assert len(without_times(after.announce(shot(entries={}), 40.0))) == 2


def test_an_entry_that_a_reload_removes_is_removed_from_the_home() -> None:
    """What was told last counts, without the broker's saying so."""
    speaker = homes()
    speaker.connected(0.0)
    speaker.announce(PLAYING, LATER)
    first, second, _online = without_times(speaker.announce(shot(entries={}), 20.0))
    assert components(first.payload)[entry_key("weeknights")] == {"p": "switch"}
    assert entry_key("weeknights") not in components(second.payload)
    assert len(without_times(speaker.announce(PLAYING, 40.0))) == 2


@pytest.mark.parametrize("was", list(DiscoveryMode))
@pytest.mark.parametrize("becomes", list(DiscoveryMode))
def test_another_mode_leaves_nothing_of_the_earlier_one(was: DiscoveryMode, becomes: DiscoveryMode) -> None:
    """Switched off, nothing stands there any more, the media player's values included."""
    broker = Broker()
    for mode in (was, becomes):
        speaker = homes(mode=mode, media_player=mode is was)
        broker.meet(speaker)
        broker.take(speaker.announce(PLAYING, LATER))
        broker.take(speaker.media_values(PLAYING))
    clean = Broker()
    fresh = homes(mode=becomes, media_player=was is becomes)
    fresh.connected(0.0)
    clean.take(fresh.announce(PLAYING, LATER))
    clean.take(fresh.media_values(PLAYING))
    assert broker.retained == clean.retained


def test_a_name_that_was_left_is_cleared() -> None:
    """State, availability and the player's values below it; those below the new one stay."""
    broker = Broker()
    old = homes(media_player=True)
    broker.meet(old)
    broker.take(old.announce(PLAYING, LATER))
    broker.take(old.media_values(PLAYING))
    broker.retained |= {"lull/bedroom/state": b"{}", "lull/bedroom/availability": b"offline"}
    new = homes("nursery", media_player=True)
    broker.meet(new)
    told = broker.take(new.announce(PLAYING, LATER))
    assert told["lull/bedroom/state"] == told["lull/bedroom/availability"] == b""
    assert not any(topic.startswith("lull/bedroom/") for topic in broker.retained)
    assert broker.retained["lull/nursery/availability"] == b"online"
    assert json.loads(broker.retained[DEVICE])["dev"]["name"] == "nursery"
    broker.meet(new, 20.0)
    assert "lull/bedroom/state" not in broker.take(new.announce(PLAYING, 40.0))


def test_a_name_that_somebody_else_has_now_is_left_alone(caplog: pytest.LogCaptureFixture) -> None:
    """Who is online there lives there; and if it is a twin with the same id, the log says what to do."""
    broker = Broker()
    old = homes()
    broker.meet(old)
    broker.take(old.announce(PLAYING, LATER))
    new = homes("nursery")
    broker.meet(new)
    with caplog.at_level(logging.WARNING):
        told = broker.take(new.announce(PLAYING, LATER))
    assert not any(topic.startswith("lull/bedroom/") for topic in told)
    assert "lull/bedroom" in caplog.text
    assert "mqtt.discovery.id" in caplog.text


def test_another_prefix_on_reload_takes_the_old_announcement_back() -> None:
    """The new config does not look there any more, so the old one hands over what it told."""
    broker = Broker()
    old = homes(prefix="ha")
    broker.meet(old)
    broker.take(old.announce(PLAYING, LATER))
    assert "ha/device/lull_0123456789ab/config" in broker.retained
    new = homes()
    new.inherit(old)
    broker.meet(new, 20.0)
    broker.take(new.announce(PLAYING, 40.0))
    announced = [topic for topic in broker.retained if topic.endswith("/config")]
    assert [topic for topic in announced if "/time/" not in topic] == [DEVICE]
    assert not any(topic.startswith("ha/") for topic in announced)


@pytest.mark.parametrize("mode", list(DiscoveryMode))
def test_another_prefix_name_and_id_at_once_on_reload_leave_nothing_behind(mode: DiscoveryMode) -> None:
    """Nothing at the broker leads from the new speaker to the old one; what the old one knew does, announced or not."""
    broker = Broker()
    old = homes(mode=mode)
    broker.meet(old)
    broker.take(old.announce(PLAYING, LATER))
    broker.retained |= {"lull/bedroom/state": b"{}", "lull/bedroom/availability": b"offline"}
    new = Announcer(
        Speaker(DiscoverySettings(mode=mode, id="other"), IDENTITY, Topics("home", "nursery")), random.Random(1)
    )
    new.inherit(old)
    broker.meet(new, 20.0)
    broker.take(new.announce(PLAYING, 40.0))
    left = {topic for topic in broker.retained if not topic.startswith("home/nursery/")}
    assert not [topic for topic in left if "lull" in topic or "other" not in topic]


def test_who_leaves_a_broker_takes_everything_back() -> None:
    """Whatever is known to stand there, told by this one or by an earlier one."""
    broker = Broker()
    speaker = homes(mode=DiscoveryMode.COMPONENTS, media_player=True)
    broker.meet(speaker)
    broker.take(speaker.announce(PLAYING, LATER))
    broker.take(speaker.take_back())
    assert not [topic for topic in broker.retained if topic.startswith("homeassistant/")]
    assert speaker.take_back() == ()


@pytest.mark.parametrize("becomes", [{"mode": DiscoveryMode.OFF}, {"id": "other"}, {"prefix": "ha"}])
def test_the_whole_device_is_removed_last(becomes: dict[str, Any]) -> None:
    """Home Assistant logs a warning for each entity with a message of its own that is there when its device goes."""
    broker = Broker()
    old, new = homes(), homes(**becomes)
    broker.meet(old)
    broker.take(old.announce(PLAYING, LATER))
    new.inherit(old)
    broker.meet(new, 20.0)
    for told in (new.announce(PLAYING, 40.0), old.take_back()):
        removed = [one.topic for one in told if not one.payload and one.topic.endswith("/config")]
        assert removed[-1] == DEVICE
        assert len(removed) > 1


def test_a_broker_that_has_lost_everything_is_told_anew() -> None:
    """With nothing about what is gone, because nothing is there."""
    speaker = homes()
    speaker.connected(0.0)
    first = speaker.announce(PLAYING, LATER)
    speaker.disconnected()
    speaker.connected(20.0)
    assert speaker.announce(PLAYING, 40.0) == first


def test_the_media_players_values_are_told_when_they_change() -> None:
    """All after a connection, then only what is new; none where there is no player."""
    speaker = homes(media_player=True)
    speaker.connected(0.0)
    assert len(speaker.media_values(PLAYING)) == 5
    assert speaker.media_values(PLAYING) == ()
    assert speaker.media_values(shot(volume=31)) == (Publication("lull/bedroom/media/volume", b"0.31"),)
    speaker.connected(20.0)
    assert len(speaker.media_values(PLAYING)) == 5
    assert homes().media_values(PLAYING) == ()


def test_the_media_players_volume_becomes_a_command_below_the_cap() -> None:
    """Of the session that plays; a retained one is nobody's wish of this moment."""
    speaker = homes(media_player=True)
    topic = "lull/bedroom/media/volume/set"
    assert topic in speaker.filters
    assert topic not in homes().filters
    speaker.announce(shot(volume_max=20), 0.0)
    assert speaker.handle(Incoming(topic, b"0.15"), 1.0) == SetVolume(15)
    assert speaker.handle(Incoming(topic, b"1"), 1.0) == SetVolume(20)
    assert speaker.handle(Incoming(topic, b"1", retained=True), 1.0) is None
    with pytest.raises(Refused, match="0 to 1"):
        speaker.handle(Incoming(topic, b"15"), 1.0)


def test_a_flood_of_strange_messages_is_bounded_and_harmless() -> None:
    """Topics of others, announcements that are none, and more of them than there can be."""
    speaker = homes()
    speaker.connected(0.0)
    for number in range(2 * MAX_NEIGHBOURS):
        speaker.handle(Incoming(f"lull/{number}/availability", b"online"), 0.0)
        speaker.handle(Incoming(f"homeassistant/x/lull_0123456789ab/{number}/config", b"\xff{", retained=True), 0.0)
        speaker.handle(Incoming("homeassistant/x/somebody/volume/config", b"{}", retained=True), 0.0)
    assert len(speaker._neighbours) == MAX_NEIGHBOURS
    told = speaker.announce(PLAYING, LATER)
    assert len(without_times(told)) == MAX_KNOWN + 2
    assert replace(told[-1], payload=b"") == Publication("lull/bedroom/availability", b"")
