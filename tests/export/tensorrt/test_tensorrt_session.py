"""The session's flow, on a stand-in of CUDA and TensorRT that computes on ordinary memory."""

import ctypes
import gc
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from hrpn_export.contract import Contract
from hrpn_export.errors import (
    ContractError,
    DamagedBundleError,
    EngineError,
    FormatError,
    MissingRuntimeError,
)
from hrpn_export.runtimes import tensorrt as runtime
from hrpn_export.runtimes.tensorrt import TensorRtSession
from hrpn_export.tensorrt import machine as machines
from hrpn_export.tensorrt.machine import Gpu, Machine
from support.engines import CONTRACT, ENGINE, HERE, lay

cuda = pytest.importorskip("cuda.bindings.runtime")


@pytest.fixture
def engine(tmp_path) -> Path:
    return lay(tmp_path)


class Cuda:
    """CUDA's calls on ordinary memory; counts what is held."""

    cudaError_t = cuda.cudaError_t  # noqa: N815
    cudaMemcpyKind = cuda.cudaMemcpyKind  # noqa: N815
    cudaDeviceAttr = cuda.cudaDeviceAttr  # noqa: N815

    def __init__(self, limit: int = 2**30) -> None:
        self.held: dict[int, ctypes.Array] = {}
        self.streams, self.limit, self.numbers = 0, limit, []

    def cudaSetDevice(self, number):  # noqa: N802
        self.numbers.append(number)
        return (self.cudaError_t.cudaSuccess,)

    def cudaMalloc(self, size):  # noqa: N802
        if size > self.limit:
            return self.cudaError_t.cudaErrorMemoryAllocation, None
        block = ctypes.create_string_buffer(size)
        self.held[ctypes.addressof(block)] = block
        return self.cudaError_t.cudaSuccess, ctypes.addressof(block)

    def cudaFree(self, address):  # noqa: N802
        del self.held[address]
        return (self.cudaError_t.cudaSuccess,)

    def cudaMemcpyAsync(self, to, source, size, kind, stream):  # noqa: N802
        ctypes.memmove(to, source, size)
        return (self.cudaError_t.cudaSuccess,)

    def cudaStreamCreate(self):  # noqa: N802
        self.streams += 1
        return self.cudaError_t.cudaSuccess, 7

    def cudaStreamDestroy(self, stream):  # noqa: N802
        self.streams -= 1
        return (self.cudaError_t.cudaSuccess,)

    def cudaStreamSynchronize(self, stream):  # noqa: N802
        return (self.cudaError_t.cudaSuccess,)


class Context:
    """Runs a network that adds its channels."""

    def __init__(self) -> None:
        self.profiles: list[int] = []
        self.shapes: list[tuple[int, ...]] = []
        self.at: dict[str, int] = {}

    def set_optimization_profile_async(self, number, stream):
        self.profiles.append(number)
        return True

    def set_input_shape(self, name, shape):
        self.shapes.append(tuple(shape))
        return True

    def get_tensor_shape(self, name):
        return (*self.shapes[-1][:3], 1)

    def set_tensor_address(self, name, address):
        self.at[name] = address
        return True

    def execute_async_v3(self, stream):
        shape = self.shapes[-1]
        kind = ctypes.c_float * int(np.prod(shape))
        image = np.frombuffer(kind.from_address(self.at["grey_levels"]), np.float32)
        result = image.reshape(shape).sum(-1, keepdims=True)
        ctypes.memmove(self.at["prediction"], result.ctypes.data, result.nbytes)
        return True


