"""The output of a scan: a table for people, an object for programs. Pure functions."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from player.analysis.lowered import Lowered, lowered_stretches
from player.cli.client.format import printable
from player.core.measurement import Measured, MeasureResult, programme_gain_db
from player.core.settings.safety import LimitSettings
from player.core.units import counted, format_duration

if TYPE_CHECKING:
    from player.cli.measure_first import MeasureRun
    from player.core.events import Track
    from player.library.scanner import Scanned

HEAD = "  loud   LRA   peak   length   gain"
_BLANK = " " * len(HEAD)


@dataclass(frozen=True, slots=True)
class TrackRow:
    """One track: what was found, and the gain in dB that it will get; None for one that cannot be played."""

    uri: str
    title: str
    finding: MeasureResult
    gain_db: float | None
    is_new: bool


def rows(
    tracks: Iterable[tuple[Track, float]], results: Mapping[str, Scanned], limits: LimitSettings
) -> tuple[TrackRow, ...]:
    """A row for each track that has a result."""
    found = []
    for track, playlist_gain_db in tracks:
        scanned = results.get(track.uri)
        if scanned is None:
            continue
        measured = scanned.finding.measured
        gain_db = None
        if measured is not None:
            gain_db = programme_gain_db(measured, limits.target_lufs, limits.ceiling_dbtp, playlist_gain_db)
        found.append(TrackRow(track.uri, track.title, scanned.finding, gain_db, scanned.is_new))
    return tuple(found)


def lines(found: tuple[TrackRow, ...], streams: int, measuring: MeasureRun) -> Iterator[str]:
    """The table, folder by folder, and a summary."""
    folder = None
    if found:
        yield HEAD
    for row in found:
        path = Path(row.uri)
        if path.parent != folder:
            folder = path.parent
            yield printable(f"{folder}/")
        measured = row.finding.measured
        figures = _BLANK if measured is None else _figures(measured, row.gain_db or 0.0)
        yield printable(f"{figures}  {path.name}: {verdict(row.finding)}")
    if streams:
        yield f"{counted(streams, 'stream')} skipped: their content is not known in advance"
    yield summary(found, measuring)


def _figures(measured: Measured, gain_db: float) -> str:
    return (
        f"{_level(measured.programme_lufs):>6} {measured.range_lu:5.1f} {_level(measured.true_peak_dbtp):>6} "
        f"{_clock(measured.duration_s):>8} {gain_db:+6.1f}"
    )


def _level(level: float) -> str:
    return f"{level:.1f}" if math.isfinite(level) else "-"


def verdict(finding: MeasureResult) -> str:
    """The verdict on a track, in a few words."""
    measured = finding.measured
    if measured is None:
        return f"unplayable: {finding.fault}"
    calm = "calm" if math.isfinite(measured.programme_lufs) else "silent"
    parts = [what_is_lowered(measured) or calm]
    if measured.faults:
        parts.append(f"damaged in {counted(measured.faults, 'place')}: silenced")
    if finding.fault:
        parts.append(finding.fault)
    return "; ".join(parts)


def what_is_lowered(measured: Measured) -> str | None:
    """The places that will be lowered; for a track without a plan, those that the guard will lower; None for none."""
    found = _lowered(measured)
    if found:
        worst = max(found, key=lambda one: one.lowered_db)
        what = f"{_clock(worst.at_s)} for {max(0.1, worst.duration_s):.1f} s by {worst.lowered_db:.0f} dB{worst.where}"
        return f"lowered at {what}" if len(found) == 1 else f"lowered {len(found)} times, most at {what}"
    if measured.is_planned or not measured.surprises:
        return None
    worst_one = max(measured.surprises, key=lambda surprise: surprise.ld_db)
    where = f"at {_clock(worst_one.at_s)} {worst_one.ld_db:+.0f} dB: lowered"
    count = len(measured.surprises)
    return f"1 surprise {where}" if count == 1 else f"{count} surprises, worst {where}"


def _lowered(measured: Measured) -> tuple[Lowered, ...]:
    return lowered_stretches(measured.plan, measured.lowered_in) if measured.is_planned else ()


def summary(found: tuple[TrackRow, ...], measuring: MeasureRun) -> str:
    """One line about all of them."""
    measured = [row.finding.measured for row in found if row.finding.measured is not None]
    surprising = sum(1 for one in measured if _lowered(one) or (one.surprises and not one.is_planned))
    parts = [f"{len(measured) - surprising} without surprises"]
    if surprising:
        parts.append(f"{surprising} with surprises, which will be lowered")
    if len(found) > len(measured):
        parts.append(f"{len(found) - len(measured)} unplayable")
    length = format_duration(round(sum(one.duration_s for one in measured)))
    text = f"{counted(len(found), 'track')}, {length} of sound: {', '.join(parts)}"
    decoded_s = measuring.tally.measured_s
    if decoded_s and measuring.took_s:
        new = sum(row.is_new for row in found)
        speed = decoded_s / measuring.took_s
        text += f"; {new} measured now in {format_duration(max(1, round(measuring.took_s)))} ({speed:.0f} x real time)"
    return text


def as_json(
    found: tuple[TrackRow, ...], streams: int, measuring: MeasureRun, *, is_interrupted: bool
) -> dict[str, Any]:
    """The same for programs; non-finite numbers become null."""
    return {
        "tracks": [_track(row) for row in found],
        "streams_left_out": streams,
        "measured_now": sum(row.is_new for row in found),
        "took_s": round(measuring.took_s, 3),
        "interrupted": is_interrupted,
    }


def _track(row: TrackRow) -> dict[str, Any]:
    fields: dict[str, Any] = {"path": row.uri, "title": row.title, "verdict": verdict(row.finding)}
    fields |= {"fault": row.finding.fault, "gain_db": _rounded(row.gain_db), "is_new": row.is_new}
    if row.finding.measured is not None:
        measured = row.finding.measured
        hidden = {"plan", "lowered_in", "surprises"} if measured.is_planned else {"plan", "lowered_in"}
        fields |= {key: _rounded(value) for key, value in asdict(measured).items() if key not in hidden}
        fields["lowered"] = [_rounded(asdict(one)) for one in _lowered(measured)]
    return fields


def _rounded(value: Any) -> Any:
    match value:
        case float():
            return round(value, 3) if math.isfinite(value) else None
        case dict():
            return {key: _rounded(inner) for key, inner in value.items()}
        case tuple() | list():
            return [_rounded(inner) for inner in value]
        case _:
            return value


def _clock(duration_s: float) -> str:
    minutes, seconds = divmod(int(duration_s), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{seconds:02d}" if hours else f"{minutes}:{seconds:02d}"
