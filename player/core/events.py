"""Events: what happened. Reports come from the engine and the library, news go to everyone. Frozen, standard library.

A report is read only by the session. The session then produces news, which are published over MQTT, written to the
journal, and later to the store. Names are in the past tense.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

from player.core.commands import ReplyTo
from player.core.engine_orders import TRACKS, Then
from player.core.measurement import Measured
from player.core.noise import is_noise
from player.core.text import MAX_SENTENCE, clean_text
from player.core.units import SILENCE_DB

WARNINGS: Final = frozenset({"problem", "track_skipped_over", "track_damaged", "start_missed", "dropout"})
"""Types of news that are more than information."""

# Reports: engine, library and operating system -> session.


@dataclass(frozen=True, slots=True)
class ItemStarted:
    """An item became the current one; ``duration_s`` is the whole track's, None where nobody knows (streams)."""

    item_id: int
    duration_s: float | None


@dataclass(frozen=True, slots=True)
class ItemEnded:
    """An item sounded to its end, or was faded out; ``played_s`` were heard, ``faults`` stretches were silenced."""

    item_id: int
    played_s: float
    faults: int = 0


@dataclass(frozen=True, slots=True)
class ItemFailed:
    """An item could not be opened, broke off, or has no sound in it."""

    item_id: int
    reason: str
    played_s: float = 0.0

    @property
    def is_slow(self) -> bool:
        """Whether another attempt to play this stream would fail in the same slow way."""
        took_long = not self.played_s and self.reason.startswith((NOT_BEGUN, DELIVERED_NOTHING))
        return took_long or self.reason.startswith(TOO_SLOW)


@dataclass(frozen=True, slots=True)
class QueueRanDry:
    """Nothing of a layer sounds and nothing is queued in it."""

    layer: int = TRACKS


@dataclass(frozen=True, slots=True)
class RampArrived:
    """The level of a layer, or with None the output's, reached its target; at silence, ``then`` has been done."""

    target_db: float
    then: Then
    layer: int | None = None


@dataclass(frozen=True, slots=True)
class Progressed:
    """About once a second while something sounds.

    Attributes:
        position_s: place in the track.
        level_db: mean square level of the output in dBFS over the last second, -inf at silence.
        volume_db: where the output ramp stands.
        held_db: by how much the guard held the sound down at most since the last report.
        level_a_db: the A-weighted level of the output in dBFS over the last ten seconds, -inf at silence.
    """

    item_id: int | None
    position_s: float
    level_db: float
    volume_db: float
    held_db: float = 0.0
    level_a_db: float = SILENCE_DB


@dataclass(frozen=True, slots=True)
class OutputLost:
    """The sound device is missing or failed; opening it is retried indefinitely."""

    reason: str


@dataclass(frozen=True, slots=True)
class OutputFound:
    """The sound device is (again) there; the output stands at silence and waits for a ramp."""


@dataclass(frozen=True, slots=True)
class OutputUnderran:
    """The device ran out of samples for a moment.

    Attributes:
        gap_s: how long it was silent, as far as that can be known.
        buffer_times: after too many underruns the device is reopened with the buffer multiplied by this; 1 otherwise.
        is_hushed: the output stays silent until a ramp is ordered; otherwise it comes back by itself.
    """

    gap_s: float
    buffer_times: int = 1
    is_hushed: bool = False


@dataclass(frozen=True, slots=True)
class EngineFaulted:
    """The engine caught an exception in the audio path, wrote silence and goes on; waits for a ramp."""

    reason: str


@dataclass(frozen=True, slots=True)
class ClauseBroken:
    """The output meter saw that a clause was about to be broken; the output is muted and waits for a ramp.

    Attributes:
        clause: C1 or C3.
        reason: what it saw.
    """

    clause: str
    reason: str


@dataclass(frozen=True, slots=True)
class GuardReported:
    """The guard lowered something that would have stood out.

    Attributes:
        item_id: what was playing, None when nothing was.
        position_s: where in it that began.
        reduction_db: by how much it was lowered at most.
        duration_s: how long it was lowered.
    """

    item_id: int | None
    position_s: float
    reduction_db: float
    duration_s: float


