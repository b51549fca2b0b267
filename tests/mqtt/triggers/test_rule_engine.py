"""One trigger through time: `for`, debounce, crossings, times of day, floods. A fake clock; nothing waits."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from player.mqtt.incoming import Incoming
from player.mqtt.triggers.rule_engine import BURST, BURST_PER_S, ConditionWatch, Ruling, Verdict
from tests.fakes.clock import FakeClock
from tests.mqtt.triggers.rule_texts import rule


class Bench:
    """A trigger, and a clock that is moved by hand."""

    def __init__(self, line: str, **clock: object) -> None:
        self.clock = FakeClock(**clock)  # type: ignore[arg-type]
        self.watch = ConditionWatch(rule(line))

    def hear(self, text: str, *, after_s: float = 1.0, retained: bool = False) -> Verdict:
        """What it makes of a message that comes so much later."""
        self.clock.advance(after_s)
        return self.watch.take(Incoming("a", text.encode(), retained), self.clock.now())

    def rulings(self, *texts: str) -> list[Ruling]:
        """What it makes of some messages, a second apart."""
        return [self.hear(text).ruling for text in texts]

    def due_in_s(self) -> float:
        return self.watch.due_s - self.clock.now().boot_s


FIRES, WAITS, LEARNS, NOT = Ruling.FIRES, Ruling.WAITS, Ruling.LEARNS, Ruling.NOT


def test_a_button_fires_at_each_press() -> None:
    """The same word twice is two presses."""
    assert Bench("equals: single, do: toggle").rulings("single", "single", "double", "single") == [
        FIRES, FIRES, NOT, FIRES,
    ]  # fmt: skip


def test_what_zigbee2mqtt_sends_after_a_press_is_nothing() -> None:
    """An empty action, a null, a message about the battery: none fires a trigger that takes any value."""
    bench = Bench("path: action, do: toggle")
    assert bench.rulings('{"action":"single"}', '{"action":""}', '{"action":null}', '{"battery":9}', "") == [
        FIRES, NOT, NOT, NOT, NOT,
    ]  # fmt: skip


def test_a_retained_message_does_not_fire() -> None:
    """It says why; allowed, it does."""
    verdict = Bench("equals: x, do: stop").hear("x", retained=True)
    assert verdict.ruling is NOT
    assert "retained" in verdict.why
    assert Bench("equals: x, do: stop, allow_retained: yes").hear("x", retained=True).ruling is FIRES


def test_one_press_that_a_radio_repeats_is_one() -> None:
    """Within 0.3 s of the last firing a trigger is deaf; a stop never is, unless somebody says so."""
    bench = Bench("equals: x, do: toggle")
    assert [bench.hear("x", after_s=after).ruling for after in (1, 0.2, 0.05, 0.1)] == [FIRES, NOT, NOT, FIRES]
    stop = Bench("equals: x, do: stop")
    assert [stop.hear("x", after_s=0.0).ruling for _ in range(200)] == [FIRES] * 200
    slow = Bench("equals: x, do: stop, debounce: 5s")
    assert [slow.hear("x", after_s=after).ruling for after in (1, 4.9, 0.2)] == [FIRES, NOT, FIRES]


def test_a_knob_that_turns_for_ever_is_slowed_down() -> None:
    """Without debounce some at once, then a few each second."""
    bench = Bench("do: volume, with: up, debounce: 0")
    assert [bench.hear("x", after_s=0.0).ruling for _ in range(BURST + 5)] == [FIRES] * BURST + [NOT] * 5
    fired = sum(bench.hear("x", after_s=0.001).ruling is FIRES for _ in range(10_000))
    assert fired == pytest.approx(10 * BURST_PER_S, abs=1)


# for


def test_for_fires_once_it_has_held_so_long() -> None:
    """A repeat does not start it anew; it falls due to the second."""
    bench = Bench("equals: empty, for: 10m, do: stop")
    assert bench.rulings("empty", "empty", "empty") == [WAITS] * 3
    assert bench.due_in_s() == pytest.approx(600 - 2)
    bench.clock.advance(598)
    assert bench.watch.fall_due(bench.clock.now()).ruling is FIRES


def test_for_is_cancelled_by_another_value() -> None:
    """And begins anew with the next one that meets it."""
    bench = Bench("equals: empty, for: 10m, do: stop")
    assert bench.rulings("empty", "occupied") == [WAITS, NOT]
    assert bench.watch.due_s == float("inf")
    assert bench.hear("empty", after_s=300).ruling is WAITS
    assert bench.due_in_s() == pytest.approx(600)


@pytest.mark.parametrize("noise", ["", "null", '{"x":1}'])
def test_for_goes_on_through_what_says_nothing(noise: str) -> None:
    """Empty messages and others without a value neither cancel nor restart it."""
    bench = Bench("equals: empty, for: 10m, do: stop")
    bench.hear("empty")
    assert bench.hear(noise, after_s=100).ruling is NOT
    assert bench.due_in_s() == pytest.approx(500)


def test_for_fires_again_only_after_it_has_ended_in_between() -> None:
    """A sensor that says empty all night stops once."""
    bench = Bench("equals: empty, for: 1s, do: stop")
    bench.hear("empty")
    bench.clock.advance(1)
    bench.watch.fall_due(bench.clock.now())
    assert bench.rulings("empty", "empty") == [NOT, NOT]
    assert bench.watch.due_s == float("inf")
    assert bench.rulings("occupied", "empty") == [NOT, WAITS]


def test_for_ends_with_the_connection() -> None:
    """Nobody knows what was missed; the next message begins anew. What has fired does not fire again."""
    bench = Bench("equals: empty, for: 10m, do: stop")
    bench.hear("empty")
    bench.watch.connection_lost()
    assert bench.watch.due_s == float("inf")
    assert bench.hear("empty", after_s=60).ruling is WAITS
    assert bench.due_in_s() == pytest.approx(600)
    bench.clock.advance(600)
    bench.watch.fall_due(bench.clock.now())
    bench.watch.connection_lost()
    assert bench.hear("empty").ruling is NOT


def test_for_takes_any_of_its_words_for_the_same() -> None:
    """From one of them to another nothing has ended."""
    bench = Bench("one_of: [empty, away], for: 10m, do: stop")
    assert bench.rulings("empty", "away") == [WAITS, WAITS]
    assert bench.due_in_s() == pytest.approx(599)


# Crossings


def test_a_limit_fires_when_it_is_crossed_and_not_by_each_message() -> None:
    """The first value only shows where things stand; then each way up counts once."""
    bench = Bench("above: 50, do: stop")
    assert bench.rulings("60", "61", "40", "60", "70", "50", "51") == [LEARNS, NOT, NOT, FIRES, NOT, NOT, FIRES]


def test_a_limit_with_hysteresis_does_not_chatter() -> None:
    """Around 50 it fires once, until the value has been below 48."""
    bench = Bench("above: 50, hysteresis: 2, do: stop, debounce: 0")
    assert bench.rulings("40", "51", "49", "51", "49", "48", "51") == [NOT, FIRES, NOT, NOT, NOT, NOT, FIRES]


def test_only_changes_counts_the_beginning_across_connections() -> None:
    """A home that tells everything again after a broker's restart sets nothing off."""
    bench = Bench("equals: ON, only_changes: yes, do: toggle")
    assert bench.rulings("ON", "ON", "OFF", "ON", "ON") == [LEARNS, NOT, NOT, FIRES, NOT]
    bench.watch.connection_lost()
    assert bench.rulings("ON", "OFF", "ON") == [NOT, NOT, FIRES]


