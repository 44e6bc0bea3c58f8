"""The page in an installed Chromium without a window, by Playwright: so it is certified."""

import base64
import os
import shutil
import weakref
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import ExitStack
from pathlib import Path
from queue import SimpleQueue
from threading import Thread
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

    Attributes:
        contract: contract of the model.
        version: of the browser and of ONNX Runtime Web.
    """

    def __init__(self, path: Path, contract: Contract, device: str, threads: int | None) -> None:
        self.contract = contract
        found = next(filter(None, map(shutil.which, _BROWSERS)), None)
        if found is None:
            raise MissingRuntimeError("no Chromium is installed here (Debian: chromium)")
        self._thread = _PlaywrightThread()
        weakref.finalize(self, self._thread.end)
        self._page = self._thread.do(lambda: _open(found, path / INDEX, self._thread.closing))
        browser = self._thread.do(lambda: self._page.context.browser.version)
        self.version = f"Chromium {browser}, onnxruntime-web {_onnxruntime_web()}"

    def __call__(self, batch: np.ndarray) -> np.ndarray:
        """Predict one batch; see ``Session``."""
        return run_checked(
            self.contract, batch, lambda images: np.concatenate([*map(self._predict, images)])
        )

    def _predict(self, image: np.ndarray) -> np.ndarray:
        height, width = image.shape[:2]
        text = base64.b64encode(image.astype("<f4").tobytes()).decode("ascii")
        call = "(given) => hrpn.certify(...given)"
        found = self._thread.do(lambda: self._page.evaluate(call, [text, height, width]))
        values = np.frombuffer(base64.b64decode(found), "<f4")
        return values.reshape(1, height, width, len(self.contract.outputs))


class _PlaywrightThread:
    """A thread that holds Playwright: it keeps an event loop running in the one that started it.

    Attributes:
        closing: what is called at the end, in order.
    """

    def __init__(self) -> None:
        self.closing: list[Callable[[], object]] = []
        self._tasks: SimpleQueue[tuple[Callable[[], Any], Future[Any]] | None] = SimpleQueue()
        # a daemon, so that the program can end before the session is collected
        self._thread = Thread(target=_work, args=(self._tasks,), daemon=True)
        self._thread.start()

    def do(self, task: Callable[[], Any]) -> Any:
        done: Future[Any] = Future()
        self._tasks.put((task, done))
        return done.result()

    def end(self) -> None:
        with ExitStack() as stack:  # all of it, whichever fails; the last one added goes first
            stack.callback(self._thread.join)
            stack.callback(self._tasks.put, None)
            for close in reversed(self.closing):
                stack.callback(self.do, close)


def _work(tasks: "SimpleQueue[tuple[Callable[[], Any], Future[Any]] | None]") -> None:
    while (given := tasks.get()) is not None:
        task, done = given
        try:
            done.set_result(task())
        except BaseException as error:  # noqa: BLE001 (it is raised where the result is wanted)
            done.set_exception(error)


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


def _onnxruntime_web() -> str:
    from hrpn_export.viewer.vendor import RELEASES

    return next(each.version for each in RELEASES if each.package == "onnxruntime-web")
