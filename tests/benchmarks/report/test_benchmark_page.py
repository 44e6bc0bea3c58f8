"""The page and the Markdown of a report: complete in themselves, harmless whatever the names."""

import json
import re

import numpy as np
import pytest
from hrpn_benchmarks.measures import Samples, least_samples
from hrpn_benchmarks.report.columns import columns_of, speed_ups
from hrpn_benchmarks.report.markdown import to_markdown
from hrpn_benchmarks.report.page import thinned, to_page
from hrpn_benchmarks.report.report import Row
from hypothesis import given
from hypothesis import strategies as st
from support.reports import mixed, report, row


def embedded(page: str) -> dict:
    text = re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.S)
    assert text is not None
    found: dict = json.loads(text[1])
    return found


def headings(text: str) -> dict[str, list[str]]:
    """Of the tables of a Markdown text: the names of the columns, by the scenario."""
    parts = re.findall(r"^### (\w+)\n.*?^(\| network.*?) \|$", text, re.S | re.M)
    return {scenario: line.strip("| ").split(" | ") for scenario, line in parts}


def test_the_page_holds_all_rows_and_needs_nothing_else() -> None:
    page = to_page(mixed())
    rows = embedded(page)["rows"]
    models = [each["cells"]["model"][1] for each in rows]
    assert models == ["small"] * 2 + ["large"] * 2 + ["small"] * 4 + ["failed"]
    assert rows[0]["cells"]["p50"] == [pytest.approx(110), "110"]
    assert rows[2]["cells"]["peak memory (byte)"][0] == pytest.approx(400)
    assert (rows[1]["disturbed"], rows[-1]["failure"]) == (True, "no luck")
    assert "p50" not in rows[-1]["cells"]
    assert "@@" not in page
    outside = page.replace("http://www.w3.org/2000/svg", "")
    assert not re.search(r"https?:|src=|href=\"(?!#)|@import|url\(", outside)


def test_names_cannot_leave_their_place() -> None:
    name = "</script><script>alert(1)</script>"
    page = to_page(report(row(name)))
    assert page.count("<script") == 2
    assert embedded(page)["rows"][0]["cells"]["model"][0] == name
    assert "<script" not in to_markdown(report(row(name)))
    assert embedded(to_page(report(row("@@data@@"))))["rows"][0]["cells"]["model"][0] == "@@data@@"


def test_percentiles_are_those_of_numpy() -> None:
    times = np.random.default_rng(0).lognormal(0, 1, 300)
    found = {
        each.key: each.read(row(times=tuple(times)))
        for each in columns_of([row(times=tuple(times))])
    }
    for share in (50, 90, 95, 99):
        assert found[f"p{share}"] == pytest.approx(1e3 * np.percentile(times, share))
    assert found["iqr"] == pytest.approx(1e3 * np.subtract(*np.percentile(times, [75, 25])))
    assert found["samples"] == 300


@pytest.mark.parametrize(("share", "least"), [(90, 29), (95, 59), (99, 299)])
def test_no_percentile_from_a_handful_of_samples(share: int, least: int) -> None:
    assert least_samples(share) == least
    assert 1 - (share / 100) ** least >= 0.95 > 1 - (share / 100) ** (least - 1)
    columns = {each.key: each for each in columns_of([row(times=(0.1,) * 400)])}
    for count, shown in ((least - 1, False), (least, True)):
        value = columns[f"p{share}"].read(row(times=(0.1,) * count))
        assert (value is not None) == shown


def measured(format: str, times: list[float], largest: float, **what: object) -> Row:
    """A row of two rounds."""
    made = row(format=format, **what)
    samples = Samples(unit="s", values=tuple(times), rounds=(len(times) - 2, 2))
    assert made.accuracy is not None
    accuracy = made.accuracy.model_copy(update={"largest": largest})
    return made.model_copy(update={"measures": {"latency": samples}, "accuracy": accuracy})


def test_the_first_line_says_which_format_to_take() -> None:
    rows = [
        measured("onnx", [0.1, 0.11, 0.1, 0.11], 1e-4),
        measured("tflite", [0.099, 0.11, 0.1, 0.112], 5e-5),
        measured("keras", [0.3, 0.31, 0.3, 0.31], 0.0),
        measured("onnx", [0.01, 0.01, 0.01, 0.01], 0.0, side=32),
    ]
    first = to_markdown(report(*rows)).splitlines()[0]
    assert first.startswith("**m: take tflite fp32 (onnxruntime): 105 ms for a tile of")
    assert "the closest to float32 of 2 that are as fast" in first
    assert first.endswith("keras fp32 (onnxruntime), takes 2.9 times as long.**")
    assert embedded(to_page(report(*rows)))["advice"][0] in first
    assert "take" not in to_markdown(report(rows[0])), "there is nothing to choose"


