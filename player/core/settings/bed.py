"""A bed: a quiet layer under the tracks. Frozen, on the standard library alone, and valid once built."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Final

from player.core.settings.key import SECONDS, ConfigKey, check_bounds
from player.core.validation import check_name

MAX_BEDS: Final = 2
"""Maximum number of layers under the tracks; more cannot be told apart, and each costs computing time."""
MIN_BED_DB: Final = -40.0
MAX_BED_DB: Final = -3.0
"""Two beds of -3 dB and the tracks are 3 dB louder than the tracks alone."""
BED_DB: Final = -12.0
MAX_OUTLASTS_S: Final = 12 * 3600.0
BED_FORMS: Final = "a playlist, its keys, a list of two, or off"
"""How beds are written."""


@dataclass(frozen=True, slots=True)
class Bed:
    """What plays under the tracks, its level against theirs, and how long it goes on after they have ended."""

    playlist: Annotated[str, ConfigKey("playlist", "what it plays", allowed="a playlist")]
    gain_db: Annotated[
        float, ConfigKey("gain", "its level, against that of the tracks", (MIN_BED_DB, MAX_BED_DB), "dB")
    ] = BED_DB
    outlasts_s: Annotated[
        float,
        ConfigKey(
            "outlasts", "how long it goes on when the tracks have ended; then it fades", (0, MAX_OUTLASTS_S), SECONDS
        ),
    ] = 0.0

    def __post_init__(self) -> None:
        check_bounds(self)
        check_name("playlist", self.playlist)

    def moved(self, by_db: float) -> Bed:
        """The same bed at a gain moved by a step, within the bounds."""
        return replace(self, gain_db=min(MAX_BED_DB, max(MIN_BED_DB, self.gain_db + by_db)))

    def __str__(self) -> str:
        """As people write it: ``rain at -12 dB``."""
        return f"{self.playlist} at {self.gain_db:g} dB"


def check_beds(beds: Sequence[Bed]) -> None:
    """Raise ValueError where there are too many beds, or one is there twice."""
    if len(beds) > MAX_BEDS:
        raise ValueError(f"bed has {len(beds)} layers; at most {MAX_BEDS} are allowed")
    if len({bed.playlist for bed in beds}) < len(beds):
        raise ValueError(f"bed has {beds[0].playlist!r} twice; name two different playlists")


def named_beds(beds: Sequence[Bed]) -> str:
    """The beds as text for people."""
    return " and ".join(map(str, beds)) or "none"
