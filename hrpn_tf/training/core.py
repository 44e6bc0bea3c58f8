"""What counts of a batch: the cores of its crops, and the weights of its patches."""

from collections.abc import Mapping
from typing import Any

from keras import ops

from hrpn_tf.losses import LossFunction
from hrpn_tf.training.backend import backend

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
        >>> image = ops.reshape(ops.arange(16.0), (1, 4, 4, 1))
        >>> core = core_of(image, {"corner": ops.convert_to_tensor([[1, 2]])}, 2)
        >>> core[0, ..., 0].numpy().tolist()
        [[6.0, 7.0], [10.0, 11.0]]
    """
    corner = places.get("corner")
    if corner is None:
        return image
    return backend.cores(image, corner, side)


def weighted(loss: LossFunction, places: Places, target: Any, prediction: Any) -> Any:
    """The mean loss of a batch whose patches count as ``weight`` (N,) of ``places`` says.

    Without weights it is the loss itself. The weights are not normalised: their mean is 1 over
    many batches, and only then the sum is without bias.

    Example:
        >>> loss = lambda target, prediction: ops.mean(prediction - target)
        >>> prediction = ops.reshape([1.0, 3.0], (2, 1, 1, 1))
        >>> places = {"weight": ops.convert_to_tensor([2.0, 0.5])}
        >>> float(weighted(loss, places, ops.zeros((2, 1, 1, 1)), prediction))
        1.75
    """
    weight = places.get("weight")
    if weight is None:
        return loss(target, prediction)
    pairs = (target, prediction)
    each = ops.vectorized_map(lambda pair: loss(pair[0][None], pair[1][None]), pairs)
    return ops.mean(weight * each)
