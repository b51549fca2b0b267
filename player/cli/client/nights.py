"""The reports of the night that speakers have left at the broker, for ``lull report --all`` and ``--device``.

They are retained, so the last night of a speaker that is switched off is available too. Threads as in `request`.
"""

from __future__ import annotations

import json
import time
from typing import ClassVar, Final

from player.cli.client.request import LOOK_AROUND_S, NoAnswer, SpeakerClient
from player.core.night_report import NightReport
from player.core.published import by_field
from player.core.settings.mqtt import MqttSettings
from player.mqtt.payload_values import as_object
from player.mqtt.topics import OFFLINE
from player.session.memory.json_codec import from_text

NIGHT: Final = "/night"


class NightReports(SpeakerClient):
    """``with NightReports(settings, None, timeout_s) as speakers: speakers.reports``.

    Args:
        device: the speaker; None is all of them.

    Attributes:
        reports: by speaker; None where it has none.

    Raises:
        NoAnswer: on entering, when the broker cannot be reached or knows no speaker.
    """

    LISTENS_TO: ClassVar = ("availability", "night")

    def __init__(self, settings: MqttSettings, device: str | None, timeout_s: float) -> None:
        super().__init__(settings, device, timeout_s)
        self.reports: dict[str, NightReport | None] = {}

    def _choose(self) -> None:
        deadline_s = time.monotonic() + LOOK_AROUND_S
        nights: dict[str, NightReport | None] = {}
        while (incoming := self._next_by(deadline_s)) is not None:
            if incoming.topic.endswith(NIGHT) and incoming.payload:
                nights[incoming.topic[len(self._settings.prefix) + 1 : -len(NIGHT)]] = night_of(incoming.payload)
        self.reports = {name: nights.get(name) for name in sorted({*self._availability, *nights})}
        if not self.reports:
            raise self._nobody() if self._device is None else NoAnswer(self._why_silent())

    def is_offline(self, device: str) -> bool:
        """Whether the retained availability is offline."""
        return self._availability.get(device) == OFFLINE


def night_of(payload: bytes) -> NightReport | None:
    """The night in the payload of a ``night`` topic; None where there is none in it, or one that cannot be read."""
    try:
        report: NightReport = from_text(NightReport, json.dumps(by_field(NightReport, as_object(payload))), "night")
    except ValueError:
        return None
    return None if report.start is None else report
