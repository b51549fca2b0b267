"""The sections of the config that limit the sound or end it: night cap, guard, hardware mixer, session.

Runs on the main thread; pure.
"""

from __future__ import annotations

import re
from typing import Final

from player.config.binding import Keys, fill
from player.config.readers import OFF, ConfigValue, mixer_level, one_of, text, volume
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
"""Words that ask for a guard that is switched off, which does not exist."""


def night_cap(spot: ConfigValue) -> NightCap:
    """The cap of the night, or its maximum alone: ``night_cap: 32 dBA``."""
    if isinstance(spot.node, Leaf):
        return NightCap(volume(spot))
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


def mixer(spot: ConfigValue) -> MixerSettings:
    """The card's mixer; placeholders replace missing values."""
    return fill(spot, MIXER, MixerSettings("control", MixerLevel(1)))


def session(spot: ConfigValue) -> SessionSettings:
    """What holds for every session."""
    return fill(spot, SESSION, SessionSettings())


def taper(spot: ConfigValue) -> Taper:
    """The tapering; a placeholder replaces a missing rate."""
    return fill(spot, TAPER, Taper(1.0))


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


REST: Final = Keys.of(RestNights)
TAPER: Final = Keys.of(Taper, floor=volume)
SESSION: Final = Keys.of(SessionSettings, taper=taper)
NIGHT_CAP: Final = Keys.of(NightCap, max=volume)
GUARD: Final = Keys.of(GuardSettings, mode=_guard_mode)
MIXER: Final = Keys.of(MixerSettings, level=mixer_level)
