"""Dark and bright levels, and a patch dataset that is normalised by them."""

from pathlib import Path

import numpy as np
import pytest
from support.grid_network import ArraySlide

from hrpn_tf.config import load_config
from hrpn_tf.data.building import build_store
from hrpn_tf.data.levels import line_of, read_levels
from hrpn_tf.data.slide_list import SlideEntry
from hrpn_tf.errors import ConfigError, ConstantChannelError, NoTissueError
from hrpn_tf.slides import write_slide
from hrpn_tf.training.checks import adopt_store, grey_range

ALL = np.ones((4, 4), bool)


def image(seed: int = 0, side: int = 64) -> np.ndarray:
    random = np.random.default_rng(seed)
    return 8 + random.gamma(2.0, 12.0, (side, side, 2))


@pytest.mark.parametrize(("dtype", "tolerance"), [("uint8", 0.3), ("uint16", 0.3), ("float32", 0)])
def test_levels_are_quantiles_over_tissue(dtype: str, tolerance: float) -> None:
    """To a third of a grey level, although the pixels are whole numbers."""
    exact = image()
    mask = np.zeros((4, 4), bool)
    mask[1:, :2] = True
    stored = exact if dtype == "float32" else np.clip(np.rint(exact), 0, 255)
    levels = read_levels(ArraySlide(stored.astype(dtype)), [0, 1], ["a", "b"], mask, 16)
    for channel, role in enumerate(("a", "b")):
        pixels = exact[16:, :32, channel]
        wanted = np.percentile(pixels, [1, 99])
        np.testing.assert_allclose(levels[role], wanted, rtol=0.01, atol=tolerance)


@pytest.mark.parametrize(("gain", "offset"), [(0.5, 0.0), (2.0, 10.0), (1.5, 30.0)])
def test_gain_and_offset_are_undone(gain: float, offset: float) -> None:
    plain, shifted = image(), image() * gain + offset
    reference = read_levels(ArraySlide(plain.astype(np.float32)), [0], ["a"], ALL, 16)["a"]
    levels = read_levels(ArraySlide(shifted.astype(np.float32)), [0], ["a"], ALL, 16)["a"]
    back, shift = line_of(levels, reference)
    np.testing.assert_allclose(shifted * back + shift, plain, rtol=0.02, atol=0.3)


@pytest.mark.parametrize("dtype", ["uint8", "float32"])
def test_what_cannot_be_normalised(dtype: str) -> None:
    constant = image()
    constant[..., 1] = 7
    constant[3, 3, 1] = 200
    slide = ArraySlide(constant.astype(dtype))
    with pytest.raises(ConstantChannelError, match="the channel of b is 7"):
        read_levels(slide, [0, 1], ["a", "b"], ALL, 16)
    with pytest.raises(NoTissueError, match="no tissue, so that its grey levels cannot"):
        read_levels(slide, [0, 1], ["a", "b"], ~ALL, 16)


def test_a_normalised_patch_dataset(tmp_path: Path) -> None:
    """Two slides that differ by gain and offset alone have the same patches and statistics."""
    pixels = image(side=96)
    target = np.random.default_rng(1).integers(0, 200, (96, 96, 1))
    entries = []
    for name, (gain, offset) in {"a": (1.0, 0.0), "b": (1.5, 20.0)}.items():
        planes = np.concatenate([np.rint(pixels) * gain + offset, target], axis=-1)
        path = tmp_path / f"{name}.ome.tif"
        channels = ["vessels", "nuclei", "qd"]
        write_slide(path, planes.astype(np.uint16), channels=channels, pixel_size_um=0.5,
                    provenance={})  # fmt: skip
        entries.append(SlideEntry(name, path, name, {role: role for role in channels}))
    keys = ["patch=32", "stride=32", "tissue.method=all", "normalisation=slide"]
    config = load_config(overrides=[f"data.{key}" for key in keys])
    store = build_store(entries, config.data, tmp_path / "store", progress=False)
    assert store.dtype == np.float32
    first, second = store.read(0), store.read(9)
    np.testing.assert_allclose(first[..., :2], second[..., :2], rtol=0.01, atol=0.5)
    np.testing.assert_array_equal(first[..., 2:], second[..., 2:])
    one, other = store.statistics(["a"]), store.statistics(["b"])
    np.testing.assert_allclose(one["input_mean"], other["input_mean"], rtol=0.01)
    np.testing.assert_allclose(one["input_std"], other["input_std"], rtol=0.01)
    inputs = np.concatenate([store.read(i)[..., :2].reshape(-1, 2) for i in range(9)])
    np.testing.assert_allclose(one["input_mean"], inputs.mean(axis=0), rtol=1e-4)
    np.testing.assert_allclose(one["input_std"], inputs.std(axis=0), rtol=1e-4)
    adopted = adopt_store(load_config(), store)
    assert adopted.data.normalisation == "slide"
    levels = adopted.data.reference_levels
    assert levels is not None
    records = store.manifest.slides
    middle = np.mean([record.levels["vessels"] for record in records if record.levels], axis=0)
    np.testing.assert_allclose(levels[0], middle)
    assert grey_range(adopted, store, ["a"]) == 65535, "of the slides, not of float32 patches"
    with pytest.raises(ConfigError, match=r"data\.normalisation is none, but the patch dataset"):
        adopt_store(load_config(overrides=["data.normalisation=none"]), store)


@pytest.mark.parametrize(
    "reference",
    [
        "{vessels: [1, 2]}",
        "{vessels: [2, 1], nuclei: [1, 2]}",
        "{vessels: [1, .inf], nuclei: [1, 2]}",
    ],
)
def test_a_reference_that_is_none(reference: str) -> None:
    with pytest.raises(ConfigError, match="reference"):
        load_config(overrides=[f"data.reference={reference}"])
