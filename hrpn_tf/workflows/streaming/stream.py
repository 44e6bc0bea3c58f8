"""A patch dataset that is simulated while a network trains on it."""

import json
import logging
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np

from hrpn_tf.config import Config, SplitConfig
from hrpn_tf.config.differences import differing_keys
from hrpn_tf.data.grid import patch_grid
from hrpn_tf.data.growing import GrowingPatches
from hrpn_tf.data.manifest import SIMULATED
from hrpn_tf.data.simulated import Recipe, SlidePlan, recipe_of
from hrpn_tf.errors import (
    ConfigError,
    OutputExistsError,
    RunError,
    SlideTooSmallError,
    StoreError,
)
from hrpn_tf.extras import require
from hrpn_tf.files import atomic_path, locked, remove
from hrpn_tf.kinds import kind_of
from hrpn_tf.leftovers import clear_folder
from hrpn_tf.slides import SlideInfo
from hrpn_tf.slides.checks import checked_pixel_size, role_channels
from hrpn_tf.training.checks import check_growing
from hrpn_tf.untrusted import read_json
from hrpn_tf.workflows.streaming.options import SimulatedSlides
from hrpn_tf.workflows.streaming.producers import Producers

logger = logging.getLogger(__name__)


@contextmanager
def simulated_patches(
    dataset: Path, config: Config, options: SimulatedSlides, overwrite: bool = False
) -> Iterator[tuple[GrowingPatches, Config]]:
    """Simulate slides in the background for as long as the context.

    The dataset is created, or its creation resumes. Several trainings may use and fill the
    same dataset at the same time.

    Args:
        dataset: folder of the patches.
        config: the sections ``simulation`` and ``data`` shape the patches.
        options: number of slides.
        overwrite: replace a dataset of another configuration.

    Yields:
        The growing dataset, and the configuration with its split: the validation slides validate,
        all others train.

    Raises:
        MissingPackageError: the extra ``simulate`` is not installed.
        UsageError: a number of slides makes no sense.
        ConfigError: a split is configured, or what needs all patches at once.
        SlideTooSmallError, UnknownChannelError: the slides would give no patches.
        RunError: a dataset of another configuration is there.
        OutputExistsError: something else is there.
        RunBusyError: it is to be replaced, but another training uses it.
    """
    require("simulating", "pyamg")
    check_growing(config)
    recipe = recipe_of(config)
    plan = options.plan(config.training.epochs, recipe.animals)
    split = _split(config, plan)
    check_recipe(recipe)
    claim(dataset, recipe, overwrite)
    with (
        locked(dataset, shared=True),
        Producers(dataset, plan, options.number_of_processes, options.keep) as producers,
    ):
        logger.info(_announcement(dataset, recipe, plan, options))
        data = config.data.model_copy(update={"split": split})
        growing = GrowingPatches(dataset, plan, producers.check)
        yield growing, config.model_copy(update={"data": data})


def check_recipe(recipe: Recipe) -> None:
    """Refuse a configuration whose slides would give no patches, before any is simulated.

    Raises:
        SlideTooSmallError: a slide is smaller than a patch.
        UnknownChannelError: a role has no simulated channel.
        PixelSizeError: ``data.pixel_size_um`` contradicts that of the simulation.
    """
    simulation, data = recipe.simulation, recipe.data
    side = min(simulation.height, simulation.width)
    if side < data.patch and data.edge != "pad":
        raise SlideTooSmallError(
            f"simulation: slides of {simulation.height} x {simulation.width} px are smaller than "
            f"one patch of {data.patch} px; lower data.patch, or raise simulation.height and width"
        )
    names = simulation.channels
    slide = SlideInfo(
        Path("simulated slides"),
        simulation.height,
        simulation.width,
        (names.vessels, names.nuclei, names.target),
        np.dtype(np.uint8),
        simulation.pixel_size_um,
    )
    role_channels(slide, (*data.inputs, data.target), data.channels)
    checked_pixel_size(slide, data.pixel_size_um)


def _split(config: Config, plan: SlidePlan) -> SplitConfig:
    """The validation slides validate; a split that contradicts this is refused."""
    split = SplitConfig(fold=None, validation=plan.validation_groups)
    given = config.data.split
    if any(getattr(given, key) != getattr(split, key) for key in given.model_fields_set):
        raise ConfigError(
            "data.split: --simulate makes validation slides of its own; leave the section out"
        )
    return split


def claim(dataset: Path, recipe: Recipe, overwrite: bool) -> None:
    """Make a folder the dataset of a recipe, or find that it is already.

    Raises:
        RunError: a dataset of another recipe is there.
        OutputExistsError: something else is there.
        RunBusyError: it is to be replaced, but a training uses it.
    """
    wanted = json.loads(json.dumps(recipe.to_json()))
    path = dataset / SIMULATED
    if path.is_file():
        found = _read(path)
        if found == wanted:
            return
        if not overwrite:
            keys = differing_keys(found, wanted)
            raise RunError(
                f"{dataset} holds simulated patches of another configuration "
                f"({', '.join(keys[:5])}); name another folder for them, as in hrpn-tf fit FOLDER "
                "--simulate N, or give --overwrite to replace them"
            )
        with locked(dataset):
            _write(path, {})  # first: what remains belongs to no configuration
            for name in ("slides", "work", "kept"):
                remove(dataset / name)
            _write(path, wanted)
        return
    if os.path.lexists(dataset) and not _is_empty(dataset):
        kind = kind_of(dataset)
        raise OutputExistsError(
            f"{dataset} exists and holds {f'a {kind}' if kind else 'no simulated patches'}; name "
            "another folder for the simulated patches, as in hrpn-tf fit FOLDER --simulate N"
        )
    try:
        _write(path, wanted, overwrite=False)
    except OutputExistsError:  # another command was faster; is it of the same recipe?
        claim(dataset, recipe, overwrite)


def _is_empty(dataset: Path) -> bool:
    """Whether a folder holds nothing, apart from what a killed command was writing."""
    if not dataset.is_dir():
        return False
    clear_folder(dataset)
    return not any(dataset.iterdir())


def _write(path: Path, values: dict[str, object], overwrite: bool = True) -> None:
    with atomic_path(path, overwrite) as temporary:
        temporary.write_text(json.dumps(values, indent=2) + "\n", encoding="utf-8")


def _read(path: Path) -> dict[str, object]:
    with suppress(StoreError):
        values = read_json(path, StoreError)
        if isinstance(values, dict):
            return values
    return {}


def _announcement(dataset: Path, recipe: Recipe, plan: SlidePlan, options: SimulatedSlides) -> str:
    """What is going to be simulated, and what it takes of the disk, in one line."""
    simulation, data = recipe.simulation, recipe.data
    height, width = simulation.height, simulation.width
    grid = patch_grid(height, width, data.patch, data.stride, data.edge)
    size = simulation.optics.bits // 8
    patches = len(grid) * data.patch**2 * (len(data.inputs) + 1) * size
    kept = plan.validation + (plan.training if options.keep else 0)
    most = (plan.training + plan.validation) * patches + kept * height * width * 3 * size * 4 // 3
    free = shutil.disk_usage(dataset).free
    animals = "" if plan.animals is None else f" of {plan.animals} animals"
    return (
        f"simulating {plan.training} training slides{animals} and {plan.validation} validation "
        f"slides of {height} x {width} px ({options.number_of_processes} in parallel): at most "
        f"{most / 1e6:,.0f} MB in {dataset}, where {free / 1e6:,.0f} MB are free"
    )
