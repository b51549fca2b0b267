"""A minute in the household in which everything goes wrong, and the judge of it, who must see what is wrong."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from player.session.crash_resume import CRASHED
from tests.live.daemon import Heard
from tests.signals import RATE_HZ, Sound, tone
from tests.soak.household import live_through
from tests.soak.household_verdict import Course, Levels, Segment, judge, keep, kept

pytestmark = pytest.mark.thorough
"""They prove an instrument that only the soak uses."""

LENGTH_S = 40
SOUND_S = (10, 30)
"""The recording of these tests: a tone of -32 dBFS that fades in and out over ten seconds, with silence around it."""


def recorded() -> Sound:
    samples = np.zeros((LENGTH_S * RATE_HZ, 2), np.float32)
    first, last = (second * RATE_HZ for second in SOUND_S)
    samples[first:last] = tone((last - first) / RATE_HZ, 440.0, peak=0.0355)
    ramp = np.linspace(0.0, 1.0, 5 * RATE_HZ, dtype=np.float32) ** 4
    samples[first : first + len(ramp)] *= ramp[:, None]
    samples[last - len(ramp) : last] *= ramp[::-1, None]
    return samples


def told(at_s: float, state: str, level: float | None = None, *problems: str) -> Heard:
    """A state that was published at a second of the recording."""
    fields = {"state": state, "level": level, "volume": 60, "problems": list(problems)}
    return Heard("lull/bedroom/state", json.dumps(fields).encode(), False, float(at_s))


TRUE = (told(0, "idle"), told(10, "playing"), told(20, "playing", -32.0), told(29, "stopping", -50.0), told(31, "idle"))
BEGUN = (told(0, "idle"), told(10, "playing"))
HEARD = (*BEGUN, told(20, "playing", -32.0))


@pytest.mark.parametrize(
    ("messages", "faults"),
    [
        (TRUE, []),
        ((*BEGUN, told(20, "playing", -20.0)), ["-20.0 dBFS is told, -32.0 dBFS is the nearest"]),
        ((*BEGUN, told(20, "playing")), ["no level is told, -32.0 dBFS is the least"]),
        ((*BEGUN, told(20, "paused", -32.0)), ["it is paused, and -32"]),
        ((*BEGUN, told(12, "stopping")), []),
        ((*HEARD, told(36, "playing", -32.0)), ["-32.0 dBFS is told"]),
    ],
)
def test_a_state_that_was_not_heard_is_found(messages: tuple[Heard, ...], faults: list[str], tmp_path: Path) -> None:
    """A level that is not there, sound without a level, sound while paused; not what lies within three seconds."""
    verdict = judged(tmp_path, messages)
    assert len(verdict.found) == len(faults), verdict.found
    for fault, line in zip(faults, verdict.found, strict=True):
        assert fault in line
    assert verdict.sounding_s == pytest.approx(20.0, abs=1.5)


def judged(folder: Path, messages: tuple[Heard, ...], course: Course | None = None) -> Any:
    """The verdict on `recorded`."""
    np.save(folder / "heard.npy", recorded())
    segment = Segment(folder / "heard.npy", 0.0, LENGTH_S * RATE_HZ)
    return judge(course or Course(), [segment], messages, 80, Counter())


def test_a_level_between_two_neighbours_in_a_fast_fade_was_heard(tmp_path: Path) -> None:
    """A stop passes 11 dB from one tenth of a second to the next; what is far above all of it was not heard."""
    samples = recorded()
    first = 20 * RATE_HZ
    samples[first:] = 0.0
    fade = 10.0 ** (np.linspace(0.0, -110.0, RATE_HZ, dtype=np.float32) / 20)
    samples[first : first + RATE_HZ] = tone(1.0, 440.0, peak=0.0355) * fade[:, None]
    levels = Levels(samples, 0.0).levels
    drops = levels[:-1] - levels[1:]
    at = int(np.argmax(np.where(levels[1:] > -100.0, drops, 0.0)))
    assert drops[at] > 10.0
    between_db = float(levels[at : at + 2].mean())
    np.save(tmp_path / "fast.npy", samples)
    segment = Segment(tmp_path / "fast.npy", 0.0, len(samples))
    states = (*HEARD[:2], told(21.5, "stopping", between_db), told(23.4, "idle", -20.0))
    found = judge(Course(), [segment], states, 80, Counter()).found
    assert [fault for fault in found if f"{between_db} dBFS" in fault] == []
    assert len([fault for fault in found if "-20.0 dBFS is told" in fault]) == 1


def test_what_was_kept_is_judged_as_before(tmp_path: Path) -> None:
    """With another judge perhaps, while the recording is there."""
    course = Course([(1.0, 2.0)], [(35.0, 45.0)], ["exit code -11"], 39.0)
    messages = (*HEARD[:2], told(20, "playing", -20.0), Heard("lull/bedroom/cmd/play", b"\xff", False, 3.0))
    before = judged(tmp_path, messages, course)
    keep(tmp_path, course, [Segment(tmp_path / "heard.npy", 0.0, LENGTH_S * RATE_HZ)], messages, 80)
    assert before.found
    assert kept(tmp_path).found == before.found


def test_nothing_is_asked_of_a_daemon_that_is_away(tmp_path: Path) -> None:
    """Killed at 18 s, it told a level at 17.9 s that is heard no more; a death of its own is a fault."""
    course = Course()
    course.daemon_is_gone(18.0)
    course.daemon_is_there(30.0)
    assert judged(tmp_path, (*BEGUN, told(17.9, "playing", -3.0)), course).found == []
    course.deaths.append("exit code -11")
    assert judged(tmp_path, TRUE, course).found == ["death: exit code -11"]


def test_a_level_that_outlives_the_sound_server_is_found(tmp_path: Path) -> None:
    """Three seconds after the loss there is a problem or no level; a loss that is shorter says nothing."""
    course = Course()
    course.sound_is_gone(35.0)
    course.sound_is_there(45.0)
    assert judged(tmp_path, TRUE, course).found == []
    stale = (*HEARD, told(34.5, "playing", -32.0))
    (fault,) = [line for line in judged(tmp_path, stale, course).found if "sound server" in line]
    assert fault == "3 s after the sound server died: playing, -32.0 dBFS"
    assert not [line for line in judged(tmp_path, (*stale, told(37, "playing", None, "no sound device")), course).found
                if "sound server" in line]  # fmt: skip


def test_a_slam_and_a_file_that_is_blamed_for_a_kill_are_found(tmp_path: Path) -> None:
    """The contract's meter hears the recording; the events are read."""
    samples = recorded()
    samples[20 * RATE_HZ : 21 * RATE_HZ] *= 20.0
    np.save(tmp_path / "slam.npy", samples)
    event = {"event_type": "track_skipped_over", "reason": CRASHED, "text": "left out a.mp3"}
    blamed = Heard("lull/bedroom/event", json.dumps(event).encode(), False, 1.0)
    verdict = judge(Course(), [Segment(tmp_path / "slam.npy", 0.0, len(samples))], [blamed], 80, Counter())
    kinds = [line.rpartition(": ")[0] for line in verdict.found]
    assert kinds[-1] == "blamed after a kill"
    assert "slam.npy: startle" in kinds


@pytest.mark.live
@pytest.mark.slow
@pytest.mark.thorough
@pytest.mark.long
def test_a_minute_of_everything(tmp_path: Path) -> None:
    """``python -m tests.soak.household 60`` is the hour."""
    verdict = live_through(tmp_path, 1.0, seed=5)
    print(f"\n{verdict}")
    assert not verdict.found
    assert verdict.states > 10
    assert verdict.counts["commands"] > 10
