"""A night in three phases with a bed, and a crash in the second."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, time
from zoneinfo import ZoneInfo

import pytest

from player.core import commands as c
from player.core.settings.bed import Bed
from player.core.settings.session import Entry, Phase, Playlist, Settings, TimerSetting
from player.core.states import State
from player.core.units import SILENCE_DB
from tests.nights.bed_night import OFF_S, BedNight
from tests.nights.remembered_nights import Remembering

HOUR = 3600.0


@pytest.mark.slow
@pytest.mark.thorough
def test_a_night_with_a_bed_keeps_the_contract_from_the_first_to_the_last_sample() -> None:
    """Five minutes: every clause holds, but the crash itself is a cut; it ends within a second of its plan."""
    night = BedNight(300.0)
    found = night.run()
    crash_s = night.crash_s
    offences = [figure for figure in found.figures if not figure.holds]
    assert all(figure.at == (pytest.approx(crash_s, abs=1.0),) for figure in offences), offences
    assert night.sounded_s == pytest.approx(night.ends_s, abs=1.0)
    starts = [at_s for at_s, news in night.news if news.type == "session_started"]
    assert starts == [0.0, pytest.approx(crash_s + OFF_S, abs=1.0)]
    assert [beds for _, beds in night.beds] == [("rain -12", "white -24"), ("rain -15",), ("rain -12",), ()]
    assert sum(news.type == "bed_set" and news.text == "bed: rain at -15 dB" for _, news in night.news) == 2


def test_eight_hours_in_three_phases_end_when_planned() -> None:
    """45 min of whispers over rain, brown noise until 04:30 without it, sea over rain until 06:10; rain until 06:30.

    The daemon is killed in the second phase. The last fade is over within a second of its moment.
    """
    zone = ZoneInfo("Europe/Berlin")
    rain = Bed("rain", -12.0, 1200.0)
    then = (
        Phase("brown", 20, TimerSetting.at(time(4, 30))),
        Phase("sea", 15, TimerSetting.at(time(6, 0)), bed=(rain,)),
    )
    settings = Settings(
        playlists=(
            Playlist("whispers", ("/w",), bed=(rain,), then=then),
            Playlist("brown", ("/b",)),
            Playlist("sea", ("/s",)),
            Playlist("rain", ("/r",)),
        ),
        schedule=(Entry("night", time(22, 30), playlist="whispers", timer=TimerSetting.clock(2700.0)),),
        session=replace(Settings().session, max_s=10 * HOUR),
    )
    nights = Remembering(settings, datetime(2026, 11, 20, 22, 0, tzinfo=zone))
    layers: dict[str, tuple[str, tuple[str, ...], bool]] = {}

    def look(at: str) -> None:
        shot = nights.session.snapshot(nights.now)
        is_heard = nights.engine.layers[0].level_db(nights.now.boot_s) > SILENCE_DB
        layers[at] = (shot.playlist or "", tuple(bed.playlist for bed in shot.beds), is_heard)

    nights.run_for(60 * 60.0)
    look("23:00")
    nights.run_for(30 * 60.0)
    look("23:30")  # rain goes on under brown noise for 20 min
    nights.run_for(30 * 60.0)
    look("00:00")
    nights.run_for(2 * HOUR)
    nights.die(45.0)
    nights.run_for(3 * HOUR - 45.0)
    look("05:00")
    nights.run_for(HOUR + 60.0)
    look("06:01")
    assert layers == {
        "23:00": ("whispers", ("rain",), True),
        "23:30": ("brown", ("rain",), True),
        "00:00": ("brown", (), True),
        "05:00": ("sea", ("rain",), True),
        "06:01": ("sea", ("rain",), False),
    }
    fade_out_s = settings.fades.fade_out_s
    nights.run_for(19 * 60.0 + fade_out_s - 2.0)
    assert nights.state is State.FADING_OUT
    nights.run_for(3.0)
    assert nights.state is State.IDLE
    assert nights.command(c.GetStatus()).is_done
