"""What commands and the schedule check against the settings before they change anything. Pure, standard library."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, TypeVar

from player.core.clock import Now
from player.core.errors import Refused, choices, did_you_mean
from player.core.events import Track
from player.core.settings.session import Phase, Playlist, Settings, TimerSetting
from player.core.text import quoted_text
from player.session.memory.memory import RememberedTrack

Titled = TypeVar("Titled", Track, RememberedTrack)

NOT_SET: Final = (
    "the clock is not set yet (no time server has confirmed it; without one, set trust_clock in the config)"
)
"""Why something that needs the time of day is refused."""
CHOICES: Final = 8
"""Maximum number of titles that a message names where several match."""
FEW: Final = 5
"""Maximum number of titles that a message names where none matches."""
TRACKS: Final = "`tracks` lists all of them"


def find_playlist(settings: Settings, name: str | None) -> Playlist:
    """The playlist of that name. Raises Refused where it does not exist, or, for None, where no playlist exists."""
    if name is None:
        raise Refused("there is no playlist in the config")
    found = settings.playlist(name)
    if found is None:
        names = [playlist.name for playlist in settings.playlists]
        raise Refused(f"unknown playlist {name!r}{did_you_mean(name, names)}; available: {choices(names)}")
    return found


def find_track(name: str, among: Sequence[Titled], place: str | None = None, *, listed: str = TRACKS) -> Titled:
    """The one track with that title, or else with that part in its title; letters in any case.

    Args:
        name: what was asked for.
        among: the tracks it may be.
        place: the playlist that they are of, where only one was looked into; for the reason.
        listed: how to list them all.

    Raises:
        Refused: there is none, or there are several; the reason names what might be meant.
    """
    wanted = name.casefold()
    exact = [track for track in among if track.title.casefold() == wanted]
    found = exact or [track for track in among if wanted in track.title.casefold()]
    if len({track.uri for track in found}) == 1:
        return found[0]
    titles = sorted({track.title for track in found})
    if len(titles) > 1:
        raise Refused(f"{len(titles)} tracks match {quoted_text(name)}: {choices(titles, CHOICES)}")
    if found:
        raise Refused(f"{len(found)} tracks are called {quoted_text(titles[0])}; name the playlist too")
    where = "" if place is None else f" in {place!r}"
    raise no_such(f"no track {name!r}{where}", name, among, listed)


def no_such(what: str, name: str, among: Iterable[Titled], listed: str) -> Refused:
    """The refusal of a name that is no title: with the nearest title, otherwise some titles and how to list all."""
    titles = list(dict.fromkeys(track.title for track in among))
    near = did_you_mean(name, titles)
    if near or not titles:
        return Refused(what + (near or "; none is known"))
    return Refused(f"{what}; there {'are' if len(titles) > 1 else 'is'} {choices(titles, FEW)} ({listed})")


def check_volume(settings: Settings, volume: int) -> None:
    """Raises Refused for a volume above the hard maximum."""
    highest = settings.volume.max
    if not 0 <= volume <= highest:
        raise Refused(f"volume {volume} is out of range; allowed is 0 to {highest} (volume.max)")


def check_then(settings: Settings, then: tuple[Phase, ...]) -> None:
    """Raises Refused for phases with an unknown playlist or a volume above the hard maximum."""
    for phase in then:
        if phase.playlist is not None:
            find_playlist(settings, phase.playlist)
        if phase.volume is not None:
            check_volume(settings, phase.volume)


def check_timer(timer: TimerSetting | None, now: Now) -> None:
    """Raises Refused for a timer until a time of day while the clock is not set."""
    if timer is not None and timer.until is not None and not now.trusted:
        raise Refused(f"timer {timer}: {NOT_SET}; use a length, such as 45m")
