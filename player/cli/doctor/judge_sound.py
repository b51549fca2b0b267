"""Judges sound cards, the configured device, and its mixer. Pure."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Iterator, Sequence
from typing import Final

from player.cli.doctor.facts import Card, Control, MixerPinFacts, MixerState, OpenAttempt, Output
from player.cli.doctor.findings import Finding, right, shortened, warning, wrong

_STEP_DB: Final = 0.01
"""ALSA's own grain of decibels."""
_ALWAYS_IN_THE_WAY: Final = frozenset({"Master", "PCM", "Digital"})
"""Names of the controls that all sound of a card passes."""


def card_named_by(device: str) -> str | None:
    """The id of the card that a device names, None where it names none, as ``default`` does."""
    found = re.search(r"CARD=([^,]+)", device) or re.match(r"(?:plug)?hw:([^,=]+)", device)
    return None if found is None else found[1]


def judge_cards(cards: Sequence[Card], device: str) -> Finding:
    """Whether there are cards, and the configured one among them."""
    ids = ", ".join(f"{card.id} ({card.name})" for card in cards)
    wanted = card_named_by(device)
    if wanted is not None and wanted not in [card.id for card in cards]:
        have = f"there are {ids}" if cards else "there is none"
        return wrong(
            "sound cards",
            f"the card {wanted} of audio.device was not found; {have}",
            "plug it in, or set audio.device to one of them, such as plughw:CARD=ID; a DAC on the pins needs its "
            "dtoverlay in /boot/firmware/config.txt (docs/raspberry-pi.md)",
        )
    if not cards:
        return warning("sound cards", "none; only a sound server can play here", "plug one in, or see docs/sound.md")
    return right("sound cards", ids)


def holder_of(cards: Sequence[Card], device: str) -> Output | None:
    """The open output of the configured card, or of any card where none is named."""
    wanted = card_named_by(device)
    number = re.search(r"DEV=(\d+)", device) or re.match(r"(?:plug)?hw:[^,]+,(\d+)", device)
    for card in cards:
        if wanted is None or card.id == wanted:
            for at, output in enumerate(card.outputs):
                if output.holder is not None and (wanted is None or at == (int(number[1]) if number else 0)):
                    return output
    return None


def judge_device(device: str, held: Output | None, trial: OpenAttempt | None, daemon_pid: int) -> Finding:
    """Whether lull can play there, or does; ``trial`` is None where lull has it open, and only there."""
    if held is not None and held.holder is not None and held.holder.pid == daemon_pid:
        return right("sound device", f"{device} is in use by lull itself: {held.params or 'format unknown'}")
    assert trial is not None, "the device is tested when lull does not use it"
    if trial.fault is not None:
        holder = None if held is None else held.holder
        if holder is not None and os.strerror(errno.EBUSY) in trial.fault:
            return wrong(
                "sound device",
                f"{device} is in use by {holder.name} (process {holder.pid})",
                f"close {holder.name}, or let both share a device such as default (docs/sound.md)",
            )
        text, _, mend = trial.fault.partition("; ")
        return wrong("sound device", f"{device}: {text}", mend or "see docs/sound.md")
    return right("sound device", f"{device} plays {trial.granted}{_also(trial)}")


def _also(trial: OpenAttempt) -> str:
    parts = []
    if trial.formats:
        parts.append(f"takes {' '.join(trial.formats)}")
    if trial.rates_hz:
        lowest, highest = min(trial.rates_hz), max(trial.rates_hz)
        parts.append(f"{lowest} Hz" if lowest == highest else f"{lowest} to {highest} Hz")
    if trial.channels:
        lowest, highest = min(trial.channels), max(trial.channels)
        parts.append(f"{lowest} channels" if lowest == highest else f"{lowest} to {highest} channels")
    return f" ({', '.join(parts)})" if parts else ""


