"""The pages of a report: an index page, and one page per slide."""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from hrpn_tf._version import __version__
from hrpn_tf.evaluation.error_floor.estimate import FILE as ERROR_FLOOR
from hrpn_tf.evaluation.evaluation import POOLED
from hrpn_tf.evaluation.metrics import METRICS
from hrpn_tf.evaluation.report import figures
from hrpn_tf.evaluation.report.counts import ReportCounts
from hrpn_tf.evaluation.report.interval_section import interval_section
from hrpn_tf.evaluation.report.metrics_tables import BY_SLIDE, cells, heads, metric_tables
from hrpn_tf.evaluation.report.pages import SCRIPTS, format_signed, glossary, render
from hrpn_tf.evaluation.report.sections import ReportSection, read_values
from hrpn_tf.evaluation.report.spatial_section import spatial_section
from hrpn_tf.evaluation.verdict import Verdict, verdict
from hrpn_tf.text import counted, in_shell
from hrpn_tf.weights.catalogue import weights_in
from hrpn_tf.workflows.evaluate.first_look import with_caution
from hrpn_tf.workflows.report.facts import flat, slide_facts
from hrpn_tf.workflows.report.slides import SlideContent
from hrpn_tf.workflows.report.sources import Sources

# The metrics at the top of the page.
_HEADLINE = ("r2", "pearson", "rmse", "bias")
# Key of the out-of-distribution assessment in the metadata of a prediction.
_LIKENESS = "training_likeness"


def file_name(number: int, name: str) -> str:
    """A file name that is valid in every file system and URL, for any name of a slide.

    >>> file_name(0, "mouse 1/<b>"), file_name(1, "???")
    ('001-mouse-1-b', '002')
    """
    plain = re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-.")[:60]
    return f"{number + 1:03d}-{plain}" if plain else f"{number + 1:03d}"


def page_name(number: int, name: str) -> str:
    """Path of a slide's page in the report."""
    return f"slides/{file_name(number, name)}.html"


def write_slide_pages(
    sources: Sources,
    contents: Mapping[str, SlideContent],
    pages: Mapping[str, str],
    folder: Path,
) -> None:
    """Write the page of every slide, with links to the previous and the next one."""
    links = [{"name": name, "href": Path(pages[name]).name} for name in contents]
    for number, (name, content) in enumerate(contents.items()):
        text = render(
            "slide.html",
            **_common(sources),
            name=name,
            previous=links[number - 1] if number else None,
            next=links[number + 1] if number + 1 < len(links) else None,
            view={**content.view.values, "tiles": f"{Path(pages[name]).stem}-tiles"},
            scripts=SCRIPTS,
            resolution=_resolution(content.view.reduction),
            warning=likeness_warning(content.provenance),
            facts=slide_facts(
                content.info, sources.metrics.model(name), content.coverage, content.provenance
            ),
            tables=metric_tables(sources.metrics, name),
            configuration={
                "title": "Configuration of the prediction",
                "facts": flat(content.provenance.get("configuration") or {}),
            },
        )
        (folder / pages[name]).write_text(text, encoding="utf-8")


def write_index(
    sources: Sources,
    facts: Sequence[Mapping[str, Any]],
    contents: Mapping[str, SlideContent],
    problems: Mapping[str, str],
    pages: Mapping[str, str],
    counts: ReportCounts,
    folder: Path,
) -> None:
    """Write ``index.html`` and the folder of figures.

    Args:
        sources: sources of the report.
        facts: groups of facts of the run.
        contents: slides with a page.
        problems: reasons for missing pages, by slide.
        pages: pages of the slides.
        counts: counts over all pixels of the slides with a page.
        folder: folder of the report.
    """
    metrics, data = sources.metrics, sources.config.data
    sections, notes = _sections(sources, counts, bool(contents), folder / "figures")
    text = render(
        "index.html",
        **_common(sources),
        lead=f"{sources.config.model.preset} predicts {data.target} from "
        f"{' and '.join(data.inputs)}; {counted(len(metrics.slides), 'slide')} evaluated.",
        headline=_headline(metrics.model(POOLED)),
        verdict=_verdict(sources),
        glossary=glossary(),
        sections=sections,
        notes=notes,
        facts=facts,
        tables=metric_tables(metrics),
        definitions=[
            {"name": head["title"], "text": head["definition"], "unit": head["unit"]}
            for head in heads(metrics)
        ],
        slide_heads=heads(metrics, BY_SLIDE),
        any_coverage=any(content.coverage is not None for content in contents.values()),
        slides=[_slide(sources, name, contents, problems, pages) for name in metrics.slides],
    )
    (folder / "index.html").write_text(text, encoding="utf-8")


