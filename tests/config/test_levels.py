"""Volumes in dB(A) in the config: with a calibration, with one of another output, and without any."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from player.cli.check_notes import level_notes, level_row
from player.config import Config, parse
from player.config.levels import GUESSED
from player.core.errors import ConfigError
from player.core.pillow import Calibration, level_of
from player.session.memory.records import Batch, Documents, texts
from player.storage.memory_db import MemoryDb, calibration_in

TEXT = """\
playlists: {rain: {paths: ["noise:rain"], then: [{volume: 25 dBA, for: 1h}]}}
volume: {default: 35 dBA, max: 45 dB(A), night_cap: 32 dBA}
schedule:
  - {name: late, at: "23:00", volume: 38 dBA, then: [{volume: 30 dBA, for: 1h}]}
"""
HERE = "alsa default stereo +0"


def known(output: str = HERE, offset_db: float = 88.0) -> Calibration:
    return Calibration(offset_db, output, datetime(2026, 1, 15, tzinfo=UTC))


def volumes(config: Config) -> list[int]:
    settings = config.settings
    assert settings.volume.night_cap is not None
    late = settings.schedule[0]
    assert late.then is not None
    found = [settings.volume.default, settings.volume.max, settings.volume.night_cap.max]
    return found + [one or 0 for one in (settings.playlists[0].then[0].volume, late.volume, late.then[0].volume)]


def test_with_a_calibration_each_level_is_the_volume_that_has_it() -> None:
    """The highest one that is no louder: within half a decibel, and never above."""
    config = parse(TEXT, None, lambda _: known())
    assert config.settings.level_fault is None
    for volume, asked in zip(volumes(config), (35, 45, 32, 25, 38, 30), strict=True):
        assert asked - 0.51 < level_of(volume, 88.0, -23.0) <= asked


@pytest.mark.parametrize("calibration", [None, known("alsa other stereo +0")])
def test_without_a_calibration_it_is_softer_than_asked_for_and_told(calibration: Calibration | None) -> None:
    """A speaker that nobody measured, or another output than the one that was measured."""
    config = parse(TEXT, None, lambda _: calibration)
    assert config.settings.level_fault == GUESSED
    measured = volumes(parse(TEXT, None, lambda _: known()))
    assert all(guessed < right for guessed, right in zip(volumes(config), measured, strict=True))
    assert list(level_notes(config.settings, calibration)) == [GUESSED]


def test_a_config_without_levels_reads_no_memory() -> None:
    """A damaged memory or a slow disk does not matter to it."""

    def fail(_: Path) -> None:
        raise AssertionError("it was read")

    config = parse("playlists: {rain: {paths: ['noise:rain']}}\nvolume: {default: 20}\n", None, fail)
    assert config.settings.level_fault is None


def test_the_target_and_the_output_of_the_file_count() -> None:
    """A softer target needs a higher volume for the same level; the mixer belongs to the output."""
    softer = parse("limits: {target: -29}\n" + TEXT, None, lambda _: known())
    assert softer.settings.volume.default - parse(TEXT, None, lambda _: known()).settings.volume.default == 12
    pinned = parse("audio: {mixer: {control: PCM, value: 80%}}\n" + TEXT, None, lambda _: known())
    assert pinned.settings.output == "alsa default PCM 80 % stereo +0"
    assert pinned.settings.level_fault == GUESSED


def test_what_is_no_level_is_a_fault() -> None:
    """Plain decibels say nothing of the pillow; a default above the maximum is one in dB(A) too."""
    above = "83 (50 dBA) is above volume.max, which is 73 (45 dB(A)); lower it"
    for wrong, said in (("35 dB", "is not a volume; write it like 30, or like 35 dBA"), ("50 dBA", re.escape(above))):
        with pytest.raises(ConfigError, match=said):
            parse(TEXT.replace("default: 35 dBA", f"default: {wrong}"), None, lambda _: known())


def test_a_night_above_45_dba_is_a_note() -> None:
    """Of the default, of entries and of phases; where the cap of the night holds them down there is nothing to say."""
    text = (
        "playlists: {rain: {paths: ['noise:rain'], then: [{volume: 80}]}}\nvolume: {default: 60, max: 90%s}\n"
        "schedule: [{name: late, at: '23:00', volume: 90}]\n"
    )
    loud = parse(text % "").settings
    row = level_row(loud, known(offset_db=100.0))
    assert row == "volume 60 is about 50 dB(A), volume 90 is about 65 dB(A); calibrated on 2026-01-15"
    assert [note.split(":")[0] for note in level_notes(loud, known(offset_db=100.0))] == [
        "volume.default", "playlist rain, a phase", "schedule late",
    ]  # fmt: skip
    capped = parse(text % ", night_cap: {max: 30}").settings
    assert list(level_notes(capped, known(offset_db=100.0))) == []
    assert level_row(loud, known("pipe /run/x stereo +0")) is not None
    assert list(level_notes(loud, known("pipe /run/x stereo +0"))) == []


def test_the_calibration_is_in_the_memory_and_in_its_copy(tmp_path: Path) -> None:
    """Written once, and read by whoever only looks; without a memory there is none."""
    assert calibration_in(tmp_path) is None
    store = MemoryDb(tmp_path)
    store.write(Batch(texts(Documents(calibration=known()))))
    store.close()
    assert calibration_in(tmp_path) == known()
    (tmp_path / "memory.db").write_bytes(b"no database")
    assert calibration_in(tmp_path) == known()
