"""``lull rehearse``: renders a night into a file and checks it against the contract."""

from typing import Final

DEMO: Final = "rehearsal"
"""The name of the playlist for files of the command line."""
