"""``python -m player`` is the same as ``lull``."""

from player.cli.main import main

if __name__ == "__main__":
    raise SystemExit(main())
