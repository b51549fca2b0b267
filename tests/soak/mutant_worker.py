"""Plays a few mutants one after the other, through the real session, libVLC and chain, and judges what is heard.

``python -m tests.soak.mutant_worker FOLDER FIRST COUNT``: a process of its own, since a decoder may crash or hang. It
says a line of JSON when a mutant is opened and when it is let go of, and in the end what the contract's meter found.
Every other mutant counts as measured before it was damaged, as a file is whose disk rots: it gets the gain of the
original, and so does not come 15 dB too quiet.
"""

from __future__ import annotations

import json
import random
import shutil
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import numpy as np

from player.app.offline import Rehearsal, VirtualClock
from player.audio.decoder.ring_source import RingSource
from player.audio.decoder.vlc_decoder import DecoderSettings, VlcDecoder
from player.audio.dsp.declick import LONGEST_FRAMES, SELDOM_HOPS
from player.audio.dsp.hearing import HOP_S
from player.audio.engine import Engine
from player.audio.engine_settings import EngineSettings
from player.core.clock import Now
from player.core.commands import Next, Play, Request
from player.core.events import Event, LibraryRead, News, Track
from player.core.limits import CEILING_DBTP
from player.core.measurement import Measured
from player.core.settings.safety import TARGET_LUFS
from player.core.settings.session import TIMER_OFF, Order, Playlist, Settings, VolumeSettings
from player.core.units import db_to_gain
from player.library.scan_worker import measure_file
from player.session.controller import Controller
from player.storage.measurements_db import as_json, from_json
from tests.contract_check import Click, figures
from tests.engine_rig import POWER_METER
from tests.live.process import most_held_mb
from tests.nights.played_night import FADES, KeepingSink
from tests.signals import Sound, frames_of
from tests.soak.mutation import Mutant, mutant, read_originals

MEASURED: Final = "measured.json"
LONGEST_TRACK_S: Final = 60.0
"""A header that says 8 Hz makes hours of a minute; nobody has to hear them out."""
GONE_S: Final = 20.0


def say(**fields: Any) -> None:
    """Tell whoever started this."""
    print(json.dumps(fields), flush=True)


class TellingDecoder:
    """Says what is opened."""

    def __init__(self) -> None:
        self._decoder = VlcDecoder(DecoderSettings(file_stall_s=5.0))

    def open(self, uri: str, start_s: float = 0.0) -> RingSource:
        say(opened=Path(uri).name)
        return self._decoder.open(uri, start_s)


class Shelf:
    """A library of mutants, with what was measured of their originals."""

    def __init__(self, folder: Path, mutants: list[Mutant], measured: dict[str, Measured]) -> None:
        self._tracks = tuple(
            Track(
                str(folder / one.name),
                one.name,
                measured=replace(measured[one.origin], surprises=()) if one.seed % 2 else None,
            )
            for one in mutants
        )

    def read(self, playlist: Playlist) -> LibraryRead:
        """All of them, in order."""
        return LibraryRead(playlist.name, self._tracks)


def measure_originals(folder: Path) -> None:
    """Write down what a scan finds in the originals."""
    decoder = VlcDecoder(DecoderSettings(is_piped=True))
    found = {}
    for name in read_originals(folder):
        finding = measure_file(decoder, str(folder / name), lambda _at_s: None)
        assert finding.measured is not None, finding
        found[name] = as_json(finding.measured)
    (folder / MEASURED).write_text(json.dumps(found), encoding="utf-8")


class Playing:
    """A session over mutants on a virtual clock."""

    def __init__(self, shelf: Shelf) -> None:
        self.clock = VirtualClock(datetime(2026, 1, 1, 22, 30, tzinfo=UTC))
        self.sink = KeepingSink(self.clock)
        self.news: list[tuple[float, News]] = []
        playlist = Playlist("mutants", ("/",), Order.ONCE)
        settings = Settings(volume=VolumeSettings(default=100, max=100), fades=FADES, playlists=(playlist,))
        self.rehearsal = Rehearsal(settings, Controller(settings, random.Random(1)), shelf, self.clock, self._hear)
        how = EngineSettings(FADES.crossfade_s, CEILING_DBTP, TARGET_LUFS, POWER_METER, hold_s=0.0, is_offline=True)
        self.engine = Engine(self.sink, TellingDecoder(), self.clock, self.rehearsal.report, how)
        self.rehearsal.attach(self.engine)
        self._began_s = 0.0
        self.clicks_out_s: list[float] = []

    def _hear(self, now: Now, event: Event) -> None:
        if isinstance(event, News):
            self.news.append((now.boot_s, event))
            if event.type == "track_started":
                self._began_s = now.boot_s

    def run(self, longest_s: float) -> None:
        """Play them all; a track that lasts too long is left, and a session without sound is over."""
        self.rehearsal.tell(Request(Play("mutants", 100, TIMER_OFF), "test"))
        while not self.rehearsal.is_idle and self.clock.now().boot_s < longest_s:
            if self.clock.now().boot_s - self._began_s > LONGEST_TRACK_S:
                self._began_s = self.clock.now().boot_s
                self.rehearsal.tell(Request(Next(), "test"))
            before = self.engine._chain.declick.clicks
            self.rehearsal.step()
            if self.engine._chain.declick.clicks > before:
                self.clicks_out_s.append(self.clock.now().boot_s)
        self.engine.finish()

    def told(self, kind: str) -> list[str]:
        """Texts of the news of a type."""
        return [news.text for _, news in self.news if news.type == kind]

    def where(self, at_s: float) -> str:
        """Which mutant was the current one then."""
        names = [Path(news.data["uri"]).name for s, news in self.news if news.type == "track_started" and s <= at_s]
        return names[-1] if names else "none"


