"""``lull rehearse``: the real chain on a virtual clock; the same input gives the same file, bit for bit."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from player.cli.main import main
from player.core.units import volume_to_db
from player.session.memory.memory import RememberedTrack
from player.session.memory.records import Batch, Documents, texts
from player.storage.memory_db import MemoryDb
from tests import recording as sound
from tests.audio_files import encode, sine, write_wav
from tests.scanned_level import level_db

pytestmark = [pytest.mark.live, pytest.mark.slow]

CONFIG = """\
mqtt: off
state_dir: state
volume: {default: 70, max: 80}
fades: {fade_in: 10s, fade_out: 10s, crossfade: 2s}
timer: {default: 40s}
playlists:
  tones: {paths: [%s], order: shuffle}
schedule:
  - {name: nightly, at: "22:30", timer: 30s, volume: 60}
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    music = tmp_path_factory.mktemp("music")
    encode(music / "one.mp3", sine(440.0, 30.0, rate_hz=44_100), rate_hz=44_100)
    encode(music / "two.opus", sine(550.0, 30.0))
    write_wav(music / "three.wav", sine(660.0, 30.0))
    return music


def samples_of(path: Path) -> np.ndarray:
    data = path.read_bytes()
    start = data.index(b"data") + 8
    return np.frombuffer(data[start:], "<f4").reshape(-1, 2)


def test_the_same_input_gives_the_same_file(folder: Path, tmp_path: Path) -> None:
    """Twice the same paths: one hash; blends, fades and a lossy decoder included."""
    digests = set()
    for index in range(2):
        out = tmp_path / f"{index}.wav"
        assert main(["rehearse", str(out), *(str(folder / name) for name in ("one.mp3", "two.opus", "three.wav"))]) == 0
        digests.add(hashlib.sha256(out.read_bytes()).hexdigest())
    assert len(digests) == 1


def test_paths_are_played_in_order_once_each_to_the_end_of_the_last(folder: Path, tmp_path: Path) -> None:
    """The report names them; the file ends with the last one's fade, and nothing in it rises faster than 6 dB/s."""
    out, report = tmp_path / "out.wav", tmp_path / "report.json"
    names = ["three.wav", "one.mp3", "two.opus"]
    assert main(["rehearse", "--report", str(report), str(out), *(str(folder / name) for name in names)]) == 0
    figures = json.loads(report.read_text())
    assert [track["track"] for track in figures["tracks"]] == ["three", "one", "two"]
    samples = samples_of(out)
    assert len(samples) / 48_000 == pytest.approx(figures["duration_s"], abs=0.2)
    tone_db = level_db(0.25, 660.0) + volume_to_db(30)
    assert sound.fastest_rise(samples, tone_db - 58.0).db_per_s <= 6.6
    peak = float(np.abs(samples).max())
    assert sound.ending(samples, peak).last_db <= -60.0
    assert not sound.clicks(samples, smallest=1.5e-3 * peak)


