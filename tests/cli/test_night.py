"""``lull night``, what ``scripts/run`` runs: it replaces what is missing and says so, and fades out on Ctrl-C."""

from __future__ import annotations

import argparse
import contextlib
import os
import pty
import re
import select
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pytest

from player.cli import night, paths
from player.cli.main import main
from player.cli.private_broker import _UNTIL_PIPE_CLOSES, AGAIN_S, PrivateBroker
from player.cli.terminal import line, meter
from player.config import Config, load, load_whereabouts
from player.core.settings.audio import AudioSettings
from player.core.settings.mqtt import MqttSettings
from player.core.settings.session import Settings
from player.core.snapshot import Snapshot
from player.library.starter.recipes import BEDS
from tests import recording as sound
from tests.audio_files import sine, write_wav
from tests.live.broker import RealBroker, free_port
from tests.live.daemon import ROOT


def snapshot(**parts: object) -> Snapshot:
    """An idle snapshot, changed in parts."""
    idle: dict[str, object] = {
        "state": "idle", "why": None, "playlist": None, "track": None, "position_s": None, "duration_s": None,
        "volume": 30, "volume_max": 60, "ramping_to": None, "level_db": None, "timer_mode": "off", "timer_ends": None,
        "timer_remaining_s": None, "next_start": None, "next_entry": None, "schedule_enabled": True,
        "clock_trusted": True, "tamed": 0, "playlists": (), "problems": (), "started": None, "asked": None,
        "next_track": None, "guard_reduction_db": 0.0, "timer_set_s": None, "fade_out_s": 600.0, "entries": {},
        "skip_tonight": False, "nights_used": 0, "rest_night": False, "is_asleep": False, "phase": None,
        "phases": None, "next_phase": None, "dropouts": 0, "is_liked": False, "is_morning": False, "beds": (),
        "snooze_left_s": None, "light": 0.0, "level_dba": None, "chapter": None, "refused": None, "session_max_s": 0.0,
        "timer_until": None,
    }  # fmt: skip
    return Snapshot(**{**idle, **parts})  # type: ignore[arg-type]


def test_the_live_line_shows_state_track_level_timer_and_volume() -> None:
    """All of it on one line, problems last."""
    text = line(
        snapshot(
            state="playing", track="Rain", position_s=61.0, level_db=-40.0, timer_mode="clock",
            timer_remaining_s=1800.0, ramping_to=0, volume=40, problems=("no sound device",),
        )
    )  # fmt: skip
    for part in ("playing", "Rain 1:01", "-40 dBFS", "timer 30m", "volume 40 (moving to 0)", "! no sound device"):
        assert part in text


def test_the_live_line_says_no_target_that_is_the_volume_itself() -> None:
    """While a start fades in, the volume is 40 and nothing else."""
    assert line(snapshot(state="playing", volume=40, ramping_to=40)).endswith("volume 40")


def test_a_home_that_cannot_be_made_and_a_path_that_is_missing_are_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Before anything plays; a mistyped folder would be a night of silence."""
    (tmp_path / "file").touch()
    home = tmp_path / "file" / "lull"
    assert main(["night", "--home", str(home)]) == 1
    assert f"cannot make the folder {home}: Not a directory; name another with --home" in capsys.readouterr().err
    missing = tmp_path / "musik"
    assert main(["night", "--home", str(tmp_path), str(missing)]) == 1
    assert f"{missing} does not exist" in capsys.readouterr().err


def test_paths_without_anything_to_play_are_told_instead_of_a_silent_night(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A file without sound, and a folder with nothing in it; nothing is opened for them."""
    (tmp_path / "text.txt").write_text("no sound\n" * 100)
    (tmp_path / "empty").mkdir()
    home = str(tmp_path / "home")
    for name, why in (("text.txt", "has no sound in it"), ("empty", "has no audio in it")):
        assert main(["night", "--home", home, str(tmp_path / name)]) == 1
        said = capsys.readouterr()
        assert f"nothing to play; {tmp_path / name} {why}" in said.err
        assert "broker" not in said.out


