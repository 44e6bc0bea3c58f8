"""Values that differ from slide to slide."""

import numpy as np
import pytest

from hrpn_tf.config import load_config
from hrpn_tf.config.simulation import SimulationConfig
from hrpn_tf.errors import ConfigError
from hrpn_tf.simulation.phantom import make_image, make_phantom
from hrpn_tf.simulation.variation import drawn_values, of_slide

SMALL = {"height": 64, "width": 64, "pixel_size_um": 2.0, "floor_draws": 2}
VARIED = SimulationConfig(
    **SMALL, vary={"optics": {"nucleus_level": (40.0, 160.0), "offset": (0.0, 10.0)}}
)


def test_values_are_of_the_slide_alone() -> None:
    values = [drawn_values(VARIED, slide) for slide in range(200)]
    assert values == [drawn_values(VARIED, slide) for slide in range(200)]
    levels = np.array([each["optics.nucleus_level"] for each in values])
    assert ((levels >= 40) & (levels <= 160)).all()
    assert np.median(levels) == pytest.approx(80, rel=0.15)  # as often halved as doubled
    offsets = np.array([each["optics.offset"] for each in values])
    assert ((offsets >= 0) & (offsets <= 10)).all()
    assert np.mean(offsets) == pytest.approx(5, rel=0.2)
    fewer = VARIED.model_copy(update={"vary": {"optics": {"offset": (0.0, 10.0)}}})
    assert drawn_values(fewer, 3)["optics.offset"] == values[3]["optics.offset"]


def test_the_image_is_that_of_the_drawn_values() -> None:
    varied = make_image(VARIED, 1, 0)
    np.testing.assert_array_equal(varied, make_image(of_slide(VARIED, 1), 1, 0))
    phantom = make_phantom(VARIED, 1, 0)
    np.testing.assert_array_equal(varied, phantom.image)
    assert phantom.report["varied"] == drawn_values(VARIED, 1)
    assert not np.array_equal(varied, make_image(SimulationConfig(**SMALL), 1, 0))


def test_nothing_is_stated_where_nothing_varies() -> None:
    """Cohorts and simulated patches of an earlier version are told by what their files state."""
    assert "vary" not in SimulationConfig().model_dump(mode="json")
    assert "vary" in VARIED.model_dump(mode="json")
    assert of_slide(SimulationConfig(), 3) == SimulationConfig()
    assert load_config({"simulation": VARIED.model_dump(mode="json")}).simulation == VARIED


@pytest.mark.parametrize(
    ("vary", "said"),
    [
        ("optics.psf_um=[2, 1]", "2 is more than 1"),
        ("optics.bits=[8, 16]", "no number of a section"),
        ("height.value=[64, 128]", "no number of a section"),
        ("optics.colour=[1, 2]", "no number of a section"),
        ("colour.red=[1, 2]", "no number of a section"),
        ("optics.uneven_light=[0, 2]", "less than 1"),
        ("optics.psf_um=2", "vary"),
    ],
)
def test_a_range_that_makes_no_sense(vary: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        load_config(None, [f"simulation.vary.{vary}"])
