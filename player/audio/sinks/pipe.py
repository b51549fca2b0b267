"""The sink that writes into a named pipe: raw PCM for Snapcast's server, or any other reader.

Runs on the engine thread. No system call blocks here: the pipe is opened and written in non-blocking mode, and all
waits go through the clock and are bounded.

Theory. The reader sets the pace: at most ``buffer_s`` of sound waits in the pipe, and `write` returns when its
block is in. A reader that takes everything at once (snapserver never does, a recorder may) would let a whole night run
in minutes, so a block also waits until the sink's own clock has played what was written before. That clock runs
0.1 % fast, so a reader whose crystal runs slightly fast does not find the pipe empty because of it.

A pipe does not report that it ran empty. It did if nothing is in it although neither the reader nor the sink's clock
could have played all of it, had the writer been in time; the block that comes then is silence, as with every sink.

Snapserver opens its end without waiting; if nobody writes, it finds the end of the file, closes, and opens it again
100 to 200 ms later. So `open` holds both ends for a moment, and the reader stays. When all readers have left, the next
write raises an error. What they had not taken stays in the pipe until the sink closes it as well; then the kernel drops
it. So the next reader hears nothing old and begins at a whole frame, because only whole frames are ever written.

Limitations: what is in the pipe when a reader freezes is heard when it resumes, up to ``buffer_s`` of it. If a new
reader opens the pipe within one block after the previous one left, the two cannot be told apart: the new one receives
the sound without a rise, and from the middle of a frame if the previous one had read half of it. What a server buffers
after the pipe (Snapcast: a second) is not in `delay_s`.
"""

from __future__ import annotations

import errno
import fcntl
import os
import select
import stat
import struct
import termios
from contextlib import suppress
from pathlib import Path
from typing import Final

from player.audio.dsp.types import Block
from player.audio.sinks.pcm_format import PcmEncoder, SampleFormat
from player.core.clock import Clock
from player.core.errors import SinkError, Underrun
from player.core.settings.audio import PipeFormat

MODE: Final = 0o660
"""Permissions of a new pipe: for its owner and its group; the reader must be a member of the group."""
READER_S: Final = 0.3
"""Maximum wait for a reader, which tries to open the pipe every 100 to 200 ms."""
STALL_S: Final = 2.0
"""A reader that takes nothing for this long is lost."""
DRAIN_STALL_S: Final = 0.5
SLACK_S: Final = 0.003
RETRY_S: Final = 0.010
LATE_S: Final = 0.010
"""A block may be this late without a gap; a reader takes 20 ms at a time."""
AHEAD: Final = 1.001
_FORMATS: Final = {
    PipeFormat.S16: (SampleFormat.S16_LE, 48_000),
    PipeFormat.S24: (SampleFormat.S24_LE, 48_000),
    PipeFormat.S32: (SampleFormat.S32_LE, 48_000),
    PipeFormat.CD: (SampleFormat.S16_LE, 44_100),
}


