"""The project's own networks as engines: every precision, every compute capability."""

import copy
from pathlib import Path

import keras
import numpy as np
import onnx
import pytest
from hrpn_export import Contract
from hrpn_export.formats.onnx.exporter import to_onnx
from hrpn_export.formats.onnx.fp16 import to_half
from hrpn_export.formats.onnx.int8 import to_int8
from hrpn_export.graphs.qdq import signed
from hrpn_export.graphs.resize import readable
from hrpn_export.tensorrt import Wanted, write_engine
from hrpn_export.tensorrt.machine import Machine, platform_name

from hrpn_tf.models.build import build_model
from hrpn_tf.models.graph import stride_multiple
from hrpn_tf.models.scaling import Scaling

trt = pytest.importorskip("tensorrt_rtx")

SCALING = Scaling((20.0, 30.0), (25.0, 35.0), 12.0, (255.0, 255.0), 255.0)
EVERY = ("7.5", "8.0", "8.6", "8.9", "12.0")
PRESETS = [
    "hrpn-s",
    "ganda",
    pytest.param("hrpn-m", marks=pytest.mark.slow),
    pytest.param("hrpn-published", marks=pytest.mark.nightly),
]


@pytest.fixture(scope="module", params=PRESETS)
def network(request, tmp_path_factory) -> tuple[dict[str, Path], int]:
    """The ONNX files of a preset, by precision, and its stride multiple."""
    keras.utils.set_random_seed(0)
    model = build_model(request.param, 2, 1, SCALING)
    multiple = stride_multiple(model)
    folder = tmp_path_factory.mktemp(request.param)
    graph = to_onnx(model, 2, multiple=multiple)
    contract = Contract(("a", "b"), ("qd",), 0.5, multiple, None, False, 255.0)
    patches = np.random.default_rng(0).uniform(0, 255, (2, 64, 64, 2)).astype(np.float32)
    graphs = {"fp32": graph, "fp16": to_half(copy.deepcopy(graph))}
    graphs["int8"] = onnx.ModelProto.FromString(
        signed(to_int8(copy.deepcopy(graph), patches, contract)[0].SerializeToString())
    )
    paths = {precision: folder / f"{precision}.onnx" for precision in graphs}
    for precision, each in graphs.items():
        onnx.save(each, paths[precision])
    return paths, multiple


def types_of(path: Path, layer: trt.LayerType) -> set[trt.DataType]:
    """Types that TensorRT, which changes none, computes layers of one kind in."""
    log = trt.Logger(trt.Logger.ERROR)
    builder = trt.Builder(log)
    network = builder.create_network(1 << int(trt.NetworkDefinitionCreationFlag.STRONGLY_TYPED))
    parser = trt.OnnxParser(network, log)
    assert parser.parse(readable(path.read_bytes()))
    layers = [network.get_layer(i) for i in range(network.num_layers)]
    return {each.get_output(0).dtype for each in layers if each.type == layer}


def test_the_precision_is_that_of_the_onnx_file(network):
    paths, _ = network
    assert types_of(paths["fp32"], trt.LayerType.CONVOLUTION) == {trt.float32}
    # the last convolution stays in float32
    halves = types_of(paths["fp16"], trt.LayerType.CONVOLUTION)
    assert halves == {trt.float16, trt.float32}
    assert types_of(paths["int8"], trt.LayerType.QUANTIZE) == {trt.int8}


@pytest.mark.parametrize("precision", ["fp32", "fp16", "int8"])
def test_a_network_builds_for_every_capability(network, tmp_path, precision):
    paths, multiple = network
    sidecar = write_engine(
        paths[precision],
        tmp_path / "model.engine",
        multiple=multiple,
        channels=2,
        precision=precision,
        wanted=Wanted(tiles=[512], capability=EVERY, builder="tensorrt-rtx"),
        machine=Machine(platform_name(), {"tensorrt-rtx": trt.__version__}, None),
    )
    assert sidecar.capabilities == EVERY
    assert sidecar.profiles[0].minimum[1] == multiple
    assert (tmp_path / "model.engine").stat().st_size > 1e6
