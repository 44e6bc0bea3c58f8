import gc
import os
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from hrpn_export.contract import Contract
from hrpn_export.errors import ContractError, DamagedBundleError, FormatError
from hrpn_export.formats import Source, find_format
from hrpn_export.runtimes import find_runtime
from hrpn_export.runtimes.openvino import lacks_bfloat16
from hrpn_export.runtimes.signal_stack import signal_stack
from support.format_networks import images, tiny

BFLOAT16 = pytest.mark.skipif(lacks_bfloat16() is not None, reason="no bfloat16 here")
RUNS = [
    ("keras", "keras", "fp32"),
    ("saved_model", "tensorflow", "fp32"),
    ("onnx", "onnxruntime", "fp32"),
    ("onnx", "onnxruntime", "fp16"),
    ("onnx", "onnxruntime", "int8"),
    ("onnx", "openvino", "fp32"),
    ("onnx", "openvino", "fp16"),
    ("onnx", "openvino", "int8"),
    pytest.param("onnx", "openvino", "bf16", marks=BFLOAT16),
    ("tflite", "litert", "fp32"),
    ("tflite", "litert", "fp16"),
    ("tflite", "litert", "dynamic"),
    ("tflite", "litert", "int8"),
]
LIMITS = {"fp32": 0.01, "fp16": 0.25}


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """The network, its contract, and its file in a format and precision."""
    model, contract = tiny()
    source = Source(model, contract, images((8, 64, 64), seed=3))
    made = {}

    def file(format: str, precision: str) -> Path:
        if (format, precision) not in made:
            folder = tmp_path_factory.mktemp(f"{format}-{precision}")
            made[format, precision] = find_format(format).exporter()(source, precision, folder)
        return made[format, precision]

    return model, contract, file


@pytest.mark.parametrize(("format", "runtime", "precision"), RUNS)
def test_array_in_arrays_out(exported, format, runtime, precision):
    model, contract, file = exported
    session = find_runtime(runtime).opener()(file(format, precision), contract, "cpu", None)
    assert session.contract is contract
    for shape in ((1, 16, 12), (3, 8, 20), (1, 16, 12)):
        batch = images(shape)
        expected = model(batch).numpy()
        # whole grey levels as files hold them, and a view that is not in C order
        for given in (batch.astype(np.uint16), np.asfortranarray(batch.astype(np.float64))):
            result = session(given)
            assert (result.dtype, result.shape) == (np.float32, expected.shape)
            assert np.abs(result - expected).max() < LIMITS.get(precision, 3.0)


@pytest.mark.parametrize(("format", "runtime", "precision"), RUNS)
def test_a_result_is_the_callers_to_keep(exported, format, runtime, precision):
    _, contract, file = exported
    session = find_runtime(runtime).opener()(file(format, precision), contract, "cpu", None)
    first = session(images((1, 16, 16)))
    kept = first.copy()
    session(images((1, 16, 16), seed=7))
    np.testing.assert_array_equal(first, kept)


@pytest.mark.parametrize(("format", "runtime", "precision"), RUNS)
@pytest.mark.parametrize(
    ("shape", "message"),
    [((16, 16, 2), "3 dimensions"), ((1, 16, 16, 3), "2 channels"), ((1, 15, 16, 2), "multiples")],
)
def test_a_wrong_shape_is_refused(exported, format, runtime, precision, shape, message):
    _, contract, file = exported
    session = find_runtime(runtime).opener()(file(format, precision), contract, "cpu", None)
    with pytest.raises(ContractError, match=message):
        session(np.zeros(shape, np.float32))


@pytest.mark.parametrize(("format", "runtime", "precision"), RUNS)
def test_nan_and_infinity_are_refused(exported, format, runtime, precision):
    """int8, dynamic and OpenVINO would give ordinary grey levels in their place."""
    _, contract, file = exported
    session = find_runtime(runtime).opener()(file(format, precision), contract, "cpu", None)
    for value in (np.nan, np.inf, -np.inf, 1e39):  # the last one is infinite in float32
        batch = images((1, 16, 16)).astype(np.float64)
        batch[0, 3, 5, 1] = value
        with pytest.raises(ContractError, match=r"NaN or infinite .* at \[0, 3, 5, 1\]"):
            session(batch)
    with pytest.raises(ContractError, match="array of numbers"):
        session(images((1, 16, 16)).astype(complex))


@pytest.mark.parametrize(
    "run", [("onnx", "onnxruntime"), ("onnx", "openvino"), ("tflite", "litert")]
)
def test_a_model_that_gives_too_many_channels_is_noticed(exported, run):
    _, contract, file = exported
    other = Contract(**{**contract.__dict__, "outputs": ("qd", "fap")})
    session = find_runtime(run[1]).opener()(file(run[0], "fp32"), other, "cpu", None)
    with pytest.raises(ContractError, match="where"):
        session(images((1, 16, 16)))


