"""A page in a real browser: at the widths of a desk and of a phone, light and dark, in both languages and on paper.

Needs Chromium with its driver (Debian: ``apt-get install chromium chromium-driver fonts-nanum``); without, these tests
are skipped. `OMNI_BULK_SCREENSHOTS=DIRECTORY` keeps the pictures, to be looked at.
"""

import base64
import json
import os
import re
import shutil
import subprocess
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from omni_bulk.figures import Figures
from omni_bulk.page import page
from tests.page.made import everything, nothing, setting

DRIVER = shutil.which("chromedriver")
BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
SCREENSHOTS = os.environ.get("OMNI_BULK_SCREENSHOTS")  # read before a test takes every OMNI_ variable away

pytestmark = pytest.mark.skipif(
    DRIVER is None or BROWSER is None,
    reason="needs chromium and chromedriver (Debian: apt-get install chromium chromium-driver)",
)

FLAGS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--hide-scrollbars", "--disable-dev-shm-usage",
]  # fmt: skip
PAGES = {"nothing": nothing(), "everything": everything(), "several": everything(priced=False, several=True)}

# What sticks out of the page, or of its chart; and labels of a chart that cover each other.
MEASURE = """
const wide = document.documentElement.clientWidth, found = [];
if (document.documentElement.scrollWidth > wide) found.push(`the page is ${document.documentElement.scrollWidth} wide`);
const name = (one) => one.tagName + "." + (one.getAttribute("class") || "") + " " + one.textContent.slice(0, 30);
for (const one of document.querySelectorAll("main *")) {
  const box = one.getBoundingClientRect();
  if (box.width && box.right > wide + 1 && !one.closest(".frame, svg, .unseen")) found.push("sticks out: " + name(one));
}
for (const chart of document.querySelectorAll("svg.chart")) {
  const frame = chart.getBoundingClientRect();
  if (!frame.width) continue;
  const boxes = [...chart.querySelectorAll("text")].map((one) => [one, one.getBoundingClientRect()]);
  for (const [one, box] of boxes)
    if (box.left < frame.left - 2 || box.right > frame.right + 2 || box.bottom > frame.bottom + 2 || box.top < frame.top - 2)
      found.push("out of its chart: " + name(one));
  boxes.forEach(([one, a], at) => boxes.slice(at + 1).forEach(([other, b]) => {
    if (a.left < b.right - 1 && b.left < a.right - 1 && a.top < b.bottom - 3 && b.top < a.bottom - 3)
      found.push(`one covers the other: ${name(one)} and ${name(other)}`);
  }));
}
return found;
"""


