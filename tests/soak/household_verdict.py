"""What is to be said about an hour in the household: startles, deaths, and states that were not true.

A state is held against the recording where both are known: the daemon was there, and so was the sound server, for
`WITHIN_S` before and after it was told. Levels are those of whole seconds, as `level` in the state is.
"""

from __future__ import annotations

import json
import math
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from player.core.settings.safety import TARGET_LUFS
from player.core.units import volume_to_db
from player.session.crash_resume import CRASHED
from player.session.memory.memory import DIED_OF_IT
from tests.contract_check import Figures, figures
from tests.live.daemon import Heard
from tests.signals import RATE_HZ

WITHIN_S: Final = 3.0
LEVEL_DB: Final = 3.0
"""How far a level that is told may be from the nearest one that was heard.

Heard are the levels of the seconds that begin a tenth of a second apart, and all that lie between two neighbours: the
fade of a stop passes 14 dB and more in a tenth of a second.
"""
SILENT_DB: Final = -100.0
"""Of a second in which no sample is larger than the smallest step of 16 bit."""
RISEN_S: Final = 25.0
"""A state that stays at `playing` so long without a level or a problem is wrong: rises take ten seconds."""
_STEP: Final = RATE_HZ // 10
_CEILING_DBTP: Final = -0.9


@dataclass(frozen=True)
class Segment:
    """One recording: float32 samples in a file, and when the first one was played, on the boot clock."""

    path: Path
    started_s: float
    frames: int

    @property
    def ended_s(self) -> float:
        """When the last sample was played."""
        return self.started_s + self.frames / RATE_HZ


@dataclass
class Course:
    """When the daemon and the sound server were away, on the boot clock, and deaths that nobody caused.

    Attributes:
        gone: stretches in which one of them was not there.
        losses: when the sound server died and when it was back.
    """

    gone: list[tuple[float, float]] = field(default_factory=list)
    losses: list[tuple[float, float]] = field(default_factory=list)
    deaths: list[str] = field(default_factory=list)
    end_s: float = math.inf
    _daemon_since_s: float | None = None
    _sound_since_s: float = 0.0

    def daemon_is_gone(self, at_s: float) -> None:
        """It was killed, or died."""
        self._daemon_since_s = at_s

    def daemon_is_there(self, at_s: float) -> None:
        """It has told its first state."""
        if self._daemon_since_s is not None:
            self.gone.append((self._daemon_since_s, at_s))
        self._daemon_since_s = None

    def sound_is_gone(self, at_s: float) -> None:
        """The sound server was killed."""
        self._sound_since_s = at_s

    def sound_is_there(self, at_s: float) -> None:
        """It runs again."""
        self.losses.append((self._sound_since_s, at_s))

    def is_quiet(self, from_s: float, until_s: float) -> bool:
        """Whether the daemon was there all the time."""
        return not any(began_s < until_s and from_s < ended_s for began_s, ended_s in self.gone)


