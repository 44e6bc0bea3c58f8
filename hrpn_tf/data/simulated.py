"""A patch dataset of simulated slides, to which slides are added while networks train on it.

    simulated.json         what is simulated and how it is cut; never changes
    slides/NAME/           patches and record of a finished slide
    work/NAME/             of a slide that is being made
    kept/NAME.ome.tif      slides that were kept

Slide i of a kind (training or validation) depends on the configuration and i alone, and finished
slides never change. So the first n slides are the same, whatever the number of slides there are.
"""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hrpn_tf._version import __version__
from hrpn_tf.config import Config, DataConfig, SimulationConfig
from hrpn_tf.data.manifest import (
    SIMULATED,
    DatasetManifest,
    SlideRecord,
    identity_file,
    read_manifest,
    read_slide_record,
)
from hrpn_tf.data.plan import owned_settings
from hrpn_tf.errors import ConfigError, StoreError
from hrpn_tf.untrusted import read_json

SCHEMA = "hrpn-tf simulated patches 1"
MOST_SLIDES = 9999
TRAINING, VALIDATION = "training", "validation"
# The numbers of the first slides; those of `hrpn-tf simulate` end at 999, so that none of its
# slides is ever trained on.
_FIRST_NUMBERS = {TRAINING: 1_000_000, VALIDATION: 2_000_000}
# Keys of the section `simulation` that no image depends on, or that the plan states.
_NOT_OF_A_SLIDE = ("slides", "groups", "floor_draws")


@dataclass(frozen=True)
class SimulatedSlide:
    """A slide that can be made: its name, its animal, and the numbers of both for the simulator."""

    name: str
    number: int
    group: str
    group_number: int


@dataclass(frozen=True)
class SlidePlan:
    """The slides of a training.

    Attributes:
        training, validation: number of slides.
        first: training slides of the first epoch.
        animals: number of animals that the training slides are of; None for one animal per slide.
            Every validation slide is of an animal of its own.
    """

    training: int
    validation: int
    first: int
    animals: int | None = None

    @property
    def slides(self) -> tuple[SimulatedSlide, ...]:
        """All slides, in the order in which they are made: those of validation first."""
        return (*_slides(VALIDATION, self.validation), *self.training_slides)

    @property
    def training_slides(self) -> tuple[SimulatedSlide, ...]:
        """The training slides, in order."""
        return _slides(TRAINING, self.training, self.animals)

    @property
    def groups(self) -> tuple[str, ...]:
        """The animals of all slides, sorted."""
        return tuple(sorted({slide.group for slide in self.slides}))

    @property
    def validation_groups(self) -> tuple[str, ...]:
        """The animals of the validation slides."""
        return tuple(slide.group for slide in _slides(VALIDATION, self.validation))

    def names(self, groups: tuple[str, ...]) -> tuple[str, ...]:
        """The slides of some animals."""
        return tuple(slide.name for slide in self.slides if slide.group in groups)

    def record(self) -> dict[str, int]:
        """What a run says of the plan, as plain values."""
        return {"training": self.training, "validation": self.validation, "first": self.first}


@dataclass(frozen=True)
class Recipe:
    """What makes the slides of a dataset, and their patches.

    Attributes:
        simulation, data: sections of the configuration.
        animals: see :class:`SlidePlan`.
    """

    simulation: SimulationConfig
    data: DataConfig
    animals: int | None

    def to_json(self) -> dict[str, Any]:
        """As plain values; equal recipes make equal patches."""
        simulation = self.simulation.model_dump(mode="json", exclude=set(_NOT_OF_A_SLIDE))
        return {
            "schema": SCHEMA,
            "version": __version__,
            "simulation": simulation,
            "animals": self.animals,
            "data": owned_settings(self.data),
        }

    def manifest(self, slides: tuple[SlideRecord, ...]) -> DatasetManifest:
        """The manifest of a dataset of these slides."""
        text = json.dumps(self.to_json(), sort_keys=True)
        return DatasetManifest(
            roles=(*self.data.inputs, self.data.target),
            dtype="uint8" if self.simulation.optics.bits == 8 else "uint16",
            patch=self.data.patch,
            stride=self.data.stride,
            pixel_size_um=self.simulation.pixel_size_um,
            fingerprint=hashlib.sha256(text.encode()).hexdigest(),
            program=f"hrpn-tf {__version__}",
            slides=slides,
            settings=owned_settings(self.data),
        )


