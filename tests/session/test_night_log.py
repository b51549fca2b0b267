"""The report of the night: what it says, that a restart does not lose it, and that it tells nobody where files lie."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from player.core.commands import Next, Play, SetVolume, Stop
from player.core.commands_level import Calibrate, MoveBed, SetBed
from player.core.events import GuardReported, LibraryRead, OutputLost, OutputUnderran, Progressed, Track
from player.core.settings.bed import Bed
from player.core.settings.session import Phase, Playlist, Settings, TimerSetting
from player.core.text import without_places
from player.mqtt import payloads
from player.session.messages import ExternalProblem
from player.session.night_log import MOST_TRACKS, NightLog, public_title
from player.session.outcome import Outcome
from tests import schema_check
from tests.nights.night_rig import Nights
from tests.nights.remembered_nights import Remembering

EVENING = datetime(2026, 1, 15, 22, 30, tzinfo=UTC)
SETTINGS = Settings(playlists=(Playlist("rain", ("/w",)), Playlist("sea", ("/s",))))


@pytest.fixture
def nights() -> Nights:
    nights = Nights(SETTINGS, EVENING)
    nights.engine.duration_s = 600.0
    return nights


def test_before_the_first_night_the_report_says_so(nights: Nights) -> None:
    """It is published all the same, so that a sensor is not unknown."""
    assert nights.session.night.text == "No night is recorded yet"
    assert schema_check.fault_of("night", payloads.night(nights.session.night)) is None


def test_a_night_is_reported(nights: Nights) -> None:
    """Start, end, why, phases, tracks, what was held down, rises, dropouts and nights used."""
    then = (Phase("sea", 20, TimerSetting.clock(1800.0)),)
    nights.command(Play(timer=TimerSetting.clock(1800.0), then=then))
    nights.run_for(100.0)
    nights.tell(GuardReported(None, 10.0, 12.34, 1.0))
    nights.tell(OutputUnderran(0.5))
    nights.run_for(4000.0)
    report = nights.session.night
    assert report.night == date(2026, 1, 15)
    assert report.start == EVENING
    assert report.end is not None
    assert abs(report.end - (EVENING + timedelta(hours=1))) < timedelta(seconds=2)
    assert (report.why, report.ended_by, report.sessions, report.interruptions) == ("test", "timer", 1, 0)
    assert report.minutes == pytest.approx(60.0, abs=0.1)
    assert [(one.playlist, one.volume) for one in report.phases] == [("rain", 30), ("sea", 20)]
    assert report.track_count == len(report.tracks) == len(nights.events("track_started"))
    assert report.held == 1
    assert report.worst is not None
    assert report.worst.db == 12.3
    assert (report.dropouts, report.rises, report.nights_used) == (1, 1, 1)
    assert report.text == f"22:30 to 23:30, {report.track_count} tracks, 1 surprise lowered (12 dB at most), 1 dropout"
    assert schema_check.fault_of("night", payloads.night(report)) is None


def test_the_sessions_of_one_night_are_one_report_and_the_next_night_begins_another(nights: Nights) -> None:
    """From noon to noon."""
    for _ in range(2):
        nights.command(Play())
        nights.run_for(600.0)
        nights.command(Stop())
        nights.run_for(3600.0)
    assert nights.session.night.sessions == 2
    assert nights.session.night.start == EVENING
    nights.run_until(EVENING + timedelta(days=1))
    nights.command(Play())
    assert nights.session.night.sessions == 1
    assert nights.session.night.night == date(2026, 1, 16)
    assert nights.session.night.end is None


def test_the_session_that_runs_counts_as_played(nights: Nights) -> None:
    """From minute to minute, beside those that have ended; the clock on the wall may jump meanwhile."""
    nights.command(Play())
    nights.run_for(600.0)
    assert nights.session.night.minutes == pytest.approx(10.0, abs=1.1)
    nights.command(Stop())
    nights.run_for(600.0)
    ended = nights.session.night.minutes
    assert ended == pytest.approx(10.0, abs=0.2)
    nights.command(Play())
    nights.run_for(300.0)
    nights.clock.jump_wall(7200.0)
    nights.run_for(300.0)
    assert nights.session.night.minutes - ended == pytest.approx(10.0, abs=1.1)


def test_a_volume_that_rises_is_counted_and_one_that_falls_is_not(nights: Nights) -> None:
    """The start, and a louder volume."""
    nights.command(Play())
    nights.run_for(120.0)
    nights.command(SetVolume(20))
    nights.run_for(60.0)
    assert nights.session.night.rises == 1
    nights.command(SetVolume(40))
    nights.run_for(60.0)
    assert nights.session.night.rises == 2


def test_the_level_of_a_bed_is_no_rise_of_the_volume(nights: Nights) -> None:
    """A bed comes to its own level, which may stand over that of the output, and is made louder."""
    nights.command(Play(volume=20))
    nights.run_for(120.0)
    nights.command(SetBed((Bed("sea"),)))
    nights.run_for(60.0)
    nights.command(MoveBed(6.0))
    nights.run_for(60.0)
    assert nights.session.night.rises == 1


def test_the_loudest_second_is_told_over_the_calm_of_the_night(nights: Nights) -> None:
    """In dB over the median; that the volume changes does not count."""
    nights.command(Play())
    nights.run_for(10.0)
    playback, memory = nights.session._playback, nights.session._memory
    assert playback.session is not None
    log = NightLog(replace(nights.session.night, peak=None, levels=()))
    for second in range(1000):
        volume_db = -20.0 if second < 300 else -40.0
        loud_db = 7.0 if second == 450 else 0.0
        report = Progressed(1, float(second), volume_db - 23.0 + loud_db, volume_db)
        log.on_progress(report, playback.session, nights.now)
        log.note(playback, memory, {}, nights.now, Outcome())
        nights.clock.advance(1.0)
    assert log.report.loudest is not None
    assert log.report.loudest.db == pytest.approx(7.0, abs=1.0)
    assert [(point.mean_db, point.loudest_db) for point in log.report.curve[:1]] == [(-43.0, -43.0)]
    assert log.report.curve[-1].loudest_db == -56.0 or log.report.curve[-2].loudest_db == -56.0


def test_a_restart_in_the_middle_of_the_night_goes_on_with_the_report() -> None:
    """What happened before the crash stays, and the crash is counted; the time in between is not played."""
    nights = Remembering(SETTINGS, EVENING)
    nights.command(Play(timer=TimerSetting.clock(4 * 3600.0)))
    nights.run_for(100.0)
    nights.tell(GuardReported(None, 10.0, 9.0, 1.0))
    nights.run_for(1500.0)
    before = nights.session.night
    nights.die(off_s=20.0)
    nights.run_for(3 * 3600.0)
    report = nights.session.night
    assert (report.start, report.interruptions, report.sessions, report.held) == (EVENING, 1, 1, 1)
    assert report.why == "test"
    assert report.track_count >= before.track_count
    assert report.end is None
    nights.run_for(2 * 3600.0)
    assert nights.session.night.ended_by == "timer"
    assert nights.session.night.minutes == pytest.approx(240.0, abs=8.0)


def test_a_night_that_does_not_come_back_ends_where_it_was_last_seen() -> None:
    """After a day without power the session is not resumed; the report ends with the last sign of life."""
    nights = Remembering(SETTINGS, EVENING)
    nights.command(Play(timer=TimerSetting.clock(4 * 3600.0)))
    nights.run_for(2000.0)
    nights.die(off_s=20 * 3600.0, boot="another")
    nights.run_for(60.0)
    report = nights.session.night
    assert report.ended_by == "interrupted"
    assert report.end is not None
    assert EVENING + timedelta(seconds=1500) <= report.end <= EVENING + timedelta(seconds=2000)
    assert 25.0 <= report.minutes <= 34.0


def test_a_report_does_not_make_the_memory_write_more_often() -> None:
    """It goes along with what is written anyway: at most a write each 400 s."""
    nights = Remembering(SETTINGS, EVENING)
    nights.engine.duration_s = 20_000.0
    nights.command(Play(timer=TimerSetting.clock(4 * 3600.0)))
    nights.run_for(60.0)
    before = len(nights.store.batches)
    nights.run_for(4000.0)
    assert len(nights.store.batches) - before <= 11


def test_a_long_night_has_a_report_of_bounded_size(nights: Nights) -> None:
    """The latest tracks stay, all are counted, and the payload is smaller than what Home Assistant's recorder keeps."""
    nights.command(Play(timer=TimerSetting.clock(10 * 3600.0)))
    for _ in range(200):
        nights.run_for(30.0)
        nights.command(Next())
    report = nights.session.night
    assert len(report.tracks) == MOST_TRACKS
    assert report.track_count > 150
    assert len(payloads.night(report)) < 16_384


