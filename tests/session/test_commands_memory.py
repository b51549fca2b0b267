"""What outlives a session: bans, a skipped night, switched-off entries, nights used, and wishes for the next start.

The real session without an engine: what it orders is looked at, and it is told that it sounds.
"""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import replace
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from player.core.clock import Now
from player.core.commands import (
    AllowAgain,
    ChangeEntry,
    Command,
    GetStatus,
    NeverAgain,
    Next,
    NotTonight,
    Play,
    ReplyTo,
    Request,
    SetFade,
    SetSchedule,
    SetStartTime,
    SetTimer,
    SetVolume,
    SkipTonight,
    Tonight,
)
from player.core.days import DAYS
from player.core.engine_orders import PlayItem, QueueItem, RampTo, Then
from player.core.events import Answer, ItemStarted, LibraryRead, News, Track
from player.core.settings.safety import RestNights
from player.core.settings.session import TIMER_OFF, Entry, Order, Playlist, Settings, TimerMode, TimerSetting
from player.core.snapshot import Snapshot
from player.core.states import State
from player.session.controller import Controller
from player.session.memory.memory import Memory, night_of, tonight
from player.session.memory.records import RecalledMemory, read_texts
from player.session.messages import NewSettings
from player.session.schedule.rest_nights import is_rest

BERLIN = ZoneInfo("Europe/Berlin")
EVENING = datetime(2026, 1, 15, 20, 0, tzinfo=BERLIN)
SETTINGS = Settings(
    playlists=(Playlist("rain", ("/rain",)),),
    schedule=(Entry("early", time(22, 30)), Entry("late", time(1, 15))),
)


class Bedroom:
    """A session, the time, and what came of it all."""

    def __init__(self, tracks: Iterable[str] = "abc", wall: datetime = EVENING) -> None:
        self.now = Now(1000.0, wall, trusted=True)
        self.session = Controller(SETTINGS, random.Random(1))
        self.news: list[News] = []
        self.orders: list[object] = []
        self.handle(LibraryRead("rain", tuple(Track(f"/rain/{name}", name.upper()) for name in tracks)))

    def handle(self, message: object) -> list[Answer]:
        out = self.session.handle(message, self.now)  # type: ignore[arg-type]
        self.orders += out.orders
        self.news += [event for event in out.events if isinstance(event, News)]
        return [event for event in out.events if isinstance(event, Answer)]

    def ask(self, command: Command) -> Answer:
        (answer,) = self.handle(Request(command, "test", ReplyTo(id="1")))
        return answer

    def play(self) -> None:
        """Start, and let the first track sound."""
        assert self.ask(Play()).is_done
        self.sound()

    def sound(self) -> None:
        """The engine plays what was ordered last."""
        item = [order for order in self.orders if isinstance(order, PlayItem)][-1].item
        self.handle(ItemStarted(item.id, 600.0))

    def pass_until(self, wall: datetime) -> None:
        self.now = Now(self.now.boot_s + (wall - self.now.wall).total_seconds(), wall, trusted=True)
        self.handle(None)

    def told(self, event_type: str) -> list[News]:
        return [news for news in self.news if news.type == event_type]

    @property
    def shot(self) -> Snapshot:
        return self.session.snapshot(self.now)


def test_never_again_leaves_the_track_and_never_comes_back_to_it() -> None:
    """What plays is left at once for another, and is not chosen again, in this session or the next."""
    room = Bedroom()
    room.play()
    banned = room.shot.track
    answer = room.ask(NeverAgain())
    assert answer.is_done
    assert str(banned) in answer.text
    room.sound()
    seen = {room.shot.track}
    for _ in range(6):
        assert room.ask(Next()).is_done
        room.sound()
        seen.add(room.shot.track)
    assert seen == {"A", "B", "C"} - {banned}
    assert [news.data["track"] for news in room.told("never_again")] == [banned]


def test_a_banned_track_that_was_to_follow_is_replaced() -> None:
    """What the engine has queued is taken back with the ban."""
    room = Bedroom()
    room.play()
    following = room.shot.next_track
    assert following is not None
    assert room.ask(NeverAgain(following.lower())).is_done, "titles in any case"
    queued = [order for order in room.orders if isinstance(order, QueueItem)][-1]
    assert queued.item is not None
    assert queued.item.title != following
    assert room.shot.next_track == queued.item.title


