"""Where a command finds the config and the state directory."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

DEFAULT_CONFIG: Final = Path("/etc/lull/lull.yaml")
HOME: Final = Path("~/.local/share/lull")
"""Where `lull night` and a scan without a config keep what they know."""


def chosen_config(named: Path | None) -> Path | None:
    """The file that is named, or that $LULL_CONFIG names; None where nobody names one."""
    return named or (Path(os.environ["LULL_CONFIG"]) if os.environ.get("LULL_CONFIG") else None)


def state_dir(named: Path | None) -> Path:
    """The state directory of the config, whatever else is wrong in it; that of ``lull night`` where there is no config.

    Raises:
        ConfigError: the file cannot be read, or is wrong about it.
    """
    from player.config import MEMORY, load_whereabouts

    chosen = chosen_config(named)
    if chosen is None and not DEFAULT_CONFIG.exists():
        return HOME.expanduser()
    return load_whereabouts(chosen or DEFAULT_CONFIG, MEMORY).state_dir
