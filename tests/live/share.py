"""A share that hangs or goes away when a test wants it to: a folder mounted through FUSE, served by a process.

``python -m tests.live.share FOLDER MOUNTPOINT`` serves it until it is killed. Stopped by SIGSTOP it is a server that
does not answer: whoever looks at a file, even with ``stat``, waits. Killed, it is a stick that was pulled out: each
call fails at once. Nothing is cached, so each look and each read is asked for. It speaks the kernel's protocol itself
(see linux/fuse.h), since no library for that can be expected; mounting takes root.
"""

from __future__ import annotations

import ctypes
import errno
import os
import signal
import struct
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from tests.live.daemon import ROOT

_IN: Final = struct.Struct("<IIQQIIII")
_OUT: Final = struct.Struct("<IiQ")
_ATTR: Final = struct.Struct("<6Q10I")
_LOOKUP, _GETATTR, _OPEN, _READ, _STATFS, _RELEASE, _FLUSH, _INIT = 1, 3, 14, 15, 17, 18, 25, 26
_OPENDIR, _READDIR, _RELEASEDIR = 27, 28, 29
_UNANSWERED: Final = {2, 36, 42}
"""FORGET, INTERRUPT and BATCH_FORGET."""
_DIRECT_IO: Final = 1
_MS_RDONLY: Final = 1
_MNT_FORCE, _MNT_DETACH = 1, 2
PATIENCE_S: Final = 10.0


class Server:
    """Answers the kernel about one folder and what lies right in it."""

    def __init__(self, folder: Path, device: int) -> None:
        self._folder = folder
        self._device = device
        self._names = sorted(os.listdir(folder))
        self._answers: dict[int, Callable[[int, bytes], bytes]] = {
            _INIT: lambda _node, _body: struct.pack("<4I2H2I2H8I", 7, 31, 0, 0, 16, 12, 4096, 1, 1, 0, *[0] * 8),
            _LOOKUP: self._lookup,
            _GETATTR: lambda node, _body: struct.pack("<QII", 0, 0, 0) + self._attributes(node),
            _OPEN: lambda _node, _body: struct.pack("<QII", 0, _DIRECT_IO, 0),
            _OPENDIR: lambda _node, _body: struct.pack("<QII", 0, 0, 0),
            _READ: self._read,
            _READDIR: self._list,
            _STATFS: lambda _node, _body: struct.pack("<5Q4I6I", 0, 0, 0, 0, 0, 4096, 255, 4096, 0, *[0] * 6),
            _RELEASE: lambda _node, _body: b"",
            _RELEASEDIR: lambda _node, _body: b"",
            _FLUSH: lambda _node, _body: b"",
        }

    def serve(self) -> None:
        """Until the mount is gone."""
        while True:
            try:
                message = os.read(self._device, 1 << 17)
            except OSError as fault:
                if fault.errno == errno.ENODEV:
                    return
                raise
            _, code, unique, node, *_ = _IN.unpack_from(message)
            if code not in _UNANSWERED:
                self._answer(code, unique, node, message[_IN.size :])

    def _answer(self, code: int, unique: int, node: int, body: bytes) -> None:
        number, found = 0, b""
        try:
            if code not in self._answers:
                raise OSError(errno.ENOSYS, "not for us")
            found = self._answers[code](node, body)
        except OSError as fault:
            number = -(fault.errno or errno.EIO)
        os.write(self._device, _OUT.pack(_OUT.size + len(found), number, unique) + found)

    def _path(self, node: int) -> Path:
        return self._folder if node == 1 else self._folder / self._names[node - 2]

    def _attributes(self, node: int) -> bytes:
        facts = os.stat(self._path(node))
        times = [int(at_s) for at_s in (facts.st_atime, facts.st_mtime, facts.st_ctime)]
        owner = (facts.st_mode, 1, 0, 0, 0, 4096, 0)
        return _ATTR.pack(node, facts.st_size, facts.st_size // 512 + 1, *times, 0, 0, 0, *owner)

    def _lookup(self, _node: int, body: bytes) -> bytes:
        name = os.fsdecode(body.rstrip(b"\0"))
        if name not in self._names:
            raise FileNotFoundError(errno.ENOENT, name)
        node = self._names.index(name) + 2
        return struct.pack("<4Q2I", node, 0, 0, 0, 0, 0) + self._attributes(node)

    def _read(self, node: int, body: bytes) -> bytes:
        _, offset, size = struct.unpack_from("<QQI", body)
        with self._path(node).open("rb") as file:
            file.seek(offset)
            return file.read(size)

    def _list(self, _node: int, body: bytes) -> bytes:
        _, offset, size = struct.unpack_from("<QQI", body)
        found = b""
        for index, name in enumerate(self._names[offset:], int(offset)):
            text = os.fsencode(name)
            entry = struct.pack("<QQII", index + 2, index + 1, len(text), 8) + text
            entry += bytes(-len(entry) % 8)
            if len(found) + len(entry) > size:
                break
            found += entry
        return found


def _check(result: int, what: str) -> None:
    if result != 0:
        raise OSError(ctypes.get_errno(), f"{what}: {os.strerror(ctypes.get_errno())}")


def mount(device: int, place: Path) -> None:
    """Put what that device serves at a place; for everybody."""
    options = f"fd={device},rootmode=40000,user_id=0,group_id=0,allow_other,default_permissions"
    libc = ctypes.CDLL(None, use_errno=True)
    _check(libc.mount(b"lull-test", os.fsencode(place), b"fuse.lull-test", _MS_RDONLY, options.encode()), "mount")


class Share:
    """A folder served at a place by a process of its own."""

    def __init__(self, folder: Path, place: Path) -> None:
        place.mkdir()
        self.place = place
        command = ["setpriv", "--pdeathsig", "KILL", "--", sys.executable, "-m", "tests.live.share"]
        self._process = subprocess.Popen([*command, str(folder), str(place)], cwd=ROOT)
        give_up_s = time.monotonic() + PATIENCE_S
        while not os.path.ismount(place):
            assert self._process.poll() is None, "the share could not be mounted"
            assert time.monotonic() < give_up_s
            time.sleep(0.02)

    def hang(self) -> None:
        """Whoever asks waits from now on."""
        self._process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """Whoever waited is answered."""
        self._process.send_signal(signal.SIGCONT)

    def pull(self) -> None:
        """It is gone: whoever asks, or waits, gets an error."""
        self._process.kill()
        self._process.wait(PATIENCE_S)

    def close(self) -> None:
        """Let everybody go who hangs, and unmount."""
        self.pull()
        libc = ctypes.CDLL(None, use_errno=True)
        _check(libc.umount2(os.fsencode(self.place), _MNT_FORCE | _MNT_DETACH), "umount")


def can_share() -> bool:
    """Whether this machine lets us mount such a thing."""
    return os.geteuid() == 0 and os.access("/dev/fuse", os.R_OK | os.W_OK)


if __name__ == "__main__":
    opened = os.open("/dev/fuse", os.O_RDWR)
    mount(opened, Path(sys.argv[2]))
    Server(Path(sys.argv[1]), opened).serve()
