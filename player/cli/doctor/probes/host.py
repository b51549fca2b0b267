"""The machine that lull runs on: versions, model, voltage. Any thread; nothing here waits but `read_throttled`."""

from __future__ import annotations

import ctypes
import platform
import subprocess
from importlib import metadata
from pathlib import Path
from typing import Final

from player import __version__
from player.audio.dsp.native import kernel
from player.cli.doctor.facts import Machine
from player.system.identity import hardware

OS_RELEASE: Final = Path("/etc/os-release")
THROTTLED: Final = Path("/sys/devices/platform/soc/soc:firmware/get_throttled")
"""Hexadecimal, the number that `vcgencmd get_throttled` shows; older kernels have it."""
HWMON: Final = Path("/sys/class/hwmon")
_PACKAGES: Final = {"numpy": "numpy", "paho": "paho-mqtt", "pyalsaaudio": "pyalsaaudio", "python-vlc": "python-vlc"}


def read_machine(os_release: Path = OS_RELEASE) -> Machine:
    """Names and versions of what runs here."""
    versions: list[tuple[str, str | None]] = [("lull", __version__), ("Python", platform.python_version())]
    versions += [
        ("libVLC", _library_says("libvlc.so.5", "libvlc_get_version")),
        ("ALSA", _library_says("libasound.so.2", "snd_asoundlib_version")),
    ]
    versions += [(shown, _package(name)) for shown, name in _PACKAGES.items()]
    return Machine(
        f"{_system(os_release)}, Linux {platform.release()}", hardware(), tuple(versions), kernel() is not None
    )


def _system(os_release: Path) -> str:
    try:
        lines = os_release.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return platform.system()
    values = dict(line.partition("=")[::2] for line in lines)
    return values.get("PRETTY_NAME", "").strip('"') or platform.system()


def _library_says(name: str, function: str) -> str | None:
    """The version that a C library tells of itself, None where it is not installed."""
    try:
        asked = getattr(ctypes.CDLL(name), function)
    except (OSError, AttributeError):
        return None
    asked.restype = ctypes.c_char_p
    said = asked()
    return said.decode("utf-8", "replace").split()[0] if said else None


def _package(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def read_throttled(
    limit_s: float, *, sysfs: Path = THROTTLED, hwmon: Path = HWMON, command: tuple[str, ...] = ("vcgencmd",)
) -> int | None:
    """The bits of voltage and heat, from the first that tells: vcgencmd, the firmware's file, the voltage sensor.

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
    try:
        return path.read_text(encoding="ascii", errors="replace").strip()
    except OSError:
        return ""
