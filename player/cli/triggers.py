"""``lull triggers``: shows the effect of a message on the triggers of a config, given (``test``) or live (``watch``);
and what buttons are called (``keys``).

Nothing is carried out: the triggers' own code evaluates, and the result is only shown. The main thread prints; for
``watch`` others serve the connection and the input devices, and only put what arrives into a queue.

Exit codes: 0 something would be done, 1 nothing would (or the config is faulty), 2 wrong usage, 3 no broker.
"""

from __future__ import annotations

import argparse
import json
import os
import queue
import sys
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime, time, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from player.cli.client.format import printable
from player.cli.exit_codes import DONE, NO_ANSWER, REFUSED, USAGE
from player.cli.paths import DEFAULT_CONFIG, add_config, config_file
from player.cli.trigger_report import TriggerReport, consequence, judge
from player.core.clock import Clock, Now, SystemClock
from player.core.errors import LullError
from player.core.states import State
from player.core.units import VOLUME_MAX, parse_time_of_day
from player.mqtt.incoming import Incoming, LinkDown, LinkUp
from player.mqtt.payload_values import as_object
from player.mqtt.topics import Topics
from player.mqtt.triggers.filters import INPUT, check_topic
from player.mqtt.triggers.gate import SpeakerStatus
from player.mqtt.triggers.rule_engine import RuleEngine, RuleOutcome
from player.mqtt.triggers.rules import DayPart
from player.mqtt.triggers.wishes import wishes_of
from player.system.input_devices import InputSystem
from player.system.input_reader import InputReader, InputWish

if TYPE_CHECKING:
    from player.config import Config

DESCRIPTION: Final = "Show what the triggers of a config do with messages. Nothing is played or sent."
TEST: Final = """\
Say for each trigger whether this message would fire it, why or why not, and what
the speaker would do then. Where a trigger compares with the message before, this
one counts as a change.

exit codes: 0 something would be done, 1 nothing would, 2 wrong usage"""
WATCH: Final = """\
Connect to the broker of the config, listen to the input devices of its triggers,
and print each message or press that reaches a trigger, as `lull triggers test`
does, until Ctrl-C or until the connection ends. The speaker
itself may run meanwhile; this only listens. A device that lull has grabbed is
not heard here.

exit codes: 0 ended by Ctrl-C, 1 faulty config, 3 no broker"""
KEYS: Final = """List the input devices of this machine (buttons, knobs, keyboards, remotes) and
print what their keys are called when they are pressed, as `topic` and `equals` of
a trigger, until Ctrl-C. It needs root or the group `input`, and no config.

exit codes: 0 ended by Ctrl-C, 1 no device can be read, 2 wrong usage"""
LONGEST_WAIT_S: Final = 3600.0
TEXT_CHARS: Final = 120
SHOWN_KEYS: Final = 8

Arrivals: TypeAlias = "queue.SimpleQueue[Incoming | LinkUp | LinkDown]"


def add_parser(commands: Any) -> None:
    """Add ``triggers`` to the command line."""
    raw = argparse.RawDescriptionHelpFormatter
    parser = commands.add_parser("triggers", help="test triggers; show what keys are called", description=DESCRIPTION)
    kinds = parser.add_subparsers(dest="kind", metavar="test|watch|keys", required=True)
    common = argparse.ArgumentParser(add_help=False)
    add_config(common, "the config")
    common.add_argument("--json", action="store_true", help="print JSON, an object for each message")
    test = kinds.add_parser(
        "test", help="a message of your own", description=TEST, formatter_class=raw, parents=[common]
    )
    test.add_argument("topic", metavar="TOPIC", help="the topic it would arrive on")
    test.add_argument("payload", metavar="PAYLOAD", help='its payload; "" is an empty one')
    test.add_argument("--at", type=_time_of_day, metavar="H:MM", help="at this time of day instead of now")
    test.add_argument("--retained", action="store_true", help="treat it as a retained message")
    test.add_argument(
        "--state",
        choices=[state.value for state in State],
        default=State.IDLE.value,
        help="state of the speaker then (default: idle)",
    )
    test.add_argument("--volume", type=_volume, metavar="N", help="its volume then (default: volume.default)")
    test.set_defaults(run=run_test)
    watch = kinds.add_parser("watch", help="live", description=WATCH, formatter_class=raw, parents=[common])
    watch.set_defaults(run=run_watch)
    keys = kinds.add_parser("keys", help="what buttons and knobs are called", description=KEYS, formatter_class=raw)
    keys.set_defaults(run=run_keys)


