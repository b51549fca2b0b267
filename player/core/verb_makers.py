"""How the arguments of verbs become one command of several: `player.core.verbs` says which verb uses what. Pure."""

from __future__ import annotations

from datetime import time
from typing import Any, Final

from player.core import commands
from player.core.arguments import Amount, AtMost, PillowLevel
from player.core.commands_level import Calibrate, MoveBed, NoteReading, SetBed, SetBedGain, SetLevel
from player.core.errors import Refused
from player.core.settings.bed import Bed
from player.core.settings.session import TimerSetting

_ENTRY_KEYS: Final = ("days", "playlist", "volume")


def seek(position: Amount) -> commands.Seek:
    """`seek`: to a place, or by a distance."""
    return commands.Seek(position.value, position.is_relative)


def volume(volume: Amount | PillowLevel) -> commands.SetVolume | SetLevel:
    """`volume`: to a volume, to a level in dB(A), or by a step."""
    if isinstance(volume, PillowLevel):
        return SetLevel(volume.dba)
    return commands.SetVolume(int(volume.value), volume.is_relative)


def bed(bed: tuple[Bed, ...] | Amount) -> SetBed | SetBedGain | MoveBed:
    """`bed`: another one, a step, or a level."""
    if not isinstance(bed, Amount):
        return SetBed(bed)
    return MoveBed(bed.value) if bed.is_relative else SetBedGain(bed.value)


def timer(timer: TimerSetting | Amount | AtMost) -> commands.SetTimer | commands.ExtendTimer | commands.ShortenTimer:
    """`timer`: another one, a step, or an end that is not later."""
    if isinstance(timer, AtMost):
        return commands.ShortenTimer(timer.left_s)
    return commands.ExtendTimer(timer.value) if isinstance(timer, Amount) else commands.SetTimer(timer)


def calibrate(*, reading: float | None = None) -> Calibrate | NoteReading:
    """`calibrate`: the noise, or what a meter reads of it."""
    return Calibrate() if reading is None else NoteReading(reading)


def never_again(*, undo: bool = False, track: str | None = None) -> commands.NeverAgain | commands.AllowAgain:
    """`never_again`: a ban, or its end."""
    return commands.AllowAgain(track) if undo else commands.NeverAgain(track)


def tonight(*, off: bool = False, at: time | None = None, **more: Any) -> commands.Tonight | commands.NotTonight:
    """`tonight`: a start, or none. Raises Refused."""
    if off and at is None and not more:
        return commands.NotTonight()
    if at is None or off:
        raise Refused("tonight needs the time of the start (at), such as 23:15; or off alone, to cancel it")
    return commands.Tonight(at, **more)


def schedule(
    *, entry: str | None = None, reset: bool = False, **more: Any
) -> commands.SetSchedule | commands.SetStartTime | commands.ChangeEntry:
    """`schedule`: a switch, a time, or what an entry plays. Raises Refused."""
    named = [*more, *(["reset"] if reset else [])]
    if not named or (len(named) > 1 and not set(named) <= set(_ENTRY_KEYS)):
        raise Refused("schedule needs exactly one of enabled, at and reset, or any of days, playlist and volume")
    if "enabled" in more:
        return commands.SetSchedule(more["enabled"], entry)
    if entry is None:
        raise Refused(f"schedule: {named[0]} needs entry, the name of what is to start")
    if "at" in more:
        return commands.SetStartTime(entry, more["at"])
    back = {"at", *_ENTRY_KEYS} if reset else {key for key, value in more.items() if value is None}
    return commands.ChangeEntry(entry, **more, back=frozenset(back))
