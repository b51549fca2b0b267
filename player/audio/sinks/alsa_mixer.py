"""A control of the sound card's own mixer, pinned: set before the device is opened, read back, and checked regularly.

Runs on the engine thread. A volume that lull does not control has two dangers: a DAC that is plugged in again starts
at 100 %, and another program may raise it at any time. So a control above its pin is lowered at once,
and one that cannot be lowered is an error: silence is safer. A control below its pin is raised only while nothing
sounds, because that, too, is a sudden rise.

Theory. Levels are compared in the card's own steps: ALSA rounds per cents and decibels, up as well as down.
A pin in per cent is the highest step that is not above it. A pin in decibels is found by trying while nothing sounds,
because pyalsaaudio cannot tell the level of a step. An ALSA mixer handle shows the state at the time it was opened, and
its own writes even when the sound server is dead: so levels are read back through a new handle.

A muted switch counts as a control that is too low: it is unmuted when the device is opened, or when nothing sounds. If
the card appears before its mixer (both have files of their own in /dev, and udev creates them one by one), it is
lowered as soon as it is found: a DAC that is plugged in again is at 100 %. udev also lets `alsactl restore` set the
mixer of a card that appears, possibly after the pin. So for the first half minute the mixer is checked every second.

A check takes well under a millisecond on a card and about ten through a sound server; it comes right after a block was
written, when the device has a buffer full of sound.

Limitation: a frozen sound server blocks this thread as long as when the device itself is opened.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import closing, suppress
from typing import Any, Final

import alsaaudio

from player.core.errors import SinkError
from player.core.settings.safety import MixerSettings

LOOK_EVERY_S: Final = 60.0
LOOK_SOON_S: Final = 1.0
"""Interval of the checks for `SOON_FOR_S` after the device was opened."""
SOON_FOR_S: Final = 30.0
"""For this long the system may still be setting up a card; a control that is missing then is taken as not existing."""
_STEPS_TRIED: Final = 32
"""Maximum steps between the step that ALSA chooses for a decibel value and the right one."""
_LOWEST_DB: Final = -100_000.0
"""ALSA returns -99999.99 dB for a mute at the lower end of a scale."""
_HIGHEST_DB: Final = 100.0
_RAW: Final = alsaaudio.VOLUME_UNITS_RAW
_DB: Final = alsaaudio.VOLUME_UNITS_DB


class _Unusable(Exception):
    """There is no control to pin; the message tells the user why."""


def mixer_name(device: str) -> str:
    """ALSA's name of a device's mixer: that of its card, or the device's own name if it names no card."""
    if speaker := re.match(r"bluealsa:.*?DEV=([0-9A-Fa-f:]{17})", device):
        return f"bluealsa:DEV={speaker[1]}"  # the mixer does not accept the device's other parameters
    card = re.search(r"CARD=([^,]+)", device) or re.match(r"(?:plug)?hw:([^,=]+)", device)
    return f"hw:{card[1]}" if card else device


