"""Judges broker, library, schedule, state directory and rights. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from player.cli.doctor.facts import (
    BrokerAnswer,
    BrokerState,
    Installed,
    PasswordFile,
    Plans,
    PlaylistState,
    StateDir,
    UserAccount,
)
from player.cli.doctor.findings import Finding, log, right, shortened, to_read, warning, wrong
from player.core.units import counted, format_bytes
from player.mqtt.triggers.rules import Trigger
from player.mqtt.triggers.wishes import listed, notes_on
from player.system.input_devices import GROUP, InputDevice

LITTLE_BYTES: Final = 50 << 20
"""Memory and measurements of a large library take a few megabytes; a card that is nearly full fails elsewhere first."""
_OPEN: Final = "chmod o+rX, from there down"
_MENDS: Final = {
    BrokerAnswer.NO_NAME: "check mqtt.host; an address instead of a name also works where names do not",
    BrokerAnswer.REFUSED: "start the broker there (systemctl status mosquitto), or check mqtt.port",
    BrokerAnswer.SILENT: "check mqtt.host, the network, and a firewall in between",
    BrokerAnswer.TLS: "check mqtt.tls; the host must have the name that is in the broker's certificate",
    BrokerAnswer.LOGIN: "check mqtt.username and mqtt.password_file, and the broker's list of users",
    BrokerAnswer.OTHER: "see the broker's own log",
}
_WORDS: Final = {
    BrokerAnswer.NO_NAME: "the host name cannot be resolved",
    BrokerAnswer.REFUSED: "nothing listens there",
    BrokerAnswer.SILENT: "no answer",
    BrokerAnswer.TLS: "TLS fails",
    BrokerAnswer.LOGIN: "the login is refused",
    BrokerAnswer.OTHER: "it does not work",
}


def judge_levels(known: str | None, notes: Sequence[str]) -> list[Finding]:
    """The level at the pillow; nothing without a calibration."""
    if notes or known is None:
        return [warning("pillow", note, "lull calibrate, or lower volumes") for note in notes]
    return [right("pillow", known)]


def judge_broker(state: BrokerState, *, is_needed: bool = True, has_mosquitto: bool = True) -> Finding:
    """Whether the broker accepts this speaker; without a config `lull night` starts one where there is none."""
    if state.reached is BrokerAnswer.REFUSED and not is_needed:
        if not has_mosquitto:
            what = f"{state.address}: {_WORDS[state.reached]}, and mosquitto, which lull night would start, is missing"
            return wrong("broker", what, "sudo apt install mosquitto, or set mqtt in a config")
        return right("broker", f"{state.address}: {_WORDS[state.reached]}; lull night starts one of its own")
    if state.reached is not BrokerAnswer.UP:
        said = f" ({state.reason})" if state.reason else ""
        return wrong("broker", f"{state.address}: {_WORDS[state.reached]}{said}", _MENDS[state.reached])
    if state.password_fault is not None:
        return warning(
            "broker", f"{state.address} answers; the login was not tried: {state.password_fault}", "sudo lull doctor"
        )
    return right("broker", f"{state.address} accepts the login")


def judge_speaker(state: BrokerState, device: str, unit: str | None, *, is_running: bool) -> Iterator[Finding]:
    """Whether the daemon is connected to the broker, and the problems that it reports."""
    if state.reached is not BrokerAnswer.UP or state.password_fault is not None:
        return
    if state.availability != "online":
        if is_running:
            yield wrong("speaker", f"lull runs, but {device} is not online at the broker", log(unit, " -n 50"))
        return
    for problem in state.problems:
        yield wrong("speaker", f"{device} reports: {problem}", f"{log(unit)} shows since when")
    if not state.problems:
        yield right("speaker", f"{device} is online and has no problem")


def judge_playlist(playlist: PlaylistState, measure: str | None) -> Iterator[Finding]:
    """One playlist: whether there is anything to play, and what of it will not be heard.

    ``measure`` is the command that measures it; None where a daemon runs and does it by itself.
    """
    check = f"playlist {playlist.name}"
    if not playlist.playable:
        closed = [f"lull cannot read {place}" for place in playlist.closed]
        reasons = (*playlist.left_out, *closed, *playlist.faulty, *playlist.set_aside)
        said = f": {shortened(reasons)}" if reasons else ""
        if playlist.tracks and playlist.tracks == playlist.banned:
            yield wrong(check, "all of it is banned", "lull bans lists them; lull bans --undo TRACK lifts a ban")
        else:
            mend = _OPEN if playlist.closed else "copy music there, or check its paths"
            yield wrong(check, f"nothing in it can be played{said}", mend)
    else:
        streams = f", {playlist.streams} of them streams" if playlist.streams else ""
        banned = f", {playlist.banned} banned" if playlist.banned else ""
        yield right(check, f"{counted(playlist.tracks, 'track')}{streams}{banned}")
        if playlist.lowered:
            yield right(check, f"will be lowered in parts: {shortened(playlist.lowered)}")
        if playlist.left_out:
            yield warning(check, shortened(playlist.left_out), "check its paths")
        if playlist.closed:
            yield warning(check, f"lull cannot read {shortened(playlist.closed)}", _OPEN)
        if playlist.faulty:
            yield warning(check, f"cannot be played: {shortened(playlist.faulty)}", "copy these files again")
        if playlist.set_aside:
            yield warning(
                check, f"lull crashed on {shortened(playlist.set_aside)}", "lull bans --undo TRACK tries it again"
            )
    if playlist.store_fault is not None:
        yield warning(check, f"its measurements are unknown: {playlist.store_fault}", to_read(playlist.store_fault))
    if playlist.unmeasured:
        mend = measure or "no action needed: the daemon measures them one after the other"
        yield warning(check, f"{playlist.unmeasured} not measured yet; until then they play quietly", mend)


def judge_plans(plans: Plans, path: str) -> Finding:
    """The next start of the schedule; ``path`` is the config's."""
    if plans.entry is not None and plans.at is not None:
        skipped = "; tonight is skipped" if plans.is_tonight_skipped else ""
        return right("next start", f"{plans.entry}, {plans.at:%a} {plans.at.isoformat(' ', 'minutes')}{skipped}")
    if not plans.entries:
        return right("next start", "none: no schedule in the config; lull plays on command")
    if not plans.is_on:
        return warning("next start", "none: the schedule is switched off", "lull schedule on")
    return warning(
        "next start",
        "none within a year, though there is a schedule",
        f"lull check --config {path}: look at schedule, leave_out and away",
    )


