"""A network as a web page, in a real browser: its pixels are those of ONNX Runtime in Python."""

import base64
import hashlib
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from hrpn_export import open_bundle, open_session
from hrpn_export.web.files import asset, pack, unpack
from support.web_page import PAGE, PageVisit, exported

from hrpn_tf.slides import open_slide
from hrpn_tf.slides.write import write_slide

# Several blocks of 512 px, the last ones cut short at odd sizes.
HEIGHT, WIDTH = 605, 1111
POSITION_UM = (300.0, -700.5)  # y, x


def slide_image() -> np.ndarray:
    """(HEIGHT, WIDTH, 2) uint8, smooth and bright in places, so that the prediction is uneven."""
    rng = np.random.default_rng(5)
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    waves = [np.sin(x / a) * np.cos(y / b) for a, b in ((37, 21), (11, 53))]
    smooth = np.stack(waves, axis=-1) * 90 + 120
    return (smooth + rng.integers(0, 40, smooth.shape)).clip(0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def slide(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("slide") / "mouse 1.ome.tif"
    names = ("DAPI", "Endothelium")
    place = {"pixel_size_um": 0.5, "position_um": POSITION_UM}
    write_slide(path, slide_image(), channels=names, provenance={}, **place)
    return path


@pytest.fixture(scope="module")
def expected() -> np.ndarray:
    """(HEIGHT, WIDTH, 3): the prediction at once, by ONNX Runtime in Python."""
    inputs = slide_image()[..., ::-1]  # vessels, nuclei
    edge = 16
    padded = np.pad(inputs, ((edge, edge + 1), (edge, edge + 1), (0, 0)), mode="symmetric")
    session = open_session(exported(), "onnx")
    return session(padded[None])[0, edge:-edge, edge:-edge][:HEIGHT, :WIDTH]


@pytest.fixture(scope="module")
def visit(browser: Any, slide: Path) -> Iterator[PageVisit]:
    with PageVisit(browser, exported() / PAGE) as page:
        page.page.wait_for_selector("body[data-engine]")
        page.drop(slide)
        page.predict("all")
        assert "6 of 6 blocks of 512 px" in page.text("status")
        yield page


def test_the_whole_slide_by_tiles_is_the_slide_at_once(
    visit: PageVisit, slide: Path, expected: np.ndarray, tmp_path: Path
) -> None:
    path = visit.download(tmp_path / "p.ome.tif")
    with open_slide(path) as found:
        info = found.info
        pixels = found.read(0, 0, HEIGHT, WIDTH, (0, 1, 2))
    assert (info.channels, info.pixel_size_um) == (("qd", "qd_lower", "qd_upper"), 0.5)
    assert info.position_um == POSITION_UM
    assert pixels.dtype == np.float32
    assert np.ptp(expected) > 20
    assert np.abs(pixels - expected).max() < 0.01


def test_the_result_names_its_origin(visit: PageVisit, slide: Path, tmp_path: Path) -> None:
    from hrpn_tf.slides.provenance import read_provenance

    made = read_provenance(visit.download(tmp_path / "p.ome.tif"))
    onnx = exported() / "onnx/fp32/model.onnx"
    assert made["kind"] == "prediction"
    assert made["model"]["sha256"] == hashlib.sha256(onnx.read_bytes()).hexdigest()
    assert made["input"]["channels"] == {"vessels": "Endothelium", "nuclei": "DAPI"}
    assert made["input"]["sha256"] == {slide.name: hashlib.sha256(slide.read_bytes()).hexdigest()}
    assert made["computed"]["on"] == "wasm"


def test_integers_are_rounded_as_in_python(
    visit: PageVisit, expected: np.ndarray, tmp_path: Path
) -> None:
    from hrpn_tf.prediction.blocks import to_grey_levels

    pixels = tifffile.imread(visit.download(tmp_path / "p.ome.tif", "uint8"))
    due = np.moveaxis(to_grey_levels(expected, np.dtype(np.uint8)), -1, 0)
    assert pixels.dtype == np.uint8
    apart = pixels != due
    # the values differ in the sixth digit, which may decide where to round
    assert apart.mean() < 1e-3
    assert np.abs(pixels.astype(int) - due).max() <= 1


def test_bounds_are_layers_and_values_are_read_off(visit: PageVisit, expected: np.ndarray) -> None:
    page = visit.page
    keys = [row.get_attribute("data-layer") for row in page.locator("#layers tr").all()]
    assert keys == ["input-0", "input-1", "prediction", "lower", "upper"]
    page.get_by_role("button", name="lower | upper").click()
    assert page.locator('[data-layer="lower"] select').input_value() == "left"
    page.get_by_role("button", name="1:1").click()
    box = page.locator("#image").bounding_box()
    page.wait_for_timeout(700)
    page.mouse.move(box["x"] + 200.5, box["y"] + 300.5)
    page.wait_for_function("() => document.querySelector('[data-value=upper]').textContent !== '–'")
    row, column = (int(n) for n in re.findall(r"\d+", visit.text("place"))[:2])
    for key, value in zip(("prediction", "lower", "upper"), expected[row, column], strict=True):
        shown = page.locator(f'[data-value="{key}"]').inner_text()
        assert float(shown) == pytest.approx(value, abs=0.51)


def test_seen_from_afar_tiles_are_means(visit: PageVisit, expected: np.ndarray) -> None:
    for factor, address in ((4, "0/0_0"), (2, "1/1_0")):
        found = visit.page.evaluate(
            """async (address) => {
                const { layers, height, width } = await hrpn.tile("", address);
                const planes = [layers.prediction, layers["input-0"]];
                return [planes.map((plane) => [...plane.codes]), height, width]; }""",
            address,
        )
        planes, height, width = found
        start = 0 if factor == 4 else 1024
        for plane, whole in zip(planes, (expected[..., 0], slide_image()[..., 1]), strict=True):
            part = whole[: 512 * factor, start:].astype(float)
            assert (height, width) == tuple(-(-n // factor) for n in part.shape)
            padded = np.full((height * factor, width * factor), np.nan)
            padded[: part.shape[0], : part.shape[1]] = part
            means = np.nanmean(padded.reshape(height, factor, width, factor), axis=(1, 3))
            # the inputs come from the pyramid of the file: rounded, and means of means at the edge
            limit, inner = (0.02, np.s_[:]) if whole.dtype.kind == "f" else (0.8, np.s_[:-1, :-1])
            shown = np.array(plane).reshape(height, width)
            assert np.abs(shown - means)[inner].max() < limit


def test_nothing_is_asked_from_outside_and_nothing_complained_about(visit: PageVisit) -> None:
    assert visit.requests == []
    assert visit.complaints == []
    blocked = visit.page.evaluate(
        "fetch('https://example.org/').then(() => 'sent', (error) => error.name)"
    )
    assert blocked == "TypeError"
    # the policy refused it, before the test's own guard
    assert visit.requests == []
    visit.complaints.clear()


def test_the_visible_part_is_a_region_with_its_place(
    browser: Any, slide: Path, expected: np.ndarray, tmp_path: Path
) -> None:
    with PageVisit(browser, exported() / PAGE) as visit:
        visit.drop(slide)
        visit.look_at(560, 700)
        visit.predict("view")
        path = visit.download(tmp_path / "p.ome.tif")
        with open_slide(path) as found:
            assert (found.info.height, found.info.width) == (HEIGHT, 512)
            assert found.info.position_um == (POSITION_UM[0], POSITION_UM[1] + 256)
            pixels = found.read(0, 0, HEIGHT, 512, (0,))
        assert np.abs(pixels[..., 0] - expected[:, 512:1024, 0]).max() < 0.01


def test_too_little_memory_makes_tiles_smaller(
    browser: Any, slide: Path, expected: np.ndarray, tmp_path: Path
) -> None:
    """The network fails on more than 200 rows, as it does where the memory is short.

    The image of 96 px that every start is checked on passes.
    """
    with PageVisit(browser, exported() / PAGE) as visit:
        visit.page.evaluate(
            """() => {
                const post = Worker.prototype.postMessage;
                Worker.prototype.postMessage = function (what, ...rest) {
                    if (what.task === "run" && what.height > window.most && what.height !== 96) {
                        this.onmessage({ data: { id: what.id, error: "std::bad_alloc: memory" } });
                    } else post.call(this, what, ...rest); }; }"""
        )
        visit.page.evaluate("window.most = 200")
        visit.drop(slide)
        visit.look_at(300, 200)
        visit.predict("view")
        pixels = tifffile.imread(visit.download(tmp_path / "p.ome.tif"))
        assert np.abs(np.moveaxis(pixels, 0, -1) - expected[:512, :512]).max() < 0.01
        visit.page.evaluate("window.most = 4")
        visit.drop(slide)
        visit.page.click("#predict-view")
        visit.page.wait_for_selector("#problem:not([hidden])")
        assert "memory of this browser does not suffice" in visit.text("problem")


def test_a_network_that_computes_something_else_is_refused(browser: Any, tmp_path: Path) -> None:
    page = shutil.copytree(exported() / PAGE, tmp_path / "page")
    parts = unpack(page / "assets/model.js")
    wrong = np.frombuffer(parts["expected"], "<f4") + np.float32(0.02)
    text = pack("model", {**parts, "expected": wrong.tobytes()})
    (page / "assets/model.js").write_text(text, encoding="ascii")
    with PageVisit(browser, page) as visit:
        visit.page.wait_for_selector("#problem:not([hidden])")
        assert "the processor (WebAssembly) differs by 0.020 grey levels" in visit.text("problem")
        assert visit.page.is_disabled("#predict-all")
    (page / "assets/network-wasm.js").unlink()
    with PageVisit(browser, page) as visit:
        visit.page.wait_for_selector("#problem:not([hidden])")
        assert "network-wasm.js is missing; copy the whole folder" in visit.text("problem")


def test_checksums_are_those_of_sha256(visit: PageVisit) -> None:
    script = asset("sha256.js").decode("utf-8")
    for size in (0, 1, 55, 56, 63, 64, 120, 2**24, 2**24 + 1):
        found = visit.page.evaluate(
            f"(size) => {{ {script}; return sha256(new Blob([new Uint8Array(size).fill(7)])); }}",
            size,
        )
        assert found == hashlib.sha256(b"\x07" * size).hexdigest(), size


def test_a_large_result_is_a_bigtiff(visit: PageVisit, tmp_path: Path) -> None:
    values = np.arange(2 * 16 * 16, dtype="<f4")
    text = visit.page.evaluate(
        """async () => {
            const tile = async (start) => new Blob([await hrpn.deflate(new Uint8Array(
                Float32Array.from({ length: 256 }, (_, i) => start + i).buffer))]);
            const file = hrpn.tiff({
                width: 30, height: 16, side: 16, type: "float32", description: "x", largest: 100,
                planes: [[await tile(0), await tile(256)]],
            });
            return hrpn.toBase64(new Uint8Array(await file.arrayBuffer())); }"""
    )
    path = tmp_path / "big.tif"
    path.write_bytes(base64.b64decode(text))
    with tifffile.TiffFile(path) as file:
        assert file.is_bigtiff
        tiles = values.reshape(2, 16, 16)
        assert np.array_equal(file.asarray(), np.concatenate([*tiles], axis=1)[:, :30])


def test_the_certificate_has_a_row_measured_in_the_browser(browser: Any) -> None:
    certificate = open_bundle(exported()).certificate
    entry = certificate.entry("web", "fp32")
    assert entry is not None
    assert entry.runtime == "browser"
    assert entry.version.startswith("Chromium ")
    assert entry.measured[0].largest < 0.01
    assert entry.seam_error is not None
    assert entry.seam_error < 0.01
    assert certificate.problem("web", "fp32") is None
    text = (exported() / "README.md").read_text(encoding="utf-8")
    assert "| web | fp32 | browser Chromium" in text
