"""Engines really built, by TensorRT-RTX, which needs no GPU for it."""

import hashlib
import importlib.machinery
import subprocess
import sys
from pathlib import Path

import onnx
import pytest
from hrpn_export.errors import ExportError, FormatError, MissingRuntimeError
from hrpn_export.formats import Source, find_format
from hrpn_export.runtimes import find_runtime
from hrpn_export.tensorrt import Wanted, read_sidecar, write_engine
from hrpn_export.tensorrt import machine as machines
from hrpn_export.tensorrt.builder import BuildRequest, build
from hrpn_export.tensorrt.choose import BUILDERS
from hrpn_export.tensorrt.machine import Gpu, Machine, platform_name
from hrpn_export.tensorrt.profiles import make_profiles
from support.engines import CONTRACT, tiny

trt = pytest.importorskip("tensorrt_rtx")

EVERY = ("7.5", "8.0", "8.6", "8.9", "12.0")
NO_GPU = Machine(platform_name(), {"tensorrt-rtx": trt.__version__}, None)


@pytest.fixture
def model(tmp_path) -> Path:
    return tiny(tmp_path / "model.onnx")


def source(model: Path, **options) -> Source:
    return Source(None, CONTRACT, None, {("onnx", "fp32"): model}, options)


def export(model: Path, folder: Path, **options) -> Path:
    return find_format("tensorrt").exporter()(source(model, **options), "fp32", folder)


def make(model: Path, engine: Path, machine: Machine = NO_GPU, **options):
    return write_engine(
        model,
        engine,
        multiple=16,
        channels=2,
        precision="fp32",
        wanted=Wanted.of(options),
        machine=machine,
    )


def assert_its_header_is_fine(engine: Path) -> None:
    """TensorRT tells a header that is none from one that it cannot judge for want of a GPU."""
    runtime = trt.Runtime(trt.Logger(trt.Logger.INTERNAL_ERROR))
    malformed = int(trt.EngineInvalidityDiagnostics.MALFORMED_ENGINE)
    content = engine.read_bytes()
    assert not int(runtime.get_engine_validity(content)[1]) & malformed
    assert int(runtime.get_engine_validity(b"\0" * 200)[1]) & malformed
    for name in (b"grey_levels", b"prediction"):
        assert name in content


def test_an_engine_for_every_capability_without_a_gpu(model, tmp_path):
    sidecar = make(model, tmp_path / "model.engine", capability=[*EVERY, "89"], tiles=["64x96"])
    assert_its_header_is_fine(tmp_path / "model.engine")
    assert read_sidecar(tmp_path / "model.engine") == sidecar
    assert sidecar.capabilities == EVERY
    assert sidecar.version == trt.__version__
    assert (sidecar.driver, sidecar.gpu, sidecar.timing_cache_sha256) == (None, None, None)
    assert sidecar.onnx_sha256 == hashlib.sha256(model.read_bytes()).hexdigest()
    assert [profile.tile for profile in sidecar.profiles] == [None, (64, 96)]
    assert {path.name for path in tmp_path.iterdir()} == {
        "model.onnx",
        "model.engine",
        "model.json",
    }


@pytest.mark.parametrize("capability", EVERY)
def test_an_engine_for_one_capability(model, tmp_path, capability):
    assert make(model, tmp_path / "a.engine", capability=[capability]).capabilities == (capability,)
    assert_its_header_is_fine(tmp_path / "a.engine")


def test_without_a_gpu_all_known_capabilities_with_one_its_own(model, tmp_path):
    assert set(EVERY) <= set(make(model, tmp_path / "a.engine").capabilities)
    ada = Machine(platform_name(), NO_GPU.builders, Gpu(0, "RTX 4090", "8.9", "13.0"))
    sidecar = make(model, tmp_path / "b.engine", ada)
    assert (sidecar.capabilities, sidecar.driver, sidecar.gpu) == (("8.9",), "13.0", "RTX 4090")


def test_the_exporter_writes_what_the_runtime_checks(model, tmp_path):
    folder = tmp_path / "tensorrt"
    folder.mkdir()
    path = export(model, folder, capability=["8.9"], builder="tensorrt-rtx")
    assert path == folder / "model.engine"
    if machines.this_machine().gpu is None:
        with pytest.raises(MissingRuntimeError, match="no NVIDIA GPU can be used here"):
            find_runtime("tensorrt").opener()(path, CONTRACT, "cuda", None)


def test_a_capability_that_it_cannot_build_for_is_named(model, tmp_path):
    with pytest.raises(FormatError, match=r"not for 9\.0; on a machine with such a GPU use the fu"):
        make(model, tmp_path / "a.engine", capability=["8.9", "9.0"])
    assert not (tmp_path / "a.engine").exists()


def test_an_option_that_is_none_is_refused():
    with pytest.raises(FormatError, match="no option colour; it has tiles, batches"):
        Wanted.of({"colour": "red"})


