"""The spatial evaluation, as ``hrpn-tf evaluate --spatial`` left it beside the metrics."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from hrpn_tf.evaluation.bootstrap import NOT_RESOLVED
from hrpn_tf.evaluation.report.charts import Chart, drawing, save
from hrpn_tf.evaluation.report.colours import SERIES
from hrpn_tf.evaluation.report.sections import (
    ReportSection,
    Table,
    is_png,
    picture,
    read_values,
)

FILE = "spatial.json"
# The profile is drawn anew from its numbers, in the colours of the page.
_DRAWN_HERE = "distance-profile"
_PAIR = (("true", "measured", SERIES[1], "-"), ("pred", "predicted", SERIES[0], "--"))


def spatial_section(
    evaluation: Path, target: str, folder: Path
) -> tuple[ReportSection | None, str]:
    """The section, or None and one line that says how to get it.

    Args:
        evaluation: folder of ``spatial.json`` and the folder ``spatial`` of figures.
        target: what the target is called.
        folder: of the report's figures.
    """
    if not (evaluation / FILE).exists():
        return None, "no spatial evaluation; make it with: hrpn-tf evaluate --run {run} --spatial"
    values = read_values(evaluation / FILE)
    try:
        if values is None:
            raise ValueError
        tables = [*_agreement(values), *_depths(values), *_cells(values), *_ablation(values)]
        profile = draw_profile(values["profile"], target, values.get("intervals", ""), folder)
    except (KeyError, TypeError, ValueError, AttributeError, IndexError):
        return None, (
            f"{evaluation / FILE} is damaged or of another version; make it again with: "
            "hrpn-tf evaluate --run {run} --spatial --overwrite"
        )
    pictures = [
        picture(path)
        for path in sorted((evaluation / "spatial").glob("*.png"))
        if path.stem != _DRAWN_HERE and is_png(path)
    ]
    text = f"Intervals: {values['intervals']}." if values.get("intervals") else ""
    return ReportSection("spatial", "Where the target goes", text, tables, [profile], pictures), ""


def draw_profile(profile: Mapping[str, Any], target: str, intervals: str, folder: Path) -> Chart:
    """Mean grey level by distance to the nearest vessel, with bands."""
    distance = _numbers(profile["mean_distance_um"])
    curves = {
        key: [
            _numbers(profile[key][part] or [None] * len(distance))
            for part in ("mean", "low", "high")
        ]
        for key, *_ in _PAIR
    }
    with drawing(5.2, 4.0) as (figure, axes):
        for key, label, colour, style in _PAIR:
            mean, low, high = curves[key]
            axes.fill_between(distance, low, high, color=colour, alpha=0.2, linewidth=0)
            axes.plot(distance, mean, color=colour, linestyle=style, label=label)
        axes.set_xlabel("distance to the nearest vessel, µm")
        axes.set_ylabel(f"mean {target}, grey levels", parse_math=False)
        axes.legend()
        header = ["distance_um", "pixels"]
        columns = [distance, profile["pixels"]]
        for key, label, *_ in _PAIR:
            header += [f"{label}_{part}" for part in ("mean", "low", "high")]
            columns += curves[key]
        return save(
            figure,
            folder,
            "distance_profile",
            title="Profile by distance",
            caption="Mean target by distance to the nearest vessel, with 95 % bands"
            + (f" ({intervals})." if intervals else "."),
            header=header,
            rows=zip(*columns, strict=True),
        )


def _agreement(values: Mapping[str, Any]) -> list[Table]:
    rows = [
        [
            f"{found['title']} ({_unit(found['unit'])})" if found.get("unit") else found["title"],
            found["count"],
            *(found.get(name) for name in ("bias", "limit_low", "limit_high", "pearson")),
            *(_with_interval(found, name) for name in ("icc2", "icc3")),
        ]
        for found in values["agreement"].values()
    ]
    heads = ("what is compared", "pairs", "bias", "limit low", "limit high", "r",
             "ICC(2,1)", "ICC(3,1)")  # fmt: skip
    published = values.get("published") or {}
    others = "; ".join(
        f"{one['paper']}: {one['kind'].replace('_', ' ')} {one['figure']} {one['value']}"
        for one in published.get("figures", ())
    )
    note = f"Published figures: {others}. {published.get('remark', '')}" if others else ""
    return [Table("Agreement of predicted and measured; limits are Bland-Altman's", heads, rows,
                  note)]  # fmt: skip


def _depths(values: Mapping[str, Any]) -> list[Table]:
    """Penetration and extravasation."""
    profile = values["profile"]
    names = {"depth_1_e": "penetration depth to 1/e, µm", "depth_10_percent": "to 10 %, µm"}
    rows = [
        [title, *(_value(profile[which].get(name)) for which in ("true", "pred", "difference"))]
        for name, title in names.items()
    ]
    found = values.get("extravasation") or {}
    if "true_um" in found:
        rows.append(
            ["distance of positive pixels, µm"]
            + [_value(found[name]) for name in ("true_um", "pred_um", "difference_um")]
        )
    note = profile.get("undefined") or ""
    return [Table("How far", ("figure", "measured", "predicted", "difference"), rows, note)]


def _cells(values: Mapping[str, Any]) -> list[Table]:
    """Nuclei with and without particles."""
    found = values.get("nuclei") or {}
    shown = ("true_share", "pred_share", "sensitivity", "specificity", "kappa")
    if not found.get("count") or not all(name in found for name in shown):
        return []
    heads = ("nuclei", "positive, measured", "positive, predicted", *shown[2:])
    row = [str(found["count"]), *(_value(found[name]) for name in shown)]
    return [Table("Nuclei with particles", heads, [row])]


def _ablation(values: Mapping[str, Any]) -> list[Table]:
    rows = [
        [
            f"{one['input']} ({one['how']})",
            *(_value(one[n]) for n in ("mse", "mse_without", "r2", "r2_without")),
        ]
        for one in values.get("ablation") or ()
    ]
    heads = ("input taken away (how)", "MSE", "MSE without it", "R²", "R² without it")
    words = {one["how"]: one["description"] for one in values.get("ablation") or ()}
    note = " ".join(f"{how}: {text}." for how, text in words.items())
    return [Table("What each input contributes", heads, rows, note)] if rows else []


def _value(found: Any) -> Any:
    """A value with its interval, as text; None where it is undefined.

    The value stands in the file with an interval of two, or as an estimate with its bounds.
    """
    if not isinstance(found, Mapping):
        return found
    if "below_um" in found:
        return f"< {found['below_um']:.3g}"
    if "above_um" in found:
        return f"> {found['above_um']:.3g}"
    value = found["value"] if "value" in found else found["estimate"]
    if value is None:
        return None
    low, high = found.get("interval") or (found.get("low"), found.get("high"))
    if low is None or high is None:
        plain = f"{value:.3g} ({NOT_RESOLVED})".replace("-", "−")
        return plain if found.get("unresolved") else value
    return f"{value:.3g} ({low:.3g} to {high:.3g})".replace("-", "−")


def _unit(text: str) -> str:
    return text.replace("um", "µm")


def _with_interval(found: Mapping[str, Any], name: str) -> Any:
    if name not in found:
        return None
    bounds = (found.get("interval_bootstrap") or {}).get(name)
    reason = (found.get("unresolved") or {}).get(name, "")
    return _value({"value": found[name], "interval": bounds, "unresolved": reason})


def _numbers(values: Sequence[Any]) -> np.ndarray:
    """Undefined values as NaN."""
    return np.array([np.nan if value is None else value for value in values], np.float64)
