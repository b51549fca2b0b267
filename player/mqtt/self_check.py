"""Checks whether commands reach this speaker, and whether its name is unique. Pure, main thread; `now` is an argument.

A broker may let a speaker publish and silently withhold every command from it (mosquitto 2.0 grants the subscription
all the same), and two speakers with the same name both obey. So the speaker publishes a message of its own on
``cmd/self_check``: it has to come back, and any other sender there has the same name. Two machines with the same
machine id, as after copying a card, have the same client id: each connection of one ends that of the other.
"""

from __future__ import annotations

import math
import os
import re
from collections import deque
from dataclasses import dataclass
from typing import Final

from player.core.json_text import quoted

BACK_WITHIN_S: Final = 5.0
EVERY_S: Final = 300.0
TWIN_EVERY_S: Final = 20.0
"""While there is another speaker of this name: it answers each check, so its end is noticed soon."""
TWIN_GONE_S: Final = 2.5 * TWIN_EVERY_S
ANSWER_EVERY_S: Final = 5.0
"""Minimum seconds between two answers to another speaker of this name, so that it notices as well."""
SHORT_S: Final = 60.0
LOSSES: Final = 3
LOSSES_WITHIN_S: Final = 300.0
"""This many connections shorter than `SHORT_S` within this time are not an accident."""
NAMED: Final = 5
"""Maximum number of refused topics that are named."""
QUIET_S: Final = 600.0

DEAF: Final = "deaf"
TWIN: Final = "twin"
QUARREL: Final = "quarrel"
REFUSED: Final = "refused"


_TOKEN: Final = re.compile(rb"[0-9a-f]{16}")


def new_token() -> bytes:
    """What one process publishes as its check."""
    return os.urandom(8).hex().encode()


def is_token(payload: bytes) -> bool:
    """Whether a speaker has published that; anything else on the topic says nothing about speakers."""
    return _TOKEN.fullmatch(payload) is not None


@dataclass(frozen=True, slots=True)
class ConnectionFinding:
    """A problem of the connection (``text``), or its end (None)."""

    key: str
    text: str | None


class SelfCheck:
    """One speaker's check of its own connection. Main thread.

    Args:
        token: identifies this process; no other speaker has it.
        device, topic: its name, and the topic of the check.
    """

    def __init__(self, token: bytes, device: str, topic: str) -> None:
        self._token = token
        self._device = device
        self._topic = topic
        self._next_s = self._back_by_s = math.inf
        self._sent_s = self._up_s = self._twin_s = -math.inf
        self._lost_s: deque[float] = deque(maxlen=LOSSES)
        self._findings: dict[str, str] = {}
        self._new: list[ConnectionFinding] = []

    def connected(self, now_s: float) -> None:
        """Note that the broker is connected (again): check at once."""
        self._up_s = self._next_s = now_s
        self._back_by_s = math.inf

    def disconnected(self, now_s: float, reason: str) -> None:
        """Note that the connection is lost, or could not be made."""
        self._next_s = self._back_by_s = math.inf
        lasted_s, self._up_s = now_s - self._up_s, -math.inf
        if lasted_s < SHORT_S:
            self._lost_s.append(now_s)
            if len(self._lost_s) == LOSSES and now_s - self._lost_s[0] <= LOSSES_WITHIN_S:
                self._find(
                    QUARREL,
                    f"the broker ended {LOSSES} connections soon after they began ({reason}): does another lull with "
                    f"the device name {self._device!r} run on this machine (pgrep -af lull)? Stop it, or give it "
                    "another name. If there is none, it runs on a machine with the same machine id (a copied card): "
                    "rm /etc/machine-id; systemd-machine-id-setup; reboot",
                )

    def heard(self, payload: bytes, now_s: float) -> bool:
        """Take a check, this speaker's own or another's; True for its own, which proves that commands arrive."""
        if payload == self._token:
            self._back_by_s = math.inf
            self._clear(DEAF)
            return True
        self._twin_s = now_s
        self._find(
            TWIN,
            f"another speaker is called {self._device!r} too: both obey each command and overwrite each other's state; "
            "give one of them another device name",
        )
        if now_s - self._sent_s >= ANSWER_EVERY_S:
            self._next_s = now_s
        return False

    def is_due(self, now_s: float) -> bool:
        """Whether a check is to be published now; True also notes it as sent."""
        if now_s < self._next_s:
            return False
        self._next_s, self._sent_s = now_s + (TWIN_EVERY_S if self.has_twin else EVERY_S), now_s
        if math.isinf(self._back_by_s):
            self._back_by_s = now_s + BACK_WITHIN_S
        return True

    @property
    def has_twin(self) -> bool:
        """Whether another speaker of this name was heard a moment ago."""
        return TWIN in self._findings

    @property
    def token(self) -> bytes:
        """The payload of the check."""
        return self._token

    def wait_s(self, now_s: float) -> float:
        """Time until something is due; infinite while not connected."""
        return max(0.0, min(self._next_s, self._back_by_s) - now_s)

    def note_refused(self, topics: tuple[str, ...]) -> None:
        """Note the topics that the broker does not let this connection subscribe; not every broker says so."""
        if topics:
            named = ", ".join(map(quoted, topics[:NAMED])) + (
                f" and {len(topics) - NAMED} more" if len(topics) > NAMED else ""
            )
            self._find(REFUSED, f"the broker does not let this speaker read {named}: check this user's access rights")
        else:
            self._clear(REFUSED)

    def findings(self, now_s: float, *, may_send: bool) -> tuple[ConnectionFinding, ...]:
        """The findings that have changed since the last call.

        Without ``may_send``, because the broker has refused something on this connection, a check that does not come
        back may never have been sent, and says nothing.
        """
        if now_s >= self._back_by_s:
            self._back_by_s = math.inf
            if may_send:
                self._find(
                    DEAF,
                    f"the broker delivers no commands: a message to {self._topic} did not come back. Check this user's "
                    "access rights: read on cmd/#, write on cmd/self_check (docs/mqtt.md)",
                )
        if now_s - self._twin_s > TWIN_GONE_S:
            self._clear(TWIN)
        if now_s - self._up_s > QUIET_S and not math.isinf(self._up_s):
            self._clear(QUARREL)
        new, self._new = tuple(self._new), []
        return new

    def withdrawn(self) -> tuple[ConnectionFinding, ...]:
        """The ends of all findings, for a connection that is given up."""
        for key in tuple(self._findings):
            self._clear(key)
        new, self._new = tuple(self._new), []
        return new

    def _find(self, key: str, text: str) -> None:
        if key not in self._findings:
            self._findings[key] = text
            self._new.append(ConnectionFinding(key, text))

    def _clear(self, key: str) -> None:
        if self._findings.pop(key, None) is not None:
            self._new.append(ConnectionFinding(key, None))
