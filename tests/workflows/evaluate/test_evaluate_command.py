"""``hrpn-tf evaluate`` on slides and predictions in files; needs no network."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tifffile
from scipy.ndimage import gaussian_filter
from sklearn.metrics import r2_score
from support.command import hrpn_tf, hrpn_tf_apart
from support.run_folder import ROLES, make_run, write_slides

from hrpn_tf.slides import write_slide

GROUPS = {"a": "train", "b": "train", "c": "validation", "d": "test"}


def image(seed: int, shape: tuple[int, int] = (70, 95)) -> np.ndarray:
    random = np.random.default_rng(seed)
    planes = [gaussian_filter(random.gamma(0.5, 90, shape), 2) for _ in ROLES]
    return np.clip(np.stack(planes, axis=-1), 0, 255).astype(np.uint8)


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run folder without network, its slides, and a prediction of the test slide."""
    run = make_run(
        tmp_path / "run",
        groups=GROUPS,
        store=tmp_path / "no-store",
        overrides=["evaluation.smooth_px=2", "data.tissue.min_share=0"],
    )
    write_slides(tmp_path, GROUPS, image)
    predict(run, "d", image(3)[..., 2:].astype(np.float32) * 0.9)
    return run


def predict(run: Path, name: str, values: np.ndarray, pixel_size_um: float = 0.5) -> None:
    write_slide(
        run / "predictions" / f"{name}.ome.tif",
        values,
        channels=["qd"],
        pixel_size_um=pixel_size_um,
        provenance={"model": {"sha256": "of the network"}},
        overwrite=True,
    )


def evaluate(run: Path, *arguments: str) -> int:
    return hrpn_tf("evaluate", run.parent / "slides.csv", "--run", run, *arguments).exit_code


