"""Playlists are read at the same time, but never by more threads than the service may have."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from player.core.events import LibraryRead
from player.core.settings.session import Playlist
from player.library.reader import LibraryReader
from player.session.memory.memory import WatchList
from tests.fakes.threads import no_more_threads

NOTHING = WatchList()
PATIENCE_S = 20.0


class Share:
    """Keeps what is being read; below a folder that is away a read does not return until it is back."""

    def __init__(self, away: str = "/mnt/nas") -> None:
        self.away = away
        self.is_back = threading.Event()
        self.begun: list[str] = []
        self.delivered: list[LibraryRead] = []
        self.reader = LibraryReader(self, self.delivered.append, lambda read, _watched: read)

    def read(self, playlist: Playlist) -> LibraryRead:
        self.begun.append(playlist.name)
        if playlist.paths[0].startswith(self.away):
            self.is_back.wait(PATIENCE_S)
        return LibraryRead(playlist.name, ())

    def look(self, path: str, *, is_urgent: bool = False) -> None:
        self.reader.look(Playlist(path.rsplit("/", 1)[1], (path,)), NOTHING, is_urgent=is_urgent)

    def take(self, until: Callable[[], bool]) -> None:
        """As the main thread does: take results until something holds."""
        give_up_s, taken = time.monotonic() + PATIENCE_S, 0
        while not until():
            assert time.monotonic() < give_up_s, (self.begun, self.delivered)
            if taken < len(self.delivered):
                self.reader.has_delivered(self.delivered[taken])
                taken += 1
            else:
                time.sleep(0.002)


def test_hundreds_of_folders_on_a_share_that_is_away_need_few_threads_and_delay_no_others() -> None:
    """Four reads hang, the other places are read; once the share is back everything is, each playlist once."""
    share = Share()
    for number in range(300):
        share.look(f"/mnt/nas/music/n{number}")
    for number in range(20):
        share.look(f"/srv/music/l{number}")
    share.take(lambda: sum(name[0] == "l" for name in share.begun) == 20)
    assert [name for name in share.begun if name[0] == "n"] == ["n0", "n1", "n2", "n3"]
    share.is_back.set()
    share.take(lambda: len(share.begun) == 320)
    assert len(set(share.begun)) == 320


def test_an_urgent_playlist_is_read_before_those_that_wait() -> None:
    """The one that a person has asked for; one that is being read is read once more after that."""
    share = Share()
    for number in range(10):
        share.look(f"/mnt/nas/music/n{number}")
    share.look("/mnt/nas/music/n9", is_urgent=True)
    share.look("/mnt/nas/music/n0")
    share.is_back.set()
    share.take(lambda: len(share.begun) == 11)
    assert share.begun[4] == "n9"
    assert share.begun[-1] == "n0"


def test_too_many_threads_delay_a_read_and_end_nothing() -> None:
    """The service's limit of tasks: Python says so by a RuntimeError."""
    share = Share()
    with no_more_threads():
        share.look("/srv/music/rain")
    assert share.begun == []
    share.look("/srv/music/sea")
    share.take(lambda: sorted(share.begun) == ["rain", "sea"])
