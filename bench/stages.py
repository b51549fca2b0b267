"""What each stage of the audio path costs in the running daemon, where the caches are as cold as they are at night.

`install` wraps the stages in the daemon's own process (see `_TIMED` in bench/contestants.py) and writes at its end what
each took of the engine thread's processor time: what it calls is in it. Two readings of the thread's clock for each
call are in it as well, about 0.5 µs.
"""

from __future__ import annotations

import atexit
import json
import time
from collections import defaultdict
from functools import wraps
from pathlib import Path
from typing import Any, Final

from bench import contestants, report
from bench.contestants import Contestant, Stage
from bench.players import WARM_UP_S, measured

FILE: Final = "stages.json"


def _stages() -> dict[str, tuple[type, str]]:
    """Each stage by the name of its line; imported in the daemon only."""
    from player.audio.dsp.calm import CalmChain  # noqa: PLC0415
    from player.audio.dsp.chain import Chain  # noqa: PLC0415
    from player.audio.dsp.declick import Declick  # noqa: PLC0415
    from player.audio.dsp.guard import Guard  # noqa: PLC0415
    from player.audio.dsp.highpass import HighPass  # noqa: PLC0415
    from player.audio.dsp.level_meter import LevelMeter  # noqa: PLC0415
    from player.audio.dsp.limiter import Limiter  # noqa: PLC0415
    from player.audio.dsp.output_meter import OutputMeter  # noqa: PLC0415
    from player.audio.dsp.ramp import Ramp  # noqa: PLC0415
    from player.audio.engine import Engine  # noqa: PLC0415
    from player.audio.layers import Layers  # noqa: PLC0415
    from player.audio.sinks.alsa import AlsaSink  # noqa: PLC0415
    from player.audio.sinks.pcm_format import PcmEncoder  # noqa: PLC0415

    return {
        "a turn of the engine": (Engine, "step"),
        "  prepare the decks": (Layers, "prepare"),
        "  mix the decks": (Layers, "mix"),
        "  the chain": (Chain, "process"),
        "    all of it while calm": (CalmChain, "process"),
        "    high-pass": (HighPass, "process"),
        "    ramp": (Ramp, "process"),
        "    declick": (Declick, "process"),
        "    guard": (Guard, "process"),
        "    limiter": (Limiter, "process"),
        "    output meter": (OutputMeter, "measure"),
        "    level meter": (LevelMeter, "measure"),
        "  the device": (AlsaSink, "write"),
        "    encode": (PcmEncoder, "encode"),
    }


def install(path: Path) -> None:
    """Time all stages of this process from the end of the warm-up on, into that file."""
    spent_s: dict[str, float] = defaultdict(float)
    calls: dict[str, int] = defaultdict(int)
    begin_s = time.monotonic() + WARM_UP_S
    stages = _stages()
    for name, (owner, method) in stages.items():
        setattr(owner, method, _timed(name, getattr(owner, method), spent_s, calls, begin_s))

    def write() -> None:
        lasted_s = time.monotonic() - begin_s
        path.write_text(json.dumps([[name, calls[name] / lasted_s, spent_s[name] / lasted_s] for name in stages]))

    atexit.register(write)


def _timed(name: str, real: Any, spent_s: dict[str, float], calls: dict[str, int], begin_s: float) -> Any:
    @wraps(real)
    def timed(*args: Any, **options: Any) -> Any:
        began_s = time.thread_time()
        try:
            return real(*args, **options)
        finally:
            if time.monotonic() >= begin_s:
                spent_s[name] += time.thread_time() - began_s
                calls[name] += 1

    return timed


def part(stage: Stage, duration_s: float, material: str) -> report.Part:
    """A line for each stage, and what the rest of the process took."""
    print(f"stages, {material} ...", flush=True)
    stages, process_percent = _run(stage, duration_s)
    lines = [report.line("", ("calls/s", "µs a call", "% of a core"), 14)]
    for name, (per_s, share) in stages.items():
        took = 1e6 * share / per_s if per_s else 0.0
        lines.append(report.line(name, (f"{per_s:.1f}", f"{took:.0f}", f"{100 * share:.3f}"), 14))
    lines.append(report.line("the whole process", ("", "", f"{process_percent:.3f}"), 14))
    return report.Part(f"Stages in the running daemon, {material}", "\n".join(lines))


def layers_part(stage: Stage, duration_s: float, material: str) -> report.Part:
    """What one and two beds cost: the file itself as a bed, which is decoded once more, and generated noise."""
    lines = [report.line("% of a core", ("decks", "engine", "process"), 14)]
    for name, beds in (
        ("no bed", ()),
        ("one bed, the same file", (str(stage.track),)),
        ("one bed, noise:brown", ("noise:brown",)),
        ("two beds, both of them", (str(stage.track), "noise:brown")),
    ):
        print(f"{name}, {material} ...", flush=True)
        stages, process_percent = _run(stage, duration_s, *beds)
        decks = sum(share for stage_name, (_, share) in stages.items() if stage_name.strip().endswith("the decks"))
        engine = stages["a turn of the engine"][1]
        cells = (f"{100 * decks:.3f}", f"{100 * engine:.3f}", f"{process_percent:.2f}")
        lines.append(report.line(name, cells, 14))
    return report.Part(f"Beds under the tracks, {material}", "\n".join(lines))


def _run(stage: Stage, duration_s: float, *beds: str) -> tuple[dict[str, tuple[float, float]], float]:
    """Calls a second and share of a core of each stage, and per cent of a core of the whole process."""
    row = measured(Contestant("lull", "python3", contestants.lull_timed(*beds)), stage, duration_s)
    found = json.loads((stage.folder / FILE).read_text(encoding="ascii"))
    return {name: (per_s, share) for name, per_s, share in found}, row.usage.cpu_percent
