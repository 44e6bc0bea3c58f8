"""The features of lowest resolution of a network, pooled over an image."""

from typing import Any

import keras
import numpy as np

from hrpn_tf.errors import ModelGraphError
from hrpn_tf.models.graph import coarsest_output, stride_multiple
from hrpn_tf.models.pooling import Features, pooled


def pooled_features(model: keras.Model) -> Features | None:
    """A function from grey levels to mean and deviation of the channels of lowest resolution.

    Only what leads there is computed, which is the smaller part of a network that works at full
    resolution. The image is extended by reflection to a multiple of the network's stride.

    Args:
        model: a network as ``build_model`` gives it.

    Returns:
        See :func:`hrpn_tf.models.pooling.pooled`; None for a model without a graph that can be
        read.
    """
    found = feature_trunk(model)
    if found is None:
        return None
    trunk, multiple = found

    def run(batch: np.ndarray) -> np.ndarray:
        deep: Any = trunk(batch, training=False)
        return np.asarray(keras.ops.convert_to_numpy(deep), np.float32)

    return pooled(run, multiple)


def feature_trunk(model: keras.Model) -> tuple[keras.Model, int] | None:
    """What of a network leads to its channels of lowest resolution, and its stride multiple, px.

    Returns:
        None for a model without a graph that can be read.
    """
    try:
        deepest, multiple = coarsest_output(model), stride_multiple(model)
    except ModelGraphError:
        return None
    return keras.Model(model.inputs[0], deepest), multiple
