"""Where the doctor's facts come from: the kernel's files, systemd's commands, mode bits, a process that asks ALSA."""

from __future__ import annotations

import math
import os
import socket
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import alsaaudio
import pytest

from player.cli.doctor.facts import BrokerAnswer, Card, Control, Holder, Installed, Output, UserAccount
from player.cli.doctor.probes import access, host, service
from player.cli.doctor.probes import alsa as alsa_probe
from player.cli.doctor.probes.host import read_cards
from player.core.settings.mqtt import MqttSettings
from player.storage import lock as state_lock
from tests.ended_process import ended_process
from tests.fakes.alsa import FakeControl, FakeMixers

SHELL = ("sh", "-c")


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


# Sound cards.


@pytest.fixture
def proc(tmp_path: Path) -> Path:
    """/proc of a Raspberry Pi: the jack, which mpv's thread 41 of process 40 plays to, and the screen."""
    write(
        tmp_path / "asound" / "cards",
        " 0 [Headphones     ]: bcm2835_headpho - bcm2835 Headphones\n                      bcm2835 Headphones\n"
        " 1 [vc4hdmi        ]: vc4-hdmi - vc4-hdmi\n                      vc4-hdmi\n",
    )
    jack = tmp_path / "asound" / "card0" / "pcm0p"
    write(jack / "info", "card: 0\ndevice: 0\nname: bcm2835 Headphones\n")
    write(jack / "sub0" / "status", "closed\n")
    write(jack / "sub1" / "status", "state: RUNNING\nowner_pid   : 41\n")
    write(jack / "sub1" / "hw_params", "access: RW\nformat: S16_LE\nchannels: 2\nrate: 48000 (48000/1)\n")
    write(tmp_path / "asound" / "card1" / "pcm0p" / "info", "name: MAI PCM\n")
    write(tmp_path / "asound" / "card1" / "pcm0c" / "info", "name: records only\n")
    write(tmp_path / "41" / "status", "Name:\tao\nTgid:\t40\n")
    write(tmp_path / "40" / "comm", "mpv\n")
    return tmp_path


def test_cards_are_read_by_id_with_who_has_them(proc: Path) -> None:
    """The owner is a thread; its process is named. Inputs do not count."""
    assert read_cards(proc) == (
        Card(
            "Headphones",
            "bcm2835 Headphones",
            (Output("bcm2835 Headphones", Holder(40, "mpv"), "S16_LE, 48000 Hz, 2 channels"),),
        ),
        Card("vc4hdmi", "vc4-hdmi", (Output("MAI PCM"),)),
    )


def test_without_alsa_there_are_no_cards(tmp_path: Path) -> None:
    """No /proc/asound is no fault."""
    assert read_cards(tmp_path) == ()


# systemd.


def test_the_unit_is_read() -> None:
    """What `systemctl show` prints, in its own forms."""
    said = (
        "LoadState=loaded\nActiveState=active\nUnitFileState=enabled\nMainPID=70\nUser=lull\nNRestarts=2\n"
        "WatchdogUSec=1min 30s\nResult=success\nSupplementaryGroups=music video\n"
    )
    found = service.ask_service("lull", 5, (*SHELL, f"printf '{said}'"))
    assert found is not None
    assert (found.is_loaded, found.is_enabled, found.active, found.pid, found.user) == (
        True,
        True,
        "active",
        70,
        "lull",
    )
    assert (found.restarts, found.watchdog_s, found.groups) == (2, 90.0, ("music", "video"))


@pytest.mark.parametrize("command", [(*SHELL, "exit 1"), ("lull-test-no-such-command",), (*SHELL, "sleep 5")])
def test_without_systemd_there_is_no_unit(command: tuple[str, ...]) -> None:
    """Not booted by it, not installed, or silent: None, soon."""
    assert service.ask_service("lull", 0.1, command) is None


@pytest.mark.parametrize(
    ("text", "expected_s"),
    [("30s", 30.0), ("1min 30s", 90.0), ("0", 0.0), ("infinity", 0.0), ("500ms", 0.5), ("1h", 3600.0)],
)
def test_systemds_times_are_read(text: str, expected_s: float) -> None:
    """A span of several units adds up; infinity is no watchdog."""
    assert service.seconds_of(text) == pytest.approx(expected_s)