def run_test(args: argparse.Namespace) -> int:
    """Evaluate the message and print the result; returns the exit code."""
    try:
        check_topic(args.topic)
    except ValueError as error:
        return _fail(f"TOPIC {error}", USAGE)
    config = _load(args.config, args.device)
    now = _at(args.at, SystemClock().now())
    payload = args.payload.encode("utf-8", "surrogateescape")
    incoming = Incoming(args.topic, payload, args.retained)
    quiet_hours = config.triggers.quiet_hours
    volume = config.settings.volume.default if args.volume is None else args.volume
    state = State(args.state)
    standing = SpeakerStatus(state, volume, _volumes(config), brings_bed=_bringers(config))
    told = [judge(rule, incoming, now, standing, quiet_hours) for rule in config.triggers.rules]
    if args.json:
        print(json.dumps(_fields(incoming, now, state, told), indent=2))
    else:
        print("\n".join(printable(line) for one in told for line in one.lines()))
    return DONE if any(one.is_done for one in told) else REFUSED


def run_watch(args: argparse.Namespace) -> int:
    """Print what reaches the triggers until Ctrl-C, or until the connection ends; returns the exit code."""
    config, clock = _load(args.config, args.device), SystemClock()
    arrivals: Arrivals = queue.SimpleQueue()
    desk = RuleEngine(config.triggers.rules)
    state_topic, visit = "", None
    if config.mqtt is not None:
        from player.cli.client.request import MqttSession

        state_topic = Topics(config.mqtt.prefix, config.settings.device, config.mqtt.groups).state
        visit = MqttSession(config.mqtt, (*desk.filters, state_topic))
        arrivals = visit.arrivals
        visit.start()
    reader = _reader(lambda device, word: arrivals.put(Incoming(f"{INPUT}{device}", word.encode())), clock)
    reader.listen(wishes_of(config.triggers.rules))
    standing = SpeakerStatus(State.IDLE, 0, _volumes(config), brings_bed=_bringers(config))
    watcher = Watcher(desk, config.triggers.quiet_hours, state_topic, clock, standing, is_json=args.json)
    try:
        while True:
            line = watcher.turn(arrivals)
            if isinstance(line, LinkDown):
                return _fail(f"no connection to the broker at {line.reason}", NO_ANSWER)
            if line:
                print(line, flush=True)
    except KeyboardInterrupt:
        return DONE
    finally:
        reader.close()
        if visit is not None:
            visit.close()


def run_keys(_args: argparse.Namespace) -> int:
    """Print what is pressed and turned until Ctrl-C; returns the exit code."""
    devices = [device for device in InputSystem().devices() if device.keys]
    for device in devices:
        print(printable(f"{device.name}: {device.node}, {_shortened(device.keys)}"))
    if not any(os.access(device.node, os.R_OK) for device in devices):
        unread = "this user may not read any input device; try sudo, or join the group input"
        return _fail(unread if devices else "no input device was found", REFUSED)
    heard: queue.SimpleQueue[tuple[str, str]] = queue.SimpleQueue()
    reader = _reader(lambda device, word: heard.put((device, word)), SystemClock())
    reader.listen(tuple(InputWish(device.node) for device in devices))
    names = {device.node: device.name for device in devices}
    print("press a key or turn a knob; Ctrl-C ends this")
    try:
        while True:
            node, word = heard.get()
            print(printable(f'topic: "{INPUT}{names[node]}", equals: {word}'), flush=True)
    except KeyboardInterrupt:
        return DONE
    finally:
        reader.close()


def _reader(hear: Callable[[str, str], None], clock: Clock) -> InputReader:
    return InputReader(hear, lambda fault: None if fault is None else print(f"lull: {fault}", file=sys.stderr), clock)


def _shortened(keys: tuple[str, ...]) -> str:
    """The first of many keys."""
    more = f" and {len(keys) - SHOWN_KEYS} more" if len(keys) > SHOWN_KEYS else ""
    return ", ".join(keys[:SHOWN_KEYS]) + more


