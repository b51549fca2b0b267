"""The pinned mixer: set and read back before the device is opened, lowered at once, raised only in silence."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from player.audio.dsp.types import Block
from player.audio.sinks.alsa import AlsaSink
from player.audio.sinks.alsa_mixer import LOOK_EVERY_S, SOON_FOR_S, MixerPin, mixer_name
from player.audio.sinks.factory import make_sink
from player.core.errors import SinkError
from player.core.settings.audio import AudioSettings
from player.core.settings.safety import MixerLevel, MixerSettings
from tests.fakes.alsa import FakeCard, FakeControl, FakeMixers, FakePcm
from tests.fakes.clock import FakeClock

CARD = "plughw:CARD=Fake"
SOUND: Block = np.full((4_800, 2), 0.25, np.float32)
SILENCE: Block = np.zeros((4_800, 2), np.float32)


class House:
    """A sink on a fake card whose mixer has the controls PCM and Master."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.clock = FakeClock()
        self.card = FakeCard(self.clock)
        self.pcm = FakeControl([100, 100])
        self.mixers = FakeMixers({"hw:Fake": {"PCM": self.pcm, "Master": FakeControl([50])}})
        self.told: list[str | None] = []
        self.steps_at_open: list[list[int]] = []
        monkeypatch.setattr("player.audio.sinks.alsa.AlsaPcm", self._open)
        monkeypatch.setattr("player.audio.sinks.alsa_mixer.alsaaudio.Mixer", self.mixers.open)
        monkeypatch.setattr("player.audio.sinks.alsa_mixer.alsaaudio.mixers", self.mixers.mixers)

    def _open(self, *asked: Any) -> FakePcm:
        self.steps_at_open.append(list(self.pcm.steps))
        return self.card.open(*asked)

    def sink(self, control: str = "PCM", value: float = 80.0, *, is_db: bool = False) -> AlsaSink:
        settings = MixerSettings(control, MixerLevel(value, is_db))
        return AlsaSink(CARD, 0.3, self.clock, MixerPin(settings, CARD, self.told.append))

    def settled(self) -> AlsaSink:
        """It has been open for as long as the system may still set up its card."""
        sink = self.sink()
        sink.open()
        self.play(sink, SOON_FOR_S + 1.0)
        return sink

    def play(self, sink: AlsaSink, duration_s: float, block: Block = SOUND) -> None:
        for _ in range(round(duration_s * 10)):
            sink.write(block)


@pytest.fixture
def house(monkeypatch: pytest.MonkeyPatch) -> House:
    return House(monkeypatch)


@pytest.mark.parametrize(
    ("device", "mixer"),
    [
        ("default", "default"),
        ("bench", "bench"),
        ("hw:Headphones", "hw:Headphones"),
        ("plughw:Headphones,0", "hw:Headphones"),
        ("plughw:CARD=Headphones", "hw:Headphones"),
        ("sysdefault:CARD=DAC,DEV=0", "hw:DAC"),
        ("dmix:CARD=DAC", "hw:DAC"),
        ("bluealsa:DEV=00:11:22:33:aA:FF,PROFILE=a2dp", "bluealsa:DEV=00:11:22:33:aA:FF"),
        ("bluealsa:PROFILE=a2dp,DEV=00:11:22:33:44:55", "bluealsa:DEV=00:11:22:33:44:55"),
    ],
)
def test_the_mixer_is_that_of_the_card(device: str, mixer: str) -> None:
    """However the device names its card; otherwise the mixer has the name of the device."""
    assert mixer_name(device) == mixer


