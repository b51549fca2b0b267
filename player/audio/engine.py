"""The engine: one thread that turns orders into sound, a block at a time.

Theory. `step` is one turn: take the orders that have come, render a block, write it. `Sink.write` blocks until the
device has room, and that paces the thread. Between two turns `run` waits for orders until the device nearly has room
for the next block, so that it is rendered as late as possible, and an order is heard after what is in the device.
A block has 100 ms while anything moves or is about to, and up to 400 ms, as the device's buffer allows, while nothing
does: each block costs the same overhead and wake-ups, whatever its length. Nothing else touches decks or chain, so
there are no locks here. What goes out are reports (through ``report``, which must not block) and two numbers,
`blocks_rendered` and `turn_began_s`, written by this thread alone and read by the main thread, which sees from them
whether it goes on.

Whatever goes wrong ends in silence: a lost device, a long gap, an exception in the audio path. After each of them the
chain stands at silence and stays there until the session, told by a report, orders a ramp; a ramp from silence rises at
no more than 6 dB/s. After a short gap it comes back by itself, see `Chain.come_back`. The device is retried
indefinitely, and never another one in its place.

The device is opened at start for a moment, so that a missing one is known before the night, and is held open with
silence for ``hold_s`` after a session, because DACs pop when they are opened and closed.

Where it falls short: a gap in the device is known only after it was heard.
"""

from __future__ import annotations

import contextlib
import queue
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from player.audio.dsp.chain import Chain
from player.audio.dsp.ears import STEREO, Ears
from player.audio.dsp.native import kernel
from player.audio.dsp.ramp import Ramp
from player.audio.dsp.tap import Rendered, Tap
from player.audio.dsp.types import Block, MakePowerMeter
from player.audio.layers import LEAST_RISE_DB_PER_S, Layers
from player.audio.output import AudioOutput, Written
from player.audio.ports import Decoder, Sink
from player.core.clock import Clock
from player.core.engine_orders import EngineOrder, PlayItem, QueueItem, QuitEngine, RampTo, Retune, SetGuard, Then
from player.core.events import ClauseBroken, EngineFaulted, EngineReport, GuardReported, Progressed, RampArrived
from player.core.limits import FADE_DEPTH_DB, MAX_RISE_DB_PER_S, STOP_NOW_S
from player.core.settings.session import Settings
from player.core.units import CHANNELS, SILENCE_DB, to_frames, to_seconds

BLOCK_FRAMES: Final = 4_800
"""100 ms: so long is a block while something moves."""
LONGEST_S: Final = 0.4
"""While nothing moves, a block has no more than this, where the device's buffer is long enough."""
BUFFER_SHARE: Final = 1.0 / 3.0
"""A block takes no more of the buffer; the rest is the time that the thread has to render the next one."""
_ROUNDED: Final = 0.1
"""Buffers are whole numbers of samples, periods or pages."""
PROGRESS_FRAMES: Final = to_frames(1.0)
"""A progress report a second."""
SOON_FRAMES: Final = to_frames(4.0)
"""Two rises would add up to 12 dB/s, so they share 6 dB/s: a track that comes up from silence waits for a volume
command that is done so soon, otherwise the output's ramp takes what the tracks leave of it."""
LAST_BLOCKS: Final = 10


@dataclass(frozen=True, slots=True)
class EngineSettings:
    """Parameters of the engine.

    Attributes:
        hold_s: how long silence is played after a session before the device is closed.
        is_offline: a rehearsal: decoders are waited for, so that the output is the same each time.
        longest_s: how long a block may be while nothing moves.
        tap: is shown each block that went through the chain; None in the daemon.
        ears: what the two speakers get.
    """

    crossfade_s: float
    ceiling_dbtp: float
    target_lufs: float
    make_power_meter: MakePowerMeter
    hold_s: float = 30.0
    is_offline: bool = False
    longest_s: float = LONGEST_S
    tap: Tap | None = None
    ears: Ears = STEREO

    @classmethod
    def of(cls, settings: Settings, make_power_meter: MakePowerMeter, hold_s: float) -> EngineSettings:
        """What a config's settings mean for the engine."""
        limits = settings.limits
        return cls(settings.fades.crossfade_s, limits.ceiling_dbtp, limits.target_lufs, make_power_meter, hold_s)


