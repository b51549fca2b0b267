"""Logging: to the journal with fields when systemd started us, otherwise plain lines with the time on stderr.

Any thread may log; handlers carry the standard library's lock. The audio thread does not log. ``extra={"lull": {…}}``
on a record becomes journal fields: ``event`` is LULL_EVENT, ``playlist`` LULL_PLAYLIST, and so on, so that
``journalctl LULL_EVENT=session_started`` finds every start of a session. Messages of the logger ``lull`` itself are
always logged; everything else (libVLC, paho) is logged once, then counted, and limited in number by
`_LineQuota`, so that no noise fills a journal on an SD card. `player.system.native_logs` brings the
messages of libVLC and the codecs; those of foreign libraries begin with the library's name.

What keeps noise out of the log: repeated messages are counted, and each source has a quota of lines. A broker that is
away for a night, or a decoder that fails at every frame, would otherwise fill a journal that lies on an SD card.
Counting repeats is not enough for a source that puts a new number into each message, so each source may also write
only so many lines. Pure: `now_s` is an argument, and the caller holds the lock (a logging handler has one).
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, TextIO, TypeAlias

from player.core.clock import Clock, SystemClock
from player.core.text import without_controls, without_secrets
from player.core.token_bucket import Bucket
from player.core.units import format_duration
from player.system.systemd import send_to_journal

REPEAT_WINDOW_S: Final = 600.0
MAX_TEXTS: Final = 64
"""Maximum number of different texts that are remembered; a further one replaces the oldest."""
LINES_AT_ONCE: Final = 10.0
LINES_PER_S: Final = 1.0 / 60.0
TELL_AFTER_S: Final = 600.0


@dataclass(frozen=True, slots=True)
class LogMessage:
    """The fields by which two messages count as the same."""

    logger: str
    level: int
    text: str


@dataclass(slots=True)
class _Window:
    began_s: float
    times_more: int = 0


class LogDedup:
    """Remembers the messages of the last ``window_s`` seconds."""

    def __init__(self, window_s: float = REPEAT_WINDOW_S, max_texts: int = MAX_TEXTS) -> None:
        self._window_s = window_s
        self._max_texts = max_texts
        self._windows: dict[LogMessage, _Window] = {}  # in the order of their beginning

    def is_new(self, message: LogMessage, now_s: float) -> bool:
        """Whether to log it; False when it was logged within the window, and then it is counted."""
        window = self._windows.get(message)
        if window is not None and now_s - window.began_s < self._window_s:
            window.times_more += 1
            return False
        self._windows.pop(message, None)
        self._windows[message] = _Window(now_s)
        return True

    def take_counts(self, now_s: float) -> list[tuple[LogMessage, int]]:
        """Messages whose window is over (or that were replaced), with the number of repeats; forgets them."""
        over: list[tuple[LogMessage, int]] = []
        for message, window in list(self._windows.items()):
            if now_s - window.began_s < self._window_s and len(self._windows) <= self._max_texts:
                break
            del self._windows[message]
            if window.times_more:
                over.append((message, window.times_more))
        return over


class LogQuota:
    """Limits the lines of each source, by its name."""

    def __init__(self) -> None:
        self._buckets: dict[str, Bucket] = {}
        self._left_out: dict[str, int] = {}
        self._since_s: dict[str, float] = {}

    def take(self, source: str, now_s: float) -> bool:
        """Whether the source may log a line now; a line that it may not is counted."""
        if self._buckets.setdefault(source, Bucket(LINES_AT_ONCE, LINES_PER_S)).take(now_s):
            return True
        self._since_s.setdefault(source, now_s)
        self._left_out[source] = self._left_out.get(source, 0) + 1
        return False

    def take_counts(self, now_s: float) -> list[tuple[str, int]]:
        """Sources whose lines were left out, first ten minutes ago, with their number; forgets it."""
        due = [source for source, since_s in self._since_s.items() if now_s - since_s >= TELL_AFTER_S]
        for source in due:
            del self._since_s[source]
        return [(source, self._left_out.pop(source)) for source in due]


IDENTIFIER: Final = "lull"
NEWS_LOGGER: Final = "lull"
PAHO_LOGGER: Final = "lull.mqtt.paho"
FIELD_LENGTH: Final = 64
"""The longest name of a field that the journal accepts."""
_CLEAR_LINE: Final = "\r\x1b[2K"

Send: TypeAlias = Callable[[str, Mapping[str, str]], None]


def set_up(*, is_verbose: bool = False, warnings_only: bool = False) -> None:
    """Send all logging to where it belongs; called again, the new set-up replaces the old one.

    Without ``is_verbose`` only warnings and errors of foreign libraries are logged.
    """
    own_level = logging.DEBUG if is_verbose else logging.WARNING if warnings_only else logging.INFO
    handler = make_handler(sys.stderr, SystemClock(), send_to_journal)
    root = logging.getLogger()
    for old in [old for old in root.handlers if isinstance(old, OnceHandler)]:
        root.removeHandler(old)
        old.close()
    root.addHandler(handler)
    root.setLevel(logging.DEBUG if is_verbose else logging.WARNING)
    logging.getLogger(NEWS_LOGGER).setLevel(own_level)
    paho = logging.getLogger(PAHO_LOGGER)
    if not paho.filters:
        paho.addFilter(_name_paho)


def _name_paho(record: logging.LogRecord) -> bool:
    """Add paho's name; leave out what it calls an error at the end of a connection, which lull reports by itself."""
    text = _text_of(record)
    record.msg, record.args = f"paho: {text}", None
    return not text.startswith(("Client is not connected", "failed to receive on socket"))