def test_the_test_slides_are_evaluated_by_default(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert evaluate(run) == 0
    out = run / "evaluation"
    files = {path.name for path in out.iterdir()}
    assert files == {"metrics.json", "metrics.csv", "metrics.md", "d.png"}
    rows = json.loads((out / "metrics.json").read_text())["rows"]
    assert {row["slide"] for row in rows} == {"d", "pooled"}
    assert {row["subset"] for row in rows} == {"test"}
    assert {row["region"] for row in rows} == {"whole", "tissue"}
    assert {row["view"] for row in rows} == {"float", "rounded", "smoothed"}
    true = image(3)[..., 2].astype(float)
    expected = r2_score(true.ravel(), true.ravel() * 0.9)
    found = next(r for r in rows if (r["view"], r["region"]) == ("float", "whole"))
    assert found["r2"] == pytest.approx(expected, rel=1e-6)
    printed = capsys.readouterr().out
    assert f"{expected:.3f}" in printed
    assert "vessel distance alone" in printed
    assert "d.png" in printed


def test_the_error_floor_is_bounded_with_the_training_slides(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert evaluate(run, "--error-floor", "--no-baselines") == 0
    out = run / "evaluation"
    floor = json.loads((out / "error-floor.json").read_text())
    true = image(3)[..., 2].astype(float)
    assert floor["animals"] == 4
    assert floor["target_variance"] == pytest.approx(true.var(), rel=0.05)
    assert floor["network"] == pytest.approx(np.mean((0.1 * true) ** 2), rel=1e-4)
    assert floor["at_most"] == floor["network"]  # nothing of the target can be learnt from inputs
    assert 0 <= floor["at_least"] <= floor["at_most"] < floor["regression"]
    for text in (capsys.readouterr().out, (out / "metrics.md").read_text(encoding="utf-8")):
        assert "## How good could anyone be?" in text
        assert "lies between" in text


def test_error_and_variance_of_the_floor_are_of_the_same_pixels(
    run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of slides of 9:1 area, too: without noise, the share of the explainable is R²."""
    monkeypatch.setattr("hrpn_tf.workflows.evaluate.error_floor.noise_variance", lambda plane: 0.0)
    values = np.clip(image(4, (210, 285)) * 1.5 + 40, 0, 255).astype(np.uint8)
    write_slide(run.parent / "d.ome.tif", values, channels=ROLES, pixel_size_um=0.5,
                provenance={}, overwrite=True)  # fmt: skip
    predict(run, "d", values[..., 2:].astype(np.float32) - 20)
    predict(run, "c", image(2)[..., 2:].astype(np.float32))
    assert evaluate(run, "--group", "c", "--group", "d", "--error-floor", "--no-baselines") == 0
    floor = json.loads((run / "evaluation" / "error-floor.json").read_text())
    rows = json.loads((run / "evaluation" / "metrics.json").read_text())["rows"]
    pooled = next(r for r in rows if (r["slide"], r["view"]) == ("pooled", "float"))
    assert floor["network_share_of_explainable"][0] == pytest.approx(pooled["r2"])
    assert floor["network"] == pytest.approx(pooled["mse"])


def test_an_error_floor_takes_two_animals(run: Path) -> None:
    alone = run.parent / "alone.csv"
    alone.write_text("slide,group\nd.ome.tif,d\n")
    ended = hrpn_tf("evaluate", alone, "--run", run, "--error-floor")
    assert ended.exit_code == 2
    assert "--error-floor: takes measured slides of 2 animals, and there is 1" in ended.err
    assert not (run / "evaluation").exists()


def test_averaged_orientations_are_said(run: Path) -> None:
    settings = {"configuration": {"prediction": {"symmetries": True}}}
    values = image(3)[..., 2:].astype(np.float32)
    write_slide(run / "predictions" / "d.ome.tif", values, channels=["qd"], pixel_size_um=0.5,
                provenance=settings, overwrite=True)  # fmt: skip
    assert evaluate(run, "--no-baselines") == 0
    assert "Each tile was predicted in its eight orientations" in (
        run / "evaluation" / "metrics.md"
    ).read_text(encoding="utf-8")
    metrics = json.loads((run / "evaluation" / "metrics.json").read_text())
    assert metrics["predictions"]["d"]["symmetries"] is True


def anchored(run: Path, factor: float, stated: dict[str, object]) -> np.ndarray:
    """A prediction that was multiplied by a factor; gives it before that."""
    values = image(3)[..., 2:].astype(np.float32) * 0.9
    made = {"anchor": stated, "anchored": {"factor": factor}}
    write_slide(run / "predictions" / "d.ome.tif", values * np.float32(factor), channels=["qd"],
                pixel_size_um=0.5, provenance=made, overwrite=True)  # fmt: skip
    return values[..., 0]


def found(run: Path, region: str = "whole") -> dict[str, dict[str, float]]:
    """Metrics of the test slide by predictor."""
    rows = json.loads((run / "evaluation" / "metrics.json").read_text())["rows"]
    place = ("d", "float", region)
    return {r["predictor"]: r for r in rows if (r["slide"], r["view"], r["region"]) == place}


def test_figures_with_and_without_an_anchor(run: Path) -> None:
    before = anchored(run, 1.25, {"over": "tissue", "mean": 17.0})
    assert evaluate(run) == 0
    true, rows = image(3)[..., 2].ravel(), found(run)
    for predictor, factor in (("model", 1.25), ("model without its anchor", 1.0)):
        expected = r2_score(true, before.ravel() * factor)
        assert rows[predictor]["r2"] == pytest.approx(expected, rel=1e-5)
    assert rows["model"]["pearson"] == pytest.approx(rows["model without its anchor"]["pearson"])
    text = (run / "evaluation" / "metrics.md").read_text(encoding="utf-8")
    assert "- d: times 1.25, by a mean over tissue of 17." in text


def test_the_region_of_an_anchor_does_not_count(run: Path) -> None:
    """Not even where the prediction is absurd there; all other pixels do count."""
    corners = [[10, 5], [60, 5], [60, 40], [10, 40], [10, 5]]
    stated = {"over": "region", "region_px": {"type": "Polygon", "coordinates": [corners]}}
    before = anchored(run, 2.0, stated)
    assert evaluate(run) == 0
    kept = np.ones(before.shape, bool)
    kept[5:40, 10:60] = False
    rows, true = found(run), image(3)[..., 2]
    assert rows["model"]["pixels"] == kept.sum()
    for predictor, factor in (("model", 2.0), ("model without its anchor", 1.0)):
        expected = r2_score(true[kept], before[kept] * factor)
        assert rows[predictor]["r2"] == pytest.approx(expected, rel=1e-5)
    assert rows["model"]["r2_per_column"] is None
    mean = rows["mean of training slides"]
    assert mean["pixels"] == kept.sum()
    assert found(run, "tissue")["model"]["pixels"] < kept.sum()


@pytest.mark.parametrize(
    "stated", [{"over": "region", "region_px": {"type": "Polygon", "coordinates": 3}}]
)
def test_a_damaged_anchor_is_named(
    run: Path, stated: dict[str, object], capsys: pytest.CaptureFixture[str]
) -> None:
    anchored(run, 2.0, stated)
    assert evaluate(run) == 2
    assert "what it states of its anchor is damaged" in capsys.readouterr().err


def test_an_anchored_prediction_does_not_bound_the_error_floor(run: Path) -> None:
    """Its scale comes from the target: after it, the network would seem to be perfect."""
    anchored(run, 1 / 0.9, {"over": "tissue", "mean": 17.0})
    assert evaluate(run, "--error-floor", "--no-baselines") == 0
    floor = json.loads((run / "evaluation" / "error-floor.json").read_text())
    rows = found(run)
    assert rows["model"]["mse"] < 1e-6
    assert floor["network"] == rows["model without its anchor"]["mse"] > 1
    text = (run / "evaluation" / "metrics.md").read_text(encoding="utf-8")
    assert "Without its anchor it explains" in text


def test_options_choose_groups_and_baselines(run: Path, tmp_path: Path) -> None:
    predict(run, "a", image(0)[..., 2:].astype(np.float32))
    out = tmp_path / "out"
    arguments = ["--group", "a", "--group", "d", "--no-baselines", "--smooth-px", "0"]
    assert evaluate(run, *arguments, "--peak", "100", "--out", str(out)) == 0
    values = json.loads((out / "metrics.json").read_text())
    assert values["peak"] == 100
    assert values["baselines"] is None
    assert {row["predictor"] for row in values["rows"]} == {"model"}
    assert {row["view"] for row in values["rows"]} == {"float", "rounded"}
    assert {row["subset"] for row in values["rows"]} == {"train", "test", "test+train"}


@pytest.mark.parametrize(
    ("change", "arguments", "code", "message"),
    [
        (
            lambda run: (run / "predictions/d.ome.tif").unlink(),
            [],
            2,
            r"no prediction of d; make them with: hrpn-tf predict .*slides\.csv --run .*--group d",
        ),
        (
            lambda run: predict(run, "d", np.zeros((70, 94, 1), np.float32)),
            [],
            2,
            r"d: predicted 70 x 94 px, measured 70 x 95 px",
        ),
        (
            lambda run: tifffile.imwrite(
                run / "predictions/d.ome.tif", np.full((70, 95), np.nan, np.float32)
            ),
            [],
            1,
            r"d\.ome\.tif: NaN or infinite pixel",
        ),
        (
            lambda run: predict(run, "d", np.zeros((70, 95, 1), np.float32), 0.6),
            [],
            2,
            r"0\.6 um/px, but the measured slide has 0\.5",
        ),
        (lambda run: None, ["--group", "e"], 2, r"no group e; it has a, b, c, d"),
        (
            lambda run: (run.parent / "slides.csv").write_text(
                "slide,group,name\nd.ome.tif,d,../../d\n"
            ),
            [],
            2,
            r"row 2: the name \.\./\.\./d cannot be a file name",
        ),
        (
            lambda run: (run.parent / "slides.csv").write_text(
                "slide,group,name\nd.ome.tif,d,pooled\n"
            ),
            [],
            2,
            r"d\.ome\.tif: is called pooled, as all slides together are",
        ),
        (lambda run: (run / "hrpn.yaml").unlink(), [], 2, r"no run folder"),
        (lambda run: (run / "split.json").write_text("{"), [], 2, r"split\.json: missing or dam"),
        (lambda run: (run.parent / "d.ome.tif").unlink(), [], 2, r"d\.ome\.tif: no such slide"),
        (lambda run: (run / "evaluation").mkdir(), [], 2, r"evaluation exists; give --overwrite"),
    ],
)
def test_what_cannot_be_evaluated_is_refused(
    run: Path,
    capsys: pytest.CaptureFixture[str],
    change: Callable[[Path], object],
    arguments: list[str],
    code: int,
    message: str,
) -> None:
    change(run)
    before = sorted(run.iterdir())
    assert evaluate(run, *arguments) == code
    said = capsys.readouterr().err.splitlines()[-1]
    assert said.startswith("hrpn-tf: ")
    assert re.search(message, said)
    assert sorted(run.iterdir()) == before, "nothing half-written is left"


def test_a_run_without_test_group_asks_for_one(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    split = json.loads((run / "split.json").read_text())
    split["train"]["groups"], split["test"]["groups"] = ["a", "b", "d"], []
    (run / "split.json").write_text(json.dumps(split))
    assert evaluate(run) == 2
    assert "name one with --group" in capsys.readouterr().err


def test_a_prediction_by_another_network_is_remarked_on(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (run / "best.keras").write_bytes(b"another network")
    assert evaluate(run, "--no-baselines") == 0
    assert "was predicted by another network" in capsys.readouterr().err


def test_a_constant_target_is_no_crash(run: Path, tmp_path: Path) -> None:
    flat = image(3)
    flat[..., 2] = 4
    path = tmp_path / "d.ome.tif"
    write_slide(path, flat, channels=ROLES, pixel_size_um=0.5, provenance={}, overwrite=True)
    assert evaluate(run) == 0
    rows = json.loads((run / "evaluation/metrics.json").read_text())["rows"]
    assert rows[0]["r2"] is None
    assert rows[0]["undefined"]["r2"] == "the true values are constant"


def test_without_the_training_slides_there_are_no_baselines(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "slides.csv").write_text("slide,group\nd.ome.tif,d\n")
    assert evaluate(run) == 0
    assert "no baselines" in capsys.readouterr().err


def test_the_locale_does_not_matter(run: Path) -> None:
    """In a locale of ASCII, with a warning for each file in the encoding of the locale."""
    ended = hrpn_tf_apart(
        "evaluate",
        run.parent / "slides.csv",
        "--run",
        run,
        LC_ALL="C",
        PYTHONUTF8="0",
        PYTHONCOERCECLOCALE="0",
        PYTHONIOENCODING="ascii",
        PYTHONWARNDEFAULTENCODING="1",
    )
    assert ended.exit_code == 0, ended.err
    assert "EncodingWarning" not in ended.err
    assert "R²" in (run / "evaluation/metrics.md").read_text(encoding="utf-8")
    assert "R\\xb2" in ended.out


def test_a_group_that_the_run_spells_otherwise_is_refused(run: Path) -> None:
    path = run.parent / "slides.csv"
    path.write_text(path.read_text(encoding="utf-8").replace(",a\n", ",A\n"), encoding="utf-8")
    ended = hrpn_tf("evaluate", path, "--run", run)
    assert ended.exit_code == 2
    assert "the group 'A' differs from 'a' of the run" in ended.err
