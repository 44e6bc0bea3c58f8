"""Comparisons from per-slide figures: groups, shares, tables, pictures."""

import csv
import io
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from hrpn_tf.errors import UsageError
from hrpn_tf.evaluation.comparison.comparison import (
    ComparedSlides,
    Comparison,
    Cost,
    Entry,
    StatedIntervals,
    with_groups,
)
from hrpn_tf.evaluation.comparison.plots import draw_comparison
from hrpn_tf.evaluation.comparison.tables import (
    difference_table,
    main_table,
    to_csv,
    to_json,
    to_markdown,
)
from hrpn_tf.evaluation.metrics import METRICS

PIXELS = np.array([100.0, 300.0])
SLIDES = ComparedSlides(
    ("a", "b"),
    ("m1", "m2"),
    PIXELS,
    np.array([4.0, 8.0]),
    np.array([3.0, 5.0]),
    0,
    99,
    np.ones(2),
    "qd",
)


def entry(label: str, mse: tuple[float, float], kind: str = "run", **rest: object) -> Entry:
    pooled = float(PIXELS @ mse / PIXELS.sum())
    values = {**dict.fromkeys(METRICS, 0.5), "mse": pooled, "ssim": None}
    predicted = {"min": -1.0, "max": 90.0 - pooled, "mean": 5.0, "sd": 2.0}
    given = {"preset": "hrpn-m", "family": label, "seed": 0} if kind == "run" else {}
    return Entry(label, kind, np.array(mse), values, predicted, **{**given, **rest})  # type: ignore[arg-type]


def seeds() -> list[Entry]:
    cost = Cost(1000, 6.5, 3.0, None, 20.0, 1.0)
    return [
        entry("m0", (1, 2), family="m", cost=cost),
        entry("m1", (3, 2), family="m", seed=1, cost=cost),
        entry("s", (4, 4), preset="hrpn-s"),
    ]


def comparison(reference: str = "m0", slides: ComparedSlides = SLIDES) -> Comparison:
    entries = [*with_groups(seeds()), entry("mean of training slides", (25, 30), "baseline")]
    return Comparison(slides, tuple(entries), reference, 255.0, ("Latency: by a sundial.",))


def test_seeds_of_one_network_form_a_group() -> None:
    labels = [each.label for each in with_groups(seeds())]
    assert labels == ["m0", "m1", "hrpn-m, mean of 2", "s"]
    group = with_groups(seeds())[2]
    np.testing.assert_allclose(group.mse, [2, 2])
    assert group.runs == ("m0", "m1")
    assert group.pooled["mse"] == pytest.approx((1.75 + 2.25) / 2)
    assert group.spread["mse"] == pytest.approx(np.std([1.75, 2.25], ddof=1))
    assert group.pooled["ssim"] is None
    assert group.predicted["max"] == 90 - 1.75
    assert group.cost.latency_ms == 20
    assert group.cost.training_memory_mb is None


def test_two_families_of_one_preset_are_told_apart() -> None:
    runs = [entry(f"{name}{i}", (1, 1), family=name) for name in "ab" for i in range(2)]
    labels = [each.label for each in with_groups(runs) if each.kind == "group"]
    assert labels == ["hrpn-m as a0, mean of 2", "hrpn-m as b0, mean of 2"]


def test_the_explained_share_in_closed_form() -> None:
    """Variance of all pixels: within 0.25 x 9 + 0.75 x 25, between 0.1875 x 16."""
    got = comparison()
    variance = 0.25 * 9 + 0.75 * 25 + 0.1875 * 16
    for label, mse in (("m0", 1.75), ("s", 4.0)):
        expected = (variance - mse) / (variance - 1)
        assert got.explained_share(got.entry(label)) == pytest.approx(expected)
    unknown = ComparedSlides(**{**vars(SLIDES), "floor": None})
    assert comparison(slides=unknown).explained_share(got.entry("s")) is None
    assert "explained" not in main_table(comparison(slides=unknown))


def test_differences_are_from_the_reference() -> None:
    got = comparison("hrpn-m, mean of 2")
    assert "hrpn-m, mean of 2" not in got.differences
    assert got.differences["s"].mse.estimate == pytest.approx(2)
    assert got.differences["s"].mse_ratio.estimate == pytest.approx(2)
    assert got.differences["m0"].mse.low is None, "two slides"
    assert "2.000 [not resolved]" in difference_table(got)
    with pytest.raises(UsageError, match="nothing of this name; there are m0, m1, hrpn-m"):
        got.entry("m9")


def test_tables_hold_every_entry() -> None:
    got = comparison()
    lines = main_table(got).splitlines()
    assert len(lines) == 2 + len(got.entries)
    assert len({len(line) for line in lines}) == 1, "columns line up"
    assert "2.000 ± 0.354" in lines[4]
    assert lines[-1].count(" - ") >= 6, "a baseline costs nothing and has no SSIM here"
    assert "reference" in difference_table(got).splitlines()[2]
    text = to_markdown(got)
    for expected in ("3 distinct resamples", "GMAC", "by a sundial", "Mean of n", "0.0 to 99.0"):
        assert expected in text


