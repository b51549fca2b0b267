"""What the unit tells systemd to do when the daemon dies, done by a test: wait as it says, and start it again."""

from __future__ import annotations

import re
import time
from typing import Final

from tests.live.daemon import ROOT, Daemon

_UNIT: Final = (ROOT / "systemd" / "lull.service").read_text(encoding="utf-8")


def told(key: str) -> str:
    """What the unit says, once."""
    (value,) = re.findall(rf"^{key}=(.*)$", _UNIT, re.MULTILINE)
    return str(value)


def restart(daemon: Daemon) -> int:
    """Wait for the death of the daemon and start it again as the unit says; returns its exit code."""
    assert told("Restart") == "always"
    code = daemon.wait_end()
    time.sleep(float(told("RestartSec")))
    daemon.start()
    return code
