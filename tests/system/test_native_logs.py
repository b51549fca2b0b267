"""What C libraries write becomes a few lines of the log, each with their name; no flood gets through."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import textwrap
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from player.audio.decoder.vlc_decoder import VlcDecoder
from player.core.units import RATE_HZ
from player.mqtt.identity import PAHO_LOG
from player.system import logging_setup as journal
from player.system import native_logs as overheard
from player.system.logging_setup import LINES_AT_ONCE, LogQuota
from tests.audio_files import encode, noise
from tests.fakes.clock import FakeClock
from tests.paths import ROOT

PATIENCE_S = 10.0


class Ear(logging.Handler):
    """Keeps what is said, and tells when there is enough."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[tuple[str, int, str]] = []
        self._news = threading.Condition()

    def emit(self, record: logging.LogRecord) -> None:
        with self._news:
            self.lines.append((record.name, record.levelno, record.getMessage()))
            self._news.notify_all()

    def wait(self, count: int) -> list[tuple[str, int, str]]:
        with self._news:
            assert self._news.wait_for(lambda: len(self.lines) >= count, PATIENCE_S), self.lines
            return list(self.lines)


@pytest.fixture
def ear() -> Iterator[Ear]:
    """Hears the root logger."""
    found = Ear()
    logging.getLogger().addHandler(found)
    yield found
    logging.getLogger().removeHandler(found)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("flac warning: discarding bytes", (logging.WARNING, "flac: discarding bytes")),
        ("avformat error: Could not open: /a: x", (logging.ERROR, "avformat: Could not open: /a: x")),
        (
            "main error: cannot add a new stream (unsupported while muxing to this format). You can try increasing "
            "sout-mux-caching value",
            (
                logging.DEBUG,
                "main: cannot add a new stream (unsupported while muxing to this format). You can try increasing "
                "sout-mux-caching value",
            ),
        ),
        (
            "main warning: ES_OUT_SET_(GROUP_)PCR  is called too late (pts_delay increased to 1200 ms)",
            (logging.DEBUG, "main: ES_OUT_SET_(GROUP_)PCR  is called too late (pts_delay increased to 1200 ms)"),
        ),
        ("-- logger module started --", None),
        ("main debug: looking for access", None),
        ("main warning: invalid stop-time ignored", None),
    ],
)
def test_libvlcs_lines_keep_module_and_level(line: str, expected: tuple[int, str] | None) -> None:
    """Warnings and errors are worth saying, its own announcements are not, nor its advice about its buffers."""
    assert overheard.sort_vlc(line) == expected


def test_a_line_is_logged_with_the_name_of_who_wrote_it(ear: Ear) -> None:
    """One line an entry; what a terminal would obey is replaced, other scripts stay, and a very long line is cut."""
    fd = overheard.listen("codec", lambda line: (logging.WARNING, line))
    os.write(fd, b"\xef\xbb\xbfone\n\n\x1b[2Jtwo\n" + "/می\u200cخواهم".encode() + b"\n" + b"x" * 5000 + b"\n")
    found = ear.wait(4)
    texts = ["codec: one", "codec: \N{REPLACEMENT CHARACTER}[2Jtwo", "codec: /می\u200cخواهم"]
    assert found[:3] == [("codec", logging.WARNING, text) for text in texts]
    assert all(len(text) <= overheard.LINE_LENGTH + len("codec: ") for _, _, text in found)
    os.close(fd)


def test_a_reader_that_fails_lets_the_writer_go_on() -> None:
    """Whoever writes gets an error instead of waiting for ever: a decoder must not stand still over its log."""

    def fail(_line: str) -> tuple[int, str]:
        raise OSError("odd")

    fd = overheard.listen("codec", fail)

    def write() -> None:
        for _ in range(1000):
            os.write(fd, b"x" * 1000 + b"\n")

    with pytest.raises(BrokenPipeError):
        write()
    os.close(fd)


