"""The engine: one thread that turns orders into sound, a block at a time.

Theory. `step` is one turn: take the orders that have come, render a block, write it. `Sink.write` blocks until the
device has room, and that paces the thread. Between two turns `run` waits for orders until the device nearly has room
for the next block, so that it is rendered as late as possible, and an order is heard after what is in the device.
A block lasts 100 ms while anything changes or is about to change. Otherwise it lasts up to 400 ms, if the device's
buffer allows it: each block costs the same overhead and wake-ups, whatever its length. No other thread touches decks
or chain, so there are no locks here. The outputs are reports (through ``report``, which must not block) and
`blocks_rendered`, `turn_began_s` and `is_resting`. This thread alone writes them; the main thread reads them to see
whether the engine is still running.

Every fault ends in silence: a lost device, a long gap, an exception in the audio path. After each of them the chain
is silent and stays silent until the session, informed by a report, orders a ramp; a ramp from silence rises at
no more than 6 dB/s. After a short gap the sound returns by itself, see `Chain.come_back`. The device is retried
indefinitely, and no other device is ever used instead.

The device is opened briefly at start, so that a missing one is known before the night, and is held open with
silence for ``hold_s`` after a session, because DACs pop when they are opened and closed.

Limitation: a gap in the device is known only after it was heard.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from player.audio.dsp.chain import Chain
from player.audio.dsp.ears import STEREO, Ears
from player.audio.dsp.native import kernel
from player.audio.dsp.ramp import Ramp
from player.audio.dsp.tap import Rendered, Sounding
from player.audio.dsp.types import Block
from player.audio.engine_settings import BLOCK_FRAMES, BUFFER_SHARE, ROUNDED_BLOCKS, EngineSettings
from player.audio.layers import FIRST_SOUND_S, LEAST_RISE_DB_PER_S, Layers
from player.audio.order_queue import OrderQueue
from player.audio.output import AudioOutput, Written
from player.audio.ports import Decoder, Sink
from player.core.clock import Clock
from player.core.engine_orders import EngineOrder, QuitEngine, RampTo, Retune, SetGuard, Then
from player.core.events import ClauseBroken, EngineFaulted, EngineReport, GuardReported, Progressed, RampArrived
from player.core.limits import FADE_DEPTH_DB, MAX_RISE_DB_PER_S, STOP_NOW_S
from player.core.units import CHANNELS, SILENCE_DB, to_frames, to_seconds

PROGRESS_FRAMES: Final = to_frames(1.0)
"""One progress report per second."""
SOON_FRAMES: Final = to_frames(4.0)
"""Two rises would add up to 12 dB/s, so they share 6 dB/s: a track that rises from silence waits for a volume ramp that
ends within this time; otherwise the output's ramp uses what the tracks leave."""
LAST_BLOCKS: Final = 10


@dataclass(frozen=True, slots=True)
class _UseSink:
    """A reload changed the output or its parameters; applied when nothing sounds."""

    sink: Sink
    hold_s: float
    ears: Ears


