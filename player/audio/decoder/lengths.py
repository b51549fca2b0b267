"""How long a file is where libVLC often gets it wrong: MP3, Ogg, ADTS, and ADPCM in WAV.

Runs on the keeper thread of a source, once for each file.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from player.audio.decoder.adpcm_wav import adpcm_length
from player.audio.decoder.mp3_length import mp3_length
from player.audio.decoder.ogg_length import ogg_length_s
from player.core.events import is_web

OGG: Final = frozenset({".ogg", ".oga", ".opus"})
WAV: Final = frozenset({".wav", ".wave", ".w64"})
ADTS: Final = frozenset({".aac", ".adts"})


@dataclass(frozen=True, slots=True)
class TrackLength:
    """What we know better than libVLC.

    Attributes:
        duration_s: whole length, None where nothing tells it: libVLC means half of an MP3, the first part of a chained
            Ogg, and 104 s of an ADTS file of 100 s.
        start_scale: libVLC's idea of a position divided by the true one; `start-time` must be multiplied by it.
    """

    duration_s: float | None
    start_scale: float = 1.0


def suffix_of(uri: str) -> str:
    """The ending of a file's name in small letters; empty for addresses."""
    return "" if is_web(uri) else Path(uri).suffix.lower()


def length_of(uri: str) -> TrackLength | None:
    """The length of a file; None where libVLC's own idea of it is good.

    Raises:
        OSError: the file cannot be read.
    """
    suffix = suffix_of(uri)
    if suffix == ".mp3":
        told = mp3_length(Path(uri))
        return TrackLength(told.duration_s, told.start_scale)
    if suffix in OGG:
        return TrackLength(ogg_length_s(Path(uri)))
    if suffix in ADTS:
        return TrackLength(None)
    adpcm = adpcm_length(Path(uri)) if suffix in WAV else None
    return None if adpcm is None else TrackLength(*adpcm)
