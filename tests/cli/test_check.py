"""``lull check``: faults and exit code 1, or what a config means, what is to be noted, and 0."""

from __future__ import annotations

import argparse
import os
import tempfile
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from player.cli import check
from player.cli.check_notes import notes as notes_of
from player.config import parse
from player.core.errors import LullError
from player.core.settings.safety import RestNights
from player.session.schedule.rest_nights import is_rest
from tests.paths import ROOT

EXAMPLE = ROOT / "config" / "lull.yaml"
SUNDAY_EVENING = datetime(2026, 3, 29, 21, 0, tzinfo=ZoneInfo("Europe/Berlin"))
"""The day on which Berlin's clocks went from +01:00 to +02:00."""


def lull(*words: str) -> int:
    """The exit code of a command line that knows `check` alone."""
    parser = argparse.ArgumentParser(prog="lull")
    check.add_parser(parser.add_subparsers(required=True))
    args = parser.parse_args(words)
    code: int = args.run(args)
    return code


def summary(text: str) -> dict[str, list[str]]:
    """Titles of the summary and the lines that belong to each."""
    found: dict[str, list[str]] = {}
    title = ""
    for line in check.summary(parse(text, Path("/etc/lull/lull.yaml")), SUNDAY_EVENING):
        title = line[:10].strip() or title
        found.setdefault(title, []).append(line[11:])
    return found


def notes(text: str) -> list[str]:
    """The notes on a config; where it names no state directory, that is one that anybody may write."""
    config = parse(text, Path("/etc/lull/lull.yaml"))
    if "state_dir" not in text:
        config = replace(config, state_dir=Path(tempfile.gettempdir()))
    return list(notes_of(config))


def test_a_good_config_is_explained_on_one_screen(capsys: pytest.CaptureFixture[str]) -> None:
    """The example passes with code 0; its meaning fits 24 lines of 100 columns, but for the note on who may write."""
    assert lull("check", "--config", str(EXAMPLE)) == 0
    out, err = capsys.readouterr()
    assert out.startswith(f"{EXAMPLE} is valid\n")
    assert "next       weekn" in out or "next       weekend" in out
    assert "note: playlist whispers: /srv/lull/whispers does not exist\n" in out
    assert not err
    lines = [line for line in out.splitlines() if not line.startswith("note: state_dir: ")]
    assert len(lines) <= 24
    assert max(len(line) for line in lines[1:]) <= 100


