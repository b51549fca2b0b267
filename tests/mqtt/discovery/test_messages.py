"""Discovery messages: as documented, understood by our own parser, and never at a loss for a value."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import datetime, time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from player.core.commands import (
    Advance,
    AllowAgain,
    Asleep,
    Awake,
    ChangeEntry,
    ExtendTimer,
    Like,
    NeverAgain,
    Next,
    NotTonight,
    Pause,
    Play,
    Previous,
    SetFade,
    SetPlaylist,
    SetSchedule,
    SetStartTime,
    SetTimer,
    SetVolume,
    SkipTonight,
    Snooze,
    Stop,
    Toggle,
    Tonight,
    Unlike,
)
from player.core.commands_level import SetBed, SetBedGain
from player.core.days import DAYS
from player.core.errors import Refused
from player.core.events import EVENT_TYPES
from player.core.night_report import NightReport
from player.core.settings.bed import Bed
from player.core.settings.mqtt import DiscoveryMode, DiscoverySettings, Identity
from player.core.settings.session import TIMER_OFF, TimerSetting
from player.core.snapshot import EntryState, LastRefusal, Snapshot
from player.core.states import State
from player.mqtt import payloads
from player.mqtt.discovery import media_player as media
from player.mqtt.discovery.entities import STATE_WORDS, EntityOptions
from player.mqtt.discovery.entry_entities import entry_key, slug
from player.mqtt.discovery.messages import Speaker, announcement, root_of, with_removals
from player.mqtt.incoming import Incoming
from player.mqtt.topics import Topics, parse
from tests import effort
from tests.mqtt.discovery import home_assistant
from tests.mqtt.nights import NIGHT
from tests.mqtt.snapshots import CET, PLAYING, shot

TOPICS = Topics("lull", "bedroom")
IDENTITY = Identity("lull_0123456789ab", "test board")
SHOWN = EntityOptions(
    60, ("rain", "sea"), ("weeknights", "week-end", "Ruhe für später"), 600, ("Drops", 'The "Sea" }} <b>&')
)
BOTH = pytest.mark.parametrize("mode", [DiscoveryMode.HOME_ASSISTANT, DiscoveryMode.COMPONENTS])


def speaker(mode: DiscoveryMode = DiscoveryMode.HOME_ASSISTANT, device: str = "bedroom", **more: Any) -> Speaker:
    return Speaker(DiscoverySettings(mode, **more), IDENTITY, Topics("lull", device))


def entities(mode: DiscoveryMode = DiscoveryMode.HOME_ASSISTANT, **more: Any) -> dict[str, dict[str, Any]]:
    """All entities of an announcement, read as a home reads them."""
    messages = announcement(speaker(mode, **more), SHOWN)
    return {
        key: fields
        for topic, payload in messages.items()
        for key, fields in home_assistant.read(topic, payload).items()
    }


def state(snapshot: Snapshot = PLAYING) -> dict[str, Any]:
    """The state as a home parses it."""
    fields: dict[str, Any] = json.loads(payloads.state(snapshot))
    return fields


def kind_of(key: str) -> str:
    """The key, with the same name for each entry of the schedule."""
    return re.sub(r"^entry_\w+?_[0-9a-f]{6}", "entry", key)


def of_state(found: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Those that read the state."""
    return {
        key: fields
        for key, fields in found.items()
        if "value_template" in fields and fields["state_topic"] == TOPICS.state
    }


@BOTH
def test_every_message_is_as_documented(mode: DiscoveryMode) -> None:
    """No unknown key, no missing one, values in their ranges, no two entities with one id; see home_assistant.py."""
    found = entities(mode, area="Attic")
    ids = [fields["unique_id"] for fields in found.values()]
    assert len(set(ids)) == len(ids)
    assert len({fields["name"] for fields in found.values()}) == len(found)
    assert all(fields["availability_topic"] == "lull/bedroom/availability" for fields in found.values())
    assert all(unique.startswith("lull_0123456789ab_") for unique in ids)