class Levels:
    """The level of each second of a segment, ten a second, in dBFS."""

    def __init__(self, samples: npt.NDArray[np.float32], started_s: float) -> None:
        whole = samples[: len(samples) // _STEP * _STEP].astype(np.float64)
        powers = (whole**2).mean(axis=1).reshape(-1, _STEP).mean(axis=1)
        means = np.convolve(powers, np.full(10, 0.1), mode="valid") if len(powers) >= 10 else np.zeros(0)
        self.levels = 10 * np.log10(means + 1e-20)
        self._started_s = started_s

    def between(self, from_s: float, until_s: float) -> npt.NDArray[np.float64]:
        """Those of the seconds that lie between two moments."""
        first = max(0, math.ceil((from_s - self._started_s) * 10))
        last = math.floor((until_s - self._started_s) * 10) - 10
        return self.levels[first : max(first, last + 1)]


@dataclass
class Verdict:
    """What came of it; ``found`` is what is wrong, a line each."""

    minutes: float
    counts: Mapping[str, int]
    found: list[str]
    new_onsets: int
    states: int
    sounding_s: float

    def __str__(self) -> str:
        """Two lines, and one for each fault."""
        head = (
            f"{self.minutes:.1f} minutes recorded, {self.sounding_s / 60:.1f} of them with sound; {dict(self.counts)}",
            f"{self.states} states held against the recording; {self.new_onsets} onsets to a level that was new; "
            f"{len(self.found)} faults",
        )
        return "\n".join((*head, *self.found))


def judge(
    course: Course, segments: Sequence[Segment], heard: Sequence[Heard], loudest: int, counts: Counter[str]
) -> Verdict:
    """Look at all of it. The recordings are read one at a time."""
    verdict = Verdict(0.0, counts, [f"death: {death}" for death in course.deaths], 0, 0, 0.0)
    calm_lufs = TARGET_LUFS + volume_to_db(loudest)
    states = [message for message in heard if message.is_state and not message.retained and message.payload]
    for segment in segments:
        samples = np.load(segment.path)
        if not len(samples):
            continue
        levels = Levels(samples, segment.started_s)
        verdict.minutes += segment.frames / RATE_HZ / 60
        verdict.sounding_s += float((levels.levels > SILENT_DB).sum()) / 10
        measured = figures(samples, calm_lufs)
        verdict.new_onsets += len(measured.new_onsets)
        verdict.found += [f"{segment.path.name}: {fault}" for fault in _startles(measured)]
        inside = [state for state in states if segment.started_s <= state.at_s <= min(segment.ended_s, course.end_s)]
        verdict.states += len(inside)
        verdict.found += [f"{segment.path.name}: {fault}" for fault in wrong_states(inside, levels, segment, course)]
    verdict.found += stale_states(states, course)
    verdict.found += [f"blamed after a kill: {text}" for text in _blamed(heard)]
    return verdict


def keep(folder: Path, course: Course, segments: Sequence[Segment], heard: Sequence[Heard], loudest: int) -> None:
    """Write down what `judge` needs; ``python -m tests.soak.household_verdict FOLDER`` judges it again."""
    with (folder / "messages.jsonl").open("w", encoding="utf-8") as file:
        for message in heard:
            text = message.payload.decode("utf-8", "replace")
            file.write(json.dumps([message.topic, text, message.retained, message.at_s]) + "\n")
    told = {
        "gone": course.gone, "losses": course.losses, "deaths": course.deaths, "end_s": course.end_s,
        "loudest": loudest,
        "segments": [[segment.path.name, segment.started_s, segment.frames] for segment in segments],
    }  # fmt: skip
    (folder / "course.json").write_text(json.dumps(told), encoding="utf-8")


def _startles(measured: Figures) -> Iterator[str]:
    for kind, onsets in (("startle", measured.startles), ("burst", measured.bursts)):
        yield from (f"{kind}: {onset}" for onset in onsets)
    if not measured.is_finite:
        yield "samples that are not finite"
    if measured.true_peak_dbtp > _CEILING_DBTP:
        yield f"a true peak of {measured.true_peak_dbtp:+.2f} dBTP"


def wrong_states(states: Sequence[Heard], levels: Levels, segment: Segment, course: Course) -> Iterator[str]:
    """States of one recording that do not agree with it within `WITHIN_S`."""
    for state in states:
        from_s, until_s = state.at_s - WITHIN_S - 1.0, state.at_s + WITHIN_S
        is_whole = segment.started_s <= from_s and until_s <= min(segment.ended_s, course.end_s)
        if is_whole and course.is_quiet(from_s, until_s):
            around = levels.between(from_s, until_s)
            if (fault := _level_fault(state.fields, around)) is not None:
                yield f"at {state.at_s - segment.started_s:.1f} s {fault}"
    for state, following in pairwise([*states, None]):
        assert state is not None
        last_s = min(segment.ended_s, course.end_s)
        until_s = last_s if following is None else following.at_s
        if (fault := _lasting_fault(state, until_s, levels, course)) is not None:
            yield f"from {state.at_s - segment.started_s:.1f} s on {fault}"


def _level_fault(fields: Mapping[str, Any], around: npt.NDArray[np.float64]) -> str | None:
    """A level that was told and is nowhere near."""
    told_db = fields["level"]
    if told_db is None or told_db < SILENT_DB:
        nearest = float(around.min())
        return f"no level is told, {nearest:.1f} dBFS is the least that is heard" if nearest > -90.0 else None
    lowest, highest = np.minimum(around[:-1], around[1:]), np.maximum(around[:-1], around[1:])
    nearest_db = np.clip(told_db, lowest, highest)  # within the tenth of a second from one of them to the next
    apart = np.abs(nearest_db - told_db)
    if apart.min() <= LEVEL_DB or (told_db < -90.0 and around.min() < SILENT_DB):
        return None
    return f"{told_db} dBFS is told, {nearest_db[apart.argmin()]:.1f} dBFS is the nearest that is heard"


def _lasting_fault(state: Heard, until_s: float, levels: Levels, course: Course) -> str | None:
    """A state that lasts, and does not agree with what was heard all the time."""
    fields = state.fields
    began_s = state.at_s + WITHIN_S
    if not course.is_quiet(began_s, until_s):
        return None
    during = levels.between(began_s, until_s)
    if fields["state"] in {"idle", "paused"} and len(during) and during.max() > SILENT_DB:
        return f"it is {fields['state']}, and {during.max():.1f} dBFS is heard within {until_s - state.at_s:.1f} s"
    is_to_sound = fields["state"] == "playing" and fields["volume"] > 0 and not fields["problems"]
    if is_to_sound and until_s - state.at_s > RISEN_S and len(during) and during.max() < SILENT_DB:
        return f"it is playing, and nothing is heard in {until_s - state.at_s:.1f} s"
    return None


def stale_states(states: Sequence[Heard], course: Course) -> Iterator[str]:
    """Losses of the sound server after which a level was told still, `WITHIN_S` later, and no problem."""
    for lost_s, back_s in course.losses:
        if back_s - lost_s <= WITHIN_S or not course.is_quiet(lost_s, back_s):
            continue
        told = [state for state in states if state.at_s <= lost_s + WITHIN_S]
        fields = told[-1].fields if told else {"level": None}
        if fields["level"] is not None and not fields["problems"]:
            yield f"{WITHIN_S:g} s after the sound server died: {fields['state']}, {fields['level']} dBFS"


def _blamed(heard: Sequence[Heard]) -> Iterator[str]:
    """Files that were left out as if they had crashed the daemon; every death here is a kill from outside."""
    for message in heard:
        if message.topic.endswith("/event") and message.payload:
            fields = message.fields
            if fields.get("reason") in {CRASHED, DIED_OF_IT}:
                yield str(fields.get("text"))


def kept(folder: Path) -> Verdict:
    """The verdict on what `keep` wrote down."""
    told = json.loads((folder / "course.json").read_text(encoding="utf-8"))
    pairs = {name: [(began_s, ended_s) for began_s, ended_s in told[name]] for name in ("gone", "losses")}
    course = Course(pairs["gone"], pairs["losses"], told["deaths"], told["end_s"])
    segments = [Segment(folder / name, started_s, frames) for name, started_s, frames in told["segments"]]
    lines = (folder / "messages.jsonl").read_text(encoding="utf-8").splitlines()
    found = [json.loads(line) for line in lines]
    heard = [Heard(topic, text.encode("utf-8"), retained, at_s) for topic, text, retained, at_s in found]
    return judge(course, segments, heard, told["loudest"], Counter())


if __name__ == "__main__":
    print(kept(Path(sys.argv[1])))
