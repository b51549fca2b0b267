"""Audio files for tests, made by ffmpeg (and plain WAV by the standard library) in whatever folder is given.

The extension decides the format: wav, flac, mp3, ogg (Vorbis), opus, m4a (AAC), aiff, …
"""

from __future__ import annotations

import subprocess
import wave
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

Samples = npt.NDArray[np.float32]


def noise(duration_s: float, *, seed: int = 1, rate_hz: int = 48_000, channels: int = 2, peak: float = 0.25) -> Samples:
    """White noise that never repeats, shape (frames, channels); on the grid of 16 bit, so that WAV and FLAC keep it."""
    rng = np.random.default_rng(seed)
    top = int(peak * 32767)
    values = rng.integers(-top, top + 1, size=(round(duration_s * rate_hz), channels))
    return (values / 32768).astype(np.float32)


def sine(
    frequency_hz: float, duration_s: float, *, rate_hz: int = 48_000, channels: int = 2, peak: float = 0.25
) -> Samples:
    """A sine, the same on each channel."""
    wave_form = peak * np.sin(2 * np.pi * frequency_hz * np.arange(round(duration_s * rate_hz)) / rate_hz)
    return np.repeat(wave_form[:, None], channels, axis=1).astype(np.float32)


def marks(duration_s: float, *, every_s: float = 1.0, rate_hz: int = 48_000) -> Samples:
    """Quiet noise with a 1 kHz burst of 20 ms at each mark, its height telling which second it is: for seeking."""
    samples = noise(duration_s, seed=7, rate_hz=rate_hz, peak=0.01)
    burst = sine(1000.0, 0.02, rate_hz=rate_hz, peak=1.0)
    for index in range(int(duration_s / every_s)):
        at = round(index * every_s * rate_hz)
        samples[at : at + len(burst)] += burst * np.float32(0.1 + 0.02 * index)
    return samples


def write_wav(path: Path, samples: Samples, rate_hz: int = 48_000) -> Path:
    """A 16 bit WAV, exact for samples on the grid of 16 bit."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(samples.shape[1])
        file.setsampwidth(2)
        file.setframerate(rate_hz)
        file.writeframes(np.clip(np.rint(samples * 32768), -32768, 32767).astype("<i2").tobytes())
    return path


def encode(path: Path, samples: Samples, *options: str, rate_hz: int = 48_000) -> Path:
    """A file in the format of its extension; ``options`` are ffmpeg's output options, such as ``-b:a 128k``."""
    command = ["ffmpeg", "-v", "error", "-y", "-f", "f32le", "-ar", str(rate_hz), "-ac", str(samples.shape[1])]
    command += ["-i", "-", *options, str(path)]
    subprocess.run(command, input=samples.astype("<f4").tobytes(), check=True, timeout=60)
    return path


def with_chapters(path: Path, marks: Sequence[tuple[float, str]], length_s: float) -> Path:
    """Quiet noise with chapters, each with its beginning in seconds and its title, in MP4 or Matroska."""
    notes = path.with_suffix(".txt")
    ends_s = [*(start_s for start_s, _ in marks[1:]), length_s]
    parts = [
        f"[CHAPTER]\nTIMEBASE=1/1000\nSTART={start_s * 1000:.0f}\nEND={end_s * 1000:.0f}\ntitle={title}\n"
        for (start_s, title), end_s in zip(marks, ends_s, strict=True)
    ]
    notes.write_text(";FFMETADATA1\n" + "".join(parts), encoding="utf-8")
    codec = "libopus" if path.suffix == ".webm" else "aac"
    options = ("-i", str(notes), "-map", "0:a", "-map_chapters", "1", "-c:a", codec, "-b:a", "32k")
    encode(path, noise(length_s, rate_hz=8000, channels=1), *options, rate_hz=8000)
    notes.unlink()
    return path


def picture(path: Path) -> Path:
    """A small picture, for what is no audio."""
    source = ["-f", "lavfi", "-i", "color=red:s=64x64", "-frames:v", "1"]
    subprocess.run(["ffmpeg", "-v", "error", "-y", *source, str(path)], check=True, timeout=60)
    return path


def mute_video(path: Path, duration_s: float = 5.0) -> Path:
    """A film without a sound track."""
    source = ["-f", "lavfi", "-i", f"testsrc=s=64x64:d={duration_s}"]
    subprocess.run(["ffmpeg", "-v", "error", "-y", *source, str(path)], check=True, timeout=60)
    return path


def with_picture(path: Path, sound: Path) -> Path:
    """A film of a test picture with a file's sound, which is copied as it is."""
    codec = "libvpx" if path.suffix == ".webm" else "mpeg4"
    source = ["-f", "lavfi", "-i", "testsrc=s=64x64:r=10", "-i", str(sound), "-map", "0:v", "-map", "1:a", "-shortest"]
    command = ["ffmpeg", "-v", "error", "-y", *source, "-c:v", codec, "-c:a", "copy", str(path)]
    subprocess.run(command, check=True, timeout=60)
    return path
