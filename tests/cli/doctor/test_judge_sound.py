"""Cards, device and mixer: what the doctor thinks of them."""

from __future__ import annotations

import pytest

from player.cli.doctor import judge_sound as sound
from player.cli.doctor.facts import Card, Control, Holder, MixerPinFacts, MixerState, OpenAttempt, Output
from player.cli.doctor.findings import Level
from player.core.settings.safety import MixerLevel

DAC = Card("DAC", "USB DAC", (Output("USB Audio"),))
HDMI = Card("vc4hdmi", "vc4-hdmi", (Output("MAI PCM"),))
PLAYS = OpenAttempt(None, "S16_LE, 48000 Hz, 2 channels", ("S16_LE", "S32_LE"), (44_100, 96_000), (2,))
BUSY = "cannot open the sound device: Device or resource busy [hw:DAC]; another program holds the device"
MID = Control("PCM", 60, 0, 100, -20.0, 0.0)


def busy(pid: int, name: str = "mpv") -> Card:
    return Card("DAC", "USB DAC", (Output("USB Audio", Holder(pid, name), "S32_LE, 48000 Hz, 2 channels"),))


@pytest.mark.parametrize("device", ["plughw:CARD=DAC", "hw:DAC,0", "default", "plughw:CARD=DAC,DEV=0"])
def test_a_card_that_is_there_is_right(device: str) -> None:
    """The cards are listed by id, however the device names its own."""
    found = sound.judge_cards([HDMI, DAC], device)
    assert found.level is Level.RIGHT
    assert "vc4hdmi (vc4-hdmi), DAC (USB DAC)" in found.what


def test_a_missing_card_is_named_with_those_that_are_there() -> None:
    """A DAC that is unplugged costs the night; what is there is said."""
    found = sound.judge_cards([HDMI], "plughw:CARD=DAC")
    assert found.level is Level.WRONG
    assert "the card DAC" in found.what
    assert "vc4hdmi" in found.what
    assert "dtoverlay" in str(found.mend)


def test_no_card_at_all_is_a_warning_where_a_sound_server_may_play() -> None:
    """`default` may be a server on a machine without cards."""
    assert sound.judge_cards([], "default").level is Level.WARNING
    assert sound.judge_cards([], "hw:DAC").level is Level.WRONG


def test_a_device_that_plays_says_what_it_takes() -> None:
    """Granted form first, then formats, rates and channels."""
    found = sound.judge_device("plughw:CARD=DAC", None, PLAYS, 0)
    assert found.level is Level.RIGHT
    assert found.what == (
        "plughw:CARD=DAC plays S16_LE, 48000 Hz, 2 channels (takes S16_LE S32_LE, 44100 to 96000 Hz, 2 channels)"
    )


def test_a_device_that_lull_itself_has_open_is_right() -> None:
    """Busy by lull is how it should be; it is not tried."""
    held = sound.holder_of([busy(77, "lull")], "plughw:CARD=DAC")
    found = sound.judge_device("plughw:CARD=DAC", held, None, 77)
    assert found.level is Level.RIGHT
    assert "in use by lull itself: S32_LE, 48000 Hz" in found.what


def test_a_device_that_somebody_else_has_open_names_him() -> None:
    """The program and its process are what people can end."""
    held = sound.holder_of([busy(77)], "hw:CARD=DAC,DEV=0")
    found = sound.judge_device("hw:CARD=DAC,DEV=0", held, OpenAttempt(BUSY), 5)
    assert found.level is Level.WRONG
    assert "mpv (process 77)" in found.what


def test_a_program_that_has_some_card_is_not_what_a_missing_device_lacks() -> None:
    """`default` does not exist; mpv plays to a card that it would not be. The fault is told, and mpv is not blamed."""
    held = sound.holder_of([busy(77)], "default")
    assert held is not None
    fault = "cannot open the sound device: No such file or directory [default]; no such device at the moment"
    found = sound.judge_device("default", held, OpenAttempt(fault), 0)
    assert found.what == "default: cannot open the sound device: No such file or directory [default]"
    assert "mpv" not in f"{found.what} {found.mend}"


def test_a_shared_device_is_right_whoever_has_the_card() -> None:
    """A sound server has the card open, and lull plays through it."""
    held = sound.holder_of([busy(77, "pipewire")], "default")
    assert sound.judge_device("default", held, PLAYS, 0).level is Level.RIGHT


def test_another_output_of_the_card_is_nobodys_business() -> None:
    """Only the output that is configured counts."""
    card = Card("DAC", "DAC", (Output("one"), Output("two", Holder(3, "mpv"))))
    assert sound.holder_of([card], "hw:CARD=DAC,DEV=0") is None
    assert sound.holder_of([card], "hw:CARD=DAC,DEV=1") == card.outputs[1]
    assert sound.holder_of([card, HDMI], "hw:CARD=vc4hdmi") is None


def test_a_fault_keeps_its_own_advice() -> None:
    """What the sink says after its semicolon is what mends it."""
    found = sound.judge_device("hw:DAC", None, OpenAttempt("cannot open the sound device: x; use plughw:DAC"), 0)
    assert (found.level, found.mend) == (Level.WRONG, "use plughw:DAC")


