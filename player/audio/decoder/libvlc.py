"""The functions of libVLC 3 that the decoder calls, declared for ctypes. The only file that loads libvlc.so.5.

Declared here instead of taken from python-vlc, whose 10,000 lines declare the whole library: that is 1.8 MB less memory
in a daemon that runs all day. Types and numbers are those of vlc/libvlc.h, libvlc_media.h, libvlc_media_player.h and
libvlc_events.h (3.0); a pointer to an object of libVLC is a number.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from ctypes import CFUNCTYPE, POINTER, c_char_p, c_int, c_int64, c_size_t, c_ssize_t, c_uint64, c_void_p
from typing import Any, Final

try:
    _LIBRARY: Final = ctypes.CDLL("libvlc.so.5")
except OSError as error:
    raise ImportError("libvlc.so.5: it is missing or cannot be loaded") from error

STOPPED: Final = 0x106
ENCOUNTERED_ERROR: Final = 0x10A
LENGTH_CHANGED: Final = 0x111
"""Events of a media player (libvlc_event_e)."""


class Event(ctypes.Structure):
    """libvlc_event_t. ``value`` is the first member of its union: the new length in ms with `LENGTH_CHANGED`."""

    _fields_ = (("type", c_int), ("sender", c_void_p), ("value", c_int64))


EventCallback: Final = CFUNCTYPE(None, POINTER(Event), c_void_p)
OpenCallback: Final = CFUNCTYPE(c_int, c_void_p, POINTER(c_void_p), POINTER(c_uint64))
ReadCallback: Final = CFUNCTYPE(c_ssize_t, c_void_p, c_void_p, c_size_t)
SeekCallback: Final = CFUNCTYPE(c_int, c_void_p, c_uint64)
CloseCallback: Final = CFUNCTYPE(None, c_void_p)


def _declared(name: str, result: Any, *arguments: Any) -> Callable[..., Any]:
    """A function by its name without ``libvlc_``."""
    function: Any = getattr(_LIBRARY, f"libvlc_{name}")
    function.restype, function.argtypes = result, arguments
    found: Callable[..., Any] = function
    return found


def _made(made: int | None, function: Any, _arguments: Any) -> int:
    """What a function made. Raises MemoryError where it is NULL, which no other function may be given."""
    if made is None:
        raise MemoryError(f"{function.__name__} made nothing")
    return made


def _making(name: str, *arguments: Any) -> Callable[..., Any]:
    """A function that makes an object."""
    function: Any = _declared(name, c_void_p, *arguments)
    function.errcheck = _made
    found: Callable[..., Any] = function
    return found


_new: Final = _declared("new", c_void_p, c_int, POINTER(c_char_p))
media_new_path: Final = _making("media_new_path", c_void_p, c_char_p)
media_new_callbacks: Final = _making(
    "media_new_callbacks", c_void_p, OpenCallback, ReadCallback, SeekCallback, CloseCallback, c_void_p
)
media_add_option: Final = _declared("media_add_option", None, c_void_p, c_char_p)
media_release: Final = _declared("media_release", None, c_void_p)
player_new_from_media: Final = _making("media_player_new_from_media", c_void_p)
player_event_manager: Final = _making("media_player_event_manager", c_void_p)
player_play: Final = _declared("media_player_play", c_int, c_void_p)
player_stop: Final = _declared("media_player_stop", None, c_void_p)
player_release: Final = _declared("media_player_release", None, c_void_p)
event_attach: Final = _declared("event_attach", c_int, c_void_p, c_int, EventCallback, c_void_p)


def new_instance(options: tuple[str, ...]) -> int | None:
    """An instance with these options; None where libVLC cannot start, for example without its plugins."""
    instance: int | None = _new(len(options), (c_char_p * len(options))(*(option.encode() for option in options)))
    return instance
