"""Sleep that is noticed: `asleep`, `awake`, and timers that only shorten. Nothing becomes longer or louder by them."""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from player.core.commands import (
    Asleep,
    Awake,
    Command,
    ExtendTimer,
    Next,
    Pause,
    Play,
    Resume,
    SetTimer,
    SetVolume,
    ShortenTimer,
    Stop,
    Toggle,
)
from player.core.engine_orders import SetGuard
from player.core.limits import fallen_db
from player.core.settings.bed import Bed
from player.core.settings.safety import FadeSettings, NightCap, SessionSettings, Taper
from player.core.settings.session import (
    TIMER_END_OF_PLAYLIST,
    TIMER_END_OF_TRACK,
    TIMER_OFF,
    Phase,
    Playlist,
    Settings,
    TimerSetting,
    VolumeSettings,
)
from player.core.states import State
from player.core.units import SILENCE_DB, volume_to_db
from tests import effort
from tests.nights.night_rig import Nights
from tests.nights.remembered_nights import Remembering

EVENING = datetime(2026, 1, 15, 22, 0, tzinfo=UTC)
SETTINGS = Settings(
    playlists=(Playlist("whispers", ("/w",)),),
    volume=VolumeSettings(default=30, max=60, night_cap=NightCap(20, 3600.0)),
    session=SessionSettings(taper=Taper(6.0, 15)),
    fades=FadeSettings(fade_in_s=30.0, fade_out_s=300.0),
)


@pytest.fixture
def nights() -> Nights:
    return Nights(SETTINGS, EVENING)


def left_s(nights: Nights) -> float:
    """Seconds until silence; endless where nothing sets an end."""
    shown = nights.session.snapshot(nights.now).timer_remaining_s
    return math.inf if shown is None else shown


def silent_after_s(nights: Nights, longest_s: float) -> float:
    """How long it sounds from now on."""
    began_s = nights.now.boot_s
    while nights.state is not State.IDLE and nights.now.boot_s - began_s < longest_s:
        nights.run_for(0.5)
    return nights.now.boot_s - began_s


def test_asleep_brings_the_guard_the_cap_the_taper_and_the_end_forward(nights: Nights) -> None:
    """Five minutes into an endless session: strict, from 30 to 20 within a minute, sinking from there, 20 min left."""
    nights.command(Play(timer=TIMER_OFF))
    nights.run_for(300.0)
    assert nights.engine.orders.count(SetGuard(is_strict=True)) == 0
    answer = nights.command(Asleep())
    assert (answer.is_done, answer.text) == (True, "asleep: silent in 20m")
    shown = nights.session.snapshot(nights.now)
    assert (shown.is_asleep, shown.volume_max, shown.volume, shown.timer_remaining_s) == (True, 20, 20, 1200.0)
    assert nights.engine.orders.count(SetGuard(is_strict=True)) == 1
    nights.run_for(60.0)
    assert nights.engine.level_db() == volume_to_db(20)
    nights.run_for(270.0)  # 6 dB an hour are half a decibel, a point, in 303 s
    assert nights.session.snapshot(nights.now).volume == 19
    assert silent_after_s(nights, 2000.0) == pytest.approx(1200.0 - 330.0, abs=1.0)
    (told,) = nights.events("asleep")
    assert told.news.data == {"seconds": 1200}
    assert nights.events("timer_expired")


@pytest.mark.parametrize("timer", [TimerSetting.clock(600.0), TIMER_END_OF_TRACK])
def test_what_would_end_sooner_is_not_made_longer_by_asleep(timer: TimerSetting) -> None:
    """Ten minutes, or a track of four."""
    ends = []
    for command in (Asleep(), None):
        nights = Nights(SETTINGS, EVENING)
        nights.command(Play(timer=timer))
        nights.run_for(60.0)
        if command is not None:
            nights.command(command)
        ends.append(silent_after_s(nights, 3000.0))
    assert ends[0] == ends[1] < 600.0


def test_asleep_ends_a_playlist_that_would_go_on_for_longer(nights: Nights) -> None:
    """A timer to the end of the playlist, 16 min: with an asleep_timer of five it is silent after five."""
    nights = Nights(replace(SETTINGS, session=SessionSettings(asleep_timer_s=300.0)), EVENING)
    nights.command(Play(timer=TIMER_END_OF_PLAYLIST))
    nights.run_for(60.0)
    assert nights.command(Asleep()).text == "asleep: silent in 5m, or at the end of the playlist"
    assert silent_after_s(nights, 3000.0) == pytest.approx(300.0, abs=1.0)


