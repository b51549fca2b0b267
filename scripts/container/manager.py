#!/usr/bin/python3 -I
"""The service manager of a container: starts lull again after a fault, and believes its watchdog only.

    lull-manager            run lull with /etc/lull/lull.yaml, or as the Home Assistant app with the options of its form
    lull-manager --healthy  exit code 0 while lull feeds its watchdog; for HEALTHCHECK

It does what systemd does by systemd/lull.service, and nothing else: NOTIFY_SOCKET takes the messages of sd_notify(3),
each WATCHDOG=1 moves the time of /run/lull/alive, and a daemon that is silent for 30 s is ended and started anew. lull
feeds it only while sound is rendered or silence is expected. Standard library only.
"""

from __future__ import annotations

import json
import os
import pwd
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any

RUN = Path("/run/lull")
DATA = Path("/data")
"""Where the Supervisor of Home Assistant keeps what belongs to an app; missing elsewhere."""
OWN_CONFIG = Path("/config/lull.yaml")
"""In the app's own folder: replaces what the form says."""
CONFIG = Path("/etc/lull/lull.yaml")
MQTT = "http://supervisor/services/mqtt"
WATCHDOG_S = 30.0
START_S = 120.0
STUCK_S = 10.0
RESTART_S = 3.0
WRONG_USAGE = 2


def is_healthy(alive: Path, now_s: float) -> bool:
    """Whether the watchdog was fed within its period and the time that ending a stuck daemon takes."""
    try:
        return now_s - alive.stat().st_mtime < WATCHDOG_S + STUCK_S
    except OSError:
        return False


def config_of(options: dict[str, Any], broker: dict[str, Any] | None, password_file: Path) -> dict[str, Any]:
    """The config that the form of the app stands for; JSON is YAML.

    Args:
        options: of /data/options.json, checked by the Supervisor against the schema in config.yaml.
        broker: what the Supervisor says of its MQTT service; None without one.
        password_file: where the broker's password was written.
    """
    config: dict[str, Any] = {
        "device": options["name"],
        "audio": {"device": "default"},
        "volume": {"default": options["volume"], "max": options["volume_max"]},
        "timer": options["timer"],
        "library": options["library"],
        "playlists": {name: {"paths": [f"noise:{name}"]} for name in ("rain", "sea", "brown")},
        "default_playlist": options["playlist"],
        "schedule": [
            {
                "name": f"{number} at {entry['at']}".replace(":", "."),
                **entry,
                "days": entry.get("days", "daily").split(),
            }
            for number, entry in enumerate(options["schedule"], 1)
        ],
        "state_dir": str(DATA / "lull"),
    }
    if broker is not None:
        config["mqtt"] = {"host": broker["host"], "port": broker["port"]}
        if broker.get("username"):
            config["mqtt"] |= {"username": broker["username"], "password_file": str(password_file)}
        if broker.get("ssl"):
            config["mqtt"]["tls"] = True
    return config


def ask_supervisor() -> dict[str, Any] | None:
    """The broker of Home Assistant and a login for it; None where no MQTT service is there."""
    request = urllib.request.Request(MQTT, headers={"Authorization": f"Bearer {os.environ['SUPERVISOR_TOKEN']}"})
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            broker: dict[str, Any] = json.load(answer)["data"]
            return broker
    except OSError as fault:
        say(f"no broker from the Supervisor ({fault}): without the app Mosquitto lull follows its schedule only")
        return None


def hand_over(path: Path, user: int, group: int) -> None:
    """Make a user own it and all below: a memory that an older image wrote may belong to another number."""
    for one in (path, *path.rglob("*")):
        os.chown(one, user, group, follow_symlinks=False)


