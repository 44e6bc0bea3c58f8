"""One training of a network: its options, its curve, and how it goes on after a stop."""

import csv
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from experiments.study import commands
from experiments.study.commands import CommandFailedError, Deadline, Spent
from experiments.study.design import DataSet, Design, Network
from experiments.study.record import StaleRecordError, write_json

RESOURCES = ("parameters", "batch_size", "side", "training_memory_mb", "steps_per_second")


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

    @classmethod
    def of(cls, chosen: Mapping[str, Any], seed: int) -> "Settings":
        """Those that a record names as chosen, with a seed."""
        return cls(chosen["learning_rate"], chosen["loss"], chosen["steps"], seed)

    @property
    def folder(self) -> str:
        """Name of the run."""
        return f"rate-{self.learning_rate:g}-{self.loss}-{self.steps}-seed-{self.seed}"


@dataclass(frozen=True)
class Trained:
    """A finished training.

    Attributes:
        settings: of the training.
        error: validation MSE, grey levels squared: the least median of consecutive validations.
        curve: pixels seen, core-seconds and validation MSE at each validation.
        resources: parameters, patches, memory and speed.
        slides: errors of each test slide; empty where it was not tested.
    """

    settings: Settings
    error: float
    curve: tuple[dict[str, float], ...]
    resources: Mapping[str, Any] = field(default_factory=dict)
    slides: Mapping[str, Any] = field(default_factory=dict)

    @property
    def pixels(self) -> float:
        """Pixels of training crops."""
        return self.curve[-1]["pixels"]

    @property
    def core_seconds(self) -> float:
        """Processor time, its validations included."""
        return self.curve[-1]["core_seconds"]

    def to_json(self) -> dict[str, Any]:
        """For the record of its piece."""
        return {
            "learning_rate": self.settings.learning_rate,
            "loss": self.settings.loss,
            "steps": self.settings.steps,
            "validation_mse": self.error,
            "pixels": self.pixels,
            "core_seconds": self.core_seconds,
            "curve": [dict(point) for point in self.curve],
        }


@dataclass(frozen=True)
class Trainings:
    """The trainings of a network on a data set. Each leaves a record, so none is done twice.

    Attributes:
        design, data, network: what is trained on what.
        store: the patch dataset.
        folder: of the runs.
        records: folder of the records of all trainings.
        deadline: when to stop.
        more: further options of ``hrpn-tf fit``.
    """

    design: Design
    data: DataSet
    network: Network
    store: Path
    folder: Path
    records: Path
    deadline: Deadline
    more: tuple[str, ...] = ()

    def record(self, settings: Settings) -> Path:
        """File of what a training left."""
        name = f"{self.data.name}-{self.network.name}-{settings.folder}.json"
        return self.records / "trainings" / name

    def options(self, settings: Settings) -> list[str]:
        """Options of ``hrpn-tf fit``."""
        return [*options(settings, self.design, self.data, self.network), *self.more]

    def train(self, settings: Settings) -> Trained:
        """Read the record of a training, or train, or go on with a training that was stopped.

        Raises:
            OutOfTimeError: it is not finished.
            CommandFailedError: it failed.
            StaleRecordError: the record is of other settings than those of the design.
        """
        path = self.record(settings)
        if path.is_file():
            return self._read(path, settings)
        run, spent = self._trained(settings)
        trained = read_training(run, settings, self.design, spent)
        self.keep(trained)
        return trained

    def run(self, settings: Settings) -> Path:
        """The run of a training; it is trained again where only its record is left."""
        return self._trained(settings)[0]

    def keep(self, trained: Trained) -> None:
        """Write the record of a training."""
        own = {"data": self.data.name, "network": self.network.name,
               "options": self._kept(trained.settings), "processor": processor()}  # fmt: skip
        values = {**asdict(trained), **own}
        write_json(values, self.record(trained.settings))

    def _kept(self, settings: Settings) -> list[str]:
        """The options, without the paths of this machine."""
        return [each for each in self.options(settings) if "/" not in each]

    def _read(self, path: Path, settings: Settings) -> Trained:
        values = json.loads(path.read_text(encoding="utf-8"))
        if values.pop("options") != self._kept(settings):
            raise StaleRecordError(f"{path}: of other settings than those of the design; delete it")
        for key in ("data", "network", "processor"):
            del values[key]
        values["curve"] = tuple(values["curve"])
        return Trained(**{**values, "settings": settings})

    def _trained(self, settings: Settings) -> tuple[Path, float]:
        """The run of a training that is finished, and its processor time."""
        run, account = (self.folder / f"{settings.folder}{end}" for end in ("", ".json"))
        known = _account(account)
        if known.get("failed"):
            raise CommandFailedError(f"{run.name} failed before; delete {account} to try it again")
        if not (known["finished"] or _complete(run, settings, self.design)):
            spent, ended = Spent(known["core_seconds"]), "stopped"
            try:
                arguments = ["fit", str(self.store), "--out", str(run), "--no-twin"]
                arguments += self.options(settings)
                commands.call(arguments, self.deadline, spent)
                ended = "finished"
            except CommandFailedError:
                ended = "failed"
                raise
            finally:
                values = {"core_seconds": spent.core_seconds, "finished": ended == "finished"}
                write_json({**values, "failed": ended == "failed"}, account)
        return run, float(_account(account)["core_seconds"])


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


def read_training(run: Path, settings: Settings, design: Design, core_seconds: float) -> Trained:
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
    error = smoothed_least(errors, design.values["rule"]["smoothing"])
    return Trained(settings, error, tuple(curve), {key: resources[key] for key in RESOURCES})


def smoothed_least(errors: Sequence[float], width: int) -> float:
    """The least median of so many consecutive errors; a lucky validation alone does not count.

    Example:
        >>> smoothed_least([5.0, 4.0, 1.0, 3.0, 3.5], 3)
        3.0
    """
    width = min(width, len(errors))
    return min(median(errors[i : i + width]) for i in range(len(errors) - width + 1))


def _complete(run: Path, settings: Settings, design: Design) -> bool:
    """Whether a run has all its validations, though it was not seen to end."""
    path = run / "history.csv"
    if not (path.is_file() and (run / "resources.json").is_file()):
        return False
    validations = min(design.values["rule"]["validations"], settings.steps)
    return len(path.read_text(encoding="utf-8").splitlines()) == validations + 1


def _account(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {"core_seconds": 0.0, "finished": False}
    return dict(json.loads(path.read_text(encoding="utf-8")))


def processor() -> str:
    """The machine that core-seconds refer to."""
    from hrpn_tf.models.latency import device_in_words

    return device_in_words()
