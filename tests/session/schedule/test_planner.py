"""Which entry starts now: catching up, clocks that are set, edits, switching off and on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import time
from zoneinfo import ZoneInfo

import pytest

from player.core.clock import Now, moved
from player.core.settings.session import Entry
from player.session.schedule.planner import HISTORY_S, KEPT, Due, Missed, Planner
from tests.session.schedule.entries import BERLIN, KATHMANDU, LORD_HOWE, NEW_YORK, at, entry

CATCH_UP_S = 20 * 60.0
NIGHT = (entry("22:00"),)


class Wakes:
    """A planner and the clocks it is woken with, both of which a test moves."""

    def __init__(self, start: Now, entries: Sequence[Entry] = NIGHT, *, is_enabled: bool = True) -> None:
        self.now = start
        self.entries = entries
        self.is_enabled = is_enabled
        self.planner = Planner()
        self.first = self.look()

    def look(self) -> tuple[Due | Missed, ...]:
        """Ask the planner now."""
        return self.planner.due(self.entries, self.now, CATCH_UP_S, is_enabled=self.is_enabled)

    def after(self, minutes: float) -> tuple[Due | Missed, ...]:
        """Let time pass on both clocks and look."""
        self.now = replace(self.now, boot_s=self.now.boot_s + minutes * 60, wall=moved(self.now.wall, minutes * 60))
        return self.look()

    def set_wall(self, text: str, zone: ZoneInfo = BERLIN) -> tuple[Due | Missed, ...]:
        """Somebody sets the wall clock; look a second later."""
        self.now = replace(self.now, boot_s=self.now.boot_s + 1, wall=at(text, 0, zone).wall)
        return self.look()


def test_an_entry_starts_when_its_time_comes_and_once() -> None:
    """At 22:00 the entry is due, not late; a second later it is not due again."""
    wakes = Wakes(at("2026-01-15T21:50:00+01:00", 50_000))
    assert wakes.first == ()
    assert wakes.after(10 - 1 / 60) == ()
    (due,) = wakes.after(1 / 60)
    assert isinstance(due, Due)
    assert (due.entry, due.planned.isoformat(), due.late_s) == (NIGHT[0], "2026-01-15T22:00:00+01:00", 0.0)
    assert wakes.after(1 / 60) == ()


def test_a_late_wake_is_no_missed_start_even_without_catching_up() -> None:
    """With catch-up switched off a start that is noticed seconds late, as they all are, is still made."""
    planner = Planner()
    planner.due(NIGHT, at("2026-01-15T21:59:55+01:00", 1_000), 0.0, is_enabled=True)
    (due,) = planner.due(NIGHT, at("2026-01-15T22:00:05+01:00", 1_010), 0.0, is_enabled=True)
    assert isinstance(due, Due)
    assert due.late_s == 5.0


@pytest.mark.parametrize(("wall", "late_s"), [("22:05:00", 300), ("22:19:59", 1199)])
def test_the_first_look_catches_up(wall: str, late_s: float) -> None:
    """A daemon that comes up within the catch-up time starts what it missed, and says how late that is."""
    (due,) = Wakes(at(f"2026-01-15T{wall}+01:00", 30)).first
    assert isinstance(due, Due)
    assert due.late_s == late_s


def test_what_is_older_than_the_catch_up_is_missed_and_told_once() -> None:
    """Twenty minutes late is too late: it is told as missed at the first look, and not again."""
    wakes = Wakes(at("2026-01-15T22:20:00+01:00", 30))
    (missed,) = wakes.first
    assert isinstance(missed, Missed)
    assert missed.planned.isoformat() == "2026-01-15T22:00:00+01:00"
    assert wakes.after(1) == ()


def test_what_was_told_as_missed_is_not_told_again_after_a_restart() -> None:
    """Three restarts in the three hours after a missed start tell it once."""
    first = Wakes(at("2026-01-15T22:20:00+01:00", 30))
    assert len(first.first) == 1
    for wall in ("22:25:00", "23:30:00", "00:59:00"):
        day = "2026-01-16" if wall < "12" else "2026-01-15"
        again = Planner(missed=first.planner.missed)
        assert again.due(NIGHT, at(f"{day}T{wall}+01:00", 30), CATCH_UP_S, is_enabled=True) == ()


def test_what_was_told_as_missed_is_made_when_its_time_really_comes() -> None:
    """A clock that was wrong before the restart costs no night."""
    planner = Planner(missed=Wakes(at("2026-01-15T22:20:00+01:00", 30)).planner.missed)
    (due,) = planner.due(NIGHT, at("2026-01-15T22:00:00+01:00", 60), CATCH_UP_S, is_enabled=True)
    assert isinstance(due, Due)


@pytest.mark.parametrize("is_trusted", [True, False])
def test_the_first_daemon_of_all_has_missed_nothing_before_its_start(*, is_trusted: bool) -> None:
    """Also where its clock is set later, and after a restart; what it does miss is told, and what is due is made."""
    planner, entries = Planner(is_new=True), (*NIGHT, entry("23:00", "late"), entry("23:50", "last"))
    first = at("2026-01-15T22:40:00+01:00", 30, is_trusted=is_trusted)
    assert planner.due(entries, first, 1200.0, is_enabled=True) == ()
    missed, due = planner.due(entries, at("2026-01-15T23:55:00+01:00", 30 + 75 * 60), 1200.0, is_enabled=True)
    assert (missed.entry.name, due.entry.name, type(due)) == ("late", "last", Due)
    again = Planner(planner.made, None, planner.missed)
    assert again.due(entries, at("2026-01-16T00:10:00+01:00", 30), 1200.0, is_enabled=True) == ()


def test_a_start_from_long_before_the_daemon_is_history() -> None:
    """A daemon that comes up three hours after a start says nothing of it: it may well have been made."""
    hours = HISTORY_S / 3600
    assert hours == 3
    assert Wakes(at("2026-01-16T01:00:00+01:00", 30)).first == ()
    assert Wakes(at("2026-01-16T00:59:59+01:00", 30)).first != ()


def test_nothing_starts_while_the_clock_is_not_trusted() -> None:
    """A clock that is not set starts nothing, whatever it shows; set at 22:10 it catches up with 22:00."""
    wakes = Wakes(at("2025-11-02T21:59:50+01:00", 20, is_trusted=False))
    assert wakes.after(1) == ()
    wakes.now = at("2026-01-15T22:10:00+01:00", 90)
    (due,) = wakes.look()
    assert isinstance(due, Due)
    assert due.late_s == 600


def test_a_clock_that_is_trusted_too_late_tells_what_was_missed_meanwhile() -> None:
    """Up since 18:00, trusted at 23:30: the start at 22:00 is missed, the one at 23:20 is caught up with."""
    entries = (entry("22:00", "early"), entry("23:20", "late"))
    wakes = Wakes(at("2025-11-02T12:00:00+01:00", 20, is_trusted=False), entries)
    wakes.now = at("2026-01-15T23:30:00+01:00", 20 + 5.5 * 3600)
    missed, due = wakes.look()
    assert isinstance(missed, Missed)
    assert isinstance(due, Due)
    assert (missed.entry.name, due.entry.name) == ("early", "late")


def test_what_was_missed_is_told_in_the_order_of_its_times() -> None:
    """Whatever the order of the list, the earlier start is told first."""
    first = Wakes(at("2026-01-15T23:30:00+01:00", 30), (entry("22:30"), entry("22:00"))).first
    assert [missed.entry.at.minute for missed in first] == [0, 30]


def test_after_a_long_sleep_of_the_machine_only_the_last_day_is_news() -> None:
    """Three days asleep until 23:00: the start of an hour ago is told as missed, those of the days before are not."""
    wakes = Wakes(at("2026-01-15T21:00:00+01:00", 50_000))
    (missed,) = wakes.after(3 * 24 * 60 + 120)
    assert missed.planned.isoformat() == "2026-01-18T22:00:00+01:00"


def test_the_last_day_reaches_over_a_day_of_23_hours() -> None:
    """At 00:10 on 2026-03-30, 23:30 on the 28th is 23 h 40 min ago, because the 29th had 23 hours."""
    wakes = Wakes(at("2026-03-28T12:00:00+01:00", 50_000), (entry("23:30"),))
    told = wakes.after(35 * 60 + 10)
    assert wakes.now.wall.isoformat() == "2026-03-30T00:10:00+02:00"
    assert [missed.planned.isoformat() for missed in told] == ["2026-03-28T23:30:00+01:00", "2026-03-29T23:30:00+02:00"]


def test_clocks_that_go_back_over_midnight_lose_no_start() -> None:
    """St. John's went from 00:01 on 2010-11-07 back to 23:01 on the 6th: midnight is caught up with, and is not twice.

    The look comes 70 seconds after the first midnight, on the date before it.
    """
    zone = ZoneInfo("America/St_Johns")
    wakes = Wakes(at("2010-11-06T23:59:50-02:30", 50_000, zone), (entry("00:00"),))
    (due,) = wakes.after(80 / 60)
    assert wakes.now.wall.isoformat() == "2010-11-06T23:01:10-03:30"
    assert isinstance(due, Due)
    assert (due.planned.isoformat(), due.late_s) == ("2010-11-07T00:00:00-02:30", 70)
    assert [wakes.after(10) for _ in range(12)] == [()] * 12


def test_the_memory_is_bounded() -> None:
    """Eleven hundred nights, of 24 hours each, leave a thousand starts in memory."""
    wakes = Wakes(at("2026-01-15T22:00:00+05:45", 50_000, KATHMANDU))
    assert sum(len(wakes.after(24 * 60)) for _ in range(1100)) == 1100
    assert len(wakes.planner._made._keys) == KEPT == 1000


def test_of_two_that_are_due_the_later_one_starts() -> None:
    """At 22:15 both 22:00 and 22:10 are due: 22:10 starts, the other is told as missed, neither comes again."""
    wakes = Wakes(at("2026-01-15T22:15:00+01:00", 30), (entry("22:10", "second"), entry("22:00", "first")))
    missed, due = wakes.first
    assert isinstance(missed, Missed)
    assert isinstance(due, Due)
    assert (due.entry.name, missed.entry.name) == ("second", "first")
    assert missed.reason == "second at 22:10 replaces it"
    assert wakes.after(1) == ()


def test_of_two_at_the_same_time_the_first_listed_starts() -> None:
    """Two entries at 22:00: the first one in the list starts, as the next start had announced."""
    wakes = Wakes(at("2026-01-15T21:59:00+01:00", 30), (entry("22:00", "one"), entry("22:00", "two")))
    *_, due = wakes.after(1)
    assert isinstance(due, Due)
    assert due.entry.name == "one"


def test_a_clock_that_is_set_back_doubles_nothing() -> None:
    """After the start at 22:00 the clock goes back an hour: 22:00 comes again and nothing starts."""
    wakes = Wakes(at("2026-01-15T21:59:00+01:00", 50_000))
    assert len(wakes.after(1)) == 1
    wakes.set_wall("2026-01-15T21:00:00+01:00")
    assert [wakes.after(10) for _ in range(8)] == [()] * 8


def test_a_clock_that_is_set_forward_over_a_start_catches_up_or_tells() -> None:
    """Set from 21:00 to 22:15 the start is caught up with, to 22:30 it is missed."""
    for wall, kind in (("22:15", Due), ("22:30", Missed)):
        wakes = Wakes(at("2026-01-15T21:00:00+01:00", 50_000))
        (result,) = wakes.set_wall(f"2026-01-15T{wall}:00+01:00")
        assert isinstance(result, kind)


def test_a_clock_that_was_wrong_for_a_while_loses_nothing() -> None:
    """Set forward over 22:00 and corrected, the start that was told as missed is made when its time comes."""
    wakes = Wakes(at("2026-01-15T21:00:00+01:00", 50_000))
    assert isinstance(wakes.set_wall("2026-01-15T23:00:00+01:00")[0], Missed)
    assert wakes.set_wall("2026-01-15T21:05:00+01:00") == ()
    assert wakes.after(54) == ()
    (due,) = wakes.after(1)
    assert isinstance(due, Due)


def test_a_new_zone_neither_doubles_nor_starts_at_the_old_time() -> None:
    """Started at 22:00 in Berlin; moved to New York, where it is 16:00: 22:00 of that date is no second start."""
    wakes = Wakes(at("2026-01-15T21:59:00+01:00", 50_000))
    assert len(wakes.after(1)) == 1
    assert wakes.set_wall("2026-01-15T16:00:01-05:00", NEW_YORK) == ()
    assert [wakes.after(60) for _ in range(8)] == [()] * 8
    assert wakes.now.wall.isoformat() == "2026-01-16T00:00:01-05:00"
    assert wakes.after(21 * 60 + 59) == ()
    assert len(wakes.after(1)) == 1


@pytest.mark.parametrize(
    ("zone", "start", "planned"),
    [
        (BERLIN, "2026-03-29T00:00:00+01:00", "2026-03-29T03:00:00+02:00"),
        (BERLIN, "2026-10-25T00:00:00+02:00", "2026-10-25T02:15:00+02:00"),
        (NEW_YORK, "2026-03-08T00:00:00-05:00", "2026-03-08T03:00:00-04:00"),
        (NEW_YORK, "2026-11-01T00:00:00-04:00", "2026-11-01T02:15:00-05:00"),
        (LORD_HOWE, "2026-10-04T00:00:00+10:30", "2026-10-04T02:30:00+11:00"),
        (LORD_HOWE, "2026-04-05T00:00:00+11:00", "2026-04-05T02:15:00+10:30"),
    ],
)
def test_a_night_of_changing_clocks_has_one_start(zone: ZoneInfo, start: str, planned: str) -> None:
    """An entry at 02:15 starts once in each night in which the clocks change, punctually."""
    wakes = Wakes(at(start, 50_000, zone), (entry("02:15"),))
    found = [item for _ in range(7 * 60) for item in wakes.after(1)]
    assert [type(item) for item in found] == [Due]
    assert found[0].planned.isoformat() == planned
    assert isinstance(found[0], Due)
    assert found[0].late_s == 0.0


def test_an_entry_moved_into_the_past_starts_nothing() -> None:
    """Edited at 22:05 from 23:00 to 22:00, nothing starts today; tomorrow it does."""
    wakes = Wakes(at("2026-01-15T21:00:00+01:00", 50_000), (entry("23:00"),))
    wakes.after(65)
    wakes.entries = NIGHT
    assert wakes.look() == ()
    assert wakes.after(23 * 60 + 54) == ()
    assert len(wakes.after(1)) == 1


def test_an_entry_moved_to_a_later_time_starts_again_that_day() -> None:
    """Made at 22:00 and then moved to 23:00, the entry starts at 23:00 too: a person asked for it."""
    wakes = Wakes(at("2026-01-15T21:59:00+01:00", 50_000))
    assert len(wakes.after(1)) == 1
    wakes.entries = (entry("23:00"),)
    assert wakes.after(59) == ()
    assert len(wakes.after(1)) == 1


def test_an_edit_of_anything_else_leaves_the_plan_alone() -> None:
    """A new volume between a start's time and its being noticed does not lose the start, and does not repeat one."""
    wakes = Wakes(at("2026-01-15T21:59:00+01:00", 50_000))
    wakes.entries = (replace(NIGHT[0], volume=10),)
    assert len(wakes.after(2)) == 1
    wakes.entries = NIGHT
    assert wakes.after(1) == ()


