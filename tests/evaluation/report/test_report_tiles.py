"""Tiles hold the pixels they were made of."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from hrpn_tf.evaluation.report.tiles import encode, pack, unpack, write_tile

SHAPES = array_shapes(min_dims=2, max_dims=2, max_side=9)


@given(st.sampled_from([np.uint8, np.uint16]).flatmap(lambda dtype: arrays(dtype, SHAPES)))
def test_whole_grey_levels_come_back_exactly(image: np.ndarray) -> None:
    coded = encode(image, resolution=1 / 64)
    assert (coded.offset, coded.step) == (0.0, 1.0)
    assert np.array_equal(unpack(pack(coded.codes), coded.codes.dtype, image.shape), image)


@given(
    arrays(np.float32, SHAPES, elements=st.floats(-1e4, 1e4, width=32)),
    st.sampled_from([0.0, 1 / 64, 0.5]),
)
def test_other_values_come_back_to_half_a_step(image: np.ndarray, resolution: float) -> None:
    coded = encode(image, resolution)
    again = unpack(pack(coded.codes), coded.codes.dtype, image.shape)
    assert np.array_equal(again, coded.codes)
    reach = float(image.max()) - float(image.min())
    assert coded.step <= max(resolution, reach / 65_535) or reach == 0
    assert np.abs(coded.values() - image).max() <= coded.step / 2 * (1 + 1e-6)


def test_a_constant_image_needs_no_step() -> None:
    assert np.all(encode(np.full((3, 4), 2.5, np.float32), 0.0).values() == 2.5)


def test_a_tile_is_a_script_that_hands_over_its_values(tmp_path: Path) -> None:
    image = np.arange(12, dtype=np.uint16).reshape(3, 4) * 1000
    size = write_tile(tmp_path, (2, 5, 7), {"truth": image}, {"truth": 0.0})
    text = (tmp_path / "2" / "7_5.js").read_text()
    assert len(text) == size
    assert text.startswith('hrpnTile("2/7_5",')
    values = json.loads(text.removeprefix('hrpnTile("2/7_5",').removesuffix(");\n"))
    layer = values["layers"]["truth"]
    assert (values["height"], values["width"], layer["bits"]) == (3, 4, 16)
    assert np.array_equal(unpack(layer["data"], np.dtype(np.uint16), (3, 4)), image)


def test_smooth_images_are_packed_small() -> None:
    x = np.arange(512, dtype=np.uint16)
    assert len(pack(x[:, None] * 7 + x)) < 512 * 512 * 2 / 20


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_differences_wrap_around(dtype: type) -> None:
    image = np.array([[0, np.iinfo(dtype).max, 0, 3]], dtype)
    assert np.array_equal(unpack(pack(image), np.dtype(dtype), (1, 4)), image)
