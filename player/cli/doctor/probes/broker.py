"""Tries the broker as lull would, step by step, so that faults of name, port, TLS and login are distinguished. Any
thread.

It publishes nothing; the retained messages of this speaker are read on the way.
"""

from __future__ import annotations

import json
import secrets
import socket
import threading
from contextlib import suppress
from pathlib import Path
from typing import Final

from player.cli.doctor.facts import BrokerAnswer, BrokerState
from player.core.clock import SystemClock
from player.core.settings.mqtt import CREDENTIAL, MqttSettings
from player.mqtt.client import PahoConnection
from player.mqtt.connection import ConnectionPlan
from player.mqtt.incoming import Incoming
from player.mqtt.topics import Topics

CREDSTORES: Final = (Path("/etc/credstore"), Path("/run/credstore"))
RETAINED_S: Final = 1.0
"""Maximum seconds to wait for retained messages, which arrive at once."""
LEAST_S: Final = 1.0
"""At least this much is waited for the answer to the login, however long the name server took."""
_LOGIN: Final = ("bad user name", "not authorized", "bad authentication", "banned")


def probe(settings: MqttSettings, device: str, limit_s: float) -> BrokerState:
    """Connect, read and disconnect, within about a number of seconds; a name server that hangs may take longer."""
    clock = SystemClock()
    end_s = clock.boot_s() + limit_s
    failure = _reach(settings, limit_s / 2)
    if failure is not None:
        return BrokerState(failure[0], settings.address, failure[1])
    password, fault = password_of(settings)
    if fault is not None:
        return BrokerState(BrokerAnswer.UP, settings.address, password_fault=fault)
    trial = _TrialConnection(settings, device, password)
    return trial.run(settings.address, max(LEAST_S, end_s - RETAINED_S - clock.boot_s()))


def _reach(settings: MqttSettings, limit_s: float) -> tuple[BrokerAnswer, str] | None:
    """Why no server can be reached; None where one listens."""
    try:
        socket.getaddrinfo(settings.host, settings.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as fault:
        return BrokerAnswer.NO_NAME, getattr(fault, "strerror", None) or str(fault)
    try:
        socket.create_connection((settings.host, settings.port), limit_s).close()
    except ConnectionRefusedError:
        return BrokerAnswer.REFUSED, ""
    except OSError as fault:
        return BrokerAnswer.SILENT, fault.strerror or f"within {limit_s:g} s"
    return None


def password_of(settings: MqttSettings, stores: tuple[Path, ...] = CREDSTORES) -> tuple[str | None, str | None]:
    """The password, or why it cannot be read here; both None without one."""
    named = settings.password_file
    if named is None:
        return None, None
    name = named.removeprefix(CREDENTIAL)
    places = [store / name for store in stores] if named.startswith(CREDENTIAL) else [Path(name)]
    fault = ""
    for place in places:
        try:
            lines = place.read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            fault = f"{place}: {getattr(error, 'strerror', None) or 'it is not UTF-8 text'}"
        else:
            return (lines[0] if lines else None), None
    return None, fault


class _TrialConnection:
    """One connection, on a thread of its own that may be abandoned."""

    def __init__(self, settings: MqttSettings, device: str, password: str | None) -> None:
        self._settings = settings
        self._topics = Topics(settings.prefix, device)
        self._kept: dict[str, bytes] = {}
        self._is_up = threading.Event()
        self._has_ended = threading.Event()
        self._is_complete = threading.Event()
        self._reason = ""
        plan = ConnectionPlan(
            f"lull-doctor-{secrets.token_hex(4)}", others=(self._topics.availability, self._topics.state)
        )
        self._broker = PahoConnection(settings, password, plan, self._is_up.set, self._on_message)

    def run(self, address: str, limit_s: float) -> BrokerState:
        """The result of the connection."""
        threading.Thread(target=self._serve, name="lull-doctor-mqtt", daemon=True).start()
        is_up = self._wait_up(limit_s)
        if is_up:
            self._is_complete.wait(RETAINED_S)
        has_ended, reason = self._has_ended.is_set(), self._reason
        self._broker.close()
        if is_up:
            return BrokerState(BrokerAnswer.UP, address, availability=self._availability(), problems=self._problems())
        if not has_ended:
            return BrokerState(
                BrokerAnswer.SILENT, address, f"it accepts the connection and does not reply within {limit_s:.0f} s"
            )
        return BrokerState(self._kind(reason), address, reason)

    def _wait_up(self, limit_s: float) -> bool:
        """Whether the connection was established; its end ends the wait as well."""
        steps = max(1, round(limit_s / 0.05))
        return any(self._is_up.wait(0.05) for _ in range(steps) if not self._has_ended.is_set())

    def _serve(self) -> None:
        try:
            self._reason = self._broker.serve().removeprefix(f"{self._settings.address}: ")
        except Exception as fault:  # noqa: BLE001 - the thread ends here, and the reason is all that is wanted
            self._reason = f"{type(fault).__name__}: {fault}"
        finally:
            self._has_ended.set()

    def _on_message(self, incoming: Incoming) -> None:
        self._kept[incoming.topic] = incoming.payload
        if {self._topics.availability, self._topics.state} <= set(self._kept):
            self._is_complete.set()

    def _availability(self) -> str | None:
        found = self._kept.get(self._topics.availability)
        return None if not found else found.decode("utf-8", "replace")

    def _problems(self) -> tuple[str, ...]:
        with suppress(ValueError, AttributeError, TypeError):
            return tuple(map(str, json.loads(self._kept.get(self._topics.state, b"{}")).get("problems") or ()))
        return ()

    def _kind(self, reason: str) -> BrokerAnswer:
        words = reason.lower()
        if any(word in words for word in _LOGIN):
            return BrokerAnswer.LOGIN
        return BrokerAnswer.TLS if self._settings.tls is not None else BrokerAnswer.OTHER