def test_an_entry_edited_while_the_clock_was_wrong_still_starts() -> None:
    """Moved to 22:00 while the clock showed 23:00 by mistake; corrected to 21:00, it starts at 22:00."""
    wakes = Wakes(at("2026-01-15T23:00:00+01:00", 50_000), ())
    wakes.entries = NIGHT
    assert wakes.look() == ()
    assert wakes.set_wall("2026-01-15T21:00:00+01:00") == ()
    assert wakes.after(59) == ()
    assert len(wakes.after(1)) == 1


def test_a_start_that_passed_while_switched_off_is_over() -> None:
    """Off from 21:30 to 22:05: nothing starts, nothing is missed; the next evening is as usual."""
    wakes = Wakes(at("2026-01-15T21:00:00+01:00", 50_000))
    wakes.is_enabled = False
    assert wakes.after(30) == ()
    assert wakes.after(35) == ()
    wakes.is_enabled = True
    assert wakes.look() == ()
    assert wakes.after(30) == ()
    assert wakes.after(23 * 60 + 24) == ()
    assert len(wakes.after(1)) == 1


def test_switching_off_for_a_while_before_a_start_costs_nothing() -> None:
    """Off from 21:00 to 21:59, the entry starts at 22:00; and a restart with the schedule off starts nothing."""
    wakes = Wakes(at("2026-01-15T21:00:00+01:00", 50_000), is_enabled=False)
    wakes.after(59)
    wakes.is_enabled = True
    assert wakes.look() == ()
    assert len(wakes.after(1)) == 1
    late = Wakes(at("2026-01-15T22:05:00+01:00", 50_000), is_enabled=False)
    late.is_enabled = True
    assert late.after(1) == ()


