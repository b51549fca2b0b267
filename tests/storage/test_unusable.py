"""Why the state directory cannot be used, in words that name the folder and what to do; full disks: test_state_dir."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from player.core.errors import StoreError
from player.storage import unusable
from player.storage.measurements_db import MeasurementsDb
from player.storage.memory_db import MemoryDb


@pytest.fixture
def nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """A user who may not write anywhere; root may."""
    monkeypatch.setattr(os, "access", lambda _path, _mode: False)
    monkeypatch.setattr(unusable, "_user", lambda: "sleeper")


def refused(path: Path, _mode: int = 0o777, **_: object) -> None:
    """Make no folder, as for a user without the right to."""
    raise PermissionError(13, "Permission denied", str(path))


@pytest.mark.usefixtures("nobody")
def test_a_folder_of_somebody_else_is_named_with_the_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It had been called impossible to make, although it was there."""
    monkeypatch.setattr(Path, "mkdir", refused)
    with pytest.raises(StoreError) as caught:
        MeasurementsDb(tmp_path)
    assert str(caught.value) == (
        f"{tmp_path} cannot be written by the user sleeper; give it to that user, or set another state_dir"
    )


@pytest.mark.usefixtures("nobody")
def test_a_folder_that_may_not_be_made_is_named_with_the_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody is advised to give the folder above it away."""
    monkeypatch.setattr(Path, "mkdir", refused)
    folder = tmp_path / "none"
    with pytest.raises(StoreError) as caught:
        MemoryDb(folder, "boot")
    assert str(caught.value) == (
        f"{folder} cannot be made by the user sleeper; make it for that user, or set another state_dir"
    )


def test_a_file_in_place_of_the_folder_is_named(tmp_path: Path) -> None:
    """Whether it is the folder itself or one above it."""
    (tmp_path / "state").write_text("mine")
    for folder in (tmp_path / "state", tmp_path / "state" / "lull"):
        with pytest.raises(StoreError) as caught:
            MeasurementsDb(folder)
        assert str(caught.value) == f"{folder} is not a folder; remove what is there, or set another state_dir"
    assert (tmp_path / "state").read_text() == "mine"
