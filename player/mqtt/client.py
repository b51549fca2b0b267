"""The broker connection, and the only module that imports paho. One thread, ``lull-mqtt``, connects, reads, writes and
waits.

paho is used with as little of its own machinery as possible, because three parts of it fail quietly: its network
thread dies of an exception in a callback, its queue of outgoing messages survives a lost connection and has no bound,
and its reconnecting has no jitter and hides the reason. So each attempt is a new `PahoConnection` (nothing survives,
nothing is sent late), its loop runs on our thread (whatever it raises ends the attempt, not the thread), and
`MqttLink` waits between attempts and never gives up.

paho is imported without ssl and urllib.request. It imports both at once, the first for TLS, the second for a SOCKS
proxy. Measured: 19 ms of processor time and 4.6 MB; without them 8 ms and 1.6 MB. paho gets the real ssl before a
connection with TLS.
"""

from __future__ import annotations

import contextlib
import importlib.util
import logging
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any, Final

from player.core.settings.mqtt import MqttProtocol, MqttSettings, TlsSettings
from player.core.text import clean_text
from player.mqtt.connection import ConnectionPlan
from player.mqtt.identity import PAHO_LOG
from player.mqtt.incoming import Incoming
from player.mqtt.topics import OFFLINE


class _NeverRaised(OSError):
    """Stands in for the exceptions of ssl, which no socket raises without TLS."""


@contextmanager
def without_openssl_and_proxies() -> Iterator[None]:
    """While this lasts, an import of ssl, hashlib (both load OpenSSL) or urllib.request finds an almost empty module.

    Not where it was imported before. paho needs hashlib for websockets alone, which lull does not use. Where PySocks is
    installed, paho calls urllib.request for each connection and gets the real one.
    """
    names = ["ssl", "hashlib"] if importlib.util.find_spec("socks") else ["ssl", "hashlib", "urllib.request"]
    absent = [name for name in names if name not in sys.modules]
    for name in absent:
        stand_in = sys.modules[name] = ModuleType(name)
        # paho names these two in `except`, also for a plain socket that would block
        vars(stand_in).update(SSLWantReadError=_NeverRaised, SSLWantWriteError=_NeverRaised)
    try:
        yield
    finally:
        for name in absent:
            del sys.modules[name]


with without_openssl_and_proxies():
    import paho.mqtt.client as paho
    from paho.mqtt.client import Client, ConnectFlags, DisconnectFlags, MQTTMessage
    from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
    from paho.mqtt.packettypes import PacketTypes
    from paho.mqtt.properties import Properties
    from paho.mqtt.reasoncodes import ReasonCode
    from paho.mqtt.subscribeoptions import SubscribeOptions

log = logging.getLogger("lull.mqtt")

CONNECT_TIMEOUT_S: Final = 5.0
MAX_PACKET_BYTES: Final = 256 * 1024
"""MQTT 5: the broker does not send larger packets."""
MAX_UNSENT: Final = 256
"""Maximum number of messages that wait for a broker that has stopped reading; further ones are dropped."""
NEWS_EXPIRY_S: Final = 60
"""MQTT 5: message expiry of what is not retained."""
_MARKS: Final = frozenset({"id", "origin"})
"""User properties that are read from a command."""
_LOOKS: Final = 5
"""How often in a keep-alive interval paho's loop returns, which wakes the processor, and checks the connection."""
_HEAD_BYTES: Final = 300
"""Upper bound of the header and the properties of a message of ours, without its topic."""


