"""What is said of a config that means nothing: every fault at once, with line, key, what is allowed or nearest."""

from __future__ import annotations

from pathlib import Path

import pytest

from player.config import parse
from player.core.errors import ConfigError

LEAST = "playlists: {rain: {paths: [/srv/rain]}}\n"


def faults(text: str) -> list[str]:
    """The faults of a whole text."""
    with pytest.raises(ConfigError) as caught:
        parse(text, Path("lull.yaml"))
    return list(caught.value.faults)


def fault(more: str) -> str:
    """The only fault of what stands from line 2 on, without the file's name."""
    (only,) = faults(LEAST + more)
    return only.removeprefix("lull.yaml:")


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ("fade_in: 3s", "2: fade_in: is no key here (it belongs under fades); known: device,"),
        ("fades: {fade-in: 3s}", "2: fades.fade-in: is no key here (did you mean 'fade_in'?); known: fade_in,"),
        ("fades: {fade_out: 3h}", "2: fades.fade_out: fade_out is 3h; allowed is 0s to 2h"),
        ("fades: {volume_rate: 6.1}", "2: fades.volume_rate: volume_rate is 6.1; allowed is 0.5 to 6 dB/s"),
        ("fades: 30s", "2: fades: takes keys with values: fade_in, fade_out,"),
        ("limits: {ceiling: -0.9}", "2: limits.ceiling: ceiling is -0.9; allowed is -40 to -1 dBTP"),
        ("volume: {max: 101}", "2: volume.max: max is 101; allowed is 1 to 100"),
        ("volume: {max: 30%}", "2: volume.max: '30%' is no whole number"),
        ("volume: {default: .nan}", "2: volume.default: '.nan' is no whole number"),
        ("volume: {default: 31, max: 30}", "2: volume.max: default is 31, above max 30"),
        ("volume: {night_cap: {max: 61}}", "2: volume.night_cap: night_cap.max is 61, above max 60; lower it"),
        ("volume: {night_cap: {after: 1h}}", "2: volume.night_cap: needs max"),
        ("volume: {night_cap: {max: 20, after: 30}}", "2: volume.night_cap.after: 30 has no unit"),
        ("volume: {night_cap: 20}", "2: volume.night_cap: takes keys with values: max, after"),
        ("guard: {mode: strct}", "2: guard.mode: 'strct' is none of gentle, strict (did you mean 'strict'?)"),
        ("guard: {asleep_after: 3h}", "2: guard.asleep_after: asleep_after is 3h; allowed is 0s to 2h"),
        ("audio: {mixer: {control: PCM}}", "2: audio.mixer: needs value"),
        ("audio: {mixer: {control: PCM, value: 80}}", "2: audio.mixer.value: '80' is no level of a mixer; write it"),
        ("audio: {mixer: {control: PCM, value: 0%}}", "2: audio.mixer.value: value in per cent is 0; allowed is 1 to"),
        ("audio: {mixer: {control: PCM, value: 1dB}}", "2: audio.mixer.value: value in dB is 1; allowed is -100 to 0"),
        ("audio: {output: silent, mixer: {control: PCM, value: 9%}}", "2: audio.mixer: mixer is a control of a sound"),
        ("timer: 0", "2: timer: 0 would end a session as it begins; write off for no timer"),
        ("timer: {default: of}", "2: timer.default: 'of' is not a duration; write 30s, 45m, 1h or 1h30; or off"),
        ("timer: 25h", "2: timer: timer is 25h; allowed is 1s to 24h"),
        ("catch_up: 13h", "2: catch_up: catch_up is 13h; allowed is 0s to 12h"),
        ("device: all", "2: device: 'all' is built in"),
        ("device: a/b", "2: device: device 'a/b' is not a name"),
        ("audio: {device: 'hw:0'}", "2: audio.device: device 'hw:0' names a card by its number"),
        ("audio: {device: 'sysdefault:CARD=1,DEV=0'}", "2: audio.device: device 'sysdefault:CARD=1,DEV=0' names a"),
        ("audio: {output: wav}", "2: audio.output: output wav needs path"),
        ("audio: {output: pipe}", "2: audio.output: output pipe needs path: the pipe to write into, as in /run/lull/"),
        ("audio: {output: pipe, path: x, format: 48000:16:1}", "2: audio.format: '48000:16:1' is none of 48000:16:2, "),
        ("audio: {format: 48000:16:2}", "2: audio.format: format is that of a pipe; output alsa finds its own"),
        ("audio: {output: pipe, path: x, mixer: {control: PCM, value: 9%}}", "2: audio.output: mixer is a control of"),
        ("audio: {output: pulse}", "2: audio.output: 'pulse' is none of alsa, wav, pipe, silent"),
        ("audio: {device: hw:CARD=x,DEV=0}", "2: audio.DEV=0: is no key here (inside {...} and [...] a value"),
        ("mqtt: on", "2: mqtt: takes keys with values: host,"),
        ("mqtt: {tls: {cert: x}}", "2: mqtt.tls.cert: cert and key belong together"),
        ("mqtt: {keepalive: 1}", "2: mqtt.keepalive: 1 has no unit"),
        ("mqtt: {keepalive: 10.5s}", "2: mqtt.keepalive: '10.5s' is no whole number of seconds"),
        ("mqtt: {groups: [a, all]}", "2: mqtt.groups[1]: group 'all' is built in"),
        ("mqtt: {discovery: hass}", "2: mqtt.discovery: 'hass' is none of off, home-assistant, components"),
        ("mqtt: {discovery: {prefix: a/#}}", "2: mqtt.discovery.prefix: prefix '#' is not a name"),
        ("mqtt: {discovery: {birth_topic: a//b}}", "2: mqtt.discovery.birth_topic: birth_topic '' is not a name"),
        ("mqtt: {discovery: {id: my bed}}", "2: mqtt.discovery.id: id 'my bed' is not usable"),
        ("mqtt: {discovery: {media_playr: yes}}", "2: mqtt.discovery.media_playr: is no key here (did you"),
        ("mqtt: {password_file: x}", "2: mqtt.password_file: needs username as well"),
        ("default_playlist: rian", "2: default_playlist: 'rian' is no playlist (did you mean 'rain'?); choose"),
        ("schedule: [{at: 1:00}]", "2: schedule[0]: needs name"),
        ("schedule: [{name: a}]", "2: schedule[0]: needs at"),
        ("schedule: {a: {at: 1:00}}", "2: schedule: takes a list"),
        ("schedule: [{name: a, at: 1:00, volume: 61}]", "2: schedule[0].volume: volume is 61, above volume.max"),
        ("schedule: [{name: a, at: 1:00, at_on: 2:00}]", "2: schedule[0].at_on: takes days with their times"),
        ("schedule: [{name: a, at: 1:00, at_on: {fir: 2:00}}]", "2: schedule[0].at_on: 'fir' is no day"),
        ("schedule: [{name: a, at: 1:00, at_on: {sun: 2:00, weekend: 3:00}}]", "2: schedule[0].at_on: names the"),
        ("schedule: [{name: a, at: 1:00, days: mon, at_on: {sun: 2:00}}]", "2: schedule[0].at_on: names sun"),
        ("schedule: [{name: a, at: 1:00, at_on: {sun: 25:00}}]", "2: schedule[0].at_on: '25:00' is no time of day"),
        ("schedule: [{name: a, at: 1:00, leave_out: [24.12.2026]}]", "2: schedule[0].leave_out[0]: '24.12.2026' is no"),
        ("schedule: [{name: tonight, at: 1:00}]", "2: schedule[0].name: 'tonight' is built in"),
        ("rest_nights: often", "2: rest_nights: 'often' is neither off nor so many nights a week"),
        ("rest_nights: {per_week: 7}", "2: rest_nights.per_week: per_week is 7; allowed is 1 to 6"),
        ("rest_nights: {per_week: 1, playlist: rian}", "2: rest_nights.playlist: 'rian' is no playlist"),
        ("session: {max: 5m}", "2: session.max: max is 5m; allowed is 10m to 24h"),
        ("session: {taper: {floor: 5}}", "2: session.taper: needs by"),
        ("session: {taper: {by: 30}}", "2: session.taper.by: by is 30"),
        ("session: {pause_holds_timer: maybe}", "2: session.pause_holds_timer: 'maybe' is neither true nor false"),
        ("max: 5h", "2: max: is no key here (it belongs under"),
        ("away: [2026-02-30]", "2: away[0]: '2026-02-30' is no date; write year, month and day"),
        ("away: 2026-12-24 to 2026-12-23", "2: away: 2026-12-24 to 2026-12-23 ends before it begins"),
        ("schedule: [{name: a, at: 1:00, days: []}]", "2: schedule[0].days: is an empty list"),
        ("schedule: [{name: a, at: 1:00, days: [mod]}]", "2: schedule[0].days[0]: 'mod' is no day (did you mean 'mon'"),
        ("schedule: [{name: a, at: 1:00, takes_over: 2}]", "2: schedule[0].takes_over: '2' is neither true nor false"),
        ("schedule:\n- {name: a, at: 1:00}\n- {name: a, at: 2:00}", "4: schedule[1].name: 'a' is already the name of"),
        ("device: a\ndevice: b", "3: device: is here a second time; the first is in line 2"),
        ("device: !!str a", "2: device: has the tag 'tag:yaml.org,2002:str'; write the value alone"),
        ("device: [a]", "2: device: takes one value, not a list or a table"),
    ],
)  # fmt: skip
def test_a_fault_names_line_key_and_what_is_allowed(more: str, said: str) -> None:
    """Each fault is one line: line number, key path, what is wrong, and what is allowed or nearest."""
    assert fault(more).startswith(said)


