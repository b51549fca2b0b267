"""What a config means: defaults, values as they are written, and what a reload touches."""

from __future__ import annotations

from dataclasses import replace
from datetime import time
from pathlib import Path

import pytest

from player.config import Config, differences, load, parse
from player.config.binding import Keys
from player.config.schema import AUDIO, ENTRY, FADES, LIMITS, MQTT, PLAYLIST, TIMER, TLS, TOP, VOLUME
from player.config.schema_discovery import DISCOVERY
from player.config.schema_safety import GUARD, MIXER, NIGHT_CAP
from player.config.schema_triggers import TRIGGER
from player.core.errors import ConfigError
from player.core.settings.audio import AudioSettings, OutputKind, PipeFormat
from player.core.settings.mqtt import DiscoveryMode, DiscoverySettings, MqttProtocol, MqttSettings, TlsSettings
from player.core.settings.safety import GuardMode, GuardSettings, MixerLevel, MixerSettings, NightCap
from player.core.settings.session import FAVOURITES, TIMER_END_OF_TRACK, TIMER_OFF, Order, Settings, TimerSetting
from tests.paths import ROOT

EXAMPLE = ROOT / "config" / "lull.yaml"
LEAST = "playlists: {rain: {paths: [/srv/rain]}}\n"
FILE = Path("/etc/lull/lull.yaml")


def read(more: str = "") -> Config:
    """A config of the least that is needed in line 1, and something more from line 2 on."""
    return parse(LEAST + more, FILE)


def faults(text: str) -> list[str]:
    """The faults of a whole text, without the folder of the file."""
    with pytest.raises(ConfigError) as caught:
        parse(text, FILE)
    return [fault.removeprefix("/etc/lull/") for fault in caught.value.faults]


def fault(more: str) -> str:
    """The only fault of what stands from line 2 on, without the file's name."""
    (only,) = faults(LEAST + more)
    return only.removeprefix("lull.yaml:")


def entry_of(line: str) -> Config:
    return read(f"schedule:\n  - {{name: night, at: 22:30, {line}}}\n")


# What is left out


def test_playlists_alone_are_a_config() -> None:
    """A file that names one playlist is complete: all else has the defaults of the settings."""
    config = read()
    assert replace(config.settings, playlists=()) == Settings()
    assert (config.audio, config.mqtt, config.state_dir, config.path) == (
        AudioSettings(), None, Path("/var/lib/lull"), FILE,
    )  # fmt: skip


@pytest.mark.parametrize("key", [word for word in TOP.words if word != "playlists"])
def test_a_key_without_a_value_is_as_if_absent(key: str) -> None:
    """A key that holds nothing leaves its default in force."""
    assert read(f"{key}:\n") == read()


def test_a_default_volume_follows_a_low_maximum_that_stands_alone() -> None:
    """Writing only `max: 20` tightens the default of 30 to 20; `max: 90` does not raise it."""
    assert read("volume: {max: 20}").settings.volume.default == 20
    assert read("volume: {max: 90}").settings.volume.default == 30


def test_an_empty_maximum_leaves_the_built_in_one_in_force() -> None:
    """`max:` with nothing behind it is 60, not 100, so a default of 70 is above it."""
    assert read("volume: {max: }").settings.volume.max == 60
    assert fault("volume: {max: , default: 70}").startswith("2: volume.default: 70 is above max 60")


# The example


def test_the_example_states_the_defaults() -> None:
    """config/lull.yaml passes, and but for its playlists and schedule it says what would be without it."""
    config = load(EXAMPLE)
    assert replace(config.settings, playlists=(), schedule=(), default_playlist=None) == Settings()
    assert config.audio == AudioSettings()
    assert config.mqtt == MqttSettings()
    assert config.state_dir == Path("/var/lib/lull")
    assert [playlist.name for playlist in config.settings.playlists] == ["whispers", "rain"]
    assert [entry.name for entry in config.settings.schedule] == ["weeknights", "weekend"]


@pytest.mark.parametrize(
    "keys",
    [TOP, AUDIO, MIXER, MQTT, DISCOVERY, TLS, VOLUME, NIGHT_CAP, FADES, LIMITS, GUARD, TIMER, PLAYLIST, ENTRY, TRIGGER],
)
def test_the_example_names_every_key(keys: Keys) -> None:
    """Every key that can be written is in config/lull.yaml, as a line of its own or commented out."""
    lines = [line.lstrip(" #-") for line in EXAMPLE.read_text(encoding="utf-8").splitlines()]
    assert not [word for word in keys.words if not any(line.startswith(f"{word}:") for line in lines)]


