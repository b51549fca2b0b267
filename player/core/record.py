"""`dataclass` as in the standard library, for a program of 290 of them: what can be shared is shared.

The standard one compiles up to six methods for each class, which cost 14 kB and half a millisecond: 3 MB of the daemon,
and a fifth of its start. Here ``==``, ``hash``, ``repr`` and what forbids assignment are one function for all classes,
and ``__init__`` is compiled when the first instance is made, which in most runs happens to few of the classes. Fields,
slots, `replace`, `asdict` and pattern matching are the standard library's. For mypy it is the standard `dataclass`.
"""

from __future__ import annotations

import dataclasses
import reprlib
from collections.abc import Callable
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final, NoReturn

if TYPE_CHECKING:
    from dataclasses import dataclass

__all__ = ["dataclass"]

_FIRST: Final = object()
"""Stands for an argument that was not given and that a factory makes."""


def _equal(self: Any, other: Any) -> Any:
    if other.__class__ is not self.__class__:
        return NotImplemented
    return self._compared(self) == other._compared(other)


def _hash(self: Any) -> int:
    return hash(self._compared(self))


@reprlib.recursive_repr()
def _repr(self: Any) -> str:
    shown = (f"{one.name}={getattr(self, one.name)!r}" for one in dataclasses.fields(self) if one.repr)
    return f"{type(self).__qualname__}({', '.join(shown)})"


def _refuse_setting(_self: Any, name: str, _value: object) -> NoReturn:
    raise dataclasses.FrozenInstanceError(f"cannot assign to field {name!r}")


def _refuse_deleting(_self: Any, name: str) -> NoReturn:
    raise dataclasses.FrozenInstanceError(f"cannot delete field {name!r}")


def _state(self: Any) -> list[Any]:
    return [getattr(self, one.name) for one in dataclasses.fields(self)]


def _restore(self: Any, state: list[Any]) -> None:
    for one, value in zip(dataclasses.fields(self), state, strict=True):
        object.__setattr__(self, one.name, value)


def _init(self: Any, *args: Any, **kwargs: Any) -> None:
    """Makes the real ``__init__`` at the first instance of a class; a second thread may get here meanwhile."""
    owner: Any = next(kind for kind in type(self).__mro__ if "_compared" in kind.__dict__)
    if owner.__init__ is _init:
        owner.__init__ = _compiled_init(owner)
    owner.__init__(self, *args, **kwargs)


def _compiled_init(kind: Any) -> Callable[..., None]:
    """An ``__init__`` that assigns the arguments to the fields of a class."""
    names: dict[str, Any] = {"_set": object.__setattr__, "_first": _FIRST}
    setting = "_set(self, {!r}, {})" if kind.__setattr__ is _refuse_setting else "self.{} = {}"
    body: list[str] = []
    plain: list[str] = []
    by_name: list[str] = []
    for one in dataclasses.fields(kind):
        parameter, value = one.name, one.name
        if one.default_factory is not dataclasses.MISSING:
            names[f"_make_{one.name}"] = one.default_factory
            parameter = f"{one.name}=_first"
            value = f"_make_{one.name}() if {one.name} is _first else {one.name}"
        elif one.default is not dataclasses.MISSING:
            names[f"_default_{one.name}"] = one.default
            parameter = f"{one.name}=_default_{one.name}"
        (by_name if one.kw_only else plain).append(parameter)
        body.append(setting.format(one.name, value))
    if hasattr(kind, "__post_init__"):
        body.append("self.__post_init__()")
    parameters = ", ".join(["self", *plain, *(["*", *by_name] if by_name else [])])
    exec(f"def __init__({parameters}):\n " + "\n ".join(body or ["pass"]), names)  # noqa: S102 - of our own classes
    made: Any = names["__init__"]
    made.__qualname__ = f"{kind.__qualname__}.__init__"
    return made  # type: ignore[no-any-return]


if not TYPE_CHECKING:

    def dataclass(*, slots: bool, frozen: bool = False, kw_only: bool = False) -> Callable[[type], type]:
        """`dataclasses.dataclass` with these parameters. Each field of the class is a parameter of its ``__init__``."""

        def decorated(plain: type) -> type:
            plain.__doc__ = plain.__doc__ or plain.__name__  # otherwise the signature is composed, which takes long
            made = dataclasses.dataclass(init=False, repr=False, eq=False, slots=slots, kw_only=kw_only)(plain)
            compared = [one.name for one in dataclasses.fields(made) if one.compare]
            shared = {"__init__": _init, "__eq__": _equal, "__repr__": _repr, "__hash__": _hash if frozen else None}
            if frozen:
                shared |= {"__setattr__": _refuse_setting, "__delattr__": _refuse_deleting}
                shared |= {"__getstate__": _state, "__setstate__": _restore}
            for name, function in shared.items():
                if name not in plain.__dict__ or (name == "__hash__" and plain.__hash__ is None):
                    setattr(made, name, function)
            made._compared = staticmethod(attrgetter(*compared) if compared else _nothing)
            return made

        return decorated


def _nothing(_self: object) -> tuple[()]:
    return ()