@pytest.mark.parametrize("run", [("onnx", "onnxruntime"), ("tflite", "litert")])
def test_threads_are_as_many_as_asked_for(exported, run):
    _, contract, file = exported
    batch = images((4, 256, 256))

    def added(threads: int) -> int:
        before = len(os.listdir("/proc/self/task"))
        session = find_runtime(run[1]).opener()(file(run[0], "fp32"), contract, "cpu", threads)
        session(batch)
        return len(os.listdir("/proc/self/task")) - before

    added(1)  # what a runtime starts once, whatever it is told
    assert added(1) == 0  # the caller's own takes part
    assert 1 <= added(3) <= 2


@pytest.mark.parametrize("run", [("onnx", "onnxruntime"), ("tflite", "litert")])
def test_without_a_number_threads_are_all_usable_cores(exported, monkeypatch, run):
    """Their own defaults differ: one thread in LiteRT."""
    _, contract, file = exported
    path, opener = file(run[0], "fp32"), find_runtime(run[1]).opener()

    def added(threads: int | None) -> int:
        before = len(os.listdir("/proc/self/task"))
        session = opener(path, contract, "cpu", threads)
        session(images((4, 256, 256)))
        return len(os.listdir("/proc/self/task")) - before

    monkeypatch.setattr("os.sched_getaffinity", lambda process: set(range(3)))
    added(1)
    assert added(None) == added(3) >= 1


def test_openvino_uses_all_usable_cores(exported, monkeypatch):
    _, contract, file = exported
    monkeypatch.setattr("os.sched_getaffinity", lambda process: {0})
    session = find_runtime("openvino").opener()(file("onnx", "fp32"), contract, "cpu", None)
    assert session._model.get_property("INFERENCE_NUM_THREADS") == 1


def test_openvino_is_told_the_number_of_threads(exported):
    _, contract, file = exported
    session = find_runtime("openvino").opener()(file("onnx", "fp32"), contract, "cpu", 1)
    assert session._model.get_property("INFERENCE_NUM_THREADS") == 1


@pytest.mark.parametrize(
    ("runtime", "name"),
    [("onnxruntime", "model.onnx"), ("openvino", "model.onnx"), ("litert", "model.tflite")],
)
@pytest.mark.parametrize("content", [b"", b"no model at all", bytes(4096)])
def test_what_is_no_model_is_named(tmp_path, exported, runtime, name, content):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DamagedBundleError, match=name) as error:
        find_runtime(runtime).opener()(tmp_path / name, exported[1], "cpu", None)
    assert "\n" not in str(error.value)


def test_openvino_leaves_no_stack_for_signals_that_is_gone(exported):
    """Signals were handled on memory that it freed, after the first of two sessions was closed."""
    _, contract, file = exported
    open_session = find_runtime("openvino").opener()
    before = signal_stack()
    sessions = [open_session(file("onnx", "fp32"), contract, "cpu", 1) for _ in range(2)]
    while sessions:
        sessions.pop(0)
        gc.collect()
        now = signal_stack()
        assert (now.start, now.size, now.flags) == (before.start, before.size, before.flags)


def test_a_gpu_that_is_not_there_is_named(exported):
    _, contract, file = exported
    with pytest.raises(FormatError, match="onnxruntime-gpu"):
        find_runtime("onnxruntime").opener()(file("onnx", "fp32"), contract, "cuda", None)
    with pytest.raises(FormatError, match="sees 0 GPUs"):
        find_runtime("tensorflow").opener()(file("saved_model", "fp32"), contract, "cuda", None)


def test_sessions_may_be_used_from_another_thread(exported):
    _, contract, file = exported
    session = find_runtime("onnxruntime").opener()(file("onnx", "fp32"), contract, "cpu", 1)
    batch, results = images((1, 16, 16)), []
    worker = threading.Thread(target=lambda: results.append(session(batch)))
    worker.start()
    worker.join()
    np.testing.assert_array_equal(results[0], session(batch))


def test_openvino_comes_without_its_converter_until_that_is_asked_for() -> None:
    code = (
        "import sys\n"
        "from hrpn_export.runtimes import find_runtime\n"
        "find_runtime('openvino').load()\n"
        "import openvino\n"
        "print(any(name.startswith('openvino.tools.ovc') for name in sys.modules))\n"
        "from openvino import convert_model\n"
        "print(convert_model.__module__, hasattr(openvino, 'nothing'))\n"
    )
    done = subprocess.run(
        [sys.executable, "-P", "-c", code], capture_output=True, text=True, encoding="utf-8"
    )
    assert done.stdout.splitlines() == ["False", "openvino.tools.ovc.convert False"], done.stderr
