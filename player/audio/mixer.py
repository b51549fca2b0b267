"""The mixer of one layer: which decks sound, and how one takes over from another.

Runs on the engine thread alone. One deck is the current one; others are fading out. The next track is opened
ahead of time, so that a broken file is noticed while the current one still plays and no gap is heard.

A track ends in one of five ways, each without a cut: the next one is blended in over its end (equal power); it repeats,
or one of the two is too short for a blend, and a seam joins them; a person skips, and it fades out at once while the
next rises; nothing follows, and its last seconds fade; or its data stops coming, and it fades out within what the ring
still holds, and rises again from silence when enough is decoded.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np

from player.audio.deck import TAIL_S, Deck
from player.audio.dsp.crossfade import HIDDEN_DB, crossfade_within, overlap_s, plan_overlap
from player.audio.dsp.seam import seam_s
from player.audio.dsp.tap import Sounding
from player.audio.dsp.types import Block
from player.audio.ports import Decoder
from player.core.engine_orders import TRACKS, Crossfade, Item
from player.core.events import EngineReport, ItemEnded, ItemFailed, ItemStarted, QueueRanDry
from player.core.units import CHANNELS, RATE_HZ, SILENCE_DB, to_frames, to_seconds

STALL_LIMIT_S: Final = 15.0
"""A track that is silent for this long because its data stopped coming has failed."""
OPEN_AHEAD_S: Final = 20.0
"""The next track is opened this long before its blend begins."""
SKIP_FALL_S: Final = 3.0
"""After a skip the current sound falls by 60 dB in this time, at 20 dB/s: heard at once, but not as a cut."""
OFFLINE_WAIT_S: Final = 30.0
"""A rehearsal waits this long in real time for a decoder; the wait also counts in the rehearsed time."""
MAX_DECKS: Final = 3
"""Maximum number of decks that sound together, however fast a person skips."""


JOIN_AHEAD_S: Final = 0.1
"""One block: a seam begins with a block, so it may begin up to this much early."""
BLEND_MARGIN_S: Final = 0.3
"""A blend ends this long before the track's end: decoders lose the last 100 ms, and lengths are rounded."""
SETTLED_S: Final = 3.0
"""Between two blends a track sounds alone for this long: until then its recent level, which hides the next one, is too
low, the second blend finds no room, and the sound would end and rise again from silence."""


def _room_s(left_s: float) -> float:
    """How much of the rest of a track a blend may use."""
    return max(0.0, left_s - BLEND_MARGIN_S)


