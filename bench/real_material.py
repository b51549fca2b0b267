"""Nights and phrases made of real recordings, the same for every run: for bench/real.py. Needs ffmpeg.

A *hazardous track* is 45 or 62 s of a calm recording with a hazard in it, both at the level at which they were
published or the hazard 10 or 20 dB above that; what would be over full scale is clipped, as a recorder does it. It is
written in one of six formats. A *phrase track* is one phrase of a whispered reading again and again, with pauses of 0.6
to 3 s.
"""

from __future__ import annotations

import json
import random
import re
import subprocess
from dataclasses import asdict, dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Final

import numpy as np

from player.analysis.ebur128 import HopMeter
from player.audio.dsp.hearing import HOP_FRAMES, HOP_S
from player.audio.dsp.types import Block
from player.core.units import RATE_HZ, to_frames

FORMATS: Final = {
    "wav": ("-c:a", "pcm_s16le"), "flac": (), "mp3": ("-b:a", "192k"), "ogg": ("-c:a", "libvorbis", "-q:a", "5"),
    "opus": ("-c:a", "libopus", "-b:a", "128k"), "m4a": ("-b:a", "160k"),
}  # fmt: skip
LEVELS_DB: Final = (0.0, 10.0, 20.0)
WAYS: Final = ("alone", "twice", "five times", "one ear", "between")
ROUNDS: Final = 3
CHAPTER: Final = 6
"""Tracks that are played as one session."""
QUICK_HAZARDS: Final = 12
QUICK_CALM: Final = ("whisper_book", "clock_moodist", "rain_tent", "fireplace_blanket", "keyboard_esc", "waves_moodist")
WHISPERS: Final = ("whisper_book", "whisper_reader")
PHRASES_EACH: Final = 2
STEADY: Final = "fan"
SHORT_LENGTHS_S: Final = (2.0, 4.0, 8.0, 15.0, 25.0, 45.0)
SHORT_FILES: Final = 5
SHORT_PLAYED_S: Final = 120.0
PAUSES_S: Final = (0.6, 3.0, 1.0, 2.0, 1.5, 2.5)
SHORT_S: Final = 45.0
LONG_S: Final = 62.0
PHRASED_S: Final = 70.0
SEED: Final = 12
VERSION: Final = 4
"""Of what this file makes; another one does not use what was kept."""
_BEGIN_S: Final = 24.0
_MOST: Final = 0.98


@dataclass(frozen=True, slots=True)
class HazardTrack:
    """One track of a night.

    Attributes:
        path: the file.
        calm: name of the bed.
        hazard: name of the recording of the hazard.
        level_db: how far over its published level.
        way: one of `WAYS`.
        at_s: when it begins, each time, in the track.
        lasts_s: how long it is.
        duration_s: of the track.
    """

    path: str
    calm: str
    hazard: str
    level_db: float
    way: str
    at_s: tuple[float, ...]
    lasts_s: float
    duration_s: float

    @property
    def kind(self) -> str:
        """Its class: the name without the number."""
        return re.sub(r"\d+$", "", self.hazard)


@dataclass(frozen=True, slots=True)
class PhraseTrack:
    """A phrase that is repeated.

    Attributes:
        path: the file.
        name: of the recording and the phrase.
        at_s: when it begins, each time.
        lasts_s: how long it is.
    """

    path: str
    name: str
    at_s: tuple[float, ...] = field(default=())
    lasts_s: float = 0.0


@dataclass(frozen=True, slots=True)
class RealSet:
    """The folder of real recordings."""

    folder: Path

    def calm(self) -> dict[str, Path]:
        """Calm recordings by name."""
        return {path.stem: path for path in sorted((self.folder / "calm").iterdir())}

    def hazards(self) -> dict[str, Path]:
        """Hazards by name."""
        return {path.stem: path for path in sorted((self.folder / "hazard").iterdir())}


def decode(path: Path) -> Block:
    """The samples, by ffmpeg; shape (frames, 2), 48 kHz."""
    command = ["ffmpeg", "-v", "error", "-i", str(path), "-ac", "2", "-ar", str(RATE_HZ), "-f", "f32le", "-"]
    done = subprocess.run(command, check=True, capture_output=True)
    return np.frombuffer(done.stdout, np.float32).reshape(-1, 2)


def encode(sound: Block, path: Path) -> None:
    """Write it in the format of the name's ending."""
    command = ["ffmpeg", "-v", "error", "-y", "-f", "f32le", "-ac", "2", "-ar", str(RATE_HZ), "-i", "-"]
    made = path.with_name(f"part-{path.name}")
    subprocess.run([*command, *FORMATS[path.suffix[1:]], str(made)], check=True, input=sound.tobytes())
    made.rename(path)


def hop_powers(sound: Block) -> np.ndarray:
    """K-weighted power of each 5 ms."""
    whole = len(sound) // HOP_FRAMES * HOP_FRAMES
    return np.array(HopMeter(HOP_FRAMES).powers(sound[:whole]))


