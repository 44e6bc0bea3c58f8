"""Whole slides, training steps and ``model.predict``: what the product adds to the benchmarks."""

import tempfile
from pathlib import Path

import numpy as np
import pytest
from hrpn_benchmarks.case import BenchmarkCase
from hrpn_benchmarks.errors import BenchmarkError
from hrpn_benchmarks.launch import measure_apart
from hrpn_benchmarks.matrix import expand
from hrpn_benchmarks.measures import Measured
from hrpn_benchmarks.plan import BenchmarkPlan
from hrpn_benchmarks.scenarios.registry import find_scenario
from hrpn_benchmarks.scenarios.scenario import ScenarioContext
from hrpn_export import Contract
from support.instruments import CONTRACT, Sleeper, cell
from support.small_bundle import small_bundle

from hrpn_tf.slides import open_slide
from hrpn_tf.workflows.benchmark.slide import made_slide

PLAN = BenchmarkPlan(
    precisions=("fp32",), scenarios=("slide", "training", "model_predict"), slides=(600,),
    sides=(32,), patch=32, batch=2, seconds=0.0,
)  # fmt: skip


def cells(scenario: str, runtime: str) -> BenchmarkCase:
    found = expand(PLAN, [small_bundle()])
    (each,) = [c for c in found if (c.scenario, c.runtime) == (scenario, runtime)]
    return each


def run(each: BenchmarkCase, session: object = None) -> Measured:
    def together() -> None:
        calls.append(None)

    calls: list[None] = []
    measured = find_scenario(each.scenario).run(ScenarioContext(each, lambda: session, together))
    assert len(calls) == 1, "processes wait for each other once"
    return measured


def test_who_takes_part() -> None:
    found = expand(PLAN, [small_bundle()])
    who = {name: {c.format for c in found if c.scenario == name} for name in PLAN.scenarios}
    assert who == {
        "slide": {"keras", "saved_model", "onnx"},
        "training": {"keras"},
        "model_predict": {"keras"},
    }
    assert {c.side for c in found if c.scenario == "slide"} == {600}
    assert {c.batch for c in found if c.scenario == "training"} == {2}


@pytest.fixture
def own_temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    small_bundle()  # would be made in there
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def test_a_slide_is_predicted_to_its_end(own_temporary: Path) -> None:
    measures = run(cells("slide", "onnxruntime")).measures
    assert next(iter(measures)) == "slide", "the first time is a row's latency"
    (seconds,) = measures["slide"].values
    assert measures["throughput"].values == pytest.approx((600**2 / seconds,))
    assert measures["area throughput"].values == pytest.approx((600**2 * 0.25e-6 / seconds,))
    assert 0 < measures["in the network"].values[0] < seconds
    assert measures["memory growth"].values[0] < measures["peak memory"].values[0]
    (left,) = own_temporary.iterdir()
    assert left.name.startswith("hrpn-benchmark-slides-")
    assert left.stat().st_mode & 0o077 == 0
    assert len(list(left.iterdir())) == 1, "the slide alone"


def test_a_slide_is_made_once_and_always_the_same(own_temporary: Path) -> None:
    contract = Contract(("a", "b"), ("qd",), 0.4, 2, 9, True, 255.0)
    path = made_slide(contract, 100)
    first, made = path.read_bytes(), path.stat().st_mtime_ns
    assert made_slide(contract, 100).stat().st_mtime_ns == made
    with open_slide(path) as slide:
        assert (slide.info.height, slide.info.width) == (100, 100)
        assert slide.info.channels == ("a", "b")
        assert slide.info.pixel_size_um == pytest.approx(0.4)
        assert slide.info.dtype == np.uint8
        pixels = slide.read(0, 0, 100, 100, [0, 1])
    assert pixels[..., 0].std() > 20
    path.unlink()
    assert made_slide(contract, 100).read_bytes() == first
    deep = Contract(("a",), ("qd",), None, 2, 9, True, 65535.0)
    with open_slide(made_slide(deep, 64)) as slide:
        assert slide.info.dtype == np.uint16


def test_a_folder_that_others_may_write_to_is_refused(own_temporary: Path) -> None:
    made_slide(CONTRACT, 32).parent.chmod(0o777)
    with pytest.raises(BenchmarkError, match="others may write there"):
        made_slide(CONTRACT, 32)


@pytest.mark.slow
def test_training_and_predict_of_a_bundle() -> None:
    for scenario, first in (("training", "step"), ("model_predict", "latency")):
        found = measure_apart(cells(scenario, "keras"), 300)
        assert found.failure is None
        assert found.measured is not None
        assert next(iter(found.measured.measures)) == first
        times = found.measured.measures[first].values
        assert min(times) > 0
        if scenario == "training":
            speeds = found.measured.measures["throughput"]
            assert speeds.unit == "patch/s"
            assert speeds.values == pytest.approx(tuple(2 / time for time in times))


class Pupil(Sleeper):
    """Can be trained, and says how large it is."""

    def train(self, batch: np.ndarray, target: np.ndarray) -> float:
        self.calls.append((batch.shape, target.shape))
        return 0.0


def test_a_peer_trains_if_it_can() -> None:
    each = cell(peer="m:f", bundle="", scenario="training", side=32, batch=3)
    pupil = Pupil()
    run(each, pupil)
    assert set(pupil.calls) == {((3, 32, 32, 2), (3, 32, 32, 1))}
    with pytest.raises(BenchmarkError, match=r"without train\(batch, target\)"):
        run(each, Sleeper())


@pytest.mark.parametrize("scenario", ["slide", "model_predict"])
def test_what_a_peer_cannot_do_is_named(scenario: str) -> None:
    with pytest.raises(BenchmarkError):
        run(cell(peer="m:f", bundle="", scenario=scenario), Sleeper())
