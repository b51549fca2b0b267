"""Nights in phases: what follows when a sleep timer ends, how it begins, and how the whole of it ends."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, time
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from player.config import parse
from player.core.clock import elapsed_s
from player.core.commands import (
    Advance,
    Asleep,
    Awake,
    ExtendTimer,
    Pause,
    Play,
    Resume,
    SetTimer,
    SetVolume,
    Stop,
)
from player.core.engine_orders import Crossfade, PlayItem, RampTo
from player.core.limits import MAX_RISE_DB_PER_S
from player.core.settings.bed import Bed
from player.core.settings.safety import SessionSettings, Taper
from player.core.settings.session import (
    TIMER_END_OF_TRACK,
    Entry,
    Order,
    Phase,
    Playlist,
    Settings,
    TimerSetting,
    VolumeSettings,
)
from player.core.states import State
from player.core.units import SILENCE_DB, volume_to_db
from player.session.phases import planned_night
from tests import effort
from tests.nights.night_rig import Nights
from tests.nights.remembered_nights import Remembering
from tests.paths import ROOT

BERLIN = ZoneInfo("Europe/Berlin")
EVENING = datetime(2026, 1, 15, 22, 30, tzinfo=BERLIN)
MORNING = TimerSetting.at(time(6, 30))
BROWN = Phase("brown", 15, MORNING)
SETTINGS = Settings(
    playlists=(
        Playlist("whispers", ("/w",), then=(BROWN,)),
        Playlist("rain", ("/r",)),
        Playlist("brown", ("noise:brown",)),
        Playlist("story", ("/s",), Order.ONCE),
    ),
    volume=VolumeSettings(default=30, max=60),
    timer=TimerSetting.clock(45 * 60.0),
)
THREE = (Phase("rain", 20, TimerSetting.clock(3600.0)), BROWN)


@pytest.fixture
def nights() -> Nights:
    return Nights(SETTINGS, EVENING)


def shown(nights: Nights) -> tuple[int | None, int | None, str | None, int]:
    """Which phase of how many, what plays, how loud."""
    state = nights.session.snapshot(nights.now)
    return state.phase, state.phases, state.playlist, state.volume


def test_the_commonest_night_ends_within_a_second_of_half_past_six(nights: Nights) -> None:
    """45 minutes of whispers at 30, then noise at 15 until 06:30: never silent between, and one fade."""
    levels: list[tuple[float, float]] = []
    nights.on_step = lambda: levels.append((nights.now.boot_s, nights.engine.level_db()))
    nights.command(Play())
    assert nights.session.snapshot(nights.now).next_phase == EVENING.replace(hour=23, minute=15)
    nights.run_for(2699.0)
    assert shown(nights) == (1, 2, "whispers", 30)
    assert nights.engine.level_db() == volume_to_db(30)  # no fade-out at the end of a phase that another one follows
    nights.run_for(2.0)
    assert shown(nights) == (2, 2, "brown", 15)
    assert nights.session.snapshot(nights.now).next_phase is None
    assert nights.session.snapshot(nights.now).timer_ends == datetime(2026, 1, 16, 6, 30, tzinfo=BERLIN)
    (last,) = [order for order in nights.engine.orders if isinstance(order, PlayItem)][-1:]
    assert last.crossing is Crossfade.BLEND
    nights.run_for(8 * 3600.0)
    (ended,) = nights.events("session_ended")
    assert abs(elapsed_s(EVENING, ended.now.wall) - 8 * 3600.0) <= 1.0
    assert "whispers, brown from 22:30" in ended.news.text
    assert ended.news.data["reason"] == "timer"
    sounding = [(at_s, db) for at_s, db in levels if db != SILENCE_DB]
    for (before_s, before_db), (after_s, after_db) in pairwise(sounding):
        assert after_db - before_db <= MAX_RISE_DB_PER_S * (after_s - before_s) + 1e-6
    first, last_at = sounding[0][0], sounding[-1][0]
    assert all(db != SILENCE_DB for at_s, db in levels if first <= at_s <= last_at)
    (begun,) = nights.events("phase_started")
    assert begun.news.data == {"phase": 2, "phases": 2, "playlist": "brown", "volume": 15}


@pytest.mark.parametrize(("day", "hours"), effort.first(1, [(28, 7), (27, 8)]))
def test_the_night_of_summer_time_is_an_hour_shorter(day: int, hours: int) -> None:
    """06:30 on the clocks all the same."""
    evening = datetime(2026, 3, day, 22, 30, tzinfo=BERLIN)
    nights = Nights(SETTINGS, evening)
    nights.command(Play())
    nights.run_for(9 * 3600.0)
    (ended,) = nights.events("session_ended")
    assert abs(elapsed_s(evening, ended.now.wall) - hours * 3600.0) <= 1.0


def test_three_phases_by_the_schedule_and_in_play() -> None:
    """An entry's own phases count instead of its playlist's; `play` may name them, and name none."""
    entry = Entry("nightly", time(22, 30), playlist="whispers", then=THREE)
    nights = Nights(replace(SETTINGS, schedule=(entry,)), EVENING.replace(minute=29))
    nights.run_for(62.0)
    assert shown(nights) == (1, 3, "whispers", 30)
    nights.run_for(2700.0)
    assert shown(nights) == (2, 3, "rain", 20)
    nights.run_for(3600.0)
    assert shown(nights) == (3, 3, "brown", 15)
    nights.command(Stop())
    nights.run_for(5.0)
    nights.command(Play("whispers", then=()))
    assert shown(nights) == (1, 1, "whispers", 30)
    nights.command(Play(then=(BROWN,)))
    assert shown(nights) == (1, 2, "whispers", 30)
    refused = nights.command(Play(then=(Phase("sea"),)))
    assert refused.text.startswith("unknown playlist 'sea'")
    assert nights.command(Play(then=(Phase(volume=70),))).text.startswith("volume 70 is out of range")
    assert shown(nights) == (1, 2, "whispers", 30)


def test_a_volume_is_above_the_one_before_only_where_it_was_written_so(nights: Nights) -> None:
    """Turned down to 10, a phase at 15 stays at 10; one at 40 after one at 20 rises, slower than anybody notices."""
    nights.command(Play())
    nights.command(SetVolume(10))
    nights.run_for(2701.0)
    assert shown(nights) == (2, 2, "brown", 10)
    louder = (Phase("rain", 20, TimerSetting.clock(600.0)), Phase("brown", 40, TimerSetting.clock(3600.0)))
    nights = Nights(SETTINGS, EVENING)
    nights.command(Play("whispers", then=louder))
    nights.run_for(2700.0 + 601.0)
    ramp = [order for order in nights.engine.orders if isinstance(order, RampTo)][-1]
    assert ramp.target_db == volume_to_db(40)
    assert (volume_to_db(40) - volume_to_db(20)) / ramp.over_s <= 0.1 + 1e-6


def test_the_sleep_timer_is_that_of_the_phase(nights: Nights) -> None:
    """Timer and extend move the beginning of the next phase; the answer says so; the last one ends in silence."""
    nights.command(Play())
    assert nights.command(SetTimer(TimerSetting.clock(600.0))).text == "next phase in 10m"
    assert nights.command(ExtendTimer(300.0)).text == "next phase in 15m"
    nights.run_for(901.0)
    assert shown(nights)[:3] == (2, 2, "brown")
    assert nights.command(SetTimer(TimerSetting.clock(600.0))).text == "silent in 10m"
    nights.run_for(601.0)
    assert nights.state is State.IDLE


def test_advance_goes_on_now_and_is_refused_after_the_last(nights: Nights) -> None:
    """Also in a pause, without a sound."""
    nights.command(Play(then=THREE))
    nights.run_for(60.0)
    assert nights.command(Advance()).text == "phase 2 of 3: rain at volume 20"
    nights.run_for(60.0)
    nights.command(Pause())
    nights.run_for(10.0)
    assert nights.command(Advance()).text == "phase 3 of 3: brown at volume 15"
    nights.run_for(60.0)
    assert (nights.state, nights.engine.level_db()) == (State.PAUSED, SILENCE_DB)
    nights.command(Resume())
    nights.run_for(60.0)
    assert nights.engine.level_db() == volume_to_db(15)
    refused = nights.command(Advance())
    assert (refused.is_done, refused.text) == (False, "advance: no phase follows")
    assert nights.command(Play("rain")).is_done
    assert shown(nights)[:3] == (3, 3, "rain")


def test_a_phase_ends_with_its_track_or_its_playlist() -> None:
    """The next one is blended over the end of the last track; there is no silence and no fade-out between."""
    for start in (Play("whispers", timer=TIMER_END_OF_TRACK), Play("story", then=(BROWN,))):
        nights = Nights(SETTINGS, EVENING)
        nights.command(start)
        nights.run_for(20.0)
        longest_s = 240.0 * (1 if start.playlist == "whispers" else 4)
        while shown(nights)[0] == 1 and nights.now.boot_s < 1000.0 + longest_s + 60.0:
            assert nights.state is State.PLAYING
            nights.run_for(1.0)
        assert longest_s - 15.0 <= nights.now.boot_s - 1000.0 <= longest_s + 2.0
        assert shown(nights)[:3] == (2, 2, "brown")
        nights.run_for(60.0)
        assert nights.state is State.PLAYING


def test_a_phase_whose_end_has_passed_is_left_out_and_the_night_fades_out() -> None:
    """Whispers until 06:45, and the noise after them until 06:30: a fade of ten minutes, silent at 06:45 as told."""
    nights = Nights(SETTINGS, datetime(2026, 1, 16, 6, 0, tzinfo=BERLIN))
    nights.command(Play())
    told = nights.session.snapshot(nights.now)
    assert (told.next_phase, told.timer_ends) == (None, datetime(2026, 1, 16, 6, 45, tzinfo=BERLIN))
    nights.run_for(2700.0 - 610.0)
    assert nights.state is State.PLAYING
    nights.run_for(20.0)
    assert nights.state is State.FADING_OUT
    nights.run_for(591.0)  # 06:45:01
    assert nights.state is State.IDLE
    assert not nights.events("phase_started")


def test_the_maximum_length_ends_the_night_before_a_phase_that_would_come_later() -> None:
    """An hour for the whole night: what is set to two hours is said to be silent after one, and fades before that."""
    nights = Nights(replace(SETTINGS, session=SessionSettings(max_s=3600.0)), EVENING)
    nights.command(Play())
    assert nights.command(SetTimer(TimerSetting.clock(7200.0))).text == "silent in 1h (session.max)"
    state = nights.session.snapshot(nights.now)
    assert (state.phase, state.phases, state.next_phase) == (1, 2, None)
    assert nights.command(SetTimer(TimerSetting.at(time(6, 30)))).text == "silent in 1h, Thu 23:30 (session.max)"
    nights.run_for(3601.0)
    assert nights.state is State.IDLE
    assert not nights.events("phase_started")


def test_a_timer_decides_whether_the_next_phase_still_comes() -> None:
    """Before a phase until 06:30: what ends at 06:45 is said to be silent then, what ends at 06:15 to go on."""
    nights = Nights(SETTINGS, datetime(2026, 1, 16, 6, 0, tzinfo=BERLIN))
    nights.command(Play())
    assert nights.command(SetTimer(TimerSetting.clock(900.0))).text == "next phase in 15m"
    assert nights.command(SetTimer(TimerSetting.clock(2700.0))).text == "silent in 45m"
    assert nights.command(ExtendTimer(-1800.0)).text == "next phase in 15m"
    assert nights.command(SetTimer(TIMER_END_OF_TRACK)).text == "next phase at the end of the track"
    nights.command(SetTimer(TimerSetting.clock(900.0)))
    nights.run_for(901.0)
    assert shown(nights) == (2, 2, "brown", 15)


def test_asleep_begins_a_phase_that_waits_for_it_and_otherwise_shortens_this_one() -> None:
    """And the last phase, which was written for the sleeper, keeps its end however often a phone says asleep."""
    waiting = (replace(BROWN, when_asleep=True),)
    nights = Nights(SETTINGS, EVENING)
    nights.command(Play("whispers", then=waiting))
    nights.run_for(300.0)
    assert nights.command(Asleep()).text == "asleep: silent in 7h55m, Fri 06:30"
    assert shown(nights) == (2, 2, "brown", 15)
    nights.run_for(3600.0)
    nights.command(Awake())
    nights.command(Asleep())
    assert nights.session.snapshot(nights.now).timer_ends == datetime(2026, 1, 16, 6, 30, tzinfo=BERLIN)
    other = Nights(SETTINGS, EVENING)
    other.command(Play())
    other.run_for(300.0)
    assert other.command(Asleep()).text == "asleep: next phase in 20m"
    other.run_for(1201.0)
    assert shown(other) == (2, 2, "brown", 15)


def test_asleep_makes_nothing_louder_even_where_the_next_phase_was_written_louder() -> None:
    """From 20 to a phase at 30 that waits for sleep: it begins at 20; `advance` by hand goes to 30."""
    for command, volume in ((Asleep(), 20), (Advance(), 30)):
        nights = Nights(SETTINGS, EVENING)
        nights.command(Play("rain", volume=20, then=(Phase("brown", 30, MORNING, when_asleep=True),)))
        nights.run_for(300.0)
        assert nights.session.louder.is_next_phase(nights.now.boot_s)
        nights.command(command)
        nights.run_for(900.0)
        shown = nights.session.snapshot(nights.now)
        assert (shown.playlist, shown.phase, shown.volume) == ("brown", 2, volume)
        assert nights.engine.level_db() == volume_to_db(volume)


def test_while_somebody_sleeps_no_phase_raises_the_volume_after_a_crash_neither() -> None:
    """From 20 to a phase at 30 that follows within 20 min of asleep; once awake, the one after it is at its 40."""
    twenty = TimerSetting.clock(1200.0)
    for is_off in (False, True):
        nights = Remembering(SETTINGS, EVENING)
        nights.command(Play("rain", volume=20, then=(Phase("brown", 30, twenty), Phase("rain", 40))))
        nights.run_for(300.0)
        nights.command(Asleep())
        nights.run_for(1100.0)
        if is_off:
            nights.die(300.0)
        else:
            nights.run_for(300.0)
        nights.run_for(300.0)
        shown = nights.session.snapshot(nights.now)
        assert (shown.phase, shown.volume) == (2, 20)
        nights.command(Awake())
        nights.run_for(1200.0)
        shown = nights.session.snapshot(nights.now)
        assert (shown.phase, shown.volume) == (3, 40)


@pytest.mark.parametrize(
    ("then", "is_louder"),
    [
        ((), False),
        ((Phase("brown"),), False),
        ((Phase("brown", 20),), False),
        ((Phase("brown", 21),), True),
        ((Phase("brown", 15, bed=(Bed("rain"),)),), True),
        ((Phase("brown", 15, bed=()),), False),
        ((Phase("brown", 30, TimerSetting.at(time(22, 31))), Phase("rain", 10)), False),
        ((Phase("brown", 10, TimerSetting.at(time(22, 31))), Phase("rain", 25)), True),
    ],
)
def test_whether_the_next_phase_is_louder(then: tuple[Phase, ...], is_louder: bool) -> None:
    """By its own volume or bed; one whose end has passed is left out, as `advance` leaves it out.

    The last one is above what was written for the phase that is left out, so it is raised to what was written for it.
    """
    nights = Nights(SETTINGS, EVENING)
    nights.command(Play("rain", volume=20, then=then))
    nights.run_for(300.0)
    assert nights.session.louder.is_next_phase(nights.now.boot_s) == is_louder


def test_a_phase_whose_playlist_brings_a_bed_is_louder() -> None:
    """Not where that playlist plays already, nor where a bed was named, which stays."""
    story = replace(SETTINGS.playlists[3], bed=(Bed("brown"),))
    settings = replace(SETTINGS, playlists=(*SETTINGS.playlists[:3], story))
    then = (Phase("story", 10),)
    for play, is_louder in (
        (Play("rain", volume=20, then=then), True),
        (Play("rain", volume=20, then=then, bed=(Bed("brown"),)), False),
        (Play("story", volume=20, then=then), False),
    ):
        nights = Nights(settings, EVENING)
        nights.command(play)
        nights.run_for(30.0)
        assert nights.session.louder.is_next_phase(nights.now.boot_s) == is_louder, play
        assert nights.session.louder.brings_bed("story") == is_louder
    assert not nights.session.louder.brings_bed("rain")


@pytest.mark.parametrize(
    ("at_s", "off_s", "phase"), effort.first(1, [(3000.0, 5.0, 2), (2690.0, 60.0, 2), (600.0, 60.0, 1)])
)
def test_after_a_crash_or_a_power_cut_it_is_in_the_phase_that_is_due(at_s: float, off_s: float, phase: int) -> None:
    """In the second phase, in the first, or where the second should have begun meanwhile; it ends at 06:30."""
    for boot in (None, "another boot"):
        nights = Remembering(SETTINGS, EVENING)
        nights.command(Play())
        nights.run_for(at_s)
        nights.die(off_s, boot)
        nights.run_for(35.0)
        assert shown(nights)[:3] == (phase, 2, {1: "whispers", 2: "brown"}[phase])
        assert nights.session.snapshot(nights.now).volume <= (30 if phase == 1 else 15)
        nights.run_for(9 * 3600.0)
        (ended,) = nights.events("session_ended")
        # what was written down may be a second old; the wall clock is all that there is after a power cut
        assert abs(elapsed_s(EVENING, ended.now.wall) - 8 * 3600.0) <= 1.0


def test_eight_hours_in_three_phases_with_a_crash_in_the_second_rise_slowly_and_end_in_time() -> None:
    """Ends within a second of 06:30, at most 6 dB/s, and after the crash no louder than before it."""
    nights = Remembering(SETTINGS, EVENING)
    levels: list[tuple[float, float]] = []
    nights.on_step = lambda: levels.append((nights.now.boot_s, nights.engine.level_db()))
    nights.command(Play("whispers", then=THREE))
    nights.run_for(4000.0)
    assert shown(nights) == (2, 3, "rain", 20)
    nights.die(5.0)
    died = len(levels)
    nights.run_for(60.0)
    assert shown(nights) == (2, 3, "rain", 20)
    nights.run_for(2300.0)
    assert shown(nights) == (3, 3, "brown", 15)
    nights.run_for(8 * 3600.0)
    (ended,) = nights.events("session_ended")
    assert abs(elapsed_s(EVENING, ended.now.wall) - 8 * 3600.0) <= 1.0
    sounding = [(at_s, db) for at_s, db in levels if db != SILENCE_DB]
    for (before_s, before_db), (after_s, after_db) in pairwise(sounding):
        assert after_db - before_db <= MAX_RISE_DB_PER_S * (after_s - before_s) + 1e-6
    assert max(db for _, db in levels[died:]) <= volume_to_db(20) + 1e-9


def test_phases_taper_in_their_own_way() -> None:
    """6 dB an hour in the second phase alone, and not at all in the third."""
    then = (
        Phase("rain", 30, TimerSetting.clock(3600.0), Taper(6.0, 5)),
        Phase("brown", None, MORNING, None, has_no_taper=True),
    )
    nights = Nights(replace(SETTINGS, session=SessionSettings(taper=Taper(1.0, 5))), EVENING)
    nights.command(Play("whispers", then=then))
    nights.run_for(2701.0)
    began = shown(nights)[3]
    nights.run_for(3500.0)
    assert began - shown(nights)[3] in {11, 12}
    nights.run_for(102.0)
    ended = shown(nights)[3]
    nights.run_for(3 * 3600.0)
    assert shown(nights)[3] == ended


def test_a_playlist_that_is_gone_or_empty_leaves_what_plays() -> None:
    """The timer of the phase counts all the same."""
    nights = Nights(replace(SETTINGS, playlists=SETTINGS.playlists[:2]), EVENING)
    nights.command(Play())
    nights.run_for(2701.0)
    assert shown(nights) == (2, 2, "whispers", 15)


def test_a_planned_night_says_when_each_phase_begins_and_which_never_comes() -> None:
    """For `lull check`, `lull schedule` and the rehearsal."""
    planned = planned_night(SETTINGS.timer, THREE, SETTINGS.timer, EVENING)
    assert [(one.begins_s, one.ends_s, one.never) for one in planned] == [
        (0.0, 2700.0, None),
        (2700.0, 6300.0, None),
        (6300.0, 8 * 3600.0, None),
    ]
    late = (Phase("rain", None, TimerSetting.at(time(23, 0))), BROWN)
    assert [one.never for one in planned_night(SETTINGS.timer, late, SETTINGS.timer, EVENING)] == [
        None, "it would begin after 23:00", None,
    ]  # fmt: skip
    endless = planned_night(TimerSetting.clock(60.0), (Phase(timer=TIMER_END_OF_TRACK), BROWN), SETTINGS.timer, EVENING)
    assert [(one.begins_s, one.ends_s) for one in endless] == [(0.0, 60.0), (60.0, None), (None, 8 * 3600.0)]


def test_the_commented_night_of_the_example_config_is_this_night() -> None:
    """Without its comment signs it is read, and ends at 06:30."""
    lines = (ROOT / "config" / "lull.yaml").read_text(encoding="utf-8").splitlines()
    begin = next(number for number, line in enumerate(lines) if line.strip() == "# then:")
    then = [line.replace("# ", "", 1) for line in lines[begin : begin + 6]]
    noise = [line.replace("# ", "", 1) for line in lines if "# noise:" in line or 'paths: ["noise:brown"]' in line]
    text = "\n".join(["playlists:", "  whispers:", "    paths: [/w]", *then, *noise])
    found = parse(text + "\n").settings
    assert found.playlists[0].then == (Phase("noise", 15, MORNING, None, has_no_taper=True, when_asleep=True),)
    nights = Nights(found, EVENING)
    nights.command(Play())
    nights.run_for(9 * 3600.0)
    (ended,) = nights.events("session_ended")
    assert abs(elapsed_s(EVENING, ended.now.wall) - 8 * 3600.0) <= 1.0
