"""Sound cards as the kernel lists them, and who has them open: reads /proc/asound. Any thread; nothing is opened.

`owner_pid` there is a thread; the process that it belongs to is what people know.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from player.cli.doctor.facts import Card, Holder, Output

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


def _text(path: Path) -> str:
    """The file's text; none where it is not there, or its process has just ended."""
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
