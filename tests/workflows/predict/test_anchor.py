"""``predict --anchor``, the column ``anchor`` and ``--anchor-region``."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hrpn_export import Contract
from support.command import hrpn_tf
from support.run_folder import ROLES, files_below, make_run

from hrpn_tf.config import TissueConfig
from hrpn_tf.data.tissue import block_side, read_blocks, read_tissue, tissue_mask
from hrpn_tf.errors import AnchorError
from hrpn_tf.prediction.slide_prediction import SlidePrediction
from hrpn_tf.slides import open_slide, read_provenance, write_slide
from hrpn_tf.workflows.predict.cluster import dask_cluster

SHAPE = (140, 200)
CONTRACT = Contract(ROLES[:2], ("qd",), 0.5, 1, 3, True, 255.0)


@pytest.fixture(scope="module")
def smoothing(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A network whose answer is positive: a mean over 3 x 3 px of both inputs, times 0.1."""
    import keras

    grey = keras.Input((None, None, 2))
    layer = keras.layers.Conv2D(1, 3, padding="same", use_bias=False)
    network = keras.Model(grey, layer(grey))
    layer.set_weights([np.full((3, 3, 2, 1), 0.1 / 18, np.float32)])
    path = tmp_path_factory.mktemp("smoothing") / "best.keras"
    network.save(path)
    return path


@pytest.fixture
def run(tmp_path: Path, smoothing: Path) -> Path:
    """A run with that network, beside the slides d1, d2 (animal d) and e (animal e)."""
    for seed, name in enumerate(("d1", "d2", "e")):
        slide(tmp_path / f"{name}.ome.tif", seed)
    return make_run(tmp_path / "run", smoothing, CONTRACT)


