"""A scan worker on a script, run as a program: what it does with a file is the file's name. No numpy, no libVLC.

``crash`` dies of a fault of memory, ``killed`` as if somebody wanted its memory, ``leaves`` ends by itself, ``hang``
does nothing for ever, ``slow`` tells of progress for ever, ``text`` is unplayable, ``absurd`` measures what cannot be;
everything else is calm and lasts
as many seconds as the file has bytes.
"""

import json
import os
import signal
import sys
import time
from pathlib import Path

CALM = {
    "integrated_lufs": -30.0, "programme_lufs": -30.0, "range_lu": 2.0, "max_momentary_lufs": -25.0,
    "max_short_lufs": -28.0, "calm_short_lufs": -28.0, "true_peak_dbtp": -10.0, "habitual_lufs": -28.0,
    "surprises": [], "faults": 0, "plan": "",
}  # fmt: skip


def say(**line: object) -> None:
    print(json.dumps(line), flush=True)


def serve(path: Path) -> None:
    match path.stem:
        case "crash":
            os.kill(os.getpid(), signal.SIGSEGV)
        case "killed":
            os.kill(os.getpid(), signal.SIGKILL)
        case "leaves":
            raise SystemExit(3)
        case "hang":
            time.sleep(600.0)
        case "slow":
            for at_s in range(100_000):
                say(at_s=float(at_s))
                time.sleep(0.01)
        case "text":
            say(measured=None, fault="has no sound in it")
        case "absurd":
            say(measured={**CALM, "duration_s": 1.0, "true_peak_dbtp": -798.9}, fault=None)
        case _:
            say(measured={**CALM, "duration_s": float(path.stat().st_size)}, fault=None)


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if "--cannot-work" in sys.argv:
        say(cannot_work="a library is missing")
        raise SystemExit(1)
    for request in sys.stdin:
        serve(Path(json.loads(request)))
