"""A deck: one opened track with its sanitiser, its own gain, and a count of what was heard of it.

Runs on the engine thread alone. The deck looks after its own end: the last seconds of a track that nothing follows
fade. If data stops coming, it fades out within what the ring still holds, and later rises again from silence.
Where another track continues the same sound, a seam (`player.audio.dsp.seam`) joins the two.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Final

import numpy as np

from player.audio.dsp.crossfade import DeckGain
from player.audio.dsp.gain import applied
from player.audio.dsp.live_plan import BEGIN_FRAMES, LOOK_FRAMES, LivePlan
from player.audio.dsp.native import kernel
from player.audio.dsp.planned_gain import PlannedGain
from player.audio.dsp.sanitise import Sanitiser
from player.audio.dsp.seam import SHIFT_FRAMES, Seam, fit
from player.audio.dsp.types import Block, Gains
from player.audio.excerpts import Excerpts
from player.audio.ports import Decoder, Source
from player.core.engine_orders import Item
from player.core.events import NOT_BEGUN
from player.core.limits import FAULT_LEVEL
from player.core.units import CHANNELS, db_to_gain, gain_to_db, to_frames, to_seconds

PREFILL_S: Final = 1.0
"""A track starts once this much of it is decoded."""
STREAM_PREFILL_S: Final = 3.0
"""The same for a stream: data may arrive irregularly, so more is decoded before it starts."""
TAIL_S: Final = 2.0
"""Length of the fade at the end of a track that nothing follows, or that ends earlier than expected."""
TAIL_SHARE: Final = 4.0
"""The fade takes at most a quarter of the track (1 / TAIL_SHARE): a loop of 2 s must not be one long fade."""
LAST_TAIL_S: Final = 0.2
"""Length of that fade for a track that is fading out already: a longer one would make a dip in a blend."""
NEAR_END_S: Final = 2.0
"""A track that ends at most this long before its measured end counts as complete."""
OPEN_S: Final = 15.0
"""A file that has not begun by then has failed. The decoder usually gives up sooner, but when even reading the file's
head hangs (on a dead network share), it would never report a fault."""
STREAM_OPEN_S: Final = 45.0
"""The same for a stream: libVLC may reconnect, and a slow server may send data indefinitely without enough to start."""
STALL_S: Final = 0.4
"""If the ring holds less than this and the track is not finished, the track fades out on what is left."""

STEADY_FRAMES: Final = LOOK_FRAMES + to_frames(0.4)
"""With this much in the ring a block may be long, and the live plan can still look ahead as far as it needs."""

LOOKED_INTO_S: Final = 5.0
"""A track that has not been measured waits at most this long for its excerpts."""

HEARD_FRAMES: Final = to_frames(2.0)
"""Time constant of the recent level of a deck's output."""

LIVE_INTRODUCED_S: Final = 40.0
"""A track that is planned while it plays counts as new for this long: little is known about its habitual level."""

MOST_POWER: Final = FAULT_LEVEL**2
"""Mean square of a block; more is a fault."""


