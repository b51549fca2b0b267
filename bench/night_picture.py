"""The picture of a night in the README: the first hour of its config, rehearsed, with three noises in the recordings.

`python -m bench.night_picture [docs/night.png]` from the repository. The whispers are the starter tracks, a quarter of
an hour each; a bell, a slam and a loud advertisement are mixed into them. It takes two minutes of processor time and
2 GB of disk for a moment.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Final

import numpy as np

from player.cli import main as command_line
from player.library.starter.writer import make_starter_library
from tests.hazard_material import advert, bell, loud_noise
from tests.signals import RATE_HZ, Sound

TRACK_S: Final = 900.0
HEADER_BYTES: Final = 44
CONFIG: Final = """\
device: bedroom
library: {folder}
playlists:
  whispers: {{order: in_order}}
  rain: {{paths: ["noise:rain"]}}
schedule:
  - {{name: weeknights, at: "22:30", playlist: whispers, timer: 45m, then: [{{playlist: rain, volume: 15, for: 15m}}]}}
state_dir: {folder}/state
"""


def slam() -> Sound:
    """A door: noise at full scale that dies away within half a second."""
    noise = loud_noise(0.5, "slam")
    return (noise * np.exp(-12.0 * np.arange(len(noise)) / RATE_HZ)[:, None]).astype(np.float32)


def mix_in(track: Path, at_s: float, sound: Sound) -> None:
    """Add a sound to a 16-bit stereo WAV."""
    file = np.memmap(track, "<i2", "r+", offset=HEADER_BYTES)
    part = file[2 * int(at_s * RATE_HZ) :][: sound.size]
    part[:] = np.clip(np.rint(part + sound.ravel() * 32767.0), -32768, 32767).astype("<i2")
    file.flush()


def main(picture: Path) -> int:
    """Build the recordings and call `lull rehearse`; its exit code."""
    with tempfile.TemporaryDirectory(prefix="lull-picture-") as folder:
        tracks = make_starter_library(Path(folder) / "whispers", lambda _title, _share: None, TRACK_S)
        for track, (at_s, sound) in zip(
            sorted(tracks), [(520.0, bell()), (250.0, slam()), (430.0, advert(-14.0))], strict=True
        ):
            mix_in(track, at_s, sound)
        config = Path(folder) / "lull.yaml"
        config.write_text(CONFIG.format(folder=folder), encoding="utf-8")
        words = ["--config", str(config), "--entry", "weeknights", "--picture", str(picture)]
        return command_line.main(["rehearse", *words, f"{folder}/night.wav"])


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1] if len(sys.argv) > 1 else "docs/night.png")))