@pytest.mark.parametrize("has_config", [False, True])
@pytest.mark.parametrize("is_usual", [False, True])
def test_the_commands_that_are_shown_reach_the_trial(
    has_config: bool,
    is_usual: bool,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Beside a config, or with another home, they name its file. Its speaker is not the default one of a config."""
    usual = tmp_path / "usual"
    monkeypatch.setattr(night, "own_home", lambda: usual)
    monkeypatch.setattr(night, "chosen_config", lambda _: Path("/etc/lull/lull.yaml") if has_config else None)
    home = usual if is_usual else tmp_path / "other"
    config = night._config(argparse.Namespace(config=None, paths=["noise:rain"], device=None), home)
    assert config.settings.device != Settings(playlists=()).device
    night._say_how_to_control(config, night._options(config, None, is_found=True), is_trial=True)
    told = f" --config {home / paths.RUNNING}"
    assert (f"volume +5{told}, " in capsys.readouterr().out) == (has_config or not is_usual)


@pytest.mark.parametrize(
    "paths_given",
    [
        ["/m/\N{CLOUD WITH RAIN} rain.wav", "/m/a\x7f\x85\u2028b\tc.wav"],
        ["/m/r\udce4gen.wav"],
        ["/m/" + "x" * 250] * 9000,
    ],
)
def test_a_trial_is_found_by_other_commands_whatever_its_files_are_called(
    paths_given: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Emoji, control characters, names that are not UTF-8, and thousands of them: `lull stop` has to reach it."""
    monkeypatch.setattr(night, "check_paths", lambda _: None)
    config = night._config(argparse.Namespace(config=None, paths=paths_given, device=None), tmp_path)
    with contextlib.ExitStack() as stack:
        assert night._tell_others(config, stack)
        found = load(tmp_path / paths.RUNNING)
        assert load_whereabouts(tmp_path / paths.RUNNING).faults == ()
    assert (found.mqtt, found.settings.device) == (MqttSettings(), "trial")
    expected = tuple(path.replace("\udce4", "\N{REPLACEMENT CHARACTER}") for path in paths_given)
    assert found.settings.playlists[0].paths == expected[: night.MOST_PATHS]


def test_the_commands_that_are_shown_reach_the_speaker_of_a_config(tmp_path: Path) -> None:
    """They name the config, which has the login; only for a private broker the address, with the prefix."""
    given = argparse.Namespace(config=Path("my lull.yaml"), device="left")
    config = Config(Settings(playlists=()), AudioSettings(), MqttSettings(port=1884, prefix="home"), tmp_path)
    assert night._options(config, given, is_found=False) == " --config 'my lull.yaml' --device left"
    assert night._options(config, None, is_found=False) == " --host localhost --port 1884 --prefix home"


def test_a_config_says_what_it_waits_for(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A config does not play at once as a trial does, so `play` is shown, or that nothing can start it."""
    file = tmp_path / "lull.yaml"
    schedule = '\nschedule: [{name: a, at: "22:30", playlist: rain}]\n'
    for text, options, said in (
        (
            "",
            None,
            "nothing starts it: the config has no schedule, and no broker for commands (mqtt: {host: localhost})",
        ),
        (schedule, None, "it waits for its schedule"),
        ("", " --port 1", "it waits for a command"),
        (schedule, " --port 1", "it waits for its schedule or a command"),
    ):
        file.write_text('playlists: {rain: {paths: ["noise:rain"]}}' + text)
        night._say_how_to_control(load(file), options, is_trial=False)
        lines = capsys.readouterr().out.splitlines()
        assert said in lines
        assert any(f" play{options}, " in one for one in lines) == (options is not None)


def test_where_its_file_cannot_be_written_the_night_is_played_and_the_broker_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A home that is read-only or full: a note instead of the file, and commands with the broker's address."""
    home = tmp_path / "home"
    (home / paths.RUNNING).mkdir(parents=True)
    for number in range(4):  # recordings that cannot be deleted
        (home / f"night-{number}.wav").mkdir()
    assert night._new_recording(home).parent == home
    config = night._config(argparse.Namespace(config=None, paths=["noise:rain"], device=None), home)
    with contextlib.ExitStack() as stack:
        assert not night._tell_others(config, stack)
    night._say_how_to_control(config, night._options(config, None, is_found=False), is_trial=True)
    out, err = capsys.readouterr()
    assert f"{home / paths.RUNNING} cannot be written: Is a directory" in err
    assert "volume +5 --host localhost --port 1883, " in out


def test_a_night_without_room_for_a_private_broker_is_played_without_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The folder for temporary files is full or missing."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "missing"))
    nobody = MqttSettings(host="127.0.0.1", port=free_port())
    with contextlib.ExitStack() as stack:
        assert night._usable_broker(nobody, stack) == (None, None)
    assert "playing without one" in capsys.readouterr().out


def test_the_meter_is_empty_at_silence_and_full_at_full_scale() -> None:
    """Twelve steps over 72 dB."""
    assert meter(float("-inf")) == "[............] silent"
    assert meter(0.0).startswith("[############]")
    assert meter(-36.0).startswith("[######......]")


def processes() -> str:
    """The children of this process, a line each."""
    return (
        subprocess.run(
            ["ps", "-o", "pid=,args=", "--ppid", str(os.getpid())], capture_output=True, text=True, check=True
        )
        .stdout.replace("\n ", "\n")
        .strip()
    )


def answers(host: str, port: int) -> bool:
    """Whether something accepts a connection there."""
    with socket.socket() as probe:
        return probe.connect_ex((host, port)) == 0


def wait_answering(port: int) -> None:
    """Until something accepts a connection, at most 5 s."""
    give_up_s = time.monotonic() + 5
    while not answers("127.0.0.1", port) and time.monotonic() < give_up_s:
        time.sleep(0.02)
    assert answers("127.0.0.1", port)


@pytest.mark.live
@pytest.mark.slow
def test_a_private_broker_runs_and_ends_with_its_block() -> None:
    """It accepts connections inside, and is gone afterwards."""
    with PrivateBroker() as broker:
        wait_answering(broker.port)
    assert not answers("127.0.0.1", broker.port)


@pytest.mark.live
@pytest.mark.slow
def test_a_private_broker_that_was_killed_is_started_again(caplog: pytest.LogCaptureFixture) -> None:
    """On the same port, and it is said once; not again and again where it ends at once."""
    with PrivateBroker() as broker:
        wait_answering(broker.port)
        broker.keep_up(None)
        assert not caplog.messages
        (found,) = re.findall(r"^(\d+) .*lull-broker", processes(), re.MULTILINE)
        os.kill(int(found), signal.SIGKILL)
        time.sleep(AGAIN_S)
        broker.keep_up(None)
        wait_answering(broker.port)
        broker.keep_up(None)
    assert caplog.messages == [f"broker: the private one has ended, and was started again on 127.0.0.1:{broker.port}"]
    assert not answers("127.0.0.1", broker.port)


@pytest.mark.parametrize("is_let_go", [False, True])
def test_a_program_ends_with_its_pipe_unless_a_line_comes_before(*, is_let_go: bool) -> None:
    """The number of one that has ended may be another process's, so it is let go and not killed."""
    command = ["sh", "-c", _UNTIL_PIPE_CLOSES, "sh", "sleep", "60"]
    with subprocess.Popen(command, stdin=subprocess.PIPE) as process:
        assert process.stdin is not None
        if is_let_go:
            process.stdin.write(b"\n")
        process.stdin.close()
        try:
            if is_let_go:
                with pytest.raises(subprocess.TimeoutExpired):
                    process.wait(0.3)
            else:
                assert process.wait(30) == -signal.SIGTERM
        finally:
            process.kill()


KILLED = """\
import os, signal
from player.cli.private_broker import PrivateBroker
with PrivateBroker() as broker:
    print(broker.port, flush=True)
    input()
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.live
@pytest.mark.slow
def test_a_private_broker_ends_with_a_lull_that_is_killed() -> None:
    """`kill -9` leaves no time to end it."""
    with subprocess.Popen(
        [sys.executable, "-c", KILLED], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT
    ) as process:
        assert process.stdout is not None
        port = int(process.stdout.readline())
        wait_answering(port)
        process.communicate("\n", timeout=30)
    assert process.returncode == -signal.SIGKILL
    until = time.monotonic() + 30.0
    while answers("127.0.0.1", port) and time.monotonic() < until:
        time.sleep(0.05)
    assert not answers("127.0.0.1", port)


@pytest.mark.live
@pytest.mark.slow
@pytest.mark.parametrize(
    ("lines", "reason"),
    [("allow_anonymous true", None), ("allow_anonymous false", "Not authorized; check username and password")],
)
def test_a_broker_that_refuses_the_login_is_replaced(
    lines: str, reason: str | None, capsys: pytest.CaptureFixture[str]
) -> None:
    """As one that is not there is: other commands reach the trial. One that takes it is used."""
    configured = RealBroker([lines])
    configured.start()
    mqtt = MqttSettings(host="127.0.0.1", port=configured.port)
    try:
        with contextlib.ExitStack() as stack:
            used, private = night._usable_broker(mqtt, stack)
            if reason is None:
                assert (used, private) == (mqtt, None)
            else:
                assert used is not None
                assert private is not None
                assert used.port == private.port != configured.port
    finally:
        configured.close()
    said = capsys.readouterr().out
    assert said == "" if reason is None else f"{reason}; using a private one on 127.0.0.1:" in said


@pytest.mark.live
@pytest.mark.slow
def test_without_a_sound_device_it_writes_a_wav_at_real_time_and_ctrl_c_fades_out(tmp_path: Path) -> None:
    """It says that there is no device; the WAV has the tone and ends in silence, below -60 dB at the last."""
    music = write_wav(tmp_path / "tone.wav", sine(440.0, 60.0))
    process = subprocess.Popen(
        [sys.executable, "-m", "player", "night", "--home", str(tmp_path / "home"), str(music)],
        cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, text=True,
        env={**os.environ, "ALSA_CONFIG_PATH": "/nonexistent", "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    wav = wait_for_seconds(tmp_path / "home", 6.0)
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=30)
    assert process.returncode == 0, output
    assert "no sound: cannot open the sound device" in output
    assert "control it from another terminal: " in output
    assert re.search(r"playing +\| tone", output)
    data = wav.read_bytes()
    samples = np.frombuffer(data[data.index(b"data") + 8 :], "<f4").reshape(-1, 2)
    assert 6.0 <= len(samples) / 48_000 <= 14.0
    peak = float(np.abs(samples).max())
    assert peak > 0
    assert sound.ending(samples, peak).last_db <= -60.0
    assert not np.any(samples[-480:])


@pytest.mark.live
@pytest.mark.slow
def test_it_fades_out_when_its_terminal_is_closed(tmp_path: Path) -> None:
    """SIGHUP comes, and nothing can be written any more; the recording ends in silence, below -60 dB at the last.

    (`env` because a run of the tests under nohup would pass on that SIGHUP is ignored.)
    """
    music = write_wav(tmp_path / "tone.wav", sine(440.0, 60.0))
    home = tmp_path / "home"
    terminal, other_end = pty.openpty()
    process = subprocess.Popen(
        ["env", "--default-signal=HUP", sys.executable, "-m", "player", "night", "--home", str(home), str(music)],
        cwd=ROOT, stdin=other_end, stdout=other_end, stderr=other_end,
        env={**os.environ, "ALSA_CONFIG_PATH": "/nonexistent", "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    os.close(other_end)
    wav = wait_for_seconds(home, 9.0, terminal)
    os.close(terminal)
    process.send_signal(signal.SIGHUP)  # the kernel sends it for the terminal of a login
    process.wait(timeout=30)
    data = wav.read_bytes()
    samples = np.frombuffer(data[data.index(b"data") + 8 :], "<f4").reshape(-1, 2)
    peak = float(np.abs(samples).max())
    assert peak > 0
    assert sound.ending(samples, peak).last_db <= -60.0
    assert not np.any(samples[-480:])


@pytest.mark.live
@pytest.mark.slow
def test_the_first_run_is_heard_soon_and_other_commands_find_it(tmp_path: Path) -> None:
    """Without paths and without a config it plays generated rain. Within 12 s of the recording it is as loud as later.
    Commands without options find it meanwhile, and a banned track is followed by another; at the end it says where the
    recording is and what to do next.
    """
    environment = {
        **{key: value for key, value in os.environ.items() if key != "LULL_CONFIG"},
        "ALSA_CONFIG_PATH": "/nonexistent", "PYTHONPATH": str(ROOT), "HOME": str(tmp_path),
    }  # fmt: skip
    home = tmp_path / ".local/share/lull"
    home.mkdir(parents=True)
    for number in range(3):
        (home / f"night-2026-01-0{number + 1}-220000.wav").write_bytes(b"")
    lull = [sys.executable, "-m", "player"]
    process = subprocess.Popen(
        [*lull, "night"], cwd=ROOT, env=environment, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        wav = wait_for_seconds(home, 14.0)
        told, checked, banned = (
            subprocess.run(
                [*lull, *words], cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=60
            )
            for words in (("timer", "30m"), ("check",), ("never_again",))
        )
    finally:
        process.send_signal(signal.SIGINT)
        output, _ = process.communicate(timeout=30)
    assert (process.returncode, told.returncode) == (0, 0), output + told.stderr
    assert banned.stdout.strip() == "never again: Rain"
    assert "50 at a start, never above 80" in checked.stdout
    assert "in 10s, out 10m" in checked.stdout
    assert f"what would have been heard: {wav}" in output
    assert "next: " in output
    assert not (home / paths.RUNNING).exists()
    assert sorted(home.glob("night-*.wav")) == [home / "night-2026-01-03-220000.wav", wav]
    assert len(list((home / "starter").glob("*.wav"))) == len(BEDS)
    data = wav.read_bytes()
    samples = np.frombuffer(data[data.index(b"data") + 8 :], "<f4").reshape(-1, 2)
    rms = [float(np.sqrt(np.mean(samples[s * 48_000 : (s + 1) * 48_000] ** 2))) for s in (11, 12, 13)]
    assert rms[0] > 0.5 * max(rms)
    assert rms[0] > 10 ** (-60 / 20)


def wait_for_seconds(home: Path, seconds: float, terminal: int | None = None) -> Path:
    """The recording of this run once it is so long; a loaded machine may take its time to start.

    What is written to ``terminal``, the file descriptor of our end, is read meanwhile, so that it does not fill up.
    """
    give_up_s = time.monotonic() + 60
    while time.monotonic() < give_up_s:
        for wav in home.glob("night-*.wav"):
            if wav.stat().st_size > seconds * 48_000 * 8:
                return wav
        if terminal is not None and select.select([terminal], [], [], 0.0)[0]:
            os.read(terminal, 65536)
        time.sleep(0.2)
    raise AssertionError(f"nothing is recorded in {home}")
