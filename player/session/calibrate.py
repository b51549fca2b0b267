"""The commands that calibrate: noise at the highest volume, and what a meter at the pillow reads. Main thread, pure.

The reading is compared with the level at the output meter at the same time, so it does not matter at what volume
the noise was played.
"""

from __future__ import annotations

import math
from dataclasses import fields, is_dataclass, replace
from typing import Any, Final

from player.core.clock import Now
from player.core.errors import Refused
from player.core.pillow import AskedLevel, Calibration, for_output, volume_for
from player.core.settings.session import Settings, TimerSetting
from player.core.states import State
from player.core.units import format_duration
from player.session.library_findings import CALIBRATION
from player.session.memory.memory import Memory
from player.session.next_session import StartParams
from player.session.outcome import Outcome
from player.session.playback import Playback

LASTS_S: Final = 300.0
FADE_S: Final = 10.0
STEADY_S: Final = 12.0
"""Seconds over which the output meter averages."""


def play_noise(playback: Playback, now: Now, out: Outcome) -> str:
    """Play noise at the highest volume, from silence and for some minutes. Returns what a person has to do."""
    if playback.session is not None and playback.session.queue.playlist is not CALIBRATION:
        raise Refused("calibrate: a session is running; stop it first")
    if playback.session is None:
        timer, volume = TimerSetting.clock(LASTS_S), playback.settings.volume.max
        start = StartParams("calibrate", volume, timer, FADE_S, FADE_S)
        playback.begin(start, CALIBRATION, now, out)
    return (
        f"noise at volume {playback.volume} for {format_duration(LASTS_S)}: hold a meter for dB(A), set to slow, at "
        "the pillow, and after half a minute say what it reads, as in: lull calibrate 41.5; stop ends it"
    )


def take_reading(reading_dba: float, memory: Memory, playback: Playback, now: Now, out: Outcome) -> str:
    """Note what the meter reads while the noise plays, and end the noise."""
    session = playback.session
    if session is None or session.queue.playlist is not CALIBRATION:
        raise Refused("calibrate: no calibration noise is playing; `calibrate` without a value plays it")
    steady_s = now.boot_s - session.ramp.arrives_s
    heard_db = session.level_a_db
    if session.state is not State.PLAYING or steady_s < STEADY_S or heard_db is None or not math.isfinite(heard_db):
        raise Refused("calibrate: the noise has not been at its level for long enough; read the meter again in 30 s")
    settings = playback.settings
    memory.calibration = Calibration(reading_dba - heard_db, settings.output, now.wall)
    session.stop(settings.fades.stop_s, "stop", out)
    volume, target_lufs = settings.volume, settings.limits.target_lufs
    told = [memory.calibration.told(one, target_lufs) for one in (volume.default, volume.max)]
    text = f"calibrated: {told[0]}, the highest {told[1]}"
    out.announce("calibrated", text, dba=reading_dba, offset_db=round(memory.calibration.offset_db, 1))
    return text


def offset_db(memory: Memory, settings: Settings) -> float | None:
    """The calibration of the present output; None where there is none."""
    known = for_output(memory.calibration, settings.output)
    return None if known is None else known.offset_db


def volume_at(level_dba: float, memory: Memory, settings: Settings) -> int | None:
    """The volume that has a level at the pillow; None without a calibration."""
    known_db = offset_db(memory, settings)
    return None if known_db is None else volume_for(level_dba, known_db, settings.limits.target_lufs)


def in_volumes(value: Any, memory: Memory, settings: Settings) -> Any:
    """A command, or a part of one, with the volume in place of each level that was asked for.

    Raises:
        Refused: there is no calibration.
    """
    if isinstance(value, AskedLevel):
        known = volume_at(value.dba, memory, settings)
        if known is None:
            raise Refused(
                f"{value.dba:g} dBA: it is not known how loud a volume is at the pillow; `calibrate` measures it"
            )
        return known
    if isinstance(value, tuple):
        made = tuple(in_volumes(one, memory, settings) for one in value)
        return made if any(one is not before for one, before in zip(made, value, strict=True)) else value
    if not is_dataclass(value) or isinstance(value, type):
        return value
    found = {one.name: getattr(value, one.name) for one in fields(value) if one.init}
    changed = {name: made for name, one in found.items() if (made := in_volumes(one, memory, settings)) is not one}
    return replace(value, **changed) if changed else value


def problem(memory: Memory, settings: Settings) -> str | None:
    """The problem of a missing calibration, where levels in dB(A) are wanted."""
    if offset_db(memory, settings) is not None:
        return None
    if memory.calibration is not None:
        return "the output has changed since it was calibrated: levels in dB(A) are not known; `lull calibrate`"
    return settings.level_fault
