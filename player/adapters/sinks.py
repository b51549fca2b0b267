"""Which sink the settings ask for. Runs on the main thread, once at start."""

from __future__ import annotations

from pathlib import Path

from player.adapters.alsa_sink import AlsaSink
from player.adapters.silent_sink import SilentSink
from player.adapters.wav_sink import WavSink
from player.clock import Clock
from player.ports import Sink
from player.settings import AudioSettings, OutputKind


def make_sink(audio: AudioSettings, clock: Clock) -> Sink:
    """The sink of the settings, not opened yet; a WAV file is written at real time."""
    match audio.output:
        case OutputKind.ALSA:
            return AlsaSink(audio.device, audio.buffer_s, clock)
        case OutputKind.WAV:
            assert audio.path is not None, "AudioSettings demands a path for a WAV"
            return WavSink(Path(audio.path).expanduser(), clock, audio.buffer_s)
        case OutputKind.SILENT:
            return SilentSink(clock, audio.buffer_s)
