"""The mean of several networks as one network."""

from collections.abc import Sequence

import keras


def mean_network(members: Sequence[keras.Model], name: str) -> keras.Model:
    """One functional model whose output is the mean of its members' outputs.

    The members may be of different architectures. Each scales grey levels by itself, so they may
    have been trained with different scaling. They are copied and stay as they are.

    Args:
        members: at least one, float32, each from (N, H, W, inputs) to (N, H, W, outputs) in grey
            levels, with equal numbers of channels.
        name: of the model.

    Example:
        >>> one, two = (
        ...     keras.Sequential([keras.Input((None, None, 1)), keras.layers.Rescaling(scale)])
        ...     for scale in (2.0, 4.0)
        ... )
        >>> float(mean_network([one, two], "both")(keras.ops.ones((1, 1, 1, 1)))[0, 0, 0, 0])
        3.0
    """
    grey = keras.Input((None, None, members[0].input_shape[-1]), name="grey")
    answers = [_copy(each, f"member-{number}")(grey) for number, each in enumerate(members, 1)]
    mean = keras.layers.Average(name="mean")(answers) if len(answers) > 1 else answers[0]
    return keras.Model(grey, mean, name=name)


def _copy(network: keras.Model, name: str) -> keras.Model:
    """The same network under a name that is unique within the mean."""
    copied: keras.Model = type(network).from_config({**network.get_config(), "name": name})
    copied.set_weights(network.get_weights())
    return copied
