"""The files of an evaluation, a comparison and a cross-validation, character by character.

The sums are made up, so that no image library has a say in the last digit, and a metric that is
added later is left out. To accept a change that is meant, run this file:
``python tests/evaluation/test_output_files.py``.
"""

import json
from pathlib import Path

import numpy as np
import pytest

from hrpn_tf.data.splits import Split
from hrpn_tf.evaluation import metrics
from hrpn_tf.evaluation.comparison import tables as comparison_tables
from hrpn_tf.evaluation.comparison.comparison import (
    ComparedSlides,
    Comparison,
    Cost,
    Entry,
    with_groups,
)
from hrpn_tf.evaluation.evaluation import Evaluation, SlideMetrics
from hrpn_tf.evaluation.metric_values import metrics_of
from hrpn_tf.evaluation.moments import NO_PIXELS, Moments
from hrpn_tf.evaluation.sums import Sums
from hrpn_tf.evaluation.tables import to_csv, to_markdown
from hrpn_tf.workflows.cross_validation import FoldMetrics, _write

EXPECTED = Path(__file__).parent / "expected_output"
COLUMNS = np.array([0.5, 0.25, 1.0, -2.0])


def sums(scale: float, columns: np.ndarray = COLUMNS) -> Sums:
    """Of 400 pixels whose error grows with ``scale``."""
    pixels = Moments(
        count=400,
        mean_true=8.0,
        mean_pred=8.0 + scale / 4,
        square_true=6400.0,
        square_pred=4900.0,
        cross=5000.0,
        squared_error=1600.0 * scale,
        absolute_error=500.0 * scale,
        min_true=0.0,
        max_true=64.0,
        min_pred=-1.5,
        max_pred=48.25,
    )
    return Sums(pixels, 300.0, 320, columns, 1)


def evaluation() -> Evaluation:
    flat = Moments(10, 5.0, 5.0, 0.0, 0.0, 0.0, 0.0, 0.0, 5.0, 5.0, 5.0, 5.0)
    none, no_columns = np.zeros(0), np.zeros(0)
    first = {
        ("float", "whole"): sums(1.0),
        ("rounded", "whole"): sums(2.0),
        ("float", "tissue"): sums(0.5, no_columns),
        ("rounded", "tissue"): Sums(NO_PIXELS, 0.0, 0, none, 0),
    }
    second = {
        ("float", "whole"): sums(4.0),
        ("rounded", "whole"): Sums(flat, 0.0, 0, np.ones(3), 3),
        ("float", "tissue"): Sums(NO_PIXELS, 0.0, 0, none, 0),
        ("rounded", "tissue"): Sums(NO_PIXELS, 0.0, 0, none, 0),
    }
    slides = (
        SlideMetrics("a|1", "a", "test", {"model": first}),
        SlideMetrics("b", "b", "other", {"model": second}),
    )
    return Evaluation(slides, 255.0, 0.0, "uint8", None)


def comparison() -> Comparison:
    def entry(label: str, scale: float, kind: str = "run", **rest: object) -> Entry:
        found = metrics_of(sums(scale), 255.0)
        mse = np.array([4.0 * scale, 4.0 * scale])
        return Entry(label, kind, mse, found.values, found.predicted, **rest)  # type: ignore[arg-type]

    cost = Cost(1000, 6.5, 3.0, None, 20.0, 1.0)
    runs = [
        entry("m0", 1.0, preset="hrpn-m", seed=0, family="m", cost=cost),
        entry("m1", 2.0, preset="hrpn-m", seed=1, family="m", cost=cost),
        entry("small", 3.0, preset="hrpn-s", seed=0, family="s"),
    ]
    two = np.array([400.0, 400.0])
    slides = ComparedSlides(
        ("a", "b"),
        ("a", "b"),
        two,
        np.array([8.0, 8.0]),
        np.array([4.0, 4.0]),
        0,
        64,
        np.ones(2),
        "qd",
    )
    entries = (*with_groups(runs), entry("mean", 4.0, "baseline"))
    return Comparison(slides, entries, "m0", 255.0, ("Latency was not measured.",))


METRICS = ("r2", "r2_per_column", "pearson", "mse", "rmse", "mae", "bias", "psnr", "ssim")


def write_all(folder: Path) -> None:
    """Every file whose content follows from the metrics."""
    with pytest.MonkeyPatch.context() as patch:
        for name in set(metrics.METRICS) - set(METRICS):
            patch.delitem(metrics.METRICS, name)
        _write_all(folder)


def _write_all(folder: Path) -> None:
    found, compared = evaluation(), comparison()
    texts = {
        "metrics.json": json.dumps(found.to_json(), indent=2) + "\n",
        "metrics.csv": to_csv(found),
        "metrics.md": to_markdown(found),
        "comparison.json": comparison_tables.to_json(compared),
        "comparison.csv": comparison_tables.to_csv(compared),
        "comparison.md": comparison_tables.to_markdown(compared),
    }
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")
    names = [name for name in METRICS if name != "r2_per_column"]
    folds = []
    for number, (scale, peak) in enumerate(((1.0, 255.0), (2.0, 255.0), (3.0, None))):
        values = metrics_of(sums(scale), peak).values
        split = Split((f"g{number + 2}",), (f"g{number + 1}",), (f"g{number}",))
        folds.append(FoldMetrics(number, split, 7 + number, {name: values[name] for name in names}))
    _write(folder, folds)


NAMES = [
    *(f"{stem}.{suffix}" for stem in ("metrics", "comparison") for suffix in ("json", "csv", "md")),
    *(f"summary.{suffix}" for suffix in ("json", "csv", "md")),
]


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("written")
    write_all(folder)
    return folder


@pytest.mark.parametrize("name", NAMES)
def test_a_file_is_what_it_was(written: Path, name: str) -> None:
    found, expected = ((each / name).read_text("utf-8") for each in (written, EXPECTED))
    assert found == expected


def test_every_expected_file_is_compared(written: Path) -> None:
    assert {path.name for path in EXPECTED.iterdir()} == set(NAMES)
    assert {path.name for path in written.iterdir()} == set(NAMES)


if __name__ == "__main__":
    write_all(EXPECTED)