def test_asleep_with_the_asleep_timer_off_leaves_the_end_alone(nights: Nights) -> None:
    """Guard and cap tighten all the same."""
    nights = Nights(replace(SETTINGS, session=SessionSettings(asleep_timer_s=None)), EVENING)
    nights.command(Play(timer=TimerSetting.clock(7200.0)))
    nights.run_for(60.0)
    nights.command(Asleep())
    assert left_s(nights) == pytest.approx(7140.0, abs=0.1)
    assert nights.session.snapshot(nights.now).volume == 20


def test_awake_gives_the_end_back_and_makes_nothing_louder(nights: Nights) -> None:
    """Somebody turned over: the level stays at the cap, the guard strict; a person may then ask for the old level."""
    nights.command(Play(timer=TimerSetting.clock(7200.0)))
    nights.run_for(300.0)
    nights.command(Asleep())
    nights.run_for(120.0)
    guard = [order for order in nights.engine.orders if isinstance(order, SetGuard)]
    assert nights.command(Awake()).text == "awake: silent in 1h53m"
    shown = nights.session.snapshot(nights.now)
    assert (shown.is_asleep, shown.volume, shown.volume_max) == (False, 20, 60)
    nights.run_for(60.0)
    assert nights.engine.level_db() == volume_to_db(20)
    assert [order for order in nights.engine.orders if isinstance(order, SetGuard)] == guard
    assert nights.command(SetVolume(30)).text == "volume 30"


def test_awake_in_the_final_fade_changes_nothing(nights: Nights) -> None:
    """What is on its way to silence gets there when it would have; `play` takes it back, as ever."""
    nights.command(Play(timer=TimerSetting.clock(7200.0)))
    nights.run_for(60.0)
    nights.command(Asleep())
    nights.run_for(1000.0)
    assert nights.state is State.FADING_OUT
    orders = list(nights.engine.orders)
    nights.command(Awake())
    assert nights.engine.orders == orders
    assert silent_after_s(nights, 1000.0) == pytest.approx(200.0, abs=1.0)


def test_a_person_has_the_last_word_over_the_end(nights: Nights) -> None:
    """A timer or an extension after asleep stands, whatever awake says after it."""
    nights.command(Play(timer=TimerSetting.clock(7200.0)))
    nights.run_for(60.0)
    nights.command(Asleep())
    nights.command(ExtendTimer(900.0))
    assert left_s(nights) == 2100.0
    nights.command(Awake())
    assert left_s(nights) == 2100.0


def test_a_long_final_fade_is_shortened_by_asleep_and_at_most(nights: Nights) -> None:
    """Two hours of fading are silent 20 min after asleep, and a minute after at-most; the level only falls."""
    nights = Nights(replace(SETTINGS, fades=FadeSettings(fade_out_s=7200.0)), EVENING)
    nights.command(Play(timer=TimerSetting.clock(7200.0)))
    nights.run_for(600.0)
    assert nights.state is State.FADING_OUT
    before_db = nights.engine.level_db()
    nights.command(Asleep())
    assert left_s(nights) == 1200.0
    nights.run_for(60.0)
    assert nights.state is State.FADING_OUT
    assert nights.engine.level_db() < before_db
    assert nights.command(ShortenTimer(60.0)).text == "silent in 1m"
    assert silent_after_s(nights, 1000.0) == pytest.approx(60.0, abs=1.0)


def test_at_most_shortens_and_never_lengthens(nights: Nights) -> None:
    """An endless session gets an end; a nearer end stays."""
    nights.command(Play(timer=TIMER_OFF))
    nights.run_for(60.0)
    assert nights.command(ShortenTimer(600.0)).text == "silent in 10m"
    assert nights.command(ShortenTimer(1200.0)).text == "silent in 10m"
    assert nights.command(ShortenTimer(60.0)).text == "silent in 1m"
    assert silent_after_s(nights, 1000.0) == pytest.approx(60.0, abs=1.0)
    assert nights.command(ShortenTimer(60.0)).text == "timer: nothing is playing"


def test_asleep_and_awake_without_a_session_do_nothing(nights: Nights) -> None:
    """A phone says so every night, whether anything plays or not: it is no mistake, and no event."""
    for command in (Asleep(), Awake()):
        answer = nights.command(command)
        assert (answer.is_done, answer.text) == (True, "nothing is playing")
    assert not nights.told[0:]


def test_a_fade_in_that_is_cut_down_by_asleep_does_not_come_sooner() -> None:
    """An hour's fade-in to 30, asleep after 20 min: the cap of 20 is reached when 30 would have been."""
    slow = replace(SETTINGS, fades=FadeSettings(fade_in_s=3600.0), session=SessionSettings(asleep_timer_s=None))
    nights = Nights(slow, EVENING)
    nights.command(Play(timer=TIMER_OFF))
    nights.run_for(1200.0)
    nights.command(Asleep())
    other = Nights(slow, EVENING)
    other.command(Play(timer=TIMER_OFF))
    other.run_for(1200.0)
    for _ in range(40):
        assert nights.engine.level_db() <= other.engine.level_db() + 1e-6
        nights.run_for(60.0)
        other.run_for(60.0)


