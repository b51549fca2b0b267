"""Playlists that need no library: the sound of a morning without one, and the noise of a calibration. Pure.

What a look at them finds is known by construction: `player.audio.decoder.noise.measured_noise`.
"""

from __future__ import annotations

from typing import Final

from player.core.events import LibraryRead, Track
from player.core.measurement import Measured
from player.core.settings.session import Playlist

FALLBACK: Final = Playlist("generated noise", ("noise:pink?cut=1000",))
"""What plays where the library has nothing for a morning; it needs no file and no network."""
CALIBRATION: Final = Playlist("calibration noise", ("noise:pink",))
_LUFS: Final = -23.0
_ABOVE_LU: Final = 1.0
_PEAK_DBTP: Final = -3.0
_MEASURED: Final = Measured(
    duration_s=float("inf"),
    integrated_lufs=_LUFS,
    programme_lufs=_LUFS,
    range_lu=_ABOVE_LU,
    max_momentary_lufs=_LUFS + _ABOVE_LU,
    max_short_lufs=_LUFS + _ABOVE_LU,
    calm_short_lufs=_LUFS + _ABOVE_LU,
    true_peak_dbtp=_PEAK_DBTP,
    habitual_lufs=_LUFS + _ABOVE_LU,
    calm_lufs=_LUFS,
    reached_lufs=_LUFS + _ABOVE_LU + 3.0,
    planned_peak_dbtp=_PEAK_DBTP,
)


def found_in(playlist: Playlist) -> LibraryRead | None:
    """What is in a generated playlist; None for any other."""
    if playlist is not FALLBACK and playlist is not CALIBRATION:
        return None
    track = Track(playlist.paths[0], playlist.name.capitalize(), is_stream=True, measured=_MEASURED)
    return LibraryRead(playlist.name, (track,))
