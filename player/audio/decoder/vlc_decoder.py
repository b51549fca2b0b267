"""The decoder: libVLC's stream output writes float32 blocks at 48 kHz stereo to a ring. The only file that imports vlc.

libVLC has no output, no volume and no clock here: ``transcode`` converts every format to this one, ``smem`` calls back
with each block, and a callback that blocks makes the decoder wait. (The public audio callbacks of VLC 3 give 16 bit
only and are paced by VLC's own clock, which drifts from the sound card's.)

Threads, for each source:

* the *reader* (the engine) calls the methods of `RingSource`; none of them calls libVLC, so none can hang;
* the *keeper*, one Python thread per open source, makes every libVLC call: it starts the player, sleeps until something
  happens, and stops it. A stop that hangs (a dead network share) blocks only the keeper; the number of keepers
  is bounded, so that stuck ones become a fault of new tracks and do not accumulate;
* *libVLC's own threads* call `_prerender`, `_postrender` and `_on_event`, which never call libVLC.

The three callbacks are made once for the process and never freed, and libVLC passes them a number instead of an object:
`_OPEN` maps it to its source. So no late callback can reach freed memory, and opening a track creates no closures.

The ring is finished only after ``stop`` has joined libVLC's threads, which is done once libVLC says ``Stopped``.
``EndReached`` comes earlier, while the decoder is still flushed. So the same file gives the same samples every time.

Limitation: the last 7 to 100 ms of a track are lost. VLC's copy packetizer keeps one packet back and drops it
at the end (modules/packetizer/copy.c: WAV, AIFF, Opus), and the transcoder never drains its resampler. No option helps.
`player.audio.decoder.starts` describes how exact a start in the middle is.
"""

from __future__ import annotations

import ctypes
import itertools
import os
import threading
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

try:
    import vlc
except NotImplementedError as error:  # python-vlc found a library that it cannot load
    raise ImportError("libvlc.so.5: it cannot be loaded") from error

from player.audio.decoder.content_kind import look_into
from player.audio.decoder.faults import unreadable, why_over
from player.audio.decoder.lengths import WAV, length_of, suffix_of
from player.audio.decoder.long_wav import long_wav
from player.audio.decoder.native_threads import DecoderSlots, limit_malloc, stay_on_one_core
from player.audio.decoder.pipe_ring import PipeRing
from player.audio.decoder.ring import FRAME_BYTES, Ring, ring_of
from player.audio.decoder.ring_source import RingSource
from player.audio.decoder.starts import start_of
from player.audio.dsp.native import kernel
from player.core.clock import monotonic_us
from player.core.errors import SourceError
from player.core.events import DELIVERED_NOTHING, TOO_SLOW, is_web
from player.core.threads import TOO_MANY, has_started
from player.core.units import CHANNELS, RATE_HZ, format_duration

INSTANCE_OPTIONS: Final = (
    "--intf=dummy", "--verbose=-1", "--ignore-config", "--no-media-library", "--no-interact", "--no-lua",
    "--no-video", "--no-spu", "--no-osd", "--no-sub-autodetect-file", "--no-xlib", "--no-stats",
    "--no-auto-preparse", "--no-metadata-network-access", "--no-sout-all", "--no-sout-video", "--no-sout-spu",
    "--aout=dummy",
    # 0.2 % of a core for an MP3 at 44.1 kHz, speex 0.5 %; the others where VLC was built without soxr. At 48 kHz soxr
    # leaves each sample as it is, which speex does not; with 64-bit float it corrupts the heap, see `_instance_for`
    "--audio-resampler=soxr,speex_resampler,any",
    # avparser, which loads libavcodec (12 MB, 2 of them own pages), comes last. For an MP3 it is loaded all the same:
    # its reader names no packetizer (demux_PacketizerNew in src/input/demux.c), and avparser's score is the highest
    "--packetizer=mpegaudio,flac,vorbis,mpeg4audio,a52,dts,mlp,lpcm,speex,copy,any",
)  # fmt: skip

_MEDIA_OPTIONS: Final = (":no-mkv-preload-local-dir",)
"""A Matroska file must not open others. libVLC's modules cannot be restricted: `look_into` refuses lists of files."""

SLOW_WINDOW_S: Final = 40.0
SLOW_SHARE: Final = 0.9
"""A stream that delivers less sound than this share of the window's length is too slow to be played."""