@pytest.mark.parametrize(
    "text",
    [
        "playlist 'rain' has nothing to play: /srv/my music/x y: no such folder",
        "could not open '/srv/my music/b c.mp3' at all",
        "/srv/my music/b c.mp3: it broke off",
        "http://me:secret@192.168.1.5:8000/live does not answer",
        "file:///srv/my music/b c.mp3: gone",
        "no answer from 192.168.1.5:8000",
        "no answer from radio.example.org",
        "nas.secret.local: it broke off",
        "secret-nas:8000 does not answer",
        "the server at Secret.example.net (gone)",
        "secret.example.de did not answer",
        "Radio.example:443: too slow",
        "left out (/srv/my music/b)",
        "~/my music/b: gone",
        "mail me@example.org",
        "sounds/rain.mp3 is damaged",
    ],
)
def test_no_address_and_no_path_is_in_a_problem(text: str) -> None:
    """Nor a part of one."""
    found = without_places(text)
    for private in ("srv", "music", "192.168", "secret", "example", "b c", "rain.mp3"):
        assert private not in found or private not in text.replace("'rain'", ""), found
    assert "…" in found


@pytest.mark.parametrize(
    "text",
    [
        "AC/DC",
        "held down by 6 dB/s",
        "rain, 2 km away: loud",
        "",
        "memory.db is damaged; see docs.",
        "0.5 s, 2.5 dB",
        "weeknights at 23:30 did not start",
        "No. 4.mp3",
        "lull.yaml line 3: wrong",
        "Mr. Sandman vs. Dr.Dre",
        "e.g. rain.",
        "track 3:12 of 4",
    ],
)
def test_a_text_without_places_stays(text: str) -> None:
    """Units and names with a slash."""
    assert without_places(text) == text


