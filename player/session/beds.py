"""The beds of a session: what plays under its tracks, at which level, and for how long. Main thread, pure.

A bed is a queue of its own in a layer of its own. It comes, goes and moves only by the level of its layer;
a bed of another playlist in the same layer is blended in. The output's level applies to it too, so pauses,
fades, caps and a stop are the same for it as for the tracks.

A bed that comes with a playlist ends with that playlist. One that was named (in an entry, a phase, `play` or `bed`)
stays until another one is named. Either continues for its ``outlasts`` time after the tracks, and then fades.

Whether the tracks of a session sound, or only the bed that outlasts them. Where a bed outlasts its tracks, these end
by a fade of their own layer, while the output stays where it is: they are silent when their sleep timer ends. The bed
goes on alone then, like a phase of its own, and ends like any session.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from player.core.engine_orders import BEDS, TRACKS, RampTo, Then
from player.core.events import EngineReport, ItemEnded, ItemFailed, ItemStarted, LibraryRead, QueueRanDry, RampArrived
from player.core.settings.bed import Bed
from player.core.settings.session import Playlist, TimerSetting
from player.core.units import SILENCE_DB, format_duration
from player.session.outcome import Outcome
from player.session.play_queue import PlayQueue

COMES_S: Final = 20.0
"""Seconds in which a bed comes and goes, 3 dB a second: slow enough not to be noticed as an event."""
MOVES_DB_PER_S: Final = 2.0

MakeQueue = Callable[[Playlist, int], PlayQueue]
"""A queue of a playlist for a layer."""


class BedLayer:
    """A bed that plays.

    Attributes:
        ends_s: when it fades by itself, on the boot clock.
    """

    def __init__(self, number: int, bed: Bed, queue: PlayQueue) -> None:
        self.number = number
        self.bed = bed
        self.queue = queue
        self.ends_s = math.inf

    def ramp(self, over_s: float, out: Outcome) -> None:
        """Order the ramp to the bed's level."""
        out.order(RampTo(self.bed.gain_db, over_s, layer=self.number))

    def fade(self, over_s: float, out: Outcome) -> None:
        """Order the fade to silence that ends the bed."""
        out.order(RampTo(SILENCE_DB, over_s, Then.STOP, self.number))


