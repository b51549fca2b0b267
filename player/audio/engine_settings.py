"""The parameters of the engine, and the lengths of its blocks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from player.audio.dsp.ears import STEREO, Ears
from player.audio.dsp.tap import Tap
from player.audio.dsp.types import MakePowerMeter
from player.core.settings.session import Settings

BLOCK_FRAMES: Final = 4_800
"""100 ms: the length of a block while something changes."""
LONGEST_S: Final = 0.4
"""Maximum length of a block while nothing changes, if the device's buffer is long enough."""
BUFFER_SHARE: Final = 1.0 / 3.0
"""A block takes at most this share of the buffer; the rest is the time for rendering the next one."""
ROUNDED_BLOCKS: Final = 0.1
"""Tolerance, in blocks: buffers are whole numbers of samples, periods or pages, so they may be slightly short."""


@dataclass(frozen=True, slots=True)
class EngineSettings:
    """Parameters of the engine.

    Attributes:
        hold_s: how long silence is played after a session before the device is closed.
        is_offline: a rehearsal: decoders are waited for, so that the output is the same each time.
        longest_s: maximum length of a block while nothing changes.
        tap: receives a `Rendered` for each block that went through the chain; None in the daemon.
        ears: what the two speakers get.
    """

    crossfade_s: float
    ceiling_dbtp: float
    target_lufs: float
    make_power_meter: MakePowerMeter
    hold_s: float = 30.0
    is_offline: bool = False
    longest_s: float = LONGEST_S
    tap: Tap | None = None
    ears: Ears = STEREO

    @classmethod
    def of(cls, settings: Settings, make_power_meter: MakePowerMeter, hold_s: float) -> EngineSettings:
        """The engine's parameters from the settings of a config."""
        limits = settings.limits
        return cls(settings.fades.crossfade_s, limits.ceiling_dbtp, limits.target_lufs, make_power_meter, hold_s)
