"""What is said of a config that means nothing: every fault at once, with line, key, what is allowed or nearest."""

from __future__ import annotations

from pathlib import Path

import pytest

from player.config import parse
from player.config.schema_night import PHASE
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
        ("fade_in: 3s", "2: fade_in: unknown key (it belongs under fades); valid keys: device,"),
        ("fades: {fade-in: 3s}", "2: fades.fade-in: unknown key (did you mean 'fade_in'?); valid keys: fade_in,"),
        ("fades: {fade_out: 3h}", "2: fades.fade_out: 3h is out of range; use 0s to 2h"),
        ("fades: {volume_rate: 6.1}", "2: fades.volume_rate: 6.1 is out of range; use 0.5 to 6 dB/s"),
        ("timer: [1, 2]", "2: timer: must be one timer, such as 45m, until 06:30 or off, or a table"),
        ("fades: 30s", "2: fades: must be a table with these keys: fade_in, fade_out,"),
        ("limits: {ceiling: -0.9}", "2: limits.ceiling: -0.9 is out of range; use -40 to -1 dBTP"),
        ("volume: {max: 101}", "2: volume.max: 101 is out of range; use 1 to 100"),
        ("volume: {max: 30%}", "2: volume.max: '30%' is not a volume; write it like 30, or like 35 dBA"),
        ("volume: {default: .nan}", "2: volume.default: '.nan' is not a volume"),
        ("volume: {default: 31, max: 30}", "2: volume.default: 31 is above volume.max, which is 30"),
        ("volume: {night_cap: {max: 61}}", "2: volume.night_cap: night_cap.max is 61, above max 60; lower it"),
        ("volume: {night_cap: {after: 1h}}", "2: volume.night_cap: needs max"),
        ("volume: {night_cap: {max: 20, after: 30}}", "2: volume.night_cap.after: 30 has no unit"),
        ("volume: {night_cap: [20]}", "2: volume.night_cap: must be a table with these keys: max, after"),
        ("guard: {mode: strct}", "2: guard.mode: 'strct' is not one of gentle, strict (did you mean 'strict'?)"),
        ("guard: {asleep_after: 3h}", "2: guard.asleep_after: 3h is out of range; use 0s to 2h"),
        ("audio: {mixer: {control: PCM}}", "2: audio.mixer: needs value"),
        ("audio: {mixer: {control: PCM, value: 80}}", "2: audio.mixer.value: '80' is not a mixer level; write it"),
        ("audio: {mixer: {control: PCM, value: 0%}}", "2: audio.mixer.value: 0 is out of range; use 1 to 100 per cent"),
        ("audio: {mixer: {control: PCM, value: 1dB}}", "2: audio.mixer.value: 1 is out of range; use -100 to 0 dB"),
        ("audio: {output: silent, mixer: {control: PCM, value: 9%}}", "2: audio.mixer: mixer applies only to output"),
        ("timer: 0", "2: timer: 0 would end a session immediately; write off for no timer"),
        ("timer: {default: of}", "2: timer.default: 'of' is not a duration; write 30s, 45m, 1h or 1h30; or until"),
        (
            "schedule: [{name: n, at: 9:30, then: [{playlist: sea}]}]",
            "2: schedule[0].then[0].playlist: 'sea' is not a playlist",
        ),
        ("schedule: [{name: n, at: 9:30, then: [{volume: 61}]}]", "2: schedule[0].then[0].volume: 61 is above"),
        ("schedule: [{name: n, at: 9:30, then: [{for: 1h, until: 6:30}]}]", "2: schedule[0].then[0]: has for and"),
        ("schedule: [{name: n, at: 9:30, then: [{til: 6:30}]}]", "2: schedule[0].then[0].til: unknown key"),
        ("schedule: [{name: n, at: 9:30, then: {for: 1h}}]", "2: schedule[0].then: must be a list"),
        ("schedule: [{name: n, at: 9:30, then: [{until: 25:00}]}]", "2: schedule[0].then[0].until: '25:00' is not"),
        ("session: {asleep_timer: 30s}", "2: session.asleep_timer: 30s is out of range; use 1m to 24h"),
        ("timer: 6:30", "2: timer: '6:30' is ambiguous; write 6h30m or 6m30s; or until 06:30, off,"),
        ("fades: {fade_out: 6:30}", "2: fades.fade_out: '6:30' is ambiguous; write 6h30m or 6m30s"),
        ("timer: 25h", "2: timer: 25h is out of range; use 1s to 24h"),
        ("catch_up: 13h", "2: catch_up: 13h is out of range; use 0s to 12h"),
        ("device: all", "2: device: 'all' is reserved"),
        ("mixes: {press: {playlist: rain, bed: rain}}", "2: mixes.press: mix 'press' cannot be named in a command"),
        ("device: a/b", "2: device: 'a/b' is not a name"),
        ("audio: {device: 'hw:0'}", "2: audio.device: 'hw:0' uses the number of a card"),
        ("audio: {device: 'sysdefault:CARD=1,DEV=0'}", "2: audio.device: 'sysdefault:CARD=1,DEV=0' uses the number"),
        ("audio: {output: wav}", "2: audio.output: wav needs path"),
        ("audio: {output: pipe}", "2: audio.output: pipe needs path: the pipe to write into, as in /run/lull/"),
        ("audio: {output: pipe, path: x, format: 48000:16:1}", "2: audio.format: '48000:16:1' is not one of 48000"),
        ("audio: {format: 48000:16:2}", "2: audio.format: format applies only to output pipe"),
        ("audio: {output: pipe, path: x, mixer: {control: PCM, value: 9%}}", "2: audio.output: mixer applies only to"),
        ("audio: {output: pulse}", "2: audio.output: 'pulse' is not one of alsa, wav, pipe, silent"),
        ("audio: {device: hw:CARD=x,DEV=0}", "2: audio.DEV=0: unknown key (inside {...} and [...] a value"),
        ("mqtt: on", "2: mqtt: must be a table with these keys: host,"),
        ("mqtt: {tls: {cert: x}}", "2: mqtt.tls.cert: cert and key belong together;"),
        ("mqtt: {keepalive: 1}", "2: mqtt.keepalive: 1 has no unit"),
        ("mqtt: {keepalive: 10.5s}", "2: mqtt.keepalive: '10.5s' is not a whole number of seconds"),
        ("mqtt: {groups: [a, all]}", "2: mqtt.groups[1]: group 'all' is reserved"),
        ("mqtt: {discovery: hass}", "2: mqtt.discovery: 'hass' is not one of off, home-assistant, components"),
        ("mqtt: {discovery: {prefix: a/#}}", "2: mqtt.discovery.prefix: '#' is not a name: use"),
        ("mqtt: {discovery: {birth_topic: a//b}}", "2: mqtt.discovery.birth_topic: '' is not a name: use up to"),
        ("mqtt: {discovery: {id: my bed}}", "2: mqtt.discovery.id: 'my bed' is not usable:"),
        ("mqtt: {discovery: {media_playr: yes}}", "2: mqtt.discovery.media_playr: unknown key (did you"),
        ("mqtt: {password_file: x}", "2: mqtt.password_file: needs username too:"),
        ("mqtt: {password_file: x, username: }", "2: mqtt.password_file: needs username too:"),
        ("default_playlist: rian", "2: default_playlist: 'rian' is not a playlist (did you mean 'rain'?); choose"),
        ("schedule: [{at: 1:00}]", "2: schedule[0]: needs name"),
        ("schedule: [{name: a}]", "2: schedule[0]: needs at"),
        ("schedule: {a: {at: 1:00}}", "2: schedule: must be a list"),
        ("schedule: [{name: a, at: 1:00, volume: 61}]", "2: schedule[0].volume: 61 is above volume.max"),
        ("schedule: [{name: a, at: 1:00, at_on: 2:00}]", "2: schedule[0].at_on: must be a table of days and"),
        ("schedule: [{name: a, at: 1:00, at_on: {fir: 2:00}}]", "2: schedule[0].at_on: 'fir' is not a day"),
        ("schedule: [{name: a, at: 1:00, at_on: {sun: 2:00, weekend: 3:00}}]", "2: schedule[0].at_on: contains sun"),
        ("schedule: [{name: a, at: 1:00, days: mon, at_on: {sun: 2:00}}]", "2: schedule[0].at_on: names sun"),
        ("schedule: [{name: a, at: 1:00, at_on: {sun: 25:00}}]", "2: schedule[0].at_on: '25:00' is not a time of day"),
        ("schedule: [{name: a, at: 1:00, leave_out: [24.12.2026]}]", "2: schedule[0].leave_out[0]: '24.12.2026' is no"),
        ("schedule: [{name: tonight, at: 1:00}]", "2: schedule[0].name: 'tonight' is reserved"),
        ("rest_nights: often", "2: rest_nights: 'often' is not a number of nights a week; write"),
        ("rest_nights: {per_week: 7}", "2: rest_nights.per_week: 7 is out of range; use 1 to 6"),
        ("rest_nights: {per_week: 1, playlist: rian}", "2: rest_nights.playlist: 'rian' is not a playlist"),
        ("session: {max: 5m}", "2: session.max: 5m is out of range; use 10m to 24h"),
        ("session: {taper: {floor: 5}}", "2: session.taper: needs by"),
        ("session: {taper: {by: 30}}", "2: session.taper.by: 30 is out of range"),
        ("session: {pause_holds_timer: maybe}", "2: session.pause_holds_timer: 'maybe' is not true or false"),
        ("max: 5h", "2: max: unknown key (it belongs under"),
        ("away: [2026-02-30]", "2: away[0]: '2026-02-30' is not a date; write 2026-12-24, or"),
        ("away: 2026-12-24 to 2026-12-23", "2: away: 2026-12-24 to 2026-12-23 ends before it begins"),
        ("schedule: [{name: a, at: 1:00, days: []}]", "2: schedule[0].days: is an empty list"),
        ("schedule: [{name: a, at: 1:00, days: [mod]}]", "2: schedule[0].days[0]: 'mod' is not a day (did you mean"),
        ("schedule: [{name: a, at: 1:00, takes_over: 2}]", "2: schedule[0].takes_over: '2' is not true or false"),
        ("schedule:\n- {name: a, at: 1:00}\n- {name: a, at: 2:00}", "4: schedule[1].name: 'a' is already used by the"),
        ("device: a\ndevice: b", "3: device: appears twice; first in line 2"),
        ("device: !!str a", "2: device: has the tag 'tag:yaml.org,2002:str'; write only the value"),
        ("device: [a]", "2: device: must be a single value, not a list or a table"),
    ],
)  # fmt: skip
def test_a_fault_names_line_key_and_what_is_allowed(more: str, said: str) -> None:
    """Each fault is one line: line number, key path, what is wrong, and what is allowed or nearest."""
    assert fault(more).startswith(said)


