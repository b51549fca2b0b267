"""What plays next, in each order, with failing, appearing and vanishing tracks."""

from __future__ import annotations

import random
from collections import Counter
from datetime import UTC, datetime
from itertools import pairwise

import pytest

from player.core.events import Track
from player.core.settings.session import Order
from player.session.memory.memory import Memory
from player.session.memory.records import HeardEntry, HeardHow
from player.session.memory.rotation import SET_ASIDE_PLAYS, Rotation

LIST = "whispers"
NOON = datetime(2026, 1, 15, 12, tzinfo=UTC)


def tracks(names: str) -> tuple[Track, ...]:
    """One track for each letter."""
    return tuple(Track(name, name) for name in names)


class Listener:
    """Plays what a rotation proposes, in one playlist."""

    def __init__(self, order: Order, names: str, seed: int = 1) -> None:
        self.rotation = Rotation(Memory())
        self.order = order
        self.names = names
        self.rng = random.Random(seed)

    def ask(self) -> str | None:
        """What would come next."""
        track = self.rotation.next_track(LIST, self.order, tracks(self.names), self.rng)
        return None if track is None else track.uri

    def hear(self, count: int) -> str:
        """So many tracks one after the other."""
        heard = ""
        for _ in range(count):
            uri = self.ask()
            assert uri is not None
            self.rotation.mark_played(LIST, uri)
            heard += uri
        return heard

    def session(self, count: int) -> str:
        """A session of so many tracks."""
        self.rotation.begin(LIST)
        return self.hear(count)

    def has_finished(self) -> bool:
        """Whether there is nothing left to hear."""
        return self.rotation.has_finished(LIST, self.order, tracks(self.names))


ORDERS = list(Order)


@pytest.mark.parametrize("order", ORDERS)
def test_asking_changes_nothing(order: Order) -> None:
    """Until something is heard the same question, with the same randomness, has the same answer."""
    listener = Listener(order, "abcd")
    listener.session(1)
    answers = set()
    for _ in range(5):
        listener.rng = random.Random(3)
        answers.add(listener.ask())
    assert len(answers) == 1


@pytest.mark.parametrize("order", ORDERS)
def test_no_tracks_give_none(order: Order) -> None:
    """An empty playlist has no next track, and has not finished: nothing was heard."""
    listener = Listener(order, "")
    assert listener.ask() is None
    assert not listener.has_finished()


@pytest.mark.parametrize("order", [Order.ROTATE, Order.SHUFFLE, Order.IN_ORDER])
def test_a_single_track_repeats(order: Order) -> None:
    """Every order that goes on for ever repeats the only track."""
    assert Listener(order, "a").session(4) == "aaaa"


@pytest.mark.parametrize("order", [Order.ROTATE, Order.SHUFFLE, Order.IN_ORDER])
@pytest.mark.parametrize("names", ["ab", "abc", "abcdefg"])
def test_no_track_comes_twice_in_a_row(order: Order, names: str) -> None:
    """Within a session no order plays a track right after itself, where there is another."""
    heard = Listener(order, names).session(200)
    assert all(first != second for first, second in pairwise(heard))


def test_rotation_plays_what_was_not_heard_for_longest() -> None:
    """Never heard ones in the order of the list, then round and round."""
    assert Listener(Order.ROTATE, "abc").session(7) == "abcabca"


def test_rotation_goes_on_where_the_last_session_ended() -> None:
    """Three sessions of two tracks out of five hear all five before any twice."""
    listener = Listener(Order.ROTATE, "abcde")
    assert [listener.session(2) for _ in range(3)] == ["ab", "cd", "ea"]


@pytest.mark.parametrize("names", ["ab", "abc", "abcdef"])
def test_no_two_sessions_of_a_rotation_open_the_same_way(names: str) -> None:
    """A session as long as the playlist would open each next one alike; it does not."""
    listener = Listener(Order.ROTATE, names)
    openers = [listener.session(len(names))[0] for _ in range(12)]
    assert all(first != second for first, second in pairwise(openers))


def test_a_session_in_which_nothing_was_heard_does_not_count_as_one() -> None:
    """Begun twice without a sound, the next session still avoids what opened the last one that was heard."""
    listener = Listener(Order.ROTATE, "ab")
    listener.session(2)
    listener.session(0)
    assert listener.session(1) == "b"


def test_a_track_that_appears_in_a_rotation_comes_next() -> None:
    """A new file has never been heard, so it is first."""
    listener = Listener(Order.ROTATE, "abc")
    listener.session(4)
    listener.names = "abcx"
    assert listener.hear(2) == "xb"


def test_how_long_ago_a_track_was_heard_counts_across_playlists() -> None:
    """What the other playlist just played comes last here."""
    listener = Listener(Order.ROTATE, "abc")
    listener.rotation.mark_played("other", "a")
    assert listener.session(3) == "bca"


