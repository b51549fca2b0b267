"""What the picture of a rehearsed night shows, put together from what was told and what was measured."""

from __future__ import annotations

from typing import Any, Final

from player.cli.rehearse import DEMO
from player.cli.rehearse.picture import Scene
from player.cli.rehearse.report import Examination
from player.core.units import SILENCE_DB, format_duration

ENDINGS: Final = ("session_ended", "timer_expired")


def scene_of(events: list[dict[str, Any]], examination: Examination, duration_s: float) -> Scene:
    """The scene of a night that is over."""
    columns = examination.examiner.series.columns()
    volume_db = float(columns.volume_db.max(initial=SILENCE_DB))
    tracks = examination.findings.tracks
    playlist = next((event.get("playlist") for event in events if event["type"] == "session_started"), None)
    name = "A rehearsed night" if playlist in {None, DEMO} else f"A night of {playlist}"
    number = f"{len(tracks)} track{'s' if len(tracks) != 1 else ''}"
    return Scene(
        title=f"{name}: {format_duration(duration_s)}, {number}",
        verdict=examination.verdict(),
        duration_s=duration_s,
        columns=columns,
        calm_lufs=examination.target_lufs + (volume_db if volume_db > SILENCE_DB else 0.0),
        tracks=[(track.began_s, track.title) for track in tracks],
        surprises=[(one["at"], one["reduction_db"]) for one in examination.named_surprises()],
        fade=_fade(events, duration_s),
    )


def _fade(events: list[dict[str, Any]], duration_s: float) -> tuple[float, float] | None:
    """The last fade-out of the timer, and when it was over."""
    begins = [event["at_s"] for event in events if event["type"] == "fading_out"]
    if not begins:
        return None
    ends = [event["at_s"] for event in events if event["type"] in ENDINGS and event["at_s"] > begins[-1]]
    return begins[-1], min([*ends, duration_s])
