"""The triggers section: what it means, and what is said of one that means nothing."""

from __future__ import annotations

from datetime import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from player.config import differences, parse
from player.core.commands import ExtendTimer, Play, SetVolume, Stop
from player.core.errors import ConfigError
from player.core.settings.session import TimerSetting
from player.core.verbs import VERBS
from player.mqtt.incoming import Incoming
from player.mqtt.triggers.filters import matches
from player.mqtt.triggers.rule_engine import RuleEngine
from player.mqtt.triggers.rules import AnyValue, Beyond, DayPart, Glob, OneOf, Trigger
from tests import effort
from tests.fakes.clock import FakeClock
from tests.mqtt.triggers.rule_texts import HEAD, rule, settings_of
from tests.paths import ROOT

EXAMPLE = ROOT / "config" / "lull.yaml"
SCHEDULE = "schedule: [{name: weeknights, at: 22:30}]\n"


def faults(*lines: str, head: str = HEAD, more: str = "") -> list[str]:
    """The faults of a config with these triggers, the first of which is in line 1 of what is shown."""
    listed = "".join(f"  - {{{line}}}\n" for line in lines)
    with pytest.raises(ConfigError) as caught:
        parse(f"{head}{SCHEDULE}{more}triggers:\n{listed}")
    return [fault.removeprefix("config:") for fault in caught.value.faults]


def fault(line: str) -> str:
    """The only fault of one trigger, without its line."""
    (only,) = faults(line)
    assert only.startswith("6: triggers[0]")
    return only.removeprefix("6: triggers[0]")


def test_everything_that_can_be_said_of_a_trigger() -> None:
    """Each key fills its part."""
    assert rule(
        "path: 'a.b[0]', above: 5, hysteresis: 1, for: 10m, only_between: 21:00-7:00, debounce: 2s, "
        "allow_retained: yes, do: extend, with: {minutes: 20}"
    ) == Trigger(
        "t", "a", ExtendTimer(1200.0), "extend minutes=20", ("a", "b", 0), Beyond(5.0, is_above=True, hysteresis=1.0),
        600.0, 2.0, allow_retained=True, only_between=DayPart(time(21), time(7)),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("line", "condition"),
    [
        ("do: stop", AnyValue()),
        ("equals: single, do: stop", OneOf(("single",))),
        ("equals: ON, do: stop", OneOf(("ON",))),
        ("equals: 22:30, do: stop", OneOf(("22:30",))),
        ("one_of: [a, 'b c'], do: stop", OneOf(("a", "b c"))),
        ("one_of: a, do: stop", OneOf(("a",))),
        ("glob: 'x_*', do: stop", Glob("x_*")),
        ("below: -2.5, do: stop", Beyond(-2.5, is_above=False)),
    ],
)
def test_conditions_are_taken_as_they_are_written(line: str, condition: object) -> None:
    """YAML makes no switch of ON and no seconds of 22:30."""
    assert rule(line).condition == condition


@pytest.mark.parametrize(
    ("line", "command"),
    [
        ("do: play, with: rain", Play("rain")),
        ("do: play, with: {playlist: rain, volume: 20, timer: 45m}", Play("rain", 20, TimerSetting.clock(2700.0))),
        ("do: volume, with: -5", SetVolume(-5, is_relative=True)),
        ("do: stop, with: now", Stop(now=True)),
        ("do: stop, with: {now: yes}", Stop(now=True)),
        ("do: stop, with: ", Stop()),
        ("do: extend", ExtendTimer(900.0)),
    ],
)
def test_what_goes_with_a_command_is_read_as_from_the_broker(line: str, command: object) -> None:
    """Plain, or with keys."""
    assert rule(line).command == command


def test_every_command_but_a_query_can_be_asked_for() -> None:
    """With a value where it needs one."""
    values = {
        "seek": "90",
        "volume": "up",
        "bed": "rain",
        "timer": "45m",
        "fade": "5m",
        "playlist": "rain",
        "schedule": "off",
        "tonight": "'23:15'",
    }
    for verb in VERBS:
        if verb not in {"status", "tracks"}:
            value = f", with: {values[verb]}" if verb in values else ""
            assert rule(f"do: {verb}{value}").asks.startswith(verb)


