"""The part of a crop that counts, cut out of what a network gives for the whole crop."""

from collections.abc import Mapping
from typing import Any

import tensorflow as tf

# What a batch says of its patches beside inputs and target; see hrpn_tf.data.pipeline.
Places = Mapping[str, Any]
WHOLE: Places = {}  # all pixels count


def core_of(image: Any, places: Places, side: int) -> Any:
    """The cores (N, side, side, C) of crops (N, H, W, C); the crops themselves without context.

    Args:
        image: crops as they come out of the pipeline, or what a network gives for them.
        places: with ``corner`` (N, 2) int32, first row and column of each core; see
            :func:`hrpn_tf.data.pipeline.make_dataset`.
        side: of a core, px.

    Example:
        >>> image = tf.reshape(tf.range(16.0), (1, 4, 4, 1))
        >>> core_of(image, {"corner": tf.constant([[1, 2]])}, 2)[0, ..., 0].numpy().tolist()
        [[6.0, 7.0], [10.0, 11.0]]
    """
    corner = places.get("corner")
    if corner is None:
        return image
    rows, columns = (corner[:, axis, None] + tf.range(side) for axis in (0, 1))
    image = tf.gather(image, rows, axis=1, batch_dims=1)
    return tf.gather(image, columns, axis=2, batch_dims=1)
