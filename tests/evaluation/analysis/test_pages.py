"""The pages of an analysis."""

from typing import Any

from hrpn_tf.evaluation.analysis.pages import page_tables, to_markdown


def values(*depths: dict[str, Any]) -> dict[str, Any]:
    """What ``analysis.json`` holds of slides with these depths."""
    plain = {"value": None, "interval": None, "unresolved": ""}
    known = [found["value"] for found in depths if found.get("value") is not None]
    about = {
        "group": "a", "condition": "", "tissue_mm2": 1.0, "vessels": 3, "nuclei": 2,
        "threshold": 4.0, "vessel_source": "otsu", "nucleus_source": "otsu",
    }  # fmt: skip
    mean = {"measure": "depth", "condition": "", "animals": len(known), "unresolved": "",
            "mean": sum(known) / len(known), "low": None, "high": None}  # fmt: skip
    return {
        "analysed": "three slides",
        "definitions": {"depth": {"title": "penetration depth", "unit": "um", "definition": "d"}},
        "measures": [mean],
        "conditions": [], "paired": False, "margins": {}, "coverage": 0.9, "regions": [],
        "slides": [
            {"slide": f"s{number}", "measures": {"depth": {**plain, **found}}, **about}
            for number, found in enumerate(depths)
        ],
        "intervals": [],
    }  # fmt: skip


def test_slides_that_do_not_count_in_a_mean_are_named_with_the_reason() -> None:
    short, long = {"below_um": 2.0}, {"value": 30.0}
    overall = page_tables(values(short, short, {"unresolved": "too few sub-areas"}, {}, long))[0]
    assert overall.note == (
        "Without a value, and left out of the mean: penetration depth, µm: 4 of 5 slides "
        "(< 2.0: 2; too few sub-areas: 1; undefined: 1)."
    )
    assert "left out" not in page_tables(values(long, long))[0].note


def test_the_page_says_so_too() -> None:
    assert "left out of the mean" in to_markdown(values({}, {"value": 3.0}), [])


def test_an_interval_that_ends_beyond_the_profile_says_so() -> None:
    far = {"value": 30.0, "interval": [20.0, None], "high_above_um": 98.0}
    near = {"value": 30.0, "interval": [20.0, 40.0]}
    rows = page_tables(values(far, near))[1].rows
    assert rows[0][1:] == ["30.0 (20.0 to > 98.0)", "30.0 (20.0 to 40.0)"]
