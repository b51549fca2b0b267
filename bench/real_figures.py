"""What became of calm and of hazards, in figures: for bench/real.py. The code of the clauses is the product's own."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np
import numpy.typing as npt

from bench.real_chain import FADE_IN_S, TAIL_S, Played, SourceHeard
from bench.real_material import HazardTrack, PhraseTrack, hop_powers
from player.analysis.contract.alteration import Alteration
from player.analysis.contract.clicks import CELL_FRAMES, Clicks
from player.analysis.contract.integrated import calm_level
from player.audio.dsp.hearing import HOP_S, to_lufs
from player.audio.dsp.octaves import BAND_FRAMES, BAND_S, STREAMS, BandPowers, OctaveMeter
from player.audio.dsp.rises import NO_RISE_DB, RISE_DB, RiseMeter, fast_levels
from player.audio.dsp.startle import ROOM_BELOW_CALM_DB, Judge, Onset
from player.audio.dsp.tap import SOURCE_LATE_FRAMES
from player.audio.dsp.types import Block
from player.core.units import RATE_HZ, db_to_gain, to_frames

Doubles = npt.NDArray[np.float64]

SETTLED_S: Final = FADE_IN_S + 10.0
"""C9 is judged from here on."""
HIGH_RISE_DB: Final = 15.0
BLEND_S: Final = 16.0
"""So long after its start a track may still be blended with the one before."""
_TENTH: Final = round(0.1 / HOP_S)
_MOMENTARY: Final = round(0.4 / HOP_S)
_SHORT: Final = round(3.0 / HOP_S)


@dataclass(frozen=True, slots=True)
class CalmRow:
    """A calm recording, played alone.

    Attributes:
        lowered_percent: of its audible time, by more than 0.5 dB, from 20 s after its start on.
        most_db: largest reduction in that time.
        range_change_lu: of LRA.
        loudness_change_lu: of I.
        spread_change_db: of the spread of the 50 ms level.
        surprises: told.
        mutes: by the output meter or a fault.
        startles: startle events and bursts.
        rises: stretches in which the whole rises by more than 10 dB (C1b).
        band_rises: the same of an octave or an ear (C1d).
        raw_lufs: median of S as it was published.
        heard_lufs: median of S as it left.
        loudness_lufs: I as it was published.
        broken: clauses that `lull rehearse` says it breaks.
        a_less_k_db: how far its A-weighted level is over its K-weighted one.
    """

    name: str
    lowered_percent: float
    most_db: float
    range_change_lu: float
    loudness_change_lu: float
    spread_change_db: float
    surprises: int
    mutes: int
    startles: int
    rises: int
    band_rises: int
    raw_lufs: float
    heard_lufs: float
    loudness_lufs: float
    a_less_k_db: float
    broken: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PhraseRow:
    """A phrase track: by how many dB each repetition came out lower, from 20 s on."""

    name: str
    lowered_db: tuple[float, ...]

    @property
    def spread_db(self) -> float:
        """The most less the least."""
        return max(self.lowered_db) - min(self.lowered_db)


@dataclass(frozen=True, slots=True)
class ShortRow:
    """Short files, again and again for two minutes.

    Attributes:
        short_s: longest time for which what played was 3 dB short of its level (C11).
        usual_lufs: median of M.
        dip_db: how far M falls below that, more than in the pieces as they were recorded.
        pulse_db: how far it rises above, likewise.
    """

    name: str
    short_s: float
    usual_lufs: float
    dip_db: float
    pulse_db: float


@dataclass(frozen=True, slots=True)
class HazardRow:
    """A hazard in its track, all its times together.

    Attributes:
        startles: startle events and bursts.
        mutes: while it sounded.
        rise_db: largest rise of the whole (C1b).
        band_rise_db: largest rise of an octave or an ear (C1d).
        own_rise_db, own_band_rise_db: the same of what is the hazard's: not of what a track beside it does in a blend,
            and not where the calm recording itself rises as far in that stream; -99 if there is none.
        momentary_lu: loudest 400 ms over heard calm.
        own_momentary_lu: the same of those 400 ms of which no track beside it makes up half.
        short_lu: loudest 3 s over heard calm.
        climb_db: by how much a repetition is louder than one within the 10 s before it; None if it is not repeated.
        clicks: that were not recorded.
        calm_lufs: heard calm.
    """

    kind: str
    hazard: str
    calm: str
    level_db: float
    way: str
    format: str
    startles: int
    mutes: int
    rise_db: float
    band_rise_db: float
    own_rise_db: float
    own_band_rise_db: float
    momentary_lu: float
    own_momentary_lu: float
    short_lu: float
    climb_db: float | None
    clicks: int
    calm_lufs: float


def calm_row(name: str, before: Block, after: Block, told: Played | None = None) -> CalmRow:
    """``before`` at the level at which ``after`` would be if nothing had been done, beside it.

    Without ``told`` that level is what the gain usually is.
    """
    powers = [hop_powers(before), hop_powers(after)]
    first, end = round(SETTLED_S / HOP_S), len(powers[0]) - round(TAIL_S / HOP_S)
    end -= (end - first) % _TENTH
    ratio = _usual_ratio(powers[0][first:end], powers[1][first:end]) if told is None else 1.0
    changed = Alteration()
    changed.push(powers[0][first:end] * ratio, powers[1][first:end])
    raw, heard = changed.programmes
    calm_lufs = calm_level(powers[1][first:end])
    rises = RiseMeter(calm_lufs).push(octaves_of(after))[round(SETTLED_S / BAND_S) : -round(TAIL_S / BAND_S)]
    gain_db = 10.0 * math.log10(ratio) + (0.0 if told is None else told.tracks[0].gain_db)
    return CalmRow(
        name=name,
        lowered_percent=changed.lowered_percent,
        most_db=changed.most_lowered_db,
        range_change_lu=changed.range_change_lu,
        loudness_change_lu=changed.loudness_change_lu,
        spread_change_db=changed.spread_change_db,
        surprises=0 if told is None else len(told.surprises_s),
        mutes=0 if told is None else len(told.mutes_s),
        startles=len(_startles(powers[1], [(0.0, calm_lufs)])),
        rises=_stretches(rises[:, 0] > RISE_DB),
        band_rises=_stretches((rises[:, 1:] > RISE_DB).any(axis=1)),
        raw_lufs=raw.short_term_lufs(50.0) - gain_db,
        heard_lufs=heard.short_term_lufs(50.0),
        loudness_lufs=raw.integrated_lufs - gain_db,
        a_less_k_db=a_less_k_db(after[to_frames(SETTLED_S) : -to_frames(TAIL_S)]),
        broken=() if told is None else told.broken,
    )


def short_row(name: str, played: Played) -> ShortRow:
    """From 30 s after the start: the first 15 s are the clause's, and S looks 3 s back.

    What the pieces themselves have of dips and pulses is theirs, and no seam's.
    """
    powers = hop_powers(played.out)
    levels = _momentary(powers[round(30.0 / HOP_S) - _MOMENTARY : len(powers) - round(10.0 / HOP_S)])
    pieces = [np.concatenate([block for _, block in track.blocks]) for track in played.tracks]
    gains = [np.float32(db_to_gain(track.gain_db)) for track in played.tracks]
    own = np.concatenate([_momentary(hop_powers(piece * gain)) for piece, gain in zip(pieces, gains, strict=True)])
    usual, own_usual = float(np.median(levels)), float(np.median(own))
    dip = usual - float(levels.min()) - (own_usual - float(own.min()))
    pulse = float(levels.max()) - usual - (float(own.max()) - own_usual)
    return ShortRow(name, played.short_s, usual - 0.691, dip, pulse)


def _momentary(powers: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """The level of each 400 ms, a tenth of a second apart, in dB."""
    sums = np.concatenate(([0.0], np.cumsum(powers)))
    ends = np.arange(_MOMENTARY, len(powers), _TENTH)
    levels: npt.NDArray[np.float64] = 10.0 * np.log10(
        np.maximum((sums[ends] - sums[ends - _MOMENTARY]) / _MOMENTARY, 1e-14)
    )
    return levels


def phrase_row(track: PhraseTrack, before: Block, after: Block, start_s: float) -> PhraseRow:
    """Each repetition that is whole and late enough."""
    sides = [hop_powers(before), hop_powers(after)]
    lowered = []
    for at_s in track.at_s:
        first, end = (round((start_s + at_s + more) / HOP_S) for more in (0.0, track.lasts_s))
        if at_s > SETTLED_S and end < len(sides[0]) - round(TAIL_S / HOP_S):
            lowered.append(10.0 * math.log10(sides[0][first:end].sum() / max(sides[1][first:end].sum(), 1e-20)))
    return PhraseRow(track.name, tuple(lowered))


def hazard_rows(chapter: Sequence[HazardTrack], starts: Sequence[int], sounds: tuple[Sequence[Block], Block],
                mutes_s: Sequence[float], beside: Sequence[Block] = ()) -> list[HazardRow]:  # fmt: skip
    """A chapter; ``starts``: where each track begins; ``sounds``: what was recorded, at its place, and what left.

    What was recorded is one block, or two where tracks blend: every other track each.

    ``beside``: for each track what the others added to the mixture; nothing where no track blends with another.
    """
    recorded, out = sounds
    powers, octaves = hop_powers(out), octaves_of(out)
    zones = [
        [(start / RATE_HZ + at_s, start / RATE_HZ + at_s + track.lasts_s) for at_s in track.at_s]
        for track, start in zip(chapter, starts, strict=True)
    ]
    starts_s = [start / RATE_HZ for start in starts]
    calm = [_heard_calm(powers, zones, at_s, until_s)
            for at_s, until_s in zip(starts_s, [*starts_s[1:], len(out) / RATE_HZ], strict=True)]  # fmt: skip
    onsets = _startles(powers, list(zip(starts_s, calm, strict=True)))
    clicks_s = own_clicks(recorded, out, calm[0])
    is_calm = [_is_calm(len(octaves), BAND_S, zones, span) for span in pairwise([*starts_s, len(out) / RATE_HZ])]
    silent = np.zeros(len(STREAMS))
    others = [fast_levels(octaves_of(one), silent) for one in beside] or [np.zeros((1, 1))] * len(chapter)
    left = fast_levels(octaves, silent)
    mixed = [np.where(hop_powers(one)[: len(powers)] * 2.0 < powers, powers, 1e-14) for one in beside]
    alone = mixed or [powers] * len(chapter)
    rows = []
    for number, (track, own, calm_lufs) in enumerate(zip(chapter, zones, calm, strict=True)):
        rises = RiseMeter(calm_lufs).push(octaves)
        bed = rises[is_calm[number]].max(axis=0, initial=NO_RISE_DB)
        is_own = (others[number] * 2.0 < left) & (rises > bed)
        spans = [slice(round((at_s - 0.05) / BAND_S), round((until_s + 0.3) / BAND_S)) for at_s, until_s in own]
        heard = [rises[span] for span in spans]
        of_its_own = [np.where(is_own, rises, NO_RISE_DB)[span] for span in spans]
        momentary = [_loudest(powers, at_s, until_s, _MOMENTARY) for at_s, until_s in own]
        rows.append(HazardRow(
            kind=track.kind, hazard=track.hazard, calm=track.calm, level_db=track.level_db, way=track.way,
            format=track.path.rsplit(".", 1)[1],
            startles=sum(_is_in(own, onset.end_s) for onset in onsets),
            mutes=sum(_is_in(own, at_s) for at_s in mutes_s),
            rise_db=max(float(part[:, 0].max()) for part in heard),
            band_rise_db=max(float(part[:, 1:].max()) for part in heard),
            own_rise_db=max(float(part[:, 0].max()) for part in of_its_own),
            own_band_rise_db=max(float(part[:, 1:].max()) for part in of_its_own),
            momentary_lu=max(momentary) - calm_lufs,
            own_momentary_lu=max(_loudest(alone[number], *zone, _MOMENTARY) for zone in own) - calm_lufs,
            short_lu=max(_loudest(powers, at_s, until_s, _SHORT) for at_s, until_s in own) - calm_lufs,
            climb_db=_climb(own, momentary),
            clicks=sum(_is_in(own, at_s) for at_s in clicks_s),
            calm_lufs=calm_lufs,
        ))  # fmt: skip
    return rows


def starts_of(played: Played, chapter: Sequence[HazardTrack]) -> list[int]:
    """Where each track of the chapter begins; one that was not played ends the run."""
    first: dict[str, SourceHeard] = {}
    for track in played.tracks:
        first.setdefault(track.path, track)
    return [first[track.path].first_frame for track in chapter]


def own_clicks(recorded: Sequence[Block], out: Block, calm_lufs: float) -> list[float]:
    """Clicks that none of what was recorded has; in seconds."""
    clicks, piece = Clicks(), CELL_FRAMES * 200
    late = np.zeros((SOURCE_LATE_FRAMES, 2), np.float32)
    early = [np.concatenate((one[SOURCE_LATE_FRAMES:], late)) for one in recorded]
    found: list[float] = []
    for at in range(0, len(out) // piece * piece, piece):
        clicks.offences.at.clear()
        clicks.push(out[at : at + piece], {number: one[at : at + piece] for number, one in enumerate(early)}, calm_lufs)
        found += clicks.offences.at
    return found


def _usual_ratio(before: Doubles, after: Doubles) -> float:
    is_heard = before > before.mean() * 0.01
    return float(np.median(after[is_heard] / before[is_heard]))


def octaves_of(sound: Block) -> BandPowers:
    """Of the whole, each ear and each octave, every 10 ms; what is left at the end does not count."""
    return OctaveMeter().powers(sound[: len(sound) // BAND_FRAMES * BAND_FRAMES])


def _startles(powers: Doubles, floors: Sequence[tuple[float, float]]) -> list[Onset]:
    """Startle events and bursts; ``floors``: from when on calm has which level."""
    judge, found = Judge(floors[0][1] - ROOM_BELOW_CALM_DB), list[Onset]()
    calm = {round(at_s / HOP_S): lufs for at_s, lufs in floors}
    for hop, power in enumerate(powers.tolist()):
        if hop in calm:
            judge.move_floor(calm[hop] - ROOM_BELOW_CALM_DB)
        found += judge.push(power)
    return [onset for onset in found + judge.finish() if onset.is_startle]


def _heard_calm(powers: Doubles, zones: Sequence[Sequence[tuple[float, float]]], at_s: float, until_s: float) -> float:
    """The calm level of a track as it left: without hazards, what follows them, and blends."""
    return calm_level(powers[_is_calm(len(powers), HOP_S, zones, (at_s, until_s))])


def _is_calm(count: int, hop_s: float, zones: Sequence[Sequence[tuple[float, float]]],
             span: tuple[float, float]) -> npt.NDArray[np.bool_]:  # fmt: skip
    """Which of so many hops lie in a track, and neither in a blend nor near a hazard."""
    is_calm = np.zeros(count, np.bool_)
    is_calm[round((span[0] + BLEND_S) / hop_s) : round(span[1] / hop_s)] = True
    for one_s, end_s in (zone for zones_of_track in zones for zone in zones_of_track):
        is_calm[round((one_s - 0.5) / hop_s) : round((end_s + 1.5) / hop_s)] = False
    return is_calm


def _is_in(zones: Sequence[tuple[float, float]], at_s: float) -> bool:
    return any(first - 0.1 <= at_s <= end + 0.5 for first, end in zones)


def _loudest(powers: Doubles, at_s: float, until_s: float, window: int) -> float:
    """The loudest window that ends while it sounds or soon after, LUFS."""
    first, end = round(at_s / HOP_S), round(until_s / HOP_S) + window // 2
    part = powers[max(0, first - window + 1) : end]
    sums = np.concatenate(([0.0], np.cumsum(part)))
    return to_lufs(float((sums[window:] - sums[:-window]).max()) / window)


def _climb(zones: Sequence[tuple[float, float]], levels: Sequence[float]) -> float | None:
    """The most that a time is louder than an earlier one that began within 10 s."""
    pairs = [
        later - earlier
        for number, later in enumerate(levels)
        for before, earlier in enumerate(levels[:number])
        if zones[number][0] - zones[before][0] <= 10.0
    ]
    return max(pairs) if pairs else None


def _stretches(marks: npt.NDArray[np.bool_] | np.bool_) -> int:
    """How many there are with at least a second between two."""
    places = np.flatnonzero(marks)
    return int(np.count_nonzero(np.diff(places) > 1.0 / BAND_S)) + 1 if len(places) else 0


def a_less_k_db(sound: Block) -> float:
    """How far the A-weighted level is over the K-weighted one, by the mean spectrum."""
    size = 8192
    frames = sound[: len(sound) // size * size].reshape(-1, size, 2) * np.hanning(size)[:, np.newaxis]
    spectrum = np.square(np.abs(np.fft.rfft(frames[::4], axis=1))).mean(axis=(0, 2))
    hz = np.fft.rfftfreq(size, 1.0 / RATE_HZ)
    squared = np.square(hz)
    a = 12194.0**2 * squared**2 / ((squared + 20.6**2) * (squared + 12194.0**2)
        * np.sqrt((squared + 107.7**2) * (squared + 737.9**2)))  # fmt: skip
    z = np.exp(-2j * np.pi * hz / RATE_HZ)
    shelf = (1.53512485958697 - 2.69169618940638 * z + 1.19839281085285 * z**2) / (
        1.0 - 1.69065929318241 * z + 0.73248077421585 * z**2
    )
    low = (1.0 - 2.0 * z + z**2) / (1.0 - 1.99004745483398 * z + 0.99007225036621 * z**2)
    weighted = [(spectrum * np.square(np.abs(curve))).sum() for curve in (a * 10**0.1, shelf * low)]
    return float(10.0 * np.log10(weighted[0] / weighted[1]) + 0.691)