class TestOpen:
    @pytest.mark.parametrize("before", [[100, 100], [10, 100], [0, 0]])
    def test_the_control_is_set_before_the_device_is_opened(self, house: House, before: list[int]) -> None:
        """From above and from below: nothing sounds yet. Nothing is a problem, and no handle stays open."""
        house.pcm.steps = before
        house.sink().open()
        assert house.steps_at_open == [[80, 80]]
        assert house.told == [None]
        assert house.mixers.held == 0

    def test_a_control_that_is_right_is_not_written(self, house: House) -> None:
        """Reading is enough."""
        house.pcm.steps = [80, 80]
        house.sink().open()
        assert house.mixers.writes == []

    def test_only_the_pinned_control_is_touched(self, house: House) -> None:
        """Master is somebody else's."""
        house.sink().open()
        assert {name for name, _, _ in house.mixers.writes} == {"PCM"}

    @pytest.mark.parametrize(("value", "step"), [(80.0, 25), (50.0, 15), (100.0, 31), (1.0, 0)])
    def test_per_cents_are_rounded_down(self, house: House, value: float, step: int) -> None:
        """With 31 steps 80 % would be 24.8: never above what was asked, counted from the lowest."""
        house.pcm.lowest, house.pcm.highest = 0, 32 if step == 25 else 31
        house.sink(value=value).open()
        assert house.pcm.steps == [step, step]

    @pytest.mark.parametrize("is_loud", [False, True])
    @pytest.mark.parametrize(("value", "step"), [(-12.0, 76), (-12.2, 75), (0.0, 100)])
    def test_decibels_are_never_rounded_up(self, house: House, value: float, step: int, is_loud: bool) -> None:
        """A card that takes the next louder step is brought down again."""
        house.pcm.is_loud = is_loud
        house.sink(value=value, is_db=True).open()
        assert house.pcm.steps == [step, step]
        assert house.told == [None]

    def test_the_second_control_of_a_name_has_a_number(self, house: House) -> None:
        """`PCM,1`, as amixer counts."""
        house.mixers.cards["hw:Fake"]["PCM,1"] = FakeControl([100])
        house.sink("PCM,1").open()
        assert house.mixers.cards["hw:Fake"]["PCM,1"].steps == [80]
        assert house.pcm.steps == [100, 100]

    def test_a_control_that_is_not_there_is_a_problem_that_names_those_that_are(self, house: House) -> None:
        """Playing goes on: that is what volume.max is for."""
        sink = house.sink("Headphone")
        sink.open()
        house.play(sink, 61.0)
        assert house.told == [
            "mixer control Headphone is not pinned: the mixer hw:Fake has none of that name; it has: PCM, Master"
        ]

    def test_a_card_without_a_mixer_is_a_problem(self, house: House) -> None:
        """ALSA's own words."""
        house.mixers.cards.clear()
        house.sink().open()
        assert house.told == ["mixer control PCM is not pinned: No such file or directory [hw:Fake]"]

    def test_a_control_for_recording_is_not_pinned(self, house: House) -> None:
        """The library would quietly set how loud the microphone is."""
        house.pcm.capabilities = ("Capture Volume", "Joined Capture Volume")
        house.sink().open()
        assert house.told == ["mixer control PCM is not pinned: it has no volume for playing"]
        assert house.pcm.steps == [100, 100]

    def test_decibels_need_a_scale(self, house: House) -> None:
        """Without one the library returns whatever stood in memory."""
        house.pcm.db_per_step = 0
        house.sink(value=-10.0, is_db=True).open()
        assert house.told == ["mixer control PCM is not pinned: it has no scale in decibels; pin it in per cent"]

    @pytest.mark.parametrize(("value", "is_db"), [(80.0, False), (-12.0, True)])
    def test_one_that_cannot_be_lowered_refuses_the_device(self, house: House, value: float, is_db: bool) -> None:
        """Silence is safer; the device is not even opened, and it is tried again as a lost one is."""
        house.pcm.stuck_at = 100
        sink = house.sink(value=value, is_db=is_db)
        for _ in range(2):
            with pytest.raises(SinkError, match=r"mixer control PCM is above .* and cannot be lowered"):
                sink.open()
        assert house.card.asked == []
        house.pcm.stuck_at = None
        sink.open()
        assert max(house.pcm.steps) <= 80
        assert house.mixers.held == 0

    @pytest.mark.parametrize(
        ("lowest", "highest", "value", "step"),
        [(-127, 0, 80.0, -26), (-10, 10, 50.0, 0), (0, 1, 100.0, 1), (7, 7, 80.0, 7)],
    )
    def test_odd_ranges_are_counted_from_their_lowest_step(
        self, house: House, lowest: int, highest: int, value: float, step: int
    ) -> None:
        """Below zero, across it, two steps, or one that cannot be turned at all."""
        house.pcm.lowest, house.pcm.highest, house.pcm.steps = lowest, highest, [highest, highest]
        house.sink(value=value).open()
        assert house.pcm.steps == [step, step]
        assert house.told == [None]

    def test_a_control_too_coarse_for_its_pin_is_a_problem(self, house: House) -> None:
        """80 % of two steps is the lower one: right as a limit, and silent; people should know why."""
        house.pcm.highest, house.pcm.steps = 1, [1, 1]
        house.sink().open()
        assert house.pcm.steps == [0, 0]
        assert house.told == ["mixer control PCM at 80 % is at the lowest of its 2 steps: perhaps nothing is heard"]

    def test_names_may_hold_blanks_and_commas(self, house: House) -> None:
        """As cards call them; only a comma with a number behind it counts controls."""
        controls = {"Speaker Front, Left": FakeControl([100]), "Head Phone,2": FakeControl([100])}
        house.mixers.cards["hw:Fake"] |= controls
        for name, control in controls.items():
            house.sink(name).open()
            assert control.steps == [80]

    def test_a_muted_control_is_opened_once_it_stands_right(self, house: House) -> None:
        """Nothing sounds yet; the level comes first, because what was muted may have stood anywhere."""
        house.pcm.steps, house.pcm.mutes = [100, 100], [1, 1]
        house.sink().open()
        assert (house.pcm.steps, house.pcm.mutes) == ([80, 80], [0, 0])
        assert [step for _, _, step in house.mixers.writes] == [80, 80]
        assert house.told == [None]

    def test_a_switch_that_does_not_obey_is_a_problem(self, house: House) -> None:
        """Otherwise a night would be silent, and nobody would know."""
        house.pcm.mutes, house.pcm.is_mute_stuck = [1, 1], True
        house.sink().open()
        assert house.told == ["mixer control PCM is muted and cannot be unmuted"]

    def test_one_that_cannot_be_raised_is_a_problem_and_plays(self, house: House) -> None:
        """Too quiet wakes nobody."""
        house.pcm.steps, house.pcm.stuck_at = [40, 40], 40
        sink = house.sink()
        sink.open()
        house.play(sink, 1.0)
        assert house.told == ["mixer control PCM cannot be raised to 80 %"]

    def test_a_missing_device_is_one_problem_not_two(self, house: House) -> None:
        """Without the card there is no mixer either; the mixer is told of only where the device opens."""
        house.mixers.cards.clear()
        house.card.open_errno = 19
        with pytest.raises(SinkError, match="cannot open"):
            house.sink().open()
        assert house.told == []


