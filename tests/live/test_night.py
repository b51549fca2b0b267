"""The whole thing, everything real: daemon, libVLC, mosquitto, ALSA into a sound server; judged by the recording."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from player.core.units import volume_to_db
from tests import recording as sound
from tests.audio_files import encode, sine, write_wav
from tests.live.broker import RealBroker
from tests.live.daemon import Daemon, Listener, boot_s
from tests.live.soundserver import Recording, SoundServer
from tests.scanned_level import level_db, programme_gain_db

pytestmark = [pytest.mark.live, pytest.mark.slow]

PEAK = 0.25
VOLUME = 80
TONE_DB = level_db(PEAK) + volume_to_db(VOLUME)
"""Level of a tone at the volume used here, in dBFS."""
PEAK_OUT = PEAK * 10 ** ((programme_gain_db(PEAK) + volume_to_db(VOLUME)) / 20)
RISE = 6.6
"""6 dB/s, and what the measurement adds: the ripple of a tone, and the blocks of a sound server."""

Samples = npt.NDArray[np.float32]
Make = Callable[[str], Daemon]


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    """Starts daemons and ends them with the test."""
    daemons: list[Daemon] = []

    def start(config: str) -> Daemon:
        daemon = Daemon(tmp_path, config)
        daemons.append(daemon)
        daemon.measure()
        daemon.start()
        return daemon

    yield start
    for daemon in daemons:
        daemon.kill()


def tones(folder: Path, duration_s: float = 60.0) -> Path:
    """A folder with two long tones, as WAV."""
    folder.mkdir()
    for name, hz in (("one", 440.0), ("two", 640.0)):
        write_wav(folder / f"{name}.wav", sine(hz, duration_s, peak=PEAK))
    return folder


def every_format(folder: Path, duration_s: float) -> Path:
    """A folder with a tone in each format, mono and stereo, 22 to 96 kHz."""
    folder.mkdir()
    makes = [
        ("1.mp3", 44_100, 2, ("-b:a", "192k")), ("2.ogg", 22_050, 1, ()), ("3.opus", 48_000, 2, ("-b:a", "128k")),
        ("4.flac", 96_000, 2, ()), ("5.m4a", 44_100, 1, ("-b:a", "128k")), ("6.wav", 32_000, 2, ()),
    ]  # fmt: skip
    for index, (name, rate_hz, channels, options) in enumerate(makes):
        hz = 400.0 + 100.0 * index  # their beats are whole within the 50 ms in which levels are measured
        encode(
            folder / name,
            sine(hz, duration_s, rate_hz=rate_hz, channels=channels, peak=PEAK),
            *options,
            rate_hz=rate_hz,
        )
    return folder


def config(folder: Path, more: str = "", port: int | None = None, fades: str = "") -> str:
    """A config for a short night at a fixed volume."""
    mqtt = "mqtt: off" if port is None else f"mqtt: {{host: 127.0.0.1, port: {port}}}"
    fades = fades or "{fade_in: 10s, fade_out: 10s, crossfade: 2s, stop: 2s}"
    return f"""\
