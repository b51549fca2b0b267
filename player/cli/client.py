"""The client commands: ``lull play``, ``stop``, ``status``, … ask a running speaker over MQTT and wait for its answer.

Exit codes: 0 done, 1 refused (the reason is on stderr), 2 wrong usage, 3 no answer (broker or speaker is not there).
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from player.broker import MqttSettings
from player.checks import check_name
from player.cli import bans, shown, starts
from player.cli.client_verbs import VERBS, Verb
from player.cli.where import DEFAULT_CONFIG, chosen_config
from player.errors import ConfigError, LullError, Refused
from player.wire.topics import ALL, Incoming, Topics
from player.wire.values import as_object
from player.wire.verbs import to_command

if TYPE_CHECKING:
    from player.cli.remote import Remote

DEFAULT_TIMEOUT_S: Final = 5.0
DONE: Final = 0
REFUSED: Final = 1
USAGE: Final = 2
NO_ANSWER: Final = 3
WITHOUT_CONFIG: Final = "a broker that is named needs no config: try again with --host localhost, or wherever it is"
_SIGNED: Final = re.compile(r"-\d.*")

FOOTER: Final = f"""\
The broker is taken from --host and its companions; without --host from the
config (--config, then $LULL_CONFIG, then {DEFAULT_CONFIG}); without one it
is localhost:1883. The speaker is --device, or the one in the config, or the
only one that is online; with --all or --group NAME it is every one, or every
one of a group, as in lull --all stop.

