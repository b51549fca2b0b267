"""Where the sound goes: the settings of the output. Frozen, standard library, valid once built."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated

from player.core.settings.key import SECONDS, ConfigKey, check_bounds
from player.core.settings.safety import MixerSettings


class OutputKind(StrEnum):
    """Where the sound goes."""

    ALSA = "alsa"
    WAV = "wav"
    PIPE = "pipe"
    SILENT = "silent"


class PipeFormat(StrEnum):
    """What goes into a pipe, in Snapcast's words: rate, bits, channels; 24 bits lie in four bytes."""

    S16 = "48000:16:2"
    S24 = "48000:24:2"
    S32 = "48000:32:2"
    CD = "44100:16:2"


class Channels(StrEnum):
    """What the two speakers get."""

    STEREO = "stereo"
    MONO = "mono"
    LEFT = "left"
    """The left speaker gets both channels, the right one nothing."""
    RIGHT = "right"
    SWAP = "swap"


@dataclass(frozen=True, slots=True)
class AudioSettings:
    """The output: an ALSA device by its name or card id (never a number), a WAV file, a pipe, or nothing at real time.

    ``pipe_format`` is None for the usual one, 48000:16:2.
    """

    output: Annotated[
        OutputKind, ConfigKey("output", "wav: a file; pipe: for Snapcast; silent: no sound, at real time")
    ] = OutputKind.ALSA
    device: Annotated[
        str, ConfigKey("device", "ALSA device; name cards by id (`aplay -L`), never by number", allowed="a name")
    ] = "default"
    path: Annotated[
        str | None, ConfigKey("path", "the file of output wav, or the named pipe of output pipe", allowed="a file")
    ] = None
    buffer_s: Annotated[float, ConfigKey("buffer", "length of the device buffer", (0.1, 0.5), SECONDS)] = 0.3
    hold_s: Annotated[
        float, ConfigKey("hold", "how long the device stays open after a session", (0, 86400), SECONDS)
    ] = 30.0
    mixer: Annotated[
        MixerSettings | None,
        ConfigKey("mixer", "a control of the card that is kept at a fixed level", takes_off=True),
    ] = None
    pipe_format: Annotated[
        PipeFormat | None, ConfigKey("format", "what goes into a pipe, as its reader expects; default: the first")
    ] = None
    channels: Annotated[
        Channels,
        ConfigKey("channels", "mono: both speakers get both channels; left, right: only that speaker, both channels"),
    ] = Channels.STEREO
    balance: Annotated[
        int, ConfigKey("balance", "the other speaker is attenuated: -100 is only the left one", (-100, 100))
    ] = 0

    @property
    def identity(self) -> str:
        """Names all that decides how loud the output is, on one line."""
        parts = [self.output.value, self.device if self.output is OutputKind.ALSA else self.path or ""]
        parts += ["" if self.mixer is None else f"{self.mixer.control} {self.mixer.level}"]
        return " ".join([*filter(None, parts), self.channels.value, f"{self.balance:+d}"])

    @property
    def form(self) -> PipeFormat:
        """What goes into a pipe, the usual one where nothing was asked for."""
        return self.pipe_format or PipeFormat.S16

    def __post_init__(self) -> None:
        if self.output is OutputKind.WAV and not self.path:
            raise ValueError("output wav needs path: the file to write")
        if self.output is OutputKind.PIPE and not self.path:
            raise ValueError("output pipe needs path: the pipe to write into, as in /run/lull/snapfifo")
        if self.pipe_format is not None and self.output is not OutputKind.PIPE:
            raise ValueError(f"format applies only to output pipe; output {self.output.value} chooses its own")
        if self.mixer is not None and self.output is not OutputKind.ALSA:
            raise ValueError(f"mixer applies only to output alsa; output {self.output.value} has none")
        if re.match(r"\w+:(CARD=)?\d+(,|$)", self.device):
            raise ValueError(
                f"device {self.device!r} uses the number of a card, which may change at each boot; "
                "use its id, such as plughw:CARD=Headphones (aplay -L lists them)"
            )
        check_bounds(self)
