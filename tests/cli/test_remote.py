"""``lull remote``: the steps that it prints. The page itself is tested in a browser (tests/live/test_remote.py)."""

from __future__ import annotations

import socket
from pathlib import Path
from types import TracebackType

import pytest

from player.cli import remote
from player.cli.main import main


class Route:
    """A socket of a machine that has an address in its network; None: it has no network."""

    def __init__(self, address: str | None) -> None:
        self.address = address

    def __call__(self, *_kind: int) -> Route:
        return self

    def __enter__(self) -> Route:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def connect(self, _to: tuple[str, int]) -> None:
        if self.address is None:
            raise OSError("Network is unreachable")

    def getsockname(self) -> tuple[str | None, int]:
        return self.address, 40_000


@pytest.mark.parametrize(
    ("broker", "address", "told"),
    [
        ("localhost", "192.168.1.5", "192.168.1.5"),
        ("127.0.0.1", None, "bedroom-pi"),
        ("home.example", "192.168.1.5", "home.example"),
        ("fd00::5", "192.168.1.5", "[fd00::5]"),
    ],
)
def test_the_phone_is_told_an_address_that_it_can_reach(
    broker: str,
    address: str | None,
    told: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Not `localhost`, which is the phone itself: this machine's address in its network, or else its name."""
    monkeypatch.setattr(remote.socket, "socket", Route(address))
    monkeypatch.setattr(socket, "gethostname", lambda: "bedroom-pi")
    config = tmp_path / "lull.yaml"
    config.write_text(f"playlists: {{rain: {{paths: ['noise:rain']}}}}\nmqtt: {{host: '{broker}'}}\n", encoding="utf-8")
    assert main(["remote", str(tmp_path / "page"), "--config", str(config)]) == 0
    assert f"open http://{told}:9001/ on the phone" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("option", "value", "reason"),
    [
        ("--prefix", "a/#", "prefix '#' is not a name"),
        ("--device", "all", "'all' is reserved"),
        ("--device", "+", "device '+'"),
    ],
)
def test_a_name_that_no_speaker_can_have_is_refused_before_anything_is_written(
    option: str, value: str, reason: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The page would wait indefinitely for a speaker on such a topic."""
    config = tmp_path / "lull.yaml"
    config.write_text("playlists: {rain: {paths: ['noise:rain']}}\n", encoding="utf-8")
    assert main(["remote", str(tmp_path / "page"), "--config", str(config), option, value]) == 1
    assert reason in capsys.readouterr().err
    assert not (tmp_path / "page").exists()
