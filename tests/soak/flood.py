"""A flood of commands as a process of its own: ``python -m tests.soak.flood PORT SECONDS``; prints how many it sent."""

from __future__ import annotations

import json
import random
import sys
import time

from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion

from player.core.verbs import VERBS

RATE_PER_S = 1000


def anything(rng: random.Random) -> tuple[str, bytes]:
    """A command of any kind but stop, sensible or not; now and then four kilobytes of it."""
    verb = rng.choice([verb for verb in VERBS if verb != "stop"])
    payload = rng.choice(
        [b"", b"1", b"40", b"80", b"+5", b"-5", b"up", b"one", b"two", b"10m", b"90s", b"off", b"toggle",
         b"end-of-track", b"undo", b"23:15", b"{", b"\xff\xfe", b"[" * 2000, b"x" * 5000, rng.randbytes(20),
         json.dumps({"playlist": rng.choice(["one", "two", "three"]), "volume": rng.randrange(120)}).encode(),
         json.dumps({"id": str(rng.randrange(10**6))}).encode()]
    )  # fmt: skip
    return f"lull/{rng.choice(['bedroom', 'all'])}/cmd/{verb}", payload


def main(port: int, duration_s: float) -> int:
    """Send at a steady rate; returns how many were sent."""
    rng = random.Random(4)
    client = Client(CallbackAPIVersion.VERSION2)
    client.connect("127.0.0.1", port)
    client.loop_start()
    sent, began_s = 0, time.monotonic()
    while (ran_s := time.monotonic() - began_s) < duration_s:
        while sent < ran_s * RATE_PER_S:
            client.publish(*anything(rng), qos=0)
            sent += 1
        time.sleep(0.005)
    client.disconnect()
    client.loop_stop()
    return sent


if __name__ == "__main__":
    print(main(int(sys.argv[1]), float(sys.argv[2])))
