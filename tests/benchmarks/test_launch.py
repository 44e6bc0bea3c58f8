"""Processes of a cell: kept to cores, started together, put together, ended."""

import os
import time

import pytest
from hrpn_benchmarks.errors import PlanError
from hrpn_benchmarks.launch import measure_apart, put_together
from hrpn_benchmarks.matrix import expand
from hrpn_benchmarks.measures import Measured, Samples
from hrpn_benchmarks.plan import BenchmarkPlan, Peer
from support.instruments import cell
from support.places import TESTS
from support.small_bundle import small_bundle

CORES = sorted(os.sched_getaffinity(0))
two_cores = pytest.mark.skipif(len(CORES) < 2, reason="needs two cores")


def sleeping(**changes):
    """A cell of a peer that sleeps, in processes of its own."""
    values = {
        "bundle": "",
        "peer": "support.instruments:sleeper",
        "side": 8,
        "seconds": 0.2,
        **changes,
    }
    return cell(**values)


@pytest.fixture(autouse=True)
def _workers_find_the_instruments(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(TESTS))


def test_a_process_is_kept_to_its_cores() -> None:
    found = measure_apart(sleeping(), 60).measured
    assert found is not None
    assert found.cores == (CORES[0],)


@two_cores
def test_processes_at_the_same_time_have_cores_of_their_own() -> None:
    found = measure_apart(sleeping(processes=2), 60).measured
    assert found is not None
    assert found.cores == tuple(CORES[:2])
    assert len(found.measures["latency"].values) >= 6, "three of each at least"


def test_more_threads_than_cores_is_a_failure_that_says_so() -> None:
    failure = measure_apart(sleeping(threads=len(CORES) + 1), 60).failure
    assert failure is not None
    assert failure.endswith(f"there are {len(CORES)}")


def test_the_last_words_of_a_process_are_the_reason() -> None:
    failure = measure_apart(sleeping(peer="support.instruments:nobody"), 60).failure
    assert failure is not None
    assert "support.instruments:nobody cannot be loaded" in failure


@two_cores
def test_one_that_fails_does_not_leave_the_others_waiting() -> None:
    began = time.monotonic()
    threads = len(CORES) - 1
    failure = measure_apart(sleeping(threads=threads, processes=3), 100).failure
    assert failure is not None
    assert "needs cores of its own" in failure
    assert time.monotonic() - began < 60


def test_what_processes_measured_at_the_same_time_adds_up() -> None:
    def part(seconds: float, speed: float) -> Measured:
        return Measured(
            measures={
                "latency": Samples(unit="s", values=(seconds,)),
                "throughput": Samples(unit="px/s", values=(speed, speed)),
                "peak memory": Samples(unit="byte", values=(10,)),
            },
            cores=(int(seconds),),
        )

    both = put_together([part(1, 5), part(2, 7)])
    assert both.measures["latency"].values == (1, 2)
    assert both.measures["throughput"].values == (12,)
    assert both.measures["peak memory"].values == (20,)
    assert both.cores == (1, 2)
    assert put_together([part(1, 5)]) == part(1, 5)


def test_scaling_takes_all_powers_of_two_up_to_the_cores() -> None:
    plan = BenchmarkPlan(
        scenarios=("scaling",), formats=("onnx",), runtimes=("onnxruntime",), threads=(7,)
    )
    assert [each.threads for each in expand(plan, [small_bundle()])] == sorted(
        {min(2**n, len(CORES)) for n in range(8)}
    )


def test_peers_are_rows_beside_the_bundles() -> None:
    peer = Peer(name="sleeper", load="support.instruments:sleeper", scenarios=("tile",))
    plan = BenchmarkPlan(scenarios=("startup", "tile"), formats=("onnx",), peers=(peer,))
    found = [each for each in expand(plan, [small_bundle()]) if each.peer]
    assert [(each.model, each.scenario, each.bundle) for each in found] == [("sleeper", "tile", "")]
    with pytest.raises(PlanError, match="are both of a network sleeper"):
        expand(plan.model_copy(update={"peers": (peer, peer)}), [small_bundle()])
    with pytest.raises(PlanError, match=r"no scenario 'dance'; there are .*startup"):
        expand(plan.model_copy(update={"scenarios": ("dance",)}), [small_bundle()])
