"""The parts of a night in the config: phases (``then``), beds, mixes, and dates and times of single days.

Runs on the main thread; pure.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date, time
from typing import Annotated, Any, Final

from player.config.binding import Key, Keys, put, read
from player.config.readers import (
    OFF,
    ConfigValue,
    ValueReported,
    clock_time,
    day_of,
    duration_s,
    each,
    text,
    timer,
    volume,
    word,
)
from player.config.schema_safety import taper
from player.config.yaml_tree import Leaf, Listing, Table, shown
from player.core.days import DAYS, Dates
from player.core.errors import choices, did_you_mean
from player.core.settings.bed import Bed, check_beds
from player.core.settings.key import ConfigKey
from player.core.settings.session import FAVOURITES, Phase, Playlist, TimerSetting
from player.core.validation import check_name
from player.core.values import PHASE_ENDS
from player.core.verbs import is_taken

BED: Final = Keys.of(Bed)


@dataclass(frozen=True, slots=True)
class Mix:
    """A name for a playlist with a bed under its tracks."""

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
        before = len(row.faults)
        try:
            check_playlist_name("mix", name)
        except ValueError as error:
            row.blame(str(error))
        values = read(row, MIX)
        if len(row.faults) == before:
            found[name] = Mix(**values)
    return found


def check_playlist_name(what: str, name: str) -> None:
    """Raise ValueError unless commands can name the playlist or mix."""
    check_name(what, name)
    if is_taken(name):
        raise ValueError(
            f"{what} {name!r} cannot be named in a command, where that word means something else; rename it"
        )


def check_playlist(spot: ConfigValue, name: str, names: Sequence[str]) -> None:
    """Check the name of a playlist; without ``names``, where a library may have any, only whether it can be one."""
    if not names:
        try:
            check_name("playlist", name)
        except ValueError as error:
            spot.blame(str(error))
    elif name not in (*names, FAVOURITES.name):
        spot.blame(f"{shown(name)} is not a playlist{did_you_mean(name, names)}; choose one of {choices(names)}")


def check_bed(spot: ConfigValue, found: tuple[Bed, ...] | None, names: Sequence[str]) -> None:
    """Check each playlist of the ``bed`` of a table, at its place in the file."""
    if not found:
        return
    row = spot.rows()["bed"]
    for item, bed in zip(row.items() or [row], found, strict=True):
        check_playlist(item.rows().get("playlist", item), bed.playlist, names)


def check_mixes(rows: dict[str, ConfigValue], found: dict[str, Any], names: list[str]) -> None:
    """Check the names and playlists of mixes, and leave out those with a fault.

    The names are used like those of playlists, so they are added to them.
    """
    spots = rows["mixes"].rows() if "mixes" in found else {}
    own, good = list(names), {}
    for name, mix in found.get("mixes", {}).items():
        before = len(spots[name].faults)
        if "playlists" in found and name in rows["playlists"].rows():
            spots[name].blame(f"{shown(name)} is already the name of a playlist")
        check_playlist(spots[name].rows()["playlist"], mix.playlist, own)
        check_bed(spots[name], mix.bed, own)
        if len(spots[name].faults) == before:
            good[name] = mix
    if own:
        names.extend(name for name in spots if name not in own)
    if spots:
        found["mixes"] = good


def with_mixes(
    playlists: tuple[Playlist, ...], found: dict[str, Mix], folder_of: Callable[[str], str] | None
) -> tuple[Playlist, ...]:
    """The playlists, and each mix as a further playlist: that of its tracks under the mix's name, with its bed.

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


PHASE: Final = Keys(
    (
        *Keys.of(Phase, volume=volume, timer=timer, taper=taper, bed=beds).keys,
        Key("for", "timer", lambda spot: TimerSetting.clock(duration_s(spot))),
        Key("until", "timer", lambda spot: TimerSetting.at(clock_time(spot))),
    )
)


def phases(spot: ConfigValue) -> tuple[Phase, ...]:
    """A list of phases."""
    if not isinstance(spot.node, Listing):
        raise ValueError('must be a list, one phase after each dash, such as - {playlist: rain, until: "06:30"}')
    return tuple(_phase(item) for item in spot.items())


def _phase(item: ConfigValue) -> Phase:
    """A phase; a placeholder replaces one that is not a table while the rest is checked."""
    try:
        found = read(item, PHASE)
    except ValueReported:
        return Phase()
    ends = [word for word in PHASE_ENDS if word in found]
    if len(ends) > 1:
        item.blame(f"has {' and '.join(ends)}; use one of them")
    return put(item, PHASE, Phase(has_no_taper=found.get("taper", "") is None), found)


def dates(spot: ConfigValue) -> Dates:
    """A date, ``2026-12-24``, or two with ``to`` between them, both included."""
    value = text(spot)
    parts = re.split(r"\s+to\s+", value.strip(), maxsplit=1)
    try:
        first, last = (date.fromisoformat(part) for part in (parts[0], parts[-1]))
    except ValueError:
        raise ValueError(f"{shown(value)} is not a date; write 2026-12-24, or 2026-12-24 to 2027-01-02") from None
    return Dates(first, last)


def own_times(spot: ConfigValue) -> tuple[tuple[int, time], ...]:
    """Times of single days, ``{fri: "23:00", weekend: "23:30"}``: weekday (Monday is 0) and time, each day once."""
    if not isinstance(spot.node, Table):
        raise ValueError('must be a table of days and times, such as {fri: "23:00", weekend: "23:30"}')
    found: dict[int, time] = {}
    for name, row in spot.rows().items():
        try:
            days = day_of(name)
            if twice := [DAYS[day] for day in days if day in found]:
                raise ValueError(f"contains {', '.join(twice)} twice")
            found |= dict.fromkeys(days, clock_time(row))
        except ValueError as error:
            spot.blame(str(error))
    return tuple(sorted(found.items()))