def test_banning_the_only_track_ends_the_session_softly() -> None:
    """Nothing else is there: it fades out, and says so."""
    room = Bedroom("a")
    room.play()
    answer = room.ask(NeverAgain())
    assert "there is no other track" in answer.text
    last = [order for order in room.orders if isinstance(order, RampTo)][-1]
    assert last.then is Then.STOP
    assert last.over_s >= SETTINGS.fades.stop_s
    assert room.session.state is State.STOPPING


def test_where_each_track_is_banned_it_is_said_how_to_lift_a_ban() -> None:
    """By a command that is refused, and by the problem of a session that began before the library had looked."""
    room = Bedroom("a")
    room.ask(NeverAgain("A"))
    why = "each of its tracks is banned; never_again with undo lifts the latest ban"
    assert room.ask(Play()).text == f"playlist 'rain' has nothing to play: {why}"
    banned = '[{"uri":"/rain/a","title":"A","at":"2026-01-15T22:00:00+00:00","key":null}]'
    room.session = Controller(SETTINGS, random.Random(1), RecalledMemory(read_texts({"bans": banned})[0]))
    assert room.ask(Play()).is_done
    room.handle(LibraryRead("rain", (Track("/rain/a", "A"),)))
    assert room.session.snapshot(room.now).problems == (f"playlist 'rain' has nothing that can be played: {why}",)


def test_without_a_confirmed_clock_a_refusal_says_what_confirms_it() -> None:
    """Which day it is, only the clock knows; the config can vouch for it."""
    room = Bedroom()
    room.now = replace(room.now, trusted=False)
    for command in (Tonight(time(23, 15)), SkipTonight()):
        assert "without one, set trust_clock in the config" in room.ask(command).text


def test_a_ban_is_taken_back_by_name_or_the_latest_first() -> None:
    """Undo without a name means the latest ban; with one that track, by title or uri."""
    room = Bedroom()
    for name in ("A", "B", "C"):
        assert room.ask(NeverAgain(name)).is_done
    assert room.ask(AllowAgain("/rain/a")).text == "allowed again: A"
    assert room.ask(AllowAgain()).text == "allowed again: C"
    room.play()
    assert room.shot.track in {"A", "C"}


def test_a_part_of_a_title_is_enough_where_no_other_track_has_it() -> None:
    """For a ban and for its end, as for a like; with several the reason names them, and nothing is banned."""
    room = Bedroom(("drops", "droplets", "rain"))
    answer = room.ask(NeverAgain("drop"))
    assert (answer.is_done, answer.text) == (False, "2 tracks match 'drop': DROPLETS, DROPS")
    assert room.ask(NeverAgain("let")).text == "never again: DROPLETS"
    assert room.ask(NeverAgain("ain")).text == "never again: RAIN"
    unknown = "no banned or left out track 'sea'; there are DROPLETS, RAIN (`lull bans` lists all of them)"
    assert room.ask(AllowAgain("sea")).text == unknown
    assert room.ask(AllowAgain("drop")).text == "allowed again: DROPLETS"


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (NeverAgain(), "nothing is playing"),
        (NeverAgain("Aa"), "did you mean 'A'"),
        (AllowAgain(), "no track is banned"),
        (SetSchedule(False, "earlt"), "did you mean 'early'"),
    ],
)
def test_what_cannot_be_done_is_refused_with_its_reason(command: Command, words: str) -> None:
    """Nothing plays, no such track, no ban, no such entry: refused, and nothing has changed."""
    room = Bedroom()
    before = room.shot
    answer = room.ask(command)
    assert not answer.is_done
    assert words in answer.text
    assert replace(room.shot, refused=None) == before


def test_two_tracks_of_one_title_are_told_apart() -> None:
    """The refusal names both files, and each can be banned by its name."""
    room = Bedroom("")
    room.handle(LibraryRead("rain", (Track("/1/x", "X"), Track("/2/x", "X"))))
    answer = room.ask(NeverAgain("x"))
    assert not answer.is_done
    assert "/1/x, /2/x" in answer.text
    assert room.ask(NeverAgain("/2/x")).is_done


