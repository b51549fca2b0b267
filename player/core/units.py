"""Decibels, frames, seconds and the volume law: the few conversions that everything shares.

Runs on any thread; pure functions on the standard library alone. Inside lull audio has one fixed format from the
decoder to the device (float32, 48 kHz, 2 channels), because a rate switch makes some DACs pop at full scale whatever
the volume is (raspberrypi/linux#2741).
"""

from __future__ import annotations

import math
import re
from datetime import time
from typing import Final

RATE_HZ: Final = 48_000
CHANNELS: Final = 2
SILENCE_DB: Final = -math.inf

VOLUME_MAX: Final = 100
VOLUME_SPAN_DB: Final = 50.0
VOLUME_STEP_DB: Final = 2.0

_DURATION = re.compile(
    r"(?:(?P<h>\d+(?:\.\d+)?)h(?:ours?|rs?)?)?"
    r"(?:(?P<m>\d+(?:\.\d+)?)m(?:in(?:ute)?s?)?)?"
    r"(?:(?P<s>\d+(?:\.\d+)?)s(?:ec(?:ond)?s?)?)?",
    re.IGNORECASE,
)
_TIME_OF_DAY = re.compile(r"([0-9]{1,2}):([0-9]{2})")
_HOUR_MINUTE = re.compile(r"(?P<h>\d+)h(?P<m>\d{1,2})", re.IGNORECASE)


def format_bytes(count: int) -> str:
    """A size with a sensible unit, in powers of 1000 as disks are sold: ``54 GB``, ``3.2 MB``, ``812 bytes``."""
    size = float(count)
    for unit in ("bytes", "kB", "MB", "GB"):
        if size < 999.5:
            return f"{size:.1f} {unit}" if size < 9.95 and unit != "bytes" else f"{size:.0f} {unit}"
        size /= 1000
    return f"{size:.1f} TB"


def db_to_gain(level_db: float) -> float:
    """Amplitude factor of a level in dB; -inf dB is exactly 0."""
    return math.pow(10.0, level_db / 20.0)


def gain_to_db(gain: float) -> float:
    """Level in dB of an amplitude factor >= 0; 0 is -inf dB."""
    return 20.0 * math.log10(gain) if gain > 0.0 else SILENCE_DB


def to_frames(duration_s: float) -> int:
    """Seconds as whole frames at 48 kHz, rounded to the nearest."""
    return round(duration_s * RATE_HZ)


def to_seconds(frames: int) -> float:
    """Frames at 48 kHz as seconds."""
    return frames / RATE_HZ


def volume_to_db(volume: float) -> float:
    """Level in dB of a volume 0-100: 0 is silence, 1 is -50 dB, 100 is 0 dB, linear in dB between.

    Only a dB-linear law gives a fade a bounded rise rate; the cubic law of VLC, mpv and PulseAudio jumps 18 dB from 1
    to 2 per cent.
    """
    if volume <= 0:
        return SILENCE_DB
    return (min(volume, VOLUME_MAX) - VOLUME_MAX) * VOLUME_SPAN_DB / (VOLUME_MAX - 1)


def volume_step() -> int:
    """One press of a volume button, 2 dB, in volume points."""
    return round(VOLUME_STEP_DB * (VOLUME_MAX - 1) / VOLUME_SPAN_DB)


def parse_time_of_day(text: str) -> time:
    """A time of day in 24 hours: ``9:05``, ``23:15``. Raises ValueError for anything else."""
    parts = _TIME_OF_DAY.fullmatch(text)
    if parts is None:
        raise ValueError(f"{text!r} is not a time of day")
    return time(int(parts[1]), int(parts[2]))


def parse_duration_s(text: str) -> float:
    """Seconds of a written duration: ``30s``, ``45m``, ``1h``, ``1h30``, ``1h 30m``, ``90 min``, ``0:45:00``.

    Raises:
        ValueError: the text is not a duration, or has no unit (a bare number means something else in each place), or
            is like ``6:30``, which may be hours and minutes, minutes and seconds, or a time of day.
    """
    compact = re.sub(r"\s+", "", text)
    if two := re.fullmatch(r"(\d+):(\d\d)", compact):
        first, second = (int(part) for part in two.groups())
        raise ValueError(f"{text!r} is ambiguous; write {first}h{second:02d}m or {first}m{second:02d}s")
    if clock := re.fullmatch(r"(\d+):([0-5]?\d):([0-5]?\d)", compact):
        hours, minutes, seconds = (int(part) for part in clock.groups())
        return float(hours * 3600 + minutes * 60 + seconds)
    if short := _HOUR_MINUTE.fullmatch(compact):
        return int(short["h"]) * 3600.0 + int(short["m"]) * 60.0
    match = _DURATION.fullmatch(compact)
    if not compact or match is None:
        raise ValueError(f"{text!r} is not a duration; write 30s, 45m, 1h or 1h30")
    parts = {unit: float(value) for unit, value in match.groupdict().items() if value}
    return parts.get("h", 0.0) * 3600 + parts.get("m", 0.0) * 60 + parts.get("s", 0.0)


def format_place(position_s: float) -> str:
    """A place in a track as players show it: ``12:31``, ``1:02:03``."""
    minutes, seconds = divmod(int(max(0.0, position_s)), 60)
    hours, rest = divmod(minutes, 60)
    return f"{hours}:{rest:02d}:{seconds:02d}" if hours else f"{minutes}:{seconds:02d}"


def format_duration(duration_s: float) -> str:
    """A duration as people write it: ``45m``, ``1h30m``, ``10s``, ``1m30s``; tenths below ten seconds."""
    if 0 < duration_s < 10 and duration_s != int(duration_s):
        return f"{duration_s:.1f}s"
    total = max(0, round(duration_s))
    hours, rest = divmod(total, 3600)
    minutes, seconds = divmod(rest, 60)
    parts = [(hours, "h"), (minutes, "m"), (seconds, "s")]
    return "".join(f"{value}{unit}" for value, unit in parts if value) or "0s"


def counted(count: int, word: str) -> str:
    """``1 track``, ``3 tracks``."""
    return f"{count} {word}{'' if count == 1 else 's'}"