FAULTS: list[tuple[str, dict[str, Any]]] = [
    ("volume", {"pl_prs": "x"}),
    ("volume", {"obj_id": "x"}),
    ("volume", {"min": 70}),
    ("volume", {"cmd_t": None}),
    ("volume", {"uniq_id": None}),
    ("next", {"ret": True}),
    ("state", {"ops": None}),
    ("play", {"stat_off": "ON"}),
    ("track", {"p": "text"}),
]
"""Entities, and what would be wrong with them; None leaves a key out."""


def test_the_reader_of_messages_finds_faults() -> None:
    """Otherwise it would prove nothing: a wrong key, a removed one, a missing one, a retained command."""
    topic, payload = next(iter(announcement(speaker(), SHOWN).items()))
    for key, more in FAULTS:
        fields = json.loads(payload)
        changed = {name: value for name, value in (fields["cmps"][key] | more).items() if value is not None}
        fields["cmps"][key] = changed
        with pytest.raises(AssertionError):
            home_assistant.read(topic, json.dumps(fields).encode())


def test_a_device_is_one_message_with_every_entity() -> None:
    """All that control.md asks for, and one switch for each entry of the schedule."""
    messages = announcement(speaker(), SHOWN)
    whole, *apart = messages
    assert whole == "homeassistant/device/lull_0123456789ab/config"
    assert all(topic.startswith("homeassistant/time/lull_0123456789ab/") for topic in apart)
    assert not any(fields["p"] == "time" for fields in json.loads(messages[whole])["cmps"].values())
    found = entities()
    assert {(fields["platform"], kind_of(key)) for key, fields in found.items()} == {
        ("number", "volume"), ("number", "timer"), ("number", "fade"), ("select", "playlist"),
        ("button", "next"), ("button", "extend"), ("button", "stop_now"), ("button", "never_again"),
        ("button", "asleep"), ("button", "awake"), ("button", "previous"), ("button", "advance"),
        ("sensor", "phase"), ("button", "snooze"), ("sensor", "light"), ("sensor", "pillow"),
        ("sensor", "next_phase"), ("sensor", "night"), ("sensor", "answer"),
        ("select", "play_track"), ("switch", "liked"), ("select", "bed"), ("number", "bed_gain"),
        ("binary_sensor", "sounding"), ("binary_sensor", "noticed"), ("button", "not_tonight"),
        ("time", "until"), ("text", "until_text"), ("time", "tonight"), ("text", "tonight_text"),
        ("time", "entry_at"), ("text", "entry_at_text"), ("text", "entry_days"), ("select", "entry_playlist"),
        ("number", "entry_volume"), ("button", "entry_reset"),
        ("button", "allow_again"), ("switch", "play"), ("switch", "skip_tonight"), ("switch", "schedule"),
        ("switch", "entry"), ("sensor", "state"), ("sensor", "track"), ("sensor", "timer_ends"),
        ("sensor", "next_start"), ("sensor", "why"), ("sensor", "guard_reduction"), ("sensor", "nights_used"),
        ("binary_sensor", "problem"), ("binary_sensor", "clock_trusted"), ("event", "activity"),
    }  # fmt: skip
    assert sum(kind_of(key) == "entry" for key in found) == 3
    assert found["volume"]["max"] == 60
    assert found["playlist"]["options"] == ["rain", "sea"]
    assert found["play_track"]["options"] == list(SHOWN.tracks)
    assert found["activity"]["event_types"] == list(EVENT_TYPES)


def test_what_a_home_sends_comes_at_once_or_never() -> None:
    """At QoS 1 a client that lost the broker sends it again hours later; a stop that comes late does no harm."""
    found = entities()
    assert {key for key, fields in found.items() if "command_topic" in fields and fields["qos"]} == {"stop_now"}
    assert all(fields["qos"] == 1 for fields in found.values() if "command_topic" not in fields)


