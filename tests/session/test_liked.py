"""What is liked: told, kept, taken back, known again, played as ``favourites``; and the tracks as they are listed."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from player.core.commands import (
    AllowAgain,
    Command,
    GetTracks,
    Like,
    NeverAgain,
    Next,
    Play,
    SetPlaylist,
    Stop,
    Unlike,
)
from player.core.events import LibraryRead, Track
from player.core.measurement import Measured
from player.core.settings.session import FAVOURITES, TIMER_OFF, Order, Playlist, Settings
from player.core.snapshot import MAX_RETAINED, ListedTrack, Snapshot
from player.session.memory.memory import Memory
from player.session.memory.records import read_texts
from player.session.messages import NewSettings
from tests.nights.remembered_nights import Remembering

EVENING = datetime(2026, 1, 15, 22, 0, tzinfo=UTC)
SETTINGS = Settings(
    playlists=(Playlist("rain", ("/r",), Order.IN_ORDER), Playlist("whispers", ("/w",), Order.IN_ORDER)),
    timer=TIMER_OFF,
)
RAIN = ("Drops", "Gentle Rain", "Heavy Rain")
WHISPERS = ("Towels", "Brushes", "Drops in a Cave")


@pytest.fixture
def nights() -> Remembering:
    nights = Remembering(SETTINGS, EVENING)
    for name, titles in (("rain", RAIN), ("whispers", WHISPERS)):
        nights.library[name] = tuple(Track(f"/{name}/{title}.flac", title) for title in titles)
        nights.tell(LibraryRead(name, nights.library[name]))
    return nights


def shown(nights: Remembering) -> Snapshot:
    return nights.session.snapshot(nights.now)


def liked(nights: Remembering) -> list[str]:
    """Titles of what is liked, as they are listed."""
    return [row.title for row in nights.session.tracks.tracks if row.is_liked]


def test_what_plays_is_liked_and_no_longer_liked(nights: Remembering) -> None:
    """The state says it of the track that plays, an event names the title alone, and both answers wait for the disk."""
    nights.command(Play("rain"))
    nights.run_for(5.0)
    assert not shown(nights).is_liked
    answer = nights.command(Like())
    assert (answer.is_done, answer.text, answer.must_be_written) == (True, "liked: Drops", True)
    assert nights.events("liked")[-1].news.data == {"track": "Drops"}
    assert shown(nights).is_liked
    nights.command(Next())
    nights.run_for(5.0)
    assert not shown(nights).is_liked
    assert nights.command(Unlike()).text == "unlike: Gentle Rain is not liked"
    answer = nights.command(Unlike("Drops"))
    assert (answer.is_done, answer.text, answer.must_be_written) == (True, "no longer liked: Drops", True)
    assert nights.events("unliked")[-1].news.data == {"track": "Drops"}
    assert liked(nights) == []


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        (Like(), "like: nothing is playing; name the track"),
        (Unlike(), "unlike: nothing is playing; name the track"),
        (Like("rain"), "2 tracks match 'rain': Gentle Rain, Heavy Rain"),
        (Like("/rain/Drops.flac"), "no track '/rain/Drops.flac'"),
        (Unlike("Drops"), "no track 'Drops'"),
    ],
)
def test_what_is_not_one_track_is_refused(nights: Remembering, command: Command, reason: str) -> None:
    """Only titles count, and only what is liked can be unliked; nothing is written."""
    before = len(nights.store.batches)
    answer = nights.command(command)
    assert not answer.is_done
    assert answer.text.startswith(reason)
    assert len(nights.store.batches) == before


def test_an_unknown_title_names_those_that_are_liked(nights: Remembering) -> None:
    """And how to list them; without any it says so."""
    assert nights.command(Unlike("Tent")).text == "no track 'Tent'; none is known"
    nights.command(Like("Drops"))
    answer = nights.command(Unlike("Tent")).text
    assert answer == "no track 'Tent'; there is Drops (`tracks favourites` lists all that are liked)"


def test_likes_outlive_a_death_and_are_written_at_once(nights: Remembering) -> None:
    """In the documents, which are also what memory.json holds; the latest is listed first."""
    for title in ("Drops", "Brushes"):
        before = len(nights.store.batches)
        assert nights.command(Like(title)).is_done
        assert len(nights.store.batches) == before + 1
    nights.die()
    assert liked(nights) == ["Brushes", "Drops"]


def test_a_liked_file_is_known_under_another_name(nights: Remembering) -> None:
    """By its content, of which the library learns the key at the next look; it can be unliked there."""
    nights.command(Like("Drops"))
    assert "/rain/Drops.flac" in nights.session.watched.uris
    nights.library["rain"] = tuple(replace(track, key=f"key {track.title}") for track in nights.library["rain"])
    nights.tell(nights.read("rain"))
    assert "key Drops" in nights.session.watched.keys
    moved = Track("/rain/renamed.flac", "renamed", key="key Drops")
    nights.library["rain"] = (moved, *nights.library["rain"][1:])
    nights.tell(nights.read("rain"))
    assert liked(nights) == ["renamed"]
    nights.command(Play(track="renamed"))
    nights.run_for(5.0)
    assert shown(nights).is_liked
    assert nights.command(Unlike()).is_done
    assert liked(nights) == []


def test_a_ban_ends_a_like_and_a_banned_track_cannot_be_liked(nights: Remembering) -> None:
    """Never again means never; allowed again it is an ordinary track."""
    nights.command(Like("Drops"))
    nights.command(NeverAgain("Drops"))
    assert liked(nights) == []
    assert nights.command(Like("Drops")).text == "liked: Drops in a Cave"  # the only one that is left with these words
    nights.command(AllowAgain())
    assert liked(nights) == ["Drops in a Cave"]


def test_what_was_written_of_a_ban_and_a_like_of_one_track_is_a_ban() -> None:
    """Two files may hold documents of two moments."""
    banned = '[{"uri":"/a","title":"a","at":"2026-01-15T22:00:00+00:00","key":null}]'
    documents, faults = read_texts({"bans": banned, "likes": banned})
    memory = Memory()
    documents.recall(memory)
    assert (list(memory.bans), list(memory.likes), faults) == (["/a"], [], ())


def test_favourites_is_the_playlist_of_what_is_liked(nights: Remembering) -> None:
    """Of all playlists; it follows what is liked while it plays, and without any it cannot be played."""
    assert nights.command(Play("favourites")).text == (
        "playlist 'favourites' has nothing to play: no track is liked yet"
    )
    assert "favourites" not in shown(nights).playlists
    nights.command(Like("Towels"))
    assert shown(nights).playlists == ("rain", "whispers", "favourites")
    assert nights.command(Play("favourites")).is_done
    nights.run_for(5.0)
    assert (shown(nights).playlist, shown(nights).track) == ("favourites", "Towels")
    nights.command(Like("Heavy Rain"))
    nights.run_for(1200.0)
    heard = {told.news.data["track"] for told in nights.events("track_started")}
    assert heard == {"Towels", "Heavy Rain"}
    nights.command(Unlike("Towels"))
    nights.run_for(600.0)
    assert (shown(nights).track, shown(nights).next_track) == ("Heavy Rain", "Heavy Rain")


def test_favourites_can_be_chosen_and_outlive_a_death(nights: Remembering) -> None:
    """A running session comes back with them, as soon as the library has found one."""
    nights.command(Like("Towels"))
    nights.command(SetPlaylist("favourites"))
    nights.command(Play())
    nights.run_for(30.0)
    assert shown(nights).track == "Towels"
    nights.die()
    nights.run_for(30.0)
    assert (shown(nights).why, shown(nights).playlist, shown(nights).track) == ("resume", "favourites", "Towels")
    nights.command(Stop())
    nights.run_for(30.0)
    assert shown(nights).playlist == "favourites"


def test_a_playlist_of_the_config_with_that_name_is_that_playlist(nights: Remembering) -> None:
    """A person who has one keeps it; when it goes the liked tracks are back."""
    nights.command(Like("Towels"))
    own = Playlist("favourites", ("/f",), Order.IN_ORDER)
    nights.library["favourites"] = (Track("/f/own.flac", "own"),)
    nights.reload(replace(SETTINGS, playlists=(*SETTINGS.playlists, own)))
    nights.command(Play("favourites"))
    nights.run_for(5.0)
    assert shown(nights).track == "own"
    nights.command(Stop())
    nights.run_for(30.0)
    nights.tell(NewSettings(SETTINGS))
    assert SETTINGS.playlist("favourites") is FAVOURITES
    nights.command(Play("favourites"))
    nights.run_for(5.0)
    assert shown(nights).track == "Towels"


def test_the_tracks_are_listed_with_what_is_liked_first(nights: Remembering) -> None:
    """Each once, with the first playlist that has it and its length where that is known; without what is banned."""
    nights.library["whispers"] += nights.library["rain"][:1]
    nights.tell(nights.read("whispers"))
    nights.command(Like("Brushes"))
    nights.command(NeverAgain("Gentle Rain"))
    found = nights.session.tracks
    assert found.tracks == (
        ListedTrack("Brushes", "whispers", None, is_liked=True),
        ListedTrack("Drops", "rain", None, is_liked=False),
        ListedTrack("Heavy Rain", "rain", None, is_liked=False),
        ListedTrack("Towels", "whispers", None, is_liked=False),
        ListedTrack("Drops in a Cave", "whispers", None, is_liked=False),
    )
    assert found.count == 5
    nights.run_for(60.0)
    assert nights.session.tracks is found


def test_the_length_of_a_track_that_nobody_has_measured_is_listed_once_it_plays(nights: Remembering) -> None:
    """A scan comes late on a busy machine. What it measures wins; a stream has no length."""
    nights.library["rain"] += (Track("https://example.org/rain", "Radio", is_stream=True),)
    nights.tell(nights.read("rain"))
    nights.command(Play("rain"))
    nights.run_for(5.0)
    assert {row.title: row.length_s for row in nights.session.tracks.tracks if row.length_s} == {"Drops": 240.0}
    found = nights.session.tracks
    nights.run_for(60.0)
    assert nights.session.tracks is found
    nights.command(Play(track="Radio"))
    nights.run_for(5.0)
    assert nights.session.tracks is found
    drops, *others = nights.library["rain"]
    known = Measured(239.5, -20.0, -20.0, 5.0, -15.0, -16.0, -16.0, -3.0, -18.0)
    nights.library["rain"] = (replace(drops, measured=known), *others)
    nights.tell(nights.read("rain"))
    assert nights.session.tracks.tracks[0] == ListedTrack("Drops", "rain", 239.5, is_liked=False)


@pytest.mark.parametrize(
    ("text", "titles"),
    [
        (None, [*RAIN, *WHISPERS]),
        ("RAIN", ["Drops", "Gentle Rain", "Heavy Rain"]),  # the playlist, and what is called so
        ("drops", ["Drops", "Drops in a Cave"]),
        ("thunder", []),
    ],
)
def test_a_query_finds_titles_and_playlists(nights: Remembering, text: str | None, titles: list[str]) -> None:
    """As data of the answer; it changes nothing, not even what was asked last."""
    before = len(nights.store.batches)
    answer = nights.command(GetTracks(text))
    assert answer.is_done
    assert not answer.must_be_written
    assert [row["title"] for row in answer.data["tracks"]] == titles
    assert answer.data["count"] == len(titles)
    assert shown(nights).asked is None
    assert len(nights.store.batches) == before


def test_a_large_library_is_listed_within_bounds(nights: Remembering) -> None:
    """200 rows in an answer, 500 in the retained list, and the count says how many there are."""
    nights.library["rain"] = tuple(Track(f"/{number}.flac", f"track {number}") for number in range(3000))
    nights.tell(nights.read("rain"))
    answer = nights.command(GetTracks("track"))
    assert (len(answer.data["tracks"]), answer.data["count"]) == (200, 3000)
    assert (len(nights.session.tracks.tracks), nights.session.tracks.count) == (MAX_RETAINED, 3003)


def test_no_path_and_no_address_is_listed(nights: Remembering) -> None:
    """A stream without a name is listed by its host, which finds it; one with a name by that."""
    nights.library["rain"] = (
        Track("http://radio.example.org/secret/token.mp3", "radio.example.org/secret/token.mp3", is_stream=True),
        Track("http://other.example.org/a/b", "Night Radio", is_stream=True),
        Track("/home/me/rain/Drops.flac", "Drops"),
    )
    nights.tell(nights.read("rain"))
    rows = nights.command(GetTracks("rain")).data["tracks"]
    assert [row["title"] for row in rows] == ["radio.example.org", "Night Radio", "Drops"]
    assert not any("/" in str(value) for row in rows for value in row.values())
    assert nights.command(Play(track="radio.example.org")).is_done


def test_a_malformed_address_in_a_playlist_is_listed_like_any_other_stream(nights: Remembering) -> None:
    """``urlsplit`` refuses it; whoever lists the tracks is the main thread, which would end by that at each start."""
    nights.library["rain"] = (Track("http://[radio/live", "stream", is_stream=True), Track("/rain/Drops.flac", "Drops"))
    nights.tell(nights.read("rain"))
    assert [row.title for row in nights.session.tracks.tracks][:2] == ["stream", "Drops"]
    rows = nights.command(GetTracks("rain")).data["tracks"]
    assert [row["title"] for row in rows] == ["stream", "Drops"]


def test_the_choices_are_what_is_liked_and_what_was_heard_last(nights: Remembering) -> None:
    """The latter once the session is over, by the alphabet; without titles that two tracks have, which are refused."""
    nights.library["whispers"] += (Track("/other/Heavy Rain.flac", "heavy rain"),)
    nights.tell(nights.read("whispers"))
    assert shown(nights).track_choices == ()
    nights.command(Like("Towels"))
    nights.command(Play("rain"))
    for _ in range(2):
        nights.run_for(5.0)
        nights.command(Next())
    nights.run_for(5.0)
    assert shown(nights).track == "Heavy Rain"
    assert shown(nights).track_choices == ("Towels",)
    nights.command(Stop())
    nights.run_for(10.0)
    assert shown(nights).track_choices == ("Drops", "Gentle Rain", "Towels")
    nights.die()
    assert shown(nights).track_choices == ("Drops", "Gentle Rain", "Towels")
