"""``hrpn-tf report`` on slides and predictions in files: pages, and what is wrong with them."""

import html
import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tifffile
from support.command import hrpn_tf
from support.evaluated_run import (
    HOSTILE,
    HOSTILE_GROUP,
    predicted,
    truth,
    write_prediction,
)
from support.run_folder import ROLES

from hrpn_tf.slides import write_slide
from hrpn_tf.workflows.report.sources import default_out


@pytest.fixture
def run(made: Path, tmp_path: Path) -> Path:
    """A copy that a test may change."""
    shutil.copytree(made.parent, tmp_path / "copy", ignore=shutil.ignore_patterns("report"))
    return tmp_path / "copy" / "run"


def report(run: Path, *arguments: str, path: Path | None = None) -> int:
    return hrpn_tf("report", path or run, run.parent / "slides.yaml", *arguments).exit_code


def test_a_run_becomes_pages(made: Path) -> None:
    out = made / "report"
    index = (out / "index.html").read_text()
    figures = {path.name for path in (out / "figures").iterdir()}
    for name in ("density", "reliability", "grey_levels", "slides_r2", "training", "coverage"):
        assert {f"{name}.{suffix}" for suffix in ("png", "svg", "csv")} <= figures
    links = re.findall(r'<a href="(slides/[^"]+)"', index)
    assert [(out / link).is_file() for link in links] == [True, True]
    assert re.search(
        r"hrpn-tf evaluate \S*slides\.yaml --run \S+ --spatial --overwrite", html.unescape(index)
    ), "the section that is left out names its command, which replaces the evaluation"
    assert "Unlike the training slides" in index
    # the counts are those of all pixels
    rows = np.loadtxt(out / "figures/density.csv", delimiter=",", skiprows=1)
    assert rows[:, 2].sum() == 2 * 700 * 1100
    within = []
    for image in (truth(1), truth(2)):
        target, (_, low, high) = image[..., 2], np.moveaxis(predicted(image), -1, 0)
        within.append(((target >= low) & (target <= high)).mean())
    assert f"{np.mean(within):.3f}" in index


def test_nothing_from_a_file_becomes_markup(made: Path) -> None:
    out = made / "report"
    for page in (out / "index.html", *(out / "slides").glob("*.html")):
        text = page.read_text()
        for markup in ("<script>alert", "<img src=x", "<b>bright", "49}%2e"):
            assert markup not in text
    index = html.unescape((out / "index.html").read_text())
    assert HOSTILE in index
    assert HOSTILE_GROUP in index
    assert all(re.fullmatch(r"[A-Za-z0-9._-]+", p.name) for p in out.rglob("*") if p.is_file())


def test_the_page_asks_for_nothing_outside(made: Path) -> None:
    index = (made / "report/index.html").read_text()
    sources = re.findall(r'\s(?:src|href)="([^"]*)"', index)
    assert sources
    assert all(re.match(r"(#|data:|slides/)", source) for source in sources)
    assert not re.search(r"@import|url\((?!#)", index)
    assert "default-src 'none'" in index


