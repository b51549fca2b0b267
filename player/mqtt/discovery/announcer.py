"""Publishes the discovery messages, publishes them again when needed, and removes them. Main thread, standard library.

What was announced is not stored here: the broker has it, retained. After each connection the speaker reads its own
announcements back and removes what is out of date: an entity that is gone is published once with only its platform, a
message that is gone is replaced by an empty one. So a speaker whose config was changed while it was off leaves nothing
behind, and a broker that has lost everything gets it again.

The first announcement is published 1 to 5 s after a connection, at random: by then the broker's retained messages have
arrived, and many speakers do not publish all at once. The same holds after the birth message of a home automation.
"""

from __future__ import annotations

import logging
import math
import random
from dataclasses import dataclass
from typing import Final

from player.core.commands import SetVolume
from player.core.settings.session import ONCE
from player.core.snapshot import Snapshot
from player.mqtt.discovery import media_player as media
from player.mqtt.discovery.entities import EntityOptions
from player.mqtt.discovery.messages import Speaker, announcement, device_last, root_of, with_removals
from player.mqtt.incoming import Incoming
from player.mqtt.payloads import public_text
from player.mqtt.topics import ONLINE, RETAINED

log = logging.getLogger("lull.discovery")

SHORTEST_WAIT_S: Final = 1.0
LONGEST_WAIT_S: Final = 5.0
MIN_GAP_S: Final = 1.0
"""Minimum time between two announcements because of a change (the cap, a reload)."""
MAX_NEIGHBOURS: Final = 256
MAX_KNOWN: Final = 256


@dataclass(frozen=True, slots=True)
class Publication:
    """A retained message to be published."""

    topic: str
    payload: bytes


