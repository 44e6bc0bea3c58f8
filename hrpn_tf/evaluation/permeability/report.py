"""Writes a fitted slide: table, values, page and figures."""

import base64
import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hrpn_tf._version import __version__
from hrpn_tf.evaluation.analysis.files import Writer
from hrpn_tf.evaluation.permeability.figures import draw_maps, draw_strengths
from hrpn_tf.evaluation.permeability.result import FittedSlide

SCHEMA = "hrpn-tf permeability 1"
NOTES = (
    "Strengths are ratios: the flow of tracer through a length of wall, over the median of the "
    "leaky vessels of this slide. They are proportional to permeability where the tracer beside "
    "the wall is weak against that of the plasma, and too low elsewhere.",
    "An absolute permeability cannot be told from a picture. It takes the concentration in the "
    "plasma over time (dose, circulation, time of death), the grey levels of a known "
    "concentration, and the diffusion coefficient. None of them is in the image.",
    "The diffusion length is sqrt(D / k). D and k cannot be told apart.",
    "The model is a steady state in the plane of the section, with one D and k for all of it. "
    "Vessels above and below the section and flow of the fluid are left out.",
    "lower and upper are a 95 % interval of a vessel's flow, from residuals and with two "
    "constants that were chosen on simulated slides. The documentation states the coverage that "
    "was measured on others.",
    "leaky: the interval leaves out 0. identifiable: neighbours raise the variance of the vessel "
    "no more than tenfold; where they do, only the sum with its neighbours is well known.",
)


def write_permeability(
    slide: FittedSlide, folder: Path, writers: Mapping[str, Writer], origin: Mapping[str, Any]
) -> None:
    """Write ``vessels.csv``, ``permeability.json``, ``permeability.html`` and figures.

    Args:
        slide: what was fitted.
        folder: an existing one.
        writers: how tables are written, by suffix.
        origin: where the slide comes from, and the settings, for the JSON file.
    """
    from hrpn_tf.evaluation.report.pages import render

    for suffix, write in writers.items():
        write(slide.table(), folder / f"vessels{suffix}")
    values = to_json(slide, origin)
    text = json.dumps(values, indent=2, allow_nan=False) + "\n"
    (folder / "permeability.json").write_text(text, encoding="utf-8")
    pictures = [
        ("Measured and fitted target, residual, and strength of vessels", draw_maps(slide, folder)),
        ("Strength of leaky vessels with 95 % intervals", draw_strengths(slide, folder)),
    ]
    page = render(
        "permeability.html",
        lead=f"{slide.name}: what the vessels leak, by the channel {slide.target}.",
        facts=facts(slide),
        pictures=[{"title": title, "data": _data(folder / name)} for title, name in pictures],
        notes=NOTES,
        version=__version__,
        made=_today(),
    )
    (folder / "permeability.html").write_text(page, encoding="utf-8")


def facts(slide: FittedSlide) -> list[tuple[str, str]]:
    """The main values as text."""
    length = slide.length
    text = f"{length.um:.1f} µm"
    if length.lower_um is None or length.upper_um is None:
        text += " (given)"
    else:
        text += f" ({length.lower_um:.1f} to {length.upper_um:.1f})"
    if not length.converged:
        text += "; not determined by this slide"
    leaky, known = int(slide.leaky.sum()), int(slide.vessels.identifiable.sum())
    return [
        ("vessels", f"{len(slide.vessels.flow)} by {slide.vessel_source}"),
        ("leaky vessels", f"{leaky}"),
        ("vessels told from their neighbours", f"{known}"),
        ("diffusion length", text),
        ("explained variance", f"{slide.explained:.3f}"),
        ("standard deviation of the residual", f"{slide.residual_sd:.3g} grey levels"),
        ("mean background", f"{slide.background:.3g} grey levels"),
        ("compared tissue", f"{slide.compared_mm2:.3g} mm²"),
        ("side of a cell", f"{slide.cell_um:.3g} µm"),
    ]


def to_json(slide: FittedSlide, origin: Mapping[str, Any]) -> dict[str, Any]:
    """Everything but the rows of single vessels."""
    length, reference = slide.length, slide.reference
    return {
        "schema": SCHEMA,
        **origin,
        "slide": slide.name,
        "target": slide.target,
        "pixel_size_um": slide.pixel_size_um,
        "cell_um": slide.cell_um,
        "piece_um": slide.piece_um,
        "vessel_source": slide.vessel_source,
        "vessels": len(slide.vessels.flow),
        "leaky_vessels": int(slide.leaky.sum()),
        "identifiable_vessels": int(slide.vessels.identifiable.sum()),
        "reference_grey_levels_per_um": reference if math.isfinite(reference) else None,
        "diffusion_length_um": length.um,
        "diffusion_length_low_um": length.lower_um,
        "diffusion_length_high_um": length.upper_um,
        "diffusion_length_determined": length.converged,
        "explained_variance": slide.explained,
        "variance_of_tracer": slide.tracer_share,
        "residual_sd": slide.residual_sd,
        "background": slide.background,
        "compared_mm2": slide.compared_mm2,
        "plasma_level": slide.plasma_level,
        "notes": list(NOTES),
    }


def _today() -> str:
    from datetime import UTC, datetime

    return datetime.now(UTC).strftime("%d %B %Y")


def _data(path: Path) -> str:
    return "data:image/png;base64," + base64.b64encode(path.read_bytes()).decode()
