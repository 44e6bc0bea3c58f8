"""``hrpn-tf evaluate --spatial`` on slides, predictions, masks and labels in files."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hrpn_export import Contract
from scipy.ndimage import distance_transform_edt, gaussian_filter
from skimage.measure import label
from support.command import hrpn_tf
from support.run_folder import ROLES, make_run, write_slides

from hrpn_tf.evaluation.spatial.ablated_slide import AblatedSlide
from hrpn_tf.runs import open_run
from hrpn_tf.runs.slides import RunSlide
from hrpn_tf.slides import open_slide, read_provenance, write_slide
from hrpn_tf.workflows.evaluate.ablation import predict_without
from hrpn_tf.workflows.evaluate.spatial_inputs import feature_name

GROUPS = {"a": "train", "b": "validation", "d": "test", "e": "test"}
SHAPE = (150, 190)
Image = tuple[np.ndarray, np.ndarray, np.ndarray]


def image(seed: int) -> Image:
    """Channels, vessels and labels of nuclei; the target falls off with a length of 6 um."""
    random = np.random.default_rng(seed)
    fields = [gaussian_filter(random.standard_normal(SHAPE), sigma) for sigma in (5, 2)]
    vessels = fields[0] > np.quantile(fields[0], 0.92)
    nuclei = label(fields[1] > np.quantile(fields[1], 0.85))
    target = 3 + 60 * np.exp(-distance_transform_edt(~vessels) * 0.5 / 6)
    planes = [10 + 90 * vessels, 5 + 80 * (nuclei > 0), target]
    noisy = np.stack(planes, axis=-1) + random.normal(0, 1, (*SHAPE, 3))
    return np.clip(np.rint(noisy), 0, 255).astype(np.uint8), vessels, nuclei


def write(path: Path, plane: np.ndarray, name: str = "mask", pixel_size_um: float = 0.5) -> None:
    write_slide(
        path, plane[..., None], channels=[name], pixel_size_um=pixel_size_um, provenance={},
        overwrite=True,
    )  # fmt: skip


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run without its network, its slides, and predictions of the test slides."""
    choices = ["grid_um=20", "nucleus_diameter_um=4", "block_um=25", "max_distance_um=30",
               "vessel_min_um2=1"]  # fmt: skip
    run = make_run(
        tmp_path / "run",
        contract=Contract(ROLES[:2], ("qd",), 0.5, 4, 1, True, 255.0),
        groups=GROUPS,
        store=tmp_path / "no-store",
        overrides=["data.tissue.min_share=0", *(f"spatial.{choice}" for choice in choices)],
    )
    (run / "scaling.json").write_text(json.dumps({"input_mean": [17.3, 17.0]}))
    write_slides(tmp_path, GROUPS, lambda seed: image(seed)[0])
    for seed, group in enumerate(GROUPS):
        channels, vessels, nuclei = image(seed)
        if GROUPS[group] == "test":
            predicted = 1 + 0.9 * channels[..., 2].astype(np.float32)
            write(run / "predictions" / f"{group}.ome.tif", predicted, "qd")
            write(tmp_path / f"{group}.vessels.ome.tif", vessels.astype(np.uint8))
            write(tmp_path / f"{group}.nuclei.ome.tif", nuclei.astype(np.uint16))
    return run


def add_network(run: Path) -> None:
    """A network that gives half the vessels, and its predictions."""
    import keras

    inputs = keras.Input((None, None, 2))
    layer = keras.layers.Conv2D(1, 1)
    model = keras.Model(inputs, layer(inputs))
    layer.set_weights([np.array([0.5, 0.0]).reshape(1, 1, 2, 1), np.zeros(1)])
    model.save(run / "best.keras")
    for slide, seed in (("d", 2), ("e", 3)):
        predicted = image(seed)[0][..., 0].astype(np.float32) / 2
        write(run / "predictions" / f"{slide}.ome.tif", predicted, "qd")


def evaluate(run: Path, *arguments: str) -> int:
    slides = run.parent / "slides.csv"
    options = ["--run", run, "--no-baselines", "--spatial", *arguments]
    return hrpn_tf("evaluate", slides, *options).exit_code


