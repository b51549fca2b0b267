"""The sections of the config: their keys, the readers of these, and the checks between sections.

Runs on the main thread; pure. Each section is a table of keys beside the settings class that it fills.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import time
from pathlib import Path
from typing import Any, Final

from player.config.binding import Key, Keys, fill, put, read
from player.config.levels import CalibrationIn, PillowLevels
from player.config.readers import (
    OFF,
    ConfigValue,
    Reader,
    ValueReported,
    clock_time,
    days,
    file_path,
    group,
    host,
    path_or_address,
    secret_path,
    several,
    switch,
    text,
    timer,
    volume,
    volume_said,
    word,
)
from player.config.schema_discovery import discovery
from player.config.schema_night import (
    beds,
    check_bed,
    check_mixes,
    check_playlist,
    check_playlist_name,
    dates,
    mixes,
    own_times,
    phases,
    with_mixes,
)
from player.config.schema_safety import GUARD, SESSION, guard, mixer, night_cap, rest_nights, session
from player.config.speakers import check_device
from player.config.yaml_tree import Leaf, Listing, Table, shown
from player.core.settings.audio import AudioSettings
from player.core.settings.key import ConfigKey
from player.core.settings.mqtt import MqttSettings, TlsSettings
from player.core.settings.safety import FadeSettings, LimitSettings, RestNights
from player.core.settings.session import (
    ONCE,
    Entry,
    Phase,
    Playlist,
    Settings,
    TimerSetting,
    VolumeSettings,
)
from player.core.units import VOLUME_MAX

TLS_PORT: Final = 8883
_KEPT_OUT: Final = "do not write passwords here: put it into a separate file and name that file in password_file"


def _volume(spot: ConfigValue) -> VolumeSettings:
    """Volumes; a maximum below the built-in default volume, given alone, lowers the default too."""
    found = read(spot, VOLUME)
    if "max" in found and found.get("default", 0) > found["max"]:
        rows = spot.rows()
        said, highest = volume_said(rows["default"], found.pop("default")), volume_said(rows["max"], found["max"])
        rows["default"].blame(f"{said} is above volume.max, which is {highest}; lower it or raise volume.max")
    start = VolumeSettings()
    maximum = spot.rows().get("max")
    if maximum is not None and not maximum.is_empty:
        # the default is checked against the given maximum; where that is faulty, nothing is used
        default = start.default if "default" in found else max(0, min(start.default, found.get("max", 0)))
        start = VolumeSettings(default, VOLUME_MAX)
    return put(spot, VOLUME, start, found)


def _timer(spot: ConfigValue) -> TimerSetting | None:
    """``timer: {default: 45m}``, or the value alone: ``timer: off``. None where it is absent."""
    if isinstance(spot.node, Leaf):
        return timer(spot)
    if isinstance(spot.node, Listing):
        raise ValueError("must be one timer, such as 45m, until 06:30 or off, or a table with the key default")
    found: TimerSetting | None = read(spot, TIMER).get("default")
    return found


def _mqtt(spot: ConfigValue) -> MqttSettings | None:
    """The broker, or None for ``mqtt: off``; TLS without a port means 8883."""
    if isinstance(spot.node, Leaf) and text(spot).lower() in OFF:
        return None
    found = read(spot, MQTT)
    start = MqttSettings(port=TLS_PORT) if found.get("tls") else MqttSettings()
    username = spot.rows().get("username")
    if "password_file" in found and (username is None or username.is_empty):
        spot.rows()["password_file"].blame("needs username too: MQTT 3.1.1 allows no password without one")
    return put(spot, MQTT, start, found)


def _tls(spot: ConfigValue) -> TlsSettings | None:
    """TLS with the given files, or ``on`` and ``off``."""
    if isinstance(spot.node, Leaf):
        return TlsSettings() if switch(spot) else None
    return fill(spot, TLS, TlsSettings())


def _device(spot: ConfigValue) -> str:
    name = word(spot)
    check_device(name)
    return name


def _playlists(spot: ConfigValue) -> tuple[Playlist, ...]:
    if not isinstance(spot.node, Table):
        raise ValueError("must be a table of names with paths, such as rain: {paths: [/srv/lull/rain]}")
    if not spot.rows():
        raise ValueError("is empty; name at least one playlist, such as rain: {paths: [/srv/lull/rain]}")
    return tuple(_playlist(name, row) for name, row in spot.rows().items())


def _playlist(name: str, row: ConfigValue) -> Playlist:
    """A playlist; a faulty name is replaced by a placeholder while the rest is checked."""
    try:
        check_playlist_name("playlist", name)
    except ValueError as error:
        row.blame(str(error))
        name = "playlist"
    start = Playlist(name, ("path",))
    try:
        return fill(row, PLAYLIST, start)
    except ValueReported:
        return start


def _schedule(spot: ConfigValue) -> tuple[Entry, ...]:
    if not isinstance(spot.node, Listing):
        raise ValueError('must be a list, one entry after each dash, such as - {name: evening, at: "22:30"}')
    return tuple(_entry(item) for item in spot.items())


def _entry(item: ConfigValue) -> Entry:
    """An entry; missing values are replaced by placeholders while the rest is checked."""
    start = Entry("entry", time(0))
    try:
        return fill(item, ENTRY, start)
    except ValueReported:
        return start


def _triggers(spot: ConfigValue) -> Any:
    """The rules. Their code is loaded only for a file that has some: each command to a speaker reads the config."""
    from player.config.schema_triggers import triggers

    return triggers(spot)


def _quiet_hours(spot: ConfigValue) -> Any:
    """The hours of the triggers, loaded as these are."""
    from player.config.schema_triggers import day_part

    return day_part(spot)


VOLUME: Final = Keys.of(VolumeSettings, default=volume, max=volume, night_cap=night_cap)
FADES: Final = Keys.of(FadeSettings)
LIMITS: Final = Keys.of(LimitSettings)
TIMER_DEFAULT: Final = ConfigKey(
    "default",
    "the sleep timer of a start that sets none; it ends in silence",
    allowed="1s to 24h, until 06:30, off, end-of-track, end-of-playlist",
)
TIMER: Final = Keys((Key(TIMER_DEFAULT.word, "timer", timer),))
AUDIO: Final = Keys.of(AudioSettings, path=file_path, mixer=mixer)
TLS: Final = Keys.of(TlsSettings, ca=file_path, cert=file_path, key=file_path)
MQTT: Final = replace(
    Keys.of(
        MqttSettings,
        host=host,
        username=text,
        password_file=secret_path,
        groups=several(group),
        tls=_tls,
        discovery=discovery,
    ),
    hints=(("password", _KEPT_OUT),),
)
PLAYLIST: Final = replace(
    Keys.of(Playlist, paths=several(path_or_address), opening=several(path_or_address), then=phases, bed=beds),
    needs=(),
)
ENTRY: Final = Keys.of(
    Entry,
    volume=volume,
    at=clock_time,
    days=days,
    own_times=own_times,
    leave_out=several(dates),
    timer=timer,
    then=phases,
    bed=beds,
)
_NESTED: Final = {
    "audio": AUDIO,
    "mqtt": MQTT,
    "volume": VOLUME,
    "fades": FADES,
    "limits": LIMITS,
    "guard": GUARD,
    "session": SESSION,
}
BESIDE: Final[tuple[tuple[ConfigKey, Reader], ...]] = (
    (ConfigKey("audio", "where the sound goes"), lambda spot: fill(spot, AUDIO, AudioSettings())),
    (ConfigKey("mqtt", "the broker; without it there is no MQTT", allowed="off, or its keys"), _mqtt),
    (
        ConfigKey(
            "mixes", "names for a playlist with a bed, used like playlists", allowed="names with `playlist` and `bed`"
        ),
        mixes,
    ),
    (ConfigKey("triggers", "actions on messages of other devices, see [triggers.md](triggers.md)"), _triggers),
    (
        ConfigKey("quiet_hours", "when no trigger may start sound; default: never", allowed="as 23:30-06:30"),
        _quiet_hours,
    ),
    (
        ConfigKey(
            "speakers", "several speakers in one file", allowed="names, each with keys that replace those of the file"
        ),
        text,
    ),
    (
        ConfigKey("state_dir", "where data is kept across restarts; default: `/var/lib/lull`", allowed="a folder"),
        file_path,
    ),
)
"""The top-level keys that the session does not use, with their readers."""
TOP: Final = Keys(
    (
        *Keys.of(
            Settings,
            device=_device,
            volume=_volume,
            fades=lambda spot: fill(spot, FADES, FadeSettings()),
            limits=lambda spot: fill(spot, LIMITS, LimitSettings()),
            guard=guard,
            session=session,
            timer=_timer,
            playlists=_playlists,
            library=file_path,
            schedule=_schedule,
            away=several(dates),
            rest_nights=rest_nights,
        ).keys,
        *(Key(key.word, key.word, read_one) for key, read_one in BESIDE),
    ),
    hints=tuple((key, f"it belongs under {section}") for section, keys in _NESTED.items() for key in keys.words),
)


def levels_of(root: ConfigValue, default_state_dir: Path, calibration_in: CalibrationIn | None) -> PillowLevels:
    """The converter of levels in dB(A) into volumes, from the file's output, target and state directory."""
    rows = root.rows()

    def said(row: ConfigValue | None, reader: Reader, default: Any) -> Any:
        """The value, or the default without a valid one; its faults are reported when the key itself is read."""
        quiet = None if row is None or row.is_empty else replace(row, faults=[])
        try:
            return default if quiet is None or (value := reader(quiet)) is None or quiet.faults else value
        except (ValueError, ValueReported):
            return default

    audio = said(rows.get("audio"), lambda spot: fill(spot, AUDIO, AudioSettings()), AudioSettings())
    limits = said(rows.get("limits"), lambda spot: fill(spot, LIMITS, LimitSettings()), LimitSettings())
    state_dir = said(rows.get("state_dir"), file_path, default_state_dir)
    return PillowLevels(calibration_in, Path(state_dir), audio.identity, limits.target_lufs)


