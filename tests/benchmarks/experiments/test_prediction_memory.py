"""Memory of a prediction in a process of its own; ``benchmarks/experiments/prediction_memory.py``
has more."""

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest
from support.places import EXPERIMENTS

PROGRAM = EXPERIMENTS / "prediction_memory.py"


@pytest.fixture(scope="module")
def benchmark() -> ModuleType:
    spec = importlib.util.spec_from_file_location("prediction_memory", PROGRAM)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.nightly
@pytest.mark.parametrize("name", ["out.ome.tif", "out.ome.zarr"])
def test_memory_does_not_grow_with_the_slide(
    benchmark: ModuleType, tmp_path: Path, name: str
) -> None:
    """Nine times the pixels: at most 10 % more. Both have more tiles than may wait anywhere."""
    peaks = [
        benchmark._measured("sides", str(tmp_path), str(side), f"{side}-{name}", "384", "numpy")
        for side in (2500, 7500)
    ]
    assert peaks[1] < 1.1 * peaks[0]
    assert peaks[0] < 300 * 10**6


@pytest.mark.nightly
def test_the_budget_is_kept(benchmark: ModuleType, tmp_path: Path) -> None:
    """By a shipped network and the command, TensorFlow included."""
    benchmark._write_slide(tmp_path / "slide.ome.tif", 900)
    benchmark._write_run(tmp_path / "hrpn-s", "hrpn-s")
    peak = benchmark._measured("budgets", str(tmp_path), "hrpn-s", "1.5GB")
    assert 0.3e9 < peak < 1.5e9