def hazard_nights(real: RealSet, kept: Path, *, is_quick: bool) -> list[list[HazardTrack]]:
    """All chapters; files that are in ``kept`` are not made again."""
    rng = random.Random(SEED)
    beds, hazards, tracks = real.calm(), real.hazards(), []
    for number in range(1 if is_quick else ROUNDS):
        names = sorted(hazards)
        rng.shuffle(names)
        for index, name in enumerate(names[:QUICK_HAZARDS] if is_quick else names):
            way, level_db = WAYS[(index + 2 * number) % len(WAYS)], LEVELS_DB[(index // 2 + number) % len(LEVELS_DB)]
            ending = list(FORMATS)[(index + number) % len(FORMATS)]
            path = kept / f"night{number + 1}-{index:02}-{name}.{ending}"
            tracks.append(_hazard_track(path, (beds, hazards[name]), (level_db, way), rng.random()))
    return [tracks[at : at + CHAPTER] for at in range(0, len(tracks), CHAPTER)]


def _hazard_track(path: Path, files: tuple[dict[str, Path], Path], how: tuple[float, str], seed: float) -> HazardTrack:
    notes, (level_db, way) = path.with_suffix(".json"), how
    if path.exists() and notes.exists():
        told = json.loads(notes.read_text())
        return HazardTrack(**{**told, "at_s": tuple(told["at_s"])})
    rng, (beds, hazard_file) = random.Random(seed), files
    calm = rng.choice(sorted(beds))
    hazard = decode(hazard_file) * np.float32(10 ** (level_db / 20))
    lasts_s = len(hazard) / RATE_HZ
    duration_s = LONG_S if way in {"twice", "five times"} else SHORT_S
    bed = decode(beds[calm])
    sound = np.resize(bed, (to_frames(duration_s), 2)).copy()
    at_s = _times(way, lasts_s, duration_s, rng)
    if way == "one ear":
        hazard = hazard * np.array((1.0, 0.0) if rng.random() < 0.5 else (0.0, 1.0), np.float32)
    for one_s in at_s:
        first = to_frames(one_s)
        part = hazard[: len(sound) - first]
        sound[first : first + len(part)] += part
    encode(np.clip(sound, -_MOST, _MOST), path)
    track = HazardTrack(str(path), calm, hazard_file.stem, level_db, way, at_s, lasts_s, duration_s)
    notes.write_text(json.dumps(asdict(track)))
    return track


def _times(way: str, lasts_s: float, duration_s: float, rng: random.Random) -> tuple[float, ...]:
    first = _BEGIN_S + rng.uniform(0.0, 5.0)
    if way == "between":  # in the blend at either end
        return (rng.uniform(0.5, 3.0) if rng.random() < 0.5 else duration_s - 4.0 - lasts_s,)
    count = {"twice": 2, "five times": 5}.get(way, 1)
    gap_s = max(lasts_s + 0.3, rng.uniform(4.0, 20.0) if count == 2 else rng.uniform(1.5, 5.5))
    return tuple(first + k * gap_s for k in range(count) if first + k * gap_s + lasts_s < duration_s - 5.0)


def phrase_tracks(real: RealSet, kept: Path, *, is_quick: bool) -> list[PhraseTrack]:
    """A phrase is cut at pauses of 0.4 s; what is between two repetitions is the quietest stretch of the recording."""
    tracks, calm = [], real.calm()
    for name in [name for name in WHISPERS if name in calm][: 1 if is_quick else None]:
        sound = decode(calm[name])
        for number, (first, end) in enumerate(_phrases(sound)[: 1 if is_quick else PHRASES_EACH]):
            phrase, quiet = sound[first:end], _quietest(sound)
            pieces: list[Block] = []
            at_s: list[float] = []
            frames = 0
            while frames < to_frames(PHRASED_S):
                pause = np.resize(quiet, (to_frames(PAUSES_S[len(at_s) % len(PAUSES_S)]), 2))
                at_s.append((frames + len(pause)) / RATE_HZ)
                pieces += [pause, phrase]
                frames += len(pause) + len(phrase)
            path = kept / f"phrase-{name}-{number + 1}.flac"
            if not path.exists():
                encode(np.concatenate(pieces), path)
            tracks.append(PhraseTrack(str(path), f"{name} {number + 1}", tuple(at_s), len(phrase) / RATE_HZ))
    return tracks


def short_sessions(real: RealSet, kept: Path) -> list[tuple[str, list[str]]]:
    """Short pieces of one steady recording: each length alone, to be repeated, and five of it as a playlist."""
    sound, found = decode(real.calm()[STEADY]), []
    for length in SHORT_LENGTHS_S:
        paths = []
        for number in range(SHORT_FILES):
            path = kept / f"short-{length}s-{number + 1}.flac"
            first = to_frames(number * 4.0)
            if not path.exists():
                encode(sound[first : first + to_frames(length)], path)
            paths.append(str(path))
        found += [(f"{length:.0f} s alone", paths[:1]), (f"{length:.0f} s, a playlist", paths)]
    return found


def _phrases(sound: Block) -> list[tuple[int, int]]:
    """Stretches of 1.2 to 5 s between pauses, the loudest first."""
    powers = hop_powers(sound)
    loud = powers > powers.mean() * 10**-2.0
    places, found = np.flatnonzero(loud), []
    first = places[0]
    for one, after in pairwise(places):
        if after - one > 0.4 / HOP_S:
            if 1.2 / HOP_S <= one - first <= 5.0 / HOP_S:
                found.append((float(powers[first:one].mean()), int(first), int(one) + 1))
            first = after
    return [(first * HOP_FRAMES, end * HOP_FRAMES) for _, first, end in sorted(found, reverse=True)]


def _quietest(sound: Block) -> Block:
    """The quietest 0.4 s."""
    powers, hops = hop_powers(sound), round(0.4 / HOP_S)
    sums = np.concatenate(([0.0], np.cumsum(powers)))
    at = int(np.argmin(sums[hops:] - sums[:-hops])) * HOP_FRAMES
    return sound[at : at + hops * HOP_FRAMES]
