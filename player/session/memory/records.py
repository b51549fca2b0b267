"""The records that survive a restart, a crash and a power cut. Frozen; pure.

Two kinds. *Documents* are small values, one for each field of `Documents`; a new one replaces the old one. *Entries*
of the log are added and never changed: what was heard, which is also all that the rotation remembers (it hears the
log again after a restart), and how sessions ended. What changed together is written together (`Batch`), or not at
all.

A document that cannot be read is left out with a warning, and the others hold: a ban must not be lost because the
record of a session was written by another version.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import date, datetime, time
from enum import StrEnum
from typing import Any, Final

from player.core.clock import moved
from player.core.night_report import NightReport
from player.core.pillow import Calibration
from player.core.settings.bed import Bed, check_beds
from player.core.settings.session import Entry, Phase, TimerMode, TimerSetting
from player.core.units import VOLUME_MAX
from player.core.validation import check_range
from player.session.memory.json_codec import as_text, from_text, salvage, types_of
from player.session.memory.memory import CrashRecord, Memory, RememberedTrack
from player.session.memory.places import Place
from player.session.morning import MorningParams
from player.session.schedule.planner import Made


@dataclass(frozen=True, slots=True)
class SessionRecord:
    """The running session, as it can be resumed.

    Attributes:
        timer: the sleep timer as it was asked for; ``mode`` and ``left_s`` are that which runs: what ends it, and the
            seconds until silence where a moment is set.
        age_s: how long it has lasted.
        track: uri of the current track, None while there is none.
        position_s: place in it.
        sounded_s: how long it has sounded since it was opened, at this place or another one.
        track_left_s: what is left of it, None where nobody knows.
        following: uri of the track that follows, where that is decided.
        wall, boot_s: the time of writing on both clocks; ``is_trusted`` says whether the wall clock was set, and
            ``boot`` names the boot that the other one counts from.
        is_waiting: it was interrupted before and its track not yet opened again, so no crash is blamed on that.
        asleep_s: seconds since sleep was detected; None where it was not.
        is_strict: the guard was strict.
        then: all phases after the first; ``phase`` is the number of the present one, and ``phase_volume`` the volume
            that was written for it (None: the same as ``volume``).
        morning: the state of a morning at the time of writing; None for other sessions.
        beds: what plays under the tracks; ``is_bed_of_playlist`` where the playlist brought it, and ``is_bed_alone``
            where the tracks have ended, with ``timer`` that of the bed.
        rise_left_s: what was left of a rise to the volume, a long fade-in say.
    """

    why: str
    playlist: str
    volume: int
    timer: TimerSetting
    mode: TimerMode
    left_s: float | None
    fade_out_s: float
    age_s: float
    track: str | None
    position_s: float
    track_left_s: float | None
    following: str | None
    wall: datetime
    boot_s: float
    is_trusted: bool
    boot: str = ""
    is_waiting: bool = False
    sounded_s: float = 0.0
    asleep_s: float | None = None
    is_strict: bool = False
    then: tuple[Phase, ...] = ()
    phase: int = 1
    phase_volume: int | None = None
    morning: MorningParams | None = None
    beds: tuple[Bed, ...] = ()
    is_bed_of_playlist: bool = True
    is_bed_alone: bool = False
    rise_left_s: float = 0.0

    @property
    def opened_at_s(self) -> float:
        """The place at which the track was opened."""
        return self.position_s - self.sounded_s

    @property
    def ended(self) -> EndedSession:
        """The part of the session before it was broken off, for the log."""
        started = moved(self.wall, -self.age_s)
        return EndedSession(started, self.why, self.playlist, round(self.age_s / 60, 1), "interrupted")

    def passed_s(self, gone_s: float) -> float:
        """How much of its time has passed this long after it was written; a snooze holds it."""
        snoozed_s = None if self.morning is None else self.morning.snooze_left_s
        return gone_s if snoozed_s is None else max(0.0, gone_s - snoozed_s)

    @property
    def planned_left_s(self) -> float | None:
        """Seconds from the writing to the end of this phase, by the timer or with the track; None where unknown."""
        return self.track_left_s if self.left_s is None and self.mode is TimerMode.END_OF_TRACK else self.left_s

    @property
    def ends_boot_s(self) -> float | None:
        """When it is silent, on the boot clock."""
        return None if self.left_s is None else self.boot_s + self.left_s


@dataclass(frozen=True, slots=True)
class Choices:
    """What was chosen for the next start; None for no choice."""

    playlist: str | None = None
    volume: int | None = None
    timer: TimerSetting | None = None
    fade_out_s: float | None = None
    bed: tuple[Bed, ...] | None = None

    def __post_init__(self) -> None:
        check_beds(self.bed or ())


@dataclass(frozen=True, slots=True)
class MovedStart:
    """Another time for an entry, and the config's time when it was chosen."""

    at: time
    instead_of: tuple[time, tuple[tuple[int, time], ...]]


