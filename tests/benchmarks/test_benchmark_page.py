"""The page of a report: complete in itself, and harmless whatever the names in it."""

import json
import re

import pytest
from hrpn_benchmarks.environment import this_environment
from hrpn_benchmarks.measures import Samples
from hrpn_benchmarks.page import to_page
from hrpn_benchmarks.plan import Plan
from hrpn_benchmarks.report import Accuracy, Report, Row
from instruments import cell


def report(*models: str) -> Report:
    rows = []
    for number, model in enumerate(models, 1):
        measures = {
            "latency": Samples(unit="s", values=(0.1 * number, 0.11 * number, 0.3 * number)),
            "peak memory": Samples(unit="byte", values=(2e8 * number,)),
            "memory growth": Samples(unit="byte", values=(5e7,)),
        }
        accuracy = Accuracy(mse=10.0 / number, r2=0.7, psnr=40.0, largest=0.01, what="slide")
        rows.append(
            Row(
                cell=cell(model=model),
                measures=measures,
                failure=None,
                size=10**6,
                accuracy=accuracy,
            )
        )
    failed = Row(cell=cell(model="x"), measures={}, failure="no luck", size=1, accuracy=None)
    return Report(environment=this_environment(), plan=Plan(), rows=(*rows, failed))


def embedded(page: str) -> dict:
    text = re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.S)
    assert text is not None
    found: dict = json.loads(text[1])
    return found


def test_it_holds_all_rows_and_needs_nothing_else() -> None:
    page = to_page(report("small", "large"))
    rows = embedded(page)["rows"]
    assert [row["model"] for row in rows] == ["small", "large", "x"]
    assert rows[0]["p50"] == pytest.approx(110)
    assert rows[1]["peak"] == pytest.approx(400)
    assert rows[2]["failure"] == "no luck"
    assert "@@" not in page
    outside = page.replace("http://www.w3.org/2000/svg", "")
    assert not re.search(r"https?:|src=|href=|@import|url\(", outside)


def test_names_cannot_leave_their_place() -> None:
    name = "</script><script>alert(1)</script>"
    page = to_page(report(name))
    assert page.count("<script") == 2
    assert embedded(page)["rows"][0]["model"] == name
