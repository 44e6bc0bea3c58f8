"""The project's own networks as engines: every precision, every compute capability."""

from pathlib import Path

import keras
import numpy as np
import onnx
import pytest
from hrpn_export.formats.onnx_file import to_onnx
from hrpn_export.formats.onnx_resize import readable
from hrpn_export.tensorrt import Wanted, write_engine
from hrpn_export.tensorrt.machine import Machine, platform_name
from onnxruntime.quantization import CalibrationDataReader, QuantType, quantize_static
from onnxruntime.transformers.float16 import convert_float_to_float16

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
    pytest.param("hrpn-published", marks=pytest.mark.slow),
]


class Patches(CalibrationDataReader):
    """Two random patches, which is enough to have a quantised graph."""

    def __init__(self) -> None:
        rng = np.random.default_rng(0)
        self.left = [rng.uniform(0, 255, (1, 64, 64, 2)).astype(np.float32) for _ in range(2)]

    def get_next(self):
        return {"grey_levels": self.left.pop()} if self.left else None


@pytest.fixture(scope="module", params=PRESETS)
def network(request, tmp_path_factory) -> tuple[Path, int]:
    """A preset in float32, and its stride multiple."""
    keras.utils.set_random_seed(0)
    model = build_model(request.param, 2, 1, SCALING)
    path = tmp_path_factory.mktemp(request.param) / "fp32.onnx"
    onnx.save(to_onnx(model, 2), path)
    return path, stride_multiple(model)


def in_precision(path: Path, precision: str) -> Path:
    """The ONNX file in another precision, as TensorRT takes it: by types, or by QDQ nodes."""
    new = path.with_name(f"{precision}.onnx")
    if new.exists():
        return new
    if precision == "fp16":
        onnx.save(convert_float_to_float16(onnx.load(path), keep_io_types=True), new)
    if precision == "int8":
        quantize_static(
            path,
            new,
            Patches(),
            per_channel=True,
            activation_type=QuantType.QInt8,
            weight_type=QuantType.QInt8,
            op_types_to_quantize=["Conv"],
            extra_options={
                "ActivationSymmetric": True,
                "WeightSymmetric": True,
                "QuantizeBias": False,
            },
        )
    return new


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
    path, _ = network
    assert types_of(path, trt.LayerType.CONVOLUTION) == {trt.float32}
    half, int8 = in_precision(path, "fp16"), in_precision(path, "int8")
    assert types_of(half, trt.LayerType.CONVOLUTION) == {trt.float16}
    assert types_of(int8, trt.LayerType.QUANTIZE) == {trt.int8}


@pytest.mark.parametrize("precision", ["fp32", "fp16", "int8"])
def test_a_network_builds_for_every_capability(network, tmp_path, precision):
    path, multiple = network
    sidecar = write_engine(
        in_precision(path, precision),
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
