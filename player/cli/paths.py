"""Where a command finds the config and the state directory."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from player.core.errors import LullError

DEFAULT_CONFIG: Final = Path("/etc/lull/lull.yaml")
CONFIG_ORDER: Final = f"--config, then $LULL_CONFIG, then ~/.config/lull/lull.yaml, then {DEFAULT_CONFIG}"
"""Where each command looks for the config; the first that exists is used."""
HOME: Final = "~/.local/share/lull"
"""The name of `own_home` in texts."""
RUNNING: Final = "running.yaml"
"""In `own_home` while `lull night` plays without a config: what it plays, and where it can be controlled."""


def add_config(parser: argparse.ArgumentParser, about: str) -> None:
    """Add ``--config`` and the speaker of a config that has several."""
    parser.add_argument("--config", type=Path, metavar="FILE", help=about)
    parser.add_argument("--device", metavar="NAME", help="which speaker, where the config has several")


def check_paths(paths: Iterable[str]) -> None:
    """Raise LullError that names the first file or folder of a command line that is not there or cannot be reached."""
    from player.core.events import has_file  # `lull stop` and `lull status` need nothing of it

    for path in paths:
        try:
            if has_file(path):
                os.stat(os.path.expanduser(path))
        except (FileNotFoundError, NotADirectoryError):
            raise LullError(f"{path} does not exist") from None
        except OSError as fault:
            raise LullError(f"{path} cannot be read: {fault.strerror}") from None


def chosen_config(named: Path | None) -> Path | None:
    """The config in the order of `CONFIG_ORDER`; None where there is none."""
    if named is not None:
        return named
    if os.environ.get("LULL_CONFIG"):
        return Path(os.environ["LULL_CONFIG"])
    for path in (own_config(), DEFAULT_CONFIG):
        if _may_be_there(path):
            return path
    return None


def _may_be_there(path: Path) -> bool:
    """Whether a file exists, or is in a folder without access, where reading it then says what is wrong."""
    try:
        return path.exists()
    except OSError:
        return True


def config_file(named: Path | None) -> Path | None:
    """The config of a running speaker: the chosen one, then that of a `lull night` which plays now without one."""
    chosen = chosen_config(named)
    if chosen is not None:
        return chosen
    home = own_home()
    if not (home / RUNNING).exists():
        return None
    from player.storage.lock import holder_of

    return home / RUNNING if holder_of(home) else None


def own_config() -> Path:
    """The path of a user's own config, by the XDG base directories."""
    return _base_directory("XDG_CONFIG_HOME", "~/.config") / "lull" / "lull.yaml"


def own_home() -> Path:
    """The folder of `lull night` and of scans without a config, by the XDG base directories."""
    return _base_directory("XDG_DATA_HOME", "~/.local/share") / "lull"


def _base_directory(variable: str, default: str) -> Path:
    """XDG Base Directory Specification: a relative path in the variable is ignored."""
    folder = os.environ.get(variable, "")
    return Path(folder if os.path.isabs(folder) else os.path.expanduser(default))


def state_dir(named: Path | None, speaker: str | None) -> Path:
    """The state directory of the config, whatever other faults that has; without a config, that of ``lull night``.

    Raises:
        ConfigError: the file cannot be read, or has a fault in this key.
        LullError: the memory of the named speaker is on another machine.
    """
    from player.config import MEMORY, load_whereabouts

    path = config_file(named)
    if path is None:
        return own_home()
    here, found = load_whereabouts(path, MEMORY), load_whereabouts(path, MEMORY, speaker)
    if speaker not in {None, here.device} and (found.state_dir == here.state_dir or not found.speakers):
        raise LullError(f"{found.state_dir} is the memory of {here.device or 'another speaker'}, not that of {speaker}")
    return found.state_dir
