"""Many sessions leave nothing behind in the daemon."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.live.sessions import held_over

pytestmark = [pytest.mark.live, pytest.mark.slow]

SESSIONS = 20
MORE_KB = 12_000
"""As a thousand sessions need, so far: `python -m tests.live.sessions 1000`. A ring that leaked would be 2.4 MB each."""


def test_after_twenty_sessions_the_daemon_holds_what_it_held_before(tmp_path: Path) -> None:
    """Forty tracks of six formats opened and closed: memory, file descriptors and threads."""
    before, after = (held for _, held in held_over(tmp_path, SESSIONS, (SESSIONS,)))
    assert after.memory_kb - before.memory_kb < MORE_KB, (before, after)
    assert abs(after.files - before.files) <= 3, (before, after)
    assert abs(after.threads - before.threads) <= 3, (before, after)