def crackling(clicks: tuple[Click, ...], out_s: list[float]) -> list[Click]:
    """Those that are part of the sound, and stay: one was like it for 15 s before, see player/audio/dsp/declick.py.

    ``out_s`` is when the first ones were taken out, known to a second.
    """
    found: list[Click] = []
    for click in sorted(clicks, key=lambda click: click.at_s):
        former_s = [*out_s, *(one.at_s for one in found)]
        if any(-1.0 <= click.at_s - one_s <= SELDOM_HOPS * HOP_S for one_s in former_s):
            found.append(click)
    return found


def is_rasp(sound: Sound, click: Click) -> bool:
    """Whether what begins with a click lasts longer than one may: noise or a block, which is for the guard to judge."""
    at = frames_of(click.at_s)
    near = sound[max(0, at - frames_of(0.02)) : at + frames_of(0.02)].astype(np.float64)
    sharpness = np.abs(np.diff(near, 2, axis=0)).max(axis=1)
    sharp = np.flatnonzero(sharpness > 0.1 * sharpness.max())
    return bool(sharp[-1] - sharp[0] > LONGEST_FRAMES)


def judged(playing: Playing) -> dict[str, Any]:
    """What the contract's meter says of the recording, and what went wrong."""
    sound = np.concatenate(playing.sink.blocks)
    found = figures(sound, TARGET_LUFS)
    crackle = crackling(found.clicks, playing.clicks_out_s)
    rasps = [click for click in found.clicks if click not in crackle and is_rasp(sound, click)]
    bad = {
        kind: [f"{playing.where(one.at_s)} at {one.at_s:.2f} s: {one}" for one in ones]
        for kind, ones in (
            ("startles", found.startles),
            ("bursts", found.bursts),
            ("onsets", found.new_onsets),
            ("clicks", [click for click in found.clicks if click not in (*crackle, *rasps)]),
        )
    }
    limits = (
        ("max M", found.max_momentary_lufs, TARGET_LUFS + 8.0),
        ("max S", found.max_short_lufs, TARGET_LUFS + 5.0),
        ("true peak", found.true_peak_dbtp, CEILING_DBTP + 0.2),
        ("sample peak", found.peak, db_to_gain(CEILING_DBTP)),
    )
    bad["levels"] = [f"{what} {value:.2f} over {limit:.2f}" for what, value, limit in limits if value > limit]
    bad["not finite"] = [] if found.is_finite else ["NaN or Inf reached the device"]
    return {
        "seconds": len(sound) / 48_000,
        "bad": {kind: ones for kind, ones in bad.items() if ones},
        "started": len(playing.told("track_started")),
        "skipped": len(playing.told("track_skipped_over")),
        "damaged": len(playing.told("track_damaged")),
        "crackling": len({playing.where(click.at_s) for click in crackle}),
        "rasping": len({playing.where(click.at_s) for click in rasps}),
        "muted": sum("would have been broken" in text for text in playing.told("problem")),
    }


@contextmanager
def laid_out(folder: Path, first: int, count: int) -> Iterator[list[Mutant]]:
    """The files, for a while; what is in them is not kept in memory, which is measured."""
    originals = read_originals(folder.parent)
    folder.mkdir()
    mutants = []
    for seed in range(first, first + count):
        one = mutant(seed, originals)
        (folder / one.name).write_bytes(one.data)
        mutants.append(replace(one, data=b""))
    del originals
    yield mutants
    shutil.rmtree(folder)


def left_behind() -> int:
    """Decoder threads that did not end."""
    keepers = [thread for thread in threading.enumerate() if thread.name == "lull-decoder"]
    for thread in keepers:
        thread.join(GONE_S / max(1, len(keepers)))
    return sum(thread.is_alive() for thread in keepers)


def main(folder: Path, first: int, count: int) -> None:
    """Play so many from this seed on."""
    measured = {name: from_json(fields) for name, fields in json.loads((folder / MEASURED).read_text()).items()}
    here = folder / f"batch-{first}-{count}"
    with laid_out(here, first, count) as mutants:
        before_mb = most_held_mb()
        playing = Playing(Shelf(here, mutants, measured))
        playing.run(longest_s=(LONGEST_TRACK_S + 20.0) * count + 60.0)
        peak_mb = most_held_mb()
        kept_mb = sum(block.nbytes for block in playing.sink.blocks) / 2**20
        hung = left_behind()
        say(
            result=judged(playing)
            | {"memory_mb": round(peak_mb - kept_mb), "before_mb": round(before_mb), "hung": hung}
        )


if __name__ == "__main__":
    if sys.argv[2] == "measure":
        measure_originals(Path(sys.argv[1]))
    else:
        main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
