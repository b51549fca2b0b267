"""Files that are no config: each gives one clear fault, soon, and never another exception."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from player import config as config_module
from player.config import HOW_TO_BEGIN, MAX_BYTES, Config, load, parse
from player.config.schema import AUDIO, ENTRY, FADES, MQTT, PLAYLIST, TLS, TOP
from player.config.schema_safety import GUARD, MIXER, NIGHT_CAP
from player.core.errors import ConfigError
from tests import effort

LEAST = "playlists: {rain: {paths: [/srv/rain]}}\n"
PATIENCE_S = 60.0
"""On any machine that runs the tests; the worst of the cases takes about half a second on a desktop core."""


def faults_of(path: Path) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load(path)
    return [fault.removeprefix(f"{path}:") for fault in caught.value.faults]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "lull.yaml"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "1: is empty; it needs at least  playlists:"),
        (b"# nothing\n\n", "1: is empty; it needs at least  playlists:"),
        (b"---\n", "1: is empty; it needs at least  playlists:"),
        (b"device: a\n", "1: needs playlists"),
        (b"- a\n- b\n", "1: must be a table with these keys: device, volume,"),
        (b"lull\n", "1: must be a table with these keys: device, volume,"),
        (b"device: a\naudio:\n\toutput: alsa\n", "3: is not valid YAML: a tab where YAML needs spaces"),
        (
            b"device: a\nvolume: {max: 1",
            "2: is not valid YAML: a comma is missing here, or the { of line 2 is not closed",
        ),
        (
            b"volume: {max: 1\ndevice: a\n",
            "2: is not valid YAML: a comma is missing here, or the { of line 1 is not closed",
        ),
        (
            b"device: a\nquiet_hours: [1, 2\nvolume: {max: 1}\n",
            "3: is not valid YAML: a comma is missing here, or the [ of line 2",
        ),
        (
            b'device: a\nstate_dir: "b\nvolume: {max: 1}\n',
            "2: is not valid YAML: the quote that opens here is not closed",
        ),
        (b"volume:\n  max: 1\n default: 1\n", "3: is not valid YAML: this does not fit the lines above:"),
        (b"playlists:\n  rain:\n   - a\n  - b\n", "4: is not valid YAML: this does not fit the lines above:"),
        (b"device: 'a' b\n", "1: is not valid YAML: this does not fit the lines above:"),
        (b"device: [,]\n", "1: is not valid YAML: while parsing a flow node"),
        (b"device: @a\n", "1: is not valid YAML: while scanning for the next token, found character '@'"),
        (b"device: a: b\n", "1: is not valid YAML: a second ': ' in one line"),
        (
            b"device: a\n  volume: {max: 1}\n",
            "2: is not valid YAML: a second ': ' in one line (put text in quotes), a line indented too far, or",
        ),
        (b"device: a\n# caf\xe9\n", "2: is not UTF-8 text (byte 0xe9)"),
        (b"\xff\xfed\0e\0", "1: is not UTF-8 text (byte 0xff)"),
        (b"device: a\n# \0\n", "2: contains a character that YAML forbids, U+0000"),
        (LEAST.encode() + b"---\ndevice: b\n", "2: a second document starts here"),
        (LEAST.encode() + b"device: *nobody\n", "2: device: there is no complete anchor &nobody before this"),
        (LEAST.encode() + b"schedule: &a [*a]\n", "2: schedule[0]: there is no complete anchor &a before this"),
        (LEAST.encode() + b"<<: [1]\n", "2: <<: accepts only tables,"),
        (LEAST.encode() + b"{{ x }}: 1\n", "2: has a list or a table in place of a key;"),
        (LEAST.encode() + b'device: "\\U99999999"\n', "2: contains an invalid escape or number"),
        (LEAST.encode() + b'state_dir: "a\\0b"\n', "2: state_dir: contains an escape that is not a valid character"),
        (LEAST.encode() + b'device: "\\ud800"\n', "2: device: contains an escape that is not a valid character"),
    ],
)
def test_what_is_no_config_says_so(file: Path, content: bytes, said: str) -> None:
    """Empty files, lists, tabs, other encodings, broken YAML: a fault with its line, the first that is found."""
    file.write_bytes(content)
    assert faults_of(file)[0].startswith(said)


def test_a_byte_order_mark_is_no_fault(file: Path) -> None:
    """Editors on Windows put U+FEFF in front."""
    file.write_bytes(b"\xef\xbb\xbf" + LEAST.encode())
    assert load(file).settings.playlists[0].name == "rain"


def test_a_missing_file_suggests_the_one_beside_it(file: Path) -> None:
    """A near name is asked for; otherwise what is there is named."""
    assert faults_of(file) == [" does not exist" + HOW_TO_BEGIN]
    file.write_text(LEAST)
    assert faults_of(file.with_name("lul.yaml")) == [" does not exist (did you mean 'lull.yaml'?)"]
    assert faults_of(file.with_name("other")) == [" does not exist; the folder contains lull.yaml"]
    away = file.parent / "away" / "lull.yaml"
    assert faults_of(away) == [f" does not exist, nor does the folder {away.parent}{HOW_TO_BEGIN}"]


def test_a_folder_is_no_file_and_names_what_is_in_it(file: Path) -> None:
    """A folder given as the config names the YAML files inside."""
    assert faults_of(file.parent) == [" is a folder, not a file"]
    file.write_text(LEAST)
    assert faults_of(file.parent) == [" is a folder, not a file; it contains lull.yaml"]


def test_a_name_that_no_file_can_have_is_a_fault(file: Path) -> None:
    """A NUL in the name and a name of half a megabyte are faults, not crashes."""
    assert "null byte" in faults_of(Path("a\0b"))[0] or "null character" in faults_of(Path("a\0b"))[0]
    assert faults_of(file.with_name("x" * 500_000)) == [f" cannot be read: {os.strerror(36)}"]


@pytest.mark.parametrize(
    "content", [b"#" * (1 << 20), b"\xff" * (1 << 20), b"a: b\n" * (1 << 18)], ids=["comments", "bytes", "keys"]
)
def test_a_file_of_a_megabyte_is_refused_unread(file: Path, content: bytes) -> None:
    """Nothing above 256 KiB is parsed."""
    file.write_bytes(content)
    assert faults_of(file) == [" is larger than 256 KiB; too large for a config"]


BOMBS = {
    "brackets": "[" * MAX_BYTES,
    "braces": "{" * MAX_BYTES,
    "dashes": "- " * (MAX_BYTES // 2),
    "question marks": "? " * (MAX_BYTES // 2),
    "one word": "a" * MAX_BYTES,
    "one line each": "a\n" * (MAX_BYTES // 2),
    "tags": "!" * MAX_BYTES,
    "a version": "%YAML 1." + "9" * (MAX_BYTES - 20) + "\n---\n",
    "laughs": "a: &a [x,x,x,x,x,x,x,x,x,x]\n"
    + "".join(
        f"{new}: &{new} [{','.join(['*' + old] * 10)}]\n" for old, new in zip("abcdefgh", "bcdefghi", strict=True)
    ),
    # Python turns no text of more than 4300 digits into an int, and no int of more than 308 into a float
    "numbers": "volume: {max: " + "9" * 5000 + "}\ncatch_up: " + "9" * 5000 + "h\ntimer: " + "9" * 400 + ":00\n",
    "starts": LEAST + "schedule:\n" + "".join(f"- {{name: n{n}, at: 1:00, playlist: p{n}}}\n" for n in range(2000)),
    "keys": "".join(f"k{number}: 1\n" for number in range(9000)),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", effort.first(5, BOMBS))
def test_bombs_are_bounded_in_time_and_in_words(name: str) -> None:
    """What unfolds, nests or repeats without end ends soon, refused in at most 101 lines of bounded length."""
    before_s = time.process_time()
    with pytest.raises(ConfigError) as caught:
        parse(BOMBS[name])
    assert time.process_time() - before_s < PATIENCE_S
    assert len(caught.value.faults) <= 101
    assert max(len(fault) for fault in caught.value.faults) < 1000


def test_aliases_are_counted_by_what_they_unfold_to() -> None:
    """Ten to the eighth values in nine lines are refused as more than 20000."""
    with pytest.raises(ConfigError, match="has more than 20000 values with aliases"):
        parse(BOMBS["laughs"])


# Any text at all


def config_or_faults(text: str) -> None:
    """A config, or faults that are single lines which can be printed anywhere."""
    faults: tuple[str, ...] = ()
    try:
        config: Config | None = parse(text)
    except ConfigError as error:
        config, faults = None, error.faults
    assert (config is None) == bool(faults)
    for fault in faults:
        assert fault.startswith("config:")
        assert len(fault.splitlines()) == 1
        fault.encode()


@settings(deadline=None, max_examples=effort.examples(30, 300))
@given(st.text())
@example("\ufeff")
@example('"\\U99999999"')
@example("%YAML " + "9" * 5000 + ".1\n---\n")
@example("? - a\n: b")
@example("playlists: &a {<<: *a}")
@pytest.mark.slow
def test_any_text_is_a_config_or_a_list_of_faults(text: str) -> None:
    """No text makes the reader raise anything but ConfigError."""
    config_or_faults(text)


WORDS = sorted(
    {word for keys in (TOP, AUDIO, MIXER, MQTT, TLS, FADES, NIGHT_CAP, GUARD, PLAYLIST, ENTRY) for word in keys.words}
    | {"max", "<<"}
)
SCALARS = st.one_of(
    st.text(max_size=8).map(lambda text: "'" + text.replace("'", "''").replace("\n", " ") + "'"),
    st.from_regex(r'"(\\x[0-9a-f]{2}|\\u[0-9a-f]{4}|\\U[0-9a-f]{8})"', fullmatch=True),
    st.from_regex(r"[0-9]{1,3}([hms:.][0-9]{0,4}[ms]?)?", fullmatch=True),
    st.sampled_from(
        ["off", "on", "~", "", "alsa", "wav", "shuffle", "mon", "daily", "-inf", ".nan", "1e999", "*a", "&a x"]
    ),
    st.sampled_from(["~x/y", "http://[", "https://x", "!!int 3", "hw:0", "rain", "broker", "::1", "5", "3.1.1"]),
)
TREES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda items: f"[{', '.join(items)}]"),
        st.lists(st.tuples(st.sampled_from(WORDS), inner), max_size=4).map(
            lambda rows: "{" + ", ".join(f"{key}: {value}" for key, value in rows) + "}"
        ),
    ),
    max_leaves=12,
)


@settings(deadline=None, max_examples=effort.examples(25, 400), suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.tuples(st.sampled_from(TOP.words), TREES), max_size=6), st.booleans())
@pytest.mark.slow
def test_any_values_below_real_keys_are_a_config_or_a_list_of_faults(
    rows: list[tuple[str, str]], is_complete: bool
) -> None:
    """Known keys with values of every wrong shape raise nothing but ConfigError."""
    config_or_faults((LEAST if is_complete else "") + "".join(f"{key}: {value}\n" for key, value in rows))


def test_a_pipe_in_the_place_of_a_config_is_refused_and_nobody_waits(tmp_path: Path) -> None:
    """Whoever opens a named pipe waits for its writer, for ever."""
    os.mkfifo(tmp_path / "lull.yaml")
    with pytest.raises(ConfigError, match="not a regular file"):
        load(tmp_path / "lull.yaml")


def test_a_share_that_does_not_answer_is_waited_for_so_long_and_no_longer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The thread that opens it is left behind, and the message says what may be the reason."""
    released = threading.Event()
    real_open = os.open
    monkeypatch.setattr(config_module, "READ_S", 0.05)
    monkeypatch.setattr(os, "open", lambda *args: released.wait(10.0) and real_open(*args))
    try:
        with pytest.raises(ConfigError, match="no answer within"):
            load(tmp_path / "lull.yaml")
    finally:
        released.set()
