"""Commands about what plays: each checked whole, then carried out. Main thread, standard library, pure.

A function here either raises `Refused` before anything has changed, with a reason that names what is wrong and the
choices, or does what was asked and returns a sentence for the person who asked. While nothing plays, what a person
sets is for the next session.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TypeAlias

from player.core.clock import Now
from player.core.commands import (
    Advance,
    Next,
    Pause,
    Play,
    Previous,
    Resume,
    Seek,
    SetPlaylist,
    SetVolume,
    Stop,
    Toggle,
)
from player.core.commands_level import MoveBed, SetBed, SetBedGain, SetLevel
from player.core.errors import Refused
from player.core.limits import STOP_NOW_S
from player.core.settings.bed import Bed, named_beds
from player.core.settings.session import Playlist
from player.core.states import State
from player.core.text import quoted_text
from player.core.units import format_place
from player.session import bed_alone
from player.session.calibrate import volume_at
from player.session.checks import check_then, check_timer, check_volume, find_playlist
from player.session.commands_timer import announce_timer, ends_in
from player.session.library_findings import CALIBRATION
from player.session.outcome import Outcome
from player.session.playback import Playback
from player.session.queue_item import chapter_line, next_chapter, previous_chapter
from player.session.session import Session
from player.session.sleep_timer import resolve

PlaybackCommand: TypeAlias = (
    Play | Stop | Pause | Resume | Toggle | Next | Previous | Advance | Seek | SetVolume | SetLevel | SetPlaylist
    | SetBed | SetBedGain | MoveBed
)  # fmt: skip


def execute(playback: Playback, command: PlaybackCommand, origin: str, now: Now, out: Outcome) -> str:
    """Carry a command out. Returns what was done, for people; raises Refused, and then nothing has changed."""
    match command:
        case Play():
            return _play(playback, command, origin, now, out)
        case Stop():
            return _stop(playback, command, out)
        case Pause():
            return _pause(playback, now, out)
        case Resume():
            return _resume(playback, now, out)
        case Toggle():
            return _toggle(playback, origin, now, out)
        case Next():
            return _with_tracks(playback, _next(playback.running, out), now, out)
        case Previous():
            return _with_tracks(playback, _previous(playback.running, out), now, out)
        case Advance():
            return _advance(playback, now, out)
        case Seek():
            return _seek(playback.running, command, out)
        case SetVolume() | SetLevel():
            return _set_volume(playback, command, now, out)
        case SetPlaylist(name):
            return _set_playlist(playback, name, now, out)
        case SetBed(beds):
            return _set_bed(playback, beds, now, out)
        case SetBedGain() | MoveBed():
            return _move_bed(playback, command, out)


def _playable(playback: Playback, name: str | None, out: Outcome) -> Playlist:
    """The playlist of that name. Raises Refused where there is none, or the library found nothing in it to play."""
    playlist = find_playlist(playback.settings, name)
    fault = playback.nothing_to_play(playlist.name)
    if fault is not None:
        out.reads.append(playlist.name)  # so that the next attempt knows what has come since
        raise Refused(fault)
    return playlist


def _play(playback: Playback, play: Play, origin: str, now: Now, out: Outcome) -> str:
    if play.volume is not None:
        check_volume(playback.settings, play.volume)
    check_then(playback.settings, play.then or ())
    for bed in play.bed or ():
        _playable(playback, bed.playlist, out)
    check_timer(play.timer, now)
    session, following = playback.session, playback.next_session
    if session is not None and session.queue.playlist is CALIBRATION:
        session = None  # its volume and its timer were not chosen by anybody: a new session takes over from the noise
    if play.playlist is not None and play.track is None:
        _check_name(playback, play.playlist)
    track = None
    if play.track is not None:
        chosen, track = playback.find_track(play.track, playback.places_to_look(play.playlist))
        play = replace(play, playlist=chosen.name)
    if session is None:
        play = following.like_the_last(play, now.boot_s)
    name = play.playlist
    if name is None and session is not None and playback.settings.playlist(session.queue.playlist.name) is not None:
        name = session.queue.playlist.name
    playlist = _playable(playback, name or following.playlist, out)
    if session is None:
        playback.begin(following.start_params(origin, play, playlist, now), playlist, now, out, track)
        return f"playing {playlist.name}" + _length_note(playback.running, play, now)
    if playlist.name != session.queue.playlist.name:
        playback.change_playlist(playlist, now, out, track)
    elif track is not None:
        session.queue.play(track, out)
    _play_on(playback, session, play, now, out)
    return f"playing {playlist.name}" + _night_cap_note(playback, play.volume) + _length_note(session, play, now)


def _check_name(playback: Playback, name: str) -> None:
    """Raises Refused where there is no playlist of that name; a track that has it is named."""
    try:
        find_playlist(playback.settings, name)
    except Refused as refusal:
        try:
            title = playback.find_track(name, playback.places_to_look())[1].title
        except Refused:
            raise refusal from None
        raise Refused(
            f"{refusal}. There is a track {quoted_text(title)}: play it with --track, or as track in JSON"
        ) from None


def _play_on(playback: Playback, session: Session, play: Play, now: Now, out: Outcome) -> None:
    """Play on a session that is already there: wake it, and change what was named and nothing else."""
    if play.fade_in_s is not None:
        session.fade_in_s = play.fade_in_s
    if play.fade_out_s is not None:
        session.end_plan.fade_out_s = play.fade_out_s
    if play.then is not None:
        session.phases.replace_following(play.then)
    if play.volume is not None:
        session.set_volume(play.volume, now.boot_s, out)
    was_ending = session.state in {State.FADING_OUT, State.STOPPING} or session.tracks.is_leaving
    if play.timer is not None or was_ending:
        timer = play.timer or session.end_plan.setting_again or playback.settings.timer
        session.set_timer(resolve(timer, now.wall, is_trusted=now.trusted), now.boot_s, out)
        announce_timer(session, now, out)
    if play.bed is not None:
        playback.set_beds(play.bed, now, out, is_of_playlist=False)
    _bring_tracks(playback, session, now, out)
    if session.state is State.PAUSED:
        session.resume(now.boot_s, out)
    elif session.state in {State.FADING_OUT, State.STOPPING}:
        session.take_back(now.boot_s, out)


def _bring_tracks(playback: Playback, session: Session, now: Now, out: Outcome) -> None:
    """Tracks are wanted while the bed is alone: they come back, with the sleep timer that they had."""
    if not session.tracks.is_gone:
        return
    timer = session.tracks.setting or playback.settings.timer
    bed_alone.bring_back(session, now.boot_s, out)
    session.set_timer(resolve(timer, now.wall, is_trusted=now.trusted), now.boot_s, out)
    announce_timer(session, now, out)


def _with_tracks(playback: Playback, text: str, now: Now, out: Outcome) -> str:
    """What was done, once the tracks that it needs are there."""
    _bring_tracks(playback, playback.running, now, out)
    return text


def _stop(playback: Playback, stop: Stop, out: Outcome) -> str:
    session, interrupted = playback.session, playback.interrupted
    if session is None:
        was_waiting = interrupted.record is not None
        interrupted.give_up("it was stopped by hand", out)
        return "the interrupted session is not resumed" if was_waiting else "nothing is playing"
    if session.state is not State.STOPPING or stop.now:
        session.stop(STOP_NOW_S if stop.now else playback.settings.fades.stop_s, "stop", out)
    return "stopping"


def _pause(playback: Playback, now: Now, out: Outcome) -> str:
    session = playback.session
    if session is None:
        return _pause_interrupted(playback, is_paused=True)
    if session.morning is not None:
        session.morning.stay_paused()
    if session.state is not State.PAUSED:
        session.pause(now.boot_s, out)
    return "paused"


def _resume(playback: Playback, now: Now, out: Outcome) -> str:
    session = playback.session
    if session is None:
        return _pause_interrupted(playback, is_paused=False)
    if session.state is State.PAUSED:
        session.resume(now.boot_s, out)
    elif session.state is State.FADING_OUT:
        session.take_back(now.boot_s, out)
    return f"playing {session.queue.playlist.name}"


def _pause_interrupted(playback: Playback, *, is_paused: bool) -> str:
    """Pause the interrupted session until `resume`, or end that pause."""
    if playback.interrupted.record is None:
        raise Refused(f"{'pause' if is_paused else 'resume'}: nothing is playing")
    playback.interrupted.set_paused(is_paused=is_paused)
    return f"the interrupted session is {'paused' if is_paused else 'resumed'}"


def _toggle(playback: Playback, origin: str, now: Now, out: Outcome) -> str:
    match playback.state:
        case State.PLAYING | State.FADING_OUT:
            return _pause(playback, now, out)
        case State.PAUSED:
            return _resume(playback, now, out)
        case _:
            return _play(playback, Play(), origin, now, out)


def _next(session: Session, out: Outcome) -> str:
    before = session.queue.current
    if before is not None and before.can_seek and (number := next_chapter(before)) is not None:
        session.queue.seek(before.chapters[number - 1].start_s, out)
        return chapter_line(before, number)
    if not session.queue.skip(out):
        raise Refused("next: there is no other track")
    after = session.queue.current
    if before is not None and after is not None and before.track.uri == after.track.uri:
        return f"there is no other track; playing {after.track.title} from the beginning"
    return "next track"


def _previous(session: Session, out: Outcome) -> str:
    playing = session.queue.current
    if playing is not None and playing.can_seek and (number := previous_chapter(playing)) is not None:
        session.queue.seek(playing.chapters[number - 1].start_s, out)
        return chapter_line(playing, number)
    if session.queue.previous(out):
        return "previous track"
    if playing is None or not playing.can_seek or playing.track.is_stream:
        raise Refused("previous: there is no track before this one")
    session.queue.seek(0.0, out)
    return f"there is no track before this one; playing {playing.track.title} from the beginning"


def _advance(playback: Playback, now: Now, out: Outcome) -> str:
    session = playback.running
    if session.phases.following is None:
        raise Refused("advance: no phase follows")
    playback.advance(now, out, is_by_hand=True)
    number, count = session.phases.number, session.phases.count
    return f"phase {number} of {count}: {session.queue.playlist.name} at volume {session.volume}"


def _seek(session: Session, seek: Seek, out: Outcome) -> str:
    playing = session.queue.current
    if playing is None or not playing.can_seek:
        raise Refused("seek: no track is playing yet")
    if playing.track.is_stream:
        raise Refused(f"seek: {playing.track.title} has no end, and so no positions")
    position_s = seek.position_s + (playing.position_s if seek.is_relative else 0.0)
    if playing.duration_s is not None and position_s > playing.duration_s:
        place, end = format_place(position_s), format_place(playing.duration_s)
        raise Refused(f"seek: {place} is beyond the end; the track lasts {end}")
    session.queue.seek(max(0.0, position_s), out)
    return f"playing from {format_place(max(0.0, position_s))}"


def _set_volume(playback: Playback, command: SetVolume | SetLevel, now: Now, out: Outcome) -> str:
    if isinstance(command, SetLevel):
        volume = _volume_for(playback, command.level_dba)
        return f"{_set_volume(playback, SetVolume(volume), now, out)}, about {command.level_dba:g} dB(A)"
    volume = command.volume
    if command.is_relative:
        volume = playback.settings.volume.cap(playback.volume + volume)
    check_volume(playback.settings, volume)
    if playback.session is None:
        playback.next_session.choose(volume=volume)
    else:
        playback.session.set_volume(volume, now.boot_s, out)
    text = f"volume {playback.volume}" + _night_cap_note(playback, volume)
    out.announce("volume_set", text, volume=playback.volume, asked=volume)
    return text


def _volume_for(playback: Playback, level_dba: float) -> int:
    """The volume that has a level at the pillow. Raises Refused without a calibration."""
    volume = volume_at(level_dba, playback.memory, playback.settings)
    if volume is None:
        raise Refused("volume: it is not known how loud a volume is at the pillow; `calibrate` measures it")
    return volume


def _night_cap_note(playback: Playback, asked: int | None) -> str:
    """What to add where the cap of the night gave less than was asked for."""
    if asked is None or asked <= playback.volume:
        return ""
    return f": {asked} is above the night cap of {playback.volume}"


def _length_note(session: Session, play: Play, now: Now) -> str:
    """What to add where the maximum length of a session is shorter than the timer that was asked for."""
    timer = session.end_plan.timer
    if play.timer is None or not (timer.has_end and timer.is_last_moment):
        return ""
    return f"; {ends_in(session, timer.remaining_s(now.boot_s) or 0.0, now)}"


def _set_bed(playback: Playback, beds: tuple[Bed, ...], now: Now, out: Outcome) -> str:
    session = playback.session
    if session is not None and session.queue.playlist is CALIBRATION and beds:
        raise Refused(
            "bed: the noise of calibrate is playing, and a bed would change what the meter reads; stop it first"
        )
    for bed in beds:
        _playable(playback, bed.playlist, out)
    text = f"bed: {named_beds(beds)}"
    if session is None:
        playback.next_session.choose(bed=beds)
        out.announce("bed_set", f"{text}, from the next session on", beds=[str(bed) for bed in beds])
    elif session.tracks.is_gone and not beds:
        session.stop(playback.settings.fades.stop_s, "stop", out)
    else:
        playback.set_beds(beds, now, out, is_of_playlist=False)
    return text


def _move_bed(playback: Playback, command: SetBedGain | MoveBed, out: Outcome) -> str:
    session, chosen = playback.session, playback.next_session.choices.bed
    before = chosen if session is None else session.beds.now
    by_db = command.by_db if isinstance(command, MoveBed) else command.gain_db - before[0].gain_db if before else 0.0
    if session is not None and not session.beds.is_empty:
        session.beds.move(by_db, out)
        beds = session.beds.now
    elif session is None and chosen:
        beds = tuple(bed.moved(by_db) for bed in chosen)
        playback.next_session.choose(bed=beds)
    else:
        raise Refused("bed: nothing plays under the tracks; name a playlist, as in bed rain")
    text = f"bed: {named_beds(beds)}"
    out.announce("bed_set", text, beds=[str(bed) for bed in beds])
    return text


def _set_playlist(playback: Playback, name: str, now: Now, out: Outcome) -> str:
    session = playback.session
    is_playing = session is not None and session.state is not State.STOPPING
    if session is not None and session.queue.playlist is CALIBRATION:
        is_playing = False  # the noise goes on until it is measured; this is for the next start
    playlist = _playable(playback, name, out) if is_playing else find_playlist(playback.settings, name)
    playback.next_session.choose(playlist=playlist.name)
    if is_playing and session is not None and session.queue.playlist.name != playlist.name:
        playback.change_playlist(playlist, now, out)
        _bring_tracks(playback, session, now, out)
    out.announce("playlist_set", f"playlist {playlist.name}", playlist=playlist.name)
    return f"playlist {playlist.name}"
