"""What waits to be written is one batch, however long the disk hangs."""

from __future__ import annotations

from dataclasses import replace

from player.session.memory.records import Batch
from player.storage.pending_batch import MOST_WAITING, NOTHING, PendingBatch
from tests.contracts.test_memory import ENDED


def test_however_much_is_put_it_stays_one_batch_of_bounded_size() -> None:
    """Each document once, with its latest text; of the log the latest entries."""
    pending = PendingBatch()
    (ended,) = ENDED[:1]
    for at in range(3):
        entries = tuple(replace(ended, minutes=float(at)) for _ in range(MOST_WAITING))
        pending.put(Batch({"night": str(at), f"only {at}": "x"}, (), entries), change=at)
    taken = pending.take(None)
    assert taken.batch.documents == {"night": "2", "only 0": "x", "only 1": "x", "only 2": "x"}
    assert [one.minutes for one in taken.batch.ended] == [2.0] * MOST_WAITING
    assert taken.change == 2
    assert not taken.is_closed


def test_nothing_comes_in_time_and_after_the_end_nothing_is_waited_for() -> None:
    """Those who wait are taken once."""
    pending, answers = PendingBatch(), list[str | None]()
    assert pending.take(0.0).batch == NOTHING
    pending.put(done=answers.append)
    assert len(pending.take_waits()) == 1
    assert pending.take(None).waits == ()
    pending.close()
    assert pending.take(None).is_closed
