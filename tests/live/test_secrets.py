"""The password and the token of a stream's address are shown nowhere: no topic, no reply, no list, no journal."""

from __future__ import annotations

import functools
import http.server
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.audio_files import sine, write_wav
from tests.live.broker import RealBroker
from tests.live.daemon import Daemon, Heard, Listener
from tests.paths import ROOT

pytestmark = [pytest.mark.live, pytest.mark.slow]

SECRETS = ("s3cret", "t0ken")
CONFIG = """\
device: bedroom
audio: {{output: silent, hold: 0s}}
mqtt: {{host: 127.0.0.1, port: {port}, discovery: {{media_player: true}}}}
fades: {{fade_in: 10s, stop: 0.5s}}
trust_clock: true
state_dir: {folder}/state
playlists:
  radio: {{paths: ["{radio}"]}}
  list: {{paths: [{folder}/list.m3u]}}
  dead: {{paths: ["{dead}"]}}
"""
COMMANDS = (
    ("history",), ("history", "--json"), ("bans",), ("bans", "--json"), ("check",), ("check", "--json"), ("doctor",),
    ("doctor", "--json"), ("schedule",), ("status",), ("status", "--json"), ("scan",), ("scan", "--report"),
)  # fmt: skip


@pytest.fixture
def server(tmp_path: Path) -> Iterator[int]:
    """The port of a web server with one track."""
    (tmp_path / "music").mkdir()
    write_wav(tmp_path / "music" / "one.wav", sine(440.0, 60.0, peak=0.25))
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(tmp_path / "music"))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as web:
        threading.Thread(target=web.serve_forever, daemon=True).start()
        yield web.server_address[1]
        web.shutdown()


def shown_by(config: Path, *words: str) -> str:
    """What a command prints, whatever its exit code is."""
    command = [sys.executable, "-m", "player", *words, "--config", str(config)]
    done = subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True, timeout=120)
    return done.stdout + done.stderr


def is_fault(heard: Heard) -> bool:
    """Whether it is an event that says that a track cannot be played."""
    return heard.topic.endswith("/event") and heard.fields["event_type"] in {"track_skipped_over", "problem"}


def test_no_password_or_token_of_an_address_is_shown_anywhere(tmp_path: Path, broker: RealBroker, server: int) -> None:
    """Played, banned, failed, named in a command, listed and logged; what others send themselves does not count."""
    everything = Listener(broker.port, "#")
    radio, dead = (f"http://me:s3cret@127.0.0.1:{server}/{name}.wav?token=t0ken" for name in ("one", "missing"))
    (tmp_path / "list.m3u").write_text(f"{radio}\n#EXTINF:60,{dead}\n{dead}\n")
    daemon = Daemon(tmp_path, CONFIG.format(port=broker.port, folder=tmp_path, radio=radio, dead=dead))
    daemon.start()
    try:
        everything.wait("the announcement", lambda heard: heard.topic.startswith("homeassistant/"))
        everything.command("play", playlist="dead")
        everything.wait("a problem", is_fault, patience_s=90.0)
        everything.command("status")
        everything.command("stop", now=True)
        everything.wait_state("silence", lambda state: state["state"] == "idle")
        for playlist in ("list", "radio"):
            since = len(everything.heard)
            everything.command("play", playlist=playlist)
            everything.wait_event("track_started", since, patience_s=60.0)
        everything.command("never_again")
        everything.command("never_again", track=dead)
        everything.command("playlist", playlist=radio)
        printed = [shown_by(daemon.config, *words) for words in COMMANDS]
        everything.command("never_again", undo=True)
        everything.command("stop", now=True)
        everything.wait_event("session_ended")
        assert daemon.stop() == 0
    finally:
        daemon.kill()
        everything.close()
    sent = [f"{heard.topic} {heard.payload!r}" for heard in everything.heard if "/cmd" not in heard.topic]
    types = {heard.fields["event_type"] for heard in everything.heard if heard.topic == "lull/bedroom/event"}
    assert {"track_started", "never_again", "command_rejected", "session_ended"} <= types
    assert sum("127.0.0.1" in text for text in [*sent, *printed]) >= 3, "the address itself is shown"
    told = [*sent, *(line for text in printed for line in text.splitlines()), *daemon.log().splitlines()]
    assert [line for line in told if any(secret in line for secret in SECRETS)] == []
