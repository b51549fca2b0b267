"""The unit and the journal of lull, asked of systemd's own commands. Any thread; each question has its time limit."""

from __future__ import annotations

import json
import re
import subprocess
from datetime import datetime, timedelta, tzinfo
from typing import Final

from player.cli.doctor.facts import JournalEvent, Service

_ASKED: Final = (
    "LoadState", "ActiveState", "UnitFileState", "MainPID", "User", "NRestarts", "WatchdogUSec", "Result",
    "SupplementaryGroups",
)  # fmt: skip
_TOLD: Final = ("problem", "start_missed", "session_lost")
_SECONDS: Final = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "min": 60.0, "h": 3600.0, "d": 86400.0}


def ask_service(unit: str, limit_s: float, command: tuple[str, ...] = ("systemctl",)) -> Service | None:
    """The unit of that name as systemd knows it; None where systemd does not run or does not answer."""
    words = [*command, "show", f"{unit}.service", *(f"--property={name}" for name in _ASKED)]
    said = _run(words, limit_s)
    if said is None or said.returncode != 0:
        return None
    values = dict(line.partition("=")[::2] for line in said.stdout.splitlines())
    return Service(
        unit=unit,
        is_loaded=values.get("LoadState") == "loaded",
        is_enabled=values.get("UnitFileState", "").startswith("enabled"),
        active=values.get("ActiveState", "inactive"),
        pid=_number(values.get("MainPID")),
        user=values.get("User") or "root",
        restarts=_number(values.get("NRestarts")),
        watchdog_s=seconds_of(values.get("WatchdogUSec", "0")),
        result=values.get("Result") or "success",
        groups=tuple(values.get("SupplementaryGroups", "").split()),
    )


def seconds_of(text: str) -> float:
    """Seconds of a time as systemd writes it, as in ``1min 30s``; 0 for ``infinity``, which means no watchdog."""
    return sum(float(number) * _SECONDS[unit] for number, unit in re.findall(r"([\d.]+)(us|ms|min|s|h|d)\b", text))


def read_journal(
    unit: str, zone: tzinfo, limit_s: float, command: tuple[str, ...] = ("journalctl",)
) -> tuple[tuple[JournalEvent, ...], bool]:
    """The problems in the unit's journal of the last day and a half, and whether this user can read all of it."""
    words = [*command, f"--unit={unit}.service", "--since=-36h", "--output=json", "--no-pager"]
    said = _run([*words, *(f"LULL_EVENT={name}" for name in _TOLD)], limit_s)
    if said is None:
        return (), False
    happened = filter(None, (_happened(line, zone) for line in said.stdout.splitlines()))
    return tuple(happened), said.returncode == 0 and "Hint:" not in said.stderr


def _happened(line: str, zone: tzinfo) -> JournalEvent | None:
    """One entry; None for a line that is not one."""
    try:
        fields = json.loads(line)
        since = timedelta(microseconds=int(fields["__REALTIME_TIMESTAMP"]))
        return JournalEvent(datetime.fromtimestamp(0, zone) + since, str(fields["MESSAGE"]))
    except (ValueError, KeyError, TypeError):
        return None


def _run(words: list[str], limit_s: float) -> subprocess.CompletedProcess[str] | None:
    try:
        return subprocess.run(
            words,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=limit_s,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None


def _number(text: str | None) -> int:
    return int(text) if text is not None and text.isdecimal() else 0
