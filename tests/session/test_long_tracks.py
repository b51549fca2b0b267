"""Where long tracks begin: at the beginning, behind an introduction, anywhere, or where somebody stopped listening."""

from __future__ import annotations

import random
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from player.core.commands import Asleep, ExtendTimer, Next, Play, Stop
from player.core.engine_orders import PlayItem
from player.core.events import LibraryRead, Track
from player.core.measurement import Measured
from player.core.settings.safety import FadeSettings
from player.core.settings.session import Phase, Playlist, Settings, TimerSetting, TrackStart
from player.session.memory.memory import Memory
from player.session.memory.places import MAX_PLACES, Place, Places
from player.session.memory.records import Documents, read_texts, texts
from player.session.memory.rotation import Rotation
from player.session.track_selection import TrackSelection
from tests.nights.remembered_nights import Remembering

EVENING = datetime(2026, 1, 15, 22, 0, tzinfo=ZoneInfo("Europe/Berlin"))
READING = Playlist("reading", ("/reading",), start=TrackStart.RESUME)
SETTINGS = Settings(
    playlists=(READING, Playlist("noise", ("/noise",))),
    timer=TimerSetting.clock(45 * 60.0),
    fades=FadeSettings(fade_in_s=10.0, fade_out_s=600.0),
)
HOURS_2 = 7200.0
READ = Play("reading")
FADE_AT_S = 45 * 60.0 - 600.0


def measured(uri: str, length_s: float) -> Track:
    return Track(uri, uri, measured=Measured(length_s, -20.0, -20.0, 5.0, -15.0, -16.0, -16.0, -3.0, -18.0))


def nights(length_s: float = HOURS_2) -> Remembering:
    found = Remembering(SETTINGS, EVENING)
    found.engine.duration_s = length_s
    found.library["reading"] = tuple(measured(uri, length_s) for uri in "abcd")
    found.look()
    return found


def begins(rig: Remembering, command: Play = READ) -> tuple[str, float]:
    """Starts a session; which track it begins with, and where."""
    before = len(rig.engine.orders)
    rig.command(command)
    item = next(order.item for order in rig.engine.orders[before:] if isinstance(order, PlayItem))
    return item.uri, item.start_s


def test_it_goes_on_before_the_fade_of_the_night_before() -> None:
    """Three nights of 45 minutes, with a restart: the same track, 20 s before the fade of ten minutes began."""
    rig = nights()
    assert begins(rig) == ("a", 0.0)
    rig.run_for(3600.0)
    assert begins(rig) == ("a", pytest.approx(FADE_AT_S - 20.0, abs=5.0))
    rig.run_for(3600.0)
    rig.switch_off()
    rig.die(off_s=3600.0, boot="next")
    rig.engine.duration_s = HOURS_2
    rig.look()
    assert begins(rig) == ("a", pytest.approx(2 * (FADE_AT_S - 20.0), abs=10.0))


def test_sleep_that_is_noticed_is_where_it_goes_on() -> None:
    """After ten minutes somebody sleeps: what follows is not listened to, the fade does not move the place."""
    rig = nights()
    begins(rig)
    rig.run_for(600.0)
    rig.command(Asleep())
    rig.run_for(3600.0)
    assert begins(rig) == ("a", pytest.approx(580.0, abs=5.0))


def test_a_fade_that_is_taken_back_is_not_the_place() -> None:
    """Somebody was awake after all and asked for more: the later fade counts."""
    rig = nights()
    begins(rig)
    rig.run_for(FADE_AT_S + 60.0)
    rig.command(ExtendTimer(1200.0))
    rig.run_for(3600.0)
    assert begins(rig)[1] == pytest.approx(FADE_AT_S + 1200.0 - 20.0, abs=10.0)


def test_a_stop_and_another_phase_keep_the_place() -> None:
    """A person stops, or noise follows the reading: in both it goes on there."""
    rig = nights()
    begins(rig)
    rig.run_for(1000.0)
    rig.command(Stop())
    rig.run_for(60.0)
    assert begins(rig) == ("a", pytest.approx(980.0, abs=5.0))
    rig.command(Stop())
    rig.run_for(60.0)
    then = (Phase("noise", timer=TimerSetting.clock(1800.0)),)
    at_s = begins(rig, Play("reading", timer=TimerSetting.clock(900.0), then=then))[1]
    rig.run_for(3600.0)
    assert begins(rig) == ("a", pytest.approx(at_s + 880.0, abs=15.0))


