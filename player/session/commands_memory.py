"""Commands that change the memory: bans, likes, the calibration. Main thread, standard library, pure.

What cannot be done is refused before anything has changed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import PurePath
from typing import Final, TypeAlias, TypeVar

from player.core.clock import Now
from player.core.commands import AllowAgain, Like, NeverAgain, Unlike
from player.core.commands_level import Calibrate, NoteReading
from player.core.errors import Refused
from player.core.events import Track
from player.session.calibrate import play_noise, take_reading
from player.session.checks import TRACKS, find_track, no_such
from player.session.library_findings import found_in
from player.session.memory.memory import Memory, RememberedTrack
from player.session.memory.records import Documents
from player.session.outcome import Outcome
from player.session.playback import Playback

MemoryCommand: TypeAlias = NeverAgain | AllowAgain | Like | Unlike | Calibrate | NoteReading

_Named = TypeVar("_Named", Track, RememberedTrack)
_LEFT_OUT: Final = "banned or left out track"
_HOW_TO_LIST: Final = {"track": TRACKS, _LEFT_OUT: "`lull bans` lists all of them"}


def execute(command: MemoryCommand, memory: Memory, playback: Playback, now: Now, out: Outcome) -> str:
    """Carry a command out. Returns what was done, for people; raises Refused, and then nothing has changed."""
    match command:
        case NeverAgain(name):
            return _never_again(name, memory, playback, now, out)
        case AllowAgain(name):
            return _allow_again(name, memory, playback.findings.tracks, now, out)
        case Like(name):
            return _like(name, memory, playback, now, out)
        case Unlike(name):
            return _unlike(name, memory, playback, out)
        case Calibrate():
            return play_noise(playback, now, out)
        case NoteReading(reading_dba):
            return take_reading(reading_dba, memory, playback, now, out)


def _never_again(name: str | None, memory: Memory, playback: Playback, now: Now, out: Outcome) -> str:
    tracks = playback.findings.tracks.values()
    track = _playing("never_again", playback) if name is None else _find("track", name, tracks)
    memory.ban(track, now.wall)
    text = f"never again: {track.title}"
    out.announce("never_again", text, track=track.title, uri=track.uri)
    # its content is looked at, before the file can be renamed
    out.reads.extend(playback.findings.playlists_with(track.uri))
    session = playback.session
    if session is None or session.queue.leave_out(track.uri, out):
        return text
    playback.stop(playback.settings.fades.stop_s, "never_again", out)
    return f"{text}; there is no other track, so the session ends"


def take_late(documents: Documents, memory: Memory, playback: Playback, out: Outcome) -> None:
    """Take what became readable only after the start; a banned track that plays or follows is left."""
    documents.recall(memory)
    playback.next_session.recall(documents.choices)
    queue = None if playback.session is None else playback.session.queue
    if queue is None or found_in(queue.playlist) is not None:
        return
    playing = () if queue.current is None else (queue.current.track,)
    following = () if queue.following is None else (queue.following,)
    for track in (*following, *playing):
        if not memory.allowed([track]) and not queue.leave_out(track.uri, out):
            playback.stop(playback.settings.fades.stop_s, "never_again", out)
            return


def _playing(verb: str, playback: Playback) -> Track:
    """The current track. Raises Refused where there is none, or where generated noise replaces a playlist."""
    queue = None if playback.session is None else playback.session.queue
    if queue is None or queue.current is None:
        raise Refused(f"{verb}: nothing is playing; name the track")
    if found_in(queue.playlist) is not None:  # a ban of it would leave later mornings without any sound
        raise Refused(f"{verb}: {queue.current.track.title} is not of a playlist; stop ends it")
    return queue.current.track


def _like(name: str | None, memory: Memory, playback: Playback, now: Now, out: Outcome) -> str:
    track = _playing("like", playback) if name is None else playback.find_track(name, playback.places_to_look())[1]
    if not memory.allowed([track]):
        raise Refused(f"like: {track.title} is banned; allow it again first (never_again with undo)")
    memory.like(track, now.wall)
    text = f"liked: {track.title}"
    out.announce("liked", text, track=track.title)
    # its content is looked at, before the file can be renamed
    out.reads.extend(playback.findings.playlists_with(track.uri))
    return text


def _unlike(name: str | None, memory: Memory, playback: Playback, out: Outcome) -> str:
    track: Track | RememberedTrack
    if name is not None:
        track = find_track(name, list(memory.likes.values()), listed="`tracks favourites` lists all that are liked")
    else:
        track = _playing("unlike", playback)
        if not memory.is_liked(track):
            raise Refused(f"unlike: {track.title} is not liked")
    memory.unlike(track)
    text = f"no longer liked: {track.title}"
    out.announce("unliked", text, track=track.title)
    return text


def _allow_again(name: str | None, memory: Memory, known: Mapping[str, Track], now: Now, out: Outcome) -> str:
    left_out = _left_out(memory, known, now)
    if not left_out:
        raise Refused("never_again: no track is banned")
    ban = left_out[-1] if name is None else _find(_LEFT_OUT, name, left_out)
    memory.allow_again(ban.uri)
    text = f"allowed again: {ban.title}"
    out.announce("allowed_again", text, track=ban.title, uri=ban.uri)
    return text


def _left_out(memory: Memory, known: Mapping[str, Track], now: Now) -> list[RememberedTrack]:
    """The tracks left out because of crashes, then the banned ones: the last of them is allowed first."""
    fatal = [death for death in memory.set_aside if death.uri not in memory.bans]
    named = [(death, known[death.uri].title if death.uri in known else PurePath(death.uri).stem) for death in fatal]
    return [*(RememberedTrack(death.uri, title, death.at or now.wall) for death, title in named), *memory.bans.values()]


def _find(what: str, name: str, among: Iterable[_Named]) -> _Named:
    """The one with that uri or title, or else with that part in its title.

    Raises:
        Refused: there is none, or there are several; the reason names what might be meant.
    """
    choices, wanted = list(among), name.casefold()
    found = [one for one in choices if one.uri == name] or [one for one in choices if one.title.casefold() == wanted]
    if len(found) > 1:
        raise Refused(f"{len(found)} tracks are called {name!r}; name one of {', '.join(one.uri for one in found)}")
    if found:
        return found[0]
    if any(wanted in one.title.casefold() for one in choices):
        return find_track(name, choices)
    raise no_such(f"no {what} {name!r}", name, choices, _HOW_TO_LIST[what])