def _verdict(sources: Sources) -> Verdict:
    """What the evaluation says, in plain words."""
    floor = read_values(sources.evaluation / ERROR_FLOOR)
    return with_caution(verdict(sources.metrics.rows, floor), weights_in(sources.run.folder))


def likeness_warning(provenance: Mapping[str, Any]) -> str:
    """Warning about a slide that is unlike the training slides; empty for other slides."""
    found = provenance.get(_LIKENESS)
    if not isinstance(found, Mapping) or not found.get("out_of_distribution"):
        return ""
    reasons = [str(reason) for reason in found.get("reasons") or ()]
    return "Unlike the training slides" + (f": {'; '.join(reasons)}" if reasons else "") + "."


def _slide(
    sources: Sources,
    name: str,
    contents: Mapping[str, SlideContent],
    problems: Mapping[str, str],
    pages: Mapping[str, str],
) -> dict[str, Any]:
    """Row of the table of slides."""
    row, content = sources.metrics.model(name), contents.get(name)
    return {
        "name": name,
        "href": pages.get(name),
        "problem": problems.get(name, ""),
        "warning": likeness_warning(content.provenance) if content else "",
        "group": row["group"],
        "subset": row["subset"],
        "cells": cells(row, BY_SLIDE),
        "coverage": content.coverage if content else None,
        "thumbnails": content.thumbnails if content else None,
        "thumbnail_size": content.thumbnail_size if content else None,
    }


def _sections(
    sources: Sources, counts: ReportCounts, any_slide: bool, folder: Path
) -> tuple[list[ReportSection], list[str]]:
    """Sections with figures, and a line for each omitted section."""
    target = sources.config.data.target
    notes = []
    sections = []
    if any_slide:
        charts = [
            draw(counts.density, target, folder)
            for draw in (figures.draw_density, figures.draw_reliability, figures.draw_levels)
        ]
        sections.append(ReportSection("density", "Predicted against measured", charts=charts))
    in_space, note = spatial_section(sources.evaluation)
    if in_space is not None:
        sections.append(in_space)
    else:
        notes.append(f"{note}: {sources.evaluate_command} --spatial --overwrite")
    intervals = interval_section(counts.coverage, sources.run.calibrated, target, folder)
    if intervals is not None:
        sections.append(intervals)
    elif sources.look is not None:
        notes.append("no prediction intervals, which weights do not have")
    else:
        notes.append(
            f"no prediction intervals; make them with: hrpn-tf calibrate {in_shell(sources.run)}, "
            f"hrpn-tf predict --run {in_shell(sources.run)} --intervals"
        )
    charts = figures.draw_slides(sources.metrics, folder)
    if (chart := figures.draw_training(sources.run.history, folder)) is not None:
        charts.append(chart)
    sections.append(ReportSection("by-slide", "Slide by slide, and training", charts=charts))
    return [section for section in sections if not section.empty], notes


def _headline(pooled: Mapping[str, Any]) -> list[dict[str, str]]:
    return [
        {"name": metric.label, "value": format_signed(value, metric.decimals(value))}
        for metric in (METRICS[name] for name in _HEADLINE)
        if (value := pooled.get(metric.name)) is not None
    ]


def _resolution(reduction: int) -> str:
    if reduction == 1:
        return "The finest pixels are those of the slide."
    return f"The finest pixels shown are means of {reduction} × {reduction} px of the slide."


def _common(sources: Sources) -> dict[str, Any]:
    return {
        "title": sources.run.folder.resolve().name,
        "version": __version__,
        "made": datetime.now(UTC).strftime("%d %B %Y, %H:%M UTC"),
    }
