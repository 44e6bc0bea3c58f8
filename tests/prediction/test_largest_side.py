"""A session that takes no larger sides than some, such as an engine with profiles."""

from pathlib import Path

import numpy as np
import pytest
from hrpn_export import ContractError
from support.grid_network import ArraySlide, GridNetwork

from hrpn_tf.config import PredictionConfig
from hrpn_tf.prediction import predict_slide
from hrpn_tf.slides import open_slide


class Limited(GridNetwork):
    """Refuses what is larger, as an engine does."""

    largest_side = 96

    def __call__(self, batch: np.ndarray) -> np.ndarray:
        if max(batch.shape[1:3]) > self.largest_side:
            raise ContractError("larger than the profile")
        return super().__call__(batch)


@pytest.mark.parametrize("tile", [None, 40, 2048])
def test_tiles_are_as_large_as_it_takes(tmp_path: Path, tile: int | None) -> None:
    image = np.random.default_rng(0).integers(0, 200, (230, 310, 2), np.uint8)
    results = []
    for session in (Limited(), GridNetwork()):
        out = tmp_path / f"{len(results)}.ome.tif"
        predict_slide(session, ArraySlide(image), [0, 1], out, config=PredictionConfig(tile=tile))
        with open_slide(out) as slide:
            results.append(slide.read(0, 0, 230, 310, [0]))
    np.testing.assert_allclose(results[0], results[1], rtol=0, atol=1e-4)


def test_one_that_takes_no_more_than_the_border_is_refused(tmp_path: Path) -> None:
    session = Limited()
    session.largest_side = 24
    slide = ArraySlide(np.zeros((200, 200, 2), np.uint8))
    with pytest.raises(ContractError, match="no larger sides than 24 px"):
        predict_slide(session, slide, [0, 1], tmp_path / "out.ome.tif")
    assert not list(tmp_path.iterdir())
