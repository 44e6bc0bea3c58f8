"""What weights state of their training: data description, figures, and model card."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

from hrpn_tf._version import __version__
from hrpn_tf.config import Config
from hrpn_tf.errors import WeightsError
from hrpn_tf.runs import Run
from hrpn_tf.runs.folder import STORE
from hrpn_tf.runs.writing import recorded_dataset
from hrpn_tf.text import markdown, printable
from hrpn_tf.weights import WeightsEntry

_TEMPLATE = "card.md"
_FIGURES = ("r2", "pearson", "mse", "mae")  # of an evaluation, all pixels as one image
# Mean over slides: how well the pattern is met, whatever the brightness of each slide.
_WITHIN = "pearson_within_slides"


@dataclass(frozen=True)
class Training:
    """What is known of the training of a network.

    Attributes:
        slides: number of slides by use; empty if not known.
        simulated: whether all were simulated; None if not known.
        figures: of the best epoch, or of an evaluation, by name.
        evaluated: what the figures are of.
    """

    slides: Mapping[str, int]
    simulated: bool | None
    figures: Mapping[str, float]
    evaluated: str


def training_of(run: Run | None, evaluation: Path | None) -> Training:
    """What a run says of its training; nothing is known of a bundle.

    Args:
        run: None for a bundle.
        evaluation: folder that ``hrpn-tf evaluate`` wrote; None for that of the run, or else the
            validation slides of its best epoch.

    Raises:
        UsageError, RunError: there is no such evaluation, or a file is damaged.
    """
    slides: dict[str, int] = {}
    simulated = None
    if run is not None:
        stated = run.records.split
        slides = {part: len(stated[part].get("slides") or ()) for part in stated}
        if (run.folder / STORE).is_file():
            simulated = "simulated" in recorded_dataset(run.folder)
        if evaluation is None and run.evaluation.is_dir():
            evaluation = run.evaluation
    if evaluation is not None:
        from hrpn_tf.evaluation.evaluation import POOLED
        from hrpn_tf.evaluation.report.metrics_tables import read_metrics

        metrics = read_metrics(evaluation)
        names = metrics.slides
        within = [_finite(metrics.model(slide), ("pearson",)).get("pearson") for slide in names]
        known = [r for r in within if r is not None]
        row = {**metrics.model(POOLED), _WITHIN: fmean(known) if known else None}
        return Training(
            slides,
            simulated,
            _finite(row, (*_FIGURES, _WITHIN)),
            f"{len(names)} slides that were held back",
        )
    best = {} if run is None else _best_epoch(run)
    return Training(
        slides, simulated, best, "the validation slides, which chose the epoch" if best else ""
    )


def data_description(config: Config, training: Training, trained_on: str) -> dict[str, Any]:
    """What the network was trained on, as plain values."""
    data = config.model_dump(mode="json")
    described = {
        "trained_on": trained_on,
        "slides": dict(training.slides),
        "seed": config.training.seed,
        "program": f"hrpn-tf {__version__}",
        "data": data["data"],
    }
    return {**described, "simulation": data["simulation"]} if training.simulated else described


def model_card(entry: WeightsEntry, training: Training) -> str:
    """The model card, Markdown."""
    import jinja2

    environment = jinja2.Environment(
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        finalize=lambda value: markdown(value) if isinstance(value, str) else value,
    )
    text = (Path(__file__).parent / _TEMPLATE).read_text(encoding="utf-8")
    return environment.from_string(text).render(
        entry=entry,
        training=training,
        inputs=", ".join(entry.inputs),
        output=entry.outputs[0],
        figures={
            name.replace("_", " "): float(f"{value:.4g}") for name, value in entry.figures.items()
        },
    )


def _best_epoch(run: Run) -> dict[str, float]:
    """Validation figures of the epoch with the lowest validation loss."""
    rows = [row for row in run.history if row.get("val_loss")]
    if not rows:
        return {}
    best = min(rows, key=lambda row: float(row["val_loss"]))
    try:
        found = {name: float(best[name]) for name in ("val_r2", "val_mse") if best.get(name)}
    except ValueError:
        raise WeightsError(f"{run}: its history is damaged: {printable(best, 120)}") from None
    return _finite(found, tuple(found))


def _finite(row: Mapping[str, Any], names: tuple[str, ...]) -> dict[str, float]:
    values = {name: row.get(name) for name in names}
    return {
        name: float(f"{value:.6g}")
        for name, value in values.items()
        if isinstance(value, int | float) and math.isfinite(value)
    }