def test_problems_are_read_from_the_journal() -> None:
    """Entries that are no JSON are passed over; a hint on stderr says that not all was shown."""
    entry = '{"__REALTIME_TIMESTAMP":"1774823400000000","MESSAGE":"no sound device"}'
    happened, is_read = service.read_journal("lull", UTC, 5, (*SHELL, f"printf '%s\\nrubbish\\n' '{entry}'"))
    assert [(one.at, one.text) for one in happened] == [(datetime(2026, 3, 29, 22, 30, tzinfo=UTC), "no sound device")]
    assert is_read
    assert service.read_journal("lull", UTC, 5, (*SHELL, "echo 'Hint: You are not seeing messages' >&2")) == ((), False)
    assert service.read_journal("lull", UTC, 5, ("lull-test-no-such-command",)) == ((), False)


# The machine.


def test_voltage_is_read_from_the_first_that_tells(tmp_path: Path) -> None:
    """vcgencmd, the firmware's file, the voltage sensor; None on other machines."""
    none, sysfs, sensor = ("lull-test-no-such-command",), tmp_path / "get_throttled", tmp_path / "hwmon" / "hwmon3"
    nothing = tmp_path / "nothing"
    assert host.read_throttled(5, sysfs=nothing, hwmon=nothing, command=none) is None
    write(sensor / "name", "rpi_volt\n")
    write(sensor / "in0_lcrit_alarm", "1\n")
    assert host.read_throttled(5, sysfs=nothing, hwmon=sensor.parent, command=none) == 1
    write(sysfs, "50000\n")
    assert host.read_throttled(5, sysfs=sysfs, hwmon=sensor.parent, command=none) == 0x50000
    said = (*SHELL, "echo throttled=0x50005")
    assert host.read_throttled(5, sysfs=sysfs, hwmon=sensor.parent, command=said) == 0x50005


def test_versions_are_read(tmp_path: Path) -> None:
    """Each has a name; this machine has all of them."""
    write(tmp_path / "os-release", 'NAME=x\nPRETTY_NAME="Raspberry Pi OS"\n')
    found = host.read_machine(tmp_path / "os-release")
    assert found.system.startswith("Raspberry Pi OS, Linux ")
    assert all(version for _, version in found.versions)
    assert {name for name, _ in found.versions} >= {"lull", "Python", "libVLC", "ALSA", "numpy", "paho"}


def test_it_is_known_who_installed_lull(tmp_path: Path) -> None:
    """The Debian package has a folder of its own, a checkout has scripts, and what is left came from pip."""
    assert host.how_installed(Path("/usr/lib/lull")) is Installed.PACKAGE
    assert host.how_installed(tmp_path) is Installed.PIP
    write(tmp_path / "scripts" / "install", "")
    assert host.how_installed(tmp_path) is Installed.CHECKOUT


# Rights.

SOMEBODY = UserAccount("somebody", 54_321, frozenset({54_321}), frozenset())


def open_to_all(place: Path) -> None:
    """Let everybody enter a folder and those above it."""
    for folder in (place, *place.parents):
        if folder.stat().st_uid == os.geteuid() and folder != Path("/"):
            folder.chmod(folder.stat().st_mode | 0o011)


def test_the_place_that_keeps_a_user_out_is_found(tmp_path: Path) -> None:
    """A folder on the way that may not be entered, then the file itself; group and owner count, and root passes."""
    open_to_all(tmp_path)
    inner = tmp_path / "a" / "b"
    inner.mkdir(parents=True)
    file = inner / "x.mp3"
    file.write_bytes(b"")
    file.chmod(0o644)
    assert access.barrier(file, SOMEBODY, access.READ) is None
    assert access.barrier(file, SOMEBODY, access.WRITE) == str(file)
    file.chmod(0o640)
    assert access.barrier(file, SOMEBODY, access.READ) == str(file)
    member = UserAccount("m", 54_321, frozenset({file.stat().st_gid}), frozenset())
    assert access.barrier(file, member, access.READ) is None
    (tmp_path / "a").chmod(0o600)
    assert access.barrier(file, SOMEBODY, access.READ) == str(tmp_path / "a")
    assert access.barrier(file, UserAccount("root", 0, frozenset(), frozenset()), access.READ) is None


def test_a_link_that_may_not_be_followed_keeps_nobody_out() -> None:
    """What cannot be checked is left to the others."""
    with ended_process() as process:
        assert access.barrier(process / "cwd", SOMEBODY, access.READ) is None


