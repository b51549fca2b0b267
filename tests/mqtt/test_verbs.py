"""Verb and value to command."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import time

import pytest

from player.core import commands as c
from player.core import commands_level as pillow
from player.core.commands import COMMANDS, Command
from player.core.commands_level import MoveBed, SetBed, SetBedGain
from player.core.errors import Refused
from player.core.settings.bed import Bed
from player.core.settings.safety import Taper
from player.core.settings.session import TIMER_END_OF_PLAYLIST, TIMER_END_OF_TRACK, TIMER_OFF, Phase, TimerSetting
from player.core.verb import Verb
from player.core.verbs import VERBS, to_command, verb_named
from player.mqtt import reference
from player.mqtt.payload_values import read
from tests import schema_check
from tests.paths import ROOT

FORMS: list[tuple[str, bytes, Command]] = [
    ("play", b"", c.Play()),
    ("play", b"{}", c.Play()),
    ("play", b"rain", c.Play("rain")),
    ("play", b"30", c.Play("30")),
    ("play", b'{"playlist": "rain", "volume": null}', c.Play("rain")),
    (
        "play",
        b'{"playlist": "rain", "volume": "30", "timer": "1h", "fade_in": 60, "fade_out": "10m"}',
        c.Play("rain", 30, TimerSetting.clock(3600), 60, 600),
    ),
    ("play", b'{"timer": {"minutes": 45}}', c.Play(timer=TimerSetting.clock(2700))),
    ("stop", b"", c.Stop()),
    ("stop", b"NOW", c.Stop(now=True)),
    ("stop", b'{"now": true}', c.Stop(now=True)),
    ("stop", b'{"now": "off"}', c.Stop()),
    ("pause", b"", c.Pause()),
    ("resume", b"{}", c.Resume()),
    ("toggle", b"", c.Toggle()),
    ("next", b"", c.Next()),
    ("seek", b"90", c.Seek(90)),
    ("seek", b"+30", c.Seek(30, is_relative=True)),
    ("seek", b"-1:00", c.Seek(-60, is_relative=True)),
    ("seek", b'{"position": 90}', c.Seek(90)),
    ("volume", b"30", c.SetVolume(30)),
    ("volume", b"15.0", c.SetVolume(15)),
    ("volume", b'{"volume": 30}', c.SetVolume(30)),
    ("volume", b"+5", c.SetVolume(5, is_relative=True)),
    ("volume", b"-5", c.SetVolume(-5, is_relative=True)),
    # one press is 2 dB; 99 points span 50 dB, so it is 2 * 99 / 50 = 3.96 points
    ("volume", b"up", c.SetVolume(4, is_relative=True)),
    ("volume", b"Down", c.SetVolume(-4, is_relative=True)),
    ("volume", b"+", c.SetVolume(4, is_relative=True)),
    ("volume", b" - ", c.SetVolume(-4, is_relative=True)),
    ("vol", b"30", c.SetVolume(30)),
    ("skip-tonight", b"on", c.SkipTonight(True)),
    ("never-again", b"undo", c.AllowAgain()),
    ("timer", b"45m", c.SetTimer(TimerSetting.clock(2700))),
    ("timer", b"45", c.SetTimer(TimerSetting.clock(2700))),
    ("timer", b'{"minutes": 45}', c.SetTimer(TimerSetting.clock(2700))),
    ("timer", b'{"timer": "off"}', c.SetTimer(TIMER_OFF)),
    ("timer", b"end-of-track", c.SetTimer(TIMER_END_OF_TRACK)),
    ("timer", b"End of playlist", c.SetTimer(TIMER_END_OF_PLAYLIST)),
    ("timer", b"+15m", c.ExtendTimer(900)),
    ("timer", b'{"timer": "-15"}', c.ExtendTimer(-900)),
    ("timer", b"until 06:30", c.SetTimer(TimerSetting.at(time(6, 30)))),
    ("timer", b'{"timer": "until 6:30"}', c.SetTimer(TimerSetting.at(time(6, 30)))),
    ("timer", b"UNTIL 06:30:00", c.SetTimer(TimerSetting.at(time(6, 30)))),
    ("timer", b"at-most 10m", c.ShortenTimer(600)),
    ("timer", b"at most 90 s", c.ShortenTimer(90)),
    ("timer", b'{"timer": "at_most 10"}', c.ShortenTimer(600)),
    ("play", b'{"timer": "until 06:30"}', c.Play(timer=TimerSetting.at(time(6, 30)))),
    ("previous", b"", c.Previous()),
    ("bed", b"rain", SetBed((Bed("rain"),))),
    ("bed", b"OFF", SetBed(())),
    ("bed", b"+2", MoveBed(2.0)),
    ("bed", b'{"bed": {"gain": -15}}', SetBedGain(-15.0)),
    ("bed", b'{"bed": "-2.5"}', MoveBed(-2.5)),
    ("bed", b'{"bed": false}', SetBed(())),
    (
        "bed",
        b'{"bed": {"playlist": "rain", "gain": -18, "outlasts": "20m"}}',
        SetBed((Bed("rain", -18.0, 1200.0),)),
    ),
    (
        "bed",
        b'{"bed": ["rain", {"playlist": "fan", "outlasts": 5}]}',
        SetBed((Bed("rain"), Bed("fan", -12.0, 300.0))),
    ),
    ("play", b'{"bed": "rain"}', c.Play(bed=(Bed("rain"),))),
    ("play", b'{"then": [{"bed": "off"}]}', c.Play(then=(Phase(bed=()),))),
    ("play", b'{"then": [{"bed": [{"playlist": "rain"}]}]}', c.Play(then=(Phase(bed=(Bed("rain"),)),))),
    ("play", b'{"track": "Drops"}', c.Play(track="Drops")),
    ("advance", b"", c.Advance()),
    ("advance", b"PRESS", c.Advance()),
    (
        "play",
        b'{"playlist": "w", "then": [{"playlist": "brown", "volume": 15, "until": "06:30"}, {"for": "1h"}]}',
        c.Play("w", then=(Phase("brown", 15, TimerSetting.at(time(6, 30))), Phase(timer=TimerSetting.clock(3600)))),
    ),
    ("play", b'{"then": []}', c.Play(then=())),
    ("play", b'{"then": "[{\\"when_asleep\\": true}]"}', c.Play(then=(Phase(when_asleep=True),))),
    ("play", b'{"then": [{"taper": {"by": 3, "floor": 8}}]}', c.Play(then=(Phase(taper=Taper(3, 8)),))),
    ("play", b'{"then": [{"taper": "off", "timer": "off"}]}', c.Play(then=(Phase(None, None, TIMER_OFF, None, True),))),
    ("asleep", b"", c.Asleep()),
    ("asleep", b"PRESS", c.Asleep()),
    ("asleep", b"ON", c.Asleep()),
    ("awake", b"true", c.Awake()),
    ("calibrate", b"", pillow.Calibrate()),
    ("calibrate", b"ON", pillow.Calibrate()),
    ("calibrate", b"41.5", pillow.NoteReading(41.5)),
    ("calibrate", b"41.5 dBA", pillow.NoteReading(41.5)),
    ("calibrate", b'{"reading": 38}', pillow.NoteReading(38)),
    ("volume", b"35 dBA", pillow.SetLevel(35)),
    ("volume", b"35.5 dB(A)", pillow.SetLevel(35.5)),
    ("snooze", b"", c.Snooze(540)),
    ("snooze", b"ON", c.Snooze(540)),
    ("snooze", b"5", c.Snooze(300)),
    ("snooze", b'{"snooze": "90s"}', c.Snooze(90)),
    ("snooze", b'{"minutes": 60}', c.Snooze(3600)),
    ("extend", b"", c.ExtendTimer(900)),
    ("extend", b"{}", c.ExtendTimer(900)),
    ("extend", b"20", c.ExtendTimer(1200)),
    ("extend", b"-5m", c.ExtendTimer(-300)),
    ("extend", b'{"minutes": 15}', c.ExtendTimer(900)),
    ("extend", b'{"seconds": 90}', c.ExtendTimer(90)),
    ("extend", b'{"by": "1h"}', c.ExtendTimer(3600)),
    ("fade", b"10m", c.SetFade(600)),
    ("fade", b"10", c.SetFade(600)),
    ("fade", b'{"minutes": 1.5}', c.SetFade(90)),
    ("fade", b'{"seconds": 90}', c.SetFade(90)),
    ("fade", b'{"fade": "0"}', c.SetFade(0)),
    ("never_again", b"", c.NeverAgain()),
    ("never_again", b"Drops", c.NeverAgain("Drops")),
    ("never_again", b'{"track": "Drops"}', c.NeverAgain("Drops")),
    ("never_again", b"/srv/lull/" + 300 * b"x" + b".flac", c.NeverAgain("/srv/lull/" + 300 * "x" + ".flac")),
    ("never_again", 150 * b"y", c.NeverAgain(150 * "y")),
    ("never_again", b"UNDO", c.AllowAgain()),
    ("never_again", b'{"track": "Drops", "undo": true}', c.AllowAgain("Drops")),
    ("like", b"", c.Like()),
    ("like", b"ON", c.Like()),
    ("like", b"Gentle  Rain", c.Like("Gentle Rain")),
    ("like", b'{"track": "Drops"}', c.Like("Drops")),
    ("unlike", b"PRESS", c.Unlike()),
    ("unlike", b'{"track": "Drops"}', c.Unlike("Drops")),
    ("tracks", b"", c.GetTracks()),
    ("tracks", b"gentle rain", c.GetTracks("gentle rain")),
    ("tracks", b'{"text": "rain"}', c.GetTracks("rain")),
    ("play", b'{"track": "' + 200 * b"x" + b'"}', c.Play(track=200 * "x")),
    ("schedule", b'{"entry": "weekend", "at": "23:05"}', c.SetStartTime("weekend", time(23, 5))),
    ("schedule", b'{"entry": "weekend", "at": null}', c.SetStartTime("weekend", None)),
    ("schedule", b'{"entry": "weekend", "at": "config"}', c.SetStartTime("weekend", None)),
    ("schedule", b'{"entry": "weekend", "days": "fri, Sunday"}', c.ChangeEntry("weekend", frozenset({4, 6}))),
    ("schedule", b'{"entry": "weekend", "days": ["weekdays", "sat"]}', c.ChangeEntry("weekend", frozenset(range(6)))),
    ("schedule", b'{"entry": "weekend", "playlist": "rain"}', c.ChangeEntry("weekend", playlist="rain")),
    (
        "schedule",
        b'{"entry": "weekend", "volume": "20%", "days": "config"}',
        c.ChangeEntry("weekend", volume=20, back=frozenset({"days"})),
    ),
    (
        "schedule",
        b'{"entry": "weekend", "reset": true}',
        c.ChangeEntry("weekend", back=frozenset({"at", "days", "playlist", "volume"})),
    ),
    ("tonight", b"23:15", c.Tonight(time(23, 15))),
    ("tonight", b"off", c.NotTonight()),
    ("tonight", b'{"off": true}', c.NotTonight()),
    (
        "tonight",
        b'{"at": "0:15", "playlist": "rain", "volume": 20, "timer": "1h"}',
        c.Tonight(time(0, 15), "rain", 20, TimerSetting.clock(3600)),
    ),
    ("skip_tonight", b"", c.SkipTonight()),
    ("skip_tonight", b"off", c.SkipTonight(is_skipped=False)),
    ("skip_tonight", b"toggle", c.SkipTonight(None)),
    ("skip_tonight", b'{"skip": false}', c.SkipTonight(is_skipped=False)),
    ("playlist", b"rain", c.SetPlaylist("rain")),
    ("playlist", b'{"playlist": "rain"}', c.SetPlaylist("rain")),
    ("schedule", b"ON", c.SetSchedule(is_enabled=True)),
    ("schedule", b"0", c.SetSchedule(is_enabled=False)),
    ("schedule", b"toggle", c.SetSchedule(None)),
    ("schedule", b'{"enabled": false}', c.SetSchedule(is_enabled=False)),
    ("schedule", b'{"entry": "weekend", "enabled": "toggle"}', c.SetSchedule(None, "weekend")),
    ("status", b"", c.GetStatus()),
    *((verb, sent, command) for verb, command in (("stop", c.Stop()), ("pause", c.Pause()))
      for sent in (b"PRESS", b"ON", b"OFF", b"true", b"0", b"2026-11-27T01:00:00+00:00", b"anything")),
    *((verb, sent, command) for verb, command in (("resume", c.Resume()), ("toggle", c.Toggle()), ("next", c.Next()))
      for sent in (b"PRESS", b"ON", b"true", b"2026-11-27T01:00:00+00:00", b"anything")),
    ("play", b"ON", c.Play()),
    ("play", b"press", c.Play()),
    ("extend", b"PRESS", c.ExtendTimer(900)),
    ("never_again", b"PRESS", c.NeverAgain()),
    ("skip_tonight", b"PRESS", c.SkipTonight()),
    ("volume", b"20%", c.SetVolume(20)),
    ("volume", b"+5 %", c.SetVolume(5, is_relative=True)),
    ("timer", b"30 min", c.SetTimer(TimerSetting.clock(1800))),
    ("timer", b"+30 min", c.ExtendTimer(1800)),
]  # fmt: skip


@pytest.mark.parametrize(("verb", "payload", "command"), FORMS)
def test_each_documented_form_becomes_its_command(verb: str, payload: bytes, command: Command) -> None:
    """Forms differ, the meaning does not."""
    assert to_command(verb, read(payload)) == command


def test_every_verb_is_among_the_forms() -> None:
    """No verb goes untested."""
    assert {verb_named(verb) for verb, _, _ in FORMS} == set(VERBS)


REFUSALS = [
    ("playresume", b"", "unknown command 'playresume'"),
    ("paly", b"", "did you mean 'play'?"),
    ("Play", b"", "unknown command 'Play'"),
    ("play/now", b"", "unknown command 'play/now'"),
    (
        "play",
        b'{"loud": true}',
        "unknown key 'loud'; valid keys: bed, fade_in, fade_out, playlist, then, timer, track, volume",
    ),
    ("play", b'{"volume": 101}', "volume is 101; allowed is 0 to 100"),
    ("play", b'{"volume": true}', "volume 'true' is not a number"),
    ("play", b'{"fade_in": "2h"}', "fade_in is 2h; allowed is 0s to 1h"),
    ("play", b'{"playlist": 3}', "playlist '3' is not a text"),
    ("play", b'{"playlist": " "}', "playlist ' ' is not usable"),
    ("play", b"x" * 65, "is not usable"),
    ("stop", b'{"now": 3}', "neither on nor off"),
    ("resume", b"OFF", "resume 'OFF' does nothing; to fall silent use stop or pause"),
    ("toggle", b"false", "toggle 'false' does nothing"),
    ("next", b"0", "next '0' does nothing"),
    ("play", b"Off", "play 'Off' does nothing"),
    ("timer", b"6:30", "timer '6:30' is ambiguous; write 6h30m or 6m30s"),
    ("timer", b"23:30", "timer '23:30' is ambiguous; write 23h30m or 23m30s"),
    ("extend", b"1:30", "is ambiguous; write 1h30m or 1m30s"),
    ("timer", b"6:30", "is ambiguous; write 6h30m or 6m30s, or until 06:30"),
    ("timer", b"until 25:00", "'25:00' is not a time of day"),
    ("timer", b"until", "is not a timer"),
    ("timer", b"at-most", "is not a timer"),
    ("timer", b"at-most 0", "timer is 0s; allowed is 1s to 24h"),
    ("timer", b"at-most 6:30", "is ambiguous"),
    ("advance", b"OFF", "does nothing"),
    ("bed", b"", "bed needs a value: a playlist"),
    ("bed", b"+50", "bed is 50; allowed is -37 to 37"),
    ("bed", b'{"bed": {"gain": -12, "outlasts": "20m"}}', "bed needs playlist"),
    ("bed", b'{"bed": {"playlist": "rain", "gain": 0}}', "gain is 0; allowed is -40 to -3"),
    ("bed", b'{"bed": {"playlist": "rain", "level": 3}}', "unknown key 'level'"),
    ("bed", b'{"bed": ["a", "b", "c"]}', "bed has 3 layers; at most 2 are allowed"),
    ("bed", b'{"bed": ["a", "a"]}', "bed has 'a' twice"),
    ("play", b'{"then": "rain"}', "then 'rain' is not JSON"),
    ("play", b'{"then": "' + b"[" * 2000 + b'"}', "is nested more than 5 deep"),
    ("play", b'{"bed": "' + b"[" * 2000 + b'"}', "is nested more than 5 deep"),
    ("play", b'{"then": "[{\\"volume\\": 1' + b"0" * 400 + b'}]"}', "is not a usable number"),
    ("bed", b'{"bed": "{\\"playlist\\": \\"a\\", \\"gain\\": NaN}"}', "'NaN' is not a usable number"),
    ("bed", b'{"bed": "{\\"gain\\": 1, \\"gain\\": 2}"}', "'gain' appears twice"),
    ("play", b'{"then": {"playlist": "rain"}}', "is not a list of phases, such as"),
    ("play", b'{"then": ["rain"]}', "then 1: 'rain' is not an object with keys"),
    ("play", b'{"then": [{"for": "1h", "until": "06:30"}]}', "then 1: needs one of for, until, not more"),
    (
        "play",
        b'{"then": [{}, {"path": "/x"}]}',
        "then 2: unknown key 'path'; valid keys: bed, for, playlist",
    ),
    ("play", b'{"then": [{"volume": 101}]}', "then 1: volume is 101; allowed is 0 to 100"),
    ("play", b'{"then": [{"until": "6"}]}', "until '6' is not a time of day"),
    ("play", b'{"then": [{"taper": "on"}]}', "taper needs its rate"),
    ("play", b'{"then": [{},{},{},{},{},{},{},{},{}]}', "then has 9 phases; at most 8 are allowed"),
    ("asleep", b"OFF", "does nothing; use awake"),
    ("awake", b"0", "does nothing; use asleep"),
    ("calibrate", b"130", "calibrate is 130; allowed is 15 to 100"),
    ("calibrate", b"loud", "'loud' is not a number"),
    ("play", b'{"volume": "130 dBA"}', "volume in dB(A) is 130; allowed is 0 to 100"),
    ("play", b'{"volume": "35 dB"}', "volume '35 dB' is not a number"),
    ("bed", b'{"bed": {"gain": 0}}', "gain is 0; allowed is -40 to -3"),
    ("volume", b"130 dBA", "volume in dB(A) is 130; allowed is 0 to 100"),
    ("snooze", b"61", "snooze is 1h1m; allowed is 1m to 1h"),
    ("tonight", b'{"playlist": "rain"}', "tonight needs the time of the start (at), such as 23:15"),
    ("schedule", b'{"entry": "late"}', "exactly one of enabled, at and reset"),
    ("next", b'{"count": 2}', "unknown key 'count'"),
    ("seek", b"", "seek needs a value"),
    ("seek", b'{"position": -5}', "position is -5s; allowed is 0s to 24h"),
    ("seek", b"somewhere", "position 'somewhere' is not a place in a track; write 90, 3:20,"),
    ("volume", b"", "volume needs a value"),
    ("volume", b"{}", "volume needs a value"),
    ("volume", b"101", "volume is 101; allowed is 0 to 100"),
    ("volume", b"+101", "allowed is -100 to 100"),
    ("volume", b'{"volume": -5}', "volume is -5; allowed is 0 to 100"),
    ("volume", b"30.5", "is not a whole number"),
    ("volume", b'{"level": 30}', "unknown key 'level'"),
    ("timer", b"", "timer needs a value"),
    ("timer", b"+25h", "by is 25h; allowed is -24h to 24h"),
    ("extend", b"a bit", "is not a duration"),
    ("extend", b'{"minutes": 5, "by": "5m"}', "exactly one of"),
    ("playlist", b"", "playlist needs a value"),
    ("schedule", b"sometimes", "allowed: on, off, toggle"),
]


@pytest.mark.parametrize(("verb", "payload", "reason"), REFUSALS)
def test_a_refusal_names_the_offender_and_what_is_allowed(verb: str, payload: bytes, reason: str) -> None:
    """Nothing is guessed: what is not clearly meant is refused, in words that help."""
    with pytest.raises(Refused) as caught:
        to_command(verb, read(payload))
    assert reason in str(caught.value)


@pytest.mark.parametrize("verb", VERBS.values(), ids=VERBS)
def test_each_documented_payload_is_read(verb: Verb) -> None:
    """The examples of a declaration are the payloads of docs/mqtt.md; each becomes a command of its verb."""
    for example in verb.examples:
        assert type(verb.command(read(example.encode()))) in verb.makes


def test_every_command_is_made_by_a_verb() -> None:
    """No command of the vocabulary is out of reach, and none is made by two verbs but `ExtendTimer`."""
    assert {command for verb in VERBS.values() for command in verb.makes} == set(COMMANDS)


@pytest.mark.parametrize(("verb", "payload", "command"), FORMS)
def test_the_schema_allows_each_object(verb: str, payload: bytes, command: Command) -> None:
    """What is sent as an object is as the schema of commands says, with the verb under ``command``."""
    value = read(payload)
    if isinstance(value, Mapping):
        assert schema_check.fault_of("command", json.dumps({**value, "command": verb}).encode()) is None


@pytest.mark.parametrize(
    "fields",
    [
        {"command": "paly"},
        {"command": "play", "volume": 101},
        {"command": "play", "loud": True},
        {"command": "volume"},
        {"command": "seek", "position": -5},
        {"command": "stop", "now": {}},
        {"command": "pause", "origin": "a:b"},
    ],
)
def test_the_schema_refuses_what_is_refused(fields: dict[str, object]) -> None:
    """Unknown verbs and keys, values out of range or of another type, a missing value."""
    assert schema_check.fault_of("command", json.dumps(fields).encode()) is not None


def test_the_generated_documents_are_up_to_date() -> None:
    """``python -m player.mqtt.reference`` would change nothing."""
    document = (ROOT / "docs" / "mqtt.md").read_text(encoding="utf-8")
    assert reference.filled_in(document) == document
    for path, text in reference.schemas():
        assert path.read_text(encoding="utf-8") == text
