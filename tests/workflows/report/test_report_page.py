"""The pages of a report in a real browser: nothing from outside, no complaint, and a viewer that
shows the numbers of the files.
"""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.browser import Visit
from support.evaluated_run import HOSTILE, predicted, truth

TRUTH, MEAN = truth(2)[..., 2], predicted(truth(2))[..., 0]


class ReportVisit(Visit):
    """A visit that may load other files of the report, and nothing else."""

    def _guard(self, route: Any) -> None:
        inside = self._address.rpartition("/report/")[0] + "/report/"
        if route.request.url.startswith(inside):
            route.continue_()
        else:
            self.requests.append(route.request.url)
            route.abort()


class Viewer:
    """The page of the slide "plain"."""

    def __init__(self, visit: Visit) -> None:
        self.visit, self.page = visit, visit.page
        self.page.wait_for_selector("#image[data-drawn]")
        self.settle()

    def settle(self) -> None:
        """Wait until all tiles are there and drawn, and nothing moves any more."""
        self.page.evaluate("window.last = null")
        self.page.wait_for_function(
            """() => {
                const { world, viewport } = hrpn.viewer, before = window.last;
                window.last = JSON.stringify(viewport.getBounds(true));
                const numbers = [...Array(world.getItemCount()).keys()];
                const items = numbers.map((i) => world.getItemAt(i));
                return before === window.last && !world.needsDraw() &&
                    items.every((item) => item.getOpacity() === 0 || item.getFullyLoaded()); }""",
            polling=100,
        )
        self.page.wait_for_timeout(100)

    def centre(self, row: float, column: float, pixels: float) -> None:
        """Put a place of the slide into the middle, a slide px taking so many px of the screen."""
        self.page.evaluate(
            """([row, column, pixels]) => {
                const image = hrpn.viewer.world.getItemAt(0), viewport = hrpn.viewer.viewport;
                viewport.zoomTo(image.imageToViewportZoom(pixels), null, true);
                viewport.panTo(image.imageToViewportCoordinates(column, row), true); }""",
            [row, column, pixels],
        )
        self.settle()

    def middle(self) -> tuple[float, float]:
        box = self.page.locator("#image").bounding_box()
        return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2

    def values(self) -> dict[str, float]:
        return {
            cell.get_attribute("data-value"): float(cell.inner_text().replace("−", "-"))
            for cell in self.page.locator("#layers td[data-value]").all()
        }

    def place(self) -> tuple[int, int]:
        found = re.search(r"row (\d+), column (\d+) px", self.page.locator("#place").inner_text())
        return int(found[1]), int(found[2])

    def colour(self, dx: float, dy: float = 40) -> tuple[int, ...]:
        """Of the canvas, so far from the middle, px of the screen."""
        found = self.page.evaluate(
            """([dx, dy]) => {
                const canvas = hrpn.viewer.drawer.canvas, scale = canvas.width / canvas.clientWidth;
                const at = [canvas.width / 2 + dx * scale, canvas.height / 2 + dy * scale];
                return [...canvas.getContext("2d").getImageData(...at, 1, 1).data]; }""",
            [dx, dy],
        )
        return tuple(found[:3])

    def show(self, **places: str) -> None:
        for row in self.page.locator("#layers tr").all():
            key = row.get_attribute("data-layer")
            row.locator("select").select_option(places.get(key.replace("-", "_"), "none"))
        self.settle()

    def slide(self, selector: str, value: float) -> None:
        """Move a slider as a hand does."""
        self.page.locator(selector).evaluate(
            "(e, v) => { e.value = v; e.dispatchEvent(new Event('input')); }", value
        )


@pytest.fixture(scope="module")
def plain(made: Path, browser: Any) -> Any:
    page = next((made / "report/slides").glob("*plain.html"))
    with ReportVisit(browser, page) as visit:
        yield Viewer(visit)


