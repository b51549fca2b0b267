"""A night in three phases with a bed, and a crash in the second: the real session, engine and chain on a virtual clock.

Everything that plays is generated. What left is judged while it is rendered, and nothing of it is kept.
``python -m tests.nights.bed_night 480`` plays a night of so many minutes and says what was measured.
"""

from __future__ import annotations

import itertools
import random
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from zoneinfo import ZoneInfo

import numpy as np

from player.analysis.contract.examiner import Examiner, Findings, Instruments, Limits
from player.analysis.ebur128 import true_peak_dbtp
from player.app.offline import VirtualClock
from player.audio.decoder.noise import NoiseDecoder
from player.audio.dsp.tap import Rendered
from player.audio.dsp.types import Block
from player.audio.engine import Engine
from player.audio.engine_settings import EngineSettings
from player.core.commands import Play, Request
from player.core.events import EngineReport, News
from player.core.settings.bed import Bed
from player.core.settings.safety import FadeSettings
from player.core.settings.session import Phase, Playlist, Settings, TimerSetting
from player.core.states import State
from player.core.units import CHANNELS, to_frames, to_seconds, volume_to_db
from player.library.files import FileLibrary
from player.session.controller import Controller
from player.session.messages import Message
from tests.engine_rig import POWER_METER
from tests.fakes.memory import FakeMemoryStore
from tests.fakes.source import FakeDecoder
from tests.nights.played_night import KeepingSink

EVENING = datetime(2026, 1, 15, 22, 30, tzinfo=ZoneInfo("Europe/Berlin"))
OFF_S = 20.0
"""So long the daemon is dead."""
FADE_S = 60.0


class JudgedSink(KeepingSink):
    """Shows the examiner what is written, and keeps nothing."""

    def __init__(self, clock: VirtualClock, examiner: Examiner) -> None:
        super().__init__(clock)
        self._examiner = examiner
        self._judged: Rendered | None = None
        self.sounded_s = 0.0
        self._frames = 0

    def tap(self, rendered: Rendered) -> None:
        self._judged = rendered

    def write(self, block: Block) -> None:
        rendered, self._judged = self._judged, None
        self._examiner.push(block, rendered)
        super().write(block)
        self.blocks.clear()
        self._frames += len(block)
        if block.any():
            self.sounded_s = to_seconds(self._frames)


class BedNight:
    """One night; its phases are a tenth, a half and the rest of it, less what the bed outlasts them.

    Attributes:
        ends_s: when it is to be silent, in seconds from its beginning.
    """

    def __init__(self, lasts_s: float) -> None:
        self.lasts_s = lasts_s
        first_s, second_s, outlasts_s = 0.1 * lasts_s, 0.5 * lasts_s, 0.04 * lasts_s
        self.ends_s = lasts_s
        third_s = lasts_s - first_s - second_s - outlasts_s - FADE_S
        self.crash_s = first_s + second_s / 2
        self.settings = Settings(
            fades=FadeSettings(fade_in_s=20.0, fade_out_s=FADE_S, crossfade_s=6.0),
            playlists=(
                Playlist("fan", ("noise:fan",), bed=(Bed("rain", -12.0), Bed("white", -24.0))),
                Playlist("brown", ("noise:brown",), bed=(Bed("rain", -15.0),)),
                Playlist("sea", ("noise:sea",), bed=(Bed("rain", -12.0, outlasts_s),)),
                Playlist("rain", ("noise:rain",)),
                Playlist("white", ("noise:white?cut=800",)),
            ),
        )
        self.play = Play(
            "fan", 60, TimerSetting.clock(first_s),
            then=(
                Phase("brown", 55, TimerSetting.clock(second_s)),
                Phase("sea", 50, TimerSetting.clock(third_s)),
            ),
        )  # fmt: skip
        self.clock = VirtualClock(EVENING)
        limits = Limits(self.settings.limits.target_lufs, self.settings.limits.ceiling_dbtp, volume_to_db(60))
        self.examiner = Examiner(limits, Instruments(POWER_METER, true_peak_dbtp))
        self.store = FakeMemoryStore()
        self.news: list[tuple[float, News]] = []
        self.beds: list[tuple[float, tuple[str, ...]]] = []
        self._reports: list[EngineReport] = []
        self._seeds = itertools.count()
        self._library = FileLibrary()

    def run(self) -> Findings:
        """All of it."""
        sink = JudgedSink(self.clock, self.examiner)
        with self._alive(sink, 0):
            self._tell(Request(self.play, "test"))
            self._run_until(self.crash_s)
        sink.write(_silence(OFF_S))  # dead: what was written before the crash is all that is left of it
        with self._alive(sink, 1):
            self._tell(None)
            self._run_until(self.lasts_s + 600.0)
        self.sounded_s = sink.sounded_s
        return self.examiner.finish()

    @contextmanager
    def _alive(self, sink: JudgedSink, seed: int) -> Iterator[None]:
        self._session = Controller(self.settings, random.Random(seed), self.store.recall())
        settings = EngineSettings.of(self.settings, POWER_METER, 0.0)
        decoder = NoiseDecoder(FakeDecoder({}), self._seeds)
        settings = EngineSettings(
            settings.crossfade_s, settings.ceiling_dbtp, settings.target_lufs, settings.make_power_meter, 0.0,
            is_offline=True, tap=sink.tap,
        )  # fmt: skip
        self._engine = Engine(sink, decoder, self.clock, self._reports.append, settings)
        yield

    def _run_until(self, at_s: float) -> None:
        while self.clock.now().boot_s < at_s:
            self._engine.step()
            reports, self._reports[:] = list(self._reports), []
            for report in reports:
                self._tell(report)
            self._tell(None)
            if self._session.state is State.IDLE and self.clock.now().boot_s > self.crash_s + 60.0:
                return

    def _tell(self, message: Message | None) -> None:
        now = self.clock.now()
        out = self._session.handle(message, now)
        for order in out.orders:
            self._engine.order(order)
        for batch in out.writes:
            self.store.write(batch)
        self.news += [(now.boot_s, event) for event in out.events if isinstance(event, News)]
        beds = tuple(f"{bed.playlist} {bed.gain_db:g}" for bed in self._session.snapshot(now).beds)
        if not self.beds or self.beds[-1][1] != beds:
            self.beds.append((now.boot_s, beds))
        for name in out.reads:
            playlist = self.settings.playlist(name)
            assert playlist is not None
            self._tell(self._library.read(playlist))


def _silence(duration_s: float) -> Block:
    return np.zeros((to_frames(duration_s), CHANNELS), np.float32)


def main(minutes: float) -> int:
    """Play one and print it; returns 1 where a clause does not hold."""
    night = BedNight(60.0 * minutes)
    found = night.run()
    for at_s, news in night.news:
        print(f"{at_s:9.1f} s  {news.type}: {news.text}")
    for figure in found.figures:
        print(figure)
    print(f"planned silence at {night.ends_s:.1f} s, last sample at {night.sounded_s:.2f} s; broken: {found.broken}")
    return 1 if found.broken else 0


if __name__ == "__main__":
    sys.exit(main(float(sys.argv[1])))
