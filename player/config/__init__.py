"""The config file: YAML in, one frozen `Config` out, or every fault at once with file, line, key and what is allowed.

Runs on the main thread, at start and at each reload. `yaml_tree` reads YAML and keeps the lines, `readers` reads single
values as they were written, `binding` turns tables into settings, `schema` has the keys. There is no schema
library: those check plain Python values, and by then the lines and the spelling (``22:30``, ``off``) are
lost, while the ranges are in the settings classes anyway.

No secret is ever in a Config: the broker's password is in a file of its own, and only that file's name is here.
"""

from __future__ import annotations

import os
import queue
import re
import stat
import threading
from collections.abc import Iterable
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Final

from player.config.levels import CalibrationIn
from player.config.readers import ConfigValue, ValueReported
from player.config.schema import levels_of, read_config
from player.config.speakers import SPEAKERS, Speakers, shared_out, speakers_of
from player.config.yaml_tree import Fault, Leaf, Node, Position, read_tree
from player.core.errors import ConfigError, did_you_mean
from player.core.settings.audio import AudioSettings
from player.core.settings.key import keys_of
from player.core.settings.mqtt import MqttSettings
from player.core.settings.session import Settings
from player.core.threads import TOO_MANY, has_started
from player.mqtt.triggers.settings import TriggerSettings

STATE_DIR: Final = Path("/var/lib/lull")
MAX_BYTES: Final = 256 << 10
READ_S: Final = 5.0
FAULTS_SHOWN: Final = 100
_IN_SETTINGS: Final = {key.word: attribute for attribute, (key, _) in keys_of(Settings).items()}
"""Top-level keys of the file and the attributes of `Settings` that they fill."""
HOW_TO_BEGIN: Final = "; docs/config.md explains how to write one, and `lull night` plays without one"
LEVELS: Final = " levels"
"""Settings that are derived from volumes in dB(A), besides the keys of the file."""
CONTACT: Final = frozenset({"mqtt", "device"})
"""The keys that are needed to send commands to a speaker."""
MEMORY: Final = frozenset({"state_dir"})
"""The key of the folder of its memory."""


@dataclass(frozen=True, slots=True)
class Config:
    """The content of a file.

    Attributes:
        settings: for the session.
        audio: the output.
        mqtt: the broker; None means no MQTT at all.
        triggers: the rules for messages of other devices.
        state_dir: the folder of the memory across restarts.
        path: the file that it was read from, for reloads; None without a file.
        speaker: its name among the speakers of that file; None where the file has only one.
    """

    settings: Settings
    audio: AudioSettings
    mqtt: MqttSettings | None
    state_dir: Path
    path: Path | None = None
    triggers: TriggerSettings = field(default_factory=TriggerSettings)
    speaker: str | None = None


def load(path: Path, calibration_in: CalibrationIn | None = None, speaker: str | None = None) -> Config:
    """Read a config file.

    Args:
        path: the file.
        calibration_in: reads the calibration for volumes in dB(A), which are estimated without it.
        speaker: one of several; None is that of this machine, see `player.config.speakers.CHOSEN_BY`.

    Raises:
        ConfigError: it cannot be read, or has faults; all of them are listed.
    """
    return parse(_text(path), path, calibration_in, speaker)


def load_all(path: Path, calibration_in: CalibrationIn | None = None) -> tuple[Config, ...]:
    """Read the config of each speaker of a file, in file order; a single one where the file has no ``speakers``.

    Only for this machine's own speaker is the calibration for volumes in dB(A) known.

    Raises:
        ConfigError: the file cannot be read, or the config of a speaker has faults; all of them are listed.
    """
    tree = read_tree(_text(path))
    speakers = speakers_of(tree[0])
    if speakers is None:
        return (_parsed(tree, path, calibration_in),)
    here = speakers.here(None)
    strangers = [speakers.unknown(here)] if here is not None and here not in speakers.own and speakers.own else []
    read = {name: _read(tree, path, calibration_in if name == here else None, name) for name in speakers.own}
    told = {name: [one for one in faults if one not in speakers.faults] for name, (_, faults) in read.items()}
    found = shared_out(told) if told else _read((speakers.common, tree[1]), path)[1]
    if faults := [*speakers.faults, *strangers, *found]:
        raise ConfigError(_lines(path, faults))
    configs = tuple(_build(found, path) for found, _ in read.values())
    ids = [(config.settings.device, config.mqtt.discovery.id) for config in configs if config.mqtt is not None]
    if twins := [*speakers.twins(ids)]:
        raise ConfigError(_lines(path, twins))
    return configs


def salvage(
    path: Path, calibration_in: CalibrationIn | None = None, speaker: str | None = None
) -> tuple[Config, tuple[str, ...]]:
    """As much of a config as can be read, and every fault: for display only, never for playing."""
    try:
        text = _text(path)
    except ConfigError as error:
        return _build({}, path), error.faults
    found, faults = _read(read_tree(text), path, calibration_in, speaker)
    return _build(found, path), tuple(_lines(path, faults))