def test_single_components_are_one_message_each_without_what_openhab_does_not_know() -> None:
    """OpenHAB knows no event, text or time; topics are ``<prefix>/<platform>/<id>/<key>/config``."""
    messages = announcement(speaker(DiscoveryMode.COMPONENTS, prefix="home/ha"), SHOWN)
    assert "home/ha/number/lull_0123456789ab/volume/config" in messages
    known = [key for key, fields in entities().items() if fields["platform"] not in {"event", "text", "time"}]
    assert len(messages) == len(known)
    assert not any(f"/{odd}/" in topic for topic in messages for odd in ("event", "text", "time"))
    for topic, payload in messages.items():
        home_assistant.read(topic, payload, "home/ha")


def test_switched_off_nothing_is_announced() -> None:
    """Nor is the media player."""
    assert announcement(speaker(DiscoveryMode.OFF, media_player=True), SHOWN) == {}


def test_the_device_says_who_made_it_and_where_it_belongs() -> None:
    """The area only where the config names one; the name is the speaker's, the id is not."""
    device = entities(area="Attic")["volume"].get("device")
    assert device is None
    payload = next(iter(announcement(speaker(area="Attic"), SHOWN).values()))
    fields = json.loads(payload)["dev"]
    assert fields["ids"] == ["lull_0123456789ab"]
    assert (fields["name"], fields["mf"], fields["hw"], fields["sa"]) == ("bedroom", "lull", "test board", "Attic")
    assert "sa" not in json.loads(next(iter(announcement(speaker(), SHOWN).values())))["dev"]


def test_a_device_is_not_called_as_its_area() -> None:
    """A home shows both in a row: "Bedroom bedroom volume"."""
    payload = next(iter(announcement(speaker(area="Bedroom"), SHOWN).values()))
    assert json.loads(payload)["dev"]["name"] == "bedroom speaker"


def test_times_are_text_for_a_home_that_knows_no_time() -> None:
    """An entity of each, one of them hidden until it is enabled; both send and show the same."""
    found = entities()
    for key in ("until", "tonight", f"{entry_key('weeknights')}_at"):
        new, old = found[key], found[f"{key}_text"]
        assert (new["platform"], old["platform"], old["enabled_by_default"]) == ("time", "text", False)
        assert new["command_template"] == old["command_template"]
        assert new["unique_id"] != old["unique_id"]
        assert new["command_topic"] == old["command_topic"]


def test_the_sleep_timer_is_at_most_as_long_as_a_session() -> None:
    """Its maximum is `session.max`; a setting beyond it is shown as the maximum."""
    fields = entities()["timer"]
    assert fields["max"] == 600
    assert home_assistant.value(fields, state(shot(timer_set_s=86_400.0))) == "600"


def test_a_rename_keeps_every_id_and_moves_every_topic() -> None:
    """So a home keeps its entities, their history, and what was built on them."""
    before, after = entities(), entities(device="nursery")
    assert {key: fields["unique_id"] for key, fields in before.items()} == {
        key: fields["unique_id"] for key, fields in after.items()
    }
    assert not any("bedroom" in str(fields) for fields in after.values())
    assert speaker().device_topic == speaker(device="nursery").device_topic
    assert speaker(id="bed-1").device_topic == "homeassistant/device/bed-1/config"