exit codes: 0 done, 1 refused, 2 wrong usage, 3 no answer"""


NAMES: Final = frozenset({"bans", "watch", *(verb.name for verb in VERBS)})
"""All commands of this file."""


def add_parsers(commands: Any) -> None:
    """Add all client commands to the command line."""
    common = _common_options()
    for verb in VERBS:
        parser = _add_parser(commands, verb.name, verb.brief, verb.description, common)
        verb.add(parser)
        parser.set_defaults(run=run, verb=verb)
    bans.add_arguments(_add_parser(commands, "bans", bans.BRIEF, bans.DESCRIPTION, common))
    watch = _add_parser(
        commands,
        "watch",
        "show what the speaker does, as it happens",
        "Print the speaker's state and everything that happens, a line each, until\nCtrl-C or the connection ends.",
        common,
    )
    watch.add_argument("--json", action="store_true", help="print each message as a JSON object on a line of its own")
    watch.set_defaults(run=run, verb=None)


def run(args: argparse.Namespace) -> int:
    """Check, connect, ask, show the answer; returns the exit code."""
    verb: Verb | None = args.verb
    if verb is not None and verb.name == "schedule" and args.value is None and args.at is None:
        return refuse_audience(args, "schedule without a value") or starts.run(args)
    try:
        fields = {} if verb is None else verb.fields(args)
        if verb is not None:
            to_command(verb.name, fields)
        settings, device = find_speaker(args)
        if args.group is not None:
            check_name("group", args.group)
        if verb is None and (args.all or args.group is not None):
            raise ValueError("watch shows one speaker; name it with --device")
    except (Refused, ValueError) as error:
        return _fail(error, USAGE)
    from player.cli.remote import Ambiguous, NoAnswer, Remote

    audience = ALL if args.all else args.group
    try:
        if verb is not None and audience is not None:
            return _ask_all(settings, audience, verb, fields, args)
        with Remote(settings, device, args.timeout) as remote:
            return _watch(remote, args) if verb is None else _ask(remote, verb, fields, args)
    except Ambiguous as error:
        return _fail(error, USAGE)
    except NoAnswer as error:
        return _fail(error, NO_ANSWER)


def refuse_audience(args: argparse.Namespace, what: str) -> int:
    """Exit code 2 with a reason where ``--all`` or ``--group`` stands before what asks no speaker; otherwise 0."""
    if not args.all and args.group is None:
        return DONE
    option = "--all" if args.all else "--group"
    return _fail(f"{what} reads the files of this machine and asks no speaker; leave {option} out", USAGE)


def find_speaker(args: argparse.Namespace) -> tuple[MqttSettings, str | None]:
    """Broker and device from options and config.

    A host on the command line is taken alone: the config's password is for the config's broker and for no other.

    Raises:
        ConfigError: the config cannot be read, or is wrong about broker or device.
        LullError: the config switches MQTT off.
        ValueError: an option is out of range.
    """
    settings, device = (MqttSettings(), None) if args.host is not None else _from_config(args.config)
    options = ("host", "port", "username", "password_file", "prefix")
    given = {name: getattr(args, name) for name in options if getattr(args, name) is not None}
    if args.device is not None:
        device = args.device
        check_name("device", args.device)
        if device == ALL:
            raise ValueError("device 'all' is every speaker; write --all")
    return replace(settings, **given), device


def _from_config(named: Path | None) -> tuple[MqttSettings, str | None]:
    chosen = chosen_config(named)
    if chosen is None and not DEFAULT_CONFIG.exists():
        return MqttSettings(), None
    from player.config import load_whereabouts

    path = chosen or DEFAULT_CONFIG
    try:
        found = load_whereabouts(path)
    except ConfigError as error:
        raise ConfigError([*error.faults, WITHOUT_CONFIG]) from error
    if found.faults:
        print(f"lull: {shown.printable(path)} has faults, which a running speaker does not read:", file=sys.stderr)
        print(*map(shown.printable, found.faults), sep="\n", file=sys.stderr)
    if found.mqtt is None:
        raise LullError(f"{path} has no mqtt, so this speaker cannot be asked anything; name a broker by --host")
    return found.mqtt, found.device


def _ask(remote: Remote, verb: Verb, fields: dict[str, Any], args: argparse.Namespace) -> int:
    answer = remote.ask(verb.name, fields)
    if not answer.get("done"):
        return _fail(answer.get("text", "refused without a reason"), REFUSED)
    state = answer.get("state") or {}
    if verb.name != "status":
        print(shown.printable(answer.get("text", "done")))
    elif args.json:
        print(json.dumps(state, indent=2))
    else:
        print(shown.status(remote.topics.device, state))
    return DONE


def _ask_all(
    settings: MqttSettings, audience: str, verb: Verb, fields: dict[str, Any], args: argparse.Namespace
) -> int:
    """Ask many, and show the answer of each; who is online and says nothing is named."""
    from player.cli.chorus import Chorus

    with Chorus(settings, audience, args.timeout) as chorus:
        answers = chorus.ask_all(verb.name, fields)
    code = DONE
    for device, answer in sorted(answers.given.items()):
        if not answer.get("done"):
            code = _fail(f"{device}: {answer.get('text', 'refused without a reason')}", REFUSED)
        elif verb.name != "status":
            print(shown.printable(f"{device}: {answer.get('text', 'done')}"))
        elif args.json:
            print(json.dumps({"device": device, "state": answer.get("state")}))
        else:
            print(shown.status(device, answer.get("state") or {}))
    for device in answers.silent:
        code = _fail(f"{device}: online, but no answer within {args.timeout:g} s", NO_ANSWER)
    return code


def _watch(remote: Remote, args: argparse.Namespace) -> int:
    """Print what arrives until Ctrl-C, or until the connection ends, which raises NoAnswer."""
    last = ""
    try:
        for incoming in remote.arrivals():
            text = _told(remote.topics, incoming, is_json=args.json)
            if text is not None and (args.json or text != last):
                print(text, flush=True)
                last = text
    except KeyboardInterrupt:
        pass  # the way to end it
    return DONE


def _told(topics: Topics, incoming: Incoming, *, is_json: bool) -> str | None:
    """A message as a line; None for what ``watch`` does not show."""
    text = incoming.payload.decode("utf-8", "replace")
    fields = as_object(incoming.payload)
    if is_json:
        return json.dumps({"topic": incoming.topic, "payload": fields or text})
    if incoming.topic == topics.availability:
        return shown.printable(f"{topics.device} is {text}")
    if incoming.topic == topics.event:
        return shown.event(fields)
    return shown.line(fields) if incoming.topic == topics.state else None


def _fail(reason: object, code: int) -> int:
    print(f"lull: {shown.printable(reason)}", file=sys.stderr)
    return code


def _add_parser(
    commands: Any, name: str, brief: str, description: str, common: argparse.ArgumentParser
) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = commands.add_parser(
        name,
        help=brief,
        description=description,
        epilog=FOOTER,
        parents=[common],
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    # "-15m" is a value here: argparse takes only plain negative numbers for values, and has no public switch for it
    parser._negative_number_matcher = _SIGNED
    return parser


def _common_options() -> argparse.ArgumentParser:
    common = argparse.ArgumentParser(add_help=False)
    group = common.add_argument_group("broker and speaker")
    whom = group.add_mutually_exclusive_group()
    whom.add_argument("--device", metavar="NAME", help="the speaker, as in lull/NAME/state")
    whom.add_argument("--all", action="store_true", help="every speaker; each answers for itself")
    whom.add_argument("--group", metavar="NAME", help="every speaker of a group")
    group.add_argument("--host", metavar="NAME", help="the broker; the config is not read then")
    group.add_argument("--port", type=int, metavar="N", help="its port (1883)")
    group.add_argument("--username", metavar="NAME", help="user name for the broker")
    group.add_argument("--password-file", metavar="FILE", help="file whose first line is the password")
    group.add_argument("--prefix", metavar="TOPIC", help="what all topics begin with (lull)")
    group.add_argument("--config", type=Path, metavar="FILE", help="take broker and speaker from this config")
    group.add_argument(
        "--timeout", type=_timeout_s, default=DEFAULT_TIMEOUT_S, metavar="S", help="seconds to wait for an answer (5)"
    )
    return common


def _timeout_s(text: str) -> float:
    value = float(text)
    if not 0 < value <= 600:
        raise argparse.ArgumentTypeError(f"{text} is out of range; allowed is more than 0, up to 600")
    return value
