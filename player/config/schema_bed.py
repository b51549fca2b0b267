"""What plays under the tracks, in the config: ``bed``, and ``mixes``. Runs on the main thread; pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Annotated, Final

from player.config.binding import Keys, read
from player.config.readers import OFF, ConfigValue, ValueReported, each, text, word
from player.config.yaml_tree import Leaf, Listing, Table
from player.core.settings.bed import Bed, check_beds
from player.core.settings.key import ConfigKey
from player.core.settings.session import Playlist
from player.core.validation import check_name

BED: Final = Keys.of(Bed)


@dataclass(frozen=True, slots=True)
class Mix:
    """A name for a playlist with something under its tracks."""

    playlist: Annotated[str, ConfigKey("playlist", "what plays", allowed="a playlist")]
    bed: Annotated[
        tuple[Bed, ...],
        ConfigKey("bed", "what plays under its tracks", allowed="a playlist, its keys, or a list of two"),
    ]


def beds(spot: ConfigValue) -> tuple[Bed, ...]:
    """A playlist, a table, a list of them, or off."""
    if isinstance(spot.node, Leaf) and text(spot).lower() in OFF:
        return ()
    found = tuple(each(spot.items() if isinstance(spot.node, Listing) else [spot], _bed))
    check_beds(found)
    return found


def _bed(spot: ConfigValue) -> Bed:
    if not isinstance(spot.node, Table):
        return Bed(word(spot))
    found = read(spot, BED)
    if "playlist" not in found:
        raise ValueReported
    return Bed(**{key.attribute: found[key.word] for key in BED.keys if key.word in found})


MIX: Final = Keys.of(Mix, bed=beds)


def mixes(spot: ConfigValue) -> dict[str, Mix]:
    """Names with a playlist and a bed each."""
    if not isinstance(spot.node, Table):
        raise ValueError("must be a table of names, such as cosy: {playlist: whispers, bed: rain}")
    found = {}
    for name, row in spot.rows().items():
        try:
            check_name("mix", name)
        except ValueError as error:
            row.blame(str(error))
        values = read(row, MIX)
        if len(values) == len(MIX.keys):
            found[name] = Mix(**values)
    return found


def check_bed(spot: ConfigValue, found: tuple[Bed, ...] | None, check: Callable[[ConfigValue, str], None]) -> None:
    """Let each playlist of the ``bed`` of a table be checked, at its place in the file."""
    if not found:
        return
    row = spot.rows()["bed"]
    for item, bed in zip(row.items() or [row], found, strict=True):
        check(item.rows().get("playlist", item), bed.playlist)


def with_mixes(
    playlists: tuple[Playlist, ...], found: dict[str, Mix], folder_of: Callable[[str], str] | None
) -> tuple[Playlist, ...]:
    """The playlists, and each mix as a playlist of its own: that of its tracks under another name, with its bed.

    ``folder_of`` is the folder in which a library has a playlist that the config does not name; None without a library.
    """
    own = {playlist.name: playlist for playlist in playlists}
    made = []
    for name, mix in found.items():
        tracks = own.get(mix.playlist)
        if tracks is None and folder_of is not None:
            tracks = Playlist(mix.playlist, (folder_of(mix.playlist),))
        if tracks is not None:
            made.append(replace(tracks, name=name, bed=mix.bed))
    return (*playlists, *made)