class Deck:
    """One opened track.

    Attributes:
        gain: the deck's own gain; the mixer gives it targets.
        played_frames: frames consumed so far.
        waited_frames: how long it was waited for, in frames of the output.
        is_stalled: its ring ran dry and it waits for data.
        decoded: its last block as it was decoded, for a tap.
        own_gains: the gains of its last block, without the item's gain, for a tap.
        muted_frames: number of consecutive frames that were broken and silenced.
        is_leaving: another track has taken its place; it goes to silence and never comes back.
    """

    def __init__(self, item: Item, source: Source) -> None:
        self.item = item
        self.source = source
        self.gain = DeckGain()
        self.played_frames = 0
        self._introduced_frames = 0
        self._shift_frames = 0  # left out at the beginning, for a seam
        self.is_stalled = False
        self.is_leaving = False
        self.stalled_frames = 0
        self.waited_frames = 0
        self.muted_frames = 0
        self.decoded: Block = np.zeros((0, CHANNELS), np.float32)
        self.own_gains: float | Gains = 1.0
        self._faults_at_end: int | None = None
        self._sanitiser = Sanitiser(kernel())
        self._flush_frames = self._sanitiser.latency_frames
        self._item_gain = np.float32(db_to_gain(item.gain_db))
        self._planned = PlannedGain(item.plan or b"")
        self._live = LivePlan(item.gain_db) if item.plan is None else None
        self._levelled: Item | None = None
        self._excerpts: Excerpts | None = None
        self._track_frame = to_frames(item.start_s)
        self._is_ending = False
        self._seam: Seam | None = None
        self._power = 0.0
        self._start_db: float | None = None

    @property
    def position_s(self) -> float:
        """Place in the track."""
        return self.item.start_s + to_seconds(self.played_frames)

    @property
    def reached_lufs(self) -> float | None:
        """What its fast level reaches under its plan and its gain; None while that is not known."""
        live = self._live
        if live is None:
            return self.item.reached_lufs
        is_new = self._introduced_frames + self.played_frames < to_frames(LIVE_INTRODUCED_S)
        if live.reached_lufs is None or (is_new and not live.is_known):
            return None
        return live.reached_lufs + self.item.gain_db + live.trim_db

    @property
    def rise_db_per_s(self) -> float:
        """How fast it rises."""
        return self.gain.rise_db_per_s + (0.0 if self._live is None else self._live.rise_db_per_s)

    def look_into(self, decoder: Decoder) -> None:
        """Have excerpts of it analysed before it begins, if it is a file that has not been measured."""
        if self._live is not None and not self.item.is_stream:
            self._excerpts = Excerpts(decoder, self.item.uri, self._live.look_into)

    def level(self, item: Item) -> None:
        """It has been measured while it plays: from the next second on it follows its plan, and comes to its gain."""
        if self._live is not None and item.plan is not None:
            ahead = self._track_frame - self._shift_frames - self.played_frames
            reached_lufs = None if item.reached_lufs is None else item.reached_lufs - item.gain_db
            self._planned, self._levelled = PlannedGain(item.plan), item
            self._live.know(self._planned, ahead, item.gain_db, reached_lufs)
            self.item = replace(self.item, length_s=item.length_s)

    @property
    def is_looked_into(self) -> bool:
        """Whether it need not wait for excerpts any more."""
        is_over = self._excerpts is None or self._excerpts.is_done or self.played_frames > 0
        return is_over or self.waited_frames > to_frames(LOOKED_INTO_S)

    @property
    def is_ready(self) -> bool:
        """Whether it can start to sound."""
        wanted = to_frames(STREAM_PREFILL_S if self.item.is_stream else PREFILL_S)
        if self._live is not None and self.played_frames == 0:
            wanted = BEGIN_FRAMES
        ready = self.source.frames_ready()
        return self.is_looked_into and (ready >= wanted or (ready > 0 and self.source.is_finished()))

    def wait_for_decoder(self, frames: int, timeout_s: float) -> None:
        """Rehearsals: wait until all that the next ``frames`` frames need is decoded; a timeout counts as waiting."""
        if self._excerpts is not None and self.played_frames == 0:
            self._excerpts.wait(self.source, timeout_s)
        wanted = frames + LOOK_FRAMES if self.played_frames else BEGIN_FRAMES
        if not self.source.wait_ready(wanted, timeout_s):
            self.wait(to_frames(timeout_s))

    @property
    def is_broken(self) -> bool:
        """Whether it ended before its first sample, or did not begin in time."""
        is_empty = self.source.is_finished() and self.source.frames_ready() == 0
        return self.played_frames == 0 and (is_empty or (self._is_late and not self.is_ready))

    @property
    def why_broken(self) -> str:
        """What is wrong with a broken deck: a phrase that follows the track's name."""
        if self.source.fault is None and self._is_late:
            return f"{NOT_BEGUN} {self._patience_s:.0f} s"
        return self.source.fault or "has no sound in it"

    @property
    def _patience_s(self) -> float:
        return STREAM_OPEN_S if self.item.is_stream else OPEN_S

    @property
    def _is_late(self) -> bool:
        return self.waited_frames > to_frames(self._patience_s)

    @property
    def is_joined(self) -> bool:
        """Whether a seam joins it to another deck."""
        return self._seam is not None

    @property
    def can_go_on(self) -> bool:
        """Whether another deck can continue its sound: nothing is wrong with it, and its end is in the ring."""
        is_well = not (self.is_leaving or self.is_stalled or self._is_ending or self.is_recovering)
        return is_well and not self.gain.is_falling and self.source.is_finished()

    @property
    def is_over(self) -> bool:
        """Whether nothing of it can be heard any more."""
        if self._seam is not None and self._seam.is_over and self.is_leaving:
            return True
        exhausted = self.source.is_finished() and self.source.frames_ready() == 0 and self._flush_frames <= 0
        return exhausted or (self.gain.is_silent and (self.is_leaving or not self.is_stalled))

    @property
    def faults(self) -> int:
        """How many stretches of it were broken."""
        return self._sanitiser.faults if self._faults_at_end is None else self._faults_at_end

    @property
    def is_recovering(self) -> bool:
        """Whether it comes back from bad samples."""
        return self._sanitiser.is_recovering

    @property
    def is_steady(self) -> bool:
        """Whether it plays unchanged: at full gain, without a fault, with enough in the ring for the next blocks."""
        is_well = not (self.is_leaving or self.is_stalled or self._is_ending or self.is_recovering)
        has_enough = self.source.frames_ready() >= STEADY_FRAMES and not self.source.is_finished()
        return is_well and has_enough and self.gain.is_full and self._seam is None

    def left_s(self) -> float | None:
        """Seconds until its end: exact near the end, from the container before, None for streams."""
        ready_s = to_seconds(self.source.frames_ready())
        if self.source.is_finished():
            return ready_s
        duration_s = self.duration_s
        return None if duration_s is None else max(ready_s, duration_s - self.position_s)

    @property
    def heard_db(self) -> float:
        """Recent level of its output, after all its gains, in dBFS; -inf for silence."""
        return gain_to_db(self._power**0.5)

    def level_at_start_db(self) -> float:
        """Level of the frames that are ready before it begins, after the item's gain, in dBFS; -inf for silence."""
        if self._start_db is None:
            self._start_db = gain_to_db(_power(self.source.peek(to_frames(PREFILL_S))) ** 0.5) + self.item.gain_db
            if self._live is not None:
                self._live.begin(self.source.peek)
                self._start_db += self._live.trim_db
        return self._start_db

    @property
    def duration_s(self) -> float | None:
        """Length of the whole track as measured, otherwise as its container states it; None if neither is known."""
        return self.source.duration_s if self.item.length_s is None else self.item.length_s

    @property
    def fault(self) -> str | None:
        """Why it ended early; None if it did not, or if it has reached its measured end."""
        measured_s = self.item.length_s
        return None if measured_s is not None and self.position_s > measured_s - NEAR_END_S else self.source.fault

    @property
    def length_s(self) -> float | None:
        """Its length, None while it is not known."""
        left_s = self.left_s()
        return None if left_s is None else self.position_s + left_s

    def go_on_with(self, former: Deck, longest_frames: int) -> None:
        """Join this track to the end of ``former``, over what is left of that track, and at its gain."""
        frames = min(longest_frames, former.source.frames_ready(), self.source.frames_ready())
        tail = former.source.peek(frames)
        if self._live is not None and former._live is not None and self.item.uri == former.item.uri:
            self._live.follow(former._live)
        fits = fit(tail, self.source.peek(frames + SHIFT_FRAMES))
        self.source.skip(fits.shift)
        self._shift_frames = fits.shift
        self._track_frame += fits.shift
        self.gain.follow_on(former.gain)
        self._introduced_frames = former._introduced_frames + former.played_frames
        self._seam = Seam(frames, fits.alike, is_incoming=True)
        former._seam = Seam(frames, fits.alike, is_incoming=False)
        former.is_leaving = True

    def wait(self, frames: int) -> None:
        """Count ``frames`` of time that passed before it sounds."""
        if self._excerpts is not None:
            self._excerpts.step(self.source, frames)
        if not self.is_ready:
            self.waited_frames += frames

    def render(self, frames: int, *, may_rise: bool) -> Block:
        """The deck's next ``frames`` frames, shape (frames, 2); zeros where it has none."""
        if self.is_stalled and self.gain.is_silent:
            self.stalled_frames += frames
            self.decoded = self.decoded[:0]
            return np.zeros((frames, CHANNELS), np.float32)
        if self._excerpts is not None and self.played_frames == 0:
            self._excerpts.close()  # one may still be open; its result is no longer needed
        live_frame = self._shift_frames + self.played_frames
        if self._live is not None and self._levelled is not None and self._has_arrived(live_frame):
            self.item, self._item_gain = self._levelled, np.float32(db_to_gain(self._levelled.gain_db))
            self._live = None
        if self._live is not None:
            self._live.look(self.source.peek, live_frame, frames)
        self.decoded = block = self.source.read(frames)
        trims: float | Gains = 1.0
        if self._live is not None:
            block = self._live.apply(block, live_frame, self.source.peek)
            trims = self._live.trims(live_frame, frames)
        else:
            block = self._planned.apply(block, self._track_frame, self.source.peek)
        self.played_frames += len(block)
        self._track_frame += len(block)
        if self._live is None and len(block) == frames and (calm := self._calm(block)) is not None:
            return calm
        self.muted_frames = self.muted_frames + len(block) if self._sanitiser.is_muted else 0
        if len(block) < frames:
            if self._faults_at_end is None:
                self._faults_at_end = self._sanitiser.faults  # zeros after the end are not a fault
            self._flush_frames -= frames - len(block)
            block = np.concatenate([block, np.zeros((frames - len(block), CHANNELS), np.float32)])
        shaped = self._shape(self._sanitiser.process(block), trims, may_rise=may_rise)
        self._follow(_power(shaped), frames)
        return shaped

    def _has_arrived(self, live_frame: int) -> bool:
        """Whether its plan may take over; not where it lowers an octave, because that needs the sound before."""
        is_near = self._planned.has_octaves_near(self._track_frame)
        return not is_near and self._live is not None and self._live.has_arrived(live_frame)

    def _calm(self, block: Block) -> Block | None:
        """The shaped block, if the deck plays unchanged and every sample of the block is good; otherwise None."""
        if self._seam is not None or not self.gain.is_full:
            return None
        calm = self._sanitiser.process_calm(block, float(self._item_gain))
        if calm is None:
            return None
        shaped, energy = calm
        self.own_gains, self.muted_frames = 1.0, 0
        self._follow(energy / shaped.size, len(block))
        return shaped

    def _follow(self, power: float, frames: int) -> None:
        """Update the recent level with the mean square of the last block."""
        self._power += (power - self._power) * min(1.0, frames / HEARD_FRAMES)

    def _shape(self, block: Block, trims: float | Gains, *, may_rise: bool) -> Block:
        gains = self.gain.gains(len(block), may_rise=may_rise and not self.is_recovering) * trims
        self.own_gains = gains
        if self._seam is not None:
            seam_gains = self._seam.gains(len(block))
            self.own_gains = gains * seam_gains
            block = applied(block, seam_gains)
            if self._seam.is_over and not self.is_leaving:
                self._seam = None
        if isinstance(gains, float):
            factor = np.float32(gains) * self._item_gain
            return block if factor == 1.0 else block * factor
        shaped: Block = block * (gains * self._item_gain)[:, np.newaxis]
        return shaped

    def watch_the_end(self, *, waits_s: float = math.inf) -> None:
        """Fade on what is left when the end is near, or when the ring runs dry; rise again when it has filled.

        Args:
            waits_s: another track is expected to continue the sound: the fade begins only when this little is left.
        """
        if self._seam is not None and self.is_leaving:
            return
        ready = self.source.frames_ready()
        if self.is_stalled and not self.is_leaving and self.is_ready and self.gain.is_silent:
            self.is_stalled = False
            self.stalled_frames = 0
            self.gain.rise(0.0)
        elif self.source.is_finished():
            tail_s = LAST_TAIL_S if self.gain.is_falling else min(TAIL_S, waits_s, (self.length_s or 0.0) / TAIL_SHARE)
            if ready < to_frames(tail_s) and not self._is_ending:
                self._is_ending = True
                self.is_stalled = False
                self.gain.tail(ready)
        elif ready < to_frames(STALL_S) and not self.is_stalled:
            self.is_stalled = True
            self.gain.tail(ready)

    def close(self) -> None:
        """Release the decoder."""
        if self._excerpts is not None:
            self._excerpts.close()
        self.source.close()


def _power(block: Block) -> float:
    """Mean square; 0 for an empty block and where the result is not a number."""
    power = float(np.vdot(block, block)) / block.size if block.size else 0.0
    return power if power < MOST_POWER else 0.0
