"""The project's own networks: tiles do not show."""

from pathlib import Path

import numpy as np
import pytest
from hrpn_export import Contract
from support.grid_network import ArraySlide

from hrpn_tf.config import PredictionConfig
from hrpn_tf.prediction import predict_slide
from hrpn_tf.slides import open_slide


@pytest.mark.parametrize("preset", ["hrpn-s", "hrpn-m", "hrpn-l"])
def test_tiled_and_untiled_predictions_agree(tmp_path: Path, preset: str) -> None:
    """Within 1e-4 grey level, on a slide of awkward size, cut into six tiles."""
    import keras
    from hrpn_export.keras_session import KerasSession

    from hrpn_tf.models.build import build_model
    from hrpn_tf.models.graph import receptive_field, stride_multiple
    from hrpn_tf.models.scaling import Scaling

    keras.utils.set_random_seed(1)
    scaling = Scaling((20.0, 30.0), (15.0, 20.0), 8.0, (255.0, 255.0), 60.0)
    model = build_model(preset, 2, scaling=scaling)
    multiple, field = stride_multiple(model), receptive_field(model)
    assert field is not None
    contract = Contract(("a", "b"), ("qd",), 0.5, multiple, field, True, 255.0)
    session = KerasSession(model, contract)

    image = np.random.default_rng(0).integers(0, 256, (131, 203, 2), np.uint8)
    halo = -(-field // multiple) * multiple
    after = [halo + -side % multiple for side in image.shape[:2]]
    padded = np.pad(image, [(halo, after[0]), (halo, after[1]), (0, 0)], mode="symmetric")
    expected = session(padded[None])[0, halo : halo + 131, halo : halo + 203]

    out = tmp_path / "out.ome.tif"
    predict_slide(
        session,
        ArraySlide(image),
        [0, 1],
        out,
        config=PredictionConfig(tile=80),
    )
    with open_slide(out) as slide:
        got = slide.read(0, 0, 131, 203, [0])
    assert expected.std() > 0.1
    np.testing.assert_allclose(got, expected, rtol=0, atol=1e-4)
