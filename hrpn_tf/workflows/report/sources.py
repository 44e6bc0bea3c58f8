"""Sources of a report: a run, one of its evaluations, the slides and their predictions."""

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from hrpn_tf.config import Config
from hrpn_tf.errors import StoreError, UsageError
from hrpn_tf.evaluation.evaluation import METRICS_FILE
from hrpn_tf.evaluation.report.metrics_tables import ReportMetrics, read_metrics
from hrpn_tf.runs import Run, RunSlide, open_run
from hrpn_tf.runs.folder import CONFIG, EVALUATION, REPORT, is_run
from hrpn_tf.text import in_shell
from hrpn_tf.weights.catalogue import weights_in
from hrpn_tf.workflows.evaluate.first_look import FirstLook, first_look


@dataclass(frozen=True)
class Sources:
    """Sources of a report.

    Attributes:
        run: the open run.
        evaluation: folder of the evaluation.
        metrics: metrics of the evaluation.
        predictions: folder of the predicted slides.
        slides: slides by name: those of the evaluation that the list or patch dataset contains.
        missing: reason for unknown slides, or an empty text.
        slide_list: list of the slides; None for those of the run's patch dataset.
    """

    run: Run
    evaluation: Path
    metrics: ReportMetrics
    predictions: Path
    slides: Mapping[str, RunSlide]
    missing: str
    slide_list: Path | None

    @property
    def config(self) -> Config:
        """Configuration of the run."""
        return self.run.config

    @cached_property
    def look(self) -> FirstLook | None:
        """The first look, if weights stand for the run."""
        entry = weights_in(self.run.folder)
        return None if entry is None else FirstLook(entry.name, self.run)

    @property
    def evaluate_command(self) -> str:
        """The command that leads to this evaluation, its names quoted for a shell."""
        usual = self.run if self.look is None else self.look
        found = [] if self.slide_list is None else [in_shell(self.slide_list)]
        found += [shlex.join(self.network)]
        for option, folder, own in (
            ("--predictions", self.predictions, usual.predictions),
            ("--out", self.evaluation, usual.evaluation),
        ):
            if folder.resolve() != own.resolve():
                found += [option, in_shell(folder)]
        return " ".join(["hrpn-tf evaluate", *found])

    @property
    def network(self) -> list[str]:
        """The option that names the network to ``predict`` and ``evaluate``."""
        if self.look is None:
            return ["--run", str(self.run)]
        return ["--weights", self.look.name]


def find_sources(
    path: Path, *, run: Run | Path | None, slide_list: Path | None, predictions: Path | None
) -> Sources:
    """Find the sources that belong to a run or an evaluation.

    Args:
        path: RUN or EVALUATION.
        run: run of the evaluation; by default the folder that contains the evaluation, or the
            weights that were evaluated if they lie elsewhere.
        slide_list: list of the slides; None for those of the run's patch dataset.
        predictions: folder of the predicted slides; ``RUN/predictions`` if None, of weights
            ``predictions-NAME``.

    Raises:
        UsageError: neither a run nor an evaluation, a run that is not evaluated yet, or an
            evaluation of weights without a slide list.
        UnknownWeightsError, WeightsError: the weights that were evaluated are not here, or damaged.
        RunError: the run or evaluation is damaged.
        SlideListError, SlideNotFoundError: the slide list cannot be used.
    """
    folder, evaluation = _folders(path, run)
    metrics = read_metrics(evaluation)
    if run is None and metrics.weights is not None and not _holds(folder, metrics.weights):
        look = first_look(metrics.weights, slide_list)
        folder, predictions = look.run, predictions or look.predictions
    elif folder is None:
        raise UsageError(f"{path}: lies in no run; name the run with --run")
    opened = open_run(folder)
    missing = ""
    try:
        known = {slide.name: slide for slide in opened.slides(slide_list)}
    except StoreError as error:
        known, missing = {}, str(error)
    return Sources(
        run=opened,
        evaluation=evaluation,
        metrics=metrics,
        predictions=predictions or opened.predictions,
        slides={name: known[name] for name in metrics.slides if name in known},
        missing=missing,
        slide_list=slide_list,
    )


def _holds(folder: Run | Path | None, weights: str) -> bool:
    """Whether a folder is that of weights of this name."""
    if folder is None:
        return False
    entry = weights_in(folder if isinstance(folder, Path) else folder.folder)
    return entry is not None and entry.name == weights


def default_out(path: Path) -> Path:
    """Beside the evaluation: ``RUN/report`` of ``RUN`` and of ``RUN/evaluation``."""
    if is_run(path):
        return path / REPORT
    return path.with_name(REPORT if path.name == EVALUATION else f"{path.name}-report")


def _folders(path: Path, run: Run | Path | None) -> tuple[Run | Path | None, Path]:
    """Run and evaluation; None for an evaluation that lies in no run."""
    if not path.is_dir():
        raise UsageError(f"{path}: no such folder; give one of hrpn-tf fit or hrpn-tf evaluate")
    if is_run(path):
        evaluation = path / EVALUATION
        if not (evaluation / METRICS_FILE).is_file():
            raise UsageError(
                f"{path}: not evaluated yet; do that with: hrpn-tf evaluate --run {in_shell(path)}"
            )
        return run or path, evaluation
    if not (path / METRICS_FILE).is_file():
        raise UsageError(
            f"{path}: neither a run (it holds no {CONFIG}) nor an evaluation (no {METRICS_FILE})"
        )
    above = path.resolve().parent
    return run or (above if is_run(above) else None), path