# Values as they are written


@pytest.mark.parametrize("written", ["22:30", '"22:30"', "'22:30'"])
def test_half_past_ten_needs_no_quotes(written: str) -> None:
    """`at: 22:30` is half past ten; YAML 1.1 readers make 22*60+30 of it."""
    (entry,) = read(f"schedule:\n  - name: night\n    at: {written}\n").settings.schedule
    assert entry.at == time(22, 30)


@pytest.mark.parametrize(("written", "at"), [("0:00", time(0)), ("07:05", time(7, 5)), ("7:05", time(7, 5))])
def test_the_hour_may_have_one_digit(written: str, at: time) -> None:
    """A time of day has one or two digits of hours and two of minutes."""
    assert read(f"schedule: [{{name: a, at: {written}}}]").settings.schedule[0].at == at


@pytest.mark.parametrize(
    "written", ["24:00", "22:60", "22.30", "2230", "81000", "10:30 pm", "22:3", "-1:00", "22:30:00"]
)
def test_what_is_no_time_of_day_is_refused(written: str) -> None:
    """Hours are 0 to 23, minutes 00 to 59, with a colon between them."""
    text = fault(f'schedule: [{{name: a, at: "{written}"}}]')
    assert text.startswith(f"2: schedule[0].at: {written!r} is not a time of day; write 0:00 to 23:59")


@pytest.mark.parametrize(
    ("written", "timer"),
    [
        ("off", TIMER_OFF),
        ("'off'", TIMER_OFF),
        ("no", TIMER_OFF),
        ("end-of-track", TIMER_END_OF_TRACK),
        ("end of track", TIMER_END_OF_TRACK),
        ("45m", TimerSetting.clock(2700)),
        ("1h30", TimerSetting.clock(5400)),
        ("1:30:00", TimerSetting.clock(5400)),
    ],
)
def test_a_timer_may_be_off_though_yaml_makes_a_truth_value_of_it(written: str, timer: TimerSetting) -> None:
    """A timer is a duration, off or end-of-track; alone, below `default`, and in an entry of the schedule."""
    assert read(f"timer: {written}").settings.timer == timer
    assert read(f"timer: {{default: {written}}}").settings.timer == timer
    assert entry_of(f"timer: {written}").settings.schedule[0].timer == timer


def test_mqtt_may_be_off() -> None:
    """`mqtt: off` is no broker, `mqtt: {}` the default one."""
    assert read("mqtt: off").mqtt is None
    assert read("mqtt: {}").mqtt == MqttSettings()


@pytest.mark.parametrize("key", ["device", "default_playlist"])
def test_a_name_that_yaml_takes_for_a_truth_value_wants_quotes(key: str) -> None:
    """`device: on` is refused with the cure; the quoted name is taken."""
    assert fault(f"{key}: on") == f'2: {key}: on without quotes means yes or no in YAML; for the name, write "on"'
    assert read('device: "on"').settings.device == "on"


@pytest.mark.parametrize(
    ("written", "days"),
    [
        ("[sun, mon]", {6, 0}),
        ("[Sunday, MONDAY]", {6, 0}),
        ("weekdays", {0, 1, 2, 3, 4}),
        ("weekend", {5, 6}),
        ("daily", {0, 1, 2, 3, 4, 5, 6}),
        ("[weekend, wed]", {2, 5, 6}),
        ("fri", {4}),
    ],
)
def test_days_are_named_short_long_or_in_groups(written: str, days: set[int]) -> None:
    """Days count from Monday as 0, as in datetime.date.weekday."""
    assert entry_of(f"days: {written}").settings.schedule[0].days == days


def test_a_bare_number_is_no_duration() -> None:
    """8 could be seconds or minutes, so it is refused with both; 0 needs no unit."""
    assert fault("fades: {crossfade: 8}") == (
        "2: fades.crossfade: 8 has no unit; write 8s for seconds or 8m for minutes"
    )
    assert read("fades: {crossfade: 0}").settings.fades.crossfade_s == 0.0


