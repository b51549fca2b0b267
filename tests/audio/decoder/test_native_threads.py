"""How many tracks may hang, and whom they keep from being opened."""

from __future__ import annotations

import pytest

from player.audio.decoder.native_threads import MOST, MOST_OF_A_QUARTER, DecoderSlots, quarter_of


@pytest.mark.parametrize(
    ("uri", "quarter"),
    [
        ("/mnt/nas/asmr/rain/a.mp3", "/mnt/nas/asmr"),
        ("/mnt/nas/a.mp3", "/mnt/nas"),
        ("/a.mp3", "/"),
        ("https://radio.example:8000/live?key=1", "radio.example"),
        ("http://[broken/live", "http://[broken/live"),
    ],
)
def test_what_lies_together_hangs_together(uri: str, quarter: str) -> None:
    """Three folders of a path, the host of an address, and whatever cannot be read for itself."""
    assert quarter_of(uri) == quarter


def test_a_share_that_hangs_leaves_places_for_others() -> None:
    """The eleventh of one share is refused by name; a track from elsewhere opens; places that are free again count."""
    places = DecoderSlots()
    for number in range(MOST_OF_A_QUARTER):
        assert places.take(f"/mnt/nas/asmr/{number}.mp3") is None
    assert places.take("/mnt/nas/asmr/b/c.mp3") == "cannot be opened while 10 earlier tracks from /mnt/nas/asmr hang"
    assert places.take("/srv/lull/rain.flac") is None
    places.give_back("/mnt/nas/asmr/0.mp3")
    assert places.take("/mnt/nas/asmr/b/c.mp3") is None


def test_there_is_an_end_to_all_threads() -> None:
    """However many shares hang, the seventeenth track is refused, and opens when one of them has let go."""
    places = DecoderSlots()
    for number in range(MOST):
        assert places.take(f"http://host{number}/live") is None
    assert places.take("/srv/lull/rain.flac") == "cannot be opened while 16 earlier tracks hang"
    places.give_back("http://host3/live")
    assert places.take("/srv/lull/rain.flac") is None
