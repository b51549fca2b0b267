"""Fixtures of the live tests and soaks: a private sound server and a private broker that end with the test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.live.broker import RealBroker
from tests.live.daemon import Listener
from tests.live.soundserver import SoundServer


@pytest.fixture
def stopped_sound_server(monkeypatch: pytest.MonkeyPatch) -> Iterator[SoundServer]:
    """A server that does not run yet; this process and what it starts are pointed at it."""
    server = SoundServer()
    for name, value in server.env().items():
        monkeypatch.setenv(name, value)
    yield server
    server.close()


@pytest.fixture
def sound_server(stopped_sound_server: SoundServer) -> SoundServer:
    """A running private sound server; this process and what it starts are pointed at it."""
    stopped_sound_server.start()
    return stopped_sound_server


@pytest.fixture
def broker() -> Iterator[RealBroker]:
    """A private mosquitto that runs."""
    real = RealBroker()
    real.start()
    yield real
    real.close()


@pytest.fixture
def listener(broker: RealBroker) -> Iterator[Listener]:
    """Somebody on the broker."""
    somebody = Listener(broker.port)
    yield somebody
    somebody.close()