def test_a_skipped_night_starts_nothing_and_the_next_one_does() -> None:
    """Both starts of the night are left out and told; the night after is as planned."""
    room = Bedroom()
    assert room.ask(SkipTonight()).is_done
    tomorrow = EVENING.replace(hour=22, minute=30) + timedelta(days=1)
    assert room.shot.skip_tonight
    assert room.shot.next_start == tomorrow
    assert room.shot.entries["late"].next_start == EVENING.replace(hour=1, minute=15) + timedelta(days=2)
    room.pass_until(EVENING.replace(hour=22, minute=30, second=2))
    room.pass_until(EVENING.replace(hour=1, minute=15, second=2) + timedelta(days=1))
    assert room.session.state is State.IDLE
    assert [news.data["reason"] for news in room.told("start_missed")] == ["this night is skipped"] * 2
    room.pass_until(tomorrow + timedelta(seconds=2))
    assert room.session.state is State.PLAYING
    assert not room.shot.skip_tonight


def test_skipping_can_be_taken_back_and_toggled() -> None:
    """Off means the night happens; toggle flips it."""
    room = Bedroom()
    for is_skipped, expected in ((True, True), (False, False), (None, True), (None, False)):
        assert room.ask(SkipTonight(is_skipped)).is_done
        assert room.shot.skip_tonight is expected
    room.pass_until(EVENING.replace(hour=22, minute=30, second=2))
    assert room.session.state is State.PLAYING


def test_nobody_knows_tonight_while_the_clock_is_not_set() -> None:
    """An untrusted clock may be weeks off: refused."""
    room = Bedroom()
    room.now = Now(room.now.boot_s, room.now.wall, trusted=False)
    answer = room.ask(SkipTonight())
    assert not answer.is_done
    assert "clock" in answer.text


@pytest.mark.parametrize(("hour", "meant"), [(7, 15), (13, 15), (23, 15), (2, 14), (5, 14)], ids=str)
def test_tonight_is_what_people_mean(hour: int, meant: int) -> None:
    """Until six it is the night that runs, then the one to come."""
    assert tonight(datetime(2026, 1, 15, hour, 0, tzinfo=BERLIN)).day == meant


def test_an_entry_that_is_off_does_not_start_and_the_other_does() -> None:
    """Switched off by name it is passed over; switched on again it counts from then on."""
    room = Bedroom()
    assert room.ask(SetSchedule(False, "early")).text == "schedule entry early off"
    assert room.shot.next_entry == "late"
    assert not room.shot.entries["early"].is_enabled
    assert room.shot.entries["early"].next_start is None
    room.pass_until(EVENING.replace(hour=22, minute=30, second=2))
    assert room.session.state is State.IDLE
    room.pass_until(EVENING.replace(hour=1, minute=15, second=2) + timedelta(days=1))
    assert room.session.state is State.PLAYING
    assert room.ask(SetSchedule(None, "early")).text == "schedule entry early on"


def test_timer_fade_and_volume_set_while_idle_hold_for_the_next_start() -> None:
    """They are shown at once, used by the next play, and gone after it; the schedule has its own."""
    room = Bedroom()
    for command in (SetTimer(TimerSetting.clock(1200.0)), SetFade(120.0), SetVolume(12)):
        assert room.ask(command).is_done
    assert (room.shot.timer_set_s, room.shot.fade_out_s, room.shot.volume) == (1200.0, 120.0, 12)
    room.play()
    assert room.shot.timer_remaining_s == 1200.0
    assert room.shot.fade_out_s == 120.0
    assert room.shot.volume == 12
    other = Bedroom()
    other.ask(SetTimer(TIMER_OFF))
    other.pass_until(EVENING.replace(hour=22, minute=30, second=2))
    assert other.shot.timer_mode == "clock"


@pytest.mark.parametrize(
    ("setting", "shown"),
    [
        (TimerSetting.at(time(6, 30)), ("clock", None, time(6, 30))),
        (TimerSetting.clock(1200.0), ("clock", 1200.0, None)),
        (TimerSetting(TimerMode.END_OF_TRACK), ("end-of-track", None, None)),
        (TIMER_OFF, ("off", None, None)),
    ],
)
def test_the_timer_of_the_next_session_is_shown_as_it_was_set(
    setting: TimerSetting, shown: tuple[str, float | None, time | None]
) -> None:
    """Whoever sets it in silence sees it: one until a time of day is not off."""
    room = Bedroom()
    assert room.ask(SetTimer(setting)).is_done
    assert (room.shot.timer_mode, room.shot.timer_set_s, room.shot.timer_until) == shown
    room.play()
    assert (room.shot.timer_mode, room.shot.timer_until) == (shown[0], shown[2])


