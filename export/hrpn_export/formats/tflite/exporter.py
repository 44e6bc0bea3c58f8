"""TFLite (LiteRT): TensorFlow's converter writes float32; the others are derived from it."""

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from hrpn_export.contract import Contract
from hrpn_export.formats.table import Source
from hrpn_export.formats.tflite.graph_def import prepare
from hrpn_export.manifest import Artefact
from hrpn_export.names import SIGNATURE
from hrpn_export.snippets import program, section_of
from hrpn_export.tracing import for_converter

if TYPE_CHECKING:
    import keras


def export(source: Source, precision: str, folder: Path) -> Path:
    """Write ``model.tflite``. Input and output are float32 grey levels in every precision.

    The file has one signature, ``serving_default``, and takes any batch, height and width after
    ``resize_tensor_input``.

    Raises:
        QuantisationError: int8 without calibration patches.
        ExportError: the network has too few convolutions to be quantised.
    """
    model = to_tflite(source.model, len(source.contract.inputs), folder)
    if precision != "fp32":
        model = _in_precision(model, precision, source)
    path = folder / "model.tflite"
    path.write_bytes(model)
    return path


def _in_precision(model: bytes, precision: str, source: Source) -> bytes:
    """A float32 model in another precision."""
    from hrpn_export.formats.tflite.precision import to_dynamic, to_half, to_int8

    if precision == "fp16":
        return to_half(model)
    quantise = to_dynamic if precision == "dynamic" else to_int8
    made, choice = quantise(model, source.calibration, source.contract, source.selection)
    source.details["float_layers"] = list(choice.floats)
    return made


def section(folder: Path, artefact: Artefact, contract: Contract) -> str:
    """The section of a bundle's README that runs this format."""
    lines = (
        f'model = Interpreter(model_path="{artefact.path}")\n'
        'place = model.get_input_details()[0]["index"]\n'
        "model.resize_tensor_input(place, image.shape)\n"
        "model.allocate_tensors()\n"
        "model.set_tensor(place, image)\n"
        "model.invoke()"
    )
    call = 'model.get_tensor(model.get_output_details()[0]["index"])'
    code = program(["from ai_edge_litert.interpreter import Interpreter"], lines, call, contract)
    return section_of("TFLite", artefact, "`pip install ai-edge-litert`", code)


def to_tflite(model: "keras.Model", inputs: int, folder: Path) -> bytes:
    """Convert a Keras model to a float32 TFLite model with folded batch normalisation.

    Args:
        model: maps (N, H, W, inputs) to (N, H, W, outputs).
        inputs: number of input channels.
        folder: folder for a temporary SavedModel.
    """
    import tensorflow as tf

    temporary = folder / "temporary"
    try:
        # with variables, the converter of TensorFlow 2.21 silently writes a file without weights
        serve = for_converter(model, inputs, prepare)
        # gradients of a layer's own, such as that of SiLU, cannot always be saved
        options = tf.saved_model.SaveOptions(experimental_custom_gradients=False)
        signatures = {SIGNATURE: serve}
        tf.saved_model.save(tf.Module(), str(temporary), signatures=signatures, options=options)
        converter = tf.lite.TFLiteConverter.from_saved_model(str(temporary))
        written: bytes = converter.convert()
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return written