def test_an_evaluation_elsewhere_and_slides_that_are_halved(
    made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    elsewhere = tmp_path / "night"
    shutil.copytree(made / "evaluation", elsewhere)
    assert report(made, path=elsewhere) == 2
    assert "lies in no run; name the run with --run" in capsys.readouterr().err
    assert report(made, "--run", str(made), "--megapixels", "0.2", path=elsewhere) == 0
    out = tmp_path / "night-report"
    assert f"{out / 'index.html'}: 2 slides" in capsys.readouterr().out
    page = next((out / "slides").glob("*plain.html")).read_text()
    view = json.loads(re.search(r'id="view">(.*?)</script>', page, re.S)[1])
    assert (view["height"], view["width"], view["reduction"]) == (350, 550, 2)
    assert view["pixelSize"] == 1.0
    assert "means of 2 × 2 px" in page
    tiles = next((out / "slides").glob("*plain-tiles"))
    assert sorted(path.name for path in tiles.iterdir()) == ["0", "1"]


def test_the_report_of_an_evaluation_lies_beside_it(made: Path) -> None:
    assert default_out(made) == default_out(made / "evaluation") == made / "report"


def test_a_prediction_with_nan_has_no_page_and_a_constant_target_has_one(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    image = truth(1)
    image[..., 2] = 50
    path = run.parent / "slide-1.ome.tif"
    write_slide(path, image, channels=ROLES, pixel_size_um=0.5, provenance={}, overwrite=True)
    values = np.zeros((700, 1100), np.float32)
    values[650, 30] = np.nan
    tifffile.imwrite(run / "predictions/plain.ome.tif", values, tile=(256, 256))
    assert report(run) == 0
    message = r"plain\.ome\.tif: NaN or infinite pixel at row 650, column 30"
    assert re.search(rf"hrpn-tf: no page of a slide: .*{message}", capsys.readouterr().err)
    assert re.search(message, html.unescape((run / "report/index.html").read_text()))
    assert len(list((run / "report/slides").glob("*.html"))) == 1
    assert len(list((run / "report/slides").glob("*-tiles"))) == 1
    # what was read of it before it failed is not counted
    rows = np.loadtxt(run / "report/figures/density.csv", delimiter=",", skiprows=1)
    assert rows[:, 2].sum() == 700 * 1100
    assert np.abs(rows[:, 0] - 50).max() <= 1, "a bin holds two grey levels at most"


def test_other_reasons_are_said_slide_by_slide(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (run / f"predictions/{HOSTILE}.ome.tif").unlink()
    write_prediction(run, "plain", np.zeros((700, 1099, 1), np.float32))
    assert report(run) == 0
    said = capsys.readouterr().err
    assert re.search(r"make it with: hrpn-tf predict \S*slides\.yaml --run \S+ --out \S+", said)
    assert "is 700 x 1099 px, but measured qd 700 x 1100 px" in said
    assert not list((run / "report/slides").glob("*"))


def test_slides_that_gave_their_whole_area_as_anchor(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def anchor_whole(name: str, seed: int) -> None:
        outline = [[[0, 0], [1100, 0], [1100, 700], [0, 700], [0, 0]]]
        region = {"type": "Polygon", "coordinates": outline}
        anchor = {"anchor": {"region_px": region}, "anchored": {"factor": 1.25}}
        write_prediction(run, name, predicted(truth(seed))[..., :1], **anchor)
        assert hrpn_tf("evaluate", "--run", run, run.parent / "slides.yaml", "--overwrite",
                       "--no-baselines").exit_code == 0  # fmt: skip

    anchor_whole("plain", 2)
    assert report(run) == 0
    assert len(list((run / "report/slides").glob("*.html"))) == 2
    assert "no pixels" in (run / "report/index.html").read_text()
    anchor_whole(HOSTILE, 1)
    capsys.readouterr()
    assert report(run, "--overwrite") == 2
    (said,) = capsys.readouterr().err.splitlines()
    assert "no pixel was evaluated, since all gave the anchor" in said
    assert (run / "report/index.html").is_file(), "the earlier report is kept"


def test_only_a_report_is_replaced(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for out in (run, run / "evaluation", run / "hrpn.yaml"):
        assert report(run, "--overwrite", "--out", str(out)) == 2
        assert "is no report and is not replaced" in capsys.readouterr().err
    assert (run / "hrpn.yaml").is_file()
    (run / "report").mkdir()
    shutil.rmtree(run / "predictions")  # nothing to show: quick
    for _ in range(2):
        assert report(run, "--overwrite") == 0
    assert (run / "report/index.html").is_file()


def test_slides_that_are_gone_leave_the_tables(run: Path) -> None:
    ended = hrpn_tf("report", run)  # the store is gone
    assert ended.exit_code == 0
    assert "was fitted on is not there" in ended.err
    index = (run / "report/index.html").read_text()
    assert "0.9" in index
    assert not (run / "report/figures/density.csv").exists()
    assert not list((run / "report/slides").glob("*"))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda run: shutil.rmtree(run / "evaluation"),
            r"not evaluated yet; do that with: hrpn-tf",
        ),
        (lambda run: (run / "hrpn.yaml").unlink(), r"neither a run \(it holds no hrpn\.yaml\)"),
        (lambda run: (run / "evaluation/metrics.json").write_text("{"), r"damaged or of another"),
        (lambda run: (run / "evaluation/metrics.json").write_text("[]"), r"damaged or of another"),
        (
            lambda run: (run / "evaluation/metrics.json").write_text(
                (run / "evaluation/metrics.json")
                .read_text()
                .replace('"mse": ', '"mse": "x", "_": ')
            ),
            r"damaged or of another",
        ),
        (
            lambda run: (run / "resources.json").write_text('{"seconds": "x", "parameters": []}'),
            r"resources\.json or environment\.json is damaged",
        ),
        (lambda run: (run / "report").mkdir(), r"report exists; give --overwrite"),
        (lambda run: shutil.rmtree(run), r"no such folder"),
    ],
)
def test_what_cannot_be_reported_is_refused(
    run: Path, capsys: pytest.CaptureFixture[str], change: Callable[[Path], object], message: str
) -> None:
    change(run)
    before = sorted(run.parent.rglob("*"))
    assert report(run) == 2
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 1
    assert re.match(rf"hrpn-tf: .*{message}", said[0])
    assert sorted(run.parent.rglob("*")) == before, "nothing half-written is left"
