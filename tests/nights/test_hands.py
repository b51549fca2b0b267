"""What people do with the speaker in the dark, and what it says to them: whole sessions on a fake clock."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, time

import pytest

from player.core.commands import (
    Command,
    ExtendTimer,
    Next,
    Pause,
    Play,
    ReplyTo,
    Request,
    Resume,
    Seek,
    SetVolume,
    SkipTonight,
    Stop,
    Toggle,
    Tonight,
)
from player.core.events import Progressed, Track
from player.core.settings.safety import FadeSettings, SessionSettings
from player.core.settings.session import Entry, Playlist, Settings, TimerSetting
from player.core.states import State
from player.core.units import SILENCE_DB, volume_to_db
from player.session.dropouts import NO_SOUND_S, RECORDED_SILENCE_S
from player.session.messages import NewSettings
from tests.nights.night_rig import Nights
from tests.nights.remembered_nights import Remembering

EVENING = datetime(2026, 1, 15, 22, 0, tzinfo=UTC)
SETTINGS = Settings(playlists=(Playlist("whispers", ("/w",)), Playlist("rain", ("/r",))))
SILENT = "no sound for 20 s, although a session is playing"


@pytest.fixture
def room() -> Nights:
    return Nights(SETTINGS, EVENING)


# One button


def test_a_second_press_on_the_button_does_not_take_a_stop_back(room: Nights) -> None:
    """Toggle while a stop fades is refused with the way out, and the session ends; play takes the stop back."""
    room.command(Play())
    room.run_for(40)
    room.command(Stop())
    room.run_for(1)
    answer = room.command(Toggle())
    assert (answer.is_done, answer.text) == (False, "toggle: the session is ending; play continues it")
    room.run_for(10)
    assert room.state is State.IDLE
    assert room.command(Toggle()).is_done  # the next press is a new wish
    room.run_for(40)
    room.command(Stop())
    room.run_for(1)
    assert room.command(Play()).is_done
    assert room.state is State.PLAYING


# Words


@pytest.mark.parametrize(
    ("command", "typed", "said"),
    [
        (ExtendTimer(900), None, "extend: nothing is playing"),
        (ExtendTimer(900), "timer", "timer: nothing is playing"),
        (Seek(5), None, "seek: nothing is playing"),
        (Next(), "next", "next: nothing is playing"),
    ],
)
def test_a_refusal_names_the_verb_as_it_was_typed(room: Nights, command: Command, typed: str | None, said: str) -> None:
    """`timer +15m` and `extend` are one command; each refusal speaks of what was written."""
    room.tell(Request(command, "test", ReplyTo("1"), typed))
    assert room.answers[-1].text == said


def test_an_extension_beyond_the_end_says_that_it_stops(room: Nights) -> None:
    """Nothing is left of the timer, so it is silent a moment later, and nobody reads of 0s."""
    room.command(Play(timer=TimerSetting.clock(600)))
    room.run_for(60)
    assert room.command(ExtendTimer(-3600)).text == "the sleep timer has no time left; stopping now"
    room.run_for(2)
    assert room.state is State.IDLE


def test_an_extension_in_the_final_fade_takes_the_fade_back(room: Nights) -> None:
    """The second press of somebody who is still awake: the level comes back, and the timer runs on."""
    room.command(Play(volume=30, timer=TimerSetting.clock(1200)))
    room.run_for(1200 - 60)
    assert room.state is State.FADING_OUT
    assert room.engine.level_db() < volume_to_db(30) - 6.0
    assert room.command(ExtendTimer(900)).is_done
    room.run_for(30)
    assert room.state is State.PLAYING
    assert room.engine.level_db() == pytest.approx(volume_to_db(30), abs=0.1)
    room.run_for(960 - 30 - 2)
    assert room.state is State.FADING_OUT
    room.run_for(4)
    assert room.state is State.IDLE


def test_files_that_come_during_a_session_are_played_in_it(room: Nights) -> None:
    """A playlist is read again when a track begins and the last look is a quarter of an hour ago."""
    room.command(Play(timer=TimerSetting.clock(5 * 3600)))
    room.run_for(60)
    name = SETTINGS.playlists[0].name
    room.library[name] = (*room.read(name).tracks, Track("/w/new.wav", "new"))
    room.run_for(2 * 3600)
    assert "new" in [heard.news.data["track"] for heard in room.events("track_started")]


def test_a_skipped_night_says_what_was_planned_by_hand() -> None:
    """What `tonight` planned starts all the same, and the answer says so; one of another night is not spoken of."""
    room = Nights(replace(SETTINGS, schedule=(Entry("nightly", time(23, 0)),)), EVENING)
    assert room.command(SkipTonight()).text == "the schedule skips tonight"
    room.command(Tonight(time(0, 30)))
    assert room.command(SkipTonight()).text == (
        "the schedule skips tonight, except the start planned by hand at 00:30: `tonight off` cancels it"
    )
    room.command(Tonight(time(21, 0)))  # of tomorrow evening
    assert room.command(SkipTonight()).text == "the schedule skips tonight"
    room.command(Tonight(time(0, 30)))
    room.run_for(3 * 3600)
    assert [told.news.data["why"] for told in room.events("session_started")] == ["schedule:tonight"]


def test_who_took_a_session_over_is_said(room: Nights) -> None:
    """Its end names the start that came."""
    room.command(Play())
    room.command(Tonight(time(22, 5)))
    room.run_for(600)
    said = room.events("session_ended")[0].news.text
    assert said.startswith("session ended after 5m (taken over by schedule:tonight): ")


def test_a_session_that_was_broken_off_and_taken_over_is_told_as_lost() -> None:
    """Whoever starts something else, or stops, while it waits for its next attempt hears what became of it."""
    for command, reason in ((Play("rain"), "test started another one"), (Stop(), "it was stopped by hand")):
        house = Remembering(SETTINGS, EVENING)
        house.command(Play())
        for _ in range(2):
            house.run_for(120)
            house.die(off_s=5.0)
        house.run_for(1)
        waits = "an interrupted session resumes 30s after the start of lull (attempt 2 of 3); pause and stop prevent it"
        assert [text for text in house.session.problems(house.now) if "interrupted" in text] == [waits]
        house.command(command)
        (lost,) = house.events("session_lost")
        assert lost.news.data == {"reason": reason, "playlist": "whispers"}


# Seeking


def test_a_seek_right_after_a_seek_is_obeyed(room: Nights) -> None:
    """Before the first one sounds: a step counts from where that one leads, and the end is still known."""
    room.engine.duration_s = 300.0
    room.command(Play())
    room.run_for(30)
    room.take_reports = lambda: False  # type: ignore[method-assign]  # nothing has begun to sound yet
    assert room.command(Seek(100)).text == "playing from 1:40"
    assert room.command(Seek(30, is_relative=True)).text == "playing from 2:10"
    assert room.command(Seek(-500, is_relative=True)).text == "playing from 0:00"
    assert room.command(Seek(301)).text == "seek: 5:01 is beyond the end; the track lasts 5:00"


def test_there_is_no_seeking_in_what_has_never_sounded(room: Nights) -> None:
    """Nobody knows how long it is."""
    room.command(Play())
    room.run_for(30)
    room.take_reports = lambda: False  # type: ignore[method-assign]
    room.command(Next())
    assert room.command(Seek(100)).text == "seek: no track is playing yet"


# A reload


def test_a_reload_that_moves_the_end_says_so(room: Nights) -> None:
    """A shorter longest session: silent sooner, and the news of the reload says so; other reloads say nothing more."""
    room.command(Play(timer=TimerSetting.clock(6 * 3600)))
    room.run_for(3600)
    room.tell(NewSettings(replace(SETTINGS, session=SessionSettings(max_s=2 * 3600))))
    said = "the config was read again; session.max has changed, so it is silent in 1h"
    assert room.events("settings_changed")[-1].news.text == said
    room.tell(NewSettings(replace(SETTINGS, session=SessionSettings(max_s=2 * 3600, rearm_s=1))))
    assert room.events("settings_changed")[-1].news.text == "the config was read again"
    room.run_for(3602)
    assert room.state is State.IDLE


# Nothing is heard


RECORDED = "no sound for 120 s: the recording holds digital silence here"


class Mute(Nights):
    """A speaker whose tracks begin, and whose decoder hands over nothing until ``is_heard`` or ``is_decoded`` is set.

    With ``is_decoded`` it hands over digital silence.
    """

    is_heard = is_decoded = False

    def take_reports(self) -> bool:
        """The engine's own reports, with silence in them."""
        reports = self.engine.advance(self.now.boot_s)
        for report in reports:
            if isinstance(report, Progressed) and not self.is_heard:
                position_s = report.position_s if self.is_decoded else 0.0
                self.tell(replace(report, level_db=SILENCE_DB, position_s=position_s))
            else:
                self.tell(report)
        return bool(reports)

    def told_after_s(self) -> list[float]:
        """When the problem was told, in seconds since the evening began."""
        told = [told for told in self.events("problem") if told.news.text == SILENT]
        return [(one.now.wall - EVENING).total_seconds() for one in told]

    @property
    def is_a_problem(self) -> bool:
        return SILENT in self.session.problems(self.now)


