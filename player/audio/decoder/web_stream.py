"""One http(s) address as a stream of bytes for libVLC, which never accesses the network itself.

libVLC follows a redirect to file:, ftp:, rtsp: and sound cards, waits minutes for a server that sends nothing, and
reads a playlist of any size into memory. Here redirects and playlists are followed only to http(s) and are bounded in
number, size and time, each entry of a playlist is tried until one answers, and an answer that is not sound is a fault.

Threads: the keeper calls `open`; libVLC's input thread calls `read` and `seek`; any thread may call `close`,
which interrupts a waiting read. One request at a time.
"""

from __future__ import annotations

import base64
import contextlib
import errno
import http.client
import os
import select
import socket
import ssl
import string
import threading
from collections.abc import Iterator
from typing import Final
from urllib.parse import SplitResult, quote, unquote, urljoin, urlsplit

from player.audio.decoder.content_kind import HEAD_BYTES, is_list, is_packed, tag_bytes
from player.core.clock import monotonic_us
from player.core.errors import SourceError
from player.core.events import is_web
from player.core.playlist_files import SUFFIXES, PlaylistEntry, parse_playlist
from player.core.text import clean_text
from player.core.threads import has_started

CONNECT_S: Final = 8.0
"""Time limit for the connection and the first line of an answer, and again for the first byte of its body."""
OPEN_S: Final = 35.0
"""Time limit for redirects, playlists and mirrors until sound begins; so a bad track is left within a minute."""
READ_S: Final = 20.0
MAX_REDIRECTS: Final = 5
MAX_LISTS: Final = 3
MAX_LIST_BYTES: Final = 256 << 10
MAX_MIRRORS: Final = 8
MAX_TAG_BYTES: Final = 32 << 20
RECONNECTS: Final = 3
_RECONNECT_WAIT_S: Final = 1.0
_LOOK_S: Final = 0.1
_CHUNK_BYTES: Final = 16 << 10
_LIST_TYPES: Final = {
    "audio/x-mpegurl": ".m3u", "audio/mpegurl": ".m3u", "application/x-mpegurl": ".m3u",
    "application/vnd.apple.mpegurl": ".m3u", "audio/x-scpls": ".pls", "application/pls+xml": ".pls",
    "application/xspf+xml": ".xspf",
}  # fmt: skip
_NOT_WEB: Final = "refers to something that is not an http or https address"
_AS_WRITTEN: Final = string.punctuation
"""What stays in a path and its query; spaces and letters that are not ASCII are encoded, as browsers do it."""
_FAULTS: Final = (OSError, http.client.HTTPException, ValueError, AttributeError)
"""AttributeError: after another thread has closed the connection, the answer has no file any more."""


class _Response(http.client.HTTPResponse):
    """An answer of a web server or of a SHOUTcast server, whose first line begins with ICY."""

    def _read_status(self) -> tuple[str, int, str]:
        if not self.fp.peek(4).startswith(b"ICY "):
            return super()._read_status()  # type: ignore[misc, no-any-return]
        words = self.fp.readline(HEAD_BYTES).split(None, 2)
        if len(words) < 2 or not words[1].isdigit():
            raise http.client.BadStatusLine("ICY")
        return "HTTP/1.0", int(words[1]), ""


