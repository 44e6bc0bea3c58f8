"""Keyboard, contrast and width of a web page, its colours, and the GPU where there is one."""

import os
import shutil
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from support.slides import noise, write_slide
from support.web_page import PAGE, PageVisit, exported

from hrpn_tf.evaluation.report import colours


@pytest.fixture(scope="module")
def slide(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("slide") / "a.ome.tif"
    return write_slide(path, noise(0, 90, 120, channels=2), channels=("CD31", "DAPI"))


def test_a_slide_is_predicted_by_keyboard_alone(browser: Any, slide: Path) -> None:
    with PageVisit(browser, exported() / PAGE) as visit:
        visit.page.wait_for_selector("body[data-engine]")
        visit.drop(slide)
        names = []
        visit.page.evaluate("document.activeElement.blur()")
        for _ in range(45):
            visit.page.keyboard.press("Tab")
            name = visit.page.evaluate(
                "() => { const e = document.activeElement; return e.id || "
                "e.getAttribute('aria-label') || e.className || e.tagName; }"
            )
            if name == "predict-all" and name not in names:
                visit.page.keyboard.press("Enter")
                visit.page.wait_for_selector("body[data-predicted]")
                # a button that was disabled meanwhile has lost the focus
                visit.page.focus("#predict-all")
            names.append(name)
        assert {
            "files", "role-0", "role-1", "predict-view", "predict-all", "download", "type",
            "zoom-in", "openseadragon-canvas", "where predicted qd is shown",
            "opacity of upper bound", "brightest of predicted qd",
        } <= set(names)  # fmt: skip
        assert "1 of 1 blocks" in visit.text("status")
        # the first link leads to the content
        assert names[0] == "skip"


@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 500)])
def test_the_page_is_readable(browser: Any, slide: Path, scheme: str, width: int) -> None:
    with PageVisit(browser, exported() / PAGE, width=width, scheme=scheme) as visit:
        visit.page.wait_for_selector("body[data-engine]")
        assert min(visit.contrasts().values()) >= 4.5
        visit.drop(slide)
        visit.predict("view")
        assert visit.overflow() <= 0
        ratios = visit.contrasts()
        assert min(ratios.values()) >= 4.5, ratios
        visit.drop(Path(__file__))
        assert "is no TIFF" in visit.text("problem")
        assert visit.page.locator("#problem").get_attribute("role") == "alert"
        assert min(visit.contrasts().values()) >= 4.5
        assert visit.complaints == visit.requests == []


def test_files_can_be_dropped_anywhere(browser: Any) -> None:
    with PageVisit(browser, exported() / PAGE) as visit:
        visit.page.evaluate(
            """() => {
                const files = new DataTransfer();
                files.items.add(new File(["no picture"], "a.txt"));
                const given = { dataTransfer: files, bubbles: true, cancelable: true };
                document.querySelector("footer").dispatchEvent(new DragEvent("drop", given)); }"""
        )
        visit.page.wait_for_selector("#problem:not([hidden])")
        assert visit.text("problem") == "a.txt: is no TIFF and no PNG; save the slide as OME-TIFF"


class Quiet(SimpleHTTPRequestHandler):
    """A server of files as they are, without a word."""

    def log_message(self, format: str, *args: object) -> None:
        pass


def test_a_server_of_files_is_enough(browser: Any, slide: Path) -> None:
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=exported() / PAGE))
    Thread(target=server.serve_forever, daemon=True).start()
    address = f"http://127.0.0.1:{server.server_port}/"
    asked: list[str] = []
    page = browser.new_page()
    page.on("request", lambda request: asked.append(request.url))
    page.goto(address)
    page.set_input_files("#files", [str(slide)])
    page.wait_for_selector("body[data-slide]")
    page.wait_for_selector("body[data-engine]")
    page.click("#predict-all")
    page.wait_for_selector("body[data-predicted]")
    page.close()
    server.shutdown()
    assert all(url.startswith((address, f"blob:{address[:-1]}", "data:")) for url in asked)
    # the build for the GPU is loaded only where there is one
    assert not any("webgpu" in url for url in asked)


def test_stop_keeps_what_is_predicted(browser: Any, tmp_path: Path) -> None:
    path = tmp_path / "large.ome.tif"
    write_slide(path, noise(0, 600, 1100, channels=2), channels=("CD31", "DAPI"))
    with PageVisit(browser, exported() / PAGE) as visit:
        visit.page.wait_for_selector("body[data-engine]")
        visit.drop(path)
        # pressed when the first block is done
        visit.page.evaluate(
            """() => {
                const watch = new MutationObserver(() => {
                    watch.disconnect();
                    document.getElementById("stop").click(); });
                watch.observe(document.getElementById("status"), { childList: true }); }"""
        )
        visit.predict("all")
        count = int(visit.page.locator("body").get_attribute("data-predicted"))
        assert 0 < count < 6
        assert visit.text("status") == f"Stopped; {count} blocks of 512 px are predicted."
        visit.predict("all")
        assert f"{6 - count} of {6 - count} blocks" in visit.text("status")


def test_colours_are_those_of_the_report(browser: Any) -> None:
    with PageVisit(browser, exported() / PAGE) as visit:
        found = visit.page.evaluate(
            "() => [['prediction', 0], ...[0, 1, 2, 3].map((i) => ['input', i])]"
            ".map((layer) => hrpn.colours(...layer))"
        )
    assert found[0] == colours.table("prediction")
    assert found[1:] == [colours.table("input", i) for i in range(4)]


@pytest.mark.slow
def test_on_webgpu_the_network_computes_the_same(browser: Any) -> None:
    """On a GPU that the processor imitates, which the page by itself does not choose."""
    found = shutil.which("chromium") or shutil.which("chromium-browser")
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    arguments += ["--enable-unsafe-webgpu", "--use-webgpu-adapter=swiftshader"]
    other = browser.browser_type.launch(executable_path=found, args=arguments)
    address = (exported() / PAGE / "index.html").resolve().as_uri()
    page = other.new_page()
    page.goto(address)
    adapter = page.evaluate(
        "() => navigator.gpu && navigator.gpu.requestAdapter().then((found) => found !== null)"
    )
    if not adapter:
        other.close()
        pytest.skip("this Chromium has no WebGPU, not even an imitated one")
    assert page.evaluate("hrpn.started()")["build"] == "wasm"
    page.goto("about:blank")
    page.goto(f"{address}#webgpu")
    started = page.evaluate("hrpn.started()")
    other.close()
    assert started["build"] == "webgpu"
    assert started["difference"] < 0.01
