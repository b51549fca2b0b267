"""The library on a share that hangs, goes away, or was never there: the daemon on it, and the decoder alone."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from player.audio.decoder.native_threads import MOST_OF_A_QUARTER
from player.audio.decoder.vlc_decoder import VlcDecoder
from player.core.limits import MAX_RISE_DB_PER_S
from tests import recording as sound
from tests.audio_files import sine, write_wav
from tests.live.broker import RealBroker
from tests.live.daemon import ROOT, Daemon, Listener, boot_s
from tests.live.share import Share, can_share
from tests.live.soundserver import SoundServer

pytestmark = [
    pytest.mark.live,
    pytest.mark.slow,
    pytest.mark.skipif(not can_share(), reason="no FUSE here: that takes root and /dev/fuse"),
]

CONFIG = """\
device: bedroom
audio: {{output: {output}, hold: 0s}}
mqtt: {{host: 127.0.0.1, port: {port}}}
volume: {{default: 80, max: 100}}
fades: {{fade_in: 10s, stop: 1s}}
trust_clock: true
state_dir: {folder}/state
playlists:
  home: {{paths: [{folder}/music]}}
  away: {{paths: [{folder}/mnt], order: in_order}}
  both: {{paths: [{folder}/mnt, {folder}/music], order: in_order}}
"""
RISE = MAX_RISE_DB_PER_S + 0.6


@pytest.fixture
def share(tmp_path: Path) -> Iterator[Share]:
    """One track on the share, another one at home."""
    for folder, name, hz in (("far", "one", 440.0), ("music", "two", 640.0)):
        (tmp_path / folder).mkdir()
        write_wav(tmp_path / folder / f"{name}.wav", sine(hz, 120.0, peak=0.25))
    made = Share(tmp_path / "far", tmp_path / "mnt")
    yield made
    made.close()


@pytest.fixture
def daemon(tmp_path: Path, share: Share) -> Iterator[Daemon]:
    """Made when the share is there, and gone before it; a process of which a thread hangs in the kernel cannot end."""
    made = Daemon(tmp_path, "")
    yield made
    share.go_on()
    made.kill()


def start(daemon: Daemon, folder: Path, broker: RealBroker, output: str = "silent") -> None:
    daemon.config.write_text(CONFIG.format(output=output, port=broker.port, folder=folder), encoding="utf-8")
    daemon.start()


def test_a_share_that_hangs_holds_up_neither_the_start_nor_another_playlist_nor_the_end(
    tmp_path: Path, share: Share, daemon: Daemon, broker: RealBroker, listener: Listener
) -> None:
    """Only who wants to hear what lies there waits; when it answers again, that plays.

    SIGTERM is silence and a farewell in time; the process is gone when the kernel lets its threads go.
    """
    share.hang()
    start(daemon, tmp_path, broker)
    listener.wait_state("idle", lambda state: state["state"] == "idle")
    assert listener.command("play", playlist="home")[1]["done"]
    listener.wait_state("a track from home", lambda state: state["track"] == "two")
    assert listener.command("play", playlist="away")[1]["done"]
    sent_s, answer = listener.command("status")
    assert boot_s() - sent_s < 1.0
    assert answer["state"]["playlist"] == "away"
    share.go_on()
    listener.wait_state("a track from the share", lambda state: state["track"] == "one")
    share.hang()
    assert listener.command("play", playlist="away")[1]["done"]
    since, began_s = len(listener.heard), boot_s()
    daemon.send(signal.SIGTERM)
    gone = listener.wait("its farewell", lambda heard: heard.payload == b"offline", since)
    assert gone.at_s - began_s < 3.0
    share.go_on()
    assert daemon.wait_end() == 0


@pytest.mark.long
def test_a_share_that_hangs_in_the_middle_is_followed_by_another_track(
    tmp_path: Path, share: Share, daemon: Daemon, broker: RealBroker, listener: Listener, sound_server: SoundServer
) -> None:
    """What is in the ring is played and fades; within twenty seconds another track rises from silence."""
    start(daemon, tmp_path, broker, "alsa, device: bench")
    listener.wait_state("idle", lambda state: state["state"] == "idle")
    with sound_server.record() as recording:
        listener.command("play", playlist="both")
        assert listener.wait_level()["track"] == "one"
        hung_s = boot_s()
        share.hang()
        heard = listener.wait(
            "another track",
            lambda heard: heard.is_state and heard.fields["track"] == "two",
            len(listener.heard),
            patience_s=30.0,
        )
        assert heard.at_s - hung_s < 20.0
        assert listener.command("status")[1]["done"]
        recording.wait_s(recording.seconds() + 11.0)
        share.go_on()  # no process ends while the kernel waits for one of its threads
        assert daemon.stop() == 0
    told = [one.fields for one in listener.heard if one.topic.endswith("/event")]
    skipped = [fields["reason"] for fields in told if fields["event_type"] == "track_skipped_over"]
    assert skipped == ["delivered nothing for 10s"]
    rise = sound.fastest_rise(recording.samples, -80.0)
    assert rise.db_per_s <= RISE, rise
    assert not sound.clicks(recording.samples, smallest=1e-4)


def test_a_share_that_is_pulled_out_is_followed_by_another_track_at_once(
    tmp_path: Path, share: Share, daemon: Daemon, broker: RealBroker, listener: Listener
) -> None:
    """What had been read is still heard; each file on it is left out, and who asks for it again is told why not."""
    start(daemon, tmp_path, broker)
    listener.wait_state("idle", lambda state: state["state"] == "idle")
    listener.command("play", playlist="both")
    listener.wait_state("the share", lambda state: state["track"] == "one" and state["state"] == "playing")
    share.pull()
    listener.wait_state("another track", lambda state: state["track"] == "two", patience_s=15.0)
    answer = listener.command("play", playlist="away")[1]
    assert not answer["done"]
    assert f"playlist 'away' has nothing to play: {share.place}" in answer["text"]
    assert (answer["state"]["state"], answer["state"]["track"]) == ("playing", "two")
    assert daemon.stop() == 0


def test_what_hangs_is_a_bounded_number_of_threads_and_leaves_when_it_is_let_go(share: Share) -> None:
    """Forty tracks are opened on a dead share: ten hang and the others are refused; one from home still plays."""
    decoder = VlcDecoder()
    share.hang()
    away = [decoder.open(str(share.place / "one.wav")) for _ in range(40)]
    refused = [source for source in away if source.is_finished()]
    assert len(refused) == 40 - MOST_OF_A_QUARTER
    assert f"from {os.path.join(*share.place.parts[:4])} hang" in str(refused[0].fault)
    assert keepers() == MOST_OF_A_QUARTER
    home = decoder.open(str(ROOT / "tests" / "live" / "test_share.py"))
    assert home.wait_ready(1, 10.0)
    assert home.fault == "has no sound in it", "it was looked at"
    home.close()
    share.go_on()
    for source in away:
        source.close()
    for thread in threading.enumerate():
        if thread.name == "lull-decoder":
            thread.join(10.0)
    assert keepers() == 0
    again = decoder.open(str(share.place / "one.wav"))
    assert again.wait_ready(48_000, 10.0)
    assert again.frames_ready() >= 48_000
    again.close()


def keepers() -> int:
    """Decoder threads that live."""
    return sum(thread.name == "lull-decoder" for thread in threading.enumerate())
