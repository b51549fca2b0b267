"""The sections of the config that hold the sound down or end it: night cap, guard, hardware mixer, session.

Runs on the main thread; pure.
"""

from __future__ import annotations

import re
from typing import Final

from player.config.binding import Key, Keys, fill
from player.config.readers import OFF, ConfigValue, duration_s, mixer_level, number, one_of, switch, text, whole, word
from player.config.yaml_tree import Leaf, shown
from player.core.settings.safety import (
    GuardMode,
    GuardSettings,
    MixerLevel,
    MixerSettings,
    NightCap,
    RestNights,
    SessionSettings,
    Taper,
)

GUARD_OFF: Final = OFF | {"none", "null", "disabled", "disable", "never", "0"}
"""Ways to ask for what there is not."""


def night_cap(spot: ConfigValue) -> NightCap | None:
    """The cap of the night, or None for ``night_cap: off``; a placeholder stands in for a maximum that is missing."""
    if isinstance(spot.node, Leaf) and text(spot).lower() in OFF:
        return None
    return fill(spot, NIGHT_CAP, NightCap(1))


def guard(spot: ConfigValue) -> GuardSettings:
    """The guard, or its mode alone: ``guard: strict``."""
    if isinstance(spot.node, Leaf):
        return GuardSettings(_guard_mode(spot))
    return fill(spot, GUARD, GuardSettings())


def _guard_mode(spot: ConfigValue) -> GuardMode:
    if text(spot).lower() in GUARD_OFF:
        raise ValueError(
            "the guard cannot be switched off, because it keeps sudden sounds from waking people; "
            "choose gentle or strict"
        )
    return one_of(GuardMode)(spot)


def mixer(spot: ConfigValue) -> MixerSettings | None:
    """The card's mixer, or None for ``mixer: off``; placeholders stand in for what is missing."""
    if isinstance(spot.node, Leaf) and text(spot).lower() in OFF:
        return None
    return fill(spot, MIXER, MixerSettings("control", MixerLevel(1)))


def session(spot: ConfigValue) -> SessionSettings:
    """What holds for every session."""
    return fill(spot, SESSION, SessionSettings())


def taper(spot: ConfigValue) -> Taper | None:
    """The tapering, or None for ``taper: off``; a placeholder stands in for a rate that is missing."""
    if isinstance(spot.node, Leaf) and text(spot).lower() in OFF:
        return None
    return fill(spot, TAPER, Taper(1.0))


def _asleep_timer(spot: ConfigValue) -> float | None:
    """What is left at most once ``asleep`` has come, or None for ``asleep_timer: off``."""
    if isinstance(spot.node, Leaf) and text(spot).lower() in OFF:
        return None
    return duration_s(spot)


def rest_nights(spot: ConfigValue) -> RestNights | None:
    """The rest nights: ``1 per week``, a table, or None for ``rest_nights: off``."""
    if not isinstance(spot.node, Leaf):
        return fill(spot, REST, RestNights(1))
    value = text(spot).lower()
    if value in OFF:
        return None
    found = re.fullmatch(r"([1-6])\s+per\s+week", value)
    if found is None:
        raise ValueError(f"{shown(value)} is not a number of nights a week; write off, or 1 per week to 6 per week")
    return RestNights(int(found[1]))


REST: Final = Keys((Key("per_week", "per_week", whole), Key("playlist", "playlist", word)), needs=("per_week",))
TAPER: Final = Keys((Key("by", "db_per_h", number, "dB per hour"), Key("floor", "floor", whole)), needs=("by",))
SESSION: Final = Keys(
    (
        Key("max", "max_s", duration_s),
        Key("pause_holds_timer", "pause_holds_timer", switch),
        Key("rearm_within", "rearm_s", duration_s),
        Key("resume_within", "resume_s", duration_s),
        Key("taper", "taper", taper),
        Key("asleep_timer", "asleep_timer_s", _asleep_timer),
    )
)
NIGHT_CAP: Final = Keys((Key("max", "max", whole), Key("after", "after_s", duration_s)), needs=("max",))
GUARD: Final = Keys((Key("mode", "mode", _guard_mode), Key("asleep_after", "asleep_after_s", duration_s)))
MIXER: Final = Keys(
    (Key("control", "control", word), Key("value", "level", mixer_level)),
    needs=("control", "value"),
)
