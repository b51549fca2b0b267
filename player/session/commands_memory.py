"""Commands that are remembered beyond the session: a track that is never wanted again, a night to be left out.

Main thread, standard library, pure. What cannot be done is refused before anything has changed.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime
from pathlib import PurePath
from typing import Final, TypeVar

from player.core.clock import Now
from player.core.commands import AllowAgain, NeverAgain, SkipTonight
from player.core.errors import Refused, did_you_mean
from player.core.events import Track
from player.core.settings.session import Entry
from player.session.memory.memory import Ban, night_of, tonight
from player.session.outcome import Outcome
from player.session.state import Keeper

_Named = TypeVar("_Named", Track, Ban)
_LEFT_OUT: Final = "track that is banned or left out"


def remember(keeper: Keeper, command: NeverAgain | AllowAgain | SkipTonight, now: Now, out: Outcome) -> str:
    """Carry one of these out. Returns what was done, for people; raises Refused, and then nothing has changed."""
    match command:
        case NeverAgain(name):
            return _never_again(keeper, name, now, out)
        case AllowAgain(name):
            return _allow_again(keeper, name, now, out)
        case SkipTonight(is_skipped):
            return _skip_tonight(keeper, is_skipped, now, out)


def _never_again(keeper: Keeper, name: str | None, now: Now, out: Outcome) -> str:
    track = _playing(keeper) if name is None else _named("track", name, keeper.tracks.values())
    keeper.memory.ban(track, now.wall)
    text = f"never again: {track.title}"
    out.tell("never_again", text, track=track.title, uri=track.uri)
    out.reads.extend(keeper.playlists_with(track.uri))  # its content is looked at, before the file can be renamed
    run = keeper.run
    if run is None:
        return text
    if not run.programme.leave_out(track.uri, out):
        run.stop(keeper.settings.fades.stop_s, "never_again", out)
        return f"{text}; there is no other track, so the session ends"
    return text


def _playing(keeper: Keeper) -> Track:
    playing = None if keeper.run is None else keeper.run.programme.current
    if playing is None:
        raise Refused("never_again: nothing is playing; name the track")
    return playing.track


def _allow_again(keeper: Keeper, name: str | None, now: Now, out: Outcome) -> str:
    left_out = _left_out(keeper, now)
    if not left_out:
        raise Refused("never_again: no track is banned")
    ban = left_out[-1] if name is None else _named(_LEFT_OUT, name, left_out)
    keeper.memory.bans.pop(ban.uri, None)
    keeper.memory.deaths.pop(ban.uri, None)
    text = f"allowed again: {ban.title}"
    out.tell("allowed_again", text, track=ban.title, uri=ban.uri)
    return text


def _left_out(keeper: Keeper, now: Now) -> list[Ban]:
    """What a person banned, and before it what is left out because lull died of it: the latest ban is meant first."""
    bans, known = keeper.memory.bans, keeper.tracks
    fatal = [death for death in keeper.memory.set_aside if death.uri not in bans]
    named = [(death, known[death.uri].title if death.uri in known else PurePath(death.uri).stem) for death in fatal]
    return [*(Ban(death.uri, title, death.at or now.wall) for death, title in named), *bans.values()]


def _named(what: str, name: str, among: Iterable[_Named]) -> _Named:
    """The one with that uri or title.

    Raises:
        Refused: there is none, or several have that title; the reason names what might be meant.
    """
    choices = list(among)
    found = [one for one in choices if one.uri == name] or [
        one for one in choices if one.title.casefold() == name.casefold()
    ]
    if len(found) == 1:
        return found[0]
    if found:
        raise Refused(f"{len(found)} tracks are called {name!r}; name one of {', '.join(one.uri for one in found)}")
    raise Refused(f"no {what} {name!r}{did_you_mean(name, [one.title for one in choices])}")


def _comes_in(once: Entry, night: date) -> bool:
    """Whether a start that was planned by hand lies in a night."""
    return once.only_on is not None and night_of(datetime.combine(once.only_on, once.at)) == night


def _skip_tonight(keeper: Keeper, is_skipped: bool | None, now: Now, out: Outcome) -> str:
    if not now.trusted:
        raise Refused("skip_tonight: the clock is not set yet, so nobody knows which night this is")
    night, memory = tonight(now.wall), keeper.memory
    skips = memory.skipped != night if is_skipped is None else is_skipped
    memory.skipped = night if skips else None
    text = "the schedule leaves tonight out" if skips else "the schedule starts tonight"
    if skips and memory.once is not None and _comes_in(memory.once, night):
        text += f", but for what was planned by hand at {memory.once.at:%H:%M}: `tonight off` takes that back"
    out.tell("skip_tonight_set", text, skipped=skips)
    return text
