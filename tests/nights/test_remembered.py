"""Whole nights with a memory: how much is written, and a death of the daemon before any of the writes."""

from __future__ import annotations

import itertools
import random
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time
from zoneinfo import ZoneInfo

import pytest

from player.core.commands import ExtendTimer, NeverAgain, Next, Pause, Play, Resume, SetSchedule, SetVolume, Stop
from player.core.commands_level import Calibrate
from player.core.settings.session import TIMER_OFF, Entry, Order, Playlist, Settings, TimerSetting, VolumeSettings
from player.core.states import State
from player.core.units import volume_to_db
from player.session.memory.records import HeardHow
from tests import effort
from tests.nights.night_rig import later
from tests.nights.remembered_nights import Died, Remembering

BERLIN = ZoneInfo("Europe/Berlin")
EVENING = datetime(2026, 1, 15, 22, 0, tzinfo=BERLIN)
HOURS = 3600.0
NAMES = [f"{first}{second}" for first in "abcdefgh" for second in "abcdefgh"]


def settings(order: Order = Order.ROTATE, timer_s: float = 8 * HOURS) -> Settings:
    return Settings(
        playlists=(Playlist("rain", ("/rain",), order),),
        volume=VolumeSettings(30, 60),
        timer=TimerSetting.clock(timer_s),
        schedule=(Entry("night", time(22, 30)),),
    )


@pytest.mark.slow
@pytest.mark.parametrize("track_s", effort.first(1, [60.0, 200.0, 300.0, 3600.0]))
def test_a_night_of_eight_hours_makes_under_a_hundred_writes(track_s: float) -> None:
    """Whatever is played; and all that was heard is written down in the end."""
    nights = Remembering(settings(), EVENING, NAMES)
    nights.engine.duration_s = track_s
    nights.run_for(8.75 * HOURS)
    assert nights.state is State.IDLE
    assert 10 < len(nights.store.batches) < 100, len(nights.store.batches)
    assert len(nights.store.heard) == pytest.approx(8 * HOURS / track_s, abs=3)


def test_a_knob_that_is_turned_is_written_when_it_rests() -> None:
    """Fifty volumes in five seconds are few writes, and the last one counts."""
    nights = Remembering(settings(), EVENING)
    nights.command(Play("rain", volume=1))
    nights.run_for(60.0)
    before = len(nights.store.batches)
    for volume in range(1, 51):
        nights.command(SetVolume(volume))
        nights.run_for(0.1)
    nights.run_for(20.0)
    assert len(nights.store.batches) - before <= 3
    nights.die()
    assert nights.session.snapshot(nights.now).volume == 50


def test_nothing_is_written_while_nothing_happens() -> None:
    """A day without a session."""
    nights = Remembering(replace(settings(), schedule=()), EVENING, longest_idle_s=600.0)
    nights.run_for(24 * HOURS)
    assert not nights.store.batches


@pytest.mark.slow
def test_a_mute_night_without_a_store_plays_all_the_same() -> None:
    """What the store does with its batches changes nothing of what is ordered."""
    heard = []
    for is_kept in (True, False):
        nights = Remembering(settings(timer_s=HOURS), EVENING)
        if not is_kept:
            nights.store.write = lambda batch: None  # type: ignore[method-assign]
        nights.run_for(2 * HOURS)
        heard.append(nights.engine.heard)
    assert heard[0] == heard[1]


@pytest.mark.slow
def test_nights_open_differently_and_go_on_where_the_last_one_ended_across_restarts() -> None:
    """Four nights of three tracks over five, the daemon started anew for each: nothing is heard twice too soon."""
    nights = Remembering(settings(timer_s=12 * 60.0), EVENING, "abcde", longest_idle_s=600.0)
    nights.engine.duration_s = 300.0
    heard = []
    for number in range(4):
        nights.run_until(later(EVENING, days=number, hours=1))
        heard.append([uri for _, uri in nights.engine.heard])
        nights.switch_off()
        nights.die(off_s=600.0, boot=f"boot {number}")
    assert heard == [["a", "b", "c"], ["d", "e", "a"], ["b", "c", "d"], ["e", "a", "b"]]


def test_what_was_skipped_is_written_as_skipped() -> None:
    """For the history, and for the rotation after a restart."""
    nights = Remembering(settings(), EVENING, "abcd")
    nights.command(Play("rain"))
    nights.run_for(30.0)
    nights.command(Next())
    nights.run_for(30.0)
    nights.switch_off()
    found = [(heard.uri, heard.how) for heard in nights.store.heard]
    assert found == [("a", HeardHow.OPENED), ("a", HeardHow.SKIPPED), ("b", HeardHow.PLAYED)]


@pytest.mark.slow
def test_a_session_is_in_the_history_with_its_end() -> None:
    """Once broken off, once ended by its timer."""
    nights = Remembering(settings(timer_s=2 * HOURS), EVENING)
    nights.run_for(HOURS)
    nights.die()
    nights.run_for(2 * HOURS)
    ended = [(end.why, end.reason) for end in nights.store.ended]
    assert ended == [("schedule:night", "interrupted"), ("resume", "timer")]
    assert abs((nights.store.ended[0].started - datetime(2026, 1, 15, 22, 30, tzinfo=BERLIN)).total_seconds()) < 11
    assert nights.session.snapshot(nights.now).nights_used == 1