def make_handler(stream: TextIO, clock: Clock, send: Send) -> OnceHandler:
    """The log handler of a process whose stderr is ``stream``."""
    if leads_to_journal(stream):
        return OnceHandler(JournalHandler(stream, send), clock)
    plain = logging.StreamHandler(stream)
    plain.setFormatter(PlainFormatter(_CLEAR_LINE if stream.isatty() else ""))
    return OnceHandler(plain, clock)


def leads_to_journal(stream: TextIO) -> bool:
    """Whether the stream is the one that systemd connected to the journal: JOURNAL_STREAM is its device:inode.

    The variable alone proves nothing: a process whose stderr is redirected inherits it too.
    """
    try:
        status = os.fstat(stream.fileno())
    except (OSError, ValueError):  # closed, or no file at all
        return False
    return os.environ.get("JOURNAL_STREAM") == f"{status.st_dev}:{status.st_ino}"


def fields_of(record: logging.LogRecord) -> dict[str, str]:
    """The journal's fields of a record, without the message."""
    fields = {
        "PRIORITY": str(_priority(record.levelno)),
        "SYSLOG_IDENTIFIER": IDENTIFIER,
        "LOGGER": record.name,
        "THREAD_NAME": str(record.threadName),
        "CODE_FILE": record.pathname,
        "CODE_LINE": str(record.lineno),
        "CODE_FUNC": str(record.funcName),
    }
    for key, value in getattr(record, "lull", {}).items():
        if value is not None:
            text = value if isinstance(value, str) else json.dumps(value, default=str)
            fields[_field_name(key)] = without_secrets(text)
    return fields


def _field_name(key: str) -> str:
    return ("LULL_" + re.sub(r"[^A-Z0-9]", "_", key.upper()))[:FIELD_LENGTH]


def _priority(level: int) -> int:
    """The syslog priority of a logging level: 7 debug, 6 info, 4 warning, 3 error, 2 critical."""
    steps = ((logging.CRITICAL, 2), (logging.ERROR, 3), (logging.WARNING, 4), (logging.INFO, 6))
    return next((priority for lowest, priority in steps if level >= lowest), 7)


class JournalHandler(logging.Handler):
    """Writes records to the journal; one that it rejects goes to stderr, which the journal reads too."""

    def __init__(self, stream: TextIO, send: Send) -> None:
        super().__init__()
        self._stream = stream
        self._send = send

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record; logging never raises."""
        try:
            message = without_controls(self.format(record))
            self._send(message, fields_of(record))
        except OSError:
            self._write_line(record.levelno, message)
        except (TypeError, ValueError):  # a text and arguments that do not fit: said in the standard library's way
            self.handleError(record)

    def _write_line(self, level: int, message: str) -> None:
        with contextlib.suppress(OSError, ValueError):  # stderr is gone as well: nobody is left to be told
            # "<4>" at the start of a line is its priority: sd-daemon(3)
            self._stream.write(f"<{_priority(level)}>{' '.join(message.splitlines())}\n")
            self._stream.flush()


class PlainFormatter(logging.Formatter):
    """``2026-01-15 22:30:00 warning: text``; the level is named from warnings on.

    Args:
        before: written before each line, to erase the live line that a terminal may show.
    """

    def __init__(self, before: str = "") -> None:
        super().__init__("%(message)s")
        self._before = before

    def format(self, record: logging.LogRecord) -> str:
        """One line, and the traceback where there is one."""
        level = f"{record.levelname.lower()}: " if record.levelno >= logging.WARNING else ""
        text = without_controls(super().format(record))
        return f"{self._before}{self.formatTime(record, '%Y-%m-%d %H:%M:%S')} {level}{text}"


def _text_of(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    except (TypeError, ValueError):  # a text and arguments that do not fit; the inner handler says so
        return str(record.msg)


class OnceHandler(logging.Handler):
    """Passes records on to another handler: each text once, and a limited number from each source.

    The counts of what was left out follow with the first record after ten minutes.

    Args:
        inner: the handler that writes; closed with this one.
        clock: measures how long ago a text was logged.
    """

    def __init__(self, inner: logging.Handler, clock: Clock) -> None:
        super().__init__()
        self._inner = inner
        self._clock = clock
        self._repeats = LogDedup()
        self._rations = LogQuota()

    def emit(self, record: logging.LogRecord) -> None:
        """Write it, or count it."""
        now_s = self._clock.now().boot_s
        self._say_counts(now_s)
        text = _text_of(record)
        shown = without_secrets(text)
        if shown != text:
            record.msg, record.args = shown, None
        message, name = LogMessage(record.name, record.levelno, shown), record.name
        if name == NEWS_LOGGER or (self._repeats.is_new(message, now_s) and self._rations.take(name, now_s)):
            self._inner.handle(record)

    def close(self) -> None:
        """Log the counts that are still pending, and close the other handler."""
        self._say_counts(float("inf"))
        self._inner.close()
        super().close()

    def _say_counts(self, now_s: float) -> None:
        within = format_duration(REPEAT_WINDOW_S)
        for message, times in self._repeats.take_counts(now_s):
            if message.logger == NEWS_LOGGER or self._rations.take(
                message.logger, min(now_s, self._clock.now().boot_s)
            ):
                text = f"{message.text} (came {times} more times within {within})"
                self._say(message.logger, message.level, text, {"repeats": times})
        for source, count in self._rations.take_counts(now_s):
            text = f"{source}: {count} more messages of other kinds were left out within {within}"
            self._say(source, logging.WARNING, text, {"left_out": count})

    def _say(self, logger: str, level: int, text: str, fields: dict[str, Any]) -> None:
        values: dict[str, Any] = {"name": logger, "levelno": level, "msg": text}
        values |= {"levelname": logging.getLevelName(level), "lull": fields}
        self._inner.handle(logging.makeLogRecord(values))
