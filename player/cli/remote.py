"""``lull remote``: writes the phone remote, a static page that speaks MQTT to the broker, and says how to serve it.

The daemon opens no socket for it: the page comes from any web server (mosquitto's own will do), and what it may do is
decided by the broker's login and access list.
"""

from __future__ import annotations

import argparse
import html
import json
import re
import socket
from dataclasses import replace
from importlib import resources
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from player import __version__
from player.cli.paths import config_file
from player.core.errors import LullError
from player.core.settings.mqtt import MqttSettings

DESCRIPTION: Final = """\
Write the remote for a phone into FOLDER: one page with large buttons that talks
to the broker over a WebSocket. It needs no internet and no other program than a
broker that speaks WebSockets; mosquitto can serve the page as well. The
steps are printed at the end.

    lull remote /srv/lull-remote
    lull remote /var/www/html/lull --broker ws://192.168.1.5:9001"""

PORT: Final = 9001
ELSEWHERE: Final = "192.0.2.1"
"""An address that no machine has (RFC 5737), so it is reached like the rest of the network."""
PAGE: Final = ("index.html", "remote.css", "remote.js", "sw.js", "manifest.webmanifest")
AS_THEY_ARE: Final = ("icon.png", "mqtt.min.js", "mqtt.LICENSE.txt")

HOW: Final = """\
The remote is in {folder}.

To serve it with mosquitto, add a file such as /etc/mosquitto/conf.d/remote.conf:

    listener {port}
    protocol websockets
    http_dir {folder}

restart mosquitto, and open http://{address}/ on the phone. A broker that takes no
anonymous clients asks for a user name and password there; that user needs to
read {prefix}/+/availability, {prefix}/+/state, {prefix}/+/tracks,
{prefix}/+/night and {prefix}/+/reply, and to write {prefix}/+/cmd/#.

With another web server serve the folder as it is, over https where the phone is
to keep the page offline, and write it again with --broker and the address
of the broker's WebSocket listener."""


def add_parser(commands: Any) -> None:
    """Add ``remote`` to the command line."""
    parser = commands.add_parser(
        "remote",
        help="write the phone remote, a page that talks to the broker",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="created if missing")
    parser.add_argument("--config", type=Path, metavar="FILE", help="take prefix and device from this config")
    parser.add_argument("--device", metavar="NAME", help="the speaker that is shown first")
    parser.add_argument("--prefix", metavar="TOPIC", help="first part of all topics (lull)")
    parser.add_argument(
        "--broker", type=_address, metavar="URL", help="the broker's WebSocket address (the server of the page itself)"
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Write the page and print how to serve it."""
    from player.config.speakers import check_device

    mqtt, device = _speaker(args.config, args.device)
    try:
        prefix = mqtt.prefix if args.prefix is None else replace(mqtt, prefix=args.prefix).prefix
        if args.device is not None:
            check_device(args.device)
    except ValueError as error:
        raise LullError(str(error)) from None
    write_remote(args.folder, prefix, args.device or device, args.broker)
    host = _own_address() if mqtt.host in {"localhost", "127.0.0.1", "::1"} else mqtt.host
    address = replace(mqtt, host=host, port=PORT).address
    print(HOW.format(folder=args.folder.absolute(), port=PORT, address=address, prefix=prefix))
    return 0


def _own_address() -> str:
    """Where other machines find this one: the address from which it would reach them, or its name without a network."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((ELSEWHERE, 9))  # sends nothing
            address: str = probe.getsockname()[0]
        except OSError:
            return socket.gethostname()
    return address


def write_remote(folder: Path, prefix: str, device: str | None, broker: str | None) -> None:
    """Write the page into a folder that is empty, or that holds an earlier one.

    Args:
        folder: created if missing.
        prefix: of all topics.
        device: the speaker that is shown first; None: the first one that is online.
        broker: the WebSocket address; None: the server that the page came from.

    Raises:
        LullError: the folder holds something else, or cannot be written.
    """
    source = resources.files("player.cli.remote_page")
    settings = json.dumps({"address": broker, "prefix": prefix, "device": device})
    try:
        folder.mkdir(parents=True, exist_ok=True)
        strangers = sorted({path.name for path in folder.iterdir()} - {*PAGE, *AS_THEY_ARE})
        if strangers:
            raise LullError(f"{folder} contains other files ({strangers[0]}); name a folder of its own for the remote")
        for name in AS_THEY_ARE:
            (folder / name).write_bytes(source.joinpath(name).read_bytes())
        for name in PAGE:
            text = source.joinpath(name).read_text("utf-8")
            text = text.replace("@SETTINGS@", html.escape(settings)).replace("@CONNECT@", _origin(broker))
            (folder / name).write_text(text.replace("@VERSION@", __version__), "utf-8")
    except OSError as fault:
        raise LullError(f"the remote cannot be written to {folder}: {fault.strerror or fault}") from fault


def _speaker(named: Path | None, speaker: str | None) -> tuple[MqttSettings, str | None]:
    """Broker and device of the config; the defaults where there is none."""
    path = config_file(named)
    if path is None:
        return MqttSettings(), None
    from player.config import load_whereabouts

    found = load_whereabouts(path, speaker=speaker)
    return found.mqtt or MqttSettings(), found.device


def _address(text: str) -> str:
    """A ws or wss address, as it may stand in the page's content security policy."""
    parts = urlsplit(text)
    if parts.scheme not in {"ws", "wss"} or not parts.hostname or re.search(r"[\s;,'\"]", text) or parts.username:
        raise argparse.ArgumentTypeError(f"{text!r} is not a WebSocket address; write it like ws://192.168.1.5:9001")
    return text


def _origin(broker: str | None) -> str:
    """What the page may connect to beside its own server."""
    if broker is None:
        return ""
    parts = urlsplit(broker)
    return f"{parts.scheme}://{parts.netloc}"