@pytest.mark.parametrize("builder", ["auto", "tensorrt-rtx", "tensorrt"])
def test_without_a_builder_the_command_for_the_target_is_given(
    model, tmp_path, monkeypatch, builder
):
    monkeypatch.setattr(machines, "find_spec", lambda name: None)
    with pytest.raises(MissingRuntimeError) as caught:
        export(model, tmp_path, tiles=[512], builder=builder)
    line = str(caught.value)
    assert "\n" not in line
    assert "pip install" in line
    assert line.endswith(
        f"python -m hrpn_export.tensorrt {model} --into-bundle --tiles 512x512 --batches 4"
    )
    assert [path.name for path in tmp_path.iterdir()] == ["model.onnx"]


@pytest.mark.parametrize(
    ("content", "message"), [(b"no onnx", "cannot read it"), (b"", "this file has ")]
)
def test_what_is_no_onnx_is_refused(tmp_path, content, message):
    (tmp_path / "model.onnx").write_bytes(content)
    with pytest.raises(ExportError, match=message) as caught:
        make(tmp_path / "model.onnx", tmp_path / "a.engine")
    assert "\n" not in str(caught.value)


def test_a_network_with_other_ends_is_refused(tmp_path):
    with pytest.raises(ExportError, match=r"float32 grey_levels .* this file has .*colour"):
        make(tiny(tmp_path / "model.onnx", output="colour"), tmp_path / "a.engine")


def test_what_tensorrt_cannot_build_is_said_in_its_words(tmp_path):
    """A product of two float32 images, for which compute capability 7.5 has nothing."""
    model = onnx.load(tiny(tmp_path / "model.onnx"))
    nodes = model.graph.node
    nodes[-1].input[0] = "d"
    nodes.insert(3, onnx.helper.make_node("Transpose", ["c"], ["t"], perm=[0, 1, 3, 2]))
    nodes.insert(4, onnx.helper.make_node("MatMul", ["c", "t"], ["square"]))
    nodes.insert(5, onnx.helper.make_node("MatMul", ["square", "c"], ["d"]))
    profiles = make_profiles(16, 2, None, [1])
    request = BuildRequest(model.SerializeToString(), "model.onnx", profiles, ("7.5",))
    with pytest.raises(ExportError, match=r"cannot build it for 7\.5: .*GEMM") as caught:
        build(BUILDERS["tensorrt-rtx"], request)
    assert "\n" not in str(caught.value)


def test_the_full_tensorrt_builds_only_where_a_gpu_is(model, tmp_path, monkeypatch):
    full_only = Machine(platform_name(), {"tensorrt": "10.13.3.9"}, None)
    monkeypatch.setitem(sys.modules, "tensorrt", stand_in())
    with pytest.raises(MissingRuntimeError, match="builds only on the GPU that will run"):
        make(model, tmp_path / "a.engine", full_only)
    ada = Machine(platform_name(), full_only.builders, Gpu(0, "RTX 4090", "8.9", "13.0"))
    with pytest.raises(FormatError, match=r"of compute capability 8\.9, not for 8\.6"):
        make(model, tmp_path / "a.engine", ada, capability=["8.6"])


def stand_in():
    """TensorRT-RTX under the name of the full TensorRT, whose interface it shares."""
    module = type(sys)("tensorrt")
    module.__dict__.update(vars(trt))
    module.__spec__ = importlib.machinery.ModuleSpec("tensorrt", None, origin="stand-in")
    return module


@pytest.mark.filterwarnings("ignore:.*Timing cache:DeprecationWarning")
def test_the_full_builder_takes_the_same_path_and_keeps_its_timing_cache(
    model, tmp_path, monkeypatch
):
    monkeypatch.setitem(sys.modules, "tensorrt", stand_in())
    ada = Machine(platform_name(), {"tensorrt": "1"}, Gpu(0, "RTX 4090", "8.9", "13.0"))
    cache = tmp_path / "cache"
    cache.write_bytes(b"of another version")
    for _ in range(2):  # the second build reads what the first wrote
        sidecar = make(model, tmp_path / "a.engine", ada, timing_cache=cache)
    assert sidecar.builder == "tensorrt"
    content = cache.read_bytes()
    assert sidecar.timing_cache_sha256 == hashlib.sha256(content).hexdigest()
    assert (tmp_path / "a.timing").read_bytes() == content


def test_a_folder_called_tensorrt_is_not_taken_for_the_package(tmp_path, monkeypatch):
    (tmp_path / "tensorrt").mkdir()
    monkeypatch.delitem(sys.modules, "tensorrt", raising=False)
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    with pytest.raises(MissingRuntimeError, match="pip install tensorrt --extra-index-url"):
        machines.load_tensorrt("tensorrt")


def test_a_package_that_does_not_load_is_named(monkeypatch):
    def fail(name):
        raise ImportError("libcudart.so.13: cannot open shared object file\nmore")

    monkeypatch.setattr(machines.importlib, "import_module", fail)
    with pytest.raises(MissingRuntimeError, match=r"does not load \(libcudart\.so\.13.*file\): p"):
        machines.load_tensorrt("tensorrt-rtx")


def test_the_command_needs_no_tensorflow():
    check = "import sys, hrpn_export.tensorrt.__main__; print('tensorflow' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
