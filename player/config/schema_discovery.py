"""The part of the config about discovery: ``mqtt: discovery:``. Runs on the main thread; pure."""

from __future__ import annotations

from typing import Final

from player.config.binding import Keys, fill
from player.config.readers import OFF, ON, ConfigValue, one_of, text
from player.config.yaml_tree import Leaf
from player.core.settings.mqtt import DiscoveryMode, DiscoverySettings


def discovery(spot: ConfigValue) -> DiscoverySettings:
    """The settings of discovery, or its mode alone: ``discovery: off``, ``discovery: components``."""
    if isinstance(spot.node, Leaf):
        return DiscoverySettings(_mode(spot))
    return fill(spot, DISCOVERY, DiscoverySettings())


def _mode(spot: ConfigValue) -> DiscoveryMode:
    """A mode by its name; yes and no mean the default and off."""
    value = text(spot).lower()
    if value in ON | OFF:
        return DiscoveryMode.HOME_ASSISTANT if value in ON else DiscoveryMode.OFF
    return one_of(DiscoveryMode)(spot)


DISCOVERY: Final = Keys.of(DiscoverySettings, mode=_mode)
