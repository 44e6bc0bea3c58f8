"""Writes a spatial evaluation as JSON, CSV, Markdown and figures."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from hrpn_tf.evaluation.bootstrap import NOT_RESOLVED
from hrpn_tf.evaluation.spatial.ablation import Ablation
from hrpn_tf.evaluation.spatial.ends import ENDS
from hrpn_tf.evaluation.spatial.measure import SlideMeasures
from hrpn_tf.evaluation.spatial.pairs import KINDS
from hrpn_tf.evaluation.spatial.profile import DistanceProfile
from hrpn_tf.evaluation.spatial.published import PUBLISHED, REMARK
from hrpn_tf.evaluation.spatial.study import SpatialStudy, pixel_metrics
from hrpn_tf.text import csv_text

SCHEMA = "hrpn-tf spatial evaluation 1"
FIGURES = "spatial"


@dataclass(frozen=True)
class Report:
    """The contents of a spatial report.

    Attributes:
        study: of all slides.
        ablations: the contribution of each input.
    """

    study: SpatialStudy
    ablations: tuple[Ablation, ...]

    def to_json(self) -> dict[str, Any]:
        """As plain values; metrics that are not defined are null. See ``docs/guide/spatial.md``."""
        study = self.study
        values = {
            "schema": SCHEMA,
            "settings": study.config.model_dump(mode="json"),
            "intervals": study.clusters.description,
            "resampled": study.clusters.what,
            "slides": [_slide(study, i) for i in range(len(study.slides))],
            "profile": profile_json(study.profile),
            "extravasation": study.extravasation,
            "nuclei": study.nuclei,
            "intensity": study.intensity,
            "agreement": {
                kind: {
                    "title": KINDS[kind].title,
                    "unit": KINDS[kind].unit,
                    "definition": KINDS[kind].definition,
                    **found.to_json(),
                }
                for kind, found in study.agreements.items()
            },
            "ablation": [one.to_json() for one in self.ablations],
            "published": {
                "remark": REMARK,
                "figures": [
                    {"kind": kind, "paper": paper, "figure": figure, "value": value}
                    for kind, paper, figure, value in PUBLISHED
                ],
            },
        }
        plain: dict[str, Any] = _plain(values)
        return plain


def write_report(report: Report, folder: Path) -> None:
    """Write ``spatial.json``, ``spatial.csv``, ``spatial.md`` and the figures into a folder."""
    from hrpn_tf.evaluation.spatial.figures import draw_figures
    from hrpn_tf.evaluation.spatial.markdown import to_markdown

    values = report.to_json()
    text = json.dumps(values, indent=2, allow_nan=False) + "\n"
    (folder / "spatial.json").write_text(text, encoding="utf-8")
    (folder / "spatial.csv").write_text(to_csv(values), encoding="utf-8")
    figures = folder / FIGURES
    figures.mkdir()
    names = draw_figures(report.study, figures)
    page = to_markdown(values, [f"{FIGURES}/{n}" for n in names])
    (folder / "spatial.md").write_text(page, encoding="utf-8")


def profile_json(profile: DistanceProfile) -> dict[str, Any]:
    """A profile as plain values; the open bin's upper edge is null."""
    curves = {}
    for name, curve in (("true", profile.true), ("pred", profile.pred)):
        curves[name] = {
            "mean": curve.mean,
            "low": curve.low,
            "high": curve.high,
            **curve.metrics,
        }
    return {
        "lower_um": profile.lower_um,
        "upper_um": profile.upper_um,
        "mean_distance_um": profile.distance_um,
        "pixels": profile.pixels,
        **curves,
        "difference": profile.difference,
        "background": profile.background,
        "undefined": profile.undefined,
    }


def to_csv(values: Mapping[str, Any]) -> str:
    """One line per figure: scope, kind, figure, unit, value, interval, what the interval is."""
    heads = ["slide", "kind", "figure", "unit", "value", "low", "high", "interval"]
    return csv_text(heads, ([_cell(v) for v in row] for row in _rows(values)))


