"""README.md and docs/*.md: links lead somewhere, and what can be copied is accepted: commands, configs, messages."""

from __future__ import annotations

import json
import re
import shlex
from configparser import ConfigParser
from pathlib import Path

import pytest
import yaml

from player.cli import main as command_line
from player.cli.check_notes import notes
from player.config import parse
from player.config.schema import TOP
from player.core.errors import ConfigError, Refused
from player.core.verbs import VERBS
from player.mqtt import topics
from player.mqtt.incoming import Incoming
from player.mqtt.topics import Topics
from tests.paths import ROOT

README = ROOT / "README.md"
PAGES = sorted([README, ROOT / "CONTRIBUTING.md", *(ROOT / "docs").glob("*.md")])
MOST_LINES = 120
LULL = re.compile(r"(?:\.venv/bin/)?lull ((?:(?! {2,}| \(|[#|;&<>]).)+)")
"""A command in a block: up to two spaces, a remark in brackets or a sign of the shell."""
KEY = "|".join(TOP.words)
"""Any key at the top of a config."""
PLACEHOLDERS = r"COMMAND|SHELL|\.\.\.|…|\[|\\"
"""In a command that is described and not typed."""
OWN_MODULES = {"player", "bench", "tests"}
OWN = Topics("lull", "bedroom")
PUBLISHED = {"availability", "state", "tracks", "night", "light", "event", "reply"}
SHOWN = {"state", "title", "duration", "position", "volume"}