def test_asleep_survives_a_crash() -> None:
    """Strict guard, cap and end are there after it, and awake cannot make it longer than it had become."""
    nights = Remembering(SETTINGS, EVENING)
    nights.command(Play(timer=TIMER_OFF))
    nights.run_for(300.0)
    nights.command(Asleep())
    nights.run_for(120.0)
    nights.die(5.0)
    nights.run_for(30.0)
    shown = nights.session.snapshot(nights.now)
    assert (shown.why, shown.is_asleep, shown.volume_max) == ("resume", True, 20)
    assert shown.timer_remaining_s == pytest.approx(1200.0 - 155.0, abs=1.5)
    assert nights.engine.orders.count(SetGuard(is_strict=True)) >= 1
    before = left_s(nights)
    nights.command(Awake())
    assert left_s(nights) <= before


@dataclass(frozen=True)
class Step:
    """Something that is asked for, and how long it is quiet after it."""

    command: Command
    then_s: float


ORDERS: list[Command] = [
    Play(), SetVolume(0), SetVolume(25), SetVolume(60), SetVolume(-4, is_relative=True), ExtendTimer(900.0),
    ExtendTimer(-300.0), SetTimer(TIMER_OFF), SetTimer(TIMER_END_OF_TRACK), SetTimer(TimerSetting.clock(2400.0)),
    ShortenTimer(600.0), Next(), Pause(), Resume(), Toggle(), Stop(),
]  # fmt: skip
STEPS = st.builds(
    Step,
    st.one_of(st.sampled_from([Asleep(), Awake()]), st.sampled_from(ORDERS)),
    st.sampled_from([0.0, 3.0, 40.0, 400.0]),
)


LOWER = SetVolume(-4, is_relative=True)


@example([Step(SetVolume(0), 0.0), Step(Asleep(), 3.0)], 60.0, 120.0, False)
@example(
    [Step(Pause(), 3.0), Step(Play(), 0.0), Step(SetVolume(0), 0.0), Step(Asleep(), 3.0)],
    60.0,
    120.0,
    False,
)
@example([Step(SetVolume(25), 0.0), Step(LOWER, 3.0), Step(Asleep(), 40.0)], None, 7200.0, False)
@example([Step(LOWER, 0.0), Step(LOWER, 40.0), Step(Asleep(), 3.0)], None, 7200.0, False)
@example([Step(Asleep(), 40.0), Step(Toggle(), 0.0), Step(Awake(), 0.0)], 60.0, 120.0, False)
@example([Step(Play(), 80.0), Step(SetTimer(TIMER_END_OF_TRACK), 0.0), Step(Asleep(), 40.0)], 1200.0, 7200.0, False)
@example(
    [
        Step(SetTimer(TIMER_END_OF_TRACK), 0.0),
        Step(ShortenTimer(600.0), 3.0),
        Step(Asleep(), 3.0),
        Step(Asleep(), 400.0),
    ],
    None,
    120.0,
    False,
)
@settings(max_examples=effort.examples(12, 100), deadline=None)
@given(
    st.lists(STEPS, min_size=1, max_size=12),
    st.sampled_from([None, 60.0, 1200.0]),
    st.sampled_from([0.0, 120.0, 7200.0]),
    st.booleans(),
)
def test_asleep_and_awake_in_any_order_never_lengthen_or_raise(
    steps: list[Step], asleep_timer_s: float | None, fade_out_s: float, pause_holds: bool
) -> None:
    """Against the same night without that one word, at every second until something else is asked for.

    `asleep` ends no later and is nowhere louder. `awake` ends no later than a person last asked for, and is nowhere
    louder than the level that it found, or that was on its way.
    """
    own = replace(
        SETTINGS,
        fades=replace(SETTINGS.fades, fade_out_s=fade_out_s),
        session=SessionSettings(pause_holds_timer=pause_holds, taper=Taper(12.0, 5), asleep_timer_s=asleep_timer_s),
    )
    nights = Nights(own, EVENING)
    nights.command(Play())
    nights.run_for(20.0)
    latest_s = nights.now.boot_s + left_s(nights)
    for step in steps:
        without = copy.deepcopy(nights)
        loudest_db = max(nights.engine.level_db(), _target_db(nights))
        was = nights.state
        if nights.command(step.command).is_done:
            latest_s = _asked_end_s(step.command, was, latest_s, nights)
        is_noticed = isinstance(step.command, Asleep | Awake)
        for _ in range(10):
            nights.run_for(step.then_s / 10)
            without.run_for(step.then_s / 10)
            if isinstance(step.command, Asleep):
                assert nights.engine.level_db() <= without.engine.level_db() + 1e-6
                assert left_s(nights) <= left_s(without) + 1e-6 or nights.state is State.IDLE
            elif isinstance(step.command, Awake):
                assert nights.engine.level_db() <= loudest_db + 1e-6
            if is_noticed and not pause_holds and nights.state not in {State.IDLE, State.STOPPING}:
                assert nights.now.boot_s + left_s(nights) <= latest_s + 1e-6


