"""``lull rehearse``: a night rendered into a file and held against the contract."""

from typing import Final

DEMO: Final = "rehearsal"
"""The name of the playlist that files of the command line are put into."""
