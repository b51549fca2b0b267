"""The night of hazards through lull, other players and their filters: what startles, and what calm sound pays.

`python bench/startle.py [--only lull,mpv] [--night FOLDER]` from the repository; see bench/README.md for the columns.
Everything is rendered into files, faster than real time, and judged from those by tests/contract_check.py.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # so that it runs as a file, without -m

from player.analysis.ebur128 import ProgrammeMeter
from player.audio.dsp.crossfade import overlap_s
from tests.calm_material import loudness
from tests.contract_check import Figures, figures, powers_of, sliding, spread_db
from tests.hazard_material import Night, night
from tests.nights.played_night import FADES, play
from tests.recording import Levels
from tests.signals import RATE_HZ, Sound

MOVED_DB: Final = 0.5
_LAG_HOPS: Final = 1000
_NOBODY: Final = 65_534
_MPV: Final = [
    "mpv", "--no-config", "--no-video", "--no-terminal", "--ao=pcm", "--audio-format=float", "--audio-samplerate=48000",
    "--audio-channels=stereo", "--ao-pcm-waveheader=no",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Rendered:
    """What a player made of the night, and of each calm track, that one beside its original."""

    whole: Sound
    calm: dict[str, tuple[Sound, Sound]]


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table; of the calm tracks the worst counts."""

    name: str
    figures: Figures
    over_calm_db: float
    range_change_lu: float
    spread_change_db: float
    moved_share: float


Contestant = Callable[[Night, Path], Rendered]


def lull(hazards: Night, _folder: Path) -> Rendered:
    """The real session, decoder and chain; the originals are the same without guard, limiter and meter."""
    heard, raw = play(hazards), play(hazards, is_open=True)
    alone_s = overlap_s(FADES.crossfade_s)
    names = {track.file for track in hazards.tracks if track.is_calm}
    parts = {
        track.file: (raw.part(track.at_s + alone_s, track.until_s), heard.part(track.at_s + alone_s, track.until_s))
        for track in heard.tracks()
        if track.file in names
    }
    return Rendered(heard.sound, parts)


def mpv(filters: str = "") -> Contestant:
    """``mpv`` with its PCM output, one file after the other."""

    def render(path: Path, out: Path) -> None:
        extra = [f"--af=lavfi=[{filters}]"] if filters else []
        _run([*_MPV, *extra, f"--ao-pcm-file={out}", "--", str(path)], out)

    return lambda hazards, folder: _one_by_one(hazards, folder, render)


def vlc(filters: str) -> Contestant:
    """``vlc`` with its stream output behind its audio filters."""
    user = ["setpriv", f"--reuid={_NOBODY}", f"--regid={_NOBODY}", "--clear-groups", "--"] if os.geteuid() == 0 else []

    def render(path: Path, out: Path) -> None:
        sout = f"#transcode{{acodec=f32l,channels=2,samplerate=48000,afilter={filters}}}"
        sout += f":std{{access=file,mux=wav,dst={out}}}"
        _run([*user, "cvlc", "--ignore-config", "--quiet", f"--sout={sout}", str(path), "vlc://quit"], out)

    return lambda hazards, folder: _one_by_one(hazards, folder, render)


def _run(command: Sequence[str], out: Path) -> None:
    """Render one file; what cannot be played leaves nothing behind."""
    out.unlink(missing_ok=True)
    subprocess.run(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=600,
        env={"PATH": os.environ["PATH"], "LANG": "C.UTF-8", "HOME": str(out.parent)}, check=False,
    )  # fmt: skip


def _one_by_one(hazards: Night, folder: Path, render: Callable[[Path, Path], None]) -> Rendered:
    """Each file by itself, the results joined as a gapless player joins them."""
    pieces, calm = [], {}
    for track, path in zip(hazards.tracks, hazards.paths(), strict=True):
        render(path, folder / "out.wav")
        piece = _samples(folder / "out.wav")
        pieces.append(piece)
        if track.is_calm:
            assert len(piece) > RATE_HZ, f"nothing came of {track.file}"
            _run([*_MPV, f"--ao-pcm-file={folder / 'raw.wav'}", "--", str(path)], folder / "raw.wav")
            calm[track.file] = (_samples(folder / "raw.wav"), piece)
    return Rendered(np.concatenate(pieces), calm)


