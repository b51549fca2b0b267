"""The output pipe into a real snapserver; judged by what a real snapclient plays.

A client on a busy machine leaves out or repeats single frames to keep in step, which is heard as a tick; what lull
wrote has none. So clicks and the exact slope are printed and not demanded here: tests/audio/sinks/test_pipe.py
compares every sample. On a quiet machine the client had no click either.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from player.audio.sinks.pipe import STALL_S, PipeSink
from player.core.clock import SystemClock
from player.core.errors import SinkError
from player.core.settings.audio import PipeFormat
from player.core.settings.safety import TARGET_LUFS
from player.core.units import volume_to_db
from tests import recording as sound
from tests.audio_files import sine, write_wav
from tests.contract_check import figures
from tests.live.broker import RealBroker
from tests.live.daemon import Daemon, Listener
from tests.live.snapcast import RATE_HZ, Snapcast, TimedClient
from tests.scanned_level import level_db, programme_gain_db

pytestmark = [pytest.mark.live, pytest.mark.slow]

PEAK, VOLUME = 0.25, 80
PEAK_OUT = PEAK * 10 ** ((programme_gain_db(PEAK) + volume_to_db(VOLUME)) / 20)
TONE_DB = level_db(PEAK_OUT)
IN_STEP_MS = 20.0
"""Two loudspeakers in two rooms are heard as one up to here; a client gives out pieces of 20 ms."""
CONFIG = """\
device: bedroom
audio: {{output: pipe, path: {pipe}}}
mqtt: {{host: 127.0.0.1, port: {port}}}
volume: {{default: {volume}, max: 100}}
fades: {{fade_in: 10s, fade_out: 10s, crossfade: 2s, stop: 2s}}
trust_clock: true
state_dir: state
playlists:
  tones: {{paths: [{folder}], order: in_order}}