@pytest.mark.parametrize(
    ("playlists", "said"),
    [
        ("{}", "playlists: is empty"),
        ("[rain]", "playlists: must be a table of names"),
        ("{a: {}}", "playlists.a: needs paths"),
        ("{a: {paths: []}}", "playlists.a.paths: is empty"),
        ("{'off': {paths: x}}", "playlists.off: playlist 'off' cannot be named in a command"),
        ("{'ON': {paths: x}}", "playlists.ON: playlist 'ON' cannot be named in a command"),
        ("{'-3': {paths: x}}", "playlists.-3: playlist '-3' cannot be named in a command"),
        ("{a/b: {paths: x}}", "playlists.a/b: playlist 'a/b' is not a name"),
        ("{a: {paths: x, gain: 6.5}}", "playlists.a.gain: 6.5 is out of range; use -40 to 6 dB"),
        ("{a: {paths: x, order: randon}}", "playlists.a.order: 'randon' is not one of rotate, shuffle, in_order, once"),
        ("{a: {paths: [x, 'smb://nas/x']}}", "playlists.a.paths[1]: smb:// is not supported"),
        ("{a: {paths: 'http://'}}", "playlists.a.paths: 'http://' is not a complete address"),
        ("{a: {paths: 'http://[x/'}}", "playlists.a.paths: 'http://[x/' is not a complete address"),
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
        "lull.yaml:7: schedule[0].playlist: 'wispers' is not a playlist (did you mean 'whispers'?); "
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
    assert fault("volume: 80\nschedule: [{name: a, at: 1:00, volume: 70}]").startswith("2: volume: must be a table")
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


def test_without_playlists_there_must_be_a_library() -> None:
    """One of the two says what can be played."""
    assert faults("device: a\n") == ["lull.yaml:1: needs playlists, or library"]


@pytest.mark.parametrize("name", ["rain/sea", "a & b", "off"])
def test_a_mix_that_cannot_be_called_so_is_a_fault_beside_the_others(name: str) -> None:
    """It was a Python error; what names it is no further fault."""
    mix = f"mixes: {{'{name}': {{playlist: rain, bed: rain}}}}\ndefault_playlist: '{name}'\n"
    (fault,) = faults("playlists: {rain: {paths: /r}}\n" + mix)
    assert fault.startswith("lull.yaml:2: mixes.")
    assert f"'{name}'" in fault


def test_what_no_folder_of_a_library_can_be_called_is_a_fault_wherever_a_playlist_is_named() -> None:
    """In a mix it ended in a Python error, also of a reload, which was never answered; elsewhere it was valid."""
    text = (
        "library: /srv/lull\nmixes:\n"
        "  cosy: {playlist: 'noise:rain', bed: sea}\n  soft: {playlist: sea, bed: 'noise:fan'}\n"
        "default_playlist: 'noise:rain'\nrest_nights: {per_week: 1, playlist: 'noise:sea'}\nschedule:\n"
        "  - {name: a, at: '22:30', playlist: 'noise:rain', bed: 'noise:sea', then: [{playlist: 'noise:sea'}]}\n"
    )
    told = [fault.replace(": playlist '", ": '").partition(" is not a name")[0] for fault in faults(text)]
    assert told == [
        "lull.yaml:3: mixes.cosy.playlist: 'noise:rain'",
        "lull.yaml:4: mixes.soft.bed: 'noise:fan'",
        "lull.yaml:5: default_playlist: 'noise:rain'",
        "lull.yaml:6: rest_nights.playlist: 'noise:sea'",
        "lull.yaml:8: schedule[0].playlist: 'noise:rain'",
        "lull.yaml:8: schedule[0].bed: 'noise:sea'",
        "lull.yaml:8: schedule[0].then[0].playlist: 'noise:sea'",
    ]
    cosy = text.splitlines()[0] + "\nmixes: {cosy: {playlist: rain, bed: sea}}\n"
    assert [one.name for one in parse(cosy).settings.playlists] == ["cosy"]


def test_a_library_lets_playlists_leave_out_their_paths() -> None:
    """They play the folder of their name; playlists that only a look into the library can tell are not refused."""
    text = "library: /srv/lull\nplaylists:\n  rain: {gain: -3}\n  sea:\n  radio: {paths: [/other]}\n"
    text += "default_playlist: whispers\nschedule: [{name: a, at: 1:00, playlist: birds, then: [{playlist: fan}]}]\n"
    text += "mqtt: {host: localhost}\ntriggers: [{topic: x, do: play, with: {playlist: wind}}]\n"
    settings = parse(text, Path("lull.yaml")).settings
    paths = {playlist.name: playlist.paths for playlist in settings.playlists}
    assert paths == {"rain": ("/srv/lull/rain",), "sea": ("/srv/lull/sea",), "radio": ("/other",)}
    assert parse("library: /srv/lull\n").settings.playlists == ()


def test_faults_of_phases_are_told_beside_each_other() -> None:
    """One that cannot be read hides neither the next one nor what is wrong with its playlist and volume."""
    text = (
        "volume: {max: 60, default: 70}\nplaylists:\n  rain:\n    paths: [/srv/rain]\n    then:\n"
        '    - {playlist: sea, volume: 90, until: "25:00"}\n    - {for: 6:30}\n'
        "    - {for: 1h, until: '6:30', volume: 61}\n    - rain\n    - {playlist: sea}\n"
    )
    assert [line.removeprefix("lull.yaml:").partition(": ")[0::2] for line in faults(text)] == [
        ("1", "volume.default: 70 is above volume.max, which is 60; lower it or raise volume.max"),
        ("6", "playlists.rain.then[0].playlist: 'sea' is not a playlist; choose one of rain"),
        ("6", "playlists.rain.then[0].volume: 90 is above volume.max, which is 60; lower it or raise volume.max"),
        ("6", "playlists.rain.then[0].until: '25:00' is not a time of day; write 0:00 to 23:59, such as 22:30"),
        ("7", "playlists.rain.then[1].for: '6:30' is ambiguous; write 6h30m or 6m30s"),
        ("8", "playlists.rain.then[2]: has for and until; use one of them"),
        ("8", "playlists.rain.then[2].volume: 61 is above volume.max, which is 60; lower it or raise volume.max"),
        ("9", f"playlists.rain.then[3]: must be a table with these keys: {', '.join(PHASE.words)}"),
        ("10", "playlists.rain.then[4].playlist: 'sea' is not a playlist; choose one of rain"),
    ]  # fmt: skip


def test_faults_of_own_times_are_told_beside_each_other() -> None:
    """Each day and time of an entry is looked at."""
    more = "schedule: [{name: a, at: 1:00, at_on: {fir: 2:00, sun: 25:00, weekend: 3:00, sat: 4:00}}]"
    said = [line.partition("at_on: ")[2].split(";")[0] for line in faults(LEAST + more)]
    assert said == ["'fir' is not a day (did you mean 'fri'?)", "'25:00' is not a time of day", "contains sat twice"]
