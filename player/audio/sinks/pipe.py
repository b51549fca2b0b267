"""The sink that writes into a named pipe: raw PCM for Snapcast's server, or any other reader.

Runs on the engine thread. Nothing here blocks: the pipe is opened and written without waiting, and what waiting there
is goes through the clock, for a bounded time.

Theory. Whoever reads sets the pace: no more than ``buffer_s`` of sound waits in the pipe, and `write` returns when its
block is in. A reader that takes everything at once (snapserver never does, a recorder may) would let a night run
through in minutes, so a block also waits until a clock of our own has played what was written before. That clock runs
0.1 % fast: a crystal that runs fast itself never finds the pipe empty because of it.

A pipe tells nobody that it ran dry. It did when nothing is in it although neither the reader nor our clock could have
played all of it, had the writer been in time; the block that comes then is silence, as with every sink.

Snapserver opens its end without waiting, and where nobody writes it finds the end of the file, closes, and comes again
100 to 200 ms later. So `open` holds both ends for a moment: then it stays. When all readers have left, the next write
says so. What they had not taken stays in the pipe until we let go of it as well; then the kernel forgets it, nothing
old is heard by the next reader, and it begins at a whole frame: only whole frames are ever written.

Where it falls short: what is in the pipe when a reader freezes is heard when it goes on, up to ``buffer_s`` of it. A
reader that comes within a block of the one before it leaving is not told from that one: it is handed the sound as it
stands, without a rise, and from the middle of a frame on where the other one had read half of it. What a server holds
back behind the pipe (Snapcast: a second) is not in `delay_s`.
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
"""Of a pipe that is made here: its owner and its group; the reader is made a member of the group."""
READER_S: Final = 0.3
"""How long a reader is waited for; it comes by every 100 to 200 ms."""
STALL_S: Final = 2.0
"""A reader that takes nothing for so long is lost."""
DRAIN_STALL_S: Final = 0.5
SLACK_S: Final = 0.003
RETRY_S: Final = 0.010
LATE_S: Final = 0.010
"""So late a block may be without having been missed; a reader takes 20 ms at a time."""
AHEAD: Final = 1.001
_FORMATS: Final = {
    PipeFormat.S16: (SampleFormat.S16_LE, 48_000),
    PipeFormat.S24: (SampleFormat.S24_LE, 48_000),
    PipeFormat.S32: (SampleFormat.S32_LE, 48_000),
    PipeFormat.CD: (SampleFormat.S16_LE, 44_100),
}


class PipeSink:
    """A `Sink` into one named pipe, made where it is missing.

    Args:
        path: the pipe; its folder must exist.
        pipe_format: what the reader expects.
        clock: measures and sleeps the waits.
        buffer_s: how much sound waits in the pipe.
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
        """Make the pipe where it is missing, and wait a moment for somebody who reads.

        Raises:
            SinkError: nobody reads, or what was written before is still in it; it cannot be made or written, or
                something else is there. Nothing is held.
        """
        self.close()
        self._buffer_s = self._usual_s * buffer_times
        try:
            self._make()
            self._pipe = self._with_reader()
            with suppress(OSError):  # a limit of this user's; then the buffer is smaller
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
            Underrun: the pipe had run dry; silence went in, in the place of this block.
            SinkError: the sink is closed, nobody reads any more, or the reader took nothing for 2 s.
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
        """Wait until all has been read, and our own clock has played it too; a reader that is gone ends it at once."""
        if self._pipe is None:
            return
        with suppress(SinkError):  # nothing of it will be heard any more; the next write or open says why
            self._push(self._pipe, self._encoder.ending(0))
            self._wait_until_empty(self._pipe)
            self._clock.sleep(max(0.0, self._played_at_s - self._clock.boot_s()))

    def close(self) -> None:
        """Let go of the pipe; what is in it is still read."""
        if self._pipe is not None:
            os.close(self._pipe)
        self._pipe = None

    def _make(self) -> None:
        """The pipe, with its permissions whatever the process's mask; what is there already is left as it is."""
        with suppress(FileExistsError):
            os.mkfifo(self._path, MODE)
            os.chmod(self._path, MODE)
        if not stat.S_ISFIFO(os.stat(self._path).st_mode):
            raise SinkError(f"{self._path} is not a pipe; remove it or choose another path")

    def _with_reader(self) -> int:
        """The end to write to, with somebody at the other end."""
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
        """Put all of it in, whole frames at a time."""
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
        """Bytes that went in at once, none where there is no room."""
        try:
            return os.write(pipe, data) if data else self._nothing(pipe)
        except BlockingIOError:
            return 0
        except BrokenPipeError:
            raise self._gone() from None
        except OSError as fault:
            raise SinkError(f"cannot write into {self._path}: {fault.strerror}") from fault

    def _nothing(self, pipe: int) -> int:
        """A full pipe is not written to, so somebody has to ask whether it is still read."""
        if self._is_left(pipe):
            raise self._gone()
        return 0

    def _wait_for_turn(self, count: int) -> None:
        """Until our own clock has played so much that the rest is no more than a buffer ahead of it."""
        ahead_s = self._played_at_s - self._clock.boot_s()
        over_s = ahead_s + min(self._seconds(count), self._buffer_s) - self._buffer_s
        if over_s > 0.0:
            self._clock.sleep(over_s)

    def _has_run_dry(self, pipe: int) -> bool:
        late_s = self._clock.boot_s() - max(self._played_at_s, self._read_at_s)
        return self._is_begun and late_s > LATE_S and self._waiting_bytes(pipe) == 0

    def _wait_until_empty(self, pipe: int) -> None:
        """Raises SinkError when nobody takes it in the time that it lasts, and half a second more."""
        give_up_s = self._clock.boot_s() + self.delay_s + DRAIN_STALL_S
        while waiting_bytes := self._waiting_bytes(pipe):
            if self._is_left(pipe):
                raise self._gone()
            if self._clock.boot_s() >= give_up_s:
                raise SinkError(f"the reader of {self._path} reads nothing")
            self._clock.sleep(max(RETRY_S, min(self._seconds(waiting_bytes), give_up_s - self._clock.boot_s())))

    def _gone(self) -> SinkError:
        return SinkError(f"no program reads {self._path} any more")

    def _bytes(self, duration_s: float) -> int:
        return round(duration_s * self._encoder.rate_hz) * self._encoder.frame_bytes

    def _seconds(self, count: int) -> float:
        return count / self._encoder.frame_bytes / self._encoder.rate_hz

    @staticmethod
    def _waiting_bytes(pipe: int) -> int:
        """What has been written and not read."""
        answer = fcntl.ioctl(pipe, termios.FIONREAD, bytes(4))
        return int(struct.unpack("i", answer)[0])

    @staticmethod
    def _is_left(pipe: int) -> bool:
        """Whether nobody holds the other end."""
        poll = select.poll()
        poll.register(pipe, 0)
        return any(what & select.POLLERR for _, what in poll.poll(0))
