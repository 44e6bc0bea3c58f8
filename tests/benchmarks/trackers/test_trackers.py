"""The instruments against costs that are known."""

from dataclasses import replace

import numpy as np
import pytest
from experiments.instruments import overhead
from hrpn_benchmarks.measures import Samples
from hrpn_benchmarks.scenarios.scenario import ScenarioContext
from hrpn_benchmarks.scenarios.sessions import SCENARIOS
from hrpn_benchmarks.trackers.timing import Latency, PeakMemory, repeat, warm_up
from pydantic import ValidationError
from support.instruments import Sleeper, cell, simulated_clock


def test_a_known_duration_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    simulated_clock(monkeypatch)
    context = ScenarioContext(cell(seconds=0.3), lambda: Sleeper(0.05))
    measures = SCENARIOS["tile"].run(context).measures
    assert measures["latency"].unit == "s"
    assert measures["latency"].values == pytest.approx([0.05] * 6)


def test_a_sleep_is_measured_with_the_clock_of_the_machine() -> None:
    context = ScenarioContext(cell(seconds=0.1), lambda: Sleeper(0.02))
    # a busy machine wakes a sleeper late, never early
    assert min(SCENARIOS["tile"].run(context).measures["latency"].values) >= 0.02


def test_a_known_allocation_is_measured() -> None:
    session = Sleeper(0.001, held=200_000_000)
    measures = SCENARIOS["tile"].run(ScenarioContext(cell(), lambda: session)).measures
    assert measures["memory growth"].median == pytest.approx(200e6, rel=0.05)
    assert measures["peak memory"].median > 200e6


def test_the_harness_adds_less_than_a_hundredth_to_a_millisecond() -> None:
    # Other work of the machine disturbs single tries; a harness that is dear is so in all of them.
    assert any(abs(overhead(0.2)) < 0.01 for _ in range(20))


def test_area_is_as_fast_as_its_pixels() -> None:
    context = ScenarioContext(cell(scenario="stream"), Sleeper)
    found = SCENARIOS["stream"].run(context).measures
    mm2 = found["throughput"].median * (0.5e-3) ** 2
    assert found["area throughput"].unit == "mm2/s"
    assert found["area throughput"].median == pytest.approx(mm2)
    session = Sleeper()
    session.contract = replace(session.contract, pixel_size_um=None)
    context = ScenarioContext(cell(scenario="stream"), lambda: session)
    assert "no pixel size" in SCENARIOS["stream"].run(context).unavailable["area throughput"]


def test_what_raises_is_not_counted() -> None:
    latency = Latency()
    with pytest.raises(KeyError), latency.sample():
        raise KeyError
    assert latency.times == []


def test_memory_that_was_given_back_before_does_not_count() -> None:
    del [np.ones(100_000_000, np.uint8)][0]
    memory = PeakMemory()
    with memory.watch():
        pass
    assert memory.growth < 20e6


def test_warm_up_ends_when_times_are_stable(monkeypatch: pytest.MonkeyPatch) -> None:
    assert warm_up(lambda: None, 0.0) == 1
    clock = simulated_clock(monkeypatch)
    durations = iter((0.5, 0.3, 0.2, 0.1, 0.1, *[0.01] * 20))
    # after ten, the median of the last three and that of the three before are 0.01 s
    assert warm_up(lambda: clock.sleep(next(durations)), 5.0) == 10


def test_there_are_three_samples_in_any_case() -> None:
    assert len(repeat(lambda: None, 0.0).values) == 3


def test_a_start_is_measured_with_its_load(monkeypatch: pytest.MonkeyPatch) -> None:
    simulated_clock(monkeypatch)
    measures = (
        SCENARIOS["startup"]
        .run(ScenarioContext(cell(scenario="startup"), lambda: Sleeper(0.02)))
        .measures
    )
    assert set(measures) == {"load", "first answer", "peak memory"}
    assert measures["first answer"].values == pytest.approx([0.02])


def test_a_stream_takes_all_sizes_there_and_back() -> None:
    session = Sleeper()
    measures = (
        SCENARIOS["stream"].run(ScenarioContext(cell(scenario="stream"), lambda: session)).measures
    )
    assert [shape[1] for shape in session.calls] == [256, 512, 1024, 2048, 2048, 1024, 512, 256]
    pixels = sum(side**2 for _, side, _, _ in session.calls)
    seconds = measures["latency of a stream"].median
    assert measures["throughput"].median == pytest.approx(pixels / seconds)


def test_the_batch_grows_while_that_pays(monkeypatch: pytest.MonkeyPatch) -> None:
    simulated_clock(monkeypatch)
    session = Sleeper(0.01)  # the same time for any batch: the larger the better
    measures = (
        SCENARIOS["throughput"]
        .run(ScenarioContext(cell(scenario="throughput", side=32), lambda: session))
        .measures
    )
    assert max(shape[0] for shape in session.calls) == 64
    assert measures["throughput"].median == pytest.approx(64 * 32**2 / 0.01)


def test_samples_of_rounds_stay_apart() -> None:
    joined = Samples(unit="s", values=(1, 2)).joined(Samples(unit="s", values=(3,)))
    assert joined.rounds == (2, 1)
    assert [list(part) for part in joined.by_round()] == [[1, 2], [3]]
    assert (joined.median, joined.spread) == (2, 1)
    with pytest.raises(ValueError, match="not of one measure"):
        joined.joined(Samples(unit="byte", values=(1,)))
    with pytest.raises(ValidationError, match="are not 1 values"):
        Samples(unit="s", values=(1,), rounds=(2,))