ASKED: list[tuple[str, str | float, object]] = [
    ("volume", 42.0, SetVolume(42)),
    ("timer", 30.0, SetTimer(TimerSetting.clock(1800.0))),
    ("timer", 0.0, SetTimer(TIMER_OFF)),
    ("timer", 1440.0, SetTimer(TimerSetting.clock(86400.0))),
    ("fade", 2.5, SetFade(150.0)),
    ("fade", 120.0, SetFade(7200.0)),
    ("fade", 0.0, SetFade(0.0)),
    ("playlist", "sea", SetPlaylist("sea")),
    ("bed", "sea", SetBed((Bed("sea"),))),
    ("bed_gain", -15, SetBedGain(-15.0)),
    ("bed", "off", SetBed(())),
    ("play_track", 'The "Sea" }} <b>&', Play(track='The "Sea" }} <b>&')),
    ("liked", "payload_on", Like()),
    ("liked", "payload_off", Unlike()),
    ("next", "payload_press", Next()),
    ("previous", "payload_press", Previous()),
    ("advance", "payload_press", Advance()),
    ("extend", "payload_press", ExtendTimer(900.0)),
    ("asleep", "payload_press", Asleep()),
    ("awake", "payload_press", Awake()),
    ("snooze", "payload_press", Snooze()),
    ("stop_now", "payload_press", Stop(now=True)),
    ("never_again", "payload_press", NeverAgain()),
    ("allow_again", "payload_press", AllowAgain()),
    ("play", "payload_on", Play()),
    ("play", "payload_off", Stop()),
    ("skip_tonight", "payload_on", SkipTonight(True)),
    ("skip_tonight", "payload_off", SkipTonight(False)),
    ("schedule", "payload_on", SetSchedule(True)),
    ("schedule", "payload_off", SetSchedule(False)),
    ("until", "06:30:00", SetTimer(TimerSetting.at(time(6, 30)))),
    ("until_text", "6:30", SetTimer(TimerSetting.at(time(6, 30)))),
    ("tonight", "23:15:00", Tonight(time(23, 15))),
    ("tonight_text", "23:15", Tonight(time(23, 15))),
    ("not_tonight", "payload_press", NotTonight()),
    *(
        (f"{entry_key(name)}_{key}", asked, wanted)
        for name in ("weeknights", "week-end", "Ruhe für später")
        for key, asked, wanted in (
            ("at", "23:05:00", SetStartTime(name, time(23, 5))),
            ("at_text", "23:05", SetStartTime(name, time(23, 5))),
            ("days", "mon, tue", ChangeEntry(name, frozenset({0, 1}))),
            ("playlist", "sea", ChangeEntry(name, playlist="sea")),
            ("volume", 12.0, ChangeEntry(name, volume=12)),
            ("reset", "payload_press", ChangeEntry(name, back=frozenset({"at", "days", "playlist", "volume"}))),
        )
    ),
    (entry_key("Ruhe für später"), "payload_on", SetSchedule(True, "Ruhe für später")),
    (entry_key("week-end"), "payload_off", SetSchedule(False, "week-end")),
]


@pytest.mark.parametrize(("key", "asked", "wanted"), ASKED)
def test_what_an_entity_sends_is_what_was_meant(key: str, asked: str | float, wanted: object) -> None:
    """Through the parser of the command topics, with the payload that the message names; in both modes alike."""
    fields = entities()[key]
    single = entities(DiscoveryMode.COMPONENTS).get(key, fields)
    same = ("command_topic", "command_template", "payload_press", "payload_on", "payload_off")
    assert [single.get(name) for name in same] == [fields.get(name) for name in same]
    sent = fields[asked] if isinstance(asked, str) and asked.startswith("payload_") else asked
    topic, payload = home_assistant.command(fields, sent)
    request = parse(TOPICS, Incoming(topic, payload))
    assert request is not None
    assert request.command == wanted


def test_every_entity_that_sends_is_among_those() -> None:
    """Each command topic is driven, each payload of a switch too."""
    driven = {key for key, _, _ in ASKED} | {entry_key("weeknights")}
    assert {key for key, fields in entities().items() if "command_topic" in fields} == driven


