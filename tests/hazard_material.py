"""The night of hazards: all those of docs/never-startle.md in calm material, as files of every format, with the truth.

`night(folder)` builds it, about 17 min in 28 files that are to be played in order, and is the same for every call. What
is calm in a track has a known loudness, which a scan must find. Needs ffmpeg.
"""

from __future__ import annotations

import dataclasses
import json
import struct
from collections.abc import Callable
from dataclasses import dataclass
from fcntl import LOCK_EX, flock
from pathlib import Path
from typing import Final

import numpy as np

from player.audio.sinks.wav import wav_header
from tests import calm_material as calm
from tests.audio_files import encode, write_wav
from tests.calm_material import at_lufs, band, stereo
from tests.signals import RATE_HZ, Sound, both, frames_of, rng_for, scaled, silence, tone

QUIET_LUFS: Final = -30.0
"""Calm tracks, as such recordings come; the programme gain lifts them by 6 dB at most."""
LONG_S: Final = 42.0
MOST: Final = 0.999


@dataclass(frozen=True, slots=True)
class Hazard:
    """What waits in a file, and where."""

    file: str
    at_s: float
    kind: str


@dataclass(frozen=True, slots=True)
class NightTrack:
    """One file of the night.

    Attributes:
        calm_lufs: loudness of what is calm in it, None where there is nothing to be heard.
        is_calm: nothing in it may be touched (C9).
    """

    file: str
    calm_lufs: float | None
    is_calm: bool


@dataclass(frozen=True, slots=True)
class Night:
    """All of it, in playing order."""

    folder: Path
    tracks: tuple[NightTrack, ...]
    hazards: tuple[Hazard, ...]

    def paths(self) -> list[Path]:
        """The files in order."""
        return [self.folder / track.file for track in self.tracks]

    def only(self, *starts: str) -> Night:
        """Those tracks whose names begin with one of these."""
        tracks = tuple(track for track in self.tracks if track.file.startswith(starts))
        files = {track.file for track in tracks}
        return Night(self.folder, tracks, tuple(hazard for hazard in self.hazards if hazard.file in files))


class Bed:
    """A calm sound into which hazards are put, by hand and with their truth."""

    def __init__(self, kind: str, name: str, duration_s: float = LONG_S, lufs: float = QUIET_LUFS) -> None:
        self.sound = at_lufs(calm.KINDS[kind](duration_s, name), lufs)
        self.lufs = lufs
        self.hazards: list[tuple[float, str]] = []

    def put(self, at_s: float, kind: str, part: Sound, *, instead: bool = False) -> Bed:
        """Add a sound, or play it instead."""
        here = self.sound[frames_of(at_s) :][: len(part)]
        here[:] = part[: len(here)] if instead else here + part[: len(here)]
        self.hazards.append((at_s, kind))
        return self

    def gain(self, at_s: float, length_s: float, gain_db: float) -> Bed:
        """A stretch of it at another level, at once."""
        here = self.sound[frames_of(at_s) : frames_of(at_s + length_s)]
        here *= np.float32(10 ** (gain_db / 20))
        self.hazards.append((at_s, f"step {gain_db:+g} dB"))
        return self

    def marked(self, at_s: float, kind: str) -> Bed:
        """Something that is a hazard by what is done to the file later."""
        self.hazards.append((at_s, kind))
        return self

    def clip(self) -> Bed:
        """What a file of whole numbers can hold."""
        np.clip(self.sound, -MOST, MOST, out=self.sound)
        return self


def loud_noise(length_s: float, name: str) -> Sound:
    """Full scale at once: a slam."""
    return rng_for(name).uniform(-MOST, MOST, (frames_of(length_s), 2)).astype(np.float32)


def airhorn(length_s: float = 1.5) -> Sound:
    """Three rough tones at full scale."""
    t = np.arange(frames_of(length_s)) / RATE_HZ
    return both(np.clip(sum(np.sign(np.sin(2 * np.pi * hz * t)) for hz in (392.0, 494.0, 587.0)) / 2, -MOST, MOST))


def scream(length_s: float = 1.2) -> Sound:
    """A harmonic glide with noise."""
    frames = frames_of(length_s)
    hz = 700 + 900 * np.sin(np.pi * np.arange(frames) / frames)
    phase = 2 * np.pi * np.cumsum(hz) / RATE_HZ
    voice = sum(np.sin(part * phase) / part for part in range(1, 7))
    return both(np.clip(0.6 * voice + 0.3 * band(frames, 1000, 9000, 0.0, rng_for("scream")), -MOST, MOST))


