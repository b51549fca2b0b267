"""The door to libVLC 3: the C functions that the decoder needs, through ctypes, and no more.

Any thread; ctypes lets other Python threads run during each call. python-vlc declares all 300 functions, which takes
2.7 MB and 10 ms of each start, and asks `ldconfig` in a process of its own where the library is. Sources: libvlc.h,
libvlc_media.h, libvlc_media_player.h and libvlc_events.h of VLC 3.0.
"""

from __future__ import annotations

import ctypes
from ctypes import POINTER, c_char_p, c_int, c_int64, c_size_t, c_uint, c_uint64, c_void_p
from enum import IntEnum
from functools import cache
from typing import Any, Final

LIBRARY: Final = "libvlc.so.5"


class VlcEvent(IntEnum):
    """The events that are listened to, by libVLC's numbers."""

    STOPPED = 0x106
    ENCOUNTERED_ERROR = 0x10A
    LENGTH_CHANGED = 0x111


class EventFields(ctypes.Structure):
    """The beginning of ``libvlc_event_t``; ``new_length_ms`` holds for `VlcEvent.LENGTH_CHANGED` alone."""

    _fields_ = (("type", c_int), ("sender", c_void_p), ("new_length_ms", c_int64))


EVENT: Final = ctypes.CFUNCTYPE(None, POINTER(EventFields), c_void_p)
OPEN: Final = ctypes.CFUNCTYPE(c_int, c_void_p, POINTER(c_void_p), POINTER(c_uint64))
READ: Final = ctypes.CFUNCTYPE(ctypes.c_ssize_t, c_void_p, c_void_p, c_size_t)
SEEK: Final = ctypes.CFUNCTYPE(c_int, c_void_p, c_uint64)
CLOSE: Final = ctypes.CFUNCTYPE(None, c_void_p)
PRERENDER: Final = ctypes.CFUNCTYPE(None, c_void_p, POINTER(c_void_p), c_size_t)
POSTRENDER: Final = ctypes.CFUNCTYPE(None, c_void_p, c_void_p, *[c_uint] * 4, c_size_t, c_int64)
"""The types of callbacks; the last two are those of the stream output module `smem`."""

_FUNCTIONS: Final[dict[str, tuple[Any, list[Any]]]] = {
    "libvlc_new": (c_void_p, [c_int, POINTER(c_char_p)]),
    "libvlc_media_new_path": (c_void_p, [c_void_p, c_char_p]),
    "libvlc_media_new_callbacks": (c_void_p, [c_void_p, OPEN, READ, SEEK, CLOSE, c_void_p]),
    "libvlc_media_add_option": (None, [c_void_p, c_char_p]),
    "libvlc_media_release": (None, [c_void_p]),
    "libvlc_media_player_new_from_media": (c_void_p, [c_void_p]),
    "libvlc_media_player_event_manager": (c_void_p, [c_void_p]),
    "libvlc_media_player_play": (c_int, [c_void_p]),
    "libvlc_media_player_stop": (None, [c_void_p]),
    "libvlc_media_player_release": (None, [c_void_p]),
    "libvlc_event_attach": (c_int, [c_void_p, c_int, EVENT, c_void_p]),
}


@cache
def libvlc() -> Any:
    """The library with the types of its functions.

    Raises:
        OSError: it is not installed.
    """
    library = ctypes.CDLL(LIBRARY)
    for name, (result, arguments) in _FUNCTIONS.items():
        function = getattr(library, name)
        function.restype, function.argtypes = result, arguments
    return library


def new_instance(options: tuple[str, ...]) -> int | None:
    """A new instance of libVLC; None where it cannot start, for example without its plugins.

    Raises:
        OSError: as `libvlc`.
    """
    words = [option.encode() for option in options]
    instance: int | None = libvlc().libvlc_new(len(words), (c_char_p * len(words))(*words))
    return instance
