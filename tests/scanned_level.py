"""What becomes of a test tone's level when a scan has measured it."""

from __future__ import annotations

import math
from functools import cache

from player.analysis.track_measurement import Measurer
from player.core.limits import CEILING_DBTP
from player.core.settings.safety import TARGET_LUFS
from tests.audio_files import sine


@cache
def programme_gain_db(peak: float, hz: float = 440.0) -> float:
    """The gain that a tone on both sides is played with."""
    measurer = Measurer()
    measurer.add(sine(hz, 4.0, peak=peak))
    return measurer.finish().gain_db(TARGET_LUFS, CEILING_DBTP)


def level_db(peak: float, hz: float = 440.0) -> float:
    """Its mean square level in dBFS at full volume."""
    return 20.0 * math.log10(peak / math.sqrt(2.0)) + programme_gain_db(peak, hz)
