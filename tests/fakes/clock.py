"""A clock whose hands move only when somebody sleeps or a test moves them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, tzinfo

from player.core.clock import Now


class FakeClock:
    """A `Clock` for tests; sleeping takes no time at all.

    Args:
        wall: the aware civil time at the start; its zone is the zone of all that follows (`zoneinfo` for real ones).
        boot_s: the boot clock at the start.
        is_trusted: whether the wall clock counts as set.

    Attributes:
        is_trusted: may be changed at any time.
        slept_s: the sum of all sleeps.
    """

    def __init__(
        self,
        wall: datetime = datetime(2026, 1, 15, 22, 0, tzinfo=UTC),
        boot_s: float = 1_000.0,
        is_trusted: bool = True,
    ) -> None:
        assert wall.tzinfo is not None, "the wall time must carry its zone"
        self.is_trusted = is_trusted
        self.slept_s = 0.0
        self._zone: tzinfo = wall.tzinfo
        self._utc = wall.astimezone(UTC)
        self._boot_s = boot_s
        self._moved_s = 0.0
        self._seen: Now | None = None

    def now(self) -> Now:
        """What the hands show; the same object until one moves, because thousands of nights ask often."""
        if self._seen is None or self._seen.trusted is not self.is_trusted:
            wall = (self._utc + timedelta(seconds=self._moved_s)).astimezone(self._zone)
            self._seen = Now(boot_s=self._boot_s + self._moved_s, wall=wall, trusted=self.is_trusted)
        return self._seen

    def boot_s(self) -> float:
        """The hand of the boot clock."""
        return self._boot_s + self._moved_s

    def sleep(self, duration_s: float) -> None:
        """Move both hands; as with `time.sleep`, never back."""
        assert duration_s >= 0.0, duration_s
        self.slept_s += duration_s
        self.advance(duration_s)

    def advance(self, duration_s: float) -> None:
        """Time passes while nobody sleeps."""
        assert duration_s >= 0.0, duration_s
        self._moved_s += duration_s
        self._seen = None

    def jump_wall(self, by_s: float) -> None:
        """The wall clock is set, forward or back; the boot clock does not notice."""
        self._utc += timedelta(seconds=by_s)
        self._seen = None

    def set_wall(self, wall: datetime) -> None:
        """The wall clock is set to an aware time; the zone stays."""
        self._utc = wall.astimezone(UTC) - timedelta(seconds=self._moved_s)
        self._seen = None

    def move_to(self, zone: tzinfo) -> None:
        """The zone changes; the instant does not."""
        self._zone = zone
        self._seen = None
