"""Many different hazards in one calm recording: what the leveller's plan leaves of them.

`python bench/mixed.py FOLDER [--scenes N] [--every 9,25] [--seed S]` from the repository. FOLDER has ``calm`` and
``hazard`` recordings, see bench/README.md. Scenes are made of powers, so hundreds of hazards are judged in a minute;
guard and limiter, which come after the plan, are not in it.
"""

from __future__ import annotations

import argparse
import random
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # so that it runs as a file, without -m

from bench.real_figures import octaves_of
from bench.real_material import LEVELS_DB, RealSet, decode
from player.audio.dsp.leveller import levelled_powers, plan
from player.audio.dsp.loudness_windows import MOMENTARY, TINY, Levels, calm_level, decibels, trailing
from player.audio.dsp.octaves import BAND_S, BandPowers
from player.audio.dsp.rises import NO_RISE_DB, RiseMeter, fast_levels

TWICE: Final = 0.3
"""Share of the hazards that come again after one to four seconds."""
FIRST_S: Final = (12.0, 22.0)
LAPS: Final = 2
"""A calm recording is played so often in a scene."""
FAMILIAR, RECENT = round(30.0 / BAND_S), round(0.5 / BAND_S)
"""Hops before a hazard: the familiar level was heard from the first to the second."""


@dataclass(frozen=True, slots=True)
class Scene:
    """A calm recording with hazards: powers without and with them, shape (hops, 10), and the hops of each hazard."""

    bed: BandPowers
    powers: BandPowers
    zones: tuple[slice, ...]


@dataclass(frozen=True, slots=True)
class Row:
    """What is left of a hazard, dB: its rises where the bed is softer and does not rise as far by itself."""

    rise_db: float
    band_rise_db: float
    momentary_lu: float
    over_familiar_db: float


def scenes(real: RealSet, count: int, every_s: tuple[float, float], seed: int) -> Iterator[Scene]:
    """So many scenes; a hazard begins from ``every_s[0]`` to ``every_s[1]`` seconds after the end of the one before."""
    rng = random.Random(seed)
    hazards = [octaves_of(decode(path)) for path in real.hazards().values()]
    beds = list(real.calm().values())
    for _ in range(count):
        bed = np.tile(octaves_of(decode(rng.choice(beds))), (LAPS, 1))
        mixed, zones, at = bed.copy(), list[slice](), round(rng.uniform(*FIRST_S) / BAND_S)
        while True:
            hazard = rng.choice(hazards) * 10.0 ** (rng.choice(LEVELS_DB) / 10.0)
            for _ in range(2 if rng.random() < TWICE else 1):
                zone = slice(at, at + len(hazard))
                if zone.stop <= len(mixed):
                    mixed[zone] += hazard
                    zones.append(zone)
                at = zone.stop + round(rng.uniform(1.0, 4.0) / BAND_S)
            at += round(rng.uniform(*every_s) / BAND_S)
            if at >= len(mixed):
                break
        yield Scene(bed, np.maximum(mixed, TINY), tuple(zones))


def judged(scene: Scene) -> list[Row]:
    """What the plan leaves of each hazard."""
    left = np.maximum(levelled_powers(scene.powers, plan(scene.powers)), TINY)
    is_hazard = np.zeros(len(left), np.bool_)
    for zone in scene.zones:
        is_hazard[zone.start : zone.stop + round(1.0 / BAND_S)] = True
    calm = calm_level(left[:, 0], is_hazard)
    rises, by_itself = (RiseMeter(calm).push(one) for one in (left, np.maximum(scene.bed, TINY)))
    own = np.where((scene.bed * 2.0 < left) & (rises > by_itself.max(axis=0)), rises, NO_RISE_DB)
    momentary = decibels(trailing(left[:, 0], MOMENTARY))
    fast: Levels = decibels(fast_levels(left[:, :1], np.zeros(1))[:, 0])
    rows = []
    for zone in scene.zones:
        late = slice(max(0, zone.start - 5), zone.stop + round(0.3 / BAND_S))
        heard = fast[max(0, zone.start - FAMILIAR) : zone.start - RECENT]
        rows.append(
            Row(
                float(own[late, 0].max()),
                float(own[late, 1:].max()),
                float(momentary[late].max() - calm),
                float(fast[zone].max() - heard.max()),
            )
        )
    return rows


def main() -> None:
    """Print what is left of all hazards."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, metavar="FOLDER")
    parser.add_argument("--scenes", type=int, default=60)
    parser.add_argument("--every", default="9,25", metavar="LEAST,MOST", help="seconds between two hazards (9,25)")
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    try:
        least_s, most_s = map(float, args.every.split(","))
    except ValueError:
        parser.error(f"--every takes two numbers of seconds, such as 9,25, not {args.every!r}")
    if args.scenes < 1 or not 0.0 <= least_s <= most_s:
        parser.error("--scenes is at least 1, and the first number of --every at most the second")
    if not (args.folder / "calm").is_dir() or not (args.folder / "hazard").is_dir():
        parser.error(f"{args.folder} has no folders `calm` and `hazard`; nothing was measured")
    rows = [
        row
        for scene in scenes(RealSet(args.folder), args.scenes, (least_s, most_s), args.seed)
        for row in judged(scene)
    ]
    loudest = [row.momentary_lu for row in rows]
    print(f"{len(rows)} hazards in {args.scenes} scenes, one each {args.every} s; over 10 and over 15 dB:")
    for name, rises in (
        ("rise", [row.rise_db for row in rows]),
        ("in an octave or an ear", [row.band_rise_db for row in rows]),
        ("and 3 over the familiar", [row.rise_db for row in rows if row.over_familiar_db > 3.0]),
    ):
        print(f"  {name:24}{sum(value > 10.0 for value in rises):5}{sum(value > 15.0 for value in rises):5}")
    print(f"  {'M over calm + 8 LU':24}{sum(value > 8.0 for value in loudest):5}, the largest {max(loudest):.1f} LU")


if __name__ == "__main__":
    main()