def test_nights_with_a_session_are_counted_once() -> None:
    """Two sessions of a night are one; a night before noon belongs to the evening before."""
    memory = Memory()
    for wall in (EVENING, EVENING + timedelta(hours=6), EVENING + timedelta(days=1)):
        memory.note_night(wall)
    assert memory.nights_used(EVENING + timedelta(days=1)) == 2
    assert memory.nights_used(EVENING + timedelta(days=30)) == 1
    assert night_of(EVENING + timedelta(hours=6)) == EVENING.date()


def test_the_last_obeyed_command_is_shown_and_a_look_is_none() -> None:
    """What was done, who asked and when; status and refusals leave it."""
    room = Bedroom()
    room.ask(SetVolume(20))
    room.ask(GetStatus())
    room.ask(SetVolume(99))
    asked = room.shot.asked
    assert asked is not None
    assert (asked.command, asked.by, asked.at) == ("volume 20", "test", EVENING)


def test_a_start_planned_by_hand_comes_once() -> None:
    """At the time that comes next, with what was asked for; then it is gone."""
    room = Bedroom()
    answer = room.ask(Tonight(time(0, 10), "rain", 12, TimerSetting.clock(600.0)))
    assert answer.text == "playing rain once, at Fri 00:10"
    planned = EVENING.replace(hour=0, minute=10) + timedelta(days=1)
    assert room.shot.entries["tonight"].next_start == planned
    room.ask(SetSchedule(False, "early"))
    room.pass_until(planned + timedelta(seconds=1))
    assert (room.shot.why, room.shot.volume, room.shot.timer_remaining_s) == ("schedule:tonight", 12, 599.0)
    assert "tonight" not in room.shot.entries
    room.handle(None)
    assert len(room.told("session_started")) == 1


def test_a_start_planned_by_hand_can_be_taken_back() -> None:
    """Taken back it does not come, and there is nothing to take back twice."""
    room = Bedroom()
    room.ask(Tonight(time(21, 0)))
    assert room.ask(NotTonight()).is_done
    room.pass_until(EVENING.replace(hour=21, second=1))
    assert room.session.state is State.IDLE
    assert not room.ask(NotTonight()).is_done


def test_what_cannot_be_planned_is_refused() -> None:
    """A playlist that there is not, too loud a volume, a clock that is not set, an entry that there is not."""
    room = Bedroom()
    for command, words in (
        (Tonight(time(21, 0), "rian"), "did you mean 'rain'"),
        (Tonight(time(21, 0), volume=90), "allowed is 0 to 60"),
        (SetStartTime("lat", time(2, 0)), "did you mean 'late'"),
    ):
        answer = room.ask(command)
        assert not answer.is_done
        assert words in answer.text
    room.now = Now(room.now.boot_s, room.now.wall, trusted=False)
    assert "clock" in room.ask(Tonight(time(21, 0))).text


def test_an_entry_is_moved_until_the_config_says_otherwise() -> None:
    """Moved from 22:30 to 21:00 it starts then and not at 22:30; a config with another time wins over the hand."""
    room = Bedroom()
    assert room.ask(SetStartTime("early", time(21, 0))).is_done
    assert (room.shot.entries["early"].at, room.shot.entries["early"].is_moved) == (time(21, 0), True)
    room.handle(NewSettings(SETTINGS))
    assert room.shot.entries["early"].is_moved, "the config still says what it said"
    room.pass_until(EVENING.replace(hour=21, second=1))
    assert room.shot.why == "schedule:early"
    entry = replace(SETTINGS.schedule[0], at=time(22, 0))
    room.handle(NewSettings(replace(SETTINGS, schedule=(entry, SETTINGS.schedule[1]))))
    assert (room.shot.entries["early"].at, room.shot.entries["early"].is_moved) == (time(22, 0), False)


def test_a_moved_entry_goes_back() -> None:
    """Null means: as the config says."""
    room = Bedroom()
    room.ask(SetStartTime("early", time(21, 0)))
    assert room.ask(SetStartTime("early", None)).is_done
    assert not room.shot.entries["early"].is_moved


def test_an_entry_that_is_moved_to_its_own_time_is_not_moved() -> None:
    """Nothing differs from the config, so nothing is shown as changed."""
    room = Bedroom()
    room.ask(SetStartTime("early", SETTINGS.schedule[0].at))
    assert not room.shot.entries["early"].is_moved


