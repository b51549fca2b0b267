"""A web server with bad manners, one for each path, to try the patience of the decoder. Threads, until `close`."""

from __future__ import annotations

import contextlib
import random
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Final

_OK: Final = b"HTTP/1.1 200 OK\r\nContent-Type: audio/mpeg\r\n"
DRIP_S: Final = 0.2


class BadServer:
    """Listens on a free port of 127.0.0.1; ``root`` is its address.

    Attributes:
        asked: how many connections were made.
        sound: what `/then-silent` begins with.
    """

    def __init__(self, sound: bytes = b"") -> None:
        self.asked = 0
        self.sound = sound
        self._is_over = threading.Event()
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.root = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def close(self) -> None:
        """End all connections."""
        self._is_over.set()
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        for thread in self._threads:
            thread.join(5.0)

    def _accept(self) -> None:
        while not self._is_over.is_set():
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            self.asked += 1
            thread = threading.Thread(target=self._serve, args=(connection,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            words = connection.recv(4096).split(b" ")
            if len(words) > 1:  # libVLC also connects and says nothing, when it tries another version of HTTP
                BEHAVIOURS[words[1].decode("ascii", "replace")](self, connection)

    def _wait(self, connection: socket.socket) -> None:
        """Say nothing until the other side has gone."""
        connection.settimeout(DRIP_S)
        while not self._is_over.is_set():
            with contextlib.suppress(TimeoutError):
                if not connection.recv(4096):
                    return

    def _pour(self, connection: socket.socket, piece: Callable[[], bytes], pause_s: float = 0.0) -> None:
        while not self._is_over.wait(pause_s):
            connection.sendall(piece())

    # How it behaves.

    def _deaf(self, connection: socket.socket) -> None:
        self._wait(connection)

    def _slow_head(self, connection: socket.socket) -> None:
        head = iter(_OK * 1000)
        self._pour(connection, lambda: bytes((next(head),)), DRIP_S)

    def _drip(self, connection: socket.socket) -> None:
        connection.sendall(_OK + b"\r\n")
        self._pour(connection, lambda: b"\xff", DRIP_S)

    def _redirect(self, connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 302 Found\r\nLocation: /redirect\r\nContent-Length: 0\r\n\r\n")

    def _page(self, connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n")
        self._pour(connection, lambda: b"<p>This is no music.</p>\n" * 400)

    def _nonsense(self, connection: socket.socket) -> None:
        connection.sendall(random.Random(1).randbytes(2000))
        self._wait(connection)

    def _zeros(self, connection: socket.socket) -> None:
        connection.sendall(_OK + b"\r\n")
        self._pour(connection, lambda: bytes(65_536))

    def _chunk_lie(self, connection: socket.socket) -> None:
        connection.sendall(_OK + b"Transfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n")
        self._wait(connection)

    def _length_lie(self, connection: socket.socket) -> None:
        connection.sendall(_OK + b"Content-Length: 18446744073709551615\r\n\r\n" + self.sound[:2000])
        self._wait(connection)

    def _cut(self, connection: socket.socket) -> None:
        connection.sendall(_OK + b"Content-Length: 1000000\r\n\r\n")

    def _then_silent(self, connection: socket.socket) -> None:
        connection.sendall(_OK + b"\r\n" + self.sound)
        self._wait(connection)

    def _random(self, connection: socket.socket) -> None:
        rng = random.Random(1)
        connection.sendall(_OK + b"\r\n")
        self._pour(connection, lambda: rng.randbytes(4096), 0.01)


BEHAVIOURS: Final[dict[str, Callable[[BadServer, socket.socket], None]]] = {
    "/deaf": BadServer._deaf, "/slow-head": BadServer._slow_head, "/drip": BadServer._drip,
    "/redirect": BadServer._redirect, "/page": BadServer._page, "/nonsense": BadServer._nonsense,
    "/zeros": BadServer._zeros, "/chunk-lie": BadServer._chunk_lie, "/length-lie": BadServer._length_lie,
    "/cut": BadServer._cut, "/then-silent": BadServer._then_silent, "/random": BadServer._random,
}  # fmt: skip
NOISY: Final = "/random"
"""May be taken for sound: nobody can tell noise from a station that plays noise."""


@contextlib.contextmanager
def full_backlog() -> Iterator[str]:
    """An address at which connecting itself hangs: nobody accepts, and the queue is full."""
    with contextlib.ExitStack() as stack:
        deaf = stack.enter_context(socket.socket())
        deaf.bind(("127.0.0.1", 0))
        deaf.listen(0)
        for _ in range(3):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(deaf.getsockname())
        yield f"http://127.0.0.1:{deaf.getsockname()[1]}/live"
