"""What fills the lumens: stain in the vessel channel, tracer in the target."""

from collections.abc import Callable

import numpy as np
import pytest

from hrpn_tf.config import SimulationConfig
from hrpn_tf.simulation.anatomy import grow_anatomy
from hrpn_tf.simulation.phantom import STREAMS, make_phantom
from hrpn_tf.simulation.staining import fluorescence

Make = Callable[..., SimulationConfig]
PLAIN = ("autofluorescence=[0,0,0]", "bleed_nuclei_vessels=0", "vessel_level=100")


def vessel_channel(config: SimulationConfig) -> tuple[np.ndarray, np.ndarray]:
    """The stain before the microscope, and the distance to the lumen, um; NaN where tissue ends."""
    rngs = {name: np.random.default_rng(i) for i, name in enumerate(STREAMS)}
    anatomy = grow_anatomy(config, rngs)
    signal = next(fluorescence(anatomy, np.zeros_like(anatomy.tissue), config, rngs["stain"]))
    return signal, np.where(anatomy.tissue == 1, anatomy.section.distance_um, np.nan)


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_the_stain_fills_lumens_by_its_share(small: Make, share: float) -> None:
    optics = [f"optics.{text}" for text in PLAIN]
    given = [*optics, "vessels.stain_spread=0", f"vessels.lumen_stain={share}"]
    signal, distance = vessel_channel(small(*given))
    deep, outside = distance < -3, distance > 0.75  # half of a wall
    assert deep.sum() > 100
    assert signal[deep].mean() == pytest.approx(100 * share, rel=0.05, abs=0.1)
    hollow, _ = vessel_channel(small(*given[:-1]))
    np.testing.assert_array_equal(signal[outside], hollow[outside])


def test_blood_has_the_dose_of_its_animal_and_stays_out_of_the_mass_balance(small: Make) -> None:
    made = make_phantom(small("transport.blood_share=0.3"), 0, 0)
    perfused = make_phantom(small(), 0, 0)
    dose = made.report["parameters"]["dose"]
    added = made.concentration - perfused.concentration
    assert added.max() == pytest.approx(0.3 * dose, rel=1e-5)
    assert added.min() >= -1e-7
    assert made.report["mass_balance"] == perfused.report["mass_balance"]
    np.testing.assert_array_equal(made.image[..., :2], perfused.image[..., :2])


def test_slides_without_later_keys_state_what_they_did_before(small: Make) -> None:
    stated = small().model_dump()
    assert "lumen_stain" not in stated["vessels"]
    assert "blood_share" not in stated["transport"]
    assert "over_vessels" not in stated["nuclei"]
    given = ("vessels.lumen_stain=0.2", "transport.blood_share=0.1", "nuclei.over_vessels=0.3")
    stated = small(*given).model_dump()
    assert stated["nuclei"]["over_vessels"] == 0.3
    assert stated["vessels"]["lumen_stain"] == 0.2
    assert stated["transport"]["blood_share"] == 0.1