def test_users_are_looked_up_with_their_groups() -> None:
    """Who asks, somebody by name, and groups that the unit adds; an unknown user is None."""
    mine = access.account_of(None)
    assert mine is not None
    assert mine.uid == os.geteuid()
    assert access.account_of("lull-test-nobody-has-this-name") is None
    more = access.account_of("root", ["audio", "lull-test-no-such-group"])
    assert more is not None
    assert "audio" in more.groups


def test_a_user_without_a_name_is_known_by_number(monkeypatch: pytest.MonkeyPatch) -> None:
    """A container that was started with ``--user 12345``: rights are judged, and nobody is said to be missing."""
    monkeypatch.setattr(os, "geteuid", lambda: 987_654)
    monkeypatch.setattr(os, "getegid", lambda: 987_655)
    found = access.account_of(None)
    assert found is not None
    assert (found.name, found.uid) == ("987654", 987_654)
    assert {987_655, *os.getgroups()} == found.gids
    assert access.barrier(Path("/etc/shadow"), found, access.READ) is not None


def test_the_state_directory_is_seen_with_what_forgets_it(tmp_path: Path) -> None:
    """The longest mount point above it counts; an overlay over memory forgets, one over a disk does not."""
    mounts = tmp_path / "mounts"

    def found(text: str) -> str | None:
        write(mounts, text)
        return access.read_place(tmp_path / "not" / "yet", access.account_of(None), mounts).in_memory

    root = "overlayroot / overlay rw,lowerdir=/media/root-ro,upperdir=/media/root-rw/overlay,workdir=/x 0 0\n"
    memory = "tmpfs-root /media/root-rw tmpfs rw 0 0\n"
    assert found(f"{memory}{root}") == "overlay"
    assert found(root) is None
    assert found(f"{memory}{root}/dev/sda1 {tmp_path} ext4 rw 0 0\n") is None
    assert found(f"{memory}/dev/sda1 {tmp_path} ext4 rw 0 0\n{root.replace(' / ', f' {tmp_path} ')}") == "overlay"
    assert found(f"/dev/sda1 / ext4 rw 0 0\ntmpfs {tmp_path} tmpfs rw 0 0\n") == "tmpfs"


def test_a_state_directory_that_is_still_to_be_made_is_looked_at_by_its_parent(tmp_path: Path) -> None:
    """Where the service may make it all is well, otherwise it is a fault."""
    place = access.read_place(tmp_path / "not" / "yet", access.account_of(None))
    assert (place.fault, place.barrier, place.is_read_only) == (None, None, False)
    assert place.free_bytes > 0
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    assert access.read_place(closed / "new", SOMEBODY).fault is not None


def test_a_file_is_no_state_directory(tmp_path: Path) -> None:
    """Nothing can be remembered in it, however much space is free."""
    write(tmp_path / "state", "")
    assert (
        access.read_place(tmp_path / "state", access.account_of(None)).fault
        == f"{tmp_path / 'state'} is a file, not a folder"
    )


def test_a_password_file_is_looked_at_and_not_read(tmp_path: Path) -> None:
    """There or not, and open to all or not: in a closed folder it is not, whatever its own bits."""
    mine = access.account_of(None)
    assert mine is not None
    assert not access.read_password_file(tmp_path / "pw", mine).is_there
    open_to_all(tmp_path)
    file = tmp_path / "closed" / "pw"
    write(file, "secret")
    for folder_mode, mode, expected in ((0o700, 0o644, False), (0o755, 0o644, True), (0o755, 0o640, False)):
        file.parent.chmod(folder_mode)
        file.chmod(mode)
        assert access.read_password_file(file, mine).is_open_to_all is expected


# Who has the memory.


def test_the_holder_of_the_lock_is_read_without_trying_it(tmp_path: Path) -> None:
    """The kernel's list names the process while the lock is held, and nobody before and after."""
    assert state_lock.holder_of(tmp_path) == 0
    with state_lock.only_daemon(tmp_path):
        assert state_lock.holder_of(tmp_path) == os.getpid()
    assert state_lock.holder_of(tmp_path) == 0


# The question to another process.

PROBE = "player.cli.doctor.probes.alsa"


def test_a_probe_that_hangs_is_left_alone() -> None:
    """A frozen sound server costs the time limit and no more."""
    hangs = (*SHELL, "sleep 30")
    assert "no answer within 0.1 s" in str(alsa_probe.try_device("default", 0.3, 0.1, hangs).fault)
    assert "no answer" in str(alsa_probe.look_at_mixer("default", 0.1, hangs).fault)


