"""Comparisons of runs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from hrpn_tf.api.arguments import PathArgument, ProgressArgument, RunArgument, path_of, run_of, work
from hrpn_tf.api.result import Result, pictures_in
from hrpn_tf.api.show import Cell, Table, file_html, table_html

if TYPE_CHECKING:
    from hrpn_tf.evaluation.comparison.comparison import Comparison


@dataclass(frozen=True, repr=False)
class ComparisonResult(Result):
    """Runs and baselines on the same slides.

    Attributes:
        folder: of the tables and pictures.
        reference: label of the entry that the others are compared with.
        table: per run, group of runs and baseline: ``label``, ``kind``, the metrics, and
            ``mse_ratio``, ``mse_ratio_low``, ``mse_ratio_high`` (mean squared error over that of
            the reference, with a 95 % bootstrap interval over animals; None for the reference).
        pictures: PNG files.
        seconds: wall time of the call.
    """

    folder: Path
    reference: str
    table: Table
    pictures: tuple[Path, ...]
    seconds: float

    @property
    def _location(self) -> Path:
        return self.folder

    def _facts(self) -> Mapping[str, object]:
        return {
            "entries": len(self.table),
            "reference": self.reference,
            "seconds": self.seconds,
        }

    def _details(self) -> str:
        return table_html(self.table) + "".join(map(file_html, self.pictures[:1]))


def compare(
    runs: Mapping[str, RunArgument] | Sequence[RunArgument],
    out: PathArgument,
    *,
    reference: str | None = None,
    baselines: bool = True,
    rounds: int = 20,
    overwrite: bool = False,
    progress: ProgressArgument = None,
) -> ComparisonResult:
    """Compare runs on the same test slides: errors with intervals, cost, pictures.

    A run that has no evaluation yet is predicted and evaluated first. Runs that differ in their
    seed alone are also shown as a group. The intervals are 95 % percentile intervals of a paired
    bootstrap over animals, each with all of its slides; where each slide is an animal of its own,
    over slides.

    Args:
        runs: label: run; or runs, which are labelled by the name of their folder.
        out: folder to create.
        reference: label of the run, group or baseline that the others are compared with; the
            first run if None.
        baselines: compare with the mean, the distance from vessels, and trees as well.
        rounds: number of times that the latency of each network is measured; 0 for none.
        overwrite: replace a comparison that is there.
        progress: True for progress bars, or a function that is called with updates.

    Raises:
        UsageError: two runs of one label, runs on different slides, or an unknown reference.
        RunError: a run is incomplete.
        OutputExistsError: ``out`` exists, and ``overwrite`` is false.

    Example:
        >>> import hrpn_tf as ht
        >>> compared = ht.compare({"HRPN": "run"}, "comparison", baselines=False, rounds=0)
        >>> compared.reference, compared.table[0]["kind"]
        ('HRPN', 'run')
    """
    from hrpn_tf.workflows.compare.compare import compare_runs
    from hrpn_tf.workflows.compare.options import ComparisonOptions

    labelled = _labelled(runs)
    with work(progress) as now:
        found = compare_runs(
            {label: run_of(run) for label, run in labelled.items()},
            path_of(out),
            options=ComparisonOptions(reference, baselines, rounds),
            overwrite=overwrite,
        )
    return ComparisonResult(
        found.folder,
        found.comparison.reference,
        _compared_rows(found.comparison),
        pictures_in(found.folder),
        now.seconds,
    )


def _labelled(
    runs: Mapping[str, RunArgument] | Sequence[RunArgument],
) -> Mapping[str, RunArgument]:
    from hrpn_tf.errors import UsageError

    if isinstance(runs, Mapping):
        labelled = dict(runs)
    else:
        labelled = {}
        for run in runs:
            label = run_of(run).folder.resolve().name
            if label in labelled:
                raise UsageError(f"two runs are called {label}; give a mapping of label to run")
            labelled[label] = run
    if not labelled:
        raise UsageError("there is no run to compare")
    return labelled


def _compared_rows(comparison: "Comparison") -> Table:
    rows = []
    for entry in comparison.entries:
        difference = comparison.differences.get(entry.label)
        ratio = None if difference is None else difference.mse_ratio
        row: dict[str, Cell] = {"label": entry.label, "kind": entry.kind, **entry.pooled}
        row["mse_ratio"] = None if ratio is None else ratio.estimate
        row["mse_ratio_low"] = None if ratio is None else ratio.low
        row["mse_ratio_high"] = None if ratio is None else ratio.high
        rows.append(row)
    return tuple(rows)
