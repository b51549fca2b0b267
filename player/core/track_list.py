"""The tracks that can be played, as they are listed for remotes and people. Frozen, standard library.

A title is all that names a track here: paths and addresses are not published. `ListedTrack` is one row of the retained
``tracks`` topic and of the answer to ``tracks``; docs/mqtt.md and tracks.v1.json are made from it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Final

from player.core import published as json
from player.core.addresses import host_of
from player.core.events import Track, is_web
from player.core.published import PublishedKey, list_of, or_null, whole

MAX_RETAINED: Final = 500
"""Rows of the retained list."""
MAX_BYTES: Final = 100_000
"""About so long a retained list may be as JSON: a phone reads it at each connection."""


@dataclass(frozen=True, slots=True)
class ListedTrack:
    """One track."""

    title: Annotated[str, PublishedKey("title", json.TEXT, "its title, which `play` takes as `track`")]
    playlist: Annotated[str, PublishedKey("playlist", json.TEXT, "the first playlist that has it")]
    length_s: Annotated[
        float | None,
        PublishedKey(
            "length", or_null(json.SECONDS), "its length; null for streams and before it was measured or played"
        ),
    ]
    is_liked: Annotated[bool, PublishedKey("liked", json.BOOLEAN, "somebody likes it")]


@dataclass(frozen=True, slots=True)
class TrackList:
    """Some of the tracks.

    Attributes:
        choices: titles of the tracks that are liked and of those heard last, for a short list; not published here.
    """

    tracks: Annotated[
        tuple[ListedTrack, ...],
        PublishedKey(
            "tracks",
            list_of(ListedTrack, MAX_RETAINED),
            "those that are liked first, then in the order of the playlists",
        ),
    ] = ()
    count: Annotated[int, PublishedKey("count", whole("number"), "how many there are; the list may be shorter")] = 0
    choices: tuple[str, ...] = ()


def listed_title(track: Track) -> str:
    """The title as it is listed: of an address without a name only its host, which is a part of the title."""
    host = host_of(track.uri) if is_web(track.uri) else ""
    return host if host and track.title.startswith(f"{host}/") else track.title
