"""Fixtures of the live tests: a private sound server that ends with the test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

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