@dataclass(frozen=True, slots=True)
class EntryChange:
    """What was changed in an entry: pairs of the new value and the config's value at that time."""

    days: tuple[frozenset[int], frozenset[int]] | None = None
    playlist: tuple[str, str | None] | None = None
    volume: tuple[int, int | None] | None = None

    def __post_init__(self) -> None:
        if self.days is not None and not (self.days[0] and self.days[0] <= frozenset(range(7))):
            raise ValueError("days: 0 to 6, at least one of them")
        if self.volume is not None:
            check_range("volume", self.volume[0], 0, VOLUME_MAX)


@dataclass(frozen=True, slots=True)
class Switches:
    """What was changed in the schedule by command, and which starts have been made.

    Attributes:
        is_enabled: the whole schedule is on.
        off: names of the entries that are switched off.
        skipped: the night in which the schedule starts nothing.
        times: by name, entries that were moved to another time.
        changes: by name, entries with other days, another playlist or another volume.
        once: a start that was planned by hand.
        made: the latest starts that were made.
        changed_at: time of the last change by command, if the clock was set.
        missed: the latest starts that were told as missed.
        rest_told: the latest rest night that was announced.
    """

    is_enabled: bool = True
    off: frozenset[str] = frozenset()
    skipped: date | None = None
    times: tuple[tuple[str, MovedStart], ...] = ()
    once: Entry | None = None
    made: tuple[Made, ...] = ()
    changed_at: datetime | None = None
    changes: tuple[tuple[str, EntryChange], ...] = ()
    missed: tuple[Made, ...] = ()
    rest_told: date | None = None

    @property
    def is_changed(self) -> bool:
        """Whether anything was changed by command, not only made, missed or announced."""
        return replace(self, made=(), missed=(), rest_told=None) != Switches()


@dataclass(frozen=True, slots=True)
class Documents:
    """All documents.

    Attributes:
        tries: how often the record has been taken up after a death; the store counts, see
            `player.session.memory.ports.MemoryStore`.
    """

    record: SessionRecord | None = None
    tries: int = 0
    choices: Choices = Choices()
    switches: Switches = Switches()
    bans: tuple[RememberedTrack, ...] = ()
    deaths: tuple[CrashRecord, ...] = ()
    nights: frozenset[date] = frozenset()
    places: tuple[Place, ...] = ()
    likes: tuple[RememberedTrack, ...] = ()
    night: NightReport = field(default_factory=NightReport)
    calibration: Calibration | None = None

    def recall(self, memory: Memory) -> None:
        """Load the saved records into a memory."""
        memory.bans.update({ban.uri: ban for ban in self.bans})
        memory.likes.update({like.uri: like for like in self.likes if like.uri not in memory.bans})
        memory.changes += 1
        memory.deaths.update({death.uri: death for death in self.deaths})
        memory.nights.update(self.nights)
        memory.places.recall(self.places)
        memory.calibration = memory.calibration or self.calibration


RECORD: Final = "record"
TRIES: Final = "tries"
NIGHT: Final = "night"
_LONGEST_S: Final = 1e8
"""Three years in seconds: longer than any session, track or fade."""
_SHOWN: Final = 200
"""Maximum number of characters of a fault that are shown: it may quote the damaged text."""
NAMES: Final = tuple(one.name for one in fields(Documents))
BY_URI: Final = frozenset({"bans", "deaths", "likes"})
"""The documents that are lists of tracks."""


class HeardHow(StrEnum):
    """Why a track was heard."""

    OPENED = "opened"
    """A session began with it."""
    PLAYED = "played"
    SKIPPED = "skipped"
    """A person went on to another one."""


