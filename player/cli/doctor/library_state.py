"""What is in a playlist and what of it will be heard: the doctor's look at the library. May wait for a slow share."""

from __future__ import annotations

import os
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from player.audio.decoder.faults import unreadable
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
    measured, store_fault = _measured(files, state_dir)
    fatal = {death.uri for death in memory.set_aside}
    closed = {} if account is None else _closed(files, _folders(playlist), account)
    measured = {uri: found or _unplayable(uri) for uri, found in measured.items() if uri not in closed}
    faulty = {uri for uri, found in measured.items() if found is not None and found.measured is None}
    allowed = memory.allowed(tracks)
    return PlaylistState(
        playlist.name,
        tracks=len(tracks),
        playable=sum(track.uri not in fatal | faulty | closed.keys() for track in allowed),
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
        banned=len(tracks) - len(allowed),
        closed=tuple(dict.fromkeys(closed.values())),
        store_fault=store_fault,
    )


def _measured(files: list[Track], state_dir: Path) -> tuple[dict[str, MeasureResult | None], str | None]:
    """The measurements of each file, none without a store; and why the store cannot be read."""
    try:
        store = StoreReader(state_dir)
    except StoreError as fault:
        is_missing = "does not exist" in str(fault)
        return (dict.fromkeys((track.uri for track in files), None), None) if is_missing else ({}, str(fault))
    try:
        return {track.uri: _find(store, track.uri) for track in files}, None
    except StoreError as fault:
        return {}, str(fault)
    finally:
        store.close()


def _find(store: StoreReader, uri: str) -> MeasureResult | None:
    try:
        return store.find(mark_of(uri))
    except OSError as fault:
        return MeasureResult(None, fault.strerror or "cannot be read")


def _unplayable(uri: str) -> MeasureResult | None:
    """What no scan takes, such as an empty file, is not measured later either."""
    fault = unreadable(uri)
    return None if fault is None else MeasureResult(None, fault)


def _folders(playlist: Playlist) -> frozenset[Path]:
    """The folders of a playlist, in which files are found only by who may list them."""
    named = (os.path.realpath(os.path.expanduser(path)) for path in (*playlist.opening, *playlist.paths))
    return frozenset(Path(path) for path in named if os.path.isdir(path))


def _closed(files: Iterable[Track], folders: frozenset[Path], account: UserAccount) -> dict[str, str]:
    """The files that the service's user may not find or read, each with the place that prevents it."""

    @cache
    def closed(folder: Path) -> str | None:
        """The first place that keeps the user from listing the folder, or from one above it."""
        is_listed = folder in folders or not folders.isdisjoint(folder.parents)
        above = closed(folder.parent) if folder.parent != folder else None
        return above or (barrier(folder, account, READ) if is_listed else None)

    found = ((track.uri, closed(Path(track.uri).parent) or barrier(Path(track.uri), account, READ)) for track in files)
    return {uri: place for uri, place in found if place is not None}