class Beds:
    """Up to two beds.

    Args:
        playlist_of: the playlist of a name, None where it does not exist (any more).
        make_queue: makes the queue of one for a layer.

    Attributes:
        is_of_playlist: the beds are those of the tracks' playlist and end with it.
        names: of all beds that have played.
    """

    def __init__(self, playlist_of: Callable[[str], Playlist | None], make_queue: MakeQueue) -> None:
        self.is_of_playlist = True
        self._playlist_of = playlist_of
        self._make_queue = make_queue
        self.names: list[str] = []
        self._layers: list[BedLayer] = []
        self._held_at_s: float | None = None

    def __iter__(self) -> Iterator[BedLayer]:
        return iter(self._layers)

    @property
    def is_empty(self) -> bool:
        """Whether no bed plays."""
        return not self._layers

    @property
    def now(self) -> tuple[Bed, ...]:
        """The beds that play, without those that are about to end by themselves."""
        return tuple(layer.bed for layer in self._layers if layer.ends_s == math.inf)

    @property
    def outlasts_s(self) -> float:
        """The longest ``outlasts`` time of the beds, in seconds; 0: all end with the tracks."""
        return max((bed.outlasts_s for bed in self.now), default=0.0)

    @property
    def queues(self) -> list[PlayQueue]:
        """Those of the layers."""
        return [layer.queue for layer in self._layers]

    @property
    def problems(self) -> list[str]:
        """What is wrong with them."""
        return [f"bed: {layer.queue.problem}" for layer in self._layers if layer.queue.problem is not None]

    def set(self, beds: Sequence[Bed], now_s: float, out: Outcome, *, outlasts: bool = False) -> None:
        """Play these and no others; with ``outlasts`` those that end do so when they have outlasted their tracks."""
        wanted = {bed.playlist: bed for bed in beds if self._playlist_of(bed.playlist) is not None}
        leaving, outlasting = [], []
        from_s = now_s if self._held_at_s is None else self._held_at_s
        for layer in self._layers:
            if layer.queue.playlist.name in wanted:
                layer.ends_s = math.inf
                self._move(layer, wanted.pop(layer.queue.playlist.name), out)
            elif outlasts and layer.bed.outlasts_s > 0.0:
                layer.ends_s = min(layer.ends_s, from_s + layer.bed.outlasts_s)
                outlasting.append(layer)
            else:
                leaving.append(layer)
        for bed in wanted.values():
            replaced = leaving.pop() if leaving else outlasting.pop() if len(self._layers) == len(BEDS) else None
            self._begin(bed, replaced, now_s, out)
        for layer in leaving:
            self._end(layer, COMES_S, out)

    def _begin(self, bed: Bed, replaced: BedLayer | None, now_s: float, out: Outcome) -> None:
        """Play it in a layer that is free, or blend it over another bed in its layer."""
        playlist = self._playlist_of(bed.playlist)
        assert playlist is not None, "only playlists that are there are wanted"
        if replaced is not None:
            self._layers.remove(replaced)
        taken = {layer.number for layer in self._layers}
        number = next(number for number in BEDS if number not in taken) if replaced is None else replaced.number
        layer = BedLayer(number, bed, self._make_queue(playlist, number))
        self._layers.append(layer)
        if bed.playlist not in self.names:
            self.names.append(bed.playlist)
        layer.queue.begin(now_s, out)
        layer.ramp(COMES_S, out)

    def _move(self, layer: BedLayer, bed: Bed, out: Outcome) -> None:
        by_db = bed.gain_db - layer.bed.gain_db
        layer.bed = bed
        if by_db:
            layer.ramp(abs(by_db) / MOVES_DB_PER_S, out)

    def _end(self, layer: BedLayer, over_s: float, out: Outcome) -> None:
        self._layers.remove(layer)
        layer.fade(over_s, out)

    def move(self, by_db: float, out: Outcome) -> None:
        """Move the level of all beds, within the bounds of a bed."""
        for layer in self._layers:
            self._move(layer, layer.bed.moved(by_db), out)

    def outlast(self, now_s: float) -> None:
        """The tracks have ended: each bed continues for its ``outlasts`` time."""
        longest_s = self.outlasts_s
        for layer in self._layers:
            if layer.bed.outlasts_s < longest_s:  # the session itself ends with the longest one
                layer.ends_s = min(layer.ends_s, now_s + layer.bed.outlasts_s)

    def tick(self, now_s: float, fade_out_s: float, held_at_s: float | None, out: Outcome) -> None:
        """Fade the beds whose ``outlasts`` time is over; retry those that could not be played.

        Since ``held_at_s`` a pause holds the sleep timer, and with it the ends of the beds.
        """
        if held_at_s is None and self._held_at_s is not None:
            for layer in self._layers:
                layer.ends_s += now_s - self._held_at_s
            self._held_at_s = None
        elif self._held_at_s is None:  # a timer that is set in the pause is held anew, the beds are held already
            self._held_at_s = held_at_s
        for layer in list(self._layers):
            if now_s >= layer.ends_s and held_at_s is None:
                self._end(layer, fade_out_s, out)
            elif layer.queue.is_over:
                self._end(layer, COMES_S, out)
            else:
                layer.queue.on_tick(now_s, out)

    def due_s(self) -> list[float | None]:
        """The instants at which something is due."""
        return [at_s for layer in self._layers for at_s in (layer.ends_s, layer.queue.retry_at_s)]

    def play_on(self, out: Outcome) -> None:
        """The engine dropped everything: play them from where they were."""
        for layer in self._layers:
            layer.queue.play_on(out)
            layer.ramp(COMES_S, out)

    def set_tracks(self, read: LibraryRead, now_s: float, out: Outcome) -> None:
        """The library looked at a playlist."""
        for layer in self._layers:
            if layer.queue.playlist.name == read.playlist:
                layer.queue.set_tracks(read, now_s, out)

    def on_report(self, report: EngineReport, now_s: float, out: Outcome) -> bool:
        """What the engine reports of a bed; False where it is of the tracks or the output."""
        match report:
            case QueueRanDry(number) if number in BEDS:
                for layer in self._layers:
                    if layer.number == number:
                        layer.queue.on_dry(now_s, out)
                return True
            case RampArrived(layer=int(number)) if number in BEDS:
                return True
            case ItemStarted() | ItemEnded() | ItemFailed():
                return any(self._on_item(layer.queue, report, now_s, out) for layer in self._layers)
            case _:
                return False

    @staticmethod
    def _on_item(queue: PlayQueue, report: ItemStarted | ItemEnded | ItemFailed, now_s: float, out: Outcome) -> bool:
        if not queue.knows(report.item_id):
            return False
        match report:
            case ItemStarted():
                queue.on_started(report, out)
            case ItemEnded():
                queue.on_ended(report, now_s, out)
            case ItemFailed():
                queue.on_failed(report, now_s, out)
        return True


class TracksLayer:
    """The layer of the tracks.

    Attributes:
        silent_at_s: when the fade of the tracks is over, on the boot clock; None without such a fade.
        is_gone: the bed goes on alone.
        setting: the sleep timer that ended them, to begin it anew; valid while ``is_gone``.
    """

    def __init__(self) -> None:
        self.silent_at_s: float | None = None
        self.is_gone = False
        self.setting: TimerSetting | None = None

    @property
    def is_leaving(self) -> bool:
        """Whether the fade of the tracks runs."""
        return self.silent_at_s is not None

    def leave(self, over_s: float, now_s: float, out: Outcome) -> None:
        """Begin the fade of the tracks, or make it faster."""
        if not self.is_leaving:
            text = f"the tracks fade out over {format_duration(over_s)}, and the bed goes on"
            out.announce("fading_out", text, seconds=round(over_s), reason="timer")
        self.silent_at_s = now_s + over_s
        out.order(RampTo(SILENCE_DB, over_s, Then.STOP, TRACKS))

    def forget_fade(self) -> None:
        """The engine dropped all layers: the tracks are at full level again."""
        self.silent_at_s = None

    def go(self, setting: TimerSetting | None) -> None:
        """The tracks have ended."""
        self.silent_at_s, self.is_gone, self.setting = None, True, setting

    def come_back(self, over_s: float, out: Outcome) -> bool:
        """Let the tracks sound again; False where they already do."""
        if not (self.is_leaving or self.is_gone):
            return False
        self.silent_at_s, self.is_gone = None, False
        out.order(RampTo(0.0, over_s, layer=TRACKS))
        return True
