"""Decides what is saved and when: everything that must survive, with as few writes as possible. Main thread, pure.

The state is on an SD card, which wears out by writes, and a night has thousands of changes. So each change is written
when it is needed:

- At once: a session that begins, stops, pauses or ends, a phase that begins, a bed that goes on alone, generated noise
  that takes the place of a morning's tracks, a start of the schedule, what a person changes in it, bans, liked tracks,
  tracks that are set aside, and a calibration.
  A session that was stopped must not resume after the plug is pulled, and one that was resumed must not end later.
- Within five seconds: what a person set, a place in the track among it. A knob that is turned is written when it has
  come to rest.
- Within a quota, but then at once: sleep that is detected or over. A sensor may change its mind every few seconds.
- Within the same quota: another track, what was heard, and every 400 s a sign of life. The quota is a bucket of 10
  writes that gains one each 400 s, so that a night of eight hours makes at most 82 of these whatever happens.

The record of a session is therefore older than the sound, by up to 400 s. What follows from the time that has passed
since, the place in the track among it, is worked out when it is read. The report of the night is never a reason to
write: it goes along with what is written anyway.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Final

from player.core.clock import Now
from player.core.night_report import NightReport
from player.core.noise import is_noise, parse_noise
from player.core.states import State
from player.core.token_bucket import Bucket
from player.session.library_findings import FALLBACK, LibraryFindings
from player.session.memory.memory import Memory
from player.session.memory.records import (
    NAMES,
    NIGHT,
    RECORD,
    Batch,
    Documents,
    EndedSession,
    HeardEntry,
    SessionRecord,
    texts,
)
from player.session.memory.rotation import Rotation
from player.session.outcome import Outcome
from player.session.playback import Playback
from player.session.schedule.schedule import Schedule
from player.session.session import Session

SOON_S: Final = 5.0
SIGN_OF_LIFE_S: Final = 400.0
BUCKET: Final = 10.0
LARGE_STEP: Final = 4
"""A change of the volume by this many points is taken as made by a person; tapering changes it by less."""
MOST_HEARD: Final = 1000
"""Maximum number of tracks heard that wait to be written."""
_AT_ONCE: Final = frozenset({"bans", "likes", "deaths", "tries", "switches", "calibration"})


def _record(session: Session, boot: str, now: Now) -> SessionRecord | None:
    """The session as it can be resumed; None while silence was asked for."""
    morning = session.morning
    is_snoozing = morning is not None and morning.snoozed_until_s is not None and session.state is State.PAUSED
    if session.state not in {State.PLAYING, State.FADING_OUT} and not is_snoozing:
        return None
    queue, timer = session.queue, session.end_plan.timer
    playing, following = queue.current, queue.following
    return SessionRecord(
        why=session.why,
        playlist=queue.playlist.name,
        volume=session.volume,
        timer=session.end_plan.setting,
        mode=timer.mode,
        left_s=timer.remaining_s(now.boot_s) if timer.has_end else None,
        fade_out_s=session.end_plan.fade_out_s,
        age_s=now.boot_s - session.started.boot_s + session.start.late_s,
        track=None if playing is None else playing.track.uri,
        position_s=0.0 if playing is None else playing.position_s,
        track_left_s=queue.left_s,
        following=None if following is None else following.uri,
        wall=now.wall,
        boot_s=now.boot_s,
        is_trusted=now.trusted,
        boot=boot,
        sounded_s=0.0 if playing is None or not playing.is_sounding else playing.position_s - playing.item.start_s,
        asleep_s=session.night_mode.asleep_s(now.boot_s),
        is_strict=session.night_mode.is_strict(now.boot_s),
        then=session.phases.then,
        phase=session.phases.number,
        phase_volume=session.phases.volume,
        morning=None if morning is None else morning.params(now.boot_s),
        beds=session.beds.now,
        is_bed_of_playlist=session.beds.is_of_playlist,
        is_bed_alone=session.tracks.is_gone,
        # before the first sound nothing rises yet
        rise_left_s=session.ramp.rise_left_s(now.boot_s) if session.ramp.arrives_s else session.fade_in_s,
    )


def _with_place(record: SessionRecord | None, session: Session) -> SessionRecord | None:
    """The record with the place at which a session is to be resumed whose library is still away."""
    point = session.queue.selection.resume_point
    if record is None or record.track is not None or point is None:
        return record
    place_s = point.position_s
    return replace(
        record, track=point.uri, position_s=place_s, sounded_s=place_s, following=point.following, is_waiting=True
    )


class WritePolicy:
    """Compares what is with what was written, and decides when to write.

    Args:
        written: what the store holds.
        boot: names the time since the machine was switched on.
    """

    def __init__(self, written: Documents, boot: str) -> None:
        self._written = written
        self._boot = boot
        self._wrote_s = float("-inf")
        self._is_pending = False
        self._room = Bucket(BUCKET, 1.0 / SIGN_OF_LIFE_S)
        self._heard: list[HeardEntry] = []
        self._ended: list[EndedSession] = []
        self._base = written.record
        """What a wish is compared with: what was written, or the first record since sleep was detected or over."""
        self._has_turned = self._has_wish = False
        """Since the last write: whether sleep was detected or over, and whether something was wished before that."""

    @property
    def due_s(self) -> float | None:
        """Latest time at which pending changes are written, on the boot clock; None where nothing is pending."""
        return self._wrote_s + SOON_S if self._is_pending else None

    def documents(
        self, playback: Playback, schedule: Schedule, memory: Memory, night: NightReport, tries: int, now: Now
    ) -> Documents:
        """All documents as they are now; an unchanged one is the same object as before, so that comparing is quick."""
        before = self._written
        session, interrupted = playback.session, playback.interrupted
        # an interrupted session that was paused is not resumed after another restart
        waiting = None if interrupted.is_paused else interrupted.record
        record = waiting if session is None else _with_place(_record(session, self._boot, now), session)
        bans, likes = tuple(memory.bans.values()), tuple(memory.likes.values())
        deaths = tuple(memory.deaths.values())
        nights = before.nights if memory.nights == before.nights else frozenset(memory.nights)
        choices = playback.next_session.choices
        choices = before.choices if choices == before.choices else choices
        places = memory.places.all
        return Documents(
            record, tries, choices, schedule.switches, bans, deaths, nights, places, likes, night, memory.calibration
        )

    def note(self, rotation: Rotation, findings: LibraryFindings, wall: datetime, out: Outcome) -> None:
        """Collect what was heard since the last call, and the sessions that ended in this turn."""
        if rotation.heard:
            known = findings.tracks
            heard = [
                HeardEntry(wall, name, uri, known[uri].title if uri in known else _title_of(uri), how)
                for name, uri, how in rotation.pop_heard()
            ]
            self._heard = [*self._heard, *heard][-MOST_HEARD:]
        self._ended += out.ended

    def write_what_is_due(self, documents: Documents, now_s: float, out: Outcome) -> None:
        """Add a batch if one is due."""
        is_calm = now_s >= self._wrote_s + SOON_S
        changed = _changed(self._written, documents)
        is_other = _standing(documents.record) != _standing(self._written.record)
        if _has_turned_over(self._base, documents.record):
            # what sleep changes in the end and the guard is not a wish, and is written with it
            self._base, self._has_turned, self._has_wish = documents.record, True, self._is_pending
        is_at_once = (
            is_other or bool(self._ended or changed & _AT_ONCE) or (self._has_turned and self._room.take(now_s))
        )
        is_soon = self._is_soon(changed, documents.record)
        if (
            is_at_once
            or (is_calm and is_soon)
            or (is_calm and self._is_wanted(documents.record, now_s) and self._room.take(now_s))
        ):
            self._write(documents, now_s, out)
        else:
            self._is_pending = is_soon

    def write_all(self, documents: Documents, now_s: float, out: Outcome) -> None:
        """Write everything that is not saved yet, before the daemon ends."""
        if self._heard or self._ended or documents != self._written:
            self._write(documents, now_s, out)

    def _is_soon(self, changed: set[str], record: SessionRecord | None) -> bool:
        if self._has_wish or changed - {RECORD, NIGHT}:
            return True
        return self._base is not None and record is not None and _is_another_wish(self._base, record)

    def _is_wanted(self, record: SessionRecord | None, now_s: float) -> bool:
        if self._heard:
            return True
        old = self._written.record
        if old is None or record is None:
            return False
        is_other = (old.track, old.following, old.volume) != (record.track, record.following, record.volume)
        return is_other or self._has_turned or now_s - self._wrote_s >= SIGN_OF_LIFE_S

    def _write(self, documents: Documents, now_s: float, out: Outcome) -> None:
        out.writes.append(Batch(texts(documents, self._written), tuple(self._heard), tuple(self._ended)))
        self._written, self._wrote_s, self._is_pending = documents, now_s, False
        self._base, self._has_turned, self._has_wish = documents.record, False, False
        self._heard, self._ended = [], []


def _title_of(uri: str) -> str:
    """The title of a track that is in no playlist: the noise of a calibration or of a morning without sound."""
    return parse_noise(uri).title if is_noise(uri) else uri


def _changed(old: Documents, new: Documents) -> set[str]:
    """The names of the documents that differ."""
    pairs = ((name, getattr(old, name), getattr(new, name)) for name in NAMES)
    return {name for name, before, now in pairs if before is not now and before != now}


def _has_turned_over(old: SessionRecord | None, new: SessionRecord | None) -> bool:
    """Whether sleep was detected, or is over, since."""
    return old is not None and new is not None and (old.asleep_s is None) != (new.asleep_s is None)


def _standing(record: SessionRecord | None) -> tuple[bool, int, bool, bool] | None:
    """The state of the session that could be resumed, which rarely changes; None without one."""
    if record is None:
        return None
    return record.is_waiting, record.phase, record.is_bed_alone, record.playlist == FALLBACK.name


def _snoozes(record: SessionRecord) -> bool:
    return record.morning is not None and record.morning.snooze_left_s is not None


def _is_another_wish(old: SessionRecord, new: SessionRecord) -> bool:
    """Whether something else was asked for since, or the night continues in another way."""
    if (old.why, old.playlist, old.timer, old.mode, old.fade_out_s, old.then, old.phase, old.is_strict, old.beds) != (
        new.why, new.playlist, new.timer, new.mode, new.fade_out_s, new.then, new.phase, new.is_strict, new.beds,
    ):  # fmt: skip
        return True
    if _snoozes(old) != _snoozes(new):
        return True
    if abs(old.volume - new.volume) >= LARGE_STEP:
        return True
    if old.track == new.track and abs(old.opened_at_s - new.opened_at_s) > 1.0:
        return True  # a seek; the place would otherwise be worked out from where it was
    before_s, after_s = old.ends_boot_s, new.ends_boot_s
    if before_s is None or after_s is None:
        return before_s != after_s
    return abs(before_s - after_s) > 1.0