class Watcher:
    """Turns messages into text, and follows the speaker by the state that it publishes."""

    def __init__(
        self,
        desk: RuleEngine,
        quiet_hours: DayPart | None,
        state_topic: str,
        clock: Clock,
        standing: SpeakerStatus,
        *,
        is_json: bool,
    ) -> None:
        self._desk = desk
        self._quiet_hours = quiet_hours
        self._state_topic = state_topic
        self._clock = clock
        self._is_json = is_json
        self._standing = standing

    def turn(self, arrivals: Arrivals) -> str | LinkDown:
        """Wait for one message, or for the end of a ``for``; empty text where there is nothing to show."""
        wait_s = min(LONGEST_WAIT_S, self._desk.wait_s(self._clock.now().boot_s))
        try:
            arrival = arrivals.get(timeout=wait_s)
        except queue.Empty:
            now = self._clock.now()
            return self._text(None, now, self._desk.fall_due(now))
        if isinstance(arrival, LinkDown):
            return arrival
        if isinstance(arrival, LinkUp):
            return "" if self._is_json else f"listening to {', '.join(self._desk.filters)}"
        if arrival.topic == self._state_topic:
            self._follow(as_object(arrival.payload))
            return ""
        now = self._clock.now()
        return self._text(arrival, now, self._desk.take(arrival, now))

    def _follow(self, published: dict[str, Any]) -> None:
        """Take the published state of the speaker, as far as it can be read."""
        word, volume = published.get("state"), published.get("volume")
        self._standing = replace(
            self._standing,
            state=State(word) if isinstance(word, str) and word in set(State) else self._standing.state,
            volume=volume if isinstance(volume, int) else self._standing.volume,
        )

    def _text(self, incoming: Incoming | None, now: Now, found: Iterable[RuleOutcome]) -> str:
        told = [self._told(ruled, now) for ruled in found]
        if not told:
            return ""
        if self._is_json:
            return json.dumps(_fields(incoming, now, self._standing.state, told))
        lines = [f"  {line}" for one in told for line in one.lines()]
        head = "the waiting time is over" if incoming is None else f"{incoming.topic} {_shown(incoming)}"
        return "\n".join(printable(line) for line in (f"{now.wall:%H:%M:%S} {head}", *lines))

    def _told(self, ruled: RuleOutcome, now: Now) -> TriggerReport:
        if not ruled.fires:
            return TriggerReport(ruled.trigger, ruled.verdict)
        return TriggerReport(
            ruled.trigger, ruled.verdict, *consequence(ruled.trigger, self._quiet_hours, now, self._standing)
        )


def _fields(incoming: Incoming | None, now: Now, state: State, told: list[TriggerReport]) -> dict[str, Any]:
    return {
        "topic": None if incoming is None else incoming.topic,
        "payload": None if incoming is None else incoming.payload.decode("utf-8", "replace"),
        "retained": None if incoming is None else incoming.retained,
        "at": now.wall.isoformat(timespec="seconds"),
        "state": state.value,
        "triggers": [one.fields() for one in told],
    }


def _shown(incoming: Incoming) -> str:
    text = incoming.payload[: 4 * TEXT_CHARS].decode("utf-8", "replace")
    cut = text if len(text) <= TEXT_CHARS else text[: TEXT_CHARS - 1] + "…"
    return (cut or "(empty)") + (" (retained)" if incoming.retained else "")


def _load(named: Path | None, speaker: str | None) -> Config:
    """The config with its triggers. Raises LullError where it has faults or no triggers."""
    from player.config import load

    config = load(config_file(named) or DEFAULT_CONFIG, speaker=speaker)
    if not config.triggers.rules:
        raise LullError(f"{config.path} has no triggers; see docs/triggers.md")
    return config


def _volumes(config: Config) -> Callable[[float], int | None]:
    """The volume of a level in dB(A), by the speaker's calibration."""
    from player.core.pillow import for_output, volume_for
    from player.storage.memory_db import calibration_in

    settings = config.settings
    known = for_output(calibration_in(config.state_dir), settings.output)
    if known is None:
        return lambda _level_dba: None
    return lambda level_dba: volume_for(level_dba, known.offset_db, settings.limits.target_lufs)


def _bringers(config: Config) -> Callable[[str], bool]:
    """Whether a playlist of the config brings a bed."""
    return lambda name: any(one.name == name and bool(one.bed) for one in config.settings.playlists)


def _at(wanted: time | None, now: Now) -> Now:
    """The next moment at which the clock shows the given time."""
    if wanted is None:
        return now
    wall = datetime.combine(now.wall.date(), wanted, now.wall.tzinfo)
    wall = wall if wall >= now.wall else wall + timedelta(days=1)
    return Now(now.boot_s, wall)


def _time_of_day(text: str) -> time:
    try:
        return parse_time_of_day(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a time of day; write it like 23:10") from None


def _volume(text: str) -> int:
    if not text.isdecimal() or int(text) > VOLUME_MAX:
        raise argparse.ArgumentTypeError(f"{text!r} is not a volume; write a whole number from 0 to {VOLUME_MAX}")
    return int(text)


def _fail(reason: str, code: int) -> int:
    print(f"lull: {printable(reason)}", file=sys.stderr)
    return code