def test_the_end_of_the_track_clears_the_place() -> None:
    """A reading that was heard to its end begins anew when it comes again, and another one is next."""
    rig = nights(3000.0)
    begins(rig)
    rig.run_for(1800.0)
    rig.command(Stop())
    rig.run_for(60.0)
    assert begins(rig)[0] == "a"
    rig.run_for(1500.0)
    assert [uri for _, uri in rig.engine.heard] == ["a", "a", "b"]
    rig.command(Stop())
    rig.run_for(60.0)
    assert begins(rig)[0] == "b"
    rig.command(Next())
    assert [place.uri for place in rig.store.recall().documents.places] == ["b"]


def test_short_tracks_begin_at_their_beginning() -> None:
    """Less than ten minutes: no place is kept."""
    rig = nights(599.0)
    begins(rig)
    rig.run_for(300.0)
    rig.command(Stop())
    rig.run_for(60.0)
    assert begins(rig)[1] == 0.0


def selection(start: TrackStart, skip_first_s: float = 0.0, places: Places | None = None) -> TrackSelection:
    playlist = Playlist("p", ("x",), start=start, skip_first_s=skip_first_s)
    return TrackSelection(playlist, Rotation(Memory()), random.Random(1), places)


def test_an_introduction_is_skipped_in_tracks_that_are_long_enough() -> None:
    """45 s of tracks of 3 minutes and more; not of shorter ones, nor of those whose length nobody has measured."""
    chosen = selection(TrackStart.BEGINNING, 45.0)
    starts = [chosen.start_s(measured("a", length_s)) for length_s in (179.0, 180.0, 7200.0)]
    assert starts == [0.0, 45.0, 45.0]
    assert chosen.start_s(Track("a", "a")) == chosen.start_s(Track("http://x", "x", is_stream=True)) == 0.0


def test_a_random_start_leaves_ten_minutes() -> None:
    """Of a track of an hour: between the introduction and ten minutes before the end, and not always the same."""
    chosen = selection(TrackStart.RANDOM, 45.0)
    starts = {chosen.start_s(measured("a", 3600.0)) for _ in range(200)}
    assert len(starts) > 100
    assert min(starts) >= 45.0
    assert max(starts) <= 3000.0
    assert chosen.start_s(measured("a", 600.0)) == 45.0


def test_what_opens_a_night_is_heard_from_its_beginning() -> None:
    """Neither an introduction is left out of it, nor does it go on somewhere."""
    chosen = selection(TrackStart.RANDOM, 45.0)
    chosen.set_tracks(LibraryRead("p", (), opening=(measured("a", 7200.0),)))
    assert chosen.start_s(measured("a", 7200.0)) == 0.0
    assert chosen.start_s(measured("b", 7200.0)) >= 45.0


def test_another_recording_of_the_same_name_begins_anew() -> None:
    """It has another length; a track that follows itself begins anew as well."""
    places = Places()
    places.note("a", 1000.0, 7200.0)
    chosen = selection(TrackStart.RESUME, 0.0, places)
    assert chosen.start_s(measured("a", 7200.0)) == 980.0
    assert chosen.start_s(measured("a", 3600.0)) == 0.0
    assert chosen.start_s(measured("a", 7200.0), is_again=True) == 0.0


def test_of_several_places_the_latest_is_first() -> None:
    """And once that track was heard in this session, the one before."""
    places = Places()
    for uri in "ab":
        places.note(uri, 1000.0, 7200.0)
    chosen = selection(TrackStart.RESUME, 0.0, places)
    chosen.rotation.begin("p")
    chosen.set_tracks(LibraryRead("p", tuple(measured(uri, 7200.0) for uri in "cab")))
    heard = []
    for _ in range(3):
        track = chosen.next()
        assert track is not None
        heard.append(track.uri)
        chosen.rotation.mark_played("p", track.uri)
    assert heard == ["b", "a", "c"]


def test_places_are_written_down_and_bounded() -> None:
    """The oldest are forgotten; values that no place can have are left out with the document."""
    places = Places()
    for number in range(MAX_PLACES + 5):
        places.note(str(number), 100.0, 7200.0)
    assert len(places.all) == MAX_PLACES
    written = texts(Documents(places=places.all))
    assert read_texts(written)[0].places == places.all
    damaged = {"places": written["places"].replace("80.0", "-80.0")}
    documents, faults = read_texts(damaged)
    assert documents.places == ()
    assert len(faults) == 1
    assert places.all[-1] == Place(str(MAX_PLACES + 4), 80.0, 7200.0)
