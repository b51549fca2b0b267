"""Through how many files of player/ three things pass: `volume 40`, a start by the schedule, and the end of a timer.

    python -m bench.traces            # the counts
    python -m bench.traces --files    # and the files

A daemon runs in this process, with its session, engine and chain, and fakes where the broker, the library and the
sound card would be. A file counts where one of its functions is called between the message (or the minute, or the
deadline) and what is published of it. ``main`` is the thread that decides, ``engine`` the one that makes sound; `only`
leaves out what runs in the same thread while nothing happens: the rendering of blocks, the look at the time.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from types import FrameType
from typing import Any, Final

from player import __file__ as package
from player.mqtt.incoming import Incoming, LinkUp
from tests import daemon_rig

ROOM: Final = f"{Path(package).parent}/"
IDLE_S: Final = 3.0
HEARD_S: Final = 0.5
"""After so long the engine has carried out what was ordered."""


class Tracer:
    """Notes the file of each call, by thread, while it is wanted."""

    def __init__(self) -> None:
        self.is_wanted = False
        self.seen: dict[str, set[str]] = defaultdict(set)

    def __call__(self, frame: FrameType, event: str, _argument: object) -> None:
        """What `threading.setprofile` calls."""
        name = frame.f_code.co_filename
        if self.is_wanted and event == "call" and name.startswith(ROOM):
            who = "engine" if "engine" in threading.current_thread().name else "main"
            self.seen[who].add(name.removeprefix(ROOM))

    @contextmanager
    def watching(self) -> Iterator[dict[str, set[str]]]:
        """The files of this stretch."""
        self.seen = defaultdict(set)
        self.is_wanted = True
        yield self.seen
        self.is_wanted = False


def published(house: daemon_rig.House, event: str) -> Callable[[], bool]:
    """Whether this was told since now."""
    before = len(house.link.fields("lull/bedroom/event"))
    return lambda: any(one.get("event_type") == event for one in house.link.fields("lull/bedroom/event")[before:])


def traced(folder: Path) -> dict[str, tuple[dict[str, set[str]], dict[str, set[str]]]]:
    """The files of each of the three, and those of a stretch before it in which nothing happened."""
    tracer = Tracer()
    threading.setprofile(tracer)
    at = (datetime.now().astimezone() + timedelta(seconds=75)).strftime("%H:%M")
    daemon_rig.CONFIG += (
        f'schedule: [{{name: night, at: "{at}", playlist: rain, fade_in: 5s}}]\nfades: {{fade_in: 5s}}\n'
    )
    daemon_rig.PATIENCE_S = 150.0
    found: dict[str, Any] = {}
    with daemon_rig.lived_in(folder) as house:
        house.hear(LinkUp())

        def measure(what: str, begin: Callable[[], object], event: str) -> None:
            with tracer.watching() as idle:
                time.sleep(IDLE_S)
            told = published(house, event)
            with tracer.watching() as during:
                begin()
                house.wait(told)
                time.sleep(HEARD_S)
            found[what] = (during, idle)

        measure("a start by the schedule", lambda: None, "session_started")
        time.sleep(15.0)
        measure("volume 40", lambda: house.hear(Incoming("lull/bedroom/cmd/volume", b"40")), "volume_set")
        house.hear(Incoming("lull/bedroom/cmd/fade", b"1s"))
        house.hear(Incoming("lull/bedroom/cmd/timer", b"8s"))
        measure("the end of a timer", lambda: None, "session_ended")
    return found


def main() -> int:
    """Print the counts; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--files", action="store_true", help="name the files too")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found = traced(Path(folder))
    print(f"{'':26}{'all':>6}{'main':>6}{'only':>6}{'engine':>8}{'only':>6}")
    for what, (during, idle) in found.items():
        both = during["main"] | during["engine"]
        own = [during[who] - idle[who] for who in ("main", "engine")]
        counts = len(both), len(during["main"]), len(own[0]), len(during["engine"]), len(own[1])
        print("{:26}{:6}{:6}{:6}{:8}{:6}".format(what, *counts))
        if args.files:
            print(*(f"    main    {name}" for name in sorted(during["main"])), sep="\n")
            print(*(f"    engine  {name}" for name in sorted(during["engine"])), sep="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
