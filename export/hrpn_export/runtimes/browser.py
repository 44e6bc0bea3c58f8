"""A page in an installed Chromium without a window, driven by Playwright: how it is certified."""

import base64
import os
import shutil
import weakref
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from hrpn_export.contract import Contract
from hrpn_export.errors import MissingRuntimeError, SessionError
from hrpn_export.session import run_checked
from hrpn_export.web.page import INDEX

_BROWSERS = ("chromium", "chromium-browser", "google-chrome")
_START, _RUN = 120_000, 600_000  # longest wait, ms


class BrowserSession:
    """Runs the network of a page on WebAssembly; see ``hrpn_export.runtimes``.

    The browser is another process, and Playwright has a thread of its own, since it keeps an event
    loop running in the thread that started it.
    """

    def __init__(self, path: Path, contract: Contract, device: str, threads: int | None) -> None:
        self.contract = contract
        found = next(filter(None, map(shutil.which, _BROWSERS)), None)
        if found is None:
            raise MissingRuntimeError("no Chromium is installed here (Debian: chromium)")
        self._thread = ThreadPoolExecutor(1, "browser")
        closing: list[Callable[[], object]] = []
        weakref.finalize(self, _close, self._thread, closing)
        self._page = self._thread.submit(_open, found, path / INDEX, closing).result()
        self.version = f"{_onnxruntime_web()} in Chromium"

    def __call__(self, batch: np.ndarray) -> np.ndarray:
        """Predict one batch; see ``Session``."""
        return run_checked(self.contract, batch, self._run)

    def _run(self, batch: np.ndarray) -> np.ndarray:
        return np.concatenate([self._thread.submit(self._image, each).result() for each in batch])

    def _image(self, image: np.ndarray) -> np.ndarray:
        height, width = image.shape[:2]
        text = base64.b64encode(image.astype("<f4").tobytes()).decode("ascii")
        found = self._page.evaluate("(a) => hrpn.certify(...a)", [text, height, width])
        values = np.frombuffer(base64.b64decode(found), "<f4")
        return values.reshape(1, height, width, len(self.contract.outputs))


def _open(browser: str, index: Path, closing: list[Callable[[], object]]) -> Any:
    """The page, when its network has started on WebAssembly."""
    from playwright.sync_api import Error, sync_playwright

    driver = sync_playwright().start()
    closing.append(driver.stop)
    # Chromium's sandbox refuses to be started by root.
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    try:
        started = driver.chromium.launch(executable_path=browser, args=arguments)
        closing.insert(0, started.close)
        context = started.new_context(offline=True)
        page = context.new_page()
        page.set_default_timeout(_START)
        page.goto(f"{index.resolve().as_uri()}#wasm")
        page.evaluate("hrpn.started()")
        page.set_default_timeout(_RUN)
    except Error as error:
        raise SessionError(f"the page does not start: {error.message.splitlines()[0]}") from None
    return page


def _close(thread: ThreadPoolExecutor, closing: list[Callable[[], object]]) -> None:
    for close in closing:
        thread.submit(close)
    thread.shutdown(wait=True)


def _onnxruntime_web() -> str:
    from hrpn_export.viewer.vendor import RELEASES

    return next(each.version for each in RELEASES if each.package == "onnxruntime-web")