@pytest.fixture
def mute() -> Mute:
    return Mute(SETTINGS, EVENING)


def test_silence_that_lasts_is_a_problem_on_the_second_and_is_over_with_the_first_sound(mute: Mute) -> None:
    """After twenty seconds, not at the next look; the softest sound of a fade-in ends it."""
    mute.command(Play())
    mute.run_for(60)
    assert mute.told_after_s() == [pytest.approx(NO_SOUND_S, abs=0.1)]
    mute.is_heard = True
    mute.run_for(10)
    assert not mute.is_a_problem
    assert [told.news.data["problem"] for told in mute.events("problem_cleared")] == [SILENT]


def test_a_silent_pause_of_the_recording_is_a_problem_after_two_minutes_only(mute: Mute) -> None:
    """Digital silence that the decoder delivers is content; more of it than recordings have is told, and why."""
    mute.is_decoded = True
    mute.command(Play())
    mute.run_for(RECORDED_SILENCE_S - 1)
    assert not mute.events("problem")
    mute.run_for(3)
    assert [told.news.text for told in mute.events("problem")] == [RECORDED]


def test_a_decoder_that_stops_in_a_silent_pause_is_told_at_once(mute: Mute) -> None:
    """From then on nothing is delivered, and twenty seconds are over."""
    mute.is_decoded = True
    mute.command(Play())
    mute.run_for(60)
    mute.is_decoded = False
    for _second in range(3):
        mute.run_for(1)
    assert mute.is_a_problem