@pytest.mark.parametrize("seed", range(5))
def test_a_shuffle_plays_each_track_once_a_round(seed: int) -> None:
    """Twenty rounds of seven tracks: each seven in a row are all of them."""
    heard = Listener(Order.SHUFFLE, "abcdefg", seed).session(140)
    assert all(set(heard[at : at + 7]) == set("abcdefg") for at in range(0, 140, 7))


def test_a_round_of_the_shuffle_goes_on_in_the_next_session() -> None:
    """Seven sessions of one track hear all seven."""
    listener = Listener(Order.SHUFFLE, "abcdefg")
    assert {listener.session(1) for _ in range(7)} == set("abcdefg")


def test_shuffles_differ_and_every_place_is_open_to_every_track() -> None:
    """Over 600 seeds each of three tracks opens about a third of the sessions (five standard deviations: 58)."""
    openers = Counter(Listener(Order.SHUFFLE, "abc", seed).session(1) for seed in range(600))
    assert all(abs(count - 200) < 58 for count in openers.values())
    assert len(openers) == 3


@pytest.mark.parametrize("seed", range(10))
def test_hearing_the_same_track_again_does_not_break_the_round(seed: int) -> None:
    """A seek tells the same track again; the others of the round still come before it."""
    listener = Listener(Order.SHUFFLE, "abcd", seed)
    heard = listener.session(2)
    listener.rotation.mark_played(LIST, heard[-1])
    assert set(heard + listener.hear(2)) == set("abcd")


def test_in_order_begins_at_the_beginning_and_wraps() -> None:
    """Each session from the first track, after the last one the first again."""
    listener = Listener(Order.IN_ORDER, "abc")
    assert listener.session(4) == "abca"
    assert listener.session(2) == "ab"


def test_in_order_a_vanished_track_leaves_its_place() -> None:
    """The current track vanishes: what followed it comes, or what followed that; after the end, the beginning."""
    listener = Listener(Order.IN_ORDER, "abcde")
    listener.session(2)
    listener.ask()
    listener.names = "acde"
    assert listener.ask() == "c"
    listener.names = "ade"
    assert listener.hear(2) == "de"
    listener.ask()
    listener.names = "a"
    assert listener.hear(1) == "a"


def test_a_track_that_is_listed_twice_is_one() -> None:
    """In ``abac`` the second a is the first one: the order is a, b, c, and nothing is stuck between the two."""
    assert Listener(Order.IN_ORDER, "abac").session(6) == "abcabc"
    assert Listener(Order.ONCE, "abac").session(3) == "abc"


def test_once_ends_after_the_last_track_and_begins_anew_next_time() -> None:
    """All three are heard, then there is none, and it has finished; the next session hears all three again."""
    listener = Listener(Order.ONCE, "abc")
    assert listener.session(2) == "ab"
    assert not listener.has_finished()
    assert listener.hear(1) == "c"
    assert listener.ask() is None
    assert listener.has_finished()
    assert listener.session(3) == "abc"


def test_once_has_finished_when_the_rest_cannot_be_played() -> None:
    """After a and b, with c failed, there is no more to hear; with nothing heard at all it is a fault, not an end."""
    listener = Listener(Order.ONCE, "abc")
    for uri in "abc":
        listener.rotation.mark_failed(uri)
    assert listener.ask() is None
    assert not listener.has_finished()
    listener.rotation.readmit_failed()
    listener.session(2)
    listener.rotation.mark_failed("c")
    assert listener.ask() is None
    assert listener.has_finished()


@pytest.mark.parametrize("order", [Order.ROTATE, Order.SHUFFLE, Order.IN_ORDER])
def test_only_once_can_finish(order: Order) -> None:
    """The other orders go on for ever."""
    listener = Listener(order, "ab")
    listener.session(2)
    assert not listener.has_finished()


@pytest.mark.parametrize("order", ORDERS)
def test_a_failed_track_is_left_out_and_forgiven(order: Order) -> None:
    """The failed one is not proposed; when all have failed there is none; forgiven, they are back."""
    listener = Listener(order, "ab")
    listener.rotation.mark_failed("a")
    assert listener.ask() == "b"
    listener.rotation.mark_failed("b")
    assert listener.ask() is None
    listener.rotation.readmit_failed()
    assert listener.ask() is not None


@pytest.mark.parametrize("order", [Order.ROTATE, Order.SHUFFLE, Order.IN_ORDER])
def test_a_failed_track_is_tried_again_after_many_others(order: Order) -> None:
    """It stays away while fifty others are heard, and then gets its turn within a round."""
    listener = Listener(order, "abcd")
    listener.session(1)
    failed = "d"
    listener.rotation.mark_failed(failed)
    assert failed not in listener.hear(SET_ASIDE_PLAYS)
    assert failed in listener.hear(4)


