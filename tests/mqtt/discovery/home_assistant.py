"""What Home Assistant documents about MQTT discovery, as data, and a reader of messages that knows nothing else.

Written down from the pages of its platforms and of discovery (2025.10 and later: ``default_entity_id`` instead of
``object_id``). A key that is not documented for its platform is a fault here, although a home only ignores it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import time
from typing import Any

import jinja2

ABBREVIATIONS = {
    "avty_t": "availability_topic", "cmd_t": "command_topic", "cmd_tpl": "command_template", "cmps": "components",
    "def_ent_id": "default_entity_id", "dev": "device", "dev_cla": "device_class", "ent_cat": "entity_category",
    "en": "enabled_by_default", "evt_typ": "event_types", "ic": "icon", "json_attr_t": "json_attributes_topic",
    "obj_id": "object_id", "json_attr_tpl": "json_attributes_template", "o": "origin", "ops": "options",
    "p": "platform",
    "pl_avail": "payload_available", "pl_not_avail": "payload_not_available", "pl_off": "payload_off",
    "pl_on": "payload_on", "ptrn": "pattern", "pl_prs": "payload_press", "ret": "retain", "stat_cla": "state_class",
    "stat_off": "state_off", "stat_on": "state_on", "stat_t": "state_topic",
    "sug_dsp_prc": "suggested_display_precision", "uniq_id": "unique_id", "unit_of_meas": "unit_of_measurement",
    "val_tpl": "value_template",
}  # fmt: skip
DEVICE_ABBREVIATIONS = {
    "cns": "connections", "cu": "configuration_url", "ids": "identifiers", "mf": "manufacturer", "mdl": "model",
    "mdl_id": "model_id", "hw": "hw_version", "sw": "sw_version", "sa": "suggested_area", "sn": "serial_number",
}  # fmt: skip
ORIGIN_ABBREVIATIONS = {"sw": "sw_version", "url": "support_url"}

DEVICE = {*DEVICE_ABBREVIATIONS.values(), "name", "via_device"}
ORIGIN = {*ORIGIN_ABBREVIATIONS.values(), "name"}
SHARED = {
    "availability", "availability_mode", "availability_template", "availability_topic", "command_topic",
    "payload_available", "payload_not_available", "state_topic",
}  # fmt: skip
"""What may stand beside the components and counts for each of them."""
TOP = SHARED | {"device", "origin", "components", "qos", "encoding"}
COMMON = {
    "availability", "availability_mode", "availability_template", "availability_topic", "default_entity_id", "device",
    "enabled_by_default", "encoding", "entity_category", "entity_picture", "icon", "json_attributes_template",
    "json_attributes_topic", "name", "origin", "payload_available", "payload_not_available", "qos", "unique_id",
}  # fmt: skip
COMMANDED = {"command_topic", "command_template", "retain"}
READ = {"state_topic", "value_template"}
PLATFORMS: dict[str, tuple[set[str], set[str]]] = {
    "number": (
        {"command_topic"},
        COMMANDED | READ | {
            "device_class", "max", "min", "mode", "optimistic", "payload_reset", "step", "unit_of_measurement",
        },
    ),
    "select": ({"command_topic", "options"}, COMMANDED | READ | {"optimistic"}),
    "button": ({"command_topic"}, COMMANDED | {"device_class", "payload_press"}),
    "switch": (
        {"command_topic"},
        COMMANDED | READ | {"device_class", "optimistic", "payload_off", "payload_on", "state_off", "state_on"},
    ),
    "sensor": (
        {"state_topic"},
        READ | {
            "device_class", "expire_after", "force_update", "last_reset_value_template", "options", "state_class",
            "suggested_display_precision", "unit_of_measurement",
        },
    ),
    "binary_sensor": (
        {"state_topic"},
        READ | {"device_class", "expire_after", "force_update", "off_delay", "payload_off", "payload_on"},
    ),
    "text": ({"command_topic"}, COMMANDED | READ | {"max", "min", "mode", "pattern"}),
    "time": ({"command_topic"}, COMMANDED | READ | {"optimistic"}),
    "event": ({"state_topic", "event_types"}, READ | {"device_class"}),
}  # fmt: skip
"""Of each platform the keys that are required, and those that are allowed beside the common ones."""
TOPIC = re.compile(r"(?P<platform>\w+)/(?:(?P<node>[a-zA-Z0-9_-]+)/)?(?P<object>[a-zA-Z0-9_-]+)/config")
ENTITY_ID = re.compile(r"[a-z_]+\.[a-z0-9]+(_[a-z0-9]+)*")


def expand(fields: Mapping[str, Any], table: Mapping[str, str]) -> dict[str, Any]:
    """Whole words for abbreviations; both for one thing is a fault."""
    found = {table.get(key, key): value for key, value in fields.items()}
    assert len(found) == len(fields), f"a key comes twice: {sorted(fields)}"
    return found


def read(topic: str, payload: bytes, prefix: str = "homeassistant") -> dict[str, dict[str, Any]]:
    """The entities of a message by their key, in whole words with ``platform``; asserts that all is as documented."""
    match = TOPIC.fullmatch(topic.removeprefix(f"{prefix}/"))
    assert match, f"no discovery topic: {topic}"
    fields = expand(json.loads(payload), ABBREVIATIONS)
    fields["device"] = expand(fields["device"], DEVICE_ABBREVIATIONS)
    fields["origin"] = expand(fields["origin"], ORIGIN_ABBREVIATIONS)
    assert set(fields["device"]) <= DEVICE
    assert fields["device"]["identifiers"]
    assert set(fields["origin"]) <= ORIGIN
    assert fields["origin"]["name"]
    if match["platform"] != "device":
        assert "platform" not in fields, "the topic names it"
        key = match["object"]
        return {key: _checked(key, {**fields, "platform": match["platform"]})}
    assert set(fields) <= TOP, f"unknown beside the components: {set(fields) - TOP}"
    shared = {key: fields[key] for key in SHARED & set(fields)}
    return {
        key: _checked(key, shared | expand(component, ABBREVIATIONS)) for key, component in fields["components"].items()
    }


def _checked(key: str, fields: dict[str, Any]) -> dict[str, Any]:
    platform = fields["platform"]
    assert platform in PLATFORMS, f"{key}: {platform} is not a platform that is written down here"
    required, allowed = PLATFORMS[platform]
    own = set(fields) - {"platform"}
    unknown = own - COMMON - allowed - required
    assert not unknown, f"{key}: unknown for {platform}: {unknown}"
    assert required <= own, f"{key}: missing {required - own}"
    assert {"unique_id", "name", "availability_topic"} <= own
    assert ENTITY_ID.fullmatch(fields["default_entity_id"]), fields["default_entity_id"]
    assert fields["default_entity_id"].startswith(f"{platform}.")
    assert fields.get("retain") is not True, f"{key}: a retained command plays in the middle of some night"
    assert fields.get("entity_category") in {None, "config", "diagnostic"}
    assert fields.get("entity_category") != "config" or "command_topic" in own, f"{key}: config is for what can be set"
    assert fields.get("icon", "mdi:x").startswith("mdi:")
    assert not any("~" in str(value) for name, value in fields.items() if name.endswith("_topic")), "full topics"
    _check_values(key, fields)
    return fields


def _check_values(key: str, fields: dict[str, Any]) -> None:
    """What goes beyond names: ranges, choices, units."""
    match fields["platform"]:
        case "number":
            assert fields["min"] < fields["max"], key
            assert fields["step"] > 0
            assert fields["mode"] in {"auto", "box", "slider"}
        case "select":
            assert fields["options"]
            assert len(set(fields["options"])) == len(fields["options"])
        case "event":
            assert fields["event_types"]
            assert len(set(fields["event_types"])) == len(fields["event_types"])
        case "sensor":
            assert ("options" in fields) == (fields.get("device_class") == "enum"), key
            is_number = "state_class" in fields
            assert not is_number or "unit_of_measurement" in fields
            assert is_number or not {"unit_of_measurement", "suggested_display_precision"} & set(fields), key
        case "binary_sensor":
            assert fields["payload_on"] != fields["payload_off"]
        case "switch":
            assert fields["payload_on"] != fields["payload_off"]
            assert fields["state_on"] != fields["state_off"]


_READER = jinja2.Environment(autoescape=False)  # noqa: S701 - no HTML


def render(template: str, **names: Any) -> str:
    """A template as a home renders it; a name or key that is missing and is used is an error, as it is logged there."""
    return _READER.from_string(template).render(**names)


def value(fields: Mapping[str, Any], state: Mapping[str, Any]) -> str:
    """What an entity shows for a state; ``None`` is unknown. Asserts that its platform takes it."""
    shown = render(fields["value_template"], value_json=state).strip()
    match fields["platform"]:
        case "number" if shown != "None":
            assert fields["min"] <= float(shown) <= fields["max"], f"{shown} is not taken: {fields}"
        case "select" | "sensor" if shown != "None" and "options" in fields:
            assert shown in fields["options"]
        case "sensor" if shown != "None" and fields.get("state_class"):
            float(shown)
        case "switch":
            assert shown in {fields["state_on"], fields["state_off"]}
        case "time" if shown != "None":
            time.fromisoformat(shown)
        case "text":
            assert len(shown) <= fields["max"]
            assert re.fullmatch(fields.get("pattern", ".*"), shown)
            return shown
        case "binary_sensor":
            assert shown in {fields["payload_on"], fields["payload_off"]}
    assert 0 < len(shown) <= 255
    return shown


def command(fields: Mapping[str, Any], asked: str | float) -> tuple[str, bytes]:
    """Topic and payload of a command; a number without a fraction is sent as a whole one."""
    value: object = int(asked) if isinstance(asked, float) and asked.is_integer() else asked
    if fields["platform"] == "time":
        value = time.fromisoformat(str(asked))  # its template gets a time, not a text
    text = render(fields["command_template"], value=value) if "command_template" in fields else str(value)
    return fields["command_topic"], text.encode()
