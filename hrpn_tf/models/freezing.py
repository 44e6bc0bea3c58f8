"""Train the ends of a network alone."""

import keras

from hrpn_tf.errors import ModelGraphError
from hrpn_tf.models.ends import NORMALISATIONS, ends_of


def freeze_body(model: keras.Model) -> int:
    """Freeze all but the first and last layers and the scales and offsets of normalisation.

    Scales and offsets are a small part of the weights, but with the body fixed they reach every
    layer, which is what another staining needs (Frankle et al. 2021, "Training BatchNorm and Only
    BatchNorm").

    Args:
        model: functional; its layers are changed. Call it before an optimizer is built.

    Returns:
        Number of weights that are trained.

    Raises:
        ModelGraphError: the last layer cannot be told.
    """
    ends = ends_of(model)
    if not ends.reads or not ends.gives:
        raise ModelGraphError(f"model {model.name}: first and last layer cannot be told")
    for layer in model.layers:
        if layer.weights and not isinstance(layer, NORMALISATIONS):
            layer.trainable = layer.name in ends.reads or layer.name in ends.gives
    return model.count_params() - sum(
        int(keras.ops.size(weight)) for weight in model.non_trainable_weights
    )
