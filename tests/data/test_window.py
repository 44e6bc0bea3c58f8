"""Crops with a margin of context: the same pixels count, and the margin is that of the patch."""

import numpy as np
import pytest

from hrpn_tf.config import AugmentationConfig, load_config
from hrpn_tf.data.augmentation import draw, move
from hrpn_tf.data.order import Order
from hrpn_tf.data.pipeline import make_dataset
from hrpn_tf.data.window import Window, window_of
from hrpn_tf.errors import ConfigError


def test_context_adds_a_margin_to_the_pixels_that_count_without_it(store):
    """Targets are those of crops of the core's size; the inputs at the corner are, too."""
    options = store, ["g0"], Order(batch_size=4, seed=3), AugmentationConfig(gain_jitter=0.2)
    plain = make_dataset(*options, window=Window(16))
    wide = make_dataset(*options, window=Window(24, 4))
    for (inputs, target), (seen, core, places) in zip(plain, wide, strict=True):
        assert seen.shape == (4, 24, 24, 2)
        np.testing.assert_array_equal(core, target)
        for number, (y, x) in enumerate(places["corner"].numpy()):
            np.testing.assert_array_equal(seen[number, y : y + 16, x : x + 16], inputs[number])


def test_the_core_reaches_the_border_of_the_patch_where_context_ends():
    patch = np.arange(20 * 20, dtype=np.uint16).reshape(20, 20, 1)
    counted = np.zeros(400, int)
    for index in range(600):
        change = draw((0, 0, index), 20, 0, AugmentationConfig(), Window(16, 4))
        (crop,) = move(patch, change)
        y, x = change.corner
        assert crop.shape == (16, 16)
        counted[crop[y : y + 8, x : x + 8].ravel()] += 1
    counted = counted.reshape(20, 20)
    assert counted.min() > 0  # every pixel of the patch
    assert counted[0, 0] < counted[10, 10] / 10  # as for any random crop


@pytest.mark.parametrize(
    ("overrides", "window"),
    [([], (64, 0)), (["training.crop=48"], (48, 0)), (["training.context=8"], (64, 8))],
)
def test_the_window_of_a_configuration(overrides, window):
    config = load_config(overrides=["training.crop=null", *overrides])
    assert window_of(config.training, 64) == Window(*window)


def test_a_window_that_is_not_resolved_is_refused():
    with pytest.raises(ConfigError, match="not resolved"):
        window_of(load_config().training, 64)
