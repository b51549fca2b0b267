"""A night as a picture: how loud it would have been, how loud it is, and what the guard did. The only user of matplotlib.

Runs on the main thread, after a rehearsal. Three panels over one axis of time: loudness relative to calm sound at the
night's volume, by how much the guard lowered it, and the volume. The colours (Okabe and Ito) differ in lightness too,
so that nobody needs to tell red from green.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter, MultipleLocator

from player.dsp.series import Columns, Values
from player.errors import LullError
from player.measured import MOMENTARY_ROOM_LU
from player.units import VOLUME_MAX, VOLUME_SPAN_DB

SIZE_IN: Final = (16.0, 9.0)
DPI: Final = 100
MARK: Final = "lull rehearsal"
"""Stands in each picture, so that it is known again and nothing else is written over."""
BEFORE, AFTER, HELD, VOLUME = "#E69F00", "#0072B2", "#A8327D", "#007A5A"
INK, FAINT = "#333333", "#8A8A8A"
LOWEST_DB: Final = -45.0
LABEL_WIDTH_SHARE: Final = 0.045
"""Labels of surprises that are nearer to each other would overlap: the larger one is shown."""
MOST_ROWS: Final = 12
_TICKS_S: Final = (10, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200)


@dataclass(frozen=True, slots=True)
class Scene:
    """All that is drawn.

    Attributes:
        calm_lufs: what counts as 0 dB: the programme target at the night's volume.
        tracks: when each began, and its name.
        surprises: when each was, and by how many dB it was brought down.
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
    with mpl.rc_context({"svg.hashsalt": MARK, "font.size": 10, "svg.fonttype": "path"}):
        figure = draw(scene)
        try:
            figure.savefig(path, dpi=DPI, format="svg" if is_svg else "png", metadata=metadata)
        except OSError as fault:
            raise LullError(f"cannot write {path}: {fault.strerror or fault}") from None


def draw(scene: Scene) -> Figure:
    """The figure: 1600 by 900 points of a PNG."""
    figure = Figure(figsize=SIZE_IN)
    loudness, held, volume = figure.subplots(3, 1, sharex=True, height_ratios=(6.0, 1.6, 1.3))
    figure.subplots_adjust(left=0.075, right=0.985, top=0.845, bottom=0.065, hspace=0.09)
    figure.text(0.075, 0.955, scene.title, fontsize=17, color=INK, weight="bold", parse_math=False)
    figure.text(0.075, 0.918, scene.verdict, fontsize=12, color=INK, parse_math=False)
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
    """The values with the last one twice, as drawing by steps between borders wants it."""
    return np.append(values, values[-1:])


def _draw_loudness(axes: Axes, scene: Scene) -> None:
    columns, edges = scene.columns, _edges(scene)
    bands = (
        (columns.before_least, columns.before_most, BEFORE, 0.75),
        (columns.after_least, columns.after_most, AFTER, 0.85),
    )
    for least, most, colour, alpha in bands:
        low, high = (np.maximum(_steps(values) - scene.calm_lufs, LOWEST_DB) for values in (least, most))
        axes.fill_between(edges, low, high, step="post", color=colour, alpha=alpha, linewidth=0.6)
    mean = np.maximum(_steps(columns.after_mean) - scene.calm_lufs, LOWEST_DB)
    axes.plot(edges, mean, drawstyle="steps-post", color="white", linewidth=0.9, alpha=0.9)
    loudest = float(columns.before_most.max(initial=scene.calm_lufs)) - scene.calm_lufs
    axes.set_ylim(LOWEST_DB, max(20.0, 5.0 * np.ceil((loudest + 6.0) / 5.0)))
    for level_db, text in ((0.0, "calm"), (MOMENTARY_ROOM_LU, "never louder than this")):
        axes.axhline(level_db, color=INK, linewidth=0.8, linestyle=(0, (6, 4)), zorder=3)
        axes.annotate(
            text, (1.0, level_db), (-4, 2), xycoords=("axes fraction", "data"), textcoords="offset points",
            ha="right", va="bottom", fontsize=9, color=INK, zorder=6,
        )  # fmt: skip
    axes.set_ylabel("loudness against calm (dB)")
    axes.yaxis.set_major_locator(MultipleLocator(10))


def _draw_tracks(panels: Sequence[Axes], scene: Scene) -> None:
    """A line where a track begins, and its name where there is room for it."""
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
        letters = int(share * 190.0)
        text = _shortened(name, letters) if letters >= 6 else str(number) if letters >= 2 else ""
        panels[0].annotate(
            text, (at_s, 1.0), (3, -4), xycoords=("data", "axes fraction"), textcoords="offset points",
            va="top", fontsize=9, color=INK, parse_math=False, zorder=6, annotation_clip=False,
        )  # fmt: skip


def _shortened(name: str, letters: int) -> str:
    return name if len(name) <= letters else name[: letters - 1].rstrip() + "…"


def _draw_surprises(axes: Axes, scene: Scene) -> None:
    """From how loud it would have been down to what was left of it, with the difference beside the largest."""
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
    taken: list[float] = []
    for at_s, top, reduction_db in sorted(marks, key=lambda mark: -mark[2]):
        if all(abs(at_s - other) > LABEL_WIDTH_SHARE * scene.duration_s for other in taken):
            taken.append(at_s)
            axes.annotate(
                f"−{reduction_db:.0f} dB", (at_s, top + 1.2), (0, 6), textcoords="offset points",
                ha="center", va="bottom", fontsize=9, weight="bold", color=HELD, zorder=6,
            )  # fmt: skip


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
        axes.axvspan(begin_s, end_s, facecolor="none", edgecolor=FAINT, hatch="//", linewidth=0.0, zorder=0)
        axes.annotate("the timer's fade", ((begin_s + end_s) / 2.0, 96.0), ha="center", va="top", fontsize=9, color=INK)


def _draw_time(axes: Axes, scene: Scene) -> None:
    axes.set_xlim(0.0, max(scene.duration_s, 1e-3))
    axes.xaxis.set_major_locator(
        MultipleLocator(next((t for t in _TICKS_S if scene.duration_s / t <= 16), _TICKS_S[-1]))
    )
    axes.xaxis.set_major_formatter(FuncFormatter(lambda at_s, _: clock_text(at_s)))
    axes.set_xlabel("time since the start (h:mm:ss)" if scene.duration_s >= 3600 else "time since the start (min:s)")


def clock_text(at_s: float) -> str:
    """Seconds as ``9:05``, or from an hour on as ``1:09:05``."""
    minutes, seconds = divmod(round(at_s), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{seconds:02d}" if hours else f"{minutes}:{seconds:02d}"


def _draw_legend(figure: Figure) -> None:
    handles = [
        Patch(color=BEFORE, alpha=0.75, label="as recorded: what the guard took away"),
        Patch(color=AFTER, alpha=0.85, label="as you hear it (quietest to loudest)"),
        Line2D([], [], color=HELD, marker="v", linestyle="", label="a surprise, and by how much it was brought down"),
    ]
    figure.legend(handles=handles, loc="upper left", bbox_to_anchor=(0.068, 0.908), ncols=3, frameon=False, fontsize=10)