def test_by_the_signal_of_the_watchdog_each_thread_says_where_it_is() -> None:
    """On the real stderr, and the process ends by the signal."""
    program = """
    import os, signal, threading
    from player.system.native_logs import take_over_stderr
    take_over_stderr()
    threading.Thread(target=threading.Event().wait, daemon=True).start()
    os.kill(os.getpid(), signal.SIGQUIT)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == -signal.SIGQUIT
    assert done.stderr.count("(most recent call first)") >= 3, done.stderr  # main, the one that waits, the reader


def complain(handler: logging.Handler, clock: FakeClock, times: int, over_s: float, name: str = "libVLC") -> None:
    for number in range(times):
        clock.advance(over_s / times)
        text = f"{name}: flac: discarding {number} bytes"
        handler.handle(logging.makeLogRecord({"name": name, "levelno": logging.WARNING, "msg": text}))


def test_ten_thousand_complaints_a_minute_are_a_few_lines() -> None:
    """Each with another number in it: ten lines at once, one a minute, and how many were left out."""
    ear, clock = Ear(), FakeClock()
    handler = journal.OnceHandler(ear, clock)
    complain(handler, clock, 10_000, 60.0)
    assert len(ear.lines) <= LINES_AT_ONCE + 1
    said = len(ear.lines)
    clock.advance(600.0)
    complain(handler, clock, 1, 1.0)
    counted = [text for _, _, text in ear.lines if "left out" in text]
    assert counted == [f"libVLC: {10_000 - said} more messages of other kinds were left out within 10m"]


def test_pairs_of_complaints_are_rationed_too() -> None:
    """The counts of repeated texts are lines as well, and come out of the same ration."""
    ear, clock = Ear(), FakeClock()
    handler = journal.OnceHandler(ear, clock)
    for number in range(5_000):
        for _ in range(2):
            handler.handle(logging.makeLogRecord({"name": "libVLC", "levelno": 30, "msg": f"odd {number}"}))
    assert len(ear.lines) <= LINES_AT_ONCE + 1
    handler.close()
    assert len(ear.lines) <= LINES_AT_ONCE + 2


def test_news_are_never_rationed_and_sources_do_not_share() -> None:
    """What lull itself tells is all said; a flood of one source costs another one nothing."""
    ear, clock = Ear(), FakeClock()
    handler = journal.OnceHandler(ear, clock)
    complain(handler, clock, 100, 1.0)
    complain(handler, clock, 100, 1.0, "lull")
    complain(handler, clock, 3, 1.0, "lull.mqtt")
    names = [name for name, _, _ in ear.lines]
    assert (names.count("lull"), names.count("lull.mqtt")) == (100, 3)


def test_a_ration_grows_back() -> None:
    """After a quiet hour a source may say ten lines again."""
    rations = LogQuota()
    assert sum(rations.take("a", 0.0) for _ in range(50)) == 10
    assert sum(rations.take("a", 3600.0) for _ in range(50)) == 10
    assert rations.take_counts(600.0) == [("a", 80)]
    assert rations.take_counts(10_000.0) == []


def test_paho_says_that_it_is_paho(ear: Ear, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its warnings come with its name, what it says below that is not heard."""
    log = logging.getLogger(journal.PAHO_LOGGER)
    assert log is PAHO_LOG
    monkeypatch.setattr(log, "filters", [journal._name_paho])
    log.debug("Sending PINGREQ %s", 1)
    log.error("Caught exception in %s", "on_message")
    log.error("Client is not connected. Socket: None)")
    log.error("failed to receive on socket: %s", "[Errno 32] Broken pipe")
    assert ear.lines == [(journal.PAHO_LOGGER, logging.ERROR, "paho: Caught exception in on_message")]


@pytest.mark.slow
def test_what_a_library_writes_to_stderr_is_logged_and_ours_stays() -> None:
    """In a process of its own: the C library's line gets a name, Python's stderr and tracebacks are as before."""
    code = textwrap.dedent("""\
        import logging, os, sys, threading
        from player.system import logging_setup as journal
        from player.system.native_logs import take_over_stderr
        take_over_stderr()
        journal.set_up()
        print("ours", file=sys.stderr)
        said = threading.Event()
        class Ear(logging.Handler):
            def emit(self, record):
                said.set()
        logging.getLogger().addHandler(Ear())
        os.write(2, b"[layer3.c] error: odd\\n")
        assert said.wait(10)
        raise SystemExit("the end")
        """)
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    lines = done.stderr.splitlines()
    assert lines[0] == "ours"
    assert lines[1].endswith(" warning: library: [layer3.c] error: odd")
    assert lines[2:] == ["the end"]


@pytest.mark.slow
def test_a_crash_still_says_where_it_was() -> None:
    """A segmentation fault writes its place to the real stderr; the pipe dies with the process."""
    code = "import ctypes; from player.system.native_logs import take_over_stderr as t; t(); ctypes.string_at(0)"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == -11
    assert "Segmentation fault" in done.stderr


@pytest.mark.live
@pytest.mark.slow
def test_a_broken_file_makes_libvlc_complain_in_a_few_lines(tmp_path: Path) -> None:
    """A FLAC with flipped bits: hundreds of complaints of libVLC, each with its name, and a handful of lines."""
    path = encode(tmp_path / "x.flac", noise(20.0))
    data = bytearray(path.read_bytes())
    for place in np.random.default_rng(1).integers(2000, len(data), len(data) // 200):
        data[place] ^= 1 << (place % 8)
    path.write_bytes(data)
    raw, few = Ear(), Ear()
    once = journal.OnceHandler(few, FakeClock())
    log = logging.getLogger(overheard.VLC)
    for handler in (raw, once):
        log.addHandler(handler)
    try:
        source = VlcDecoder(more_options=overheard.vlc_log_options()).open(str(path))
        while source.wait_ready(RATE_HZ, PATIENCE_S) and (not source.is_finished() or source.frames_ready()):
            source.read(RATE_HZ)
        source.close()
        raw.wait(20)
    finally:
        for handler in (raw, once):
            log.removeHandler(handler)
    assert all(text.startswith("libVLC: ") for _, _, text in few.lines)
    assert 1 <= len(few.lines) <= LINES_AT_ONCE
    assert len(raw.lines) > len(few.lines)
