"""The broker connection, and the only door to paho. One thread, ``lull-mqtt``, connects, reads, writes and waits.

paho is used with as little of its own machinery as possible, because three parts of it fail quietly: its network thread
dies of an exception in a callback, its queue of outgoing messages survives a lost connection and has no bound, and its
reconnecting has no jitter and hides the reason. So each attempt is a fresh `Broker` (nothing survives, nothing is sent
late), its loop runs on our thread (whatever it raises ends the attempt, not the thread), and `Link` waits between
attempts for ever.

paho takes 9.6 MB of memory to import, 1.4 MB of it its own: ssl 4.4 MB, email, http and urllib 2.8 MB (websockets and
proxies), hashlib 0.7 MB.
"""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Callable
from typing import Any, Final

from paho.mqtt.client import Client, ConnectFlags, DisconnectFlags, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

from player.adapters.mqtt_link import Link, Plan
from player.adapters.mqtt_self import client_id_of, read_password
from player.settings import MqttProtocol, MqttSettings
from player.wire.topics import OFFLINE, Incoming, LinkDown, LinkUp, Topics

__all__ = ["Broker", "MqttLink", "Plan", "read_password"]

log = logging.getLogger("lull.mqtt")

CONNECT_TIMEOUT_S: Final = 5.0
MAX_PACKET_BYTES: Final = 256 * 1024
"""MQTT 5: the broker keeps anything longer to itself."""
MAX_UNSENT: Final = 256
"""So many messages may wait for a broker that has stopped reading; further ones are dropped."""
_LOOP_S: Final = 1.0


