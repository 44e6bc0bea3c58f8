"""Text from files: nothing in it acts on a terminal, a page or a spreadsheet."""

import csv
import io
import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.hostile import NAMES, is_harmless
from support.places import ROOT

from hrpn_tf.evaluation.metrics import METRICS
from hrpn_tf.text import (
    csv_cell,
    csv_row,
    csv_table,
    csv_text,
    markdown,
    printable,
    printable_lines,
    read_csv,
    with_decimals,
)


@given(st.text(alphabet=st.characters()))
def test_printable_text_is_one_line_without_control_or_format_characters(text: str) -> None:
    line = printable(text)
    assert line.isprintable()
    assert not {unicodedata.category(c) for c in line} & {"Cc", "Cf", "Cs", "Zl", "Zp"}
    line.encode("utf-8")


@given(st.text(alphabet=st.characters(categories=("L", "N", "P", "S"))))
def test_ordinary_text_stays_as_it_is(text: str) -> None:
    assert printable(text) == text


def test_long_text_is_shortened() -> None:
    assert printable("x" * 50, 10) == "x" * 9 + "…"


@pytest.mark.parametrize("text", ["=1+1", "+1+cmd", "-x", "@SUM(A1)", "  =1", "＝1", "\t=1"])
def test_a_formula_becomes_text(text: str) -> None:
    assert str(csv_cell(text)).startswith("'")


@pytest.mark.parametrize("value", [-1.5, "-1.5", "1e-3", "+3", "-inf", None, 3])
def test_numbers_stay_numbers(value: object) -> None:
    assert csv_cell(value) == value


@given(st.lists(st.text(alphabet=st.characters()), min_size=1, max_size=4))
def test_a_row_survives_a_csv_file(values: list[str]) -> None:
    file = io.StringIO(newline="")
    csv.writer(file).writerow(csv_row(values))
    assert next(csv.reader(io.StringIO(file.getvalue(), newline=""))) == csv_row(values)


def test_markdown_shows_markup_as_text() -> None:
    markdown_it = pytest.importorskip("markdown")
    text = "a|b <script>alert(1)</script> **bold** [x](http://y) `c` # _u_ ~s~ $m$ \\"
    html = markdown_it.markdown(markdown(text))
    assert not [tag for tag in ("<script", "<strong", "<a ", "<code", "<em") if tag in html]


@pytest.mark.parametrize("name", ["slide-01", "mouse_1 (left).v2", "CD31+DAPI", "10 % a/b"])
def test_ordinary_names_have_no_escapes_in_markdown(name: str) -> None:
    assert markdown(name) == name


@pytest.mark.parametrize(
    "name", ["# a", "- a", "+ a", "1. a", "12) a", "http://a", "www.a.b", "m@x"]
)
def test_what_acts_at_its_place_is_escaped_in_markdown(name: str) -> None:
    assert "\\" in markdown(name)


@given(st.floats(1e-9, 1e6), st.integers(1, 4))
def test_a_number_of_a_table_is_never_rounded_away(value: float, decimals: int) -> None:
    shown = with_decimals(value, decimals)
    assert float(shown) == pytest.approx(value, rel=0.051)
    assert with_decimals(-value, decimals) == f"-{shown}"
    assert len(shown.partition(".")[2]) >= decimals


def test_errors_of_images_from_0_to_1_can_be_read() -> None:
    assert METRICS["mse"].text(0.00123) == "0.0012"
    assert METRICS["mse"].text(10.47579) == "10.476"
    assert METRICS["r2"].text(0.00123) == "0.001"  # of the mean of the training slides, say
    assert [METRICS[name].decimals(0.00123) for name in ("mse", "r2")] == [4, 3]


def test_lines_stay_lines() -> None:
    assert printable_lines("a\x1b[2J\nb\r") == "a\\x1b[2J\nb "


@given(st.lists(st.text(alphabet=st.characters(exclude_categories=["C", "Z"])), min_size=1))
def test_names_are_read_back_from_a_csv_file(names: list[str]) -> None:
    rows = read_csv(csv_text(["slide"], ([name] for name in names)))
    assert [row[0] if row else "" for row in rows[1:]] == names


def test_a_csv_file_holds_numbers_and_no_formula() -> None:
    text = csv_table([{"slide": name, "mse": -0.1234567890123456} for name in NAMES])
    assert is_harmless(text)
    rows = list(csv.reader(io.StringIO(text, newline="")))
    assert not [row for row in rows if row[0].startswith(("=", "+", "-", "@"))]
    assert {float(row[1]) for row in rows[1:]} == {-0.1234567890123456}


def test_only_one_module_writes_csv() -> None:
    files = [
        file
        for package in ("hrpn_tf", "export/hrpn_export", "benchmarks/hrpn_benchmarks")
        for file in (ROOT / package).rglob("*.py")
    ]
    texts = {str(file.relative_to(ROOT)): file.read_text(encoding="utf-8") for file in files}
    writing = re.compile(r"\b(csv\.(Dict)?[wW]riter|from csv import|to_csv\(.*path|savetxt)\b")
    assert {name for name, text in texts.items() if writing.search(text)} == {"hrpn_tf/text.py"}


def test_only_one_module_of_the_command_line_prints() -> None:
    printing = {
        file.name
        for file in (ROOT / "hrpn_tf/cli").glob("*.py")
        if any(word in file.read_text(encoding="utf-8") for word in ("click.echo(", "secho("))
    }
    assert printing == {"show.py"}