class TestPlaying:
    def test_it_is_looked_at_about_once_a_minute(self, house: House) -> None:
        """Ten minutes, ten looks, none of them writing or telling anything."""
        sink = house.settled()
        opened, written = house.mixers.opened, len(house.mixers.writes)
        house.play(sink, 10 * LOOK_EVERY_S + 2.0)
        assert house.mixers.opened - opened == 10
        assert len(house.mixers.writes) == written
        assert house.told == [None]

    def test_turned_up_it_is_lowered_at_once_and_told(self, house: House) -> None:
        """Within a minute; the problem is over with the next look that finds it in its place."""
        sink = house.settled()
        house.pcm.steps = [100, 100]
        house.play(sink, 61.0)
        assert house.pcm.steps == [80, 80]
        assert house.told == [None, "mixer control PCM had been changed; it was set back to 80 %"]
        house.play(sink, 60.0)
        assert house.told[2:] == [None]

    def test_turned_down_it_is_raised_only_when_nothing_sounds(self, house: House) -> None:
        """Two minutes of sound leave it alone; a second of silence behind a silent buffer, and it is back."""
        sink = house.settled()
        house.pcm.steps = [40, 40]
        house.play(sink, 121.0)
        assert house.pcm.steps == [40, 40]
        assert house.told[1:] == ["mixer control PCM was turned down below 80 %; it is raised when nothing plays"]
        house.play(sink, 1.2, SILENCE)
        assert house.pcm.steps == [40, 40]
        house.play(sink, 0.2, SILENCE)
        assert house.pcm.steps == [80, 80]
        assert house.told[2:] == [None]

    def test_channels_are_told_apart(self, house: House) -> None:
        """One too high, one too low: while sound plays only the first is set."""
        sink = house.settled()
        house.pcm.steps = [100, 30]
        house.play(sink, 61.0)
        assert house.pcm.steps == [80, 30]
        assert "turned down" in str(house.told[-1])

    def test_one_that_cannot_be_raised_in_silence_is_not_tried_with_each_block(self, house: House) -> None:
        """Once when the silence begins, then once a minute."""
        sink = house.settled()
        house.pcm.steps, house.pcm.stuck_at = [40, 40], 40
        house.play(sink, 61.0)
        before = len(house.mixers.writes)
        house.play(sink, 58.0, SILENCE)
        assert len(house.mixers.writes) == before + 1
        assert house.told[-1] == "mixer control PCM cannot be raised to 80 %"

    def test_turned_up_for_good_the_device_is_lost(self, house: House) -> None:
        """A control that jumps up and does not obey: an error, as if the device were gone."""
        sink = house.settled()
        house.pcm.steps, house.pcm.stuck_at = [100, 100], 100
        with pytest.raises(SinkError, match="cannot be lowered"):
            house.play(sink, 61.0)
        sink.close()
        assert house.card.held == house.mixers.held == 0

    def test_a_mixer_that_vanishes_is_a_problem_until_it_is_back(self, house: House) -> None:
        """It is looked for every minute."""
        sink = house.settled()
        card = house.mixers.cards.pop("hw:Fake")
        house.play(sink, 61.0)
        assert house.told[-1] == "mixer control PCM is not pinned any more: No such file or directory [hw:Fake]"
        house.mixers.cards["hw:Fake"] = card
        house.play(sink, 60.0)
        assert house.told[-1] is None


