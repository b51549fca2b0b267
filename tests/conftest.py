"""Fixtures of the live tests and soaks, which end with the test, and the option ``--thorough``."""

from __future__ import annotations

import os
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # as in the service; before numpy is imported

from tests import busy_machine, effort
from tests.busy_machine import LIVE, names_live
from tests.live.broker import RealBroker
from tests.live.certificates import make_keys
from tests.live.daemon import Listener
from tests.live.soundserver import SoundServer


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add ``--thorough``."""
    parser.addoption("--thorough", action="store_true", help="try every case, as scripts/test does; takes minutes more")


def pytest_configure(config: pytest.Config) -> None:
    """Choose the effort before the test modules are imported, and hear signals as a process in the foreground does.

    A shell that starts something in the background has it ignore SIGINT and SIGQUIT, and whatever that starts inherits
    it: what a test stops by Ctrl-C would never end.
    """
    signal.signal(signal.SIGQUIT, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    effort.choose(thorough=config.getoption("--thorough"))
    settings.register_profile("slow machines", deadline=None, suppress_health_check=[HealthCheck.too_slow])
    settings.load_profile("slow machines")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """With ``-m live`` import no file without a live test: they take nine seconds of each process."""
    is_one = config.option.markexpr == "live" and collection_path.match("test_*.py")
    return (is_one and not names_live(collection_path)) or None


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Begin with long tests, so that none runs alone at the end; leave out the thorough ones unless all are wanted."""
    lost = [path for path in {item.path for item in items if item.get_closest_marker("live")} if not names_live(path)]
    if lost:
        raise pytest.UsageError(f"-m live does not find the live tests of files without the word {LIVE}: {lost}")
    items.sort(key=lambda item: item.get_closest_marker("long") is None)
    if effort.is_thorough():
        return
    left_out = [item for item in items if item.get_closest_marker("thorough")]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if not item.get_closest_marker("thorough")]


def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> bool | None:
    """Live tests have further attempts on a busy machine."""
    return busy_machine.run_live_test(item, nextitem) if item.get_closest_marker("live") else None


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say what was repeated, and at what load."""
    for line in busy_machine.repeated:
        terminalreporter.write_line(line)


@pytest.fixture
def stopped_sound_server(monkeypatch: pytest.MonkeyPatch) -> Iterator[SoundServer]:
    """A server that does not run yet; this process and what it starts are pointed at it."""
    server = SoundServer()
    for name, value in server.env().items():
        monkeypatch.setenv(name, value)
    yield server
    server.close()


@pytest.fixture
def sound_server(stopped_sound_server: SoundServer) -> SoundServer:
    """A running private sound server; this process and what it starts are pointed at it."""
    stopped_sound_server.start()
    return stopped_sound_server


@pytest.fixture
def broker() -> Iterator[RealBroker]:
    """A private mosquitto that runs."""
    real = RealBroker()
    real.start()
    yield real
    real.close()


@pytest.fixture
def listener(broker: RealBroker) -> Iterator[Listener]:
    """Somebody on the broker."""
    somebody = Listener(broker.port)
    yield somebody
    somebody.close()


@pytest.fixture(scope="session")
def keys() -> Iterator[Path]:
    """Two authorities; certificates of 127.0.0.1, of another host, of a speaker, and of a speaker nobody knows."""
    # not under pytest's own folder, which is closed to the user that mosquitto becomes
    with tempfile.TemporaryDirectory(prefix="lull-test-keys-") as folder:
        Path(folder).chmod(0o755)
        make_keys(Path(folder))
        yield Path(folder)
