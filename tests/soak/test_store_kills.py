"""SIGKILL within writes and torn sectors: what was answered as done is there."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.effort import examples
from tests.paths import ROOT

pytestmark = [pytest.mark.slow]


def test_nothing_that_was_answered_as_done_is_lost() -> None:
    """In a process without threads, because it forks; ``python -m tests.soak.store_kills 200`` does so more often."""
    command = [sys.executable, "-m", "tests.soak.store_kills", str(examples(5, 60)), "--seed", "7"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=600)
    print(done.stdout)
    assert done.returncode == 0, done.stderr[-2000:]
