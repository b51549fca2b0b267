"""lull: a bedside speaker that never startles."""

from typing import Final

__version__: Final = "0.2.0"
