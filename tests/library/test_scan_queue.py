"""What the background scan should do next: order, and no scan without end."""

from __future__ import annotations

import pytest

from player.core.events import LibraryRead, ScanMoved
from player.library.scan_queue import ScanQueue


def read(playlist: str, *unmeasured: str) -> LibraryRead:
    return LibraryRead(playlist, (), (), unmeasured)


@pytest.fixture
def measuring() -> ScanQueue:
    """Two playlists with a track in common."""
    measuring = ScanQueue()
    measuring.on_library_read(read("rain", "/r1", "/both"))
    measuring.on_library_read(read("whispers", "/w1", "/both"))
    return measuring


def test_the_playlist_that_plays_next_comes_first(measuring: ScanQueue) -> None:
    """Its tracks in their order, then the others, each file once."""
    assert measuring.next_files("whispers") == ("/w1", "/both", "/r1")


def test_a_scan_that_is_under_way_is_left_alone(measuring: ScanQueue) -> None:
    """Until it is over nothing new is asked for, although its tracks are still unmeasured."""
    measuring.next_files("rain")
    assert measuring.next_files("rain") == ()


def test_another_playlist_takes_precedence(measuring: ScanQueue) -> None:
    """Once, and only where it has something to measure."""
    measuring.next_files("rain")
    assert measuring.next_files("whispers")[0] == "/w1"
    assert measuring.next_files("whispers") == ()
    measuring.on_library_read(read("sea"))
    assert measuring.next_files("sea") == ()


def test_what_could_not_be_measured_is_not_tried_for_ever(measuring: ScanQueue) -> None:
    """A scan is over, its files are as unmeasured as before: there is no next one, however often the library looks."""
    measuring.next_files("rain")
    measuring.on_progress(ScanMoved(0, is_over=True))
    for _ in range(3):
        measuring.on_library_read(read("rain", "/r1", "/both"))
        assert measuring.next_files("rain") == ()


def test_new_files_are_measured_and_the_old_ones_are_not_tried_again(measuring: ScanQueue) -> None:
    """A track was added to the folder."""
    measuring.next_files("rain")
    measuring.on_progress(ScanMoved(0, is_over=True))
    measuring.on_library_read(read("rain", "/r1", "/both", "/new"))
    assert measuring.next_files("rain") == ("/new",)


def test_a_night_gives_everything_another_chance(measuring: ScanQueue) -> None:
    """A share may have been away when it was tried."""
    measuring.next_files("rain")
    measuring.on_progress(ScanMoved(0, is_over=True))
    measuring.retry_failed()
    assert measuring.next_files("rain") == ("/r1", "/both", "/w1")


def test_progress_is_not_the_end(measuring: ScanQueue) -> None:
    """While files are measured one after the other no other scan begins."""
    measuring.next_files("rain")
    measuring.on_progress(ScanMoved(1, is_over=False))
    measuring.on_library_read(read("rain", "/both"))
    assert measuring.next_files("rain") == ()


def test_where_all_is_measured_nothing_is_done() -> None:
    """No playlist, or none with anything to measure."""
    measuring = ScanQueue()
    assert measuring.next_files(None) == ()
    measuring.on_library_read(read("rain"))
    assert measuring.next_files("rain") == ()


def test_a_file_that_changed_after_it_was_measured_is_measured_again(measuring: ScanQueue) -> None:
    """It was tried, then known, and is unknown again."""
    measuring.next_files("rain")
    measuring.on_progress(ScanMoved(3, is_over=True))
    measuring.on_library_read(read("rain"))
    measuring.on_library_read(read("whispers"))
    measuring.on_library_read(read("rain", "/r1"))
    assert measuring.next_files("rain") == ("/r1",)
