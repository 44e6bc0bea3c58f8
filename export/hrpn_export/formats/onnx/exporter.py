"""ONNX: tf2onnx writes float32; float16, bfloat16 and int8 are derived from it."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from hrpn_export.contract import Contract
from hrpn_export.errors import ExportError
from hrpn_export.formats.onnx.graph_def import prepare
from hrpn_export.formats.table import Source
from hrpn_export.manifest import Artefact
from hrpn_export.names import INPUT, OUTPUT
from hrpn_export.snippets import program, section_of
from hrpn_export.tracing import batch_of, for_converter

if TYPE_CHECKING:
    import onnx

OPSET = 18


def export(source: Source, precision: str, folder: Path) -> Path:
    """Write ``model.onnx``. Input and output are float32 in every precision.

    ``metadata_props`` hold the contract as JSON and the precision.

    The option ``opset`` (18 by default) sets the opset of the file.

    Raises:
        ExportError: the graph has control flow, or an operation that the converter does not know.
        QuantisationError: int8 without calibration patches.
    """
    import onnx

    opset = int(source.options.get("opset", OPSET))
    path = folder / "model.onnx"
    inputs, multiple = len(source.contract.inputs), source.contract.stride_multiple
    graph = to_onnx(source.model, inputs, opset, multiple)
    if precision == "fp16":
        from hrpn_export.formats.onnx.fp16 import to_half

        graph = to_half(graph)
    if precision == "int8":
        from hrpn_export.formats.onnx.int8 import to_int8

        graph, choice = to_int8(graph, source.calibration, source.contract, source.selection)
        source.details["float_layers"] = list(choice.floats)
    if precision == "bf16":
        from hrpn_export.formats.onnx.bf16 import to_bfloat16

        graph = to_bfloat16(graph, source.calibration)
    # read by programs that get the file without its bundle
    stated = {"contract": source.contract.to_json(), "precision": precision}
    onnx.helper.set_model_props(graph, stated)
    onnx.checker.check_model(graph, full_check=True)
    onnx.save(graph, path)
    return path


def section(folder: Path, artefact: Artefact, contract: Contract) -> str:
    """The section of a bundle's README that runs this format."""
    lines = (
        f'session = onnxruntime.InferenceSession("{artefact.path}", '
        'providers=["CPUExecutionProvider"])'
    )
    call = f'session.run(["{OUTPUT}"], {{"{INPUT}": image}})[0]'
    code = program(["import onnxruntime"], lines, call, contract)
    return section_of("ONNX", artefact, "`pip install onnxruntime`", code)


def to_onnx(model: Any, inputs: int, opset: int = OPSET, multiple: int = 1) -> "onnx.ModelProto":
    """Convert a Keras model to a float32 ONNX graph for every batch, height and width.

    Batch normalisation is folded into the convolutions, sizes computed from the shape of the
    input become constant factors, and paddings are stated in numbers.

    Args:
        model: maps (N, H, W, inputs) to (N, H, W, outputs).
        inputs: number of input channels.
        opset: version of the operators; tf2onnx writes up to 18, later ones are converted.
        multiple: height and width of an input are multiples of this, px.

    Raises:
        ExportError: the graph has control flow, or an operation that the converter does not know.
    """
    import onnx
    import tf2onnx

    from hrpn_export.graphs.pads import with_explicit_pads
    from hrpn_export.graphs.resize import with_resize
    from hrpn_export.graphs.rewrite import simplify

    serve = for_converter(model, inputs, prepare)
    try:
        graph, _ = tf2onnx.convert.from_function(
            serve, input_signature=[batch_of(inputs)], opset=min(opset, OPSET)
        )
    except (ValueError, NotImplementedError, RuntimeError) as error:
        raise ExportError(f"tf2onnx cannot convert {model.name}: {error}") from None
    with_resize(graph)
    simplify(graph, inputs, multiple)
    with_explicit_pads(graph, inputs, multiple)
    if opset > OPSET:
        graph = onnx.version_converter.convert_version(graph, opset)
    flow = {"If", "Loop", "Scan"}.intersection(node.op_type for node in graph.graph.node)
    if flow:
        raise ExportError(f"{model.name} has control flow ({', '.join(sorted(flow))}) in ONNX")
    _name_dimensions(graph)
    return graph


def _name_dimensions(graph: "onnx.ModelProto") -> None:
    """Name the free dimensions, which the converter numbers."""
    for value in (*graph.graph.input, *graph.graph.output):
        free = dict(enumerate(("batch", "height", "width")))
        for place, name in free.items():
            value.type.tensor_type.shape.dim[place].dim_param = name
