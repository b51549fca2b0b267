"""Verbs: what may be asked, in which forms, and the command that it becomes. Pure functions, any thread.

A verb matches exactly (shairport-sync takes ``playresume`` for ``play``). Each has one function from the payload's
value to a command; playlist names and the configured volume limit are left to the session, which knows them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from player.core.commands import (
    AllowAgain,
    Command,
    ExtendTimer,
    GetStatus,
    NeverAgain,
    Next,
    NotTonight,
    Pause,
    Play,
    Resume,
    Seek,
    SetFade,
    SetPlaylist,
    SetSchedule,
    SetStartTime,
    SetTimer,
    SetVolume,
    SkipTonight,
    Stop,
    Toggle,
    Tonight,
)
from player.core.errors import Refused, did_you_mean
from player.core.units import volume_step
from player.mqtt.payload_values import (
    MAX_TEXT,
    Value,
    check_keys,
    clock_time,
    duration_s,
    is_signed,
    number,
    only_one,
    place_s,
    quoted,
    switch,
    text,
    timer,
    timer_from,
    whole,
)

EXTEND_S: Final = 15 * 60.0
"""What ``extend`` without a value adds."""


def to_command(verb: str, value: Value) -> Command:
    """The command of a verb and its value.

    Raises:
        Refused: no such verb, or a value that it does not take; the reason names the offender and the choices.
    """
    make = _VERBS.get(verb)
    if make is None:
        hint = did_you_mean(verb[:MAX_TEXT], VERBS)
        raise Refused(f"unknown command {quoted(verb)}{hint}; there are: {', '.join(VERBS)}")
    try:
        return make(value)
    except ValueError as error:
        raise Refused(f"{verb}: {error}") from None


def _play(value: Value) -> Play:
    if not isinstance(value, Mapping):
        return Play(playlist=None if value is None else text("playlist", value))
    check_keys("play", value, ("playlist", "volume", "timer", "fade_in", "fade_out"))
    given = {key: found for key, found in value.items() if found is not None}
    readers: dict[str, Callable[[Any], Any]] = {
        "playlist": lambda found: text("playlist", found),
        "volume": lambda found: whole("volume", found),
        "timer": timer,
        "fade_in": lambda found: duration_s("fade_in", found, 1.0),
        "fade_out": lambda found: duration_s("fade_out", found, 1.0),
    }
    asked = {key: readers[key](found) for key, found in given.items()}
    return Play(
        asked.get("playlist"), asked.get("volume"), asked.get("timer"), asked.get("fade_in"), asked.get("fade_out")
    )


def _stop(value: Value) -> Stop:
    if isinstance(value, Mapping):
        check_keys("stop", value, ("now",))
        return Stop(now=switch("now", value.get("now", False)))
    if value is None or value.lower() == "now":
        return Stop(now=value is not None)
    raise Refused(f"stop {quoted(value)}: allowed is nothing or now")


def _bare(verb: str, command: Command) -> Callable[[Value], Command]:
    """A verb that takes no value."""

    def make(value: Value) -> Command:
        if isinstance(value, Mapping):
            check_keys(verb, value, ())
        elif value is not None:
            raise Refused(f"{verb} takes no value; got {quoted(value)}")
        return command

    return make


def _seek(value: Value) -> Seek:
    place = _single("seek", "position", value)
    return Seek(place_s("position", place), is_relative=is_signed(place))


def _volume(value: Value) -> SetVolume:
    level = _single("volume", "volume", value)
    word = level.lower() if isinstance(level, str) else ""
    if word in {"up", "down"}:
        return SetVolume(volume_step() if word == "up" else -volume_step(), is_relative=True)
    return SetVolume(whole("volume", level), is_relative=is_signed(level))


def _timer(value: Value) -> SetTimer | ExtendTimer:
    if value is None:
        raise Refused("timer needs a value: minutes, 45m, +15m, off, end-of-track or end-of-playlist")
    asked: object = value
    if isinstance(value, Mapping) and set(value) == {"timer"}:
        asked = value["timer"]
    if is_signed(asked):
        return ExtendTimer(duration_s("timer", asked, 60.0))
    if isinstance(value, Mapping) and asked is value:
        return SetTimer(timer_from("timer", value))
    return SetTimer(timer(asked))


def _extend(value: Value) -> ExtendTimer:
    if value is None or value == {}:
        return ExtendTimer(EXTEND_S)
    if not isinstance(value, Mapping):
        return ExtendTimer(duration_s("extend", value, 60.0))
    key, length = only_one("extend", value, ("minutes", "seconds", "by"))
    if key == "by":
        return ExtendTimer(duration_s("by", length, 60.0))
    return ExtendTimer(number(key, length) * (60.0 if key == "minutes" else 1.0))


def _playlist(value: Value) -> SetPlaylist:
    return SetPlaylist(text("playlist", _single("playlist", "playlist", value)))


def _fade(value: Value) -> SetFade:
    if isinstance(value, Mapping) and value:
        key, length = only_one("fade", value, ("minutes", "seconds", "fade"))
        if key == "fade":
            return SetFade(duration_s("fade", length, 60.0))
        return SetFade(number(key, length) * (60.0 if key == "minutes" else 1.0))
    return SetFade(duration_s("fade", _single("fade", "fade", value), 60.0))


def _schedule(value: Value) -> SetSchedule | SetStartTime:
    entry = None
    if isinstance(value, Mapping) and "at" in value:
        check_keys("schedule", value, ("entry", "at"))
        if value.get("entry") is None:
            raise Refused("schedule: at needs entry, the name of what is to start then")
        return SetStartTime(
            text("entry", value["entry"]), None if value["at"] is None else clock_time("at", value["at"])
        )
    if isinstance(value, Mapping) and "entry" in value:
        check_keys("schedule", value, ("enabled", "entry"))
        entry = text("entry", value["entry"])
        value = {key: found for key, found in value.items() if key != "entry"}
    return SetSchedule(_flip("schedule", _single("schedule", "enabled", value)), entry)


def _tonight(value: Value) -> Tonight | NotTonight:
    if isinstance(value, str) and value.lower() == "off":
        return NotTonight()
    if not isinstance(value, Mapping):
        if value is None:
            raise Refused("tonight needs a time of day, as in 23:15, or off")
        return Tonight(clock_time("at", value))
    if set(value) == {"off"} and switch("off", value["off"]):
        return NotTonight()
    check_keys("tonight", value, ("at", "playlist", "volume", "timer", "off"))
    given = {key: found for key, found in value.items() if found is not None}
    if "at" not in given:
        raise Refused("tonight needs at, a time of day, as in 23:15")
    return Tonight(
        clock_time("at", given["at"]),
        text("playlist", given["playlist"]) if "playlist" in given else None,
        whole("volume", given["volume"]) if "volume" in given else None,
        timer(given["timer"]) if "timer" in given else None,
    )


def _skip_tonight(value: Value) -> SkipTonight:
    if value is None or value == {}:
        return SkipTonight()
    return SkipTonight(_flip("skip_tonight", _single("skip_tonight", "skip", value)))


def _flip(verb: str, wanted: object) -> bool | None:
    """A switch that may also be toggled, which is None."""
    if isinstance(wanted, str) and wanted.lower() == "toggle":
        return None
    try:
        return switch(verb, wanted)
    except Refused as refusal:
        raise Refused(f"{refusal}; allowed: on, off, toggle") from None


def _never_again(value: Value) -> NeverAgain | AllowAgain:
    """The track that plays, one by its name, or ``undo`` for the latest ban."""
    if isinstance(value, Mapping):
        check_keys("never_again", value, ("track", "undo"))
        track = None if value.get("track") is None else text("track", value["track"])
        return AllowAgain(track) if switch("undo", value.get("undo", False)) else NeverAgain(track)
    if value is not None and value.lower() == "undo":
        return AllowAgain()
    return NeverAgain(None if value is None else text("track", value))


def _single(verb: str, key: str, value: Value) -> object:
    """The one value of a verb that needs one: plain, or under its key."""
    if value is None or value == {}:
        raise Refused(f"{verb} needs a value")
    if not isinstance(value, Mapping):
        return value
    check_keys(verb, value, (key,))
    return value[key]


_VERBS: Final[dict[str, Callable[[Value], Command]]] = {
    "play": _play,
    "stop": _stop,
    "pause": _bare("pause", Pause()),
    "resume": _bare("resume", Resume()),
    "toggle": _bare("toggle", Toggle()),
    "next": _bare("next", Next()),
    "seek": _seek,
    "volume": _volume,
    "timer": _timer,
    "extend": _extend,
    "fade": _fade,
    "playlist": _playlist,
    "never_again": _never_again,
    "tonight": _tonight,
    "skip_tonight": _skip_tonight,
    "schedule": _schedule,
    "status": _bare("status", GetStatus()),
}
VERBS: Final = tuple(_VERBS)
"""Every verb, in the order in which they are listed to people."""
