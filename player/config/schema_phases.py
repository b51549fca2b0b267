"""The phases of a night in the config: ``then`` of a playlist or a schedule entry. Runs on the main thread; pure."""

from __future__ import annotations

from typing import Final

from player.config.binding import Key, Keys, put, read
from player.config.readers import ConfigValue, ValueReported, clock_time, duration_s, timer, volume
from player.config.schema_bed import beds
from player.config.schema_safety import taper
from player.config.yaml_tree import Listing
from player.core.settings.session import Phase, TimerSetting
from player.core.values import PHASE_ENDS

PHASE: Final = Keys(
    (
        *Keys.of(Phase, volume=volume, timer=timer, taper=taper, bed=beds).keys,
        Key("for", "timer", lambda spot: TimerSetting.clock(duration_s(spot))),
        Key("until", "timer", lambda spot: TimerSetting.at(clock_time(spot))),
    )
)


def phases(spot: ConfigValue) -> tuple[Phase, ...]:
    """A list of phases."""
    if not isinstance(spot.node, Listing):
        raise ValueError('must be a list, one phase after each dash, such as - {playlist: rain, until: "06:30"}')
    return tuple(_phase(item) for item in spot.items())


def _phase(item: ConfigValue) -> Phase:
    """A phase; where it is no table another one stands in for it while the rest is looked at."""
    try:
        found = read(item, PHASE)
    except ValueReported:
        return Phase()
    ends = [word for word in PHASE_ENDS if word in found]
    if len(ends) > 1:
        item.blame(f"has {' and '.join(ends)}; use one of them")
    return put(item, PHASE, Phase(has_no_taper=found.get("taper", "") is None), found)