PHASES = st.lists(
    st.builds(
        Phase,
        st.sampled_from([None, "rain"]),
        st.sampled_from([None, 10, 25, 40]),
        st.sampled_from([None, TimerSetting.clock(900.0), TIMER_END_OF_TRACK, TimerSetting.at(time(23, 0))]),
        when_asleep=st.booleans(),
        bed=st.sampled_from([None, (), (Bed("rain"),)]),
    ),
    min_size=1,
    max_size=3,
)


@example(  # the last word and a crash fall into the final fade
    [Phase(None, None, None), Phase(None, None, TIMER_END_OF_TRACK), Phase(None, None, TimerSetting.at(time(23, 0)))],
    1000.0,
    [Asleep()] * 3,
    True,
)
@example([Phase("rain", 40, TimerSetting.clock(900.0), when_asleep=True)], 60.0, [Asleep()], False)
@settings(max_examples=effort.examples(6, 60), deadline=None)
@given(
    PHASES,
    st.sampled_from([30.0, 300.0, 1000.0]),
    st.lists(st.sampled_from([Asleep(), Awake()]), min_size=1, max_size=3),
    st.booleans(),
)
def test_in_a_night_of_phases_asleep_and_awake_never_lengthen_or_raise(
    then: list[Phase], at_s: float, words: list[Command], has_crashed: bool
) -> None:
    """Against the same night without a word: it ends no later; and as long as somebody sleeps nothing rises."""
    own = replace(
        SETTINGS,
        playlists=(*SETTINGS.playlists, Playlist("rain", ("/r",))),
        volume=VolumeSettings(default=20, max=60),
        session=SessionSettings(max_s=7200.0, asleep_timer_s=600.0),
        timer=TimerSetting.clock(1800.0),
    )
    both = nights, without = Remembering(own, EVENING), Remembering(own, EVENING)
    for one in both:
        one.command(Play("whispers", then=tuple(then)))
        one.run_for(at_s)
    for word in words:
        loudest_db = max(nights.engine.level_db(), _target_db(nights))
        nights.command(word)
        for one in both:
            one.run_for(10.0)  # within this time it is written down
            if has_crashed:
                one.die(2.0)
        for _ in range(30):
            nights.run_for(40.0)
            without.run_for(40.0)
            # what is written down of a level that sinks may be a point, half a decibel, older than a crash
            assert not isinstance(word, Asleep) or nights.engine.level_db() <= loudest_db + 0.51 * has_crashed + 1e-6
    nights.run_for(0.5)  # a resumed session may end so much later
    for _ in range(300):
        if without.state is State.IDLE:
            break
        nights.run_for(30.0)
        without.run_for(30.0)
    if any(phase.timer == TIMER_END_OF_TRACK for phase in then):
        nights.run_for(nights.engine.duration_s)  # another track may play when such a phase begins, and end later
    assert nights.state is without.state is State.IDLE


def _asked_end_s(command: Command, was: State, latest_s: float, nights: Nights) -> float:
    """When it is silent by what people have asked for, on the boot clock, `asleep` and `awake` left out."""
    shown_s = nights.now.boot_s + left_s(nights)
    match command:
        case ShortenTimer(at_most_s):
            return min(latest_s, nights.now.boot_s + at_most_s)
        case SetTimer() | ExtendTimer():
            return shown_s
        case Play() if was not in {State.PLAYING, State.PAUSED}:
            return shown_s
        case Toggle() if was is State.IDLE:
            return shown_s
        case _:
            return latest_s


def _target_db(nights: Nights) -> float:
    """The level that is due without any further word.

    In a final fade that of the real engine, to which a resumed session rises; the fake one falls in a straight line.
    """
    shown = nights.session.snapshot(nights.now)
    if shown.state == "fading_out" and shown.timer_remaining_s is not None:
        part = 1.0 - min(shown.timer_remaining_s / shown.fade_out_s, 1.0)
        return volume_to_db(shown.volume) - fallen_db(part, shown.fade_out_s)
    return volume_to_db(shown.volume) if shown.state == "playing" else SILENCE_DB
