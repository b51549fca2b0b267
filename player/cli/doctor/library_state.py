"""What is in a playlist and what of it will be heard: the doctor's look at the library. May wait for a slow share."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from player.cli.doctor.facts import PlaylistState, UserAccount
from player.cli.doctor.probes.access import READ, barrier
from player.cli.scan_table import what_is_lowered
from player.core.errors import StoreError
from player.core.events import Track
from player.core.measurement import MeasureResult
from player.core.noise import is_noise
from player.core.settings.session import Playlist
from player.library.file_id import mark_of
from player.library.files import FileLibrary
from player.session.memory.memory import Memory
from player.storage.measurements_db import StoreReader


def take_stock(playlist: Playlist, state_dir: Path, memory: Memory, account: UserAccount | None) -> PlaylistState:
    """The playlist as the library finds it now, as the service's user would."""
    read = FileLibrary().read(playlist)
    tracks = list(dict.fromkeys((*read.opening, *read.tracks)))
    files = [track for track in tracks if not track.is_stream]
    measured, is_store_read = _measured(files, state_dir)
    fatal = {death.uri for death in memory.set_aside}
    return PlaylistState(
        playlist.name,
        tracks=len(tracks),
        streams=sum(track.is_stream and not is_noise(track.uri) for track in tracks),
        left_out=read.warnings,
        unmeasured=sum(found is None for found in measured.values()),
        faulty=tuple(
            f"{Path(uri).name} {found.fault}"
            for uri, found in measured.items()
            if found is not None and found.measured is None
        ),
        lowered=tuple(
            f"{Path(uri).name} {what}"
            for uri, found in measured.items()
            if found is not None and found.measured is not None and (what := what_is_lowered(found.measured))
        ),
        set_aside=tuple(Path(track.uri).name for track in files if track.uri in fatal),
        banned=len(tracks) - len(memory.allowed(tracks)),
        closed=() if account is None else tuple(_closed(files, account)),
        is_store_read=is_store_read,
    )


def _measured(files: list[Track], state_dir: Path) -> tuple[dict[str, MeasureResult | None], bool]:
    """The measurements of each file, and whether the store can be read; without a store none."""
    try:
        store = StoreReader(state_dir)
    except StoreError as fault:
        is_missing = "does not exist" in str(fault)
        return (dict.fromkeys((track.uri for track in files), None) if is_missing else {}), is_missing
    try:
        return {track.uri: _find(store, track.uri) for track in files}, True
    except StoreError:
        return {}, False
    finally:
        store.close()


def _find(store: StoreReader, uri: str) -> MeasureResult | None:
    try:
        return store.find(mark_of(uri))
    except OSError as fault:
        return MeasureResult(None, fault.strerror or "cannot be read")


def _closed(files: Iterable[Track], account: UserAccount) -> Iterator[str]:
    """Files that the service's user may not read; a folder is named once."""
    told: set[str] = set()
    for track in files:
        place = barrier(Path(track.uri), account, READ)
        if place is not None and place not in told:
            told.add(place)
            yield place
