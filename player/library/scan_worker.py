"""The process that decodes and measures files for a scan, one after the other.

A decoder that crashes or hangs takes this process with it and nothing else; `player.library.scan_pool` starts another
one. It is run as ``python -m player.library.scan_worker``.

Requests come on stdin, a line of JSON each: the path. Answers go to what was stdout, lines of JSON: ``at_s`` now and
then while a file is being measured, in the end ``measured`` and ``fault``. It ends when stdin does.

One thread here measures; libVLC's own decode and write into the pipe meanwhile.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import json
import os
import platform
import resource
import signal
import sys
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

from player.analysis.track_measurement import Measurer
from player.audio.decoder.cut_off import cut_off
from player.audio.decoder.unheard import unheard
from player.audio.decoder.vlc_decoder import DecoderSettings, VlcDecoder
from player.audio.ports import Decoder
from player.core.errors import LullError
from player.core.measurement import MeasureResult
from player.core.units import RATE_HZ, to_frames, to_seconds
from player.library.chapters import read_chapters
from player.storage.measurements_db import as_json

BACKGROUND: Final = "--background"
FILE_STALL_S: Final = 20.0
_READ_S: Final = 1.0
_WAIT_S: Final = 5.0
_TELL_EVERY_S: Final = 10.0
_KILL_FIRST: Final = "800"
"""Makes the kernel end this process before any other when memory is short."""
_MOST_MEMORY_BYTES: Final = 512 << 20
"""Private memory, the stacks of threads included (8 MB each, hardly used): 160 MB for a usual file, 250 MB for an MP3
of twelve hours, 410 MB for a FLAC with 96 MB of pictures in it."""
_M_TRIM_THRESHOLD: Final = -1
_M_MMAP_THRESHOLD: Final = -3
"""The numbers of those parameters in glibc's malloc.h."""
_KEPT_BYTES: Final = 8 << 20
_PR_SET_PDEATHSIG: Final = 1
_IOPRIO_SET: Final = {"x86_64": 251, "aarch64": 30, "riscv64": 30}
_IOPRIO_SET_32: Final = {
    "x86_64": 289, "i686": 289, "aarch64": 314, "armv8l": 314, "armv7l": 314, "armv6l": 314,
}  # fmt: skip
"""The number of that system call, for which the C library has no function, by the kernel's name of the machine.

It is that of the program's own width: Raspberry Pi OS with 32 bits runs below a kernel that says ``aarch64``.
"""
_IOPRIO_IDLE: Final = 3 << 13


def measure_file(decoder: Decoder, path: str, tell: Callable[[float], None]) -> MeasureResult:
    """Decode a file to its end and measure it; ``tell`` is called with the progress from time to time."""
    source = decoder.open(path)
    measurer = Measurer()
    told_frames = 0
    try:
        while not measurer.is_enough:
            source.wait_ready(RATE_HZ, _WAIT_S)
            block = source.read(to_frames(_READ_S))
            if len(block):
                measurer.add(block)
            elif source.is_finished() and not source.frames_ready():
                break
            if measurer.frames - told_frames >= to_frames(_TELL_EVERY_S):
                told_frames = measurer.frames
                tell(to_seconds(told_frames))
        fault = source.fault
    finally:
        source.close()
    if measurer.frames == 0:
        return MeasureResult(None, fault or "has no sound in it")
    measured = measurer.finish()
    return MeasureResult(
        replace(measured, chapters=read_chapters(path, measured.duration_s)), fault or unheard(path) or cut_off(path)
    )


def run_at_idle_priority() -> None:
    """Run at idle priority: idle scheduling, lowest priority, idle disk, first to be ended when memory is short.

    What a sandbox forbids is left out.
    """
    with contextlib.suppress(OSError):
        os.nice(19)
    with contextlib.suppress(OSError):
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "w", encoding="ascii") as file:
        file.write(_KILL_FIRST)
    number = (_IOPRIO_SET if sys.maxsize > 1 << 32 else _IOPRIO_SET_32).get(platform.machine())
    if number is not None:
        ctypes.CDLL(None).syscall(number, 1, 0, _IOPRIO_IDLE)


def limit_rights() -> None:
    """Limit what a malicious file can do to this process: it cannot write files, nor use more memory than needed."""
    for limit, most in (
        (resource.RLIMIT_DATA, _MOST_MEMORY_BYTES),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
    ):
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(limit, (most, most))


def _work_in_bursts() -> None:
    """Let the decoder fill the pipe before the measuring thread goes on: fewer switches between them."""
    with contextlib.suppress(OSError):
        os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))


def _keep_memory() -> None:
    """Let freed blocks stay with the process: fresh pages for each block of sound cost a tenth of a scan.

    Garbage collection is switched off, because no cycles are made here.
    """
    gc.disable()
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_MMAP_THRESHOLD, _KEPT_BYTES)
        mallopt(_M_TRIM_THRESHOLD, _KEPT_BYTES)


def _answer(finding: MeasureResult) -> dict[str, Any]:
    measured = None if finding.measured is None else as_json(finding.measured)
    return {"measured": measured, "fault": finding.fault}


def main() -> int:
    """Serve until stdin ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent process
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if BACKGROUND in sys.argv[1:]:
        run_at_idle_priority()
    else:
        _work_in_bursts()
    _keep_memory()
    limit_rights()
    # libraries print to stdout; the answers use another descriptor
    out = os.fdopen(os.dup(1), "w", encoding="ascii", buffering=1)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)

    def tell(line: dict[str, Any]) -> None:
        out.write(json.dumps(line) + "\n")

    try:
        decoder = VlcDecoder(DecoderSettings(is_piped=True, file_stall_s=FILE_STALL_S))
        Measurer()
    except LullError as error:
        tell({"cannot_work": str(error)})
        return 1
    with contextlib.suppress(BrokenPipeError):
        for line in sys.stdin:
            tell(_answer(measure_file(decoder, json.loads(line), lambda at_s: tell({"at_s": at_s}))))
    # a decoder that hangs in a thread of its own must not keep this process
    os._exit(0)


if __name__ == "__main__":
    raise SystemExit(main())