def read_config(root: ConfigValue) -> dict[str, Any]:
    """The settings by top-level key; they must not be used when ``root.faults`` is not empty afterwards.

    Raises:
        ValueReported: the file is not a table of keys.
    """
    found = read(root, TOP)
    rows = root.rows()
    names = _check_paths(root, rows, found)
    check_mixes(rows, found, names)
    if "default_playlist" in found:
        check_playlist(rows["default_playlist"], found["default_playlist"], names)
    rests: RestNights | None = found.get("rest_nights")
    if rests is not None and rests.playlist is not None:
        check_playlist(rows["rest_nights"].rows()["playlist"], rests.playlist, names)
    maximum = found.get("volume", VolumeSettings()).max
    for spot, playlist in zip(_playlist_rows(rows, found), found.get("playlists", ()), strict=True):
        _check_then(spot, playlist.then, names, maximum)
        check_bed(spot, playlist.bed, names)
    if "schedule" in found:
        items = rows["schedule"].items()
        _check_names(items, found["schedule"])
        for item, entry in zip(items, found["schedule"], strict=True):
            if entry.playlist is not None:
                check_playlist(item.rows()["playlist"], entry.playlist, names)
            _check_volume(item, entry, maximum)
            _check_then(item, entry.then or (), names, maximum)
            check_bed(item, entry.bed, names)
    if "triggers" in found:
        from player.config.schema_triggers import check_triggers

        check_triggers(root, found, names)
    if found.get("mixes"):
        library = found.get("library")
        folder_of = None if library is None else Settings(library=library).folder_of
        found["playlists"] = with_mixes(found.get("playlists", ()), found["mixes"], folder_of)
    return found


