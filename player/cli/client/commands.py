"""The client commands: ``lull play``, ``stop``, ``status``, … ask a running speaker over MQTT and wait for its answer.

Exit codes: 0 done, 1 refused (the reason is on stderr), 2 wrong usage, 3 no answer (broker or speaker is not there).
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from player.cli.client import format as shown
from player.cli.client.verbs import asks_for_list
from player.cli.client.verbs import fields as fields_of
from player.cli.exit_codes import DONE, NO_ANSWER, REFUSED, USAGE
from player.cli.paths import config_file
from player.core.errors import ConfigError, LullError, Refused
from player.core.settings.mqtt import MqttSettings
from player.core.validation import check_name
from player.core.verb import Verb
from player.mqtt.incoming import Incoming
from player.mqtt.payload_values import as_object
from player.mqtt.topics import ALL, Topics

if TYPE_CHECKING:
    from player.cli.client.request import NoAnswer, SpeakerClient

QUERIED: Final = {"status": "state", "tracks": "data"}
"""The part of an answer that a query shows, by verb."""
NOTHING_HERE: Final = "no `lull night` plays here, and no config was found: start one, or name the broker with --host"
WITHOUT_CONFIG: Final = "with --host no config is needed: try again with --host localhost, or the address of the broker"


def run(args: argparse.Namespace) -> int:
    """Check, connect, ask, show the answer; returns the exit code."""
    verb: Verb | None = args.verb
    if verb is not None and verb.name == "schedule" and asks_for_list(args):
        from player.cli.client import schedule_list

        return refuse_audience(args, "schedule without a value") or schedule_list.run(args, lambda: _state(args))
    try:
        fields = {} if verb is None else fields_of(verb, args)
    except Refused as error:
        return _fail(error, USAGE)
    return send(args, verb, fields)


def send(args: argparse.Namespace, verb: Verb | None, fields: dict[str, Any]) -> int:
    """Send a verb with its arguments and show the answer, or without a verb watch; returns the exit code."""
    try:
        if verb is not None:
            verb.command(fields)
        settings, device = find_speaker(args)
        if args.group is not None:
            check_name("group", args.group)
        if verb is None and (args.all or args.group is not None):
            raise ValueError("watch shows one speaker; name it with --device")
    except (Refused, ValueError) as error:
        return _fail(error, USAGE)
    from player.cli.client.request import Ambiguous, NoAnswer, SpeakerClient

    audience = ALL if args.all else args.group
    try:
        if verb is not None and audience is not None:
            return _ask_all(settings, audience, verb, fields, args)
        with SpeakerClient(settings, device, args.timeout) as speaker:
            return _watch(speaker, args) if verb is None else _ask(speaker, verb, fields, args)
    except Ambiguous as error:
        return _fail(error, USAGE)
    except NoAnswer as error:
        return no_answer(error, args)


def no_answer(error: NoAnswer, args: argparse.Namespace) -> int:
    """Say why nobody answered, in one line; returns the exit code."""
    is_guess = args.host is None and config_file(args.config) is None
    return _fail(f"{NOTHING_HERE} ({error.what})" if is_guess else error, NO_ANSWER)


def refuse_audience(args: argparse.Namespace, what: str) -> int:
    """Exit code 2 with a reason where ``--all`` or ``--group`` is given to a command that reads files; otherwise 0."""
    if not args.all and args.group is None:
        return DONE
    option = "--all" if args.all else "--group"
    return _fail(f"{what} reads the files of this machine, so it is about one speaker; omit {option}", USAGE)


def find_speaker(args: argparse.Namespace) -> tuple[MqttSettings, str | None]:
    """Broker and device from options and config.

    A host on the command line is used without the config's password, which is only for the config's broker.

    Raises:
        ConfigError: the config cannot be read, or has a fault in broker or device.
        LullError: the config switches MQTT off.
        ValueError: an option is out of range.
    """
    if args.host is not None:
        settings, device = MqttSettings(), None
    else:
        settings, device = _from_config(args.config, args.device)
    options = ("host", "port", "username", "password_file", "prefix")
    given = {name: getattr(args, name) for name in options if getattr(args, name) is not None}
    if args.device is not None:
        device = args.device
        check_name("device", args.device)
        if device == ALL:
            raise ValueError("device 'all' is every speaker; write --all")
    return replace(settings, **given), device


def _from_config(named: Path | None, speaker: str | None) -> tuple[MqttSettings, str | None]:
    path = config_file(named)
    if path is None:
        return MqttSettings(), None
    from player.config import load_whereabouts

    try:
        found = load_whereabouts(path, speaker=speaker)
    except ConfigError as error:
        raise ConfigError([*error.faults, WITHOUT_CONFIG]) from error
    if found.faults:
        print(f"lull: {shown.printable(path)} has faults, which a running speaker does not read:", file=sys.stderr)
        print(*map(shown.printable, found.faults), sep="\n", file=sys.stderr)
    if found.mqtt is None:
        raise LullError(f"{path} has no mqtt, so this speaker takes no commands; name a broker with --host")
    return found.mqtt, found.device


def listed_speakers(args: argparse.Namespace) -> tuple[str, ...]:
    """The speakers of a config that has several; none where it is not read."""
    path = None if args.host is not None else config_file(args.config)
    if path is None:
        return ()
    from player.config import load_whereabouts

    return load_whereabouts(path).speakers


def _state(args: argparse.Namespace) -> dict[str, Any] | None:
    """The state of the speaker; None, with a line that says so, where it does not answer."""
    from player.cli.client.request import NoAnswer, SpeakerClient

    try:
        with SpeakerClient(*find_speaker(args), args.timeout) as speaker:
            state: dict[str, Any] | None = speaker.ask("status", {}).get("state")
            return state
    except NoAnswer as error:
        no_answer(error, args)
        return None
    except (LullError, ValueError) as error:
        print(f"lull: {shown.printable(error)}", file=sys.stderr)
        return None


def _ask(speaker: SpeakerClient, verb: Verb, fields: dict[str, Any], args: argparse.Namespace) -> int:
    answer = speaker.ask(verb.name, fields)
    if not answer.get("done"):
        return _fail(answer.get("text", "refused without a reason"), REFUSED)
    name, wants_json = QUERIED.get(verb.name), getattr(args, "json", False)
    if name is not None and wants_json:
        print(json.dumps(answer.get(name), indent=2))
    elif name is not None:
        from player.cli.terminal import show

        show(_text_of(verb, speaker.topics.device, answer))
    else:
        print(_text_of(verb, speaker.topics.device, answer))
    return DONE


def _text_of(verb: Verb, device: str, answer: dict[str, Any]) -> str:
    """An answer as text for people."""
    if verb.name == "status":
        return shown.status(device, answer.get("state") or {})
    if verb.name == "tracks":
        return shown.tracks(answer.get("data") or {})
    return shown.printable(answer.get("text", "done"))


def _ask_all(
    settings: MqttSettings, audience: str, verb: Verb, fields: dict[str, Any], args: argparse.Namespace
) -> int:
    """Ask many speakers, and show each answer; those that are online and do not answer are named."""
    from player.cli.client.broadcast import Broadcast

    with Broadcast(settings, audience, args.timeout, listed_speakers(args)) as speakers:
        answers = speakers.ask_all(verb.name, fields)
    code = DONE
    for device, answer in sorted(answers.given.items()):
        if not answer.get("done"):
            code = _fail(f"{device}: {answer.get('text', 'refused without a reason')}", REFUSED)
        elif verb.name in QUERIED and args.json:
            print(json.dumps({"device": device, QUERIED[verb.name]: answer.get(QUERIED[verb.name])}))
        elif verb.name == "status":
            print(_text_of(verb, device, answer))
        else:
            print(
                shown.printable(f"{device}:") + ("\n" if verb.name in QUERIED else " ") + _text_of(verb, device, answer)
            )
    for device in answers.silent:
        code = _fail(f"{device}: online, but no answer within {args.timeout:g} s", NO_ANSWER)
    for device in answers.away:
        code = _fail(f"{device}: is not online, so it was not asked", NO_ANSWER)
    return code


def _watch(speaker: SpeakerClient, args: argparse.Namespace) -> int:
    """Print what arrives until Ctrl-C, or until the connection ends, which raises NoAnswer."""
    last = ""
    try:
        for incoming in speaker.arrivals():
            text = _line_of(speaker.topics, incoming, is_json=args.json)
            if text is not None and (args.json or text != last):
                print(text, flush=True)
                last = text
    except KeyboardInterrupt:
        pass  # the way to end it
    return DONE


def _line_of(topics: Topics, incoming: Incoming, *, is_json: bool) -> str | None:
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
