"""What a report is made of: a run, one of its evaluations, the slides and their predictions."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hrpn_tf.config import RUN_CONFIG, Config, load_run_config
from hrpn_tf.errors import StoreError, UsageError
from hrpn_tf.evaluation.report.metrics_tables import ReportMetrics, read_metrics
from hrpn_tf.runs.slides import RunSlide, run_slides


@dataclass(frozen=True)
class Sources:
    """Where a report's content comes from.

    Attributes:
        run: folder of the training.
        config: of the run.
        evaluation: folder of the evaluation.
        metrics: of the evaluation.
        predictions: folder of the predicted slides.
        slides: name: slide, of those that the evaluation names and the list or store knows.
        missing: why slides are not known, or an empty text.
    """

    run: Path
    config: Config
    evaluation: Path
    metrics: ReportMetrics
    predictions: Path
    slides: Mapping[str, RunSlide]
    missing: str


def find_sources(
    path: Path, *, run: Path | None, slide_list: Path | None, predictions: Path | None
) -> Sources:
    """Find what belongs to a run or an evaluation.

    Args:
        path: RUN or EVALUATION.
        run: of the evaluation; by default the folder that the evaluation lies in.
        slide_list: where the slides are; None for those of the run's store.
        predictions: folder of the predicted slides; ``RUN/predictions`` if None.

    Raises:
        UsageError: neither a run nor an evaluation, or one that was not evaluated yet.
        RunError: a damaged run or evaluation.
        SlideListError, SlideNotFoundError: the slide list cannot be used.
    """
    run, evaluation = _folders(path, run)
    config = load_run_config(run)
    metrics = read_metrics(evaluation)
    missing = ""
    try:
        known = {slide.name: slide for slide in run_slides(run, config, slide_list)}
    except StoreError as error:
        known, missing = {}, str(error)
    return Sources(
        run=run,
        config=config,
        evaluation=evaluation,
        metrics=metrics,
        predictions=predictions or run / "predictions",
        slides={name: known[name] for name in metrics.slides if name in known},
        missing=missing,
    )


def default_out(path: Path) -> Path:
    """Beside the evaluation: ``RUN/report`` of ``RUN`` and of ``RUN/evaluation``."""
    if (path / RUN_CONFIG).is_file():
        return path / "report"
    return path.with_name("report" if path.name == "evaluation" else f"{path.name}-report")


def read_json(path: Path) -> dict[str, Any]:
    """A file of plain values that may be missing or damaged: then nothing is said of it."""
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return values if isinstance(values, dict) else {}


def _folders(path: Path, run: Path | None) -> tuple[Path, Path]:
    """Run and evaluation."""
    if not path.is_dir():
        raise UsageError(f"{path}: no such folder; give one of hrpn-tf fit or hrpn-tf evaluate")
    if (path / RUN_CONFIG).is_file():
        evaluation = path / "evaluation"
        if not (evaluation / "metrics.json").is_file():
            raise UsageError(
                f"{path}: not evaluated yet; do that with: hrpn-tf evaluate --run {path}"
            )
        return run or path, evaluation
    if not (path / "metrics.json").is_file():
        raise UsageError(
            f"{path}: neither a run (it holds no {RUN_CONFIG}) nor an evaluation (no metrics.json)"
        )
    if run is None:
        run = path.resolve().parent
        if not (run / RUN_CONFIG).is_file():
            raise UsageError(f"{path}: lies in no run; name the run with --run")
    return run, path