"""


@pytest.fixture
def snapcast(tmp_path: Path) -> Iterator[Snapcast]:
    """A server and a client, running."""
    both = Snapcast(tmp_path)
    both.start_server()
    both.start_client()
    yield both
    both.close()


@pytest.fixture
def daemon(tmp_path: Path, snapcast: Snapcast, broker: RealBroker) -> Iterator[Daemon]:
    """It has a long tone to play, and is not started yet."""
    folder = tmp_path / "music"
    folder.mkdir()
    write_wav(folder / "tone.wav", sine(440.0, 120.0, peak=PEAK))
    config = CONFIG.format(pipe=snapcast.pipe, port=broker.port, volume=VOLUME, folder=folder)
    running = Daemon(tmp_path, config)
    yield running
    running.kill()


@pytest.mark.long
def test_a_night_through_snapcast_with_a_server_that_dies(
    daemon: Daemon, snapcast: Snapcast, listener: Listener
) -> None:
    """Fade, level, a server that is killed, a rise from silence, a stop: nothing startles, and the level is right."""
    daemon.measure()
    daemon.start()
    listener.wait_state("idle", lambda fields: fields["state"] == "idle")
    listener.command("play")
    snapcast.wait_s(14.0)
    snapcast.kill_server()
    listener.wait_state("a problem", lambda fields: "snapfifo" in str(fields["problem"]))
    snapcast.start_server()
    listener.wait_state("no problem", lambda fields: not fields["problem"])
    snapcast.wait_s(14.0)
    listener.command("stop")
    listener.wait_state("idle", lambda fields: fields["state"] == "idle")
    snapcast.wait_s(3.0)  # Snapcast is 1 s behind, and the pipe 0.3 s
    heard = snapcast.heard()
    found = figures(heard, TARGET_LUFS + volume_to_db(VOLUME))
    rise = sound.fastest_rise(heard, TONE_DB - 58.0)
    print(f"\n{len(heard) / RATE_HZ:.0f} s: {found}\n{rise}")
    assert found.startles == found.bursts == found.new_onsets == ()
    (gap,) = sound.gaps(heard, longer_than_s=0.5)
    before, after = heard[: round(gap.at_s * RATE_HZ)], heard[round((gap.at_s + gap.length_s) * RATE_HZ) :]
    for part in (before[-RATE_HZ:-4_800], after[round(-4.5 * RATE_HZ) : round(-4.2 * RATE_HZ)]):
        assert np.abs(part).max() == pytest.approx(PEAK_OUT, rel=0.02)
    assert np.abs(after[: 2 * RATE_HZ]).max() < PEAK_OUT / 30.0
    assert sound.ending(heard, PEAK_OUT).last_db < -50.0  # two steps of 16 bit
    assert not heard[-RATE_HZ:].any()


@pytest.mark.long
def test_two_rooms_hear_the_same_in_step(tmp_path: Path, broker: RealBroker, listener: Listener) -> None:
    """A start, a change of volume and a stop, in two rooms: nothing startles in either, and both play it together.

    The moment at which a client gives out a sample is known as well as this machine keeps time: some milliseconds.
    """
    snapcast = Snapcast(tmp_path)
    config = CONFIG.format(pipe=snapcast.pipe, port=broker.port, volume=VOLUME, folder="noise:pink")
    daemon = Daemon(tmp_path, config)
    snapcast.start_server()
    rooms = [snapcast.another_client(name) for name in ("bedroom", "landing")]
    try:
        daemon.start()
        listener.wait_state("idle", lambda fields: fields["state"] == "idle")
        listener.command("play")
        time.sleep(20.0)
        listener.command("volume", volume=VOLUME - 20)
        time.sleep(12.0)
        listener.command("stop")
        listener.wait_state("idle", lambda fields: fields["state"] == "idle")
        time.sleep(3.0)
    finally:
        for room in rooms:
            room.close()
        daemon.kill()
        snapcast.close()
    heard = [room.heard() for room in rooms]
    apart_ms = [1000.0 * _apart_s(rooms, heard, from_s) for from_s in np.arange(12.0, 32.0, 4.0)]
    print("\napart by", ", ".join(f"{one:.1f}" for one in apart_ms), "ms")
    for sound_of in heard:
        found = figures(sound_of, TARGET_LUFS + volume_to_db(VOLUME))
        print(f"{len(sound_of) / RATE_HZ:.0f} s: {found}")
        assert found.startles == found.bursts == found.new_onsets == ()
        assert sound.gaps(sound_of, longer_than_s=0.5) == ()
        assert not sound_of[-RATE_HZ // 2 :].any()
    assert np.median(np.abs(apart_ms)) < IN_STEP_MS


def _apart_s(rooms: list[TimedClient], heard: list[npt.NDArray[np.float32]], from_s: float) -> float:
    """By how much the second room is later than the first, in the second and a half from then on."""
    first, length = round(from_s * RATE_HZ), round(1.5 * RATE_HZ)
    piece = heard[0][first : first + length, 0]
    around = heard[1][max(0, first - RATE_HZ) : first + length + RATE_HZ, 0]
    size = 1 << (len(around) + len(piece)).bit_length()
    match = np.fft.irfft(np.fft.rfft(around, size) * np.conj(np.fft.rfft(piece, size)), size)
    second = max(0, first - RATE_HZ) + int(match[: len(around) - len(piece)].argmax())
    at_s = [
        room.began_s(frame - 2 * RATE_HZ, frame + 3 * RATE_HZ) + frame / RATE_HZ
        for room, frame in zip(rooms, (first, second), strict=True)
    ]
    return at_s[1] - at_s[0]


def test_the_daemon_ends_soon_whatever_the_server_does(daemon: Daemon, snapcast: Snapcast, listener: Listener) -> None:
    """A server that is frozen takes nothing; SIGTERM ends the daemon all the same, before systemd loses patience."""
    daemon.start()
    listener.wait_state("idle", lambda fields: fields["state"] == "idle")
    listener.command("play")
    snapcast.wait_s(1.0)
    snapcast.freeze_server(is_frozen=True)
    began_s = time.monotonic()
    try:
        assert daemon.stop() == 0
    finally:
        snapcast.freeze_server(is_frozen=False)
    assert time.monotonic() - began_s < STALL_S + 4.0


@pytest.mark.parametrize("pipe_format", [PipeFormat.CD, PipeFormat.S32])
def test_other_formats_are_what_snapcast_takes_them_for(tmp_path: Path, pipe_format: PipeFormat) -> None:
    """A tone comes out as high as it went in, and as loud; a wrong width or rate would be noise or another note."""
    both = Snapcast(tmp_path, pipe_format.value)
    sink = PipeSink(both.pipe, pipe_format, SystemClock(), 0.3)
    rate_hz = int(pipe_format.value.split(":")[0])
    tone = sine(500.0, 2.0, peak=0.1)
    try:
        both.start_server()
        both.start_client()
        sink.open()
        for start in range(0, len(tone), 4_800):
            sink.write(tone[start : start + 4_800])
        sink.drain()
        time.sleep(1.5)
        data = both.raw()
    finally:
        sink.close()
        both.close()
    dtype, scale = ("<i4", 2.0**31) if pipe_format is PipeFormat.S32 else ("<i2", 2.0**15)
    heard = np.frombuffer(data[: len(data) // 8 * 8], dtype).reshape(-1, 2)[:, 0] / scale
    first = int(np.flatnonzero(np.abs(heard) > 0.05)[0])
    steady = heard[first + 1_000 : first + 1_000 + rate_hz]
    spectrum = np.abs(np.fft.rfft(steady * np.hanning(len(steady))))
    assert int(spectrum.argmax()) == 500
    assert np.abs(steady).max() == pytest.approx(0.1, rel=0.01)


def test_two_writers_in_turn_need_no_new_server(snapcast: Snapcast) -> None:
    """Closed after a session and opened for the next one: the server comes back within the opening's patience."""
    sink = PipeSink(snapcast.pipe, PipeFormat.S16, SystemClock(), 0.3)
    silence = np.zeros((4_800, 2), np.float32)
    for pause_s in (0.0, 0.15, 1.0):
        sink.open()
        for _ in range(5):
            sink.write(silence)
        sink.drain()
        sink.close()
        time.sleep(pause_s)
    snapcast.kill_server()
    with pytest.raises(SinkError, match="no program reads"):
        sink.open()