def judge_mixer(state: MixerState, pin: MixerPinFacts | None) -> Iterator[Finding]:
    """The levels of the controls, and whether the pinned one is at its level."""
    if pin is not None:
        yield _judge_pin(state, pin)
    elif state.fault is not None and os.strerror(errno.ENOENT) in state.fault and not _is_of_a_card(state.mixer):
        yield right("mixer", f"{state.mixer} has none, so nobody can turn it up")
    elif state.fault is not None:
        what = f"{state.mixer} cannot be opened, so its levels are not known: {state.fault}"
        yield warning("mixer", what, "run lull doctor again when the sound device works")
    elif not state.controls:
        yield right("mixer", f"{state.mixer} has no volume for playing, so nobody can turn it up")
    yield from _judge_silent(state, pin)
    others = [f"{one.name} is at {_stands(one)}" for one in state.controls if not _is_silent(one)]
    if pin is None and others:
        yield right("mixer", f"{shortened(others)}; audio.mixer can keep one at its level")


def _is_of_a_card(mixer: str) -> bool:
    """Whether the mixer is a card's own, which is only missing where the card is."""
    return mixer == "default" or mixer.startswith("hw:")


def _judge_silent(state: MixerState, pin: MixerPinFacts | None) -> Iterator[Finding]:
    """Controls that are muted; those that the sound may not pass are only warnings.

    The microphone and the beeper of an ordinary sound card are muted, and so is the speaker beside its headphones.
    """
    silent = [control for control in state.controls if _is_silent(control)]
    in_the_way = {*_ALWAYS_IN_THE_WAY, pin.control if pin is not None else ""}
    for control in silent:
        if control.name in in_the_way or len(silent) == len(state.controls):
            yield wrong("mixer", f"{_said(control)}: nothing is heard", f"raise it: {_raise(state, control)}")
    beside = [control for control in silent if control.name not in in_the_way]
    if beside and len(silent) < len(state.controls):
        mend = f"no action needed unless your speaker is connected to it; then for example {_raise(state, beside[0])}"
        yield warning("mixer", shortened(map(_said, beside)), mend)


def _said(control: Control) -> str:
    return f"{control.name} {'is muted' if control.is_muted else 'is at 0 %'}"


def _is_silent(control: Control) -> bool:
    return control.is_muted or control.step <= control.lowest


def _raise(state: MixerState, control: Control) -> str:
    card = state.mixer.removeprefix("hw:")
    where = "" if card == state.mixer else f" -c {card}"
    return f"amixer{where} sset '{control.name}' 70% unmute"


def _judge_pin(state: MixerState, pin: MixerPinFacts) -> Finding:
    if state.fault is not None:
        return wrong("mixer", f"{state.mixer} cannot be opened: {state.fault}", "remove audio.mixer, or see `amixer`")
    found = next((control for control in state.controls if control.name == pin.control), None)
    if found is None:
        have = ", ".join(control.name for control in state.controls) or "none with a volume for playing"
        return wrong(
            "mixer", f"{state.mixer} has no control {pin.control}; it has {have}", "name one of them in audio.mixer"
        )
    above = _is_above(found, pin)
    if above is None:
        return wrong("mixer", f"{found.name} has no decibel scale", "set audio.mixer to a value in per cent")
    if above:
        return warning(
            "mixer",
            f"{found.name} is at {_stands(found)}, above its pin of {pin.level}",
            "systemctl restart lull, if it is running: it lowers the control before it opens the device",
        )
    return right("mixer", f"{found.name} is at {_stands(found)}, pinned at {pin.level}")


def _is_above(control: Control, pin: MixerPinFacts) -> bool | None:
    """Whether a control is above its configured level; None where they cannot be compared."""
    if pin.level.is_db:
        return None if control.level_db is None else control.level_db > pin.level.value + _STEP_DB
    return control.step > control.lowest + (control.highest - control.lowest) * pin.level.value // 100


def _stands(control: Control) -> str:
    steps = f"{control.per_cent} % (step {control.step} of {control.lowest} to {control.highest}"
    return steps + (")" if control.level_db is None else f", {control.level_db:+.1f} dB)")