@pytest.mark.parametrize("fade_in_s", [30.0, 3600.0])
def test_a_fade_in_is_heard_from_its_first_block_on(fade_in_s: float) -> None:
    """However far below its target it begins: that is a sound, and no problem."""
    room = Nights(replace(SETTINGS, fades=FadeSettings(fade_in_s=fade_in_s)), EVENING)
    room.command(Play(timer=TimerSetting.clock(4 * 3600)))
    room.run_for(3600)
    assert not room.events("problem")


@pytest.mark.parametrize("hush", [Stop(), Pause(), SetVolume(0)], ids=str)
def test_whoever_asked_for_silence_is_not_told_of_it(mute: Mute, hush: Command) -> None:
    """Stopped, paused or turned down to nothing after ten silent seconds: no problem, then or later."""
    mute.command(Play())
    mute.run_for(10)
    mute.command(hush)
    mute.run_for(120)
    assert not mute.told_after_s()
    mute.command(SetVolume(20))
    mute.command(Play())
    mute.run_for(NO_SOUND_S - 1)
    assert not mute.is_a_problem  # counted anew
    mute.run_for(2)
    assert mute.is_a_problem


def test_a_stop_ends_the_problem(mute: Mute) -> None:
    """It is about a session that should sound."""
    mute.command(Play())
    mute.run_for(30)
    assert mute.is_a_problem
    mute.command(Stop())
    assert not mute.is_a_problem


def test_a_device_that_is_away_is_the_only_problem_and_its_silence_does_not_count(mute: Mute) -> None:
    """Ten minutes without a device are that problem alone; when it is back there are twenty seconds to be heard."""
    mute.engine.lose_output()
    mute.command(Play())
    mute.run_for(600)
    assert mute.session.problems(mute.now) == ("no sound device: unplugged",)
    mute.engine.find_output()
    mute.take_reports()
    mute.run_for(NO_SOUND_S - 1)
    assert mute.session.problems(mute.now) == ()
    mute.run_for(2)
    assert mute.is_a_problem


def test_a_pause_begins_the_count_anew() -> None:
    """Heard before a pause, and no more after it: that is a problem of its own."""
    mute = Mute(SETTINGS, EVENING)
    mute.is_heard = True
    mute.command(Play())
    mute.run_for(60)
    mute.command(Pause())
    mute.run_for(60)
    mute.is_heard = False
    mute.command(Resume())
    mute.run_for(NO_SOUND_S + 1)
    assert mute.is_a_problem


def test_a_session_that_is_taken_over_hands_on_what_was_heard(mute: Mute) -> None:
    """Another start over a silent one waits no longer; over one that sounded there is nothing to wait for."""
    mute.command(Play())
    mute.run_for(15)
    mute.command(Tonight(time(22, 1)))
    mute.run_for(10)
    assert mute.is_a_problem


def test_a_pause_keeps_the_place(room: Nights) -> None:
    """Ten minutes of silence are no part of the track: its place goes on from where it was."""
    room.command(Play())
    room.run_for(100.0)
    room.command(Pause())
    room.run_for(600.0)
    room.command(Resume())
    room.run_for(20.0)
    position_s = room.session.snapshot(room.now).position_s
    assert position_s is not None
    assert 115.0 <= position_s <= 125.0