class Announcer:
    """The announcements of one speaker at one broker. Main thread.

    Args:
        speaker: the announced speaker and its topics.
        rng: for the wait.
    """

    def __init__(self, speaker: Speaker, rng: random.Random) -> None:
        self._speaker = speaker
        self._rng = rng
        self._known: dict[str, bytes] = {}
        self._old_roots: set[str] = set()
        self._neighbours: dict[str, bytes] = {}
        self._shown: EntityOptions | None = None
        self._wanted: dict[str, bytes] = {}
        self._due_s: float | None = None
        self._announced_s = -math.inf
        self._is_announced = False
        self._volume_max = 0
        self._values: dict[str, bytes] = {}

    @property
    def filters(self) -> tuple[str, ...]:
        """The filters to subscribe for discovery, beside the command topics."""
        speaker = self._speaker
        player = (media.volume_set(speaker.topics),) if speaker.has_media_player else ()
        neighbours = f"{speaker.topics.prefix}/+/availability"
        return (*speaker.filters, speaker.settings.birth, neighbours, *player)

    def inherit(self, earlier: Announcer) -> None:
        """Take over what an earlier config announced at this broker on topics that are not subscribed any more."""
        if earlier._speaker.topics.root != self._speaker.topics.root:
            self._old_roots.add(earlier._speaker.topics.root)
        self._known |= {topic: b"?" for topic in earlier._known if not self._speaker.is_own(topic)}

    # Incoming.

    def connected(self, boot_s: float) -> None:
        """Note that the link is connected (again); the broker sends its retained messages."""
        self._known = {topic: payload for topic, payload in self._known.items() if not self._speaker.is_own(topic)}
        self._values = {}
        self._is_announced = False
        self._schedule(boot_s)

    def disconnected(self) -> None:
        """Note that nothing can be published any more."""
        self._due_s = None
        self._is_announced = False

    def handle(self, incoming: Incoming, boot_s: float) -> SetVolume | None:
        """Handle a message on one of `filters`; returns the command in it.

        Raises:
            Refused: the volume is not a number from 0 to 1.
        """
        topic, payload = incoming.topic, incoming.payload
        if topic == media.volume_set(self._speaker.topics):
            return None if incoming.retained else media.to_volume(payload, self._volume_max)
        if topic == self._speaker.settings.birth:
            if payload == ONLINE and not incoming.retained:
                self._schedule(boot_s)
        elif topic.endswith("/availability") and topic.startswith(f"{self._speaker.topics.prefix}/"):
            if topic in self._neighbours or len(self._neighbours) < MAX_NEIGHBOURS:
                self._neighbours[topic] = payload
        elif incoming.retained and payload and self._speaker.is_own(topic) and len(self._known) < MAX_KNOWN:
            self._known[topic] = payload
            root = root_of(payload)
            if root is not None and root != self._speaker.topics.root:
                self._old_roots.add(root)
        return None

    def _schedule(self, boot_s: float) -> None:
        self._due_s = boot_s + self._rng.uniform(SHORTEST_WAIT_S, LONGEST_WAIT_S)

    # Outgoing.

    def wait_s(self, boot_s: float) -> float:
        """Time until an announcement is due."""
        return math.inf if self._due_s is None else max(0.0, self._due_s - boot_s)

    def announce(self, snapshot: Snapshot, boot_s: float) -> tuple[Publication, ...]:
        """The messages to publish now; unless there are none, the whole state has to follow."""
        self._volume_max = snapshot.volume_max
        tracks = tuple(title for title in snapshot.track_choices if public_text(title) == title)
        entries = tuple(name for name in snapshot.entries if name != ONCE)
        longest_min = max(1, int(snapshot.session_max_s // 60))
        highest, limit = snapshot.volume_max, snapshot.volume_limit
        shown = EntityOptions(highest, snapshot.playlists, entries, longest_min, tracks, limit)
        if shown != self._shown:
            self._shown = shown
            self._wanted = announcement(self._speaker, shown)
            if self._is_announced:
                self._due_s = min(self._due_s or math.inf, max(boot_s, self._announced_s + MIN_GAP_S))
        if self._due_s is None or boot_s < self._due_s:
            return ()
        self._due_s, self._announced_s, self._is_announced = None, boot_s, True
        out = [*self._removed(), *(Publication(topic, payload) for topic, payload in self._wanted.items())]
        out += self._abandoned()
        self._known = dict(self._wanted)
        return (*out, Publication(self._speaker.topics.availability, ONLINE))

    def media_values(self, snapshot: Snapshot) -> tuple[Publication, ...]:
        """The changed values on the topics of the media player."""
        if not self._speaker.has_media_player:
            return ()
        fresh = media.values(self._speaker.topics, snapshot)
        changed = [Publication(topic, value) for topic, value in fresh.items() if self._values.get(topic) != value]
        self._values = fresh
        return tuple(changed)

    def take_back(self) -> tuple[Publication, ...]:
        """Messages that remove every announcement, for a speaker that leaves this broker."""
        found = [Publication(topic, b"") for topic in device_last(self._known)]
        self._known = {}
        return tuple(found)

    def _removed(self) -> list[Publication]:
        """Messages that remove what was announced and is out of date."""
        out = []
        for topic in device_last(self._known):
            payload = self._known[topic]
            if topic not in self._wanted:
                out.append(Publication(topic, b""))
                if topic == self._speaker.media_topic:
                    out += _cleared(self._speaker.topics.root)
            elif topic == self._speaker.device_topic:
                parting = with_removals(payload, self._wanted[topic])
                out += [] if parting is None else [Publication(topic, parting)]
        return out

    def _abandoned(self) -> list[Publication]:
        """Messages that clear the topics of a former name, unless another speaker has it now."""
        out = []
        for root in sorted(self._old_roots):
            if self._neighbours.get(f"{root}/availability") == ONLINE:
                log.warning(
                    "%s was announced by this speaker, and another one is online there; two speakers of one machine "
                    "need a state_dir or a mqtt.discovery.id of their own", root,
                )  # fmt: skip
                continue
            out += [Publication(f"{root}/{name}", b"") for name in RETAINED]
            out += _cleared(root)
        self._old_roots = set()
        return out


def _cleared(root: str) -> list[Publication]:
    """Messages that clear the values of the media player."""
    return [Publication(f"{root}/media/{name}", b"") for name in media.NAMES]