SHOWS = {
    "volume": "30", "timer": "45", "fade": "10.0", "playlist": "rain", "play": "ON", "skip_tonight": "OFF",
    "bed": "sea", "bed_gain": "-12.0", "play_track": "Drops", "liked": "OFF",
    "schedule": "ON", entry_key("weeknights"): "ON", entry_key("week-end"): "OFF", entry_key("Ruhe für später"): "OFF",
    "state": "Playing", "track": "Drops", "timer_ends": "23:15",
    "next_start": "2026-02-01T22:30:00+01:00", "why": "Schedule: weeknights", "guard_reduction": "0.0",
    "nights_used": "12", "light": "0", "pillow": "None",
    "phase": "1 of 1", "next_phase": "No phase follows", "problem": "OFF",
    "clock_trusted": "ON", "answer": "volume 30", "sounding": "ON", "noticed": "OFF", "until": "23:15",
    "until_text": "23:15", "tonight": "None", "tonight_text": "",
    **{
        f"{entry_key(name)}_{key}": value
        for name, values in {
            "weeknights": ("22:30", "22:30", "mon, tue, wed, thu, fri, sat, sun", "rain", "30"),
            "week-end": ("None", "", "", "None", "None"),
            "Ruhe für später": ("None", "", "", "None", "None"),
        }.items()
        for key, value in zip(("at", "at_text", "days", "playlist", "volume"), values, strict=True)
    },
}  # fmt: skip


@BOTH
def test_what_an_entity_shows_is_what_the_state_says(mode: DiscoveryMode) -> None:
    """Each template, rendered with a state of the wire."""
    found = entities(mode)
    shown = {key: home_assistant.value(fields, state()) for key, fields in of_state(found).items()}
    assert shown == {key: value for key, value in SHOWS.items() if key in found}


IDLE = replace(
    PLAYING, state="idle", why=None, started=None, asked=None, playlist=None, track=None, next_track=None,
    position_s=None, duration_s=None, level_db=None, timer_mode="off", timer_set_s=None, timer_ends=None,
    timer_remaining_s=None, phase=None, phases=None, next_phase=None, next_start=None, next_entry=None,
    schedule_enabled=False, entries={},
    guard_reduction_db=float("inf"), clock_trusted=False, fade_out_s=float("inf"),
)  # fmt: skip


def test_null_is_unknown_and_never_an_error() -> None:
    """Everything that can be null at once; the sleep timer that is off shows 0."""
    found = entities()
    shown = {key: home_assistant.value(fields, state(IDLE)) for key, fields in of_state(found).items()}
    unknown = {"fade", "playlist", "play_track", "until", "tonight", "next_start", "guard_reduction", "pillow"}
    own = {key for key, value in shown.items() if value == "None" and kind_of(key) == key}
    assert own == unknown
    silent = ("track", "timer_ends", "phase", "next_phase", "why")
    assert {shown[key] for key in silent} == {"Nothing is playing"}
    assert (shown["answer"], shown["sounding"]) == ("Nothing was asked yet", "OFF")
    assert shown["timer"] == "0"
    assert shown["state"] == "Silent"
    assert home_assistant.value(found["timer"], state(shot(timer_mode="end-of-track", timer_set_s=None))) == "None"


def test_a_time_of_day_that_was_set_in_silence_is_shown() -> None:
    """It has no moment yet, and it is no timer that is off."""
    found, told = entities(), state(replace(IDLE, timer_mode="clock", timer_until=time(6, 30)))
    assert home_assistant.value(found["until"], told) == home_assistant.value(found["until_text"], told) == "06:30"
    assert home_assistant.value(found["timer"], told) == "None"


ORIGINS = st.text(min_size=1, max_size=64).map(str.strip).filter(lambda text: text.isprintable() and text != "")


@pytest.mark.slow
@settings(deadline=None, max_examples=effort.examples(10, 50))
@given(
    st.sampled_from([state.value for state in State]),
    st.text(min_size=1, max_size=400).filter(lambda text: text.strip() != ""),
    st.one_of(st.none(), st.sampled_from(["mqtt", "cli", "resume", "schedule:x", "trigger:a b"]), ORIGINS),
    st.one_of(st.none(), st.floats(0.5, 86400)),
    st.floats(0, 7200),
    st.integers(0, 60),
)
def test_no_state_is_too_odd_for_a_template(
    word: str, track: str, why: str | None, timer_s: float | None, fade_s: float, volume: int
) -> None:
    """Titles of any length and script, lengths that are no whole minutes: each platform takes what it is shown."""
    snapshot = shot(state=word, track=track, why=why, timer_set_s=timer_s, fade_out_s=fade_s, volume=volume)
    for fields in of_state(entities()).values():
        home_assistant.value(fields, state(snapshot))