def recipe_of(config: Config) -> Recipe:
    """The recipe of a configuration; animals count where ``simulation.groups`` was stated.

    Raises:
        ConfigError: it normalises slides, whose median is not known before all are simulated.
    """
    if config.data.normalisation != "none":
        raise ConfigError(
            f"data.normalisation={config.data.normalisation}: not for slides that are simulated "
            "while training; make them with hrpn-tf simulate and hrpn-tf prepare"
        )
    simulation = config.simulation
    stated = "groups" in simulation.model_fields_set
    return Recipe(simulation, config.data, simulation.groups if stated else None)


def read_recipe(dataset: Path) -> Recipe:
    """The recipe of a dataset of simulated slides.

    Raises:
        StoreError: it is damaged, or of another schema.
    """
    path = dataset / SIMULATED
    values = read_json(path, StoreError)
    try:
        if values["schema"] != SCHEMA:
            raise StoreError(f"{path}: schema {values['schema']}; this program reads {SCHEMA}")
        simulation = SimulationConfig.model_validate(values["simulation"])
        data = DataConfig.model_validate(values["data"])
        animals = values["animals"]
    except (KeyError, TypeError, ValueError):
        raise StoreError(f"{path}: damaged; remove the folder to have it made again") from None
    if not isinstance(animals, int | None):
        raise StoreError(f"{path}: damaged; remove the folder to have it made again")
    return Recipe(simulation, data, animals)


def is_simulated(dataset: Path) -> bool:
    """Whether a folder is a patch dataset of simulated slides."""
    return identity_file(dataset).name == SIMULATED


def patches_folder(dataset: Path, name: str) -> Path:
    """Folder of the patches and the record of a finished slide."""
    return dataset / "slides" / name


def work_folder(dataset: Path, name: str) -> Path:
    """Folder of a slide that is being made."""
    return dataset / "work" / name


def kept_slide(dataset: Path, name: str) -> Path:
    """Where a slide is kept, if it is."""
    return dataset / "kept" / f"{name}.ome.tif"


def is_made(dataset: Path, name: str) -> bool:
    """Whether a slide is finished; its folder appears complete or not at all."""
    return (patches_folder(dataset, name) / "slide.json").is_file()


def read_made(dataset: Path, name: str) -> SlideRecord:
    """The record of a finished slide.

    Raises:
        StoreError: it is damaged.
    """
    return read_slide_record(patches_folder(dataset, name) / "slide.json")


def made_so_far(dataset: Path) -> SlidePlan:
    """The slides that a dataset has now, of each kind those before the first that is missing.

    Raises:
        StoreError: the recipe is damaged.
    """
    animals = read_recipe(dataset).animals
    made = {
        kind: next(
            (i for i in range(MOST_SLIDES) if not is_made(dataset, _name(kind, i))), MOST_SLIDES
        )
        for kind in (TRAINING, VALIDATION)
    }
    return SlidePlan(made[TRAINING], made[VALIDATION], made[TRAINING], animals)


def read_dataset(dataset: Path) -> tuple[DatasetManifest, SlidePlan | None]:
    """The manifest of any patch dataset; of a simulated one, the slides it has now, and their plan.

    Raises:
        WrongKindError, StoreNotFoundError: no patch dataset there.
        StoreError: it is unfinished, damaged, or of another schema.
    """
    if not is_simulated(dataset):
        return read_manifest(dataset), None
    plan = made_so_far(dataset)
    records = tuple(read_made(dataset, slide.name) for slide in plan.slides)
    if not records:
        raise StoreError(
            f"{dataset}: no simulated slide is finished; run hrpn-tf fit --simulate first"
        )
    return read_recipe(dataset).manifest(records), plan


def _slides(kind: str, count: int, animals: int | None = None) -> tuple[SimulatedSlide, ...]:
    base = _FIRST_NUMBERS[kind]
    made = []
    for i in range(count):
        animal = i if animals is None else i % animals
        group = f"{kind}-animal-{animal + 1:04d}"
        made.append(SimulatedSlide(_name(kind, i), base + i, group, base + animal))
    return tuple(made)


def _name(kind: str, i: int) -> str:
    return f"{kind}-{i + 1:04d}"