def test_csv_and_json_hold_the_same_numbers() -> None:
    got = comparison()
    rows = list(csv.DictReader(io.StringIO(to_csv(got))))
    values = json.loads(to_json(got))
    assert [row["label"] for row in rows] == [each["label"] for each in values["entries"]]
    for row, each in zip(rows, values["entries"], strict=True):
        assert float(row["mse"]) == each["mse"]
        assert row["latency_ms"] == ("" if each["latency_ms"] is None else str(each["latency_ms"]))
    apart = values["entries"][3]["difference"]["mse_ratio"]
    assert float(rows[3]["mse_ratio"]) == apart["estimate"]
    assert rows[3]["mse_ratio_high"] == ""
    assert apart["high"] is None
    assert apart["unresolved"] == "2 slides, and an interval takes at least 4"
    assert rows[3]["unresolved"] == f"not resolved: {apart['unresolved']}"
    assert values["schema"] == "hrpn-tf comparison 1"
    named = {"mse", "latency_ms", "explained_share", "difference", "error_floor"}
    assert named <= set(values["definitions"])


def test_pictures_are_drawn_with_and_without_costs(tmp_path: Path) -> None:
    assert set(draw_comparison(comparison(), tmp_path)) == {"mse.png", "range.png", "cost.png"}
    bare = Comparison(SLIDES, (entry("a $x$ | b", (1, 2)),), "a $x$ | b", None)
    assert set(draw_comparison(bare, tmp_path)) == {"mse.png", "range.png"}
    assert all((tmp_path / name).stat().st_size > 5000 for name in ("mse.png", "cost.png"))


def test_published_definitions_and_the_range_stand_side_by_side() -> None:
    """With the intervals of the one run that has some; nothing of it without percentiles."""
    levels = {"min": 0.0, "p0.1": 0.0, "p99.9": 60.0, "max": 99.0, "mean": 6.0, "sd": 4.0}
    slides = replace(SLIDES, true=levels)
    found = comparison(slides=slides)
    runs = [
        replace(
            each,
            predicted={**levels, "p99.9": 51.25},
            intervals=StatedIntervals(0.9, 0.912, 7.5) if each.label == "m0" else None,
        )
        for each in found.entries
    ]
    found = replace(found, entries=tuple(runs))
    text = to_markdown(found)
    published = text.partition("## Published definitions")[2].splitlines()[2]
    assert [cell.strip() for cell in published.strip("|").split("|")] == [
        "", "MSE", "MSE, 8 bits", "RMSE", "RMSE, 8 bits", "PSNR dB", "R²", "R² per column",
    ]  # fmt: skip
    assert "modulo 256" in text
    rows = text.partition("## Range of the predictions")[2].splitlines()
    cells = {row.split("|")[1].strip(): row.split("|")[2:-1] for row in rows if "|" in row}
    assert [cell.strip() for cell in cells["measured"][:4]] == ["0.00", "0.00", "60.00", "99.00"]
    assert cells["m0 (hrpn-m)"][2].strip() == "51.25"
    assert [cell.strip() for cell in cells["m0 (hrpn-m)"][6:]] == ["90%", "91.2%", "7.50"]
    assert [cell.strip() for cell in cells["s (hrpn-s)"][6:]] == ["-", "-", "-"]
    entries = {each["label"]: each for each in json.loads(to_json(found))["entries"]}
    assert entries["m0"]["intervals"] == {"stated": 0.9, "coverage": 0.912, "mean_width": 7.5}
    assert "Range of the predictions" not in to_markdown(comparison())


def test_slides_of_one_animal_are_drawn_together(tmp_path: Path) -> None:
    """Four animals with two slides of equal errors each: the intervals are those of four slides."""
    flat = np.full(8, 100.0)
    names = tuple("abcdefgh")
    errors = {"m0": [1.0, 2, 3, 4], "s": [2.0, 2, 5, 4]}
    twice = ComparedSlides(
        names, tuple("ppqqrrss"), flat, flat / 10, flat / 20, 0, 99, None, "qd"
    )  # fmt: skip
    once = replace(
        twice, names=names[:4], group_names=("p", "q", "r", "s"),
        **{name: flat[:4] * share for name, share in
           (("pixels", 1), ("true_mean", 0.1), ("true_sd", 0.05))},
    )  # fmt: skip
    found = []
    for slides, times in ((twice, 2), (once, 1)):
        entries = [
            replace(entry(label, (1, 1)), mse=np.repeat(mse, times))
            for label, mse in errors.items()
        ]
        found.append(Comparison(slides, tuple(entries), "m0", None))
    several, single = found
    assert several.mse["s"].low == pytest.approx(single.mse["s"].low)
    assert several.differences["s"].r2.high == pytest.approx(single.differences["s"].r2.high)
    text = to_markdown(several)
    assert "bootstrap over animals" in text
    assert "4 test animals (8 slides) have 35 distinct resamples" in text
    assert "bootstrap over slides" in to_markdown(single)
    values = json.loads(to_json(several))
    assert values["resampled"] == "animals"
    assert [row["group"] for row in values["slides"]] == list("ppqqrrss")
    assert "over animals" in values["definitions"]["difference"]["definition"]
    assert json.loads(to_json(single))["resampled"] == "slides"
    draw_comparison(several, tmp_path)
