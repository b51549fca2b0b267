"""Snapshot, news and answer to JSON."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from datetime import date, datetime
from typing import Any

import pytest

from player import __version__
from player.core.commands import ReplyTo
from player.core.events import Answer, News
from player.core.night_report import LevelPoint, ReportedPhase, ReportedTrack
from player.core.snapshot import ListedTrack, TrackList
from player.mqtt import payloads
from tests.mqtt.nights import NIGHT
from tests.mqtt.snapshots import CET, ENDS, PLAYING, shot

WALL = datetime(2026, 1, 31, 22, 45, 1, 999_999, tzinfo=CET)


def strictly(payload: bytes) -> dict[str, Any]:
    """The object in a payload; NaN and infinity fail."""

    def fail(word: str) -> None:
        raise AssertionError(f"{word} is not JSON")

    found: dict[str, Any] = json.loads(payload.decode("utf-8"), parse_constant=fail)
    return found


def test_the_state_is_published_key_by_key() -> None:
    """Whole seconds, times with offset, nothing left out."""
    assert strictly(payloads.state(PLAYING)) == {
        "v": 1,
        "state": "playing",
        "why": "schedule:weeknights",
        "session": {"started": "2026-01-31T22:30:00+01:00"},
        "asked": {"command": "volume 30", "by": "cli", "at": "2026-01-31T22:31:05+01:00"},
        "refused": None,
        "session_max": 36_000,
        "playlist": "rain",
        "track": "Drops",
        "chapter": None,
        "liked": False,
        "next_track": "Gutter",
        "position": 61,
        "duration": 300,
        "beds": [{"playlist": "sea", "gain": -12.0}],
        "volume": 30,
        "volume_max": 60,
        "ramping_to": None,
        "level": -30.3,
        "timer": {"mode": "clock", "set": 2700, "until": None, "ends": "2026-01-31T23:15:00+01:00", "remaining": 1800},
        "phase": {"number": 1, "count": 1, "next": None},
        "asleep": False,
        "morning": False,
        "pillow": None,
        "snooze": None,
        "light": 0.0,
        "fade": 600,
        "next_start": "2026-02-01T22:30:00+01:00",
        "next_entry": "weeknights",
        "schedule": True,
        "entries": {
            "weeknights": {
                "enabled": True,
                "at": "22:30",
                "moved": False,
                "next": "2026-02-01T22:30:00+01:00",
                "days": ["mon", "tue", "wed", "thu", "fri", "sat", "sun"],
                "playlist": "rain",
                "volume": 30,
                "changed": [],
            }
        },
        "skip_tonight": False,
        "rest_night": False,
        "nights_used": 12,
        "clock_trusted": True,
        "guard_reduction": 0.0,
        "tamed": 0,
        "dropouts": 0,
        "playlists": ["rain", "sea"],
        "problem": None,
        "problems": [],
        "version": __version__,
    }


def test_all_keys_are_there_when_nothing_is_known() -> None:
    """A template never meets a missing key, only null."""
    unknown = dict.fromkeys(
        [
            "why",
            "playlist",
            "track",
            "position_s",
            "duration_s",
            "level_db",
            "timer_ends",
            "timer_remaining_s",
            "timer_set_s",
            "started",
            "asked",
            "is_liked",
            "next_track",
            "next_start",
            "next_entry",
        ]
    )
    idle = strictly(payloads.state(shot(state="idle", timer_mode="off", **unknown)))
    assert idle.keys() == strictly(payloads.state(PLAYING)).keys()
    assert idle["timer"] == {"mode": "off", "set": None, "until": None, "ends": None, "remaining": None}
    assert [idle["position"], idle["track"], idle["level"]] == [None, None, None]


@pytest.mark.parametrize("number", [math.inf, -math.inf, math.nan])
def test_no_infinity_is_published(number: float) -> None:
    """Silence is minus infinity dB, which JSON has no word for; it becomes null."""
    state = strictly(payloads.state(shot(level_db=number, position_s=number, duration_s=number)))
    assert [state["level"], state["position"], state["duration"]] == [None, None, None]


def test_several_problems_are_also_one_text() -> None:
    """``problem`` is what a binary sensor and a card can show."""
    state = strictly(payloads.state(shot(problems=("no sound device", "clock not set"))))
    assert state["problem"] == "no sound device; clock not set"
    assert state["problems"] == ["no sound device", "clock not set"]


def test_a_file_name_that_is_no_text_is_published_all_the_same() -> None:
    """Python carries its bytes as lone surrogates, which UTF-8 refuses."""
    assert strictly(payloads.state(shot(track="Regen\udce9.mp3")))["track"] == "Regen?.mp3"


def test_an_event_says_what_when_and_its_details() -> None:
    """Details lie beside the head, where Home Assistant takes attributes from."""
    news = News("timer_set", "silent in 45m", {"mode": "clock", "seconds": 2700})
    assert strictly(payloads.event(news, WALL)) == {
        "v": 1,
        "event_type": "timer_set",
        "time": "2026-01-31T22:45:01+01:00",
        "text": "silent in 45m",
        "mode": "clock",
        "seconds": 2700,
    }


def test_details_cannot_overwrite_the_head() -> None:
    """An event stays what it is, whatever its details are called."""
    found = strictly(payloads.event(News("problem", "lost", {"event_type": "x", "text": "y", "v": 9}), WALL))
    assert [found["event_type"], found["text"], found["v"]] == ["problem", "lost", 1]


def test_details_of_any_kind_become_json() -> None:
    """Times, tuples, paths and infinities."""
    data = {"at": WALL, "day": date(2026, 1, 31), "all": ("a", {1}), "level": -math.inf, "odd": complex(1, 2), 3: True}
    found = strictly(payloads.event(News("problem", "x", data), WALL))  # type: ignore[arg-type]
    assert found["at"].startswith("2026-01-31T22:45:01")
    assert [found["day"], found["all"], found["level"], found["odd"], found["3"]] == [
        "2026-01-31",
        ["a", [1]],
        None,
        "(1+2j)",
        True,
    ]


def test_an_answer_carries_the_id_the_outcome_and_the_state_after_it() -> None:
    """Who asked learns everything from one message."""
    found = strictly(
        payloads.reply(Answer(ReplyTo("7"), is_done=False, text="no playlist 'x'", data={}), PLAYING, "bedroom")
    )
    state = found.pop("state")
    assert found == {"v": 1, "id": "7", "device": "bedroom", "done": False, "text": "no playlist 'x'", "data": {}}
    assert state == strictly(payloads.state(PLAYING))


def test_an_answer_without_an_id_has_a_null_id() -> None:
    """Over MQTT 5 the correlation data says which question it belongs to."""
    answer = Answer(ReplyTo(None, "a/b", b"1"), is_done=True, text="paused", data={})
    assert strictly(payloads.reply(answer, PLAYING, "bedroom"))["id"] is None


def test_no_text_is_longer_than_a_broker_takes() -> None:
    """A title of 100 kB, thousands of problems: the state stays well below the packet limit of a small broker."""
    long = payloads.state(replace(PLAYING, track="x" * 100_000, problems=("y" * 100_000,) * 3))
    assert len(long) < 7000
    assert json.loads(long)["track"] == "x" * 999 + "\N{HORIZONTAL ELLIPSIS}"


def test_no_password_of_an_address_goes_out() -> None:
    """In no detail of an event, no text, no state; titles that are addresses too."""
    uri = "http://me:s3cret@radio.example/live?token=t0ken"
    news = News("track_started", f"plays {uri}", {"track": uri, "uri": uri, "playlist": "rain"})
    answer = Answer(ReplyTo("1"), is_done=False, text=f"{uri} cannot be opened", data={"uri": [uri]})
    snapshot = replace(PLAYING, track=uri, next_track=uri, problems=(f"no answer from {uri}",))
    for payload in (payloads.event(news, ENDS), payloads.reply(answer, snapshot, "bedroom"), payloads.state(snapshot)):
        assert b"s3cret" not in payload
        assert b"t0ken" not in payload
        assert b"radio.example/live" in payload


def test_control_characters_are_replaced() -> None:
    """Whoever shows a title on a terminal is not commanded by it; other scripts and emoji stay as they are."""
    state = json.loads(payloads.state(replace(PLAYING, track="\x1b[2Ja\nb\u2028c\U0001f468\u200d\U0001f469")))
    assert state["track"] == "\ufffd[2Ja\ufffdb\ufffdc\U0001f468\u200d\U0001f469"


def test_a_list_of_tracks_stays_within_its_bounds() -> None:
    """Title, playlist, whole seconds and whether it is liked; of very long titles as many rows as fit into 100 kB."""
    rows = (ListedTrack("Drops", "rain", 61.4, is_liked=True), ListedTrack("Radio", "web", None, is_liked=False))
    assert strictly(payloads.tracks(TrackList(rows, 7, ("Drops",)))) == {
        "v": 1,
        "tracks": [
            {"title": "Drops", "playlist": "rain", "length": 61, "liked": True},
            {"title": "Radio", "playlist": "web", "length": None, "liked": False},
        ],
        "count": 7,
    }
    long_rows = tuple(ListedTrack(200 * "\u96e8", "rain", 61.4, is_liked=False) for _ in range(500))
    payload = payloads.tracks(TrackList(long_rows, 20_000))
    assert 98_000 < len(payload) <= 100_200
    assert strictly(payload)["count"] == 20_000


@pytest.mark.parametrize("letter", ["x", "\U0001f327"])
def test_a_long_night_is_stored_by_a_home(letter: str) -> None:
    """Home Assistant stores attributes of 16 KiB at most, its own included; what is left out is the earliest."""
    at = NIGHT.start
    assert at is not None
    tracks = tuple(ReportedTrack(at, f"{number:02d}{58 * letter}") for number in range(60))
    phases = tuple(ReportedPhase(at, 64 * letter, 30) for _ in range(30))
    curve = tuple(LevelPoint(5 * number, -45.3, -42.1) for number in range(200))
    problems = tuple(f"{number}{199 * letter}" for number in range(10))
    ordinary = replace(NIGHT, tracks=tuple(ReportedTrack(at, f"{number:02d}{20 * letter}") for number in range(60)))
    assert len(strictly(payloads.night(ordinary))["tracks"]) == 60
    longest = replace(NIGHT, tracks=tracks, phases=phases, curve=curve, problems=problems, track_count=99)
    assert len(payloads.night(longest)) <= 15_000
    without_problems = strictly(payloads.night(replace(longest, phases=phases[:2], problems=(), curve=curve[:120])))
    shown = [track["title"] for track in without_problems["tracks"]]
    assert len(shown) > 20
    assert shown == [track.title for track in tracks[-len(shown) :]]
    assert (len(without_problems["phases"]), without_problems["track_count"]) == (2, 99)