def prepare_app() -> Path:
    """Write what lull reads, for the user lull alone, and become that user. Returns the path of the config."""
    user = pwd.getpwnam("lull")
    options = json.loads((DATA / "options.json").read_text(encoding="utf-8"))
    broker = ask_supervisor()
    password_file, config = DATA / "mqtt-password", DATA / "lull.yaml"
    (DATA / "lull").mkdir(exist_ok=True)
    Path(options["library"]).mkdir(parents=True, exist_ok=True)
    os.umask(0o077)
    password_file.write_text((broker or {}).get("password") or "", encoding="utf-8")
    config.write_text(json.dumps(config_of(options, broker, password_file), indent=2), encoding="utf-8")
    for path in (DATA / "lull", password_file, config, RUN):
        hand_over(path, user.pw_uid, user.pw_gid)
    DATA.chmod(DATA.stat().st_mode | 0o011)
    os.initgroups("lull", user.pw_gid)
    os.setgid(user.pw_gid)
    os.setuid(user.pw_uid)
    os.environ["HOME"] = str(DATA / "lull")
    return OWN_CONFIG if OWN_CONFIG.exists() else config


class Manager:
    """Keeps one lull running.

    Args:
        command: what is started.
        run: the folder of the socket and of the file that tells when the watchdog was fed.
    """

    def __init__(self, command: list[str], run: Path = RUN) -> None:
        self._command = command
        self._alive = run / "alive"
        self._heard = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        path = run / "notify"
        path.unlink(missing_ok=True)
        self._heard.bind(str(path))
        self._environment = {
            **os.environ,
            "NOTIFY_SOCKET": str(path),
            "RUNTIME_DIRECTORY": str(RUN),
            "WATCHDOG_USEC": str(int(WATCHDOG_S * 1e6)),
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        self._environment.pop("SUPERVISOR_TOKEN", None)
        self._ends = False
        self._lull: subprocess.Popen[bytes] | None = None

    def pass_on(self, number: int, _frame: object = None) -> None:
        """A signal of the container: SIGTERM and SIGINT end lull with its fade, SIGHUP reads the config again."""
        self._ends = self._ends or number != signal.SIGHUP
        if self._lull is not None:
            self._lull.send_signal(signal.SIGHUP if number == signal.SIGHUP else signal.SIGTERM)

    def run(self) -> int:
        """Start lull, and start it again after each fault, until it is told to end. Returns its last exit code."""
        code = 0
        with self._heard:
            while not self._ends:
                self._lull = subprocess.Popen(self._command, env=self._environment)
                if self._ends:  # a signal that came meanwhile has reached nobody
                    self._lull.terminate()
                code = self._watch(self._lull)
                self._alive.unlink(missing_ok=True)
                if self._ends or code == WRONG_USAGE:
                    return code
                say(f"lull ended with {code}; it is started again in {RESTART_S:g} s")
                time.sleep(RESTART_S)
        return code

    def _watch(self, lull: subprocess.Popen[bytes]) -> int:
        """Wait for the end of lull, and bring it about where the watchdog is not fed. Returns the exit code."""
        until_s = time.monotonic() + START_S
        self._heard.settimeout(0.5)
        while (code := lull.poll()) is None:
            try:
                message = self._heard.recv(4096)
            except TimeoutError:
                message = b""
            if b"WATCHDOG=1" in message or b"READY=1" in message:
                until_s = time.monotonic() + WATCHDOG_S
                self._alive.touch()
            elif time.monotonic() > until_s:
                say(f"the watchdog was not fed for {WATCHDOG_S:g} s: lull is ended")
                end(lull)
        return code


def end(lull: subprocess.Popen[bytes]) -> None:
    """By SIGQUIT each thread says where it was; what is still there after ten seconds is killed."""
    lull.send_signal(signal.SIGQUIT)
    try:
        lull.wait(STUCK_S)
    except subprocess.TimeoutExpired:
        lull.kill()
        lull.wait()


def say(text: str) -> None:
    """One line for `docker logs`."""
    print(f"lull-manager: {text}", file=sys.stderr, flush=True)


def main() -> int:
    """The command line. Returns the exit code."""
    if sys.argv[1:] == ["--healthy"]:
        return 0 if is_healthy(RUN / "alive", time.time()) else 1
    config = prepare_app() if (DATA / "options.json").exists() else CONFIG
    try:
        manager = Manager(["lull", "run", "--config", str(config)])
    except OSError as fault:
        say(f"{RUN} cannot be written by this user ({fault}); start the container with --tmpfs {RUN}:mode=1777")
        return 1
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, manager.pass_on)
    return manager.run()


if __name__ == "__main__":
    sys.exit(main())