def test_every_state_has_a_word_and_every_start_a_reason_in_words() -> None:
    """The words of the enum are those of the states; a reason with a colon says what and which."""
    assert set(STATE_WORDS) == {member.value for member in State}
    found = entities()["why"]

    def why(reason: str) -> str:
        return home_assistant.value(found, state(shot(why=reason)))

    assert why("mqtt") == "By hand over MQTT"
    assert why("cli") == "By hand on the command line"
    assert why("trigger:bedside button") == "Trigger: bedside button"
    assert why("kitchen panel") == "kitchen panel"


def test_a_night_in_phases_shows_where_it_is_and_when_it_goes_on() -> None:
    """Number and count as people say them, the moment of the next one; all three as attributes for automations."""
    at = datetime(2026, 1, 31, 23, 15, tzinfo=PLAYING.timer_ends.tzinfo if PLAYING.timer_ends else None)
    told = state(shot(phase=2, phases=3, next_phase=at))
    found = entities()
    assert home_assistant.value(found["phase"], told) == "2 of 3"
    assert home_assistant.value(found["next_phase"], told) == "23:15"
    attributes = home_assistant.render(found["next_phase"]["json_attributes_template"], value_json=told)
    assert json.loads(attributes) == {"at": at.isoformat()}
    assert found["phase"]["json_attributes_template"] == "{{ value_json.phase | tojson }}"
    assert told["phase"] == {"number": 2, "count": 3, "next": at.isoformat()}


def test_an_entry_that_is_switched_off_shows_it() -> None:
    """Read from the entry's own place in the state."""
    off = shot(
        entries={
            "weeknights": EntryState(False, time(22), False, None, DAYS, "rain", 30, ()),
            "week-end": EntryState(True, time(22), False, None, DAYS, "rain", 30, ()),
        }
    )
    found = entities()
    assert home_assistant.value(found[entry_key("weeknights")], state(off)) == "OFF"
    assert home_assistant.value(found[entry_key("week-end")], state(off)) == "ON"


def test_a_playlist_that_is_gone_is_no_choice_of_an_entry() -> None:
    """Favourites end with the last like; a home refuses a choice that it does not have, once for each message."""
    found = entities()
    for playlist, shown in (("sea", "sea"), ("favourites", "None"), (None, "None")):
        entry = EntryState(True, time(22), False, None, DAYS, playlist, 30, ())
        told = state(shot(entries={"weeknights": entry}))
        assert home_assistant.value(found[f"{entry_key('weeknights')}_playlist"], told) == shown
    assert home_assistant.value(found[f"{entry_key('weeknights')}_playlist"], state(shot(entries={}))) == "None"


@pytest.mark.parametrize("title", ["None", "unknown", "unavailable"])
def test_a_title_that_is_no_state_is_told_apart(title: str) -> None:
    """Home Assistant takes these words for a value that is not known; an origin may be such a word too."""
    found, told = entities(), state(shot(track=title, why=title))
    assert home_assistant.value(found["track"], told) == f'"{title}"'
    assert home_assistant.value(found["why"], told) == f'"{title}"'


def test_a_refusal_says_why() -> None:
    """As long as nothing was obeyed since."""
    fields, at = entities()["answer"], datetime(2026, 1, 31, 22, 40, tzinfo=CET)
    refused = shot(refused=LastRefusal("advance: no phase follows", "mqtt", at))
    assert home_assistant.value(fields, state(refused)) == "Refused: advance: no phase follows"
    assert home_assistant.value(fields, state(replace(refused, refused=None))) == "volume 30"


@pytest.mark.parametrize(
    ("mode", "shown"), [("off", "No end is set"), ("end-of-track", "After this track"), ("clock", "No end is set")]
)
def test_a_timer_without_a_moment_says_what_ends_the_session(mode: str, shown: str) -> None:
    """In words."""
    told = state(shot(timer_mode=mode, timer_ends=None))
    assert home_assistant.value(entities()["timer_ends"], told) == shown