@pytest.mark.parametrize("after_s", [0.5, 3.0, 20.0])
def test_a_level_that_the_system_restores_after_the_pin_is_lowered_within_a_second(
    house: House, after_s: float
) -> None:
    """For a card that is plugged in, udev runs `alsactl restore`, which may come after lull."""
    sink = house.sink()
    sink.open()
    house.play(sink, after_s)
    house.pcm.steps = [100, 100]
    house.play(sink, 1.1)
    assert house.pcm.steps == [80, 80]
    house.play(sink, 1.1)
    assert house.told[-1] is None


class TestLate:
    """A card whose mixer can be opened only some time after its device: udev hands their files out one by one."""

    @pytest.fixture
    def playing(self, house: House) -> AlsaSink:
        """It sounds, and its mixer is not there yet."""
        card = house.mixers.cards.pop("hw:Fake")
        sink = house.sink()
        sink.open()
        house.play(sink, 0.5)
        house.mixers.cards["hw:Fake"] = card
        return sink

    def test_it_is_lowered_within_a_second(self, house: House, playing: AlsaSink) -> None:
        """At 100 % while a fade-in has hardly begun; the problem is over."""
        house.play(playing, 1.0)
        assert house.pcm.steps == [80, 80]
        assert house.told == ["mixer control PCM is not pinned: No such file or directory [hw:Fake]", None]

    def test_it_is_raised_only_when_nothing_sounds(self, house: House, playing: AlsaSink) -> None:
        """Too low is no danger, a sudden rise is one."""
        house.pcm.steps = [40, 40]
        house.play(playing, 3.0)
        assert house.pcm.steps == [40, 40]
        house.play(playing, 1.4, SILENCE)
        assert house.pcm.steps == [80, 80]
        assert house.told[-1] is None

    def test_one_in_decibels_is_not_tried_out_while_something_sounds(self, house: House) -> None:
        """Trying would raise it for a moment; above its pin it is lowered, below it waits for silence."""
        card = house.mixers.cards.pop("hw:Fake")
        sink = house.sink(value=-10.0, is_db=True)
        sink.open()
        house.play(sink, 0.5)
        house.mixers.cards["hw:Fake"] = card
        house.pcm.steps = [40, 40]
        house.play(sink, 3.0)
        assert house.mixers.writes == []
        assert "is set when nothing plays" in str(house.told[-1])
        house.play(sink, 1.4, SILENCE)
        assert house.pcm.steps == [80, 80]
        assert house.told[-1] is None

    def test_one_in_decibels_that_stands_too_high_is_lowered_at_once(self, house: House) -> None:
        """Every level that is tried lies below the present one."""
        card = house.mixers.cards.pop("hw:Fake")
        sink = house.sink(value=-10.0, is_db=True)
        sink.open()
        house.mixers.cards["hw:Fake"] = card
        house.play(sink, 1.5)
        assert house.pcm.steps == [80, 80]
        assert max(step for _, _, step in house.mixers.writes) <= 80

    def test_in_decibels_a_quiet_channel_does_not_come_up_with_a_loud_one(self, house: House) -> None:
        """The loud one is lowered while it sounds; the quiet one is raised when nothing does."""
        card = house.mixers.cards.pop("hw:Fake")
        sink = house.sink(value=-10.0, is_db=True)
        sink.open()
        house.mixers.cards["hw:Fake"] = card
        house.pcm.steps = [100, 40]
        house.play(sink, 1.5)
        assert house.pcm.steps == [80, 40]
        assert {channel for _, channel, step in house.mixers.writes if step > 40} == {0}
        house.play(sink, 61.4, SILENCE)
        assert house.pcm.steps == [80, 80]

    def test_a_card_that_never_has_one_is_asked_once_a_minute(self, house: House) -> None:
        """After half a minute of every second nobody expects it any more."""
        house.mixers.cards.clear()
        sink = house.sink()
        sink.open()
        tried = house.mixers.tried
        house.play(sink, 30.5)
        assert 25 <= house.mixers.tried - tried <= 31
        tried = house.mixers.tried
        house.play(sink, 300.0)
        assert 4 <= house.mixers.tried - tried <= 6
        assert house.told == ["mixer control PCM is not pinned: No such file or directory [hw:Fake]"]


