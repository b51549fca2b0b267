"""What the service manager hears: datagrams on a real notify socket, in the file system and abstract."""

from __future__ import annotations

import math
import os
import secrets
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from player.core.clock import monotonic_us
from player.system import systemd
from player.system.systemd import Heartbeat, SystemdNotifier, read_watchdog_s, send_to_journal


def queued_datagrams() -> int:
    """How many datagrams the kernel keeps for a local socket that nobody reads."""
    return int(Path("/proc/sys/net/unix/max_dgram_qlen").read_text(encoding="ascii"))


class Manager:
    """The receiving end of sd_notify(3)."""

    def __init__(self, address: str) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(address.replace("@", "\0", 1) if address.startswith("@") else address)
        self._socket.setblocking(False)  # a datagram on a local socket has arrived when the sender returns

    def heard(self) -> list[str]:
        """Everything that came since the last time, one text a datagram."""
        texts: list[str] = []
        while True:
            try:
                texts.append(self._socket.recv(4096).decode())
            except BlockingIOError:
                return texts

    def leave(self) -> None:
        """Close the socket; its name stays."""
        self._socket.close()


@pytest.fixture(params=["path", "abstract"])
def manager(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Manager]:
    """A service manager on both kinds of address that systemd uses."""
    address = str(tmp_path / "notify") if request.param == "path" else f"@lull-test-{secrets.token_hex(8)}"
    monkeypatch.setenv("NOTIFY_SOCKET", address)
    listening = Manager(address)
    yield listening
    listening.leave()


def test_ready_is_told(manager: Manager) -> None:
    """READY=1 ends starting."""
    SystemdNotifier().ready()
    assert manager.heard() == ["READY=1"]


def test_stopping_is_told(manager: Manager) -> None:
    """STOPPING=1 begins the end."""
    SystemdNotifier().stopping()
    assert manager.heard() == ["STOPPING=1"]


def test_the_watchdog_is_fed(manager: Manager) -> None:
    """WATCHDOG=1 is one feeding, and each call is one."""
    notifier = SystemdNotifier()
    notifier.feed_watchdog()
    notifier.feed_watchdog()
    assert manager.heard() == ["WATCHDOG=1", "WATCHDOG=1"]


def test_the_status_is_one_line(manager: Manager) -> None:
    """A title with line breaks stays one variable; nobody can smuggle a READY=1 into the status."""
    SystemdNotifier().status("playing rain\nREADY=1\r\nMAINPID=1")
    assert manager.heard() == ["STATUS=playing rain READY=1 MAINPID=1"]


def test_a_title_that_is_no_utf8_is_told_with_question_marks(manager: Manager) -> None:
    """A file name may hold any bytes; the daemon does not die of one in the status, and the rest is readable."""
    SystemdNotifier().status("playing: " + os.fsdecode("lätin".encode("latin-1")))
    assert manager.heard() == ["STATUS=playing: l?tin"]


def test_a_long_status_is_cut(manager: Manager) -> None:
    """Two hundred characters are enough; umlauts count as one."""
    SystemdNotifier().status("ä" * 500)
    assert manager.heard() == ["STATUS=" + "ä" * 199 + "…"]


def test_reloading_carries_the_managers_own_time(manager: Manager) -> None:
    """RELOADING=1 and MONOTONIC_USEC travel in one datagram, in microseconds of CLOCK_MONOTONIC."""
    SystemdNotifier(monotonic_us=lambda: 12_345_678).reloading()
    assert manager.heard() == ["RELOADING=1\nMONOTONIC_USEC=12345678"]


def test_the_managers_time_is_clock_monotonic(manager: Manager) -> None:
    """Unless told otherwise the time comes from CLOCK_MONOTONIC."""
    before_us = monotonic_us()
    SystemdNotifier().reloading()
    (text,) = manager.heard()
    assert before_us <= int(text.partition("MONOTONIC_USEC=")[2]) <= monotonic_us()


def everything(notifier: SystemdNotifier) -> None:
    """Make every call there is."""
    notifier.ready()
    notifier.status("idle")
    notifier.reloading()
    notifier.feed_watchdog()
    notifier.stopping()


def test_a_manager_that_left_is_no_fault(manager: Manager) -> None:
    """Nobody reads the socket any more: every call returns."""
    manager.leave()
    everything(SystemdNotifier())


def test_a_socket_that_was_removed_is_no_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """NOTIFY_SOCKET names nothing: every call returns."""
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "gone"))
    everything(SystemdNotifier())


