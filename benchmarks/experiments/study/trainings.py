"""One training of a network: its options, its curve, and how it goes on after a stop."""

import csv
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from experiments.study import commands
from experiments.study.commands import CommandFailedError, Deadline, Spent
from experiments.study.design import DataSet, Design, Network
from experiments.study.record import write_json


@dataclass(frozen=True)
class Settings:
    """What distinguishes the trainings of a network.

    Attributes:
        learning_rate: largest one of the schedule.
        loss: name.
        steps: length.
        seed: of weights, order and augmentation.
    """

    learning_rate: float
    loss: str
    steps: int
    seed: int

    @property
    def folder(self) -> str:
        """Name of the run."""
        return f"rate-{self.learning_rate:g}-{self.loss}-{self.steps}-seed-{self.seed}"


@dataclass(frozen=True)
class Trained:
    """A finished training.

    Attributes:
        run: its folder.
        settings: of the training.
        error: validation MSE, grey levels squared: the least median of consecutive validations.
        curve: pixels seen, core-seconds and validation MSE at each validation.
    """

    run: Path
    settings: Settings
    error: float
    curve: tuple[dict[str, float], ...]

    @property
    def pixels(self) -> float:
        """Pixels of training crops."""
        return self.curve[-1]["pixels"]

    @property
    def core_seconds(self) -> float:
        """Processor time, its validations included."""
        return self.curve[-1]["core_seconds"]

    def to_json(self) -> dict[str, Any]:
        """For the record."""
        settings = self.settings
        return {
            "learning_rate": settings.learning_rate,
            "loss": settings.loss,
            "steps": settings.steps,
            "validation_mse": self.error,
            "pixels": self.pixels,
            "core_seconds": self.core_seconds,
            "curve": [dict(point) for point in self.curve],
        }


def train(
    settings: Settings,
    store: Path,
    folder: Path,
    of: tuple[Design, DataSet, Network],
    deadline: Deadline,
    more: Sequence[str] = (),
) -> Trained:
    """Train, or go on with a training that was stopped, or read one that is finished.

    Args:
        settings: of the training.
        store: the patch dataset.
        folder: of all trainings of the network on the data set.
        of: the design, the data set and the network.
        deadline: when to stop.
        more: further options of ``hrpn-tf fit``.

    Raises:
        OutOfTimeError: it is not finished.
        CommandFailedError: it failed.
    """
    run = folder / settings.folder
    account = folder / f"{settings.folder}.json"
    known = _account(account)
    if known.get("failed"):
        raise CommandFailedError(f"{run.name} failed before; delete {account} to try it again")
    if not (known["finished"] or _complete(run, settings, of)):
        spent, ended = Spent(known["core_seconds"]), "stopped"
        try:
            arguments = ["fit", str(store), "--out", str(run), *options(settings, *of), *more]
            commands.call(arguments, deadline, spent)
            ended = "finished"
        except CommandFailedError:
            ended = "failed"
            raise
        finally:
            values = {"core_seconds": spent.core_seconds, "finished": ended == "finished"}
            write_json({**values, "failed": ended == "failed"}, account)
    return read_training(run, settings, of, _account(account)["core_seconds"])


def options(settings: Settings, design: Design, data: DataSet, network: Network) -> list[str]:
    """Options of ``hrpn-tf fit``; all settings of a training come together here."""
    own, rule = design.settings(network, data), design.values["rule"]
    validations = min(rule["validations"], settings.steps)
    every = settings.steps // validations
    values = [
        *data.values.get("set", []),
        *data.values.get("fit", []),
        f"data.split.validation=[{','.join(data.validation)}]",
        f"data.split.test=[{','.join(data.test)}]",
        *own["set"],
        f"training.crop={'null' if own['crop'] is None else own['crop']}",
        f"training.batch_size={own['batch']}",
        f"training.epochs={validations}",
        f"training.steps_per_epoch={every}",
        f"training.checkpoint_steps={max(every // 4, 1)}",
        "training.pictures_every=0",
        f"training.loss={settings.loss}",
        f"training.optimizer.learning_rate={settings.learning_rate:g}",
        f"training.seed={settings.seed}",
    ]
    source = ["--config", data.values["config"]] if "config" in data.values else []
    return [*source, "--preset", network.preset, *(f"--set={value}" for value in values)]


def read_training(
    run: Path, settings: Settings, of: tuple[Design, DataSet, Network], core_seconds: float
) -> Trained:
    """Read the history of a finished run; its processor time is shared out by its wall time."""
    with (run / "history.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    resources = json.loads((run / "resources.json").read_text(encoding="utf-8"))
    pixels = settings.steps / len(rows) * resources["batch_size"] * resources["side"] ** 2
    total = sum(float(row["seconds"]) for row in rows)
    curve, passed = [], 0.0
    for number, row in enumerate(rows, start=1):
        passed += float(row["seconds"])
        curve.append(
            {
                "pixels": number * pixels,
                "core_seconds": core_seconds * passed / total,
                "validation_mse": float(row["val_mse"]),
            }
        )
    errors = [point["validation_mse"] for point in curve]
    design, _, _ = of
    return Trained(run, settings, smoothed_least(errors, design.values["rule"]["smoothing"]),
                   tuple(curve))  # fmt: skip


def smoothed_least(errors: Sequence[float], width: int) -> float:
    """The least median of so many consecutive errors; a lucky validation alone does not count.

    Example:
        >>> smoothed_least([5.0, 4.0, 1.0, 3.0, 3.5], 3)
        3.0
    """
    width = min(width, len(errors))
    return min(median(errors[i : i + width]) for i in range(len(errors) - width + 1))


def _complete(run: Path, settings: Settings, of: tuple[Design, DataSet, Network]) -> bool:
    """Whether a run has all its validations, though it was not seen to end."""
    path = run / "history.csv"
    if not (path.is_file() and (run / "resources.json").is_file()):
        return False
    validations = min(of[0].values["rule"]["validations"], settings.steps)
    return len(path.read_text(encoding="utf-8").splitlines()) == validations + 1


def _account(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {"core_seconds": 0.0, "finished": False}
    return dict(json.loads(path.read_text(encoding="utf-8")))