def test_the_values_under_the_pointer_are_those_of_the_files(plain: Viewer) -> None:
    plain.centre(310, 520, 4)
    x, y = plain.middle()
    for dx, dy in ((0, 0), (-120, 60), (200, -150)):
        plain.page.mouse.move(x + dx + 1, y + dy + 1)
        row, column = plain.place()
        assert abs(row - (310 + dy / 4)) <= 1
        assert abs(column - (520 + dx / 4)) <= 1
        found = plain.values()
        assert found["truth"] == TRUTH[row, column]
        assert found["prediction"] == pytest.approx(MEAN[row, column], abs=0.06)
        assert found["error"] == pytest.approx(MEAN[row, column] - TRUTH[row, column], abs=0.06)
        assert found["lower"] == pytest.approx(0.85 * MEAN[row, column], abs=0.06)
        assert found["upper"] == pytest.approx(1.2 * MEAN[row, column], abs=0.06)
        assert found["input-1"] == truth(2)[row, column, 1]
    plain.page.mouse.move(2, 2)
    assert "Move the pointer" in plain.page.locator("#place").inner_text()


def test_seen_from_afar_values_are_means(made: Path, browser: Any) -> None:
    with ReportVisit(browser, next((made / "report/slides").glob("*plain.html")), 500) as visit:
        far = Viewer(visit)
        far.page.mouse.move(*far.middle())
        row, column = far.place()
        found = re.search(r"means of (\d+) × (\d+) px", far.page.locator("#place").inner_text())
        side = int(found[1])
        assert side > 1
        y, x = row // side * side, column // side * side
        expected = MEAN[y : y + side, x : x + side].mean()
        assert far.values()["prediction"] == pytest.approx(expected, abs=0.06)


def test_the_divider_parts_two_layers(plain: Viewer) -> None:
    plain.centre(310, 520, 4)
    plain.show(truth="left", error="right")
    left, right = plain.colour(-30), plain.colour(30)
    divider = plain.page.locator("#divider")
    divider.focus()
    for _ in range(10):
        plain.page.keyboard.press("ArrowRight")
    plain.settle()
    assert divider.get_attribute("aria-valuenow") == "70"
    assert plain.colour(-30) == left
    moved = plain.colour(30)
    plain.page.keyboard.press("Home")
    plain.settle()
    assert plain.colour(30) == right
    plain.show(truth="all")
    assert plain.colour(30) == moved != right
    assert not divider.is_visible()
    plain.show(truth="left", error="right")
    x, y = plain.middle()
    outline = divider.bounding_box()
    plain.page.mouse.move(outline["x"] + 11, y)
    plain.page.mouse.down()
    plain.page.mouse.move(x, y, steps=3)
    plain.page.mouse.up()
    assert divider.get_attribute("aria-valuenow") == "50"


def test_contrast_and_opacity_change_what_is_seen(plain: Viewer) -> None:
    plain.centre(310, 520, 4)
    plain.show(truth="all")
    row, column = 310 + 10, 520
    before, value = plain.colour(1, 41), float(TRUTH[row, column])
    scale = '[data-scale="qd"]'
    plain.slide(f'{scale} [data-end="high"]', value - 1)
    plain.page.wait_for_function("Number(document.getElementById('image').dataset.repainted) > 0")
    plain.settle()
    brightest = plain.colour(1, 41)
    assert brightest != before
    assert sum(brightest) > 600, "inferno ends in light yellow"
    plain.slide('[data-layer="truth"] input[type=range]', 0)
    plain.settle()
    assert sum(plain.colour(1, 41)) < 60
    plain.slide('[data-layer="truth"] input[type=range]', 100)
    plain.page.locator(f"{scale} button").click()
    plain.page.wait_for_function("Number(document.getElementById('image').dataset.repainted) > 1")
    plain.settle()
    assert plain.colour(1, 41) == before


