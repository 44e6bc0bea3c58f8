"""A program of a user, for ``mypy --strict``: it uses the whole face and is not run."""

from collections.abc import Mapping
from pathlib import Path
from typing import assert_type

import numpy as np
from numpy.typing import NDArray

import hrpn_tf as ht
from hrpn_tf import api
from hrpn_tf.config import Config
from hrpn_tf.progress import Update
from hrpn_tf.runs import Run
from hrpn_tf.slides import Slide


def show(update: Update) -> None:
    """A progress function."""


def program(image: NDArray[np.uint8], folder: Path) -> None:
    """Every function, with paths, results and objects."""
    assert_type(ht.__version__, str)
    config = ht.load_config("demo", {"training": {"epochs": 2}})
    assert_type(config, Config)
    simulated = ht.simulate(folder / "slides", config, progress=show)
    assert_type(simulated, api.SimulationResult)
    assert_type(simulated.slides, tuple[Path, ...])
    assert_type(ht.init(folder / "slides", channels={"qd": 2}), api.InitResult)
    with ht.open_slide(simulated.slides[0]) as slide:
        assert_type(slide, Slide)
        prepared = ht.prepare([{"slide": slide, "group": "a"}], "rows", pixel_size=0.5)
    prepared = ht.prepare(simulated, "patches", {"data.patch": 64})
    assert_type(prepared, api.PreparationResult)
    fitted = ht.fit(prepared, "run", "hrpn.yaml", preset="hrpn-s", progress=True)
    assert_type(fitted, api.FitResult)
    assert_type(ht.fit(None, "run", simulate=20), api.FitResult)
    assert_type(fitted.metrics, Mapping[str, float])
    assert_type(ht.open_run(fitted), Run)
    assert_type(ht.predict(fitted), api.PredictionResult)
    assert_type(ht.predict("run", ["a.tif", folder / "b.tif"], out="out"), api.PredictionResult)
    assert_type(ht.predict(fitted.run, image, pixel_size=0.5), NDArray[np.float32])
    bounds = ht.predict(fitted.run, image, pixel_size=0.5, intervals=True)
    assert_type(bounds, api.IntervalArrays)
    assert_type(bounds.lower, NDArray[np.float32])
    evaluated = ht.evaluate(fitted, "slides.csv", ht.predict(fitted), spatial=True)
    assert_type(evaluated, api.EvaluationResult)
    assert_type(evaluated.metrics, Mapping[str, float | None])
    assert_type(ht.calibrate(fitted, coverage=0.8), api.CalibrationResult)
    exported = ht.export(fitted, "bundle", formats=["onnx"])
    assert_type(exported, api.ExportResult)
    assert_type(ht.predict(exported, image, pixel_size=0.5, precision="int8"), NDArray[np.float32])
    assert_type(ht.report(evaluated), api.ReportResult)
    assert_type(ht.compare({"one": fitted, "two": "run"}, "comparison"), api.ComparisonResult)
    row = ht.compare([fitted, "run"], "comparison").table[0]
    assert_type(row["mse"], str | int | float | None)
    planned = ht.plan(fitted, ["new.csv"], at=[16], shorten=0.5)
    assert_type(planned, api.PlanResult)