@dataclass(frozen=True, slots=True)
class _UseSink:
    """A reload named another output, or another way with it; taken when nothing sounds."""

    sink: Sink
    hold_s: float
    ears: Ears


class Engine:
    """Renders decks through the chain into the sink, following orders.

    Args:
        sink: where the sound goes; opened, closed and retried here.
        decoder: opens tracks.
        clock: paces the retries of a missing device.
        report: takes each report on the engine thread; must not block.

    Attributes:
        blocks_rendered: how many blocks the device has taken.
        turn_began_s: when the turn under way began, on the boot clock; None while the thread waits for orders.
    """

    def __init__(
        self,
        sink: Sink,
        decoder: Decoder,
        clock: Clock,
        report: Callable[[EngineReport], None],
        settings: EngineSettings,
    ) -> None:
        self.blocks_rendered = 0
        self.turn_began_s: float | None = None
        self._clock = clock
        self._outlet = AudioOutput(sink, clock, report)
        self._report = report
        self._target_lufs = settings.target_lufs
        self._chain = Chain(settings.ceiling_dbtp, settings.target_lufs, settings.make_power_meter, kernel())
        self._layers = Layers(decoder, report, settings.crossfade_s, is_offline=settings.is_offline)
        self._tap = settings.tap
        self._longest_s = settings.longest_s
        self._hold_s = settings.hold_s
        self._ears = settings.ears
        self._idle_frames = 0
        self._progress_frames = 0
        self._orders: queue.SimpleQueue[EngineOrder | _UseSink] = queue.SimpleQueue()
        self._first_order: EngineOrder | _UseSink | None = None
        self._then: Then | None = None
        self._held_db = 0.0
        self._new_sink: _UseSink | None = None
        self._last_end = Then.NOTHING
        self._has_quit = False

    def order(self, order: EngineOrder) -> None:
        """Hand over an order; from any thread, never blocks."""
        self._orders.put(order)

    def replace_sink(self, sink: Sink, hold_s: float, ears: Ears = STEREO) -> None:
        """Use another output, held open so long, once nothing sounds; from any thread, never blocks."""
        self._orders.put(_UseSink(sink, hold_s, ears))

    @property
    def is_idle(self) -> bool:
        """Whether there is nothing to play and the output stands at silence."""
        return self._layers.is_empty and self._chain.ramp.is_silent and self._chain.ramp.target_db == SILENCE_DB

    @property
    def _is_held(self) -> bool:
        """Whether a pause has reached silence, and no order has led up since: the tracks keep their places."""
        return self._last_end is Then.HOLD and self._chain.ramp.target_db == SILENCE_DB

    def run(self) -> None:
        """The thread's body: steps until `QuitEngine`, then closes the device."""
        while not self._has_quit:
            if self._is_resting():
                self.turn_began_s = None
                self._outlet.close()
                self._first_order = self._orders.get()
                self._chain.forget()
            self.turn_began_s = self._clock.boot_s()
            self.step()
            self._wait_for_orders()
        self._fade_out()
        self.finish()

    def _wait_for_orders(self) -> None:
        """As long as the device has enough without the next block, or until an order comes."""
        try:
            wait_s = self._outlet.spare_s(to_seconds(self._block_frames()))
        except Exception:  # noqa: BLE001 - as in `_next_block_or_silence`, which meets it at once and tells of it
            return
        if wait_s > 0.0 and not self._has_quit and self._first_order is None:
            self.turn_began_s = None
            with contextlib.suppress(queue.Empty):
                self._first_order = self._orders.get(timeout=wait_s)

    def _fade_out(self) -> None:
        """Whoever told us to quit should have faded out before; if not, the end is still no cut."""
        self._chain.ramp.to(SILENCE_DB, STOP_NOW_S)
        for _ in range(LAST_BLOCKS):
            if not self._outlet.is_open or self._chain.ramp.is_silent:
                return
            self._write(self._next_block_or_silence())

    def finish(self) -> None:
        """Let go of tracks and device, once what was written has been heard."""
        self._layers.clear()
        self._outlet.close()

    def step(self) -> None:
        """One turn: orders, one block, one write. Without a device: orders, and another attempt when it is due."""
        block = self._next_block_or_silence()
        if self._has_quit:
            return
        if self._outlet.is_open:
            self._write(block)
        elif self._outlet.open_or_wait():
            self._idle_frames = 0
            self._write(block)

    def _next_block_or_silence(self) -> Block:
        """Obey, then render; on any exception an emptied chain, silence, and a report."""
        try:
            self._take_orders()
            self._do_what_then()
            self._change_sink_if_silent()
            return self._render() if self._outlet.is_open else _silence(BLOCK_FRAMES)
        except Exception as fault:  # noqa: BLE001 - the thread may never end: a bug must end in silence (C5)
            self._hush()
            self._layers.clear()
            self._report(EngineFaulted(f"{type(fault).__name__}: {fault}"))
            return _silence(BLOCK_FRAMES)

    def _is_resting(self) -> bool:
        """Nothing to do until an order comes; a missing device is looked for even then."""
        was_held = self._idle_frames >= to_frames(self._hold_s)
        has_order = self._first_order is not None or not self._orders.empty()
        return self.is_idle and self._outlet.is_open and was_held and not has_order

    def _take_orders(self) -> None:
        if self._first_order is not None:
            order, self._first_order = self._first_order, None
            self._obey(order)
        while True:
            try:
                self._obey(self._orders.get_nowait())
            except queue.Empty:
                return

    def _obey(self, order: EngineOrder | _UseSink) -> None:
        self._idle_frames = 0
        match order:
            case PlayItem(item, crossing, layer):
                self._layers.play(item, crossing, layer)
            case QueueItem(item, layer):
                self._layers.queue(item, layer)
            case RampTo(layer=int()):
                self._layers.ramp(order)
            case RampTo(target_db, over_s, then):
                self._chain.ramp.to(target_db, over_s)
                self._then, self._last_end = then, Then.NOTHING
            case Retune(crossfade_s, ceiling_dbtp, target_lufs):
                self._target_lufs = target_lufs
                self._layers.set_crossfade(crossfade_s)
                self._chain.limiter.set_ceiling(ceiling_dbtp)
            case SetGuard(is_strict):
                self._chain.guard.is_strict = is_strict
            case _UseSink():
                self._new_sink = order
            case QuitEngine():
                self._has_quit = True

    def _do_what_then(self) -> None:
        """The ramp has arrived: do what was to follow, and say so.

        `_last_end` is what followed the last ramp, and is valid while it stands at silence. Each new ramp begins with
        NOTHING: a way up from a pause that turns round before it has arrived leads down, and is not held.
        """
        ramp = self._chain.ramp
        if self._then is None or ramp.is_moving:
            return
        then, self._then = self._then, None
        self._last_end = then if ramp.is_silent else Then.NOTHING
        if self._last_end is Then.STOP:
            self._layers.clear()
        self._report(RampArrived(ramp.target_db, then))

    def _hush(self) -> None:
        """Silence at once, because the listener has lost the sound already; what was to follow a ramp is forgotten."""
        self._chain.hush()
        self._then = None

    def _change_sink_if_silent(self) -> None:
        if self._new_sink is not None and (self.is_idle or not self._outlet.is_open):
            self._outlet.replace(self._new_sink.sink)
            self._hold_s = self._new_sink.hold_s
            self._ears = self._new_sink.ears
            self._new_sink = None

    def _block_frames(self) -> int:
        """How long the next block is, if no order comes."""
        is_quiet = self.is_idle or self._is_held or (not self._chain.ramp.is_moving and self._layers.is_steady)
        longest_s = min(self._longest_s, self._outlet.buffer_s * BUFFER_SHARE)
        return BLOCK_FRAMES * max(1, int(longest_s / to_seconds(BLOCK_FRAMES) + _ROUNDED) if is_quiet else 1)

    def _render(self) -> Block:
        frames = self._block_frames()
        if self.is_idle:
            self._idle_frames += frames
            return self._rest(frames)
        if self._is_held:
            return self._rest(frames)
        ramp = self._chain.ramp
        self._layers.prepare(frames, is_output_silent=ramp.level_db == SILENCE_DB)
        if ramp.is_rising and not self._layers.is_sounding:
            return self._rest(frames)  # the rise waits for the sound that it is for
        if not ramp.is_moving and self._layers.is_steady:
            mixed, may_rise = self._layers.mix(frames, 0.0, may_rise=True), True
        else:
            mixed, may_rise = self._mix_while_moving(ramp, frames)
        faults = self._chain.faults
        self._chain.set_target(self._target_lufs, self._layers.habitual_lufs, self._layers.reached_lufs(frames))
        block = self._chain.process(self._ears.share_out(mixed), may_rise=may_rise)
        if self._chain.faults != faults:
            raise AssertionError("a stage produced an invalid block; the output check stopped it")
        self._tell_of_the_chain()
        if self._tap is not None:
            self._tap(Rendered(ramp.level_db, ramp.target_db, *self._layers.sounding()))
        return block

    def _mix_while_moving(self, ramp: Ramp, frames: int) -> tuple[Block, bool]:
        """The mixture, and whether the ramp may rise: ramp and decks share what they may rise by."""
        is_ramp_first = ramp.is_rising and ramp.frames_left <= SOON_FRAMES and not self._layers.is_recovering
        is_ramp_first = is_ramp_first and self._layers.is_rising_alone
        left_db_per_s = MAX_RISE_DB_PER_S - (0.0 if is_ramp_first else self._layers.decks_rise_db_per_s)
        is_ramp_free = left_db_per_s >= LEAST_RISE_DB_PER_S and not self._layers.is_recovering
        if is_ramp_free:
            ramp.hold_back(left_db_per_s)
        output_rise_db_per_s = ramp.rise_db_per_s if is_ramp_free and ramp.is_rising else 0.0
        mixed = self._layers.mix(frames, output_rise_db_per_s, may_rise=not is_ramp_first)
        return mixed, is_ramp_free and not self._layers.is_recovering

    def _rest(self, frames: int) -> Block:
        """Silence; the chain has to know, because what was heard before it is forgotten in time."""
        self._chain.rest(frames)
        return _silence(frames)

    def _tell_of_the_chain(self) -> None:
        """What the guard held down, and what the output meter did not let through."""
        self._held_db = max(self._held_db, self._chain.guard.reduction_db)
        deck = self._layers.current
        for episode in self._chain.guard.episodes.take():
            self._report(
                GuardReported(
                    item_id=None if deck is None else deck.item.id,
                    position_s=0.0 if deck is None else max(0.0, deck.position_s - episode.began_s),
                    reduction_db=episode.reduction_db,
                    duration_s=episode.duration_s,
                )
            )
        broken = self._chain.broken
        if broken is not None:
            self._then = None
            self._report(ClauseBroken(broken.clause, broken.reason))

    def _write(self, block: Block) -> None:
        """One block to the device; after a gap the chain comes back by itself, after a loss it stands at silence."""
        written = self._outlet.write(block)
        if written is Written.AFTER_A_GAP:
            self._come_back()
        elif written is Written.LOST:
            self._hush()
            self._chain.forget()
            return
        self.blocks_rendered += 1
        self._progress_frames += len(block)
        if self._progress_frames >= PROGRESS_FRAMES:
            self._progress_frames = 0
            if not self.is_idle:
                self._report_progress()

    def _come_back(self) -> None:
        """After a short gap what was to follow a ramp is kept; after a long one the session orders it again."""
        gap = self._outlet.gap
        is_hushed = self._chain.come_back(gap.gap_s) >= FADE_DEPTH_DB
        if is_hushed:
            self._then = None
            self._chain.forget()
        self._report(replace(gap, is_hushed=is_hushed))

    def _report_progress(self) -> None:
        deck = self._layers.current
        self._report(
            Progressed(
                item_id=None if deck is None else deck.item.id,
                position_s=0.0 if deck is None else deck.position_s,
                level_db=self._chain.meter.level_db,
                volume_db=self._chain.ramp.level_db,
                held_db=self._held_db,
                level_a_db=self._chain.meter.level_a_db,
            )
        )
        self._held_db = 0.0


def _silence(frames: int) -> Block:
    return np.zeros((frames, CHANNELS), np.float32)