@pytest.mark.parametrize("written", ["true", "yes", "ON", '"true"'])
def test_a_switch_takes_every_spelling(written: str) -> None:
    """true, yes and on mean the same, in any case, quoted or not."""
    assert entry_of(f"takes_over: {written}").settings.schedule[0].takes_over is True
    assert entry_of("takes_over: no").settings.schedule[0].takes_over is False


def test_the_words_of_the_broker() -> None:
    """Every key of the broker arrives where it belongs; the protocol may stand without quotes."""
    config = read(
        "mqtt: {host: broker, port: 1884, username: me, password_file: pw, prefix: home/sound, groups: [up],\n"
        "  protocol: 3.1.1, keepalive: 1m, tls: {ca: ca.pem}}"
    )
    assert config.mqtt == MqttSettings(
        "broker", 1884, "me", "/etc/lull/pw", "home/sound", ("up",), MqttProtocol.V311, 60,
        TlsSettings("/etc/lull/ca.pem"),
    )  # fmt: skip


def test_discovery_may_be_its_mode_alone() -> None:
    """`discovery: off`, yes and no included; every key of the table arrives where it belongs."""

    def discovery(written: str) -> DiscoverySettings:
        mqtt = read(f"mqtt: {{discovery: {written}}}").mqtt
        assert mqtt is not None
        return mqtt.discovery

    assert discovery("components") == DiscoverySettings(DiscoveryMode.COMPONENTS)
    assert discovery("off") == discovery("no") == DiscoverySettings(DiscoveryMode.OFF)
    assert discovery("on") == discovery("{}") == DiscoverySettings(DiscoveryMode.HOME_ASSISTANT)
    full = discovery("{mode: off, prefix: home/ha, birth_topic: ha/born, media_player: yes, id: bed-1, area: Attic}")
    assert full == DiscoverySettings(DiscoveryMode.OFF, "home/ha", "ha/born", True, "bed-1", "Attic")
    assert (full.birth, DiscoverySettings(prefix="ha").birth) == ("ha/born", "ha/status")


def test_a_night_cap_comes_after_half_an_hour_unless_told_otherwise() -> None:
    """Only its maximum is needed; `off` and nothing mean none."""
    assert read("volume: {night_cap: {max: 20}}").settings.volume.night_cap == NightCap(20, 1800.0)
    assert read("volume: {night_cap: {max: 20, after: 1h}}").settings.volume.night_cap == NightCap(20, 3600.0)
    assert read("volume: {night_cap: off}").settings.volume.night_cap is None


@pytest.mark.parametrize(
    ("written", "guard"),
    [
        ("strict", GuardSettings(GuardMode.STRICT)),
        ("{mode: Strict}", GuardSettings(GuardMode.STRICT)),
        ("{asleep_after: 5m}", GuardSettings(asleep_after_s=300.0)),
        ("{mode: gentle, asleep_after: 0}", GuardSettings(asleep_after_s=0.0)),
    ],
)
def test_the_guard_is_gentle_or_strict(written: str, guard: GuardSettings) -> None:
    """The mode may stand alone."""
    assert read(f"guard: {written}").settings.guard == guard


@pytest.mark.parametrize(
    ("written", "level"),
    [("80%", MixerLevel(80)), ("80 %", MixerLevel(80)), ("-12.5dB", MixerLevel(-12.5, is_db=True))],
)
def test_a_mixer_is_pinned_in_per_cent_or_decibels(written: str, level: MixerLevel) -> None:
    """A space before the unit makes no difference."""
    config = read(f"audio: {{mixer: {{control: 'PCM,1', value: {written}}}}}")
    assert config.audio.mixer == MixerSettings("PCM,1", level)


def test_tls_moves_the_default_port() -> None:
    """8883 is the registered port of MQTT over TLS; a port that is written stands."""
    config = read("mqtt: {tls: on}")
    assert config.mqtt is not None
    assert (config.mqtt.tls, config.mqtt.port) == (TlsSettings(), 8883)
    written = read("mqtt: {tls: on, port: 1883}").mqtt
    assert written is not None
    assert written.port == 1883
    assert read("mqtt: {tls: off}").mqtt == MqttSettings()