def test_intervals_stand_beside_medians() -> None:
    table = to_markdown(report(measured("onnx", [0.1, 0.11, 0.12, 0.13], 0.0)))
    assert "| 115 [110, 125] |" in table or "115 [" in table
    assert "[low, high]: 95 % interval" in table
    assert "[" not in to_markdown(report(row())).partition("### tile")[2], "one round has none"


def test_tables_fit_the_page() -> None:
    rows = [
        measured(name, [0.1, 0.11, 0.12] * 120, 0.01, runtime=runtime, threads=threads)
        for name in ("onnx", "saved_model")
        for runtime in ("onnxruntime", "tensorflow")
        for threads in (1, 2)
    ]
    for line in to_markdown(report(*rows, *mixed().rows)).splitlines():
        assert not line.startswith("|") or len(line) <= 110, line


def test_any_measure_is_shown_by_its_name_and_unit() -> None:
    more = {
        "throughput": Samples(unit="patch/s", values=(3.0,)),
        "energy per area": Samples(unit="joule/mm2", values=(0.5, 1.5)),
        "first answer": Samples(unit="s", values=(0.25,)),
    }
    other = row("other", more={"throughput": Samples(unit="px/s", values=(4e6,))})
    table = to_markdown(report(row("one", more=more), other))
    lines = [line[2:-2].split(" | ") for line in table.splitlines() if line[:3] == "| o"]
    names = headings(table)["tile"]
    first, second = (dict(zip(names, line, strict=True)) for line in lines[:2])
    assert first["throughput, patch/s"] == "3"
    assert first["energy per area, J/mm²"] == "1"
    assert first["first answer, ms"] == "250"
    assert (first["throughput, Mpx/s"], second["throughput, Mpx/s"]) == ("", "4")


def test_a_table_for_each_scenario_with_the_columns_that_it_fills() -> None:
    text = to_markdown(mixed())
    found = headings(text)
    assert list(found) == ["tile", "startup", "scaling", "Formats"]
    assert "speed-up" in found["scaling"]
    assert "speed-up" not in found["tile"]
    assert not {"GMAC", "parameters, M", "energy, J", "processes"} & set(found["tile"])
    assert "time of load" in text
    assert "| small † | tflite fp32 |" in text
    assert text.count("†") == 2, "the row, and what it means"
    assert "- energy: no counter of energy can be read (4 of 9 rows)" in text
    assert "no luck" in text
    quiet = to_markdown(report(row()))
    assert not re.search("†|Not available|Not measured", quiet)


def test_speed_up_is_over_one_thread_of_the_same() -> None:
    rows = mixed().rows
    found = [speed_ups(rows).get(each.case.key) for each in rows]
    assert found[:5] == [None] * 5
    assert found[5:8] == pytest.approx([1, 2**0.5, 2])
    assert speed_ups(rows[6:]) == {}, "nothing to compare with"


def test_what_cannot_be_computed_is_an_empty_cell() -> None:
    odd = row()
    assert odd.accuracy is not None
    odd = odd.model_copy(update={"accuracy": odd.accuracy.model_copy(update={"r2": np.nan})})
    assert "r2" not in embedded(to_page(report(odd)))["rows"][0]["cells"]


@given(st.lists(st.floats(1e-6, 1e3), min_size=1, max_size=400), st.integers(8, 60))
def test_thinning_keeps_what_stands_out(values: list[float], most: int) -> None:
    kept = thinned(values, most)
    assert len(kept) == min(len(values), most)
    assert kept == sorted(kept)
    assert (kept[0], kept[-1]) == (min(values), max(values))
    assert not set(kept) - set(values)
    if len(values) > most:
        first, third = np.percentile(values, [25, 75])
        reach = 1.5 * (third - first)
        far = [each for each in values if not first - reach <= each <= third + reach]
        assert not set(sorted(far)[: most // 4]) - set(kept) or far[0] > third
        high = sorted(each for each in far if each > third)
        assert not set(high[-(most // 4) :]) - set(kept)


def test_a_large_report_makes_a_small_page() -> None:
    times = tuple(np.random.default_rng(0).lognormal(0, 0.1, 2000))
    page = to_page(report(*(row(f"network {n}", times=times) for n in range(100))))
    assert len(page) < 1e6