@pytest.mark.parametrize(
    ("playlists", "said"),
    [
        ("{}", "playlists: is empty"),
        ("[rain]", "playlists: takes names with their paths below"),
        ("{a: {}}", "playlists.a: needs paths"),
        ("{a: {paths: []}}", "playlists.a.paths: paths is empty"),
        ("{a/b: {paths: x}}", "playlists.a/b: playlist 'a/b' is not a name"),
        ("{a: {paths: x, gain: 6.5}}", "playlists.a.gain: gain is 6.5; allowed is -40 to 6 dB"),
        ("{a: {paths: x, order: randon}}", "playlists.a.order: 'randon' is none of rotate, shuffle, in_order, once"),
        ("{a: {paths: [x, 'smb://nas/x']}}", "playlists.a.paths[1]: smb:// is not played"),
        ("{a: {paths: 'http://'}}", "playlists.a.paths: 'http://' is no complete address"),
        ("{a: {paths: 'http://[x/'}}", "playlists.a.paths: 'http://[x/' is no complete address"),
        ("{a: {paths: ~nobody-of-that-name/x}}", "playlists.a.paths: '~nobody-of-that-name/x' starts with the home"),
    ],
)
def test_a_playlist_needs_a_name_and_a_place(playlists: str, said: str) -> None:
    """Playlists are named tables with at least one path or http(s) address."""
    (only,) = faults(f"playlists: {playlists}")
    assert only.startswith(f"lull.yaml:1: {said}")