device: bedroom
audio: {{output: alsa, device: bench}}
{mqtt}
volume: {{default: {VOLUME}, max: 100}}
fades: {fades}
timer: {{default: 10m}}
trust_clock: true
state_dir: state
playlists:
  tones: {{paths: [{folder}], order: in_order}}
{more}
"""


def part(recording: Recording, from_s: float, to_s: float) -> Samples:
    """What was played between two moments of the boot clock."""
    first, last = (round((at_s - recording.started_boot_s) * 48_000) for at_s in (from_s, to_s))
    return recording.samples[max(first, 0) : max(last, 0)]


def check_calm(samples: Samples, floor_db: float = TONE_DB - 58.0) -> None:
    """No rise faster than 6 dB/s, no click, no gap over 20 ms."""
    rise = sound.fastest_rise(samples, floor_db)
    assert rise.db_per_s <= RISE, rise
    assert not sound.clicks(samples, smallest=1.1e-3 * PEAK_OUT), sound.clicks(samples, smallest=1.1e-3 * PEAK_OUT)[:5]
    assert not sound.gaps(samples, longer_than_s=0.020), sound.gaps(samples, longer_than_s=0.020)


def first_change(samples: Samples, by_db: float = 0.2) -> float:
    """Seconds until the level of a steady tone has changed by so much."""
    curve = sound.box_level(samples, box_s=0.025)
    moved = np.flatnonzero(np.abs(curve.level_db - curve.level_db[:4].mean()) > by_db)
    assert len(moved), "the level never changed"
    return float(curve.at_s[moved[0]])


@pytest.mark.long
def test_a_scheduled_night_through_every_format(
    tmp_path: Path, make: Make, sound_server: SoundServer, broker: RealBroker, listener: Listener
) -> None:
    """The schedule fires on its minute, fades in, blends six formats, and is silent at the deadline."""
    folder = every_format(tmp_path / "music", 20.0)
    start = datetime.now().astimezone().replace(second=0, microsecond=0) + timedelta(minutes=1)
    if (start - datetime.now().astimezone()).total_seconds() < 8:
        start += timedelta(minutes=1)
    entry = f'schedule:\n  - {{name: now, at: "{start:%H:%M}", timer: 90s, fade_in: 12s, fade_out: 20s}}'
    with sound_server.record() as recording:
        make(config(folder, entry, broker.port))
        state = listener.wait_state("a next start", lambda fields: fields["next_start"] is not None)
        assert datetime.fromisoformat(state["next_start"]) == start
        began = listener.wait_event("session_started", patience_s=150)
        assert began.fields["why"] == "schedule:now"
        assert abs((datetime.fromisoformat(began.fields["time"]) - start).total_seconds()) <= 1.0
        ended = listener.wait_event("session_ended", patience_s=120)
        recording.wait_s(recording.seconds() + 1.0)
    night = part(recording, began.at_s - 1.0, ended.at_s + 1.0)
    assert ended.fields["reason"] == "timer"
    events = [heard.fields for heard in listener.heard if heard.topic.endswith("/event")]
    tracks = [fields["track"] for fields in events if fields["event_type"] == "track_started"]
    assert tracks[:6] == ["1", "2", "3", "4", "5", "6"]
    check_calm(night)
    deadline_s = 1.0 + 90.0
    end = sound.ending(night, PEAK_OUT)
    print(f"\nsilent {deadline_s - end.silent_from_s:+.2f} s before the deadline")
    assert abs(end.silent_from_s - deadline_s) <= 0.5
    assert end.last_db <= -60.0
    middle = sound.box_level(night[20 * 48_000 : 65 * 48_000]).level_db
    assert middle.min() > TONE_DB - 4.0, "a hole in a blend"
    assert middle.max() < TONE_DB + 1.5


@pytest.mark.long
def test_commands_are_heard_at_once(
    tmp_path: Path, make: Make, sound_server: SoundServer, broker: RealBroker, listener: Listener
) -> None:
    """From the command to the change in the recording: half a second for each verb that is heard.

    300 ms wait in the device, up to 100 ms in the block that is being made, 70 ms in the chain, and a rise takes 33 ms
    to be seen; the tenth beyond that is for a machine that runs other tests at the same time.
    """
    make(config(tones(tmp_path / "music"), port=broker.port))
    listener.wait_state("idle", lambda fields: fields["state"] == "idle")
    delays: dict[str, float] = {}
    with sound_server.record() as recording:
        began_s, _ = listener.command("play")
        recording.wait_s(recording.seconds() + 13.0)
        for verb, fields, settle_s in (
            ("volume", {"volume": VOLUME - 20}, 2.0), ("volume", {"volume": VOLUME}, 3.0), ("next", {}, 13.0),
            ("seek", {"position": 5}, 13.0), ("pause", {}, 3.0), ("resume", {}, 12.0), ("stop", {}, 4.0),
        ):  # fmt: skip
            sent_s, answer = listener.command(verb, **fields)
            assert answer["done"], answer
            recording.wait_s(recording.seconds() + settle_s)
            delays[f"{verb} {len(delays)}"] = sent_s
    for name, sent_s in delays.items():
        samples = part(recording, sent_s, sent_s + 2.5)
        delay_s = sound.beginning_s(samples) if name.startswith("resume") else first_change(samples)
        print(f"{name}: {delay_s * 1000:.0f} ms")
        assert delay_s <= 0.6, name
    heard = part(recording, began_s, boot_s())
    rise = sound.fastest_rise(heard, TONE_DB - 58.0)
    assert rise.db_per_s <= RISE, rise
    assert not sound.clicks(heard, smallest=1.1e-3 * PEAK_OUT)
    assert sound.ending(heard, PEAK_OUT).last_db <= -60.0


@pytest.mark.long
def test_the_broker_absent_then_there_then_killed_is_not_heard(
    tmp_path: Path, make: Make, sound_server: SoundServer
) -> None:
    """The schedule plays without a broker; it comes, everything is published; it dies; the sound never notices."""
    broker = RealBroker()
    now = datetime.now().astimezone() - timedelta(minutes=1)
    entry = f'schedule:\n  - {{name: now, at: "{now:%H:%M}", timer: 10m, fade_in: 10s}}'
    try:
        with sound_server.record() as recording:
            daemon = make(config(tones(tmp_path / "music"), entry, broker.port))
            recording.wait_s(14.0)
            broker.start()
            listener = Listener(broker.port)
            state = listener.wait_state("playing", lambda fields: fields["state"] == "playing", patience_s=30)
            assert state["why"] == "schedule:now"
            listener.wait("online", lambda heard: heard.topic.endswith("availability") and heard.payload == b"online")
            listener.close()
            broker.kill()
            recording.wait_s(recording.seconds() + 4.0)
            assert daemon.stop() == 0
        check_calm(recording.samples)
        assert "does not" not in sound_server.log()
    finally:
        broker.close()


@pytest.mark.long
def test_the_sound_server_killed_and_back(
    tmp_path: Path, make: Make, sound_server: SoundServer, broker: RealBroker, listener: Listener
) -> None:
    """A problem is published, the sound comes back by a rise from silence, and the problem is cleared."""
    make(config(tones(tmp_path / "music"), port=broker.port))
    listener.wait_state("idle", lambda fields: fields["state"] == "idle")
    listener.command("play")
    listener.wait_level()
    sound_server.kill()
    lost = listener.wait_state("a problem", lambda fields: fields["problem"] is not None)
    assert "sound device" in lost["problem"]
    sound_server.start()
    with sound_server.record() as recording:
        listener.wait_state("no problem", lambda fields: fields["problem"] is None, patience_s=20)
        recording.wait_s(13.0)
    rise = sound.fastest_rise(recording.samples, TONE_DB - 58.0)
    assert rise.db_per_s <= RISE, rise
    tail = sound.box_level(recording.samples[-48_000:]).level_db
    assert abs(float(tail.mean()) - TONE_DB) < 0.5


@pytest.mark.long
def test_twenty_broken_files_are_named_and_passed_over(
    tmp_path: Path, make: Make, sound_server: SoundServer, broker: RealBroker, listener: Listener
) -> None:
    """Text, nothing and noise, named .mp3 and more: each is named once, the good ones play, nothing startles."""
    folder = tones(tmp_path / "music", 30.0)
    rng = np.random.default_rng(4)
    for index in range(20):
        kind = ("mp3", "flac", "ogg", "wav", "m4a")[index % 5]
        content = (b"", b"this is no music\n" * 20, rng.bytes(3_000))[index % 3]
        (folder / f"a{index:02d}.{kind}").write_bytes(content)
    with sound_server.record() as recording:
        make(config(folder, port=broker.port))
        listener.wait_state("idle", lambda fields: fields["state"] == "idle")
        listener.command("play")
        listener.wait_event("track_started", patience_s=60)
        recording.wait_s(recording.seconds() + 35.0)
        listener.command("stop", now=True)
        recording.wait_s(recording.seconds() + 1.5)
    named = [
        heard.fields["uri"] for heard in listener.heard
        if heard.topic.endswith("/event") and heard.fields["event_type"] == "track_skipped_over"
    ]  # fmt: skip
    assert len(named) == len(set(named)) == 20
    check_calm(recording.samples)