def test_without_a_name_the_topic_is_the_name() -> None:
    """Several on one topic are counted."""
    found = settings_of(*["topic: z/button, do: stop"] * 3)
    assert [one.name for one in found.rules] == ["z/button", "z/button (2)", "z/button (3)"]


def test_quiet_hours_stand_beside_the_triggers() -> None:
    """In any of the usual ways to write them."""
    for written in ("23:30-6:30", "23:30 - 06:30", "23:30 to 6:30", "'23:30–6:30'"):
        assert settings_of("topic: a, do: play", more=f"quiet_hours: {written}").quiet_hours == DayPart(
            time(23, 30), time(6, 30)
        )


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("topic: a", ": needs do"),
        ("do: stop", ": needs topic"),
        ("topic: a, do: skip-tonigt", ".do: 'skip-tonigt' is not a command (did you mean 'skip_tonight'?)"),
        ("topic: a, do: stpo", ".do: 'stpo' is not a command (did you mean 'stop'?); choose one of play, stop,"),
        ("topic: a, do: status", ": status changes nothing"),
        ("topic: a, do: volume", ".do: volume needs a value"),
        ("topic: a, do: volume, with: loud", ".with: volume 'loud' is not a number"),
        ("topic: a, do: volume, with: 61", ".with: volume is 61, above volume.max, which is 60"),
        ("topic: a, do: play, with: {volume: 61}", ".with: volume is 61, above volume.max"),
        ("topic: a, do: play, with: rian", ".with: 'rian' is not a playlist (did you mean 'rain'?); choose"),
        ("topic: a, do: playlist, with: x", ".with: 'x' is not a playlist; choose one of rain"),
        ("topic: a, do: play, with: {voluem: 3}", ".with: play: unknown key 'voluem' (did you mean 'volume'?)"),
        ("topic: a, do: play, with: [rain]", ".with: must be a single value"),
        ("topic: a, do: schedule, with: {entry: weeknihgts, enabled: no}", ".with: 'weeknihgts' is not a schedule"),
        ("topic: a/#/b, do: stop", ".topic: 'a/#/b' has '#' in the wrong place"),
        ("topic: a, path: 'a..b', do: stop", ".path: 'a..b' is not a path into JSON"),
        ("topic: a, equals: 1, glob: x, do: stop", ".glob: cannot be combined with equals; use only one of"),
        ("topic: a, equals: 1, hysteresis: 2, do: stop", ".hysteresis: only applies to above and below"),
        ("topic: a, above: 1, hysteresis: -2, do: stop", ".hysteresis: -2 is out of range; use 0 to"),
        ("topic: a, above: loud, do: stop", ".above: 'loud' is not a number"),
        ("topic: a, one_of: [], do: stop", ".one_of: is empty"),
        ("topic: a, for: 10, do: stop", ".for: 10 has no unit"),
        ("topic: a, for: 25h, do: stop", ": for is 25h; allowed is 0.1s to 24h"),
        ("topic: a, debounce: 2h, do: stop", ": debounce is 2h; allowed is 0s to 1h"),
        ("topic: a, only_between: 7-8, do: stop", ".only_between: '7' is not a time of day"),
        ("topic: a, only_between: night, do: stop", ".only_between: 'night' is not a period of the day; write it like"),
        ("topic: a, only_between: 7:00-7:00, do: stop", ".only_between: 07:00-07:00 begins and ends at the same"),
        ("topic: a/+, for: 10m, do: stop", ": 'a/+' has a wildcard; for, above, below and only_changes need"),
        ("topic: a, above: 1, only_changes: yes, do: stop", ": only_changes applies only to any, equals"),
        ("topic: a, name: a/b, do: stop", ".name: trigger 'a/b' is not a name"),
        ("topic: a, payload: x, do: stop", ".payload: unknown key (use equals, one_of or glob instead)"),
        ("topic: a, equls: x, do: stop", ".equls: unknown key (did you mean 'equals'?)"),
    ],
)  # fmt: skip
def test_every_fault_names_key_and_choices(line: str, said: str) -> None:
    """One trigger, one fault."""
    assert fault(line).startswith(said)


@pytest.mark.parametrize("verb", ["play", "toggle", "resume", "tonight, with: '23:15'"])
def test_an_old_message_may_not_start_sound(verb: str) -> None:
    """A broker repeats what it retains at each connection, at three in the morning too."""
    assert "so it may not start sound" in fault(f"topic: a, allow_retained: yes, do: {verb}")


