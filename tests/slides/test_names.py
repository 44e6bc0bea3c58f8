"""Names of slides and groups, as they are shown, compared, and made names of files."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.hostile import NAMES, is_harmless

from hrpn_tf.slides.names import file_stem, lookalike, slide_name


@given(st.text(alphabet=st.characters()))
def test_a_name_of_a_file_leads_nowhere_else(name: str) -> None:
    stem = file_stem(name)
    assert stem.isprintable()
    assert not set(stem) & set('/\\<>:"|?*')
    assert not stem.startswith((".", "-", " ", "~"))
    assert 0 < len(stem.encode()) <= 140


@given(st.lists(st.text(alphabet=st.characters(), min_size=1), unique=True))
def test_two_names_never_lead_to_the_same_file(names: list[str]) -> None:
    assert len({file_stem(name) for name in names}) == len(names)


@pytest.mark.parametrize("name", ["slide-01", "Maus 3 (links), α", "a.b_c+d", "x" * 120])
def test_ordinary_names_stay(name: str) -> None:
    assert file_stem(name) == name


@pytest.mark.parametrize("name", ["..", ".", "", "NUL", "con.a", "a" * 5000, "../../a", *NAMES[:2]])
def test_odd_names_change(name: str) -> None:
    assert file_stem(name) not in (name, name.lower())


@pytest.mark.parametrize(
    ("one", "other"),
    [("M1", "m1"), ("M1", "M1 "), ("M1", "M1\u00a0"), ("M1", "M\u200b1"), ("Mäuse", "Ma\u0308use"),
     ("straße", "STRASSE"), ("M 1", "M  1")],
)  # fmt: skip
def test_names_that_a_reader_takes_for_the_same(one: str, other: str) -> None:
    assert lookalike(one, ["x", other]) == other
    assert lookalike(other, [one]) == one
    assert lookalike(one, [one, "M2"]) is None


def test_the_name_of_a_file_is_shown_and_does_nothing(tmp_path) -> None:
    assert slide_name(tmp_path / "a\x1b[2J\u202e.ome.tif") == "a\\x1b[2J\\u202e"
    assert is_harmless(slide_name(tmp_path / "b\udcff.tif"))
