"""The scenario ``server``: random arrivals, a queue, and the largest load within a bound."""

import time
from pathlib import Path

import numpy as np
import pytest
from hrpn_benchmarks.matrix import expand
from hrpn_benchmarks.plan import BenchmarkPlan, read_plan
from hrpn_benchmarks.report.markdown import to_markdown
from hrpn_benchmarks.report.report import Row
from hrpn_benchmarks.scenarios import ScenarioContext, find_scenario
from hrpn_benchmarks.scenarios import server as scenario
from support.instruments import Sleeper, cell, simulated_clock
from support.reports import report
from support.small_bundle import small_bundle

SECONDS = 0.001


def measured(monkeypatch: pytest.MonkeyPatch, bound: float, longest: float = 40.0) -> Row:
    monkeypatch.setattr(scenario, "LOADS", (0.3, 0.6))
    monkeypatch.setattr(scenario, "LONGEST", longest)
    case = cell(scenario="server", side=32, seconds=0.02, bound=bound)
    found = find_scenario("server").run(ScenarioContext(case, lambda: Sleeper(SECONDS)))
    return Row(case=case, failure=None, size=None, accuracy=None,
               measures=found.measures, unavailable=found.unavailable)  # fmt: skip


def test_requests_wait_for_those_before_them() -> None:
    found = scenario.latencies(lambda: time.sleep(0.005), np.zeros(4)).values
    assert all(latency >= 0.005 * number for number, latency in enumerate(found, 1))
    assert list(found) == sorted(found)


def test_a_request_that_comes_late_does_not_count_the_pause(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = simulated_clock(monkeypatch)
    found = scenario.latencies(lambda: clock.sleep(0.02), np.array([0.0, 0.05, 0.06])).values
    assert found == pytest.approx([0.02, 0.02, 0.03])  # the third waits for the second
    assert clock.monotonic() == pytest.approx(0.09)


def test_loads_rise_to_the_largest_within_the_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    row = measured(monkeypatch, bound=10.0)
    names = [scenario.name_of(0.3), scenario.name_of(0.6)]
    assert [len(row.measures[name].values) for name in names] == [300, 300]
    alone = row.measures["latency alone"].median
    assert row.measures[scenario.LARGEST].values == (pytest.approx(0.6 / alone),)
    table = to_markdown(report(row))
    assert "| p99 at 30 %, ms | p99 at 60 %, ms |" in table
    assert "largest load, 1/s" in table


def test_no_load_is_within_an_impossible_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    assert measured(monkeypatch, bound=1e-6).measures[scenario.LARGEST].values == (0.0,)


def test_too_few_requests_give_no_percentile(monkeypatch: pytest.MonkeyPatch) -> None:
    row = measured(monkeypatch, bound=10.0, longest=0.05)
    assert scenario.LARGEST not in row.measures
    assert "needs 299 requests at each load" in row.unavailable[scenario.LARGEST]
    assert "p99 at" not in to_markdown(report(row))


def test_the_plan_states_the_bound(tmp_path: Path) -> None:
    plan = read_plan("server")
    assert "server" in plan.scenarios
    cases = expand(
        BenchmarkPlan(scenarios=("server",), bound=0.25, sides=(32, 64)), [small_bundle()]
    )
    assert {(case.side, case.bound) for case in cases} == {(32, 0.25)}