@dataclass
class Browser:
    """A session of the driver, spoken to in W3C WebDriver."""

    url: str
    session: str = ""

    def ask(self, path: str, **body: Any) -> Any:
        request = urllib.request.Request(  # noqa: S310  loopback
            f"{self.url}/session{self.session and '/' + self.session}{path}", json.dumps(body).encode()
        )
        with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310
            return json.loads(answer.read())["value"]

    def tell(self, command: str, **params: Any) -> Any:
        """A command of the DevTools protocol."""
        return self.ask("/goog/cdp/execute", cmd=command, params=params)

    def run(self, script: str) -> Any:
        return self.ask("/execute/sync", script=script, args=[])

    def log(self, kind: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.ask("/se/log", type=kind)
        return found

    def show(self, path: Path, width: int, theme: str, media: str = "screen") -> None:
        self.tell("Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=False)
        scheme = [{"name": "prefers-color-scheme", "value": theme}]
        self.tell("Emulation.setEmulatedMedia", media=media, features=scheme)
        self.ask("/url", url=path.as_uri())


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    profile = tmp_path_factory.mktemp("profile")
    with subprocess.Popen([str(DRIVER), "--port=0"], stdout=subprocess.PIPE, text=True) as driver:
        assert driver.stdout is not None
        try:
            port = next(found[1] for line in driver.stdout if (found := re.search(r"successfully on port (\d+)", line)))
            one = Browser(f"http://127.0.0.1:{port}")
            chrome = {"args": [*FLAGS, f"--user-data-dir={profile}"], "binary": BROWSER}
            logs = {"browser": "ALL", "performance": "ALL"}
            wanted = {"goog:chromeOptions": chrome, "goog:loggingPrefs": logs}
            one.session = one.ask("", capabilities={"alwaysMatch": wanted})["sessionId"]
            yield one
            with suppress(OSError):
                urllib.request.urlopen(  # noqa: S310
                    urllib.request.Request(f"{one.url}/session/{one.session}", method="DELETE"),  # noqa: S310
                    timeout=30,
                )
        finally:
            driver.terminate()


def written(figures: Figures, language: str, folder: Path) -> Path:
    path = folder / "page.html"
    path.write_text(page(figures, setting(language)), "utf-8")
    return path


@pytest.mark.parametrize("language", ["en", "ko"])
@pytest.mark.parametrize("name", PAGES)
def test_nothing_overflows_complains_or_leaves(browser: Browser, name: str, language: str, tmp_path: Path) -> None:
    path = written(PAGES[name], language, tmp_path)
    browser.log("browser"), browser.log("performance")
    grounds = set()
    for width, theme in ((1280, "light"), (1280, "dark"), (390, "light"), (390, "dark"), (320, "light")):
        browser.show(path, width, theme)
        assert browser.run(MEASURE) == [], (width, theme)
        grounds.add((theme, browser.run("return getComputedStyle(document.documentElement).backgroundColor")))
        if SCREENSHOTS or (name == "everything" and language == "ko"):
            picture = browser.tell("Page.captureScreenshot", captureBeyondViewport=True)["data"]
            keep(f"{name}-{language}-{width}-{theme}", base64.b64decode(picture))
    assert len(grounds) == 2 and len({ground for _, ground in grounds}) == 2
    assert [one["message"] for one in browser.log("browser")] == []
    events = [json.loads(one["message"])["message"] for one in browser.log("performance")]
    sent = [one["params"] for one in events if one["method"] == "Network.requestWillBeSent"]
    asked = {one["request"]["url"] for one in sent if one["documentURL"] == path.as_uri()}  # not the browser's own tab
    assert asked == {path.as_uri()}


def test_it_prints_on_white_paper(browser: Browser, tmp_path: Path) -> None:
    path = written(everything(), "en", tmp_path)
    browser.show(path, 718, "dark", media="print")  # A4 within its margins
    assert browser.run(MEASURE) == []
    assert browser.run("return getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert browser.run("return getComputedStyle(document.querySelector('.chart.narrow')).display") == "none"
    printed = base64.b64decode(browser.tell("Page.printToPDF", preferCSSPageSize=True)["data"])
    keep("everything-print", printed, "pdf")
    assert printed.startswith(b"%PDF")
    assert 3 <= len(re.findall(rb"/Type\s*/Page\b", printed)) <= 12


def test_no_script_runs_and_no_style_of_another_applies(browser: Browser, tmp_path: Path) -> None:
    path = written(nothing(), "en", tmp_path)
    html = path.read_text("utf-8").replace(
        "</main>", "<script>document.title='ran'</script><p style='color:red'>x</p></main>"
    )
    path.write_text(html, "utf-8")
    browser.show(path, 1280, "light")
    browser.log("performance")
    assert browser.run("return document.title") != "ran"
    assert browser.run("return getComputedStyle(document.querySelector('main > p')).color") != "rgb(255, 0, 0)"
    refused = [one["message"] for one in browser.log("browser")]
    assert len(refused) == 2 and all("Content Security Policy" in message for message in refused)


def keep(name: str, content: bytes, ending: str = "png") -> None:
    assert len(content) > 5_000
    if SCREENSHOTS:
        (Path(SCREENSHOTS) / f"{name}.{ending}").write_bytes(content)
