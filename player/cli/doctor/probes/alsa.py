"""Examines a sound device or a mixer, in a separate process: ``python -m player.cli.doctor.probes.alsa``.

pyalsaaudio holds the interpreter's lock while it opens, and a sound server that is frozen keeps it for half a minute;
so a caller that must not block asks another process with a time limit. `try_device` and `look_at_mixer` ask;
`main` answers with one line of JSON on stdout. The device is opened as lull opens it, and closed without a sound.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import alsaaudio

import player
from player.audio.sinks.alsa import AlsaSink
from player.audio.sinks.alsa_mixer import db_range, mixer_name
from player.audio.sinks.alsa_pcm import AlsaFormat
from player.cli.doctor.facts import Control, MixerState, OpenAttempt
from player.core.clock import SystemClock
from player.core.errors import SinkError

COMMAND: Final = (sys.executable, "-P", "-m", "player.cli.doctor.probes.alsa")
_RAW: Final = alsaaudio.VOLUME_UNITS_RAW
_DB: Final = alsaaudio.VOLUME_UNITS_DB
_ODD_DB: Final = 9999_00
"""ALSA's value for a mute at the lower end of a scale."""


def try_device(device: str, buffer_s: float, limit_s: float, command: tuple[str, ...] = COMMAND) -> OpenAttempt:
    """Open the device and close it; a device that does not answer in time has a fault."""
    said = _ask(command, ["device", device, str(buffer_s)], limit_s)
    if isinstance(said, str):
        return OpenAttempt(fault=said)
    lists = {key: tuple(said[key]) for key in ("formats", "rates_hz", "channels")}
    return OpenAttempt(fault=said["fault"], granted=said["granted"], **lists)


def look_at_mixer(device: str, limit_s: float, command: tuple[str, ...] = COMMAND) -> MixerState:
    """The levels of the controls of the device's mixer; nothing is set."""
    said = _ask(command, ["mixer", device], limit_s)
    if isinstance(said, str):
        return MixerState(mixer_name(device), fault=said)
    return MixerState(said["mixer"], tuple(Control(**control) for control in said["controls"]), said["fault"])


def _ask(command: tuple[str, ...], words: list[str], limit_s: float) -> Any:
    """The answer of the other process, or a sentence about why there is none."""
    # it must import the same lull
    paths = [str(Path(player.__file__).parent.parent), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths + [path for path in sys.path if path])}
    try:
        done = subprocess.run(
            [*command, *words], capture_output=True, timeout=limit_s, check=False, env=environment, text=True, cwd="/"
        )
    except subprocess.TimeoutExpired:
        return f"no answer within {limit_s:g} s; if a sound server hangs, restart it"
    except OSError as fault:
        return f"it cannot be queried: {fault.strerror}"
    try:
        return json.loads(done.stdout)
    except ValueError:
        last = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
        return f"the query failed: {last}"


def main(words: list[str]) -> int:
    """Answer one question."""
    found = _trial(words[1], float(words[2])) if words[0] == "device" else _mixer(words[1])
    print(json.dumps(asdict(found)))
    return 0


def _trial(device: str, buffer_s: float) -> OpenAttempt:
    sink = AlsaSink(device, buffer_s, SystemClock())
    try:
        sink.open()
    except SinkError as fault:
        return OpenAttempt(fault=str(fault))
    granted = sink.granted
    assert granted is not None, "it is open"
    sink.close()
    name = AlsaFormat(granted.sample_format).name
    return OpenAttempt(None, f"{name}, {granted.rate_hz} Hz, {granted.channels} channels", *_abilities(device))


def _abilities(device: str) -> tuple[tuple[str, ...], tuple[int, ...], tuple[int, ...]]:
    """Formats, rates and channels that the device would take."""
    with closing(alsaaudio.PCM(type=alsaaudio.PCM_PLAYBACK, mode=alsaaudio.PCM_NONBLOCK, device=device)) as pcm:
        formats = tuple(name for name in pcm.getformats() if not name.endswith("_BE") and name.isascii())
        return formats, tuple(pcm.getratebounds()), tuple(pcm.getchannels())


def _mixer(device: str) -> MixerState:
    name = mixer_name(device)
    try:
        names = alsaaudio.mixers(device=name)
    except alsaaudio.ALSAAudioError as fault:
        return MixerState(name, fault=str(fault))
    found, seen = [], dict.fromkeys(names, 0)
    for control in names:
        index, seen[control] = seen[control], seen[control] + 1
        try:
            with closing(alsaaudio.Mixer(control=control, id=index, device=name)) as mixer:
                label = f"{control},{index}" if index else control
                found.append(_control(mixer, label))
        except alsaaudio.ALSAAudioError:
            continue  # a switch, or a control that has just gone
    return MixerState(name, tuple(control for control in found if control is not None))


def _control(mixer: Any, label: str) -> Control | None:
    """The control, None for one without a volume for playing."""
    if not any("Playback" in capability or capability == "Volume" for capability in mixer.volumecap()):
        return None
    steps = mixer.getvolume(units=_RAW)
    if not steps:
        return None
    lowest, highest = mixer.getrange(units=_RAW)
    bounds = db_range(mixer)
    try:
        is_muted = all(mixer.getmute())
    except alsaaudio.ALSAAudioError:
        is_muted = False  # it has no switch
    return Control(
        name=label,
        step=max(steps),
        lowest=lowest,
        highest=highest,
        level_db=max(-_ODD_DB, *mixer.getvolume(units=_DB)) / 100 if bounds else None,
        highest_db=bounds[1] if bounds else None,
        is_muted=is_muted,
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
