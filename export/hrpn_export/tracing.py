"""Trace a Keras model as a TensorFlow graph for every batch, height and width."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from hrpn_export.names import INPUT, OUTPUT

if TYPE_CHECKING:
    import keras

# Rewrites a GraphDef in place; the graph knows the shapes of its values.
Rewrite = Callable[[Any, Any], None]


def batch_of(channels: int, type: str = "float32") -> Any:
    """The signature of a batch (N, H, W, channels) of any size, grey levels of a type."""
    import tensorflow as tf

    return tf.TensorSpec((None, None, None, channels), tf.as_dtype(type), name=INPUT)


def with_constant_weights(model: "keras.Model", channels: int) -> Any:
    """The forward pass in inference mode, with the current weights as constants.

    Args:
        model: maps (N, H, W, channels) to (N, H, W, outputs), grey levels.
        channels: number of input channels.

    Returns:
        A concrete function of a batch, without variables.
    """
    import tensorflow as tf

    # Arrays become constants of the graph only if the graph never refers to the variables.
    trainable = [np.asarray(variable) for variable in model.trainable_variables]
    rest = [np.asarray(variable) for variable in model.non_trainable_variables]

    def run(grey_levels: Any) -> Any:
        weights = [[tf.constant(array) for array in part] for part in (trainable, rest)]
        return model.stateless_call(*weights, grey_levels, training=False)[0]

    with symbolic_sizes():
        return tf.function(run, input_signature=[batch_of(channels)]).get_concrete_function()


def for_converter(model: "keras.Model", channels: int, rewrite: Rewrite) -> Any:
    """The forward pass with constant weights as a function for a converter.

    Args:
        model, channels: see :func:`with_constant_weights`.
        rewrite: changes operations that the converter does not know.

    Returns:
        A ``tf.function`` that maps a batch to ``{"prediction": ...}``.
    """
    import tensorflow as tf

    traced = with_constant_weights(model, channels)
    definition = traced.graph.as_graph_def()
    rewrite(definition, traced.graph)
    given, result = traced.inputs[0].name, traced.outputs[0].name

    @tf.function(input_signature=[batch_of(channels)])
    def serve(grey_levels):  # type: ignore[no-untyped-def]
        found = tf.graph_util.import_graph_def(definition, {given: grey_levels}, [result], name="")
        return {OUTPUT: found[0]}

    return serve


def add_constant(definition: Any, name: str, value: Any, kind: int) -> str:
    """Add a constant of a TensorFlow type to a GraphDef; returns its name."""
    import tensorflow as tf

    made = definition.node.add(op="Const", name=name)
    made.attr["dtype"].type = kind
    made.attr["value"].tensor.CopyFrom(tf.make_tensor_proto(value, tf.DType(kind)))
    return str(made.name)


@contextmanager
def symbolic_sizes() -> Iterator[None]:
    """Let Keras resize images to sizes that are known only when the graph runs.

    Keras 3.15 asks in Python whether a size is positive, so that no graph for every height and
    width can be traced of ``UpSampling2D`` with ``bilinear`` interpolation.
    """
    from importlib import import_module

    names = ("keras.src.ops.image", "keras.ops.image")
    modules: list[Any] = [import_module(name) for name in names]
    kept = [module.resize for module in modules]
    unchecked = getattr(modules[0], "_resize", None)  # what it calls once it has asked
    for module, resize in zip(modules, kept, strict=True):
        module.resize = resize if unchecked is None else _without_question(resize, unchecked)
    try:
        yield
    finally:
        for module, resize in zip(modules, kept, strict=True):
            module.resize = resize


def _without_question(resize: Callable[..., Any], unchecked: Callable[..., Any]) -> Any:
    import inspect

    import tensorflow as tf

    places = inspect.signature(resize)

    def resized(*args: Any, **options: Any) -> Any:
        given = places.bind(*args, **options).arguments
        if any(tf.is_symbolic_tensor(each) for each in given["size"]):
            return unchecked(**given)
        return resize(*args, **options)

    return resized
