"""The table of goals says met and missed of known ratios."""

import sys
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest
from hrpn_benchmarks import runner
from hrpn_benchmarks.case import BenchmarkCase
from hrpn_benchmarks.launch import Round
from hrpn_benchmarks.machine.environment import Environment
from hrpn_benchmarks.measures import Measured, Samples
from hrpn_benchmarks.plan import BenchmarkPlan, read_plan
from hrpn_benchmarks.report.report import Accuracy, Report, Row
from support.instruments import cell
from support.small_bundle import small_bundle

NAMES = {"hrpn-m": "hrpn-m", "ganda": "ganda", "hrpn-published": "hrpn-published"}


@pytest.fixture(scope="module")
def goals() -> ModuleType:
    return import_module("experiments.goals")


def row(model: str, scenario: str, seconds: float, **changes: object) -> Row:
    """Samples of two rounds around a median, and a certificate whose error is the time in ms."""
    times = Samples(unit="s", values=(seconds, 1.01 * seconds, 0.99 * seconds) * 2, rounds=(3, 3))
    growth = Samples(unit="byte", values=(1e9 * seconds,) * 2, rounds=(1, 1))
    name = "step" if scenario == "training" else "latency"
    accuracy = Accuracy(mse=1000 * seconds, r2=0.5, psnr=40, largest=0, what="slide-1")
    return Row(
        case=cell(model=model, scenario=scenario, **changes),
        measures={name: times, "memory growth": growth},
        failure=None,
        size=None,
        accuracy=accuracy,
    )


def report(*rows: Row) -> Report:
    machine = Environment(
        processor="p", cores=2, clock_mhz=(), load=0, memory=0, system="s", versions={}
    )
    return Report(environment=machine, plan=BenchmarkPlan(), rows=rows)


def test_ratios_and_verdicts(goals: ModuleType) -> None:
    int8 = row("hrpn-m", "tile", 0.02, precision="int8")
    rows = [
        row("hrpn-m", "tile", 0.04),
        int8,
        row("ganda", "tile", 0.1),
        row("hrpn-m", "model_predict", 0.05, format="keras", runtime="keras"),
        row("hrpn-published", "tile", 0.09),
        row("hrpn-published", "tile", 0.2, runtime="openvino"),
        row("hrpn-published", "training", 1.2, format="keras"),
        row("HRPN (PyTorch)", "tile", 0.1, format="pytorch"),
        row("HRPN (PyTorch)", "training", 1.0, format="pytorch"),
    ]
    table = goals.to_table(goals.goals(report(*rows), NAMES)).splitlines()
    ends = {line.split(" | ")[0].strip("| "): line.split(" | ")[3:] for line in table[2:]}
    found = {what: (cells[0], cells[-1].strip(" |")) for what, cells in ends.items()}
    assert found == {
        "latency, onnx onnxruntime": ("0.40", "met"),
        "growth of memory, onnx onnxruntime": ("0.40", "met"),
        "MSE, onnx": ("0.40", "met"),
        "latency, best format in fp32": ("0.90", "missed"),
        "latency, best format in any precision": ("0.90", "missed"),
        "training step": ("1.20", "missed"),
        "best certified format / model.predict": ("0.40", "met"),
    }


def test_a_goal_within_the_interval_is_not_certain(goals: ModuleType) -> None:
    rows = [row("hrpn-m", "tile", 0.0501), row("ganda", "tile", 0.1)]
    table = goals.to_table(goals.goals(report(*rows), {"hrpn-m": "hrpn-m", "ganda": "ganda"}))
    assert "| 0.5 | missed, uncertain |" in table


def test_what_is_not_there_says_why(goals: ModuleType) -> None:
    failed = row("ganda", "tile", 0.1).model_copy(
        update={"measures": {}, "failure": "out | of luck", "accuracy": None}
    )
    found = goals.goals(report(row("hrpn-m", "tile", 0.1), failed), NAMES)
    table = goals.to_table(found)
    assert "not measured: out / of luck" in table
    assert "not measured: no certificate of ganda" in table
    assert table.count("not measured: no such row") == 4


def test_errors_of_different_images_are_not_compared(goals: ModuleType) -> None:
    other = row("ganda", "tile", 0.1)
    assert other.accuracy is not None
    accuracy = other.accuracy.model_copy(update={"what": "slide-2"})
    other = other.model_copy(update={"accuracy": accuracy})
    table = goals.to_table(goals.goals(report(row("hrpn-m", "tile", 0.01), other), NAMES))
    assert "of different images: slide-1 and slide-2" in table


def test_its_plan_is_read(goals: ModuleType) -> None:
    plan = read_plan(goals.PLAN)
    assert plan.peers[0].name == goals.ORIGINAL
    assert {"tile", "model_predict", "training"} == set(plan.scenarios)


def test_the_command_measures_once_and_then_reads(
    goals: ModuleType,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    asked: list[str] = []

    def measure(each: BenchmarkCase, timeout: float) -> Round:
        asked.append(each.scenario)
        seconds = 0.3 if each.scenario == "model_predict" else 0.1
        times = Samples(unit="s", values=(seconds,))
        return Round(measured=Measured(measures={"latency": times}))

    monkeypatch.setattr(runner, "measure_apart", measure)
    out = tmp_path / "goals"
    command = ["goals.py", "--bundle", f"hrpn-m={small_bundle()}", "--quick", "--out", str(out)]
    monkeypatch.setattr(sys, "argv", command)
    goals.main()
    measured = list(asked)
    assert {"tile", "model_predict", "training"} == set(measured)
    printed = capsys.readouterr().out
    assert "| 0.33 | 0.33 to 0.33 | 0.5 | met |" in printed
    assert (out / "goals.md").read_text(encoding="utf-8").strip() in printed
    goals.main()
    assert asked == measured


@pytest.mark.parametrize("text", ["hrpn-m", "other=b", "hrpn-m=nowhere"])
def test_a_bundle_that_is_not_there_is_named(
    goals: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    out = tmp_path / "goals"
    monkeypatch.setattr(sys, "argv", ["goals.py", "--bundle", text, "--out", str(out)])
    with pytest.raises(SystemExit) as stop:
        goals.main()
    assert stop.value.code == 2
    assert not out.exists()
