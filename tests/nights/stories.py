"""Random nights: what may happen in one, drawn from a seed, and played on the fake clock with the real session.

A story is a config, an evening, and things that happen at moments of the night: commands, a device that goes and comes,
an engine that fails, tracks that cannot be opened, clocks that are set. `tests.nights.invariants` looks on.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from player.core import commands as c
from player.core import commands_level as p
from player.core.commands import Command
from player.core.commands_level import MoveBed, SetBed, SetBedGain
from player.core.events import ClauseBroken, EngineFaulted, Track
from player.core.measurement import Chapter, Measured
from player.core.pillow import AskedLevel
from player.core.settings.bed import Bed
from player.core.settings.safety import FadeSettings, NightCap, SessionSettings, Taper
from player.core.settings.session import (
    TIMER_END_OF_PLAYLIST,
    TIMER_END_OF_TRACK,
    TIMER_OFF,
    Entry,
    EntryKind,
    Order,
    Phase,
    Playlist,
    Settings,
    TimerSetting,
    TrackStart,
    VolumeSettings,
)
from tests.nights.remembered_nights import Remembering

ZONES: Final = tuple(
    map(ZoneInfo, ("Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "UTC"))
)
CHANGES: Final = tuple(date(2026, month, day) for month, day in ((3, 28), (10, 24), (3, 7), (10, 31), (10, 3), (4, 4)))
"""The evenings before the clocks change in one of the zones."""
DEATH: Final = "death"
RELOAD: Final = "the config is read again"
LASTS_S: Final = 15 * 3600.0
"""From seven in the evening to ten in the morning."""
BOOK_S: Final = 5400.0
_CHAPTERS: Final = tuple(Chapter(part * BOOK_S / 6, f"chapter {part}") for part in range(6))
BOOKS: Final = tuple(
    Track(uri, uri, measured=Measured(BOOK_S, -20.0, -20.0, 5.0, -15.0, -16.0, -16.0, -3.0, -18.0, chapters=_CHAPTERS))
    for uri in ("book", "tale")
)
"""Two readings of an hour and a half with chapters, the tracks of the playlist book."""


@dataclass(frozen=True)
class Happening:
    """Something at a moment of the night, in words and as a deed."""

    at_s: float
    words: str
    do: Callable[[Remembering], object]


@dataclass(frozen=True)
class Story:
    """A whole night. ``is_steady``: nobody sets the clocks, so every planned start must be accounted for."""

    seed: int
    settings: Settings
    evening: datetime
    happenings: tuple[Happening, ...]
    is_steady: bool

    @property
    def is_deadly(self) -> bool:
        """Whether the daemon dies in it."""
        return any(happening.words.startswith(DEATH) for happening in self.happenings)

    @property
    def is_reloaded(self) -> bool:
        """Whether its config changes."""
        return any(happening.words.startswith(RELOAD) for happening in self.happenings)

    def __str__(self) -> str:
        lines = [f"seed {self.seed}, from {self.evening.isoformat()}", f"  {self.settings}"]
        return "\n".join([*lines, *(f"  {happening.at_s:8.1f} s  {happening.words}" for happening in self.happenings)])

    def without(self, happening: Happening) -> Story:
        """The story with one thing less."""
        rest = tuple(one for one in self.happenings if one is not happening)
        return Story(self.seed, self.settings, self.evening, rest, self.is_steady)


def story(seed: int) -> Story:
    """The story of a seed; the same one each time."""
    rng = random.Random(seed)
    zone = rng.choice(ZONES)
    day = rng.choice(CHANGES) if rng.random() < 0.3 else date(2026, 1, 1) + timedelta(days=rng.randrange(365))
    evening = datetime.combine(day, time(19, 0), zone)
    is_steady = rng.random() < 0.7
    settings = _settings(rng)
    happenings = [_happening(rng, settings, is_steady=is_steady) for _ in range(rng.choice((0, 2, 6, 15)))]
    if rng.random() < 0.25:
        happenings += _undone(rng, is_steady=is_steady)
    return Story(seed, settings, evening, tuple(sorted(happenings, key=lambda one: one.at_s)), is_steady)


def _undone(rng: random.Random, *, is_steady: bool) -> list[Happening]:
    """Somebody plays something and stops or pauses it, and soon after that the daemon dies."""
    at_s = rng.uniform(0.0, LASTS_S - 7200.0)
    wishes: list[Command] = [c.Play(), rng.choice((c.Stop(), c.Stop(now=True), c.Pause(), c.Toggle()))]
    made = []
    for wish in wishes:
        made.append(Happening(at_s, str(wish), lambda nights, wish=wish: nights.command(wish)))
        at_s += rng.uniform(1.0, 120.0)
    return [*made, _death(rng, at_s, is_steady=is_steady)]


def _settings(rng: random.Random) -> Settings:
    highest = rng.choice((40, 60, 100))
    cap = NightCap(rng.randint(5, highest), rng.choice((0.0, 600.0, 1800.0))) if rng.random() < 0.4 else None
    return Settings(
        volume=VolumeSettings(rng.randint(0, highest), highest, cap),
        fades=FadeSettings(rng.choice((0.0, 30.0, 300.0)), rng.choice((0.0, 60.0, 600.0, 7200.0)), stop_s=4.0),
        timer=_timer(rng),
        session=SessionSettings(
            rng.choice((1800.0, 7200.0, 7200.0, 36000.0)), rng.random() < 0.5, rng.choice((0.0, 300.0)),
            Taper(rng.choice((1.0, 6.0)), rng.randint(1, 20)) if rng.random() < 0.3 else None,
            asleep_timer_s=rng.choice((None, 60.0, 1200.0)),
        ),
        playlists=(
            Playlist("whispers", ("/w",), then=_then(rng, highest), bed=_bed(rng)),
            Playlist("rain", ("/r",), rng.choice(tuple(Order)), bed=_bed(rng)),
            Playlist("book", ("/b",), start=rng.choice(tuple(TrackStart)), skip_first_s=rng.choice((0.0, 45.0))),
        ),
        schedule=(
            *(_entry(rng, name, highest) for name in ("early", "late", "third")[: rng.randint(0, 3)]),
            *((_morning(rng, highest),) if rng.random() < 0.4 else ()),
        ),
        catch_up_s=rng.choice((0.0, 1200.0)),
    )  # fmt: skip


def _entry(rng: random.Random, name: str, highest: int) -> Entry:
    return Entry(
        name,
        time(rng.choice((20, 22, 23, 0, 1, 2, 3)), rng.randrange(60)),
        playlist=rng.choice((None, "rain", "book")),
        volume=rng.choice((None, rng.randint(0, highest))),
        timer=rng.choice((None, _timer(rng))),
        fade_in_s=rng.choice((None, 0.0, 60.0)),
        takes_over=rng.random() < 0.3,
        then=_then(rng, highest) if rng.random() < 0.3 else None,
        bed=_bed(rng),
    )


def _morning(rng: random.Random, highest: int) -> Entry:
    """It may come in the middle of everything else."""
    return Entry(
        "morning",
        time(rng.choice((21, 23, 1, 2, 3, 5, 6, 7)), rng.randrange(60)),
        playlist=rng.choice((None, "rain")),
        volume=rng.choice((None, rng.randint(0, highest))),
        timer=rng.choice((None, None, _timer(rng))),
        fade_in_s=rng.choice((None, 0.0, 60.0, 3600.0)),
        kind=EntryKind.MORNING,
        light=rng.choice((None, 0.5)),
        then=_then(rng, highest) if rng.random() < 0.2 else None,
    )


def _bed(rng: random.Random) -> tuple[Bed, ...] | None:
    """Mostly nothing is said of it; up to two layers, some of which outlast the tracks."""
    if rng.random() < 0.6:
        return None
    beds = [
        Bed(name, rng.choice((-30.0, -12.0, -3.0)), rng.choice((0.0, 60.0, 1200.0, 7200.0)))
        for name in ("rain", "whispers")
    ]
    return tuple(rng.sample(beds, rng.choice((0, 1, 1, 2))))


def _then(rng: random.Random, highest: int) -> tuple[Phase, ...]:
    """Mostly no phase; up to three."""
    return tuple(
        Phase(
            rng.choice((None, "rain", "whispers", "book")),
            rng.choice((None, rng.randint(0, highest))),
            rng.choice((None, _timer(rng))),
            Taper(6.0, 5) if rng.random() < 0.2 else None,
            rng.random() < 0.2,
            when_asleep=rng.random() < 0.3,
            bed=_bed(rng),
        )
        for _ in range(rng.choice((0, 0, 1, 2, 3)))
    )


def _timer(rng: random.Random) -> TimerSetting:
    return rng.choice(
        (
            TIMER_OFF,
            TIMER_END_OF_TRACK,
            TIMER_END_OF_PLAYLIST,
            *(TimerSetting.clock(60.0 * m) for m in (1, 10, 20, 45, 180)),
            TimerSetting.at(time(rng.randrange(24), rng.randrange(60))),
        )
    )


def _happening(rng: random.Random, settings: Settings, *, is_steady: bool) -> Happening:
    at_s = rng.uniform(0.0, LASTS_S - 7200.0)
    if rng.random() < 0.15:
        return _death(rng, at_s, is_steady=is_steady)
    if rng.random() < 0.7:
        command = _command(rng, settings)
        return Happening(at_s, str(command), lambda nights: nights.command(command))
    other, name = _settings(rng), rng.choice(("whispers", "rain", "book"))
    renamed = replace(settings, playlists=tuple(_renamed(one, name) for one in settings.playlists))
    kinds = [
        (f"{RELOAD}: {other}", lambda nights: nights.reload(other)),
        (f"{RELOAD}: the folder {name} has another name", lambda nights: nights.rename(name, renamed)),
        (f"files come into {name}", lambda nights: nights.find(name, "abcdef")),
        (f"{name} is left with one file", lambda nights: nights.find(name, "b")),
        (f"{name} is empty", lambda nights: nights.find(name, "")),
        ("the device is gone", lambda nights: nights.engine.is_lost or nights.engine.lose_output()),
        ("the device is back", lambda nights: nights.engine.is_lost and nights.engine.find_output()),
        ("the engine fails", lambda nights: nights.engine.mute(EngineFaulted("it was broken on purpose"))),
        ("a clause is broken", lambda nights: nights.engine.mute(ClauseBroken("C1", "it was broken on purpose"))),
        ("a track cannot be opened", lambda nights: nights.engine.broken.add("b")),
        ("no track can be opened", lambda nights: nights.engine.broken.update("abcd")),
        ("all tracks are good again", lambda nights: nights.engine.broken.clear()),
    ]
    if not is_steady:
        by_s = rng.choice((-90_000.0, -3600.0, -30.0, 30.0, 3600.0, 90_000.0))
        kinds += [
            (f"the wall clock is set by {by_s:+.0f} s", lambda nights: nights.clock.jump_wall(by_s)),
            ("the clock is not trusted", lambda nights: setattr(nights.clock, "is_trusted", False)),
            ("the clock is trusted", lambda nights: setattr(nights.clock, "is_trusted", True)),
            ("the zone changes", lambda nights: nights.clock.move_to(rng.choice(ZONES))),
        ]
    words, do = rng.choice(kinds)
    return Happening(at_s, words, do)


def _renamed(playlist: Playlist, name: str) -> Playlist:
    """Another name for the playlist of that name."""
    return replace(playlist, name=f"{name} 2") if playlist.name == name else playlist


def _death(rng: random.Random, at_s: float, *, is_steady: bool) -> Happening:
    """The process dies, now or just before one of the next writes, or is restarted; or the power is cut, perhaps the
    clock with it.
    """
    off_s = rng.choice((0.5, 5.0, 120.0, 1200.0))
    if rng.random() < 0.3:
        ahead = rng.randint(1, 6)

        def plan(nights: Remembering) -> None:
            nights.dies_at_write = len(nights.store.batches) + ahead

        return Happening(at_s, f"{DEATH} before write {ahead} from now", plan)
    if rng.random() < 0.2:
        return Happening(at_s, f"{DEATH}: restarted, back after {off_s} s", lambda nights: nights.restart(off_s))
    is_cut = rng.random() < 0.4
    is_trusted = is_steady or rng.random() < 0.5

    def die(nights: Remembering) -> None:
        nights.die(off_s, f"boot {at_s}" if is_cut else None, is_trusted=is_trusted)

    what = "the power is cut" if is_cut else "the process is killed"
    return Happening(at_s, f"{DEATH}: {what}, back after {off_s} s", die)


def _command(rng: random.Random, settings: Settings) -> Command:
    """Any command; play, stop and volume most of all."""
    volume = rng.randint(0, 100)
    names = [entry.name for entry in settings.schedule] or ["early"]
    common: list[Command] = [c.Play(), c.Stop(), c.SetVolume(volume), c.Toggle()]
    rare: list[Command] = [
        c.Play("rain", volume, _timer(rng)), c.Stop(now=True), c.Pause(), c.Resume(), c.Next(),
        c.Seek(rng.uniform(0, 300)), c.Seek(rng.uniform(-300, 600), is_relative=True), c.Play("book"),
        c.SetPlaylist("book"), c.Play(track="tale"), c.NeverAgain(), c.GetStatus(),
        c.SetVolume(rng.randint(-10, 10), is_relative=True), c.SetTimer(_timer(rng)),
        c.SetFade(rng.choice((0.0, 300.0))),
        c.ExtendTimer(rng.choice((-600.0, 900.0, 36_000.0))), c.SetPlaylist("rain"), c.SetPlaylist("whispers"),
        c.SetSchedule(None), c.SetSchedule(None, rng.choice(names)), c.NeverAgain(rng.choice("abcd")), c.AllowAgain(),
        c.SkipTonight(None), c.Tonight(time(rng.randrange(24), rng.randrange(60)), "rain"), c.NotTonight(),
        c.SetStartTime(rng.choice(names), time(rng.randrange(24), rng.randrange(60))),
        c.ChangeEntry(rng.choice(names), frozenset({rng.randrange(7)}), "rain", rng.randint(0, 60)),
        c.ChangeEntry(rng.choice(names), back=frozenset({"at", "days", "playlist", "volume"})),
        p.Calibrate(), p.NoteReading(rng.choice((30.0, 45.0))), p.SetLevel(35.0), c.Play(volume=AskedLevel(40.0)),
        c.Asleep(), c.Awake(), c.Asleep(), c.Awake(), c.Advance(), c.Snooze(rng.choice((60.0, 540.0, 3600.0))),
        c.ShortenTimer(rng.choice((30.0, 600.0))), c.Advance(), c.Previous(),
        c.Play(track=rng.choice("abcd")), c.Like(), c.Like(rng.choice("abcd")), c.Unlike(rng.choice("abcd")),
        c.Play("favourites"), c.SetPlaylist("favourites"), c.GetTracks(),
        c.Play("whispers", then=_then(rng, settings.volume.max), bed=_bed(rng)),
        SetBed(_bed(rng) or ()), MoveBed(rng.choice((-6.0, 2.0))), SetBedGain(rng.choice((-30.0, -3.0))),
    ]  # fmt: skip
    return rng.choice(common if rng.random() < 0.4 else rare)