def test_paths_start_at_the_folder_of_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    """Relative paths are below the config's folder, ~ is the home folder, addresses stay as they are."""
    monkeypatch.setenv("HOME", "/home/me")
    config = parse(
        "playlists: {a: {paths: [rain, ~/sea, /abs, 'https://host/stream?a=b']}}\n"
        "state_dir: state\naudio: {output: wav, path: out/night.wav}\n",
        FILE,
    )
    assert config.settings.playlists[0].paths == (
        "/etc/lull/rain", "/home/me/sea", "/abs", "https://host/stream?a=b",
    )  # fmt: skip
    assert config.state_dir == Path("/etc/lull/state")
    assert config.audio == AudioSettings(OutputKind.WAV, path="/etc/lull/out/night.wav")


def test_a_pipe_has_a_path_and_a_format() -> None:
    """Snapcast writes rate, bits and channels with colons, which YAML would otherwise read as a time."""
    audio = read("audio: {output: pipe, path: /run/lull/snapfifo, format: 48000:16:2}").audio
    assert audio == AudioSettings(OutputKind.PIPE, path="/run/lull/snapfifo", pipe_format=PipeFormat.S16)
    assert read("audio: {output: pipe, path: ~/fifo}").audio.pipe_format is None


@pytest.mark.parametrize("device", ["plughw:CARD=1x", "hdmi:CARD=vc4hdmi0,DEV=0", "bluealsa:DEV=00:11:22:33:44:55"])
def test_a_card_s_id_may_hold_digits(device: str) -> None:
    """Only a bare number is one; ids and addresses are taken."""
    assert read(f"audio: {{device: '{device}'}}").audio.device == device


def test_one_path_needs_no_list() -> None:
    """`paths: rain` is a list of one; an order and a gain are taken."""
    (playlist,) = parse("playlists: {a: {paths: /rain, order: in_order, gain: -3.5}}").settings.playlists
    assert (playlist.paths, playlist.order, playlist.gain_db) == (("/rain",), Order.IN_ORDER, -3.5)


def test_entries_may_share_by_anchors() -> None:
    """A merge key takes in another entry; what is written beside it wins."""
    config = read(
        "schedule:\n  - &n {name: a, at: 22:30, volume: 20, fade_in: 1m}\n  - {<<: *n, name: b, volume: 10}\n"
    )
    first, second = config.settings.schedule
    assert second == replace(first, name="b", volume=10)


# What a reload touches


@pytest.mark.parametrize(
    ("more", "changed"),
    [
        ("", set()),
        ("# a comment", set()),
        ("timer: 45m", set()),
        ("timer: 44m", {"timer"}),
        ("device: x", {"device"}),
        ("audio: {hold: 1m}", {"audio"}),
        ("mqtt: {}", {"mqtt"}),
        ("volume: {max: 50}\nfades: {stop: 5s}", {"volume", "fades"}),
        ("limits: {ceiling: -2}", {"limits"}),
        ("guard: {mode: gentle, asleep_after: 20m}\nvolume: {night_cap: off}\naudio: {mixer: off}", set()),
        ("guard: strict", {"guard"}),
        ("volume: {night_cap: {max: 20}}", {"volume"}),
        ("audio: {mixer: {control: PCM, value: 80%}}", {"audio"}),
        ("default_playlist: rain", {"default_playlist"}),
        ("schedule: [{name: a, at: 1:00}]", {"schedule"}),
        ("catch_up: 1m\nstate_dir: /tmp/x", {"catch_up", "state_dir"}),
    ],
)
def test_differences_names_the_keys_that_mean_something_else(more: str, changed: set[str]) -> None:
    """Only what changed in meaning is named; comments and written-out defaults are no change."""
    assert differences(read(), read(more)) == changed


def test_a_changed_playlist_is_a_difference() -> None:
    """Adding a playlist changes `playlists` alone."""
    assert differences(read(), parse("playlists: {rain: {paths: /srv/rain}, b: {paths: /b}}", FILE)) == {"playlists"}


def test_favourites_can_be_named_like_a_playlist() -> None:
    """In the schedule, phases, the default and triggers; it is none of the config's own."""
    found = read(
        "default_playlist: favourites\n"
        "schedule: [{name: n, at: '22:30', playlist: favourites, then: [{playlist: favourites, for: 1h}]}]\n"
        "mqtt: {}\ntriggers: [{topic: a, equals: b, do: play, with: favourites}]\n"
    )
    assert [playlist.name for playlist in found.settings.playlists] == ["rain"]
    assert found.settings.playlist("favourites") is FAVOURITES
