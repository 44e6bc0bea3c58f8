"""Writes an analysis: tables, figures, and pages."""

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from hrpn_tf.evaluation.analysis.cohort import CohortAnalysis
from hrpn_tf.evaluation.analysis.files import Writer, table_of
from hrpn_tf.evaluation.analysis.measures import MEASURES, SlideAnalysis
from hrpn_tf.evaluation.analysis.objects import (
    Table,
    nucleus_table,
    profile_table,
    region_table,
    stacked,
    sub_area_table,
    vessel_table,
)

SCHEMA = "hrpn-tf analysis 1"


@dataclass(frozen=True)
class Overlay:
    """The picture of a slide.

    Attributes:
        slide: name.
        file: of the picture, in the folder of the analysis.
    """

    slide: str
    file: str


def tables(cohort: CohortAnalysis) -> dict[str, Table]:
    """Every table of an analysis, by the stem of its file."""
    makers = {
        "vessels": vessel_table,
        "nuclei": nucleus_table,
        "regions": region_table,
        "sub-areas": sub_area_table,
        "profile": profile_table,
    }
    found = {name: stacked([make(s) for s in cohort.slides]) for name, make in makers.items()}
    if not len(found["regions"]["slide"]):
        del found["regions"]
    found = {"slides": table_of([slide_row(cohort, slide) for slide in cohort.slides]), **found}
    found["measures"] = table_of(cohort.overall)
    if cohort.contrasts:
        found["conditions"] = table_of([contrast_row(cohort, i) for i in _each(cohort.contrasts)])
    return found


def write_analysis(
    cohort: CohortAnalysis, folder: Path, writers: Mapping[str, Writer], overlays: list[Overlay]
) -> None:
    """Write tables, ``analysis.json``, ``analysis.md``, ``analysis.html`` and figures.

    Args:
        cohort: what was measured.
        folder: an existing one, which holds the overlays.
        writers: how tables are written, by suffix.
        overlays: pictures of slides.
    """
    from hrpn_tf.evaluation.analysis.pages import to_html, to_markdown
    from hrpn_tf.evaluation.analysis.plots import draw_conditions, draw_profile

    for stem, table in tables(cohort).items():
        for suffix, write in writers.items():
            write(table, folder / f"{stem}{suffix}")
    values = to_json(cohort)
    text = json.dumps(values, indent=2, allow_nan=False) + "\n"
    (folder / "analysis.json").write_text(text, encoding="utf-8")
    pictures = [("Intensity by distance to the nearest vessel", draw_profile(cohort, folder))]
    if cohort.has_conditions:
        pictures.append(("Conditions, a point per animal", draw_conditions(cohort, folder)))
    pictures += [(each.slide, each.file) for each in overlays]
    page = to_markdown(values, pictures)
    (folder / "analysis.md").write_text(page, encoding="utf-8")
    (folder / "analysis.html").write_text(to_html(values, pictures, folder), encoding="utf-8")


def slide_row(cohort: CohortAnalysis, slide: SlideAnalysis) -> dict[str, Any]:
    """A row of ``slides.csv``."""
    found = slide.measures
    size, counted = found.slide.pixel_size_um, float(found.by_distance[..., 0].sum())
    mm2, moran = counted * size**2 / 1e6, slide.sub_areas.moran
    row: dict[str, Any] = {
        "slide": slide.name,
        "group": slide.group,
        "condition": slide.condition,
        "pixel_size_um": size,
        "tissue_mm2": mm2,
        "vessels": len(found.slide.vessels),
        "vessels_per_mm2": len(found.slide.vessels) / mm2,
        "vessel_share": float(found.by_distance[:, 0, 0].sum()) / counted,
        "nuclei": len(found.nuclei),
        "threshold": found.slide.positive,
        "background": slide.profile.pred.metrics["background"]["value"],
    }
    for name, value in slide.values.items():
        low, high = value["interval"] or (None, None)
        row |= {name: value["value"], f"{name}_low": low, f"{name}_high": high}
        if slide.bounds is not None and MEASURES[name].rises:
            lower, upper = value.get("bounds") or (None, None)
            row |= {f"{name}_lower": lower, f"{name}_upper": upper}
        if cohort.margins:
            row[f"{name}_margin"] = cohort.margins[name].value
    return row | {"moran_expected": moran.expected, "moran_z": moran.z, "moran_p": moran.p}


def contrast_row(cohort: CohortAnalysis, number: int) -> dict[str, Any]:
    """A row of ``conditions.csv``."""
    each = asdict(cohort.contrasts[number])
    animals, means = each.pop("animals"), each.pop("means")
    head = {"measure": each.pop("measure"), "unit": MEASURES[cohort.contrasts[number].measure].unit}
    names = {"one": each.pop("one"), "other": each.pop("other")}
    counts = {"animals_one": animals[0], "animals_other": animals[1]}
    return {**head, **names, **counts, "mean_one": means[0], "mean_other": means[1], **each}


def to_json(cohort: CohortAnalysis) -> dict[str, Any]:
    """Everything but the rows of single vessels, nuclei and sub-areas, as plain values."""
    values = {
        "schema": SCHEMA,
        **cohort.origin,
        "settings": cohort.slides[0].config.model_dump(mode="json"),
        "definitions": {
            name: {"title": m.title, "unit": m.unit, "definition": m.definition}
            for name, m in MEASURES.items()
        },
        "intervals": intervals_text(cohort),
        "slides": [
            {
                **slide_row(cohort, slide),
                "measures": dict(slide.values),
                "vessel_source": slide.measures.slide.vessel_source,
                "nucleus_source": slide.measures.slide.nucleus_source,
            }
            for slide in cohort.slides
        ],
        "measures": cohort.overall,
        "paired": cohort.paired,
        "conditions": [contrast_row(cohort, i) for i in _each(cohort.contrasts)],
        "margins": {
            name: {**asdict(found), "missing": found.missing}
            for name, found in cohort.margins.items()
        },
        "coverage": cohort.coverage if cohort.margins else None,
    }
    plain: dict[str, Any] = _plain(values)
    return plain


def intervals_text(cohort: CohortAnalysis) -> list[str]:
    """What each kind of interval of this analysis means, a sentence each."""
    found = [
        "low, high of a slide: 95 %, bootstrap over its blocks; how much the place on the slide "
        "matters. It holds nothing of the error of the prediction.",
        "low, high over animals: 95 %, bootstrap over animals; how much animals differ. It holds "
        "the error of the prediction only as far as that differs between animals.",
    ]
    if any(slide.bounds is not None for slide in cohort.slides):
        found.append(
            "lower, upper: the measure of the lower and of the upper bound of every pixel, from "
            "the calibrated intervals of the network, as if all pixels erred alike. It is wider "
            "than the error of the measure where errors of pixels cancel, and has no stated "
            "coverage. Only measures that rise with every pixel have it."
        )
    if cohort.margins:
        found.append(
            f"margin: a new animal's measure of the measured target lies within plus or minus this "
            f"of that of the prediction with a probability of at least {cohort.coverage:g}, if the "
            "animal is exchangeable with those held back (conformal prediction over groups)."
        )
    return found


def _each(values: list[Any]) -> range:
    return range(len(values))


def _plain(value: Any) -> Any:
    """As JSON holds it: arrays as lists, what is not finite as null."""
    if isinstance(value, Mapping):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, np.ndarray | list | tuple):
        return [_plain(one) for one in value]
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
