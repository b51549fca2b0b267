"""The whole state at one instant, for people and homes, as `player.session.controller` shows it. Main thread, pure."""

from __future__ import annotations

from player.core.clock import Now, moved
from player.core.events import EntryState, Snapshot
from player.session.memory.memory import tonight
from player.session.schedule.preview import Coming
from player.session.schedule.rest_nights import is_rest
from player.session.state import Keeper


def snapshot_of(keeper: Keeper, coming: Coming | None, problems: tuple[str, ...], now: Now) -> Snapshot:
    """What is known of the session, the schedule and their troubles; ``coming`` is None while the schedule is off."""
    run = keeper.run
    planned = None if coming is None else coming.first
    playing = None if run is None else run.programme.current
    left_s = None if run is None else run.ending.left_s(now.boot_s)
    night = tonight(now.wall)
    return Snapshot(
        state=keeper.state.value,
        why=None if run is None else run.why,
        started=None if run is None else run.started.wall,
        asked=keeper.asked,
        playlist=keeper.next_playlist if run is None else run.programme.playlist.name,
        track=None if playing is None else playing.track.title,
        next_track=None if run is None or run.programme.following is None else run.programme.following.title,
        position_s=None if playing is None else playing.position_s,
        duration_s=None if playing is None else playing.duration_s,
        volume=keeper.volume,
        volume_max=keeper.settings.volume.max if run is None else run.asleep.volume_max(now.boot_s),
        ramping_to=None if run is None else run.ramping_to,
        level_db=None if run is None else run.level_db,
        guard_reduction_db=0.0 if run is None else run.held_db,
        timer_mode="off" if run is None else run.ending.timer.mode.value,
        timer_set_s=keeper.timer.duration_s,
        timer_ends=None if left_s is None else moved(now.wall, left_s),
        timer_remaining_s=left_s,
        fade_out_s=keeper.fade_out_s,
        next_start=None if planned is None else planned[1],
        next_entry=None if planned is None else planned[0].name,
        schedule_enabled=keeper.is_schedule_enabled,
        entries=_entries(keeper, coming),
        skip_tonight=keeper.memory.skipped == night,
        rest_night=is_rest(night, keeper.settings.rest_nights),
        nights_used=keeper.memory.nights_used(now.wall),
        clock_trusted=now.trusted,
        tamed=0 if run is None else run.taming.count,
        playlists=tuple(playlist.name for playlist in keeper.settings.playlists),
        problems=problems,
    )


def _entries(keeper: Keeper, coming: Coming | None) -> dict[str, EntryState]:
    """The schedule by name: what is switched on, at what time, and when it starts next."""
    memory, once = keeper.memory, keeper.memory.once
    listed = keeper.settings.schedule if once is None else (*keeper.settings.schedule, once)
    each = {} if coming is None else coming.each
    moved_to = [(entry, memory.moved(entry)) for entry in listed]
    return {
        entry.name: EntryState(entry.name not in memory.off, to.at, to != entry, each.get(entry.name))
        for entry, to in moved_to
    }
