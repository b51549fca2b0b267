"""A store in a dictionary: `player.library.ports.Store` without a file, which can be told to fail."""

from __future__ import annotations

from player.core.errors import StoreError
from player.core.measurement import FileMark, MeasureResult


class FakeStore:
    """Remembers as long as it lives.

    Attributes:
        kept: what was kept last for each path, with its mark.
        is_full: each `keep` fails.
        hangs: nothing would answer.
    """

    def __init__(self) -> None:
        self.kept: dict[str, tuple[FileMark, MeasureResult]] = {}
        self.is_full = False
        self.hangs = False

    def answers(self) -> bool:
        return not self.hangs

    def find(self, mark: FileMark) -> MeasureResult | None:
        known, finding = self.kept.get(mark.path, (None, None))
        return finding if known == mark else None

    def keep(self, mark: FileMark, finding: MeasureResult) -> None:
        if self.is_full:
            raise StoreError("the disk is full")
        self.kept[mark.path] = (mark, finding)

    def close(self) -> None:
        """Nothing to let go of."""