class PahoConnection:
    """One attempt to connect, from the first packet to the last; used once.

    Args:
        on_up: called on the serving thread when connected and subscribed.
        on_message: called on the serving thread with each message.

    Attributes:
        refused: the filters that the broker does not let it subscribe, as far as it has said so.
    """

    def __init__(
        self,
        settings: MqttSettings,
        password: str | None,
        plan: ConnectionPlan,
        on_up: Callable[[], None],
        on_message: Callable[[Incoming], None],
    ) -> None:
        self._settings = settings
        self._plan = plan
        self._on_up = on_up
        self._on_message = on_message
        self._password = password
        self._reason: str | None = None
        self._is_v5 = settings.protocol is not MqttProtocol.V311
        self._was_answered = False
        self._is_too_new = False
        self._is_closed = False
        self._free_slots = threading.Semaphore(MAX_UNSENT)
        self._limit: int | None = None
        self._warned: set[str] = set()
        self._asked: dict[int | None, tuple[str, ...]] = {}
        self.refused: frozenset[str] = frozenset()
        self._client = self._new_client()

    @property
    def fell_back_to(self) -> str | None:
        """The older protocol that is spoken because the broker does not speak the newer; None when it does."""
        is_fallback = self._settings.protocol is MqttProtocol.AUTO and not self._is_v5
        return MqttProtocol.V311.value if is_fallback else None

    def _new_client(self) -> Client:
        client = Client(
            CallbackAPIVersion.VERSION2,
            client_id=self._plan.client_id,
            clean_session=None if self._is_v5 else True,
            protocol=MQTTProtocolVersion.MQTTv5 if self._is_v5 else MQTTProtocolVersion.MQTTv311,
            reconnect_on_failure=False,
        )
        client.connect_timeout = CONNECT_TIMEOUT_S
        client.enable_logger(PAHO_LOG)
        if self._settings.username is not None:
            client.username_pw_set(self._settings.username, self._password)
        if self._plan.will is not None:
            client.will_set(self._plan.will, OFFLINE, qos=1, retain=True)
        client.on_connect = self._connected
        client.on_disconnect = self._disconnected
        client.on_subscribe = self._subscribed
        client.on_publish = self._published
        client.on_message = self._received
        client.on_socket_register_write = lambda _client, _data, _socket: None  # our loop writes, not the caller
        return client

    def serve(self) -> str:
        """Connect and work until the connection is over. Returns the reason, a sentence that names the broker."""
        reason = self._attempt()
        is_worth_3 = self._is_too_new or (self._has_connected and not self._was_answered)
        if self._settings.protocol is MqttProtocol.AUTO and is_worth_3 and not self._is_closed:
            self._is_v5, self._reason = False, None
            self._client = self._new_client()
            reason = self._attempt()
        return f"{self._settings.address}: {reason}"

    def _attempt(self) -> str:
        """One connection in one version of the protocol, to its end; returns the reason."""
        self._has_connected = False
        try:
            self._connect()
            self._has_connected = True
            while self._client.loop(self._settings.keepalive_s / _LOOKS) == MQTTErrorCode.MQTT_ERR_SUCCESS:
                pass
        except OSError as error:
            self._reason = _failure(error) if self._settings.tls else error.strerror or str(error)
        except ValueError as error:
            self._reason = str(error)
        finally:
            self._release()
        if self._reason is None and not self._was_answered:
            tls = "; check cert and key" if self._settings.tls is not None else "; this port may expect TLS"
            return f"the broker closed the connection without an answer{tls}"
        return self._reason or "the connection was lost"

    def _connect(self) -> None:
        settings = self._settings
        if settings.tls is not None:
            _set_up_tls(self._client, settings.tls)
        properties = None
        if self._is_v5:
            properties = _properties(PacketTypes.CONNECT)
            properties.SessionExpiryInterval = 0
            properties.MaximumPacketSize = MAX_PACKET_BYTES
        self._client.connect(settings.host, settings.port, settings.keepalive_s, properties=properties)

    def _release(self) -> None:
        """Close the sockets and break the reference cycle.

        paho closes its socket pair when it is garbage collected, and in a cycle the pair may be collected first.
        """
        client = self._client
        client.on_connect = client.on_disconnect = client.on_subscribe = client.on_publish = client.on_message = None
        client._reset_sockets()

    def publish(
        self, topic: str, payload: bytes, *, retain: bool = False, qos: int = 0, correlation: bytes | None = None
    ) -> bool:
        """Send soon, from any thread, without waiting; False when it was dropped."""
        if self._limit is not None and len(payload) + len(topic.encode()) + _HEAD_BYTES > self._limit:
            self._warn_once(
                "size", f"a message on {topic} was dropped: {len(payload)} bytes are more than the broker accepts"
            )
            return False
        if not self._free_slots.acquire(blocking=False):
            return False
        properties = self._publish_properties(payload, correlation, is_lasting=retain) if self._is_v5 else None
        try:
            info = self._client.publish(topic, payload, qos=qos, retain=retain, properties=properties)
        except (OSError, AttributeError):
            return False  # the connection ended, and its sockets were closed, between two lines of paho
        return info.rc == MQTTErrorCode.MQTT_ERR_SUCCESS

    def _publish_properties(self, payload: bytes, correlation: bytes | None, *, is_lasting: bool) -> Properties:
        """MQTT 5 properties of a message."""
        properties = _properties(PacketTypes.PUBLISH)
        properties.PayloadFormatIndicator = 1  # UTF-8
        if payload.startswith(b"{"):
            properties.ContentType = "application/json"
        if self._plan.marks:
            properties.UserProperty = list(self._plan.marks)
        if correlation is not None:
            properties.CorrelationData = correlation
        if not is_lasting:
            properties.MessageExpiryInterval = NEWS_EXPIRY_S
        return properties

    @property
    def has_refused(self) -> bool:
        """Whether the broker has refused a message; MQTT 3.1.1 does not say."""
        return "refused" in self._warned

    def subscribe(self, new: tuple[str, ...], gone: tuple[str, ...]) -> None:
        """Subscribe new topics and unsubscribe others, from any thread, without waiting."""
        with contextlib.suppress(OSError, AttributeError):  # it has ended; the next one subscribes everything anew
            if gone:
                self._client.unsubscribe(list(gone))
            if new:
                self._subscribe(self._client, new, [self._filter(name, is_command=False) for name in new])

    def close(self, last: tuple[str, bytes] | None = None, timeout_s: float = 0.0) -> None:
        """Disconnect; before that publish a last retained message and wait at most this long until it has arrived."""
        self._is_closed = True
        # when the connection has broken meanwhile, the broker publishes the will, which says the same
        with contextlib.suppress(OSError, RuntimeError, ValueError):
            if last is not None:
                self._client.publish(*last, qos=1, retain=True).wait_for_publish(timeout_s)
        with contextlib.suppress(OSError):
            self._client.disconnect()

    # Callbacks of paho, on the serving thread.

    def _connected(
        self, client: Client, _data: Any, _flags: ConnectFlags, code: ReasonCode, properties: Properties | None
    ) -> None:
        self._was_answered = True
        if code.is_failure:
            self._is_too_new = "protocol version" in str(code).lower()
            self._reason = f"the broker refused the connection: {_words(code, properties)}{_advice(str(code))}"
            return
        self._reason = None
        self._limit = getattr(properties, "MaximumPacketSize", None)
        at_once = getattr(properties, "ReceiveMaximum", client.max_inflight_messages)
        # a broker may end the connection for more; the setter is for a closed one
        client._max_inflight_messages = min(client.max_inflight_messages, at_once)
        subscriptions = self._subscriptions()
        if subscriptions:
            self._subscribe(client, (*self._plan.commands, *self._plan.others), subscriptions)
        self._on_up()

    def _subscribe(self, client: Client, names: tuple[str, ...], filters: list[Any]) -> None:
        """Subscribe, and remember what the answer is about."""
        self._asked[client.subscribe(filters)[1]] = names

    def _subscriptions(self) -> list[Any]:
        plan = self._plan
        commands = [self._filter(name, is_command=True) for name in plan.commands]
        return commands + [self._filter(name, is_command=False) for name in plan.others]

    def _filter(self, name: str, *, is_command: bool) -> Any:
        """A subscription; of commands, where MQTT 5 can say so, only what is sent now and by others."""
        if not self._is_v5:
            return name, 1
        if not is_command:
            return name, SubscribeOptions(qos=1)
        return name, SubscribeOptions(
            qos=1, noLocal=True, retainAsPublished=True, retainHandling=SubscribeOptions.RETAIN_DO_NOT_SEND
        )

    def _disconnected(
        self, _client: Client, _data: Any, flags: DisconnectFlags, code: ReasonCode, properties: Properties | None
    ) -> None:
        if self._reason is None and flags.is_disconnect_packet_from_server:
            self._reason = f"the broker ended the connection: {_words(code, properties)}{_advice(str(code))}"

    def _subscribed(
        self, _client: Client, _data: Any, mid: int, codes: list[ReasonCode], properties: Properties | None
    ) -> None:
        names = self._asked.pop(mid, ("a topic",) * len(codes))
        for name, code in zip(names, codes, strict=False):
            if code.is_failure:
                self.refused |= {name}
                words = _words(code, properties)
                log.warning("broker: subscription of %r refused (%s); check this user's access rights", name, words)

    def _published(
        self, _client: Client, _data: Any, _mid: int, code: ReasonCode, properties: Properties | None
    ) -> None:
        self._free_slots.release()
        if code.is_failure:
            self._warn_once("refused", f"message refused ({_words(code, properties)}); check this user's access rights")

    def _warn_once(self, kind: str, text: str) -> None:
        """A warning, once for each connection and kind."""
        if kind not in self._warned:
            self._warned.add(kind)
            log.warning("broker: %s", text)

    def _received(self, _client: Client, _data: Any, message: MQTTMessage) -> None:
        try:
            topic = message.topic
        except UnicodeDecodeError:
            return  # MQTT allows only UTF-8 in topics, so it is none of ours
        if message.dup:
            return  # the session began clean, so the first copy has already arrived
        said = message.properties
        marks = tuple((name, value) for name, value in getattr(said, "UserProperty", ()) if name in _MARKS)
        self._on_message(
            Incoming(
                topic,
                bytes(message.payload),
                message.retain,
                getattr(said, "ResponseTopic", None),
                getattr(said, "CorrelationData", None),
                getattr(said, "MessageExpiryInterval", None),
                marks,
            )
        )


