"""The library of the real daemon: from copied to playable, half-copied files, and what is deleted while it plays."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.audio_files import sine, with_chapters, write_wav
from tests.live.broker import RealBroker
from tests.live.daemon import Daemon, Heard, Listener, boot_s

pytestmark = [pytest.mark.live, pytest.mark.slow]

CONFIG = """\
device: bedroom
audio: {{output: silent, hold: 0s}}
mqtt: {{host: 127.0.0.1, port: {port}}}
fades: {{fade_in: 10s, stop: 0.5s}}
trust_clock: true
library: {library}
"""
WITHIN_S = 60.0


@pytest.fixture
def daemon(tmp_path: Path, broker: RealBroker) -> Iterator[Daemon]:
    (tmp_path / "music").mkdir()
    made = Daemon(tmp_path, CONFIG.format(port=broker.port, library=tmp_path / "music"))
    made.start()
    yield made
    made.kill()


@pytest.mark.long
def test_what_is_copied_can_be_played_within_a_minute(tmp_path: Path, daemon: Daemon, listener: Listener) -> None:
    """A folder with an odd name becomes a playlist; its file is refused while it is copied, the copier stalling for
    longer than a file must stay the same, and plays soon after. Deleted in the middle it plays on.
    """
    listener.wait_state("idle", lambda state: state["state"] == "idle")
    source, folder = tmp_path / "source.wav", tmp_path / "music" / "Wald & Wiese (1)"
    write_wav(source, sine(440.0, 120.0, peak=0.25))
    folder.mkdir()
    listener.wait_state("the playlist", lambda state: state["playlists"] == ["Wald - Wiese -1-"], WITHIN_S)
    half = source.stat().st_size // 2
    with source.open("rb") as original, (folder / "träum süß.wav").open("wb") as copy:
        copy.write(original.read(half))
        copy.flush()
        stalled_until_s = boot_s() + 15.0
        while boot_s() < stalled_until_s:
            answer = listener.command("play", playlist="Wald - Wiese -1-")[1]
            assert not answer["done"], "half of a file was played"
            time.sleep(1.0)
        shutil.copyfileobj(original, copy)
    began_s = boot_s()
    while not listener.command("play", playlist="Wald - Wiese -1-")[1]["done"]:
        assert boot_s() - began_s < WITHIN_S
        time.sleep(0.5)
    playable_s = boot_s() - began_s
    print(f"playable after {playable_s:.1f} s")
    listener.wait_event("track_started")
    listener.wait_state("its track", lambda state: state["track"] == "träum süß")
    since = len(listener.heard)
    shutil.rmtree(folder)
    listener.wait_state("no playlist", lambda state: state["playlists"] == [], WITHIN_S)
    time.sleep(3.0)
    assert listener.command("status")[1]["state"]["state"] == "playing"
    events = [heard.fields for heard in listener.heard[since:] if heard.topic.endswith("/event")]
    told = {event["event_type"] for event in events}
    assert told - {"track_skipped_over"} == {"settings_changed"}
    gone = [event["text"] for event in events if event["event_type"] == "track_skipped_over"]
    assert all(text.startswith(str(folder)) for text in gone), "only a look at the playlist between the two deletions"


@pytest.mark.long
def test_the_chapters_of_a_book_are_places(tmp_path: Path, daemon: Daemon, listener: Listener) -> None:
    """Found by the background scan; next and previous go through them, and what is heard is said in the state."""
    (tmp_path / "music" / "books").mkdir()
    made = with_chapters(tmp_path / "book.m4b", [(0.0, "Opening"), (40.0, "The Storm"), (80.0, "")], 120.0)
    shutil.copy(made, tmp_path / "music" / "books")

    def is_measured(heard: Heard) -> bool:
        rows = heard.fields["tracks"] if heard.topic == "lull/bedroom/tracks" else []
        return any(row["title"] == "book" and row["length"] == 120 for row in rows)

    listener.wait("its length", is_measured, patience_s=2 * WITHIN_S)
    assert listener.command("play", track="book")[1]["done"]
    listener.wait_state("the beginning", lambda state: state["chapter"] == "Opening" and state["position"] >= 1)
    for command, text, title, at_s in (
        ("next", "chapter 2 of 3: The Storm", "The Storm", 40),
        ("next", "chapter 3 of 3: Chapter 3", "Chapter 3", 80),
        ("previous", "chapter 2 of 3: The Storm", "The Storm", 40),
    ):
        assert listener.command(command)[1]["text"] == text
        listener.wait_state(
            text, lambda state, title=title, at_s=at_s: state["chapter"] == title and state["position"] >= at_s
        )
