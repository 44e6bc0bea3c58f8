"""The page of a report as Chromium shows it: by pointer, by keyboard, on paper light and dark."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hrpn_benchmarks.report.page import to_page
from hrpn_benchmarks.report.report import Report
from support.browser import Visit
from support.reports import mixed, report, row

HOSTILE = "<img src=x onerror=alert(1)></script><script>alert(1)</script>"


@pytest.fixture(scope="module")
def visit(browser: Any, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Visit]:
    folder = tmp_path_factory.mktemp("pages")

    def look(what: Report, **options: Any) -> Visit:
        file = folder / "report.html"
        file.write_text(to_page(what), encoding="utf-8")
        return Visit(browser, file, **options)

    return look


def column(look: Visit, key: str) -> list[str]:
    """The texts of a column, from the top."""
    number = look.page.evaluate(
        "key => [...document.querySelectorAll('#table thead th:not([hidden])')]"
        ".findIndex(each => each.dataset.key === key)",
        key,
    )
    return list(look.page.locator(f"#table tbody tr > :nth-child({number + 1})").all_inner_texts())


def heading(look: Visit, key: str) -> Any:
    return look.page.locator(f"#table thead th[data-key='{key}']")


def test_a_heading_sorts_by_pointer_and_by_keyboard(visit: Callable[..., Visit]) -> None:
    with visit(mixed()) as look:
        heading(look, "p50").locator("button").click()
        times = [float(each) for each in column(look, "p50")[:-1]]
        assert times == sorted(times)
        assert column(look, "p50")[-1] == "–", "empty cells are last"
        assert heading(look, "p50").get_attribute("aria-sort") == "ascending"
        look.page.keyboard.press("Enter")  # the heading kept the focus
        assert [float(each) for each in column(look, "p50")[:-1]] == times[::-1]
        assert heading(look, "p50").get_attribute("aria-sort") == "descending"
        heading(look, "model").locator("button").focus()
        look.page.keyboard.press("Space")
        assert [each.split()[0] for each in column(look, "model")] == sorted(
            each.split()[0] for each in column(look, "model")
        )
        assert look.page.locator("th[aria-sort]").count() == 1
        assert (look.complaints, look.requests) == ([], [])


def test_filters_choose_rows_columns_and_points(visit: Callable[..., Visit]) -> None:
    with visit(mixed()) as look:
        assert look.page.inner_text("#count") == "9 of 9 rows"
        assert heading(look, "speed-up").is_visible()
        assert look.page.locator("#by-latency .point").count() == 4, "only tiles"
        assert look.page.locator("#scaling .point").count() == 3
        look.page.get_by_label("network").first.select_option("large")
        look.page.get_by_label("format").first.select_option("tflite fp32")
        assert look.page.inner_text("#count") == "1 of 9 rows"
        assert column(look, "model") == ["large"]
        assert not heading(look, "speed-up").is_visible(), "no row here has one"
        assert not look.page.locator("#scaled").is_visible()
        assert look.page.locator("#times .point").count() == 1
        look.page.get_by_role("button", name="Show all rows").click()
        assert look.page.inner_text("#count") == "9 of 9 rows"
        look.page.get_by_label("scenario").select_option("startup")
        assert "load, ms" in look.page.inner_text("#times")


def test_all_is_reached_by_keyboard_in_the_order_of_the_page(visit: Callable[..., Visit]) -> None:
    with visit(mixed()) as look:
        stops: list[str] = []
        look.page.keyboard.press("Tab")
        assert look.page.inner_text(":focus") == "To the table"
        for _ in range(80):
            look.page.keyboard.press("Tab")
            if look.page.evaluate("document.activeElement.matches('body, .skip')"):
                break
            stops.append(look.page.evaluate("document.activeElement.closest('[id], summary').id"))
        order = list(dict.fromkeys(stops))
        plots = ["by-latency", "by-memory", "scaling", "times", "memory"]
        assert order[-6:] == ["marks-by", *plots]
        assert order.index("filters") < order.index("rows") < order.index("table")
        assert [stops.count(plot) for plot in plots] == [1] * 5, "one stop each"


def test_arrows_go_from_point_to_point(visit: Callable[..., Visit]) -> None:
    with visit(mixed()) as look:
        look.page.locator("#by-latency .point").first.focus()
        figure = look.page.locator("figure", has=look.page.locator("#by-latency"))
        said = [figure.locator(".reading").inner_text()]
        for key in ("ArrowRight", "End", "ArrowRight", "Home"):
            look.page.keyboard.press(key)
            said.append(figure.locator(".reading").inner_text())
        assert said[0] == said[-1] != said[1]
        assert said[2] == said[3] != said[1]
        assert "median latency 110 ms, MSE 10" in said[0]
        ring = look.page.evaluate(
            "getComputedStyle(document.activeElement.querySelector('.ring')).stroke"
        )
        assert ring != "none"


def test_marks_differ_in_more_than_colour(visit: Callable[..., Visit]) -> None:
    with visit(report(*(row(f"network {n}") for n in range(14)))) as look:
        marks = look.page.evaluate(
            "[...document.querySelectorAll('#marks path')]"
            ".map(e => [e.getAttribute('d'), e.matches('.hollow')].join())"
        )
        assert len(marks) == len(set(marks)) == 14


def test_a_hostile_name_is_only_a_name(visit: Callable[..., Visit]) -> None:
    with visit(report(row(HOSTILE), row("other", failure=HOSTILE))) as look:
        assert column(look, "model") == [HOSTILE, "other ✕"]
        assert look.page.locator("img").count() == 0
        assert look.page.locator("script").count() == 2
        assert HOSTILE in look.page.inner_text("#failures")
        assert HOSTILE in str(look.page.locator("#times .point").first.get_attribute("aria-label"))
        assert (look.complaints, look.requests) == ([], [])


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 400])
def test_it_is_readable(visit: Callable[..., Visit], scheme: str, width: int) -> None:
    with visit(mixed(), width=width, scheme=scheme) as look:
        look.page.evaluate("document.querySelector('details').open = true")
        assert look.overflow() <= 0
        found = look.contrasts()
        assert len(found) > 10
        assert min(found.values()) >= 4.5, found
        paper = look.page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert (paper == "rgb(255, 255, 255)") == (scheme == "light")
        sizes = look.page.evaluate(
            "[...document.querySelectorAll('svg text')].map(e => e.getBoundingClientRect().height)"
        )
        assert min(sizes) >= 11, "letters of a plot do not shrink with it"


def test_the_contrast_that_is_measured_is_that_of_wcag(browser: Any, tmp_path: Path) -> None:
    text = '<body style="background: #fff"><i style="color: #777">a</i><b style="color: #000">b</b>'
    (tmp_path / "page.html").write_text(f"<!doctype html><title>x</title>{text}")
    with Visit(browser, tmp_path / "page.html") as look:
        assert look.contrasts() == pytest.approx({"i.": 4.48, "b.": 21}, abs=0.01)


def test_what_a_page_asks_for_outside_is_seen(browser: Any, tmp_path: Path) -> None:
    (tmp_path / "page.html").write_text("<script src='http://localhost:9/x.js'></script>")
    with Visit(browser, tmp_path / "page.html") as look:
        assert look.requests == ["http://localhost:9/x.js"]
        assert look.complaints


def test_a_page_of_many_rows_stays_light(visit: Callable[..., Visit]) -> None:
    rows = (row(f"network {n % 20}", side=64 * (1 + n // 20), mse=1 + n) for n in range(300))
    with visit(report(*rows)) as look:
        assert look.page.locator("#table tbody tr").count() == 300
        assert look.page.locator("#times .point").count() == 40
        assert look.page.evaluate("document.querySelectorAll('*').length") < 12_000
        look.page.locator("#times").get_by_role("button", name="Draw all 300 rows").click()
        assert look.page.locator("#times .point").count() == 300


def test_a_report_of_nothing_but_failures_is_a_page(visit: Callable[..., Visit]) -> None:
    failed = row(failure="no luck").model_copy(update={"measures": {}, "accuracy": None})
    with visit(report(failed)) as look:
        assert "no luck" in look.page.inner_text("#failures")
        assert look.page.locator(".point").count() == 0
        assert (look.complaints, look.requests) == ([], [])
