"""A page from a bundle of strangers is opened only if it is the one that this version writes."""

import shutil
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import onnx
import pytest
from hrpn_export import Contract
from hrpn_export.certify import _judged
from hrpn_export.errors import DamagedBundleError, ExportError
from hrpn_export.runtimes import browser, find_runtime
from hrpn_export.web.files import pack, unpack
from hrpn_export.web.page import check_page, refuse_unfit
from support.bundles import CONTRACT
from support.web_page import PAGE, exported


def replaced(name: str, old: str, new: str) -> Callable[[Path], object]:
    def change(page: Path) -> None:
        text = (page / name).read_text(encoding="utf-8")
        assert old in text
        (page / name).write_text(text.replace(old, new, 1), encoding="utf-8")

    return change


def _other_part(page: Path) -> None:
    path = page / "assets/slide-worker.js"
    path.write_text(pack("slide-worker", {"script": b"fetch('https://a')"}), encoding="ascii")


def _more_in_a_pack(page: Path) -> None:
    path = page / "assets/model.js"
    path.write_text(path.read_text(encoding="ascii") + "alert(1);\n", encoding="ascii")


def _other_operations(page: Path) -> None:
    path = page / "assets/model.js"
    parts = unpack(path)
    model = onnx.load_from_string(parts["onnx"])
    model.graph.node[0].domain = "com.example"
    text = pack("model", {**parts, "onnx": model.SerializeToString()})
    path.write_text(text, encoding="ascii")


CHANGES: dict[str, tuple[Callable[[Path], object], str]] = {
    "script": (replaced("assets/app.js", '"use strict";', "0;"), "app.js: is not the file"),
    "policy": (replaced("index.html", "connect-src data:", "connect-src *"), "is not the file"),
    "markup": (replaced("index.html", "</main>", "<script>0</script></main>"), "is not the file"),
    "about": (replaced("index.html", '"greyMax"', '"other"'), "is not the file"),
    "worker": (_other_part, "slide-worker.js: is not the file"),
    "more in a pack": (_more_in_a_pack, "model.js: cannot be read: no data of a page"),
    "operations": (_other_operations, "which a network does not need"),
    "missing": (lambda page: (page / "assets/ome.js").unlink(), "no page of this version"),
    "more": (lambda page: (page / "a.html").touch(), "no page of this version: a.html"),
    "link": (
        lambda page: ((page / "assets/ome.js").unlink(), (page / "assets/ome.js").symlink_to("a")),
        "no page of this version",
    ),
}


def test_the_page_as_it_was_written_is_accepted() -> None:
    check_page(exported() / PAGE)


@pytest.mark.parametrize("change", CHANGES)
def test_a_changed_page_is_refused(tmp_path: Path, change: str) -> None:
    page = Path(shutil.copytree(exported() / PAGE, tmp_path / "page"))
    make, said = CHANGES[change]
    make(page)
    with pytest.raises(DamagedBundleError, match=said):
        check_page(page)


def test_without_a_browser_the_row_says_that_it_was_not_measured(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(browser.shutil, "which", lambda name: None)
    measurement = SimpleNamespace(contract=CONTRACT)
    entry = _judged(measurement, "web", "fp32", exported() / PAGE, find_runtime("browser"))  # type: ignore[arg-type]
    assert entry.measured == ()
    assert entry.problem is not None
    assert entry.problem.startswith("it could not be measured here: no Chromium is installed")


@pytest.mark.parametrize(
    ("receptive_field", "levels", "said"),
    [(None, None, "depends on the tile"), (9, ((1.0, 9.0),), "levels of the whole slide")],
)
def test_networks_that_a_page_cannot_predict_are_refused(
    receptive_field: int | None, levels: tuple[tuple[float, float], ...] | None, said: str
) -> None:
    exact = receptive_field is not None
    contract = Contract(
        ("a",), ("qd",), 0.5, 2, receptive_field, exact, 255.0, reference_levels=levels
    )
    with pytest.raises(ExportError, match=said):
        refuse_unfit(contract)