@pytest.mark.parametrize(
    ("control", "words"),
    [(Control("PCM", 0, 0, 100), "is at 0 %"), (Control("PCM", 9, 0, 9, is_muted=True), "is muted")],
)
def test_a_control_that_lets_nothing_through_is_wrong(control: Control, words: str) -> None:
    """Muted or at the bottom nothing is heard, pinned or not; the command that raises it names card and control."""
    (found,) = sound.judge_mixer(MixerState("hw:DAC", (control,)), None)
    assert found.level is Level.WRONG
    assert words in found.what
    assert "amixer -c DAC sset 'PCM' 70% unmute" in str(found.mend)


def test_a_silent_control_beside_the_way_of_the_sound_can_wait() -> None:
    """An ordinary card has a muted microphone and beeper; what is pinned, and Master, are in the way."""
    state = MixerState("hw:PCH", (MID, Control("Mic", 0, 0, 31), Control("Beep", 5, 0, 31, is_muted=True)))
    silent, shown = sound.judge_mixer(state, None)
    assert (silent.level, silent.what) == (Level.WARNING, "Mic is at 0 %; Beep is muted")
    assert "amixer -c PCH sset 'Mic'" in str(silent.mend)
    assert shown.level is Level.RIGHT
    levels = [one.level for one in sound.judge_mixer(state, MixerPinFacts("Mic", MixerLevel(50)))]
    assert levels == [Level.RIGHT, Level.WRONG, Level.WARNING]
    state = MixerState("hw:PCH", (Control("Master", 0, 0, 9), Control("Headphone", 5, 0, 9)))
    assert [one.level for one in sound.judge_mixer(state, None)] == [Level.WRONG, Level.RIGHT]


def test_controls_without_a_pin_are_shown() -> None:
    """Range, per cent and decibels are said, and that a pin would keep one there."""
    (found,) = sound.judge_mixer(MixerState("default", (MID,)), None)
    assert found.level is Level.RIGHT
    assert "PCM is at 60 % (step 60 of 0 to 100, -20.0 dB)" in found.what


def test_a_card_without_a_mixer_is_right() -> None:
    """Many DACs have none; nobody can turn them up either."""
    none = MixerState("bluealsa", fault="No such file or directory [bluealsa]")
    assert [one.level for one in sound.judge_mixer(none, None)] == [Level.RIGHT]
    assert [one.level for one in sound.judge_mixer(MixerState("hw:DAC"), None)] == [Level.RIGHT]


@pytest.mark.parametrize("fault", ["Connection refused [pulse]", "No such device [hw:X]", "no answer within 8 s"])
def test_a_mixer_that_could_not_be_looked_at_is_not_said_to_be_missing(fault: str) -> None:
    """The mixer of a sound server that does not run is there when it runs, and somebody can turn it up."""
    (found,) = sound.judge_mixer(MixerState("pulse", fault=fault), None)
    assert found.level is Level.WARNING
    assert fault in found.what
    assert "turn it up" not in found.what


@pytest.mark.parametrize("mixer", ["default", "hw:DAC"])
def test_a_card_that_is_unplugged_is_not_said_to_have_no_mixer(mixer: str) -> None:
    """Without a card ALSA finds no `default`; somebody can turn the card up when it is plugged in."""
    (found,) = sound.judge_mixer(MixerState(mixer, fault=f"No such file or directory [{mixer}]"), None)
    assert found.level is Level.WARNING
    assert "turn it up" not in found.what


@pytest.mark.parametrize(
    ("level", "expected"),
    [
        (MixerLevel(60), Level.RIGHT),
        (MixerLevel(59), Level.WARNING),
        (MixerLevel(-20, is_db=True), Level.RIGHT),
        (MixerLevel(-20.5, is_db=True), Level.WARNING),
    ],
)
def test_a_control_is_held_against_its_pin(level: MixerLevel, expected: Level) -> None:
    """At or below the pin is right, in per cent and in decibels; above it lull lowers it before it plays."""
    (found,) = sound.judge_mixer(MixerState("hw:DAC", (MID,)), MixerPinFacts("PCM", level))
    assert found.level is expected


def test_a_pin_in_per_cent_is_the_step_that_is_not_above_it() -> None:
    """Half of 0 to 255 is step 127, as lull sets it; 128 is above."""
    for step, expected in ((127, Level.RIGHT), (128, Level.WARNING)):
        (found,) = sound.judge_mixer(
            MixerState("hw:DAC", (Control("PCM", step, 0, 255),)), MixerPinFacts("PCM", MixerLevel(50))
        )
        assert found.level is expected


def test_a_pin_that_cannot_hold_is_wrong() -> None:
    """No mixer, no such control, no scale: each is said with what there is instead."""
    pin = MixerPinFacts("Master", MixerLevel(-10, is_db=True))
    assert next(sound.judge_mixer(MixerState("hw:DAC", fault="gone"), pin)).level is Level.WRONG
    missing = next(sound.judge_mixer(MixerState("hw:DAC", (MID,)), pin))
    assert (missing.level, "it has PCM" in missing.what) == (Level.WRONG, True)
    unscaled = next(sound.judge_mixer(MixerState("hw:DAC", (Control("Master", 5, 0, 9),)), pin))
    assert (unscaled.level, unscaled.mend) == (Level.WRONG, "set audio.mixer to a value in per cent")
