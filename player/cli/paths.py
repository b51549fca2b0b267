"""Where a command finds the config, and what is known where there is none."""

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
