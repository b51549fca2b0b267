"""Where commands without --config find the speaker that is meant."""

from __future__ import annotations

from pathlib import Path

import pytest

from player.cli import paths
from player.cli.main import main
from player.core.errors import LullError
from player.storage.lock import only_daemon


def test_the_config_is_the_first_of_those_that_are_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A `lull night` that plays, then the service's, the user's own, $LULL_CONFIG, and the one that is named, each
    before the ones already there. To run, scan or rehearse there is no config in a `lull night` that plays.
    """
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "xdg"))
    monkeypatch.delenv("LULL_CONFIG", raising=False)
    monkeypatch.setattr(paths, "DEFAULT_CONFIG", tmp_path / "lull.yaml")
    monkeypatch.setattr(paths, "own_home", lambda: tmp_path)
    assert paths.config_file(None) is None
    (tmp_path / paths.RUNNING).write_text("")
    assert paths.config_file(None) is None, "what a killed run has left behind"
    with only_daemon(tmp_path):
        assert paths.config_file(None) == tmp_path / paths.RUNNING
        assert paths.chosen_config(None) is None
    (tmp_path / "lull.yaml").write_text("")
    with only_daemon(tmp_path):
        assert paths.config_file(None) == tmp_path / "lull.yaml"
    own = tmp_path / "xdg" / "lull" / "lull.yaml"
    own.parent.mkdir(parents=True)
    own.write_text("")
    assert paths.config_file(None) == paths.chosen_config(None) == own
    monkeypatch.setenv("XDG_CONFIG_HOME", "/" + "x" * 300)  # it cannot be looked at, and whoever reads it says why
    assert paths.chosen_config(None) == paths.own_config()
    monkeypatch.setenv("XDG_CONFIG_HOME", "relative")  # the specification says that it is to be ignored
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert paths.own_config() == tmp_path / "home" / ".config" / "lull" / "lull.yaml"
    monkeypatch.setenv("LULL_CONFIG", str(tmp_path / "mine.yaml"))
    assert paths.config_file(None) == tmp_path / "mine.yaml"
    assert paths.config_file(Path("named.yaml")) == Path("named.yaml")


def test_what_a_night_keeps_lies_below_the_data_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the XDG base directories; a relative one is ignored."""
    monkeypatch.setenv("HOME", str(tmp_path))
    for value, folder in ((str(tmp_path / "data"), "data"), ("relative", ".local/share"), ("", ".local/share")):
        monkeypatch.setenv("XDG_DATA_HOME", value)
        assert paths.own_home() == tmp_path / folder / "lull"


def test_every_command_takes_the_same_config(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without --config all of them read the file that $LULL_CONFIG names; without any config `run` is wrong usage."""
    monkeypatch.setattr(paths, "DEFAULT_CONFIG", tmp_path / "absent")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "xdg"))
    monkeypatch.delenv("LULL_CONFIG", raising=False)
    assert main(["run"]) == 2
    assert "$LULL_CONFIG" in capsys.readouterr().err
    mine = tmp_path / "mine.yaml"
    mine.write_text("volume: loud\n", encoding="utf-8")
    monkeypatch.setenv("LULL_CONFIG", str(mine))
    for words in (
        ["run"], ["check"], ["doctor"], ["scan"], ["rehearse", str(tmp_path / "out.wav")], ["schedule"],
        ["triggers", "test", "a", "b"],
    ):  # fmt: skip
        assert main(words) == 1, words
        said = capsys.readouterr()
        assert "mine.yaml" in said.out + said.err, words


def test_a_path_that_cannot_be_reached_is_not_said_to_be_missing(tmp_path: Path) -> None:
    """A folder of another user, a name that is too long, a disk that is broken: the system's reason."""
    for path, reason in (
        (str(tmp_path / "none"), "does not exist"),
        (f"{__file__}/below", "does not exist"),
        (str(tmp_path / ("x" * 300)), "cannot be read: File name too long"),
    ):
        with pytest.raises(LullError) as caught:
            paths.check_paths(["noise:rain", "http://host/", path])
        assert str(caught.value) == f"{path} {reason}"