def test_what_a_night_reports_names_no_place() -> None:
    """A problem with a file, a device and a broker, and a stream without a name."""
    nights = Nights(SETTINGS, EVENING, tracks=["http://radio.example/live"])
    nights.command(Play())
    nights.run_for(60.0)
    nights.tell(ExternalProblem("memory", "the memory /var/lib/secret place/memory.db cannot be written"))
    nights.tell(ExternalProblem("mqtt-echo", "broker nas.secret:1883 does not answer"))
    nights.tell(OutputLost("hw:CARD=DAC: /dev/snd/secret is gone"))
    payload = payloads.night(nights.session.night).decode()
    assert nights.session.night.problems
    for private in ("secret", "example", "/var", "/dev", "nas"):
        assert private not in payload, payload


def test_a_stream_that_breaks_off_is_not_called_by_the_name_of_its_server() -> None:
    """A bare host name looks like any other word; of the queue it is known that it is an address."""
    nights = Nights(SETTINGS, EVENING)
    nights.engine.durations["http://nas/live"] = 70.0
    tracks = (Track("http://nas/live", "nas/live", is_stream=True),)
    nights.library["rain"] = tracks
    nights.tell(LibraryRead("rain", tracks))
    nights.command(Play())
    for _ in range(360):
        nights.run_for(10.0)
    assert any("web stream breaks off repeatedly" in text for text in nights.session.night.problems)
    assert not any("nas" in text for text in nights.session.night.problems)


def test_a_stream_keeps_a_name_that_is_not_its_address() -> None:
    """As a playlist file gives it; otherwise its address would be its name."""
    assert public_title("Night radio", "http://radio.example/live") == "Night radio"
    assert public_title("radio.example/live", "http://radio.example/live") == "web stream"
    assert public_title("http://[", "http://[") == "web stream"


def test_a_memory_that_is_found_late_does_not_replace_a_night_that_has_begun() -> None:
    """A night of before the start is taken over only while nothing has been played since."""
    nights = Nights(SETTINGS, EVENING)
    nights.command(Play())
    running = nights.session.night
    log = NightLog(running)
    log.recall(Nights(SETTINGS, EVENING).session.night)
    assert log.report is running


def test_the_noise_of_a_calibration_is_no_part_of_a_night(nights: Nights) -> None:
    """Neither a session nor a phase, a track, a level or a night that was used; what takes over from it is."""
    nights.command(Play())
    nights.run_for(60.0)
    nights.command(Stop())
    nights.run_for(10.0)
    before = nights.session.night
    nights.command(Calibrate())
    nights.run_for(60.0)
    assert nights.session.night == before
    nights.command(Play("sea"))
    nights.run_for(60.0)
    after = nights.session.night
    assert [one.playlist for one in after.phases] == ["rain", "sea"]
    assert (after.sessions, after.end) == (2, None)
    assert sum(after.levels) > sum(before.levels)


def test_a_night_that_began_before_the_clock_was_set_is_told_with_the_right_times() -> None:
    """After a power cut the clock is two weeks behind, and right ten minutes later; nothing was at the wrong time."""
    behind = Nights(SETTINGS, EVENING - timedelta(days=14))
    behind.clock.is_trusted = False
    behind.command(Play())
    behind.run_for(100.0)
    behind.tell(GuardReported(None, 10.0, 12.34, 1.0))
    behind.run_for(500.0)
    behind.clock.jump_wall(14 * 24 * 3600.0)
    behind.clock.is_trusted = True
    behind.run_for(3600.0)
    report = behind.session.night
    assert (report.night, report.start) == (EVENING.date(), EVENING)
    moments = [report.worst, report.loudest, report.peak]
    times = [one.at for one in (*report.phases, *report.tracks, *filter(None, moments))]
    assert all(EVENING <= at <= behind.now.wall for at in times)
    assert all(point.minute <= 70 for point in report.curve)
    assert behind.written[-1].ended[-1].started == EVENING