@dataclass(frozen=True, slots=True)
class Whereabouts:
    """The broker, name and memory folder of a speaker, for programs that only send commands or show its state.

    Attributes:
        mqtt: the broker; None means no MQTT at all.
        device: the speaker's name; None where the file has several and none is chosen.
        state_dir: the folder of its memory.
        faults: the faults elsewhere in the file, a line each.
        speakers: the names of all speakers of the file, where it has several.
    """

    mqtt: MqttSettings | None
    device: str | None
    state_dir: Path
    faults: tuple[str, ...]
    speakers: tuple[str, ...] = ()


def load_whereabouts(path: Path, keys: frozenset[str] = CONTACT, speaker: str | None = None) -> Whereabouts:
    """Read only some ``keys``, so that a fault elsewhere in the file does not prevent a stop.

    ``speaker`` is one of several; with an unknown name, or without one of this machine, only the shared part is used.

    Raises:
        ConfigError: the file cannot be read, is not YAML, or has a fault in one of the keys.
    """
    tree = read_tree(_text(path))
    speakers = speakers_of(tree[0])
    device = None if speakers is None else speakers.here(speaker)
    if speakers is None or speakers.faults or device in speakers.own:
        found, faults = _read(tree, path, None, device)
        needed = [fault for fault in faults if not found or _top(fault) in keys]
    else:
        found, faults = _read((speakers.common, tree[1]), path)
        needed = faults = [fault for fault in faults if _top(fault) in keys]
    if needed:
        raise ConfigError(_lines(path, needed))
    return Whereabouts(
        mqtt=found.get("mqtt"),
        device=found.get("device", Settings().device) if speakers is None else device,
        state_dir=Path(found.get("state_dir", STATE_DIR)),
        faults=tuple(_lines(path, faults)),
        speakers=() if speakers is None else tuple(speakers.own),
    )


def _top(fault: Fault) -> str:
    """The top-level key that a fault belongs to, of the file or of one of its speakers."""
    path = re.sub(rf"^{SPEAKERS}\.[^.]*\.", "", fault.path)
    return path.partition(".")[0].partition("[")[0]


def _text(path: Path) -> str:
    try:
        data = _bounded(path)
    except (OSError, ValueError) as error:
        raise ConfigError([f"{_name(path)}: {_why_unread(path, error)}"]) from error
    if len(data) > MAX_BYTES:
        raise ConfigError([f"{_name(path)}: is larger than {MAX_BYTES >> 10} KiB; too large for a config"])
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        fault = Fault(
            Position(data.count(b"\n", 0, error.start) + 1), "", f"is not UTF-8 text (byte 0x{data[error.start]:02x})"
        )
        raise ConfigError(_lines(path, [fault])) from error
    return text


def _bounded(path: Path) -> bytes:
    """The first bytes of a file, one more than a config has, within `READ_S`. Raises OSError, ValueError.

    Opening a file on an absent share can block, so another thread does it, and is abandoned after the timeout.
    """
    answers: queue.SimpleQueue[bytes | OSError | ValueError] = queue.SimpleQueue()

    def read() -> None:
        try:
            file = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
            with open(file, "rb") as opened:  # IsADirectoryError for a folder
                if not stat.S_ISREG(os.fstat(file).st_mode):
                    raise ValueError("is not a regular file")
                answers.put(opened.read(MAX_BYTES + 1))
        except (OSError, ValueError) as fault:
            answers.put(fault)

    if not has_started(threading.Thread(target=read, name="lull-config", daemon=True)):
        raise ValueError(TOO_MANY)
    try:
        answer = answers.get(timeout=READ_S)
    except queue.Empty:
        raise ValueError(f"no answer within {READ_S:g} s; is it on a share that is away?") from None
    if isinstance(answer, bytes):
        return answer
    raise answer


def parse(
    text: str, path: Path | None = None, calibration_in: CalibrationIn | None = None, speaker: str | None = None
) -> Config:
    """Read a config from its text; ``path`` names it in messages, and its folder is where relative paths start.

    Raises:
        ConfigError: it has faults; all of them are listed.
    """
    if len(text) > MAX_BYTES:
        raise ConfigError([f"{_name(path)}: is longer than {MAX_BYTES >> 10} Ki characters; too large for a config"])
    return _parsed(read_tree(text), path, calibration_in, speaker)


def _parsed(
    tree: tuple[Node | None, tuple[Fault, ...]],
    path: Path | None,
    calibration_in: CalibrationIn | None = None,
    speaker: str | None = None,
) -> Config:
    """The config of one speaker. Raises ConfigError with all of its faults."""
    found, faults = _read(tree, path, calibration_in, speaker)
    if speaker is not None and found.get(SPEAKERS) is None and not faults:
        device = found.get("device", Settings().device)
        if speaker != device:
            faults.append(Fault(Position(1), "", f"describes only the speaker {device}, not {speaker}"))
    if faults:
        raise ConfigError(_lines(path, faults))
    return _build(found, path)


