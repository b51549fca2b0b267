"""What each stage costs for a block of 100 ms, in one run, as ratios: `python -m bench.stages` from the repository.

A ratio is the time of a stage over the time of one plain product of the block with a number, taken in the same rounds,
so that it holds on other machines and beside other work better than microseconds do. The last column is the share of
one core of this machine; the budget of the whole chain is 0.25 %. What is planned live comes on top for tracks that
nobody has measured: it works once a second, and the row is the mean of two; while a stranger is near, a plan of 18 s of
powers comes to it. A bed costs what `layers` is more with it than without, and what decodes or generates its sound; the
chain behind the sum costs the same. Rows are without the native kernel but for the one in C. The last two rows come on
top, for cards that ask for it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

import numpy as np

from player.analysis.ebur128 import HopMeter
from player.audio.decoder.noise import NoiseGenerator
from player.audio.dsp.chain import Chain
from player.audio.dsp.crossfade import DeckGain
from player.audio.dsp.gain import applied
from player.audio.dsp.level_meter import LevelMeter
from player.audio.dsp.limiter import Limiter
from player.audio.dsp.live_plan import LivePlan
from player.audio.dsp.native import Kernel, kernel, power_meters
from player.audio.dsp.ramp import Ramp
from player.audio.dsp.sanitise import Sanitiser
from player.audio.dsp.types import Block
from player.audio.layers import Layers
from player.audio.sinks.pcm_format import PcmEncoder, SampleFormat
from player.audio.sinks.resampler import Resampler
from player.core.engine_orders import BEDS, TRACKS, Crossfade, Item, RampTo
from player.core.noise import parse_noise
from player.core.units import RATE_HZ

FRAMES: Final = 4_800
ROUNDS: Final = 60
CALLS: Final = 20

Call = Callable[[], object]


def quiet() -> Block:
    """A block of noise at -20 dBFS peak, as calm sound is."""
    return np.random.default_rng(1).uniform(-0.1, 0.1, (FRAMES, 2)).astype(np.float32)


def loud() -> Block:
    """A block of noise all of which the limiter must lower."""
    return np.random.default_rng(2).uniform(-2, 2, (FRAMES, 2)).astype(np.float32)


def opened(level_db: float, native: Kernel | None = None) -> Chain:
    """A chain that stands at a level."""
    chain = Chain(-1.0, -23.0, HopMeter if native is None else power_meters(HopMeter), native)
    chain.ramp.to(level_db, 0.0)
    while chain.ramp.is_moving:
        chain.process(np.zeros((FRAMES, 2), np.float32))
    return chain


def ramping() -> Ramp:
    """A ramp in a fade that outlasts the run."""
    ramp = Ramp()
    ramp.to(0.0, 80_000.0)
    return ramp


def recovered(stage: Sanitiser, block: Block) -> Block:
    """A block on the way back from a bad sample: the stage is put there each time, for the run outlasts the way."""
    stage._is_clean, stage._since_bad = False, RATE_HZ
    return stage.process(block)


def blended(block: Block) -> Block:
    """The outgoing deck of a crossfade, 12 s after it began."""
    incoming, outgoing = DeckGain(), DeckGain()
    outgoing.open()
    incoming.rise(8.0)
    outgoing.fall_with(incoming)
    outgoing._at = 12 * RATE_HZ
    gains = outgoing.gains(FRAMES)
    assert not isinstance(gains, float)
    return applied(block, gains)


class Live:
    """A track without an end that is planned while it plays: every call is the next block of it."""

    def __init__(self) -> None:
        self._plan, self._at = LivePlan(), 0
        self._sound = np.tile(quiet(), (200, 1))
        for _ in range(300):
            self.block()

    def block(self) -> Block:
        """The next one."""
        place = self._at % (len(self._sound) // 2)
        self._plan.look(lambda frames: self._sound[place : place + frames].copy(), self._at, FRAMES)
        block = self._plan.apply(self._sound[place : place + FRAMES], self._at)
        self._at += FRAMES
        return block


class StillSource:
    """Sound that is always there and costs nothing: `player.audio.ports.Source`."""

    duration_s: float | None = None
    fault: str | None = None

    def __init__(self) -> None:
        self._sound = quiet()

    def frames_ready(self) -> int:
        """Always enough."""
        return 6 * RATE_HZ

    def is_finished(self) -> bool:
        """Never."""
        return False

    def read(self, frames: int) -> Block:
        """The same each time."""
        return self._sound[:frames]

    peek = read

    def skip(self, frames: int) -> None:
        """Nothing is counted."""

    def wait_ready(self, frames: int, timeout_s: float) -> bool:
        """At once."""
        return frames >= 0 and timeout_s >= 0

    def close(self) -> None:
        """Nothing is held."""


class StillDecoder:
    """Opens it: `player.audio.ports.Decoder`."""

    def open(self, uri: str, start_s: float = 0.0) -> StillSource:
        """Whatever is asked for."""
        del uri, start_s
        return StillSource()


def layered(beds: int) -> Call:
    """The sum of tracks and so many beds, all of them measured."""
    layers = Layers(StillDecoder(), lambda _: None, 8.0)
    for number in (TRACKS, *BEDS)[: beds + 1]:
        layers.play(Item(number, str(number), "", plan=b""), Crossfade.BLEND, number)
        if number != TRACKS:
            layers.ramp(RampTo(-12.0, 0.0, layer=number))
    layers.prepare(FRAMES, is_output_silent=True)

    def block() -> Block:
        layers.prepare(FRAMES, is_output_silent=False)
        return layers.mix(FRAMES, 0.0, may_rise=True)

    return block


def cases() -> dict[str, Call]:
    """Each stage in its fast path and in its slow one."""
    calm, hot, full, steady = quiet(), loud(), opened(0.0), opened(-20.0)
    closed, moving, sanitiser = Chain(-1.0, -23.0, HopMeter), ramping(), Sanitiser()
    mending = Sanitiser()
    limiter, limiting, meter = Limiter(-1.0), Limiter(-1.0), LevelMeter()
    whole, fading, in_c = opened(0.0), opened(0.0), opened(-20.0, kernel())
    brown, rain = (NoiseGenerator(parse_noise(f"noise:{kind}")) for kind in ("brown", "rain"))
    resampler, encoder = Resampler(44_100), PcmEncoder(SampleFormat.S16_LE)
    fading.ramp.to(-60.0, 80_000.0)
    return {
        "one product (the unit)": lambda: calm * np.float32(0.5),
        "sanitise, good": lambda: sanitiser.process(calm),
        "sanitise, recovering": lambda: recovered(mending, calm),
        "deck gain, blending": lambda: blended(calm),
        "ramp, full level": lambda: full.ramp.process(calm),
        "ramp, steady": lambda: steady.ramp.process(calm),
        "ramp, moving": lambda: moving.process(calm),
        "planned live, calm": Live().block,
        "layers, tracks alone": layered(0),
        "layers, one bed": layered(1),
        "layers, two beds": layered(2),
        "noise:brown, generated": lambda: brown.read(FRAMES),
        "noise:rain, generated": lambda: rain.read(FRAMES),
        "limiter, far below": lambda: limiter.process(calm),
        "limiter, limiting": lambda: limiting.process(hot),
        "meter": lambda: meter.measure(calm),
        "chain, silent": lambda: closed.process(calm),
        "chain, full level": lambda: full.process(calm),
        "chain, steady": lambda: steady.process(calm),
        "chain, steady, in C": lambda: in_c.process(calm),
        "chain, fading": lambda: fading.process(calm),
        "chain, limiting": lambda: whole.process(hot),
        "device at 44.1 kHz": lambda: resampler.process(calm),
        "device, 16 bit": lambda: encoder.encode(calm),
    }


def measured_s(calls: dict[str, Call]) -> dict[str, float]:
    """Shortest time of each over all rounds; rounds take turns, so that what disturbs one disturbs all."""
    best = dict.fromkeys(calls, float("inf"))
    for _ in range(ROUNDS):
        for name, call in calls.items():
            start_s = time.perf_counter()
            for _ in range(CALLS):
                call()
            best[name] = min(best[name], (time.perf_counter() - start_s) / CALLS)
    return best


def main() -> None:
    """Print the table."""
    best = measured_s(cases())
    unit_s = next(iter(best.values()))
    print(f"{'':26}{'ratio':>8}{'us':>9}{'of a core':>11}")
    for name, cost_s in best.items():
        print(f"{name:26}{cost_s / unit_s:8.1f}{cost_s * 1e6:9.1f}{cost_s * RATE_HZ / FRAMES:11.3%}")


if __name__ == "__main__":
    main()
