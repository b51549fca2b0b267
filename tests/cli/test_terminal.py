"""The line of long work: it is not drawn too often, and ends with what was told last."""

from __future__ import annotations

import io

import pytest

from player.cli.terminal import Progress


class Screen(io.StringIO):
    """A terminal."""

    def isatty(self) -> bool:
        return True


def test_the_last_line_is_drawn_however_soon_it_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    """A bar of work that is done stands at 100 %, also where the output is a file."""
    monkeypatch.setenv("COLUMNS", "60")
    screen, file = Screen(), io.StringIO()
    for stream in (screen, file):
        with Progress(stream) as progress:
            for done in range(101):
                progress.show(f"{done} of 100", done / 100)
    assert screen.getvalue().endswith("\n")
    last = screen.getvalue().rstrip("\n").split("\r")[-1].rstrip()
    assert last == f"[{'#' * 24}] 100% 100 of 100"
    assert file.getvalue().splitlines()[-1] == "100% 100 of 100"
    assert len(file.getvalue().splitlines()) == 2


def test_work_that_is_not_done_does_not_stand_at_100(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where it is broken off, and where very little is left."""
    monkeypatch.setenv("COLUMNS", "60")
    screen = Screen()
    with Progress(screen) as progress:
        progress.show("nearly", 0.999)
    assert "]  99% nearly" in screen.getvalue()
    assert screen.getvalue().endswith("\n")