def _rows(values: Mapping[str, Any]) -> list[list[Any]]:
    rows: list[list[Any]] = []
    for kind, found in values["agreement"].items():
        rows.append(["all", kind, "count", "", found["count"], None, None, ""])
        for name in (n for n in _AGREEMENT if n in found):
            unit = "" if name in ("pearson", "icc2", "icc3") else found["unit"]
            for source, label in (("bootstrap", "bootstrap"), ("if_independent", "if independent")):
                low, high = found[f"interval_{source}"].get(name, (None, None))
                if source == "bootstrap" and name in found["unresolved"]:
                    label = _not_resolved(found["unresolved"][name])
                if source == "bootstrap" or low is not None:
                    rows.append(["all", kind, name, unit, found[name], low, high, label])
    scopes = [("all", values), *((s["name"], s) for s in values["slides"])]
    for scope, part in scopes:
        rows += _profile_rows(scope, part["profile"])
        for which, found in part["intensity"].items():
            plain = {k: v for k, v in found.items() if k not in ("pixels", "percentiles")}
            plain |= {f"p{k}": v for k, v in found.get("percentiles", {}).items()}
            rows += [
                [scope, f"intensity {which}", k, "grey levels", v, None, None, ""]
                for k, v in plain.items()
            ]
    for kind in ("extravasation", "nuclei"):
        for name, found in values[kind].items():
            unit = "um" if name.endswith("_um") else ""
            rest = _estimate(found) if isinstance(found, dict) else [found, None, None, ""]
            rows.append(["all", kind, name, unit, *rest])
    for one in values["ablation"]:
        for name in ("mse", "mse_without", "r2", "r2_without"):
            rows.append(["all", f"ablation {one['input']}", name, "", *_estimate(one[name])])
        for name, found in one["change"].items():
            rows.append(
                ["all", f"ablation {one['input']}", f"change {name}", "", *_estimate(found)]
            )
    return rows


_AGREEMENT = (
    "true_mean", "pred_mean", "bias", "sd", "limit_low", "limit_high", "pearson", "icc2", "icc3"
)  # fmt: skip


def _profile_rows(scope: str, profile: Mapping[str, Any]) -> list[list[Any]]:
    rows = []
    for which in ("true", "pred", "difference"):
        for name, found in profile[which].items():
            if isinstance(found, dict):
                unit = "grey levels" if name in ("background", "wall") else "um"
                rows.append([scope, f"profile {which}", name, unit, *_estimate(found)])
    return rows


def _estimate(found: Mapping[str, Any]) -> list[Any]:
    """Value, bounds, and what the interval is or why there is none."""
    value = found["value"] if "value" in found else found["estimate"]
    low, high = found.get("interval") or (found.get("low"), found.get("high"))
    reason = found["unresolved"]
    known = [f"{key.replace('_', ' ')[:-3]} {found[key]:.4g} um" for key in ENDS if key in found]
    about = _not_resolved(reason) if reason else "; ".join(["bootstrap", *known])
    return [value, low, high, about]


def _not_resolved(reason: str) -> str:
    return f"{NOT_RESOLVED}: {reason}"


def _slide(study: SpatialStudy, number: int) -> dict[str, Any]:
    measures: SlideMeasures = study.slides[number]
    slide, size = measures.slide, measures.slide.pixel_size_um
    area = slide.pred.height * slide.pred.width
    diameters = 2 * np.sqrt(slide.vessels.area_px / np.pi) * size
    return {
        "name": slide.name,
        "group": slide.group,
        "pixel_size_um": size,
        "height": slide.pred.height,
        "width": slide.pred.width,
        "pixels_that_count": int(measures.by_distance[..., 0].sum()),
        "vessels": {
            "source": slide.vessel_source,
            "count": len(slide.vessels),
            "area_share": float(slide.vessels.area_px.sum()) / area,
            "median_equivalent_diameter_um": float(np.median(diameters)),
        },
        "nuclei": {"source": slide.nucleus_source, "count": len(measures.nuclei)},
        "positive_threshold": slide.positive,
        "pixels": pixel_metrics(measures),
        "profile": profile_json(study.slide_profiles[number]),
        "intensity": {
            "true": measures.true_range.to_json(),
            "pred": measures.pred_range.to_json(),
        },
        "regions": {
            name: {
                "pixels": int(sums[0]),
                "true_mean": sums[1] / sums[0] if sums[0] else None,
                "pred_mean": sums[2] / sums[0] if sums[0] else None,
            }
            for name, sums in measures.by_region.items()
        },
    }


def _plain(value: Any) -> Any:
    """As JSON holds it: arrays as lists, what is not finite as null."""
    if isinstance(value, Mapping):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, np.ndarray):
        return [_plain(one) for one in value.tolist()]
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def _cell(value: Any) -> Any:
    return "" if value is None else repr(value) if isinstance(value, float) else value
