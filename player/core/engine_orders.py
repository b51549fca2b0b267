"""Orders: what the session tells the engine. Frozen, on the standard library alone.

There is exactly one order that changes a level, `RampTo`, and it cannot do so at once: it names a target, and the audio
thread moves toward it at a bounded rate. No order can be misused to make a sudden change.

What sounds lies in layers: the tracks, and up to two beds under them. Each layer has a queue and a level of its own,
and the output's level is that of their sum.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto
from typing import Final, TypeAlias

from player.core.limits import MAX_GAIN_DB
from player.core.validation import check_range

TRACKS: Final = 0
"""The layer of the tracks."""
BEDS: Final = (1, 2)
"""The layers of the beds."""


@dataclass(frozen=True, slots=True)
class Item:
    """One playing of one track; ``id`` is new for each playing, so that reports cannot be confused.

    Attributes:
        uri: a file path or an http(s) address.
        title: what people see.
        gain_db: programme gain, bound to this item's samples and to nothing else; at most +6 dB.
        habitual_lufs: the fast level that it usually reaches, after the gain; None where it was not measured.
        start_s: where in the track to begin.
        is_stream: an address without an end; its end is a fault.
        length_s: its measured length, whatever its container says; None where it was not measured.
        plan: what the leveller does to the track (`player.audio.dsp.leveller`); None where it was not measured.
        reached_lufs: what its fast level reaches with the plan and the gain; None without a plan.
    """

    id: int
    uri: str
    title: str
    gain_db: float = 0.0
    start_s: float = 0.0
    is_stream: bool = False
    habitual_lufs: float | None = None
    plan: bytes | None = None
    reached_lufs: float | None = None
    length_s: float | None = None

    def __post_init__(self) -> None:
        check_range("gain_db", self.gain_db, -200, MAX_GAIN_DB)
        check_range("start_s", self.start_s, 0, 1e7)


class Crossfade(Enum):
    """How an item takes over from what sounds."""

    BLEND = auto()
    """Equal power over the crossfade's length, once the new item is ready."""
    SKIP = auto()
    """What sounds begins to fall at once, because a person asked; the new item rises at its own pace."""


class Then(Enum):
    """What follows when a ramp has arrived."""

    NOTHING = auto()
    HOLD = auto()
    """At silence: stop consuming the tracks and keep their places."""
    STOP = auto()
    """At silence: drop the tracks."""


@dataclass(frozen=True, slots=True)
class PlayItem:
    """Take this item as the current one of its layer; a queued one is forgotten."""

    item: Item
    crossing: Crossfade = Crossfade.BLEND
    layer: int = TRACKS


@dataclass(frozen=True, slots=True)
class QueueItem:
    """What follows the layer's current item at its end; None: nothing does, so the current item ends in a fade."""

    item: Item | None
    layer: int = TRACKS


@dataclass(frozen=True, slots=True)
class LevelItem:
    """An item that sounds, with what has been measured since it began: it continues with its plan and at its gain.

    Nothing jumps: its gain rises by 0.5 dB/s at most, and falls by 3 dB/s. Another item is left as it is.
    """

    item: Item
    layer: int = TRACKS


@dataclass(frozen=True, slots=True)
class RampTo:
    """Move a level to ``target_db`` in ``over_s`` seconds, linear in dB, or at a slower rate if C2 asks.

    Attributes:
        target_db: level in dB re full volume; -inf is silence, reached through 66 dB below the present level.
        over_s: the wanted duration. A rise is slowed to 6 dB/s and starts 60 dB below its target; a fall may be fast.
        then: what to do on arrival; of a layer only NOTHING and STOP.
        layer: whose level; None: the output's. The level of a layer stands at silence until its first order, and that
            of the tracks at full. While the output is silent, it is where it is ordered to at once.
    """

    target_db: float
    over_s: float
    then: Then = Then.NOTHING
    layer: int | None = None

    def __post_init__(self) -> None:
        check_range("over_s", self.over_s, 0, 86400)
        if not self.target_db <= 0.0:
            raise ValueError(f"target_db is {self.target_db:g}; allowed is at most 0")
        if self.layer is not None and self.then is Then.HOLD:
            raise ValueError("a layer cannot be held by itself")


@dataclass(frozen=True, slots=True)
class Retune:
    """New engine parameters from a reload; they move or wait, nothing jumps."""

    crossfade_s: float
    ceiling_dbtp: float
    target_lufs: float


@dataclass(frozen=True, slots=True)
class SetGuard:
    """How far something new may stand out: 8 dB, or 6 dB when strict. There is no order that switches the guard off."""

    is_strict: bool


@dataclass(frozen=True, slots=True)
class QuitEngine:
    """End the engine thread; the session has faded out before."""


EngineOrder: TypeAlias = PlayItem | QueueItem | LevelItem | RampTo | Retune | SetGuard | QuitEngine
