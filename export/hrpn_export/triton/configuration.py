"""The configuration ``config.pbtxt`` of one model in a Triton model repository."""

from typing import Any

from hrpn_export.contract import Contract
from hrpn_export.names import INPUT, OUTPUT
from hrpn_export.triton.text_format import Enum

# Tiles of one size that are predicted at once; a request may hold as many itself.
LARGEST_BATCH = 8
PREFERRED_BATCHES = (4, 8)
# A tile waits so long for others, us: little beside the tens of ms that it takes.
QUEUE_DELAY_US = 5_000
# Side of the tile that a model is warmed up with, px; rounded up to the stride multiple.
WARM_UP_PX = 512
INSTANCES = 1  # per GPU, or of a CPU: one uses all of it
_TYPES = {"float32": "TYPE_FP32", "uint8": "TYPE_UINT8", "uint16": "TYPE_UINT16"}


def configuration(
    name: str, contract: Contract, precision: str, input_type: str = "float32"
) -> dict[str, Any]:
    """The fields of a ``ModelConfig``, for :func:`hrpn_export.triton.text_format.to_text`.

    Args:
        name: name of the model, and of its folder.
        contract: contract of the model.
        precision: of the file, for those who look at the configuration.
        input_type: that the file takes.
    """
    kind = Enum(_TYPES[input_type])
    side = -(-WARM_UP_PX // contract.stride_multiple) * contract.stride_multiple
    stated = {"contract": contract.to_json(), "precision": precision}
    return {
        "name": name,
        "backend": "onnxruntime",
        "platform": "onnxruntime_onnx",
        "default_model_filename": "model.onnx",
        "max_batch_size": LARGEST_BATCH,
        "input": [_tensor(INPUT, kind, len(contract.inputs))],
        "output": [_tensor(OUTPUT, Enum("TYPE_FP32"), len(contract.outputs))],
        "dynamic_batching": {
            "preferred_batch_size": list(PREFERRED_BATCHES),
            "max_queue_delay_microseconds": QUEUE_DELAY_US,
        },
        "instance_group": [{"count": INSTANCES, "kind": Enum("KIND_AUTO")}],
        "model_warmup": [
            _warm_up(size, [side, side, len(contract.inputs)], kind)
            for size in (1, *PREFERRED_BATCHES)
        ],
        "parameters": [
            {"key": key, "value": {"string_value": value}} for key, value in stated.items()
        ],
    }


def _tensor(name: str, kind: Enum, channels: int) -> dict[str, Any]:
    """Without the batch, which Triton adds; height and width are free."""
    return {"name": name, "data_type": kind, "dims": [-1, -1, channels]}


def _warm_up(batch: int, dims: list[int], kind: Enum) -> dict[str, Any]:
    tensor = {"data_type": kind, "dims": dims, "zero_data": True}
    return {
        "name": f"batch_{batch}",
        "batch_size": batch,
        "inputs": [{"key": INPUT, "value": tensor}],
    }
