"""Predictions averaged over the eight orientations of each tile."""

from pathlib import Path

import numpy as np
import pytest
from hrpn_export import ContractError
from support.grid_network import ArraySlide, GridNetwork, untiled

from hrpn_tf.config import PredictionConfig
from hrpn_tf.prediction import predict_slide
from hrpn_tf.prediction.symmetries import SymmetricSession
from hrpn_tf.slides import open_slide, read_provenance


def noise(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, (height, width, 2), np.uint8)


def predict(image: np.ndarray, out: Path, **settings: object) -> np.ndarray:
    config = PredictionConfig.model_validate({"symmetries": True, "tile": 48, **settings})
    predict_slide(GridNetwork(), ArraySlide(image), [0, 1], out, config=config)
    with open_slide(out) as result:
        return result.read(0, 0, result.info.height, result.info.width, [0])


@pytest.mark.parametrize("turns", [1, 2, 3])
@pytest.mark.parametrize("mirrored", [False, True])
def test_a_turned_slide_has_the_turned_prediction(
    tmp_path: Path, turns: int, mirrored: bool
) -> None:
    """With tiles that are not square; the network alone differs by more than 1."""

    def turned(plane: np.ndarray) -> np.ndarray:
        return np.rot90(plane[:, ::-1] if mirrored else plane, turns).copy()

    image = noise(96, 52)
    straight = predict(image, tmp_path / "a.ome.tif")
    again = predict(turned(image), tmp_path / "b.ome.tif")
    np.testing.assert_allclose(again, turned(straight), rtol=0, atol=1e-4)
    alone = GridNetwork()
    assert np.abs(untiled(alone, turned(image)) - turned(untiled(alone, image))).max() > 1


@pytest.mark.parametrize(("height", "width"), [(53, 91), (130, 7)])
def test_the_average_does_not_depend_on_the_tiles(tmp_path: Path, height: int, width: int) -> None:
    image = noise(height, width)
    one = predict(image, tmp_path / "a.ome.tif", tile=160)
    many = predict(image, tmp_path / "b.ome.tif", tile=32)
    np.testing.assert_allclose(many, one, rtol=0, atol=1e-4)


def test_the_file_says_that_orientations_were_averaged(tmp_path: Path) -> None:
    predict(noise(32, 32), tmp_path / "a.ome.tif")
    assert read_provenance(tmp_path / "a.ome.tif")["tiling"]["averaged_orientations"] == 8
    predict(noise(32, 32), tmp_path / "b.ome.tif", symmetries=False)
    assert "averaged_orientations" not in read_provenance(tmp_path / "b.ome.tif")["tiling"]


def test_a_network_of_one_shape_takes_square_tiles_only() -> None:
    class OneShape(GridNetwork):
        def __call__(self, batch: np.ndarray) -> np.ndarray:
            if batch.shape[1:3] not in ((8, 16), (8, 8)):
                raise ContractError(f"no profile for {batch.shape[1]} x {batch.shape[2]}")
            return super().__call__(batch)

    session = SymmetricSession(OneShape())
    assert session(np.zeros((1, 8, 8, 2), np.float32)).shape == (1, 8, 8, 1)
    with pytest.raises(ContractError, match=r"16 x 8; --symmetries turns tiles of 8 x 16 px"):
        session(np.zeros((1, 8, 16, 2), np.float32))
