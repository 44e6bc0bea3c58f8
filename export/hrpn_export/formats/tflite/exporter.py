"""TFLite (LiteRT): TensorFlow's converter writes float32; the others are derived from it."""

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from hrpn_export.contract import Contract
from hrpn_export.formats.table import Source
from hrpn_export.manifest import Artefact
from hrpn_export.names import INPUT, OUTPUT
from hrpn_export.snippets import program, section_of

if TYPE_CHECKING:
    import keras

_SIGNATURE = "serving_default"


def export(source: Source, precision: str, folder: Path) -> Path:
    """Write ``model.tflite``. Input and output are float32 grey levels in every precision.

    The file has one signature, ``serving_default``, and takes any batch, height and width after
    ``resize_tensor_input``.

    Raises:
        CalibrationError: int8 without calibration patches.
        ExportError: the network has too few convolutions to be quantised.
    """
    model = to_tflite(source.model, len(source.contract.inputs), folder)
    if precision != "fp32":
        from hrpn_export.formats.tflite import precision as tflite_precision

        if precision == "fp16":
            model = tflite_precision.to_half(model)
        elif precision == "dynamic":
            model = tflite_precision.to_dynamic(model)
        else:
            model = tflite_precision.to_int8(model, source.calibration)
    path = folder / "model.tflite"
    path.write_bytes(model)
    return path


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
        serve = _with_constant_weights(model, inputs)
        tf.saved_model.save(tf.Module(), str(temporary), signatures={_SIGNATURE: serve})
        converter = tf.lite.TFLiteConverter.from_saved_model(str(temporary))
        written: bytes = converter.convert()
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return written


def _with_constant_weights(model: "keras.Model", inputs: int) -> Any:
    """The forward pass with its weights as constants.

    With variables, the converter of TensorFlow 2.21 silently writes a file without weights, which
    predicts NaN.
    """
    import tensorflow as tf

    trainable = [np.asarray(variable) for variable in model.trainable_variables]
    rest = [np.asarray(variable) for variable in model.non_trainable_variables]
    signature = tf.TensorSpec((None, None, None, inputs), tf.float32, name=INPUT)

    @tf.function(input_signature=[signature])
    def run(grey_levels):  # type: ignore[no-untyped-def]
        weights = [[tf.constant(array) for array in part] for part in (trainable, rest)]
        return model.stateless_call(*weights, grey_levels, training=False)[0]

    traced = run.get_concrete_function()
    definition = traced.graph.as_graph_def()
    _bound_softplus(definition)
    given, result = traced.inputs[0].name, traced.outputs[0].name

    @tf.function(input_signature=[signature])
    def serve(grey_levels):  # type: ignore[no-untyped-def]
        found = tf.graph_util.import_graph_def(definition, {given: grey_levels}, [result], name="")
        return {OUTPUT: found[0]}

    return serve


def _bound_softplus(definition: Any) -> None:
    """Rewrite log(1 + exp(x)) as max(x, 0) + log(1 + exp(-|x|)) in a graph definition.

    TFLite has no softplus, and the converter's log(1 + exp(x)) is infinite from x = 89, which
    bright places of a 16-bit slide can reach.
    """
    import tensorflow as tf

    for node in [each for each in definition.node if each.op == "Softplus"]:
        value, kind, name = node.input[0], node.attr["T"], node.name

        def add(op: str, *inputs: str) -> str:
            made = definition.node.add(op=op, name=f"{name}/{op}", input=inputs)  # noqa: B023
            made.attr["T"].CopyFrom(kind)  # noqa: B023
            return str(made.name)

        one = definition.node.add(op="Const", name=f"{name}/one")
        one.attr["dtype"].CopyFrom(kind)
        one.attr["value"].tensor.CopyFrom(tf.make_tensor_proto(1.0, tf.DType(kind.type)))
        small = add("Log", add("AddV2", one.name, add("Exp", add("Neg", add("Abs", value)))))
        node.op, node.input[:] = "AddV2", [add("Relu", value), small]
