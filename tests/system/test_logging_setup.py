"""What is written where: fields for the journal, lines for people, and each noise once."""

from __future__ import annotations

import io
import logging
import os
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TextIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from player.system import logging_setup as journal
from player.system.logging_setup import LogDedup, LogMessage
from tests.fakes.clock import FakeClock


class FakeJournal:
    """Takes entries, or refuses them with ``fault``."""

    def __init__(self, fault: OSError | None = None) -> None:
        self.entries: list[tuple[str, dict[str, str]]] = []
        self.fault = fault

    def send(self, message: str, fields: Mapping[str, str]) -> None:
        """One entry."""
        if self.fault is not None:
            raise self.fault
        self.entries.append((message, dict(fields)))


class Terminal(io.StringIO):
    """A stream that somebody looks at."""

    def isatty(self) -> bool:
        """Yes."""
        return True


def record(text: str, level: int = logging.INFO, name: str = "lull", **more: Any) -> logging.LogRecord:
    """A record, with whatever ``extra`` would have put on it."""
    return logging.makeLogRecord(
        {"name": name, "levelno": level, "levelname": logging.getLevelName(level), "msg": text, **more}
    )


def handler_to(stream: TextIO, clock: FakeClock | None = None) -> journal.OnceHandler:
    """The handler of a process with this stderr."""
    return journal.make_handler(stream, clock or FakeClock(), FakeJournal().send)


