"""What to measure next."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from hrpn_tf.api.arguments import (
    PathArgument,
    ProgressArgument,
    RunArgument,
    SlideArgument,
    optional_path,
    path_of,
    run_of,
    slide_path,
    work,
)
from hrpn_tf.api.result import Result
from hrpn_tf.api.show import Table, file_html, table_html

if TYPE_CHECKING:
    from hrpn_tf.evaluation.planning import LearningCurve
    from hrpn_tf.workflows.plan.result import Plan


@dataclass(frozen=True, repr=False)
class PlanResult(Result):
    """What more animals would bring, and the slides to measure next.

    Attributes:
        folder: of the tables and pictures.
        error: how the mean squared error falls with more training groups, in a sentence; None
            without a curve.
        width: the same of the width of intervals.
        curve: per number of training groups: ``groups``, ``mse`` (grey levels^2), ``mse_low``,
            ``mse_high``, ``width`` (grey levels), ``width_low``, ``width_high``: predicted, with
            95 % intervals; None where there are none. Empty without a curve.
        table: per number of calibration groups and coverage: ``groups``, ``coverage``, ``highest``
            (most that can be guaranteed), ``guaranteed``, ``quantile``, ``low``, ``high`` (90 % of
            all calibrations have a coverage between them, in the worst case).
        candidates: per slide, in order: ``place``, ``slide``, ``group``, ``disagreement`` (grey
            levels), ``distance``, ``novelty``, ``value``.
        notes: what limits these statements.
        pictures: PNG files.
        seconds: wall time of the call.
    """

    folder: Path
    error: str | None
    width: str | None
    curve: Table
    table: Table
    candidates: Table
    notes: tuple[str, ...]
    pictures: tuple[Path, ...]
    seconds: float

    @property
    def _location(self) -> Path:
        return self.folder

    def _facts(self) -> Mapping[str, object]:
        return {
            "error": self.error,
            "candidates": len(self.candidates),
            "seconds": self.seconds,
        }

    def _details(self) -> str:
        notes = "".join(f"<p>{escape(note)}.</p>" for note in self.notes)
        tables = "".join(map(table_html, filter(None, (self.curve, self.table, self.candidates))))
        return tables + notes + "".join(map(file_html, self.pictures))


def plan(
    run: RunArgument,
    candidates: Sequence[SlideArgument] = (),
    out: PathArgument | None = None,
    *,
    curve: bool = True,
    sizes: Sequence[int] = (),
    draws: int = 3,
    shorten: float = 1.0,
    max_minutes: float | None = None,
    at: Sequence[int] = (),
    coverage: float = 0.9,
    ensemble: Sequence[RunArgument] = (),
    patches: PathArgument | None = None,
    channels: Mapping[str, str | int] | None = None,
    pixel_size: float | None = None,
    overwrite: bool = False,
    progress: ProgressArgument = None,
) -> PlanResult:
    """Plan what to measure next, from a pilot run.

    Networks are trained by the recipe of the run on nested subsets of its training groups, and a
    power law a + b n^-c is fitted to their errors on the groups that the run holds back. Slides
    without a measured target are ranked by how much such networks disagree on them and by how far
    they are from the training slides. Called again after an interruption, it goes on.

    Args:
        run: run, its folder, or the result of :func:`fit`.
        candidates: slides without a target to rank; or slide lists, folders or patterns of them.
        out: folder of the trainings and results; ``RUN/plan`` if None.
        curve: train on subsets; without, nothing is trained.
        sizes: numbers of groups to train with; 1, 2, 4, ... and all if empty.
        draws: number of nested series of subsets.
        shorten: steps of each training, as a share of those of the run.
        max_minutes: begin no further training after so many minutes.
        at: numbers of training groups to predict for; twice and four times as many if empty.
        coverage: of the intervals whose width is predicted.
        ensemble: further runs whose disagreement ranks the candidates.
        patches: patch dataset; None for where the run was fitted.
        channels: channel of the candidates that shows an input, by role; None for those of the
            run's configuration.
        pixel_size: um per pixel, for candidates whose files state none.
        overwrite: remove trainings with other settings that are in the folder.
        progress: True for progress bars, or a function that is called with updates.

    Raises:
        SplitError: fewer than three training groups, for a curve.
        CandidateError: a candidate that the run has used.
        StoreError: the patch dataset is gone, or another one.
        UsageError: an argument out of range, or networks that do not fit together.

    Example:
        >>> import hrpn_tf as ht
        >>> planned = ht.plan("run", curve=False)
        >>> [row["highest"] for row in planned.table if row["groups"] == 9]
        [0.9, 0.9, 0.9]
    """
    from hrpn_tf.workflows.plan.options import PlanOptions
    from hrpn_tf.workflows.plan.plan import plan_run

    options = PlanOptions(
        curve=curve,
        sizes=tuple(sizes),
        draws=draws,
        shorten=shorten,
        max_minutes=max_minutes,
        at=tuple(at),
        coverage=coverage,
        ensemble=tuple(run_of(each).folder for each in ensemble),
        store=optional_path(patches),
        channels=dict(channels or {}),
        pixel_size_um=pixel_size,
    )
    with work(progress) as now:
        found = plan_run(
            run_of(run),
            [slide_path(each) for each in candidates],
            None if out is None else path_of(out),
            options=options,
            overwrite=overwrite,
        )
    return _result(found, now.seconds)


def _result(found: "Plan", seconds: float) -> PlanResult:
    from hrpn_tf.workflows.plan.summary import sentence

    def words(what: str, curve: "LearningCurve | None") -> str | None:
        return None if curve is None else sentence(what, curve)

    return PlanResult(
        folder=found.folder,
        error=words("error", found.error),
        width=words("width", found.width),
        curve=_curve_rows(found),
        table=tuple(each.to_json() for each in found.coverage),
        candidates=tuple(
            {
                "place": each.place,
                "slide": each.candidate.name,
                "group": each.candidate.group,
                "disagreement": each.candidate.disagreement,
                "distance": each.candidate.distance,
                "novelty": each.novelty,
                "value": each.value,
            }
            for each in found.ranked
        ),
        notes=found.notes,
        pictures=(found.folder / "plan.png",),
        seconds=seconds,
    )


def _curve_rows(found: "Plan") -> Table:
    if found.error is None or found.width is None:
        return ()
    return tuple(
        {
            "groups": error.groups,
            "mse": error.error,
            "mse_low": error.low,
            "mse_high": error.high,
            "width": width.error,
            "width_low": width.low,
            "width_high": width.high,
        }
        for error, width in zip(found.error.outlook, found.width.outlook, strict=True)
    )