class TensorRt:
    """The part of TensorRT's module that a session uses."""

    class ILogger:
        ERROR, INTERNAL_ERROR = 1, 0

    float32 = "float32"
    EngineValidity = SimpleNamespace(INVALID="invalid")
    EngineInvalidityDiagnostics = SimpleNamespace(__members__={"OLD_CUDA_DRIVER": 4})
    ExecutionContextAllocationStrategy = SimpleNamespace(ON_PROFILE_CHANGE=1)

    def __init__(self, validity: str = "valid", loads: bool = True) -> None:
        self.loaded: list[bytes] = []
        self.context, self.validity, self.loads = Context(), validity, loads

    def Runtime(self, log):  # noqa: N802
        engine = SimpleNamespace(
            num_io_tensors=2,
            get_tensor_name=["grey_levels", "prediction"].__getitem__,
            get_tensor_dtype=lambda name: "float32",
            create_execution_context=lambda strategy: self.context,
        )

        def load(content):
            self.loaded.append(content)
            if self.loads:
                return engine
            log.log(log.ERROR, "IRuntime: magic tag\n does not match")
            log.log(log.ERROR, "a consequence")
            return None

        return SimpleNamespace(
            get_engine_validity=lambda content: (self.validity, 4), deserialize_cuda_engine=load
        )


@pytest.fixture
def stand_in(monkeypatch):
    """The session's modules and machine, replaced by the stand-ins given."""

    def put(trt, fake_cuda, machine=HERE):
        monkeypatch.setattr(runtime, "load_tensorrt", lambda name: trt)
        monkeypatch.setattr(runtime, "load_cuda", lambda: fake_cuda)
        monkeypatch.setattr(runtime, "this_machine", lambda device: machine)

    return put


def test_the_stand_ins_have_no_call_that_the_real_modules_lack():
    trt = pytest.importorskip("tensorrt_rtx")
    for mine, real in ((Context, trt.IExecutionContext), (Cuda, cuda), (TensorRt, trt)):
        names = {name for name in vars(mine) if not name.startswith("_")}
        assert names <= set(dir(real))
    names = set(vars(TensorRt().Runtime(None).deserialize_cuda_engine(b"")))
    assert names <= set(dir(trt.ICudaEngine))


def test_it_predicts_and_frees_its_memory(engine, stand_in):
    trt, fake = TensorRt(), Cuda()
    stand_in(trt, fake)
    session = TensorRtSession(engine, CONTRACT, "cuda", None)
    assert trt.loaded == [ENGINE]
    assert session.version == "tensorrt-rtx 1.7.1.116"
    rng = np.random.default_rng(0)
    for shape in ((5, 64, 64, 2), (1, 128, 320, 2), (2, 64, 64, 2)):
        batch = rng.integers(0, 200, shape).astype(np.uint8)
        result = session(batch)
        assert result.dtype == np.float32
        np.testing.assert_array_equal(result, batch.sum(-1, keepdims=True))
    assert trt.context.profiles == [1, 0, 1]
    assert [shape[0] for shape in trt.context.shapes] == [2, 2, 1, 1, 2]
    with pytest.raises(ContractError, match="at least one image"):
        session(np.zeros((0, 64, 64, 2)))
    assert len(fake.held) == 2
    del session
    gc.collect()
    assert not fake.held
    assert not fake.streams


def test_it_runs_on_the_gpu_of_that_number(engine, stand_in):
    fake = Cuda()
    stand_in(TensorRt(), fake, Machine(HERE.platform, HERE.builders, Gpu(3, "B", "8.6", "13.1")))
    TensorRtSession(engine, CONTRACT, "cuda:3", None)(np.zeros((1, 64, 64, 2)))
    assert set(fake.numbers) == {3}


def test_a_size_outside_the_profiles_names_them_and_the_command(engine, stand_in):
    stand_in(TensorRt(), Cuda())
    session = TensorRtSession(engine, CONTRACT, "cuda", None)
    with pytest.raises(ContractError, match=r"1024 x 1024, 64 x 64 px, got 2048 x 64.*2048x64"):
        session(np.zeros((1, 2048, 64, 2)))


def test_too_little_memory_is_said(engine, stand_in):
    stand_in(TensorRt(), Cuda(limit=1000))
    session = TensorRtSession(engine, CONTRACT, "cuda", None)
    with pytest.raises(EngineError, match=r"cudaErrorMemoryAllocation.*smaller tiles"):
        session(np.zeros((1, 64, 64, 2)))


