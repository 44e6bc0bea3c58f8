"""TensorFlow SavedModel, laid out as TensorFlow Serving takes it: ``model/1/``."""

from pathlib import Path

from hrpn_export.formats.table import Source
from hrpn_export.names import INPUT, OUTPUT

VERSION = "1"


def export(source: Source, precision: str, folder: Path) -> Path:
    """Write the model as one signature, ``serving_default``, for every batch and size.

    The weights are variables of the SavedModel, as TensorFlow Serving and further conversion
    expect. Input ``grey_levels`` and output ``prediction`` are float32 (N, H, W, C).

    Returns:
        The folder that holds the version folder, to be given to TensorFlow Serving.
    """
    import tensorflow as tf

    model, channels = source.model, len(source.contract.inputs)
    signature = tf.TensorSpec((None, None, None, channels), tf.float32, name=INPUT)
    module = tf.Module()
    module.model = model

    @tf.function(input_signature=[signature])
    def serve(grey_levels):  # type: ignore[no-untyped-def]
        return {OUTPUT: model(grey_levels, training=False)}

    path = folder / "model"
    tf.saved_model.save(module, str(path / VERSION), signatures={"serving_default": serve})
    return path
