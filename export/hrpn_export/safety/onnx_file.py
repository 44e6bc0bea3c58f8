"""An ONNX file that is not trusted: operations of a list, and weights within the file."""

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hrpn_export.boundary import named_errors, one_line
from hrpn_export.errors import DamagedBundleError, MissingRuntimeError, install_line

_LARGEST = 2**31  # of a protobuf message
_MOST_NODES = 100_000
# What a network needs of ONNX. There is no control flow, which may never end, nothing that draws
# random numbers, and no operation of another maker. What gives a tensor of any size that a number
# in the file names (ConstantOfShape, Range and others) is missing, too.
_OPERATIONS = frozenset({
    "Abs", "Add", "And", "ArgMax", "ArgMin", "AveragePool", "BatchNormalization", "Cast",
    "CastLike", "Ceil", "Celu", "Clip", "Concat", "Constant", "Conv", "ConvTranspose", "Cos",
    "CumSum", "DepthToSpace", "DequantizeLinear", "Div", "Dropout", "DynamicQuantizeLinear",
    "Einsum", "Elu", "Equal", "Erf", "Exp", "Expand", "Flatten", "Floor", "Gather",
    "GatherElements", "GatherND", "Gelu", "Gemm", "GlobalAveragePool", "GlobalMaxPool", "Greater",
    "GreaterOrEqual", "GroupNormalization", "HardSigmoid", "HardSwish", "Identity",
    "InstanceNormalization", "LRN", "LayerNormalization", "LeakyRelu", "Less", "LessOrEqual",
    "Log", "LogSoftmax", "LpNormalization", "MatMul", "MatMulInteger", "ConvInteger", "Max",
    "MaxPool", "Mean", "Min", "Mish", "Mod", "Mul", "Neg", "Not", "Or", "PRelu", "Pad", "Pow",
    "QuantizeLinear", "Reciprocal", "ReduceL1", "ReduceL2", "ReduceLogSum", "ReduceLogSumExp",
    "ReduceMax", "ReduceMean", "ReduceMin", "ReduceProd", "ReduceSum", "ReduceSumSquare", "Relu",
    "Reshape", "Resize", "Round", "Selu", "Shape", "Sigmoid", "Sign", "Sin", "Slice", "Softmax",
    "Softplus", "Softsign", "SpaceToDepth", "Split", "Sqrt", "Squeeze", "Sub", "Sum", "Swish",
    "Tanh", "ThresholdedRelu", "Tile", "Transpose", "Unsqueeze", "Where", "Xor",
})  # fmt: skip
_DIVISIONS = {"Div", "Mod"}


def check_onnx(path: Path) -> None:
    """Refuse an ONNX file that reads other files, repeats itself, or holds unknown operations.

    Raises:
        DamagedBundleError: it does, or it is no ONNX file.
        MissingRuntimeError: onnx is not installed.
    """
    try:
        import onnx
    except ModuleNotFoundError:
        raise MissingRuntimeError(
            f"{path}: onnx, which checks it, is not installed: {install_line('onnx')}"
        ) from None
    with named_errors(f"{path}: no ONNX file"):
        if path.stat().st_size > _LARGEST:
            raise DamagedBundleError(f"{path}: larger than an ONNX file can be")
        model = onnx.ModelProto()
        model.ParseFromString(path.read_bytes())
        if not model.graph.node:
            raise DamagedBundleError(f"{path}: no ONNX file: it holds no operation")
        for tensor in _tensors(model):
            _check_tensor(path, tensor)
        _check_nodes(path, model)
        _check_divisions(path, model)
        if model.functions or model.training_info or model.graph.sparse_initializer:
            raise DamagedBundleError(f"{path}: holds functions, a training or sparse weights")


def _tensors(model: Any) -> Iterator[Any]:
    """Every tensor of a graph and of the graphs within its operations."""
    graphs = [model.graph]
    while graphs:
        graph = graphs.pop()
        yield from graph.initializer
        for node in graph.node:
            for attribute in node.attribute:
                yield from (attribute.t, *attribute.tensors)
                graphs += [attribute.g, *attribute.graphs]


def _check_tensor(path: Path, tensor: Any) -> None:
    import onnx

    if tensor.external_data or tensor.data_location:
        raise DamagedBundleError(f"{path}: refers to weights in another file")
    if not tensor.data_type:
        return  # an attribute that holds no tensor
    bits = onnx.helper.tensor_dtype_to_np_dtype(tensor.data_type).itemsize * 8
    if tensor.data_type in (onnx.TensorProto.INT4, onnx.TensorProto.UINT4):
        bits = 4
    # a number takes at least a byte in a field of numbers, half a byte in packed ones
    least = math.prod(tensor.dims) * (bits if tensor.HasField("raw_data") else 4) // 8
    if min(tensor.dims, default=0) < 0 or least > tensor.ByteSize():
        raise DamagedBundleError(f"{path}: {one_line(tensor.name)} is larger than what is stored")


def _check_nodes(path: Path, model: Any) -> None:
    if len(model.graph.node) > _MOST_NODES:
        raise DamagedBundleError(f"{path}: holds more than {_MOST_NODES} operations")
    for node in model.graph.node:
        name = one_line(node.op_type)
        if name == "EPContext":
            raise DamagedBundleError(f"{path}: refers to a compiled model in another file")
        if node.domain not in ("", "ai.onnx") or node.op_type not in _OPERATIONS:
            raise DamagedBundleError(
                f"{path}: holds the operation {name}, which a network does not need"
            )
        if any(attribute.HasField("g") or attribute.graphs for attribute in node.attribute):
            raise DamagedBundleError(f"{path}: the operation {name} holds a graph of its own")


def _check_divisions(path: Path, model: Any) -> None:
    """Refuse divisions of whole numbers: one by zero would end the process."""
    import onnx

    suspects = [node for node in model.graph.node if node.op_type in _DIVISIONS]
    if not suspects:
        return
    typed = onnx.shape_inference.infer_shapes(model).graph
    kinds = {value.name: value.type.tensor_type.elem_type for value in typed.value_info}
    kinds |= {value.name: value.type.tensor_type.elem_type for value in typed.input}
    kinds |= {tensor.name: tensor.data_type for tensor in typed.initializer}
    real = {onnx.TensorProto.FLOAT, onnx.TensorProto.FLOAT16, onnx.TensorProto.BFLOAT16}
    real.add(onnx.TensorProto.DOUBLE)
    constants = {tensor.name: tensor for tensor in model.graph.initializer}
    for node in suspects:
        divisor = node.input[1]
        if kinds.get(divisor) in real:
            continue
        stored = constants.get(divisor)
        if stored is None or not onnx.numpy_helper.to_array(stored).all():
            raise DamagedBundleError(
                f"{path}: the operation {node.op_type} divides whole numbers, maybe by zero"
            )
