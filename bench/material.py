"""What the players play: noise, and recordings that are denser than that."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from bench import contestants
from player.library.files import has_audio_suffix
from player.library.starter.writer import make_starter_library

MOST_FILES: Final = 12
EACH_S: Final = 20.0
MP3: Final = ("-b:a", "192k")


def tracks(folder: Path, sources: Sequence[Path], duration_s: float) -> dict[str, Path]:
    """Each track by its name in the tables: noise, then the sources, or the starter tracks where there are none."""
    found = {"noise": contestants.make_noise(folder / "noise.mp3", duration_s)}
    for source in sources:
        if source.is_dir():
            joined = folder / f"recordings-{len(found)}.mp3"
            _mix(recordings(source)[:MOST_FILES], f"concat=n={{}}:v=0:a=1,{_LOOP}", joined, duration_s)
            found[f"recordings of {source.name}" if len(sources) > 1 else "recordings"] = joined
        else:
            found[source.stem] = source.resolve()
    if not sources:
        print("no recordings were given: the starter tracks, one over the other, are the dense material", flush=True)
        starters = make_starter_library(folder / "starter", lambda _title, _done: None)
        track = folder / "starter-tracks.mp3"
        _mix(starters, f"amix=inputs={{}}:normalize=0,{_LOOP}", track, duration_s)
        found["starter tracks"] = track
    return found


def recordings(folder: Path) -> list[Path]:
    """The audio files in it, sorted."""
    return sorted(path for path in folder.iterdir() if path.is_file() and has_audio_suffix(path.name))


_LOOP: Final = "aloop=loop=-1:size=200000000"
"""Again and again, however long it is."""


def _mix(files: Sequence[Path], graph: str, path: Path, duration_s: float) -> None:
    """At most 20 s of each file through a graph with that many inputs, as an MP3 of 44.1 kHz, with such a length."""
    inputs = [part for file in files for part in ("-i", str(file))]
    same = ";".join(
        f"[{number}:a:0]atrim=duration={EACH_S},aformat=sample_rates=44100:channel_layouts=stereo[{number}x]"
        for number in range(len(files))
    )
    every = "".join(f"[{number}x]" for number in range(len(files)))
    options = ["-filter_complex", f"{same};{every}{graph.format(len(files))}", "-t", f"{duration_s:g}", *MP3]
    subprocess.run(["ffmpeg", "-v", "error", "-y", *inputs, *options, str(path)], check=True, stdin=subprocess.DEVNULL)