class PipeSink:
    """A `Sink` into one named pipe, which is created if it is missing.

    Args:
        path: the pipe; its folder must exist.
        pipe_format: what the reader expects.
        clock: measures and sleeps the waits.
        buffer_s: maximum sound in the pipe.
    """

    def __init__(self, path: Path, pipe_format: PipeFormat, clock: Clock, buffer_s: float) -> None:
        self._path = path
        self._format = _FORMATS[pipe_format]
        self._clock = clock
        self._usual_s = self._buffer_s = buffer_s
        self._encoder = PcmEncoder(self._format[0], rate_hz=self._format[1])
        self._pipe: int | None = None
        self._room_bytes = 0
        self._played_at_s = 0.0
        self._read_at_s = 0.0
        self._is_begun = False

    @property
    def buffer_s(self) -> float:
        """What the pipe may hold, in seconds; 0 when closed."""
        return 0.0 if self._pipe is None else self._seconds(self._room_bytes)

    @property
    def delay_s(self) -> float:
        """What waits in the pipe, in seconds; 0 when closed."""
        return 0.0 if self._pipe is None else self._seconds(self._waiting_bytes(self._pipe))

    def open(self, buffer_times: int = 1) -> None:
        """Create the pipe if it is missing, and wait a moment for a reader.

        Raises:
            SinkError: there is no reader, or earlier data is still in the pipe; it cannot be created or written, or
                the path is not a pipe. Nothing is held.
        """
        self.close()
        self._buffer_s = self._usual_s * buffer_times
        try:
            self._make()
            self._pipe = self._with_reader()
            with suppress(OSError):  # a limit for this user; then the buffer is smaller
                # twice as much as is used: the kernel counts pages, and blocks do not end where pages do
                fcntl.fcntl(self._pipe, fcntl.F_SETPIPE_SZ, 2 * self._bytes(self._buffer_s))
            size = fcntl.fcntl(self._pipe, fcntl.F_GETPIPE_SZ)
            self._wait_until_empty(self._pipe)
        except OSError as fault:
            self.close()
            raise SinkError(f"cannot write into {self._path}: {fault.strerror}") from fault
        except SinkError:
            self.close()
            raise
        self._room_bytes = min(self._bytes(self._buffer_s), size)
        self._encoder = PcmEncoder(self._format[0], rate_hz=self._format[1])
        self._is_begun = False

    def write(self, block: Block) -> None:
        """Put the block into the pipe; waits until there is room.

        Raises:
            Underrun: the pipe had run empty; silence was written instead of this block.
            SinkError: the sink is closed, there is no reader any more, or the reader took nothing for 2 s.
        """
        if self._pipe is None:
            raise SinkError(f"{self._path} is not open")
        data = self._encoder.encode(block)
        had_gap = self._has_run_dry(self._pipe)
        self._push(self._pipe, bytes(len(data)) if had_gap else data)
        self._is_begun = self._is_begun or bool(data)
        if had_gap:
            self._encoder.forget()
            raise Underrun(f"{self._path} ran out of data")

    def drain(self) -> None:
        """Wait until all has been read and the sink's clock has played it; ends at once if the reader is gone."""
        if self._pipe is None:
            return
        with suppress(SinkError):  # nothing of it will be heard any more; the next write or open reports why
            self._push(self._pipe, self._encoder.ending(0))
            self._wait_until_empty(self._pipe)
            self._clock.sleep(max(0.0, self._played_at_s - self._clock.boot_s()))

    def close(self) -> None:
        """Release the pipe; what is in it can still be read."""
        if self._pipe is not None:
            os.close(self._pipe)
        self._pipe = None

    def _make(self) -> None:
        """Create the pipe with `MODE`, whatever the process's umask; an existing file is left as it is."""
        with suppress(FileExistsError):
            os.mkfifo(self._path, MODE)
            os.chmod(self._path, MODE)
        if not stat.S_ISFIFO(os.stat(self._path).st_mode):
            raise SinkError(f"{self._path} is not a pipe; remove it or choose another path")

    def _with_reader(self) -> int:
        """The end to write to, once a reader has the other end."""
        flags = os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC
        try:
            return os.open(self._path, flags)
        except OSError as fault:
            if fault.errno != errno.ENXIO:
                raise
        both = os.open(self._path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            pipe = os.open(self._path, flags)
            self._clock.sleep(READER_S)
        finally:
            os.close(both)
        if self._is_left(pipe):
            os.close(pipe)
            raise SinkError(f"no program reads {self._path}; is its reader running, for example snapserver?")
        return pipe

    def _push(self, pipe: int, data: bytes) -> None:
        """Write all of ``data``, whole frames at a time."""
        rest = memoryview(data)
        give_up_s = self._clock.boot_s() + STALL_S
        while rest:
            self._wait_for_turn(len(rest))
            room = self._room_bytes - self._waiting_bytes(pipe)
            count = self._put(pipe, rest[: max(0, room // self._encoder.frame_bytes) * self._encoder.frame_bytes])
            now_s = self._clock.boot_s()
            if count > 0:
                rest, give_up_s = rest[count:], now_s + STALL_S
                self._played_at_s = max(self._played_at_s, now_s) + self._seconds(count) / AHEAD
                self._read_at_s = now_s + self._seconds(self._waiting_bytes(pipe))
            elif now_s >= give_up_s:
                raise SinkError(f"the reader of {self._path} has read nothing for {STALL_S:g} s")
            if rest:
                missing_bytes = min(len(rest), self._room_bytes) - max(0, room - count)
                self._clock.sleep(max(RETRY_S, min(self._seconds(missing_bytes) + SLACK_S, self._buffer_s / 2)))

    def _put(self, pipe: int, data: memoryview) -> int:
        """Bytes that were written at once; 0 if there is no room."""
        try:
            return os.write(pipe, data) if data else self._nothing(pipe)
        except BlockingIOError:
            return 0
        except BrokenPipeError:
            raise self._gone() from None
        except OSError as fault:
            raise SinkError(f"cannot write into {self._path}: {fault.strerror}") from fault

    def _nothing(self, pipe: int) -> int:
        """Returns 0 for a full pipe; checks the reader here, because no write would report that it is gone."""
        if self._is_left(pipe):
            raise self._gone()
        return 0

    def _wait_for_turn(self, count: int) -> None:
        """Wait until ``count`` more bytes are at most one buffer ahead of the sink's clock."""
        ahead_s = self._played_at_s - self._clock.boot_s()
        over_s = ahead_s + min(self._seconds(count), self._buffer_s) - self._buffer_s
        if over_s > 0.0:
            self._clock.sleep(over_s)

    def _has_run_dry(self, pipe: int) -> bool:
        late_s = self._clock.boot_s() - max(self._played_at_s, self._read_at_s)
        return self._is_begun and late_s > LATE_S and self._waiting_bytes(pipe) == 0

    def _wait_until_empty(self, pipe: int) -> None:
        """Raises SinkError if it is not read within its duration plus half a second."""
        give_up_s = self._clock.boot_s() + self.delay_s + DRAIN_STALL_S
        while waiting_bytes := self._waiting_bytes(pipe):
            if self._is_left(pipe):
                raise self._gone()
            if self._clock.boot_s() >= give_up_s:
                raise SinkError(f"the program that reads {self._path} has stopped reading")
            self._clock.sleep(max(RETRY_S, min(self._seconds(waiting_bytes), give_up_s - self._clock.boot_s())))

    def _gone(self) -> SinkError:
        return SinkError(f"no program reads {self._path} any more")

    def _bytes(self, duration_s: float) -> int:
        return round(duration_s * self._encoder.rate_hz) * self._encoder.frame_bytes

    def _seconds(self, count: int) -> float:
        return count / self._encoder.frame_bytes / self._encoder.rate_hz

    @staticmethod
    def _waiting_bytes(pipe: int) -> int:
        """Bytes that have been written and not read."""
        answer = fcntl.ioctl(pipe, termios.FIONREAD, bytes(4))
        return int(struct.unpack("i", answer)[0])

    @staticmethod
    def _is_left(pipe: int) -> bool:
        """Whether no process holds the other end."""
        poll = select.poll()
        poll.register(pipe, 0)
        return any(what & select.POLLERR for _, what in poll.poll(0))
