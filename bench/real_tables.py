"""Rows of bench/real.py as tables."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

import numpy as np

from player.audio.dsp.rises import RISE_DB

Rows = Sequence[dict[str, Any]]
Found = dict[str, dict[str, list[dict[str, Any]]]]

LOWERED_PERCENT: Final = 1.0
HIGH_RISE_DB: Final = 15.0
TARGET_LUFS: Final = -23.0


def calm_table(found: Found, *, is_named: bool) -> str:
    """What calm pays; each recording of lull's, then each player in a line."""
    head = ("lowered %", "most dB", "dLRA", "dI", "spread", "startles", "rises", "in bands", "told", "mutes", "broken")
    lines = [f"{'calm, played alone':26}" + "".join(f"{name:>10}" for name in head)]
    rows = sorted(found["lull"]["calm"], key=lambda row: -row["lowered_percent"])
    for row in rows if is_named else [row for row in rows if row["lowered_percent"] > LOWERED_PERCENT]:
        lines.append(_calm_line(row))
    sums = ("> 1 %", "> 5 %", "mean %", "worst %", "|dLRA|", "|dI|", "startles", "rises", "in bands", "told", "mutes",
            "accused", "phrase")  # fmt: skip
    lines.append(f"\n{'all':26}" + "".join(f"{name:>10}" for name in sums))
    lines += [_calm_sum(player, tables["calm"], tables.get("phrases", [])) for player, tables in found.items()]
    for row in found["lull"].get("phrases", []):
        lowered = " ".join(f"{db:.1f}" for db in row["lowered_db"])
        lines.append(f"same phrase, {row['name']:18} lowered by {lowered} dB: spread {row['spread_db']:.1f}")
    return "\n".join(lines)


def _calm_line(row: dict[str, Any]) -> str:
    numbers = (row["lowered_percent"], row["most_db"], row["range_change_lu"], row["loudness_change_lu"],
               row["spread_change_db"])  # fmt: skip
    counts = (row["startles"], row["rises"], row["band_rises"], row["surprises"], row["mutes"])
    return (
        f"{row['name']:26}"
        + "".join(f"{value:10.2f}" for value in numbers)
        + "".join(f"{n:10}" for n in counts)
        + "  "
        + ",".join(row.get("broken", ()))
    )


def _calm_sum(player: str, rows: Rows, phrases: Rows) -> str:
    lowered = np.array([row["lowered_percent"] for row in rows])
    counts = [int((lowered > 1.0).sum()), int((lowered > 5.0).sum())]
    means = [float(lowered.mean()), float(lowered.max()), _mean_abs(rows, "range_change_lu"),
             _mean_abs(rows, "loudness_change_lu")]  # fmt: skip
    sums = [sum(row[key] for row in rows) for key in ("startles", "rises", "band_rises", "surprises", "mutes")]
    sums.append(sum(bool(row.get("broken")) for row in rows))
    spread = f"{max(row['spread_db'] for row in phrases):10.1f}" if phrases else ""
    return (
        f"{player:26}" + "".join(f"{n:10}" for n in counts) + "".join(f"{value:10.2f}" for value in means)
        + "".join(f"{n:10}" for n in sums) + spread
    )  # fmt: skip


def _mean_abs(rows: Rows, key: str) -> float:
    return float(np.mean([abs(row[key]) for row in rows]))


def hazard_table(found: Found) -> str:
    """What hazards do: each kind of lull's, then each player, and lull by level and way."""
    head = ("count", "startles", "mutes", "C1b >10", "> 15", "C1d >10", "> 15", "own >10", "> 15", "M over", "own M",
            "S over", "climb", "rep. over", "clicks")  # fmt: skip
    lines = [f"{'hazards in calm':26}" + "".join(f"{name:>10}" for name in head)]
    own = found["lull"]["hazards"]
    for key in ("kind", "way", "level_db", "format"):
        values = sorted({row[key] for row in own})
        for value in values:
            lines.append(_hazard_line(f"{value:+.0f} dB" if key == "level_db" else value,
                                      [row for row in own if row[key] == value]))  # fmt: skip
        lines.append("")
    lines += [_hazard_line(player, tables["hazards"]) for player, tables in found.items()]
    return "\n".join(lines)


