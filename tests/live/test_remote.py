"""The phone remote in a real Chromium, served by a real mosquitto with WebSockets, driving the real daemon."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from player.cli.main import main
from tests.live.broker import RealBroker, free_port
from tests.live.browser import Browser
from tests.live.daemon import Daemon, Listener

SILENT = "The speaker does not answer"

pytestmark = [pytest.mark.live, pytest.mark.slow]

CONFIG = """\
device: bedroom
audio: {{output: silent}}
mqtt: {{host: 127.0.0.1, port: {port}, prefix: lull{login}}}
volume: {{default: 30, max: 60}}
fades: {{fade_in: 10s, fade_out: 10s, stop: 1s}}
timer: {{default: 45m}}
trust_clock: true
playlists:
  rain: {{paths: ["noise:rain"]}}
  sea: {{paths: ["noise:sea"]}}
schedule: [{{name: weeknights, at: "22:30", playlist: rain}}]
"""


class Bedside:
    """A broker that serves the page and speaks WebSockets, a speaker, and a phone."""

    def __init__(self, folder: Path, login: str = "") -> None:
        self.web = free_port()
        self.broker = RealBroker()
        self.page = self.broker.folder / "remote"  # which mosquitto's own user may read
        config = CONFIG.format(port=self.broker.port, login=login)
        self.daemon = Daemon(folder, config)
        path = folder / "remote.yaml"
        path.write_text(config)
        assert main(["remote", str(self.page), "--config", str(path)]) == 0

    def start_broker(self, *lines: str) -> None:
        """Start it, with a listener for the page and its WebSocket."""
        web = (f"listener {self.web} 127.0.0.1", "protocol websockets", f"http_dir {self.page}")
        self.broker.start((*lines, *web))

    def address(self) -> str:
        """Where the page is."""
        return f"http://127.0.0.1:{self.web}/index.html"


@pytest.fixture
def browser() -> Iterator[Browser]:
    """A Chromium."""
    real = Browser()
    yield real
    real.close()


@pytest.fixture
def bedside(tmp_path: Path) -> Iterator[Bedside]:
    """All of it, running."""
    made = Bedside(tmp_path)
    made.start_broker("allow_anonymous true")
    made.daemon.start()
    yield made
    made.daemon.kill()
    made.broker.close()


def test_every_button_does_what_it_says(bedside: Bedside, browser: Browser, tmp_path: Path) -> None:
    """Each one is pressed, and the speaker's state is looked at; the page has nothing to complain about."""
    speaker = Listener(bedside.broker.port)
    browser.open(bedside.address())
    browser.until("the speaker is online", lambda: browser.text("#link") == "Online")
    browser.until("it is silent", lambda: browser.text("#state") == "Silent")
    browser.press("#main")
    speaker.wait_state("playing", lambda state: state["state"] == "playing" and state["why"] == "remote")
    browser.until("it says so", lambda: browser.text("#state") == "Playing")
    browser.until("it names the track", lambda: browser.text("#track") == "Rain")
    assert browser.text("#left") == "45 min left"
    for selector, holds in (
        ("[aria-label=Louder]", lambda state: state["volume"] == 34),
        ("[aria-label=Quieter]", lambda state: state["volume"] == 30),
        ("[aria-label='15 minutes more']", lambda state: 3500 < state["timer"]["remaining"] <= 3600),
        ("section.choices button:nth-child(2)", lambda state: 1700 < state["timer"]["remaining"] <= 1800),
        ("section.choices button:nth-child(5)", lambda state: state["timer"]["mode"] == "end-of-track"),
        ("section.choices button:nth-child(6)", lambda state: state["timer"]["mode"] == "off"),
        ("#playlists button:nth-child(2)", lambda state: state["playlist"] == "sea"),
        ("#skip", lambda state: state["skip_tonight"]),
        ("#schedule", lambda state: not state["schedule"]),
        ("#schedule", lambda state: state["schedule"]),
        ("#skip", lambda state: not state["skip_tonight"]),
        ("#main", lambda state: state["state"] == "paused"),
        ("#main", lambda state: state["state"] == "playing"),
    ):
        browser.run("document.querySelector(arguments[0]).scrollIntoView({block: 'center'})", selector)
        browser.press(selector)
        speaker.wait_state(selector, holds)
        browser.until("the page has heard it", lambda: browser.text("#answer") not in {"", SILENT})
    browser.run("const range = document.getElementById('volume'); range.value = 20;"
                "range.dispatchEvent(new Event('change'))")  # fmt: skip
    speaker.wait_state("volume 20", lambda state: state["volume"] == 20)
    browser.press("#like")
    speaker.wait_state("liked", lambda state: state["liked"] and "favourites" in state["playlists"])
    browser.until("the heart", lambda: browser.text("#tracks").startswith("♥ Sea"))
    browser.run("const find = document.getElementById('find'); find.value = 'RAIN';"
                "find.dispatchEvent(new Event('input'))")  # fmt: skip
    browser.until("it is found", lambda: browser.text("#tracks") == "Rain")
    browser.run("document.querySelector('#tracks button').scrollIntoView({block: 'center'})")
    browser.press("#tracks button")
    speaker.wait_state("the track", lambda state: state["track"] == "Rain")
    browser.press("[aria-label='Next track']")
    browser.until("the answer is shown", lambda: "track" in browser.text("#answer"))
    browser.press("#ban")
    assert browser.text("#answer").startswith("Press once more")
    browser.picture(tmp_path / "playing.png")
    browser.press(".stop")
    speaker.wait_state("silent", lambda state: state["state"] == "idle")
    browser.until("it says so", lambda: browser.text("#state") == "Silent")
    browser.until("the night is told", lambda: "nothing lowered" in browser.text("#night-text"))
    assert browser.complaints() == []
    speaker.close()


