"""The real engine on a fake device, a scripted decoder and a fake clock; what is heard is kept."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from player.analysis.ebur128 import HopMeter
from player.audio.dsp.chain import Chain
from player.audio.dsp.hearing import HOP_FRAMES
from player.audio.dsp.native import power_meters
from player.audio.dsp.tap import Rendered
from player.audio.engine import Engine
from player.audio.engine_settings import BLOCK_FRAMES, EngineSettings
from player.core.engine_orders import TRACKS, Crossfade, Item, PlayItem, QueueItem, RampTo
from player.core.events import EngineReport
from player.core.units import CHANNELS, RATE_HZ, SILENCE_DB, to_frames
from tests.fakes.clock import FakeClock
from tests.fakes.sink import FakeSink
from tests.fakes.source import FakeDecoder, Script

Samples = npt.NDArray[np.float32]
R = TypeVar("R")
POWER_METER = power_meters(HopMeter)
"""The one of the daemon: that of the kernel, which gives the figures of libebur128 in a third of the time."""
LEVEL = 1e-3
"""So quiet that the guard lets it pass whatever its gain does: below its floor."""


def constant(duration_s: float = 600.0, level: float = LEVEL) -> Script:
    """A track that is a constant, so that the output is the gain itself; see `let_dc_through`."""
    return Script(lambda _start, frames: np.full((frames, CHANNELS), level, np.float32), to_frames(duration_s))


def let_dc_through(chain: Chain) -> Chain:
    """The chain without its high-pass, so that a constant shows all gains; a calm block goes through it in calm.c."""
    chain._highpass.curves = (np.zeros(HOP_FRAMES, np.float32), np.zeros(HOP_FRAMES, np.float32))
    chain._highpass.process = lambda hops: hops  # type: ignore[method-assign]
    return chain


@lru_cache(maxsize=4)
def noise(seed: int, duration_s: float = 60.0, level: float = LEVEL) -> Script:
    """A track of white noise, unrelated to those of other seeds. It hands out copies, so one serves many tests."""
    frames = to_frames(duration_s)
    samples = np.random.default_rng(seed).normal(0.0, level, (frames, CHANNELS)).astype(np.float32)
    return Script(np.clip(samples, -0.5, 0.5), frames)


class Rig:
    """Steps the engine through virtual time; blocks have 100 ms, or up to ``longest_s`` while nothing moves."""

    def __init__(
        self, scripts: Mapping[str, Script], crossfade_s: float = 8.0, hold_s: float = 1.0, longest_s: float = 0.1
    ) -> None:
        self.clock = FakeClock()
        self.sink = FakeSink(self.clock, on_block=self._hear)
        self.decoder = FakeDecoder(dict(scripts))
        self.reports: list[EngineReport] = []
        self.rendered: list[Rendered] = []
        tap = self.rendered.append
        settings = EngineSettings(crossfade_s, -1.0, -23.0, POWER_METER, hold_s, longest_s=longest_s, tap=tap)
        self.engine = Engine(self.sink, self.decoder, self.clock, self.reports.append, settings)
        let_dc_through(self.engine._chain)
        self._blocks: list[Samples] = []
        self._ids = 0

    def _hear(self, block: Samples) -> None:
        self._blocks.append(block.copy())

    def item(self, uri: str, **parts: float | bytes) -> Item:
        """A new playing of a script, which was measured and is played as it is where nothing else is said."""
        self._ids += 1
        return Item(self._ids, uri, uri, **{"plan": b"", **parts})  # type: ignore[arg-type]

    def play(
        self, uri: str, crossing: Crossfade = Crossfade.BLEND, layer: int = TRACKS, **parts: float | bytes
    ) -> Item:
        item = self.item(uri, **parts)
        self.engine.order(PlayItem(item, crossing, layer))
        return item

    def queue(self, uri: str) -> Item:
        item = self.item(uri)
        self.engine.order(QueueItem(item))
        return item

    def start(self, uri: str, level_db: float = 0.0) -> Item:
        """Play a track and wait until the level is reached."""
        item = self.play(uri)
        self.engine.order(RampTo(level_db, 0.0))
        self.run(11.0)
        return item

    def run(self, duration_s: float) -> None:
        """Render so much."""
        for _ in range(round(duration_s * RATE_HZ / BLOCK_FRAMES)):
            self.engine.step()

    def heard(self, last_s: float | None = None) -> Samples:
        """All that was heard, or the last seconds of it."""
        samples = np.concatenate(self._blocks) if self._blocks else np.zeros((0, CHANNELS), np.float32)
        return samples if last_s is None else samples[-to_frames(last_s) :]

    @property
    def heard_frames(self) -> int:
        """How much was heard."""
        return sum(map(len, self._blocks))

    def fastest_own_rise(self) -> float:
        """The steepest rise in dB/s, from the end of one block to the next, of what lull itself does to one track: the
        output's ramp times the deck's gain.

        What is 60 dB below the ramp's target (the last one, on its way to silence) or 24 dB below another deck counts
        as no lower than that; the two sides of a seam keep the level together and are left out.
        """
        before, fastest, target_db = {}, 0.0, SILENCE_DB
        for rendered in self.rendered:
            target_db = max(rendered.target_db, target_db if rendered.target_db == SILENCE_DB else SILENCE_DB)
            decks = (*rendered.decks, *rendered.beds)
            now = {deck.item.id: rendered.volume_db + deck.level_db for deck in decks}
            for deck in decks:
                others = [level for item_id, level in now.items() if item_id != deck.item.id]
                least = max([target_db - 60.0, *(level - 24.0 for level in others)])
                former = max(before.get(deck.item.id, SILENCE_DB), least)
                if not deck.is_joined and now[deck.item.id] > former > SILENCE_DB:
                    fastest = max(fastest, (now[deck.item.id] - former) * RATE_HZ / BLOCK_FRAMES)
            before = now
        return fastest

    def reported(self, kind: type[R]) -> list[R]:
        """All reports of a kind."""
        return [report for report in self.reports if isinstance(report, kind)]


def gain_db(samples: Samples, full: float = LEVEL) -> npt.NDArray[np.float64]:
    """Gain at each frame of a constant track, in dB; -inf for silence."""
    with np.errstate(divide="ignore"):
        levels: npt.NDArray[np.float64] = 20 * np.log10(np.abs(samples[:, 0].astype(np.float64)) / full)
    return levels


def fast_levels_db(samples: Samples) -> npt.NDArray[np.float64]:
    """The F-weighted level of a constant track each 10 ms, relative to the constant."""
    power, levels = 0.0, []
    keep = np.exp(-0.010 / 0.125)
    for at in range(0, len(samples) - 479, 480):
        power = keep * power + (1.0 - keep) * float(np.mean(np.square(samples[at : at + 480].astype(np.float64))))
        levels.append(10.0 * np.log10(max(power, 1e-30)))
    found: npt.NDArray[np.float64] = np.array(levels) - 20.0 * np.log10(LEVEL)
    return found


def fastest_rise(samples: Samples, floor_db: float = -59.0, over_s: float = 0.01) -> float:
    """The steepest rise of a constant track's gain in dB/s between instants ``over_s`` apart, what is below the floor
    counting as the floor.
    """
    hop = RATE_HZ // 100
    apart = round(over_s * 100)
    levels = np.maximum(gain_db(samples)[::hop], floor_db - 0.01)
    return float(np.max(levels[apart:] - levels[:-apart], initial=0.0) / over_s)
