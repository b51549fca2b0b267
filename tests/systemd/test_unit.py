"""The unit file, judged by systemd itself, and what it promises beyond what systemd can judge."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from player.system.systemd import Heartbeat
from tests.paths import ROOT

UNIT = ROOT / "systemd" / "lull.service"
PROGRAM = "/usr/bin/lull"
WORST_EXPOSURE = 1.5
STOP_S = 2.0  # README: the daemon fades out and ends within two seconds
LONGEST_WAIT_S = 10.0  # the session's: a clock step is noticed that soon


def values(key: str) -> list[str]:
    """All values of a key, in order."""
    return re.findall(rf"^{key}=(.*)$", UNIT.read_text(encoding="utf-8"), re.MULTILINE)


def single(key: str) -> str:
    """The value of a key that is there once."""
    (value,) = values(key)
    return value


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """A copy of the unit whose program exists."""
    program = tmp_path / "lull"
    program.write_text("#!/bin/sh\n", encoding="ascii")
    program.chmod(0o755)
    text = UNIT.read_text(encoding="utf-8")
    assert text.count(PROGRAM) == 1
    copy = tmp_path / "lull.service"
    copy.write_text(text.replace(PROGRAM, str(program)), encoding="utf-8")
    return copy


def analyze(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Ask the real systemd-analyze."""
    return subprocess.run(
        ["systemd-analyze", "--no-pager", *arguments], capture_output=True, text=True, check=False, timeout=60
    )


@pytest.mark.live
@pytest.mark.slow
def test_systemd_has_nothing_to_say_against_the_unit(installed: Path) -> None:
    """Every key is known, every value valid: verify says nothing at all."""
    verdict = analyze("verify", str(installed))
    assert (verdict.returncode, verdict.stdout, verdict.stderr) == (0, "", "")


@pytest.mark.live
@pytest.mark.slow
def test_systemd_objects_to_a_misspelt_key(installed: Path) -> None:
    """The check above can fail: one wrong letter is named."""
    installed.write_text(
        installed.read_text(encoding="utf-8").replace("WatchdogSec=", "WatchdogSecs="), encoding="utf-8"
    )
    assert "WatchdogSecs" in analyze("verify", str(installed)).stderr


@pytest.mark.live
@pytest.mark.slow
def test_the_sandbox_is_tight(installed: Path) -> None:
    """Judged by systemd's own scale from 0 (safe) to 10, the exposure is 1.5 or lower."""
    report = analyze("security", "--offline=true", str(installed)).stdout
    found = re.search(r"Overall exposure level for \S+: ([\d.]+)", report)
    assert found, report
    print(f"exposure {found[1]}")
    assert float(found[1]) <= WORST_EXPOSURE


def test_starting_waits_for_nothing_that_may_never_come() -> None:
    """Not for the network, the time or a mount: ordering names the sound card and its kernel module alone."""
    assert values("After") == ["sound.target modprobe@snd.service"]
    assert values("Wants") == ["modprobe@snd.service"]
    for key in ("Requires", "BindsTo", "Requisite", "RequiresMountsFor"):
        assert values(key) == []


def test_the_watchdog_leaves_the_heartbeat_room() -> None:
    """The heartbeat looks more than twice a period; the session's longest wait is under half of one too."""
    period_s = float(single("WatchdogSec"))
    assert Heartbeat(period_s).wait_s() < period_s / 2
    assert period_s / 2 > LONGEST_WAIT_S


def test_the_watchdog_blames_no_track() -> None:
    """SIGABRT would count as a crash of the decoder; for this one each thread says where it was."""
    assert single("WatchdogSignal") == "SIGQUIT"


def test_a_stop_has_time_for_its_fade() -> None:
    """The daemon ends within its own limit long before systemd kills it."""
    assert float(single("TimeoutStopSec")) >= 2 * STOP_S


def test_restarts_never_end_and_never_storm() -> None:
    """Whatever happens it comes back within ten seconds, and not at once; wrong usage alone stays down."""
    assert single("Restart") == "always"
    assert single("StartLimitIntervalSec") == "0"
    assert 2.0 <= float(single("RestartSec")) <= 4.0
    assert single("RestartPreventExitStatus") == "2"
    assert values("RestartSteps") == values("RestartMaxDelaySec") == []  # their count is never reset
    assert [path.name for path in UNIT.parent.glob("*.conf")] == []  # nor in a drop-in


