"""What a command reads before it does anything: seconds on a small board."""

from __future__ import annotations

import subprocess
import sys

import pytest

PROGRAM = """\
import sys
from player.cli.main import main
try:
    main(sys.argv[1:])
except SystemExit:
    pass
print(*sorted({name.partition(".")[0] for name in sys.modules}), file=sys.stderr)
"""
HEAVY = {"numpy", "vlc", "alsaaudio", "matplotlib", "yaml"}


@pytest.mark.slow
@pytest.mark.parametrize("words", ["--version", "--help", "stop --host 127.0.0.1 --port 9 --timeout 1", "scan --help"])
def test_a_command_to_a_running_speaker_reads_no_sound_library(words: str) -> None:
    """Whoever says stop in the dark does not wait for numpy."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *words.split()], capture_output=True, text=True, check=True, timeout=60
    )
    assert not HEAVY & set(done.stderr.splitlines()[-1].split())
