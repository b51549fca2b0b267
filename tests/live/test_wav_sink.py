"""WAV files of the sink, as other programs read them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from player.audio.sinks.wav import FRAME_BYTES, HEADER_BYTES, WavSink, wav_header

pytestmark = [pytest.mark.live, pytest.mark.slow]

ENDLESS_WRITER = """
import sys
from pathlib import Path
import numpy as np
from player.audio.sinks.wav import WavSink
sink = WavSink(Path(sys.argv[1]))
sink.open()
while True:
    sink.write(np.full((4_800, 2), 0.25, np.float32))
"""


def probe(path: Path) -> dict[str, str]:
    """What ffprobe sees in the file; it must see no fault."""
    command = ["ffprobe", "-v", "warning", "-of", "json", "-show_streams", str(path)]
    seen = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    assert seen.stderr == ""
    (stream,) = json.loads(seen.stdout)["streams"]
    return dict(stream)


def test_ffprobe_reads_what_it_is(tmp_path: Path) -> None:
    """Float, 48 kHz, stereo, and as long as what was written."""
    path = tmp_path / "out.wav"
    sink = WavSink(path)
    sink.open()
    for _ in range(25):
        sink.write(np.full((4_800, 2), 0.25, np.float32))
    sink.close()
    stream = probe(path)
    assert (stream["codec_name"], stream["sample_rate"], str(stream["channels"])) == ("pcm_f32le", "48000", "2")
    assert float(stream["duration"]) == pytest.approx(2.5)


def test_six_gigabytes_are_four_and_a_half_hours(tmp_path: Path) -> None:
    """Beyond 4 GiB the length is still known (RF64); the file is sparse and takes no room."""
    path = tmp_path / "night.wav"
    frames = round(4.5 * 3600 * 48_000)
    path.write_bytes(wav_header(frames * FRAME_BYTES))
    os.truncate(path, HEADER_BYTES + frames * FRAME_BYTES)
    assert float(probe(path)["duration"]) == pytest.approx(4.5 * 3600)


@pytest.mark.parametrize("turn", range(5))
def test_killed_at_any_moment_it_is_a_valid_file(tmp_path: Path, turn: int) -> None:
    """SIGKILL in the middle of writing as fast as it can: at most the last block is missing from the header."""
    path = tmp_path / "out.wav"
    writer = subprocess.Popen([sys.executable, "-c", ENDLESS_WRITER, str(path)], env=os.environ | {"PYTHONPATH": "."})
    give_up_s = time.monotonic() + 20
    while not path.exists() or path.stat().st_size < 10_000_000:
        assert writer.poll() is None
        assert time.monotonic() < give_up_s
        time.sleep(0.001)
    time.sleep(0.0013 * turn)
    writer.kill()
    writer.wait()
    frames = (path.stat().st_size - HEADER_BYTES) // FRAME_BYTES
    counted = round(float(probe(path)["duration"]) * 48_000)
    assert frames - 4_800 <= counted <= frames
    samples = np.frombuffer(path.read_bytes()[HEADER_BYTES:][: counted * FRAME_BYTES], "<f4")
    assert np.all(samples == 0.25)
