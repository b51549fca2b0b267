"""Payload reading and value forms."""

from __future__ import annotations

import pytest

from player.core import values
from player.core.errors import Refused
from player.core.settings.session import TIMER_END_OF_TRACK, TIMER_OFF, TimerSetting
from player.mqtt.payload_values import as_object, read
from tests import effort


def refusal(payload: bytes) -> str:
    with pytest.raises(Refused) as caught:
        read(payload)
    return str(caught.value)


@pytest.mark.parametrize(
    ("payload", "said"),
    [
        (b"", None),
        (b"  \r\n", None),
        (b"rain\n", "rain"),
        ("Wald im Frühling".encode(), "Wald im Frühling"),
        ("Chut\u202f! می\u200cخواهم".encode(), "Chut\u202f! می\u200cخواهم"),
        (b'"rain"', "rain"),
        (b'""', None),
        (b"15.0", "15.0"),
        (b"true", "true"),
        (b"\xef\xbb\xbf40", "40"),
        (b"PRESS\0", "PRESS"),
        (b"\xef\xbb\xbf{}\n\0", {}),
        (b'{"minutes": 15}', {"minutes": 15}),
        (b"{}", {}),
    ],
)
def test_a_payload_is_nothing_a_text_or_an_object(payload: bytes, said: object) -> None:
    """Empty is nothing, a JSON object is itself, anything else is its text without outer spaces."""
    assert read(payload) == said


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (b"x" * 4097, "longer than the 4096 bytes"),
        (b"\xff\xfe", "not UTF-8"),
        (b"ra\x00in", "control characters"),
        (b"\x1b[2Jrain", "control characters"),
        (b'"ra\\u0000in"', "control characters"),
        (b"[1, 2]", "a JSON list"),
        (b'{"a": 1', "not JSON"),
        (b'{"a": 1} x', "not JSON"),
        (b'{"volume": NaN}', "'NaN' is not a usable number"),
        (b'{"volume": -Infinity}', "'-Infinity' is not a usable number"),
        (b'{"volume": 1e999}', "'1e999' is not a usable number"),
        (b'{"volume": ' + b"9" * 4000 + b"}", "is not a usable number"),
        (b'{"volume": 1, "volume": 2}', "'volume' appears twice"),
        (b'{"a":' * 6 + b"1" + b"}" * 6, "nested more than 5 deep"),
        (b"[" * 4096, "nested more than 5 deep"),
        (b'{"a":' * 800, "nested more than 5 deep"),
    ],
)
def test_what_cannot_be_meant_is_refused(payload: bytes, reason: str) -> None:
    """Too long, no text, broken, ambiguous or a bomb: each is refused by its name."""
    assert reason in refusal(payload)


def test_a_payload_of_exactly_4096_bytes_is_read() -> None:
    """The limit itself is allowed."""
    assert read(b"x" * 4096) == "x" * 4096


def test_brackets_inside_of_strings_are_no_depth() -> None:
    """A string may hold as many brackets as it likes, quotes of its own included."""
    assert read(b'{"id": "[[[[[{{{{{\\"[[[["}') == {"id": '[[[[[{{{{{"[[[['}