class WebStream:
    """The sound at an address.

    Args:
        uri: http or https.
        read_s: a server that sends nothing for so long has failed.

    Attributes:
        size: bytes of sound, None if the server does not state it: then seeking is not possible.
        head: the first bytes of the sound, at least 64 if the sound has so many.
    """

    def __init__(self, uri: str, read_s: float = READ_S) -> None:
        self._uri = uri
        self._read_s = read_s
        self.size: int | None = None
        self.head = b""
        self._sound_uri = uri
        self._base = 0  # bytes of tags before the sound
        self._at = 0
        self._ahead = b""
        self._answer: http.client.HTTPResponse | None = None
        self._socket: socket.socket | None = None
        self._closed = threading.Event()
        self._connect_s = min(CONNECT_S, read_s)
        self._open_s = min(OPEN_S, 1.2 * read_s)
        self._give_up_s = 0.0

    def open(self) -> None:
        """Connect, and follow redirects and playlists until sound begins. Raises SourceError with a message."""
        with self._within(self._open_s):
            self._follow(self._uri, 0)

    def read(self, most: int) -> bytes:
        """Up to ``most`` bytes; none at the end, and when the connection is lost and cannot be restored."""
        if not self._ahead:
            self._ahead = self._receive()
        data, self._ahead = self._ahead[:most], self._ahead[most:]
        self._at += len(data)
        return data

    def seek(self, at: int) -> bool:
        """Continue at another byte; False if the server does not support that."""
        if self.size is None or not 0 <= at <= self.size:
            return False
        if at == self._at:
            return True
        self._ahead = b""
        return self._resume(at)

    def close(self) -> None:
        """Close the connection; a waiting read returns."""
        self._closed.set()
        self._hang_up()

    @contextlib.contextmanager
    def _within(self, limit_s: float) -> Iterator[None]:
        """Close the connection after ``limit_s``: a server that sends a byte now and then never causes a timeout.

        Without a thread for that, the timeouts of the socket have to do.
        """
        self._give_up_s = monotonic_us() / 1e6 + limit_s
        alarm = threading.Timer(limit_s, self._hang_up)
        alarm.daemon = True
        has_started(alarm)
        try:
            yield
        finally:
            alarm.cancel()

    # Finding the sound.

    def _follow(self, uri: str, lists: int) -> None:
        answer = self._ask(uri)
        head = self._first_bytes(answer)
        suffix = _list_suffix(answer, uri, head)
        if suffix is None:
            self._begin(answer, head)
            return
        while len(head) < MAX_LIST_BYTES and (more := self._take(answer, _CHUNK_BYTES)):
            head += more
        if lists >= MAX_LISTS:
            raise SourceError(f"is a playlist that refers to more than {MAX_LISTS} others")
        self._try_mirrors(_entries(suffix, head[:MAX_LIST_BYTES]), lists)

    def _try_mirrors(self, entries: list[PlaylistEntry], lists: int) -> None:
        """Open the first entry that delivers sound."""
        base, first_fault = self._sound_uri, None
        for entry in entries[:MAX_MIRRORS]:
            try:
                self._follow(_joined(base, entry.location), lists + 1)
            except SourceError as fault:
                first_fault = first_fault or fault
            else:
                return
        raise first_fault or SourceError("is a playlist without entries")

    def _begin(self, answer: http.client.HTTPResponse, head: bytes) -> None:
        """Begin an answer that seems to be sound: skip the tags before it, and check the content again."""
        base = 0
        while skipped := tag_bytes(head):
            base += skipped
            if base > MAX_TAG_BYTES:
                raise SourceError("has no sound in its first 32 MB")
            while len(head) < skipped and (more := self._take(answer, _CHUNK_BYTES)):
                skipped, head = skipped - len(head), more
            head = head[skipped:]
            while len(head) < HEAD_BYTES and (more := self._take(answer, HEAD_BYTES)):
                head += more
        if is_list(head) or is_packed(head) or not head:
            raise SourceError("delivers no sound" if not head else "delivers a web page or compressed data, not sound")
        length = answer.length
        self.size = None if length is None else length + len(head)
        self._base, self._at, self._ahead, self.head = base, 0, head, head

    def _first_bytes(self, answer: http.client.HTTPResponse) -> bytes:
        head = b""
        while len(head) < 64 and (more := self._take(answer, HEAD_BYTES)):
            head += more
        return head

    # Requests.

    def _ask(self, uri: str, at: int = 0) -> http.client.HTTPResponse:
        """The answer with sound or a list, redirects followed. Raises SourceError."""
        for _ in range(MAX_REDIRECTS + 1):
            if not is_web(uri):
                raise SourceError(_NOT_WEB)
            try:
                answer = self._request(uri, at)
            except _FAULTS as fault:
                raise SourceError(f"cannot be opened: {_why(fault)}") from fault
            self._sound_uri = uri
            if answer.status not in {301, 302, 303, 307, 308}:
                if answer.status != (206 if at else 200):
                    reason = clean_text(answer.reason or "", 60)
                    raise SourceError(f"cannot be opened: the server answers {answer.status} {reason}".rstrip())
                return answer
            uri = _joined(uri, answer.getheader("Location") or "")
        raise SourceError(f"is redirected more than {MAX_REDIRECTS} times")

    def _request(self, uri: str, at: int) -> http.client.HTTPResponse:
        self._hang_up()
        patience_s = min(self._connect_s, self._give_up_s - monotonic_us() / 1e6)
        if self._closed.is_set() or patience_s <= 0:
            raise TimeoutError(f"no sound within {self._open_s:g} s")
        parts = urlsplit(uri)
        connection = _connection(parts, patience_s)
        connection.response_class = _Response
        connection._create_connection = self._dial  # type: ignore[attr-defined]  # the only place that connects
        connection.connect()
        self._socket = connection.sock
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        headers = {"User-Agent": "lull", "Accept": "*/*", "Connection": "close", **_login(parts)}
        if at:
            headers["Range"] = f"bytes={at}-"
        connection.request("GET", quote(path, safe=_AS_WRITTEN), headers=headers)
        answer = connection.getresponse()
        self._answer = answer
        return answer

    def _dial(self, address: tuple[str, int], timeout: float, *_source: object) -> socket.socket:
        """A connected socket; the addresses of the host share the time. Gives up soon after `close`. Raises OSError."""
        fault: OSError = TimeoutError()
        found = socket.getaddrinfo(*address, type=socket.SOCK_STREAM)
        end_s = monotonic_us() / 1e6 + timeout
        for number, (family, kind, protocol, _, place) in enumerate(found):
            made = socket.socket(family, kind, protocol)
            made.setblocking(False)
            code = made.connect_ex(place)
            now_s = monotonic_us() / 1e6
            give_up_s = now_s + (end_s - now_s) / (len(found) - number)
            while code == errno.EINPROGRESS and not self._closed.is_set() and monotonic_us() / 1e6 < give_up_s:
                if select.select((), (made,), (), _LOOK_S)[1]:
                    code = made.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            if code == 0:
                made.settimeout(timeout)
                return made
            made.close()
            fault = TimeoutError() if code == errno.EINPROGRESS else OSError(code, os.strerror(code))
        raise fault

    def _take(self, answer: http.client.HTTPResponse, most: int) -> bytes:
        """Some bytes for finding out what the content is. Raises SourceError."""
        if monotonic_us() / 1e6 > self._give_up_s:
            raise SourceError(f"delivered no sound within {self._open_s:g} s")
        try:
            return answer.read1(most)
        except _FAULTS as fault:
            raise SourceError(f"cannot be opened: {_why(fault)}") from fault

    # Reading on.

    def _receive(self) -> bytes:
        """The next bytes; a broken connection is restored up to `RECONNECTS` times."""
        for _ in range(RECONNECTS + 1):
            data = b""
            with contextlib.suppress(*_FAULTS):
                if self._answer is not None and self._socket is not None:
                    self._socket.settimeout(self._read_s)
                    data = self._answer.read1(_CHUNK_BYTES)
            is_over = self.size is not None and self._at >= self.size
            if data or is_over or self._closed.is_set():
                return data
            if self._closed.wait(_RECONNECT_WAIT_S) or not self._resume(self._at):
                continue
            if self._ahead:
                data, self._ahead = self._ahead, b""
                return data
        return b""

    def _resume(self, at: int) -> bool:
        """Connect again: at byte ``at`` if the size is known, otherwise with what the server sends now."""
        try:
            with self._within(self._connect_s):
                answer = self._ask(self._sound_uri, self._base + at if self.size is not None else 0)
                if self.size is None:
                    self._ahead = self._first_bytes(answer)
                    return not (is_list(self._ahead) or is_packed(self._ahead))
        except SourceError:
            self._hang_up()
            return False
        self._at = at
        return True

    def _hang_up(self) -> None:
        """Close the connection; the shutdown comes first, because it interrupts a read in another thread."""
        held, answer, self._socket, self._answer = self._socket, self._answer, None, None
        if held is not None:
            with contextlib.suppress(OSError):
                held.shutdown(socket.SHUT_RDWR)
            with contextlib.suppress(OSError):
                held.close()
        if answer is not None:
            with contextlib.suppress(*_FAULTS):
                answer.close()