def judge_place(place: StateDir, account: str, *, is_service: bool) -> Iterator[Finding]:
    """Whether the memory can be written, and survives a reboot."""
    check = "state_dir"
    if place.fault is not None:
        yield wrong(
            check, f"{place.path}: {place.fault}", "create it, or check state_dir (/var/lib/lull with the package)"
        )
        return
    free = f"{format_bytes(place.free_bytes)} free"
    if place.is_read_only:
        mend = "put state_dir on a disk that can be written (docs/raspberry-pi.md, power cuts)"
        yield wrong(check, f"{place.path} is read-only: nothing is remembered across restarts", mend)
    elif place.barrier is not None:
        mend = f"sudo chown {account} {place.path}"
        if not is_service:  # it may be the folder of a service that does not run here now, which must keep it
            mend = f"sudo lull doctor, if only lull may write it; otherwise {mend}"
        yield wrong(check, f"{account} cannot write to {place.path}: no permission for {place.barrier}", mend)
    elif place.free_bytes < LITTLE_BYTES:
        yield wrong(check, f"{place.path} has only {free}", "free some space on that disk")
    elif place.in_memory is not None:
        mend = "put it on a disk of its own that stays writable (docs/raspberry-pi.md, power cuts)"
        yield warning(
            check, f"{place.path} is in RAM ({place.in_memory}): bans and history are lost at each boot", mend
        )
    else:
        yield right(check, f"{place.path}, {free}")


def judge_rights(
    account: UserAccount | None, password: PasswordFile | None, *, is_service: bool, plays_to_card: bool
) -> Iterator[Finding]:
    """Whether lull's user can access the sound card and the password, and no other user the password."""
    check = "permissions"
    if account is None:
        mend = f"{Installed.PACKAGE.value} creates it; or set an existing User= in the unit"
        yield wrong(check, "the user of the service does not exist", mend)
        return
    if plays_to_card and account.uid != 0 and "audio" not in account.groups:
        mend = f"sudo usermod -aG audio {account.name}, then start lull again"
        yield wrong(check, f"{account.name} is not in the group audio, which owns the sound cards", mend)
    elif is_service:
        yield right(check, f"lull runs as {account.name}" + (", in the group audio" if plays_to_card else ""))
    else:
        yield right(check, f"there is no service, so they were checked for {account.name}")
    if password is not None:
        yield _judge_password(password, account.name)


def _judge_password(password: PasswordFile, name: str) -> Finding:
    check = "permissions"
    if not password.is_there:
        return wrong(check, f"the password file {password.path} does not exist", "write the broker's password into it")
    if password.barrier is not None:
        mend = f"sudo chown {name} {password.path}; sudo chmod 600 {password.path}"
        return wrong(check, f"{name} cannot read the password file: no permission for {password.barrier}", mend)
    if password.is_open_to_all:
        mend = f"sudo chown {name} {password.path}; sudo chmod 600 {password.path}"
        return warning(check, f"every user can read the password in {password.path}", mend)
    return right(check, f"{name} can read the password file, and not every user can")


def judge_inputs(
    devices: list[InputDevice], rules: Sequence[Trigger], closed: Sequence[InputDevice], account: str
) -> Iterator[Finding]:
    """The input devices of this machine, and whether triggers can read theirs; ``closed`` cannot be read."""
    check = "inputs"
    for device in closed:
        mend = f"sudo usermod -aG {GROUP} {account}, then start lull again"
        yield wrong(check, f"{account} may not read {device.name} ({device.node})", mend)
    for note in notes_on(rules, devices):
        yield warning(check, note, "see docs/triggers.md, buttons and knobs")
    yield right(check, f"buttons, knobs and keyboards: {listed(devices)}")


def judge_config(path: str, faults: Sequence[str], installed: Installed, *, is_there: bool) -> Iterator[Finding]:
    """Whether the config can be used."""
    if not is_there:
        yield warning("config", f"{path} does not exist; checked with the default settings", installed.value)
    elif faults:
        for fault in faults[:5]:
            yield wrong("config", fault, _config_mend(path, fault))
        if len(faults) > 5:
            yield wrong("config", f"and {len(faults) - 5} more faults", f"lull check --config {path}")
    else:
        yield right("config", f"{path} has no faults")


def _config_mend(path: str, fault: str) -> str:
    """A fault of the file as a whole has no line, and then all else is checked with the default settings."""
    if fault.startswith(f"{path}: cannot be read"):
        return "sudo lull doctor, if only lull may read it; all else is checked with the default settings"
    if fault.startswith(f"{path}: "):
        return "name a file like config/lull.yaml; all else is checked with the default settings"
    return "fix that line; config/lull.yaml lists every key"
