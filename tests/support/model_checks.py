"""What every network must keep: the tests of a new one are a parametrisation of these."""

import keras
import numpy as np
import tensorflow as tf


def grey_levels(height: int, width: int, inputs: int, seed: int = 0) -> np.ndarray:
    """A batch of two, (2, height, width, inputs) float32, like an 8-bit slide."""
    return np.random.default_rng(seed).uniform(0, 255, (2, height, width, inputs)).astype("float32")


def as_graph(model: keras.Model) -> tf.types.experimental.PolymorphicFunction:
    """The forward pass as one graph whose batch, height and width are free."""
    signature = tf.TensorSpec((None, None, None, model.input_shape[-1]), tf.float32)
    return tf.function(lambda x: model(x, training=False), input_signature=[signature])


def measured_field(
    model: keras.Model, period: int, reach: int, axes: tuple[int, ...] = (1, 2)
) -> int:
    """Receptive field found by differentiation, to compare with what the graph says.

    Weights are made positive, so that no path can cancel or be switched off; then each column
    within one period of the strides is differentiated with respect to the input, and likewise
    each row. Build the model under "float64": small gradients must not be lost, nor zero ones be
    touched by rounding.

    Args:
        model: one that :func:`smooth` has passed.
        period: pixels after which the pattern of dependences repeats.
        reach: a pixel surely depends on none further than this.
        axes: 1 for along height, 2 for along width; where all windows are square, one will do.
    """
    make_weights_positive(model)
    return 2 * max(_reach(model, period, reach, axis) for axis in axes) + 1


def smooth(model: keras.Model) -> keras.Model:
    """The same graph where a gradient finds every path, with new weights.

    Max-pooling follows one path only and becomes average pooling, over the same windows; bounded
    activations, which are flat far from zero, are left out.
    """

    def replaced(layer: keras.layers.Layer) -> keras.layers.Layer:
        config = layer.get_config()
        if isinstance(layer, keras.layers.MaxPooling2D):
            return keras.layers.AveragePooling2D.from_config(config)
        if isinstance(layer, keras.layers.Activation) and config["activation"] == "tanh":
            return keras.layers.Identity(name=layer.name, dtype=config["dtype"])
        return type(layer).from_config(config)

    return keras.models.clone_model(model, clone_function=replaced)


def make_weights_positive(model: keras.Model) -> None:
    """Random positive weights that keep the scale of what passes through them."""
    generator = np.random.default_rng(0)
    for variable in model.weights:
        value = generator.uniform(0.5, 1.5, variable.shape)
        if len(variable.shape) == 4:
            value /= value.sum(axis=(0, 1, 2), keepdims=True)
        variable.assign(value)


def _reach(model: keras.Model, period: int, reach: int, axis: int) -> int:
    """Largest distance from an output row (axis 1) or column (2) to a pixel it depends on.

    One image per row within the period, all in one batch. An image is long along the axis alone:
    a narrow one costs little, and where a window leaves it sideways does not matter.
    """
    first = period * (reach // period + 1)
    length = 2 * first + period
    sides = (length, period) if axis == 1 else (period, length)
    images = tf.ones((period, *sides, model.input_shape[-1]), model.inputs[0].dtype)
    with tf.GradientTape() as tape:
        tape.watch(images)
        lines = tf.reduce_sum(model(images, training=False), axis=(3 - axis, 3))
        chosen = tf.reduce_sum(tf.linalg.diag_part(lines[:, first : first + period]))
    gradient = np.abs(tape.gradient(chosen, images).numpy()).max(axis=(3 - axis, 3))
    touched = [np.flatnonzero(line) for line in gradient]
    ends = enumerate((t.min(), t.max()) for t in touched)
    return max(max(first + i - low, high - first - i) for i, (low, high) in ends)