@dataclass(frozen=True, slots=True)
class HeardEntry:
    """One entry of the log: a track began to sound, or was skipped."""

    at: datetime
    playlist: str
    uri: str
    title: str
    how: HeardHow


@dataclass(frozen=True, slots=True)
class EndedSession:
    """One entry of the log: a session that is over, with its numbers of problems and dropouts."""

    started: datetime
    why: str
    playlist: str
    minutes: float
    reason: str
    problems: int = 0
    dropouts: int = 0


@dataclass(frozen=True, slots=True)
class Batch:
    """What is written together: documents as JSON texts by name, and entries of the log."""

    documents: Mapping[str, str]
    heard: tuple[HeardEntry, ...] = ()
    ended: tuple[EndedSession, ...] = ()


@dataclass(frozen=True, slots=True)
class RecalledMemory:
    """What was read at the start.

    Attributes:
        documents: those that could be read.
        heard: the latest entries of the log, oldest first.
        boot: names the time since the machine was switched on; empty where that cannot be told, which equals no other.
        faults: a sentence for each thing that could not be read.
        has_crashed: the daemon crashed, as opposed to a kill from outside or a power cut.
    """

    documents: Documents = Documents()
    heard: tuple[HeardEntry, ...] = ()
    boot: str = ""
    faults: tuple[str, ...] = ()
    has_crashed: bool = False

    @property
    def is_empty(self) -> bool:
        """Whether nothing is known of earlier nights, as at the first start after the installation."""
        return self.documents == Documents() and not self.heard


def texts(documents: Documents, before: Documents | None = None) -> dict[str, str]:
    """The documents as JSON texts, or only those that differ from what was before."""
    return {
        name: as_text(getattr(documents, name))
        for name in NAMES
        if before is None or getattr(documents, name) != getattr(before, name)
    }


def tries_after(tries: int) -> int:
    """The count when a record is handed out once more; a clean restart leaves -1, and what is less counts as that."""
    return max(0, tries + 1)


def read_texts(found: Mapping[str, str], copy: Mapping[str, str] | None = None) -> tuple[Documents, tuple[str, ...]]:
    """What `texts` made; a document that cannot be read is left out, with a sentence that says so.

    Args:
        found: JSON texts by name.
        copy: the same from a second place, for what is missing or damaged in the first; bans, liked and excluded
            tracks are those of both, because a ban too many is a smaller fault than one too few.
    """
    hints = types_of(Documents)
    values: dict[str, Any] = {}
    faults: list[str] = []
    for name in NAMES:
        has_copy = copy is not None and name in copy
        if name in found:
            try:
                values[name] = _read(hints[name], found[name], name)
            except ValueError as fault:
                text = f"what was remembered as {name!r} cannot be read and is left out: {str(fault)[:_SHOWN]}"
                if name in BY_URI:
                    values[name] = salvage(hints[name], found[name])
                    text = f"a part of what was remembered as {name!r} cannot be read; {len(values[name])} could be"
                faults.append(f"{text}; the copy is used" if has_copy else text)
        if copy is not None and name in copy:
            with contextlib.suppress(ValueError):
                saved = _read(hints[name], copy[name], name)
                if name in BY_URI:
                    saved = tuple({one.uri: one for one in (*values.get(name, ()), *saved)}.values())
                    values[name] = saved
                values.setdefault(name, saved)
    return Documents(**values), tuple(faults)


def _read(kind: Any, text: str, name: str) -> Any:
    """One document. Raises ValueError."""
    value = from_text(kind, text, name)
    if isinstance(value, SessionRecord):
        _check(value)
    return value


def _check(record: SessionRecord) -> None:
    """Raise ValueError for a record that no session can have written."""
    check_beds(record.beds)
    lasts = (
        record.left_s, record.fade_out_s, record.age_s, record.position_s, record.track_left_s, record.sounded_s,
        record.asleep_s,
    )  # fmt: skip
    is_one = all(one is None or -1.0 <= one <= _LONGEST_S for one in lasts)
    is_one = is_one and 1 <= record.phase <= len(record.then) + 1
    if not is_one or not all(0 <= one <= VOLUME_MAX for one in (record.volume, record.phase_volume or 0)):
        raise ValueError("record: a value is out of range")