@pytest.mark.parametrize("unit", ['\\"', '"', "\\", '"\\'], ids=["escaped", "quotes", "escapes", "both"])
def test_the_cost_of_a_refusal_grows_with_the_length(unit: str) -> None:
    """Unclosed strings invite a scanner to begin again at each quote; 16 times the length may cost 40 times as much."""
    payloads = (b'{"' + (unit * (size // len(unit))).encode() for size in (255, 4080))
    shorter_s, longer_s = (effort.least_cpu_s(lambda it=payload: refusal(it), 20) for payload in payloads)
    assert longer_s < 40.0 * shorter_s


def test_a_reason_quotes_at_most_forty_characters() -> None:
    """A long offender is named, not repeated."""
    with pytest.raises(Refused) as caught:
        values.number("volume", "9" * 3000)
    assert len(str(caught.value)) < 80


@pytest.mark.parametrize("written", [15, 15.0, "15", "15.0", " 15 ", "+15"])
def test_a_whole_number_has_many_forms(written: object) -> None:
    """15, 15.0 and their texts are the same number."""
    assert values.whole("volume", written) == 15


@pytest.mark.parametrize(
    "written", [15.5, "15.5", "", "x", "1e3", "0x10", "١٥", True, None, [], {}, "1" * 10, float("nan")]
)
def test_what_is_no_whole_number_is_refused(written: object) -> None:
    """Fractions, other notations, other digits, booleans, and numbers too long to be meant."""
    with pytest.raises(Refused, match="volume"):
        values.whole("volume", written)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        (True, True),
        ("ON", True),
        ("true", True),
        (1, True),
        ("1", True),
        ("Yes", True),
        (False, False),
        ("off", False),
        ("False", False),
        (0, False),
        ("0", False),
        (" no ", False),
    ],
)
def test_on_and_off_have_many_forms(written: object, meant: bool) -> None:
    """Booleans, words and digits, in any case."""
    assert values.switch("schedule", written) is meant


@pytest.mark.parametrize("written", ["maybe", 2, None, "", {}, [1], 0.5])
def test_neither_on_nor_off_is_refused(written: object) -> None:
    """There is no third thing, and nothing counts as off by being empty."""
    with pytest.raises(Refused, match="neither on nor off"):
        values.switch("schedule", written)


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        ("45m", 2700),
        (45, 2700),
        ("45", 2700),
        (0.5, 30),
        ("1h30", 5400),
        ("90 min", 5400),
        ("0:45:00", 2700),
        ({"minutes": 45}, 2700),
        ({"seconds": 90}, 90),
        ({"timer": "45m"}, 2700),
    ],
)
def test_a_timer_in_minutes_has_many_forms(written: object, seconds: float) -> None:
    """A bare number counts minutes; units say otherwise."""
    assert values.timer(written) == TimerSetting.clock(seconds)


@pytest.mark.parametrize("written", ["off", "OFF", " Off "])
def test_a_timer_is_switched_off_by_word(written: str) -> None:
    """Off, in any case."""
    assert values.timer(written) == TIMER_OFF


@pytest.mark.parametrize("written", ["end-of-track", "end of track", "END_OF_TRACK"])
def test_a_timer_ends_with_the_track(written: str) -> None:
    """With hyphens, spaces or underscores, in any case."""
    assert values.timer(written) == TIMER_END_OF_TRACK


@pytest.mark.parametrize(
    ("written", "reason"),
    [
        ("soon", "write minutes, 45m, 1h30, until 06:30, off, end-of-track or end-of-playlist"),
        (0, "to switch the sleep timer off write off"),
        ("0m", "to switch the sleep timer off write off"),
        ("25h", "allowed is 1s to 24h"),
        (-5, "allowed is 1s to 24h"),
        (True, "is not a timer"),
        (None, "is not a timer"),
        ("9" * 30 + ":00", "is not a timer"),
        ("9" * 400 + "m", "is not a timer"),
        ("9" * 400 + "h30", "is not a timer"),
        ({}, "exactly one of"),
        ({"minutes": 5, "seconds": 5}, "exactly one of"),
        ({"hours": 1}, "unknown key 'hours'"),
        ({"timer": {"timer": "5m"}}, "nested too deep"),
    ],
)
def test_a_timer_that_is_none_is_refused_with_the_choices(written: object, reason: str) -> None:
    """Zero is not off: it could as well mean at once, so the word is asked for."""
    with pytest.raises(Refused) as caught:
        values.timer(written)
    assert reason in str(caught.value)


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        (90, 90),
        ("90", 90),
        ("1:30", 90),
        ("1:02:03", 3723),
        ("90s", 90),
        ("2m", 120),
        ("+1:30", 90),
        ("-0:30", -30),
        ("-30", -30),
        ("120:00", 7200),
    ],
)
def test_a_place_in_a_track_is_written_as_players_show_it(written: object, seconds: float) -> None:
    """``m:ss`` here, where a duration elsewhere would be ``h:mm``; a bare number counts seconds."""
    assert values.place_s("position", written) == seconds


def test_an_unknown_key_is_named_with_the_nearest_one_and_all_choices() -> None:
    """A slip of the finger can be seen from the reason alone."""
    with pytest.raises(Refused) as caught:
        values.check_keys("play", {"volum": 3}, ("volume", "timer"))
    assert str(caught.value) == "play: unknown key 'volum' (did you mean 'volume'?); valid keys: timer, volume"


@pytest.mark.parametrize("payload", [b"", b"x", b"[1]", b"\xff", b"{", b"[" * 100_000])
def test_what_is_no_object_reads_as_an_empty_one(payload: bytes) -> None:
    """Whatever a stranger publishes on a speaker's topic, the command line goes on."""
    assert as_object(payload) == {}
