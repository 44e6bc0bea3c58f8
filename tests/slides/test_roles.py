"""Roles that channel names suggest."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hrpn_tf.slides.roles import STAINS, suggested_role


@pytest.mark.parametrize(
    ("name", "role"),
    [
        ("DAPI", "nuclei"),
        ("dapi (Opal)", "nuclei"),
        ("Hoechst33342", "nuclei"),
        ("DRAQ5", "nuclei"),
        ("TO-PRO-3", "nuclei"),
        ("CD31", "vessels"),
        ("cd-31", "vessels"),
        ("anti-CD31_AF647", "vessels"),
        ("PECAM1", "vessels"),
        ("CD31 (Opal 520)", "vessels"),
        ("tomato lectin", "vessels"),
        ("isolectin-IB4", "vessels"),
        ("Endomucin", "vessels"),
        ("VE-cadherin", "vessels"),
        ("SpGreen", "vessels"),
        ("QD", "qd"),
        ("QD655", "qd"),
        ("Quantum dots 705", "qd"),
        ("FITC-dextran", "qd"),
        ("SpOrange", "qd"),
        ("vessels", "vessels"),
        ("nuclei", "nuclei"),
        ("qd", "qd"),
        ("", None),
        ("0", None),
        ("CD310", None),
        ("CD340", None),
        ("selectin", None),
        ("E-selectin", None),
        ("collectins", None),
        ("autofluorescence", None),
        ("kidney", None),
        ("Vietnam", None),
        ("CD31+DAPI", None),  # both
        ("FITC", None),
        ("MAP2", None),
    ],
)
def test_names(name: str, role: str | None) -> None:
    assert suggested_role(name) == role


@given(
    st.sampled_from([(role, stain) for role, stains in STAINS.items() for stain in stains]),
    st.sampled_from([str.lower, str.upper, str.title]),
    st.sampled_from(["", " ", "-", "_"]),
    st.sampled_from(["{}", "anti-{}", "{} (Opal 570)", "1_{}_b", "Ch 2: {}"]),
)
def test_every_stain_in_any_spelling(
    stain: tuple[str, str], case: object, between: str, within: str
) -> None:
    role, text = stain
    spelt = case(text).replace(" ", between)  # type: ignore[operator]
    assert suggested_role(within.format(spelt)) == role


@given(st.text())
def test_any_text_has_an_answer(name: str) -> None:
    assert suggested_role(name) in (None, *STAINS)
