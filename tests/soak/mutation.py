"""Audio files that are broken on purpose, seeded: bits that flipped, stretches that were lost, headers that lie.

A seed stands for one mutant: which calm original it was, and what was done to it. Pages of Ogg get a new checksum in
half of the mutants, or nothing that was done would get past the first reader. Needs ffmpeg for the originals.
"""

from __future__ import annotations

import random
import re
import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests import calm_material as calm
from tests.audio_files import encode, write_wav
from tests.calm_material import at_lufs
from tests.hazard_material import float_wav
from tests.signals import Sound

LENGTH_S: Final = 24.0
LUFS: Final = -30.0

Change = Callable[[bytearray, random.Random], None]


@dataclass(frozen=True)
class Mutant:
    """One broken file: ``origin`` names the original, ``how`` what was done to it."""

    seed: int
    origin: str
    how: str
    data: bytes

    @property
    def name(self) -> str:
        """Its file name; in the order of the seeds."""
        stem, _, suffix = self.origin.rpartition(".")
        return f"{self.seed:06d}-{stem}-{self.how}.{suffix}"


def _plain(kind: str, *options: str) -> Callable[[Path], Path]:
    def make(path: Path) -> Path:
        return encode(path, _calm(kind), *options)

    return make


def _calm(kind: str) -> Sound:
    return at_lufs(calm.KINDS[kind](LENGTH_S, kind), LUFS)


ORIGINALS: Final[dict[str, Callable[[Path], Path]]] = {
    "taps.wav": lambda path: write_wav(path, _calm("tapping")),
    "float.wav": lambda path: float_wav(path, _calm("rain")),
    "rain.mp3": _plain("rain", "-b:a", "96k"),
    "bowl.ogg": _plain("bowl"),
    "whispers.opus": _plain("whisper", "-b:a", "64k"),
    "brushing.flac": _plain("brushing"),
    "pages.m4a": _plain("pages", "-b:a", "96k"),
}
"""A calm sound in each format, and what makes it."""

_HEADS: Final = {
    "wav": (0, 64), "mp3": (0, 400), "flac": (0, 120), "ogg": (0, 300), "opus": (0, 300), "m4a": (0, 64),
}  # fmt: skip
_BOXES: Final = (b"mvhd", b"mdhd", b"stsz", b"stco", b"stsc", b"stts", b"esds", b"mp4a", b"moov", b"mdat")
_ABSURD: Final = (0, 1, 2, 7, 255, 256, 65_535, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFF, 0xFFFF_FFFE, 192_000, 48_001)
_ODD_FLOATS: Final = (float("nan"), float("inf"), float("-inf"), 1e30, -1e30, 17_000.0, 3.9, -3.9, 1e-40)


def _some(rng: random.Random, most: float) -> int:
    """A number from 1 on, small ones as likely as large ones."""
    return int(most ** rng.random())


def _flip(data: bytearray, rng: random.Random) -> None:
    for _ in range(_some(rng, 4000)):
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)


def _scribble(data: bytearray, rng: random.Random) -> None:
    for _ in range(rng.randint(1, 8)):
        at = rng.randrange(len(data))
        length = min(_some(rng, 6000), len(data) - at)
        data[at : at + length] = rng.randbytes(length)


def _blank(data: bytearray, rng: random.Random) -> None:
    for _ in range(rng.randint(1, 6)):
        at = rng.randrange(len(data))
        length = min(_some(rng, 60_000), len(data) - at)
        data[at : at + length] = bytes((rng.choice((0, 255, 127, 128)),)) * length


def _cut(data: bytearray, rng: random.Random) -> None:
    del data[rng.randrange(len(data)) :]


def _lose(data: bytearray, rng: random.Random) -> None:
    for _ in range(rng.randint(1, 5)):
        at = rng.randrange(len(data) - 1)
        del data[at : at + _some(rng, 6000)]


def _insert(data: bytearray, rng: random.Random) -> None:
    for _ in range(rng.randint(1, 5)):
        at = rng.randrange(len(data))
        data[at:at] = rng.randbytes(_some(rng, 3000))


