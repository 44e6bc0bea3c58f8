"""An evaluation as Markdown and CSV."""

import csv
import io
from collections.abc import Iterable, Sequence

from hrpn_tf.evaluation.evaluation import POOLED, Evaluation, Row, view_definitions
from hrpn_tf.evaluation.metrics import METRICS


def to_csv(evaluation: Evaluation) -> str:
    """One line per slide, predictor, view and region; undefined metrics are empty."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["slide", "group", "subset", "predictor", "view", "region", "pixels", *METRICS])
    for row in evaluation.rows():
        metrics = row.metrics
        values = ["" if v is None else repr(v) for v in metrics.values.values()]
        place = [row.slide, row.group, row.subset, row.predictor, row.view, row.region]
        writer.writerow([*place, metrics.pixels, *values])
    return text.getvalue()


def to_markdown(evaluation: Evaluation) -> str:
    """The whole evaluation: one table per view and region, then definitions."""
    rows = evaluation.rows()
    views = view_definitions(evaluation)
    parts = ["# Evaluation\n"]
    for view, region in dict.fromkeys((row.view, row.region) for row in rows):
        where = "whole slide" if region == "whole" else "tissue only"
        parts.append(f"## {where}: {views[view]}\n")
        parts.append(table(row for row in rows if (row.view, row.region) == (view, region)))
    parts.append("## Definitions\n")
    parts += [f"- {each.title} ({each.unit}): {each.formula}." for each in METRICS.values()]
    peak = "not defined" if evaluation.peak is None else f"{evaluation.peak:g} grey levels"
    parts.append(f"- Peak: {peak}. Measured slides are {evaluation.dtype}.")
    parts += [f"- {reason}" for reason in _reasons(rows)]
    return "\n".join(parts) + "\n"


def table(rows: Iterable[Row]) -> str:
    """Rows as a Markdown table whose columns also line up as plain text."""
    head = ["slide", "subset", "predictor", *(each.heading for each in METRICS.values())]
    lines = [head]
    for row in rows:
        name = f"**{POOLED}**" if row.slide == POOLED else row.slide.replace("|", "\\|")
        lines.append([name, row.subset, row.predictor, *_cells(row)])
    return aligned(lines, left=3)


def aligned(lines: Sequence[Sequence[str]], left: int) -> str:
    """A Markdown table whose columns also line up as plain text.

    Args:
        lines: cells, the heading first.
        left: how many columns are flush left; the others are flush right.
    """
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    rule = ["-" * w if i < left else "-" * (w - 1) + ":" for i, w in enumerate(widths)]
    return "".join(
        "| "
        + " | ".join(
            cell.ljust(w) if i < left else cell.rjust(w)
            for i, (cell, w) in enumerate(zip(line, widths, strict=True))
        )
        + " |\n"
        for line in (lines[0], rule, *lines[1:])
    )


def _cells(row: Row) -> list[str]:
    return [metric.text(row.metrics.values[name]) for name, metric in METRICS.items()]


def _reasons(rows: Iterable[Row]) -> list[str]:
    """Why a metric of the model is missing, once per slide and reason."""
    reasons: dict[str, None] = {}
    for row in rows:
        for name, reason in row.metrics.undefined.items():
            if name != "r2_per_column" and row.predictor == "model":
                reasons[f"{row.slide}, {row.region}: no {METRICS[name].heading}: {reason}."] = None
    return list(reasons)
