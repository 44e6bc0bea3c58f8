import keras
import numpy as np
import onnx
import pytest
from hrpn_export.errors import ContractError, ExportError, QuantisationError
from hrpn_export.formats import Source
from hrpn_export.formats.onnx.exporter import export, to_onnx
from hrpn_export.formats.onnx.fp16 import to_half
from hrpn_export.formats.onnx.int8 import to_int8
from hrpn_export.graphs.qdq import signed
from hrpn_export.graphs.rewrite import constants
from hrpn_export.runtimes.onnx_runtime import OnnxSession
from support.format_networks import (
    PRESETS,
    SHAPES,
    answer,
    images,
    precision,
    preset,
    preset_graph,
    tiny,
)

CALIBRATION = images((8, 64, 64), seed=3)


def _two_convolutions(count: int = 2) -> keras.Model:
    x = inputs = keras.Input((None, None, 2))
    for _ in range(count):
        x = keras.layers.Conv2D(1, 1)(x)
    return keras.Model(inputs, x)


@pytest.mark.parametrize("name", PRESETS)
@pytest.mark.parametrize("kind", ["fp16", "int8"])
def test_presets_run_at_every_size(tmp_path, name, kind):
    _, contract = preset(name)
    graph = onnx.ModelProto.FromString(preset_graph(name))
    half = kind == "fp16"
    made = to_half(graph) if half else to_int8(graph, CALIBRATION, contract)[0]
    onnx.checker.check_model(made, full_check=True)
    onnx.save(made, tmp_path / "model.onnx")
    session = OnnxSession(tmp_path / "model.onnx", contract, "cpu", 1)
    for shape in SHAPES:
        expected, result = answer(name, shape), session(images(shape))
        assert np.square(result - expected).mean() < 0.03 * expected.var()
        if half:
            assert np.abs(result - expected).max() < 0.25


@pytest.mark.parametrize("kind", ["fp16", "int8"])
@pytest.mark.parametrize("name", ["hrpn-s"])
def test_sixteen_bits_fit(tmp_path, kind, name):
    model, contract = preset(name, 65535.0)
    source = Source(model, contract, images((8, 64, 64), 65535.0, seed=3))
    session = OnnxSession(export(source, kind, tmp_path), contract, "cpu", 1)
    batch = images((1, 64, 64), 65535.0)
    batch[0, :8, :8] = 65535
    expected, result = model(batch).numpy(), session(batch)
    assert np.isfinite(result).all()
    if kind == "fp16":
        assert np.abs(result - expected).max() < 0.25 * 257
    assert np.square(result - expected).mean() < 0.02 * expected.var()


def test_a_network_trained_in_mixed_precision_exports_once_rebuilt(tmp_path):
    with precision("mixed_bfloat16"):
        trained, _ = preset("hrpn-s")
    model, contract = preset("hrpn-s")
    model.set_weights(trained.get_weights())
    session = OnnxSession(export(Source(model, contract), "fp16", tmp_path), contract, "cpu", 1)
    batch = images((1, 64, 64))
    assert np.abs(session(batch) - model(batch).numpy()).max() < 0.25


def test_grey_levels_never_become_float16():
    model, _ = tiny(65535.0)
    graph = to_half(to_onnx(model, 2, multiple=2))
    casts = [node for node in graph.graph.node if node.op_type == "Cast"]
    assert len(casts) == 2
    assert all("grey_levels" not in node.input for node in casts)
    halves = [v for v in constants(graph).values() if v.dtype == np.float16]
    convolutions = [node for node in graph.graph.node if node.op_type.startswith("Conv")]
    assert sum(v.ndim == 4 for v in halves) == len(convolutions) - 1  # all but the last


def test_int8_is_as_tensorrt_wants_it():
    model, contract = tiny()
    graph, choice = to_int8(to_onnx(model, 2, multiple=2), CALIBRATION, contract)
    assert len(choice.floats) < 3
    made = graph.SerializeToString()
    assert any(v.dtype == np.uint8 for v in constants(graph).values())  # of a ReLU
    assert not any(
        v.dtype == np.int8 and v.any() and v.ndim == 0 for v in constants(graph).values()
    )
    graph = onnx.ModelProto.FromString(signed(made))
    known = constants(graph)
    nodes = list(graph.graph.node)
    for node in nodes:
        if node.op_type in ("QuantizeLinear", "DequantizeLinear"):
            zero = known[node.input[2]]
            assert zero.dtype == np.int8
            assert not zero.any()
    makers = {node.output[0]: node for node in nodes}
    for node in nodes:
        if node.op_type not in ("Conv", "ConvTranspose"):
            continue
        reads = [n in makers and makers[n].op_type == "DequantizeLinear" for n in node.input[:2]]
        assert reads == [node.name not in choice.floats] * 2
        assert all(known[name].dtype == np.float32 for name in node.input[2:])  # the bias
        if all(reads):  # one scale for each output channel
            weights = makers[node.input[1]]
            axis = 1 if node.op_type == "ConvTranspose" else 0
            assert known[weights.input[1]].shape == known[weights.input[0]].shape[axis : axis + 1]


def test_the_graph_that_is_quantised_stays_as_it_was():
    model, contract = tiny()
    graph = to_onnx(model, 2, multiple=2)
    before = graph.SerializeToString()
    to_int8(graph, CALIBRATION, contract)
    assert graph.SerializeToString() == before


@pytest.mark.parametrize("patches", [None, CALIBRATION[:0]])
def test_int8_needs_patches(patches):
    model, contract = tiny()
    with pytest.raises(QuantisationError, match="there are none"):
        to_int8(to_onnx(model, 2, multiple=2), patches, contract)


def test_int8_needs_patches_that_fit():
    model, contract = tiny()
    with pytest.raises(ContractError):
        to_int8(to_onnx(model, 2, multiple=2), CALIBRATION[:, :63], contract)


def test_too_few_convolutions_are_refused():
    _, contract = tiny()
    with pytest.raises(ExportError, match="this shallow has no int8"):
        to_int8(to_onnx(_two_convolutions(), 2), CALIBRATION, contract)
    with pytest.raises(ExportError, match="fewer than two convolutions"):
        to_half(to_onnx(_two_convolutions(1), 2))


@pytest.mark.slow
def test_memory_of_calibration_does_not_grow_with_the_patches(memory_grows_less_than):
    model, contract = tiny()
    graph = to_onnx(model, 2, multiple=2)
    to_int8(graph, CALIBRATION, contract)  # what is loaded once is loaded now
    patches = images((48, 256, 256))
    with memory_grows_less_than(200 * 2**20):  # all values of all patches would be 1 GB
        to_int8(graph, patches, contract)


def test_everything_is_one_file(tmp_path):
    model, contract = tiny()
    graph = onnx.load(export(Source(model, contract, CALIBRATION), "int8", tmp_path))
    assert not any(each.external_data for each in graph.graph.initializer)
