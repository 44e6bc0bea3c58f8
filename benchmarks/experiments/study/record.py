"""The record of a piece: one small JSON file, the only thing that the report reads."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from experiments.study.slide_errors import Sums, pooled
from hrpn_tf.files import atomic_path

SCHEMA = 1
RECORDS = Path(__file__).parents[1] / "study_results"


@dataclass(frozen=True)
class Record:
    """What a piece left.

    Attributes:
        values: of the file.
    """

    values: dict[str, Any]

    @property
    def data(self) -> str:
        """Name of the data set."""
        return str(self.values["data"])

    @property
    def network(self) -> str:
        """Name of the network."""
        return str(self.values["network"])

    @property
    def seed(self) -> int:
        """Seed of the training."""
        return int(self.values["seed"])

    @property
    def slides(self) -> dict[str, dict[str, Any]]:
        """Errors of each test slide, by its name."""
        return dict(self.values["slides"])

    @property
    def ladder(self) -> list[dict[str, Any]]:
        """The trainings of each length; the chosen one alone where seed 0 chose it."""
        return list(self.values.get("ladder") or [self.values["chosen"]])

    def sums(self, kind: str = "raw") -> dict[str, Sums]:
        """The sums of each test slide, by its name; ``raw`` or ``smoothed``."""
        return {name: Sums(**each[kind]) for name, each in self.slides.items()}

    def pooled(self, kind: str = "raw") -> Sums:
        """The sums of all test slides as one image."""
        return pooled(list(self.sums(kind).values()))

    @property
    def explained(self) -> float | None:
        """Share of the explainable variance, pooled; None where the floor is not known."""
        floors = [each["error_floor"] for each in self.slides.values()]
        if None in floors:
            return None
        weights = [each["raw"]["pixels"] for each in self.slides.values()]
        floor = sum(f * w for f, w in zip(floors, weights, strict=True)) / sum(weights)
        all_slides = self.pooled()
        return (all_slides.var_true - all_slides.mse) / (all_slides.var_true - floor)

    @property
    def r2_of_noise(self) -> float | None:
        """R² of a prediction whose error is the noise of the target; None if it is not known."""
        slides = self.slides.values()
        if not all("noise" in each for each in slides):
            return None
        weights = [each["raw"]["pixels"] for each in slides]
        squares = [each["noise"] ** 2 for each in slides]
        variance = sum(s * w for s, w in zip(squares, weights, strict=True)) / sum(weights)
        return float(1 - variance / self.pooled().var_true)

    @property
    def excess(self) -> float:
        """Axis-aligned excess of the error over that of the truth; mean over slides."""
        ratios = [
            each["axis_excess"]["error"] / each["axis_excess"]["truth"]
            for each in self.slides.values()
        ]
        return sum(ratios) / len(ratios)

    def published(self, name: str) -> float:
        """A published metric, mean over slides."""
        found = [each["published"][name] for each in self.slides.values()]
        return float(sum(found) / len(found))

    def range_of(self, what: str) -> tuple[float, float]:
        """Least and largest grey level, ``predicted`` or ``measured``."""
        found = [each[what] for each in self.slides.values()]
        return min(each["0"] for each in found), max(each["100"] for each in found)


class StaleRecordError(Exception):
    """A record is of another design or version than asked for."""


def write_json(values: object, path: Path) -> None:
    """Write a file at once or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_path(path, overwrite=True) as temporary:
        text = json.dumps(_rounded(values), indent=1, ensure_ascii=False)
        temporary.write_text(text + "\n", encoding="utf-8")


def _rounded(value: Any) -> Any:
    """Numbers with seven digits: more are noise, and the files are kept in the repository."""
    if isinstance(value, float):
        return float(f"{value:.7g}")
    if isinstance(value, dict):
        return {key: _rounded(each) for key, each in value.items()}
    return [_rounded(each) for each in value] if isinstance(value, list | tuple) else value


def read_record(path: Path) -> Record:
    """Read a record.

    Raises:
        StaleRecordError: it is of another version.
    """
    values = json.loads(path.read_text(encoding="utf-8"))
    if values.get("schema") != SCHEMA:
        raise StaleRecordError(
            f"{path}: a record of another version; delete it and run the piece again"
        )
    return Record(values)


def read_records(folder: Path, files: Iterable[str]) -> dict[str, Record]:
    """The records that are there, by the name of their file."""
    return {name: read_record(folder / name) for name in files if (folder / name).is_file()}