def _playlist_rows(rows: dict[str, ConfigValue], found: dict[str, Any]) -> list[ConfigValue]:
    return list(rows["playlists"].rows().values()) if "playlists" in found else []


def _check_paths(root: ConfigValue, rows: dict[str, ConfigValue], found: dict[str, Any]) -> list[str]:
    """Let playlists without paths play the library's folder of the same name.

    Returns the names of all playlists; none where a library may have more of them, which only reading it can tell.
    """
    library = found.get("library")
    is_without = "library" not in rows or rows["library"].is_empty
    if is_without and ("playlists" not in rows or rows["playlists"].is_empty):
        root.blame("needs playlists, or library")
    playlists = []
    for spot, playlist in zip(_playlist_rows(rows, found), found.get("playlists", ()), strict=True):
        paths = spot.rows().get("paths")
        if paths is not None and not paths.is_empty:
            playlists.append(playlist)
        elif is_without:
            spot.blame("needs paths")
        elif library is not None:
            playlists.append(replace(playlist, paths=(Settings(library=library).folder_of(playlist.name),)))
    if library is None:
        return list(rows["playlists"].rows()) if "playlists" in found else []
    if playlists:
        found["playlists"] = tuple(playlists)
    return []


def _check_names(items: Sequence[ConfigValue], entries: Sequence[Entry]) -> None:
    """Check that names of entries occur once, because the journal, the state and commands use them."""
    lines: dict[str, int] = {}
    for item, entry in zip(items, entries, strict=True):
        row = item.rows().get("name")
        # an entry whose name could not be read has a placeholder as its name
        if row is None or not isinstance(row.node, Leaf) or row.node.text.strip() != entry.name:
            continue
        if entry.name == ONCE:
            row.blame(f"{shown(ONCE)} is reserved for a start that is planned by hand; choose another name")
        if entry.name in lines:
            row.blame(f"{shown(entry.name)} is already used by the entry in line {lines[entry.name]}")
        lines.setdefault(entry.name, row.place.line)


def _check_then(spot: ConfigValue, then: Sequence[Phase], names: Sequence[str], maximum: int) -> None:
    """Check the playlists and volumes of phases."""
    for item, phase in zip(spot.rows()["then"].items() if then else (), then, strict=True):
        if phase.playlist is not None:
            check_playlist(item.rows()["playlist"], phase.playlist, names)
        _check_volume(item, phase, maximum)
        check_bed(item, phase.bed, names)


def _check_volume(item: ConfigValue, entry: Entry | Phase, maximum: int) -> None:
    is_maximum_known = not any(fault.path in {"volume", "volume.max"} for fault in item.faults)
    if is_maximum_known and entry.volume is not None and entry.volume > maximum:
        row = item.rows()["volume"]
        said = volume_said(row, entry.volume)
        row.blame(f"volume is {said}, above volume.max, which is {maximum}; lower it or raise volume.max")
