"""What holds in every night, looked at after each step of it.

Nothing here knows how the session works: it looks at what is heard (the fake engine's level), at what was told, and at
what was asked.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from player.core.commands import Stop
from player.core.limits import FADE_DEPTH_DB, MAX_RISE_DB_PER_S
from player.core.snapshot import Snapshot
from player.core.states import State
from player.core.units import SILENCE_DB, volume_to_db
from player.session.controller import WAKE_S
from player.session.library_findings import FALLBACK
from player.session.memory.write_policy import SOON_S
from player.session.schedule.planner import moment_of
from tests.nights.remembered_nights import Died, Remembering
from tests.nights.stories import BOOK_S, BOOKS, DEATH, Happening, Story

LONGEST_STEP_S = 60.0
"""Once what has happened is dealt with, what is due wakes the session by itself; the daemon's ten seconds would only
hide what does not."""
SLACK_S = 1.0
"""A deadline is met within this; what is heard of a fade ends 0.4 s before."""
STOP_S = 4.0 + SLACK_S
RECORD_S = 60.0 + SLACK_S
"""What is written down of a running session may be so old."""
GAP_S = 5.0
"""No more than this is silent between two tracks."""


class Broken(AssertionError):
    """An invariant does not hold."""


class Watcher:
    """Looks on while a story is played."""

    def __init__(self, story: Story, nights: Remembering) -> None:
        self._story = story
        self._nights = nights
        self._told = 0
        self._is_open = False
        self._silent_by_s = math.inf
        self._stopped_by_s = math.inf
        self._level_db = SILENCE_DB
        self._at_s = nights.now.boot_s
        self._before_gap = (SILENCE_DB, -math.inf)
        """The level before the last silence, and when that was seen first: between two tracks nothing sounds."""
        self._volume = 0
        self._owed_by_s = math.inf
        self._asked_s = -math.inf
        self._volume_before: int | None = None
        self._highest_in_fade_db = math.inf
        self._was: Snapshot | None = None
        self._playlist_before: str | None = None
        self._may_resume = False
        self._is_unseen = False
        """A session has started since the last look: neither its volume nor its end was seen."""
        self._promised: dict[str, datetime] = {}
        self._unmatched: list[tuple[str, datetime]] = []
        self.started: list[tuple[str, datetime]] = []
        self.missed: list[tuple[str, datetime]] = []

    def die(self, now_s: float) -> None:
        """The daemon is dead, and back: what runs on owes its end to the session that was broken off."""
        lost_s = self._nights.now.boot_s - now_s
        is_clock_lost = not self._nights.now.trusted
        self._owed_by_s = self._silent_by_s + RECORD_S + (lost_s if is_clock_lost else 0.0)
        is_unwritten = now_s - self._asked_s <= SOON_S  # what was asked for so shortly before may be lost
        if is_unwritten:
            self._owed_by_s = math.inf
        self._volume_before = self._volume
        self._owed_by_s += (self._was and self._was.snooze_left_s) or 0.0  # a snooze puts the end off
        if self._was is not None and (
            self._was.state in {"playing", "fading_out"} or self._was.snooze_left_s is not None
        ):
            self._may_resume, self._playlist_before = True, None if is_unwritten else self._was.playlist
        if self._is_open and (self._is_unseen or self._was is None):
            self._may_resume, self._playlist_before = True, None  # begun and broken off at one instant
            self._volume_before, self._owed_by_s = None, math.inf
        self._was, self._promised, self._unmatched = None, {}, []
        self._highest_in_fade_db = math.inf
        self._is_open, self._is_unseen, self._level_db = False, False, SILENCE_DB
        self._before_gap = (SILENCE_DB, -math.inf)
        self._silent_by_s = self._stopped_by_s = math.inf

    def note(self, happening: Happening) -> None:
        """Something has just been done; after a stop it ends, whatever was asked before it."""
        if not happening.words.startswith(DEATH):
            self._asked_s = self._nights.now.boot_s
            self._owed_by_s, self._volume_before = math.inf, None
            self._playlist_before = None
        self._highest_in_fade_db = math.inf
        is_stop = happening.words.startswith(Stop.__name__ + "(")
        self._stopped_by_s = self._nights.now.boot_s + STOP_S if is_stop else math.inf

    def look(self) -> None:
        """Check everything at the present instant."""
        self.hear_news()
        now = self._nights.now
        shot = self._nights.session.snapshot(now)
        now_s = now.boot_s
        level_db = self._nights.engine.level_db()
        self._check_level(level_db, shot, now_s)
        self._check_ends(level_db, shot, now_s)
        self._check_resumed(shot, now_s)
        self._check_fade(level_db, shot)
        self._check_promises(shot)
        self._check_light(shot)
        self._was = shot
        self._volume = shot.volume
        self._level_db, self._at_s = level_db, now_s
        self._is_unseen = False

    def hear_news(self) -> None:
        """Take what was told since the last time."""
        for told in self._nights.told[self._told :]:
            data = told.news.data
            if told.news.type == "session_started":
                if self._is_open:
                    raise Broken("a session started while another one was running")
                self._is_open = self._is_unseen = True
                if not data["why"]:
                    raise Broken("a session started without a reason")
                if data["why"].startswith("schedule:"):
                    self.started.append((data["why"].removeprefix("schedule:"), told.now.wall))
                    self._unmatched.append(self.started[-1])
                self._stopped_by_s = math.inf
                self._highest_in_fade_db = math.inf
                if data["why"] == "resume" and not self._may_resume:
                    raise Broken("a session came back that a person had ended")
                self._may_resume = False
            elif told.news.type == "session_ended":
                if not self._is_open:
                    raise Broken("a session ended twice")
                self._is_open = False
            elif told.news.type == "start_missed":
                self.missed.append((data["entry"], datetime.fromisoformat(data["planned"])))
                self._unmatched.append(self.missed[-1])
        self._told = len(self._nights.told)

    def _check_level(self, level_db: float, shot: Snapshot, now_s: float) -> None:
        before_max = shot.volume_max if self._was is None else self._was.volume_max
        highest_db = volume_to_db(max(shot.volume_max, before_max))  # it may have risen until the cap came
        if self._level_db != SILENCE_DB and level_db == SILENCE_DB:
            self._before_gap = (self._level_db, now_s)
        before_gap_db, silent_since_s = self._before_gap
        on_its_way_db = before_gap_db if now_s <= silent_since_s + GAP_S else self._level_db
        if level_db > max(highest_db, self._level_db, on_its_way_db) + 1e-6:
            raise Broken(f"{level_db:.1f} dB is above the cap of {shot.volume_max}, which is {highest_db:.1f} dB")
        if level_db == SILENCE_DB:
            return
        if not self._is_open:
            raise Broken("something sounds, and no session is running")
        before_db = max(self._level_db, volume_to_db(shot.volume_max) - FADE_DEPTH_DB)
        if self._level_db != SILENCE_DB and level_db - before_db > MAX_RISE_DB_PER_S * (now_s - self._at_s) + 0.1:
            raise Broken(f"from {before_db:.1f} to {level_db:.1f} dB in {now_s - self._at_s:.3f} s")

    def _check_ends(self, level_db: float, shot: Snapshot, now_s: float) -> None:
        """Silent at the deadline that was last shown, and after a stop; the longest session ends in any case."""
        is_silent = level_db == SILENCE_DB
        if now_s > self._silent_by_s and not is_silent:
            raise Broken(f"still {level_db:.1f} dB at the deadline of its timer, in state {shot.state}")
        left_s = shot.timer_remaining_s if shot.phase == shot.phases else None
        self._silent_by_s = math.inf if left_s is None else now_s + left_s + SLACK_S
        if now_s > self._stopped_by_s and self._nights.state is not State.IDLE:
            raise Broken(f"{STOP_S:.0f} s after a stop the state is {shot.state}")
        if shot.started is not None and self._story.is_steady and not self._story.is_reloaded:
            lasted_s = (self._nights.now.wall.astimezone(UTC) - shot.started.astimezone(UTC)).total_seconds()
            if lasted_s > self._story.settings.session.max_s + SLACK_S:
                raise Broken(f"the session has lasted {lasted_s:.0f} s")

    def _check_fade(self, level_db: float, shot: Snapshot) -> None:
        """What is on its way to silence does not come up again unless something has happened."""
        if level_db == SILENCE_DB:
            self._highest_in_fade_db = math.inf  # the way back from there is another matter
            return
        if level_db > self._highest_in_fade_db + 1e-6:
            raise Broken(f"in the final fade it rose from {self._highest_in_fade_db:.1f} to {level_db:.1f} dB")
        if shot.state == "fading_out":
            self._highest_in_fade_db = level_db

    def _check_light(self, shot: Snapshot) -> None:
        """The lamp is on in a morning alone, and never brighter than its entry says."""
        highest = max((entry.light or 1.0 for entry in self._story.settings.schedule if entry.is_morning), default=1.0)
        if shot.light > highest and not self._story.is_reloaded:
            raise Broken(f"the light is {shot.light}, above {highest}")
        if not shot.is_morning and (shot.light or shot.snooze_left_s is not None):
            raise Broken("there is a light or a snooze, and no morning")

    def _check_promises(self, shot: Snapshot) -> None:
        """What was shown as the next start of an entry is made or told as missed at that instant, and nothing else is.

        The state promises it anew after each change by hand, so this holds however the schedule was touched.
        """
        if not self._story.is_steady or self._story.is_deadly:
            return
        now = self._nights.now.wall.astimezone(UTC)
        for name, moment in self._promised.items():
            if moment <= now:
                found = [one for one in self._unmatched if one[0] == name and _near(one[1], moment)]
                if len(found) != 1:
                    raise Broken(f"{name} was to start at {moment.isoformat()}: made or told {len(found)} times")
                self._unmatched.remove(found[0])
        sudden = [one for one in self._unmatched if one in self.started]
        if sudden:
            raise Broken(f"nobody was told that this would start: {sudden}")
        self._unmatched.clear()  # what a skipped night leaves out is told, and was not promised
        nexts = {name: entry.next_start for name, entry in shot.entries.items() if entry.is_enabled}
        self._promised = {name: at.astimezone(UTC) for name, at in nexts.items() if at is not None}

    def _check_resumed(self, shot: Snapshot, now_s: float) -> None:
        """What was broken off ends when it would have ended, and is no louder."""
        if shot.why != "resume":
            return
        has_phases = (shot.phases or 1) > 1
        is_kept = shot.playlist == self._playlist_before or FALLBACK.name in {shot.playlist, self._playlist_before}
        if self._playlist_before is not None and not is_kept and not has_phases:
            raise Broken(f"resumed with {shot.playlist}, before it was {self._playlist_before}")
        if self._volume_before is not None and shot.volume > self._volume_before and not has_phases:
            raise Broken(f"resumed at volume {shot.volume}, before it was {self._volume_before}")
        is_last = shot.phase == shot.phases
        if is_last and shot.timer_remaining_s is not None and now_s + shot.timer_remaining_s > self._owed_by_s:
            late_s = now_s + shot.timer_remaining_s - self._owed_by_s
            raise Broken(f"a resumed session ends {late_s:.0f} s later than it would have")

    def finish(self) -> None:
        """The night is over: no start twice, and where nobody touched clock or schedule, none lost."""
        started = [(name, wall.date()) for name, wall in self.started if name != "tonight"]
        if self._story.is_steady and len(set(started)) < len(started) and not self._is_schedule_touched():
            raise Broken(f"an entry started twice: {started}")
        if self._story.is_steady and not self._story.is_deadly and not self._is_schedule_touched():
            self._check_none_lost()

    def _is_schedule_touched(self) -> bool:
        words = ("SetSchedule", "SkipTonight", "SetStartTime", "ChangeEntry", "Tonight")
        return self._story.is_reloaded or any(
            word in happening.words for happening in self._story.happenings for word in words
        )

    def _check_none_lost(self) -> None:
        """Each planned start of the night was made at its instant, or told as missed."""
        zone = self._story.evening.tzinfo
        assert zone is not None
        end = self._nights.now.wall.astimezone(UTC) - timedelta(seconds=60)
        for entry in self._story.settings.schedule:
            for day in (self._story.evening.date(), self._story.evening.date() + timedelta(days=1)):
                moment = moment_of(day, entry.at, zone)
                if not self._story.evening.astimezone(UTC) < moment < end:
                    continue
                made = [wall for name, wall in self.started if name == entry.name and _near(wall, moment)]
                told = [wall for name, wall in self.missed if name == entry.name and wall.astimezone(UTC) == moment]
                if len(made) + len(told) != 1:
                    raise Broken(f"{entry.name} at {moment.isoformat()}: started {len(made)}, missed {len(told)} times")


def _near(wall: datetime, moment: datetime) -> bool:
    return 0.0 <= (wall.astimezone(UTC) - moment).total_seconds() <= 1.0


def play(story: Story, lasts_s: float) -> None:
    """Play a story to its end. Raises Broken."""
    nights = Remembering(story.settings, story.evening, longest_idle_s=600.0)
    nights.library["book"] = BOOKS
    nights.engine.durations.update({track.uri: BOOK_S for track in BOOKS})
    nights.look()
    watcher = Watcher(story, nights)
    nights.on_step = watcher.look
    began_s = nights.now.boot_s
    for happening in story.happenings:
        _live(nights, watcher, began_s + happening.at_s)
        watcher.hear_news()
        with _dying(nights, watcher):
            happening.do(nights)
            nights.take_reports()
        watcher.note(happening)
        watcher.look()
    _live(nights, watcher, began_s + lasts_s)
    watcher.finish()


def _live(nights: Remembering, watcher: Watcher, until_s: float) -> None:
    """Let time pass; whoever dies at a write is back at once."""
    nights.longest_step_s = WAKE_S
    soon_s = min(until_s, nights.now.boot_s + WAKE_S)
    while nights.now.boot_s < until_s - 1e-6:
        if nights.now.boot_s > soon_s - 1e-6:
            nights.longest_step_s, soon_s = LONGEST_STEP_S, until_s
        with _dying(nights, watcher):
            nights.run_for(soon_s - nights.now.boot_s)


@contextlib.contextmanager
def _dying(nights: Remembering, watcher: Watcher) -> Iterator[None]:
    """What may kill the daemon, even twice: at a write while it comes back from a death that was meant."""
    before_s, deaths = nights.now.boot_s, nights.deaths
    has_died_at_write = False
    try:
        yield
    except Died:
        has_died_at_write = True
    if nights.deaths > deaths:
        watcher.die(before_s)
    if has_died_at_write:
        watcher.hear_news()  # what was told before it died belongs to the session that is over
        before_s = nights.now.boot_s
        nights.die()
        watcher.die(before_s)


def shortest(story: Story, lasts_s: float) -> tuple[Story, Broken] | None:
    """Leave out whatever is not needed to break it; None where it is not broken at all."""
    try:
        play(story, lasts_s)
    except Broken as broken:
        found = broken
    else:
        return None
    for happening in story.happenings:
        shorter = story.without(happening)
        try:
            play(shorter, lasts_s)
        except Broken as broken:
            story, found = shorter, broken
    return story, found
