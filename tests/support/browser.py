"""An installed Chromium that looks at a page of ours, and what it must be like to be fit for use.

Playwright's core drives the browser that the system brings; nothing is downloaded.
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

# Computed styles of all texts that are seen, against the first opaque background behind them
# (WCAG 2.2, "contrast ratio" and "relative luminance").
_CONTRASTS = """
() => {
  const parse = (colour) => {
    const [r, g, b, a = 1] = colour.match(/[\\d.]+/g).map(Number);
    return { rgb: [r, g, b], a };
  };
  const linear = (v) => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
  const luminance = (rgb) => {
    const [r, g, b] = rgb.map((v) => linear(v / 255));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = (element) => {
    for (let e = element; e; e = e.parentElement) {
      const { rgb, a } = parse(getComputedStyle(e).backgroundColor);
      if (a === 1) return rgb;
    }
    return matchMedia("(prefers-color-scheme: dark)").matches ? [18, 18, 18] : [255, 255, 255];
  };
  const found = {};
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    if (!walker.currentNode.data.trim() || !element.checkVisibility()) continue;
    const style = getComputedStyle(element);
    const ink = parse(element.closest("svg") ? style.fill : style.color).rgb;
    const [a, b] = [luminance(ink), luminance(behind(element))];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    const name = `${element.tagName.toLowerCase()}.${element.getAttribute("class") ?? ""}`;
    found[name] = Math.min(found[name] ?? Infinity, ratio);
  }
  return found;
}
"""


@contextmanager
def chromium() -> Iterator[Any]:
    """A started browser; the test is skipped where there is none, or no Playwright."""
    found = shutil.which("chromium") or shutil.which("chromium-browser")
    if found is None:
        pytest.skip("no chromium here (apt-get install chromium)")
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    # Chromium's sandbox refuses to be started by root.
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=found, args=arguments)
        try:
            yield browser
        finally:
            browser.close()


class Visit:
    """A page of a file, looked at with all ways out closed.

    Attributes:
        page: of Playwright.
        complaints: what the console was told as a warning or an error, and uncaught exceptions.
        requests: addresses of all that was asked for, apart from the file itself.
    """

    def __init__(self, browser: Any, file: Path, width: int = 1280, scheme: str = "light") -> None:
        viewport = {"width": width, "height": 900}
        self.page = browser.new_page(viewport=viewport, color_scheme=scheme)
        self.complaints: list[str] = []
        self.requests: list[str] = []
        self.page.on("console", self._hear)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.route("**/*", self._guard)
        self._address = file.resolve().as_uri()
        self.page.goto(self._address)

    def _hear(self, message: Any) -> None:
        if message.type in ("warning", "error"):
            self.complaints.append(message.text)

    def _guard(self, route: Any) -> None:
        if route.request.url.partition("#")[0] == self._address:
            route.continue_()
        else:
            self.requests.append(route.request.url)
            route.abort()

    def contrasts(self) -> dict[str, float]:
        """The lowest contrast ratio of the visible texts of each kind of element."""
        found: dict[str, float] = self.page.evaluate(_CONTRASTS)
        return found

    def overflow(self) -> int:
        """By how many pixels the page is wider than its window."""
        found: int = self.page.evaluate(
            "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        )
        return found

    def __enter__(self) -> "Visit":
        return self

    def __exit__(self, *error: object) -> None:
        self.page.close()
