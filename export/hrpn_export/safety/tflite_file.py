"""A TFLite file that is not trusted: operations of a list, and tensors within the file.

LiteRT itself verifies the structure of a file (offsets and lengths) when it loads it, and raises
an error for a damaged one.
"""

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from hrpn_export.boundary import named_errors
from hrpn_export.errors import DamagedBundleError

_LARGEST = 2**31  # of a flatbuffer
# What a network needs of LiteRT: tensors in, tensors out. There are no operations on resources
# and variables, none that call other graphs or repeat them, and none of other makers ("custom").
_OPERATIONS = frozenset({
    "ABS", "ADD", "ADD_N", "ARG_MAX", "ARG_MIN", "ATAN2", "AVERAGE_POOL_2D", "BATCH_MATMUL",
    "BATCH_TO_SPACE_ND", "BITCAST", "BROADCAST_ARGS", "BROADCAST_TO", "CAST", "CEIL",
    "CONCATENATION", "CONV_2D", "CONV_3D", "CONV_3D_TRANSPOSE", "COS", "CUMSUM", "DENSIFY",
    "DEPTHWISE_CONV_2D", "DEPTH_TO_SPACE", "DEQUANTIZE", "DIV", "ELU", "EQUAL", "EXP",
    "EXPAND_DIMS", "FILL", "FLOOR", "FLOOR_DIV", "FLOOR_MOD", "FULLY_CONNECTED", "GATHER",
    "GATHER_ND", "GELU", "GREATER", "GREATER_EQUAL", "HARD_SWISH", "L2_NORMALIZATION",
    "L2_POOL_2D", "LEAKY_RELU", "LESS", "LESS_EQUAL", "LOCAL_RESPONSE_NORMALIZATION", "LOG",
    "LOGICAL_AND", "LOGICAL_NOT", "LOGICAL_OR", "LOGISTIC", "LOG_SOFTMAX", "MAXIMUM",
    "MAX_POOL_2D", "MEAN", "MINIMUM", "MIRROR_PAD", "MUL", "NEG", "NOT_EQUAL", "ONE_HOT", "PACK",
    "PAD", "PADV2", "POW", "PRELU", "QUANTIZE", "RANGE", "RANK", "REDUCE_ALL", "REDUCE_ANY",
    "REDUCE_MAX", "REDUCE_MIN", "REDUCE_PROD", "RELU", "RELU6", "RELU_0_TO_1", "RELU_N1_TO_1",
    "RESHAPE", "RESIZE_BILINEAR", "RESIZE_NEAREST_NEIGHBOR", "REVERSE_V2", "ROUND", "RSQRT",
    "SELECT", "SELECT_V2", "SHAPE", "SIGN", "SIN", "SLICE", "SOFTMAX", "SPACE_TO_BATCH_ND",
    "SPACE_TO_DEPTH", "SPLIT", "SPLIT_V", "SQRT", "SQUARE", "SQUARED_DIFFERENCE", "SQUEEZE",
    "STRIDED_SLICE", "SUB", "SUM", "TANH", "TILE", "TOPK_V2", "TRANSPOSE", "TRANSPOSE_CONV",
    "UNPACK", "WHERE", "ZEROS_LIKE",
})  # fmt: skip


def check_tflite(path: Path) -> None:
    """Refuse a TFLite file that reads other files, or holds more than plain operations.

    Raises:
        DamagedBundleError: it does, or it is no TFLite file.
    """
    with named_errors(f"{path}: no TFLite file"):
        # older runtimes do not have these fields in their schema, and read no other files
        from ai_edge_litert import schema_py_generated as schema

        if path.stat().st_size > _LARGEST:
            raise DamagedBundleError(f"{path}: larger than a TFLite file can be")
        content = path.read_bytes()
        if content[4:8] != b"TFL3":
            raise DamagedBundleError(f"{path}: no TFLite file: it does not begin as one")
        model = schema.Model.GetRootAs(content)
        parts = ("ExternalBufferGroupsLength", "ExternalBuffersLength")
        if sum(getattr(model, part)() for part in parts if hasattr(model, part)):
            raise DamagedBundleError(f"{path}: refers to weights in another file")
        if model.SubgraphsLength() != 1:
            raise DamagedBundleError(f"{path}: holds more than one graph (or none)")
        for name in _operations(model, schema):
            if name not in _OPERATIONS:
                raise DamagedBundleError(
                    f"{path}: holds the operation {name}, which a network does not need"
                )


def _operations(model: Any, schema: Any) -> Iterator[str]:
    names = _names(schema.BuiltinOperator)
    for place in range(model.OperatorCodesLength()):
        code = model.OperatorCodes(place)
        # files of before 2020 have the number in a field of one byte
        number = max(code.BuiltinCode(), code.DeprecatedBuiltinCode())
        yield names.get(number, f"number {number}")


@cache
def _names(operators: type) -> dict[int, str]:
    return {number: name for name, number in vars(operators).items() if isinstance(number, int)}
