"""Files through the real session, libVLC, deck, chain and limiter on a virtual clock; and through ffmpeg's filters.

The machinery is that of `lull rehearse`. What was decoded is kept beside what left, each block at its place, so that
the two can be laid beside each other to the sample.
"""

from __future__ import annotations

import random
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import numpy as np

from player.analysis.contract.examiner import Examiner, Instruments, Limits
from player.analysis.ebur128 import HopMeter, true_peak_dbtp
from player.app.offline import Rehearsal, VirtualClock
from player.audio.decoder.vlc_decoder import VlcDecoder
from player.audio.dsp.gain import applied
from player.audio.dsp.highpass import HighPass
from player.audio.dsp.tap import SOURCE_LATE_FRAMES, Rendered
from player.audio.dsp.types import Block, Gains
from player.audio.engine import Engine
from player.audio.engine_settings import EngineSettings
from player.cli.measure_first import MeasuredLibrary
from player.core.clock import Now
from player.core.commands import Play, Request
from player.core.events import ClauseBroken, EngineFaulted, EngineReport, Event, News
from player.core.settings.safety import FadeSettings
from player.core.settings.session import TIMER_OFF, Order, Playlist, Settings, VolumeSettings
from player.core.units import CHANNELS, RATE_HZ, db_to_gain, gain_to_db
from player.library.files import FileLibrary
from player.library.ports import Library
from player.session.controller import Controller
from player.storage.measurements_db import MeasurementsDb

FADE_IN_S: Final = 10.0
TAIL_S: Final = 3.6
"""The end of a track that nothing follows fades."""
PEERS: Final = {
    "acompressor,alimiter": "acompressor,alimiter",
    "loudnorm": "loudnorm",
    "speechnorm": "speechnorm",
    "dynaudnorm": "dynaudnorm",
}
"""The filters that mpv applies with ``--af=lavfi=[...]``; its own PCM output goes through the same library."""


@dataclass(slots=True)
class SourceHeard:
    """A track as it was decoded.

    Attributes:
        first_frame: where its first frame leaves the chain.
        blocks: place in the output, and samples.
        gain_db: its programme gain.
        fades: by what each block was multiplied besides, one number or one a frame.
    """

    path: str
    first_frame: int
    blocks: list[tuple[int, Block]] = field(default_factory=list)
    gain_db: float = 0.0
    fades: list[float | Gains] = field(default_factory=list)


@dataclass(slots=True)
class Played:
    """A session.

    Attributes:
        out: what left.
        tracks: in the order in which they began.
        mutes_s: when the output meter or a fault muted.
        broken: clauses that `lull rehearse` would say are broken; only where it was asked.
        short_s: longest time for which what played was 3 dB short of its level; only where it was asked.
        surprises_s: when a surprise was told.
    """

    out: Block
    tracks: list[SourceHeard]
    mutes_s: list[float] = field(default_factory=list)
    broken: tuple[str, ...] = ()
    short_s: float = 0.0
    surprises_s: list[float] = field(default_factory=list)

    def decoded(self, tracks: Sequence[SourceHeard] | None = None) -> Block:
        """The sum of what was decoded, of all tracks or of these, at its place in the output, without fades.

        Through the filter against DC, which moves what is below 20 Hz, and with it single hops by half a decibel.
        """
        sound = np.zeros_like(self.out)
        for track in self.tracks if tracks is None else tracks:
            gain = np.float32(db_to_gain(track.gain_db))
            for at, block in track.blocks:
                part = block[: len(sound) - at]
                sound[at : at + len(part)] += part * gain
        return HighPass().process(sound)

    def beside(self, path: str) -> Block:
        """The sum of all other tracks under their gains and fades, at its place in the output."""
        sound = np.zeros_like(self.out)
        for track in self.tracks:
            if track.path == path:
                continue
            gain = np.float32(db_to_gain(track.gain_db))
            for (at, block), fade in zip(track.blocks, track.fades, strict=True):
                part = applied(block, fade) if isinstance(fade, np.ndarray) else block * np.float32(fade)
                part = part[: len(sound) - at]
                sound[at : at + len(part)] += part * gain
        return sound


class _KeepingSink:
    """Keeps what is written; its write moves the clock."""

    buffer_s = delay_s = 0.0

    def __init__(self, clock: VirtualClock, examiner: Examiner | None) -> None:
        self.blocks: list[Block] = []
        self.frames = 0
        self.tracks: dict[int, SourceHeard] = {}
        self.examiner = examiner
        self._rendered: Rendered | None = None
        self._clock = clock

    def tap(self, rendered: Rendered) -> None:
        """What was decoded for the block that is written next."""
        at, self._rendered = self.frames + SOURCE_LATE_FRAMES, rendered
        for deck in rendered.decks:
            track = self.tracks.setdefault(deck.item.id, SourceHeard(deck.item.uri, at, gain_db=deck.item.gain_db))
            track.blocks.append((at, deck.decoded.copy()))
            track.fades.append(deck.gains)
            if deck.level_db == 0.0 and isinstance(deck.gains, float):  # of what nobody has measured it is found live
                track.gain_db = deck.item.gain_db + gain_to_db(deck.gains)

    def open(self, buffer_times: int = 1) -> None:
        """Always there."""

    def write(self, block: Block) -> None:
        """Keep it."""
        rendered, self._rendered = self._rendered, None
        if self.examiner is not None:
            self.examiner.push(block, rendered)
        self.blocks.append(block.copy())
        self.frames += len(block)
        self._clock.sleep(len(block) / RATE_HZ)

    def drain(self) -> None:
        """Nothing waits."""

    def close(self) -> None:
        """Nothing is held."""


