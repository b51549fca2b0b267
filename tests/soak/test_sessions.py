"""Many sessions leave nothing behind in the daemon."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.soak.sessions import held_over

pytestmark = [pytest.mark.live, pytest.mark.slow]

SESSIONS = 8
WARM_UP = 6
MORE_KB = 12_000
"""A ring that leaked would be 2.4 MB for each track; ``python -m tests.soak.sessions 1000`` looks more closely."""


@pytest.mark.long
def test_after_some_sessions_the_daemon_holds_what_it_held_before(tmp_path: Path) -> None:
    """Tracks of six formats opened and closed: memory, file descriptors and threads."""
    before, after = (held for _, held in held_over(tmp_path, SESSIONS, (SESSIONS,), WARM_UP))
    assert after.memory_kb - before.memory_kb < MORE_KB, (before, after)
    assert abs(after.files - before.files) <= 3, (before, after)
    assert abs(after.threads - before.threads) <= 3, (before, after)