def test_what_is_no_number_ends_a_crossing_without_firing() -> None:
    """`unavailable` is not above 50."""
    bench = Bench("above: 50, do: stop")
    verdict = [bench.hear(text) for text in ("40", "unavailable")][-1]
    assert verdict.ruling is NOT
    assert verdict.why == "the message 'unavailable' is not a number"


# Times of day


def test_only_between_is_looked_at_when_it_fires() -> None:
    """Half past ten is between 21:00 and 07:00, noon is not; `for` counts when it is over."""
    night = datetime(2026, 1, 15, 22, 30, tzinfo=UTC)
    noon = datetime(2026, 1, 15, 12, 0, tzinfo=UTC)
    line = "equals: x, do: play, only_between: 21:00-07:00"
    assert Bench(line, wall=night).hear("x").ruling is FIRES
    verdict = Bench(line, wall=noon).hear("x")
    assert verdict.ruling is NOT
    assert "it is 12:00; only_between is 21:00-07:00" in verdict.why
    bench = Bench(f"{line}, for: 10m", wall=datetime(2026, 1, 15, 20, 55, tzinfo=UTC))
    assert bench.hear("x").ruling is WAITS
    bench.clock.advance(600)
    assert bench.watch.fall_due(bench.clock.now()).ruling is FIRES


def test_while_the_clock_is_not_set_a_time_of_day_holds_a_start_back_and_no_stop() -> None:
    """Any time may be the wrong one for a start; a stop is right at any time."""
    for verb, ruling in (("play", NOT), ("toggle", NOT), ("resume", NOT), ("stop", FIRES), ("pause", FIRES)):
        bench = Bench(f"equals: x, do: {verb}, only_between: 21:00-07:00", is_trusted=False)
        assert bench.hear("x").ruling is ruling, verb


@pytest.mark.parametrize(
    ("line", "text", "why"),
    [
        ("equals: ON, do: stop", "on", "the message 'on' is not 'ON' (case-sensitive)"),
        (
            "path: o, equals: ON, do: stop",
            '{"o":true}',
            "o 'true' is not 'ON' (it is a JSON boolean: write true or false)",
        ),
        ("equals: true, do: stop", "false", "the message 'false' is not 'true'"),
        ("path: o, equals: true, do: stop", '{"o":false}', "o 'false' is not 'true'"),
        ("path: o, one_of: [ON, false], do: stop", '{"o":true}', "o 'true' is not 'ON' or 'false'"),
        ("path: o, glob: 'O*', do: stop", '{"o":true}', "o 'true' is not like 'O*'"),
        ("one_of: [a, b], do: stop", "c", "the message 'c' is not 'a' or 'b'"),
        ("glob: 'a*', do: stop", "b", "the message 'b' is not like 'a*'"),
        ("below: 5, do: stop", "7", "the message '7' is not below 5"),
    ],
)
def test_why_not_is_said_in_words(line: str, text: str, why: str) -> None:
    """With a hint where it was close."""
    assert Bench(line).hear(text).why == why