def test_it_says_when_the_broker_or_the_speaker_is_away_and_comes_back(bedside: Bedside, browser: Browser) -> None:
    """The broker is killed and started, the speaker ends; nothing can be pressed meanwhile."""
    browser.open(bedside.address())
    browser.until("online", lambda: browser.text("#link") == "Online")
    bedside.broker.kill()
    browser.until("no broker", lambda: browser.text("#link") == "No connection to the broker")
    assert browser.run("return [...document.querySelectorAll('#hand button')].every((button) => button.disabled)")
    bedside.broker.start()
    browser.until("online again", lambda: browser.text("#link") == "Online")
    bedside.daemon.kill()
    browser.until("no speaker", lambda: browser.text("#link") == "The speaker is offline")


class Network:
    """Between the phone and the broker; while it is dead, what is sent is lost, and nobody notices at first."""

    def __init__(self, port: int) -> None:
        self.is_dead = False
        self._to = port
        self._ends: list[socket.socket] = []
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._server.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            near, _ = self._server.accept()
            far = socket.create_connection(("127.0.0.1", self._to))
            self._ends += [near, far]
            for pair in ((near, far), (far, near)):
                threading.Thread(target=self._carry, args=pair, daemon=True).start()

    def _carry(self, source: socket.socket, sink: socket.socket) -> None:
        try:
            while data := source.recv(4096):
                if not self.is_dead:
                    sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # the other side is gone

    def come_back(self) -> None:
        """All connections have ended, new ones are carried."""
        for end in self._ends:
            end.close()
        self._ends.clear()
        self.is_dead = False


def test_what_was_pressed_without_a_network_is_not_sent_later(bedside: Bedside, browser: Browser) -> None:
    """A phone that loses its network as somebody presses play, and finds it again in the night, starts nothing."""
    network = Network(bedside.web)
    speaker = Listener(bedside.broker.port)
    browser.open(bedside.address().replace(str(bedside.web), str(network.port)))
    browser.until("online", lambda: browser.text("#link") == "Online")
    network.is_dead = True
    browser.press("#main")
    browser.until("no answer", lambda: browser.text("#answer") == SILENT)
    network.come_back()
    browser.until("the loss", lambda: browser.text("#link") != "Online")
    browser.until("online again", lambda: browser.text("#link") == "Online")
    time.sleep(2.0)
    assert not [heard for heard in speaker.heard if "/cmd/play" in heard.topic]
    speaker.close()


@pytest.mark.parametrize("width", [320, 390, 768, 1280])
def test_it_fits(bedside: Bedside, browser: Browser, tmp_path: Path, width: int) -> None:
    """Nothing is cut off sideways, no two buttons overlap, each can be hit with a thumb, and each has a name."""
    browser.resize(width, 720)
    browser.open(bedside.address())
    browser.until("its state", lambda: browser.text("#state") == "Silent")
    browser.picture(tmp_path / f"{width}.png")
    assert browser.run("return innerWidth") == width
    assert browser.run("return document.documentElement.scrollWidth <= innerWidth")
    sizes = browser.run(
        "return [...document.querySelectorAll('button, select, input')].filter((node) => node.offsetParent || "
        "getComputedStyle(node).position === 'fixed').map((node) => [node.id || node.textContent, node.offsetHeight])"
    )
    assert len(sizes) > 15
    assert not [found for found in sizes if found[1] < 44]
    names = {selector: browser.name(selector) for selector in ("#main", "[data-fields*=down]", "#volume", "#device")}
    assert names == {"#main": "Play", "[data-fields*=down]": "Quieter", "#volume": "Volume", "#device": "Speaker"}


def test_a_broker_with_passwords_asks_for_one(tmp_path: Path, browser: Browser) -> None:
    """A wrong one is said; with the right one the speaker is shown."""
    secret = tmp_path / "secret"
    secret.write_text("night\n")
    made = Bedside(tmp_path, login=f", username: lull, password_file: {secret}")
    passwords = made.broker.add_user("lull", "night")
    made.start_broker("allow_anonymous false", f"password_file {passwords}")
    made.daemon.start()
    try:
        browser.open(made.address())
        browser.until("a form", lambda: browser.text("#link") == "Sign in")
        for word, says in (("day", "Wrong user name or password"), ("night", "Online")):
            browser.run(
                "document.getElementById('username').value = ''; document.getElementById('password').value = ''"
            )
            browser.type("#username", "lull")
            browser.type("#password", word)
            browser.press("#login button")
            browser.until(says, lambda says=says: browser.text("#link") == says)
    finally:
        made.daemon.kill()
        made.broker.close()
