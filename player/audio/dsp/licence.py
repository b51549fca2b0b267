"""Up to which level planned sound counts as familiar, although it did not leave at that level lately.

Runs on the engine thread, chunk by chunk of 50 ms, as a part of the guard. The leveller leaves no strangers in the
sound that it has planned, so what came in is what its tracks habitually do, even where the guard let less of it out.
The licence is the largest fast level of what came in during the last 80 s without the last half second (the leveller
looks for habit in the same 80 s), and never more than the plans say is reached. It rises by at most 1.5 dB/s from what
passes anyway, so the second hoot of an owl is not 17 dB louder than the first. A track that becomes 30 dB louder in its
second minute, for good, has no licence for that until it was heard: it comes up at the guard's 5 dB/s.

While the volume rises, and for 4.5 s after that, it stays where it is: what came in at a lower volume says little of
what is about to come.
"""

from __future__ import annotations

from typing import Final

from player.audio.dsp.hearing import CHUNK_S, Familiar

MEMORY_S: Final = 80.0
RISE_DB_PER_S: Final = 1.5
STEADY_S: Final = 4.5
"""The volume has to be steady for so long before the licence rises."""
STEADY_CHUNKS: Final = round(STEADY_S / CHUNK_S)
RISE: Final[float] = 10.0 ** (RISE_DB_PER_S * CHUNK_S / 10.0)


class Licence:
    """Follows what comes in.

    Attributes:
        value: the fast level, as a power, up to which nothing is new; 0 while not all that sounds is planned.
        steady_chunks: so long the volume has stood.
        came: the fast level of what came in.
    """

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """Nothing has come in yet."""
        self.value = 0.0
        self.steady_chunks = 0
        self.came = Familiar(round(MEMORY_S / CHUNK_S))

    def push(self, came: float, heard: float, reached: float, *, is_volume_rising: bool = False) -> None:
        """One more chunk.

        Args:
            came: the largest fast level in it of what came in.
            heard: the fast level that passes anyway.
            reached: what the plans of all that sounds reach at this volume; 0 where one of it has no plan.
            is_volume_rising: a ramp lifts what comes in.
        """
        if reached == 0.0:
            if self.value > 0.0:
                self.forget()
            return
        self.came.push(came)
        self.steady_chunks = 0 if is_volume_rising else self.steady_chunks + 1
        rise = RISE if self.steady_chunks > STEADY_CHUNKS else 1.0
        self.value = min(reached, self.came.value, max(self.value * rise, heard))