class TestMute:
    def test_muted_while_it_sounds_it_stays_so_until_nothing_sounds(self, house: House) -> None:
        """Somebody wanted silence; the next session is heard again."""
        house.pcm.mutes = [0, 0]
        sink = house.sink()
        sink.open()
        house.pcm.mutes = [1, 1]
        house.play(sink, 61.0)
        assert house.pcm.mutes == [1, 1]
        assert house.told[-1] == "mixer control PCM is muted; it is raised when nothing plays"
        house.play(sink, 1.4, SILENCE)
        assert house.pcm.mutes == [0, 0]
        assert house.told[-1] is None


def test_without_a_pin_no_mixer_is_touched(house: House) -> None:
    """Most people have set theirs once and for all."""
    sink = make_sink(AudioSettings(device=CARD), house.clock)
    assert isinstance(sink, AlsaSink)
    sink.open()
    house.play(sink, 61.0)
    assert house.mixers.opened == 0


def test_the_settings_make_a_pinned_sink(house: House) -> None:
    """`audio.mixer` reaches the card."""
    audio = AudioSettings(device=CARD, mixer=MixerSettings("PCM", MixerLevel(70.0)))
    make_sink(audio, house.clock, house.told.append).open()
    assert house.pcm.steps == [70, 70]
    assert house.told == [None]