@dataclass(frozen=True, slots=True)
class DecoderSettings:
    """Sizes and time limits.

    Attributes:
        ring_s: how much decoded audio the ring holds; 8 bytes a frame, so 6 s are 2.3 MB.
        is_piped: for reading as fast as possible: the same samples come through a pipe of 2.7 s, with fewer wake-ups.
        file_stall_s: a file that delivers nothing for so long, although there is room, has failed.
        web_stall_s: the same for an address; longer, since libVLC reconnects by itself.
    """

    ring_s: float = 6.0
    is_piped: bool = False
    file_stall_s: float = 10.0
    web_stall_s: float = 30.0


_OPEN: Final[dict[int, RingSource]] = {}
_STREAMS: Final[dict[int, Any]] = {}  # WebStream or LongWav
_numbers: Final[Iterator[int]] = itertools.count(1)


def _ring(number: int) -> Ring:
    """The ring that the callbacks fill; they are not used for a pipe."""
    ring = _OPEN[number].ring
    assert isinstance(ring, Ring)
    return ring


def _prerender(number: int, place: Any, size: int) -> None:
    """LibVLC asks for room for ``size`` bytes, which may be 0. Blocks while the ring is full."""
    # an unknown number would be a bug: a keeper removes its own only after libVLC's threads are gone
    place[0] = _ring(number).reserve(-(-size // FRAME_BYTES))


def _postrender(number: int, _place: int, *block: int) -> None:
    """The block is where `_prerender` said; ``block`` is channels, rate in Hz, frames, bits, bytes, time stamp."""
    channels, rate_hz, _, bits, size, _ = block
    source = _OPEN[number]
    if (channels, rate_hz, bits) != (CHANNELS, RATE_HZ, 32):
        source.is_alien = True
        source.ring.finish()
    _ring(number).commit(size // FRAME_BYTES)


def _on_event(event: Any, number: int) -> None:
    """An event of a player; only sets flags."""
    source = _OPEN[number]
    kind = event.contents.type.value
    if kind == vlc.EventType.MediaPlayerLengthChanged.value:
        if not source.is_length_ours:
            length_ms = event.contents.u.new_length
            source.length_s = length_ms / 1000 if length_ms > 0 else None
    elif kind == vlc.EventType.MediaPlayerEncounteredError.value:
        source.is_error = True
    else:
        source.wake.set()


_PRERENDER: Final = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.POINTER(ctypes.c_void_p), ctypes.c_size_t)(
    _prerender
)
_POSTRENDER: Final = ctypes.CFUNCTYPE(
    None, ctypes.c_void_p, ctypes.c_void_p, *[ctypes.c_uint] * 4, ctypes.c_size_t, ctypes.c_int64
)(_postrender)
_ON_EVENT: Final = ctypes.CFUNCTYPE(None, ctypes.POINTER(vlc.Event), ctypes.c_void_p)(_on_event)


def _on_open(number: int, data: Any, size: Any) -> int:
    """LibVLC begins to read a stream; its input thread calls this and the next two."""
    data[0] = number
    size[0] = _STREAMS[number].size or (1 << 64) - 1
    return 0


def _on_read(number: int, place: Any, most: int) -> int:
    """The next bytes; 0 is the end. Blocks until some come, but not after `WebStream.close`."""
    try:
        data = _STREAMS[number].read(most)
    except Exception:  # noqa: BLE001 - an exception cannot pass through libVLC; the stream ends, and is tried again
        return 0
    ctypes.memmove(place, data, len(data))
    return len(data)


def _on_seek(number: int, at: int) -> int:
    """Continue at another byte; any result except 0 means that this is not possible."""
    try:
        return 0 if _STREAMS[number].seek(at) else -1
    except Exception:  # noqa: BLE001 - as above
        return -1


_STREAMS_OPEN: Final = vlc.CallbackDecorators.MediaOpenCb(_on_open)
_STREAMS_READ: Final = vlc.CallbackDecorators.MediaReadCb(_on_read)
_STREAMS_SEEK: Final = vlc.CallbackDecorators.MediaSeekCb(_on_seek)
_NO_SEEK: Final = vlc.CallbackDecorators.MediaSeekCb()
_NO_CLOSE: Final = vlc.CallbackDecorators.MediaCloseCb()

_EVENTS: Final = (
    vlc.EventType.MediaPlayerLengthChanged, vlc.EventType.MediaPlayerEncounteredError, vlc.EventType.MediaPlayerStopped,
)  # fmt: skip


class VlcDecoder:
    """Opens tracks with one libVLC instance that lives as long as this (creating it takes about 40 ms).

    Args:
        more_options: for the instance, beside `INSTANCE_OPTIONS`.

    Raises:
        SourceError: libVLC cannot start, for example because its plugins are not installed.
    """

    def __init__(self, settings: DecoderSettings = DecoderSettings(), more_options: tuple[str, ...] = ()) -> None:
        self._settings = settings
        limit_malloc(keeps_memory=settings.is_piped)
        self._more_options = more_options
        self._instance = self._start()
        self._instance_without_soxr: Any = None
        self._places = DecoderSlots()

    def _start(self, *options: str) -> Any:
        """An instance of libVLC."""
        try:
            instance = vlc.Instance(*INSTANCE_OPTIONS, *options, *self._more_options)
        except NameError:  # python-vlc found no library to take the function from
            instance = None
        if instance is None:
            raise SourceError("libVLC cannot start; install the packages libvlc5 and vlc-plugin-base")
        return instance

    def _instance_for(self, *, may_be_double: bool) -> Any:
        """The instance for a track: for possible 64-bit float, one that does not resample with soxr."""
        if not may_be_double:
            return self._instance
        if self._instance_without_soxr is None:
            self._instance_without_soxr = self._start("--audio-resampler=speex_resampler,none")
        return self._instance_without_soxr

    def open(self, uri: str, start_s: float = 0.0) -> RingSource:
        """Begin to decode a file path or http(s) address at ``start_s``; returns at once, the source reports faults."""
        source = RingSource(PipeRing() if self._settings.is_piped else ring_of(self._settings.ring_s))
        reason = self._places.take(uri)
        if reason is None:
            thread = threading.Thread(target=self._keep, args=(source, uri, start_s), name="lull-decoder", daemon=True)
            if not has_started(thread):  # this track fails, and its slot is released
                self._places.give_back(uri)
                reason = f"cannot be opened: {TOO_MANY}"
        if reason is not None:
            source.end(reason)
        return source

    def _keep(self, source: RingSource, uri: str, start_s: float) -> None:
        """The body of a keeper thread."""
        try:
            _Keeper(self._instance_for, source, self._settings).run(uri, start_s)
        finally:
            self._places.give_back(uri)


class _Keeper:
    """All libVLC calls for one source, on a thread of its own."""

    def __init__(self, instance_for: Callable[..., Any], source: RingSource, settings: DecoderSettings) -> None:
        self._instance_for = instance_for
        self._source = source
        self._settings = settings
        self._number = next(_numbers)
        self._may_be_double = True  # the content of a stream is not checked before it is opened

    def run(self, uri: str, start_s: float) -> None:
        """Play to the end; every fault becomes a fault of the source."""
        if not self._settings.is_piped:
            stay_on_one_core(self._number)
        _OPEN[self._number] = self._source
        try:
            self._source.end(self._follow(uri, start_s))
        except Exception as fault:  # noqa: BLE001 - the thread ends here; a bug must become a fault of the track
            self._source.end(f"cannot be played: {type(fault).__name__}: {fault}")
        finally:
            del _OPEN[self._number]

    def _follow(self, uri: str, start_s: float) -> str | None:
        """Play a file or an address; returns the fault, None without one."""
        if not is_web(uri):
            if (reason := unreadable(uri)) is not None:
                return reason
            content = look_into(uri)
            if content.refusal is not None:
                return content.refusal
            self._may_be_double = content.may_be_double
            self._play_file(uri, start_s)
            return why_over(self._source, start_s, states_length=content.states_length)
        from player.audio.decoder.web_stream import WebStream  # imported late: with http and ssl it takes 2 MB

        stream = WebStream(uri, self._settings.web_stall_s)
        _STREAMS[self._number] = stream
        self._source.on_close = stream.close
        try:
            if not self._source.is_closed:  # checked after the line above, so that no close is missed
                stream.open()
            self._play(uri, start_s)
        except SourceError as fault:
            return str(fault)
        finally:
            stream.close()
            del _STREAMS[self._number]
        return why_over(self._source, start_s)

    def _play_file(self, path: str, start_s: float) -> None:
        """Play a file: libVLC opens it by itself, unless its header must be corrected."""
        if suffix_of(path) not in WAV:
            self._play(path, start_s)
            return
        with open(path, "rb") as file:
            long = long_wav(file)
            if long is not None:
                _STREAMS[self._number] = long
            try:
                self._play(path, start_s)
            finally:
                _STREAMS.pop(self._number, None)

    def _play(self, uri: str, start_s: float) -> None:
        """Play until it is over."""
        self._source.is_error = False
        self._source.wake.clear()
        if self._source.is_closed:  # checked after the clear, so that no close is missed
            return
        media = self._media(uri, start_s)
        player = vlc.libvlc_media_player_new_from_media(media)
        manager = player.event_manager()
        for kind in _EVENTS:
            vlc.libvlc_event_attach(manager, kind, _ON_EVENT, self._number)
        try:
            player.play()
            self._watch(is_web=is_web(uri))
            if self._number in _STREAMS:
                _STREAMS[self._number].close()  # its input thread may wait for bytes
            player.stop()  # joins libVLC's threads: no callback comes after this line
        finally:
            player.release()
            media.release()

    def _media(self, uri: str, start_s: float) -> Any:
        """The libVLC media with its options; the caller must release it."""
        instance = self._instance_for(may_be_double=self._may_be_double)
        if self._number in _STREAMS:
            seek = _NO_SEEK if _STREAMS[self._number].size is None else _STREAMS_SEEK
            functions = (_STREAMS_OPEN, _STREAMS_READ, seek, _NO_CLOSE)
            media = vlc.libvlc_media_new_callbacks(instance, *functions, ctypes.c_void_p(self._number))
        else:
            media = vlc.libvlc_media_new_path(instance, os.fsencode(Path(uri).absolute()))
        chain = f"#transcode{{acodec=f32l,aenc=araw,channels={CHANNELS},samplerate={RATE_HZ}}}:{self._outlet()}"
        length = length_of(uri)
        if length is not None:
            self._source.is_length_ours, self._source.length_s = True, length.duration_s
        start = start_of(uri, start_s, length, _STREAMS[self._number].head if is_web(uri) else b"")
        self._source.ring.drop(start.dropped_frames)
        options = (f":sout={chain}", f":start-time={start.time_s:.4f}", f":demux={start.demux}", *_MEDIA_OPTIONS)
        for option in options:
            vlc.libvlc_media_add_option(media, option.encode())
        return media

    def _outlet(self) -> str:
        """The part of the stream output chain that receives libVLC's blocks."""
        if isinstance(self._source.ring, PipeRing):
            return f"std{{access=fd,mux=dummy,dst={self._source.ring.write_fd}}}"
        before, after = (ctypes.cast(function, ctypes.c_void_p).value for function in (_PRERENDER, _POSTRENDER))
        data, native = self._number, kernel()
        if native is not None:
            front = self._source.ring.front
            front.number, front.reserve, front.commit = self._number, before, after
            before, after = native.ring_callbacks()
            data = ctypes.addressof(front)
        callbacks = f"audio-prerender-callback={before},audio-postrender-callback={after}"
        # smem takes the first block of a chain and drops the others; duplicate hands over one block at a time
        return f"duplicate{{dst=smem{{{callbacks},audio-data={data},no-time-sync}}}}"

    def _watch(self, *, is_web: bool) -> None:
        """Sleep until libVLC is done or the reader closed; give up if nothing is decoded although there is room.

        Also gives up on a stream that arrives more slowly than it plays, if the ring is never full.
        """
        ring, stall_s = self._source.ring, self._settings.web_stall_s if is_web else self._settings.file_stall_s
        seen, quiet_s, began = -1, 0.0, monotonic_us() / 1e6
        window: deque[tuple[float, int]] = deque()
        while not self._source.wake.wait(stall_s / 4):
            now_s, written = monotonic_us() / 1e6 - began, ring.received_frames
            is_quiet = written == seen and not ring.is_writer_waiting
            quiet_s = quiet_s + stall_s / 4 if is_quiet else 0.0
            seen = written
            if quiet_s >= stall_s:
                self._source.end(f"{DELIVERED_NOTHING} {format_duration(stall_s)}")  # before stop, which may hang
                return
            if ring.is_writer_waiting or not is_web:
                window.clear()
                continue
            window.append((now_s, written))
            while now_s - window[0][0] > SLOW_WINDOW_S + stall_s / 4:
                window.popleft()
            long_s = now_s - window[0][0]
            share = (written - window[0][1]) / RATE_HZ / long_s if long_s >= SLOW_WINDOW_S else 1.0
            if share < SLOW_SHARE:
                self._source.end(f"{TOO_SLOW}: {share:.0%} of what it needs")
                return