def text_of(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def blocks(page: Path) -> list[str]:
    """Blocks of code, indented or between fences, without indentation and fences."""
    text = text_of(page)
    fenced = re.findall(r"^```\w*\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    rest = re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
    indented = re.findall(r"(?:^\n)((?: {4}.*\n)+(?:\n(?: {4}.*\n)+)*)", rest, re.MULTILINE)
    return [*fenced, *(re.sub(r"^ {4}", "", block, flags=re.MULTILINE) for block in indented)]


def inline(page: Path) -> list[str]:
    """What stands in backquotes within the text."""
    rest = re.sub(r"^```.*?^```", "", text_of(page), flags=re.MULTILINE | re.DOTALL)
    return [" ".join(found.split()) for found in re.findall(r"`([^`]+)`", rest)]


def commands(page: Path) -> list[list[str]]:
    """Each `lull ...` that is typed in a block or named in the text, as words."""
    lines = [line.removeprefix("$ ") for block in blocks(page) for line in block.splitlines()]
    typed = [line.removeprefix("sudo ").removeprefix("-u lull ") for line in lines]
    whole = [
        match[1] for line in typed if re.match(r"(\.venv/bin/)?lull [a-z-]", line) for match in LULL.finditer(line)
    ]
    named = [re.match(LULL, found) for found in inline(page) if not re.search(PLACEHOLDERS, found)]
    return [shlex.split(line) for line in [*whole, *(match[1] for match in named if match)]]


def whole_config(text: str) -> str:
    """A config with what an excerpt leaves out: something to play, and a broker for triggers."""
    keys = yaml.safe_load(text)
    missing = []
    if not {"playlists", "library"} & set(keys):
        missing.append('playlists: {rain: {paths: ["noise:rain"]}, whispers: {paths: ["noise:pink"]}}')
    if "triggers" in keys and "mqtt" not in keys:
        missing.append("mqtt: {host: hub}")
    return "\n".join([*missing, text])


def configs(page: Path) -> list[str]:
    """Excerpts of the config, in blocks and in the text."""
    begins = re.compile(rf"(?:#.*\n)*(?:{KEY}):(?: |\n)")
    in_text = [found for found in inline(page) if re.fullmatch(rf"(?:{KEY}): \{{.*\}}", found)]
    parts = [part for block in blocks(page) for part in block.split("\n\n")]
    return [*(part for part in parts if begins.match(part)), *in_text]


def messages(page: Path) -> list[list[str]]:
    """The words of each `mosquitto_pub`."""
    lines = [line.strip() for block in blocks(page) for line in block.splitlines()]
    return [shlex.split(line) for line in [*lines, *inline(page)] if line.startswith("mosquitto_pub ")]


def anchors(page: Path) -> set[str]:
    """The names by which headings can be linked to: small letters, no punctuation, spaces as hyphens."""
    text = re.sub(r"^```.*?^```", "", text_of(page), flags=re.MULTILINE | re.DOTALL)
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_to_a_file_and_a_heading_in_it(page: Path) -> None:
    """Links to other sites are left out."""
    lost = []
    for link in re.findall(r"\]\(([^()\s]+)\)", text_of(page)):
        if re.match(r"https?:", link):
            continue
        path, _, anchor = link.partition("#")
        target = page.parent / path if path else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            lost.append(link)
    assert lost == []


@pytest.mark.parametrize("page", [page for page in PAGES if commands(page)], ids=lambda page: page.name)
def test_every_command_that_is_shown_can_be_typed(page: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The command line accepts the words; nothing is carried out. A command may be named without its arguments."""
    for typed in commands(page):
        try:
            words = command_line._canonical(command_line._command_first(typed))
            is_named = len(words) == 1 and words[0] not in {"help", "--help"}
            command_line.build_parser(words[0]).parse_args([*words, "--help"] if is_named else words)
        except (SystemExit, Refused) as refusal:
            if getattr(refusal, "code", 1) != 0:  # --help ends with 0
                pytest.fail(f"{page.name}: lull {shlex.join(typed)}: {refusal} {capsys.readouterr().err}")


@pytest.mark.parametrize("page", [page for page in PAGES if configs(page)], ids=lambda page: page.name)
def test_every_config_that_is_shown_is_one(page: Path) -> None:
    """`lull check` finds no fault in it, for any of its speakers, and can say what is to be noted."""
    for text in configs(page):
        whole = whole_config(text)
        try:
            for speaker in yaml.safe_load(whole).get("speakers", [None]):
                list(notes(parse(whole, speaker=speaker)))
        except ConfigError as fault:
            pytest.fail(f"{page.name}: {fault}\n{text}")


@pytest.mark.parametrize("page", [page for page in PAGES if messages(page)], ids=lambda page: page.name)
def test_every_message_that_is_shown_is_obeyed_or_fires_a_trigger(page: Path) -> None:
    """On a topic of the speaker it is a command; another topic is that of a trigger on the same page."""
    for words in messages(page):
        topic = words[words.index("-t") + 1]
        payload = b"" if "-n" in words else words[words.index("-m") + 1].encode()
        if topic.startswith("lull/"):
            assert topics.parse(OWN, Incoming(topic, payload)) is not None, words
        else:
            assert f"topic: {topic}" in text_of(page), words


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_topic_that_is_named_exists(page: Path) -> None:
    """Of a speaker called bedroom, of all, or of a group."""
    for found in inline(page):
        match = re.fullmatch(r"lull/(?:bedroom|all|<device>|<group>)/([\w/<>…]+)", found)
        if match is None or match[1].endswith(("…", "<verb>")):
            continue
        first, _, rest = match[1].partition("/")
        assert (
            first in PUBLISHED
            or (first == "cmd" and (not rest or rest in VERBS or rest == "self_check"))
            or (first == "media" and rest.removesuffix("/set") in SHOWN)
        ), found


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_object_that_is_shown_is_json(page: Path) -> None:
    """Blocks that begin with a brace, with what they leave out put back as nothing."""
    for block in blocks(page):
        if block.startswith("{"):
            for text in re.split(r"\n(?=\{)", block.replace("{…}", "{}").replace("[…]", "[]").strip()):
                assert json.loads(text), text


@pytest.mark.parametrize("page", [*PAGES, ROOT / "bench" / "README.md"], ids=lambda page: page.name)
def test_every_program_of_the_checkout_that_is_shown_exists(page: Path) -> None:
    """Scripts by their path, and modules that are run with `python -m` or as a file."""
    code = "\n".join([*blocks(page), *inline(page)])
    modules = [
        name.replace(".", "/")
        for name in re.findall(r"python3? -m ([\w.]+)", code)
        if name.split(".")[0] in OWN_MODULES
    ]
    paths = re.findall(r"(?<![\w/.])((?:scripts|bench|tests)/[\w./-]+)", code)
    lost = [name for name in modules if not any((ROOT / f"{name}{end}").exists() for end in (".py", "/__main__.py"))]
    assert [*lost, *(path for path in paths if not (ROOT / path.rstrip(".")).exists())] == []


def test_the_share_is_the_folder_of_the_installation() -> None:
    """What docs/music.md says to write for Samba can be read, and everybody in the group `users` may write."""
    (text,) = [block for block in blocks(ROOT / "docs" / "music.md") if block.startswith("[lull]")]
    share = ConfigParser()
    share.read_string(text)
    made = text_of(ROOT / "debian" / "lull.postinst")
    assert f"music={share['lull']['path']}\n" in made
    assert (share["lull"]["directory mask"], share["lull"]["force group"]) == ("2775", "users")
    assert 'install -d -m 2775 "$music"' in made
    assert 'chgrp users "$music"' in made


def test_the_examples_are_found() -> None:
    """Otherwise the tests above would prove nothing."""
    assert sum(len(commands(page)) for page in PAGES) >= 150
    assert sum(len(configs(page)) for page in PAGES) >= 40
    assert sum(len(messages(page)) for page in PAGES) >= 12


def test_the_night_in_the_readme_is_a_config() -> None:
    """It has the two parts that the text below it tells: whispers for 45 minutes, rain until half past six."""
    (text,) = [block for block in blocks(README) if block.startswith("device:")]
    (entry,) = parse(text).settings.schedule
    assert [entry.playlist, *(phase.playlist for phase in entry.then or ())] == ["whispers", "rain"]


def test_the_readme_can_be_read_in_bed() -> None:
    """At most 120 lines."""
    assert len(text_of(README).splitlines()) <= MOST_LINES
