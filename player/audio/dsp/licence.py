"""The licence: the level up to which planned sound counts as familiar although it was not played that loud recently.

Runs on the engine thread, in chunks of 50 ms, as a part of the guard. The leveller leaves no strangers in planned
sound, so the input shows what its tracks habitually do, even where the guard lowered it. The licence is the largest
fast level of the input during the last 80 s without the last half second (the leveller uses the same 80 s for the
habit), and never more than the highest level of the plans. It rises by at most 1.75 dB/s, starting from the level that
passes without it, so that the second hoot of an owl is not 17 dB louder than the first. A track that becomes 30 dB
louder in its second minute, and stays so, has no licence for that until it was heard: it rises at the 5 dB/s of the
guard.

In silence, and while a part of the sound has no plan, there is no licence, but the input is still heard, as far as it
passed. (With that forgotten, the licence after a pause was far below the familiar level: the guard let the next phrase
of a whisper pass, and the output meter, which judges by the licence, muted.)

While the volume rises, and for 4.5 s after that, the licence does not rise at that rate, because the input at a lower
volume says little about the next input.
"""

from __future__ import annotations

from typing import Final

from player.audio.dsp.hearing import CHUNK_S, Familiar

MEMORY_S: Final = 80.0
RISE_DB_PER_S: Final = 1.75
STEADY_S: Final = 4.5
"""Time for which the volume must be steady before the licence rises."""
STEADY_CHUNKS: Final = round(STEADY_S / CHUNK_S)
RISE: Final[float] = 10.0 ** (RISE_DB_PER_S * CHUNK_S / 10.0)


class Licence:
    """Computes the licence from the input.

    Attributes:
        value: the fast level, as a power, up to which sound is familiar; 0 unless all current sound is planned.
        steady_chunks: number of chunks since the volume last rose.
        came: the fast level of the input.
    """

    def __init__(self) -> None:
        self.value = 0.0
        self.steady_chunks = 0
        self.came = Familiar(round(MEMORY_S / CHUNK_S))

    def rest(self, chunks: int) -> None:
        """Account for so many chunks of silence."""
        for _ in range(chunks):
            self.push(0.0, 0.0, 0.0)

    def push(self, came: float, heard: float, reached: float, *, is_volume_rising: bool = False) -> None:
        """Add one more chunk.

        Args:
            came: the largest fast level of the input in it.
            heard: the fast level that passes without the licence.
            reached: the highest level of the plans of all current sound at this volume; 0 if a part has no plan.
            is_volume_rising: whether a ramp raises the input.
        """
        if reached == 0.0:
            self.value, self.steady_chunks = 0.0, 0
            self.came.push(min(came, heard))
            return
        self.came.push(came)
        self.steady_chunks = 0 if is_volume_rising else self.steady_chunks + 1
        rise = RISE if self.steady_chunks > STEADY_CHUNKS else 1.0
        self.value = min(reached, self.came.value, max(self.value * rise, heard))