@pytest.mark.parametrize(
    "topic",
    ["#", "+/#", "lull/bedroom/cmd/play", "lull/bedroom/state", "lull/bedroom/event", "lull/+/state",
     "lull/all/cmd/stop", "lull/upstairs/cmd", "lull/kitchen/cmd/stop", "lull/bedroom", "lull/#",
     "+/bedroom/availability"],
)  # fmt: skip
def test_lull_s_own_topics_set_nothing_off(topic: str) -> None:
    """What it says and what it is told would be loops; with wildcards too."""
    assert "that would be a loop" in fault(f"topic: '{topic}', do: stop")


@pytest.mark.parametrize(
    "topic", ["lull/kitchen/state", "lull/kitchen/event", "+/kitchen/state", "lulled/bedroom/state", "a/#"]
)
def test_what_another_speaker_says_may_set_something_off(topic: str) -> None:
    """When the kitchen begins, the bedroom may stop."""
    assert settings_of(f"topic: '{topic}', do: stop").rules


def test_no_trigger_plans_a_start_in_the_quiet_hours() -> None:
    """Half past midnight is one, eleven is not."""
    hours = "quiet_hours: 23:30-6:30\n"
    (only,) = faults("topic: a, do: tonight, with: '0:30'", more=hours)
    assert only.endswith("with: 00:30 is within quiet_hours (23:30-06:30), when no trigger starts sound")
    assert settings_of("topic: a, do: tonight, with: '23:00'", more=hours).rules
    moved = "topic: a, do: schedule, with: {entry: weeknights, at: '%s'}"
    (only,) = faults(moved % "3:05", more=hours)
    assert only.endswith("with: 03:05 is within quiet_hours (23:30-06:30), when no trigger starts sound")
    assert settings_of(moved % "23:15", more=hours + SCHEDULE).rules


def test_all_faults_are_told_at_once() -> None:
    """Of each trigger, whatever the others have."""
    found = faults(
        "topic: a, do: x", "topic: lull/all/cmd, do: stop", "topic: a, name: n, do: stop", "topic: b, name: n, do: stop"
    )
    assert [line.split(": ")[1] for line in found] == ["triggers[0].do", "triggers[1].topic", "triggers[3].name"]
    assert found[2].endswith("'n' is already used by the trigger in line 8")


def test_triggers_need_a_broker() -> None:
    """Without one no message comes; a broker that is only written wrongly is its own fault alone."""
    playlists = "playlists: {rain: {paths: [/srv/rain]}}\n"
    (only,) = faults("topic: a, do: stop", head=playlists)
    assert only == "3: triggers: needs mqtt: without a broker no message arrives"
    (broker,) = faults("topic: a, do: stop", head=f"mqtt: {{port: x}}\n{playlists}")
    assert "mqtt.port" in broker


def test_no_more_than_can_be_looked_at() -> None:
    """Sixty-four; and a list, not a table."""
    (only,) = faults(*["topic: a, do: stop"] * 65)
    assert only.endswith("triggers: has 65 triggers; the maximum is 64")
    with pytest.raises(ConfigError, match="must be a list, one trigger after each dash"):
        parse(f"{HEAD}triggers: {{topic: a, do: stop}}")


def test_a_reload_touches_triggers_alone() -> None:
    """Each of the two keys by itself."""
    before = parse(f"{HEAD}triggers: [{{topic: a, do: stop}}]")
    assert differences(before, parse(f"{HEAD}triggers: [{{topic: b, do: stop}}]")) == {"triggers"}
    assert differences(before, parse(f"{HEAD}triggers: [{{topic: a, do: stop}}]\nquiet_hours: 1:00-2:00")) == {
        "quiet_hours"
    }


def test_the_triggers_of_the_example_are_good() -> None:
    """They are commented out there; as they stand behind the # they are read without a fault."""
    lines = EXAMPLE.read_text(encoding="utf-8").splitlines()
    begins = lines.index("# triggers:")
    ends = next(number for number in range(begins, len(lines)) if not lines[number].startswith("#"))
    quiet = next(line for line in lines if line.startswith("# quiet_hours:"))
    text = "\n".join(line[2:] for line in (*lines[begins:ends], quiet))
    assert len(parse(f"{HEAD}{text}\n").triggers.rules) == 7


