"""Turns changes of keys into presses: removes bounce, and tells single, long and double presses apart. Pure.

A press counts at once, when its key goes down, unless a trigger waits for more of that key: for a long press, then
it is decided when the key goes up; for a double one, when the time for a second press is over. A long press is
reported while the key is still held.

The first change counts; further changes within `BOUNCE_S` are ignored, and the state after that is used. So a contact
that bounces gives one press, and a remote that sends down and up at once gives one too.

Times are seconds of the boot clock, those of the kernel at which the key changed: a busy machine changes
nothing about how long a key was held.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from player.core.input_codes import DOUBLE, LONG

BOUNCE_S: Final = 0.03
LONG_S: Final = 0.6
"""Minimum seconds that a key is held for a long press."""
DOUBLE_S: Final = 0.4
"""Two presses that begin within this many seconds are a double press."""


@dataclass(slots=True)
class _Key:
    """One key.

    Attributes:
        is_down: the state without bounce; ``is_raw_down`` is the last reported state.
        settled_s: time from which changes count again.
        down_s: when it went down, while that press is undecided.
        single_s: time at which the last press counts as a single one, while a second is waited for.
    """

    is_down: bool = False
    is_raw_down: bool = False
    settled_s: float = -math.inf
    down_s: float | None = None
    single_s: float = math.inf


class Gestures:
    """The keys of one device. One thread.

    Args:
        words: the presses that are waited for; only keys with a long or double press among them are decided late.
    """

    def __init__(self, words: Iterable[str]) -> None:
        listed = frozenset(words)
        self._long = frozenset(word.removesuffix(f" {LONG}") for word in listed if word.endswith(f" {LONG}"))
        self._double = frozenset(word.removesuffix(f" {DOUBLE}") for word in listed if word.endswith(f" {DOUBLE}"))
        self._keys: dict[str, _Key] = {}

    @property
    def due_s(self) -> float:
        """Time of the next decision of `advance`; infinite when nothing is undecided."""
        return min((self._due_s(name, key) for name, key in self._keys.items()), default=math.inf)

    def _due_s(self, name: str, key: _Key) -> float:
        settles_s = key.settled_s if key.is_raw_down != key.is_down else math.inf
        is_long_open = key.down_s is not None and key.is_down and name in self._long
        long_s = key.down_s + LONG_S if is_long_open and key.down_s is not None else math.inf
        return min(settles_s, long_s, math.inf if key.is_down else key.single_s)

    def change(self, name: str, at_s: float, *, is_down: bool) -> Iterator[str]:
        """Take a change of a key; returns the words that are decided by it and by the time until then."""
        yield from self.advance(at_s)
        key = self._keys.setdefault(name, _Key())
        key.is_raw_down = is_down
        if is_down != key.is_down and at_s >= key.settled_s:
            yield from self._accept(name, key, at_s)

    def advance(self, now_s: float) -> Iterator[str]:
        """The words that are decided at this time."""
        while (due_s := self.due_s) <= now_s:
            for name, key in self._keys.items():
                if self._due_s(name, key) == due_s:
                    yield from self._decide(name, key, due_s)

    def forget(self) -> None:
        """Reset: all keys are up and nothing is undecided. For lost events and removed devices."""
        self._keys.clear()

    def _decide(self, name: str, key: _Key, at_s: float) -> Iterator[str]:
        """The decisions that are due for one key."""
        if key.is_raw_down != key.is_down and key.settled_s <= at_s:
            yield from self._accept(name, key, at_s)
        elif key.is_down:
            key.down_s, key.single_s = None, math.inf
            yield f"{name} {LONG}"
        else:
            key.single_s = math.inf
            yield name

    def _accept(self, name: str, key: _Key, at_s: float) -> Iterator[str]:
        """Use the reported state of the key."""
        key.is_down = key.is_raw_down
        key.settled_s = at_s + BOUNCE_S
        if key.is_down:
            yield from self._press(name, key, at_s)
        elif key.down_s is not None:
            down_s, key.down_s = key.down_s, None
            if name in self._double and at_s < down_s + DOUBLE_S:
                key.single_s = down_s + DOUBLE_S
            else:
                yield name

    def _press(self, name: str, key: _Key, at_s: float) -> Iterator[str]:
        if at_s < key.single_s < math.inf:
            key.single_s = math.inf
            yield f"{name} {DOUBLE}"
        elif name in self._long or name in self._double:
            key.down_s = at_s
        else:
            yield name
