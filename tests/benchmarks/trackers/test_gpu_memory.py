"""Memory of a GPU and what is told of it, with a pretended driver: no GPU is needed."""

import sys
from collections.abc import Callable

import pytest
from hrpn_benchmarks.errors import InstrumentError
from hrpn_benchmarks.machine.environment import this_environment
from hrpn_benchmarks.machine.nvml import handle_of
from hrpn_benchmarks.scenarios.scenario import ScenarioContext
from hrpn_benchmarks.scenarios.sessions import SCENARIOS
from hrpn_benchmarks.trackers.gpu_memory import GpuMemory
from support.instruments import Sleeper, cell
from support.pretended_gpu import PretendedNvml, pretend
from support.processes import wait_for


def watched(device: str = "cuda", until: Callable[[], bool] = lambda: True) -> GpuMemory:
    """Watch until something is true; how soon the thread looks, only the machine knows."""
    memory = GpuMemory(device)
    with memory.watch():
        wait_for(until)
    return memory


def reason(memory: GpuMemory) -> str:
    found = memory.measured
    assert found.measures == {}
    assert set(found.unavailable) == {"peak GPU memory", "steady GPU memory"}
    return found.unavailable["peak GPU memory"]


def test_the_peak_is_of_all_looks_and_steady_of_the_last(monkeypatch: pytest.MonkeyPatch) -> None:
    nvml = pretend(monkeypatch, PretendedNvml(held=[100, 900, 300]))
    found = watched(until=lambda: nvml.looked >= 2).measured
    assert found.measures["peak GPU memory"].values == (900,)
    assert found.measures["steady GPU memory"].values == (300,)
    assert (nvml.opened, set(nvml.asked)) == (0, {0})


def test_a_container_that_hides_the_process_is_no_reading(monkeypatch: pytest.MonkeyPatch) -> None:
    pretend(monkeypatch, PretendedNvml(listed=False))
    assert "container hides its number" in reason(watched())
    nvml = pretend(monkeypatch, PretendedNvml(held=[None]))
    assert "not how much memory" in reason(watched(until=lambda: nvml.looked >= 1))


def test_without_driver_or_library_the_reason_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    pretend(monkeypatch, PretendedNvml(refuses="nvmlInit"))
    assert reason(watched()) == "NVML: Driver Not Loaded"
    monkeypatch.setitem(sys.modules, "pynvml", None)
    assert "pip install" in reason(watched())
    assert this_environment().gpus == ()


def test_a_row_of_a_processor_has_neither() -> None:
    found = watched("cpu").measured
    assert (found.measures, found.unavailable) == ({}, {})


def test_a_scenario_on_a_gpu_has_both(monkeypatch: pytest.MonkeyPatch) -> None:
    pretend(monkeypatch, PretendedNvml(held=[500], refuses="energy"))
    for name in ("tile", "startup"):
        context = ScenarioContext(cell(device="cuda", scenario=name), lambda: Sleeper(0.01))
        found = SCENARIOS[name].run(context)
        assert found.measures["steady GPU memory"].values == (500,)
    context = ScenarioContext(cell(device="cuda"), lambda: Sleeper(0.01))
    assert SCENARIOS["tile"].run(context).unavailable["energy"] == "NVML: Not Supported"


def test_gpus_are_numbered_as_the_process_numbers_them(monkeypatch: pytest.MonkeyPatch) -> None:
    nvml = PretendedNvml(count=4)
    monkeypatch.setenv("CUDA_DEVICE_ORDER", "PCI_BUS_ID")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    assert (handle_of(nvml, "cuda"), handle_of(nvml, "cuda:3")) == (0, 3)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "2,GPU-abc")
    assert (handle_of(nvml, "tensorrt"), handle_of(nvml, "cuda:1")) == (2, "GPU-abc")
    with pytest.raises(InstrumentError, match="sees 2 GPUs"):
        handle_of(nvml, "cuda:2")
    monkeypatch.delenv("CUDA_DEVICE_ORDER")
    with pytest.raises(InstrumentError, match="cannot be told"):
        handle_of(nvml, "cuda")


def test_the_environment_names_the_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    pretend(monkeypatch, PretendedNvml(count=2))
    about = this_environment()
    assert [(gpu.name, gpu.driver, gpu.memory) for gpu in about.gpus] == [
        ("GPU of paper", "580.1", 8 * 2**30)
    ] * 2
    assert about.gpu_clock_mhz == (1410, 1410)