def jingle(length_s: float = 4.0) -> Sound:
    """Station identification: square waves up a chord."""
    t = np.arange(frames_of(length_s)) / RATE_HZ
    hz = np.array([523.0, 659.0, 784.0, 1046.0])[(t * 4).astype(int) % 4]
    return both(0.9 * np.sign(np.sin(2 * np.pi * np.cumsum(hz) / RATE_HZ)))


def advert(lufs: float, length_s: float = 7.0) -> Sound:
    """Dense compressed speech-like sound at a loudness."""
    frames = frames_of(length_s)
    syllables = 0.35 + np.abs(np.sin(2 * np.pi * 2.2 * np.arange(frames) / RATE_HZ))
    return np.clip(
        at_lufs((stereo(frames, 120, 9000, 1.0, rng_for("advert")) * syllables[:, None]).astype(np.float32), lufs),
        -MOST, MOST,
    )  # fmt: skip


def bell(length_s: float = 4.0) -> Sound:
    """Struck at full scale."""
    t = np.arange(frames_of(length_s)) / RATE_HZ
    return both(MOST * np.exp(-t) * (0.7 * np.sin(2 * np.pi * 880 * t) + 0.3 * np.sin(2 * np.pi * 2093 * t)))


def swell(sound: Sound, at_s: float, rise_s: float, height_db: float) -> Sound:
    """Louder by so much in so long, held for 4 s, and back."""
    t = np.arange(len(sound)) / RATE_HZ - at_s
    gain_db = np.interp(t, [0, rise_s, rise_s + 4, rise_s + 14], [0, height_db, height_db, 0])
    return (sound * (10 ** (gain_db / 20))[:, None]).astype(np.float32)


def float_wav(path: Path, sound: Sound) -> Path:
    """32 bit float: everything survives, NaN too."""
    data = sound.astype("<f4").tobytes()
    path.write_bytes(wav_header(len(data)) + data)
    return path


