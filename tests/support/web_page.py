"""The web page of a small network with intervals, and visits to it."""

import atexit
import base64
import functools
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from hrpn_export import About, Evidence, export_bundle

from support.browser import Visit
from support.bundles import CONTRACT, network

PAGE = "web/fp32/page"
ROLES = {
    "vessels": {"name": "endothelium", "pattern": "cd ?31"},
    "nuclei": {"pattern": "dapi|hoechst"},
}


@functools.cache
def exported() -> Path:
    """A bundle with the page, certified where a browser is; do not change it."""
    import keras

    plain = network()
    bounds = [keras.layers.Rescaling(factor)(plain.output) for factor in (1.0, 0.8, 1.25)]
    model = keras.Model(plain.input, keras.layers.Concatenate()(bounds), name="tiny")
    patches = np.random.default_rng(0).integers(0, 256, (2, 32, 32, 2)).astype(np.float32)
    folder = Path(tempfile.mkdtemp(prefix="web-page-"))
    atexit.register(shutil.rmtree, folder, True)
    export_bundle(
        model,
        replace(CONTRACT, outputs=("qd", "qd_lower", "qd_upper"), coverage=0.9),
        folder / "b",
        artefacts=[("onnx", "fp32"), ("web", "fp32")],
        evidence=Evidence(patches, np.asarray(plain(patches)) + 1, origin="random pixels"),
        about=About("tiny"),
        options={"web": {"program": "hrpn-tf 0", "roles": ROLES}},
    )
    return folder / "b"


class PageVisit(Visit):
    """A visit that may load the scripts of the page and what it makes itself, and nothing else."""

    def __init__(self, browser: Any, page: Path, **options: Any) -> None:
        super().__init__(browser, page / "index.html", **options)

    def _guard(self, route: Any) -> None:
        url = route.request.url
        folder = self._address.rpartition("/")[0] + "/assets/"
        if url.partition("#")[0] == self._address or url.startswith((folder, "blob:", "data:")):
            route.continue_()
        else:
            self.requests.append(url)
            route.abort()

    def _hear(self, message: Any) -> None:
        if message.text != "No available adapters.":  # of a browser without a GPU, asked for one
            super()._hear(message)

    def text(self, name: str) -> str:
        """What an element says that has this id."""
        found: str = self.page.locator(f"#{name}").inner_text()
        return found

    def drop(self, *files: Path) -> None:
        """Choose files, and wait until they are shown or refused."""
        self.page.evaluate("document.body.removeAttribute('data-slide')")
        self.page.evaluate("document.getElementById('files').value = ''")  # as a click does
        self.page.set_input_files("#files", [str(file) for file in files])
        self.page.wait_for_function(
            "() => document.body.dataset.slide || !document.getElementById('problem').hidden"
        )

    def predict(self, what: str) -> None:
        """Press a button, and wait until all is predicted."""
        self.page.evaluate("document.body.removeAttribute('data-predicted')")
        self.page.click(f"#predict-{what}")
        self.page.wait_for_selector("body[data-predicted]")

    def look_at(self, row: int, column: int) -> None:
        """Put a place of the slide into the middle, so near that about 200 px are seen."""
        self.page.evaluate(
            """([row, column]) => {
                const image = hrpn.viewer.world.getItemAt(0), viewport = hrpn.viewer.viewport;
                viewport.zoomTo(image.imageToViewportZoom(4), null, true);
                viewport.panTo(image.imageToViewportCoordinates(column, row), true); }""",
            [row, column],
        )
        self.page.wait_for_timeout(300)

    def download(self, path: Path, type: str = "float32") -> Path:
        self.page.select_option("#type", type)
        with self.page.expect_download() as found:
            self.page.click("#download")
        found.value.save_as(path)
        return path

    def read(self, y: int, x: int, height: int, width: int, planes: Sequence[int]) -> np.ndarray:
        """(height, width, planes): what the network would be given of the chosen files."""
        text = self.page.evaluate(
            """async (window) => {
                const slide = await hrpn.openSlide([...document.getElementById("files").files]);
                const values = await slide.ask({ task: "input", level: 0, ...window });
                slide.end();
                return hrpn.toBase64(new Uint8Array(values.buffer)); }""",
            {"y": y, "x": x, "height": height, "width": width, "planes": list(planes)},
        )
        return np.frombuffer(base64.b64decode(text), "<f4").reshape(height, width, len(planes))