def test_a_track_that_is_heard_after_all_is_forgiven() -> None:
    """It failed in one place and sounds in another: there is no reason to leave it out."""
    listener = Listener(Order.IN_ORDER, "a")
    listener.rotation.mark_failed("a")
    assert listener.ask() is None
    listener.rotation.mark_played("other", "a")
    assert listener.ask() == "a"


def test_in_order_a_failed_track_is_stepped_over() -> None:
    """After a, with b failed, comes c."""
    listener = Listener(Order.IN_ORDER, "abc")
    listener.session(1)
    listener.rotation.mark_failed("b")
    assert listener.hear(3) == "cac"


def changes(rng: random.Random, names: str) -> str:
    """A playlist from which some vanished and to which some came."""
    return "".join(name for name in names if rng.random() < 0.7) or "a"


@pytest.mark.parametrize("order", [Order.ROTATE, Order.SHUFFLE, Order.IN_ORDER])
@pytest.mark.parametrize("seed", range(4))
def test_whatever_comes_and_goes_only_what_is_there_is_proposed(order: Order, seed: int) -> None:
    """Lists that change between any two calls: the answer is in the list, not failed, and not what just played."""
    rng, listener = random.Random(seed), Listener(order, "a", seed)
    last = ""
    for _ in range(300):
        listener.names = changes(rng, "abcdefgh")
        if rng.random() < 0.1:
            listener.rotation.begin(LIST)
            last = last if order is Order.SHUFFLE else ""
        uri = listener.ask()
        assert uri is not None
        assert uri in listener.names
        assert uri != last or len(listener.names) == 1
        listener.rotation.mark_played(LIST, uri)
        last = uri


def log_of(rotation: Rotation, playlist_of: str = LIST) -> list[HeardEntry]:
    """What would be written down of it."""
    return [
        HeardEntry(NOON, playlist, uri, uri, how) for playlist, uri, how in rotation.heard if playlist == playlist_of
    ]


@pytest.mark.parametrize("order", [Order.ROTATE, Order.SHUFFLE, Order.IN_ORDER])
@pytest.mark.parametrize("nights", [1, 2, 5])
def test_a_restart_changes_nothing_of_what_comes_next(order: Order, nights: int) -> None:
    """After the log has been heard again, all further nights are the same as without the restart, skips included."""
    before = Listener(order, "abcdefg")
    for _ in range(nights):
        heard = before.session(4)
        before.rotation.mark_skipped(LIST, heard[-1])
        before.hear(1)
    after = Listener(order, "abcdefg")
    after.rotation.recall(log_of(before.rotation))
    assert not after.rotation.heard
    before.rng, after.rng = random.Random(9), random.Random(9)
    assert [before.session(5) for _ in range(4)] == [after.session(5) for _ in range(4)]


def test_a_seek_or_a_track_over_and_over_is_one_entry_of_the_log() -> None:
    """The log lies on a card: told again of the same track, nothing is written."""
    listener = Listener(Order.ROTATE, "a")
    listener.session(5)
    assert [how for _, _, how in listener.rotation.heard] == [HeardHow.OPENED]


def test_what_was_skipped_comes_half_a_round_later() -> None:
    """A mild dislike: later than its turn, and again after that as if nothing had been."""
    liked, skipped = Listener(Order.ROTATE, "abcdefgh"), Listener(Order.ROTATE, "abcdefgh")
    for listener in (liked, skipped):
        listener.session(9)
    assert liked.rotation.heard[-1][1] == "a"
    skipped.rotation.mark_skipped(LIST, "a")
    assert liked.hear(8).index("a") == 7
    later = skipped.hear(24)
    assert later.index("a") == 10
    assert later.count("a") >= 2


def test_what_was_skipped_is_left_out_of_a_shuffle_for_a_while() -> None:
    """As long as there is anything else, and not for ever."""
    listener = Listener(Order.SHUFFLE, "abcdefgh")
    listener.session(8)
    last = listener.rotation.heard[-1][1]
    listener.rotation.mark_skipped(LIST, last)
    assert last not in listener.hear(4)
    assert last in listener.hear(8)


def test_the_only_track_is_played_however_often_it_was_skipped() -> None:
    """A dislike never leads to silence."""
    for order in (Order.ROTATE, Order.SHUFFLE):
        listener = Listener(order, "a")
        listener.session(1)
        listener.rotation.mark_skipped(LIST, "a")
        assert listener.ask() == "a"


@pytest.mark.parametrize("seed", range(20))
def test_a_shuffle_does_not_open_two_nights_the_same_way(seed: int) -> None:
    """Nor does it after a restart."""
    listener = Listener(Order.SHUFFLE, "abc", seed)
    openers = []
    for _ in range(12):
        openers.append(listener.session(2)[0])
        log = log_of(listener.rotation)
        listener.rotation = Rotation(Memory())
        listener.rotation.recall(log)
        listener.rotation.heard.extend((heard.playlist, heard.uri, heard.how) for heard in log)
    assert all(first != second for first, second in pairwise(openers)), openers
