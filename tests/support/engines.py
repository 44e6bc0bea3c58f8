"""Networks to build engines from, and an engine that is none, with its sidecar."""

import hashlib
from pathlib import Path

import numpy as np
import onnx
from hrpn_export.contract import Contract
from hrpn_export.tensorrt.machine import Gpu, Machine
from hrpn_export.tensorrt.profiles import make_profiles
from hrpn_export.tensorrt.sidecar import Sidecar, sidecar_of

CONTRACT = Contract(("vessels", "nuclei"), ("qd",), 0.5, 16, 5, True, 255.0)
ENGINE = b"an engine"
HASH = hashlib.sha256(ENGINE).hexdigest()
SIDECAR = Sidecar(
    builder="tensorrt-rtx",
    version="1.7.1.116",
    capabilities=("8.6", "8.9"),
    platform="linux-x86_64",
    driver="13.0",
    gpu=None,
    precision="fp16",
    onnx="model.onnx",
    onnx_sha256="0" * 64,
    engine_sha256=HASH,
    timing_cache_sha256=None,
    profiles=make_profiles(16, 2, [64], [2]),
)
ADA = Gpu(0, "RTX 4090", "8.9", "13.0")
HERE = Machine("linux-x86_64", {"tensorrt-rtx": "1.7.1.116", "tensorrt": "10.13.3.9"}, ADA)


def lay(folder: Path) -> Path:
    """An engine that is none, in a bundle with its sidecar."""
    path = folder / "bundle" / "tensorrt" / "fp16" / "model.engine"
    path.parent.mkdir(parents=True)
    path.write_bytes(ENGINE)
    sidecar_of(path).write_text(SIDECAR.to_json())
    return path


def tiny(path: Path, output: str = "prediction") -> Path:
    """A network of one convolution as ONNX, float32 (N, H, W, 2) to (N, H, W, 1)."""
    helper, kind = onnx.helper, onnx.TensorProto.FLOAT
    kernel = np.random.default_rng(0).normal(size=(1, 2, 3, 3)).astype(np.float32)
    graph = helper.make_graph(
        [
            helper.make_node("Transpose", ["grey_levels"], ["a"], perm=[0, 3, 1, 2]),
            helper.make_node("Conv", ["a", "kernel"], ["b"], pads=[1, 1, 1, 1], name="conv"),
            helper.make_node("Relu", ["b"], ["c"]),
            helper.make_node("Transpose", ["c"], [output], perm=[0, 2, 3, 1]),
        ],
        "tiny",
        [helper.make_tensor_value_info("grey_levels", kind, ["batch", "height", "width", 2])],
        [helper.make_tensor_value_info(output, kind, ["batch", "height", "width", 1])],
        [onnx.numpy_helper.from_array(kernel, "kernel")],
    )
    opset = [helper.make_opsetid("", 18)]
    onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=9), path)
    return path