def _repeat(data: bytearray, rng: random.Random) -> None:
    """A part of the file lies elsewhere once more, as after a crossed link on a disk."""
    length = min(_some(rng, 200_000), len(data) // 2)
    first, second = rng.randrange(len(data) - length), rng.randrange(len(data) - length)
    data[second : second + length] = data[first : first + length]


def _write_number(data: bytearray, at: int, rng: random.Random) -> None:
    form = rng.choice(("<I", ">I", "<H", ">H", "<Q", ">Q", "B"))
    size = struct.calcsize(form)
    if at + size <= len(data):
        value = rng.choice(_ABSURD) if rng.random() < 0.7 else rng.getrandbits(64)
        struct.pack_into(form, data, at, value & (256**size - 1))


def _bad_floats(data: bytearray, rng: random.Random) -> None:
    """Numbers that are none, or far too large, among the samples of a WAV of floats."""
    for _ in range(rng.randint(1, 6)):
        at = 44 + 4 * rng.randrange((len(data) - 48) // 4)
        bad = struct.pack("<f", rng.choice(_ODD_FLOATS))
        length = min(_some(rng, 40_000), (len(data) - at) // 4)
        data[at : at + 4 * length] = bad * length


_CHANGES: Final[dict[str, Change]] = {
    "flip": _flip, "scribble": _scribble, "blank": _blank, "cut": _cut, "lose": _lose, "insert": _insert,
    "repeat": _repeat,
}  # fmt: skip
HOWS: Final = (*_CHANGES, "lie", "lie", "lie")


def _lie(data: bytearray, suffix: str, rng: random.Random) -> None:
    """Numbers in the header, or in the boxes of an MP4 and the pages of an Ogg, say something else."""
    first, last = _HEADS[suffix]
    places = [rng.randrange(first, min(last, len(data) - 8)) for _ in range(rng.randint(1, 4))]
    if suffix == "m4a":
        found = [match.end() for box in _BOXES for match in re.finditer(re.escape(box), bytes(data))]
        places += [place + rng.randrange(-8, 40) for place in rng.choices(found, k=rng.randint(1, 4))]
    elif suffix in {"ogg", "opus"}:
        pages = [match.start() for match in re.finditer(b"OggS", bytes(data))]
        places += [page + rng.randrange(4, 28) for page in rng.choices(pages, k=rng.randint(1, 3))]
    for place in places:
        _write_number(data, max(0, place), rng)


def _crc_table() -> list[int]:
    table = []
    for byte in range(256):
        crc = byte << 24
        for _ in range(8):
            crc = (crc << 1) ^ (0x04C1_1DB7 if crc & 0x8000_0000 else 0)
        table.append(crc & 0xFFFF_FFFF)
    return table


_CRC: Final = _crc_table()


def with_checksums(data: bytearray) -> None:
    """Give each page of an Ogg the checksum that belongs to it."""
    starts = [match.start() for match in re.finditer(b"OggS", bytes(data))]
    for start, end in zip(starts, [*starts[1:], len(data)], strict=True):
        if end - start < 27:
            continue
        segments = data[start + 26]
        last = min(end, start + 27 + segments + sum(data[start + 27 : start + 27 + segments]))
        data[start + 22 : start + 26] = bytes(4)
        crc = 0
        for byte in data[start:last]:
            crc = ((crc << 8) & 0xFFFF_FFFF) ^ _CRC[(crc >> 24) ^ byte]
        struct.pack_into("<I", data, start + 22, crc)


def mutant(seed: int, originals: dict[str, bytes]) -> Mutant:
    """The broken file that this seed stands for."""
    rng = random.Random(seed)
    origin = sorted(originals)[seed % len(originals)]
    suffix = origin.rpartition(".")[2]
    data = bytearray(originals[origin])
    how = rng.choice((*HOWS, "floats", "floats") if origin == "float.wav" else HOWS)
    if how == "lie":
        _lie(data, suffix, rng)
    elif how == "floats":
        _bad_floats(data, rng)
    else:
        _CHANGES[how](data, rng)
    if suffix in {"ogg", "opus"} and rng.random() < 0.5:
        with_checksums(data)
    return Mutant(seed, origin, how, bytes(data))


def make_originals(folder: Path) -> dict[str, bytes]:
    """The originals in this folder, made where they are missing."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, make in ORIGINALS.items():
        if not (folder / name).exists():
            make(folder / f"part-{name}").rename(folder / name)
    return read_originals(folder)


def read_originals(folder: Path) -> dict[str, bytes]:
    """The originals that lie in this folder."""
    return {name: (folder / name).read_bytes() for name in ORIGINALS}
