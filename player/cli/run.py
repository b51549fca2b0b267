"""``lull run``: the daemon in the foreground, as the service manager starts it."""

from __future__ import annotations

import argparse
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from player.cli.exit_codes import USAGE
from player.cli.paths import CONFIG_ORDER, add_config, chosen_config

if TYPE_CHECKING:
    from player.app.daemon import Daemon
    from player.config import Config
    from player.core.snapshot import Snapshot
    from player.system.bounded import BoundedCall

HELD_S: Final = 5.0
"""Maximum wait at the start for a state directory that hangs."""
STOP_S: Final = 5
"""Maximum seconds from a signal to end until the daemon can obey it; the service manager grants ten for all."""
DESCRIPTION = """\
Run the daemon: follow the schedule, take commands over MQTT, play. It starts and
works without a broker and without a sound device (it keeps trying to reach
both), and without a correct clock (the schedule waits for it).

SIGHUP reads the config again; SIGTERM fades out and ends within two seconds. Under
systemd SIGINT does the same before a restart: the next start resumes what played.

With --forget it does not run: it removes the announcements, state and
availability of this speaker from the broker, so that Home Assistant forgets it.
exit codes of --forget: 0 done, 1 the speaker is running, 3 no answer"""


def add_parser(commands: Any) -> None:
    """Add ``run`` to the command line."""
    parser = commands.add_parser(
        "run", help="run the daemon", description=DESCRIPTION, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add_config(parser, "the config, see config/lull.yaml")
    parser.add_argument("--verbose", action="store_true", help="log more details")
    parser.add_argument(
        "--forget",
        action="store_true",
        help="remove all retained messages of this speaker from its broker, and exit",
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Run the daemon until it is told to end, or clear its retained messages."""
    stops = [] if args.forget else _stops_during_the_start()

    from player.config import load
    from player.storage.memory_db import calibration_in
    from player.system.logging_setup import set_up
    from player.system.native_logs import take_over_stderr

    path = chosen_config(args.config)
    if path is None:
        print(f"lull: there is no config to run; looked for {CONFIG_ORDER}", file=sys.stderr)
        return USAGE
    config = load(path, calibration_in, args.device)
    if args.forget:
        from player.cli.forget import forget

        return forget(config)
    take_over_stderr()
    set_up(is_verbose=args.verbose)
    serve(config, stops=stops)
    logging.shutdown()
    # all is closed; ending the interpreter would take a tenth of the time of a start, while threads of libVLC still run
    os._exit(0)


def _stops_during_the_start() -> list[int]:
    """Collect signals to end, so that the session that is about to be resumed is ended by them, not interrupted again.

    A start that takes longer than `STOP_S` from then on is ended as it is.
    """
    stops = list[int]()

    def note(number: int, _frame: object) -> None:
        if not stops:
            signal.alarm(STOP_S)
        stops.append(number)

    signal.signal(signal.SIGALRM, lambda _number, _frame: os._exit(0))
    signal.signal(signal.SIGTERM, note)
    return stops


def serve(
    config: Config,
    watchers: tuple[Callable[[Snapshot], None], ...] = (),
    *,
    autoplay: bool = False,
    stops: Sequence[int] = (),
) -> None:
    """Run the daemon with the real parts until it ends.

    Args:
        config: of the speaker.
        watchers: called with each snapshot.
        autoplay: start the first playlist at once.
        stops: the signals to end that came while nobody could obey them.

    Raises:
        InUse: another daemon uses the same state directory.
    """
    from player.app.daemon import Daemon
    from player.app.wiring import real_parts
    from player.core.commands import Play, Request

    with _held(config.state_dir) as has_crashed:
        app = Daemon(config, real_parts(config.state_dir, has_crashed=has_crashed), watchers)
        _handle_signals(app, config)
        signal.alarm(0)
        if stops:
            os.kill(os.getpid(), signal.SIGTERM)
        if autoplay:
            app.inbox.put(Request(Play(), "night"))
        app.run()


@contextmanager
def _held(state_dir: Path) -> Iterator[bool]:
    """Hold the state directory's lock, and record a crash there; yields whether the process before it crashed.

    A directory that hangs is not waited for longer than `HELD_S`; once it answers, both are done all the same. If
    another daemon turns out to hold the lock by then, this one ends.
    """
    from player.storage.lock import only_daemon
    from player.system.bounded import BoundedCall, CallHangs
    from player.system.crash_marker import crash_recorded

    stack = ExitStack()

    def hold() -> bool:
        stack.enter_context(only_daemon(state_dir))
        return stack.enter_context(crash_recorded(state_dir))

    holding = BoundedCall(hold, "lull-state")
    try:
        has_crashed = holding.answer(HELD_S)
    except CallHangs:
        logging.getLogger("lull").warning("%s does not answer; lull starts without it", state_dir)
        threading.Thread(target=_end_if_in_use, args=(holding,), name="lull-state-late", daemon=True).start()
        yield False
    else:
        with stack:
            yield has_crashed


def _end_if_in_use(holding: BoundedCall[bool]) -> None:
    """Wait for a lock that came late, and end this daemon where another one holds it."""
    from player.storage.lock import InUse

    try:
        holding.answer(threading.TIMEOUT_MAX)
    except InUse as fault:
        logging.getLogger("lull").error("%s", fault)
        os.kill(os.getpid(), signal.SIGTERM)  # as from outside: it fades out


def _handle_signals(app: Daemon, config: Config) -> None:
    """Signals only put a message into the inbox, whose put may be called from a signal handler.

    SIGINT is Ctrl-C at a terminal, and from the service manager that of a restart (RestartKillSignal= in the unit).
    SIGHUP reads the config again; without one it ends like Ctrl-C, because then it means that the terminal was closed
    (under nohup it is ignored).
    """
    from player.app.parts import Reload, Terminate
    from player.system.systemd import is_service

    interrupted = Terminate(is_restart=True) if is_service() else Terminate(over_s=2.5)
    signal.signal(signal.SIGTERM, lambda _number, _frame: app.inbox.put(Terminate()))
    signal.signal(signal.SIGINT, lambda _number, _frame: app.inbox.put(interrupted))
    hung_up = interrupted if config.path is None else Reload()
    if config.path is not None or signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        signal.signal(signal.SIGHUP, lambda _number, _frame: app.inbox.put(hung_up))
