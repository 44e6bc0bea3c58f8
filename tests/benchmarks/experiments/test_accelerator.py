"""The benchmark of training steps and forward passes, on the processor at hand."""

import json
import os
import subprocess
import sys
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType

import pytest
from experiments.processes import why_it_failed
from support.jax_fits import FAST_TO_COMPILE
from support.places import EXPERIMENTS, ROOT

SCRIPT = EXPERIMENTS / "accelerator"
BESIDE = ROOT / ".venv" / "jax"  # where .ci/run puts it: Keras imports every backend that it finds
TIMES = ["--steps", "2", "--seconds", "0"]
SMALL = ["--presets", "hrpn-s", "--batch", "2", "--size", "32", *TIMES]


@pytest.fixture(scope="module")
def accelerator() -> ModuleType:
    return import_module("experiments.accelerator.experiment")


def has(backend: str) -> bool:
    return find_spec(backend) is not None or (backend == "jax" and BESIDE.is_dir())


def environment(backend: str) -> dict[str, str]:
    variables = {"KERAS_BACKEND": backend, "PYTHONPATH": f"{ROOT}:{BESIDE}"}
    if backend == "jax":
        variables["XLA_FLAGS"] = FAST_TO_COMPILE
    return {**os.environ, **variables}


def rows(output: str) -> list[list[str]]:
    """Cells of the table's rows."""
    lines = [line for line in output.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["jax", pytest.param("tensorflow", marks=pytest.mark.nightly)])
def test_it_measures(backend, tmp_path):
    if not has(backend):
        pytest.skip(f"{backend} is not installed")
    # JAX takes half a minute to compile a training step, which is one of TensorFlow's, too
    work = ["train", "forward"] if backend == "tensorflow" else ["forward"]
    arguments = [*SMALL, "--rounds", "1", "--precisions", "float32", "--out", tmp_path / "out.json"]
    arguments += ["--work", *work]
    if backend != "tensorflow":  # limits are measured in one more process: once is enough
        arguments += ["--peak-tflops", "float32=1", "--bandwidth-gbs", "10"]
    done = subprocess.run(
        [sys.executable, SCRIPT, *arguments],
        env=environment(backend),
        capture_output=True,
        text=True,
        check=True,
    )
    found = rows(done.stdout)
    assert [row[:3] for row in found] == [["`hrpn-s`", "float32", each] for each in work]
    assert all(float(row[3]) > 0 and float(row[6]) > 0 for row in found)
    assert ("measured here" if backend == "tensorflow" else "(given)") in done.stdout
    report = json.loads((tmp_path / "out.json").read_text())
    first, *rest = (each["rounds"][0] for each in report["measurements"])
    assert len(first["seconds"]) == 2
    assert backend in first["versions"]
    for forward in rest:
        assert first["operations"] == 3 * forward["operations"]
        assert first["bytes"] == 3 * forward["bytes"]


@pytest.fixture
def original(monkeypatch, capsys):
    """Measure a network in PyTorch, not compiled, which takes minutes on a CPU."""
    torch = pytest.importorskip("torch")
    module = import_module("experiments.accelerator.originals")

    def run(*arguments: str) -> dict:
        with monkeypatch.context() as patch:
            patch.setattr(torch, "compile", lambda network: network)
            patch.setattr(module, "warm_up", lambda step: step())
            patch.setattr(sys, "argv", ["originals", *arguments, "--batch", "1", *TIMES])
            module.main()
        return json.loads(capsys.readouterr().out)

    return run


@pytest.mark.slow
def test_published_networks_are_measured_in_pytorch(original):
    train = original("train", "--preset", "hrpn-pytorch", "--size", "64")
    unet = ("--preset", "pix2pix-pytorch", "--size", "256")
    forward = original("forward", *unet, "--precision", "mixed_bfloat16")
    assert forward["operations"] > train["operations"] > 0
    assert train["operations"] % 3 == 0  # forward, and backward to inputs and weights
    for each in (train, forward):
        assert len(each["seconds"]) == 2
        assert min(each["seconds"]) > 0
        assert set(each["versions"]) == {"torch"}


WITHOUT_TENSORFLOW = """
import sys
sys.modules["tensorflow"] = None
from hrpn_tf.models.build import build_model
from hrpn_tf.models.graph import count_macs
from hrpn_tf.models.traffic import least_traffic
network = build_model("hrpn-s", inputs=2)
assert count_macs(network, 64, 64) and least_traffic(network, 1, 64, 64)
print({"pydantic", "yaml", "zarr", "skimage"} & set(sys.modules))
"""


def test_networks_need_nothing_but_keras_and_another_backend():
    backend = next((name for name in ("jax", "torch") if has(name)), None)
    if backend is None:
        pytest.skip("neither JAX nor PyTorch is installed")
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_TENSORFLOW],
        env=environment(backend),
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "set()\n"


def fake_result(seconds: list[float]) -> dict:
    """What a cell prints for one giga-operation and half a gigabyte per step."""
    return {
        "seconds": seconds,
        "memory": 3_000_000,
        "operations": 10**9,
        "bytes": 5 * 10**8,
        "device": "NVIDIA H200",
        "versions": {"tensorflow": "0"},
    }


