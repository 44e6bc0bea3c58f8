"""``hrpn-tf compare`` on runs with tiny networks, from what is not yet predicted to the table."""

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hrpn_export import Contract
from support.command import Ended, hrpn_tf
from support.run_folder import ROLES, make_run, write_slides
from support.stores import make_store

from hrpn_tf.errors import UsageError
from hrpn_tf.slides import open_slide
from hrpn_tf.workflows.compare.run_results import parse_runs
from hrpn_tf.workflows.predict.options import Execution
from hrpn_tf.workflows.predict.predict import predict_run

GROUPS = {"a": "train", "b": "train", "c": "validation", "d": "test", "e": "test"}
SHAPE = (96, 80)
# folder: preset in its configuration, seed, what its network multiplies the vessels by
RUNS = {"m0": ("hrpn-m", 0, 0.5), "m1": ("hrpn-m", 1, 0.4), "s": ("hrpn-s", 0, 0.1)}


def image(seed: int) -> np.ndarray:
    """The target is half the vessels, rounded down."""
    inputs = np.random.default_rng(seed).integers(0, 100 + 20 * seed, (*SHAPE, 2))
    return np.concatenate([inputs, inputs[..., :1] // 2], axis=-1).astype(np.uint8)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("slides")
    (folder / "truth").mkdir()
    for seed, group in enumerate(GROUPS):
        variance = float(image(seed)[..., 2].var())
        truth = {"errors": {"slide": {"error_floor": 0.25, "target_variance": variance}}}
        (folder / "truth" / f"{group}.json").write_text(json.dumps(truth))
    return make_store(write_slides(folder, GROUPS, image), folder / "store").path


def save_network(path: Path, factor: float) -> None:
    """One that multiplies the vessels by a factor."""
    import keras

    inputs = keras.Input((None, None, 2))
    layer = keras.layers.Conv2D(1, 1)
    model = keras.Model(inputs, layer(inputs))
    layer.set_weights([np.array([factor, 0.0]).reshape(1, 1, 2, 1), np.zeros(1)])
    model.save(path)


@pytest.fixture(scope="module")
def fitted(tmp_path_factory: pytest.TempPathFactory, store: Path) -> Path:
    """Runs whose networks are trained, and no more."""
    folder = tmp_path_factory.mktemp("fitted")
    for name, (preset, seed, factor) in RUNS.items():
        save_network(folder / f"{name}.keras", factor)
        choices = [f"model.preset={preset}", f"training.seed={seed}", "data.tissue.method=all"]
        make_run(
            folder / name,
            folder / f"{name}.keras",
            Contract(ROLES[:2], ("qd",), 0.5, 4, 1, True, 255.0),
            groups=GROUPS,
            store=store,
            overrides=choices,
        )
        (folder / f"{name}.keras").unlink()
    return folder


@pytest.fixture(scope="module")
def compared(tmp_path_factory: pytest.TempPathFactory, fitted: Path) -> tuple[Path, Ended]:
    """The same, predicted, evaluated and compared by one command; what it wrote is in ``out``."""
    folder = shutil.copytree(fitted, tmp_path_factory.mktemp("compared") / "runs")
    (folder / "m0" / "resources.json").write_text(
        json.dumps({"steps_per_second": 3.5, "training_memory_mb": 1234.5})
    )
    runs = [folder / name for name in RUNS]
    return folder, hrpn_tf("compare", *runs, "--out", folder / "out", "--rounds", 2)


@pytest.fixture(scope="module")
def evaluated(tmp_path_factory: pytest.TempPathFactory, compared: tuple[Path, Ended]) -> Path:
    """The runs that were predicted and evaluated, and no more."""
    folder = shutil.copytree(compared[0], tmp_path_factory.mktemp("evaluated") / "runs")
    shutil.rmtree(folder / "out")
    (folder / "m0" / "resources.json").unlink()
    return folder


@pytest.fixture
def runs(tmp_path: Path, evaluated: Path) -> Path:
    """Evaluated runs to play with."""
    return shutil.copytree(evaluated, tmp_path / "runs")


def compare(*arguments: object) -> int:
    return hrpn_tf("compare", *arguments).exit_code


def test_runs_are_predicted_evaluated_and_compared(compared: tuple[Path, Ended]) -> None:
    runs, ended = compared
    out = runs / "out"
    assert ended.exit_code == 0
    names = {path.name for path in out.iterdir()}
    assert names == {f"comparison.{end}" for end in ("md", "csv", "json")} | {
        "mse.png",
        "range.png",
        "cost.png",
    }
    values = json.loads((out / "comparison.json").read_text())
    entries = {each["label"]: each for each in values["entries"]}
    assert list(entries) == [
        "m0",
        "m1",
        "hrpn-m, mean of 2",
        "s",
        "mean of training slides",
        "vessel distance alone",
        "gradient-boosted trees",
    ]
    tests = [image(seed).astype(float) for seed in (3, 4)]
    for name, (_, _, factor) in RUNS.items():
        errors = [np.mean((t[..., 0] * factor - t[..., 2]) ** 2) for t in tests]
        assert entries[name]["mse_by_slide"] == pytest.approx(errors, rel=1e-5)
        assert entries[name]["mse"] == pytest.approx(np.mean(errors), rel=1e-5)
        variance = np.concatenate([t[..., 2].ravel() for t in tests]).var()
        share = (variance - np.mean(errors)) / (variance - 0.25)
        assert entries[name]["explained_share"] == pytest.approx(share, rel=1e-5)
        assert entries[name]["mse_8bit"] is not None
        assert entries[name]["predicted"]["p99.9"] <= entries[name]["predicted"]["max"]
    text = (out / "comparison.md").read_text()
    assert "## Published definitions" in text
    assert "## Range of the predictions" in text
    assert entries["m0"]["steps_per_second"] == 3.5
    assert entries["m0"]["parameters"] == 3
    assert entries["m0"]["gmac"] == pytest.approx(512 * 512 * 2 / 1e9)
    assert entries["m0"]["latency_ratio"] == 1
    assert entries["s"]["training_memory_mb"] is None
    assert entries["gradient-boosted trees"]["ssim"] is not None
    assert entries["gradient-boosted trees"]["r2"] > entries["mean of training slides"]["r2"]
    assert "hrpn-m, mean of 2" in ended.out
    assert "1,234" in ended.out or "1,235" in ended.out


def test_what_was_evaluated_already_is_only_read(
    runs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plain = ["--no-baselines", "--rounds", "0", "--out"]
    assert compare(runs / "m0", f"other={runs / 's'}", *plain, runs / "one") == 0
    written = (runs / "m0/evaluation/metrics.json").stat().st_mtime_ns
    for path in (runs / "m0/predictions").iterdir():
        path.unlink()
    assert compare(runs / "m0", f"other={runs / 's'}", *plain, runs / "two") == 0
    assert (runs / "m0/evaluation/metrics.json").stat().st_mtime_ns == written
    first, second = (json.loads((runs / n / "comparison.json").read_text()) for n in ("one", "two"))
    assert first == second
    assert [each["label"] for each in first["entries"]] == ["m0", "other"]
    assert first["entries"][0]["latency_ms"] is None
    assert len(first["remarks"]) == 1
    change_json(
        runs / "m0/evaluation/metrics.json", lambda v: v["predictions"]["d"].update(symmetries=True)
    )
    assert compare(runs / "m0", *plain, runs / "averaged") == 0
    averaged = json.loads((runs / "averaged/comparison.json").read_text())
    assert "the eight orientations of each tile: m0; operations" in averaged["remarks"][1]
    change_json(runs / "m0/evaluation/metrics.json", scaled_to_means)
    capsys.readouterr()
    assert compare(runs / "m0", *plain, runs / "unscaled") == 0
    assert "compared as the network gave them" in capsys.readouterr().err
    unscaled = json.loads((runs / "unscaled/comparison.json").read_text())
    assert unscaled["entries"][0] == averaged["entries"][0]
    (runs / "m0/best.keras").write_bytes((runs / "m1/best.keras").read_bytes())
    capsys.readouterr()
    assert compare(runs / "m0", *plain, runs / "three") == 0
    assert "is of another network" in capsys.readouterr().err


def test_slides_of_one_animal_are_one_unit_whichever_evaluation_says_so(runs: Path) -> None:
    """Evaluations of an earlier version, whose rows name no group, are read as before."""
    plain = [runs / "m0", runs / "m1", "--no-baselines", "--rounds", "0", "--out"]

    def found(name: str) -> dict:
        assert compare(*plain, runs / name) == 0
        values: dict = json.loads((runs / name / "comparison.json").read_text())
        return values

    assert found("new")["resampled"] == "slides"
    change_json(
        runs / "m0/evaluation/metrics.json", lambda v: [row.pop("group") for row in v["rows"]]
    )
    old = found("old")
    assert (old["resampled"], [row["group"] for row in old["slides"]]) == ("slides", ["d", "e"])
    change_json(
        runs / "m1/evaluation/metrics.json", lambda v: [row.update(group="m") for row in v["rows"]]
    )
    one = found("one")
    assert (one["resampled"], [row["group"] for row in one["slides"]]) == ("animals", ["m", "m"])
    assert one["intervals"] == "one test animal (2 slides): no interval can be given"
    assert "1 animal, and" in one["entries"][0]["mse_interval"]["unresolved"]


def scaled_to_means(values: dict) -> None:
    """As if predictions had been anchored: what was the network's is now without the anchor."""
    own = [row for row in values["rows"] if row["predictor"] == "model"]
    values["rows"] += [{**row, "predictor": "model without its anchor"} for row in own]
    for row in own:
        row.update(mse=9e9, r2=-9e9)


def change_json(path: Path, change: Callable[[dict], object]) -> None:
    values = json.loads(path.read_text(encoding="utf-8"))
    change(values)
    path.write_text(json.dumps(values), encoding="utf-8")


def of_slide(values: dict, name: str) -> list[dict]:
    return [row for row in values["rows"] if row["slide"] == name]


@pytest.mark.parametrize(
    ("change", "arguments", "message"),
    [
        (lambda metrics: None, ["--reference", "m9"], r"--reference m9: nothing.*are m0, m1, and"),
        (
            lambda metrics: None,
            ["--reference", "hrpn-l, mean of 2"],
            r"mean of 2: nothing.*are m0, m1, hrpn",
        ),
        (
            lambda metrics: shutil.copy(metrics.parents[2] / "m0/best.keras", metrics.parents[1]),
            [],
            r"m0 and m1 are the same network; name each network once",
        ),
        (
            lambda metrics: change_json(
                metrics, lambda v: [row.update(slide="z") for row in of_slide(v, "e")]
            ),
            [],
            r"m0 and m1 were evaluated on different slides: e \(and 1 more\) only for m0",
        ),
        (
            lambda metrics: change_json(
                metrics, lambda v: [row["true"].update(mean=1.0) for row in of_slide(v, "d")]
            ),
            [],
            r"m0 and m1: the measured slide d is not the same image",
        ),
        (
            lambda metrics: change_json(
                metrics, lambda v: [v["predictions"]["d"]["input"].update(sha256={"d": "other"})]
            ),
            [],
            r"m0 and m1: the measured slide d is not the same image",
        ),
        (
            lambda metrics: change_json(
                metrics, lambda v: [row.update(subset="train") for row in of_slide(v, "d")]
            ),
            [],
            r"holds d, a train slide of this run, and would flatter it",
        ),
        (
            lambda metrics: change_json(
                metrics,
                lambda v: [r.update(pixels=0, mse=None, true={}) for r in of_slide(v, "d")],
            ),
            [],
            r"no pixel of d was compared; evaluate slides with pixels beside",
        ),
        (
            lambda metrics: change_json(metrics, lambda v: v.update(peak=9.0)),
            [],
            r"evaluated with different peaks: 255\.0, 9\.0",
        ),
        (lambda metrics: metrics.write_text("{"), [], r"metrics\.json: damaged or of another"),
        (
            lambda metrics: (metrics.parents[1] / "hrpn.yaml").write_text("data: {target: fitc}"),
            [],
            r"m0 and m1 predict different targets: qd, fitc",
        ),
        (lambda metrics: (metrics.parents[2] / "m0/best.keras").unlink(), [], r"m0: no best\.ker"),
        (lambda metrics: (metrics.parents[2] / "out").mkdir(), [], r"out exists; give --overwrite"),
    ],
)
def test_what_cannot_be_compared_is_refused(
    runs: Path,
    capsys: pytest.CaptureFixture[str],
    change: Callable[[Path], object],
    arguments: list[str],
    message: str,
) -> None:
    change(runs / "m1" / "evaluation" / "metrics.json")
    before = sorted(runs.rglob("*"))
    plain = [runs / "m0", runs / "m1", "--no-baselines", "--rounds", "0"]
    assert compare(*plain, "--out", runs / "out", *arguments) == 2
    said = capsys.readouterr().err.splitlines()[-1]
    assert said.startswith("hrpn-tf: ")
    assert re.search(message, said)
    assert sorted(runs.rglob("*")) == before, "nothing is left behind"


def test_runs_of_one_name_must_be_told_apart(tmp_path: Path) -> None:
    (tmp_path / "odd=name").mkdir()
    folders = parse_runs([str(tmp_path / "odd=name"), f"b={tmp_path}"])
    assert folders == {"odd=name": tmp_path / "odd=name", "b": tmp_path}
    with pytest.raises(UsageError, match="would both be called run; name one as NAME=RUN"):
        parse_runs(["a/run", "b/run"])


def test_predictions_go_on_where_they_stopped(fitted: Path, tmp_path: Path) -> None:
    runs = shutil.copytree(fitted, tmp_path / "runs")

    def go_on() -> list[str]:
        said: list[str] = []
        execution = Execution(skip_existing=True, progress=False, on_done=said.append)
        paths = predict_run(runs / "m0", execution=execution)
        assert [path.name for path in paths] == ["d.ome.tif", "e.ome.tif"]
        return said

    assert len(go_on()) == 2
    assert go_on() == []
    (runs / "m0/predictions/d.ome.tif").unlink()
    assert len(go_on()) == 1
    with open_slide(runs / "m0/predictions/d.ome.tif") as slide:
        got = slide.read(0, 0, *SHAPE, [0])[..., 0]
    np.testing.assert_allclose(got, image(3)[..., 0] * 0.5, rtol=1e-5)
    (runs / "m0/best.keras").write_bytes((runs / "m1/best.keras").read_bytes())
    with pytest.raises(UsageError, match=r"not by the network of .*m0 as it is now"):
        go_on()


def test_rows_of_another_order_are_of_the_same_slides(runs: Path) -> None:
    """An evaluation of a slide list has the order of its rows."""
    plain = [runs / "m0", runs / "m1", "--no-baselines", "--rounds", "0", "--out"]
    assert compare(*plain, runs / "one") == 0
    change_json(runs / "m1/evaluation/metrics.json", lambda v: v["rows"].reverse())
    assert compare(*plain, runs / "other") == 0
    one, other = (json.loads((runs / n / "comparison.json").read_text()) for n in ("one", "other"))
    assert one == other