def test_what_was_left_out_of_a_night_is_named(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A night that keeps the contract without half of its files had been praised without a word about them."""
    lost = tmp_path / "lost.mp3"
    lost.touch()
    assert main(["rehearse", str(tmp_path / "out.wav"), str(lost), str(folder / "three.wav")]) == 0
    assert f"\nnote: left out {lost}: is empty\n" in capsys.readouterr().out


def test_an_entry_of_the_schedule_is_silent_at_its_deadline(folder: Path, tmp_path: Path) -> None:
    """Thirty seconds of timer: sound until just before, silence after, at the entry's volume."""
    config, out = tmp_path / "lull.yaml", tmp_path / "out.wav"
    config.write_text(CONFIG % folder)
    assert main(["rehearse", "--config", str(config), "--entry", "nightly", str(out)]) == 0
    samples = samples_of(out)
    peak = float(np.abs(samples[12 * 48_000 : 18 * 48_000]).max())
    end = sound.ending(samples, peak)
    assert 29.0 <= end.silent_from_s <= 30.1
    assert end.last_db <= -60.0


@pytest.mark.parametrize(
    ("audio", "sides"), [("channels: mono", (1.0, 1.0)), ("channels: left, balance: -50", (1.0, 0.0))]
)
def test_the_channels_of_the_config_are_rendered(audio: str, sides: tuple[float, float], tmp_path: Path) -> None:
    """It rendered stereo; and that the sides are mixed is no loss of what was decoded, which C9 forbids."""
    config, out, music = tmp_path / "lull.yaml", tmp_path / "out.wav", tmp_path / "music"
    music.mkdir()
    write_wav(music / "wide.wav", np.random.default_rng(1).normal(0.0, 0.05, (48_000 * 100, 2)).astype(np.float32))
    config.write_text(CONFIG % music + f"audio: {{{audio}}}\n")
    assert main(["rehearse", "--config", str(config), "--for", "95s", str(out)]) == 0
    left, right = samples_of(out).T
    assert float(np.abs(left).max()) > 1e-3
    np.testing.assert_allclose(right * sides[0], left * sides[1], atol=1e-6)


def test_a_volume_above_the_maximum_is_refused(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit 1 and the range; no file of nothing is called a success."""
    config, out = tmp_path / "lull.yaml", tmp_path / "out.wav"
    config.write_text(CONFIG % folder)
    assert main(["rehearse", "--config", str(config), "--volume", "90", str(out)]) == 1
    assert "0 to 80" in capsys.readouterr().err


def test_somebody_s_music_is_not_written_over(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """OUT comes first: a track in its place is refused untouched; an earlier rehearsal may be written over."""
    music = write_wav(tmp_path / "music.wav", sine(440.0, 30.0))
    song = tmp_path / "song.opus"
    song.write_bytes((folder / "two.opus").read_bytes())
    before = (music.read_bytes(), song.read_bytes())
    for words in ([song, folder / "one.mp3"], [music, folder / "one.mp3"], [music, music]):
        assert main(["rehearse", *map(str, words)]) == 1
        assert str(words[0]) in capsys.readouterr().err
    assert (music.read_bytes(), song.read_bytes()) == before
    for _ in range(2):
        assert main(["rehearse", str(tmp_path / "out.wav"), str(folder / "one.mp3")]) == 0


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ([], "nothing to rehearse"),
        (["--config", "{config}", "--entry", "nigthly"], "did you mean 'nightly'"),
        (["--config", "{config}", "--playlist", "tons"], "did you mean 'tones'"),
        (["--config", "{config}", "--playlist", "favourites"], "no track is liked yet"),
    ],
)
def test_what_cannot_be_rehearsed_is_said(
    words: list[str], reason: str, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit 1 with a reason that names the offender."""
    config = tmp_path / "lull.yaml"
    config.write_text(CONFIG % folder)
    options = [word.format(config=config) for word in words]
    assert main(["rehearse", *options, str(tmp_path / "out.wav")]) == 1
    assert reason in capsys.readouterr().err


@pytest.mark.parametrize(
    ("names", "reason"),
    [
        (["missing.mp3"], "/missing.mp3 does not exist"),
        (["{folder}/one.mp3", "missing"], "/missing does not exist"),
        (["empty"], "nothing to rehearse: {tmp}/empty has no audio in it"),
    ],
)
def test_what_is_not_there_is_said_at_once(
    names: list[str], reason: str, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing is rendered or written for it."""
    (tmp_path / "empty").mkdir()
    paths = [str(tmp_path / name.format(folder=folder)) for name in names]
    assert main(["rehearse", str(tmp_path / "out.wav"), *paths]) == 1
    said = capsys.readouterr().err
    assert reason.format(tmp=tmp_path) in said
    assert "rendered" not in said
    assert not (tmp_path / "out.wav").exists()


def test_what_is_liked_can_be_rehearsed(folder: Path, tmp_path: Path) -> None:
    """The files that the memory of the config's state directory names."""
    config, report = tmp_path / "lull.yaml", tmp_path / "report.json"
    config.write_text(CONFIG % folder)
    liked = (RememberedTrack(str(folder / "two.opus"), "two", datetime(2026, 1, 15, tzinfo=UTC)),)
    store = MemoryDb(tmp_path / "state")
    store.write(Batch(texts(Documents(likes=liked))))
    store.close()
    out = str(tmp_path / "out.wav")
    words = ["--config", str(config), "--playlist", "favourites", "--for", "20s", "--report", str(report)]
    assert main(["rehearse", *words, out]) == 0
    assert [track["track"] for track in json.loads(report.read_text())["tracks"]] == ["two"]


def test_a_morning_is_rehearsed_as_the_schedule_starts_it(tmp_path: Path) -> None:
    """The fade-in of the entry, and the generated sound where the library has nothing; no clause is broken."""
    config = tmp_path / "lull.yaml"
    config.write_text(
        CONFIG % "/nowhere" + '  - {name: up, at: "06:30", kind: morning, fade_in: 40s, timer: 80s, volume: 60}\n',
        encoding="utf-8",
    )
    out = tmp_path / "morning.wav"
    assert main(["rehearse", str(out), "--config", str(config), "--entry", "up"]) == 0
    heard = samples_of(out)
    assert len(heard) / 48_000 == pytest.approx(80.0, abs=1.0)
    early, full = (float(np.sqrt(np.mean(heard[at * 48_000 : (at + 4) * 48_000] ** 2))) for at in (15, 50))
    assert 10.0 < 20.0 * np.log10(full / early) < 30.0
