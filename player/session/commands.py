"""Commands obeyed: each checked whole, then carried out. Main thread, standard library, pure.

A function here either raises `Refused` before anything has changed, with a reason that names the offender and the
choices, or does what was asked and returns a sentence for the person who asked.
"""

from __future__ import annotations

from typing import Final

from player.core.clock import Now
from player.core.commands import (
    AllowAgain,
    Command,
    ExtendTimer,
    GetStatus,
    NeverAgain,
    Next,
    NotTonight,
    Pause,
    Play,
    Request,
    Resume,
    Seek,
    SetFade,
    SetPlaylist,
    SetSchedule,
    SetStartTime,
    SetTimer,
    SetVolume,
    SkipTonight,
    Stop,
    Toggle,
    Tonight,
)
from player.core.errors import Refused
from player.core.limits import STOP_NOW_S
from player.core.settings.session import TimerMode, TimerSetting
from player.core.states import OBEYED, State
from player.core.units import format_duration, format_place
from player.session.commands_memory import remember
from player.session.commands_schedule import check_volume, find_playlist, plan
from player.session.outcome import Outcome
from player.session.session import Session
from player.session.state import Keeper

ENDS: Final = {TimerMode.END_OF_TRACK: "the end of the track", TimerMode.END_OF_PLAYLIST: "the end of the playlist"}


def obey(keeper: Keeper, request: Request, now: Now, out: Outcome) -> str:
    """Carry a request out. Returns what was done, for people; raises Refused, and then nothing has changed."""
    command = request.command
    if type(command) not in OBEYED[keeper.state]:
        why = "nothing is playing" if keeper.run is None else f"the session is ending{_way_back(command)}"
        raise Refused(f"{request.verb}: {why}")
    return _carry_out(keeper, command, request.origin, now, out)


def _way_back(command: Command) -> str:
    return "; play takes that back" if isinstance(command, Toggle | Resume) else ""


def _carry_out(keeper: Keeper, command: Command, origin: str, now: Now, out: Outcome) -> str:
    match command:
        case Play():
            return _play(keeper, command, origin, now, out)
        case Stop():
            return _stop(keeper, command, out)
        case Pause():
            return _pause(keeper, now, out)
        case Resume():
            return _resume(keeper, now, out)
        case Toggle():
            return _toggle(keeper, origin, now, out)
        case Next():
            return _next(_running(keeper), out)
        case Seek():
            return _seek(_running(keeper), command, out)
        case SetVolume():
            return _set_volume(keeper, command, now, out)
        case SetTimer() | SetFade() | ExtendTimer():
            return _set_end(keeper, command, now, out)
        case SetPlaylist(name):
            return _set_playlist(keeper, name, now, out)
        case SetSchedule() | SetStartTime() | Tonight() | NotTonight():
            return plan(keeper, command, now, out)
        case NeverAgain() | AllowAgain() | SkipTonight():
            return remember(keeper, command, now, out)
        case GetStatus():
            return f"state is {keeper.state}"


def _running(keeper: Keeper) -> Session:
    assert keeper.run is not None, "the table of obeyed commands let this through without a session"
    return keeper.run


def _play(keeper: Keeper, play: Play, origin: str, now: Now, out: Outcome) -> str:
    if play.volume is not None:
        check_volume(keeper, play.volume)
    run = keeper.run
    if run is None:
        play = keeper.rearmed(play, now.boot_s)
    name = play.playlist
    if name is None and run is not None and keeper.settings.playlist(run.programme.playlist.name) is not None:
        name = run.programme.playlist.name
    playlist = find_playlist(keeper, name)
    if run is None:
        keeper.begin(keeper.start_for(origin, play), playlist, now, out)
        return f"plays {playlist.name}"
    if playlist.name != run.programme.playlist.name:
        keeper.change_playlist(playlist, now, out)
    _go_on(run, play, now, out)
    return f"plays {playlist.name}" + _held_back(keeper, play.volume)


def _go_on(run: Session, play: Play, now: Now, out: Outcome) -> None:
    """Play on a session that is already there: wake it, and change what was named and nothing else."""
    if play.fade_in_s is not None:
        run.fade_in_s = play.fade_in_s
    if play.fade_out_s is not None:
        run.ending.fade_out_s = play.fade_out_s
    if play.volume is not None:
        run.set_volume(play.volume, now.boot_s, out)
    was_ending = run.state in {State.FADING_OUT, State.STOPPING}
    if play.timer is not None or was_ending:
        run.set_timer(play.timer or run.ending.setting, now.boot_s, out)
        _tell_timer(run, now, out)
    if run.state is State.PAUSED:
        run.resume(now.boot_s, out)
    elif run.state in {State.FADING_OUT, State.STOPPING}:
        run.take_back(now.boot_s, out)


def _stop(keeper: Keeper, stop: Stop, out: Outcome) -> str:
    run = keeper.run
    if run is None:
        was_waiting = keeper.interrupted is not None
        keeper.give_up_interrupted("it was stopped by hand", out)
        return "the session that was broken off does not come back" if was_waiting else "nothing is playing"
    if run.state is not State.STOPPING or stop.now:
        run.stop(STOP_NOW_S if stop.now else keeper.settings.fades.stop_s, "stop", out)
    return "stops"