def test_a_night_counts_as_used_once_the_clock_is_set() -> None:
    """The night in which the session began, once, also after a crash."""
    nights = Remembering(settings(), EVENING)
    nights.clock.is_trusted = False
    nights.command(Play("rain", timer=TIMER_OFF))
    nights.run_for(60.0)
    assert nights.session.snapshot(nights.now).nights_used == 0
    nights.clock.is_trusted = True
    nights.run_for(60.0)
    nights.die()
    nights.run_for(9 * HOURS)
    assert nights.session.snapshot(nights.now).nights_used == 1


def test_a_night_is_counted_once_whatever_the_clock_does_later() -> None:
    """It is the night in which the session began: neither a step of the clock by two days nor the next noon counts."""
    nights = Remembering(settings(), datetime(2026, 1, 15, 11, 59, tzinfo=BERLIN))
    nights.clock.is_trusted = False
    nights.command(Play("rain", timer=TIMER_OFF))
    nights.run_for(120.0)
    nights.clock.is_trusted = True
    nights.run_for(60.0)
    nights.clock.jump_wall(2 * 86_400.0)
    nights.run_for(60.0)
    nights.write(nights.session.close(nights.now).writes)
    assert nights.store.recall().documents.nights == {date(2026, 1, 14)}


def test_a_calibration_is_no_night() -> None:
    """Its noise is a session like any other, but nobody sleeps by it."""
    nights = Remembering(settings(), EVENING)
    nights.command(Calibrate())
    nights.run_for(60.0)
    assert nights.state is State.PLAYING
    assert nights.session.snapshot(nights.now).nights_used == 0


@dataclass
class Story:
    """A seeded night: what a person does and when, and what the person has a right to expect."""

    seed: int
    nights: Remembering
    wants_silence: bool = True
    loudest: int = 30
    banned: set[str] = field(default_factory=set)

    def play(self) -> None:
        """Two hours from a quarter past ten, a thing each few minutes; the daemon may die in between."""
        rng = random.Random(self.seed)
        for _ in range(12):
            command = rng.choice([
                Play("rain"), Play("rain", volume=rng.randint(5, 60)), SetVolume(rng.randint(5, 60)), Stop(), Pause(),
                Resume(), Next(), NeverAgain(), ExtendTimer(600.0), SetSchedule(None, "night"),
            ])  # fmt: skip
            self._do(command)
            self._pass(rng.choice([1.0, 20.0, 90.0, 420.0, 900.0]))

    def _do(self, command: object) -> None:
        before = self.nights.session.snapshot(self.nights.now)
        try:
            answer = self.nights.command(command)  # type: ignore[arg-type]
        except Died:
            self._come_back()
            return
        if not answer.is_done:
            return
        if isinstance(command, Stop | Pause):
            self.wants_silence = True
        elif isinstance(command, Play | Resume):
            self.wants_silence = False
        elif isinstance(command, NeverAgain) and before.track is not None:
            self.banned.add(before.track)
        if isinstance(command, Play | SetVolume) and command.volume is not None:
            self.loudest = max(self.loudest, command.volume)

    def _pass(self, duration_s: float) -> None:
        end_s = self.nights.now.boot_s + duration_s
        while self.nights.now.boot_s < end_s:
            try:
                self.nights.run_for(min(5.0, max(end_s - self.nights.now.boot_s, 0.01)))
            except Died:
                self._come_back()
            self._check()

    def _come_back(self) -> None:
        was_silent = self.wants_silence
        self.nights.die(off_s=3.0)
        if was_silent and self.nights.state is not State.IDLE:
            why = self.nights.session.snapshot(self.nights.now).why
            assert why == "schedule:night", f"seed {self.seed}: {why} after a stop"

    def _check(self) -> None:
        nights = self.nights
        state = nights.session.snapshot(nights.now)
        if state.why == "schedule:night":
            self.wants_silence = False
        assert nights.engine.level_db() <= volume_to_db(self.loudest) + 1e-6
        assert state.track not in self.banned or state.state == "idle"
        assert not [text for text in state.problems if "cannot be read" in text]
        by_schedule = [told for told in nights.events("session_started") if told.news.data["why"] == "schedule:night"]
        assert len(by_schedule) <= 1, "a start of the schedule was made twice"


@pytest.mark.slow
@pytest.mark.parametrize("seed", effort.first(1, range(4)))
def test_a_death_before_any_write_breaks_no_promise(seed: int) -> None:
    """The same night again and again, dying before its first write, its second, and so on to the last.

    Never sound after a stop or a pause that was answered, never louder than anybody asked, no start of the schedule
    twice, no banned track, and everything that was written can be read.
    """
    for dies_at_write in itertools.count(1, 1 if effort.is_thorough() else 4):
        nights = Remembering(settings(timer_s=HOURS), EVENING, "abcdef")
        nights.dies_at_write = dies_at_write
        Story(seed, nights).play()
        if nights.dies_at_write is not None:
            assert dies_at_write > 10, "a night writes more than that"
            return
        assert nights.deaths == 1
