"""The features of lowest resolution of a network, pooled over an image."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from hrpn_tf.errors import ModelGraphError
from hrpn_tf.models.graph import coarsest_output, stride_multiple


def pooled_features(model: keras.Model) -> Callable[[np.ndarray], np.ndarray] | None:
    """A function from grey levels to mean and deviation of the channels of lowest resolution.

    Only what leads there is computed, which is the smaller part of a network that works at full
    resolution. The image is extended by reflection to a multiple of the network's stride.

    Args:
        model: a network as ``build_model`` gives it.

    Returns:
        Of (N, H, W, inputs) float32 grey levels, to (N, D) float32, the means and then the standard
        deviations over the image's pixels; None for a model without a
        graph that can be read.
    """
    try:
        deepest, multiple = coarsest_output(model), stride_multiple(model)
    except ModelGraphError:
        return None
    trunk = keras.Model(model.inputs[0], deepest)

    def features(batch: np.ndarray) -> np.ndarray:
        height, width = (-side % multiple for side in batch.shape[1:3])
        whole = np.pad(batch, [(0, 0), (0, height), (0, width), (0, 0)], mode="symmetric")
        deep: Any = trunk(whole, training=False)
        values = np.asarray(keras.ops.convert_to_numpy(deep), np.float32)
        return np.concatenate([values.mean(axis=(1, 2)), values.std(axis=(1, 2))], axis=-1)

    return features