def test_an_address_that_is_none_is_no_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    """NOTIFY_SOCKET is nonsense: every call returns."""
    monkeypatch.setenv("NOTIFY_SOCKET", "nonsense")
    everything(SystemdNotifier())


def test_a_full_socket_does_not_block_the_daemon(manager: Manager, monkeypatch: pytest.MonkeyPatch) -> None:
    """A manager that does not read: what had room arrives, the rest is dropped, and other threads run meanwhile.

    A second is long enough for ten turns of this thread on a busy machine.
    """
    monkeypatch.setattr(systemd, "_PATIENCE_S", 0.5)
    notifier, told = SystemdNotifier(), queued_datagrams() + 2
    counted, done = 0, threading.Event()

    def feed() -> None:
        for _ in range(told):
            notifier.feed_watchdog()
        done.set()

    threading.Thread(target=feed, daemon=True).start()
    while not done.wait(0.001) and counted < 100_000:
        counted += 1
    assert done.is_set()
    assert counted >= 10, "the test's own thread stood still while the socket was full"
    heard = manager.heard()
    assert 0 < len(heard) < told
    assert set(heard) == {"WATCHDOG=1"}


def test_a_ready_without_room_is_told_again(manager: Manager, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the next feeding, and once: a manager that never hears READY ends the daemon after its TimeoutStartSec."""
    monkeypatch.setattr(systemd, "_PATIENCE_S", 0.01)
    notifier = SystemdNotifier()
    for _ in range(queued_datagrams() + 1):
        notifier.status("starting")
    notifier.ready()
    assert set(manager.heard()) == {"STATUS=starting"}
    notifier.feed_watchdog()
    notifier.feed_watchdog()
    assert manager.heard() == ["READY=1", "WATCHDOG=1", "WATCHDOG=1"]


def test_without_a_manager_nothing_happens(monkeypatch: pytest.MonkeyPatch) -> None:
    """Started from a shell every call returns, and there is no watchdog."""
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    monkeypatch.delenv("WATCHDOG_USEC", raising=False)
    notifier = SystemdNotifier()
    everything(notifier)
    assert notifier.watchdog_s is None


def test_the_watchdogs_period_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """WatchdogSec=30 arrives as thirty million microseconds, with our own process id."""
    monkeypatch.setenv("WATCHDOG_USEC", "30000000")
    monkeypatch.setenv("WATCHDOG_PID", str(os.getpid()))
    assert SystemdNotifier().watchdog_s == 30.0


def test_the_watchdogs_period_needs_no_process_id(monkeypatch: pytest.MonkeyPatch) -> None:
    """sd_watchdog_enabled(3): without WATCHDOG_PID the period is for whoever reads it."""
    monkeypatch.setenv("WATCHDOG_USEC", "1500000")
    monkeypatch.delenv("WATCHDOG_PID", raising=False)
    assert read_watchdog_s() == 1.5


def test_somebody_elses_watchdog_is_not_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    """A period that was inherited from a parent is left alone."""
    monkeypatch.setenv("WATCHDOG_USEC", "30000000")
    monkeypatch.setenv("WATCHDOG_PID", str(os.getpid() + 1))
    assert read_watchdog_s() is None


@pytest.mark.parametrize("text", ["", "0", "-5", "30s", "1e6", "²"])
def test_a_period_that_is_none_means_no_watchdog(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Zero, a sign, a unit or no number at all: no watchdog, and no fault."""
    monkeypatch.setenv("WATCHDOG_USEC", text)
    monkeypatch.delenv("WATCHDOG_PID", raising=False)
    assert read_watchdog_s() is None


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[set[bytes]]:
    """What libsystemd was given, a set of fields for each entry."""
    entries: list[set[bytes]] = []
    monkeypatch.setattr("systemd.journal.sendv", lambda *fields: entries.append(set(fields)))
    return entries


def test_a_journal_entry_keeps_its_fields(sent: list[set[bytes]]) -> None:
    """Message and fields reach the library as they are, line breaks included, in one entry."""
    send_to_journal("two\nlines", {"LULL_EVENT": "problem", "PRIORITY": "4"})
    assert sent == [{b"MESSAGE=two\nlines", b"LULL_EVENT=problem", b"PRIORITY=4"}]


def test_a_name_that_is_no_utf8_can_be_written(sent: list[set[bytes]]) -> None:
    """A file name with the byte FF in it arrives with that byte spelled out."""
    send_to_journal("skipped", {"LULL_TRACK": os.fsdecode(b"rain\xff.mp3")})
    assert sent == [{b"MESSAGE=skipped", b"LULL_TRACK=rain\\udcff.mp3"}]


def test_the_real_library_takes_an_entry() -> None:
    """The libsystemd of this machine accepts what we send, journal or no journal; debug level, so that nobody minds."""
    send_to_journal("a test of lull wrote this", {"PRIORITY": "7", "SYSLOG_IDENTIFIER": "lull-test", "CODE_LINE": "1"})


PERIOD_S = 20.0


def test_without_a_watchdog_nothing_is_ever_due() -> None:
    """No period, no feeding, and no reason to wake up."""
    heart = Heartbeat(None)
    assert not heart.is_due(0.0, 1, is_silence_expected=True)
    assert not heart.is_due(1e9, 2, is_silence_expected=True)
    assert heart.wait_s() == math.inf


def test_the_wait_is_well_under_half_of_the_period() -> None:
    """A look every quarter of the period: two may be late before the watchdog bites."""
    assert Heartbeat(PERIOD_S).wait_s() == 5.0


def test_the_first_look_feeds() -> None:
    """Nothing can have moved before the first look."""
    assert Heartbeat(PERIOD_S).is_due(1000.0, 0, is_silence_expected=False)


def test_a_moving_counter_feeds_every_quarter() -> None:
    """Looked at every second while ten blocks a second are rendered, it is fed at 0, 5, 10, … seconds."""
    heart = Heartbeat(PERIOD_S)
    fed = [second for second in range(31) if heart.is_due(1000.0 + second, 10 * second, is_silence_expected=False)]
    assert fed == [0, 5, 10, 15, 20, 25, 30]


def test_a_single_block_is_a_sign_of_life() -> None:
    """One block since the last feeding is movement."""
    heart = Heartbeat(PERIOD_S)
    assert heart.is_due(0.0, 7, is_silence_expected=False)
    assert heart.is_due(5.0, 8, is_silence_expected=False)


def test_a_frozen_audio_thread_is_not_fed() -> None:
    """The counter stands while sound is expected: no feeding, however often one looks, so the watchdog bites."""
    heart = Heartbeat(PERIOD_S)
    assert heart.is_due(0.0, 50, is_silence_expected=False)
    assert not any(heart.is_due(second, 50, is_silence_expected=False) for second in range(1, 200))


def test_a_freeze_is_found_within_one_period_and_a_quarter() -> None:
    """Frozen at any moment after a feeding, there is at most one more feeding, a quarter of the period later."""
    for frozen_at_s in (0.1, 2.5, 4.9):
        heart = Heartbeat(PERIOD_S)
        fed = [
            tenth / 10
            for tenth in range(1000)
            if heart.is_due(tenth / 10, int(10 * min(tenth / 10, frozen_at_s)), is_silence_expected=False)
        ]
        assert fed == [0.0, 5.0]


def test_expected_silence_feeds_without_movement() -> None:
    """An idle night with a closed device is healthy."""
    heart = Heartbeat(PERIOD_S)
    fed = [second for second in range(0, 31, 5) if heart.is_due(second, 50, is_silence_expected=True)]
    assert fed == [0, 5, 10, 15, 20, 25, 30]


def test_a_start_out_of_silence_has_a_whole_period() -> None:
    """Fed a moment before the start, the engine may take up to a period for its first block; then it is fed at once."""
    heart = Heartbeat(PERIOD_S)
    assert heart.is_due(0.0, 50, is_silence_expected=True)
    assert not heart.is_due(6.0, 50, is_silence_expected=False)
    assert not heart.is_due(18.0, 50, is_silence_expected=False)
    assert heart.is_due(18.2, 51, is_silence_expected=False)


def test_a_pause_that_is_expected_does_not_excuse_a_later_freeze() -> None:
    """Silence feeds while it is expected; once sound is expected again a standing counter starves the watchdog."""
    heart = Heartbeat(PERIOD_S)
    assert heart.is_due(0.0, 50, is_silence_expected=True)
    assert heart.is_due(5.0, 50, is_silence_expected=True)
    assert not any(heart.is_due(second, 50, is_silence_expected=False) for second in range(6, 100))


def test_many_looks_feed_no_more_than_few() -> None:
    """A busy inbox costs no datagrams: a thousand looks in one quarter of the period feed once."""
    heart = Heartbeat(PERIOD_S)
    looks = [heart.is_due(index * 0.0049, index, is_silence_expected=False) for index in range(1000)]
    assert looks.count(True) == 1
