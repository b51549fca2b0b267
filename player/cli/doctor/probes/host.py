"""The machine that lull runs on: versions, model, voltage. Any thread; nothing here waits but `read_throttled`.

Sound cards as the kernel lists them, and who has them open: reads /proc/asound. `owner_pid` there is a thread; the
process that it belongs to is what people know.
"""

from __future__ import annotations

import ctypes
import platform
import re
import subprocess
from importlib import metadata
from pathlib import Path
from typing import Final

import player
from player import __version__
from player.analysis.ebur128 import LIBRARY
from player.audio.dsp.native import kernel
from player.cli.doctor.facts import Card, Holder, Installed, Machine, Output
from player.system.identity import hardware

OS_RELEASE: Final = Path("/etc/os-release")
THROTTLED: Final = Path("/sys/devices/platform/soc/soc:firmware/get_throttled")
"""Hexadecimal, the number that `vcgencmd get_throttled` shows; older kernels have it."""
_DEBIAN: Final = Path("/usr/lib/lull")
HWMON: Final = Path("/sys/class/hwmon")
_PACKAGES: Final = {"numpy": "numpy", "paho": "paho-mqtt", "pyalsaaudio": "pyalsaaudio", "python-vlc": "python-vlc"}


def read_machine(os_release: Path = OS_RELEASE) -> Machine:
    """Names and versions of the software here."""
    versions: list[tuple[str, str | None]] = [("lull", __version__), ("Python", platform.python_version())]
    versions += [
        ("libVLC", _library_says("libvlc.so.5", "libvlc_get_version")),
        ("ALSA", _library_says("libasound.so.2", "snd_asoundlib_version")),
        ("libebur128", _ebur128()),
    ]
    versions += [(shown, _package(name)) for shown, name in _PACKAGES.items()]
    system = f"{_system(os_release)}, Linux {platform.release()}"
    return Machine(system, hardware(), tuple(versions), kernel() is not None, how_installed())


def how_installed(folder: Path = Path(player.__file__).parent.parent) -> Installed:
    """How the package `player` was installed: by apt, from a checkout, or by pip."""
    if folder == _DEBIAN:
        return Installed.PACKAGE
    return Installed.CHECKOUT if (folder / "scripts" / "install").exists() else Installed.PIP


def _system(os_release: Path) -> str:
    try:
        lines = os_release.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return platform.system()
    values = dict(line.partition("=")[::2] for line in lines)
    return values.get("PRETTY_NAME", "").strip('"') or platform.system()


def _library_says(name: str, function: str) -> str | None:
    """The version that a C library reports, None where it is not installed."""
    try:
        asked = getattr(ctypes.CDLL(name), function)
    except (OSError, AttributeError):
        return None
    asked.restype = ctypes.c_char_p
    said = asked()
    return said.decode("utf-8", "replace").split()[0] if said else None


def _ebur128() -> str | None:
    """The version of the loudness meter, which writes three numbers."""
    numbers = [ctypes.c_int() for _ in range(3)]
    try:
        ctypes.CDLL(LIBRARY).ebur128_get_version(*map(ctypes.byref, numbers))
    except (OSError, AttributeError):
        return None
    return ".".join(str(number.value) for number in numbers)


def _package(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def read_throttled(
    limit_s: float, *, sysfs: Path = THROTTLED, hwmon: Path = HWMON, command: tuple[str, ...] = ("vcgencmd",)
) -> int | None:
    """The bits of voltage and heat, from the first source that has them: vcgencmd, the firmware's file, the voltage
    sensor.

    The sensor knows one bit, too little voltage now. None on other machines.
    """
    try:
        done = subprocess.run(
            [*command, "get_throttled"], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=limit_s,
            check=False,
        )  # fmt: skip
        said = done.stdout.strip().removeprefix("throttled=")
    except (OSError, subprocess.TimeoutExpired):
        said = ""
    for text in (said, _text(sysfs)):
        try:
            return int(text, 16)
        except ValueError:
            continue
    for sensor in sorted(hwmon.glob("*")):
        if _text(sensor / "name") == "rpi_volt" and (alarm := _text(sensor / "in0_lcrit_alarm")).isdecimal():
            return int(alarm)
    return None


def _text(path: Path) -> str:
    """The file's text; empty where it does not exist, or its process has just ended."""
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""


PROC: Final = Path("/proc")
_CARD: Final = re.compile(r"^ *(\d+) \[(\S+) *\]: .*? - (.*)$", re.MULTILINE)


def read_cards(proc: Path = PROC) -> tuple[Card, ...]:
    """All cards in the kernel's order, those that only record included; none where there is no ALSA."""
    listed = _CARD.findall(_text(proc / "asound" / "cards"))
    return tuple(
        Card(card_id, name.strip(), _outputs(proc, proc / "asound" / f"card{number}"))
        for number, card_id, name in listed
    )


def _outputs(proc: Path, folder: Path) -> tuple[Output, ...]:
    return tuple(_output(proc, pcm) for pcm in sorted(folder.glob("pcm*p")))


def _output(proc: Path, pcm: Path) -> Output:
    name = _value(_text(pcm / "info"), "name") or pcm.name
    for sub in sorted(pcm.glob("sub*")):
        owner = _value(_text(sub / "status"), "owner_pid")
        if owner is not None and owner.isdecimal():
            return Output(name, _holder(proc, int(owner)), _params(_text(sub / "hw_params")))
    return Output(name)


def _holder(proc: Path, thread: int) -> Holder:
    process = _value(_text(proc / str(thread) / "status"), "Tgid")
    pid = int(process) if process is not None and process.isdecimal() else thread
    return Holder(pid, _text(proc / str(pid) / "comm").strip() or "a program")


def _params(text: str) -> str | None:
    """The form in which a device is open."""
    sample, rate, channels = (_value(text, key) for key in ("format", "rate", "channels"))
    return None if sample is None or rate is None else f"{sample}, {rate.split()[0]} Hz, {channels} channels"


def _value(text: str, key: str) -> str | None:
    found = re.search(rf"^{key} *: *(.+)$", text, re.MULTILINE)
    return None if found is None else found[1].strip()