def _joined(base: str, location: str) -> str:
    """The address that another one refers to. Raises SourceError for one that is malformed."""
    try:
        return urljoin(base, location)
    except ValueError as fault:
        raise SourceError(_NOT_WEB) from fault


def _connection(parts: SplitResult, patience_s: float) -> http.client.HTTPConnection:
    host = parts.hostname or ""
    if parts.scheme.lower() == "https":
        return http.client.HTTPSConnection(host, parts.port, timeout=patience_s, context=ssl.create_default_context())
    return http.client.HTTPConnection(host, parts.port, timeout=patience_s)


def _login(parts: SplitResult) -> dict[str, str]:
    """The header for a name and password in the address."""
    if parts.username is None:
        return {}
    words = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
    return {"Authorization": f"Basic {base64.b64encode(words.encode()).decode()}"}


def _list_suffix(answer: http.client.HTTPResponse, uri: str, head: bytes) -> str | None:
    """The kind of playlist of an answer, None for sound and anything else."""
    kind = (answer.getheader("Content-Type") or "").partition(";")[0].strip().lower()
    named = next((suffix for suffix in SUFFIXES if urlsplit(uri).path.lower().endswith(suffix)), None)
    start = head.lstrip(b"\xef\xbb\xbf \r\n\t").lower()
    if start.startswith(b"[playlist]"):
        return ".pls"
    if start.startswith(b"#extm3u"):
        return ".m3u"
    if start.startswith(b"<?xml") and b"<playlist" in start:
        return ".xspf"
    is_text = b"\0" not in head and not head.startswith((b"\xff", b"ID3", b"OggS", b"fLaC", b"RIFF"))
    return (_LIST_TYPES.get(kind) or named) if is_text else None


def _entries(suffix: str, data: bytes) -> list[PlaylistEntry]:
    if b"#EXT-X-" in data:
        raise SourceError("is an HLS stream, which is not supported; use the station's mp3, aac or ogg address")
    try:
        return parse_playlist(suffix, data)
    except ValueError as fault:
        raise SourceError(f"is a playlist that {fault}") from fault


def _why(fault: Exception) -> str:
    if isinstance(fault, AttributeError):
        return "the server does not answer in time"
    if isinstance(fault, TimeoutError):
        return str(fault) if "within" in str(fault) else "the server does not answer"
    return clean_text(str(getattr(fault, "strerror", None) or fault) or type(fault).__name__, 120)
