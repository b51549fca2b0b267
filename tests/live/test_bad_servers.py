"""Web servers with bad manners: each is a fault within the decoder's patience, and leaves nothing behind."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator

import pytest

from player.audio.decoder.ring_source import RingSource
from player.audio.decoder.vlc_decoder import DecoderSettings, VlcDecoder
from tests.audio_files import encode, noise
from tests.live.bad_server import BEHAVIOURS, NOISY, BadServer, full_backlog
from tests.live.process import held_by

pytestmark = [pytest.mark.live, pytest.mark.slow]

PATIENCE_S = 0.6
MARGIN_S = 2.0
"""The decoder looks four times in its patience, and this machine may be busy."""


@pytest.fixture(scope="module")
def decoder() -> VlcDecoder:
    """As impatient as a test must be; the daemon waits for thirty seconds."""
    return VlcDecoder(DecoderSettings(web_stall_s=PATIENCE_S))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BadServer]:
    """One for all."""
    made = BadServer(encode(tmp_path_factory.mktemp("web") / "a.mp3", noise(4.0)).read_bytes())
    yield made
    made.close()


def over(source: RingSource, within_s: float) -> bool:
    """Whether it comes to its end in time while it is read."""
    give_up_s = time.monotonic() + within_s
    while time.monotonic() < give_up_s:
        source.wait_ready(48_000, 0.1)
        source.read(48_000)
        if source.is_finished():
            return True
    return False


def let_go(source: RingSource) -> None:
    """Close it; its thread ends at once, whatever the server does."""
    source.close()
    for thread in threading.enumerate():
        if thread.name == "lull-decoder":
            thread.join(MARGIN_S)
            assert not thread.is_alive()


@pytest.mark.parametrize("path", [path for path in BEHAVIOURS if path != NOISY])
def test_a_server_with_bad_manners_is_a_fault_within_the_patience(
    decoder: VlcDecoder, server: BadServer, path: str
) -> None:
    """It does not answer, drips, redirects for ever, lies about lengths, sends pages, zeros or nonsense."""
    source = decoder.open(server.root + path)
    assert over(source, PATIENCE_S + MARGIN_S)
    assert source.fault
    assert source.fault.startswith(
        (
            "gave n",
            "gives ",
            "delivers no sound",
            "delivered nothing for",
            "cannot be opened",
            "is redirected more than 5 times",
        )
    )
    let_go(source)


def test_a_server_that_takes_no_connection_is_a_fault_within_the_patience(decoder: VlcDecoder) -> None:
    """Connecting itself hangs, for minutes if it were for the kernel."""
    with full_backlog() as address:
        source = decoder.open(address)
        assert over(source, PATIENCE_S + MARGIN_S)
        assert source.fault == "cannot be opened: the server does not answer"
        let_go(source)


def test_a_server_that_sends_noise_can_be_closed_at_any_time(decoder: VlcDecoder, server: BadServer) -> None:
    """Nobody can tell it from a station that plays noise; the guard sees to what is heard of it."""
    source = decoder.open(server.root + NOISY)
    over(source, 1.0)
    let_go(source)


def test_thirty_bad_servers_leave_no_thread_and_no_connection(decoder: VlcDecoder, server: BadServer) -> None:
    """A playlist of dead stations, all night long; some are closed while they still hang."""

    def round_of(paths: list[str]) -> None:
        for index, path in enumerate(paths):
            source = decoder.open(server.root + path)
            over(source, 0.05 if index % 3 else PATIENCE_S + MARGIN_S)
            let_go(source)

    quick = [path for path in BEHAVIOURS if path not in {NOISY, "/then-silent"}]
    round_of(quick)
    before = held_by(os.getpid())
    asked = server.asked
    round_of(quick * 3)
    assert server.asked >= asked + 30
    give_up_s = time.monotonic() + 5.0
    while (after := held_by(os.getpid())) and time.monotonic() < give_up_s:
        if after.files <= before.files + 5 and after.threads <= before.threads + 5:
            break
        time.sleep(0.05)  # the server's side of a connection ends a little later
    assert after.memory_kb < before.memory_kb + 40_000, (before, after)
    assert after.files <= before.files + 5, (before, after)
    assert after.threads <= before.threads + 5, (before, after)