def corrupted_mp3(path: Path, sound: Sound) -> Path:
    """Every few seconds a frame or three are overwritten with noise."""
    encode(path, sound, "-b:a", "128k")
    data, rng = bytearray(path.read_bytes()), rng_for("corrupt")
    for at in range(len(data) // 6, len(data) - 4000, len(data) // 9):
        length = int(rng.integers(200, 1400))
        data[at : at + length] = rng.bytes(length)
    path.write_bytes(data)
    return path


def truncated(path: Path, sound: Sound) -> Path:
    """Cut off in the middle of a frame."""
    encode(path, sound)
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 7 // 10])
    return path


def mislabelled(path: Path, sound: Sound) -> Path:
    """Its header says 32 kHz, so it is a fifth lower, and half as long again."""
    write_wav(path, sound)
    data = bytearray(path.read_bytes())
    assert struct.unpack_from("<I", data, 24) == (RATE_HZ,)
    struct.pack_into("<II", data, 24, 32_000, 128_000)
    path.write_bytes(data)
    return path


def misaligned(path: Path, sound: Sound) -> Path:
    """From 20.0 s a byte is missing until 21.5 s: low bytes count as high ones, which is noise at full scale."""
    write_wav(path, sound)
    data = path.read_bytes()
    first, last = (44 + 4 * frames_of(at_s) for at_s in (20.0, 21.5))
    path.write_bytes(data[:first] + data[first + 1 : last] + b"\0" + data[last:])
    return path


def opus(path: Path, sound: Sound) -> Path:
    """96 kbit/s."""
    return encode(path, sound, "-b:a", "96k")


def lossy(path: Path, sound: Sound) -> Path:
    """128 kbit/s, whatever the extension."""
    return encode(path, sound, "-b:a", "128k")


def _night_begins() -> Bed:
    bed = Bed("whisper", "n1", 50.0, -34.0)
    return bed.put(0.0, "loud jingle first", jingle(), instead=True).put(12.0, "slam", loud_noise(0.2, "s1")).clip()


def _steps() -> Bed:
    bed = Bed("rain", "n3", 60.0, -46.0)
    for at_s, step_db in ((16, 3), (22, 6), (28, 10), (34, 20), (40, 40), (47, 40)):
        bed.gain(at_s, 2.5, step_db)
    return bed.clip()


def _horn() -> Bed:
    bed = Bed("whisper", "n4", LONG_S, -36.0).put(16.0, "airhorn in a whisper", airhorn(), instead=True)
    return bed.put(27.0, "slam of 200 ms", loud_noise(0.2, "s4")).clip()


def _clicks() -> Bed:
    bed = Bed("bowl", "n6", 46.0, -34.0).put(16.0, "one full-scale sample", np.ones((1, 2), np.float32), instead=True)
    bed.put(20.0, "pop of 2 ms", loud_noise(0.002, "p6"), instead=True)
    bed.put(24.0, "step of the constant", both(np.full(frames_of(3.0), 0.5)))
    return bed.put(31.0, "one sample of minus full scale", np.full((1, 1), -1, np.float32), instead=True).clip()


def _click_in_whisper() -> Bed:
    bed = Bed("whisper", "n7", 34.0, -36.0).put(
        15.0, "one full-scale sample", np.ones((1, 2), np.float32), instead=True
    )
    return bed.put(19.3, "pop of 2 ms", loud_noise(0.002, "p7"), instead=True).clip()


def _hot() -> Bed:
    bed = Bed("rain", "n8", LONG_S, -5.0).marked(0.0, "mastered 25 LU hotter")
    bed.sound = np.tanh(bed.sound).astype(np.float32)
    bed.lufs = calm.loudness(bed.sound)
    return bed


def _swell() -> Bed:
    bed = Bed("rain", "n10", 58.0, -46.0).marked(14.0, "swell of 25 dB in 20 s: legitimate")
    bed.sound = swell(bed.sound, 14.0, 20.0, 25.0)
    bed.lufs = -28.0
    return bed


def _loud_end() -> Bed:
    bed = Bed("whisper", "n11", 34.0, -34.0)
    return bed.put(28.0, "loud until it ends", loud_noise(6.0, "e11"), instead=True).clip()


def _bell() -> Bed:
    bed = Bed("whisper", "n13", 78.0, -34.0)
    bed.put(14.0, "digital silence of 45 s", silence(45.0), instead=True)
    edge = np.linspace(1.0, 0.0, frames_of(0.2), dtype=np.float32)[:, None]  # at once it would be a hole, and is mended
    bed.sound[frames_of(13.8) :][: len(edge)] *= edge
    return bed.put(59.0, "bell after silence", bell()).clip()


def _advert() -> Bed:
    bed = Bed("whisper", "n14", 50.0, -32.0)
    return bed.put(20.0, "advert 20 LU up", advert(-12.0), instead=True).clip()


def _overs() -> Bed:
    bed = Bed("brushing", "n16", 48.0, -32.0)
    hot = np.clip(scaled(at_lufs(calm.rain(4.0, "hot"), -14.0), 14.0), -1, 1)
    bed.put(16.0, "clipped section", hot, instead=True)
    return bed.put(28.0, "peaks between samples", tone(2.0, RATE_HZ / 4, 1.41, np.pi / 4), instead=True)


def _sides() -> Bed:
    bed = Bed("whisper", "n17", 40.0, -34.0)
    left = np.stack([airhorn(5.0)[:, 0], np.zeros(frames_of(5.0), np.float32)], axis=1)
    return bed.put(18.0, "left far louder than right", left).clip()


def _bad_numbers() -> Bed:
    bed = Bed("whisper", "n21", 60.0, -30.0)
    bed.put(16.0, "NaN for a frame", np.full((1, 2), np.nan, np.float32), instead=True)
    bed.put(18.0, "NaN for 50 ms", np.full((2400, 2), np.nan, np.float32), instead=True)
    return bed.put(34.0, "infinite", np.full((1, 2), -np.inf, np.float32), instead=True)


def _far_too_large() -> Bed:
    bed = Bed("rain", "n22", 54.0, -30.0)
    bed.put(16.0, "10 ms at +85 dBFS", scaled(loud_noise(0.01, "h22"), 85.0), instead=True)
    return bed.put(32.0, "0.4 s at +85 dBFS", scaled(tone(0.4, 997.0, 1.0), 85.0), instead=True)


def _early() -> Bed:
    bed = Bed("tapping", "n24", 40.0, -32.0).put(0.5, "scream in the first second", scream())
    return bed.put(16.0, "scream", scream()).clip()


Recipe = tuple[str, Callable[[], Bed], Callable[[Path, Sound], Path]]
CALM_TRACKS: Final = {
    "02-taps.flac": ("tapping", encode), "05-brushing.wav": ("brushing", write_wav), "09-pages.m4a": ("pages", lossy),
    "12-whispers.opus": ("whisper", opus), "15-rain.ogg": ("rain", encode), "20-bowl.mp3": ("bowl", lossy),
    "25-whispers.flac": ("whisper", encode), "28-taps.mp3": ("tapping", lossy),
}  # fmt: skip
RECIPES: Final[tuple[Recipe, ...]] = (
    ("01-jingle-and-slam.mp3", _night_begins, lossy),
    ("03-steps.ogg", _steps, encode),
    ("04-airhorn.opus", _horn, opus),
    ("06-clicks.flac", _clicks, encode),
    ("07-click-in-whisper.wav", _click_in_whisper, write_wav),
    ("08-hot.mp3", _hot, lossy),
    ("10-swell.wav", _swell, write_wav),
    ("11-loud-end.flac", _loud_end, encode),
    ("13-bell.flac", _bell, encode),
    ("14-advert.m4a", _advert, lossy),
    ("16-overs.wav", _overs, float_wav),
    ("17-sides.flac", _sides, encode),
    ("18-corrupt.mp3", lambda: Bed("whisper", "n18").marked(7.0, "corrupt frames"), corrupted_mp3),
    ("19-truncated.flac", lambda: Bed("rain", "n19").marked(29.4, "truncated in the middle"), truncated),
    ("21-nan.wav", _bad_numbers, float_wav),
    ("22-plus85.wav", _far_too_large, float_wav),
    ("23-wrong-rate.wav", lambda: Bed("whisper", "n23", 30.0).marked(0.0, "wrong rate in the header"), mislabelled),
    ("24-early.mp3", _early, lossy),
    ("27-misaligned.wav", lambda: Bed("whisper", "n27").marked(20.0, "a byte is missing for 1.5 s"), misaligned),
)


def worst(folder: Path) -> list[tuple[Path, list[tuple[float, str]]]]:
    """Two minutes of the worst for tests in real time: three files that are to be played in order, with their truth."""
    first = Bed("whisper", "w1", 56.0, -32.0).put(0.0, "loud jingle first", jingle(2.0), instead=True)
    first.put(13.0, "airhorn in a whisper", airhorn(), instead=True).put(20.0, "slam", loud_noise(0.2, "w1"))
    first.put(26.0, "one full-scale sample", np.ones((1, 2), np.float32), instead=True)
    first.put(30.0, "0.2 s at +85 dBFS", scaled(tone(0.2, 997.0, 1.0), 85.0), instead=True)
    second = Bed("tapping", "w2", 40.0, -32.0).put(15.0, "scream", scream())
    second.gain(22.2, 2.0, 20.0)  # between two taps: a step inside a tap is a click of the recording itself
    second.put(27.9, "loud until it ends", loud_noise(12.1, "w2"), instead=True).clip()
    third = Bed("rain", "w3", 44.0, -8.0).marked(0.0, "mastered 25 LU hotter")
    third.put(18.0, "digital silence of 6 s", silence(6.0), instead=True).put(24.0, "bell after silence", bell()).clip()
    found = []
    for name, bed, write in (("1.wav", first, float_wav), ("2.flac", second, encode), ("3.mp3", third, lossy)):
        found.append((write(folder / name, bed.sound), bed.hazards))
    return found


EMPTY: Final = "26-empty.mp3"
TEXT: Final = "26-text.mp3"


def night(folder: Path) -> Night:
    """The night in this folder, built by the first who asks; others, in other processes, wait for it."""
    folder.mkdir(parents=True, exist_ok=True)
    truth = folder / "truth.json"
    with (folder / "lock").open("w") as lock:
        flock(lock, LOCK_EX)
        if not truth.exists():
            built = _build(folder)
            truth.write_text(json.dumps([[dataclasses.asdict(one) for one in part] for part in built]))
    tracks, hazards = json.loads(truth.read_text())
    return Night(folder, tuple(NightTrack(**one) for one in tracks), tuple(Hazard(**one) for one in hazards))


def _build(folder: Path) -> tuple[list[NightTrack], list[Hazard]]:
    tracks, hazards = [], [Hazard(EMPTY, 0.0, "no byte in it"), Hazard(TEXT, 0.0, "a text")]
    for name, make, write in RECIPES:
        bed = make()
        write(folder / name, bed.sound)
        tracks.append(NightTrack(name, bed.lufs, is_calm=False))
        hazards += [Hazard(name, at_s, kind) for at_s, kind in bed.hazards]
    for name, (kind, write) in CALM_TRACKS.items():
        sound = Bed(kind, name).sound
        write(folder / name, sound)
        tracks.append(NightTrack(name, QUIET_LUFS, is_calm=True))
    (folder / EMPTY).write_bytes(b"")
    (folder / TEXT).write_text("This is no music.\n" * 500)
    tracks += [NightTrack(name, None, is_calm=False) for name in (EMPTY, TEXT)]
    return sorted(tracks, key=lambda track: track.file), sorted(hazards, key=lambda hazard: (hazard.file, hazard.at_s))
