"""The report of the study, from records that were made up: tests, tables, verdicts, pictures."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from experiments.study import experiment
from experiments.study.certificates import read_certificates, uncertified
from experiments.study.costs import FILE
from experiments.study.design import read_design
from experiments.study.differences import compare
from experiments.study.gap import gaps, read_gaps
from experiments.study.goals import Found, goals
from experiments.study.lengths import lengths, read_trainings
from experiments.study.record import Record, StaleRecordError, read_record, write_json
from experiments.study.report import fill, folds_as_one, grouped, read_costs, report_parts
from experiments.study.slide_errors import Sums
from experiments.study.tables import certificates, core_hours
from support.study_records import cost_values, values_of

NOISE = (2.0, 2.2, 2.4, 2.6, 2.8, 3.0, 3.2, 3.4)


def record(network: str = "hrpn-m", seed: int = 0, factor: float = 1.0, **more: Any) -> Record:
    noise = [factor * sigma for sigma in NOISE]
    return Record(values_of("simulated", network, seed, "hrpn-m", noise, **more))


def test_a_clear_difference_is_found_and_its_size_is_known() -> None:
    ours = [record(seed=seed) for seed in range(3)]
    theirs = [record("ganda-unet", seed, factor=2.0) for seed in range(3)]
    found = compare(ours, theirs)
    assert found.ratio == pytest.approx(0.25, rel=0.02)
    assert found.interval is not None
    assert found.interval[0] < 0.25 < found.interval[1] < 0.3
    assert found.p == pytest.approx(2 / 2**8)  # all eight slides agree: the least that is possible
    assert (found.slides, found.seeds) == (8, (3, 3))


def test_spread_between_seeds_widens_the_interval() -> None:
    def width(spread: float) -> float:
        ours = [record(seed=seed, factor=1 + spread * (seed - 1)) for seed in range(3)]
        interval = compare(ours, [record("ganda-unet", 0, factor=1.1)]).interval
        assert interval is not None
        return interval[1] - interval[0]

    assert width(0.3) > 3 * width(0.0)


def test_few_slides_have_neither_interval_nor_p() -> None:
    one, other = (Record(values_of("dextran", n, 0, "hrpn-m", [2.0])) for n in ("a", "b"))
    found = compare([one], [other])
    assert (found.interval, found.p, found.slides) == (None, None, 1)
    with pytest.raises(ValueError, match="different test slides"):
        compare([one], [record()])


def test_verdicts_follow_from_the_records() -> None:
    ours = [record(seed=seed) for seed in range(3)]
    theirs = [record("ganda-unet", 0, factor=1.05)]
    records = {"simulated": {"hrpn-m": ours, "ganda-unet": theirs}}
    costs = cost_values({"hrpn-m": 40.0, "ganda": 110.0, "ganda-mse": 90.0, "hrpn-s": 36.0})
    rows = {row[1]: row[3:] for row in (goal.row(Found(records, costs)) for goal in goals())}
    ratio = rows["MSE of `hrpn-m` over that of `ganda-unet`"]
    assert float(ratio[0]) == pytest.approx(1 / 1.05**2, abs=0.02)
    assert ratio[1] == "**missed**"
    assert rows["latency of `hrpn-m` over GANDA's, Keras"] == ["0.40", "met"]
    assert rows["latency of `hrpn-s` over GANDA's, ONNX Runtime"] == ["0.36", "**missed**"]
    unknown = rows["MSE of `hrpn-m` over that of `hrpn-published`"]
    assert unknown == ["-", "not measured: no record of simulated/hrpn-published"]
    explained = rows["share of the explainable variance, `hrpn-m`"]
    r2 = np.mean([each.pooled().r2 for each in ours])  # their floor is 0
    assert explained == [f"{r2:.3f}", "**missed**"]


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """Records of two networks on one data set, of one fold of the other, and costs."""
    folder = tmp_path / "records"
    for network, seed, factor in (("hrpn-m", 0, 1.0), ("hrpn-m", 1, 1.05), ("ganda-unet", 0, 1.3)):
        values = record(network, seed, factor).values
        write_json(values, folder / f"simulated-{network}-{seed}.json")
    fold = "dextran-without-field-03"
    write_json(values_of(fold, "hrpn-m", 0, "hrpn-m", [2.0]), folder / f"{fold}-hrpn-m-0.json")
    costs = cost_values({"hrpn-m": 40.0, "hrpn-s": 30.0, "ganda": 100.0, "ganda-mse": 90.0})
    write_json(costs, folder / FILE)
    return folder


def test_parts_hold_what_is_there_and_name_what_is_missing(results: Path) -> None:
    design = read_design()
    records = grouped(design, results)
    parts = report_parts(design, Found(records, read_costs(results)))
    lines = parts["simulated errors"].splitlines()
    assert [line.split("|")[1].strip() for line in lines[2:6]] == [
        "`hrpn-m`", "`hrpn-m`", "**hrpn-m, mean of 2**", "`ganda-unet`",
    ]  # fmt: skip
    assert f"{records['simulated']['hrpn-m'][0].pooled().mse:.2f}" in lines[2]
    assert all(line.count("|") == lines[0].count("|") for line in lines[:6])
    assert "`hrpn-m` 2; " in parts["missing"]
    assert "`hrpn-m-pair` 0" in parts["missing"]  # extras are not forgotten
    assert "- dextran, leave one out: " in parts["missing"]
    assert "`hrpn-m` field-01, field-02, field-04, " in parts["missing"]
    assert parts["dextran errors"] == "No piece of `dextran` is finished yet."
    assert "`hrpn-m`" in parts["leave one out"]
    assert parts["leave one out differences"] == "Only one network so far, so nothing to compare."
    assert list(folds_as_one(design, records)) == ["hrpn-m"]


def test_folds_are_compared_where_all_networks_have_them(results: Path) -> None:
    for group, name in (("03", "ganda-unet"), ("04", "hrpn-m")):
        data = f"dextran-without-field-{group}"
        values = values_of(data, name, 0, "hrpn-m", [4.0])
        write_json(values, results / f"{data}-{name}-0.json")
    design = read_design()
    folds = folds_as_one(design, grouped(design, results))
    slides = {name: len(one.slides) for name, (one,) in folds.items()}
    assert slides == {"hrpn-m": 1, "ganda-unet": 1}


def test_a_mean_is_compared_with_its_members(results: Path) -> None:
    pair = record("hrpn-m-pair", 0, 1.3, of="hrpn-m", cost_factor=2).values
    write_json(pair, results / "simulated-hrpn-m-pair-0.json")
    write_json(record("hrpn-m", 2, 3.0).values, results / "simulated-hrpn-m-2.json")
    design = read_design()
    records = grouped(design, results)
    parts = report_parts(design, Found(records))
    (row,) = [line for line in parts["extras"].splitlines() if "two seeds" in line]
    ours, (own,) = records["simulated"]["hrpn-m"], records["simulated"]["hrpn-m-pair"]
    expected = own.pooled().mse / np.mean([each.pooled().mse for each in ours[:2]])
    assert row.split("|")[5].strip() == f"{expected:.3f}"


def test_an_extra_is_compared_with_its_own_seeds(results: Path) -> None:
    extra = record("hrpn-m-symmetries", 1, 1.05, of="hrpn-m", cost_factor=8).values
    write_json(extra, results / "simulated-hrpn-m-symmetries-1.json")
    design = read_design()
    parts = report_parts(design, Found(grouped(design, results)))
    (row,) = [line for line in parts["extras"].splitlines() if "symmetry average" in line]
    assert row.split("|")[5].strip() == "1.000"  # not with the mean over both


def test_the_report_fills_a_page_and_draws(
    results: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    extra = record("hrpn-m-symmetries", 0, 0.9, of="hrpn-m", cost_factor=8).values
    del extra["ladder"], extra["training_memory_mb"]
    write_json(extra, results / "simulated-hrpn-m-symmetries-0.json")
    page = tmp_path / "page.md"
    page.write_text("# A\n\n<!-- study: goals -->\nold\n<!-- end -->\n\nB\n", encoding="utf-8")
    pictures = tmp_path / "pictures"
    for _ in range(2):  # a second time, nothing changes
        experiment.main(["report", "--results", str(results), "--pictures", str(pictures),
                         "--docs", str(page)])  # fmt: skip
        text = page.read_text(encoding="utf-8")
        assert text.startswith("# A\n\n<!-- study: goals -->\n\n| where | what |")
        assert text.endswith("|\n\n<!-- end -->\n\nB\n")
    written = capsys.readouterr().out.split()
    assert all(Path(path).stat().st_size > 500 for path in written if path.endswith(".png"))
    assert sum(path.endswith(".png") for path in written) == 4  # two pictures, twice


@pytest.mark.parametrize(
    ("page", "problem"),
    [("nothing", "no part <!-- study"), ("<!-- study: x -->\n<!-- end -->", "no part 'x'")],
)
def test_a_page_without_its_parts_is_refused(page: str, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        fill(page, {"goals": "new"})


def test_a_record_is_written_with_seven_digits_and_its_version_is_checked(tmp_path: Path) -> None:
    write_json({"schema": 1, "a": [1 / 3, np.float64(2.0).item()]}, tmp_path / "a.json")
    assert read_record(tmp_path / "a.json").values["a"] == [0.3333333, 2.0]
    (tmp_path / "a.json").write_text(json.dumps({"schema": 0}), encoding="utf-8")
    with pytest.raises(StaleRecordError, match="another version; delete it and run"):
        read_record(tmp_path / "a.json")
    piece = next(iter(read_design().pieces()))
    (tmp_path / piece.file).write_text(json.dumps({"schema": 0}), encoding="utf-8")
    with pytest.raises(SystemExit, match=f"study: .*{piece.file}: a record of another version"):
        experiment.main(["report", "--results", str(tmp_path), "--pictures", str(tmp_path)])


def test_the_page_of_the_study_is_what_the_report_writes() -> None:
    """Numbers of the page are those of the records in the repository."""
    from experiments.study.record import RECORDS
    from support.places import DOCS

    design = read_design()
    found = Found(grouped(design, RECORDS), read_costs(RECORDS), read_certificates(RECORDS))
    parts = report_parts(design, found, read_trainings(RECORDS), read_gaps(RECORDS))
    page = (DOCS / "results" / "study.md").read_text(encoding="utf-8")
    assert fill(page, parts) == page


def test_the_gap_is_the_mean_over_seeds_of_each_network() -> None:
    def subsets(*errors: float) -> dict[str, Any]:
        true = np.array([0.0, 2.0])  # of variance 1
        sums = (vars(Sums.of(true, true + error)) for error in errors)
        return dict(zip(("train", "validation", "test"), sums, strict=True))

    found = {"dextran/a-b-0": subsets(0.1, 0.2, 0.3), "dextran/a-b-1": subsets(0.1, 0.2, 0.5),
             "simulated/a-b-0": subsets(0.0, 0.0, 0.0)}  # fmt: skip
    assert gaps(found, "dextran").splitlines()[2:] == ["| `a-b` | 0.990 | 0.960 | 0.830 | 2 |"]
    assert "study gap" in gaps({}, "dextran")


def test_core_hours_are_compared_on_one_processor() -> None:
    def on(processor: str, network: str, seed: int) -> Record:
        return record(network, seed, machine={"processor": processor})

    xeon, epyc = "Intel(R) Xeon(R) Processor, 2 cores", "AMD EPYC, 2 cores"
    records = {
        "hrpn-m": [on(xeon, "hrpn-m", 0), on(xeon, "hrpn-m", 1), on(epyc, "hrpn-m", 2)],
        "hrpn-s": [on(epyc, "hrpn-s", 0)],
        "hrpn-m-pair": [record("hrpn-m-pair", ended="extra")],  # a mean, for which nothing trained
    }
    assert core_hours(records).splitlines() == [
        "| network | AMD EPYC | Intel Xeon |",
        "| --- | ---: | ---: |",
        "| `hrpn-m` | 2.78 | 2.78, 2.78 |",
        "| `hrpn-s` | 2.78 | - |",
    ]


def test_lengths_take_the_best_learning_rate_of_seed_0() -> None:
    def training(error: float, seed: int = 0, pixels: float = 1e6, **slides: Any) -> dict[str, Any]:
        curve = [{"pixels": pixels, "core_seconds": 1800.0, "validation_mse": error}]
        return {"data": "simulated", "network": "hrpn-m", "settings": {"seed": seed},
                "error": error, "curve": curve, "slides": slides,
                "processor": "Abacus(R) Processor, 2 cores"}  # fmt: skip

    raw = vars(Sums.of(np.array([1.0, 3.0]), np.array([1.0, 1.0])))
    known = [training(5.0), training(4.0), training(3.0, seed=1),
             training(2.5, pixels=2e6, a={"raw": raw})]  # fmt: skip
    table = lengths(known, "simulated", ["hrpn-m", "other"]).splitlines()
    assert table[0] == "| network | 1 million pixels | 2 million pixels | processor |"
    assert table[2:] == [
        "| `hrpn-m` | 4.00, 0.50 core-hours | 2.50 (test 2.00), 0.50 core-hours | Abacus |"
    ]
    assert lengths(known, "dextran", ["hrpn-m"]) == "No training of `dextran` is finished yet."


def test_formats_that_are_not_certified_are_counted_and_named() -> None:
    good = {"format": "onnx", "precision": "fp32", "runtime": "onnxruntime", "version": "1",
            "problem": None, "largest": 0.002, "mse_change": 0.0}  # fmt: skip
    bad = {**good, "precision": "int8", "problem": "differs by 12 grey levels", "largest": 12.0}
    found = {"dextran/hrpn-m-0": [good, bad, {**bad, "runtime": "openvino", "problem": None}]}
    assert uncertified(found["dextran/hrpn-m-0"]) == [
        "onnx int8 in onnxruntime: differs by 12 grey levels"
    ]
    rows = {goal.what: goal.row(Found({}, None, found))[3:] for goal in goals()}
    assert rows["formats of `hrpn-m` that are not certified, real fields"] == ["1", "**missed**"]
    (missing,) = (rows[name][1] for name in rows if name.endswith("certified, simulated slides"))
    assert missing.startswith("not measured: no certificate of simulated/hrpn-m;")
    text = certificates(found)
    assert "| `dextran/hrpn-m-0` | onnx fp32 | onnxruntime | 0.002 |" in text
    assert "| `dextran/hrpn-m-0` | onnx int8 | openvino |" in text
    assert "- `dextran/hrpn-m-0`, onnx int8 in onnxruntime: differs by 12" in text
