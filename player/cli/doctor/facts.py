"""The facts about a machine that the doctor evaluates. Frozen, standard library; None means unknown."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import Enum, StrEnum

from player.core.settings.safety import MixerLevel


@dataclass(frozen=True, slots=True)
class Holder:
    """The process that has a sound device open."""

    pid: int
    name: str


@dataclass(frozen=True, slots=True)
class Output:
    """One output of a card; ``params`` is the form in which it is open, as in ``S16_LE, 48000 Hz, 2 channels``."""

    name: str
    holder: Holder | None = None
    params: str | None = None


@dataclass(frozen=True, slots=True)
class Card:
    """A sound card by its id, and its outputs for playing."""

    id: str
    name: str
    outputs: tuple[Output, ...] = ()


@dataclass(frozen=True, slots=True)
class OpenAttempt:
    """The result of opening the device as lull does, and closing it at once.

    Attributes:
        fault: why it cannot be used; None when it can.
        granted: what it was opened with.
        formats, rates_hz, channels: what it supports; rates are the lowest and the highest.
    """

    fault: str | None = None
    granted: str = ""
    formats: tuple[str, ...] = ()
    rates_hz: tuple[int, ...] = ()
    channels: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Control:
    """A control of a card's mixer that has a volume for playing; steps and decibels of its loudest channel.

    Attributes:
        level_db, highest_db: None for a control without a scale in decibels.
        is_muted: its switch is off.
    """

    name: str
    step: int
    lowest: int
    highest: int
    level_db: float | None = None
    highest_db: float | None = None
    is_muted: bool = False

    @property
    def per_cent(self) -> int:
        """The position of a control in its range, in per cent."""
        return round(100 * (self.step - self.lowest) / max(1, self.highest - self.lowest))


@dataclass(frozen=True, slots=True)
class MixerState:
    """The controls of the mixer that belongs to the device; ``fault`` where it cannot be opened."""

    mixer: str
    controls: tuple[Control, ...] = ()
    fault: str | None = None


@dataclass(frozen=True, slots=True)
class MixerPinFacts:
    """The control and level that the config asks for."""

    control: str
    level: MixerLevel


class BrokerAnswer(StrEnum):
    """The step that a connection to the broker reached."""

    UP = "up"
    NO_NAME = "no name"
    """The name has no address."""
    REFUSED = "refused"
    """No server listens at that port."""
    SILENT = "silent"
    """Nothing answers."""
    TLS = "tls"
    LOGIN = "login"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class BrokerState:
    """The result of connecting to the broker.

    Attributes:
        address: host and port.
        reason: the text of the refusal.
        password_fault: why the password could not be read here; then no login was tried.
        availability: the retained availability of this speaker, None without one.
        problems: the problems that the running speaker publishes.
    """

    reached: BrokerAnswer
    address: str
    reason: str = ""
    password_fault: str | None = None
    availability: str | None = None
    problems: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Service:
    """The unit, as the service manager knows it.

    Attributes:
        is_loaded: there is such a unit.
        unit: its name without ``.service``: ``lull``, or ``lull@`` and the name of one of several speakers.
        user: the user that it runs as.
        watchdog_s: its period, 0 without one.
        result: how it ended last, ``success`` when it did not.
        groups: those that the unit adds to the user's own.
    """

    is_loaded: bool
    unit: str = "lull"
    is_enabled: bool = False
    active: str = "inactive"
    pid: int = 0
    user: str = ""
    restarts: int = 0
    watchdog_s: float = 0.0
    result: str = "success"
    groups: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class UserAccount:
    """A user of this machine, with the ids and names of all of the user's groups."""

    name: str
    uid: int
    gids: frozenset[int]
    groups: frozenset[str]


@dataclass(frozen=True, slots=True)
class PlaylistState:
    """A playlist as the library finds it now.

    Attributes:
        tracks: number of tracks, including streams.
        playable: number of them for which no reason is known why they would not be heard.
        left_out: a sentence for each thing that was left out.
        unmeasured: number of tracks that no scan has tried.
        faulty: files that cannot be played, with the reason.
        lowered: files in which something stands out, with where it is and how far it will be lowered.
        set_aside: files that are left out because of crashes.
        banned: number of banned tracks.
        closed: places that keep the service's user from files, each once.
        store_fault: why the measurements cannot be read.
    """

    name: str
    tracks: int
    playable: int
    streams: int = 0
    left_out: tuple[str, ...] = ()
    unmeasured: int = 0
    faulty: tuple[str, ...] = ()
    lowered: tuple[str, ...] = ()
    set_aside: tuple[str, ...] = ()
    banned: int = 0
    closed: tuple[str, ...] = ()
    store_fault: str | None = None


@dataclass(frozen=True, slots=True)
class StateDir:
    """The state directory.

    Attributes:
        fault: why it cannot be checked.
        barrier: the path that prevents the service's user from writing.
        is_read_only: its file system is mounted read-only.
        in_memory: the type of the file system, if its content is lost at each boot.
    """

    path: str
    fault: str | None = None
    free_bytes: int = 0
    barrier: str | None = None
    is_read_only: bool = False
    in_memory: str | None = None


@dataclass(frozen=True, slots=True)
class PasswordFile:
    """The broker's password file; ``barrier`` is the path that prevents the service's user from reading it."""

    path: str
    is_there: bool
    barrier: str | None = None
    is_open_to_all: bool = False


@dataclass(frozen=True, slots=True)
class Plans:
    """The present schedule, with its changes by command."""

    entries: int
    is_on: bool = True
    entry: str | None = None
    at: datetime | None = None
    is_tonight_skipped: bool = False


@dataclass(frozen=True, slots=True)
class JournalEvent:
    """A problem in the journal, and its time."""

    at: datetime
    text: str


@dataclass(frozen=True, slots=True)
class LastNight:
    """The records of the last day and night.

    Attributes:
        fault: why the memory cannot be read.
        sessions: number of sessions.
        broken_off: number of sessions that a crash or a power cut ended.
        troubled: number of sessions with problems.
        problems: the problems and missed starts in the journal.
        is_journal_read: whether this user can read the journal.
    """

    sessions: int = 0
    broken_off: tuple[JournalEvent, ...] = ()
    troubled: tuple[JournalEvent, ...] = ()
    problems: tuple[JournalEvent, ...] = ()
    is_journal_read: bool = True
    fault: str | None = None


class Installed(Enum):
    """How lull was installed, and how to get what is missing: a unit, a user, a first config."""

    PACKAGE = "sudo apt install --reinstall lull"
    CHECKOUT = "sudo scripts/install"
    PIP = "pip brings no service and no config; the Debian package does, see docs/install.md"


@dataclass(frozen=True, slots=True)
class Machine:
    """The versions of what runs here, by name; an unknown one is None. ``has_kernel``: the native kernel is used."""

    system: str
    model: str
    versions: tuple[tuple[str, str | None], ...]
    has_kernel: bool = True
    installed: Installed = Installed.PACKAGE
