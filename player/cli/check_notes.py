"""Notes on a config without faults, a line each for `lull check`. Nothing is played or changed.

They include the level of a night at the pillow, and whether that is too loud; `lull doctor` shows that as well.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import TYPE_CHECKING, Final

from player.cli.doctor.judge_sound import card_named_by
from player.cli.doctor.probes.host import read_cards
from player.core.days import DAYS
from player.core.events import has_file
from player.core.limits import SHORTEST_RISE_S
from player.core.pillow import NIGHT_MAX_DBA, Calibration, for_output
from player.core.settings.audio import AudioSettings, Channels, OutputKind
from player.core.settings.mqtt import CREDENTIAL, MqttSettings
from player.core.settings.session import Entry, Phase, Playlist, Settings, TimerMode, TimerSetting
from player.core.units import format_duration
from player.library.files import FileLibrary
from player.mqtt.triggers.filters import overlaps
from player.mqtt.triggers.rule_engine import RuleEngine
from player.mqtt.triggers.settings import TriggerSettings
from player.mqtt.triggers.wishes import notes_on, wishes_of
from player.session.morning import LONGEST_PART
from player.session.phases import PlannedPhase, planned_night
from player.session.schedule.preview import fade_in_of, night_of_entry, timer_of
from player.system.input_devices import InputSystem

if TYPE_CHECKING:
    from player.config import Config

NIGHT: Final = date(2026, 1, 15)
"""Any date on which the clocks do not change."""


def notes(config: Config, *, is_here: bool = True) -> Iterator[str]:
    """All notes: what is missing at present, and settings that do not take effect as written.

    Of a speaker that is not on this machine nothing can be missing here; one note says so instead.
    """
    if is_here:
        yield from _machine_notes(config)
    else:
        yield "not on this machine, so its folders, files and devices were not looked for"
    for playlist in config.settings.playlists:
        yield from _playlist_phase_notes(playlist, config.settings)
    yield from _ear_notes(config.audio)
    yield from _cap_notes(config.settings)
    yield from _trigger_notes(config.triggers)
    yield from _fade_notes("fades", config.settings.fades.fade_in_s)
    yield from _timer_notes("the default timer", config.settings.timer, config.settings.fades.fade_out_s)
    yield from _longest_notes("the default timer", config.settings.timer.duration_s, config.settings)
    yield from _same_minute_notes(config.settings.schedule)
    for entry in config.settings.schedule:
        yield from _endless_notes(entry, config.settings)
        yield from _entry_notes(entry, config.settings)
        yield from _phase_notes(entry, config.settings)


def _machine_notes(config: Config) -> Iterator[str]:
    """Notes on folders, files, sound cards and input devices that are not there."""
    library = config.settings.library
    if library is not None and not os.path.isdir(library):
        yield f"library: {library} does not exist"
    elif library is not None and not config.settings.playlists:
        yield f"library: {library} has no folders yet"
    for playlist in config.settings.playlists:
        yield from (f"playlist {playlist.name}: {warning}" for warning in FileLibrary().read(playlist).warnings)
    yield from _output_notes(config.audio)
    yield from _state_notes(config.state_dir)
    yield from _file_notes(config.mqtt)
    if wishes_of(config.triggers.rules):
        yield from (f"triggers: {note}" for note in notes_on(config.triggers.rules, InputSystem().devices()))


def _ear_notes(audio: AudioSettings) -> Iterator[str]:
    """Notes on an output without sound."""
    only = {Channels.LEFT: 1, Channels.RIGHT: -1}.get(audio.channels)
    if only is not None and audio.balance == 100 * only:
        yield f"audio: channels {audio.channels.value} with balance {audio.balance} gives silence"


def _output_notes(audio: AudioSettings) -> Iterator[str]:
    """Notes on a card that is not there, a pipe that others will not find, or another file in its place."""
    if audio.output is OutputKind.ALSA:
        cards, wanted = read_cards(), card_named_by(audio.device)
        if wanted is not None and wanted not in [card.id for card in cards]:
            found = ", ".join(card.id for card in cards) or "none"
            yield f"audio.device: there is no sound card {wanted} on this machine now; found: {found}"
    if audio.output in {OutputKind.PIPE, OutputKind.WAV} and audio.path is not None:
        yield from _path_notes(Path(audio.path), is_pipe=audio.output is OutputKind.PIPE)


def _path_notes(path: Path, *, is_pipe: bool) -> Iterator[str]:
    """Notes on an output file or pipe that cannot be written."""
    if is_pipe and (path.is_relative_to("/tmp") or path.is_relative_to("/var/tmp")):  # noqa: S108 - what is warned of
        yield f"audio.path: the service has a private /tmp, where no other program finds {path}; use /run/lull"
    is_there = os.path.exists(path)
    if is_there and not (path.is_fifo() if is_pipe else path.is_file()):
        yield f"audio.path: {path} exists and is not a {'pipe' if is_pipe else 'file'}"
    elif not os.path.isdir(path.parent):
        yield f"audio.path: the folder {path.parent} does not exist"
    elif not os.access(path if is_there else path.parent, os.W_OK):
        yield f"audio.path: {path} cannot be written by this user"


def _file_notes(mqtt: MqttSettings | None) -> Iterator[str]:
    if mqtt is None:
        return
    tls = mqtt.tls
    files = {"password_file": mqtt.password_file}
    if tls is not None:
        files |= {"tls.ca": tls.ca, "tls.cert": tls.cert, "tls.key": tls.key}
    for key, path in files.items():
        # a credential is there for the service alone
        if path is not None and not path.startswith(CREDENTIAL) and not os.access(path, os.R_OK):
            yield f"mqtt.{key}: {path} does not exist or cannot be read by this user"


def _state_notes(folder: Path) -> Iterator[str]:
    """Notes on a state directory that cannot be written."""
    first = next(path for path in (folder, *folder.parents) if os.path.exists(path))
    if not os.path.isdir(first):
        yield f"state_dir: {first} is not a folder; nothing can be saved"
    elif not os.access(first, os.W_OK | os.X_OK):
        what = folder if first == folder else f"{folder} does not exist, and {first}"
        yield f"state_dir: {what} cannot be written by this user"


def _cap_notes(settings: Settings) -> Iterator[str]:
    """A note on a cap that begins when every night is over, with all its phases."""
    night = settings.volume.night_cap
    if night is not None and max(map(_length_s, _planned_nights(settings))) <= night.after_s:
        yield f"volume.night_cap: it begins after {format_duration(night.after_s)}, and no session lasts longer"


def _planned_nights(settings: Settings) -> Iterator[list[PlannedPhase]]:
    """The nights that the config plans: of a command without a playlist and with each, and of each entry."""
    begins = datetime.combine(NIGHT, time(22, 30), UTC)
    for then in ((), *(playlist.then for playlist in settings.playlists)):
        yield planned_night(settings.timer, then, settings.timer, begins)
    for entry in settings.schedule:
        yield night_of_entry(entry, datetime.combine(NIGHT, entry.at, UTC), settings)


def _length_s(night: Sequence[PlannedPhase]) -> float:
    """How long a night lasts; one without an end, or until a time of day, may be as long as any."""
    planned = [one for one in night if one.never is None]
    ends_s = planned[-1].ends_s
    return math.inf if ends_s is None or any(one.timer.until is not None for one in planned) else ends_s


def _trigger_notes(triggers: TriggerSettings) -> Iterator[str]:
    """Notes on filters that share topics, so that a message may arrive twice."""
    filters = RuleEngine(triggers.rules).filters
    for place, one in enumerate(filters):
        for other in filters[place + 1 :]:
            if overlaps(one, other):
                yield f"triggers: {one} and {other} overlap; a message that matches both may arrive twice"


def _fade_notes(where: str, fade_in_s: float | None) -> Iterator[str]:
    if fade_in_s is not None and fade_in_s < SHORTEST_RISE_S:
        yield f"{where}: a fade-in from silence takes at least {format_duration(SHORTEST_RISE_S)}"


def _timer_notes(where: str, timer: TimerSetting, fade_out_s: float) -> Iterator[str]:
    if timer.duration_s is not None and fade_out_s >= timer.duration_s:
        length, fade = format_duration(timer.duration_s), format_duration(fade_out_s)
        yield f"{where} is {length}, not longer than its fade-out of {fade}: it fades out from its beginning"


def _longest_notes(where: str, ends_s: float | None, settings: Settings) -> Iterator[str]:
    """Notes on timers longer than the maximum length of a session."""
    longest_s = settings.session.max_s
    if ends_s is not None and ends_s > longest_s:
        yield f"{where} is longer than session.max: the session ends after {format_duration(longest_s)}"


def _same_minute_notes(schedule: Sequence[Entry]) -> Iterator[str]:
    """Notes on entries that start at the same time: the first one plays, unless the later one takes over."""
    for place, entry in enumerate(schedule):
        for other in schedule[:place]:
            days = [day for day in sorted(entry.days & other.days) if _time_on(entry, day) == _time_on(other, day)]
            if days:
                shown = "daily" if len(days) == len(DAYS) else ", ".join(DAYS[day] for day in days)
                at = f"{_time_on(entry, days[0]):%H:%M} ({shown})"
                heard = entry if entry.takes_over else other
                yield f"schedule: {other.name} and {entry.name} both start at {at}: only {heard.name} plays"
                break


def _time_on(entry: Entry, day: int) -> time:
    return dict(entry.own_times).get(day, entry.at)


def _playlist_phase_notes(playlist: Playlist, settings: Settings) -> Iterator[str]:
    """Notes on phases of a playlist that are never reached, whenever it is started."""
    begins = datetime.combine(NIGHT, time(22, 30), UTC)
    for number, planned in enumerate(planned_night(settings.timer, playlist.then, settings.timer, begins), 1):
        if planned.never is not None and planned.timer.until is None:
            yield f"playlist {playlist.name}: phase {number} never comes: {planned.never}"


def _endless_notes(entry: Entry, settings: Settings) -> Iterator[str]:
    """Notes on timers to the end of a track where only endless sound plays."""
    name = entry.playlist or settings.first_playlist
    for planned in night_of_entry(entry, datetime.combine(NIGHT, entry.at, UTC), settings):
        name = name if planned.phase is None or planned.phase.playlist is None else planned.phase.playlist
        playlist = settings.playlist(name or "")
        is_to_an_end = planned.timer.mode in {TimerMode.END_OF_TRACK, TimerMode.END_OF_PLAYLIST}
        if is_to_an_end and playlist is not None and not any(map(has_file, playlist.paths)):
            yield f"schedule {entry.name}: timer {planned.timer} with {playlist.name}, whose sound has no end"


def _phase_notes(entry: Entry, settings: Settings) -> Iterator[str]:
    """Notes on phases that are never reached, or that the maximum length of a session ends."""
    begins = datetime.combine(NIGHT, entry.at, UTC)
    longest_s = settings.session.max_s
    for number, planned in enumerate(night_of_entry(entry, begins, settings), 1):
        where = f"schedule {entry.name}: phase {number}"
        if planned.never is not None:
            yield f"{where} never comes: {planned.never}"
        elif number == 1 and (entry.timer is not None or planned.timer.until is not None):
            yield from _longest_notes(f"schedule {entry.name}: its timer, {planned.timer},", planned.ends_s, settings)
        elif number > 1 and planned.begins_s is not None and planned.begins_s >= longest_s:
            yield f"{where} never comes: session.max ends the night after {format_duration(longest_s)}"
        elif number > 1 and planned.ends_s is not None and planned.ends_s > longest_s:
            yield f"{where} ends early: session.max ends the night after {format_duration(longest_s)}"


def _entry_notes(entry: Entry, settings: Settings) -> Iterator[str]:
    yield from _fade_notes(f"schedule {entry.name}", entry.fade_in_s)
    if entry.timer is not None or entry.fade_out_s is not None:
        fade_out_s = settings.fades.fade_out_s if entry.fade_out_s is None else entry.fade_out_s
        yield from _timer_notes(f"the timer of {entry.name}", timer_of(entry, settings), fade_out_s)
    length_s, fade_in_s = timer_of(entry, settings).duration_s, fade_in_of(entry, settings)
    if entry.is_morning and length_s is not None and fade_in_s > LONGEST_PART * length_s:
        longest = format_duration(LONGEST_PART * length_s)
        yield f"schedule {entry.name}: its fade-in is shortened to {longest}, two thirds of its timer"


def level_row(settings: Settings, calibration: Calibration | None) -> str | None:
    """The volumes in dB(A); None without a calibration."""
    if calibration is None:
        return None
    if for_output(calibration, settings.output) is None:
        return f"calibrated on {calibration.at:%Y-%m-%d} for another output: {calibration.output}"
    volumes = (settings.volume.default, settings.volume.max)
    told = ", ".join(calibration.told(volume, settings.limits.target_lufs) for volume in volumes)
    return f"{told}; calibrated on {calibration.at:%Y-%m-%d}"


def level_notes(settings: Settings, calibration: Calibration | None) -> Iterator[str]:
    """Notes on levels that are too loud for a night, and on estimated levels."""
    if settings.level_fault is not None:
        yield settings.level_fault
    known = for_output(calibration, settings.output)
    if known is None:
        return
    for what, volume in _nights(settings):
        if known.level_dba(volume, settings.limits.target_lufs) > NIGHT_MAX_DBA:
            yield (
                f"{what}: {known.told(volume, settings.limits.target_lufs)} at the pillow; for a night the WHO advises "
                f"30 dB(A) on average and at most {NIGHT_MAX_DBA:.0f}"
            )


def _nights(settings: Settings) -> Iterator[tuple[str, int]]:
    """What plays while people are asleep, with its volume."""
    cap = settings.volume.night_cap
    most = settings.volume.max if cap is None else cap.max
    if cap is not None and cap.max > settings.volume.default:
        yield "volume.night_cap", cap.max
    yield "volume.default", min(settings.volume.default, most)
    for playlist in settings.playlists:
        yield from ((f"playlist {playlist.name}, a phase", volume) for volume in _volumes(playlist.then, most))
    for entry in settings.schedule:
        if entry.volume is not None and not entry.is_morning:
            yield f"schedule {entry.name}", min(entry.volume, most)
        yield from ((f"schedule {entry.name}, a phase", volume) for volume in _volumes(entry.then or (), most))


def _volumes(then: Sequence[Phase], most: int) -> Iterator[int]:
    """The volumes that phases have of their own."""
    yield from (min(phase.volume, most) for phase in then if phase.volume is not None)
