"""Evaluations, comparisons of runs, and reports."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hrpn_tf.api.arguments import (
    PathArgument,
    ProgressArgument,
    RunArgument,
    optional_path,
    overrides_of,
    path_of,
    run_of,
    work,
)
from hrpn_tf.api.prediction import PredictionResult
from hrpn_tf.api.result import Result, pictures_in
from hrpn_tf.api.show import Table, file_html, table_html

if TYPE_CHECKING:
    from hrpn_tf.workflows.evaluate.first_look import FirstLook
    from hrpn_tf.workflows.evaluate.spatial import SpatialOptions


@dataclass(frozen=True, repr=False)
class EvaluationResult(Result):
    """A comparison of predicted slides with the measured target.

    Attributes:
        folder: of the tables and pictures.
        metrics: of the network over all pixels of all slides, by name; None where undefined. The
            names, units and formulas are those of ``metrics.json``.
        table: per slide, predictor, view and region: these four and the metrics. The slide
            "pooled" is all of them as one image.
        pictures: PNG files, one per slide.
        seconds: wall time of the call.
    """

    folder: Path
    metrics: Mapping[str, float | None]
    table: Table
    pictures: tuple[Path, ...]
    seconds: float

    @property
    def _location(self) -> Path:
        return self.folder

    def _facts(self) -> Mapping[str, object]:
        shown = ("mse", "r2", "pearson", "psnr", "ssim")
        return {
            **{name: self.metrics[name] for name in shown if name in self.metrics},
            "seconds": self.seconds,
        }

    def _details(self) -> str:
        rows = [row for row in self.table if (row["view"], row["region"]) == ("float", "whole")]
        return table_html(rows) + "".join(file_html(path) for path in self.pictures[:2])


@dataclass(frozen=True, repr=False)
class ReportResult(Result):
    """A report.

    Attributes:
        page: the page to open in a browser.
        slides: number of slides with a page of their own.
        problems: name of a slide: why it has no page.
        seconds: wall time of the call.
    """

    page: Path
    slides: int
    problems: Mapping[str, str] = field(default_factory=dict)
    seconds: float = 0.0

    @property
    def _location(self) -> Path:
        return self.page

    def _facts(self) -> Mapping[str, object]:
        return {"slides": self.slides, "problems": len(self.problems), "seconds": self.seconds}


def evaluate(
    run: RunArgument | None = None,
    slides: PathArgument | None = None,
    predictions: "PathArgument | PredictionResult | None" = None,
    out: PathArgument | None = None,
    *,
    groups: Sequence[str] = (),
    baselines: bool = True,
    trees: bool = False,
    error_floor: bool = False,
    spatial: "bool | SpatialOptions" = False,
    weights: str | None = None,
    settings: Mapping[str, Any] | None = None,
    overwrite: bool = False,
    progress: ProgressArgument = None,
) -> EvaluationResult:
    """Compare predicted slides with the measured target; write tables and pictures.

    Metrics are pooled: over all pixels of all slides, as if they were one image. The formula and
    unit of each are in ``metrics.json`` and in the documentation (*Evaluate*).

    Args:
        run: run, its folder, or the result of :func:`fit`.
        slides: slide list, of which the groups that neither trained nor chose the checkpoint are
            evaluated; None for the test slides of the run.
        predictions: folder of the predicted slides, or the result of :func:`predict`;
            ``RUN/predictions`` if None.
        out: folder to create; ``RUN/evaluation`` if None.
        groups: only these.
        baselines: evaluate the mean and a fit to the distance from vessels as well.
        trees: add gradient-boosted trees to the baselines; takes about half a minute per slide.
        error_floor: also bound the irreducible error of the slides, in ``error-floor.json``.
        spatial: evaluate by distance to vessels, in sub-areas, and at nuclei as well.
        weights: in place of ``run``, the name of weights as listed by ``hrpn-tf weights``: evaluate
            the first look that ``predict(slides=LIST, weights=NAME)`` wrote, without baselines.
            ``slides`` is required; the folders are ``predictions-NAME`` and ``evaluation-NAME``.
        settings: keys of the sections ``evaluation`` and ``spatial`` of the configuration, e.g.
            ``{"evaluation.peak": 255}``.
        overwrite: replace an evaluation that is there.
        progress: True for progress bars, or a function that is called with updates.

    Raises:
        MissingPredictionError: a slide was not predicted.
        SlideMismatchError: a predicted and a measured slide differ in size or pixel size.
        RunError, UsageError: the run is incomplete, there is nothing to evaluate, or not one of
            ``run`` and ``weights`` is given.
        UnknownWeightsError, WeightsError: there are no such weights, or they are damaged.
        OutputExistsError: the folder exists, and ``overwrite`` is false.

    Example:
        >>> import hrpn_tf as ht
        >>> evaluated = ht.evaluate("run")
        >>> sorted(evaluated.metrics)[:3], evaluated.table[0]["predictor"]
        (['bias', 'mae', 'mse'], 'model')
    """
    from hrpn_tf.workflows.evaluate.evaluate import evaluate_run
    from hrpn_tf.workflows.evaluate.options import EvaluationOptions

    if spatial is True:
        from hrpn_tf.workflows.evaluate.spatial import SpatialOptions

        spatial = SpatialOptions()
    if isinstance(predictions, PredictionResult):
        predictions = predictions.folder
    options = EvaluationOptions(
        predictions=optional_path(predictions),
        groups=tuple(groups),
        baselines=baselines,
        trees=trees,
        error_floor=error_floor,
        spatial=spatial or None,
        overrides=overrides_of(settings),
    )
    slide_list, folder = optional_path(slides), optional_path(out)
    with work(progress) as now:
        look = _first_look(run, weights, slide_list)
        if look is not None:
            run, options, folder = look.run, look.options(options), folder or look.evaluation
        assert run is not None
        found = evaluate_run(
            run_of(run),
            slide_list,
            out=folder,
            options=options,
            overwrite=overwrite,
        )
    rows = found.evaluation.rows()
    pooled = next(
        row.metrics.values
        for row in rows
        if (row.slide, row.predictor, row.view, row.region) == ("pooled", "model", "float", "whole")
    )
    table = tuple(
        {
            "slide": row.slide,
            "predictor": row.predictor,
            "view": row.view,
            "region": row.region,
            **row.metrics.values,
        }
        for row in rows
    )
    names = [slide.name for slide in found.evaluation.slides]
    return EvaluationResult(
        found.folder, dict(pooled), table, pictures_in(found.folder, names), now.seconds
    )


def _first_look(
    run: RunArgument | None, weights: str | None, slide_list: Path | None
) -> "FirstLook | None":
    """The first look that is evaluated; None for a run."""
    from hrpn_tf.errors import UsageError
    from hrpn_tf.workflows.evaluate.first_look import first_look

    if (run is None) == (weights is None):
        raise UsageError("either run or weights is required, and not both")
    return None if weights is None else first_look(weights, slide_list)


def report(
    run: RunArgument,
    slides: PathArgument | None = None,
    out: PathArgument | None = None,
    *,
    predictions: "PathArgument | PredictionResult | None" = None,
    megapixels: float = 100.0,
    overwrite: bool = False,
    progress: ProgressArgument = None,
) -> ReportResult:
    """Show a run or an evaluation on one page, and every slide in a viewer.

    The pages open from the disk and load nothing from elsewhere.

    Args:
        run: run, its folder, an evaluation, or the result of :func:`fit` or :func:`evaluate`.
        slides: slide list; None for the slides of the patch dataset.
        out: folder to create; ``report`` beside the evaluation if None.
        predictions: folder of the predicted slides; ``RUN/predictions`` if None.
        megapixels: largest size at which a slide is shown, in million pixels.
        overwrite: replace a report that is there.
        progress: True for progress bars, or a function that is called with updates.

    Raises:
        RunError, UsageError: there is no evaluation.
        OutputExistsError: the report exists, and ``overwrite`` is false.

    Example:
        >>> import hrpn_tf as ht
        >>> reported = ht.report("run")
        >>> reported.page.name, reported.slides
        ('index.html', 1)
    """
    from hrpn_tf.runs import Run
    from hrpn_tf.workflows.report.options import ReportOptions
    from hrpn_tf.workflows.report.report import report_run

    if isinstance(predictions, PredictionResult):
        predictions = predictions.folder
    options = ReportOptions(
        slide_list=optional_path(slides),
        predictions=optional_path(predictions),
        megapixels=megapixels,
    )
    with work(progress) as now:
        found = report_run(
            run if isinstance(run, Run) else path_of(run),
            out=optional_path(out),
            options=options,
            overwrite=overwrite,
        )
    return ReportResult(found.page, found.slides, dict(found.problems), now.seconds)
