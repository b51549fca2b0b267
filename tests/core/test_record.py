"""`player.core.record.dataclass` beside the standard library's, over the same classes."""

from __future__ import annotations

import copy
import dataclasses
import pickle
import threading
from collections.abc import Callable
from typing import Any

import pytest

from player.core.record import dataclass


def _kinds(decorate: Callable[..., Any]) -> dict[str, Any]:
    """The same classes by either decorator."""

    @decorate(frozen=True, slots=True)
    class Point:
        """Frozen."""

        x: int
        y: float = 2.5
        note: str = dataclasses.field(default="", compare=False)

    @decorate(slots=True)
    class Basket:
        """With a factory."""

        items: list[int] = dataclasses.field(default_factory=list)
        own: Point = Point(1)

    @decorate(frozen=True, slots=True)
    class Empty:
        """Without fields."""

    @decorate(frozen=True, slots=True, kw_only=True)
    class Named:
        """By name only, and checked."""

        least: int
        most: int = 9

        def __post_init__(self) -> None:
            if self.least > self.most:
                raise ValueError("least is above most")

    @decorate(frozen=True, slots=True)
    class Further(Point):
        """One field more than its base."""

        z: int = 3

    @decorate(frozen=True, slots=True)
    class Own:
        """With its own comparison and text."""

        x: int

        def __eq__(self, other: object) -> bool:
            return isinstance(other, Own)

        def __hash__(self) -> int:
            return 1

        def __repr__(self) -> str:
            return "own"

    return {kind.__name__: kind for kind in (Point, Basket, Empty, Named, Further, Own)}


OURS, THEIRS = _kinds(dataclass), _kinds(dataclasses.dataclass)
MADE: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = [
    ("Point", (1,), {}), ("Point", (1, 2.5, "b"), {}), ("Point", (), {"x": 4, "y": 1.0}), ("Basket", (), {}),
    ("Basket", ([1, 2],), {}), ("Empty", (), {}), ("Named", (), {"least": 3}), ("Further", (1, 2.5, "a", 8), {}),
    ("Further", (1,), {"z": 3}), ("Own", (1,), {}), ("Own", (2,), {}),
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Sent:
    """At the module's level, where pickle finds it."""

    x: int
    y: str = "b"


def _told(call: Callable[[], object]) -> object:
    """What a call gives, or the kind of its error and the message."""
    try:
        return call()
    except (TypeError, ValueError, AttributeError) as error:
        return type(error), str(error)


def _all(kinds: dict[str, Any]) -> list[Any]:
    return [kinds[name](*args, **kwargs) for name, args, kwargs in MADE]


@pytest.mark.parametrize(
    "ask",
    [
        repr,
        dataclasses.asdict,
        lambda made: made == copy.copy(made),
        lambda made: hasattr(made, "x") and _told(lambda: setattr(made, "x", 7)),
        lambda made: hasattr(made, "x") and _told(lambda: delattr(made, "x")),
        lambda made: made.__match_args__,
        lambda made: [one.name for one in dataclasses.fields(made)],
        lambda made: made == object(),
    ],
)
def test_each_answer_is_the_standard_librarys(ask: Callable[[Any], object]) -> None:
    """Text, fields, copies, comparisons and refusals are those of `dataclasses.dataclass`."""
    assert [_told(lambda one=one: ask(one)) for one in _all(OURS)] == [
        _told(lambda one=one: ask(one)) for one in _all(THEIRS)
    ]


def test_comparison_and_hash_are_the_standard_librarys() -> None:
    """Any two instances are equal, and have one hash, where the standard library's are."""
    ours, theirs = _all(OURS), _all(THEIRS)
    for one, their_one in zip(ours, theirs, strict=True):
        for other, their_other in zip(ours, theirs, strict=True):
            assert (one == other) == (their_one == their_other), (one, other)
            if one == other and type(one).__hash__:
                assert hash(one) == hash(other)
    assert _told(lambda: hash(OURS["Basket"]())) == _told(lambda: hash(THEIRS["Basket"]()))


@pytest.mark.parametrize(
    ("name", "args", "kwargs"),
    [
        ("Point", (), {}), ("Point", (1, 2, "c", 4), {}), ("Point", (1,), {"q": 1}), ("Named", (1,), {}),
        ("Named", (), {"least": 10}), ("Empty", (1,), {}),
    ],
)  # fmt: skip
def test_wrong_arguments_are_refused_in_the_same_words(name: str, args: Any, kwargs: Any) -> None:
    """Also at the first instance of a class, when its ``__init__`` is made."""
    fresh = _kinds(dataclass)
    assert _told(lambda: fresh[name](*args, **kwargs)) == _told(lambda: THEIRS[name](*args, **kwargs))


def test_instances_share_no_list() -> None:
    """A factory is called for each."""
    first, second = OURS["Basket"](), OURS["Basket"]()
    first.items.append(1)
    assert (first.items, second.items) == ([1], [])


def test_replace_and_patterns() -> None:
    """`dataclasses.replace` and `match` work as with the standard library's."""
    made = dataclasses.replace(OURS["Further"](1), y=4.0)
    assert (made.x, made.y, made.z) == (1, 4.0, 3)
    match made:
        case OURS.__class__():
            pytest.fail("not a dict")
        case object(x=1, y=4.0):
            pass


def test_pickle_and_copies() -> None:
    """A frozen instance survives pickle and both kinds of copy."""
    sent = Sent(3)
    assert pickle.loads(pickle.dumps(sent)) == copy.deepcopy(sent) == copy.copy(sent) == sent  # noqa: S301 - its own


def test_two_threads_may_make_the_first_instance() -> None:
    """Of 40 classes; neither thread sees a half-made one."""
    for _ in range(40):
        point = _kinds(dataclass)["Point"]
        gate, made = threading.Barrier(2), []

        def make(point: Any = point, gate: threading.Barrier = gate, made: list[Any] = made) -> None:
            gate.wait()
            made.append(point(1))

        threads = [threading.Thread(target=make) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert made == [point(1), point(1)]