def test_days_playlist_and_volume_of_an_entry_are_changed_until_the_config_says_otherwise() -> None:
    """Each by itself; only what the config now says otherwise is taken back, the rest stays."""
    room = Bedroom()
    weekday = EVENING.weekday()
    assert room.ask(ChangeEntry("early", frozenset({weekday}), "rain", 12)).is_done
    shown = room.shot.entries["early"]
    assert (shown.days, shown.playlist, shown.volume) == ((DAYS[weekday],), "rain", 12)
    assert shown.changed == ("days", "playlist", "volume")
    assert not shown.is_moved
    room.handle(NewSettings(SETTINGS))
    assert room.shot.entries["early"].changed == ("days", "playlist", "volume"), "the config still says what it said"
    entry = replace(SETTINGS.schedule[0], volume=25)
    room.handle(NewSettings(replace(SETTINGS, schedule=(entry, SETTINGS.schedule[1]))))
    shown = room.shot.entries["early"]
    assert (shown.changed, shown.volume, shown.playlist) == (("days", "playlist"), 25, "rain")


def test_a_changed_entry_starts_as_it_was_changed() -> None:
    """Its playlist, at its volume; on a day that it was taken from, it does not start."""
    room = Bedroom()
    room.ask(ChangeEntry("early", playlist="rain", volume=12))
    room.pass_until(EVENING.replace(hour=22, minute=31))
    assert (room.shot.why, room.shot.playlist, room.shot.volume) == ("schedule:early", "rain", 12)
    other = Bedroom()
    other.ask(ChangeEntry("early", frozenset({(EVENING.weekday() + 3) % 7})))
    other.pass_until(EVENING.replace(hour=22, minute=31))
    assert other.session.state is State.IDLE


def test_a_changed_entry_goes_back_to_the_config() -> None:
    """One thing, or everything at once; what is set to the config's own value is not changed."""
    room = Bedroom()
    before = room.shot.entries["early"]
    room.ask(SetStartTime("early", time(21, 0)))
    room.ask(ChangeEntry("early", frozenset({0}), "rain", 12))
    assert room.ask(ChangeEntry("early", back=frozenset({"volume"}))).is_done
    assert room.shot.entries["early"].changed == ("at", "days", "playlist")
    answer = room.ask(ChangeEntry("early", back=frozenset({"at", "days", "playlist", "volume"})))
    assert answer.text.endswith("as in the config")
    assert room.shot.entries["early"] == before
    room.ask(ChangeEntry("early", SETTINGS.schedule[0].days))
    assert not room.shot.entries["early"].changed


def test_a_change_that_cannot_be_is_refused_and_nothing_is_changed() -> None:
    """An entry or a playlist that there is not, and too loud a volume, each with the choices."""
    room = Bedroom()
    for command, words in (
        (ChangeEntry("erly", volume=10), "did you mean 'early'"),
        (ChangeEntry("early", playlist="rian", volume=10), "did you mean 'rain'"),
        (ChangeEntry("early", frozenset({0}), volume=90), "allowed is 0 to 60"),
    ):
        answer = room.ask(command)
        assert not answer.is_done
        assert words in answer.text
        assert room.shot.refused is not None
        assert room.shot.refused.reason == answer.text
    assert not room.shot.entries["early"].changed
    assert room.ask(SetVolume(10)).is_done
    assert room.shot.refused is None, "something was obeyed since"


def test_an_entry_whose_chosen_playlist_is_gone_plays_what_the_config_says() -> None:
    """It starts all the same."""
    room = Bedroom()
    room.ask(ChangeEntry("early", playlist="rain"))
    room.handle(NewSettings(replace(SETTINGS, playlists=(Playlist("sea", ("/sea",)),))))
    assert room.shot.entries["early"].playlist == "sea"
    room.handle(NewSettings(SETTINGS))
    assert room.shot.entries["early"].changed == ("playlist",)


RESTS = RestNights(2)


def resting(rests: RestNights) -> Bedroom:
    """Seven in the evening before a rest night."""
    room = Bedroom()
    days = [EVENING + timedelta(days=ahead) for ahead in range(8)]
    eve = next(day for day in days if is_rest(day.date() + timedelta(days=1), rests) and not is_rest(day.date(), rests))
    room.now = Now(1000.0, eve.replace(hour=17, minute=0), trusted=True)
    room.handle(
        NewSettings(replace(SETTINGS, rest_nights=rests, playlists=(*SETTINGS.playlists, Playlist("sea", ("/s",)))))
    )
    room.handle(LibraryRead("sea", (Track("/s/a", "Surf"),)))
    return room


