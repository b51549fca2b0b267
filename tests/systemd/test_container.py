"""The container and the Home Assistant app: the manager with real processes, the files against what is allowed."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import signal
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml

from player import __version__
from player.config import parse
from tests.paths import ROOT

CONTAINER = ROOT / "scripts" / "container"
OPTIONS: dict[str, Any] = yaml.safe_load((CONTAINER / "app/config.yaml").read_text(encoding="utf-8"))["options"]
BROKER = {"host": "core-mosquitto", "port": 1883, "ssl": False, "username": "addons", "password": "secret"}


def _manager() -> ModuleType:
    spec = importlib.util.spec_from_file_location("lull_manager", CONTAINER / "manager.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


manager = _manager()


def _config(options: dict[str, Any], broker: dict[str, Any] | None) -> Any:
    return parse(json.dumps(manager.config_of(options, broker, Path("/data/mqtt-password"))))


def test_the_form_as_it_is_delivered_is_a_good_config() -> None:
    """Rain plays, nothing starts by itself, and the login is the Supervisor's."""
    config = _config(OPTIONS, BROKER)
    assert config.settings.default_playlist == "rain"
    assert config.settings.schedule == ()
    assert (config.mqtt.host, config.mqtt.username) == ("core-mosquitto", "addons")


def test_no_secret_is_in_the_config() -> None:
    """The password is in a file of its own."""
    assert "secret" not in json.dumps(manager.config_of(OPTIONS, BROKER, Path("/data/mqtt-password")))


def test_without_a_broker_the_schedule_is_followed() -> None:
    """An entry may name what it wants and leave the rest."""
    schedule = [
        {"at": "22:30", "days": "sun mon tue wed thu", "playlist": "sea", "volume": 25, "timer": "1h"},
        {"at": "23:15"},
    ]
    config = _config(OPTIONS | {"schedule": schedule}, None)
    assert config.mqtt is None
    assert [(entry.name, len(entry.days)) for entry in config.settings.schedule] == [
        ("1 at 22.30", 5),
        ("2 at 23.15", 7),
    ]


def test_a_broker_that_demands_tls_gets_it() -> None:
    """The Supervisor says so as `ssl`."""
    assert _config(OPTIONS, BROKER | {"ssl": True}).mqtt.tls is not None


def test_a_memory_of_an_older_image_is_handed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The folder and all in it, whoever owned it; what a link leads to stays as it is."""
    data, other = tmp_path / "lull", tmp_path / "other"
    for folder in (data / "cache", other / "inside"):
        folder.mkdir(parents=True)
    (data / "memory.db").touch()
    (data / "link").symlink_to(other)
    given: list[Path] = []

    def chown(path: Path, user: int, group: int, *, follow_symlinks: bool) -> None:
        assert (user, group, follow_symlinks) == (990, 991, False)
        given.append(path)

    monkeypatch.setattr(manager.os, "chown", chown)
    manager.hand_over(data, 990, 991)
    assert sorted(given) == [data, data / "cache", data / "link", data / "memory.db"]


def test_the_config_in_the_image_is_good() -> None:
    """What plays without any config mounted is generated rain."""
    config = parse((CONTAINER / "lull.yaml").read_text(encoding="utf-8"))
    assert config.settings.default_playlist == "rain"


@pytest.mark.parametrize(("age_s", "healthy"), [(0.0, True), (39.0, True), (41.0, False)])
def test_health_is_the_time_since_the_watchdog_was_fed(age_s: float, healthy: bool, tmp_path: Path) -> None:
    """Its period and the time that a stuck daemon takes to end."""
    alive = tmp_path / "alive"
    alive.touch()
    os.utime(alive, (1000.0, 1000.0))
    assert manager.is_healthy(alive, 1000.0 + age_s) == healthy


def test_what_never_ran_is_not_healthy(tmp_path: Path) -> None:
    """There is no file before READY."""
    assert not manager.is_healthy(tmp_path / "alive", 0.0)


FED = """
    import os, socket, sys, time
    door = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    door.connect(os.environ["NOTIFY_SOCKET"])
    with open(sys.argv[1], "a") as starts:
        starts.write("x")
    door.send(b"READY=1")
