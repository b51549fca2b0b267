"""The layers: the tracks, and up to two beds under them; each has a mixer and a level of its own, and they are summed.

Runs on the engine thread alone. Everything after the sum (volume, guard, limiter, meter) works on the sum alone, so
the contract holds whatever the sum consists of. An empty layer costs nothing.

The gains that lull applies to one layer may together rise by at most 6 dB/s. Decks have priority, then the output's
ramp; the level of the layer may use what these two leave. While the output is silent, a layer takes its level at once:
the output makes the rise.

The planned level of the sum is the sum of the layers' planned levels; it is unknown while one of them is not planned.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Final

import numpy as np

from player.audio.deck import Deck
from player.audio.dsp.ramp import Ramp
from player.audio.dsp.tap import Sounding
from player.audio.dsp.types import Block
from player.audio.mixer import Mixer
from player.audio.ports import Decoder
from player.core.clock import Clock
from player.core.engine_orders import BEDS, TRACKS, LevelItem, PlayItem, QueueItem, RampTo, Then
from player.core.events import EngineReport, RampArrived
from player.core.limits import MAX_RISE_DB_PER_S
from player.core.units import CHANNELS, SILENCE_DB, db_to_gain

LEAST_RISE_DB_PER_S: Final = 0.1
"""A ramp waits while less than this is left for it."""
FIRST_SOUND_S: Final = 0.2
"""A device that was just opened waits so long at most: its whole buffer would be silence before the sound."""
LOOK_S: Final = 0.005
"""Interval at which an opening track is looked at by `Layers.await_opened`."""


class SoundLayer:
    """One mixer and its level; `Layers` carries out and reports ``then``, which follows a ramp of the level."""

    def __init__(self, number: int, mixer: Mixer) -> None:
        self.number = number
        self.mixer = mixer
        self.level = Ramp()
        self.then: Then | None = None
        if number == TRACKS:
            self.level.to(0.0, 0.0)
            self.level.open()

    @property
    def is_leaving(self) -> bool:
        """Whether it is silent, or fading to silence."""
        return self.level.target_db == SILENCE_DB

    @property
    def rise_db_per_s(self) -> float:
        """How fast the sound in it rises, without the output."""
        return self.mixer.rise_db_per_s + (self.level.rise_db_per_s if self.mixer.is_sounding else 0.0)

    def prepare(self, frames: int, *, is_output_silent: bool) -> None:
        """As `Mixer.prepare`."""
        is_silent = is_output_silent or self.level.level_db == SILENCE_DB
        self.mixer.prepare(frames, is_output_silent=is_silent)
        if is_output_silent and self.level.is_rising and self.mixer.is_sounding:
            self.level.open()

    def mix(self, frames: int, left_db_per_s: float, *, may_rise: bool) -> Block:
        """The next frames at its level, whose rise uses at most what the decks leave of ``left_db_per_s``."""
        rising = self.level.is_rising
        left_db_per_s -= self.mixer.rise_db_per_s
        is_sounding = self.mixer.is_sounding
        block = self.mixer.mix(frames, may_rise=may_rise)
        if not rising:
            return self.level.process(block)
        if not (is_sounding and may_rise) or self.mixer.is_recovering or left_db_per_s < LEAST_RISE_DB_PER_S:
            return self.level.wait(block)
        self.level.hold_back(left_db_per_s)
        return self.level.process(block)

    def under_level(self, lufs: float | None, frames: int = 0) -> float | None:
        """A loudness in its mixer as it leaves the layer: the maximum within ``frames`` frames; None stays None."""
        level_db = max(self.level.level_db, self.level.level_ahead_db(frames))
        return None if lufs is None else lufs + level_db

    def sounding(self) -> tuple[Sounding, ...]:
        """As `Mixer.sounding`, with its level."""
        level_db, gain = self.level.level_db, np.float32(db_to_gain(self.level.level_db))
        return tuple(
            Sounding(
                one.item,
                one.level_db + level_db,
                one.is_current and self.number == TRACKS and not self.is_leaving,
                one.is_joined,
                one.decoded,
                one.gains * float(gain) if isinstance(one.gains, float) else one.gains * gain,
            )
            for one in self.mixer.sounding()
        )


class Layers:
    """All layers, summed.

    Args:
        decoder, report, crossfade_s, is_offline: as those of `Mixer`.
    """

    def __init__(
        self, decoder: Decoder, report: Callable[[EngineReport], None], crossfade_s: float, *, is_offline: bool = False
    ) -> None:
        self._report = report
        self._layers = {
            number: SoundLayer(number, Mixer(decoder, report, crossfade_s, is_offline=is_offline, layer=number))
            for number in (TRACKS, *BEDS)
        }

    @property
    def _mixers(self) -> list[Mixer]:
        return [layer.mixer for layer in self._layers.values()]

    @property
    def _sounding(self) -> list[SoundLayer]:
        return [layer for layer in self._layers.values() if layer.mixer.is_sounding]

    @property
    def current(self) -> Deck | None:
        """The deck of the track that is now playing."""
        return self._layers[TRACKS].mixer.current

    @property
    def is_empty(self) -> bool:
        """Whether nothing sounds and nothing is being opened."""
        return all(mixer.is_empty for mixer in self._mixers)

    @property
    def is_sounding(self) -> bool:
        """Whether any deck sounds."""
        return any(mixer.is_sounding for mixer in self._mixers)

    @property
    def is_steady(self) -> bool:
        """Whether each layer that is not empty plays unchanged, and no change is due soon."""
        layers = [layer for layer in self._layers.values() if layer.level.is_moving or not layer.mixer.is_empty]
        return all(layer.mixer.is_steady and not layer.level.is_moving for layer in layers)

    @property
    def is_rising_alone(self) -> bool:
        """Whether a deck rises from silence while no other deck fades out for it."""
        return any(mixer.is_rising_alone for mixer in self._mixers)

    @property
    def decks_rise_db_per_s(self) -> float:
        """The fastest rise of any deck; 0 if none rises."""
        return max(mixer.rise_db_per_s for mixer in self._mixers)

    @property
    def is_recovering(self) -> bool:
        """Whether a deck recovers from bad samples; its rise cannot be delayed."""
        return any(mixer.is_recovering for mixer in self._mixers)

    @property
    def habitual_lufs(self) -> float | None:
        """What the fast level of the sum habitually reaches at least; None if nothing in it was measured."""
        levels = [layer.under_level(layer.mixer.habitual_lufs) for layer in self._sounding]
        return _sum_lufs([level for level in levels if level is not None])

    def reached_lufs(self, frames: int) -> float | None:
        """What the fast level of the sum reaches within ``frames``; None while any sounding deck is not planned."""
        layers = [layer for layer in self._sounding if layer.level.level_db > SILENCE_DB or layer.level.is_rising]
        levels = [layer.under_level(layer.mixer.reached_lufs, frames) for layer in layers]
        known = [level for level in levels if level is not None]
        return _sum_lufs(known) if len(known) == len(levels) else None

    def set_crossfade(self, crossfade_s: float) -> None:
        """Change the length of blends."""
        for mixer in self._mixers:
            mixer.crossfade_s = crossfade_s

    def obey(self, order: PlayItem | QueueItem | LevelItem | RampTo) -> None:
        """As the methods of `Mixer`, in a layer; a ramp moves the level of its layer."""
        assert order.layer is not None
        layer = self._layers[order.layer]
        match order:
            case PlayItem(item, crossing):
                layer.mixer.play(item, crossing)
            case QueueItem(item):
                layer.mixer.queue(item)
            case LevelItem(item):
                layer.mixer.level(item)
            case RampTo(target_db, over_s, then):
                layer.level.to(target_db, over_s)
                layer.then = then

    def clear(self) -> None:
        """Drop everything; only while the output is silent. The tracks are at full level again, the beds silent."""
        for layer in self._layers.values():
            layer.mixer.clear()
            layer.then = None
            layer.level.to(0.0 if layer.number == TRACKS else SILENCE_DB, 0.0)
            layer.level.open()

    def prepare(self, frames: int, *, is_output_silent: bool) -> None:
        """Before a block of ``frames``: carry out what follows the finished level ramps; then as `Mixer.prepare`."""
        for layer in self._layers.values():
            self._do_what_then(layer)
            layer.prepare(frames, is_output_silent=is_output_silent)

    def await_opened(self, clock: Clock, most_s: float) -> None:
        """Wait until what is being opened can begin, but no longer than ``most_s``."""
        give_up_s = clock.boot_s() + most_s
        while any(mixer.is_opening for mixer in self._mixers) and clock.boot_s() < give_up_s:
            clock.sleep(LOOK_S)

    def mix(self, frames: int, output_rise_db_per_s: float, *, may_rise: bool) -> Block:
        """The sum of all layers, shape (frames, 2), while the output rises by ``output_rise_db_per_s``.

        Without ``may_rise``, rising decks and levels are held.
        """
        left_db_per_s = MAX_RISE_DB_PER_S - output_rise_db_per_s
        mixed: Block | None = None
        for layer in self._layers.values():
            is_heard = layer.mixer.is_sounding
            if is_heard or not layer.mixer.is_empty:
                block = layer.mix(frames, left_db_per_s, may_rise=may_rise)
                if is_heard:
                    mixed = block if mixed is None else mixed + block
            elif layer.level.is_moving and layer.is_leaving:
                layer.level.process(np.zeros((frames, CHANNELS), np.float32))
        return np.zeros((frames, CHANNELS), np.float32) if mixed is None else mixed

    def sounding(self) -> tuple[tuple[Sounding, ...], tuple[Sounding, ...]]:
        """The state of all decks of the tracks and of the beds, for a tap."""
        beds = tuple(one for number in BEDS for one in self._layers[number].sounding())
        return self._layers[TRACKS].sounding(), beds

    def _do_what_then(self, layer: SoundLayer) -> None:
        if layer.then is None or layer.level.is_moving:
            return
        then, layer.then = layer.then, None
        if then is Then.STOP and layer.level.is_silent:
            layer.mixer.clear()
        self._report(RampArrived(layer.level.target_db, then, layer.number))


def _sum_lufs(levels: list[float]) -> float | None:
    """The level of uncorrelated sounds together; None if there are none."""
    power = sum(10.0 ** (level / 10.0) for level in levels)
    return 10.0 * math.log10(power) if power > 0.0 else None
