"""Writes an evaluation as Markdown and CSV."""

from collections.abc import Iterable, Mapping, Sequence

from hrpn_tf.evaluation.evaluation import POOLED, Evaluation, MetricsRow, view_definitions
from hrpn_tf.evaluation.metric_values import PERCENTILES
from hrpn_tf.evaluation.metrics import METRICS
from hrpn_tf.evaluation.verdict import Verdict, verdict_of
from hrpn_tf.text import csv_text, markdown, with_decimals

# Metrics that are undefined by definition for some views, regions or types.
_OF_SOME_VIEWS = ("r2_per_column", "mse_8bit", "rmse_8bit")
RANGE_HEADS = ("least", "0.1 %", "99.9 %", "largest", "mean", "sd")
RANGE_MEANING = (
    "Grey levels of whole slides, as predicted; 0.1 % and 99.9 % are percentiles over pixels. This "
    'is the "prediction interval" of the published HRPN, whose authors\' script prints least, '
    "largest, mean and standard deviation of each picture; it says nothing about single pixels."
)


def to_csv(evaluation: Evaluation) -> str:
    """CSV with one line per slide, predictor, view and region. Undefined metrics are empty."""
    heads = ["slide", "group", "subset", "predictor", "view", "region", "pixels", *METRICS]
    return csv_text(heads, map(_csv_row, evaluation.rows()))


def _csv_row(row: MetricsRow) -> list[object]:
    values = ["" if v is None else repr(v) for v in row.metrics.values.values()]
    place = [row.slide, row.group, row.subset, row.predictor, row.view, row.region]
    return [*place, row.metrics.pixels, *values]


def to_markdown(evaluation: Evaluation, said: Verdict | None = None) -> str:
    """Markdown: the verdict, one table per view and region, the definitions of all metrics.

    Args:
        evaluation: to show.
        said: its verdict; None for that of its metrics alone.
    """
    rows = evaluation.rows()
    views = view_definitions(evaluation)
    parts = ["# Evaluation\n", _verdict_lines(said or verdict_of(evaluation))]
    for view, region in dict.fromkeys((row.view, row.region) for row in rows):
        where = "whole slide" if region == "whole" else "tissue only"
        parts.append(f"## {where}: {views[view]}\n")
        parts.append(table(row for row in rows if (row.view, row.region) == (view, region)))
    whole = [row for row in rows if (row.view, row.region) == ("float", "whole")]
    if any(set(PERCENTILES) <= set(row.metrics.predicted) for row in whole):
        parts += ["## Range of the predictions\n", range_table(whole), RANGE_MEANING + "\n"]
    parts.append("## Definitions\n")
    parts += [f"- {each.title} ({each.unit}): {each.formula}." for each in METRICS.values()]
    peak = "not defined" if evaluation.peak is None else f"{evaluation.peak:g} grey levels"
    parts.append(f"- Peak: {peak}. Measured slides are {evaluation.dtype}.")
    parts += [f"- {reason}" for reason in _reasons(rows)]
    return "\n".join(parts) + "\n"


def _verdict_lines(found: Verdict) -> str:
    """The lead as a paragraph; findings and advice as lists."""
    lines = [f"**{markdown(found.lead)}**\n"]
    lines += [f"- {markdown(each)}" for each in found.findings]
    if found.advice:
        lines.append("\nTo try:\n" if found.findings else "To try:\n")
        lines += [f"- {markdown(each)}" for each in found.advice]
    return "\n".join(lines) + ("" if len(lines) == 1 else "\n")


def table(rows: Iterable[MetricsRow]) -> str:
    """A Markdown table of rows, whose columns are aligned as plain text, too."""
    head = ["slide", "subset", "predictor", *(each.heading for each in METRICS.values())]
    lines = [head]
    for row in rows:
        name = f"**{POOLED}**" if row.slide == POOLED else markdown(row.slide)
        lines.append([name, markdown(row.subset), markdown(row.predictor), *_cells(row)])
    return aligned(lines, left=3)


def range_table(rows: Sequence[MetricsRow]) -> str:
    """A Markdown table of the measured and the predicted grey levels of each slide."""
    lines = [["slide", "", *RANGE_HEADS]]
    measured: set[str] = set()
    for row in rows:
        name = f"**{POOLED}**" if row.slide == POOLED else markdown(row.slide)
        if row.slide not in measured:
            lines.append([name, "measured", *range_cells(row.metrics.true)])
            measured.add(row.slide)
        lines.append([name, markdown(row.predictor), *range_cells(row.metrics.predicted)])
    return aligned(lines, left=2)


def range_cells(levels: Mapping[str, float]) -> list[str]:
    """The cells of one line: least, percentiles, largest, mean, standard deviation."""
    names = ("min", *PERCENTILES, "max", "mean", "sd")
    return ["-" if name not in levels else with_decimals(levels[name]) for name in names]


def aligned(lines: Sequence[Sequence[str]], left: int) -> str:
    """A Markdown table whose columns are aligned as plain text, too.

    Args:
        lines: cells of each line; the first line is the heading.
        left: number of left-aligned columns; the others are right-aligned.

    Example:
        >>> print(aligned([["slide", "MSE"], ["a", "1.0"]], left=1), end="")
        | slide | MSE |
        | ----- | --: |
        | a     | 1.0 |
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


def _cells(row: MetricsRow) -> list[str]:
    return [metric.text(row.metrics.values[name]) for name, metric in METRICS.items()]


def _reasons(rows: Iterable[MetricsRow]) -> list[str]:
    """Reasons for undefined metrics of the model, each reason once per slide."""
    reasons: dict[str, None] = {}
    for row in rows:
        for name, reason in row.metrics.undefined.items():
            if name not in _OF_SOME_VIEWS and row.predictor == "model":
                reasons[
                    f"{markdown(row.slide)}, {row.region}: no {METRICS[name].heading}: {reason}."
                ] = None
    return list(reasons)
