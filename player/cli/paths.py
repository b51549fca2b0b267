"""Where a command finds the config and the state directory."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

DEFAULT_CONFIG: Final = Path("/etc/lull/lull.yaml")
HOME: Final = Path("~/.local/share/lull")
"""Where `lull night` and a scan without a config keep what they know."""
RUNNING: Final = "running.yaml"
"""In `HOME` while `lull night` plays without a config: what it plays, and where it can be controlled."""


def config_file(named: Path | None) -> Path | None:
    """The config: the one that is named, then $LULL_CONFIG, then that of the service, then that of a `lull night` which
    plays now; None where there is none of them.
    """
    if named is not None:
        return named
    if os.environ.get("LULL_CONFIG"):
        return Path(os.environ["LULL_CONFIG"])
    if DEFAULT_CONFIG.exists():
        return DEFAULT_CONFIG
    home = HOME.expanduser()
    if not (home / RUNNING).exists():
        return None
    from player.storage.lock import holder_of

    return home / RUNNING if holder_of(home) else None


def state_dir(named: Path | None) -> Path:
    """The state directory of the config, whatever else is wrong in it; that of ``lull night`` where there is no config.

    Raises:
        ConfigError: the file cannot be read, or is wrong about it.
    """
    from player.config import MEMORY, load_whereabouts

    path = config_file(named)
    return HOME.expanduser() if path is None else load_whereabouts(path, MEMORY).state_dir
