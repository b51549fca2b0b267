"""The picture of a night: its size, what is drawn in it, and that it can be known again."""

from __future__ import annotations

import re
import struct
from pathlib import Path

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from player.analysis.contract.timeline import Columns
from player.cli.rehearse.picture import MARK, Scene, draw, save
from player.core.errors import LullError
from tests import effort

pytestmark = pytest.mark.slow


def scene(duration_s: float = 600.0, tracks: int = 3, surprises: int = 2, name: str = "whispers") -> Scene:
    """A night at -43 LUFS with surprises 20 dB up, spread evenly."""
    count = 500
    starts_s = np.linspace(0.0, duration_s, count, endpoint=False)
    times = [duration_s * (k + 0.5) / surprises for k in range(surprises)]
    calm, before = np.full(count, -43.0), np.full(count, -43.0)
    for at_s in times:
        before[int(at_s / duration_s * count)] = -23.0
    columns = Columns(
        starts_s, calm - 6, calm - 3, before, calm - 6, calm - 3, calm, before - calm, np.full(count, -20.2)
    )
    return Scene(
        title="A night of whispers",
        verdict="Nothing in this night startles.",
        duration_s=duration_s,
        columns=columns,
        calm_lufs=-43.0,
        tracks=[(duration_s * k / tracks, f"{name} {k}") for k in range(tracks)],
        surprises=[(at_s, 17.0) for at_s in times],
        fade=(duration_s * 0.9, duration_s),
    )


def texts(axes: Axes) -> list[str]:
    return [text.get_text() for text in axes.texts if text.get_text()]


def boxes(figure: Figure, pattern: str) -> list[tuple[float, float, float, float]]:
    """Where the texts of a pattern are, in points: left, bottom, right, top."""
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    renderer = canvas.get_renderer()
    found = [text for axes in figure.axes for text in axes.texts if re.fullmatch(pattern, text.get_text())]
    return [text.get_window_extent(renderer).extents for text in found]


def overlaps(found: list[tuple[float, float, float, float]]) -> int:
    return sum(
        a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]
        for place, a in enumerate(found)
        for b in found[place + 1 :]
    )


def test_a_png_has_1600_by_900_points_and_is_known_again(tmp_path: Path) -> None:
    """Its header says so, and its first bytes name who drew it."""
    path = tmp_path / "night.png"
    save(scene(), path)
    data = path.read_bytes()
    assert struct.unpack(">II", data[16:24]) == (1600, 900)
    assert MARK.encode() in data[:4096]


def test_an_svg_is_the_same_each_time_and_is_known_again(tmp_path: Path) -> None:
    """No date and no random names in it."""
    for name in ("one.svg", "two.svg"):
        save(scene(), tmp_path / name)
    one = (tmp_path / "one.svg").read_bytes()
    assert one == (tmp_path / "two.svg").read_bytes()
    assert b"<svg" in one[:4096]
    assert MARK.encode() in one[:4096]


def test_it_shows_loudness_guard_and_volume_over_time() -> None:
    """Three panels with units, the limit, the names of the tracks, the surprises, the fade, and a legend."""
    figure = draw(scene())
    loudness, held, volume = figure.axes
    assert [axes.get_ylabel() for axes in figure.axes] == ["loudness against calm (dB)", "guard (dB)", "volume"]
    assert "minutes:seconds" in volume.get_xlabel()
    assert {"calm", "never louder\nthan this", "whispers 0", "whispers 1", "whispers 2", "−17 dB"} <= set(
        texts(loudness)
    )
    assert texts(volume) == ["the timer's fade"]
    assert held.get_ylim()[0] <= -20.0
    (marks,) = [drawn for drawn in loudness.collections if drawn.get_gid() == "surprises"]
    assert np.asarray(marks.get_offsets())[:, 0] == pytest.approx([150.0, 450.0])
    assert len(figure.legends[0].get_texts()) == 4
    assert loudness.get_xlim() == (0.0, 600.0)
    assert {line.get_ydata()[0] for line in loudness.lines if line.get_linestyle() == "--"} == {0.0, 8.0}  # type: ignore[index]


def test_what_was_taken_away_is_drawn_where_it_was_and_nowhere_else() -> None:
    """A night without surprises has no part of that colour."""
    with_some, without = (draw(scene(surprises=count)).axes[0].collections for count in (2, 0))
    assert len(with_some[0].get_paths()) == 2
    assert len(without[0].get_paths()) == 0


@pytest.mark.parametrize(
    ("duration_s", "tracks", "surprises"), effort.first(1, [(600.0, 3, 2), (28_800.0, 60, 200), (30.0, 1, 0)])
)
def test_nothing_is_written_over_anything_else(duration_s: float, tracks: int, surprises: int) -> None:
    """In a short night and in one of eight hours with 60 tracks and 200 surprises."""
    figure = draw(scene(duration_s, tracks, surprises))
    assert overlaps(boxes(figure, r"−\d+ dB")) == 0
    assert overlaps(boxes(figure, r"(whispers.*|\d+|whi.*…)")) == 0


def test_hours_are_written_as_hours() -> None:
    """An axis of eight hours counts hours and minutes."""
    figure = draw(scene(28_800.0))
    figure.canvas.draw()
    labels = [label.get_text() for label in figure.axes[2].get_xticklabels()]
    assert "hours:minutes" in figure.axes[2].get_xlabel()
    assert {"0:30", "1:00", "7:30"} <= set(labels)


def test_any_name_can_be_drawn(tmp_path: Path) -> None:
    """Dollars are no formulas, and letters that the font lacks are no error."""
    save(scene(name="$\\frac{1}$ 雨の音 \U0001f319"), tmp_path / "night.png")
    assert (tmp_path / "night.png").stat().st_size > 10_000


def test_a_picture_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    """The file and the reason."""
    with pytest.raises(LullError, match=r"missing/night\.png: No such file"):
        save(scene(), tmp_path / "missing" / "night.png")
