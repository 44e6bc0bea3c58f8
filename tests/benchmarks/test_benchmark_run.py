"""``hrpn-tf benchmark`` in fresh processes, stopped, gone on with, compared."""

import json
from pathlib import Path

import pytest
from hrpn_benchmarks import launch, runner
from hrpn_benchmarks.errors import ReportError
from hrpn_benchmarks.launch import Round, measure_apart
from hrpn_benchmarks.matrix import expand
from hrpn_benchmarks.measures import Measured, Samples
from hrpn_benchmarks.plan import BenchmarkPlan
from hrpn_benchmarks.report.compare import change_of, compare
from hrpn_benchmarks.report.markdown import to_markdown
from hrpn_benchmarks.report.report import Report, read_report
from hrpn_benchmarks.runner import run_benchmark
from hrpn_export.locks import alone_in
from support.command import hrpn_tf
from support.instruments import cell
from support.small_bundle import small_bundle

PLAN = BenchmarkPlan(
    formats=("onnx",), runtimes=("onnxruntime",), sides=(32,), rounds=2, seconds=0.0
)


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("benchmark") / "report"
    run_benchmark(PLAN, [small_bundle()], out)
    return out


def test_cost_and_worth_are_on_one_row(report: Path) -> None:
    found = read_report(report)
    assert [row.case.scenario for row in found.rows] == ["startup", "tile"]
    start, tile = found.rows
    assert len(start.measures["load"].values) == 2, "one for each fresh process"
    assert tile.measures["latency"].rounds == (3, 3)
    assert tile.measures["latency"].median > 0
    assert tile.measures["peak memory"].median > 20e6
    assert tile.accuracy is not None
    assert tile.accuracy.mse == pytest.approx(1, rel=1e-3)
    assert tile.size == (small_bundle() / "onnx/fp32/model.onnx").stat().st_size
    assert found.environment.cores >= 1
    # 3 x 3 from 2 to 4 with stride 2, 2 x 2 back to one; no biases: the exporter drops zeros
    assert tile.parameters == 4 * 2 * 9 + 4 * 4
    assert tile.macs == 16 * 16 * (4 * 2 * 9 + 4 * 4)
    assert tile.case.side == 32
    assert [path.name for path in report.iterdir()] == ["report.json"]


def test_a_report_is_never_replaced(report: Path) -> None:
    before = (report / "report.json").read_bytes()
    with pytest.raises(ReportError, match="a report is there"):
        run_benchmark(PLAN, [small_bundle()], report)
    assert (report / "report.json").read_bytes() == before


def test_it_goes_on_after_a_stop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    measured: list[str] = []

    def measure(each, timeout):
        if len(measured) == 3:
            raise KeyboardInterrupt
        measured.append(each.key)
        return Round(measured=Measured(measures={"latency": Samples(unit="s", values=(1.0,))}))

    monkeypatch.setattr(runner, "measure_apart", measure)
    with pytest.raises(KeyboardInterrupt):
        run_benchmark(PLAN, [small_bundle()], tmp_path / "out")
    # the line that was being written when it stopped
    with (tmp_path / "out" / runner.JOURNAL).open("a") as journal:
        journal.write('{"round": 1, "key"')
    with (
        alone_in(tmp_path / "out", AssertionError()),
        pytest.raises(ReportError, match="another process measures there"),
    ):
        run_benchmark(PLAN, [small_bundle()], tmp_path / "out")
    other = PLAN.model_copy(update={"seconds": 9.0})
    with pytest.raises(ReportError, match="another benchmark was begun there"):
        run_benchmark(other, [small_bundle()], tmp_path / "out")
    first, measured = measured, []
    report = run_benchmark(PLAN, [small_bundle()], tmp_path / "out")
    assert (len(first), len(measured)) == (3, 1)
    assert all(row.measures["latency"].rounds == (1, 1) for row in report.rows)


def test_one_that_is_killed_after_the_report_is_finished_by_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(report: Report) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(runner, "measure_apart", lambda *_: Round(failure="out of luck"))
    out, pages = tmp_path / "out", list[Report]()
    with pytest.raises(KeyboardInterrupt):
        run_benchmark(PLAN, [small_bundle()], out, on_report=stop)
    monkeypatch.setattr(runner, "measure_apart", stop)
    report = run_benchmark(PLAN, [small_bundle()], out, on_report=pages.append)
    assert pages == [report]
    assert [path.name for path in out.iterdir()] == ["report.json"]
    with pytest.raises(ReportError, match="a report is there"):
        run_benchmark(PLAN, [small_bundle()], out)


def test_a_journal_goes_on_below_a_torn_line(tmp_path: Path) -> None:
    journal = tmp_path / runner.JOURNAL
    for line in ("one", "two"):
        runner._append(journal, line)
    journal.write_text(journal.read_text() + "thr")
    runner._append(journal, "four")
    assert journal.read_text().splitlines() == ["one", "two", "thr", "four"]


def test_a_crash_is_a_row_that_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gone = measure_apart(cell(bundle=str(tmp_path / "gone")), 60)
    assert "no bundle" in str(gone.failure)
    (found,) = expand(PLAN.model_copy(update={"scenarios": ("tile",)}), [small_bundle()])
    assert measure_apart(found, 0.01).failure == "no answer within 0.01 s"
    monkeypatch.setattr(runner, "measure_apart", lambda *_: Round(failure="out | of luck"))
    report = run_benchmark(PLAN, [small_bundle()], tmp_path / "out")
    assert report.rows[0].failure == "2 of 2 rounds failed: out | of luck"
    assert "2 of 2 rounds failed: out / of luck" in to_markdown(report)


