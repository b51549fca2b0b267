"""What is read back from a memory that somebody edited: either it can be obeyed, or it is left out with a sentence."""

from __future__ import annotations

import json
import random
from datetime import UTC, datetime, time

import pytest

from player.core.clock import Now, moved
from player.core.commands import Play, Request
from player.core.settings.session import Entry, Playlist, Settings
from player.session.controller import Controller
from player.session.memory.records import RecalledMemory, read_texts

EVENING = datetime(2026, 1, 15, 22, 29, tzinfo=UTC)
NAMES = ("rain", "sea", "wind", "fire")
SETTINGS = Settings(
    playlists=tuple(Playlist(name, (f"/{name}",)) for name in NAMES), schedule=(Entry("bedtime", time(22, 30)),)
)
THREE = [{"playlist": name} for name in NAMES[1:]]
DAILY = list(range(7))
RECORD = {
    "why": "play", "playlist": "rain", "volume": 30, "timer": {"mode": "clock", "duration_s": 3600.0}, "mode": "clock",
    "left_s": 3000.0, "fade_out_s": 60.0, "age_s": 600.0, "track": None, "position_s": 0.0, "track_left_s": None,
    "following": None, "wall": "2026-01-15T22:28:00+00:00", "boot_s": 940.0, "is_trusted": True, "boot": "b",
    "sounded_s": 0.0,
}  # fmt: skip


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("switches", {"changes": [["bedtime", {"days": [[], DAILY]}]]}),
        ("switches", {"changes": [["bedtime", {"days": [[9], DAILY]}]]}),
        ("switches", {"changes": [["bedtime", {"volume": [101, None]}]]}),
        ("choices", {"bed": THREE}),
        ("choices", {"bed": [THREE[0], THREE[0]]}),
        ("record", {**RECORD, "beds": THREE}),
    ],
)
def test_what_no_session_can_have_written_is_left_out(name: str, written: object) -> None:
    """And then nights begin as ever: whoever is told of it on the main thread would end by it at each start."""
    documents, faults = read_texts({name: json.dumps(written), "tries": "1"})
    assert [name in fault for fault in faults] == [True]
    controller = Controller(SETTINGS, random.Random(1), RecalledMemory(documents, boot="b"))
    for second in range(90):
        now = Now(1000.0 + second, moved(EVENING, second), trusted=True)
        controller.handle(Request(Play(), "tests") if second == 30 else None, now)
        controller.snapshot(now)
    assert controller.state == "playing"


def test_what_a_session_wrote_is_read() -> None:
    """The same with two beds, one day and a volume in range."""
    found = {
        "switches": json.dumps({"changes": [["bedtime", {"days": [[3], DAILY], "volume": [20, None]}]]}),
        "choices": json.dumps({"bed": THREE[:2]}),
        "record": json.dumps({**RECORD, "beds": THREE[:2]}),
    }
    documents, faults = read_texts(found)
    assert faults == ()
    assert documents.record is not None
    assert [bed.playlist for bed in documents.record.beds] == ["sea", "wind"]