def test_every_fault_goes_to_stderr_with_code_1(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Faults are listed one a line, and nothing is said on stdout."""
    file = tmp_path / "lull.yaml"
    file.write_text("playlists: {a: {paths: x}}\ndevcie: b\nvolume: {max: 0}\n")
    assert lull("check", "--config", str(file)) == 1
    out, err = capsys.readouterr()
    assert not out
    assert [line.split(": ")[:2] for line in err.splitlines()] == [[f"{file}:2", "devcie"], [f"{file}:3", "volume.max"]]


def test_a_missing_file_is_a_fault(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A config that is not there has code 1 as well: the check says no."""
    assert lull("check", "--config", str(tmp_path / "x.yaml")) == 1
    said = capsys.readouterr().err
    assert said.startswith(f"{tmp_path / 'x.yaml'}: does not exist; docs/config.md explains how to write one")


def test_the_file_is_named_with_or_without_the_option(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """`lull check FILE` is `lull check --config FILE`; without either it is $LULL_CONFIG; both are refused."""
    file = tmp_path / "lull.yaml"
    file.write_text("playlists: {a: {paths: 'http://host/'}}\n")
    monkeypatch.setenv("LULL_CONFIG", str(file))
    for words in (["check", str(file)], ["check", "--config", str(file)], ["check"]):
        assert lull(*words) == 0
        assert capsys.readouterr().out.startswith(f"{file} is valid\n")
    with pytest.raises(LullError, match="give the config once"):
        lull("check", str(file), "--config", str(file))


def test_the_least_config_is_spelt_out() -> None:
    """Defaults are shown as they take effect, and the absence of broker and schedule is said."""
    assert summary("playlists: {rain: {paths: [/rain, 'https://host/x']}}") == {
        "device": ["lull"],
        "output": ["ALSA device default, 0.3s of buffer, kept open 30s after a session"],
        "broker": ["none; lull is not controlled over MQTT"],
        "volume": ["30 at a start, never above 60"],
        "fades": ["in 30s, out 10m, crossfade 8s, stop 4s, pause 1.5s; volume moves 6 dB/s"],
        "target": ["-23 LUFS for every track, before the volume"],
        "ceiling": ["-1 dBTP"],
        "guard": ["gentle: nothing new stands out by more than 8 dB, after 20m 6 dB"],
        "timer": ["45m"],
        "session": [
            "10h at most; resumed within 10m of a crash; play within 5m of its end continues it",
            "silent within 20m of asleep",
        ],
        "playlists": ["rain: rotate (the default)", "  /rain", "  https://host/x"],
        "schedule": ["nothing starts by itself"],
        "next": ["no start is planned"],
        "state": ["/var/lib/lull"],
    }


def test_broker_output_and_entries_are_spelt_out() -> None:
    """Topics, TLS and user, playlist gain, days and inherited values of an entry are shown."""
    found = summary(
        "device: bed\naudio: {output: wav, path: n.wav}\n"
        "mqtt: {host: '::1', username: me, groups: [up], prefix: home/x, protocol: 3.1.1, tls: on}\n"
        "playlists: {a: {paths: /a}, b: {paths: /b, order: once, gain: 2}}\ndefault_playlist: b\ntimer: off\n"
        "schedule:\n- {name: s, at: 22:30, days: [sun, sat], takes_over: on}\n"
        "- {name: t, at: 6:00, playlist: a, volume: 10, timer: end-of-track}\n"
    )
    assert found["output"] == ["WAV file /etc/lull/n.wav"]
    assert found["broker"] == [
        "[::1]:8883 as me, MQTT 3.1.1, TLS, topics home/x/bed/..., home/x/up/..., home/x/all/..."
    ]
    assert found["playlists"] == ["a: rotate", "  /a", "b: once, +2 dB (the default)", "  /b"]
    assert found["schedule"] == [
        "s: 22:30 sat sun, b, volume 30, timer off, replaces what is playing",
        "t: 06:00 daily, a, volume 10, timer end-of-track",
    ]
    assert found["timer"] == ["off"]


def test_what_holds_the_sound_down_is_spelt_out() -> None:
    """The cap of the night, a strict guard and a pinned mixer are shown as they take effect."""
    found = summary(
        "playlists: {a: {paths: /a}}\nvolume: {night_cap: {max: 20}}\nguard: strict\n"
        "audio: {mixer: {control: PCM, value: 80%}}\n"
    )
    assert found["volume"] == ["30 at a start, never above 60, and not above 20 from 30m on"]
    assert found["guard"] == ["strict: nothing new stands out by more than 6 dB"]
    assert found["output"][0].endswith("; mixer PCM pinned at 80 %")


def test_a_pipe_is_spelt_out(tmp_path: Path) -> None:
    """Its path and format; a folder that is not there yet is a note."""
    text = f"playlists: {{a: {{paths: 'http://host/'}}}}\naudio: {{output: pipe, path: {tmp_path}/none/fifo}}\n"
    assert summary(text)["output"] == [
        f"pipe {tmp_path}/none/fifo, 48000:16:2, 0.3s of buffer, kept open 30s after a session"
    ]
    assert f"audio.path: the folder {tmp_path}/none does not exist" in notes(text)


def test_what_lies_where_a_pipe_should_be_is_a_note(tmp_path: Path) -> None:
    """A file would never be written to; a pipe is fine."""
    (tmp_path / "file").write_text("")
    os.mkfifo(tmp_path / "fifo")
    text = f"playlists: {{a: {{paths: 'http://host/'}}}}\naudio: {{output: pipe, path: {tmp_path}/"
    assert f"audio.path: {tmp_path}/file exists and is not a pipe" in notes(text + "file}\n")
    assert not [note for note in notes(text + "fifo}\n") if "is not a pipe" in note or "folder" in note]


def test_a_recording_that_cannot_be_written_is_a_note(tmp_path: Path) -> None:
    """A folder in its place, a folder that is missing, and one that this user may not write to."""
    (tmp_path / "closed").mkdir()
    text = f"playlists: {{a: {{paths: 'http://host/'}}}}\naudio: {{output: wav, path: {tmp_path}/"
    assert notes(text + "night.wav}\n") == []
    assert notes(text + "closed}\n") == [f"audio.path: {tmp_path}/closed exists and is not a file"]
    assert notes(text + "none/a.wav}\n") == [f"audio.path: the folder {tmp_path}/none does not exist"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("os.access", lambda path, _mode: Path(path) != tmp_path / "closed")
        said = notes(text + "closed/a.wav}\n")
    assert said == [f"audio.path: {tmp_path}/closed/a.wav cannot be written by this user"]


def test_a_folder_without_audio_is_a_note(tmp_path: Path) -> None:
    """What the library would leave out is said for each playlist."""
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "notes.txt").write_text("")
    assert notes(f"playlists: {{a: {{paths: [{tmp_path}/empty, {tmp_path}/none]}}}}\n") == [
        f"playlist a: {tmp_path}/empty has no audio in it",
        f"playlist a: {tmp_path}/none does not exist",
    ]


def test_a_sound_card_that_is_not_there_is_a_note() -> None:
    """It is named with those that are; a device that names no card is not judged."""
    text = "playlists: {a: {paths: 'http://host/'}}\naudio: {device: 'plughw:CARD=Nowhere'}\n"
    (said,) = notes(text)
    assert said.startswith("audio.device: there is no sound card Nowhere on this machine now; found: ")
    assert notes(text.replace("plughw:CARD=Nowhere", "default")) == []


def test_entries_at_one_minute_are_a_note() -> None:
    """Only one of them plays: the first, or the later one where that takes over. Days on which times differ are not
    named.
    """
    text = (
        "playlists: {a: {paths: 'http://host/'}}\nschedule:\n"
        "  - {name: one, at: '22:30'}\n"
        "  - {name: two, at: '23:00', days: weekend, at_on: {sun: '22:30'}, takes_over: yes}\n"
        "  - {name: three, at: '22:30', days: [mon, tue]}\n"
    )
    assert notes(text) == [
        "schedule: one and two both start at 22:30 (sun): only two plays",
        "schedule: one and three both start at 22:30 (mon, tue): only one plays",
    ]


def test_a_timer_beyond_the_longest_session_is_a_note() -> None:
    """Of a start by hand and of an entry, whether it is a length or a time of day."""
    text = (
        "playlists: {a: {paths: 'http://host/'}}\nsession: {max: 30m}\ntimer: 45m\nschedule:\n"
        "  - {name: short, at: '22:30', timer: 20m}\n"
        "  - {name: long, at: '23:30', timer: until 00:10}\n"
        "  - {name: plain, at: '21:30'}\n"
    )
    assert [note for note in notes(text) if "session.max" in note] == [
        "the default timer is longer than session.max: the session ends after 30m",
        "schedule long: its timer, until 00:10, is longer than session.max: the session ends after 30m",
    ]


def test_a_phase_of_a_playlist_that_never_comes_is_a_note() -> None:
    """Where the phase before it has no end; one until a time of day depends on the start, so nothing is said of it."""
    text = (
        "playlists:\n  a: {paths: 'http://host/', then: [{timer: off}, {for: 1h}]}\n"
        "  b: {paths: 'http://host/', then: [{until: '22:00'}]}\n"
    )
    assert notes(text) == ["playlist a: phase 3 never comes: the phase before it has no end"]


def test_a_pipe_in_tmp_is_a_note() -> None:
    """It is Snapcast's own default, and the service would make one that nobody else ever sees."""
    text = "playlists: {a: {paths: 'http://host/'}}\naudio: {output: pipe, path: /tmp/lull-nobody}\n"
    assert notes(text) == [
        "audio.path: the service has a private /tmp, where no other program finds /tmp/lull-nobody; use /run/lull"
    ]


def test_what_ends_a_session_and_what_leaves_it_out_is_spelt_out() -> None:
    """The limits of every session, dates on which nobody is there, and the rest nights with the next one of them."""
    text = (
        "playlists: {a: {paths: /a}, b: {paths: /b}}\n"
        "session: {max: 9h30, rearm_within: 0, resume_within: 0, pause_holds_timer: yes, taper: {by: 2.5, floor: 8}}\n"
        "away: [2026-12-24 to 2026-12-31, 2026-04-01]\nrest_nights: {per_week: 2, playlist: b}\n"
        "schedule: [{name: n, at: 22:30}]\n"
    )
    found = summary(text)
    assert found["session"] == [
        "9h30m at most; not resumed after a crash",
        "a pause holds the sleep timer",
        "silent within 20m of asleep",
        "sinks by 2.5 dB an hour once asleep, down to volume 8",
    ]
    assert found["away"] == ["2026-12-24 to 2026-12-31, 2026-04-01: the schedule starts nothing"]
    (rest,) = found["rest"]
    night = next(
        day for day in (SUNDAY_EVENING.date() + timedelta(n) for n in range(14)) if is_rest(day, RestNights(2))
    )
    assert rest == f"2 a week, on which the schedule plays b; the next one is that of {night:%a %d %b}"


def test_the_next_start_is_not_in_a_rest_night() -> None:
    """Six a week leave one; that is the next start, whichever it is."""
    text = "playlists: {a: {paths: /a}}\nschedule: [{name: n, at: 22:30}]\nrest_nights: 6 per week\n"
    days = [SUNDAY_EVENING.date() + timedelta(n) for n in range(15)]
    used = next(day for day in days if not is_rest(day, RestNights(6)))
    assert summary(text)["next"][0].startswith(f"n starts {used:%a} ".lower())
    assert f"{used}" in summary(text)["next"][0]


def test_a_path_that_cannot_be_looked_at_is_none_that_exists(tmp_path: Path) -> None:
    """A name that is too long for the file system, like a folder that may not be entered, is no reason to break off."""
    long = tmp_path / ("x" * 300)
    least = "playlists: {a: {paths: 'http://host/'}}\n"
    assert notes(f"{least}state_dir: {long}") == []
    assert notes(f"{least}audio: {{output: wav, path: {long}/a.wav}}") == [
        f"audio.path: the folder {long} does not exist"
    ]


def test_a_state_dir_in_which_nothing_could_be_remembered_is_a_note(tmp_path: Path) -> None:
    """A file in its place, or above it; and one that this user may not write to. A missing one is made at the start."""
    (tmp_path / "file").write_text("")
    (tmp_path / "closed").mkdir()
    least = "playlists: {a: {paths: 'http://host/'}}\nstate_dir: "
    assert notes(f"{least}{tmp_path}/new/deep") == []
    for name in ("file", "file/state"):
        assert notes(f"{least}{tmp_path}/{name}") == [
            f"state_dir: {tmp_path}/file is not a folder; nothing can be saved"
        ]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("os.access", lambda path, _mode: Path(path) != tmp_path / "closed")
        assert notes(f"{least}{tmp_path}/closed") == [f"state_dir: {tmp_path}/closed cannot be written by this user"]
        assert notes(f"{least}{tmp_path}/closed/state") == [
            f"state_dir: {tmp_path}/closed/state does not exist, and {tmp_path}/closed cannot be written by this user"
        ]


def test_a_night_cap_that_never_comes_is_a_note() -> None:
    """With a timer of 20 minutes and a cap after 30 nobody ever meets it; in a longer night somebody does."""
    text = "playlists: {a: {paths: 'http://host/'}}\nvolume: {night_cap: {max: 20}}\ntimer: 20m\n"
    assert notes(text) == ["volume.night_cap: it begins after 30m, and no session lasts longer"]
    assert notes(text + "schedule: [{name: n, at: 1:00, timer: off}]") == []
    assert notes(text + "schedule: [{name: n, at: 1:00, then: [{for: 7h}]}]") == []
    assert notes(text.replace("http://host/'", "http://host/', then: [{for: 7h}]")) == []


def test_the_next_start_is_local_with_its_offset() -> None:
    """Asked on Sunday at nine in Berlin's summer time, a start at 22:30 is that evening at +02:00."""
    least = "playlists: {a: {paths: /a}}\n"
    assert summary(least + "schedule: [{name: n, at: 22:30}]")["next"] == ["n starts sun 2026-03-29 22:30+02:00"]
    assert summary(least + "schedule: [{name: n, at: 20:30, days: weekend}]")["next"] == [
        "n starts sat 2026-04-04 20:30+02:00"
    ]


def test_long_lists_are_cut() -> None:
    """Eight playlists, paths or entries are shown, and the number of the others."""
    found = summary(
        "playlists: {"
        + ", ".join(f"p{n}: {{paths: /{n}}}" for n in range(10))
        + f", q: {{paths: [{', '.join('/x' for _ in range(9))}]}}}}\n"
        + "schedule: ["
        + ", ".join(f"{{name: n{n}, at: 1:00}}" for n in range(9))
        + "]"
    )
    assert found["playlists"][-1] == "and 3 more"
    assert len(found["playlists"]) == 17
    assert found["schedule"][-1] == "and 1 more"
    many = summary(f"playlists: {{q: {{paths: [{', '.join('/x' for _ in range(10))}]}}}}")["playlists"]
    assert many == ["q: rotate (the default)", *["  /x"] * 8, "  and 2 more"]


def test_what_is_missing_is_a_note(tmp_path: Path) -> None:
    """Folders and files that are not there now are named; those that are, addresses and generated sound are not."""
    here = tmp_path / "here"
    here.mkdir()
    (here / "a.mp3").write_bytes(b"")
    assert notes(
        f"playlists: {{a: {{paths: [{here}, {tmp_path}/away, 'http://host/', 'noise:rain'], "
        f"opening: [{here}, {tmp_path}/bell]}}}}\n"
        f"mqtt: {{username: me, password_file: {tmp_path}/pw, tls: {{ca: {here}, cert: {tmp_path}/c, key: {here}}}}}"
    ) == [
        f"playlist a: {tmp_path}/bell does not exist",
        f"playlist a: {tmp_path}/away does not exist",
        f"mqtt.password_file: {tmp_path}/pw does not exist or cannot be read by this user",
        f"mqtt.tls.cert: {tmp_path}/c does not exist or cannot be read by this user",
    ]


def test_wishes_that_will_be_bent_are_notes() -> None:
    """A timer no longer than its fade fades from its beginning; a rise from silence of 60 dB takes 10 s at 6 dB/s."""
    assert notes(
        "playlists: {a: {paths: 'http://host/'}}\nfades: {fade_in: 9s}\ntimer: 5m\nschedule:\n"
        "- {name: n, at: 1:00, timer: 2m, fade_in: 0}\n- {name: m, at: 1:01, fade_out: 6m}\n- {name: l, at: 1:02}\n"
        "- {name: k, at: 1:03, timer: 10m, fade_in: 10s}\n- {name: j, at: 1:04, timer: off, fade_out: 1h}\n"
    ) == [
        "fades: a fade-in from silence takes at least 10s",
        "the default timer is 5m, not longer than its fade-out of 10m: it fades out from its beginning",
        "schedule n: a fade-in from silence takes at least 10s",
        "the timer of n is 2m, not longer than its fade-out of 10m: it fades out from its beginning",
        "the timer of m is 5m, not longer than its fade-out of 6m: it fades out from its beginning",
        "the timer of k is 10m, not longer than its fade-out of 10m: it fades out from its beginning",
    ]


def test_phases_are_listed_and_those_that_never_come_are_notes() -> None:
    """Under the playlist and under the entry; a time that has passed, an endless phase before, and session.max."""
    text = (
        "session: {max: 8h}\nplaylists:\n"
        "  a: {paths: 'http://host/', then: [{playlist: b, volume: 15, until: '06:30'}]}\n"
        "  b: {paths: 'http://host/'}\nschedule:\n"
        "  - {name: late, at: 22:30, then: [{playlist: b, until: '23:00'}, {timer: off, taper: off}, {for: 1h}]}\n"
        "  - {name: long, at: 22:00}\n"
    )
    found = summary(text)
    assert found["playlists"][2] == "  then b, volume 15, timer until 06:30"
    assert found["schedule"][1:4] == [
        "  then b, timer until 23:00", "  then the same, timer off, no taper", "  then the same, timer 1h",
    ]  # fmt: skip
    assert [note for note in notes(text) if "phase" in note] == [
        "schedule late: phase 2 never comes: it would begin after 23:00",
        "schedule late: phase 4 never comes: the phase before it has no end",
        "schedule long: phase 2 ends early: session.max ends the night after 8h",
    ]


def test_a_morning_is_spelt_out() -> None:
    """Its fade-in and its own timer; a fade-in that does not fit into its timer is a note."""
    text = (
        "timer: off\nplaylists: {birds: {paths: 'http://host/'}}\nrest_nights: 6 per week\nschedule:\n"
        "  - {name: up, at: 6:30, kind: morning}\n"
        "  - {name: late, at: 8:00, kind: morning, fade_in: 1h, timer: 30m}\n"
    )
    assert summary(text)["schedule"] == [
        "up: morning, fade-in 20m, 06:30 daily, birds, volume 30, timer 50m, replaces what is playing",
        "late: morning, fade-in 1h, 08:00 daily, birds, volume 30, timer 30m, replaces what is playing",
    ]
    assert [note for note in notes(text) if "late" in note] == [
        "schedule late: its fade-in is shortened to 20m, two thirds of its timer"
    ]


def test_a_timer_to_the_end_of_what_has_no_end_is_a_note() -> None:
    """Generated sound and streams have none; in each phase of the night."""
    text = (
        "playlists: {rain: {paths: 'noise:rain'}, radio: {paths: 'http://host/'}}\nschedule:\n"
        "  - {name: n, at: '22:30', timer: end-of-track, then: [{playlist: radio, timer: end-of-playlist}]}\n"
    )
    assert notes(text) == [
        "schedule n: timer end-of-track with rain, whose sound has no end",
        "schedule n: timer end-of-playlist with radio, whose sound has no end",
    ]


def test_what_is_missing_is_noted_only_for_the_speaker_of_this_machine(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Folders, cards, files and input devices of the others are on other machines."""
    file = tmp_path / "lull.yaml"
    file.write_text(
        f"state_dir: {tmp_path}\nspeakers:\n  here: {{playlists: {{a: {{paths: [/nowhere/a]}}}}}}\n"
        "  there: {playlists: {b: {paths: [/nowhere/b]}}, audio: {device: 'hw:CARD=Nope'}, fades: {fade_in: 1s}}\n"
    )
    monkeypatch.setenv("LULL_DEVICE", "here")
    assert lull("check", str(file)) == 0
    notes = [line for line in capsys.readouterr().out.splitlines() if line.startswith("note: ")]
    assert notes == [
        "note: here: playlist a: /nowhere/a does not exist",
        "note: there: not on this machine, so its folders, files and devices were not looked for",
        "note: there: fades: a fade-in from silence takes at least 10s",
    ]
    assert lull("check", str(file), "--device", "there") == 0
    assert "/nowhere/b does not exist" in capsys.readouterr().out


def test_every_speaker_of_a_file_is_checked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The first in full, then how the others differ; with --device one alone; a fault says whose it is."""
    file = tmp_path / "lull.yaml"
    text = (
        f"state_dir: {tmp_path}\nvolume: {{default: 20}}\nplaylists: {{rain: {{paths: ['noise:rain']}}}}\n"
        "speakers:\n  kitchen: {quiet_hours: 23:00-6:00}\n  child: {volume: {max: 25}}\n"
    )
    file.write_text(text, encoding="utf-8")
    assert lull("check", str(file)) == 0
    first, child = capsys.readouterr().out.split("\n\n")
    assert first.startswith(f"{file} is valid: 2 speakers, kitchen, child\ndevice     kitchen\n")
    assert [line.split()[0] for line in child.splitlines() if not line.startswith("note")] == ["device", "volume"]
    assert "volume     20 at a start, never above 25" in child
    assert lull("check", str(file), "--device", "child") == 0
    assert "kitchen" not in capsys.readouterr().out
    file.write_text(text.replace("25", "15"), encoding="utf-8")
    assert lull("check", str(file)) == 1
    fault = "2: volume.default: 20 is above volume.max, which is 15; lower it or raise volume.max (of child)"
    assert capsys.readouterr().err == f"{file}:{fault}\n"