def test_the_manager_is_told_when_it_is_ready_and_reloads_by_signal() -> None:
    """READY ends starting, HUP begins a reload."""
    assert single("Type") == "notify"
    assert single("ExecReload") == "/bin/kill -HUP $MAINPID"
    package = (UNIT.parents[1] / "debian" / "control").read_text(encoding="utf-8")
    assert re.search(r"^ procps,$", package, re.MULTILINE), "nothing else brings /bin/kill"


def test_a_missing_credential_is_no_fault() -> None:
    """Without a path systemd passes over what is not there; with one it would not start (systemd/systemd#32667)."""
    assert ":" not in single("LoadCredential")


def test_sound_stays_within_reach() -> None:
    """The sandbox leaves /dev/snd and, by the user's membership, its group, and nothing else that is real."""
    assert single("User") == "lull"
    groups = (UNIT.parent / "lull.sysusers").read_text(encoding="utf-8").splitlines()
    assert [line for line in groups if line.startswith("m lull ")] == ["m lull audio", "m lull input"]
    assert single("DevicePolicy") == "closed"
    assert values("DeviceAllow") == ["char-alsa rw", "char-input r"]
    assert values("PrivateDevices") == []


def allowed_again() -> set[str]:
    """The system calls that are put back behind what was taken away."""
    filters = values("SystemCallFilter")
    (taken,) = (index for index, value in enumerate(filters) if value.startswith("~"))
    return {call for value in filters[taken + 1 :] for call in value.split()}


def test_nothing_in_here_can_set_the_clock() -> None:
    """Nor read it by adjtimex: `player.system.clock_trust` asks timedated then, over a unix socket."""
    assert single("ProtectClock") == "yes"
    assert "AF_UNIX" in single("RestrictAddressFamilies")
    assert not {"adjtimex", "clock_adjtime", "clock_settime"} & allowed_again()


def test_the_scan_may_step_back_to_idle_priority() -> None:
    """What `run_at_idle_priority` needs is put back behind @resources; a better priority would need CAP_SYS_NICE."""
    assert allowed_again() >= {"nice", "setpriority", "sched_setscheduler", "sched_setaffinity", "ioprio_set"}
    assert single("CapabilityBoundingSet") == ""
    assert single("RestrictRealtime") == "yes"


def test_a_restart_is_told_apart_from_a_stop() -> None:
    """What plays goes on after it; the signal is one that versions before 0.3 end at by a fade as well."""
    assert single("RestartKillSignal") == "SIGINT"
    assert not values("KillSignal")  # SIGTERM ends the session


def test_every_exception_of_the_sandbox_has_its_reason() -> None:
    """What a hardened unit would have and this one has not is named in a comment."""
    text = UNIT.read_text(encoding="utf-8")
    for key in ("PrivateDevices", "PrivateNetwork", "IPAddressDeny", "ProcSubset", "RemoveIPC", "PrivateIPC"):
        assert re.search(rf"^# not .*{key}", text, re.MULTILINE), key


def test_two_speakers_on_one_machine_get_a_service_each() -> None:
    """By the template that debian/rules makes, as docs/recipes.md names it: the instance is the speaker's name."""
    page = (ROOT / "docs" / "recipes.md").read_text(encoding="utf-8")
    found = re.search(r"^\tsed '(.+)' systemd/lull.service", (ROOT / "debian" / "rules").read_text(), re.MULTILINE)
    assert found
    script = found[1].replace("$$", "$")
    made = subprocess.run(["sed", script, str(UNIT)], capture_output=True, text=True, check=True).stdout.splitlines()
    changed = set(made) - set(UNIT.read_text(encoding="utf-8").splitlines())
    assert changed == {f"ExecStart={single('ExecStart')} --device %i", "StateDirectory=lull lull-%i"}
    for speaker in ("left", "right"):
        assert f"  {speaker}: {{state_dir: /var/lib/lull-{speaker}," in page
        assert f"lull@{speaker}" in page
