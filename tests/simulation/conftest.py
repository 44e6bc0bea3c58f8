"""Small slides that the tests of the simulator share."""

from collections.abc import Callable

import pytest

from hrpn_tf.config import SimulationConfig, load_config


@pytest.fixture
def small() -> Callable[..., SimulationConfig]:
    """Makes the configuration of a slide of 160 x 192 px at 1 um/px; overrides are appended."""

    def make(*overrides: str) -> SimulationConfig:
        base = ("height=160", "width=192", "pixel_size_um=1", "slides=1", "groups=1")
        base += ("floor_draws=3",)
        return load_config(
            overrides=[f"simulation.{text}" for text in (*base, *overrides)]
        ).simulation

    return make
