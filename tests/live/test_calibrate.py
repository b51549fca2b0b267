"""`calibrate` with the real daemon and a real broker: what is written in dB(A) means something from then on."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Any

import pytest

from player.config import parse
from player.config.levels import GUESSED
from player.core.pillow import level_of
from player.storage.memory_db import calibration_in
from tests.live.broker import RealBroker
from tests.live.daemon import Daemon, Listener

pytestmark = [pytest.mark.live, pytest.mark.slow]

CONFIG = """\
device: bedroom
audio: {{output: silent{more}}}
mqtt: {{host: 127.0.0.1, port: {port}}}
state_dir: state
volume: {{default: 30, max: 60, night_cap: 32 dBA}}
playlists: {{rain: {{paths: ["noise:rain"]}}}}
"""
READING_DBA = 42.0


@pytest.mark.long
def test_a_reading_is_kept_across_a_restart_and_not_used_for_another_output(
    tmp_path: Path, broker: RealBroker, listener: Listener
) -> None:
    """Guessed before it, known after it without a reload by hand, and a problem when the output changes."""
    daemon = Daemon(tmp_path, CONFIG.format(port=broker.port, more=""))

    def problem_is(expected: str | None) -> Any:
        return lambda fields: fields["problem"] == expected

    try:
        daemon.start()
        listener.wait_state("the guess", problem_is(GUESSED))
        assert listener.command("calibrate", reading=READING_DBA)[1]["done"] is False
        assert listener.command("calibrate")[1]["done"] is True
        listener.wait_state("the noise", lambda fields: fields["level"] is not None and fields["position"] >= 30, 90.0)
        answer = listener.command("calibrate", reading=READING_DBA)[1]
        assert answer["done"] is True, answer
        listener.wait_state("no problem", problem_is(None))
        state_dir = next(folder for folder in (tmp_path / "state", tmp_path) if (folder / "memory.db").exists())
        text = CONFIG.format(port=broker.port, more="")
        settings = parse(text, tmp_path / "lull.yaml", lambda _: calibration_in(state_dir)).settings
        known = calibration_in(state_dir)
        assert known is not None
        assert settings.volume.night_cap is not None
        assert level_of(60, known.offset_db, -23.0) == pytest.approx(READING_DBA, abs=1.0)
        assert 31.4 < level_of(settings.volume.night_cap.max, known.offset_db, -23.0) <= 32.0
        assert daemon.stop() == 0
        since = len(listener.heard)
        daemon.start()
        again = listener.wait("its state", lambda heard: heard.is_state, since).fields
        assert (again["state"], again["problem"]) == ("idle", None)
        assert listener.command("volume", volume="35 dBA")[1]["done"] is True
        (tmp_path / "lull.yaml").write_text(CONFIG.format(port=broker.port, more=", balance: 20"), encoding="utf-8")
        daemon.send(signal.SIGHUP)
        listener.wait_state("another output", lambda fields: "output has changed" in (fields["problem"] or ""))
        assert listener.command("volume", volume="35 dBA")[1]["done"] is False
    finally:
        daemon.kill()