def slide(path: Path, seed: int = 0) -> Path:
    """Tissue in the right three quarters of a dark slide; the target is a tenth of the inputs."""
    random = np.random.default_rng(seed)
    image = random.integers(0, 4, (*SHAPE, 3)).astype(np.uint8)
    image[:, SHAPE[1] // 4 :, :2] = random.integers(60, 250, (SHAPE[0], 3 * SHAPE[1] // 4, 2))
    image[..., 2] = image[..., :2].mean(axis=-1) / (5 + seed)
    write_slide(path, image, channels=ROLES, pixel_size_um=0.5, provenance={}, overwrite=True)
    return path


def listed(folder: Path, rows: Sequence[str], heading: str = "slide,group,anchor") -> Path:
    path = folder / "anchored.csv"
    path.write_text("\n".join([heading, *rows]) + "\n")
    return path


def predict(run: Path, *arguments: object) -> Any:
    return hrpn_tf("predict", "--run", run, "--workers", 0, *arguments)


def pixels(path: Path) -> np.ndarray:
    with open_slide(path) as opened:
        return opened.read(0, 0, opened.info.height, opened.info.width, [0])[..., 0]


def tissue_of(path: Path) -> np.ndarray:
    """The tissue by the rule of ``prepare``, pixel by pixel."""
    with open_slide(path) as opened:
        side = block_side(TissueConfig().scale_um, 0.5)
        mask = tissue_mask(read_blocks(opened, [0, 1], side), 2, TissueConfig())
        again = read_tissue(opened, [0, 1], side, TissueConfig())
    np.testing.assert_array_equal(again, mask)
    assert 0.6 < mask.mean() < 0.9
    return mask.repeat(side, 0).repeat(side, 1)[: SHAPE[0], : SHAPE[1]]


@pytest.mark.parametrize(
    ("name", "options", "tolerance"),
    [
        ("x.ome.tif", [], 1e-6),
        ("x.ome.zarr", ["--dtype", "uint16"], 1e-3),
        ("x.ome.zarr", ["--format", "ome-zarr-0.4", "--dtype", "uint8"], 1e-3),
        ("x.ome.tif", ["--mask", "mask"], 1e-6),
        ("x.ome.tif", ["--region", "20,10,150,100", "--symmetries"], 1e-6),
    ],
)
def test_the_mean_over_tissue_is_what_was_measured(
    run: Path, tmp_path: Path, name: str, options: list[str], tolerance: float
) -> None:
    """Of what is predicted: a region or a mask restricts the tissue, too."""
    where = np.zeros(SHAPE, bool)
    where[10:110, 20:170] = True
    if "--region" not in options and "--mask" not in options:
        where[:] = True
    corners = [[20, 10], [170, 10], [170, 110], [20, 110], [20, 10]]
    (tmp_path / "mask.geojson").write_text(
        json.dumps({"type": "Polygon", "coordinates": [corners]})
    )
    options = [str(tmp_path / "mask.geojson") if o == "mask" else o for o in options]
    plain, out = tmp_path / "plain.ome.tif", tmp_path / "out" / name
    source = tmp_path / "d1.ome.tif"
    exact = [o for o in options if o not in ("uint8", "uint16", "--dtype", "ome-zarr-0.4")]
    exact = [o for o in exact if o != "--format"]
    assert predict(run, source, "--out", plain, *exact).exit_code == 0
    assert predict(run, source, "--out", out, *options, "--anchor", 90).exit_code == 0
    tissue = tissue_of(source) & where
    got, before = pixels(out), pixels(plain)
    if "--region" in options:
        tissue = tissue[10:110, 20:170]
    assert got[tissue].mean() == pytest.approx(90, rel=tolerance)
    made = read_provenance(out)
    assert made["anchor"] == {"over": "tissue", "mean": 90.0}
    found = made["anchored"]
    assert found["mean_before"] == pytest.approx(before[tissue].mean(), rel=1e-6)
    assert found["pixels"] == tissue.sum()
    np.testing.assert_allclose(got, before * found["factor"], rtol=1e-6, atol=0.501)


def test_values_are_scaled_before_they_are_rounded(run: Path, tmp_path: Path) -> None:
    """The network answers 15 and less; scaled after rounding, multiples of 16 would be left."""
    out = tmp_path / "out.ome.tif"
    done = predict(run, tmp_path / "d1.ome.tif", "--out", out, "--anchor", 240, "--dtype", "uint8")
    assert done.exit_code == 0
    assert len(np.unique(pixels(out))) > 60
    assert "clipped at 255" in done.err


def test_a_result_of_a_few_whole_grey_levels_is_told(run: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.ome.tif"
    done = predict(
        run, tmp_path / "d1.ome.tif", "--out", out, "--anchor", 0.001, "--dtype", "uint8"
    )
    assert done.exit_code == 0
    assert not pixels(out).any()
    assert "after it was anchored, and is rounded to whole numbers in uint8" in done.err


def test_slides_of_one_animal_share_a_factor(run: Path, tmp_path: Path) -> None:
    """Their mean over all tissue is what was measured; another animal has a factor of its own."""
    rows = ["d1.ome.tif,d,30", "d2.ome.tif,d,30", "e.ome.tif,e,12.5"]
    out = tmp_path / "out"
    assert predict(run, listed(tmp_path, rows), "--out", out).exit_code == 0
    values = {
        name: pixels(out / f"{name}.ome.tif")[tissue_of(tmp_path / f"{name}.ome.tif")]
        for name in ("d1", "d2", "e")
    }
    assert np.concatenate([values["d1"], values["d2"]]).mean() == pytest.approx(30, rel=1e-6)
    assert values["d1"].mean() != pytest.approx(30, rel=1e-3)
    assert values["e"].mean() == pytest.approx(12.5, rel=1e-6)
    made = {name: read_provenance(out / f"{name}.ome.tif") for name in values}
    assert made["d1"]["anchored"]["factor"] == made["d2"]["anchored"]["factor"]
    assert made["d1"]["anchor"]["slides"] == ["d1.ome.tif", "d2.ome.tif"]
    assert not list(out.glob(".*"))
    again = predict(run, listed(tmp_path, rows), "--out", out)
    assert (again.exit_code, "3 of 3 slides are predicted already" in again.err) == (0, True)


@pytest.mark.parametrize("stop", ["measure", "finish"])
def test_an_animal_goes_on_where_it_was_stopped(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stop: str
) -> None:
    """Stopped at the second slide: the first one is held, or written already."""
    rows = ["d1.ome.tif,d,30", "d2.ome.tif,d,30"]
    slides, out = listed(tmp_path, rows), tmp_path / "out"
    assert predict(run, slides, "--out", tmp_path / "reference").exit_code == 0
    real = getattr(SlidePrediction, stop)

    def stopped(self: SlidePrediction, *arguments: Any) -> Any:
        if self.out.name == "d2.ome.tif":
            raise KeyboardInterrupt
        return real(self, *arguments)

    with monkeypatch.context() as patch:
        patch.setattr(SlidePrediction, stop, stopped)
        assert predict(run, slides, "--out", out).exit_code != 0
    assert (out / "d1.ome.tif").exists() is (stop == "finish")
    assert not (out / "d2.ome.tif").exists()
    assert predict(run, slides, "--out", out).exit_code == 0
    assert files_below(out) == files_below(tmp_path / "reference")


@pytest.mark.slow
def test_slides_of_one_animal_on_workers(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same bytes as from one process, by workers that are started once."""
    real, started = dask_cluster.local, []

    def local(*arguments: Any) -> Any:
        started.append(arguments)
        return real(*arguments)

    monkeypatch.setattr(dask_cluster, "local", local)
    rows = ["d1.ome.tif,d,30", "d2.ome.tif,d,30", "e.ome.tif,e,12.5"]
    slides = listed(tmp_path, rows)
    assert predict(run, slides, "--out", tmp_path / "reference").exit_code == 0
    out = tmp_path / "out"
    done = hrpn_tf("predict", slides, "--run", run, "--workers", 2, "--out", out)
    assert done.exit_code == 0
    assert files_below(out) == files_below(tmp_path / "reference")
    assert done.out.count("anchored: times") == 3
    assert len(started) == 1


def test_an_animal_is_predicted_again(run: Path, tmp_path: Path) -> None:
    """Although its results are there, and are the same."""
    rows = ["d1.ome.tif,d,30", "d2.ome.tif,d,30"]
    slides, out = listed(tmp_path, rows), tmp_path / "out"
    assert predict(run, slides, "--out", out).exit_code == 0
    before = files_below(out)
    done = predict(run, slides, "--out", out, "--overwrite")
    assert done.exit_code == 0
    assert done.out.count("12 of 12 blocks were there") == 2, "computed once"
    assert files_below(out) == before


def test_a_slide_waits_for_the_others_of_its_animal(run: Path, tmp_path: Path) -> None:
    """No factor without all of them; what is computed is kept for the next call."""
    (tmp_path / "d2.ome.tif").write_bytes((tmp_path / "d2.ome.tif").read_bytes()[:9000])
    rows = ["d1.ome.tif,d,30", "d2.ome.tif,d,30", "e.ome.tif,e,12.5"]
    slides, out = listed(tmp_path, rows), tmp_path / "out"
    done = predict(run, slides, "--out", out)
    assert done.exit_code == 1
    assert "d1.ome.tif: waits for d2.ome.tif of the same animal" in done.err
    assert [path.name for path in out.glob("[!.]*")] == ["e.ome.tif"]
    slide(tmp_path / "d2.ome.tif", 1)
    assert predict(run, slides, "--out", out).exit_code == 0
    assert {path.name for path in out.iterdir()} == {"d1.ome.tif", "d2.ome.tif", "e.ome.tif"}


def test_a_region_that_was_measured(run: Path, tmp_path: Path) -> None:
    """Its target and prediction have the same sum; a rectangle and its outline do the same."""
    source, out = tmp_path / "d1.ome.tif", tmp_path / "rectangle.ome.tif"
    assert predict(run, source, "--out", out, "--anchor-region", "60,20,50,40").exit_code == 0
    corners = [[60, 20], [110, 20], [110, 60], [60, 60], [60, 20]]
    (tmp_path / "area.geojson").write_text(
        json.dumps({"type": "Polygon", "coordinates": [corners]})
    )
    other = tmp_path / "outline.ome.tif"
    area = tmp_path / "area.geojson"
    assert predict(run, source, "--out", other, "--anchor-region", area).exit_code == 0
    with open_slide(source) as opened:
        true = opened.read(20, 60, 40, 50, [2])[..., 0].astype(float)
    assert pixels(out)[20:60, 60:110].mean() == pytest.approx(true.mean(), rel=1e-6)
    np.testing.assert_array_equal(pixels(out), pixels(other))
    made = read_provenance(out)
    assert made["anchored"]["pixels"] == 2000
    assert made["anchor"]["target"] == "qd"


def test_a_region_without_target_is_refused_before_anything_is_predicted(
    run: Path, tmp_path: Path
) -> None:
    with open_slide(slide(tmp_path / "dark.ome.tif")) as opened:
        image = opened.read(0, 0, *SHAPE, [0, 1, 2])
    image[20:60, 60:110, 2] = 0
    source, out = tmp_path / "dark.ome.tif", tmp_path / "out" / "dark.ome.tif"
    write_slide(source, image, channels=ROLES, pixel_size_um=0.5, provenance={}, overwrite=True)
    done = predict(run, source, "--out", out, "--anchor-region", "60,20,50,40")
    assert done.exit_code == AnchorError.exit_code
    assert "the measured target is 0 in the whole region of the anchor" in done.err
    assert not list(out.parent.glob("*")) + list(out.parent.glob(".*"))
    assert predict(run, source, "--out", out, "--anchor-region", "60,20,51,40").exit_code == 0


def test_a_result_with_another_anchor_is_no_result(run: Path, tmp_path: Path) -> None:
    slides, out = [tmp_path / "d1.ome.tif", tmp_path / "e.ome.tif"], tmp_path / "out"
    assert predict(run, *slides, "--out", out).exit_code == 0
    rows = ["d1.ome.tif,d,30", "e.ome.tif,e,12.5"]
    done = predict(run, listed(tmp_path, rows), "--out", out)
    assert done.exit_code != 0
    assert "made without an anchor" in done.err
    assert predict(run, listed(tmp_path, rows), "--out", out, "--overwrite").exit_code == 0
    rows = ["d1.ome.tif,d,31", "e.ome.tif,e,12.5"]
    assert "made with another anchor" in predict(run, listed(tmp_path, rows), "--out", out).err


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["d1.ome.tif", "--anchor", 0], "--anchor 0: an anchor is"),
        (["d1.ome.tif", "--anchor", -2], "--anchor -2: an anchor is"),
        (["d1.ome.tif", "--anchor", "nan"], "--anchor nan: an anchor is"),
        (["d1.ome.tif", "--anchor", "inf"], "--anchor inf: an anchor is"),
        (["d1.ome.tif", "e.ome.tif", "--anchor", 3], "of one animal, for 2 slides"),
        (["d1.ome.tif", "--anchor", 3, "--anchor-region", "0,0,9,9"], "state one of them"),
        (["d1.ome.tif", "--anchor-region", "0,0,9"], "--anchor-region 0,0,9: expected X,Y"),
        (["d1.ome.tif", "--anchor-region", "190,0,90,9"], "does not lie within the slide"),
        (["d1.ome.tif", "--anchor-region", "0,0,9,9", "--region", "50,50,9,9"], "no predicted px"),
        (["dark.ome.tif", "--anchor", 3], "no tissue is predicted"),
        (["some.csv"], "states no anchor, but 1 of 2 slides to predict do"),
        (["zero.csv"], "row 2: the anchor 0 must be a number above 0"),
        (["two.csv"], "the anchor 4 is not the 3 of row 2"),
        (["two.csv", "--anchor", 3], "the anchor 4 is not the 3 of row 2"),
        (["one.csv", "--anchor", 3], "--anchor and the column 'anchor': state one of them"),
    ],
)
def test_bad_anchors(run: Path, tmp_path: Path, arguments: list[Any], expected: str) -> None:
    """One line, and nothing is left."""
    for name, rows in {
        "some": ["d1.ome.tif,d,3", "e.ome.tif,e,"],
        "zero": ["d1.ome.tif,d,0"],
        "two": ["d1.ome.tif,d,3", "d2.ome.tif,d,4"],
        "one": ["d1.ome.tif,d,3"],
    }.items():
        (tmp_path / f"{name}.csv").write_text("\n".join(["slide,group,anchor", *rows]))
    if arguments[0] == "dark.ome.tif":
        image = np.zeros((*SHAPE, 3), np.uint8)
        write_slide(
            tmp_path / "dark.ome.tif", image, channels=ROLES, pixel_size_um=0.5, provenance={}
        )
    paths = [tmp_path / a if str(a).endswith((".tif", ".csv")) else a for a in arguments]
    done = predict(run, *paths, "--out", tmp_path / "out")
    expected = expected.replace("px", "pixel")
    assert done.exit_code in (1, 2)
    assert expected in done.err
    assert done.err.count("\n") == 1
    assert not (tmp_path / "out").exists()