"""


def _command(folder: Path, after: str) -> list[str]:
    code = textwrap.dedent(FED) + textwrap.dedent(after)
    return [sys.executable, "-c", code, str(folder / "starts")]


def _within(condition: Any, seconds: float = 30.0) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.02)


@pytest.mark.slow
def test_a_fault_is_followed_by_a_new_start_and_wrong_usage_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the unit does: Restart=always, RestartPreventExitStatus=2."""
    monkeypatch.setattr(manager, "RESTART_S", 0.01)
    after = "sys.exit(2 if os.path.getsize(sys.argv[1]) == 3 else 7)"
    assert manager.Manager(_command(tmp_path, after), tmp_path).run() == 2
    assert (tmp_path / "starts").read_text() == "xxx"


@pytest.mark.slow
def test_one_that_stops_feeding_the_watchdog_is_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By SIGQUIT first; the file that tells of health is gone with it."""
    monkeypatch.setattr(manager, "RESTART_S", 0.01)
    monkeypatch.setattr(manager, "WATCHDOG_S", 0.3)
    after = "time.sleep(600 if os.path.getsize(sys.argv[1]) == 1 else 0); sys.exit(2)"
    assert manager.Manager(_command(tmp_path, after), tmp_path).run() == 2
    assert (tmp_path / "starts").read_text() == "xx"
    assert not (tmp_path / "alive").exists()


@pytest.mark.slow
def test_the_end_of_the_container_is_the_end_of_lull(tmp_path: Path) -> None:
    """SIGTERM is passed on, so that it ends with its fade, and is no fault; SIGHUP is passed on and ends nothing."""
    after = """
        import signal
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
        signal.signal(signal.SIGHUP, lambda *_: open(sys.argv[1], "a").write("h"))
        door.send(b"WATCHDOG=1")
        open(sys.argv[1] + ".up", "w")
        while True:
            time.sleep(0.02)
    """
    one = manager.Manager(_command(tmp_path, after), tmp_path)
    codes: list[int] = []
    waiting = threading.Thread(target=lambda: codes.append(one.run()))
    waiting.start()
    starts = tmp_path / "starts"
    _within((tmp_path / "starts.up").exists)
    _within((tmp_path / "alive").exists)
    one.pass_on(signal.SIGHUP)
    _within(lambda: starts.read_text() == "xh")
    one.pass_on(signal.SIGTERM)
    waiting.join(30)
    assert codes == [0]
    assert starts.read_text() == "xh"


def test_a_signal_while_lull_is_started_is_not_lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The moment before the new process is known; the container would be killed, and the sound cut."""
    one = manager.Manager([sys.executable, "-c", "import time; time.sleep(60)"], tmp_path)

    def started(*args: Any, **more: Any) -> Any:
        one.pass_on(signal.SIGTERM)
        return real(*args, **more)

    real = subprocess.Popen
    monkeypatch.setattr(manager.subprocess, "Popen", started)
    assert one.run() == -signal.SIGTERM


DOCKERFILE = (CONTAINER / "Dockerfile").read_text(encoding="utf-8")


def test_the_image_runs_lull_without_root() -> None:
    """The last user is lull's, bases are named, nothing recommended is installed, lists of packages do not stay."""
    assert re.findall(r"^USER (.*)$", DOCKERFILE, re.MULTILINE)[-1] == "lull"
    assert all(":" in base for base in re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE))
    commands = DOCKERFILE.replace("\\\n", " ")
    installs = re.findall(r"^RUN (.*apt-get install.*)$", commands, re.MULTILINE)
    assert len(installs) == 2
    for command in installs:
        assert "--no-install-recommends" in command
        assert "rm -rf /var/lib/apt/lists/*" in command
        assert "apt-get update" in command


