"""Addresses as people and lists write them, over a real server on this machine."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from player.audio.decoder.web_stream import WebStream
from tests.fakes.threads import no_more_threads

SOUND = b"\xff\xfb\x90\x00" + bytes(5000)


class Station:
    """A server that answers with sound, or with a list; keeps what it is asked for."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.lists: dict[str, str] = {}
        station = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                station.asked.append(self.path)
                text = station.lists.get(self.path)
                data = SOUND if text is None else text.encode()
                self.send_response(200)
                self.send_header("Content-Type", "audio/mpeg" if text is None else "audio/x-mpegurl")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_args: object) -> None:
                """Nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.root = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def open(self, path: str) -> int | None:
        stream = WebStream(self.root + path)
        try:
            stream.open()
            return stream.size
        finally:
            stream.close()


@pytest.fixture
def station() -> Iterator[Station]:
    built = Station()
    yield built
    built.server.shutdown()
    built.server.server_close()


@pytest.mark.parametrize(
    ("path", "asked"),
    [
        ("/soft rain.mp3", "/soft%20rain.mp3"),
        ("/Geräusche.mp3?at=ü", "/Ger%C3%A4usche.mp3?at=%C3%BC"),
        ("/100%25.mp3?a=1&b=[2]", "/100%25.mp3?a=1&b=[2]"),
    ],
)
def test_an_address_is_encoded_as_browsers_do_it(station: Station, path: str, asked: str) -> None:
    """Spaces and letters of any script; what is encoded already stays as it is."""
    assert station.open(path) == len(SOUND)
    assert station.asked == [asked]


def test_it_opens_also_where_there_is_no_thread_for_its_alarm(station: Station) -> None:
    """The service's limit of tasks."""
    with no_more_threads("timer") as refused:
        assert station.open("/a.mp3") == len(SOUND)
    assert refused == ["timer"]


@contextmanager
def full_server() -> Iterator[tuple[str, int]]:
    """The address of a server with no room for another connection: it does not answer."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen(0)
        place = server.getsockname()
        waiting = [socket.socket() for _ in range(4)]
        for one in waiting:
            one.setblocking(False)
            one.connect_ex(place)
        time.sleep(0.05)
        yield place
        for one in waiting:
            one.close()


@pytest.mark.parametrize("living", [0, 3, None])
def test_the_addresses_of_a_host_share_the_time(monkeypatch: pytest.MonkeyPatch, living: int | None) -> None:
    """Addresses that answer nothing cost no more than the limit together, and one that answers has its turn."""
    with socket.create_server(("127.0.0.1", 0)) as server, full_server() as silent:
        places = [server.getsockname() if number == living else silent for number in range(4)]
        found = [(socket.AF_INET, socket.SOCK_STREAM, 0, "", place) for place in places]
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_args, **_words: found)
        began_s = time.monotonic()
        with nullcontext() if living is not None else pytest.raises(TimeoutError):
            WebStream("http://radio.example")._dial(("radio.example", 80), 1.0).close()
        assert time.monotonic() - began_s < 2.0


def test_a_malformed_entry_of_a_list_is_passed_over(station: Station) -> None:
    """The next one is tried."""
    station.lists["/list.m3u"] = f"http://[bad/one.mp3\n{station.root}/two.mp3\n"
    assert station.open("/list.m3u") == len(SOUND)
    assert station.asked[-1] == "/two.mp3"