@pytest.fixture
def connected(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[TextIO]:
    """A stderr that systemd has connected: JOURNAL_STREAM names its device and inode."""
    with (tmp_path / "stderr").open("w+", encoding="utf-8") as stream:
        status = os.fstat(stream.fileno())
        monkeypatch.setenv("JOURNAL_STREAM", f"{status.st_dev}:{status.st_ino}")
        yield stream


@pytest.fixture
def untouched_logging() -> Iterator[None]:
    """Root and ``lull`` loggers come back as they were."""
    root, own = logging.getLogger(), logging.getLogger("lull")
    before = list(root.handlers), root.level, own.level
    yield
    for handler in [handler for handler in root.handlers if handler not in before[0]]:
        handler.close()
    root.handlers[:] = before[0]
    root.setLevel(before[1])
    own.setLevel(before[2])


# Where to.


def test_a_connected_stderr_leads_to_the_journal(connected: TextIO) -> None:
    """JOURNAL_STREAM matches device and inode of stderr."""
    assert journal.leads_to_journal(connected)


def test_an_inherited_variable_leads_nowhere(connected: TextIO, tmp_path: Path) -> None:
    """Started by a service with stderr sent to a file of its own, JOURNAL_STREAM is somebody else's."""
    with (tmp_path / "other").open("w", encoding="utf-8") as other:
        assert not journal.leads_to_journal(other)


def test_without_the_variable_there_is_no_journal(connected: TextIO, monkeypatch: pytest.MonkeyPatch) -> None:
    """A shell's stderr stays a shell's stderr."""
    monkeypatch.delenv("JOURNAL_STREAM")
    assert not journal.leads_to_journal(connected)


def test_a_stream_that_is_no_file_leads_nowhere(connected: TextIO) -> None:
    """A stream in memory, and one that is closed, are no reason to fail."""
    assert not journal.leads_to_journal(io.StringIO())
    connected.close()
    assert not journal.leads_to_journal(connected)


# The journal's fields.


def test_news_become_fields() -> None:
    """``extra={"lull": …}`` is LULL_ and the key in capitals; numbers and truth as JSON, nothing for None."""
    data = {"event": "session_started", "playlist": "rain", "volume": 30, "is_late": False, "track": None}
    fields = journal.fields_of(record("playing rain", lull=data))
    assert {key: value for key, value in fields.items() if key.startswith("LULL_")} == {
        "LULL_EVENT": "session_started",
        "LULL_PLAYLIST": "rain",
        "LULL_VOLUME": "30",
        "LULL_IS_LATE": "false",
    }
    assert fields["SYSLOG_IDENTIFIER"] == "lull"


def test_a_fields_name_is_one_that_the_journal_takes() -> None:
    """Capitals, digits and underscores, at most 64 of them: systemd.journal-fields(7)."""
    fields = journal.fields_of(record("odd", lull={"next start": "x", "größe": "y", "k" * 100: "z"}))
    assert all(re.fullmatch(r"[A-Z][A-Z0-9_]{0,63}", key) for key in fields)
    assert fields["LULL_NEXT_START"] == "x"


def test_what_json_does_not_know_is_written_as_text() -> None:
    """A value of any kind becomes text; logging never fails over it."""
    assert journal.fields_of(record("odd", lull={"path": Path("/a")}))["LULL_PATH"] == '"/a"'


@pytest.mark.parametrize(
    ("level", "priority"),
    [
        (logging.DEBUG, "7"),
        (logging.INFO, "6"),
        (logging.WARNING, "4"),
        (logging.ERROR, "3"),
        (logging.CRITICAL, "2"),
        (logging.INFO + 1, "6"),
    ],
)
def test_levels_are_syslogs(level: int, priority: str) -> None:
    """syslog(3): debug 7, informational 6, warning 4, error 3, critical 2."""
    assert journal.fields_of(record("x", level))["PRIORITY"] == priority


def test_a_record_reaches_the_journal_with_its_text(connected: TextIO) -> None:
    """Arguments are filled in, and nothing is written on stderr beside it."""
    fake = FakeJournal()
    handler = journal.make_handler(connected, FakeClock(), fake.send)
    handler.handle(record("playing %s", args=("rain",), lull={"event": "track_started"}))
    ((message, fields),) = fake.entries
    assert message == "playing rain"
    assert fields["LULL_EVENT"] == "track_started"
    assert connected.tell() == 0


def test_a_traceback_reaches_the_journal_in_one_entry(connected: TextIO) -> None:
    """An exception's traceback is part of its message."""
    fake = FakeJournal()
    try:
        raise ValueError("odd")
    except ValueError:
        journal.make_handler(connected, FakeClock(), fake.send).handle(record("failed", exc_info=sys.exc_info()))
    ((message, _),) = fake.entries
    assert message.startswith("failed\nTraceback")
    assert message.endswith("ValueError: odd")


def test_what_the_journal_does_not_take_goes_to_stderr(connected: TextIO) -> None:
    """A full disk loses the fields, not the message; one line, with its priority in front."""
    fake = FakeJournal(OSError(28, "No space left on device"))
    journal.make_handler(connected, FakeClock(), fake.send).handle(record("device\nlost", logging.WARNING))
    connected.seek(0)
    assert connected.read() == "<4>device lost\n"


def test_logging_does_not_raise_when_nobody_can_be_told(connected: TextIO) -> None:
    """Journal full and stderr closed: the message is lost, the daemon is not."""
    handler = journal.make_handler(connected, FakeClock(), FakeJournal(OSError(28, "No space left on device")).send)
    connected.close()
    handler.handle(record("device lost", logging.WARNING))


def test_arguments_that_do_not_fit_do_not_raise(connected: TextIO, capsys: pytest.CaptureFixture[str]) -> None:
    """A bug in a log call is printed, as the standard library does, and the caller goes on."""
    fake = FakeJournal()
    journal.make_handler(connected, FakeClock(), fake.send).handle(record("%s of %s", args=("one",)))
    assert fake.entries == []
    assert "not enough arguments" in capsys.readouterr().err


# Lines for people.


def test_people_get_the_time_and_the_text() -> None:
    """``2026-01-15 22:30:00 text``; no level where there is nothing to worry about."""
    stream = io.StringIO()
    handler_to(stream).handle(record("playing rain"))
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d playing rain\n", stream.getvalue())


def test_warnings_and_errors_are_named() -> None:
    """From warnings on the level stands before the text."""
    stream = io.StringIO()
    handler = handler_to(stream)
    handler.handle(record("broker away", logging.WARNING))
    handler.handle(record("config bad", logging.ERROR))
    assert [line[20:] for line in stream.getvalue().splitlines()] == ["warning: broker away", "error: config bad"]


def test_a_terminals_live_line_is_wiped_first() -> None:
    """On a terminal a message replaces the half-drawn line instead of running on from it."""
    stream = Terminal()
    handler_to(stream).handle(record("playing rain"))
    assert stream.getvalue().startswith("\r\x1b[2K")


# Each noise once.


def test_noise_is_said_once_then_counted() -> None:
    """A hundred refused connections in a minute are one line, and a count with the first line after ten minutes."""
    stream, clock = io.StringIO(), FakeClock()
    handler = handler_to(stream, clock)
    for _ in range(100):
        handler.handle(record("refused", logging.WARNING, "lull.mqtt"))
        clock.advance(0.6)
    clock.advance(540.0)
    handler.handle(record("playing rain"))
    assert [line[20:] for line in stream.getvalue().splitlines()] == [
        "warning: refused",
        "warning: refused (came 99 more times within 10m)",
        "playing rain",
    ]


def test_news_are_always_said() -> None:
    """The same track twice in ten minutes is news both times."""
    stream = io.StringIO()
    handler = handler_to(stream)
    handler.handle(record("playing rain"))
    handler.handle(record("playing rain"))
    assert len(stream.getvalue().splitlines()) == 2


def test_texts_are_compared_with_their_arguments() -> None:
    """The same form with other arguments is another text."""
    stream = io.StringIO()
    handler = handler_to(stream)
    handler.handle(record("skipped %s", name="lull.vlc", args=("a.mp3",)))
    handler.handle(record("skipped %s", name="lull.vlc", args=("b.mp3",)))
    assert len(stream.getvalue().splitlines()) == 2


def test_counts_that_are_owed_are_said_at_the_end() -> None:
    """Closing says what was counted."""
    stream = io.StringIO()
    handler = handler_to(stream)
    for _ in range(3):
        handler.handle(record("refused", logging.WARNING, "lull.mqtt"))
    handler.close()
    assert stream.getvalue().splitlines()[-1].endswith("warning: refused (came 2 more times within 10m)")


# Set-up.


@pytest.mark.usefixtures("untouched_logging")
@pytest.mark.parametrize(
    ("options", "own", "foreign"),
    [
        ({}, {"info", "warning"}, {"warning"}),
        ({"is_verbose": True}, {"debug", "info", "warning"}, {"debug", "info", "warning"}),
        ({"warnings_only": True}, {"warning"}, {"warning"}),
    ],
)
def test_levels_of_the_set_up(
    options: dict[str, bool], own: set[str], foreign: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ours from info on, others' from warnings on; verbose says all, and the night's live line only warnings."""
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.delenv("JOURNAL_STREAM", raising=False)
    journal.set_up(**options)
    for level in ("debug", "info", "warning"):
        getattr(logging.getLogger("lull.own"), level)("own %s", level)
        getattr(logging.getLogger("paho"), level)("foreign %s", level)
    heard = stream.getvalue()
    assert set(re.findall(r"own (\w+)", heard)) == own
    assert set(re.findall(r"foreign (\w+)", heard)) == foreign


@pytest.mark.usefixtures("untouched_logging")
def test_a_second_set_up_replaces_the_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """Set up twice, everything is still said once."""
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.delenv("JOURNAL_STREAM", raising=False)
    journal.set_up()
    journal.set_up()
    logging.getLogger("lull").info("ready")
    assert len(stream.getvalue().splitlines()) == 1


def test_no_password_of_an_address_is_written() -> None:
    """In no text, no argument and no field of the journal."""
    stream = io.StringIO()
    uri = "http://me:s3cret@radio.example/live?token=t0ken"
    handler_to(stream).handle(record("plays %s", args=(uri,)))
    assert "plays http://radio.example/live?" in stream.getvalue()
    fields = journal.fields_of(record("x", lull={"uri": uri, "all": [uri]}))
    assert not [text for text in (stream.getvalue(), *fields.values()) if "s3cret" in text or "t0ken" in text]


WINDOW_S = 600.0


def message(text: str, level: int = logging.WARNING, logger: str = "lull.mqtt") -> LogMessage:
    """A warning of the broker's."""
    return LogMessage(logger, level, text)


def test_a_new_text_is_said() -> None:
    """What was never said is new."""
    assert LogDedup().is_new(message("refused"), 0.0)


def test_the_same_text_is_said_once_within_the_window() -> None:
    """A thousand times in ten minutes: said once, 999 more are counted, and the count is handed out once."""
    repeats = LogDedup()
    said = [repeats.is_new(message("refused"), index * 0.5) for index in range(1000)]
    assert said.count(True) == 1
    assert said[0]
    assert repeats.take_counts(WINDOW_S - 0.1) == []
    assert repeats.take_counts(WINDOW_S) == [(message("refused"), 999)]
    assert repeats.take_counts(WINDOW_S) == []


def test_after_the_window_the_text_is_new_again() -> None:
    """A fault that lasts is named again every ten minutes."""
    repeats = LogDedup()
    assert repeats.is_new(message("refused"), 0.0)
    assert not repeats.is_new(message("refused"), WINDOW_S - 0.1)
    assert repeats.is_new(message("refused"), WINDOW_S)
    assert not repeats.is_new(message("refused"), 2 * WINDOW_S - 0.1)


def test_a_text_that_came_once_has_no_count() -> None:
    """Nothing is said about what did not come again."""
    repeats = LogDedup()
    repeats.is_new(message("refused"), 0.0)
    assert repeats.take_counts(WINDOW_S) == []


def test_level_and_logger_make_a_difference() -> None:
    """The same words from somebody else, or in earnest, are another message."""
    repeats = LogDedup()
    assert repeats.is_new(message("refused"), 0.0)
    assert repeats.is_new(message("refused", logging.ERROR), 0.0)
    assert repeats.is_new(message("refused", logger="lull.vlc"), 0.0)


@given(st.lists(st.tuples(st.integers(0, 30), st.floats(0, 50)), max_size=300))
def test_no_message_is_lost_and_memory_is_bounded(steps: list[tuple[int, float]]) -> None:
    """For any sequence of messages, said and counted together are all that came, with at most eight texts kept."""
    repeats = LogDedup(max_texts=8)
    now_s = 0.0
    said = counted = 0
    for text, pause_s in steps:
        now_s += pause_s
        counted += sum(count for _, count in repeats.take_counts(now_s))
        said += repeats.is_new(message(str(text)), now_s)
        assert len(repeats._windows) <= 9
    counted += sum(count for _, count in repeats.take_counts(float("inf")))
    assert said + counted == len(steps)


@pytest.mark.parametrize("is_journal", [False, True])
def test_what_a_terminal_would_obey_is_replaced(*, is_journal: bool) -> None:
    """In the name of a file, say; the lines of a traceback stay lines, and the journal shows text and no blob."""
    stream, sent = io.StringIO(), list[str]()
    handler: logging.Handler = journal.JournalHandler(stream, lambda message, _fields: sent.append(message))
    if not is_journal:
        handler = logging.StreamHandler(stream)
        handler.setFormatter(journal.PlainFormatter())
    record = logging.LogRecord("lull", logging.INFO, "", 1, "left out a\x1b[2J\x9b\u202e.mp3\n\tas it is", None, None)
    handler.handle(record)
    (said,) = sent or [stream.getvalue().rstrip("\n")]
    assert said.endswith("left out a\ufffd[2J\ufffd\ufffd.mp3\n\tas it is")