def test_what_the_image_copies_is_there() -> None:
    """And a checkout's own environments and memories are left out of the build."""
    for source in re.findall(r"^COPY (?!--from)(?:--chmod=\d+ )?(scripts/\S+)", DOCKERFILE, re.MULTILINE):
        assert (ROOT / source).is_file()
    assert ".venv" in (CONTAINER / "Dockerfile.dockerignore").read_text(encoding="utf-8").split()


@pytest.mark.slow
def test_the_app_is_whole(tmp_path: Path) -> None:
    """Every file that Home Assistant shows, a Dockerfile that begins as root, and the source."""
    made = tmp_path / "app"
    subprocess.run([CONTAINER / "make-app", made], check=True)
    assert yaml.safe_load((made / "repository.yaml").read_text())["name"] == "lull"
    app = made / "lull"
    for name in (
        "config.yaml",
        "Dockerfile",
        "DOCS.md",
        "README.md",
        "CHANGELOG.md",
        "icon.png",
        "translations/en.yaml",
    ):
        assert (app / name).is_file()
    dockerfile = (app / "Dockerfile").read_text(encoding="utf-8")
    assert re.findall(r"^USER (.*)$", dockerfile, re.MULTILINE)[-1] == "root"
    assert "ARG SOURCE=src\n" in dockerfile
    for source in re.findall(r"^COPY (?!--from)(?:--chmod=\d+ )?(src/\S+)", dockerfile, re.MULTILINE):
        assert (app / source).is_file()
    assert (app / "src/debian/rules").is_file()
    assert not (app / "src/.venv").exists()
    # the Supervisor takes each config.yaml, .yml and .json in a repository for an app
    assert [path.relative_to(made) for path in made.rglob("config.*") if path.suffix in {".yaml", ".yml", ".json"}] == [
        Path("lull/config.yaml")
    ]


FIELDS = {
    "name", "version", "slug", "description", "arch", "stage", "startup", "boot", "audio", "services", "map", "timeout",
    "options", "schema",
}  # fmt: skip
"""Those of the Supervisor's SCHEMA_ADDON_CONFIG (supervisor/addons/validate.py) that are used; it drops others."""


def test_the_apps_form_is_one_that_the_supervisor_takes() -> None:
    """Fields that it knows, a type for each option, a default that its pattern takes, a text in each language."""
    app = yaml.safe_load((CONTAINER / "app/config.yaml").read_text(encoding="utf-8"))
    assert set(app) == FIELDS
    assert app["version"] == __version__
    assert re.fullmatch(r"(mqtt|mysql):(provide|want|need)", app["services"][0])
    assert {entry["type"] for entry in app["map"]} == {"media", "app_config"}
    assert set(app["options"]) == set(app["schema"])
    for key, kind in app["schema"].items():
        for one in kind[0].values() if isinstance(kind, list) else [kind]:
            assert re.fullmatch(r"(str|int\(\d+,\d+\)|match\(.+\))\??", one)
        if isinstance(kind, str) and kind.startswith("match("):
            assert re.match(kind[6:-1], app["options"][key])
    for language in ("en", "de"):
        texts = yaml.safe_load((CONTAINER / f"app/translations/{language}.yaml").read_text(encoding="utf-8"))
        assert set(texts["configuration"]) == set(app["schema"])
        assert all(set(text) == {"name", "description"} for text in texts["configuration"].values())


def test_the_compose_file_is_strict() -> None:
    """No privilege, a read-only system, the card and nothing else of the machine."""
    service = yaml.safe_load((CONTAINER / "compose.yaml").read_text(encoding="utf-8"))["services"]["lull"]
    assert service["cap_drop"] == ["ALL"]
    assert service["read_only"] is True
    assert service["devices"] == ["/dev/snd"]
    assert (CONTAINER / service["build"]["context"]).resolve() == ROOT
