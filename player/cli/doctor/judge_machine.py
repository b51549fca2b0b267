"""Judges clock, service, power, versions and last night. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from player.cli.doctor.facts import Installed, LastNight, Machine, Service
from player.cli.doctor.findings import Finding, log, right, shortened, to_read, warning, wrong
from player.core.units import counted

MANY_RESTARTS: Final = 3
_POWER: Final = {0: "too little voltage", 1: "the processor is slowed down", 2: "throttled", 3: "too hot"}
"""The low bits of `vcgencmd get_throttled` about now; the same ones 16 higher are about the time since the start."""
_POWER_MENDS: Final = {
    0: "a better power supply and a short cable; the board's own adapter (docs/raspberry-pi.md, what to buy)",
    3: "more air around the board, or a heat sink",
}
"""By the bit that says why; all of them where none does."""

_PACKAGES: Final = {
    "libVLC": "libvlc5 libvlc-bin vlc-plugin-base",
    "ALSA": "libasound2-plugins",
    "libebur128": "libebur128-1",
}
"""Debian's packages of the C libraries, which pip cannot bring."""
_BRING: Final = {
    Installed.PACKAGE: "sudo apt --fix-broken install",
    Installed.CHECKOUT: "scripts/run installs it",
    Installed.PIP: "pip install --force-reinstall lull-player",
}
"""How to install a missing Python library in lull's environment."""
_BUILD_KERNEL: Final = {
    Installed.PACKAGE: Installed.PACKAGE.value,
    Installed.CHECKOUT: "sudo apt install gcc, remove .venv, and scripts/run again",
    Installed.PIP: "sudo apt install gcc python3-dev, and pip install --force-reinstall --no-deps lull-player",
}


def judge_clock(witness: str | None, *, is_trusted_by_config: bool, needs_clock: bool) -> Finding:
    """Whether the schedule can trust the wall clock."""
    if witness is not None:
        return right("clock", f"trusted: {witness}")
    if is_trusted_by_config:
        return right("clock", "trusted, because the config says trust_clock")
    if not needs_clock:
        return right(
            "clock", "not confirmed by any time source; only tonight, skip_tonight and timers until a time need it"
        )
    return wrong(
        "clock",
        "not confirmed by any time source, so the schedule starts nothing",
        "give it a network and a time server (timedatectl), or a battery clock; docs/raspberry-pi.md, time",
    )


def judge_service(service: Service | None, installed: Installed, *, is_running: bool) -> Iterator[Finding]:
    """The unit and its watchdog."""
    if service is None:
        what = "systemd does not answer here, so it neither starts lull nor restarts it after a crash"
        if is_running:
            what = "lull runs, but systemd does not answer here, so nothing restarts it after a crash"
        yield warning("service", what, "in a container see docs/container.md; otherwise the init system runs: lull run")
        return
    if not service.is_loaded:
        what = "the lull service is not installed, so nothing starts it"
        if is_running:
            what = "lull runs, but not as a service, so nothing restarts it after a crash"
        yield warning("service", what, installed.value)
        return
    if service.active != "active":
        mend = f"sudo systemctl enable --now {service.unit}; {log(service.unit, ' -n 50')} says why it ended"
        yield wrong("service", f"is {service.active}" + _result(service), mend)
    elif not service.is_enabled:
        yield warning(
            "service", "is running, but will not start at the next boot", f"sudo systemctl enable {service.unit}"
        )
    else:
        yield right("service", f"runs (process {service.pid}) and is started at boot")
    if service.restarts >= MANY_RESTARTS:
        mend = f"{log(service.unit)} says why; lull bans lists files that were left out for it"
        yield warning("service", f"was restarted {service.restarts} times{_result(service)}", mend)
    if service.watchdog_s <= 0:
        yield warning("watchdog", "is off: nothing would restart lull if it hangs", "WatchdogSec=30 in the unit")
    else:
        yield right("watchdog", f"restarts lull if it hangs for {service.watchdog_s:g} s")


def _result(service: Service) -> str:
    return "" if service.result == "success" else f" (result: {service.result})"


def judge_power(throttled: int | None, model: str) -> Iterator[Finding]:
    """Voltage and heat of a Raspberry Pi; nothing on other machines."""
    if throttled is None:
        return
    now = [words for bit, words in _POWER.items() if throttled >> bit & 1]
    earlier = [words for bit, words in _POWER.items() if throttled >> (16 + bit) & 1]
    told = throttled if now else throttled >> 16
    mends = [words for bit, words in _POWER_MENDS.items() if told >> bit & 1]
    mend = "; ".join(mends or _POWER_MENDS.values())
    if now:
        yield wrong("power", f"now: {', '.join(now)}", mend)
    elif earlier:
        yield warning("power", f"since the machine was started: {', '.join(earlier)}", mend)
    else:
        # the boards of the Zero range have no detector
        voltage = "this board does not measure its voltage" if " Zero" in model else "enough voltage"
        yield right("power", f"{voltage}; not slowed down by heat since the machine was started")


def judge_last_night(night: LastNight, unit: str | None) -> Iterator[Finding]:
    """What went wrong in the last day and night."""
    check = "last night"
    if night.fault is not None:
        yield warning(check, f"unknown: {night.fault}", to_read(night.fault))
        return
    for one in night.broken_off:
        mend = f"a power cut, or see {log(unit)}"
        yield warning(check, f"the session of {one.at:%a %H:%M} ended unexpectedly: {one.text}", mend)
    if night.troubled and not night.problems:  # the journal is gone, or closed to this user; the memory only counts
        told = shortened(f"the session of {one.at:%a %H:%M} had {one.text}" for one in night.troubled)
        yield warning(check, told, ("" if unit is None else "sudo ") + log(unit, " LULL_EVENT=problem"))
    if night.problems:
        told = shortened(f"{one.at:%H:%M} {one.text}" for one in night.problems)
        yield warning(check, told, log(unit, " LULL_EVENT=problem"))
    if not night.broken_off and not night.troubled and not night.problems:
        unread = "" if night.is_journal_read or unit is None else "; the journal may not be read by this user"
        yield right(check, f"{counted(night.sessions, 'session')}, no problem{unread}")


def judge_versions(machine: Machine) -> Iterator[Finding]:
    """The versions in use; a missing library is wrong."""
    missing = [name for name, version in machine.versions if version is None]
    listed = ", ".join(f"{name} {version}" for name, version in machine.versions if version is not None)
    yield right("versions", f"{listed}; {machine.system}; {machine.model}")
    for name in missing:
        mend = _PACKAGES.get(name)
        yield wrong("versions", f"{name} is missing", f"sudo apt install {mend}" if mend else _BRING[machine.installed])
    if machine.has_kernel:
        yield right("kernel", "the native kernel is used")
    else:
        what = "there is no native kernel, so playing takes more processor time"
        yield warning("kernel", what, _BUILD_KERNEL[machine.installed])
