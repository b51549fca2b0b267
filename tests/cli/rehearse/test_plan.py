"""What ``lull rehearse`` is going to render, from its options and the config."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest

from player.cli.rehearse import command
from player.core.errors import LullError
from player.core.events import LibraryRead
from player.core.settings.audio import Channels
from player.core.settings.bed import Bed
from player.core.settings.session import Playlist, TimerSetting
from player.library.files import FileLibrary

CONFIG = """\
audio: {channels: mono}
session: {max: 10h}
timer: 45m
playlists:
  a: {paths: 'http://host/', then: [{for: 1h}, {playlist: b, timer: off}]}
  b: {paths: 'http://host/'}
schedule:
  - {name: long, at: "22:30", timer: 30m, then: [{playlist: b, for: 2h}, {for: 3h}]}
  - {name: cosy, at: "21:30", volume: 25, bed: b}
  - {name: rise, at: "06:30", volume: 25, bed: off, kind: morning}
"""


def plan(tmp_path: Path, *words: str, paths: tuple[str, ...] = ()) -> command.RehearsalPlan:
    """The plan of a command line with the config."""
    config = tmp_path / "lull.yaml"
    config.write_text(CONFIG)
    parser = argparse.ArgumentParser(prog="lull")
    command.add_parser(parser.add_subparsers(required=True))
    return command.make_plan(parser.parse_args(["rehearse", "--config", str(config), *words, "out.wav", *paths]))


@pytest.mark.parametrize(
    ("words", "length_s", "timer_s", "then_s"),
    [
        (["--entry", "long"], 330 * 60, 30 * 60, [120 * 60, 180 * 60]),
        (["--entry", "long", "--for", "12m"], 12 * 60, 12 * 60, []),
        (["--entry", "long", "--for", "1h"], 60 * 60, 30 * 60, [30 * 60]),
        (["--entry", "long", "--for", "8h"], 480 * 60, 30 * 60, [120 * 60, 330 * 60]),
        (["--for", "2h"], 120 * 60, None, [60 * 60, 15 * 60]),
        (["--playlist", "b", "--for", "1h30"], 90 * 60, 90 * 60, []),
    ],
)
def test_for_is_the_length_of_the_whole_night(
    words: list[str], length_s: float, timer_s: float | None, then_s: list[float], tmp_path: Path
) -> None:
    """Phases that begin later are left out, and the one that is reached last ends then."""
    made = plan(tmp_path, *words)
    assert made.expected_s == length_s
    assert made.audio.channels is Channels.MONO
    assert (made.start.timer and made.start.timer.duration_s) == timer_s
    assert made.start.then is not None
    assert [phase.timer for phase in made.start.then] == [TimerSetting.clock(one_s) for one_s in then_s]


@pytest.mark.parametrize(("words", "volume"), [([], 25), (["--volume", "0"], 0), (["--volume", "30"], 30)])
@pytest.mark.parametrize("name", ["cosy", "rise"])
def test_an_entry_is_rehearsed_with_its_volume_and_bed_unless_another_volume_is_given(
    name: str, words: list[str], volume: int, tmp_path: Path
) -> None:
    """Volume 0 is one too, and the bed of an entry had been left out."""
    made = plan(tmp_path, "--entry", name, *words)
    (found,) = made.settings.schedule or (made.start,)
    assert found is not None
    assert found.volume == volume
    assert found.bed == (() if name == "rise" else (Bed("b"),))


@pytest.mark.parametrize("option", ["--playlist", "--entry"])
def test_paths_with_what_a_config_plays_are_refused(option: str, tmp_path: Path) -> None:
    """One of the two would do nothing."""
    with pytest.raises(LullError, match=f"^give PATHs or {option}, not both$"):
        plan(tmp_path, option, "a", paths=("noise:rain",))


def test_the_folders_of_the_command_line_are_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether there is anything to play is known from what is played then; once more only after new tracks."""
    looked: list[str] = []
    real = FileLibrary.read

    def read(library: FileLibrary, playlist: Playlist) -> LibraryRead:
        looked.append(playlist.name)
        return real(library, playlist)

    monkeypatch.setattr(FileLibrary, "read", read)
    made = plan(tmp_path, paths=("noise:rain",))
    made.library.read(made.settings.playlists[0])
    made.library.read(made.settings.playlists[0])
    assert looked == ["rehearsal"]


@pytest.mark.parametrize("length", ["6:30", "0s", "25h", "soon"])
def test_a_length_that_is_none_is_wrong_usage(length: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """As in the commands, ``6:30`` is refused with both spellings; a night has 1 s to 24 h."""
    with pytest.raises(SystemExit) as caught:
        plan(tmp_path, "--for", length)
    assert caught.value.code == 2
    said = capsys.readouterr().err
    assert {"6:30": "write 6h30m or 6m30s", "soon": "write 30s, 45m"}.get(length, "allowed is 1s to 24h") in said