class MixerPin:
    """Keeps one control at its set level.

    Args:
        settings: which control, and its level.
        device: ALSA's name of the sound device.
        tell: receives a message for each problem, and None when it is resolved; must not block.
    """

    def __init__(self, settings: MixerSettings, device: str, tell: Callable[[str | None], None]) -> None:
        name, _, index = settings.control.rpartition(",")
        self._control, self._index = (name, int(index)) if name and index.isdecimal() else (settings.control, 0)
        self._level = settings.level
        self._label = f"mixer control {settings.control}"
        self._mixer_name = mixer_name(device)
        self._tell = tell
        self._told: str | None = ""
        self._problem: str | None = None
        self._step: int | None = None
        self._is_low = False
        self._is_muted = False
        self._range = (0, 0)
        self._soon_until_s = 0.0
        self._was_silent = True
        self._look_at_s = 0.0

    def set(self) -> None:
        """Set the control and read it back; called before the device is opened, while nothing can sound.

        Raises:
            SinkError: it is above its pin and cannot be lowered.
        """
        self._step, self._is_low, self._is_muted = None, False, False  # until it is known to exist
        try:
            self._step = self._wanted_step()
            self._adjust(self._step, may_rise=True)
        except (_Unusable, alsaaudio.ALSAAudioError) as fault:
            self._problem = f"{self._label} is not pinned: {fault}"
        else:
            self._problem = self._complaint()

    def opened(self, now_s: float) -> None:
        """Called after the device was opened: only now is a problem with the mixer reported."""
        self._soon_until_s = now_s + SOON_FOR_S
        self._plan(now_s)
        self._say(self._problem)

    def look(self, now_s: float, *, is_silent: bool) -> None:
        """Set the control back if it has changed: once a minute, and at once when it must rise and nothing sounds.

        Raises:
            SinkError: it is above its pin and cannot be lowered.
        """
        has_reason = self._is_low or self._step is None
        is_chance, self._was_silent = has_reason and is_silent and not self._was_silent, is_silent
        if now_s < self._look_at_s and not is_chance:
            return
        was_low, is_new = self._is_low, self._step is None
        try:
            if self._step is None:
                self._step = self._wanted_step(may_try=is_silent)
            has_moved = self._adjust(self._step, may_rise=is_silent)
        except (_Unusable, alsaaudio.ALSAAudioError) as fault:
            self._say(f"{self._label} is not pinned{'' if is_new else ' any more'}: {fault}")
            return
        finally:
            self._plan(now_s)
        if self._is_low and not is_silent:
            what = "is muted" if self._is_muted else f"was turned down below {self._level}"
            self._say(f"{self._label} {what}; it is raised when nothing plays")
            return
        is_news = has_moved and not was_low and not is_new
        moved = f"{self._label} had been changed; it was set back to {self._level}" if is_news else None
        self._say(self._complaint() or moved)

    def _plan(self, now_s: float) -> None:
        """Set the time of the next check."""
        self._look_at_s = now_s + (LOOK_SOON_S if now_s < self._soon_until_s else LOOK_EVERY_S)

    def _complaint(self) -> str | None:
        """What is wrong with the control although it was set."""
        if self._is_muted:
            return f"{self._label} is muted and cannot be unmuted"
        if self._is_low:
            return f"{self._label} cannot be raised to {self._level}"
        lowest, highest = self._range
        if self._step == lowest < highest:
            count = highest - lowest + 1
            return f"{self._label} at {self._level} is at the lowest of its {count} steps: perhaps nothing is heard"
        return None

    def _say(self, problem: str | None) -> None:
        if problem != self._told:
            self._told = problem
            self._tell(problem)

    def _adjust(self, step: int, *, may_rise: bool) -> bool:
        """Set back what has changed; returns whether anything had. Sets ``_is_low`` if something is still below."""
        with self._mixer() as mixer:
            found, is_muted = _steps(mixer), _is_muted(mixer)
            has_moved = max(found) > step or (may_rise and (min(found) < step or is_muted))
            if has_moved:
                _set(mixer, [step if may_rise else min(step, one) for one in found])
            if may_rise and is_muted:
                mixer.setmute(0)  # after the level: a muted control may have had any level
        if has_moved:
            with self._mixer() as mixer:
                found, is_muted = _steps(mixer), _is_muted(mixer)
        if max(found) > step:
            raise self._too_high()
        self._is_muted = is_muted
        self._is_low = is_muted or min(found) < step
        return has_moved

    def _too_high(self) -> SinkError:
        return SinkError(f"{self._label} is above {self._level} and cannot be lowered")

    def _wanted_step(self, *, may_try: bool = True) -> int:
        """The highest step that is not above the pin; while something sounds, no higher level than now is tried."""
        with self._mixer() as mixer:
            lowest, highest = self._range = tuple(mixer.getrange(units=_RAW))
            if not self._level.is_db:
                return int(lowest + (highest - lowest) * self._level.value // 100)
            if db_range(mixer) is None:
                raise _Unusable("it has no scale in decibels; pin it in per cent")
            hundredths = round(100 * self._level.value)
            _steps(mixer)
            if not may_try and max(mixer.getvolume(units=_DB)) <= hundredths:
                raise _Unusable(f"it is not above {self._level}, and is set when nothing plays")
            return self._step_of_db(mixer, lowest, hundredths)

    def _step_of_db(self, mixer: Any, lowest: int, hundredths: int) -> int:
        """Let ALSA choose the step, then go down until it is not above the pin; on the loudest channel only.

        The others may be below the pin, and must not rise while something sounds.
        """
        steps = _steps(mixer)
        channel = steps.index(max(steps))
        mixer.setvolume(hundredths, channel, units=_DB)
        for _ in range(_STEPS_TRIED):
            step = _steps(mixer)[channel]
            if mixer.getvolume(units=_DB)[channel] <= hundredths or step <= lowest:
                return step
            mixer.setvolume(step - 1, channel, units=_RAW)
        raise self._too_high()

    def _mixer(self) -> closing[Any]:
        """A new handle. Raises _Unusable if the control does not exist; the message lists the existing ones."""
        try:
            return closing(alsaaudio.Mixer(control=self._control, id=self._index, device=self._mixer_name))
        except alsaaudio.ALSAAudioError as fault:
            names = list(dict.fromkeys(alsaaudio.mixers(device=self._mixer_name)))
            if self._control in names:
                raise _Unusable(str(fault)) from fault
            has = ", ".join(names) or "none at all"
            raise _Unusable(f"the mixer {self._mixer_name} has none of that name; it has: {has}") from fault


def db_range(mixer: Any) -> tuple[float, float] | None:
    """The lowest and highest level of a control in dB; None for one without such a scale.

    For a control without decibels pyalsaaudio leaves the result unset, so it may be any number: +1399122475846 dB was
    seen. Values that no sound card has count as no scale.
    """
    try:
        lowest, highest = (bound / 100 for bound in mixer.getrange(units=_DB))
    except (alsaaudio.ALSAAudioError, ValueError):
        return None
    return (lowest, highest) if _LOWEST_DB <= lowest < highest <= _HIGHEST_DB else None


def _steps(mixer: Any) -> list[int]:
    """The channels' steps. Without a playback volume, pyalsaaudio would return the recording volume."""
    steps: list[int] = mixer.getvolume(units=_RAW)
    if not steps or all("Capture" in capability for capability in mixer.volumecap()):
        raise _Unusable("it has no volume for playing")
    return steps


def _is_muted(mixer: Any) -> bool:
    """Whether a playback switch is off; a control without one is never muted."""
    try:
        return any(mixer.getmute())
    except alsaaudio.ALSAAudioError:
        return False


def _set(mixer: Any, steps: list[int]) -> None:
    """Set the channels; reading back tells whether it worked."""
    with suppress(alsaaudio.ALSAAudioError):
        if len(set(steps)) == 1:
            mixer.setvolume(steps[0], units=_RAW)
            return
        for channel, step in enumerate(steps):
            mixer.setvolume(step, channel, units=_RAW)
