"""Makes the sink that the settings name. Runs on the main thread, once at start."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from player.audio.ports import Sink
from player.audio.sinks.alsa import AlsaSink
from player.audio.sinks.alsa_mixer import MixerPin
from player.audio.sinks.null import SilentSink
from player.audio.sinks.pipe import PipeSink
from player.audio.sinks.wav import WavSink
from player.core.clock import Clock
from player.core.settings.audio import AudioSettings, OutputKind


def make_sink(audio: AudioSettings, clock: Clock, tell: Callable[[str | None], None] = lambda _: None) -> Sink:
    """The sink of the settings, not opened yet; a WAV file is written in real time.

    ``tell`` receives problems with the card's mixer, and None when they are resolved; on the engine thread.
    """
    match audio.output:
        case OutputKind.ALSA:
            pin = None if audio.mixer is None else MixerPin(audio.mixer, audio.device, tell)
            return AlsaSink(audio.device, audio.buffer_s, clock, pin)
        case OutputKind.WAV:
            assert audio.path is not None, "AudioSettings demands a path for a WAV"
            return WavSink(Path(audio.path).expanduser(), clock, audio.buffer_s)
        case OutputKind.PIPE:
            assert audio.path is not None, "AudioSettings demands a path for a pipe"
            return PipeSink(Path(audio.path), audio.form, clock, audio.buffer_s)
        case OutputKind.SILENT:
            return SilentSink(clock, audio.buffer_s)
