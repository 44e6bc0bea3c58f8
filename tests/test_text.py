"""Text from files: nothing in it acts on a terminal, a page or a spreadsheet."""

import csv
import io
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hrpn_tf.text import csv_cell, csv_row, markdown, printable


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
