"""Every command in every state, generated from the table of states: obeyed or refused as it says, and never a jump.

Session and engine are the real ones, on a virtual clock; the tracks are constants, so the output is the gain itself.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, time

import numpy as np
import pytest

from player.app.offline import Rehearsal, VirtualClock
from player.audio.engine import Engine
from player.audio.engine_settings import EngineSettings
from player.core import commands as c
from player.core import commands_level as p
from player.core.clock import Now
from player.core.commands import Command, ReplyTo, Request
from player.core.commands_level import MoveBed, SetBed, SetBedGain
from player.core.events import Answer, Event, LibraryRead, Track
from player.core.limits import CEILING_DBTP, MAX_GAIN_DB, MAX_RISE_DB_PER_S
from player.core.measurement import programme_gain_db
from player.core.settings.bed import Bed
from player.core.settings.safety import TARGET_LUFS, NightCap
from player.core.settings.session import (
    TIMER_END_OF_TRACK,
    TIMER_OFF,
    Entry,
    Phase,
    Playlist,
    Settings,
    TimerSetting,
    VolumeSettings,
)
from player.core.states import MOVES, OBEYED, IllegalMove, Move, State, moved
from player.core.units import db_to_gain, volume_to_db
from player.session.controller import Controller
from tests import effort
from tests.engine_rig import LEVEL, POWER_METER, constant, fastest_rise, let_dc_through
from tests.fakes.sink import FakeSink
from tests.fakes.source import FakeDecoder, Script, tone

SETTINGS = Settings(
    playlists=(Playlist("one", ("/1",)), Playlist("two", ("/2",))),
    volume=VolumeSettings(default=90, max=100),
    timer=TimerSetting.clock(120.0),
    schedule=(Entry("nightly", time(20, 0)),),
)
COMMANDS: list[Command] = [
    c.Play(), c.Play("two"), c.Play(volume=100), c.Play(timer=TimerSetting.clock(60.0)), c.Stop(), c.Stop(now=True),
    c.Pause(), c.Resume(), c.Toggle(), c.Next(), c.Seek(10.0), c.Seek(30.0, is_relative=True),
    c.SetVolume(100), c.SetVolume(10), c.SetVolume(0), c.SetVolume(5, is_relative=True),
    c.SetTimer(TimerSetting.clock(30.0)), c.SetTimer(TIMER_OFF), c.SetTimer(TIMER_END_OF_TRACK),
    c.ExtendTimer(60.0), c.ExtendTimer(-600.0), c.SetPlaylist("two"), c.SetSchedule(is_enabled=None),
    c.SetFade(20.0), c.SetFade(0.0), c.NeverAgain("a"), c.AllowAgain(), c.SkipTonight(),
    c.SetStartTime("nightly", time(23, 0)), c.Tonight(time(21, 0)), c.NotTonight(), c.GetStatus(),
    c.ChangeEntry("nightly", volume=20),
    c.ShortenTimer(5.0), c.ShortenTimer(600.0), c.SetTimer(TimerSetting.at(time(6, 30))), c.Asleep(),
    c.Awake(), c.Snooze(), p.Calibrate(), p.NoteReading(40.0), p.SetLevel(35.0),
    c.Advance(), c.Like("a"), c.Unlike("a"), c.GetTracks("a"),
    c.Previous(), c.Play(track="b"),
    c.Play(then=(Phase("two", 80, TimerSetting.clock(60.0)),)),
    c.Play(bed=(Bed("two"),)), SetBed((Bed("two", -3.0),)), SetBed(()), MoveBed(2.0), SetBedGain(-20.0),
]  # fmt: skip
UNHEARD = (
    c.SetSchedule, c.SkipTonight, c.SetStartTime, c.ChangeEntry, c.Tonight, c.NotTonight, c.GetStatus, c.GetTracks,
    c.Like, c.Unlike, c.AllowAgain,
)  # fmt: skip
"""Commands that leave the sound as it is: three seconds behind all of them tell."""
WAY: dict[State, list[tuple[Command, float]]] = {
    State.IDLE: [],
    State.PLAYING: [(c.Play(), 15.0)],
    State.PAUSED: [(c.Play(), 15.0), (c.Pause(), 3.0)],
    State.FADING_OUT: [(c.Play(timer=TimerSetting.clock(60.0)), 15.0), (c.SetTimer(TimerSetting.clock(40.0)), 10.0)],
    State.STOPPING: [(c.Play(), 15.0), (c.Stop(), 0.5)],
}
"""How each state is reached: commands, and how long to wait after each."""
CAP = 60
"""15 dB below the default of 90: while the glide lasts, the level is above it."""


TONE = replace(tone(400.0, 20.0 * np.log10(LEVEL * 2**0.5), 200.0), duration_s=200.0)
"""Of the power of the constants."""


def levels_of(samples: np.ndarray) -> np.ndarray:
    """The root of the mean square of each 100 ms."""
    left = samples[: len(samples) // 4_800 * 4_800, 0].astype(np.float64).reshape(-1, 4_800)
    return np.sqrt(np.mean(np.square(left), axis=1))


class House:
    """The real session and the real engine on a virtual clock."""

    def __init__(self, settings: Settings = SETTINGS, scripts: Mapping[str, Script] | None = None) -> None:
        self.clock = VirtualClock(datetime(2026, 1, 15, 22, 0, tzinfo=UTC))
        self.blocks: list[np.ndarray] = []
        self.answers: list[Answer] = []
        self.session = Controller(settings, random.Random(3))
        tracks = {name: constant(200.0) for name in ("a", "b", "c", "d")} | dict(scripts or {})
        self.rehearsal = Rehearsal(settings, self.session, self, self.clock, self.hear)
        sink = FakeSink(self.clock, on_block=lambda block: self.blocks.append(block.copy()))
        settings = EngineSettings(8.0, -1.0, -23.0, POWER_METER, hold_s=1.0, longest_s=0.1)
        engine = Engine(sink, FakeDecoder(tracks), self.clock, self.rehearsal.report, settings)
        let_dc_through(engine._chain)
        self.rehearsal.attach(engine)
        for playlist in SETTINGS.playlists:
            self.rehearsal.tell(self.read(playlist))
        self.command(c.NeverAgain("d"))  # so that there is a ban to take back
        self.command(c.Tonight(time(21, 30)))  # and a plan

    def read(self, playlist: Playlist) -> LibraryRead:
        """The library: two tracks in each playlist."""
        names = ("a", "b") if playlist.name == "one" else ("c", "d")
        return LibraryRead(playlist.name, tuple(Track(name, name) for name in names))

    def hear(self, _now: Now, event: Event) -> None:
        if isinstance(event, Answer):
            self.answers.append(event)

    def command(self, command: Command) -> Answer:
        self.rehearsal.tell(Request(command, "test", ReplyTo(id="1")))
        return self.answers[-1]

    def run(self, duration_s: float) -> None:
        for _ in range(round(duration_s * 10)):
            self.rehearsal.step()

    def reach(self, state: State) -> None:
        for command, wait_s in WAY[state]:
            self.command(command)
            self.run(wait_s)
        assert self.session.state is state

    def heard(self) -> np.ndarray:
        return np.concatenate(self.blocks) if self.blocks else np.zeros((1, 2), np.float32)


@pytest.mark.slow
@pytest.mark.parametrize("state", effort.first(2, list(State)))
def test_what_the_table_refuses_is_refused_and_changes_nothing(state: State) -> None:
    """With a reason, and the snapshot stays as it is, whatever is asked one after the other."""
    house = House()
    house.reach(state)
    before = house.session.snapshot(house.clock.now())
    for command in COMMANDS:
        if type(command) not in OBEYED[state]:
            answer = house.command(command)
            assert not answer.is_done, command
            assert answer.text
            assert replace(house.session.snapshot(house.clock.now()), refused=None) == before
    house.run(1.0)
    assert house.session.state is state


def obeyed() -> list[object]:
    """Each state with each command that it obeys, those that leave the sound as it is one after the other; a quick run
    tries those that change the level the most.
    """
    quick = (c.Play("two"), c.Pause(), c.SetVolume(100))
    return [
        pytest.param(state, commands, id=f"{state}-{commands[0]}", marks=() if is_quick else pytest.mark.thorough)
        for state in State
        for known in [[command for command in COMMANDS if type(command) in OBEYED[state]]]
        for commands in [
            *([command] for command in known if not isinstance(command, UNHEARD)),
            [command for command in known if isinstance(command, UNHEARD)],
        ]
        for is_quick in [
            (state is State.PLAYING and commands[0] in quick)
            or (state is State.FADING_OUT and commands[0] == c.Play("two"))
        ]
    ]


@pytest.mark.slow
@pytest.mark.parametrize(("state", "commands"), obeyed())
def test_a_command_in_a_state(state: State, commands: list[Command]) -> None:
    """Obeyed as the table says; no rise beyond 6 dB/s; stop ends it all."""
    house = House()
    house.reach(state)
    for command in commands:
        assert house.session.state is state
        if isinstance(command, MoveBed | SetBedGain):
            house.command(SetBed((Bed("two"),)))
        if isinstance(command, c.Advance):
            house.command(c.Play(then=(Phase("two", 80),)))
        if isinstance(command, c.Unlike):
            house.command(c.Like("a"))
        answer = house.command(command)
        # neither a morning nor calibration noise is playing here, and nothing is known of the pillow
        is_refused = isinstance(command, c.Snooze | p.NoteReading | p.SetLevel)
        is_refused |= isinstance(command, p.Calibrate) and state is not State.IDLE
        assert answer.is_done is not is_refused, answer.text
        house.run(0.2)
    house.run(3.0 if isinstance(commands[0], UNHEARD) else 25.0)
    assert house.command(c.Stop(now=True)).is_done
    house.run(1.5)
    assert house.session.state is State.IDLE
    samples = house.heard()
    assert not samples[-4_800:].any()
    assert fastest_rise(samples, floor_db=-58.0, over_s=0.5) <= MAX_RISE_DB_PER_S + 1.0
    steps = np.abs(np.diff(samples[:, 0]))
    assert steps.max() <= LEVEL * 0.02, "a click"


LOUDER: list[Command] = [
    c.Play(volume=100), c.SetVolume(100), c.Next(), c.Play(), c.Play("two"), c.Resume(), c.Toggle(),
    c.SetVolume(5, is_relative=True),
    c.SetTimer(TIMER_OFF), c.ExtendTimer(60.0), c.Seek(10.0),
]  # fmt: skip
"""Whatever could bring a level up."""


@pytest.mark.slow
@pytest.mark.parametrize("command", effort.first(1, LOUDER), ids=str)
@pytest.mark.parametrize("state", effort.first(1, [State.FADING_OUT, State.PAUSED, State.PLAYING, State.STOPPING]))
def test_a_command_under_the_night_cap(state: State, command: Command) -> None:
    """With the cap in force nothing brings the level above it; where it was above, it goes on sinking.

    The other playlist holds tones, which are unlike a constant as any two tracks are; so quiet a track that nobody has
    measured is raised by 20 dB while it plays. A level is that of 100 ms.
    """
    capped_settings = replace(SETTINGS, volume=replace(SETTINGS.volume, night_cap=NightCap(CAP, 12.0)))
    house = House(capped_settings, {"c": TONE, "d": TONE})
    house.reach(state)
    assert house.session.snapshot(house.clock.now()).volume_max == CAP
    before = float(levels_of(house.blocks[-1]).max())
    house.blocks.clear()
    assert house.command(command).is_done is (type(command) in OBEYED[state])
    house.run(30.0)
    assert house.session.state is State.IDLE or house.session.snapshot(house.clock.now()).volume <= CAP
    levels = levels_of(house.heard())
    own_db = MAX_GAIN_DB if command == c.Play("two") else programme_gain_db(None, TARGET_LUFS, CEILING_DBTP)
    capped = LEVEL * db_to_gain(own_db + volume_to_db(CAP))
    assert levels.max() <= max(before, capped) * 1.001
    levels_db = 20.0 * np.log10(np.maximum(levels / LEVEL, db_to_gain(-58.0)))
    assert np.max(levels_db[5:] - levels_db[:-5]) / 0.5 <= MAX_RISE_DB_PER_S + 1.0


def test_the_table_of_obeyed_commands_knows_every_command() -> None:
    """Each command of the vocabulary is in the list above, and obeyed in at least one state."""
    vocabulary = set(Command.__args__)  # type: ignore[attr-defined]
    assert {type(command) for command in COMMANDS} == vocabulary
    assert set().union(*OBEYED.values()) == vocabulary


@pytest.mark.parametrize("state", list(State))
@pytest.mark.parametrize("move", list(Move))
def test_a_move_that_is_not_in_the_table_raises(state: State, move: Move) -> None:
    """The table is all there is."""
    if move in MOVES[state]:
        assert moved(state, move) is MOVES[state][move]
    else:
        with pytest.raises(IllegalMove):
            moved(state, move)


def test_every_state_can_be_left_by_stop_and_reached_from_idle() -> None:
    """Silence is always one move away, and no state is an island."""
    assert all(Move.STOP in MOVES[state] or state is State.IDLE for state in State)
    reached, grown = {State.IDLE}, True
    while grown:
        more = {target for state in reached for target in MOVES[state].values()} - reached
        grown = bool(more)
        reached |= more
    assert reached == set(State)