def test_a_lost_device_is_told_by_state_sound_and_problem() -> None:
    """The session goes on and waits; nothing is heard."""
    told = state(shot(level_db=None, problems=("no sound device: gone",)))
    found = entities()
    shown = {key: home_assistant.value(found[key], told) for key in ("state", "sounding", "problem", "play")}
    assert shown == {"state": "No sound device", "sounding": "OFF", "problem": "ON", "play": "ON"}


def test_the_problem_is_told_as_an_attribute() -> None:
    """The template gives a JSON object whatever characters the problem has."""
    fields = entities()["problem"]
    told = home_assistant.render(
        fields["json_attributes_template"], value_json=state(shot(problems=('a "b" <c>', "d")))
    )
    assert json.loads(told) == {"text": 'a "b" <c>; d'}
    assert home_assistant.value(fields, state(shot(problems=("d",)))) == "ON"


def test_the_last_night_is_one_sensor_with_all_of_the_report() -> None:
    """Its state is the line for people, which is at most 255 characters long; before the first night it says so."""
    fields = entities()["night"]
    for report in (NIGHT, NightReport()):
        told = json.loads(payloads.night(report))
        assert home_assistant.value(fields, told) == report.text
    assert fields["json_attributes_topic"] == fields["state_topic"] == "lull/bedroom/night"


def test_keys_of_entries_are_usable_and_differ() -> None:
    """Letters that are no ASCII, names that differ in signs alone, names without any letter."""
    names = ["week night", "week-night", "Week night", "später", "spater", "夜", "夜 2", "..."]
    keys = [entry_key(name) for name in names]
    assert len(set(keys)) == len(names)
    assert all(re.fullmatch(r"entry(_[a-z0-9]+)+", key) for key in keys)
    assert (slug("Kinder-Zimmer 2"), slug("Größe"), slug("夜")) == ("kinder_zimmer_2", "groe", "")


def test_a_speaker_whose_name_has_no_latin_letter_has_entity_ids_all_the_same() -> None:
    """They are made of its id."""
    assert entities(device="寝室")["volume"]["default_entity_id"] == "number.lull_0123456789ab_volume"


def test_an_entity_that_is_gone_is_named_once_with_its_platform_alone() -> None:
    """The message that removes it holds all others unchanged; where nothing is gone there is no such message."""
    topic = speaker().device_topic
    before = announcement(speaker(), SHOWN)[topic]
    after = announcement(speaker(), replace(SHOWN, entries=("weeknights",)))[topic]
    parting = with_removals(before, after)
    assert parting is not None
    components = json.loads(parting)["cmps"]
    for name in ("week-end", "Ruhe für später"):
        parts = {"": "switch", "_at_text": "text", "_days": "text", "_playlist": "select", "_volume": "number"}
        for part, platform in (parts | {"_reset": "button"}).items():
            assert components.pop(entry_key(name) + part) == {"p": platform}
    assert components == json.loads(after)["cmps"]
    assert with_removals(parting, after) is None
    assert with_removals(after, before) is None
    strange = (b'{"cmps": {"\\ud800": {"p": "sensor", "x": 1}}}', b'{"cmps": {"a": {"p": {"\\ud800": 1}, "x": 1}}}')
    for odd in (b"", b"no JSON", b"[]", b'{"cmps": 7}', b'{"cmps": {"a": 7, "b": {"name": "x", "y": 1}}}', *strange):
        assert with_removals(odd, after) is None


def test_an_announcement_leads_to_the_name_that_the_speaker_had() -> None:
    """From either form, and from the media player's; anything else leads nowhere."""
    for announced in (speaker(), speaker(DiscoveryMode.COMPONENTS), speaker(media_player=True)):
        for payload in announcement(announced, SHOWN).values():
            assert root_of(payload) == "lull/bedroom"
    for odd in (b"", b"{}", b'{"avty_t": 7}', b'{"avty_t": "x"}', b'{"availability": {"topic": []}}'):
        assert root_of(odd) is None
    for unusable in ("a/#", "+/b", "lull/\\ud800", "a\\u0000b", "$SYS/x", "x" * 2000):
        assert root_of(f'{{"avty_t": "{unusable}/availability"}}'.encode()) is None


