"""Presses: bounce counts once, long and double presses are told apart, and nothing is late without a reason."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator

import pytest

from player.system.gestures import BOUNCE_S, DOUBLE_S, LONG_S, Gestures

KEY = "KEY_PLAYPAUSE"


def said(gestures: Gestures, *changes: tuple[float, int]) -> list[tuple[float, str]]:
    """What is said, and when, for changes of one key; time goes on in steps of a millisecond."""
    found: list[tuple[float, str]] = []
    end_s = changes[-1][0] + 2.0
    waiting = list(changes)
    for step in range(round(end_s * 1000) + 1):
        now_s = step / 1000
        while waiting and waiting[0][0] <= now_s:
            at_s, value = waiting.pop(0)
            found += [(at_s, word) for word in gestures.change(KEY, at_s, is_down=value == 1)]
        found += [(now_s, word) for word in gestures.advance(now_s)]
    return found


def test_a_press_is_told_when_the_key_goes_down() -> None:
    """At once, where nobody waits for a long or a double press of it; also where it is held."""
    assert said(Gestures([KEY]), (0.1, 1), (0.2, 0)) == [(0.1, KEY)]
    assert said(Gestures([KEY, "KEY_A long"]), (0.1, 1), (5.0, 0)) == [(0.1, KEY)]
    assert said(Gestures([]), (0.1, 1), (0.2, 0), (0.3, 1), (0.4, 0)) == [(0.1, KEY), (0.3, KEY)]


def test_a_long_press_is_told_while_the_key_is_held() -> None:
    """After `LONG_S`; a shorter one is a press, told when the key goes up."""
    assert said(Gestures([f"{KEY} long"]), (0.1, 1), (3.0, 0)) == [(0.1 + LONG_S, f"{KEY} long")]
    assert said(Gestures([f"{KEY} long"]), (0.1, 1), (0.3, 0)) == [(0.3, KEY)]


def test_a_double_press_is_two_that_begin_close_together() -> None:
    """It is told with the second; one alone is told when no second can come any more."""
    listening = [f"{KEY} double"]
    assert said(Gestures(listening), (0.1, 1), (0.2, 0), (0.35, 1), (0.4, 0)) == [(0.35, f"{KEY} double")]
    assert said(Gestures(listening), (0.1, 1), (0.2, 0)) == [(0.1 + DOUBLE_S, KEY)]
    late_s = 0.1 + DOUBLE_S + 0.05
    assert [word for _, word in said(Gestures(listening), (0.1, 1), (0.2, 0), (late_s, 1), (late_s + 0.1, 0))] == [
        KEY
    ] * 2
    assert said(Gestures(listening), (0.1, 1), (0.7, 0)) == [(0.7, KEY)]


def test_all_three_of_one_key_are_told_apart() -> None:
    """A double press whose second one is held is a double press and no long one."""
    all_three = [KEY, f"{KEY} long", f"{KEY} double"]
    assert [word for _, word in said(Gestures(all_three), (0.1, 1), (0.2, 0), (0.3, 1), (3.0, 0))] == [f"{KEY} double"]
    assert [word for _, word in said(Gestures(all_three), (0.1, 1), (3.0, 0))] == [f"{KEY} long"]
    assert [word for _, word in said(Gestures(all_three), (0.1, 1), (0.2, 0))] == [KEY]


def test_bounce_is_one_press() -> None:
    """Within `BOUNCE_S` of a change others do not count; a contact that ends elsewhere is believed after it."""
    bouncing = [(0.1, 1), (0.103, 0), (0.104, 1), (0.11, 0), (0.112, 1), (0.3, 0), (0.302, 1), (0.305, 0)]
    assert said(Gestures([KEY]), *bouncing) == [(0.1, KEY)]
    at_once = [(0.1, 1), (0.1001, 0), (0.5, 1), (0.5001, 0)]
    assert said(Gestures([KEY]), *at_once) == [(0.1, KEY), (0.5, KEY)]
    settles_s = 0.1 + BOUNCE_S
    assert said(Gestures([f"{KEY} long"]), *at_once[:2]) == [(pytest.approx(settles_s), KEY)]


def test_what_was_held_while_events_were_lost_says_nothing() -> None:
    """Neither when it goes up nor later; a key that was down before anybody listened does not either."""
    gestures = Gestures([f"{KEY} long"])
    assert not [*gestures.change(KEY, 1.0, is_down=True)]
    gestures.forget()
    assert gestures.due_s == math.inf
    assert not [*gestures.change(KEY, 5.0, is_down=False), *gestures.advance(9.0)]


def test_keys_do_not_disturb_each_other() -> None:
    """One is held while another one is pressed twice."""
    gestures = Gestures([f"{KEY} long", "KEY_B double"])

    def play() -> Iterator[str]:
        yield from gestures.change(KEY, 0.0, is_down=True)
        for at_s, is_down in ((0.1, True), (0.2, False), (0.3, True), (0.4, False)):
            yield from gestures.change("KEY_B", at_s, is_down=is_down)
        yield from gestures.change(KEY, 1.0, is_down=False)

    assert [*play()] == ["KEY_B double", f"{KEY} long"]


def test_a_thousand_bouncing_presses_of_all_kinds_are_a_thousand_words() -> None:
    """Each as it was meant, whatever the bounce."""
    rng = random.Random(7)
    gestures = Gestures([KEY, f"{KEY} long", f"{KEY} double"])
    meant, heard = [], []
    at_s = 0.0

    def change(now_s: float, is_down: bool) -> None:
        heard.extend(gestures.change(KEY, now_s, is_down=is_down))
        edges = sorted(rng.uniform(0.0, 0.9 * BOUNCE_S) for _ in range(2 * rng.randrange(4)))
        for number, edge_s in enumerate(edges):
            heard.extend(gestures.change(KEY, now_s + edge_s, is_down=is_down is (number % 2 == 1)))

    for _ in range(1000):
        how = rng.choice(["", " long", " double"])
        held_s = LONG_S + 0.05 if how == " long" else 0.08
        change(at_s, True)
        change(at_s + held_s, False)
        if how == " double":
            change(at_s + 0.2, True)
            change(at_s + 0.3, False)
        meant.append(KEY + how)
        at_s += 2.0
    heard.extend(gestures.advance(at_s))
    assert heard == meant
