"""Results of a run for a comparison: evaluation, seed, cost."""

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hrpn_tf.config import Config
from hrpn_tf.errors import RunError, UsageError
from hrpn_tf.evaluation.baselines.baselines import MODEL, WITHOUT_ANCHOR
from hrpn_tf.evaluation.evaluation import METRICS_FILE, POOLED, SCHEMA
from hrpn_tf.runs import Run, open_run
from hrpn_tf.text import in_shell
from hrpn_tf.untrusted import LARGEST, read_json
from hrpn_tf.workflows.evaluate.evaluate import evaluate_run
from hrpn_tf.workflows.evaluate.options import EvaluationOptions
from hrpn_tf.workflows.predict.options import quietly
from hrpn_tf.workflows.predict.predict import predict_run

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class RunResults:
    """An evaluated run.

    Attributes:
        label: unique among the runs of a comparison.
        run: the open run.
        rows: metrics of the network on each whole slide, without rounding; see ``Row``.
        pooled: the same metrics of all slides as one image.
        peak: peak intensity of PSNR and SSIM, or None.
        resources: resources of the training; empty if unknown.
        files: checksums of the files of each evaluated slide, by its name; of those that are known.
        symmetries: whether a slide's prediction averages the orientations of each tile.
    """

    label: str
    run: Run
    rows: tuple[dict[str, Any], ...]
    pooled: dict[str, Any]
    peak: float | None
    resources: dict[str, float]
    files: Mapping[str, Any] = field(default_factory=dict)
    symmetries: bool = False

    @property
    def config(self) -> Config:
        """Resolved configuration of the run."""
        return self.run.config

    @property
    def family(self) -> str:
        """Key that is equal for runs that differ only in their seed, and were predicted alike."""
        values: dict[str, Any] = self.config.model_dump(
            mode="json", include={"data", "model", "training"}
        )
        del values["training"]["seed"]
        if self.symmetries:
            values["symmetries"] = True
        return json.dumps(values, sort_keys=True)


def parse_runs(texts: Sequence[str]) -> dict[str, Path]:
    """Run folders by label, from ``RUN`` (labelled by the folder's name) or ``NAME=RUN``.

    Raises:
        UsageError: no run, or two runs with the same label.
    """
    if not texts:
        raise UsageError("no run is named; give the folders of hrpn-tf fit")
    runs: dict[str, Path] = {}
    for text in texts:
        name, equals, folder = text.partition("=")
        path = Path(folder) if equals and not Path(text).exists() else Path(text)
        label = name if equals and not Path(text).exists() else path.resolve().name
        if label in runs:
            raise UsageError(
                f"{runs[label]} and {path} would both be called {label}; name one as NAME=RUN"
            )
        runs[label] = path
    return runs


def read_results(label: str, run: Run | Path, progress: bool = True) -> RunResults:
    """Results of a run; it is predicted and evaluated first if necessary.

    Raises:
        RunError: no run, no network in it yet, or a damaged evaluation.
        UsageError: the run was evaluated on training or validation slides.
    """
    run = open_run(run)
    path = run.evaluation / METRICS_FILE
    if not path.is_file():
        predict_run(run, execution=quietly(progress))
        evaluate_run(run, options=EvaluationOptions(baselines=False), progress=progress)
    values = _read_evaluation(path)
    _warn_of_another_network(run, values)
    predictor = MODEL
    if any(row["predictor"] == WITHOUT_ANCHOR for row in values["rows"]):
        predictor = WITHOUT_ANCHOR
        logger.warning(
            f"{path}: its predictions were scaled to what was measured; they are compared as the "
            "network gave them"
        )
    rows = [
        row
        for row in values["rows"]
        if (row["predictor"], row["view"], row["region"]) == (predictor, "float", "whole")
    ]
    for row in rows:
        if row["slide"] != POOLED and row["subset"] not in ("test", "other"):
            raise UsageError(
                f"{path}: holds {row['slide']}, a {row['subset']} slide of this run, and would "
                f"flatter it; evaluate its test slides: "
                f"hrpn-tf evaluate --run {in_shell(run)} --overwrite"
            )
        if not row["pixels"]:
            raise UsageError(
                f"{path}: no pixel of {row['slide']} was compared; evaluate slides with pixels "
                f"beside the anchor's region: hrpn-tf evaluate --run {in_shell(run)} --overwrite"
            )
    return RunResults(
        label=label,
        run=run,
        rows=tuple(row for row in rows if row["slide"] != POOLED),
        pooled=next(row for row in rows if row["slide"] == POOLED),
        peak=values["peak"],
        resources=dict(run.records.resources),
        files=_files(values),
        symmetries=any(each.get("symmetries") for each in values.get("predictions", {}).values()),
    )


def _files(values: Mapping[str, Any]) -> dict[str, Any]:
    """Checksums of the evaluated slides; older evaluations do not have them."""
    made = values.get("predictions", {})
    inputs = {name: each.get("input", {}).get("sha256") for name, each in made.items()}
    return {name: checksums for name, checksums in inputs.items() if checksums}


def _read_evaluation(path: Path) -> dict[str, Any]:
    try:
        values: dict[str, Any] = read_json(path, RunError, LARGEST)
        if values["schema"] == SCHEMA:
            return values
    except (RunError, KeyError, TypeError):
        pass
    raise RunError(
        f"{path}: damaged or of another version; run hrpn-tf evaluate again with --overwrite"
    )


def _warn_of_another_network(run: Run, values: dict[str, Any]) -> None:
    networks = values.get("networks") or []
    if networks and run.checksum is not None and networks != [run.checksum]:
        logger.warning(
            f"{run.evaluation} is of another network than {run.best}; predict and "
            "evaluate again with --overwrite if that is not meant"
        )