@pytest.fixture
def measured(accelerator, monkeypatch, capsys):
    """Run the script with cells that print what the test says; gives the table's rows."""

    def run(results, *arguments):
        monkeypatch.setattr(accelerator, "_run", lambda measurement, options: next(results))
        monkeypatch.setattr(sys, "argv", ["accelerator", "--presets", "hrpn-m", *arguments])
        accelerator.main()
        return rows(capsys.readouterr().out)

    return run


ONE = ("--precisions", "float32", "--work", "train")


def test_rates_are_of_the_median_step_over_all_rounds(measured):
    results = iter([fake_result([1.0, 2.0, 2.0]), fake_result([2.0, 2.0, 9.0])])
    ((_, _, _, patches, ms, memory, *_),) = measured(results, *ONE, "--batch", "8")
    assert float(patches) == 4
    assert ms.startswith("2000 ± ")
    assert memory == "3"


def test_shares_are_of_the_limits_that_are_given(measured):
    limits = ("--peak-tflops", "float32=0.01", "--bandwidth-gbs", "2")
    (row,) = measured(iter([fake_result([1.0, 1.0])] * 2), *ONE, *limits)
    assert row[6:] == ["0.001", "10%", "0.5", "25%", "bandwidth"]


def test_published_networks_are_rows_of_which_no_bytes_are_counted(measured, accelerator):
    ours = fake_result([1.0, 1.0])
    theirs = {name: value for name, value in ours.items() if name != "bytes"}
    limits = ("--peak-tflops", "float32=0.01", "--bandwidth-gbs", "2", "--rounds", "1")
    found = measured(iter([ours, theirs, theirs]), *ONE, *limits, "--originals")
    assert [row[0].strip("`") for row in found] == ["hrpn-m", *accelerator.ORIGINALS]
    assert found[1][6:] == ["0.001", "10%", "", "", ""]


def test_the_output_says_where_it_was_measured(accelerator, monkeypatch, capsys):
    result = {**fake_result([1.0, 1.0]), "device": "AMD EPYC, 2 cores", "accelerator": False}
    monkeypatch.setattr(accelerator, "_run", lambda measurement, options: result)
    limits = ["--peak-tflops", "float32=1", "--bandwidth-gbs", "2", "--rounds", "1"]
    monkeypatch.setattr(sys, "argv", ["accelerator", "--presets", "hrpn-m", *ONE, *limits])
    accelerator.main()
    first = capsys.readouterr().out.splitlines()[0]
    assert first.startswith("Measured on AMD EPYC, 2 cores (a processor, no GPU); tensorflow 0; ")


def test_a_known_device_needs_no_measuring(measured, accelerator):
    (row,) = measured(iter([fake_result([1e-5, 1e-5])] * 2), *ONE)
    assert row[7] == f"{100 / accelerator.DEVICES['NVIDIA H200'][0]:.0%}"


def test_what_failed_is_a_row_that_says_why_and_is_not_tried_again(measured):
    results = iter([fake_result([1.0, 1.0]), {"error": "out of memory"}, fake_result([1.0, 1.0])])
    arguments = ("--work", "train", "--peak-tflops", "mixed_bfloat16=1", "--bandwidth-gbs", "1")
    good, bad = measured(results, *arguments)
    assert good[3] != ""
    assert bad[3] == "out of memory"
    assert not any(bad[4:])


@pytest.mark.parametrize(
    ("returncode", "stderr", "why"),
    [
        (1, "RESOURCE_EXHAUSTED: Out of memory while trying to allocate", "out of memory"),
        (1, "tensorflow...ResourceExhaustedError: {{function_node}}", "out of memory"),
        (-9, "", "killed by signal 9, out of memory?"),
        (-11, "", "killed by signal 11"),
        (1, "Traceback\nModelGraphError: 100 is not a | multiple\n", "ModelGraphError: 100"),
        (3, "", "exit status 3"),
    ],
)
def test_why_it_failed(returncode, stderr, why):
    assert why_it_failed(returncode, stderr).startswith(why)


def test_limits_that_are_known(accelerator):
    half = accelerator.known_limits("NVIDIA H200", "mixed_bfloat16")
    full = accelerator.known_limits("NVIDIA H200", "float32")
    assert half.operations == pytest.approx(2 * full.operations, rel=0.01)
    assert accelerator.known_limits("NVIDIA H200", "float64") is None
    assert accelerator.known_limits("AMD EPYC, 2 cores", "float32") is None


def test_an_unknown_preset_and_an_existing_report_are_refused(accelerator, monkeypatch, tmp_path):
    monkeypatch.setattr(sys, "argv", ["accelerator", "--presets", "hrpn-x"])
    with pytest.raises(SystemExit, match=r"--presets: .* did you mean hrpn-"):
        accelerator.main()
    monkeypatch.setattr(sys, "argv", ["accelerator", "--out", str(tmp_path)])
    with pytest.raises(SystemExit, match="exists already"):
        accelerator.main()
