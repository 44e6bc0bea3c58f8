"""A simulation of slides so small that one takes a tenth of a second."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from support.small_simulation import SMALL, make_dataset

from hrpn_tf.config import Config, load_config
from hrpn_tf.data.simulated import Recipe, recipe_of


@pytest.fixture(scope="session")
def config() -> Config:
    return load_config(overrides=SMALL)


@pytest.fixture(scope="session")
def recipe(config: Config) -> Recipe:
    return recipe_of(config)


@pytest.fixture(scope="session")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One validation slide and three training slides, all made; for reading only."""
    return make_dataset(tmp_path_factory.mktemp("streaming") / "patches")


@pytest.fixture
def without(dataset: Path, tmp_path: Path) -> Callable[..., Path]:
    """A copy of the dataset from which some slides are missing."""

    def copy(*names: str) -> Path:
        folder = tmp_path / "patches"
        shutil.copytree(dataset, folder)
        for name in names:
            shutil.rmtree(folder / "slides" / name)
        return folder

    return copy