def test_own_announcements_are_known_by_their_topics() -> None:
    """Whatever the mode is or was; another speaker's are not ours."""
    own = speaker()
    for mode in (DiscoveryMode.HOME_ASSISTANT, DiscoveryMode.COMPONENTS):
        assert all(own.is_own(topic) for topic in announcement(speaker(mode, media_player=True), SHOWN))
    for topic in (
        "homeassistant/device/lull_x/config",
        "homeassistant/number/lull_x/volume/config",
        "lull/bedroom/state",
    ):
        assert not own.is_own(topic)


MEDIA_KEYS = {
    "name", "availability", "device", "state_state_topic", "state_title_topic", "state_artist_topic",
    "state_album_topic", "state_duration_topic", "state_position_topic", "state_volume_topic", "state_mute_topic",
    "state_albumart_topic", "state_mediatype_topic", "command_volume_topic", "command_mute_topic",
    "command_play_topic", "command_play_payload", "command_pause_topic", "command_pause_payload",
    "command_playpause_topic", "command_playpause_payload", "command_next_topic", "command_next_payload",
    "command_previous_topic", "command_previous_payload", "command_playmedia_topic",
}  # fmt: skip
"""What the community's integration documents."""


def test_the_media_player_is_announced_with_documented_keys() -> None:
    """On the topic that its integration looks at, whatever the prefix is; its buttons are our verbs."""
    messages = announcement(speaker(media_player=True, prefix="ha"), SHOWN)
    fields = json.loads(messages["homeassistant/media_player/lull_0123456789ab/config"])
    assert set(fields) <= MEDIA_KEYS
    assert fields["device"]["identifiers"] == ["lull_0123456789ab"]
    wanted = {"play": Play(), "pause": Pause(), "playpause": Toggle(), "next": Next()}
    for button, command in wanted.items():
        request = parse(
            TOPICS, Incoming(fields[f"command_{button}_topic"], fields[f"command_{button}_payload"].encode())
        )
        assert request is not None
        assert request.command == command
    assert {fields[f"state_{name}_topic"] for name in media.NAMES} == set(media.values(TOPICS, PLAYING))


def test_the_media_player_reads_plain_values() -> None:
    """Words it knows, whole seconds, a volume of 0 to 1; nothing where there is nothing."""
    names = {topic.rsplit("/", 1)[1]: value for topic, value in media.values(TOPICS, PLAYING).items()}
    assert names == {"state": b"playing", "title": b"Drops", "duration": b"300", "position": b"61", "volume": b"0.30"}
    idle = {topic.rsplit("/", 1)[1]: value for topic, value in media.values(TOPICS, IDLE).items()}
    assert idle == {"state": b"idle", "title": b"", "duration": b"", "position": b"", "volume": b"0.30"}
    lost = media.values(TOPICS, shot(level_db=None, problems=("no sound device: gone",)))
    assert lost["lull/bedroom/media/state"] == b"idle", "nothing is heard"
    words = {media.values(TOPICS, shot(state=member.value))["lull/bedroom/media/state"] for member in State}
    assert words <= {b"playing", b"paused", b"idle", b"off", b"stopped"}


def test_the_volume_of_a_media_player_is_never_above_the_cap() -> None:
    """1 asks for the most that is allowed; what is no part of one is refused."""
    assert media.to_volume(b"0.42", 60) == SetVolume(42)
    assert media.to_volume(b"1.0", 60) == SetVolume(60)
    assert media.to_volume(b"0", 60) == SetVolume(0)
    for payload in (b"", b"42", b"-0.1", b"loud", b"nan", b"1.01", b"\xff"):
        with pytest.raises(Refused, match="volume"):
            media.to_volume(payload, 60)