def test_keys_move_and_zoom_and_never_turn(plain: Viewer) -> None:
    plain.centre(310, 520, 2)
    plain.page.locator("#image .openseadragon-canvas").focus()
    centre = "() => { const c = hrpn.viewer.viewport.getCenter(); return [c.x, c.y]; }"
    zoom = "hrpn.viewer.viewport.getZoom()"
    before, near = plain.page.evaluate(centre), plain.page.evaluate(zoom)
    plain.page.keyboard.press("ArrowRight")
    plain.page.wait_for_function(f"(x) => ({centre})()[0] > x", arg=before[0])
    plain.page.keyboard.press("+")
    plain.page.wait_for_function(f"(z) => {zoom} > z", arg=near)
    for key in "rRfF":
        plain.page.keyboard.press(key)
    assert plain.page.evaluate("hrpn.viewer.viewport.getRotation()") == 0
    assert plain.page.evaluate("hrpn.viewer.viewport.getFlip()") is False
    assert np.isfinite(list(plain.values().values())).all(), "values in the middle"
    plain.settle()  # the library goes on for some frames after a key


def test_the_scale_bar_is_as_long_as_it_says(plain: Viewer) -> None:
    for pixels in (0.7, 3.0):
        plain.centre(310, 520, pixels)
        um = float(plain.page.locator("#bar span").inner_text().removesuffix(" µm"))
        width = plain.page.locator("#bar i").bounding_box()["width"]
        assert width == pytest.approx(um / 0.5 * pixels, rel=0.01)
        assert 60 <= width <= 160


def test_everything_can_be_reached_by_keyboard(plain: Viewer) -> None:
    plain.show(truth="left", error="right")
    names = set()
    plain.page.locator("body").press("Home")
    plain.page.evaluate("document.activeElement.blur()")
    for _ in range(60):
        plain.page.keyboard.press("Tab")
        names.add(
            plain.page.evaluate(
                "() => { const e = document.activeElement; return e.id || "
                "e.getAttribute('aria-label') || e.className || e.tagName; }"
            )
        )
    assert {
        "divider", "zoom-in", "openseadragon-canvas", "where predicted qd is shown",
        "opacity of measured qd", "brightest of qd", "reset contrast of error",
    } <= names  # fmt: skip


@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 500)])
def test_pages_are_readable_and_ask_for_nothing(
    made: Path, browser: Any, scheme: str, width: int
) -> None:
    for page in (made / "report/index.html", next((made / "report/slides").glob("001*.html"))):
        with ReportVisit(browser, page, width, scheme) as visit:
            if page.name != "index.html":
                visit.page.wait_for_selector("#image[data-drawn]")
            assert visit.requests == []
            assert visit.complaints == []
            assert visit.overflow() <= 0
            ratios = visit.contrasts()
            assert min(ratios.values()) >= 4.5, ratios


def test_names_of_slides_are_seen_as_they_are(made: Path, browser: Any) -> None:
    with ReportVisit(browser, made / "report/index.html") as visit:
        visit.page.on("dialog", lambda dialog: pytest.fail(dialog.message))
        link = visit.page.locator("#slide-table a").first
        assert link.inner_text() == HOSTILE
        link.click()
        visit.page.wait_for_selector("#image[data-drawn]")
        assert visit.page.locator("h1").inner_text() == HOSTILE
        visit.page.locator("a[rel=next]").click()
        visit.page.wait_for_selector("#image[data-drawn]")
        assert visit.complaints == visit.requests == []


def test_slides_are_sorted_by_a_click(made: Path, browser: Any) -> None:
    with ReportVisit(browser, made / "report/index.html") as visit:
        cells = visit.page.locator("#slide-table tbody td[data-value]:nth-of-type(6)")
        head = visit.page.locator("#slide-table th button", has_text="R²")
        for expected in ("ascending", "descending"):
            head.press("Enter")
            values = [float(c.get_attribute("data-value")) for c in cells.all()]
            assert values == sorted(values, reverse=expected == "descending")
            assert visit.page.locator(f"#slide-table th[aria-sort={expected}]").count() == 1


def test_what_is_folded_is_printed(made: Path, browser: Any) -> None:
    with ReportVisit(browser, made / "report/index.html") as visit:
        folded = visit.page.locator("details:not([open])")
        assert folded.count() > 0
        count = folded.count()
        visit.page.evaluate("dispatchEvent(new Event('beforeprint'))")
        assert folded.count() == 0
        visit.page.evaluate("dispatchEvent(new Event('afterprint'))")
        assert folded.count() == count