def _pause(keeper: Keeper, now: Now, out: Outcome) -> str:
    run = _running(keeper)
    if run.state is not State.PAUSED:
        run.pause(now.boot_s, out)
    return "paused"


def _resume(keeper: Keeper, now: Now, out: Outcome) -> str:
    run = _running(keeper)
    if run.state is State.PAUSED:
        run.resume(now.boot_s, out)
    elif run.state is State.FADING_OUT:
        run.take_back(now.boot_s, out)
    return "plays"


def _toggle(keeper: Keeper, origin: str, now: Now, out: Outcome) -> str:
    match keeper.state:
        case State.PLAYING | State.FADING_OUT:
            return _pause(keeper, now, out)
        case State.PAUSED:
            return _resume(keeper, now, out)
        case _:
            return _play(keeper, Play(), origin, now, out)


def _next(run: Session, out: Outcome) -> str:
    if not run.programme.skip(out):
        raise Refused("next: there is no other track")
    return "next track"


def _seek(run: Session, seek: Seek, out: Outcome) -> str:
    playing = run.programme.current
    if playing is None or not playing.can_seek:
        raise Refused("seek: no track is playing yet")
    if playing.track.is_stream:
        raise Refused(f"seek: {playing.track.title} has no end, and so no positions")
    position_s = seek.position_s + (playing.position_s if seek.is_relative else 0.0)
    if playing.duration_s is not None and position_s > playing.duration_s:
        place, end = format_place(position_s), format_place(playing.duration_s)
        raise Refused(f"seek: {place} is beyond the end; the track lasts {end}")
    run.programme.seek(max(0.0, position_s), out)
    return f"plays from {format_place(position_s)}"


def _set_volume(keeper: Keeper, command: SetVolume, now: Now, out: Outcome) -> str:
    volume = command.volume
    if command.is_relative:
        volume = keeper.settings.volume.cap(keeper.volume + volume)
    check_volume(keeper, volume)
    if keeper.run is None:
        keeper.idle_volume = volume
    else:
        keeper.run.set_volume(volume, now.boot_s, out)
    text = f"volume {keeper.volume}" + _held_back(keeper, volume)
    out.tell("volume_set", text, volume=keeper.volume, asked=volume)
    return text


def _held_back(keeper: Keeper, asked: int | None) -> str:
    """What to add where the cap of the night gave less than was asked for."""
    if asked is None or asked <= keeper.volume:
        return ""
    return f": {asked} is above the night cap, which is {keeper.volume}"


def _set_playlist(keeper: Keeper, name: str, now: Now, out: Outcome) -> str:
    playlist = find_playlist(keeper, name)
    keeper.selected_playlist = playlist.name
    run = keeper.run
    if run is not None and run.state is not State.STOPPING and run.programme.playlist.name != playlist.name:
        keeper.change_playlist(playlist, now, out)
    out.tell("playlist_set", f"playlist {playlist.name}", playlist=playlist.name)
    return f"playlist {playlist.name}"


def _set_end(keeper: Keeper, command: SetTimer | SetFade | ExtendTimer, now: Now, out: Outcome) -> str:
    """When and how slowly it ends."""
    match command:
        case SetTimer(timer):
            return _set_timer(keeper, timer, now, out)
        case SetFade(fade_out_s):
            return _set_fade(keeper, fade_out_s, out)
        case ExtendTimer(by_s):
            run = _running(keeper)
            run.extend_timer(by_s, now.boot_s, out)
            return _tell_timer(run, now, out)


def _set_timer(keeper: Keeper, timer: TimerSetting, now: Now, out: Outcome) -> str:
    run = keeper.run
    if run is not None:
        run.set_timer(timer, now.boot_s, out)
        return _tell_timer(run, now, out)
    keeper.idle_timer = timer
    if timer.mode is TimerMode.CLOCK and timer.duration_s is not None:
        text = f"sleep timer of the next session: {format_duration(timer.duration_s)}"
        out.tell("timer_set", text, mode=timer.mode.value, seconds=round(timer.duration_s))
    elif timer.mode in ENDS:
        text = f"the next session stops at {ENDS[timer.mode]}"
        out.tell("timer_set", text, mode=timer.mode.value)
    else:
        text = "the next session has no sleep timer"
        out.tell("timer_cleared", text)
    return text


def _set_fade(keeper: Keeper, fade_out_s: float, out: Outcome) -> str:
    if keeper.run is None:
        keeper.idle_fade_out_s = fade_out_s
    else:
        keeper.run.ending.fade_out_s = fade_out_s
    text = f"fade-out over {format_duration(fade_out_s)}"
    out.tell("fade_set", text, seconds=round(fade_out_s))
    return text


def _tell_timer(run: Session, now: Now, out: Outcome) -> str:
    """What the sleep timer is now, as news and as an answer."""
    timer = run.ending.timer
    if timer.mode is TimerMode.OFF:
        out.tell("timer_cleared", "sleep timer off")
        return "sleep timer off"
    if timer.mode in ENDS:
        text = f"stops at {ENDS[timer.mode]}"
        out.tell("timer_set", text, mode=timer.mode.value)
        return text
    left_s = timer.remaining_s(now.boot_s) or 0.0
    text = f"silent in {format_duration(left_s)}" if left_s else "nothing is left of the sleep timer: it stops now"
    out.tell("timer_set", text, mode=timer.mode.value, seconds=round(left_s))
    return text
