"""From changes of keys to presses: bounce is taken out, and a press is told from a long and a double one. Pure.

A press is a press at once, when its key goes down, unless somebody waits for more of that key: for a long press, then
it is decided when the key goes up; for a double one, then when the time for a second press is over. A long press is
told while the key is still held.

The first change counts, and for `BOUNCE_S` after it nothing else does; what the key is then is believed. So a contact
that bounces gives one press, and a remote that sends down and up at once gives one too.

Times are seconds of the boot clock, those of the kernel at which the key changed: a machine that is busy changes
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
"""A key that is held for so long was pressed long."""
DOUBLE_S: Final = 0.4
"""Two presses that begin within this time are a double one."""


@dataclass(slots=True)
class _Key:
    """One key.

    Attributes:
        is_down: what is believed; ``is_raw_down`` is what was said last.
        settled_s: from then on changes count again.
        down_s: when it went down, while that press is undecided.
        single_s: when the press before is a single one, while a second is waited for.
    """

    is_down: bool = False
    is_raw_down: bool = False
    settled_s: float = -math.inf
    down_s: float | None = None
    single_s: float = math.inf


class Gestures:
    """The keys of one device. One thread.

    Args:
        words: what is waited for; only keys with a long or double press among them are decided late.
    """

    def __init__(self, words: Iterable[str]) -> None:
        listed = frozenset(words)
        self._long = frozenset(word.removesuffix(f" {LONG}") for word in listed if word.endswith(f" {LONG}"))
        self._double = frozenset(word.removesuffix(f" {DOUBLE}") for word in listed if word.endswith(f" {DOUBLE}"))
        self._keys: dict[str, _Key] = {}

    @property
    def due_s(self) -> float:
        """When `advance` has something to decide; infinite where nothing is open."""
        return min((self._due_s(name, key) for name, key in self._keys.items()), default=math.inf)

    def _due_s(self, name: str, key: _Key) -> float:
        settles_s = key.settled_s if key.is_raw_down != key.is_down else math.inf
        is_long_open = key.down_s is not None and key.is_down and name in self._long
        long_s = key.down_s + LONG_S if is_long_open and key.down_s is not None else math.inf
        return min(settles_s, long_s, math.inf if key.is_down else key.single_s)

    def change(self, name: str, at_s: float, *, is_down: bool) -> Iterator[str]:
        """A key has changed; the words that this, and the time until then, decides."""
        yield from self.advance(at_s)
        key = self._keys.setdefault(name, _Key())
        key.is_raw_down = is_down
        if is_down != key.is_down and at_s >= key.settled_s:
            yield from self._accept(name, key, at_s)

    def advance(self, now_s: float) -> Iterator[str]:
        """The words that are decided by now."""
        while (due_s := self.due_s) <= now_s:
            for name, key in self._keys.items():
                if self._due_s(name, key) == due_s:
                    yield from self._decide(name, key, due_s)

    def forget(self) -> None:
        """All keys are up and nothing is open: events were lost, or the device is gone."""
        self._keys.clear()

    def _decide(self, name: str, key: _Key, at_s: float) -> Iterator[str]:
        """What has fallen due for one key."""
        if key.is_raw_down != key.is_down and key.settled_s <= at_s:
            yield from self._accept(name, key, at_s)
        elif key.is_down:
            key.down_s, key.single_s = None, math.inf
            yield f"{name} {LONG}"
        else:
            key.single_s = math.inf
            yield name

    def _accept(self, name: str, key: _Key, at_s: float) -> Iterator[str]:
        """Believe what the key says."""
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
