"""Plans: what is read, refused, and what cells come of them."""

from dataclasses import replace
from pathlib import Path

import pytest
from hrpn_benchmarks.errors import PlanError
from hrpn_benchmarks.matrix import expand
from hrpn_benchmarks.plan import SHIPPED, BenchmarkPlan, read_plan
from hrpn_benchmarks.report.report import accuracy_of
from hrpn_export import open_bundle
from support.instruments import cell
from support.small_bundle import small_bundle


def test_shipped_plans_are_read() -> None:
    names = {path.stem for path in SHIPPED.glob("*.yaml")}
    assert names == {"quick", "cpu", "gpu", "peers", "server"}
    for name in names:
        assert read_plan(name).rounds >= 2


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("sides: [0]", "sides.0"),
        ("side: [64]", "side: Extra inputs"),
        ("scenarios: []", "scenarios"),
        ("rounds: [", "not valid YAML"),
        ("[1, 2]", "valid dictionary"),
    ],
)
def test_what_is_no_plan_is_named(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "plan.yaml").write_text(text)
    with pytest.raises(PlanError, match=said):
        read_plan(tmp_path / "plan.yaml")


def test_a_plan_that_is_not_there() -> None:
    with pytest.raises(PlanError, match=r"shipped plan \(cpu, gpu, peers, quick, server\)"):
        read_plan("nothing")


def test_every_combination_is_a_cell(tmp_path: Path) -> None:
    plan = BenchmarkPlan(scenarios=("startup", "tile"), sides=(31, 64), threads=(1, 2))
    cells = expand(plan, [small_bundle()])
    assert len({each.key for each in cells}) == len(cells)
    onnx = [c for c in cells if (c.format, c.runtime) == ("onnx", "onnxruntime")]
    found = [(c.scenario, c.side, c.threads) for c in onnx]
    starts = [("startup", 32, 1), ("startup", 32, 2)]
    assert found == [*starts, *[("tile", side, n) for side in (32, 64) for n in (1, 2)]]
    assert {c.runtime for c in cells} == {"keras", "tensorflow", "onnxruntime", "openvino"}


def test_what_is_not_certified_is_left_out() -> None:
    with pytest.raises(PlanError, match="nothing in there is what the plan asks for"):
        expand(BenchmarkPlan(formats=("tensorrt",)), [small_bundle()])
    with pytest.raises(PlanError, match="both of a network tiny"):
        expand(BenchmarkPlan(), [small_bundle(), small_bundle()])


def test_each_runtime_has_its_own_certificate(monkeypatch: pytest.MonkeyPatch) -> None:
    bundle = open_bundle(small_bundle())
    (wrong,) = (e for e in bundle.certificate.entries if e.runtime == "openvino")
    far = [each.model_copy(update={"largest": 99.0, "mse": 50.0}) for each in wrong.measured]
    others = [e for e in bundle.certificate.entries if e is not wrong]
    entries = (*others, wrong.model_copy(update={"measured": tuple(far)}))
    changed = replace(
        bundle, certificate=bundle.certificate.model_copy(update={"entries": entries})
    )
    monkeypatch.setattr("hrpn_benchmarks.matrix.open_bundle", lambda path: changed)
    assert "openvino" not in {case.runtime for case in expand(BenchmarkPlan(), [Path("b")])}
    all_of_them = {c.runtime: c for c in expand(BenchmarkPlan(uncertified=True), [Path("b")])}
    accuracies = [accuracy_of(changed, all_of_them[name]) for name in ("openvino", "onnxruntime")]
    assert [each is not None and each.mse < 2 for each in accuracies] == [False, True]


def test_a_key_does_not_depend_on_where_the_bundle_is() -> None:
    assert cell().key == cell(bundle="/elsewhere", seconds=9.0).key
    assert cell().key != cell(threads=2).key
