"""How paho is imported without ssl and urllib.request. The thread that imports `player.mqtt.client`; no paho in here.

paho imports both at once, the first for TLS, the second for a SOCKS proxy. Measured: 19 ms of processor time and
4.6 MB; without them 8 ms and 1.6 MB. `player.mqtt.client` gives paho the real ssl before a connection with TLS.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType


class _NeverRaised(OSError):
    """Without TLS no socket raises what ssl would."""


@contextmanager
def without_tls_and_proxies() -> Iterator[None]:
    """While this lasts, an import of ssl or urllib.request finds an almost empty module, unless it was imported before.

    Where PySocks is installed, paho calls urllib.request for each connection and gets the real one.
    """
    names = ["ssl"] if importlib.util.find_spec("socks") else ["ssl", "urllib.request"]
    absent = [name for name in names if name not in sys.modules]
    for name in absent:
        stand_in = sys.modules[name] = ModuleType(name)
        # paho names these two in `except`, also for a plain socket that would block
        vars(stand_in).update(SSLWantReadError=_NeverRaised, SSLWantWriteError=_NeverRaised)
    try:
        yield
    finally:
        for name in absent:
            del sys.modules[name]
