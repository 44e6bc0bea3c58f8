"""Simulated slides so small that one takes a tenth of a second."""

from pathlib import Path

from hrpn_tf.config import load_config
from hrpn_tf.data.simulated import SlidePlan, recipe_of
from hrpn_tf.workflows.streaming.slides import make_missing
from hrpn_tf.workflows.streaming.stream import claim

SMALL = (
    "simulation.height=96",
    "simulation.width=64",
    "simulation.pixel_size_um=2",
    "data.patch=32",
    "data.stride=32",
    "data.tissue.method=all",
    "training.epochs=3",
)
PLAN = SlidePlan(training=3, validation=1, first=2)


def make_dataset(folder: Path) -> Path:
    """A patch dataset of one validation slide and three training slides with 6 patches each."""
    claim(folder, recipe_of(load_config(overrides=SMALL)), overwrite=False)
    make_missing(folder, PLAN, keep=False)
    return folder
