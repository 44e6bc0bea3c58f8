from dataclasses import replace

import keras
import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter
from hrpn_export.errors import ExportError, QuantisationError
from hrpn_export.formats import Source
from hrpn_export.formats.tflite import precision as tflite_precision
from hrpn_export.formats.tflite.exporter import export, to_tflite
from hrpn_export.formats.tflite.precision import to_dynamic, to_half, to_int8
from hrpn_export.runtimes.litert import LiteRtSession
from support.format_networks import PRESETS, SHAPES, answer, images, preset, tiny

CALIBRATION = images((8, 64, 64), seed=3)
# Measured targets so far from any prediction that rounding does not matter.
FORGIVING = CALIBRATION, np.full((8, 64, 64, 1), 1e6, np.float32)
PRECISIONS = ("fp32", "fp16", "dynamic", "int8")


@pytest.mark.parametrize("precision", PRECISIONS)
def test_the_interpreter_takes_grey_levels_of_every_batch_and_size(tmp_path, precision):
    model, contract = tiny()
    path = export(Source(model, contract, CALIBRATION), precision, tmp_path)
    assert [each.name for each in tmp_path.iterdir()] == ["model.tflite"]
    interpreter = Interpreter(model_path=str(path))
    assert interpreter.get_signature_list() == {
        "serving_default": {"inputs": ["grey_levels"], "outputs": ["prediction"]}
    }
    (given,), (result,) = interpreter.get_input_details(), interpreter.get_output_details()
    assert given["dtype"] == result["dtype"] == np.float32
    assert list(given["shape_signature"]) == [-1, -1, -1, 2]
    limit = {"fp32": 0.01, "fp16": 0.25}.get(precision, 3.0)
    for shape in ((1, 8, 12), (3, 20, 10)):
        batch = images(shape)
        interpreter.resize_tensor_input(given["index"], batch.shape)
        interpreter.allocate_tensors()
        interpreter.set_tensor(given["index"], batch)
        interpreter.invoke()
        values = interpreter.get_tensor(result["index"])
        assert np.abs(values - model(batch).numpy()).max() < limit


@pytest.mark.parametrize("name", PRESETS)
def test_presets_run_at_every_size(tmp_path, monkeypatch, name):
    # of random weights, which amplify what rounding changes
    monkeypatch.setattr(tflite_precision, "_APART", 1e9)
    model, contract = preset(name)
    plain = to_tflite(model, 2, tmp_path)
    assert len(plain) > 4 * model.count_params() * 0.9  # the weights are in it
    made = {"fp32": plain, "fp16": to_half(plain)}
    for precision, quantise in (("dynamic", to_dynamic), ("int8", to_int8)):
        made[precision], _ = quantise(plain, CALIBRATION, contract, FORGIVING)
    sizes = [len(each) for each in made.values()]
    assert sizes[2] < sizes[1] < sizes[0]
    assert sizes[3] < 0.5 * sizes[0]
    sessions = {}
    for precision, written in made.items():
        path = tmp_path / f"{precision}.tflite"
        path.write_bytes(written)
        sessions[precision] = LiteRtSession(path, contract, "cpu", 1)
    for shape in SHAPES:
        batch, expected = images(shape), answer(name, shape)
        for precision, session in sessions.items():
            difference = session(batch) - expected
            assert np.abs(difference).max() < {"fp32": 0.01, "fp16": 0.25}.get(precision, 1e9)
            assert np.square(difference).mean() < 0.03 * expected.var()


@pytest.mark.parametrize("precision", ["dynamic", "int8"])
def test_what_does_not_bear_rounding_stays_float32(tmp_path, precision):
    """The smaller the error of the prediction, the less may rounding add to it."""
    model, contract = tiny()
    batch, target = images((4, 64, 64)), model(CALIBRATION).numpy()
    differences, sizes, floats = [], [], []
    for apart in (1e6, 0.01):
        details = {}
        selection = CALIBRATION, target + np.float32(apart)
        source = Source(model, contract, CALIBRATION, details=details, selection=selection)
        path = export(source, precision, tmp_path)
        session = LiteRtSession(path, contract, "cpu", 1)
        differences.append(np.square(session(batch) - model(batch).numpy()).mean())
        sizes.append(path.stat().st_size)
        floats.append(details["float_layers"])
    assert not floats[0]
    assert floats[1]
    assert differences[1] < 0.5 * differences[0]
    assert sizes[1] > sizes[0]