class Broker:
    """One attempt to be connected, from the first packet to the last; `serve` once, then throw away.

    Args:
        on_up: called on the serving thread when connected and subscribed.
        on_message: called on the serving thread with each message.
    """

    def __init__(
        self,
        settings: MqttSettings,
        password: str | None,
        plan: Plan,
        on_up: Callable[[], None],
        on_message: Callable[[Incoming], None],
    ) -> None:
        self._settings = settings
        self._plan = plan
        self._on_up = on_up
        self._on_message = on_message
        self._reason: str | None = None
        self._is_v5 = settings.protocol is MqttProtocol.V5
        self._room = threading.Semaphore(MAX_UNSENT)
        self._has_refused = False
        self._client = self._new_client(password)

    def _new_client(self, password: str | None) -> Client:
        client = Client(
            CallbackAPIVersion.VERSION2,
            client_id=self._plan.client_id,
            clean_session=None if self._is_v5 else True,
            protocol=MQTTProtocolVersion.MQTTv5 if self._is_v5 else MQTTProtocolVersion.MQTTv311,
            reconnect_on_failure=False,
        )
        client.connect_timeout = CONNECT_TIMEOUT_S
        if self._settings.username is not None:
            client.username_pw_set(self._settings.username, password)
        if self._plan.will is not None:
            client.will_set(self._plan.will, OFFLINE, qos=1, retain=True)
        client.on_connect = self._connected
        client.on_disconnect = self._disconnected
        client.on_subscribe = self._subscribed
        client.on_publish = self._published
        client.on_message = self._received
        # paho writes on the caller's thread unless somebody else watches the socket: our loop does
        client.on_socket_register_write = lambda _client, _data, _socket: None
        return client

    def serve(self) -> str:
        """Connect and work until the connection is over. Returns the reason, a sentence that names the broker."""
        where = f"{self._settings.host}:{self._settings.port}"
        try:
            self._connect()
            while self._client.loop(_LOOP_S) == MQTTErrorCode.MQTT_ERR_SUCCESS:
                pass
        except (OSError, ValueError) as error:
            self._reason = getattr(error, "strerror", None) or str(error)
        finally:
            self._let_go()
        return f"{where}: {self._reason or 'the connection broke off'}"

    def _connect(self) -> None:
        settings = self._settings
        if settings.tls is not None:
            try:
                self._client.tls_set(settings.tls.ca, settings.tls.cert, settings.tls.key)
            except (OSError, ValueError) as error:
                raise ValueError(f"TLS cannot be set up: {error}; check ca, cert and key") from None
        properties = None
        if self._is_v5:
            properties = _properties(PacketTypes.CONNECT)
            properties.SessionExpiryInterval = 0
            properties.MaximumPacketSize = MAX_PACKET_BYTES
        self._client.connect(settings.host, settings.port, settings.keepalive_s, properties=properties)

    def _let_go(self) -> None:
        """Cut the circle of references, so that paho's sockets are closed now and not when memory is collected."""
        client = self._client
        client.on_connect = client.on_disconnect = client.on_subscribe = client.on_publish = client.on_message = None

    def publish(
        self, topic: str, payload: bytes, *, retain: bool = False, qos: int = 0, correlation: bytes | None = None
    ) -> bool:
        """Send soon, from any thread, without waiting; False when it was dropped."""
        if not self._room.acquire(blocking=False):
            return False
        properties = None
        if correlation is not None and self._is_v5:
            properties = _properties(PacketTypes.PUBLISH)
            properties.CorrelationData = correlation
        info = self._client.publish(topic, payload, qos=qos, retain=retain, properties=properties)
        return info.rc == MQTTErrorCode.MQTT_ERR_SUCCESS

    def close(self, last: tuple[str, bytes] | None = None, timeout_s: float = 0.0) -> None:
        """Disconnect; before that publish a last retained message and wait so long at most until it has arrived."""
        if last is not None:
            # when the connection has broken meanwhile, the broker publishes the will, which says the same
            with contextlib.suppress(RuntimeError, ValueError):
                self._client.publish(*last, qos=1, retain=True).wait_for_publish(timeout_s)
        self._client.disconnect()

    # Callbacks of paho, on the serving thread.

    def _connected(
        self, client: Client, _data: Any, _flags: ConnectFlags, code: ReasonCode, _properties: Properties | None
    ) -> None:
        if code.is_failure:
            self._reason = f"the broker refuses: {code}{_advice(str(code))}"
            return
        self._reason = None
        subscriptions = self._subscriptions()
        if subscriptions:
            client.subscribe(subscriptions)
        self._on_up()

    def _subscriptions(self) -> list[Any]:
        plan = self._plan
        if not self._is_v5:
            return [(name, 1) for name in (*plan.commands, *plan.others)]
        now = SubscribeOptions(
            qos=1,
            noLocal=True,
            retainAsPublished=True,
            retainHandling=SubscribeOptions.RETAIN_DO_NOT_SEND,
        )
        return [(name, now) for name in plan.commands] + [(name, SubscribeOptions(qos=1)) for name in plan.others]

    def _disconnected(
        self, _client: Client, _data: Any, flags: DisconnectFlags, code: ReasonCode, _properties: Properties | None
    ) -> None:
        if self._reason is None and flags.is_disconnect_packet_from_server:
            self._reason = f"the broker ended the connection: {code}{_advice(str(code))}"

    def _subscribed(
        self, _client: Client, _data: Any, _mid: int, codes: list[ReasonCode], _properties: Properties | None
    ) -> None:
        for code in codes:
            if code.is_failure:
                log.warning("broker: it refuses a subscription (%s); check this user's access rights", code)

    def _published(
        self, _client: Client, _data: Any, _mid: int, code: ReasonCode, _properties: Properties | None
    ) -> None:
        self._room.release()
        if code.is_failure and not self._has_refused:
            self._has_refused = True
            log.warning("broker: it refuses a message (%s); check this user's access rights", code)

    def _received(self, _client: Client, _data: Any, message: MQTTMessage) -> None:
        try:
            topic = message.topic
        except UnicodeDecodeError:
            return  # MQTT allows only UTF-8 here, so there is nobody whose topic this could be
        response_topic = getattr(message.properties, "ResponseTopic", None)
        correlation = getattr(message.properties, "CorrelationData", None)
        self._on_message(Incoming(topic, bytes(message.payload), message.retain, response_topic, correlation))


def _properties(packet_type: int) -> Properties:
    """MQTT 5 properties of a packet; paho takes and checks them as attributes."""
    return Properties(packet_type)  # type: ignore[no-untyped-call]


def _advice(reason: str) -> str:
    """What to do about a refusal, where that is known."""
    if "protocol version" in reason.lower():
        return '; set protocol: "3.1.1" for this broker'
    if reason.lower() in {"bad user name or password", "not authorized"}:
        return "; check username and password"
    if reason.lower() == "session taken over":
        return "; is there a second speaker with this device name on this machine?"
    return ""


class MqttLink(Link):
    """The daemon's `Link` over paho.

    Args:
        deliver: takes `Incoming`, `LinkUp` and `LinkDown` on the link's thread; must not block.
        password: shown nowhere.
        others: filters on which everything is wanted, what is retained included.
    """

    def __init__(
        self,
        settings: MqttSettings,
        device: str,
        deliver: Callable[[Incoming | LinkUp | LinkDown], None],
        password: str | None = None,
        others: tuple[str, ...] = (),
    ) -> None:
        def connect(plan: Plan, on_up: Callable[[], None], on_message: Callable[[Incoming], None]) -> Broker:
            return Broker(settings, password, plan, on_up, on_message)

        topics = Topics(settings.prefix, device, settings.groups)
        super().__init__(topics, client_id_of(settings.prefix, device), deliver, connect, others=others)