@pytest.fixture
def no_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is drawn, which takes most of the time of a small slide."""
    monkeypatch.setattr("hrpn_tf.evaluation.slide_evaluation.draw", lambda *arguments: None)
    monkeypatch.setattr("hrpn_tf.evaluation.spatial.figures.draw_figures", lambda *arguments: [])


def feature(x: int, y: int, side: int, **properties: object) -> dict[str, object]:
    corners = [[x, y], [x + side, y], [x + side, y + side], [x, y + side], [x, y]]
    geometry = {"type": "Polygon", "coordinates": [corners]}
    return {"type": "Feature", "geometry": geometry, "properties": properties}


def test_the_command_writes_everything(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert evaluate(run) == 0
    out = run / "evaluation"
    names = {path.name for path in out.iterdir()}
    assert {"metrics.md", "spatial.md", "spatial.csv", "spatial.json", "spatial"} <= names
    assert [p for p in run.iterdir() if p.name.startswith(".")] == []
    values = json.loads((out / "spatial.json").read_text())
    assert [s["name"] for s in values["slides"]] == ["d", "e"]
    profile = values["profile"]
    assert profile["true"]["depth_1_e"]["value"] == pytest.approx(6, rel=0.1)
    assert profile["pred"]["depth_1_e"]["value"] == pytest.approx(6, rel=0.1)
    pixels = values["agreement"]["pixels"]
    assert pixels["pearson"] == pytest.approx(1, abs=1e-6)
    printed = capsys.readouterr().out
    assert "ICC(2,1)" in printed
    assert "penetration depth" in printed
    # thresholds find what was drawn
    given = [int(label(image(i)[1], connectivity=2).max()) for i in (2, 3)]
    assert [s["vessels"]["count"] for s in values["slides"]] == pytest.approx(given, abs=3)


@pytest.mark.usefixtures("no_pictures")
def test_masks_labels_and_regions_are_taken(run: Path) -> None:
    folder = run.parent
    regions = {
        "type": "FeatureCollection",
        "features": [
            feature(10, 20, 40, name="core"),
            feature(100, 50, 30, classification={"name": "rim"}),
            feature(140, 50, 30, classification={"name": "rim"}),
        ],
    }
    (folder / "regions.geojson").write_text(json.dumps(regions))
    arguments = ["--vessel-mask", f"{folder}/{{slide}}.vessels.ome.tif", "--group", "d"]
    arguments += ["--nucleus-labels", f"{folder}/{{slide}}.nuclei.ome.tif"]
    arguments += ["--regions", str(folder / "regions.geojson")]
    assert evaluate(run, *arguments) == 0
    (slide,) = json.loads((run / "evaluation" / "spatial.json").read_text())["slides"]
    channels, vessels, nuclei = image(2)
    areas = np.bincount(label(vessels, connectivity=2).ravel())[1:]
    assert slide["vessels"]["count"] == (areas * 0.25 >= 1).sum()
    large = np.bincount(nuclei.ravel())[1:] >= 0.2 * np.pi * 4**2
    assert slide["nuclei"]["count"] == large.sum()
    true = channels[..., 2].astype(float)
    assert slide["regions"]["core"]["true_mean"] == pytest.approx(true[20:60, 10:50].mean())
    rim = np.concatenate([true[50:80, 100:130], true[50:80, 140:170]])
    assert slide["regions"]["rim"] == pytest.approx(
        {"pixels": 1800, "true_mean": rim.mean(), "pred_mean": 1 + 0.9 * rim.mean()}, rel=1e-6
    )


def break_prediction(run: Path) -> None:
    import tifffile

    values = np.ones(SHAPE, np.float32)
    values[3, 4] = np.nan
    tifffile.imwrite(run / "predictions/d.ome.tif", values)


def bad_regions(run: Path) -> None:
    (run.parent / "far.geojson").write_text(json.dumps(feature(5000, 0, 9, name="core")))


def flat_vessels(level: int) -> Callable[[Path], None]:
    def change(run: Path) -> None:
        write(run.parent / "d.flat.ome.tif", np.full(SHAPE, level, np.uint8))

    return change


MASK, LABELS = ["--group", "d", "--vessel-mask"], ["--group", "d", "--nucleus-labels"]


@pytest.mark.parametrize(
    ("change", "arguments", "code", "message"),
    [
        (None, ["--set", "spatial.vessel_threshold=250"], 2, r"d \(vessels above .*\): no vessel;"),
        (None, ["--set", "spatial.vessel_threshold=-1"], 2, "every pixel is vessel; set the grey"),
        (flat_vessels(0), [*MASK, "{}/d.flat.ome.tif"], 2, r"mask d\.flat.*: no vessel"),
        (flat_vessels(9), [*MASK, "{}/d.flat.ome.tif"], 2, "every pixel is vessel"),
        (flat_vessels(9), [*LABELS, "{}/d.flat.ome.tif"], 2, "one label .* only: a mask"),
        (
            lambda run: write(run.parent / "s.ome.tif", np.ones((9, 9), np.uint8)),
            [*MASK, "{}/s.ome.tif"], 2, r"s\.ome\.tif: 9 x 9 px, but the slide d has 150 x 190",
        ),
        (
            lambda run: write(run.parent / "p.ome.tif", np.ones(SHAPE, np.uint8), "m", 0.25),
            [*LABELS, "{}/p.ome.tif"], 2, "0.25 um/px, but the slide d has 0.5",
        ),
        (
            lambda run: write(run.parent / "f.ome.tif", np.full(SHAPE, 0.5, np.float32)),
            [*LABELS, "{}/f.ome.tif"], 2, "labels are whole numbers",
        ),
        (None, [*MASK, "{}/none.tif"], 2, r"none\.tif: no such slide"),
        (None, ["--vessel-mask", "{}/d.vessels.ome.tif"], 2, r"one file for 2 slides; write \{sl"),
        (bad_regions, ["--group", "d", "--regions", "{}/far.geojson"], 2, "'core' covers no pixel"),
        (break_prediction, [], 1, "NaN or infinite pixel at row 3, column 4"),
        (lambda run: (run.parent / "e.ome.tif").unlink(), [], 2, r"e\.ome\.tif.*(no such|missing)"),
        (None, ["--ablate", "qd"], 2, "the network has no such input; its inputs are vessels, nuc"),
        (
            lambda run: (run / "best.keras").write_bytes(b"a network"),
            ["--ablate", "vessels", "--ablate-by", "shuffle"], 2,
            "fewer than 4 blocks of 64 um to shuffle; choose smaller",
        ),
        (None, ["--ablate", "vessels"], 2, r"no best\.keras yet"),
        (None, ["--set", "training.batch_size=3"], 2, r"only spatial\.\* and evaluation\.\*"),
        (None, ["--set", "spatial.grid=3"], 2, "grid_um"),
        (None, ["--set", "evaluation.vessel_role=cd31"], 2, "no input is called cd31"),
        (
            lambda run: (run / "scaling.json").unlink(),
            ["--ablate", "vessels"], 2, "ablate with --ablate-by shuffle",
        ),
    ],
)  # fmt: skip
def test_bad_input_is_one_line_and_leaves_nothing(
    run: Path,
    change: Callable[[Path], None] | None,
    arguments: list[str],
    code: int,
    message: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    if change is not None:
        change(run)
    before = {path for path in run.rglob("*") if "ablated" not in path.parts}
    assert evaluate(run, *(text.replace("{}", str(run.parent)) for text in arguments)) == code
    lines = [li for li in capsys.readouterr().err.splitlines() if li.startswith("hrpn-tf: ")]
    assert len(lines) == 1
    assert re.search(message, lines[0]), lines[0]
    assert {path for path in run.rglob("*") if "ablated" not in path.parts} == before


def test_options_of_the_spatial_evaluation_need_it(run: Path) -> None:
    ended = hrpn_tf("evaluate", "--run", run, "--ablate", "vessels")
    assert ended.exit_code == 2
    assert "--ablate belongs to --spatial" in ended.err


@pytest.mark.usefixtures("no_pictures")
@pytest.mark.parametrize("how", ["mean", "shuffle"])
def test_an_input_that_matters_and_one_that_does_not_are_told_apart(run: Path, how: str) -> None:
    add_network(run)
    arguments = ["--ablate", "vessels", "--ablate", "nuclei", "--ablate-by", how]
    arguments += ["--set", "spatial.region=whole", "--set", "spatial.shuffle_um=10"]
    assert evaluate(run, *arguments) == 0
    values = json.loads((run / "evaluation" / "spatial.json").read_text())
    vessels, nuclei = values["ablation"]
    nothing = nuclei["change"]["mse"]
    assert nothing["estimate"] == 0.0
    assert "2 slides" in nothing["unresolved"]
    assert nothing["low"] is nothing["high"] is None
    assert vessels["change"]["r2"]["estimate"] < -0.05
    place = run / "predictions" / "ablated" / f"vessels-{how}" / "d.ome.tif"
    assert read_provenance(place)["ablation"]["input"] == "vessels"
    with open_slide(place) as opened:
        ablated = opened.read(0, 0, *SHAPE, [0])[..., 0]
    true = [image(seed)[0][..., 2].astype(float) for seed in (2, 3)]
    if how == "mean":
        assert (ablated == 8.5).all()  # half of the mean grey level, rounded
        expected = np.mean([(8.5 - t) ** 2 for t in true])
        assert vessels["mse_without"]["estimate"] == pytest.approx(expected)
        slide = RunSlide("d", run.parent / "d.ome.tif", "d", "test", {}, None)
        written = place.stat().st_mtime_ns
        folder = run / "predictions"
        opened, named = open_run(run), ("vessels", "mean")
        again = predict_without(opened, slide, *named, folder, shuffle_um=9, progress=False)
        assert again == place
        assert place.stat().st_mtime_ns == written  # the same network: kept


@pytest.mark.parametrize("side", [7, 32, 400])
def test_shuffled_blocks_are_the_same_whatever_the_windows(tmp_path: Path, side: int) -> None:
    channels = image(0)[0]
    write_slide(tmp_path / "s.ome.tif", channels, channels=ROLES, pixel_size_um=0.5, provenance={})
    with open_slide(tmp_path / "s.ome.tif") as opened:
        ablated = AblatedSlide(opened, 1, None, side)
        whole = ablated.read(0, 0, *SHAPE, [0, 1])
        part = ablated.read(11, 29, 60, 101, [1, 0])
    np.testing.assert_array_equal(part, whole[11:71, 29:130, ::-1])
    np.testing.assert_array_equal(whole[..., 0], channels[..., 0])
    assert sorted(whole[..., 1].ravel()) == sorted(channels[..., 1].ravel())
    moved = (whole[..., 1] != channels[..., 1]).any()
    assert moved == (side < min(SHAPE))


def test_features_are_named_as_qupath_does() -> None:
    assert feature_name({"properties": {"name": " tumour  core "}}, 1) == "tumour core"
    assert feature_name({"properties": {"classification": {"name": "rim"}}}, 2) == "rim"
    assert feature_name({"properties": None}, 3) == "region 3"
