"""Sources of a report: a run, one of its evaluations, the slides and their predictions."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from hrpn_tf.config import Config
from hrpn_tf.errors import StoreError, UsageError
from hrpn_tf.evaluation.evaluation import METRICS_FILE
from hrpn_tf.evaluation.report.metrics_tables import ReportMetrics, read_metrics
from hrpn_tf.runs import Run, RunSlide, open_run
from hrpn_tf.runs.folder import CONFIG, EVALUATION, REPORT, is_run
from hrpn_tf.text import in_shell


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
    """

    run: Run
    evaluation: Path
    metrics: ReportMetrics
    predictions: Path
    slides: Mapping[str, RunSlide]
    missing: str

    @property
    def config(self) -> Config:
        """Configuration of the run."""
        return self.run.config


def find_sources(
    path: Path, *, run: Run | Path | None, slide_list: Path | None, predictions: Path | None
) -> Sources:
    """Find the sources that belong to a run or an evaluation.

    Args:
        path: RUN or EVALUATION.
        run: run of the evaluation; by default the folder that contains the evaluation.
        slide_list: list of the slides; None for those of the run's patch dataset.
        predictions: folder of the predicted slides; ``RUN/predictions`` if None.

    Raises:
        UsageError: neither a run nor an evaluation, or a run that is not evaluated yet.
        RunError: the run or evaluation is damaged.
        SlideListError, SlideNotFoundError: the slide list cannot be used.
    """
    folder, evaluation = _folders(path, run)
    opened = open_run(folder)
    metrics = read_metrics(evaluation)
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
    )


def default_out(path: Path) -> Path:
    """Beside the evaluation: ``RUN/report`` of ``RUN`` and of ``RUN/evaluation``."""
    if is_run(path):
        return path / REPORT
    return path.with_name(REPORT if path.name == EVALUATION else f"{path.name}-report")


def _folders(path: Path, run: Run | Path | None) -> tuple[Run | Path, Path]:
    """Run and evaluation."""
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
    if run is None:
        run = path.resolve().parent
        if not is_run(run):
            raise UsageError(f"{path}: lies in no run; name the run with --run")
    return run, path