TOO_SLOW: Final = "comes too slowly"
"""First words of the fault of a stream that arrives more slowly than it is played."""
NOT_BEGUN: Final = "did not begin within"
DELIVERED_NOTHING: Final = "delivered nothing for"
"""First words of the faults that take half a minute or more to be noticed."""

EngineReport: TypeAlias = (
    ItemStarted | ItemEnded | ItemFailed | QueueRanDry | RampArrived | Progressed | OutputLost | OutputFound
    | OutputUnderran | EngineFaulted | ClauseBroken | GuardReported
)  # fmt: skip


def is_web(uri: str) -> bool:
    """Whether this is an http(s) address, which has no file."""
    return uri.lower().startswith(("http://", "https://"))


def has_file(uri: str) -> bool:
    """Whether this is a file: no address, and no generated sound."""
    return not is_web(uri) and not is_noise(uri)


@dataclass(frozen=True, slots=True)
class Track:
    """A playable thing that the library found: a file path, an http(s) address or a ``noise:`` path, and its name.

    ``is_stream`` says that it has no end and no places: an address or a generated sound.

    ``measured`` is what a scan found out about it, None while nobody knows. ``key`` names its content, under whatever
    name it lies; None where nobody asked.
    """

    uri: str
    title: str
    is_stream: bool = False
    measured: Measured | None = None
    key: str | None = None

    def __post_init__(self) -> None:
        """Each title is one line of bounded length without control characters, whatever its origin."""
        object.__setattr__(self, "title", clean_text(self.title) or "untitled")


@dataclass(frozen=True, slots=True)
class LibraryRead:
    """The library looked at a playlist: its tracks, and a sentence for each thing that it left out.

    ``unmeasured`` names the files that no scan has tried yet; ``opening`` is what a night begins with.
    """

    playlist: str
    tracks: tuple[Track, ...]
    warnings: tuple[str, ...] = ()
    unmeasured: tuple[str, ...] = ()
    opening: tuple[Track, ...] = ()

    def __post_init__(self) -> None:
        """The sentences quote playlists and file names, so they are cleaned like titles."""
        object.__setattr__(self, "warnings", tuple(clean_text(text, MAX_SENTENCE) for text in self.warnings))


@dataclass(frozen=True, slots=True)
class ScanMoved:
    """The background scan has looked into ``found`` more files since it told last; ``is_over`` when none is left.

    ``fault`` is why it cannot go on for now; it tries again by itself. ``files`` are those it was begun with.
    """

    found: int
    is_over: bool
    fault: str | None = None
    files: tuple[str, ...] = field(default=(), compare=False)


# News: session -> everyone.


@dataclass(frozen=True, slots=True)
class News:
    """Something worth telling: published as an event and written to the journal.

    Attributes:
        type: the ``event_type``: session_started, track_started, timer_set, fading_out, session_ended, problem, …
        data: JSON-ready details.
        text: one line for people.
    """

    type: str
    text: str
    data: dict[str, Any]

    @property
    def is_warning(self) -> bool:
        """Whether it is more than information."""
        return self.type in WARNINGS


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to one request: done, or refused for a reason.

    ``must_be_written``: it is sent only once the change is confirmed to be on the disk.
    """

    reply_to: ReplyTo | None
    is_done: bool
    text: str
    data: dict[str, Any]
    must_be_written: bool = False


Event: TypeAlias = News | Answer

EVENT_TYPES = (
    "session_started", "session_ended", "session_lost", "track_started", "track_skipped_over", "track_damaged",
    "surprise_tamed", "dropout", "paused", "resumed", "volume_set", "volume_capped", "timer_set", "timer_cleared",
    "timer_expired", "fade_set", "fading_out", "playlist_set", "schedule_set", "start_time_set", "entry_set",
    "tonight_set", "skip_tonight_set", "rest_night", "start_missed", "never_again", "allowed_again", "liked", "unliked",
    "command_rejected", "problem", "problem_cleared", "settings_changed", "asleep", "awake", "phase_started", "bed_set",
    "bed_alone", "snoozed", "calibrated",
)  # fmt: skip
"""Every ``event_type`` that can occur."""
