"""Chromium, driven through chromedriver by the W3C WebDriver protocol: open a page, look, press, take a picture."""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.live.broker import free_port

PATIENCE_S = 60.0
_ELEMENT = "element-6066-11e4-a52e-4f735466cecf"
_FLAGS = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
    "--disable-background-networking", "--disable-component-update", "--disable-dev-shm-usage",
)  # fmt: skip


class Browser:
    """A Chromium of its own; close it at the end."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="lull-test-browser-"))
        driver = shutil.which("chromedriver")
        assert driver is not None, "chromedriver is not installed; live tests need it"
        self._port = free_port()
        self._driver = subprocess.Popen(
            [driver, f"--port={self._port}"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        options = {"args": [*_FLAGS, f"--user-data-dir={self.folder}"]}
        wanted = {"browserName": "chrome", "goog:chromeOptions": options, "goog:loggingPrefs": {"browser": "ALL"}}
        self._session = ""
        self.until("chromedriver answers", self._is_ready)
        self._session = self._ask("POST", "/session", {"capabilities": {"alwaysMatch": wanted}})["sessionId"]
        self.resize(390, 844)

    def _is_ready(self) -> bool:
        try:
            return bool(self._ask("GET", "/status")["ready"])
        except OSError:
            return False

    def _ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        url = f"http://127.0.0.1:{self._port}{path.replace('$', f'/session/{self._session}')}"
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(url, data, {"Content-Type": "application/json"}, method=method)
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310 - see above
                return json.load(answer)["value"]
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{path}: {json.load(error)['value']['message'][:300]}") from error

    def open(self, address: str) -> None:
        """Go to a page."""
        self._ask("POST", "$/url", {"url": address})

    def run(self, script: str, *arguments: Any) -> Any:
        """Run a script in the page and return what it returns."""
        return self._ask("POST", "$/execute/sync", {"script": script, "args": list(arguments)})

    def element(self, selector: str) -> str:
        """The path of the first element that fits."""
        found: str = self._ask("POST", "$/element", {"using": "css selector", "value": selector})[_ELEMENT]
        return f"$/element/{found}"

    def press(self, selector: str) -> None:
        """Click an element, which must be visible and reachable."""
        self._ask("POST", f"{self.element(selector)}/click", {})

    def type(self, selector: str, text: str) -> None:
        """Type into an element."""
        self._ask("POST", f"{self.element(selector)}/value", {"text": text})

    def text(self, selector: str) -> str:
        """What an element shows."""
        shown: str = self._ask("GET", f"{self.element(selector)}/text")
        return shown

    def name(self, selector: str) -> str:
        """What a screen reader calls an element."""
        label: str = self._ask("GET", f"{self.element(selector)}/computedlabel")
        return label

    def resize(self, width: int, height: int) -> None:
        """Make the page so large, in CSS pixels."""
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 800}
        self._ask("POST", "$/goog/cdp/execute", {"cmd": "Emulation.setDeviceMetricsOverride", "params": metrics})

    def picture(self, path: Path) -> None:
        """A screenshot as PNG."""
        path.write_bytes(base64.b64decode(self._ask("GET", "$/screenshot")))

    def complaints(self) -> list[str]:
        """What the page wrote to its console since it was asked last: errors and refusals of its security policy."""
        return [entry["message"] for entry in self._ask("POST", "$/se/log", {"type": "browser"})]

    def until(self, what: str, holds: Callable[[], Any]) -> None:
        """Wait until something holds."""
        give_up_s = time.monotonic() + PATIENCE_S
        while not holds():
            assert time.monotonic() < give_up_s, f"waited {PATIENCE_S:.0f} s: {what}"
            time.sleep(0.1)

    def close(self) -> None:
        """End the browser and its driver."""
        if self._session:
            self._ask("DELETE", "$")
        self._driver.terminate()
        self._driver.wait()
        shutil.rmtree(self.folder, ignore_errors=True)
