"""The licence: the level up to which planned sound counts as familiar although it was not played that loud recently.

Runs on the engine thread, in chunks of 50 ms, as a part of the guard. The leveller leaves no strangers in planned
sound, so the input shows what its tracks habitually do, even where the guard lowered it. The licence is the largest
fast level of the input during the last 80 s without the last half second (the leveller uses the same 80 s for the
habit), and up to 6 dB more where the mean of 50 ms is within 2.7 dB of the largest of the same time, which the examiner
calls known. It is never more than the highest level of the plans. It rises by at most 1.75 dB/s, starting from the
level that passes without it, so that the second hoot of an owl is not 17 dB louder than the first. A track that becomes
30 dB louder in its second minute, and stays so, has no licence for most of that until it was heard: it rises at the
5 dB/s of the guard.

While nothing plays, while a part of the sound has no plan, and after 30 s of silence in a track there is no licence,
but the input is still heard, as far as it passed. (With that forgotten, the licence after a pause was far below the
familiar level: the guard let the next phrase of a whisper pass, and the output meter, which judges by the licence,
muted.)

While the volume rises or a track is faded in, and for 4.5 s after that, the licence does not rise at that rate, because
the input at a lower volume says little about the next input. (Words that came in after 45 s of silence were up to
3.6 dB over the familiar level.)
"""

from __future__ import annotations

from typing import Final

from player.audio.dsp.guard_bounds import BOX_OVER_FAST, FAMILIAR_ROOM
from player.audio.dsp.hearing import (
    CHUNK_HOPS,
    CHUNK_S,
    FAMILIAR_CHUNKS,
    FAST_KEEP,
    FAST_TAKE,
    Familiar,
    Hearing,
    added,
    to_power,
)

MEMORY_S: Final = 80.0
RISE_DB_PER_S: Final = 1.75
STEADY_S: Final = 4.5
"""Time for which the volume must be steady before the licence rises."""
ABOVE_DB: Final = 6.0
"""Planned sound may be this far over what came: what is 6.5 dB over the habit is a stranger, which was lowered."""
ABOVE: Final[float] = 10.0 ** (ABOVE_DB / 10.0)
SILENT: Final = to_power(-70.0)
"""At full volume."""
STEADY_CHUNKS: Final = round(STEADY_S / CHUNK_S)
RISE: Final[float] = 10.0 ** (RISE_DB_PER_S * CHUNK_S / 10.0)


class Came:
    """What comes into the guard, up to the hop that is held back.

    Attributes:
        fast: E.
        chunk_fast, chunk_box: the largest E and R since `begin_chunk`.
    """

    def __init__(self) -> None:
        self.fast = self.chunk_fast = self.chunk_box = 0.0
        self._hops = [0.0] * (CHUNK_HOPS - 1)

    def begin_chunk(self) -> None:
        """Begin a chunk in which hops may be lowered."""
        self.chunk_fast = self.chunk_box = 0.0

    def push(self, power: float) -> None:
        """Add a hop."""
        self.fast = FAST_KEEP * self.fast + FAST_TAKE * power
        hops = [*self._hops, power]
        self._hops = hops[1:]
        self.chunk_fast = max(self.chunk_fast, self.fast)
        self.chunk_box = max(self.chunk_box, added(hops) / CHUNK_HOPS)

    def rest(self, hops: int) -> None:
        """Account for so many hops of silence."""
        for _ in range(hops):
            self.fast *= FAST_KEEP
        self._hops = [*self._hops, *[0.0] * hops][1 - CHUNK_HOPS :]

    def follow(self, hearing: Hearing, late: float) -> None:
        """A whole chunk left as it came: take what was heard of it, and the power of the hop that is held back."""
        self.fast = FAST_KEEP * hearing.fast + FAST_TAKE * late
        self._hops = [*hearing.last_hops(CHUNK_HOPS - 2), late]


class Licence:
    """Computes the licence from the input.

    Attributes:
        value: the fast level, as a power, up to which sound is familiar; 0 unless all current sound is planned.
        steady_chunks: number of chunks since the volume last rose.
        silent_chunks: number of chunks since something was last heard in the input.
        came: the fast level of the input.
        came_boxes: its mean of 50 ms.
    """

    def __init__(self) -> None:
        self.value = 0.0
        self.steady_chunks = self.silent_chunks = 0
        self.came = Familiar(round(MEMORY_S / CHUNK_S))
        self.came_boxes = Familiar(round(MEMORY_S / CHUNK_S))

    @property
    def came_value(self) -> float:
        """The licence without the 6 dB."""
        return min(self.value, self.came.value)

    @property
    def known_box(self) -> float:
        """The mean of 50 ms up to which the fast level may use the 6 dB."""
        return min(self.came_boxes.value * FAMILIAR_ROOM, self.value * BOX_OVER_FAST)

    def save(self) -> None:
        """Copy what came into its states, for calm.c."""
        self.came.save()
        self.came_boxes.save()

    def load(self) -> None:
        """Copy it back."""
        self.came.load()
        self.came_boxes.load()

    def rest(self, chunks: int) -> None:
        """Account for so many chunks of silence."""
        for _ in range(chunks):
            self.push(0.0, 0.0, 0.0, 0.0)

    def push(
        self, came: float, box: float, heard: float, reached: float, full: float = 1.0, *, is_rising: bool = False
    ) -> None:
        """Add one more chunk.

        Args:
            came: the largest fast level of the input in it.
            box: the largest mean of 50 ms of the input in it.
            heard: the fast level that passes without the licence.
            reached: the highest level of the plans of all current sound at this volume; 0 if a part has no plan.
            full: the power gain of the volume, with which the level that counts as silence falls.
            is_rising: whether a ramp or the fade of a track raises the input.
        """
        self.silent_chunks = 0 if came > SILENT * full else self.silent_chunks + 1
        if reached == 0.0 or self.silent_chunks >= FAMILIAR_CHUNKS:
            self.value, self.steady_chunks = 0.0, 0
            self.came.push(min(came, heard))
            self.came_boxes.push(min(box, heard))
            return
        self.came.push(came)
        self.came_boxes.push(box)
        self.steady_chunks = 0 if is_rising else self.steady_chunks + 1
        rise = RISE if self.steady_chunks > STEADY_CHUNKS else 1.0
        self.value = min(reached, self.came.value * ABOVE, max(self.value * rise, heard))
