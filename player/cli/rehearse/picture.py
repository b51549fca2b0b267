"""A night as a picture: its loudness with and without the guard, and the volume. The only user of matplotlib.

Runs on the main thread, after a rehearsal. Three panels over one axis of time: loudness relative to calm sound at the
night's volume, by how much the guard lowered it, and the volume. The colours (Okabe and Ito) differ in lightness too,
so that nobody needs to tell red from green.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.patheffects import withStroke
from matplotlib.ticker import FuncFormatter, MultipleLocator

from player.analysis.contract.timeline import Columns, Values
from player.cli.rehearse import DEMO
from player.cli.rehearse.report import Examination
from player.core.errors import LullError
from player.core.measurement import MOMENTARY_ROOM_LU
from player.core.units import SILENCE_DB, VOLUME_MAX, VOLUME_SPAN_DB, format_duration

SIZE_IN: Final = (16.0, 9.0)
DPI: Final = 100
MARK: Final = "lull rehearsal"
"""A mark in each picture by which it is recognised, so that no other file is overwritten."""
BEFORE, AFTER, HELD, VOLUME = "#E69F00", "#0072B2", "#A8327D", "#007A5A"
INK, FAINT = "#333333", "#8A8A8A"
HALO: Final = (withStroke(linewidth=3.0, foreground="white"),)
LOWEST_DB: Final = -40.0
DIFFERENT_DB: Final = 0.5
"""Smaller reductions in dB are not visible, and not drawn."""
LABEL_SHARE: Final = 0.045
"""Labels of surprises that are nearer to each other would overlap: the larger one is shown."""
HOUR_S: Final = 3600.0
_TICKS_S: Final = (10, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200)


@dataclass(frozen=True, slots=True)
class Scene:
    """The data of the picture.

    Attributes:
        calm_lufs: what counts as 0 dB: the programme target at the night's volume.
        tracks: when each began, and its name.
        surprises: when each was, and by how many dB it was lowered.
        fade: begin and end of the timer's fade, None without one.
    """

    title: str
    verdict: str
    duration_s: float
    columns: Columns
    calm_lufs: float
    tracks: Sequence[tuple[float, str]] = ()
    surprises: Sequence[tuple[float, float]] = ()
    fade: tuple[float, float] | None = None


def save(scene: Scene, path: Path) -> None:
    """Write the picture in the format of its suffix, .png or .svg. Raises LullError where it cannot be written."""
    is_svg = path.suffix.lower() == ".svg"
    metadata = {"Creator": MARK, "Date": None} if is_svg else {"Software": MARK}
    with mpl.rc_context({"svg.hashsalt": MARK, "font.size": 10, "svg.fonttype": "path"}), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph")  # a letter that the font lacks is drawn as a box
        figure = draw(scene)
        try:
            figure.savefig(path, dpi=DPI, format="svg" if is_svg else "png", metadata=metadata)
        except OSError as fault:
            raise LullError(f"cannot write {path}: {fault.strerror or fault}") from None


def draw(scene: Scene) -> Figure:
    """The figure: 1600 by 900 points of a PNG."""
    figure = Figure(figsize=SIZE_IN)
    loudness, held, volume = figure.subplots(3, 1, sharex=True, height_ratios=(6.0, 1.6, 1.3))
    figure.subplots_adjust(left=0.06, right=0.915, top=0.845, bottom=0.065, hspace=0.09)
    figure.text(0.06, 0.955, scene.title, fontsize=17, color=INK, weight="bold", parse_math=False)
    figure.text(0.06, 0.918, scene.verdict, fontsize=12, color=INK, parse_math=False)
    _draw_loudness(loudness, scene)
    _draw_tracks((loudness, held, volume), scene)
    _draw_surprises(loudness, scene)
    _draw_held(held, scene)
    _draw_volume(volume, scene)
    _draw_time(volume, scene)
    _draw_legend(figure)
    return figure


def _edges(scene: Scene) -> Values:
    """Borders of the columns."""
    return np.append(scene.columns.starts_s, scene.duration_s)


def _steps(values: Values) -> Values:
    """The values with the last one twice, as drawing steps between borders needs."""
    return np.append(values, values[-1:])


def _draw_loudness(axes: Axes, scene: Scene) -> None:
    """Draw what is heard, and on top of it what the guard took away."""
    columns, edges = scene.columns, _edges(scene)
    heard_least, heard, recorded = (
        np.maximum(_steps(values) - scene.calm_lufs, LOWEST_DB)
        for values in (columns.after_least, columns.after_most, columns.before_most)
    )
    recorded = np.where(recorded - heard > DIFFERENT_DB, recorded, heard)
    axes.fill_between(edges, heard, recorded, where=recorded > heard, step="post", color=BEFORE, linewidth=1.2)
    axes.fill_between(edges, LOWEST_DB, heard, step="post", color=AFTER, alpha=0.45, linewidth=0.0)
    axes.fill_between(edges, LOWEST_DB, heard_least, step="post", color=AFTER, linewidth=0.0)
    axes.set_ylim(LOWEST_DB, max(20.0, 5.0 * np.ceil((float(recorded.max()) + 9.0) / 5.0)))
    for level_db, text in ((0.0, "calm"), (MOMENTARY_ROOM_LU, "never louder\nthan this")):
        axes.axhline(level_db, color=INK, linewidth=0.9, linestyle=(0, (6, 4)), zorder=3)
        axes.annotate(
            text, (1.0, level_db), (5, 0), xycoords=("axes fraction", "data"), textcoords="offset points",
            ha="left", va="center", fontsize=9, color=INK, annotation_clip=False,
        )  # fmt: skip
    axes.set_ylabel("loudness against calm (dB)")
    axes.yaxis.set_major_locator(MultipleLocator(10))


def _draw_tracks(panels: Sequence[Axes], scene: Scene) -> None:
    """Draw a line where a track begins, and its name where there is room."""
    begins = [at_s for at_s, _ in scene.tracks]
    ends = [*begins[1:], scene.duration_s]
    for axes in panels:
        for at_s in begins[1:]:
            axes.axvline(at_s, color=FAINT, linewidth=0.7, zorder=1)
        for side in ("top", "right"):
            axes.spines[side].set_visible(False)
        axes.tick_params(colors=INK)
    for number, ((at_s, name), end_s) in enumerate(zip(scene.tracks, ends, strict=True), start=1):
        share = (end_s - at_s) / max(scene.duration_s, 1e-9)
        letters = int(share * 175.0)
        text = _shortened(name, letters) if letters >= 6 else str(number) if letters >= 2 else ""
        panels[0].annotate(
            text, (at_s, 1.0), (3, -4), xycoords=("data", "axes fraction"), textcoords="offset points",
            va="top", fontsize=9, color=INK, parse_math=False, zorder=6, annotation_clip=False, path_effects=HALO,
        )  # fmt: skip


def _shortened(name: str, letters: int) -> str:
    return name if len(name) <= letters else name[: letters - 1].rstrip() + "…"


def _draw_surprises(axes: Axes, scene: Scene) -> None:
    """Draw each surprise from its unguarded loudness down to the result, with the difference beside the largest."""
    columns = scene.columns
    marks = []
    for at_s, reduction_db in scene.surprises:
        near = slice(max(0, int(np.searchsorted(columns.starts_s, at_s)) - 2), None)
        until = int(np.searchsorted(columns.starts_s, at_s + 1.0)) + 1
        top = float(columns.before_most[near][: max(1, until - (near.start or 0))].max(initial=-200.0))
        marks.append((at_s, max(top - scene.calm_lufs, LOWEST_DB + 3.0), reduction_db))
    axes.scatter(
        [at_s for at_s, _, _ in marks], [top + 1.2 for _, top, _ in marks], marker="v", s=46, color=HELD,
        edgecolors="white", linewidths=0.6, zorder=5, gid="surprises",
    )  # fmt: skip
    labelled: list[float] = []
    for at_s, top, reduction_db in sorted(marks, key=lambda mark: -mark[2]):
        is_free = all(abs(at_s - other) > LABEL_SHARE * scene.duration_s for other in labelled)
        if is_free and not any(_is_in_the_way(mark, (at_s, top), scene.duration_s) for mark in marks):
            labelled.append(at_s)
            axes.annotate(
                f"−{reduction_db:.0f} dB", (at_s, top + 1.2), (0, 6), textcoords="offset points",
                ha="center", va="bottom", fontsize=9, weight="bold", color=HELD, zorder=6, path_effects=HALO,
            )  # fmt: skip


def _is_in_the_way(mark: tuple[float, float, float], label: tuple[float, float], duration_s: float) -> bool:
    """Whether a mark is where a label would be written."""
    apart_s = abs(mark[0] - label[0])
    return 0.0 < apart_s < LABEL_SHARE / 2.0 * duration_s and label[1] - 1.0 < mark[1] < label[1] + 6.0


def _draw_held(axes: Axes, scene: Scene) -> None:
    lowered = _steps(scene.columns.lowered_db)
    axes.fill_between(_edges(scene), 0.0, -lowered, step="post", color=HELD, linewidth=0.5)
    axes.set_ylim(-max(12.0, 5.0 * np.ceil(float(lowered.max(initial=0.0)) / 5.0)), 0.0)
    axes.set_ylabel("guard (dB)")


def _draw_volume(axes: Axes, scene: Scene) -> None:
    points = np.maximum(0.0, VOLUME_MAX + _steps(scene.columns.volume_db) * ((VOLUME_MAX - 1) / VOLUME_SPAN_DB))
    edges = _edges(scene)
    axes.fill_between(edges, 0.0, points, step="post", color=VOLUME, alpha=0.25, linewidth=0.0)
    axes.plot(edges, points, drawstyle="steps-post", color=VOLUME, linewidth=1.5)
    axes.set_ylim(0.0, 105.0)
    axes.set_ylabel("volume")
    if scene.fade is not None:
        begin_s, end_s = scene.fade
        axes.axvspan(begin_s, end_s, facecolor=FAINT, alpha=0.18, linewidth=0.0, zorder=0)
        axes.annotate(
            "the timer's fade", (end_s, 94.0), (-4, 0), textcoords="offset points", ha="right", va="top", fontsize=9,
            color=INK, path_effects=HALO,
        )  # fmt: skip


def _draw_time(axes: Axes, scene: Scene) -> None:
    is_long = scene.duration_s >= HOUR_S
    every_s = next((step_s for step_s in _TICKS_S if scene.duration_s / step_s <= 16), _TICKS_S[-1])
    axes.set_xlim(0.0, max(scene.duration_s, 1e-3))
    axes.xaxis.set_major_locator(MultipleLocator(every_s))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda at_s, _: _clock(at_s / 60.0 if is_long else at_s)))
    axes.set_xlabel(f"time since the start ({'hours:minutes' if is_long else 'minutes:seconds'})")


def _clock(at: float) -> str:
    """Seconds as ``9:05``, or minutes as hours and minutes."""
    large, small = divmod(round(at), 60)
    return f"{large}:{small:02d}"


def _draw_legend(figure: Figure) -> None:
    handles = [
        Patch(color=AFTER, label="what you hear, at its quietest"),
        Patch(color=AFTER, alpha=0.45, label="and at its loudest"),
        Patch(color=BEFORE, label="in the recording, taken away before it is heard"),
        Line2D([], [], color=HELD, marker="v", linestyle="", label="a surprise, and how far it was lowered"),
    ]
    figure.legend(
        handles=handles,
        loc="upper left",
        bbox_to_anchor=(0.053, 0.908),
        ncols=4,
        columnspacing=1.6,
        borderaxespad=0.3,
        frameon=False,
        fontsize=10,
    )


ENDINGS: Final = ("session_ended", "timer_expired")


def scene_of(events: list[dict[str, Any]], examination: Examination, duration_s: float) -> Scene:
    """The scene of a night that is over."""
    columns = examination.examiner.series.columns()
    volume_db = float(columns.volume_db.max(initial=SILENCE_DB))
    tracks = examination.findings.tracks
    playlist = next((event.get("playlist") for event in events if event["type"] == "session_started"), None)
    name = "A rehearsed night" if playlist in {None, DEMO} else f"A night of {playlist}"
    number = f"{len(tracks)} track{'s' if len(tracks) != 1 else ''}"
    return Scene(
        title=f"{name}: {format_duration(duration_s)}, {number}",
        verdict=examination.verdict(),
        duration_s=duration_s,
        columns=columns,
        calm_lufs=examination.target_lufs + (volume_db if volume_db > SILENCE_DB else 0.0),
        tracks=[(track.began_s, track.title) for track in tracks],
        surprises=examination.marks(),
        fade=_fade(events, duration_s),
    )


def _fade(events: list[dict[str, Any]], duration_s: float) -> tuple[float, float] | None:
    """The last fade-out of the timer, and when it was over."""
    begins = [event["at_s"] for event in events if event["type"] == "fading_out"]
    if not begins:
        return None
    ends = [event["at_s"] for event in events if event["type"] in ENDINGS and event["at_s"] > begins[-1]]
    return begins[-1], min([*ends, duration_s])
