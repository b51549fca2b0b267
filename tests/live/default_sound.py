"""A broker, a sound server that is everybody's default, and a listener: for programs that are run by hand."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from unittest.mock import patch

from tests.live.broker import RealBroker
from tests.live.daemon import Listener
from tests.live.soundserver import SoundServer


@contextmanager
def bedroom() -> Iterator[tuple[RealBroker, SoundServer, Listener]]:
    """All three, until the block ends; daemons that are started meanwhile play into that sound server."""
    with ExitStack() as stack:
        broker, server = RealBroker(), SoundServer()
        stack.callback(broker.close)
        stack.callback(server.close)
        broker.start()
        server.start()
        stack.enter_context(patch.dict("os.environ", server.env()))
        listener = Listener(broker.port)
        stack.callback(listener.close)
        yield broker, server, listener
