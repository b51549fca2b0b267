"""Broker, library, schedule, disk and rights: what the doctor thinks of them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from player.cli.doctor import judge_setup as house
from player.cli.doctor.facts import (
    BrokerAnswer,
    BrokerState,
    Installed,
    PasswordFile,
    Plans,
    PlaylistState,
    StateDir,
    UserAccount,
)
from player.cli.doctor.findings import Finding, Level
from player.system.input_devices import InputDevice
from tests.mqtt.triggers.rule_texts import settings_of

UP = BrokerState(BrokerAnswer.UP, "hub:1883", availability="online")
LULL = UserAccount("lull", 990, frozenset({990, 29}), frozenset({"lull", "audio"}))
GOOD = StateDir("/var/lib/lull", free_bytes=1 << 30)
RAIN = PlaylistState("rain", tracks=10, playable=10)


def levels(found: list[Finding]) -> list[Level]:
    return [one.level for one in found]


@pytest.mark.parametrize("reached", [one for one in BrokerAnswer if one is not BrokerAnswer.UP])
def test_each_way_to_fail_has_its_own_words_and_advice(reached: BrokerAnswer) -> None:
    """Name, port, silence, TLS and login are told apart, and each is mended elsewhere."""
    found = house.judge_broker(BrokerState(reached, "hub:1883", "as it said"))
    others = [house.judge_broker(BrokerState(one, "hub:1883")) for one in BrokerAnswer if one is not reached]
    assert found.level is Level.WRONG
    assert "as it said" in found.what
    assert found.mend not in [other.mend for other in others]


def test_without_a_config_a_broker_that_is_not_there_is_right() -> None:
    """`lull night` starts one of its own; one that is there and refuses the login is wrong all the same."""
    found = house.judge_broker(BrokerState(BrokerAnswer.REFUSED, "localhost:1883"), is_needed=False)
    assert found.level is Level.RIGHT
    assert found.what == "localhost:1883: nothing listens there; lull night starts one of its own"
    assert house.judge_broker(BrokerState(BrokerAnswer.TLS, "localhost:1883"), is_needed=False).level is Level.WRONG
    nothing = BrokerState(BrokerAnswer.REFUSED, "localhost:1883")
    found = house.judge_broker(nothing, is_needed=False, has_mosquitto=False)
    assert found.level is Level.WRONG
    assert "mosquitto, which lull night would start, is missing" in found.what


def test_a_broker_that_lets_lull_in_is_right() -> None:
    """Connected and logged in."""
    assert house.judge_broker(UP).level is Level.RIGHT


def test_without_the_password_the_login_is_not_called_wrong() -> None:
    """Who may not read it cannot tell; root can."""
    state = replace(UP, password_fault="/etc/lull/pw: Permission denied")  # noqa: S106 - no password
    assert house.judge_broker(state).level is Level.WARNING
    assert not list(house.judge_speaker(state, "bedroom", "lull", is_running=True))


def test_what_the_running_speaker_complains_of_is_wrong() -> None:
    """Each problem of its state is a line."""
    state = replace(UP, problems=("the sound device is missing", "memory"))
    assert levels(list(house.judge_speaker(state, "bedroom", "lull", is_running=True))) == [
        Level.WRONG,
        Level.WRONG,
    ]
    assert levels(list(house.judge_speaker(UP, "bedroom", "lull", is_running=True))) == [Level.RIGHT]


def test_a_daemon_that_the_broker_does_not_know_is_wrong() -> None:
    """It runs and is not online; where none runs, nobody expects it to be."""
    for availability in (None, "offline"):
        state = replace(UP, availability=availability)
        assert levels(list(house.judge_speaker(state, "bedroom", "lull", is_running=True))) == [Level.WRONG]
        assert not list(house.judge_speaker(state, "bedroom", "lull", is_running=False))


def test_a_playlist_with_music_is_right() -> None:
    """Streams and bans are counted."""
    (found,) = house.judge_playlist(replace(RAIN, streams=2, banned=1), None)
    assert (found.level, found.what) == (Level.RIGHT, "10 tracks, 2 of them streams, 1 banned")


@pytest.mark.parametrize(
    "playlist",
    [
        PlaylistState("rain", 0, 0, left_out=("/srv/rain does not exist",)),
        PlaylistState("rain", 2, 0, faulty=("a.mp3 x", "b.mp3 x")),
        PlaylistState("rain", 1, 0, banned=1),
        PlaylistState("rain", 1, 0, closed=("/srv",)),
        PlaylistState("rain", 1, 0, set_aside=("a.mp3",)),
    ],
)
def test_a_playlist_with_nothing_to_play_is_wrong(playlist: PlaylistState) -> None:
    """Whatever the reason: the night would be silent."""
    (found,) = house.judge_playlist(playlist, None)
    assert found.level is Level.WRONG


def test_a_playlist_that_is_banned_whole_says_so() -> None:
    """Music is there, so the remedy is to take a ban back and not to copy more."""
    (found,) = house.judge_playlist(PlaylistState("rain", 2, 0, banned=2), None)
    assert found.what == "all of it is banned"
    assert "lull bans --undo" in str(found.mend)


def test_what_will_be_lowered_is_told_and_nothing_is_wrong_with_it() -> None:
    """Three of them by name."""
    found = list(house.judge_playlist(replace(RAIN, lowered=("a.mp3 lowered at 0:30", "b", "c", "d")), None))
    assert levels(found) == [Level.RIGHT, Level.RIGHT]
    assert found[1].what == "will be lowered in parts: a.mp3 lowered at 0:30; b; c; and 1 more"


def test_what_is_lost_of_a_playlist_is_a_warning_each() -> None:
    """Left out, closed, faulty, set aside, unmeasured: the rest plays."""
    playlist = replace(
        RAIN, left_out=("x",), closed=("/srv/a",), faulty=("b",), set_aside=("c",), unmeasured=3, store_fault="x"
    )
    found = list(house.judge_playlist(playlist, "lull scan --config l.yaml"))
    assert levels(found) == [Level.RIGHT, *[Level.WARNING] * 6]
    assert found[-1].mend == "lull scan --config l.yaml"


def test_the_daemon_measures_by_itself() -> None:
    """While it runs nobody needs to do anything about unmeasured tracks."""
    found = list(house.judge_playlist(replace(RAIN, unmeasured=3), None))[-1]
    assert str(found.mend).startswith("no action needed")


def test_the_next_start_is_said_with_its_offset() -> None:
    """Entry, weekday, date, time and offset; a skipped night is said."""
    plans = Plans(1, entry="weeknights", at=datetime(2026, 3, 29, 22, 30, tzinfo=UTC), is_tonight_skipped=True)
    found = house.judge_plans(plans, "l.yaml")
    assert found.level is Level.RIGHT
    assert found.what == "weeknights, Sun 2026-03-29 22:30+00:00; tonight is skipped"


def test_no_start_is_right_only_without_a_schedule() -> None:
    """Switched off by hand, or with nothing in reach, it is worth knowing."""
    assert house.judge_plans(Plans(0), "l.yaml").level is Level.RIGHT
    assert house.judge_plans(Plans(1, is_on=False), "l.yaml").level is Level.WARNING
    never = house.judge_plans(Plans(1), "l.yaml")
    assert never.level is Level.WARNING
    assert "lull check --config l.yaml" in str(never.mend)


@pytest.mark.parametrize(
    ("place", "expected"),
    [
        (GOOD, Level.RIGHT),
        (replace(GOOD, fault="cannot be read"), Level.WRONG),
        (replace(GOOD, is_read_only=True), Level.WRONG),
        (replace(GOOD, barrier="/var/lib/lull"), Level.WRONG),
        (replace(GOOD, free_bytes=1 << 20), Level.WRONG),
        (replace(GOOD, in_memory="overlay"), Level.WARNING),
    ],
)
def test_the_state_directory_must_be_writable_and_last(place: StateDir, expected: Level) -> None:
    """Closed, full or read-only is wrong; in memory it is forgotten at each boot."""
    assert levels(list(house.judge_place(place, "lull", is_service=True))) == [expected]


def test_the_folder_of_a_service_is_not_given_to_who_asks() -> None:
    """Where no service is seen, as in a container, the folder may be its own all the same."""
    closed = replace(GOOD, barrier="/var/lib/lull")
    (own,) = house.judge_place(closed, "lull", is_service=True)
    (asked,) = house.judge_place(closed, "alex", is_service=False)
    assert own.mend == f"sudo chown lull {GOOD.path}"
    assert str(asked.mend).startswith("sudo lull doctor, if only lull may write it")


def test_the_service_needs_the_group_audio_for_a_card() -> None:
    """Root does not, nor does a speaker that plays into a file."""
    alone = replace(LULL, groups=frozenset({"lull"}))
    root = UserAccount("root", 0, frozenset({0}), frozenset({"root"}))
    for account, is_card, expected in [
        (LULL, True, Level.RIGHT), (alone, True, Level.WRONG), (alone, False, Level.RIGHT), (root, True, Level.RIGHT),
        (None, True, Level.WRONG),
    ]:  # fmt: skip
        found = list(house.judge_rights(account, None, is_service=True, plays_to_card=is_card))
        assert levels(found) == [expected]


@pytest.mark.parametrize(
    ("password", "expected"),
    [
        (PasswordFile("/pw", is_there=True), Level.RIGHT),
        (PasswordFile("/pw", is_there=False), Level.WRONG),
        (PasswordFile("/pw", is_there=True, barrier="/pw"), Level.WRONG),
        (PasswordFile("/pw", is_there=True, is_open_to_all=True), Level.WARNING),
    ],
)
def test_the_password_is_for_the_service_alone(password: PasswordFile, expected: Level) -> None:
    """Missing or closed to lull is wrong, open to all a warning."""
    found = list(house.judge_rights(LULL, password, is_service=True, plays_to_card=True))
    assert found[-1].level is expected


def test_a_config_is_right_faulty_or_missing() -> None:
    """Five faults are listed and the rest counted."""
    assert levels(list(house.judge_config("x", (), Installed.PIP, is_there=True))) == [Level.RIGHT]
    assert levels(list(house.judge_config("x", (), Installed.PIP, is_there=False))) == [Level.WARNING]
    found = list(house.judge_config("x", [f"x:{n}: wrong" for n in range(8)], Installed.PIP, is_there=True))
    assert levels(found) == [Level.WRONG] * 6
    assert found[-1].what == "and 3 more faults"


def test_a_config_that_cannot_be_read_has_no_line_to_fix() -> None:
    """Only root may read it, say; and then the other checks know nothing of it."""
    for fault, mend in (
        ("cannot be read: Permission denied", "sudo lull doctor"),
        ("is a folder, not a file", "a file"),
    ):
        (found,) = house.judge_config("x", [f"x: {fault}"], Installed.PIP, is_there=True)
        assert "line" not in str(found.mend)
        assert mend in str(found.mend)
        assert "default settings" in str(found.mend)


def test_buttons_are_listed_and_one_that_lull_may_not_read_is_wrong() -> None:
    """With the group that mends it; a device that is not there can wait, because a remote sleeps."""
    button = InputDevice("button@11", "/dev/input/event0", keys=("KEY_A",))
    rules = settings_of("topic: 'input:button@11', do: toggle", "topic: 'input:remote', do: toggle").rules
    closed, missing, listed = house.judge_inputs([button], rules, [button], "lull")
    assert (closed.level, closed.mend) == (Level.WRONG, "sudo usermod -aG input lull, then start lull again")
    assert missing.level is Level.WARNING
    assert "remote" in missing.what
    assert listed.what == "buttons, knobs and keyboards: button@11"
    assert [one.what for one in house.judge_inputs([], (), (), "lull")] == ["buttons, knobs and keyboards: none"]