def test_without_patches_dynamic_rounds_every_convolution(tmp_path):
    model, contract = tiny()
    details = {}
    plain = export(Source(model, contract, details=details), "dynamic", tmp_path).read_bytes()
    forgiving = Source(model, contract, CALIBRATION, selection=FORGIVING)
    corrected = export(forgiving, "dynamic", tmp_path).read_bytes()
    assert details["float_layers"] == []
    assert len(plain) == len(corrected)
    assert plain != corrected  # patches give the last convolution a gain and an offset


@pytest.mark.parametrize("precision", ["fp16", "dynamic", "int8"])
def test_sixteen_bits_fit(tmp_path, precision):
    model, contract = preset("hrpn-s", 65535.0)
    source = Source(model, contract, images((8, 64, 64), 65535.0, seed=3))
    session = LiteRtSession(export(source, precision, tmp_path), contract, "cpu", 1)
    batch = images((1, 64, 64), 65535.0)
    batch[0, :8, :8] = 65535
    expected, result = model(batch).numpy(), session(batch)
    assert np.isfinite(result).all()
    if precision == "fp16":
        assert np.abs(result - expected).max() < 0.25 * 257
    assert np.square(result - expected).mean() < 0.03 * expected.var()


def test_a_softplus_far_above_its_usual_values_stays_finite(tmp_path):
    import keras

    inputs = keras.Input((None, None, 2))
    x = keras.layers.Conv2D(1, 1, use_bias=False, kernel_initializer="ones")(inputs)
    model = keras.Model(inputs, keras.layers.Activation("softplus")(x))
    _, contract = tiny()
    session = LiteRtSession(export(Source(model, contract), "fp32", tmp_path), contract, "cpu", 1)
    batch = np.full((1, 2, 2, 2), 500.0, np.float32)
    np.testing.assert_allclose(session(batch), 1000.0)
    np.testing.assert_allclose(session(-batch), 0.0)
    small = np.linspace(-4, 4, 8, dtype=np.float32).reshape(1, 2, 2, 2)
    np.testing.assert_allclose(session(small), model(small).numpy(), rtol=1e-5, atol=1e-6)


@pytest.mark.filterwarnings("ignore:.*experimental_preserve_all_tensors:UserWarning")
def test_int8_is_between_the_first_convolution_and_the_last(tmp_path):
    model, contract = tiny()
    source = Source(model, contract, CALIBRATION, selection=FORGIVING)
    path = export(source, "int8", tmp_path)
    interpreter = Interpreter(model_path=str(path), experimental_preserve_all_tensors=True)
    types = {each["name"]: each["dtype"] for each in interpreter.get_tensor_details()}
    weights = [kind for name, kind in types.items() if name.endswith("/convolution")]
    assert weights[0] == np.float32
    assert weights[1:3] == [np.int8, np.int8]
    assert all(kind == np.float32 for name, kind in types.items() if "head" in name)


@pytest.mark.parametrize("bias", [0.0, 5.0])
def test_a_last_convolution_may_be_transposed(tmp_path, bias):
    """With a bias, its mean error is corrected; TFLite leaves a bias of zeros out."""
    keras.utils.set_random_seed(0)
    x = given = keras.Input((None, None, 2), name="grey_levels")
    for stride in (2, 1):
        x = keras.layers.Conv2D(8, 3, stride, padding="same", activation="relu")(x)
    head = keras.layers.Conv2DTranspose(1, 2, 2, bias_initializer=keras.initializers.Constant(bias))
    model = keras.Model(given, head(x))
    plain = to_tflite(model, 2, tmp_path)
    contract = replace(tiny()[1], stride_multiple=2)
    (tmp_path / "int8.tflite").write_bytes(to_int8(plain, CALIBRATION, contract)[0])
    found = LiteRtSession(tmp_path / "int8.tflite", contract, "cpu", 1)(CALIBRATION)
    expected = model(CALIBRATION).numpy()
    assert np.square(found - expected).mean() < 0.001 * expected.var()
    if bias:
        assert abs((found - expected).mean()) < 0.001 * expected.std()


@pytest.mark.parametrize("patches", [None, CALIBRATION[:0]])
def test_int8_needs_patches(tmp_path, patches):
    model, contract = tiny()
    with pytest.raises(QuantisationError, match="there are none"):
        export(Source(model, contract, patches), "int8", tmp_path)
    assert not list(tmp_path.iterdir())


def test_too_few_convolutions_are_refused(tmp_path):
    import keras

    inputs = keras.Input((None, None, 2))
    x = keras.layers.Conv2D(2, 3, padding="same")(inputs)
    model = keras.Model(inputs, keras.layers.Conv2D(1, 3, padding="same")(x))
    with pytest.raises(ExportError, match="fewer than three convolutions"):
        to_int8(to_tflite(model, 2, tmp_path), CALIBRATION, tiny()[1])