def play(
    paths: Sequence[str],
    state: Path | None,
    *,
    is_examined: bool = False,
    order: Order = Order.ONCE,
    longest_s: float = 1800.0,
) -> Played:
    """The files, once each where nothing else is said, at volume 100.

    ``state`` holds their measurements; None: nobody has measured them, nor does anybody while they play.
    """
    clock = VirtualClock(datetime(2026, 1, 1, 22, 30, tzinfo=UTC))
    fades = FadeSettings(fade_in_s=FADE_IN_S)
    playlist = Playlist("real", tuple(paths), order)
    settings = Settings(volume=VolumeSettings(default=100, max=100), fades=fades, playlists=(playlist,))
    limits = settings.limits
    bounds = Limits(limits.target_lufs, limits.ceiling_dbtp, 0.0)
    sink = _KeepingSink(clock, Examiner(bounds, Instruments(HopMeter, true_peak_dbtp)) if is_examined else None)
    played = Played(np.zeros((0, CHANNELS), np.float32), [])

    def hear(now: Now, event: Event) -> None:
        if isinstance(event, News) and event.type == "surprise_tamed":
            played.surprises_s.append(now.boot_s)

    library: Library = FileLibrary(MeasurementsDb(None)) if state is None else MeasuredLibrary(state)
    rehearsal = Rehearsal(settings, Controller(settings, random.Random(1)), library, clock, hear)

    def report(told: EngineReport) -> None:
        if isinstance(told, ClauseBroken | EngineFaulted):
            played.mutes_s.append(clock.now().boot_s)
            if sink.examiner is not None:
                sink.examiner.mute(clock.now().boot_s)
        rehearsal.report(told)

    engine_settings = EngineSettings(
        fades.crossfade_s, limits.ceiling_dbtp, limits.target_lufs, HopMeter, 0.0, is_offline=True, tap=sink.tap
    )
    engine = Engine(sink, VlcDecoder(), clock, report, engine_settings)
    rehearsal.attach(engine)
    rehearsal.tell(Request(Play("real", 100, TIMER_OFF), "bench"))
    try:
        while not rehearsal.is_idle and clock.now().boot_s < longest_s:
            rehearsal.step()
    finally:
        engine.finish()
    if sink.examiner is not None:
        found = sink.examiner.finish()
        played.broken = found.broken
        played.short_s = next(figure.value or 0.0 for figure in found.figures if figure.clause == "C11")
    played.out = np.concatenate(sink.blocks)
    played.tracks = list(sink.tracks.values())
    return played


def filtered(sound: Block, filters: str) -> Block:
    """The sound through ffmpeg's filters, as mpv would play it: clipped at full scale, and as late as it was."""
    command = ["ffmpeg", "-v", "error", "-f", "f32le", "-ac", "2", "-ar", str(RATE_HZ), "-i", "-", "-af", filters]
    command += ["-ac", "2", "-ar", str(RATE_HZ), "-f", "f32le", "-"]
    done = subprocess.run(command, check=True, capture_output=True, input=np.ascontiguousarray(sound).tobytes())
    out = np.clip(np.nan_to_num(np.frombuffer(done.stdout, np.float32)).reshape(-1, 2), -1.0, 1.0)
    return beside(sound, out)


def beside(sound: Block, out: Block, most_s: float = 0.2) -> Block:
    """``out`` moved by up to so much until it lies beside ``sound``, and as long as that."""
    size, most = min(len(sound), len(out), 60 * RATE_HZ), int(most_s * RATE_HZ)
    fit = 1 << (2 * size - 1).bit_length()
    spectra = [np.fft.rfft(one[:size].sum(axis=1), fit) for one in (sound, out)]
    alike = np.fft.irfft(spectra[0].conj() * spectra[1], fit)
    lags = np.concatenate((np.arange(most), np.arange(-most, 0)))
    lag = int(lags[np.argmax(alike[lags])])
    moved = out[lag:] if lag >= 0 else np.concatenate((np.zeros((-lag, CHANNELS), np.float32), out))
    moved = moved[: len(sound)]
    return np.concatenate((moved, np.zeros((len(sound) - len(moved), CHANNELS), np.float32)))