class Mixer:
    """All decks, summed; reports what starts, ends and fails through ``report``.

    Args:
        decoder: opens tracks.
        report: takes each report, on the engine thread; must not block.
        crossfade_s: length of the equal-power part of a blend.
        is_offline: a rehearsal: the decoder is waited for, so that the output is the same each time.
        layer: the number of its layer, for its reports.
    """

    def __init__(
        self,
        decoder: Decoder,
        report: Callable[[EngineReport], None],
        crossfade_s: float,
        *,
        is_offline: bool = False,
        layer: int = TRACKS,
    ) -> None:
        self.crossfade_s = crossfade_s
        self._layer = layer
        self._decoder = decoder
        self._report = report
        self._is_offline = is_offline
        self._decks: list[Deck] = []
        self._current: Deck | None = None
        self._pending: Deck | None = None
        self._pending_crossing = Crossfade.BLEND
        self._queued: Item | None = None
        self._next: Deck | None = None
        self._is_dry = True

    @property
    def current(self) -> Deck | None:
        """The deck of the track that is now playing."""
        return self._current

    @property
    def is_empty(self) -> bool:
        """Whether nothing sounds and nothing is being opened."""
        return not self._decks and self._pending is None and self._queued is None

    @property
    def is_opening(self) -> bool:
        """Whether a track that was ordered only waits for its decoder; a rehearsal waits for it before each block."""
        opening = self._pending
        if opening is None or self._is_offline:
            return False
        return opening.is_looked_into and not (opening.is_ready or opening.is_broken)

    def play(self, item: Item, crossing: Crossfade) -> None:
        """Make this item the current one as soon as it is ready; drops what was queued."""
        self.queue(None)
        if self._pending is not None:
            self._pending.close()
        self._is_dry = False
        self._pending = self._open(item)
        self._pending_crossing = crossing
        if crossing is Crossfade.SKIP:
            self._fall_all()

    def _open(self, item: Item) -> Deck:
        deck = Deck(item, self._decoder.open(item.uri, item.start_s))
        deck.look_into(self._decoder)
        return deck

    def queue(self, item: Item | None) -> None:
        """Set what follows the current item; None for nothing."""
        if self._next is not None:
            self._next.close()
            self._next = None
        self._queued = item

    def level(self, item: Item) -> None:
        """Continue with the measurement of an item that sounds."""
        for deck in self._decks:
            if deck.item.id == item.id:
                deck.level(item)

    def clear(self) -> None:
        """Drop everything; only while the output is silent."""
        for deck in self._decks:
            self._report(ItemEnded(deck.item.id, to_seconds(deck.played_frames)))
            deck.close()
        self._decks.clear()
        self._current = None
        if self._pending is not None:
            self._pending.close()
            self._pending = None
        self.queue(None)
        self._is_dry = True

    def sounding(self) -> tuple[Sounding, ...]:
        """The state of all decks, for a tap."""
        return tuple(
            Sounding(deck.item, deck.gain.level_db, deck is self._current, deck.is_joined, deck.decoded, deck.own_gains)
            for deck in self._decks
        )

    @property
    def is_sounding(self) -> bool:
        """Whether any deck sounds."""
        return bool(self._decks)

    @property
    def is_steady(self) -> bool:
        """Whether a single deck sounds, in the middle of its track, and no change is due soon."""
        is_alone = self._pending is None and self._next is None and len(self._decks) == 1
        return is_alone and self._decks[0].is_steady

    @property
    def habitual_lufs(self) -> float | None:
        """What the fast level of the quietest deck habitually reaches; None if no deck was measured."""
        known = [deck.item.habitual_lufs for deck in self._decks if deck.item.habitual_lufs is not None]
        return min(known, default=None)

    @property
    def reached_lufs(self) -> float | None:
        """What the fast level of the loudest deck reaches; None while any sounding deck is not planned."""
        reached = [deck.reached_lufs for deck in self._decks]
        return None if None in reached else max((level for level in reached if level is not None), default=None)

    @property
    def is_rising_alone(self) -> bool:
        """Whether a deck rises from silence while no other deck fades out for it."""
        return any(deck.gain.is_rising_alone for deck in self._decks)

    @property
    def rise_db_per_s(self) -> float:
        """The fastest rise of any deck; 0 if none rises."""
        return max((deck.rise_db_per_s for deck in self._decks), default=0.0)

    @property
    def is_recovering(self) -> bool:
        """Whether a deck recovers from bad samples; its rise cannot be delayed."""
        return any(deck.is_recovering for deck in self._decks)

    def prepare(self, frames: int, *, is_output_silent: bool) -> None:
        """Before a block of ``frames`` frames: start what is ready, fade out what ends or runs out of data.

        ``is_output_silent`` lets a first track begin at its full gain, because the output makes the rise.
        """
        if self._is_offline:
            self._wait_for_decoders(frames)
        for opening in (self._pending, self._next):
            if opening is not None:
                opening.wait(frames)
        self._start_pending(is_output_silent=is_output_silent)
        self._prepare_next()
        for deck in self._decks:
            is_followed = deck is self._current and self._queued is not None
            deck.watch_the_end(waits_s=self._seam_s(deck) / 2 if is_followed else TAIL_S)

    def mix(self, frames: int, *, may_rise: bool = True) -> Block:
        """The sum of all decks, shape (frames, 2); without ``may_rise``, rising decks are held."""
        mixed = np.zeros((frames, CHANNELS), np.float32)
        for deck in self._decks:
            block = deck.render(frames, may_rise=may_rise)
            mixed = block if len(self._decks) == 1 else mixed + block
        self._drop_what_is_over()
        return mixed

    def _start_pending(self, *, is_output_silent: bool) -> None:
        deck = self._pending
        if deck is None or len(self._decks) >= MAX_DECKS:
            return
        if deck.is_broken:
            self._pending = None
            self._fail(deck)
        elif deck.is_ready:
            self._pending = None
            if is_output_silent:
                self._drop_silently()
                deck.gain.open()
            elif self._pending_crossing is Crossfade.SKIP or self._current is None:
                deck.gain.rise(0.0)
            else:
                self._blend_into(deck)
            self._make_current(deck)

    def _drop_silently(self) -> None:
        """End the decks that sounded before the pause; the output is silent, so nothing of this is heard."""
        for deck in self._decks:
            self._report(ItemEnded(deck.item.id, to_seconds(deck.played_frames)))
            deck.close()
        self._decks.clear()

    def _make_current(self, deck: Deck) -> None:
        self._decks.append(deck)
        self._current = deck
        self._report(ItemStarted(deck.item.id, deck.duration_s))

    def _blend_into(self, deck: Deck) -> None:
        """Fade the current deck out for this one, with a shorter crossfade if the current one ends too soon."""
        left_s, hidden_db = self._current.left_s() if self._current is not None else None, self._hidden_db(deck)
        crossfade_s = self.crossfade_s
        if left_s is not None:
            crossfade_s = crossfade_within(_room_s(left_s), crossfade_s, hidden_db)
        deck.gain.rise(crossfade_s, hidden_db)
        for other in self._decks:
            other.is_leaving = True
            if other is self._current:
                other.gain.fall_with(deck.gain)
            else:
                other.gain.fall(SKIP_FALL_S)

    def _fall_all(self) -> None:
        for deck in self._decks:
            deck.is_leaving = True
            deck.gain.fall(SKIP_FALL_S)

    def _prepare_next(self) -> None:
        """Open the queued item ahead of time, and blend into it when the current one nears its end."""
        current, item = self._current, self._queued
        if item is None or self._pending is not None:
            return
        left_s = current.left_s() if current is not None else 0.0
        if left_s is None or left_s > overlap_s(self.crossfade_s) + OPEN_AHEAD_S:
            return
        if self._next is None:
            self._next = self._open(item)
        if self._next.is_broken:
            failed, self._next, self._queued = self._next, None, None
            self._fail(failed)
        elif self._next.is_ready and len(self._decks) < MAX_DECKS:
            self._follow_with(self._next, left_s)

    def _follow_with(self, deck: Deck, left_s: float) -> None:
        """Let the next deck take over if it is time; the current deck lasts ``left_s`` longer."""
        current = self._current
        if current is None:
            deck.gain.rise(0.0)
        elif self._is_joined_to(deck, current):
            if left_s > self._seam_s(current) + JOIN_AHEAD_S or not current.can_go_on:
                return
            deck.go_on_with(current, to_frames(self._seam_s(current) + JOIN_AHEAD_S))
        else:
            room_s, hidden_db = _room_s(left_s), self._hidden_db(deck)
            if room_s > plan_overlap(room_s, deck.duration_s, self.crossfade_s, hidden_db):
                return
            self._blend_into(deck)
        self._next = self._queued = None
        self._make_current(deck)

    def _is_joined_to(self, deck: Deck, current: Deck) -> bool:
        """Whether a seam joins the two, because they are the same file or one of them is too short for a blend."""
        lengths_s = [length_s for length_s in (current.length_s, deck.duration_s) if length_s is not None]
        shortest_s = 2 * overlap_s(0.0, self._hidden_db(deck)) + BLEND_MARGIN_S + SETTLED_S
        return deck.item.uri == current.item.uri or min(lengths_s, default=shortest_s) < shortest_s

    def _seam_s(self, current: Deck) -> float:
        """Length of a seam after this deck: `seam_s` of the shorter of the two tracks."""
        following = self._next.duration_s if self._next is not None else None
        lengths_s = [length_s for length_s in (current.length_s, following) if length_s is not None]
        return seam_s(min(lengths_s, default=0.0))

    def _hidden_db(self, deck: Deck) -> float:
        """The highest gain at which a deck is masked by what sounds; -inf if nothing sounds.

        The masking level is the recently heard one; if both tracks are measured, at most their habitual level.
        """
        current = self._current
        if current is None or current.heard_db == SILENCE_DB:
            return SILENCE_DB
        softer_db = max(0.0, deck.level_at_start_db() - current.heard_db + current.gain.level_db)
        own_lufs, other_lufs = deck.item.habitual_lufs, current.item.habitual_lufs
        if own_lufs is not None and other_lufs is not None:
            softer_db = max(softer_db, own_lufs - other_lufs)
        return HIDDEN_DB + current.gain.level_db - softer_db

    def _drop_what_is_over(self) -> None:
        for deck in [deck for deck in self._decks if deck.is_over or self._has_given_up(deck)]:
            self._decks.remove(deck)
            if deck is self._current:
                self._current = None
            self._end(deck)
        if not self._is_dry and self.is_empty:
            self._is_dry = True
            self._report(QueueRanDry(self._layer))

    @staticmethod
    def _has_given_up(deck: Deck) -> bool:
        silent_frames = max(deck.stalled_frames if deck.is_stalled else 0, deck.muted_frames)
        return silent_frames > STALL_LIMIT_S * RATE_HZ

    def _end(self, deck: Deck) -> None:
        played_s = to_seconds(deck.played_frames)
        if self._has_given_up(deck):
            what = "no data" if deck.is_stalled else "nothing but broken samples"
            self._report(ItemFailed(deck.item.id, f"{what} for {STALL_LIMIT_S:.0f} s", played_s))
        elif (fault := deck.fault) is not None:
            self._report(ItemFailed(deck.item.id, fault, played_s))
        else:
            self._report(ItemEnded(deck.item.id, played_s, deck.faults))
        deck.close()

    def _fail(self, deck: Deck) -> None:
        deck.close()
        self._report(ItemFailed(deck.item.id, deck.why_broken))
        if self.is_empty and not self._is_dry:
            self._is_dry = True
            self._report(QueueRanDry(self._layer))

    def _wait_for_decoders(self, frames: int) -> None:
        """Rehearsals: wait for each open decoder (bounded), so that the output does not depend on its speed."""
        for deck in (*self._decks, self._pending, self._next):
            if deck is not None:
                deck.wait_for_decoder(frames, OFFLINE_WAIT_S)