class Engine:
    """Renders decks through the chain into the sink, following orders.

    Args:
        sink: where the sound goes; opened, closed and retried here.
        decoder: opens tracks.
        clock: paces the retries of a missing device.
        report: receives each report on the engine thread; must not block.

    Attributes:
        blocks_rendered: how many blocks the device has taken.
        turn_began_s: when the current turn began, on the boot clock; None while the thread waits for orders.
        is_resting: it has nothing to play, and renders no block until an order comes.
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
        self.is_resting = False
        self._clock = clock
        self._outlet = AudioOutput(sink, clock, report)
        self._report = report
        self._target_lufs = self._asked_target_lufs = settings.target_lufs
        self._chain = Chain(settings.ceiling_dbtp, settings.target_lufs, settings.make_power_meter, kernel())
        self._layers = Layers(decoder, report, settings.crossfade_s, is_offline=settings.is_offline)
        self._tap = settings.tap
        self._longest_s = settings.longest_s
        self._hold_s = settings.hold_s
        self._ears = settings.ears
        self._idle_frames = 0
        self._progress_frames = 0
        self._orders: OrderQueue[EngineOrder | _UseSink] = OrderQueue()
        self._then: Then | None = None
        self._held_db = 0.0
        self._new_sink: _UseSink | None = None
        self._last_end = Then.NOTHING
        self._has_quit = False

    def order(self, order: EngineOrder) -> None:
        """Submit an order; from any thread, never blocks."""
        self._orders.put(order)

    def replace_sink(self, sink: Sink, hold_s: float, ears: Ears = STEREO) -> None:
        """Use another output once nothing sounds, and its ``hold_s``; from any thread, never blocks."""
        self._orders.put(_UseSink(sink, hold_s, ears))

    @property
    def is_idle(self) -> bool:
        """Whether there is nothing to play and the output is silent."""
        return self._layers.is_empty and self._chain.ramp.is_silent and self._chain.ramp.target_db == SILENCE_DB

    @property
    def _is_held(self) -> bool:
        """Whether a pause has reached silence and no ramp has begun since: the tracks keep their positions."""
        return self._last_end is Then.HOLD and self._chain.ramp.target_db == SILENCE_DB

    def run(self) -> None:
        """The thread's body: steps until `QuitEngine`, then closes the device."""
        while not self._has_quit:
            if self._may_rest():
                self.turn_began_s = None
                self._outlet.close()
                self.is_resting = True
                self._orders.wait()
                self.is_resting = False
                self._chain.forget()
            self.turn_began_s = self._clock.boot_s()
            self.step()
            self._wait_for_orders()
        self._fade_out()
        self.finish()

    def _wait_for_orders(self) -> None:
        """Wait until the device needs the next block, or until an order comes."""
        try:
            wait_s = self._outlet.spare_s(to_seconds(self._block_frames()))
        except Exception:  # noqa: BLE001 - `_next_block_or_silence` raises it again at once and reports it
            return
        if wait_s > 0.0 and not self._has_quit and not self._orders.was_woken:
            self.turn_began_s = None
            self._orders.wait(wait_s)

    def _fade_out(self) -> None:
        """Fade out before the end, in case whoever ordered the end has not faded out already."""
        self._chain.ramp.to(SILENCE_DB, STOP_NOW_S)
        for _ in range(LAST_BLOCKS):
            if not self._outlet.is_open or self._chain.ramp.is_silent:
                return
            self._write(self._next_block_or_silence())

    def finish(self) -> None:
        """Release tracks and device, once what was written has been heard."""
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
            self._layers.await_opened(self._clock, FIRST_SOUND_S)
            self._write(block if self._layers.is_empty else self._next_block_or_silence())

    def _next_block_or_silence(self) -> Block:
        """Carry out orders, then render; on any exception drop all layers, return silence, and report it."""
        try:
            for order in self._orders.take_all():
                self._obey(order)
            self._do_what_then()
            self._change_sink_if_silent()
            return self._render() if self._outlet.is_open else _silence(BLOCK_FRAMES)
        except Exception as fault:  # noqa: BLE001 - the thread may never end: a bug must end in silence (C5)
            self._hush()
            self._layers.clear()
            self._report(EngineFaulted(f"{type(fault).__name__}: {fault}"))
            return _silence(BLOCK_FRAMES)

    def _may_rest(self) -> bool:
        """Whether there is nothing to do until an order comes; never while the device is missing."""
        is_held_open = self._idle_frames < to_frames(self._hold_s)
        return self.is_idle and self._outlet.is_open and not is_held_open and not self._orders.has_order

    def _follow_target(self) -> None:
        """Take a lower target only where nothing plays: by it, what was planned for a higher one would be too loud."""
        if self.is_idle or self._asked_target_lufs > self._target_lufs:
            self._target_lufs = self._asked_target_lufs

    def _obey(self, order: EngineOrder | _UseSink) -> None:
        self._idle_frames = 0
        self._follow_target()
        match order:
            case RampTo(target_db, over_s, then, layer=None):
                self._chain.ramp.to(target_db, over_s)
                self._then, self._last_end = then, Then.NOTHING
            case Retune(crossfade_s, ceiling_dbtp, target_lufs):
                self._asked_target_lufs = target_lufs
                self._follow_target()
                self._layers.set_crossfade(crossfade_s)
                self._chain.limiter.set_ceiling(ceiling_dbtp)
            case SetGuard(is_strict):
                self._chain.guard.is_strict = is_strict
            case _UseSink():
                self._new_sink = order
            case QuitEngine():
                self._has_quit = True
            case _:
                self._layers.obey(order)

    def _do_what_then(self) -> None:
        """If the ramp has arrived: carry out what follows it, and report that.

        `_last_end` is what followed the last ramp, and is valid while the ramp is at silence. Each new ramp sets it to
        NOTHING: a resume that is reversed before it has arrived fades out again, and is not held on its way.
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
        """Be silent at once, because the listener has lost the sound already; cancels what was to follow a ramp."""
        self._chain.hush()
        self._then = None

    def _change_sink_if_silent(self) -> None:
        if self._new_sink is not None and (self.is_idle or not self._outlet.is_open):
            self._outlet.replace(self._new_sink.sink)
            self._hold_s = self._new_sink.hold_s
            self._ears = self._new_sink.ears
            self._new_sink = None

    def _block_frames(self) -> int:
        """Length of the next block in frames, if no order comes."""
        is_quiet = self.is_idle or self._is_held or (not self._chain.ramp.is_moving and self._layers.is_steady)
        longest_s = min(self._longest_s, self._outlet.buffer_s * BUFFER_SHARE)
        return BLOCK_FRAMES * max(1, int(longest_s / to_seconds(BLOCK_FRAMES) + ROUNDED_BLOCKS) if is_quiet else 1)

    def _render(self) -> Block:
        frames = self._block_frames()
        if self.is_idle:
            self._idle_frames += frames
        if self.is_idle or self._is_held:
            return self._rest(frames)
        ramp = self._chain.ramp
        self._layers.prepare(frames, is_output_silent=ramp.level_db == SILENCE_DB)
        if ramp.is_rising and not self._layers.is_sounding:
            return self._rest(frames)  # the ramp rises only once there is sound
        is_deck_rising = False
        if not ramp.is_moving and self._layers.is_steady:
            mixed, may_rise = self._layers.mix(frames, 0.0, may_rise=True), True
        else:
            is_deck_rising = self._layers.decks_rise_db_per_s > 0.0
            mixed, may_rise = self._mix_while_moving(ramp, frames)
        faults = self._chain.faults
        self._chain.set_target(self._target_lufs, self._layers.habitual_lufs, self._layers.reached_lufs(frames))
        block = self._chain.process(self._ears.share_out(mixed), may_rise=may_rise, is_deck_rising=is_deck_rising)
        if self._chain.faults != faults:
            raise AssertionError("a stage produced an invalid block; the output check stopped it")
        self._tell_of_the_chain()
        if self._tap is not None:
            decks, beds = (tuple(map(self._shared_out, one)) for one in self._layers.sounding())
            self._tap(Rendered(ramp.level_db, ramp.target_db, decks, beds))
        return block

    def _shared_out(self, deck: Sounding) -> Sounding:
        """What the speakers would get of a deck as it was decoded: as with the sound, so that a tap can compare."""
        return replace(deck, decoded=self._ears.share_out(deck.decoded))

    def _mix_while_moving(self, ramp: Ramp, frames: int) -> tuple[Block, bool]:
        """The mixed block, and whether the ramp may rise: ramp and decks share one maximum rise."""
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
        """A block of silence; the chain is told, because its memory of what was heard before fades with time."""
        self._chain.rest(frames)
        return _silence(frames)

    def _tell_of_the_chain(self) -> None:
        """Report what the guard attenuated, and what the output meter blocked."""
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
        if (broken := self._chain.broken) is not None:
            self._then = None
            self._report(ClauseBroken(broken.clause, broken.reason))

    def _write(self, block: Block) -> None:
        """Write one block to the device; after a gap the sound returns by itself, after a loss the chain is silent."""
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
        """Resume after a gap. A short one keeps what follows a ramp; after a long one the session orders it again."""
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
