"""Many speakers over MQTT: one command to all of them or to a group, and the answers of each. Threads as in `request`.

The online speakers are known, so for all speakers a missing answer is noticed. Only the speakers know which groups they
belong to: the members of a group are those that answer.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from player.cli.client.request import LOOK_AROUND_S, NoAnswer, SpeakerClient
from player.core.settings.mqtt import MqttSettings
from player.mqtt.payload_values import as_object
from player.mqtt.topics import ALL, OFFLINE

GROUP_QUIET_S: Final = 1.0
"""Seconds without a further answer after which all members of a group are assumed to have answered."""


@dataclass(frozen=True, slots=True)
class Answers:
    """The answers by speaker, the online speakers without an answer, and the listed ones that are not online."""

    given: dict[str, dict[str, Any]]
    silent: tuple[str, ...]
    away: tuple[str, ...] = ()


class Broadcast(SpeakerClient):
    """``with Broadcast(settings, "all", timeout_s) as speakers: speakers.ask_all("stop", {})``.

    Args:
        audience: ``all``, or the name of a group.
        listed: the speakers of the config; ``all`` includes them.

    Raises:
        NoAnswer: on entering, when the broker cannot be reached or no speaker is online.
    """

    def __init__(self, settings: MqttSettings, audience: str, timeout_s: float, listed: tuple[str, ...] = ()) -> None:
        super().__init__(settings, None, timeout_s)
        self._audience = audience
        self._listed = listed if audience == ALL else ()
        self._online: tuple[str, ...] = ()

    def _choose(self) -> None:
        deadline_s = time.monotonic() + LOOK_AROUND_S
        while self._next_by(deadline_s) is not None:
            pass
        self._online = tuple(sorted(name for name, told in self._availability.items() if told != OFFLINE))
        if not self._online:
            raise self._nobody()

    def ask_all(self, verb: str, fields: Mapping[str, Any]) -> Answers:
        """Send a command once and wait for the answer of each. Raises NoAnswer when a group has no member."""
        sender_id = os.urandom(6).hex()
        message = json.dumps({**fields, "command": verb, "id": sender_id, "origin": "cli"})
        self._session.publish(f"{self._settings.prefix}/{self._audience}/cmd", message.encode())
        given: dict[str, dict[str, Any]] = {}
        deadline_s = time.monotonic() + self._timeout_s
        while not (self._audience == ALL and given.keys() >= set(self._online)):
            incoming = self._next_by(deadline_s)
            if incoming is None:
                break
            answer = as_object(incoming.payload)
            if incoming.topic.endswith("/reply") and answer.get("id") == sender_id:
                given[incoming.topic[len(self._settings.prefix) + 1 : -len("/reply")]] = answer
                if self._audience != ALL:
                    deadline_s = min(deadline_s, time.monotonic() + GROUP_QUIET_S)
        if not given and self._audience != ALL:
            raise NoAnswer(
                f"no speaker of the group {self._audience!r} answered at {self.where}; a speaker belongs to the groups "
                "that its config lists under mqtt.groups"
            )
        silent = tuple(name for name in self._online if self._audience == ALL and name not in given)
        return Answers(given, silent, tuple(name for name in self._listed if name not in {*self._online, *given}))
