"""The evaluation of several slides: every slide, the baselines, and all slides pooled."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import reduce
from typing import Any

from hrpn_tf.evaluation.baselines.baselines import Baselines
from hrpn_tf.evaluation.metric_values import Metrics, metrics_of
from hrpn_tf.evaluation.metrics import definitions
from hrpn_tf.evaluation.pixel_errors import Region, View
from hrpn_tf.evaluation.sums import Sums

METRICS_FILE = "metrics.json"  # the file of an evaluation that other commands read
SCHEMA = "hrpn-tf evaluation 1"
POOLED = "pooled"

Compared = Mapping[tuple[View, Region], Sums]


@dataclass(frozen=True)
class SlideMetrics:
    """The sums of one slide, or of all slides pooled.

    Attributes:
        name: name of the slide.
        group: group (animal or slide) that it belongs to.
        subset: how the run used the slide: train, validation or test; "other" if it did not.
        predictors: by name of the predictor (the model, then the baselines), the sums of each view
            and region.
    """

    name: str
    group: str
    subset: str
    predictors: Mapping[str, Compared]


@dataclass(frozen=True)
class MetricsRow:
    """One row of the table: the metrics of one slide, predictor, view and region."""

    slide: str
    group: str
    subset: str
    predictor: str
    view: View
    region: Region
    metrics: Metrics


@dataclass(frozen=True)
class Evaluation:
    """The result of an evaluation.

    Attributes:
        slides: the sums of each slide; at least one.
        peak: peak intensity of PSNR and SSIM, grey levels; None leaves them undefined.
        smooth_px: standard deviation of the view "smoothed", px; 0 if there is no such view.
        dtype: data type of the measured slides, e.g. "uint8".
        baselines: the fitted baselines, or None.
    """

    slides: tuple[SlideMetrics, ...]
    peak: float | None
    smooth_px: float
    dtype: str
    baselines: Baselines | None

    def rows(self) -> list[MetricsRow]:
        """The rows of every slide, then of all slides pooled, by predictor, view and region."""
        return [
            MetricsRow(
                slide.name, slide.group, slide.subset, predictor, *key, metrics_of(sums, self.peak)
            )
            for slide in (*self.slides, self.pooled())
            for predictor, compared in slide.predictors.items()
            for key, sums in compared.items()
        ]  # fmt: skip

    def pooled(self) -> SlideMetrics:
        """The sums over all pixels of all slides, as if they were one image."""
        subsets = sorted({slide.subset for slide in self.slides})
        first = self.slides[0].predictors
        return SlideMetrics(
            POOLED,
            "",
            "+".join(subsets),
            {
                predictor: {
                    key: reduce(_add, (s.predictors[predictor][key] for s in self.slides))
                    for key in compared
                }
                for predictor, compared in first.items()
            },
        )

    def to_json(self) -> dict[str, Any]:
        """Definitions, units and every row as plain values, for ``metrics.json``."""
        return {
            "schema": SCHEMA,
            "definitions": {
                name: {"unit": unit, "definition": text}
                for name, (unit, text) in definitions().items()
            },
            "views": view_definitions(self),
            "peak": self.peak,
            "target_type": self.dtype,
            "rows": [
                {
                    "slide": row.slide,
                    "group": row.group,
                    "subset": row.subset,
                    "predictor": row.predictor,
                    "view": row.view,
                    "region": row.region,
                    **row.metrics.to_json(),
                }
                for row in self.rows()
            ],
            "baselines": None if self.baselines is None else self.baselines.to_json(),
        }


def view_definitions(evaluation: Evaluation) -> dict[View, str]:
    """A description of each view of the pixels."""
    views = {"float": "the prediction as it is stored"}
    if evaluation.dtype.startswith("uint"):
        views["rounded"] = f"the prediction rounded and clipped to {evaluation.dtype}"
    if evaluation.smooth_px:
        views["smoothed"] = (
            f"prediction and target, both smoothed by a Gaussian of sigma {evaluation.smooth_px:g} "
            "px"
        )
    return views


def _add(one: Sums, other: Sums) -> Sums:
    return one + other