def _hazard_line(name: str, rows: Rows) -> str:
    climbs = [row["climb_db"] for row in rows if row["climb_db"] is not None]
    repeated = [row["momentary_lu"] for row in rows if row["climb_db"] is not None]
    counts = [len(rows), sum(row["startles"] for row in rows), sum(row["mutes"] for row in rows)]
    counts += [_over(rows, key, limit) for key in ("rise_db", "band_rise_db") for limit in (RISE_DB, HIGH_RISE_DB)]
    worst = [{"own": max(row["own_rise_db"], row["own_band_rise_db"])} for row in rows]
    counts += [_over(worst, "own", limit) for limit in (RISE_DB, HIGH_RISE_DB)]
    levels = [max(row[key] for row in rows) for key in ("momentary_lu", "own_momentary_lu", "short_lu")]
    texts = [f"{value:+10.1f}" for value in levels] + [_most(climbs), _most(repeated)]
    clicks = sum(row["clicks"] for row in rows)
    return f"{name:26}" + "".join(f"{count:10}" for count in counts) + "".join(texts) + f"{clicks:10}"


def _most(values: Iterable[float]) -> str:
    values = list(values)
    return f"{max(values):+10.1f}" if values else f"{'-':>10}"


def _over(rows: Rows, key: str, limit: float) -> int:
    return sum(row[key] > limit for row in rows)


def named_table(rows: Rows) -> str:
    """Each hazard of lull's, the highest first."""
    lines = [f"{'hazard':16}{'calm':20}{'level':>6} {'way':12}{'file':6}{'startles':>9}{'mutes':>6}{'C1b':>7}{'C1d':>7}"
             f"{'own':>7}{'M over':>8}{'S over':>8}{'climb':>7}{'clicks':>7}"]  # fmt: skip
    for row in sorted(rows, key=lambda row: -max(row["rise_db"], row["band_rise_db"])):
        climb = "-" if row["climb_db"] is None else f"{row['climb_db']:+.1f}"
        lines.append(
            f"{row['hazard']:16}{row['calm']:20}{row['level_db']:+6.0f} {row['way']:12}{row['format']:6}"
            f"{row['startles']:9}{row['mutes']:6}{row['rise_db']:7.1f}{row['band_rise_db']:7.1f}"
            f"{max(0.0, row['own_rise_db'], row['own_band_rise_db']):7.1f}"
            f"{row['momentary_lu']:+8.1f}{row['short_lu']:+8.1f}{climb:>7}{row['clicks']:7}"
        )
    return "\n".join(lines)


def short_table(rows: Rows) -> str:
    """C11: each length of file."""
    lines = [f"{'short files of one sound':26}{'short s':>10}{'median M':>10}{'dip dB':>10}{'pulse dB':>10}"]
    lines += [
        f"{row['name']:26}{row['short_s']:10.1f}{row['usual_lufs']:10.1f}{row['dip_db']:10.1f}{row['pulse_db']:10.1f}"
        for row in rows
    ]
    return "\n".join(lines)


def level_table(found: Found) -> str:
    """C12: how far apart the medians of S are, by K and by A."""
    own = found["lull"]["calm"]
    lines = [
        f"{'levels: medians of S':26}{'median':>10}{'P10':>10}{'P90':>10}{'P90-P10':>10}{'by A':>10}{'lowest':>10}"
    ]
    lines.append(_level_line("as published", own, [row["raw_lufs"] for row in own]))
    plain = [row["raw_lufs"] - row["loudness_lufs"] + TARGET_LUFS for row in own]
    lines.append(_level_line("R128 alone", own, plain))
    lines += [
        _level_line(player, tables["calm"], [row["heard_lufs"] for row in tables["calm"]])
        for player, tables in found.items()
    ]
    return "\n".join(lines)


def _level_line(name: str, rows: Rows, levels: Sequence[float]) -> str:
    low, middle, high = np.percentile(levels, (10, 50, 90))
    by_a = np.array(levels) + [row["a_less_k_db"] for row in rows]
    low_a, high_a = np.percentile(by_a, (10, 90))
    lowest = rows[int(np.argmin(levels))]["name"]
    return f"{name:26}{middle:10.1f}{low:10.1f}{high:10.1f}{high - low:10.1f}{high_a - low_a:10.1f}  {lowest}"
