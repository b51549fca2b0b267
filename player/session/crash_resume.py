"""Resumes a session after a crash or a power cut: decides whether and when. Main thread, pure.

A record that is still there at the start means that the daemon died while it played: whoever stops or pauses a session
takes the record away, and so does a clean end. The session is resumed with what is left of it, from silence, at the
level that it had or lower; but only under these conditions:

- It was interrupted at most ``resume_within`` ago. What is known is the last sign of life, and it may have lived for
  `SIGN_OF_LIFE_S` after that. On the same boot the boot clock says how long ago the sign was. After a power cut only
  the wall clock can, and most Pis have none that runs without power: so it is waited for, in silence, until the clock
  is trusted, and no longer than ``resume_within``; guessing could start sound hours late.
- What is left is long enough: at least twice the shortest rise.
- It has not crashed repeatedly. The first time it is resumed at once, then after half a minute, then after two
  minutes, and then it stays silent and says so: a loop of restarts must not become a loop of sounds. The store
  counts, and hands out no record that it could not count, so this holds on a card that has become read-only as well.

While it waits, it is announced and takes commands: `stop` gives it up, `pause` holds it until `resume`.

A track that crashes the decoder does so while it is opened or in its first seconds, or always at the same place. So
what was being opened at each of two crashes on one boot, or was at about the same place at both, is left out until its
file changes or a person allows it again. A track that had played well for a while is not suspected, and streams are
not, because they have no file that could change. A crash is distinguished from a kill (`player.system.crash_marker`): a
kill from outside (SIGKILL, no memory left) or a power cut blames no track, however often it happens.

After a crash the session is resumed with another track from the first time on, since the same one at the same place
would most likely crash again; the one that was open is left out for a while, like any track that fails, and is back
where there is no other.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from player.core.arguments import MAX_FADE_IN_S
from player.core.clock import Now, elapsed_s, moved
from player.core.commands import Asleep, Awake
from player.core.events import has_file
from player.core.limits import SHORTEST_RISE_S
from player.core.settings.session import MAX_TIMER_S, Phase, Settings, TimerMode, TimerSetting
from player.core.units import format_duration
from player.session.interrupted import InterruptedSession
from player.session.memory.memory import DIED_OF_IT, PEACEFUL_S, Memory
from player.session.memory.records import Documents, RecalledMemory, SessionRecord
from player.session.memory.write_policy import SIGN_OF_LIFE_S
from player.session.next_session import StartParams
from player.session.night_mode import sunk, taper_of
from player.session.outcome import Outcome
from player.session.phases import PhasePlan
from player.session.playback import Playback
from player.session.session import Session
from player.session.track_selection import NEAR_THE_END_S, ResumePoint

PAUSES_S: Final = (0.0, 30.0, 120.0)
"""Seconds to wait before each attempt; there is no attempt after the last."""
RESTARTED: Final = -1
"""The count that a clean restart leaves: the store counts the start after it too, and nothing has crashed."""
WELL_S: Final = 600.0
"""Seconds after which a resumed session resets the count of crashes."""
OPENED_AHEAD_S: Final = 40.0
"""About how many seconds before the end of a track the next one is opened."""
CRASHED: Final = "lull crashed while it was open; another track is played instead"
STEP_BACK_S: Final = 60.0
"""A record from further in the future than this, in seconds, means that the wall clock is wrong."""


class CrashResume:
    """Brings back the session that was interrupted, once.

    Args:
        recalled: what was read from the store at the start.
        memory: is told what may have crashed the decoder.

    Attributes:
        tries: how often a record was resumed since a session last ran well, or since a clean restart.
        problem: why it stays silent, or waits; None without a problem.
    """

    def __init__(self, recalled: RecalledMemory, memory: Memory) -> None:
        self.tries = recalled.documents.tries
        self.problem: str | None = None
        self._memory = memory
        self._has_crashed = recalled.has_crashed
        self._suspects: tuple[str, ...] = ()
        self._boot = recalled.boot
        self._since_s: float | None = None
        """When lull started, on the boot clock; None before the first `tick`."""
        self._is_untouched = True
        """Nothing has played since lull started."""
        self._is_waiting = False
        """`problem` says what a record waits for; False as soon as there is none."""

    def tick(self, playback: Playback, now: Now, out: Outcome) -> None:
        """Resume the session, wait, or give it up."""
        interrupted = playback.interrupted
        if self._since_s is None:
            self._since_s = now.boot_s
            self._blame(interrupted, now, out)
        record = interrupted.record
        self._is_untouched = self._is_untouched and playback.session is None
        if record is None:
            if self._is_waiting:
                self._is_waiting, self.problem = False, None  # a person did something else meanwhile
            self._reset_tries(playback.session, now.boot_s)
            return
        self._is_waiting = False
        record = _moved_on(record, self._gone_s(record, now), playback.settings, now)
        assert self.tries > RESTARTED, "the store counts each time that it hands out a record"
        reason = self._why_not(record, playback.settings, now)
        gone_s = self._gone_s(record, now)
        is_due = now.boot_s - self._since_s >= PAUSES_S[max(0, min(self.tries, len(PAUSES_S)) - 1)]
        if reason is not None:
            self._give_up(interrupted, reason, out)
        elif gone_s is not None and is_due and not interrupted.is_paused:
            self._resume(playback, record, gone_s, now, out)
        else:
            self._is_waiting = True
            self.problem = self._why_waiting(is_clock_set=gone_s is not None, is_paused=interrupted.is_paused)

    def take_late(self, documents: Documents, playback: Playback, *, is_asked: bool) -> None:
        """Take a record that became readable after the start, unless something has played or been asked for since."""
        is_free = self._is_untouched and not is_asked and playback.interrupted.record is None
        if documents.record is not None and is_free:
            self.tries = documents.tries
            playback.interrupted.take_late(documents.record)

    def notice(self, command: Asleep | Awake, playback: Playback, now: Now, out: Outcome) -> str:
        """`asleep` or `awake` while nothing plays: a session that waits comes back that way. Returns what to answer."""
        interrupted = playback.interrupted
        if interrupted.record is None:
            return "nothing is playing"
        if isinstance(command, Asleep) and interrupted.record.morning is not None:
            return "asleep: a morning waits to be resumed; nothing changes"
        if isinstance(command, Asleep):
            gone_s = self._gone_s(interrupted.record, now)
            record = _moved_on(interrupted.record, gone_s, playback.settings, now)
            interrupted.fall_asleep(record, max(0.0, gone_s or 0.0), playback.settings.session.asleep_timer_s)
        else:
            interrupted.wake_up()
        verb = type(command).__name__.lower()
        text = f"{verb}: the interrupted session waits to be resumed"
        out.announce(verb, text, seconds=None)
        return text

    def _why_waiting(self, *, is_clock_set: bool, is_paused: bool) -> str:
        """The same words as long as it waits, so that they are announced once."""
        if is_paused:
            return "an interrupted session is paused; resume plays it, stop gives it up"
        if not is_clock_set:
            return "an interrupted session waits until the clock is set; pause and stop prevent it"
        waits = format_duration(PAUSES_S[self.tries - 1])
        attempt = f"attempt {self.tries} of {len(PAUSES_S)}"
        return f"an interrupted session resumes {waits} after the start of lull ({attempt}); pause and stop prevent it"

    def _reset_tries(self, session: Session | None, now_s: float) -> None:
        """Reset the count of crashes for another session, or for one that has run long enough."""
        if session is None:
            self.tries = 0
        elif self.tries != RESTARTED and (not session.is_resumed or now_s - session.started.boot_s >= WELL_S):
            self.tries, self.problem = 0, None

    def _gone_s(self, record: SessionRecord, now: Now) -> float | None:
        """Seconds since the record was written; None while that is unknown."""
        if self._is_of_this_boot(record):
            return now.boot_s - record.boot_s
        return elapsed_s(record.wall, now.wall) if now.trusted and record.is_trusted else None

    def _is_of_this_boot(self, record: SessionRecord) -> bool:
        return record.boot == self._boot != ""

    def _why_not(self, record: SessionRecord, settings: Settings, now: Now) -> str | None:
        within_s = settings.session.resume_s
        if not within_s:
            return "resume_within is 0"
        if self.tries > len(PAUSES_S):
            return f"it was interrupted {self.tries} times in a row"
        if settings.playlist(record.playlist) is None and record.morning is None:
            return f"there is no playlist {record.playlist!r} any more"
        gone_s = self._gone_s(record, now)
        if gone_s is None:
            assert self._since_s is not None
            is_late = not record.is_trusted or now.boot_s - self._since_s > within_s
            return "how long ago it was is not known: the clock is not set" if is_late else None
        if not -STEP_BACK_S <= gone_s <= within_s + SIGN_OF_LIFE_S:
            return f"it was last active {format_duration(abs(gone_s))} ago, longer than resume_within allows"
        longest_s = settings.session.max_s - record.age_s - record.passed_s(gone_s)
        is_over = _is_over(record, gone_s) or longest_s < 2 * SHORTEST_RISE_S
        return "its planned end has come" if is_over else None

    def _give_up(self, interrupted: InterruptedSession, reason: str, out: Outcome) -> None:
        self.problem = None
        if self.tries > len(PAUSES_S):
            self.problem = f"the session is not resumed: {reason}; the journal says why, and play starts another one"
        interrupted.give_up(reason, out)

    def _resume(self, playback: Playback, record: SessionRecord, gone_s: float, now: Now, out: Outcome) -> None:
        settings, gone_s = playback.settings, max(0.0, gone_s)
        chosen = playback.next_session.choices.volume
        asked = record.volume if chosen is None else min(chosen, record.volume)
        asleep_s = record.age_s + gone_s - settings.guard.asleep_after_s
        noticed_s = None if record.asleep_s is None else record.asleep_s + gone_s
        morning = None if record.morning is None else record.morning.later(gone_s)
        fade_in_s = max(settings.fades.fade_in_s, min(record.rise_left_s - gone_s, MAX_FADE_IN_S))
        start = StartParams(
            why="resume",
            # the record is older than the sound was: what sank in between stays down
            volume=settings.volume.cap(
                sunk(asked, taper_of(_phase_of(record), settings), min(gone_s, max(asleep_s, noticed_s or 0.0)))
            ),
            timer=record.timer,
            fade_in_s=fade_in_s if morning is None else morning.left_s,
            fade_out_s=record.fade_out_s,
            late_s=record.age_s + gone_s,
            then=record.then,
            phase=record.phase,
            phase_volume=record.phase_volume,
            morning=morning,
        )
        point = None
        if record.track is not None:
            by_now_s = record.position_s + gone_s
            point = ResumePoint(record.track, record.position_s, by_now_s, record.following, self._suspects)
            self._announce_suspects(out)
        self.problem = None
        session = playback.resume_interrupted(start, record, point, now, out)
        left_s = None if record.left_s is None else record.left_s - record.passed_s(gone_s)
        session.end_plan.restore(record.mode, left_s, now.boot_s)
        session.night_mode.restore(noticed_s, now.boot_s, is_strict=record.is_strict)
        session.queue.end_with(record.mode, out)
        session.ramp.volume = min(session.volume, session.night_mode.volume_max(now.boot_s))
        if session.morning is not None and session.morning.snoozed_until_s is not None:
            session.pause(now.boot_s, out)
            session.end_plan.hold(now.boot_s)

    def _blame(self, interrupted: InterruptedSession, now: Now, out: Outcome) -> None:
        """Note in the memory what was opened or played during a crash; after a kill from outside, nothing."""
        record = interrupted.record
        if record is None or record.is_waiting:
            return
        interrupted.mark_waiting()
        if not self._has_crashed or not self._is_of_this_boot(record):
            return
        suspects = tuple(_suspects(record, now.boot_s - record.boot_s))
        self._suspects = tuple(uri for uri, _ in suspects)
        for uri, place_s in suspects:
            if not has_file(uri):
                continue
            was_fatal = self._memory.is_fatal(uri)
            self._memory.note_crash(uri, place_s, now.wall)
            if self._memory.is_fatal(uri) and not was_fatal:
                text = f"left out {uri}: {DIED_OF_IT}"
                out.announce("track_skipped_over", text, track=uri, uri=uri, reason=DIED_OF_IT)

    def _announce_suspects(self, out: Outcome) -> None:
        """Announce that the daemon crashed, probably in the decoder, so another track is played."""
        for uri in self._suspects:
            out.announce("track_skipped_over", f"left out {uri}: {CRASHED}", track=uri, uri=uri, reason=CRASHED)


def _phase_of(record: SessionRecord) -> Phase | None:
    return None if record.phase == 1 else record.then[record.phase - 2]


def _is_over(record: SessionRecord, gone_s: float) -> bool:
    """Whether too little is left of this phase for a rise, or its last track is not resumed."""
    left_s = record.planned_left_s
    least_s = NEAR_THE_END_S if record.left_s is None else 2 * SHORTEST_RISE_S
    return left_s is not None and left_s - record.passed_s(gone_s) < least_s


def _moved_on(record: SessionRecord, gone_s: float | None, settings: Settings, now: Now) -> SessionRecord:
    """The record as it would be by now: in a later phase, or with the bed alone."""
    if gone_s is None or record.planned_left_s is None or not _is_over(record, gone_s):
        return record
    if record.phase > len(record.then):
        return _with_bed_alone(record, gone_s)
    age_s = record.age_s + gone_s
    began = Now(now.boot_s - age_s, moved(now.wall, -age_s), now.trusted)
    written = record.volume if record.phase_volume is None else record.phase_volume
    plan = PhasePlan(record.then, began, written, settings.timer, record.phase)
    ended_s = now.boot_s - gone_s + record.planned_left_s
    may_rise = record.asleep_s is None
    found = plan.enter_what_is_due(ended_s, now.boot_s, record.volume, may_rise=may_rise)
    if found is None:
        return _with_bed_alone(record, gone_s)
    begun, timer, began_s, volume = found
    ends_in_s = None if timer.duration_s is None else began_s + timer.duration_s - (now.boot_s - gone_s)
    for phase in begun:
        record = _in_phase(record, phase, settings)
    return replace(
        record, volume=volume, timer=timer, mode=timer.mode, left_s=ends_in_s, phase=plan.number,
        phase_volume=plan.volume, track=None, position_s=0.0, track_left_s=None, following=None, sounded_s=0.0,
    )  # fmt: skip


def _in_phase(record: SessionRecord, phase: Phase, settings: Settings) -> SessionRecord:
    """What a phase that began meanwhile plays, and under it; a bed that outlasts the phase before is not taken up."""
    playlist = None if phase.playlist is None else settings.playlist(phase.playlist)
    if playlist is not None and playlist.name != record.playlist:
        beds = (playlist.bed or ()) if record.is_bed_of_playlist else record.beds
        record = replace(record, playlist=playlist.name, beds=beds)
    return record if phase.bed is None else replace(record, beds=phase.bed, is_bed_of_playlist=False)


def _with_bed_alone(record: SessionRecord, gone_s: float) -> SessionRecord:
    """The record of a session whose tracks have ended by now, where a bed outlasts them."""
    outlasts_s = max((bed.outlasts_s for bed in record.beds), default=0.0)
    left_s = record.planned_left_s
    if record.is_bed_alone or not outlasts_s or left_s is None:
        return record
    alone_s = min(outlasts_s + record.fade_out_s, MAX_TIMER_S)
    if left_s + alone_s <= gone_s:
        return record
    return replace(
        record, is_bed_alone=True, timer=TimerSetting.clock(alone_s), mode=TimerMode.CLOCK,
        left_s=left_s + alone_s, track=None, position_s=0.0, track_left_s=None, following=None, sounded_s=0.0,
    )  # fmt: skip


def _suspects(record: SessionRecord, gone_s: float) -> Iterator[tuple[str, float | None]]:
    """The tracks that may have crashed the decoder, with the place in each; None where it was being opened.

    The record may be minutes old, so what sounded and what was open are worked out from the time that has passed.
    """
    left_s = None if record.track_left_s is None else record.track_left_s - gone_s
    if record.track is not None and (left_s is None or left_s > 0.0):
        is_peaceful = record.sounded_s + gone_s > PEACEFUL_S and record.sounded_s > 0.0
        yield record.track, record.position_s + gone_s if is_peaceful else None
    if record.following is not None and left_s is not None and left_s < OPENED_AHEAD_S:
        yield record.following, -left_s if -left_s > PEACEFUL_S else None
