"""The rotation: which track of a playlist comes next, so that nights differ. Main thread; pure but for its memory.

Asking changes nothing: a choice counts when the track is heard (`mark_played`), so one can choose ahead, reconsider
and choose anew. A file that is named twice in a playlist is one track. Tracks may appear and vanish between two calls;
what vanished is remembered, because a share that was away comes back.

The time since a track was heard is counted in tracks, not in days: the clock of a Pi may be weeks wrong, the order in
which things were heard never is. Everything here follows from the log of what was heard, so after a restart the log is
heard again (`recall`) and nothing else needs to be kept.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from player.core.events import Track
from player.core.settings.session import Order
from player.session.memory.memory import Memory
from player.session.memory.records import HeardEntry, HeardHow

SET_ASIDE_PLAYS: Final = 50
"""Number of other tracks after which a failed track is tried again."""
RECENT: Final = 10


@dataclass(slots=True)
class _Memory:
    """What is remembered of one playlist; tracks are named by their uri.

    Attributes:
        session: heard in this session.
        round: heard in this round of the shuffle, which goes on from session to session.
        last: heard last.
        opener: what the latest session that was heard began with.
        listing: the tracks in their order, as last seen with ``last`` among them.
    """

    session: set[str] = field(default_factory=set)
    round: set[str] = field(default_factory=set)
    last: str | None = None
    opener: str | None = None
    listing: list[str] = field(default_factory=list)


class Rotation:
    """The play memory of all playlists; the time since a track was heard counts across them.

    Args:
        memory: has the bans.

    Attributes:
        heard: playlist, uri and how, since the last `pop_heard`.
        recent: uris of the tracks that were heard last, the latest one last.
    """

    def __init__(self, memory: Memory) -> None:
        self.heard: list[tuple[str, str, HeardHow]] = []
        self.recent: tuple[str, ...] = ()
        self._memory_of_all = memory
        self._plays = 0
        self._heard_at: dict[str, int] = {}
        self._set_aside_until: dict[str, int] = {}
        self._memories: dict[str, _Memory] = {}

    def pop_heard(self) -> list[tuple[str, str, HeardHow]]:
        """What was heard since the last call: playlist, uri, and how."""
        heard, self.heard = self.heard, []
        return heard

    def recall(self, log: Iterable[HeardEntry]) -> None:
        """Replay what was heard before a restart, oldest first."""
        for heard in log:
            if heard.how is HeardHow.OPENED:
                self.begin(heard.playlist)
            if heard.how is HeardHow.SKIPPED:
                self.mark_skipped(heard.playlist, heard.uri)
            else:
                self.mark_played(heard.playlist, heard.uri)
        self.heard.clear()

    def begin(self, playlist: str) -> None:
        """A session begins: ``in_order`` and ``once`` begin at the beginning."""
        self._memory(playlist).session.clear()

    def next_track(self, playlist: str, order: Order, tracks: Sequence[Track], rng: random.Random) -> Track | None:
        """The track to play next.

        ``rotate``: the least recently heard one, never heard ones first, ties in the order of the list.
        ``shuffle``: each track once a round, in random order, none twice in a row. In both a session does not open
        with the track that opened the one before, and what was skipped comes later. ``in_order``: the one after the
        last heard, from the start again after the last. ``once``: likewise, but None when all have been heard in this
        session.

        Returns:
            None also when there are no tracks, or all of them are left out.
        """
        memory = self._memory(playlist)
        usable = self.usable(tracks)
        if not usable:
            return None
        match order:
            case Order.ROTATE:
                return self._longest_not_heard(usable, memory)
            case Order.SHUFFLE:
                return rng.choice(self._of_round(usable, memory))
            case Order.IN_ORDER:
                return _following(tracks, usable, memory)
            case Order.ONCE:
                return next((track for track in usable if track.uri not in memory.session), None)

    def has_finished(self, playlist: str, order: Order, tracks: Sequence[Track]) -> bool:
        """Whether ``once`` is complete: something was heard, and nothing that can be played is left."""
        heard = self._memory(playlist).session
        return order is Order.ONCE and bool(heard) and all(track.uri in heard for track in self.usable(tracks))

    def was_heard(self, playlist: str, uri: str) -> bool:
        """Whether a track was heard in this session."""
        return uri in self._memory(playlist).session

    def allowed(self, tracks: Sequence[Track]) -> list[Track]:
        """The tracks that are not banned."""
        return self._memory_of_all.allowed(tracks)

    def is_usable(self, track: Track) -> bool:
        """Whether a track can be played now, without regard to the others."""
        return bool(self.usable([track])) and not self._memory_of_all.is_fatal(track.uri)

    def usable(self, tracks: Sequence[Track]) -> list[Track]:
        """The tracks of a playlist that are neither banned nor left out.

        Where nothing else is left, tracks that are left out because of crashes are tried again: a night of silence
        would be certain otherwise, another crash is not, and a loop of crashes ends in silence by itself.
        """
        found = self._memory_of_all.allowed(tracks)
        waiting = {uri for uri, until in self._set_aside_until.items() if until > self._plays}
        if waiting:
            found = [track for track in found if track.uri not in waiting]
        fatal = {death.uri for death in self._memory_of_all.set_aside}
        return [track for track in found if track.uri not in fatal] or found if fatal else found

    def mark_played(self, playlist: str, uri: str) -> None:
        """Note that a track is heard; a repeated call for the same one (after a seek) changes nothing that matters."""
        memory = self._memory(playlist)
        if uri != memory.last or uri not in memory.session:
            self.heard.append((playlist, uri, HeardHow.PLAYED if memory.session else HeardHow.OPENED))
        self._mark(memory, uri)

    def mark_skipped(self, playlist: str, uri: str) -> None:
        """Note that a track was skipped, a mild dislike: it comes again half a round later than otherwise."""
        memory = self._memory(playlist)
        if uri != memory.last or uri not in memory.session:
            self._mark(memory, uri)  # skipped before it sounded
        self._heard_at[uri] = self._plays + len(self._heard_at) // 2
        self.heard.append((playlist, uri, HeardHow.SKIPPED))

    def _mark(self, memory: _Memory, uri: str) -> None:
        self._plays += 1
        self._heard_at[uri] = self._plays
        self.recent = (*(one for one in self.recent if one != uri), uri)[-RECENT:]
        self._set_aside_until.pop(uri, None)
        if not memory.session:
            memory.opener = uri
        if uri != memory.last and uri in memory.round:
            memory.round.clear()  # the round was complete, and this is the first of a new one
        memory.session.add(uri)
        memory.round.add(uri)
        memory.last = uri

    def mark_failed(self, uri: str) -> None:
        """A track could not be played: leave it out of all playlists for a while."""
        self._set_aside_until[uri] = self._plays + SET_ASIDE_PLAYS

    def readmit_failed(self) -> None:
        """Take all failed tracks back in."""
        self._set_aside_until.clear()

    def _memory(self, playlist: str) -> _Memory:
        return self._memories.setdefault(playlist, _Memory())

    def _longest_not_heard(self, usable: list[Track], memory: _Memory) -> Track:
        return min(_openable(usable, memory), key=lambda track: self._heard_at.get(track.uri, 0))

    def _of_round(self, usable: list[Track], memory: _Memory) -> list[Track]:
        """The tracks that a shuffle chooses from."""
        fresh = [track for track in usable if track.uri not in memory.round]
        others = [track for track in usable if track.uri != memory.last]
        choice = _openable(fresh or others or usable, memory)
        # a skipped track counts as heard in the future, until that many tracks have been heard
        liked = [track for track in choice if self._heard_at.get(track.uri, 0) <= self._plays]
        return liked or choice


def _openable(choice: list[Track], memory: _Memory) -> list[Track]:
    """At the beginning of a session, all but the opener of the one before, where there are others."""
    others = [track for track in choice if track.uri != memory.opener]
    return choice if memory.session or not others else others


def _following(tracks: Sequence[Track], usable: list[Track], memory: _Memory) -> Track:
    """The first usable track after the last heard; where that has vanished, after the place where it was."""
    if not memory.session or memory.last is None:
        return usable[0]
    listing = list(dict.fromkeys(track.uri for track in tracks))
    if memory.last in listing:
        memory.listing = listing
    if memory.last not in memory.listing:
        return usable[0]
    by_uri = {track.uri: track for track in usable}
    later = memory.listing[memory.listing.index(memory.last) + 1 :]
    return next((by_uri[uri] for uri in later if uri in by_uri), usable[0])
