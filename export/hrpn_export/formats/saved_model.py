"""TensorFlow SavedModel, in the layout of TensorFlow Serving: ``model/1/``."""

from pathlib import Path
from typing import Any

from hrpn_export.contract import Contract
from hrpn_export.formats.table import Source
from hrpn_export.manifest import Artefact
from hrpn_export.names import INPUT, OUTPUT, SIGNATURE
from hrpn_export.snippets import program, section_of
from hrpn_export.stored_input import signature
from hrpn_export.tracing import batch_of, symbolic_sizes

VERSION = "1"


def export(source: Source, precision: str, folder: Path) -> Path:
    """Write the model as the signature ``serving_default``, for every batch and size.

    The weights are variables, as TensorFlow Serving and converters expect. Input ``grey_levels``
    and output ``prediction`` are float32 (N, H, W, C). A signature ``serving_uint8`` or
    ``serving_uint16`` for each of the source's input types shares the weights, and takes pixels as
    stored.

    Returns:
        The folder with the version folder in it, for TensorFlow Serving.
    """
    import tensorflow as tf

    model, channels = source.model, len(source.contract.inputs)
    module = tf.Module()
    module.model = model

    def serve(grey_levels):  # type: ignore[no-untyped-def]
        return {OUTPUT: model(tf.cast(grey_levels, tf.float32), training=False)}

    def taking(type: str) -> Any:
        return tf.function(serve, input_signature=[batch_of(channels, type)])

    path = folder / "model"
    # gradients of a layer's own, such as that of SiLU, cannot always be saved
    options = tf.saved_model.SaveOptions(experimental_custom_gradients=False)
    signatures = {SIGNATURE: taking("float32")}
    signatures |= {signature(name): taking(name) for name in source.input_types}
    with symbolic_sizes():
        tf.saved_model.save(module, str(path / VERSION), signatures=signatures, options=options)
    return path


def section(folder: Path, artefact: Artefact, contract: Contract) -> str:
    """The section of a bundle's README that runs this format."""
    lines = (
        f'model = tf.saved_model.load("{artefact.path}/1")\n'
        'run = model.signatures["serving_default"]'
    )
    call = f'run({INPUT}=tf.constant(image))["{OUTPUT}"].numpy()'
    code = program(["import tensorflow as tf"], lines, call, contract)
    serving = f"TensorFlow Serving takes the folder `{artefact.path}` as it is."
    return section_of("SavedModel", artefact, "`pip install tensorflow`", f"{code}\n\n{serving}")
