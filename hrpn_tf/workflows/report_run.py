"""Write the report of a run or an evaluation: pages, figures, tiles; loads no TensorFlow."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tqdm import tqdm

from hrpn_tf import __version__
from hrpn_tf.errors import HrpnError
from hrpn_tf.evaluation.evaluation import POOLED
from hrpn_tf.evaluation.predictors import MODEL
from hrpn_tf.evaluation.report import figures
from hrpn_tf.evaluation.report.density import Density, shared_edges
from hrpn_tf.evaluation.report.metrics_tables import (
    BY_SLIDE,
    cells,
    heads,
    metric_tables,
)
from hrpn_tf.evaluation.report.pages import SCRIPTS, copy_assets, render
from hrpn_tf.files import atomic_path, remove
from hrpn_tf.workflows.remarks import remark
from hrpn_tf.workflows.report_facts import flat, history, run_facts, slide_facts
from hrpn_tf.workflows.report_slides import SlideContent, slide_content
from hrpn_tf.workflows.report_sources import Sources, default_out, find_sources

MEGAPIXELS = 100.0


@dataclass(frozen=True)
class Reported:
    """A report that was written.

    Attributes:
        page: to open.
        slides: how many slides have a page.
        problems: name of a slide: why it has none.
        tile_bytes: of all tiles.
    """

    page: Path
    slides: int
    problems: dict[str, str]
    tile_bytes: int


def report_run(
    path: Path,
    *,
    run: Path | None = None,
    slide_list: Path | None = None,
    predictions: Path | None = None,
    out: Path | None = None,
    megapixels: float = MEGAPIXELS,
    overwrite: bool = False,
    progress: bool = True,
) -> Reported:
    """Write the report of a run or an evaluation.

    A slide that cannot be shown (gone, damaged, not finite) is listed with its figures and the
    reason; the others are shown.

    Args:
        path: RUN or EVALUATION.
        run: of the evaluation; by default the folder that it lies in.
        slide_list: where the slides are; None for those of the run's store.
        predictions: folder of the predicted slides; ``RUN/predictions`` if None.
        out: folder to write; ``report`` beside the evaluation if None.
        megapixels: of the finest level of a slide that the viewer shows, in millions.
        overwrite: replace an existing report.
        progress: show a bar on standard error.

    Raises:
        UsageError, RunError: see ``find_sources``.
        OutputExistsError: the report exists, and ``overwrite`` is false.
    """
    sources = find_sources(path, run=run, slide_list=slide_list, predictions=predictions)
    out = out or default_out(path)
    with atomic_path(out, overwrite) as folder:
        folder.mkdir()
        density = _empty_density(sources)
        contents, problems = _slides(sources, folder, megapixels * 1e6, density, progress)
        copy_assets(folder / "assets")
        pages = {name: f"slides/{_file_name(i, name)}.html" for i, name in enumerate(contents)}
        _write_slide_pages(sources, contents, pages, folder)
        _write_index(sources, contents, problems, pages, density, folder)
    return Reported(
        out / "index.html", len(contents), problems, sum(c.view.tile_bytes for c in contents.values())
    )


def _slides(
    sources: Sources, folder: Path, most_pixels: float, density: Density, progress: bool
) -> tuple[dict[str, SlideContent], dict[str, str]]:
    """Tiles of all slides that can be shown, and why the others cannot."""
    contents: dict[str, SlideContent] = {}
    problems: dict[str, str] = {}
    total = sum(sources.metrics.model(name)["pixels"] for name in sources.metrics.slides)
    bar = tqdm(total=total, unit="px", unit_scale=True, desc="report", disable=not progress)
    with bar:
        for name in sources.metrics.slides:
            tiles = folder / "slides" / f"{_file_name(len(contents), name)}-tiles"
            try:
                contents[name] = slide_content(
                    sources,
                    name,
                    tiles,
                    most_pixels=most_pixels,
                    density=density,
                    progress=bar.update,
                )
            except HrpnError as error:
                remove(tiles)
                problems[name] = str(error)
                remark(f"no page of a slide: {error}")
    return contents, problems


def _empty_density(sources: Sources) -> Density:
    row = sources.metrics.model(POOLED)
    low = min(row["true"]["min"], row["predicted"]["min"])
    high = max(row["true"]["max"], row["predicted"]["max"])
    return Density(shared_edges(low, high, sources.metrics.target_type.startswith("uint")))


def _file_name(number: int, name: str) -> str:
    """A name that every file system and address takes, whatever the slide is called."""
    plain = re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-.")[:60]
    return f"{number + 1:03d}-{plain}" if plain else f"{number + 1:03d}"


def _write_slide_pages(
    sources: Sources, contents: dict[str, SlideContent], pages: dict[str, str], folder: Path
) -> None:
    links = [{"name": name, "href": Path(pages[name]).name} for name in contents]
    for number, (name, content) in enumerate(contents.items()):
        reduction = content.view.reduction
        text = render(
            "slide.html",
            **_common(sources),
            name=name,
            previous=links[number - 1] if number else None,
            next=links[number + 1] if number + 1 < len(links) else None,
            view={
                **content.view.values,
                "tiles": f"{Path(pages[name]).stem}-tiles",
            },
            scripts=SCRIPTS,
            resolution="The finest pixels are those of the slide."
            if reduction == 1
            else f"The finest pixels shown are means of {reduction} × {reduction} px of the slide.",
            facts=slide_facts(content.info, sources.metrics.model(name), content.provenance),
            tables=metric_tables(sources.metrics, name),
            configuration={
                "title": "Configuration of the prediction",
                "facts": flat(content.provenance.get("configuration") or {}),
            },
        )
        (folder / pages[name]).write_text(text, encoding="utf-8")


def _write_index(
    sources: Sources,
    contents: dict[str, SlideContent],
    problems: dict[str, str],
    pages: dict[str, str],
    density: Density,
    folder: Path,
) -> None:
    metrics = sources.metrics
    sections, notes = _sections(sources, density, bool(contents), folder / "figures")
    pooled = metrics.model(POOLED)
    text = render(
        "index.html",
        **_common(sources),
        lead=f"{sources.config.model.preset} predicts {sources.config.data.target} from "
        f"{' and '.join(sources.config.data.inputs)}; {len(metrics.slides)} "
        f"slide{'s' if len(metrics.slides) != 1 else ''} evaluated.",
        headline=_headline(pooled),
        sections=[
            {"id": "what", "title": "Model and data", "charts": (), "tables": ()},
            {"id": "metrics", "title": "Metrics", "charts": (), "tables": ()},
            *sections,
            {"id": "slides", "title": "Slides", "charts": (), "tables": ()},
        ],
        notes=notes,
        facts=run_facts(sources),
        tables=metric_tables(metrics),
        definitions=[
            {"name": name, "text": value["definition"], "unit": value["unit"]}
            for name, value in metrics.definitions.items()
        ],
        slide_heads=heads(metrics, BY_SLIDE),
        slides=[
            {
                "name": name,
                "href": pages.get(name),
                "problem": problems.get(name, ""),
                "group": metrics.model(name)["group"],
                "subset": metrics.model(name)["subset"],
                "cells": cells(metrics.model(name), BY_SLIDE),
                "thumbnails": contents[name].thumbnails if name in contents else None,
                "thumbnail_size": contents[name].thumbnail_size if name in contents else None,
            }
            for name in metrics.slides
        ],
    )
    (folder / "index.html").write_text(text, encoding="utf-8")


def _sections(
    sources: Sources, density: Density, any_slide: bool, folder: Path
) -> tuple[list[dict[str, Any]], list[str]]:
    """Sections of figures, and a line for each that is left out."""
    metrics, target = sources.metrics, sources.config.data.target
    sections, notes = [], []
    if any_slide:
        charts = [
            draw(density, target, folder)
            for draw in (figures.draw_density, figures.draw_reliability, figures.draw_levels)
        ]
        sections.append(_section("density", "Predicted against measured", charts))
    charts = []
    for name, label in (("r2", "R²"), ("mse", "MSE")):
        values = {s: {r["predictor"]: r[name] for r in metrics.of(s)} for s in metrics.slides}
        if any(v is not None for row in values.values() for v in row.values()):
            charts.append(figures.draw_slides(values, name, label, folder))
            break
    if (chart := figures.draw_training(history(sources.run), folder)) is not None:
        charts.append(chart)
    sections.append(_section("by-slide", "Slide by slide, and training", charts))
    return sections, notes


def _section(name: str, title: str, charts: Sequence[Any]) -> dict[str, Any]:
    return {"id": name, "title": title, "text": "", "charts": charts, "tables": ()}


def _headline(pooled: Any) -> list[dict[str, str]]:
    shown = []
    for name, title, digits in (("r2", "R²", 3), ("pearson", "r", 3), ("rmse", "RMSE", 3),
                                ("bias", "bias", 3)):  # fmt: skip
        if pooled.get(name) is not None:
            shown.append({"name": title, "value": f"{pooled[name]:.{digits}f}".replace("-", "−")})
    return shown


def _common(sources: Sources) -> dict[str, Any]:
    return {
        "title": sources.run.resolve().name,
        "version": __version__,
        "made": datetime.now(UTC).strftime("%d %B %Y, %H:%M UTC"),
        "model": MODEL,
    }
