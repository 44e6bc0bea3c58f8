"""Prediction intervals: their coverage of the measured values, counted on the slides shown."""

from pathlib import Path

from hrpn_tf.errors import RunError
from hrpn_tf.evaluation.report.charts import Chart, drawing, save
from hrpn_tf.evaluation.report.colours import SERIES
from hrpn_tf.evaluation.report.coverage import ReportCoverage
from hrpn_tf.evaluation.report.sections import ReportSection, Table
from hrpn_tf.text import read_csv
from hrpn_tf.untrusted import read_text

_FEWEST = 50  # pixels that a share must rest on to be drawn
_MOST_ROWS = 200


def interval_section(
    coverage: ReportCoverage, calibrated: Path, target: str, folder: Path
) -> ReportSection | None:
    """The section; None if there is nothing to show.

    Args:
        coverage: of the slides of the report.
        calibrated: folder that ``hrpn-tf calibrate`` wrote, if it did: ``coverage.csv`` and
            ``curve.csv`` are shown.
        target: what the target is called.
        folder: of the report's figures.
    """
    tables: list[Table] = []
    charts: list[Chart] = []
    if coverage.share is not None:
        total = int(coverage.pixels.sum())
        row = ["all slides shown", coverage.share, int(coverage.below.sum()) / total,
               int(coverage.above.sum()) / total, coverage.mean_width]  # fmt: skip
        heads = ("pixels of", "within", "below", "above", "mean width, grey levels")
        tables.append(Table("Measured values within the predicted intervals", heads, [row]))
        charts.append(draw_coverage(coverage, target, folder))
    curve = read_table(calibrated / "curve.csv")
    if curve is not None and (chart := draw_curve(curve, folder)) is not None:
        charts.append(chart)
    if (table := read_table(calibrated / "coverage.csv")) is not None:
        tables += split(table)
    section = ReportSection("intervals", "Prediction intervals", "", tables, charts)
    return None if section.empty else section


def draw_coverage(coverage: ReportCoverage, target: str, folder: Path) -> Chart:
    """Share of pixels within their interval, by predicted value."""
    within = coverage.pixels - coverage.below - coverage.above
    centres = (coverage.edges[1:] + coverage.edges[:-1]) / 2
    rows = [
        (centre, int(n), inside / n, below / n, above / n, width / n)
        for centre, n, inside, below, above, width in zip(
            centres, coverage.pixels, within, coverage.below, coverage.above, coverage.width,
            strict=True,
        )
        if n
    ]  # fmt: skip
    shown = [row for row in rows if row[1] >= _FEWEST]
    with drawing(5.2, 3.4) as (figure, axes):
        axes.plot([r[0] for r in shown], [r[2] for r in shown], color=SERIES[0], label="by value")
        axes.axhline(coverage.share or 0.0, color=SERIES[1], linestyle="--", label="all pixels")
        axes.set_ylim(0, 1.02)
        axes.set_xlabel(f"predicted {target}, grey levels", parse_math=False)
        axes.set_ylabel("share of pixels within")
        axes.legend(loc="lower left")
        return save(
            figure,
            folder,
            "coverage",
            title="Coverage by predicted value",
            caption="Share of pixels whose measured value lies within the predicted interval. "
            f"Values that fewer than {_FEWEST} pixels have are not drawn.",
            header=("predicted", "pixels", "within", "below", "above", "mean_width"),
            rows=rows,
        )


def draw_curve(curve: Table, folder: Path) -> Chart | None:
    """Measured against nominal coverage; None if the table is of something else."""
    names = ("nominal", "measured", "lowest_slide", "highest_slide")
    if list(curve.heads) != list(names) or any(isinstance(v, str) for r in curve.rows for v in r):
        return None
    nominal, measured, lowest, highest = zip(*curve.rows, strict=True)
    start = min(*nominal, *lowest) - 0.03
    with drawing(5.2, 4.5) as (figure, axes):
        axes.plot([start, 1], [start, 1], color=SERIES[1], linestyle="--", label="nominal")
        axes.fill_between(
            nominal,
            lowest,
            highest,
            color=SERIES[0],
            alpha=0.25,
            linewidth=0,
            label="single slides",
        )
        axes.plot(nominal, measured, "o-", color=SERIES[0], label="mean over slides")
        axes.set_xlabel("nominal coverage")
        axes.set_ylabel("measured coverage")
        axes.legend(loc="upper left")
        return save(
            figure,
            folder,
            "calibration",
            title="Calibration curve",
            caption="Coverage that was asked for, and coverage on slides that neither trained nor "
            "calibrated.",
            header=names,
            rows=curve.rows,
        )  # fmt: skip


def split(table: Table) -> list[Table]:
    """One table for each kind of row; the columns ``kind`` and ``name`` become title and first."""
    if list(table.heads[:2]) != ["kind", "name"]:
        return [table]
    kinds = dict.fromkeys(row[0] for row in table.rows)
    return [
        Table(
            f"Coverage by {kind}" if kind != "all" else "Coverage of all pixels",
            (str(kind), *table.heads[2:]),
            [[str(row[1]), *row[2:]] for row in table.rows if row[0] == kind],
            table.note,
        )
        for kind in kinds
    ]


def read_table(path: Path) -> Table | None:
    """A CSV file with a heading, of at most 200 rows; None if it is something else."""
    try:
        heads, *lines = read_csv(read_text(path, RunError))
    except (RunError, ValueError):
        return None
    lines = [line for line in lines if len(line) == len(heads)]
    if len(heads) < 2 or not lines:
        return None
    shown = [[_number(cell) for cell in line] for line in lines[:_MOST_ROWS]]
    note = f"The first {_MOST_ROWS} of {len(lines)} rows." if len(lines) > _MOST_ROWS else ""
    return Table(path.stem.replace("-", " ").replace("_", " "), heads, shown, note)


def _number(text: str) -> int | float | str:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            pass
    return text