@pytest.mark.parametrize("word", ["off", "none", "false", '"off"', "No", "disabled", "0"])
@pytest.mark.parametrize("form", ["guard: %s", "guard: {mode: %s}"])
def test_the_guard_cannot_be_switched_off(form: str, word: str) -> None:
    """Each way of asking for it is answered with the reason and the choices."""
    said = fault(form % word)
    assert "the guard cannot be switched off" in said
    assert said.endswith("choose gentle or strict")


def test_the_brief_example_reads_as_promised() -> None:
    """A misspelt playlist is shown with its line, key, nearest name and the choices."""
    text = (
        "playlists:\n  whispers: {paths: [/w]}\n  rain: {paths: [/r]}\nschedule:\n"
        "  - name: weeknights\n    at: 22:30\n    playlist: wispers\n"
    )
    assert faults(text) == [
        "lull.yaml:7: schedule[0].playlist: 'wispers' is no playlist (did you mean 'whispers'?); "
        "choose one of whispers, rain"
    ]


def test_every_fault_is_told_at_once_in_file_order() -> None:
    """Faults of keys, values, ranges and references come together, sorted as they stand in the file."""
    text = (
        "schedule:\n- {name: a, at: 25:00, playlist: x, volume: 99}\n- hello\n"
        "fades: {crossfade: 8, fade_in: 2h, nonsense: 1}\nplaylists: {a: {paths: []}}\nvolume: {max: 0, default: 70}\n"
    )
    assert [line.split(": ")[0] + " " + line.split(": ")[1] for line in faults(text)] == [
        "lull.yaml:2 schedule[0].at",
        "lull.yaml:2 schedule[0].playlist",
        "lull.yaml:3 schedule[1]",
        "lull.yaml:4 fades.crossfade",
        "lull.yaml:4 fades.fade_in",
        "lull.yaml:4 fades.nonsense",
        "lull.yaml:5 playlists.a.paths",
        "lull.yaml:6 volume.max",
    ]


def test_a_fault_is_not_told_again_by_what_depends_on_it() -> None:
    """A volume that cannot be read, names that are none, a path that comes after its output: one fault each."""
    assert fault("volume: 80\nschedule: [{name: a, at: 1:00, volume: 70}]").startswith("2: volume: takes keys")
    assert fault("audio: {output: wav, path: x, buffer: 5s}").startswith("2: audio.buffer: ")
    entries = "schedule: [{name: a/b, at: 1:00}, {name: a/b, at: 2:00}]"
    assert [line.split(": ")[1] for line in faults(LEAST + entries)] == ["schedule[0].name", "schedule[1].name"]
    assert [line.split(": ")[1] for line in faults("playlists: rain\ndefault_playlist: x")] == ["playlists"]


def test_no_message_repeats_a_secret() -> None:
    """A password in the file, or in the broker's address, is refused and shown nowhere."""
    text = "\n".join(faults(LEAST + 'mqtt: {password: hunter2, host: "mqtt://me:hunter2@broker"}'))
    assert "password_file" in text
    assert "hunter2" not in text


def test_every_group_that_cannot_be_used_is_named() -> None:
    """One fault does not hide the others."""
    assert [line.split(": ", 2)[1] for line in faults(LEAST + "mqtt: {groups: [a/b, up, all, '#']}\n")] == [
        "mqtt.groups[0]", "mqtt.groups[2]", "mqtt.groups[3]",
    ]  # fmt: skip