@pytest.mark.parametrize("content", [b"", b"an engine of somebody else"])
def test_other_bytes_never_reach_tensorrt(engine, stand_in, content):
    trt = TensorRt()
    stand_in(trt, Cuda())
    engine.write_bytes(content)
    with pytest.raises(EngineError, match="not the engine that its sidecar describes"):
        TensorRtSession(engine, CONTRACT, "cuda", None)
    assert not trt.loaded


def test_what_tensorrt_finds_not_valid_is_not_loaded(engine, stand_in):
    trt = TensorRt(validity="invalid")
    stand_in(trt, Cuda())
    with pytest.raises(EngineError, match=r"not valid here \(old cuda driver"):
        TensorRtSession(engine, CONTRACT, "cuda", None)
    assert not trt.loaded


def test_what_tensorrt_cannot_load_is_said(engine, stand_in):
    stand_in(TensorRt(loads=False), Cuda())
    with pytest.raises(EngineError, match="load it: IRuntime: magic tag does not match; exp"):
        TensorRtSession(engine, CONTRACT, "cuda", None)


def test_a_missing_engine_is_said(engine):
    engine.unlink()
    with pytest.raises(DamagedBundleError, match="cannot be read: No such file"):
        TensorRtSession(engine, CONTRACT, "cuda", None)


def test_an_engine_of_another_contract_is_refused(engine):
    three = Contract(("a", "b", "c"), ("qd",), 0.5, 16, 5, True, 255.0)
    with pytest.raises(DamagedBundleError, match="another number of channels"):
        TensorRtSession(engine, three, "cuda", None)


def test_the_gpu_is_asked_for_what_it_is(monkeypatch):
    success, attribute = cuda.cudaError_t.cudaSuccess, cuda.cudaDeviceAttr
    fake = SimpleNamespace(
        cudaError_t=cuda.cudaError_t,
        cudaDeviceAttr=attribute,
        cudaGetDeviceCount=lambda: (success, 2),
        cudaDeviceGetAttribute=lambda which, number: (
            success,
            8 if which == attribute.cudaDevAttrComputeCapabilityMajor else 9,
        ),
        cudaGetDeviceProperties=lambda number: (success, SimpleNamespace(name=b"RTX 4090\0")),
        cudaDriverGetVersion=lambda: (success, 12080),
    )
    monkeypatch.setattr(machines, "load_cuda", lambda: fake)
    assert machines.find_gpu("cuda:1") == Gpu(1, "RTX 4090", "8.9", "12.8")
    with pytest.raises(FormatError, match="no cuda:2: this machine has 2 GPUs"):
        machines.find_gpu("cuda:2")
    with pytest.raises(FormatError, match="not on cpu"):
        machines.find_gpu("cpu")


def test_a_machine_where_cuda_counts_no_gpu_has_none(monkeypatch):
    none = SimpleNamespace(
        cudaError_t=cuda.cudaError_t,
        cudaGetDeviceCount=lambda: (cuda.cudaError_t.cudaSuccess, 0),
    )
    monkeypatch.setattr(machines, "load_cuda", lambda: none)
    assert machines.this_machine("cuda").problem.endswith("CUDA counts none")


def test_without_cuda_bindings_the_package_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "cuda.bindings.runtime", None)
    with pytest.raises(MissingRuntimeError, match=r"cuda-bindings is not installed.*hrpn-tf\[trt"):
        machines.find_gpu("cuda")


def test_without_a_driver_the_real_cuda_says_so_in_one_line(engine):
    error, count = cuda.cudaGetDeviceCount()
    if error == cuda.cudaError_t.cudaSuccess and count:
        pytest.skip("there is a GPU here")
    with pytest.raises(MissingRuntimeError, match="no NVIDIA GPU can be used here") as caught:
        machines.find_gpu("cuda")
    assert "\n" not in str(caught.value)
