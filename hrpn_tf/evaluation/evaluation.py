"""Metrics of several slides, of the baselines, and of all slides pooled."""

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
    """What was measured on one slide, or on all of them pooled.

    Attributes:
        name: of the slide.
        group: that it belongs to.
        subset: train, validation or test, as the run used it; "other" for a slide it never saw.
        predictors: name of a predictor (the model, then baselines): its sums by view and region.
    """

    name: str
    group: str
    subset: str
    predictors: Mapping[str, Compared]


@dataclass(frozen=True)
class Row:
    """One line of the table."""

    slide: str
    group: str
    subset: str
    predictor: str
    view: View
    region: Region
    metrics: Metrics


@dataclass(frozen=True)
class Evaluation:
    """All slides of an evaluation.

    Attributes:
        slides: one entry per slide.
        peak: grey level of PSNR and SSIM, or None.
        smooth_px: sigma of the view "smoothed", px; 0 if there is none.
        dtype: type of the measured slides.
        baselines: what they know, if they were asked for.
    """

    slides: tuple[SlideMetrics, ...]
    peak: float | None
    smooth_px: float
    dtype: str
    baselines: Baselines | None

    def rows(self) -> list[Row]:
        """Every slide, then all pooled: predictors, views and regions in order."""
        return [
            Row(
                slide.name, slide.group, slide.subset, predictor, *key, metrics_of(sums, self.peak)
            )
            for slide in (*self.slides, self.pooled())
            for predictor, compared in slide.predictors.items()
            for key, sums in compared.items()
        ]  # fmt: skip

    def pooled(self) -> SlideMetrics:
        """All pixels of all slides as one image."""
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
        """As plain values: definitions, units, and every row."""
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
    """What each view of the pixels is."""
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