def test_every_week_has_its_rest_nights_and_each_week_its_own() -> None:
    """So many in each of a hundred weeks, on every weekday in turn, and the same ones when asked again."""
    monday = date(2026, 1, 5)
    dates = [[monday + timedelta(days=7 * week + day) for day in range(7)] for week in range(100)]
    weeks = [[is_rest(night, RESTS) for night in week] for week in dates]
    assert {sum(week) for week in weeks} == {2}
    assert all(any(week[day] for week in weeks) for day in range(7))
    assert weeks == [
        [is_rest(monday + timedelta(days=7 * week + day), RESTS) for day in range(7)] for week in range(100)
    ]
    assert not is_rest(monday, None)


def test_a_rest_night_is_said_the_evening_before_and_starts_nothing() -> None:
    """Told once, from six in the evening on; both starts of the night are left out; the state shows it."""
    room = resting(RESTS)
    room.pass_until(room.now.wall.replace(hour=17, minute=59))
    assert not room.told("rest_night")
    for minute in (0, 1, 2):
        room.pass_until(room.now.wall.replace(hour=18, minute=minute))
    (told,) = room.told("rest_night")
    night = room.now.wall.date() + timedelta(days=1)
    assert told.data == {"night": night.isoformat(), "playlist": None}
    room.ask(SkipTonight())
    room.pass_until((room.now.wall + timedelta(days=1)).replace(hour=19, minute=0))
    assert room.shot.rest_night
    assert room.shot.next_start is not None
    assert not is_rest(night_of(room.shot.next_start), RESTS)
    room.pass_until(room.now.wall.replace(hour=22, minute=30, second=2))
    assert room.session.state is State.IDLE
    assert room.told("start_missed")[-1].data["reason"] == "this is a rest night"


def test_a_restart_does_not_announce_a_rest_night_again() -> None:
    """What was told is in the memory: an automation that answers the event runs once a rest night."""
    room = resting(RESTS)
    room.now = Now(room.now.boot_s + 3660.0, room.now.wall.replace(hour=18, minute=1), trusted=True)
    (batch,) = room.session.handle(None, room.now).writes
    recalled = RecalledMemory(read_texts(batch.documents)[0])
    rested = replace(SETTINGS, rest_nights=RESTS)
    for memory, expected in ((recalled, 0), (RecalledMemory(), 1)):
        room.session, room.news = Controller(rested, random.Random(1), memory), []
        room.pass_until(room.now.wall.replace(second=room.now.wall.second + 1))
        assert len(room.told("rest_night")) == expected


def test_a_rest_night_may_play_something_else() -> None:
    """With a playlist of its own the start happens, with that one."""
    room = resting(RestNights(2, "sea"))
    room.ask(SkipTonight())
    room.pass_until((room.now.wall + timedelta(days=1)).replace(hour=22, minute=30, second=2))
    assert (room.session.state, room.shot.playlist) == (State.PLAYING, "sea")


def test_what_was_planned_by_hand_comes_in_a_skipped_night_and_in_a_rest_night() -> None:
    """Whoever skips the schedule and plans a start of his own wants that one."""
    room = Bedroom()
    room.ask(SkipTonight())
    room.ask(Tonight(time(21, 0)))
    assert room.shot.next_entry == "tonight"
    room.pass_until(EVENING.replace(hour=21, second=1))
    assert room.shot.why == "schedule:tonight"


def test_what_was_planned_by_hand_comes_while_the_schedule_is_off() -> None:
    """Accepted is promised: it is shown and it starts; the entries do not."""
    room = Bedroom()
    room.ask(SetSchedule(False))
    room.ask(Tonight(time(23, 0)))
    assert room.shot.next_entry == "tonight"
    room.pass_until(EVENING.replace(hour=22, minute=30, second=2))
    assert room.session.state is State.IDLE
    room.pass_until(EVENING.replace(hour=23, second=1))
    assert room.shot.why == "schedule:tonight"


def test_a_refused_next_changes_nothing() -> None:
    """Asked before the only track was heard: nothing is marked as skipped."""
    room = Bedroom("a")
    room.session = Controller(
        replace(SETTINGS, playlists=(Playlist("rain", ("/rain",), Order.ONCE),)), random.Random(1)
    )
    room.handle(LibraryRead("rain", (Track("/rain/a", "A"),)))
    room.ask(Play("rain"))
    assert not room.ask(Next()).is_done
    assert not room.session._rotation.was_heard("rain", "/rain/a")
