"""Leave-one-group-out cross-validation: train, predict and evaluate every fold."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from hrpn_tf.config import Config
from hrpn_tf.data.splits import Split, folds
from hrpn_tf.errors import ConfigError, RunError, StartError, UsageError
from hrpn_tf.evaluation.baselines.baselines import MODEL
from hrpn_tf.evaluation.evaluation import METRICS_FILE, POOLED
from hrpn_tf.evaluation.metrics import metrics_shown_in
from hrpn_tf.evaluation.tables import aligned
from hrpn_tf.files import atomic_path
from hrpn_tf.runs import Run, open_run
from hrpn_tf.text import csv_table, markdown
from hrpn_tf.untrusted import LARGEST, read_json
from hrpn_tf.workflows.evaluate.evaluate import evaluate_run
from hrpn_tf.workflows.export.twin import twin_after_training
from hrpn_tf.workflows.predict.options import quietly
from hrpn_tf.workflows.predict.predict import predict_run
from hrpn_tf.workflows.training_profile import write_profile

if TYPE_CHECKING:
    from hrpn_tf.data.store import PatchStore

SCHEMA = "hrpn-tf cross-validation 1"


@dataclass(frozen=True)
class FoldMetrics:
    """Metrics of one fold's network on its test group.

    Attributes:
        fold: number, from 0.
        split: split of the groups.
        best_epoch: epoch selected on the validation group; 0 for the network that the fold started
            from.
        metrics: pooled over the group's slides, as ``hrpn-tf evaluate`` defines them; None where
            undefined.
    """

    fold: int
    split: Split
    best_epoch: int
    metrics: Mapping[str, float | None]


def cross_validate(
    store_path: Path, out: Path, config: Config, *, progress: bool = True
) -> list[FoldMetrics]:
    """Run all folds, each in its own run folder, and write the summary.

    Called again after an interruption, it resumes at the last checkpoint of the first unfinished
    fold.

    Args:
        store_path: patch dataset with at least three groups.
        out: folder of ``fold-0``, ``fold-1`` and so on, and of ``summary.json``, ``.md``, ``.csv``.
        config: configuration of all folds; ``data.split`` is set here.
        progress: report the progress; see ``hrpn_tf.progress``.

    Raises:
        SplitError: fewer than three groups.
        UsageError: the start or the teacher knows a group that a fold holds back.
        RunError: an existing fold has another configuration or patch dataset.
        HrpnError: as raised by ``fit``, ``predict_run`` and ``evaluate_run``.
    """
    import keras

    from hrpn_tf.data.store import open_store
    from hrpn_tf.training.fit_to_end import fit_to_the_end

    store = open_store(store_path)
    splits, runs = folds(store.groups), [out / f"fold-{n}" for n in range(len(store.groups))]
    config = _as_begun(config, runs)
    _refuse_knowing(
        config, store, [s for s, run in zip(splits, runs, strict=True) if not run.is_dir()]
    )
    found = []
    for number, (split, folder) in enumerate(zip(splits, runs, strict=True)):
        epoch = fit_to_the_end(store_path, folder, _of_fold(config, number), progress=progress)
        run = open_run(folder)
        if not run.training_profile.exists():
            twin_after_training(run, store_path)
            write_profile(run, store_path)
        keras.utils.clear_session()  # otherwise the graphs of every fold would stay in memory
        predict_run(run, execution=quietly(progress))
        if not run.evaluation.is_dir():
            evaluate_run(run, progress=progress)
        found.append(FoldMetrics(number, split, epoch, _pooled(run)))
    _write(out, found)
    return found


def to_markdown(found: Sequence[FoldMetrics]) -> str:
    """One row per fold, then mean and standard deviation over folds."""
    shown = metrics_shown_in("folds").values()
    heads = ["fold", "test group", *(metric.heading for metric in shown)]
    lines = [
        [str(each.fold), markdown(", ".join(each.split.test)), *_cells(each.metrics)]
        for each in found
    ]
    mean, spread = spread_over_folds(found)
    lines += [["**mean**", "", *_cells(mean)], ["sd", "", *_cells(spread)]]
    return aligned([heads, *lines], left=2)


def spread_over_folds(
    found: Sequence[FoldMetrics],
) -> tuple[dict[str, float | None], dict[str, float | None]]:
    """Mean and standard deviation (n - 1) of each metric over the folds that define it."""
    columns = {
        name: [v for each in found if (v := each.metrics[name]) is not None]
        for name in metrics_shown_in("folds")
    }
    mean = {name: float(np.mean(v)) if v else None for name, v in columns.items()}
    spread = {name: float(np.std(v, ddof=1)) if len(v) > 1 else None for name, v in columns.items()}
    return mean, spread


def _as_begun(config: Config, runs: Sequence[Path]) -> Config:
    """The configuration with the start of the folds that are there, where the user names none.

    A fold that is not begun yet would otherwise start from random weights.
    """
    from hrpn_tf.training.start import begun_from

    if "start" in config.training.model_fields_set:
        return config
    return next((begun for run in runs if (begun := begun_from(config, run))), config)


def _refuse_knowing(config: Config, store: "PatchStore", splits: Sequence[Split]) -> None:
    """Refuse a start or teacher that knows a test or validation group of one of the folds.

    Raises:
        UsageError: says what may be taken.
    """
    from hrpn_tf.training.leakage import LearntFrom

    known = LearntFrom.of(config) if splits else LearntFrom(None, None)
    try:
        known.refuse(store, splits)
    except (ConfigError, StartError) as error:
        raise UsageError(
            f"a fold cannot be trained: {error.args[0].partition('; give ')[0]}; every group is "
            "tested once, so take a network that was trained on none of them, such as the weights "
            "of hrpn-tf weights"
        ) from None


def _of_fold(config: Config, number: int) -> Config:
    split = config.data.split.model_copy(update={"fold": number, "validation": (), "test": ()})
    data = config.data.model_copy(update={"split": split})
    return config.model_copy(update={"data": data})


def _pooled(run: Run) -> dict[str, float | None]:
    """Metrics of the network on the fold's test group."""
    path = run.evaluation / METRICS_FILE
    try:
        rows = read_json(path, RunError, LARGEST)["rows"]
        row = next(
            row
            for row in rows
            if (row["slide"], row["predictor"], row["view"], row["region"])
            == (POOLED, MODEL, "float", "whole")
        )
    except (RunError, TypeError, KeyError, AttributeError, StopIteration):
        raise RunError(
            f"{path}: missing or damaged; remove {path.parent} to have it made again"
        ) from None
    return {name: row.get(name) for name in metrics_shown_in("folds")}


def _cells(values: Mapping[str, float | None]) -> list[str]:
    return [metric.text(values[name]) for name, metric in metrics_shown_in("folds").items()]


def _write(out: Path, found: Sequence[FoldMetrics]) -> None:
    mean, spread = spread_over_folds(found)
    rows: list[dict[str, Any]] = [
        {
            "fold": each.fold,
            "test": ",".join(each.split.test),
            "validation": ",".join(each.split.validation),
            "best_epoch": each.best_epoch,
            **each.metrics,
        }
        for each in found
    ]
    summary = {"schema": SCHEMA, "folds": rows, "mean": mean, "standard_deviation": spread}
    texts = {
        "summary.json": json.dumps(summary, indent=2) + "\n",
        "summary.csv": csv_table(rows),
        "summary.md": "# Cross-validation\n\nFigures of each fold's network on the group that it "
        f"never saw, whole slides, as predicted.\n\n{to_markdown(found)}",
    }
    for name, text in texts.items():
        with atomic_path(out / name, overwrite=True) as temporary:
            temporary.write_text(text, encoding="utf-8")