WORDS = st.sampled_from(
    ["a", "#", "a/+", "input:a", "KEY_A long",
     "lull/+/state", "single", "", "5", "-1", "10m", "yes", "21:00-7:00", "play", "stop", "extend",
     "[a, b]", "{minutes: 15}", "~", "'\\0'", "a[0]", "rain", "now", "&x 1", "*x"]
)  # fmt: skip
KEYS = st.sampled_from(
    ["name", "topic", "path", "equals", "one_of", "glob", "above", "below", "hysteresis", "for", "only_changes",
     "only_between", "debounce", "allow_retained", "grab", "do", "with", "x"]
)  # fmt: skip


@settings(max_examples=effort.examples(60, 300), deadline=None)
@given(st.lists(st.dictionaries(KEYS, WORDS, max_size=6), max_size=3))
@pytest.mark.slow
def test_whatever_stands_there_is_read_or_named(found: list[dict[str, str]]) -> None:
    """No trigger makes the reader fail in any other way than with a list of faults."""
    listed = "".join("  - {" + ", ".join(f"{key}: {value}" for key, value in one.items()) + "}\n" for one in found)
    said: tuple[str, ...] = ()
    rules = 0
    try:
        rules = len(parse(f"{HEAD}triggers:\n{listed}").triggers.rules)
    except ConfigError as error:
        said = error.faults
    assert all(line.startswith("config:") for line in said)
    assert said or rules == len(found)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("topic: 'input:', do: stop", "names no device"),
        ("topic: 'input:b', equals: KEY_PLAYPAUS, do: stop", "did you mean 'KEY_PLAYPAUSE'?"),
        ("topic: 'input:b', equals: KEY_164, do: stop", "did you mean 'KEY_PLAYPAUSE'?"),
        ("topic: 'input:b', equals: KEY_A twice, do: stop", "after the key comes nothing, long or double"),
        ("topic: 'input:b', equals: REL_X, do: stop", "is not a turn; write an axis and + or -"),
        ("topic: 'input:b', equals: REL_X+ long, do: stop", "is not a turn"),
        ("topic: 'input:b', path: a, do: stop", "path cannot be used with 'input:b'"),
        ("topic: 'input:b', equals: KEY_A, for: 1s, do: stop", "for cannot be used with 'input:b'"),
        ("topic: 'input:b', above: 3, do: stop", "a value that is above 3 cannot be used with 'input:b'"),
        ("topic: 'input:b', glob: 'KEY_*', do: stop", "cannot be used with 'input:b'"),
        ("topic: 'input:b', only_changes: true, do: stop", "only_changes cannot be used with 'input:b'"),
        ("topic: 'input:b', allow_retained: true, do: stop", "allow_retained cannot be used with 'input:b'"),
        ("topic: a, grab: true, do: stop", "grab applies only to a topic that begins with input:"),
    ],
)
def test_what_a_trigger_on_an_input_device_may_not_say(line: str, words: str) -> None:
    """The fault names what does not fit and what is allowed."""
    assert words in fault(line)


def test_an_input_device_needs_no_broker_and_is_never_subscribed() -> None:
    """Names may hold what a filter may not; a key without a name is its number; presses may follow at once."""
    head = HEAD.replace("mqtt: {groups: [upstairs]}\n", "")
    assert "mqtt" not in head
    line = "topic: 'input:2.4G Keyboard+Mouse #1', one_of: [KEY_592, BTN_0 double], do: toggle, grab: true"
    (trigger,) = parse(f"{head}triggers: [{{{line}}}]").triggers.rules
    assert (trigger.input, trigger.is_grabbed, trigger.rest_s) == ("2.4G Keyboard+Mouse #1", True, 0.0)
    assert RuleEngine((trigger, rule("do: stop"))).filters == ("a",)
    assert "needs mqtt" in faults("topic: a, do: stop", head=head)[0]


def test_a_filter_for_everything_hears_no_input_device() -> None:
    """Only a trigger with the device's own topic does."""
    engine = RuleEngine(settings_of("name: all, topic: '+', do: stop", "name: one, topic: 'input:b', do: stop").rules)
    found = engine.take(Incoming("input:b", b"KEY_A"), FakeClock().now())
    assert [outcome.trigger.name for outcome in found] == ["one"]
    assert not matches("#", "input:b")
    assert not matches("+", "input:b")
