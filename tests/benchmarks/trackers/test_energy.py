"""Energy of processors and GPUs against counters whose values are known."""

import time
from pathlib import Path

import pytest
from hrpn_benchmarks.errors import InstrumentError
from hrpn_benchmarks.launch import put_together
from hrpn_benchmarks.measures import Measured, Samples
from hrpn_benchmarks.trackers import energy
from hrpn_benchmarks.trackers.energy import Energy, Rapl
from support.pretended_gpu import PretendedNvml, pretend


def domain(folder: Path, name: str, joules: float, most: float = 1000.0) -> Path:
    """A domain of the power capping framework, as Linux lays it out."""
    path = folder / f"intel-rapl:{len(list(folder.glob('*')))}"
    path.mkdir(parents=True)
    (path / "name").write_text(f"{name}\n")
    (path / "energy_uj").write_text(f"{int(joules * 1e6)}\n")
    (path / "max_energy_range_uj").write_text(f"{int(most * 1e6)}\n")
    return path / "energy_uj"


def test_packages_are_added_up_and_what_is_inside_them_is_not(tmp_path: Path) -> None:
    domain(tmp_path, "package-0", 10)
    domain(tmp_path, "package-1", 20)
    for other in ("core", "dram", "psys", "package-0"):  # the last: the same, by another way
        domain(tmp_path, other, 500)
    meter = Rapl(tmp_path)
    assert len(meter.read()) == 2
    assert meter.joules(meter.read(), (12_000_000, 23_500_000)) == pytest.approx(5.5)


def test_a_counter_that_began_anew_is_put_right(tmp_path: Path) -> None:
    counter = domain(tmp_path, "package-0", 999, most=1000)
    meter = Rapl(tmp_path)
    before = meter.read()
    counter.write_text("2000000")
    assert meter.joules(before, meter.read()) == pytest.approx(3)


def test_without_a_readable_counter_the_reason_is_said(tmp_path: Path) -> None:
    with pytest.raises(InstrumentError, match="no processor package"):
        Rapl(tmp_path)
    counter = domain(tmp_path, "package-0", 1)
    counter.unlink()
    counter.symlink_to("/proc/1/mem")  # there, but not to be read as text
    with pytest.raises(InstrumentError, match=r"cannot be read|only root"):
        Rapl(tmp_path).read()


@pytest.fixture
def counter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(energy, "POWERCAP", tmp_path)
    return domain(tmp_path, "package-0", 10)


def test_energy_is_that_of_a_run_and_of_its_area(counter: Path) -> None:
    meter = Energy("cpu")
    with meter.watch():
        time.sleep(0.03)
        counter.write_text("16000000", encoding="utf-8")
    found = meter.measured(runs=3, square_mm=0.5).measures
    assert found["energy"] == Samples(unit="joule", values=(2.0,))
    assert found["energy per area"] == Samples(unit="joule/mm2", values=(4.0,))
    no_size = meter.measured(runs=3, square_mm=None)
    assert list(no_size.measures) == ["energy"]
    assert no_size.unavailable == {"energy per area": "the network's contract has no pixel size"}


def test_what_is_too_short_or_does_not_move_is_no_reading(
    counter: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    short, still = Energy("cpu"), Energy("cpu")
    with monkeypatch.context() as patch:
        patch.setattr(energy, "_LEAST_PERIODS", 60_000)  # a minute: no machine is that slow
        with short.watch():
            counter.write_text("16000000", encoding="utf-8")
    with still.watch():
        time.sleep(0.03)
    assert "too short" in short.measured(1, None).unavailable["energy"]
    assert "did not move" in still.measured(1, None).unavailable["energy"]
    assert set(still.measured(1, 1.0).unavailable) == {"energy", "energy per area"}


def test_a_gpu_counts_in_millijoules(monkeypatch: pytest.MonkeyPatch) -> None:
    nvml = pretend(monkeypatch, PretendedNvml(energy=iter((5_000, 11_000))))
    monkeypatch.setattr(energy.GpuCounter, "period", 0.0)
    meter = Energy("cuda")
    with meter.watch():
        pass
    assert meter.measured(2, None).measures["energy"].values == (3.0,)
    assert nvml.opened == 0, "each opening of the library is closed again"


def test_a_gpu_wants_two_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    pretend(monkeypatch, PretendedNvml(energy=iter((5_000, 11_000))))
    meter = Energy("tensorrt")
    with meter.watch():
        pass
    assert meter.measured(1, None).unavailable["energy"].endswith("measure for 2 s or more")


def test_processes_share_one_counter() -> None:
    def part(runs: int) -> Measured:  # 60 J were counted by each
        return Measured(measures={"energy": Samples(unit="joule", values=(60 / runs,))})

    both = put_together([part(10), part(20)])
    assert both.measures["energy"].median == pytest.approx(60 / 30)
    missing = Measured(measures={}, unavailable={"energy": "no"})
    assert put_together([part(10), missing]).measures == {}
    assert put_together([part(10), missing]).unavailable == {"energy": "no"}