def test_a_probe_that_dies_says_its_last_words() -> None:
    """A library that is missing or a crash is a fault of the device's check."""
    dies = (*SHELL, "echo no such library >&2; exit 3")
    assert alsa_probe.try_device("default", 0.3, 5, dies).fault == "the query failed: no such library"
    assert "cannot be queried" in str(alsa_probe.try_device("default", 0.3, 5, ("lull-test-no-such-command",)).fault)


@pytest.mark.slow
def test_the_probe_answers_from_a_process_of_its_own() -> None:
    """A device that does not exist is a fault with its advice, from the real pyalsaaudio."""
    trial = alsa_probe.try_device("plughw:CARD=LullTestNoSuchCard", 0.3, 20, (sys.executable, "-m", PROBE))
    assert "cannot open the sound device" in str(trial.fault)
    assert alsa_probe.look_at_mixer("plughw:CARD=LullTestNoSuchCard", 20).fault is not None


def test_a_mixer_is_read_and_not_set(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Controls for playing with step, range and decibels; one that records is left out, and nothing is written."""
    mixers = FakeMixers(
        {
            "hw:DAC": {
                "PCM": FakeControl([40, 60]),
                "Plain": FakeControl([3], 0, 9, 0),
                "Mic": FakeControl([1], capabilities=("Capture Volume",)),
            }
        }
    )

    class Mixer:
        def __new__(cls, **asked: object) -> object:
            found = mixers.open(**asked)  # type: ignore[arg-type]
            found.getmute = lambda: [0, 0]  # type: ignore[attr-defined]
            return found

    monkeypatch.setattr(alsaaudio, "mixers", mixers.mixers)
    monkeypatch.setattr(alsaaudio, "Mixer", Mixer)
    assert alsa_probe.main(["mixer", "plughw:CARD=DAC"]) == 0
    said = capsys.readouterr().out.replace("'", "").strip()
    answer = (*SHELL, f"echo '{said}'")
    state = alsa_probe.look_at_mixer("plughw:CARD=DAC", 5, answer)
    assert state.controls == (Control("PCM", 60, 0, 100, -20.0, 0.0), Control("Plain", 3, 0, 9))
    assert not mixers.writes
    assert mixers.held == 0


# The broker's password.


def test_a_broker_that_never_answers_is_left_at_the_time_that_is_told() -> None:
    """It takes the connection; the time for the retained messages is kept free, and the rest is what is said."""
    from player.cli.doctor.probes.broker import probe

    took_s = math.inf
    with socket.create_server(("127.0.0.1", 0)) as server:
        settings = MqttSettings(host="127.0.0.1", port=server.getsockname()[1])
        for _ in range(5):  # on a machine with other work one may take longer
            began_s = time.monotonic()
            state = probe(settings, "bedroom", 2.0)
            took_s = min(took_s, time.monotonic() - began_s)
            if took_s < 1.7:
                break
    assert state.reached is BrokerAnswer.SILENT
    assert "within 1 s" in state.reason
    assert took_s < 1.7


def test_a_slow_name_server_leaves_time_for_the_answer_of_the_broker(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is left of the time was negative, and a broker that answers was said not to do so within -1 s."""
    from player.cli.doctor.probes import broker

    with socket.create_server(("127.0.0.1", 0)) as server:
        monkeypatch.setattr(broker, "_reach", lambda _settings, limit_s: time.sleep(2 * limit_s))
        settings = MqttSettings(host="127.0.0.1", port=server.getsockname()[1])
        assert "within 1 s" in broker.probe(settings, "bedroom", 0.5).reason


def test_the_password_is_found_where_it_lies(tmp_path: Path) -> None:
    """A file, a credential in a store, none, and why it cannot be read."""
    from player.cli.doctor.probes.broker import password_of

    write(tmp_path / "pw", "secret\nmore\n")
    assert password_of(MqttSettings()) == (None, None)
    assert password_of(MqttSettings(username="u", password_file=str(tmp_path / "pw"))) == ("secret", None)
    credential = MqttSettings(username="u", password_file="credential:pw")  # noqa: S106 - a name
    assert password_of(credential, (tmp_path / "none", tmp_path)) == ("secret", None)
    password, fault = password_of(credential, (tmp_path / "none",))
    assert password is None
    assert "No such file" in str(fault)