def _samples(path: Path) -> Sound:
    """Float frames with or without a header, as a device plays them: clipped, and silent where they are no numbers."""
    data = path.read_bytes() if path.exists() else b""
    start = data.index(b"data") + 8 if data[:4] == b"RIFF" else 0
    whole = (len(data) - start) // 8 * 8
    samples = np.frombuffer(data[start : start + whole], "<f4").reshape(-1, 2)
    heard: Sound = np.clip(np.nan_to_num(samples, nan=0.0, posinf=1.0, neginf=-1.0), -1.0, 1.0).astype(np.float32)
    return heard


def judged(name: str, rendered: Rendered) -> Row:
    """The figures; each player's own calm level decides what its room hides."""
    calm_lufs = float(np.median([loudness(after) for _, after in rendered.calm.values()]))
    found = figures(rendered.whole, calm_lufs)
    return Row(
        name,
        found,
        found.max_momentary_lufs - calm_lufs,
        max(abs(_range(after) - _range(before)) for before, after in rendered.calm.values()),
        max((spread_db(after) - spread_db(before) for before, after in rendered.calm.values()), key=abs),
        max(_moved_share(before, after) for before, after in rendered.calm.values()),
    )


def _range(sound: Sound) -> float:
    meter = ProgrammeMeter()
    meter.add(sound)
    return meter.range_lu


def _moved_share(before: Sound, after: Sound) -> float:
    """Share of the time in which the 50 ms level stands more than 0.5 dB off from the usual gain of that track."""
    levels = [10 * np.log10(sliding(powers_of(sound), 0.05) + 1e-12) for sound in (before, after)]
    one, other = _aligned(*levels)
    heard = one > -70.0
    gain_db = (other - one)[heard]
    return float(np.mean(np.abs(gain_db - np.median(gain_db)) > MOVED_DB))


def _aligned(one: Levels, other: Levels) -> tuple[Levels, Levels]:
    """The two curves without the delay of the filters, up to 5 s either way."""
    size = min(len(one), len(other))
    a, b = (curve[:size] - curve[:size].mean() for curve in (one, other))
    spectrum = np.fft.rfft(a, 2 * size).conj() * np.fft.rfft(b, 2 * size)
    alike = np.fft.irfft(spectrum, 2 * size)
    lags = np.concatenate((np.arange(_LAG_HOPS), np.arange(-_LAG_HOPS, 0)))
    lag = int(lags[np.argmax(alike[lags])])
    one, other = (one, other[lag:]) if lag >= 0 else (one[-lag:], other)
    size = min(len(one), len(other))
    return one[:size], other[:size]


def table(rows: Sequence[Row]) -> str:
    """Each player a line."""
    heads = ("startles", "bursts", "onsets", "clicks", "over calm", "LRA", "spread", "moved")
    lines = [f"{'':34}" + "".join(f"{head:>11}" for head in heads)]
    for row in rows:
        found = row.figures
        counts = "".join(f"{len(ones):11}" for ones in (found.startles, found.bursts, found.new_onsets, found.clicks))
        lines.append(
            f"{row.name:34}{counts}{row.over_calm_db:+8.1f} dB{row.range_change_lu:8.1f} LU"
            f"{row.spread_change_db:+8.1f} dB{row.moved_share:11.1%}"
        )
    return "\n".join(lines)


CONTESTANTS: Final[dict[str, Contestant]] = {
    "lull": lull,
    "mpv": mpv(),
    "mpv loudnorm": mpv("loudnorm"),
    "mpv acompressor,alimiter": mpv("acompressor,alimiter"),
    "vlc compressor:normvol": vlc("compressor:normvol"),
}


def run(names: Sequence[str], hazards: Night, folder: Path) -> Iterator[Row]:
    """One after the other; each lets go of its gigabyte before the next."""
    for name in names:
        print(f"{name} ...", flush=True)
        yield judged(name, CONTESTANTS[name](hazards, folder))


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", help="names that begin with one of these, separated by commas")
    parser.add_argument("--night", type=Path, help="a folder for the night, kept for the next run")
    args = parser.parse_args()
    chosen = [name for name in CONTESTANTS if name.startswith(tuple(args.only.split(",")))]
    if not chosen:
        parser.error(f"--only names none of: {', '.join(CONTESTANTS)}")
    with tempfile.TemporaryDirectory(prefix="lull-bench-") as made:
        folder = Path(made)
        folder.chmod(0o777)  # VLC runs as nobody when we are root
        rows = list(run(chosen, night(args.night or folder / "night"), folder))
    print(f"\n{table(rows)}")


if __name__ == "__main__":
    main()