def test_a_tile_that_is_too_large_is_a_row_that_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def failure(side: int) -> str:
        (tile,) = expand(
            PLAN.model_copy(update={"scenarios": ("tile",), "sides": (side,)}), [small_bundle()]
        )
        return str(measure_apart(tile, 100).failure)

    assert failure(65536).startswith("out of memory: Unable to allocate")
    # numpy gets what it wants, ONNX Runtime does not
    monkeypatch.setattr(launch, "memory_available", lambda: 400_000_000)
    assert failure(3072).startswith("out of memory: ")


def test_what_others_used_is_said_in_one_line(report: Path) -> None:
    found = read_report(report)
    first, second = (row.model_copy(update={"others": 0.0}) for row in found.rows)
    about = found.environment.model_copy(update={"load": 0.0, "cores": 8})
    quiet = found.model_copy(update={"rows": (first, second), "environment": about})
    assert quiet.busy is None
    loud = first.model_copy(update={"others": 0.4})
    disturbed = quiet.model_copy(update={"rows": (loud, second)})
    assert disturbed.busy == (
        "1 of 2 rows were disturbed: other processes used up to 40% of the machine meanwhile"
    )
    held = about.model_copy(update={"processor_limit": 1.5, "load": 8.0})
    assert str(disturbed.model_copy(update={"environment": held}).busy).count(";") == 2


def test_reports_of_before_can_be_read(report: Path, tmp_path: Path) -> None:
    values = json.loads((report / "report.json").read_text())
    assert values.pop("ending")["load"] >= 0
    for name in ("memory_limit", "processor_limit", "gpus", "gpu_clock_mhz"):
        del values["environment"][name]
    (tmp_path / "report.json").write_text(json.dumps(values))
    assert read_report(tmp_path).ending is None


def slower(report: Report, factor: float) -> Report:
    """The same report of a machine on which everything takes longer."""
    rows = []
    for row in report.rows:
        measures = {
            name: samples.model_copy(update={"values": tuple(factor * v for v in samples.values)})
            for name, samples in row.measures.items()
        }
        rows.append(row.model_copy(update={"measures": measures}))
    return report.model_copy(update={"rows": tuple(rows)})


def test_a_slowdown_is_found_and_sized(report: Path) -> None:
    found = read_report(report)
    changes = compare(found, slower(found, 3.0))
    assert {round(change.ratio, 6) for change in changes} == {3.0}
    assert changes[0].low <= 3.0 <= changes[0].high


def test_memory_that_did_not_grow_has_no_ratio(report: Path) -> None:
    found = read_report(report)
    row = found.rows[1]
    still = {**row.measures, "memory growth": Samples(unit="byte", values=(0.0, 5.0))}
    flat = found.model_copy(update={"rows": (row.model_copy(update={"measures": still}),)})
    measures = {change.measure for change in compare(flat, flat)}
    assert measures == {"latency", "peak memory"}


def test_more_area_in_a_second_is_better() -> None:
    one, two = (Samples(unit="mm2/s", values=(value,)) for value in (1.0, 2.0))
    assert change_of(cell(), "area throughput", one, two).ratio == 0.5


def test_intervals_hold_the_true_ratio_as_often_as_they_say() -> None:
    import numpy as np

    random, held = np.random.default_rng(0), 0
    for _ in range(15):
        drawn = []
        for scale in (1.0, 1.2):
            rounds = scale * random.lognormal(0, 0.02, (6, 1)) * random.lognormal(0, 0.05, (6, 20))
            drawn.append(Samples(unit="s", values=tuple(rounds.ravel()), rounds=(20,) * 6))
        change = change_of(cell(), "latency", *drawn)
        held += change.low <= 1.2 <= change.high
    assert held >= 12


def test_the_command(report: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = read_report(report)
    (tmp_path / "slow").mkdir()
    (tmp_path / "slow" / "report.json").write_text(slower(found, 2.0).model_dump_json())
    assert hrpn_tf("benchmark", "--compare", report, report).exit_code == 0
    assert "1.000 times as before" in capsys.readouterr().out
    assert hrpn_tf("benchmark", "--compare", report, tmp_path / "slow").exit_code == 1
    assert "certainly more than 10% worse" in capsys.readouterr().err
    assert (
        hrpn_tf("benchmark", "--compare", report, tmp_path / "slow", "--threshold", 5).exit_code
        == 0
    )
    assert hrpn_tf("benchmark", "--compare", report, tmp_path).exit_code == 2
    assert "report.json is missing" in capsys.readouterr().err
    assert hrpn_tf("benchmark", small_bundle()).exit_code == 2
    assert hrpn_tf("benchmark", small_bundle(), "--out", report).exit_code == 2
    assert "a report is there" in capsys.readouterr().err
    assert hrpn_tf("benchmark", tmp_path, "--out", tmp_path / "out").exit_code == 2
    assert "no bundle" in capsys.readouterr().err


def test_a_device_that_is_not_there_fails_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    found = expand(PLAN.model_copy(update={"device": "cuda"}), [small_bundle()])[0]
    reason = measure_apart(found, 60)
    assert str(reason.failure).startswith("this build of ONNX Runtime has no CUDA")
    monkeypatch.setattr(runner, "measure_apart", lambda *_: reason)
    out = tmp_path / "out"
    assert hrpn_tf("benchmark", small_bundle(), "--out", out, "--device", "cuda").exit_code == 1
    assert "nothing could be measured" in capsys.readouterr().err
    assert (out / "report.html").exists()


def test_a_damaged_report_is_named(report: Path, tmp_path: Path) -> None:
    values = json.loads((report / "report.json").read_text())
    values["rows"][0]["cell"]["side"] = "wide"
    (tmp_path / "report.json").write_text(json.dumps(values))
    with pytest.raises(ReportError, match=r"rows\.0\.cell\.side"):
        read_report(tmp_path)
