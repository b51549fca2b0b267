"""The topics of a media player, for the community's integration ``mqtt_media_player``. Pure functions, main thread.

Home Assistant itself has no media player over MQTT. This integration reads one plain value from each topic and has no
templates, so its values are published beside the state, retained: ``<device>/media/title`` and so on. Its volume is 0
to 1 for the range from 0 to 100; a command above the cap in force sets the cap.
"""

from __future__ import annotations

from typing import Any, Final

from player.core.commands import SetVolume
from player.core.errors import Refused
from player.core.json_text import quoted
from player.core.published import whole_seconds
from player.core.snapshot import NO_DEVICE, Snapshot
from player.core.units import VOLUME_MAX
from player.core.values import number
from player.mqtt.payloads import public_text
from player.mqtt.topics import OFFLINE, ONLINE, Topics

NAMES: Final = ("state", "title", "duration", "position", "volume")
_STATES: Final = {"playing": "playing", "fading_out": "playing", "paused": "paused"}


def topic(topics: Topics, name: str) -> str:
    """The topic of one value."""
    return f"{topics.root}/media/{name}"


def volume_set(topics: Topics) -> str:
    """The topic on which the player sets the volume; not a command topic, because 1 means something else there."""
    return f"{topics.root}/media/volume/set"


def config(topics: Topics, device: dict[str, Any]) -> dict[str, Any]:
    """The message that announces the player."""
    return {
        "name": topics.device,
        "availability": {
            "topic": topics.availability,
            "payload_available": ONLINE.decode(),
            "payload_not_available": OFFLINE.decode(),
        },
        "device": device,
        **{f"state_{name}_topic": topic(topics, name) for name in NAMES},
        "command_volume_topic": volume_set(topics),
        **_command(topics, "play", "play"),
        **_command(topics, "pause", "pause"),
        **_command(topics, "playpause", "toggle"),
        **_command(topics, "next", "next"),
    }


def _command(topics: Topics, button: str, verb: str) -> dict[str, str]:
    return {f"command_{button}_topic": topics.command(), f"command_{button}_payload": verb}


def values(topics: Topics, snapshot: Snapshot) -> dict[str, bytes]:
    """The value of each topic; empty for what is unknown, which clears the retained value."""
    is_silent = any(problem.startswith(NO_DEVICE) for problem in snapshot.problems)
    found = {
        "state": "idle" if is_silent else _STATES.get(snapshot.state, "idle"),
        "title": snapshot.track,
        "duration": whole_seconds(snapshot.duration_s),
        "position": whole_seconds(snapshot.position_s),
        "volume": f"{snapshot.volume / VOLUME_MAX:.2f}",
    }
    return {
        topic(topics, name): b"" if value is None else public_text(str(value)).encode("utf-8", "replace")
        for name, value in found.items()
    }


def to_volume(payload: bytes, volume_max: int) -> SetVolume:
    """The command in a volume of 0 to 1. Raises Refused for anything else."""
    text = payload[:64].decode("utf-8", "replace")
    part = number("volume", text)
    if not 0 <= part <= 1:
        raise Refused(f"volume {quoted(text)} is out of range; a media player's volume is 0 to 1")
    return SetVolume(min(round(part * VOLUME_MAX), volume_max))
