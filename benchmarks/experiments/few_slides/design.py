"""Which fields train, validate and test, and which trainings there are."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from experiments.study.design import CONFIGURATION, DataSet, Design, read_design

NUMBERS = (1, 2, 3, 5)
SCRATCH, STARTED = "scratch", "started"
REAL, SIMULATED = "dextran", "shifted"
_FILES = (CONFIGURATION, Path(__file__).with_name("few_slides.yaml"))


def find_data(name: str) -> tuple[DataSet, Design]:
    """A data set whose groups can be left out in turn, and the file that describes it.

    Raises:
        ValueError: there is none of this name.
    """
    known = {
        data.name: (data, design)
        for design in map(read_design, _FILES)
        for data in design.data
        if "leave_one_out" in data.values
    }
    if name not in known:
        raise ValueError(f"no data set {name}; there are {', '.join(known)}")
    return known[name]


def records_of(results: Path, data: str) -> Path:
    """Folder of what belongs to a data set; for the real fields, the folder itself."""
    return results if data == REAL else results / data


@dataclass(frozen=True)
class Trial:
    """One training.

    Attributes:
        number: of training fields.
        fold: which field is tested.
        seed: of weights, order and augmentation.
        origin: ``scratch`` for random weights, ``started`` for those of a trained network.
    """

    number: int
    fold: int
    seed: int
    origin: str

    @property
    def name(self) -> str:
        """Of its run and its record."""
        return f"{self.origin}-{self.number}-fold-{self.fold}-seed-{self.seed}"


def trials(
    fields: int,
    seeds: Sequence[int],
    origins: Sequence[str],
    folds: Sequence[int] | None = None,
    numbers: Sequence[int] = NUMBERS,
) -> Iterator[Trial]:
    """All trainings: first those of the first seed.

    Args:
        fields: how many there are; each is tested once for each seed, number and origin.
        seeds: of the trainings.
        origins: ``scratch``, ``started`` or both.
        folds: which fields are tested, from 0; None for all.
        numbers: of training fields; those that leave no field to test and to validate are left out.
    """
    for seed in seeds:
        for number in (number for number in numbers if number <= fields - 2):
            for fold in range(fields) if folds is None else folds:
                yield from (Trial(number, fold, seed, origin) for origin in origins)


@dataclass(frozen=True)
class Division:
    """Groups of a training.

    Attributes:
        train, validation: groups.
        test: the tested group, then those that are left out.
    """

    train: tuple[str, ...]
    validation: tuple[str, ...]
    test: tuple[str, ...]


def divide(groups: Sequence[str], trial: Trial) -> Division:
    """The fields in a circle: one tests, the next validates, those after it train.

    Example:
        >>> divide("abcdefg", Trial(number=2, fold=6, seed=0, origin="scratch"))
        Division(train=('b', 'c'), validation=('a',), test=('g', 'd', 'e', 'f'))
    """
    circle = [groups[(trial.fold + i) % len(groups)] for i in range(len(groups))]
    tested, validation, *rest = circle
    return Division(tuple(rest[: trial.number]), (validation,), (tested, *rest[trial.number :]))