def test_two_entries_of_one_name_both_start() -> None:
    """Entries are told apart by name and time, so a name that is used twice loses none."""
    wakes = Wakes(at("2026-01-15T21:00:00+01:00", 50_000), (entry("22:00"), entry("23:00")))
    assert [len(wakes.after(60)) for _ in range(3)] == [1, 1, 0]


def test_an_entry_that_is_left_out_replaces_none() -> None:
    """A skipped night and a morning at one minute, or both caught up with: the morning starts, whichever is first."""
    night, morning = replace(NIGHT[0], name="night"), replace(NIGHT[0], name="morning")
    for entries in ((night, morning), (morning, night), (replace(night, at=time(22, 5)), morning)):
        planner = Planner()
        for minute, boot_s in (("21:50", 50_000), ("22:06", 50_960)):
            now = at(f"2026-01-15T{minute}:00+01:00", boot_s)
            found = planner.due(
                entries, now, CATCH_UP_S, is_enabled=True,
                why_not=lambda entry, _planned: "this night is skipped" if entry.name == "night" else None,
            )  # fmt: skip
        missed, due = found
        assert isinstance(missed, Missed)
        assert isinstance(due, Due)
        assert (missed.entry.name, missed.reason, due.entry.name) == ("night", "this night is skipped", "morning")
