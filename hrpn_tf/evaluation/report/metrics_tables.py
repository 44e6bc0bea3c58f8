"""The tables of an evaluation, read from its ``metrics.json``."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hrpn_tf.errors import RunError, UsageError
from hrpn_tf.evaluation.baselines.baselines import MODEL
from hrpn_tf.evaluation.evaluation import METRICS_FILE, POOLED, SCHEMA
from hrpn_tf.evaluation.metrics import METRICS, metrics_shown_in
from hrpn_tf.untrusted import LARGEST, read_json

# Metrics that the table of all slides shows; a slide's own page has them all.
BY_SLIDE = tuple(metrics_shown_in("slides"))


@dataclass(frozen=True)
class ReportMetrics:
    """The contents of ``metrics.json``.

    Attributes:
        rows: as plain values: slide, predictor, view, region, metrics.
        definitions: metric: unit and definition.
        views: name: what it is.
        peak: grey level of PSNR and SSIM, or None.
        target_type: type of the measured slides.
        networks: checksums of the networks that predicted.
        symmetries: slides whose prediction averages the orientations of each tile.
        weights: name of the weights that stood for a run; None of an evaluation of a run.
    """

    rows: tuple[Mapping[str, Any], ...]
    definitions: Mapping[str, Mapping[str, str]]
    views: Mapping[str, str]
    peak: float | None
    target_type: str
    networks: tuple[str, ...]
    symmetries: tuple[str, ...] = ()
    weights: str | None = None

    @property
    def slides(self) -> list[str]:
        """Names, in order."""
        return list(dict.fromkeys(row["slide"] for row in self.rows if row["slide"] != POOLED))

    def of(self, slide: str, view: str = "float", region: str = "whole") -> list[Mapping[str, Any]]:
        """The rows of a slide, one per predictor."""
        wanted = (slide, view, region)
        return [r for r in self.rows if (r["slide"], r["view"], r["region"]) == wanted]

    def model(self, slide: str) -> Mapping[str, Any]:
        """The network's row, whole slide, as stored."""
        return next(row for row in self.of(slide) if row["predictor"] == MODEL)


def read_metrics(folder: Path) -> ReportMetrics:
    """Read ``metrics.json`` of an evaluation.

    Raises:
        UsageError: there is none.
        RunError: it is damaged or of another version.
    """
    path = folder / METRICS_FILE
    if not path.is_file():
        raise UsageError(f"{path}: no such evaluation; make it with hrpn-tf evaluate")
    try:
        values = read_json(path, RunError, LARGEST)
        if values["schema"] != SCHEMA:
            raise ValueError
        metrics = ReportMetrics(
            tuple(values["rows"]),
            values["definitions"],
            values["views"],
            values["peak"],
            values["target_type"],
            tuple(values.get("networks") or ()),
            tuple(n for n, v in (values.get("predictions") or {}).items() if v.get("symmetries")),
            values.get("weights"),
        )
        if not isinstance(metrics.weights, str | None):
            raise TypeError("weights")
        for slide in (*metrics.slides, POOLED):
            _check(metrics.model(slide), metrics.definitions)
        return metrics
    except (RunError, ValueError, KeyError, TypeError, AttributeError, StopIteration):
        raise RunError(
            f"{path}: damaged or of another version; run hrpn-tf evaluate again with --overwrite"
        ) from None


def _check(row: Mapping[str, Any], definitions: Mapping[str, Any]) -> None:
    """Refuse a row that the pages could not show, by the errors of looking things up in it.

    An evaluation of an earlier version may lack a metric that was added since. Where all pixels
    gave the anchor there is no grey level to state.
    """
    for name in definitions:
        if not isinstance(row[name], int | float | None):
            raise TypeError(name)
    row["group"] + row["subset"]
    for side in (row["true"], row["predicted"]) if row["pixels"] > 0 else ():
        for name in ("mean", "sd", "min", "max"):
            side[name] + 0.0


def metric_tables(metrics: ReportMetrics, slide: str = POOLED) -> list[dict[str, Any]]:
    """Tables of one slide, or of all pooled: one per view and region, the main one first.

    Each is ``title``, ``heads`` and ``rows`` of (predictor, metrics as text, reasons).
    """
    keys = dict.fromkeys((r["view"], r["region"]) for r in metrics.rows if r["slide"] == slide)
    tables = []
    for view, region in keys:
        where = "Whole slide" if region == "whole" else "Tissue only"
        tables.append(
            {
                "title": f"{where}: {metrics.views.get(view, view)}",
                "heads": heads(metrics),
                "rows": [
                    {"name": row["predictor"], "cells": cells(row)}
                    for row in metrics.of(slide, view, region)
                ],
            }
        )
    return tables


def heads(metrics: ReportMetrics, names: Sequence[str] = tuple(METRICS)) -> list[dict[str, str]]:
    """Headings of the metrics, with what they are."""
    return [
        {
            "title": METRICS[name].heading,
            "definition": metrics.definitions.get(name, {}).get("definition", ""),
            "unit": metrics.definitions.get(name, {}).get("unit", ""),
        }
        for name in names
    ]


def cells(row: Mapping[str, Any], names: Sequence[str] = tuple(METRICS)) -> list[dict[str, Any]]:
    """Metrics of a row: value, digits, and why one is missing."""
    undefined = row.get("undefined") or {}
    return [
        {
            "value": row.get(name),
            "digits": METRICS[name].decimals(row.get(name)),
            "reason": undefined.get(name, ""),
        }
        for name in names
    ]
