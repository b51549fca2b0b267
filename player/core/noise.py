"""Paths that name generated sound instead of a file: ``noise:brown``, ``noise:rain?cut=400``. Frozen, any thread.

`player.audio.decoder.noise` generates it while it plays.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Final
from urllib.parse import parse_qsl

from player.core.errors import did_you_mean

SCHEME: Final = "noise:"
CUT_MIN_HZ: Final = 100
CUT_MAX_HZ: Final = 16_000


class NoiseKind(Enum):
    """What can be generated; the value is what stands behind ``noise:``."""

    WHITE = "white"
    PINK = "pink"
    BROWN = "brown"
    RAIN = "rain"
    SEA = "sea"
    FAN = "fan"


@dataclass(frozen=True, slots=True)
class NoisePath:
    """A generated track.

    Attributes:
        kind: which sound.
        cut_hz: the tone control: a low-pass of 12 dB per octave from there on; None: as it is.
    """

    kind: NoiseKind
    cut_hz: int | None = None

    @property
    def title(self) -> str:
        """For people: ``Brown noise``, ``Rain below 400 Hz``."""
        is_colour = self.kind in {NoiseKind.WHITE, NoiseKind.PINK, NoiseKind.BROWN}
        name = self.kind.value.capitalize() + (" noise" if is_colour else "")
        return name if self.cut_hz is None else f"{name} below {self.cut_hz} Hz"


def is_noise(path: str) -> bool:
    """Whether a path names generated sound."""
    return path.startswith(SCHEME)


def parse_noise(path: str) -> NoisePath:
    """The generated track that a path names.

    Raises:
        ValueError: no such noise, or an option that it does not have; the message names the offender and the choices.
    """
    name, _, options = path.removeprefix(SCHEME).partition("?")
    names = [kind.value for kind in NoiseKind]
    if name not in names:
        raise ValueError(f"{path}: unknown noise {name!r}{did_you_mean(name, names)}; available: {', '.join(names)}")
    cut_hz = None
    for key, value in parse_qsl(options, keep_blank_values=True):
        if key != "cut":
            raise ValueError(f"{path}: unknown option {key!r}; available: cut, as in {SCHEME}{name}?cut=400")
        if not value.isascii() or not value.isdecimal() or not CUT_MIN_HZ <= int(value) <= CUT_MAX_HZ:
            raise ValueError(f"{path}: cut is {value!r}; allowed is {CUT_MIN_HZ} to {CUT_MAX_HZ} Hz")
        cut_hz = int(value)
    return NoisePath(NoiseKind(name), cut_hz)
