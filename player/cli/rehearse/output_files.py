"""Checks the output files of a rehearsal before it is rendered, so that hours of work do not fail at the last step, and
only files of an earlier rehearsal are overwritten.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Final

from player.core.errors import LullError

RENDER_MARK_AT: Final = slice(8, 16)
RENDER_MARKS: Final = (b"WAVEJUNK", b"WAVEds64")
"""Bytes at the beginning of a WAV that lull wrote, which hardly any other has."""
PICTURE_MARK: Final = b"lull rehearsal"
REPORT_MARK: Final = b'{\n  "tracks": ['
PICTURE_SUFFIXES: Final = (".png", ".svg")
_HEAD_BYTES: Final = 4096


def check_out(out: Path, paths: list[str]) -> None:
    """Refuse to overwrite anything but an earlier rehearsal: OUT is the first argument, so music is easily lost."""
    if out.suffix.lower() != ".wav":
        raise LullError(f"OUT is {out}; it must come before the PATHs and end in .wav")
    if os.path.exists(out) and any(os.path.exists(path) and out.samefile(path) for path in paths):
        raise LullError(f"{out} is one of the tracks to play and cannot be overwritten")
    if os.path.exists(out) and _head(out)[RENDER_MARK_AT] not in RENDER_MARKS:
        raise LullError(f"{out} already exists and was not written by a rehearsal; choose another file")
    _check_writable(out)


def check_report(report: Path) -> None:
    """The file for the figures."""
    if report.suffix.lower() != ".json":
        raise LullError(f"the report is {report}; it must end in .json")
    if os.path.exists(report) and not _head(report).startswith(REPORT_MARK):
        raise LullError(f"{report} already exists and is not the report of a rehearsal; choose another file")
    _check_writable(report)


def check_picture(picture: Path) -> None:
    """The file for the picture, and what draws it."""
    if picture.suffix.lower() not in PICTURE_SUFFIXES:
        raise LullError(f"the picture is {picture}; it must end in {' or '.join(PICTURE_SUFFIXES)}")
    if os.path.exists(picture) and PICTURE_MARK not in _head(picture):
        raise LullError(f"{picture} already exists and is not the picture of a rehearsal; choose another file")
    _check_writable(picture)
    try:
        import player.cli.rehearse.picture  # noqa: F401 - whether it can be
    except ModuleNotFoundError as missing:
        raise LullError(
            f"a picture needs {missing.name}, which is not installed; "
            f"install it with: {sys.executable} -m pip install matplotlib"
        ) from None


def _head(path: Path) -> bytes:
    """The first bytes of a file; empty for anything else."""
    if not os.path.isfile(path):
        return b""
    try:
        with path.open("rb") as file:
            return file.read(_HEAD_BYTES)
    except OSError as fault:
        raise LullError(f"cannot read the existing {path}: {fault.strerror}") from None


def _check_writable(path: Path) -> None:
    """Raise LullError if the file cannot be written."""
    folder = path.parent
    if not os.path.isdir(folder):
        raise LullError(f"cannot write {path}: the folder {folder} does not exist")
    if not os.access(path if os.path.exists(path) else folder, os.W_OK):
        raise LullError(f"cannot write {path}: permission denied")
