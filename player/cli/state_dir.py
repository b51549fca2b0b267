"""Where ``lull history`` and ``lull bans`` look: the memory of the speaker on this machine, whether it runs or not."""

from __future__ import annotations

from pathlib import Path

from player.cli.paths import DEFAULT_CONFIG, HOME, chosen_config


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
