"""How loud a night is at the pillow, and whether that is too loud, for `lull check` and `lull doctor`. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from player.core.pillow import NIGHT_MAX_DBA, Calibration, level_of
from player.core.settings.session import Settings


def level_row(settings: Settings, calibration: Calibration | None) -> str | None:
    """What the volumes are in dB(A); None where nobody has measured it."""
    if calibration is None:
        return None
    if calibration.output != settings.output:
        return f"calibrated on {calibration.at:%Y-%m-%d} for another output: {calibration.output}"
    default, most = (_level(volume, settings, calibration) for volume in (settings.volume.default, settings.volume.max))
    when = f"calibrated on {calibration.at:%Y-%m-%d}"
    return f"volume {settings.volume.default} is about {default:.0f} dB(A), {settings.volume.max} {most:.0f}; {when}"


def level_notes(settings: Settings, calibration: Calibration | None) -> Iterator[str]:
    """What is too loud for a night, and levels that are guesses."""
    if settings.level_fault is not None:
        yield settings.level_fault
    if calibration is None or calibration.output != settings.output:
        return
    for what, volume in _nights(settings):
        level_dba = _level(volume, settings, calibration)
        if level_dba > NIGHT_MAX_DBA:
            yield (
                f"{what}: volume {volume} is about {level_dba:.0f} dB(A) at the pillow; for a night the WHO advises "
                f"30 dB(A) on average and at most {NIGHT_MAX_DBA:.0f}"
            )


def _nights(settings: Settings) -> Iterator[tuple[str, int]]:
    """What plays while people are asleep, and at what volume."""
    cap = settings.volume.night_cap
    most = settings.volume.max if cap is None else cap.max
    if cap is not None and cap.max > settings.volume.default:
        yield "volume.night_cap", cap.max
    yield "volume.default", min(settings.volume.default, most)
    for entry in settings.schedule:
        if entry.volume is not None and not entry.is_morning:
            yield f"schedule {entry.name}", min(entry.volume, most)
        for phase in entry.then or ():
            if phase.volume is not None:
                yield f"schedule {entry.name}, a phase", min(phase.volume, most)


def _level(volume: int, settings: Settings, calibration: Calibration) -> float:
    return level_of(volume, calibration.offset_db, settings.limits.target_lufs)