def _set_up_tls(client: Client, settings: TlsSettings) -> None:
    """Let a connection use TLS, which is imported for it. Raises ValueError for a file that cannot be used."""
    import ssl

    from player.mqtt.tls import tls_context

    paho.ssl = ssl  # type: ignore[attr-defined]
    client.tls_set_context(tls_context(settings))


def _failure(error: OSError) -> str:
    """Why a connection with TLS failed."""
    from player.mqtt.tls import tls_failure

    return tls_failure(error)


def _properties(packet_type: int) -> Properties:
    """MQTT 5 properties of a packet; paho takes and checks them as attributes."""
    return Properties(packet_type)  # type: ignore[no-untyped-call]


def _words(code: ReasonCode, properties: Properties | None) -> str:
    """A reason code in words, with what the broker says about it, as far as that can be shown."""
    said = getattr(properties, "ReasonString", None)
    shown = clean_text(said, 200) if said else ""
    return f"{code} ({shown})" if shown else str(code)


def _advice(reason: str) -> str:
    """What to do about a refusal, where that is known."""
    if "protocol version" in reason.lower():
        return '; set protocol: auto or "3.1.1" for this broker'
    if reason.lower() in {"bad user name or password", "not authorized"}:
        return "; check username and password"
    if reason.lower() == "session taken over":
        return "; check whether another speaker on this machine has the same device name"
    return ""