def _read(
    tree: tuple[Node | None, tuple[Fault, ...]],
    path: Path | None,
    calibration_in: CalibrationIn | None = None,
    speaker: str | None = None,
) -> tuple[dict[str, Any], list[Fault]]:
    """The valid settings of one speaker by top-level key, and the faults."""
    node, tree_faults = tree
    speakers = speakers_of(node)
    if speakers is not None:
        return _read_one_of(speakers, tree_faults, path, calibration_in, speaker)
    faults = list(tree_faults)
    found: dict[str, Any] = {}
    if node is not None and not (isinstance(node, Leaf) and node.is_empty):
        base = Path.cwd() if path is None else path.absolute().parent
        try:
            root = ConfigValue(node, "", base, faults, node.place)
            levels = levels_of(root, STATE_DIR, calibration_in)
            found = read_config(replace(root, levels=levels))
            found[LEVELS] = levels
        except ValueReported:
            assert faults, "what was told must be in the list"
    elif not faults:
        faults.append(
            Fault(Position(1), "", "is empty; it needs at least  playlists: {rain: {paths: [/srv/lull/rain]}}")
        )
    return found, faults


def _read_one_of(
    speakers: Speakers,
    tree_faults: tuple[Fault, ...],
    path: Path | None,
    calibration_in: CalibrationIn | None,
    speaker: str | None,
) -> tuple[dict[str, Any], list[Fault]]:
    """The same for a file with several: for the named speaker, or that of this machine."""
    name = speakers.here(speaker)
    faults = [*tree_faults, *speakers.faults_for(name)]
    if not speakers.faults and (name is None or name not in speakers.own):
        faults.append(speakers.nobody() if name is None else speakers.unknown(name))
    if name not in speakers.own:
        return {}, faults
    found, of_speaker = _read((speakers.tree_of(name), ()), path, calibration_in)
    return found | {SPEAKERS: name}, faults + speakers.relocated(name, of_speaker)


def differences(old: Config, new: Config) -> frozenset[str]:
    """The top-level keys whose values differ; a reload changes only those."""
    before, after = _by_key(old), _by_key(new)
    return frozenset(key for key, value in after.items() if value != before[key])


def _by_key(config: Config) -> dict[str, object]:
    own: dict[str, object] = {"audio": config.audio, "mqtt": config.mqtt, "state_dir": config.state_dir}
    own |= {"triggers": config.triggers.rules, "quiet_hours": config.triggers.quiet_hours}
    return own | {key: getattr(config.settings, attribute) for key, attribute in _IN_SETTINGS.items()}


def _build(found: dict[str, Any], path: Path | None) -> Config:
    names = {one.name for one in fields(Settings)}
    assert set(_IN_SETTINGS.values()) == names - {"output", "level_fault"}, "every setting has its key"
    audio, levels = found.get("audio", AudioSettings()), found.get(LEVELS)
    given = {attribute: found[key] for key, attribute in _IN_SETTINGS.items() if found.get(key) is not None}
    return Config(
        settings=Settings(**given, output=audio.identity, level_fault=None if levels is None else levels.fault),
        audio=audio,
        mqtt=found.get("mqtt"),
        state_dir=Path(found.get("state_dir", STATE_DIR)),
        path=path,
        triggers=TriggerSettings(found.get("triggers", ()), found.get("quiet_hours")),
        speaker=found.get(SPEAKERS),
    )


def _name(path: Path | None) -> str:
    """The file's name in a printable form; a name may contain bytes that are not text."""
    return "config" if path is None else str(path).encode("utf-8", "backslashreplace").decode()


def _lines(path: Path | None, faults: Iterable[Fault]) -> list[str]:
    """One line for each fault, in file order."""
    lines = [
        f"{_name(path)}:{fault.place.line}: " + (f"{fault.path}: " if fault.path else "") + fault.text
        for fault in sorted(faults, key=lambda fault: fault.place)
    ]
    more = len(lines) - FAULTS_SHOWN
    return lines if more <= 0 else [*lines[:FAULTS_SHOWN], f"{_name(path)}: and {more} more faults"]


def _why_unread(path: Path, error: OSError | ValueError) -> str:
    """Why a file cannot be read, with a suggestion."""
    if isinstance(error, IsADirectoryError):
        inside = _configs_in(path)
        return "is a folder, not a file" + (f"; it contains {', '.join(inside[:3])}" if inside else "")
    if isinstance(error, FileNotFoundError):
        if not path.parent.is_dir():
            return f"does not exist, nor does the folder {_name(path.parent)}{HOW_TO_BEGIN}"
        beside = _configs_in(path.parent)
        guess = did_you_mean(path.name, beside)
        listed = f"; the folder contains {', '.join(beside[:3])}" if beside else HOW_TO_BEGIN
        return f"does not exist{guess or listed}"
    return f"cannot be read: {error.strerror if isinstance(error, OSError) else error}"


def _configs_in(folder: Path) -> list[str]:
    """Names of the YAML files in a folder; none where it cannot be read."""
    try:
        return sorted(name for name in os.listdir(folder) if name.endswith((".yaml", ".yml")))
    except OSError:
        return []
