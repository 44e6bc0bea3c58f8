"""The spatial evaluation, as ``hrpn-tf evaluate --spatial`` left it beside the metrics."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hrpn_tf.evaluation.bootstrap import NOT_RESOLVED
from hrpn_tf.evaluation.report.sections import (
    ReportSection,
    Table,
    is_png,
    picture,
    read_values,
)
from hrpn_tf.evaluation.spatial.ends import ends_in_words

FILE = "spatial.json"
_FIRST = "distance-profile"  # of the figures


def spatial_section(evaluation: Path) -> tuple[ReportSection | None, str]:
    """The section, or None and why not, in words that a command follows.

    Args:
        evaluation: folder of ``spatial.json`` and the folder ``spatial`` of figures, which are
            shown as they are.
    """
    if not (evaluation / FILE).exists():
        return None, "no spatial evaluation; make it with"
    values = read_values(evaluation / FILE)
    try:
        if values is None:
            raise ValueError
        tables = [*_agreement(values), *_depths(values), *_cells(values), *_ablation(values)]
    except (KeyError, TypeError, ValueError, AttributeError, IndexError):
        return None, f"{evaluation / FILE} is damaged or of another version; make it again with"
    figures = sorted(
        (path for path in (evaluation / "spatial").glob("*.png") if is_png(path)),
        key=lambda path: (path.stem != _FIRST, path.stem),
    )
    text = f"Intervals: {values['intervals']}." if values.get("intervals") else ""
    title, pictures = "Where the target goes", [picture(path) for path in figures]
    return ReportSection("spatial", title, text, tables, pictures=pictures), ""


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
    if (ends := ends_in_words(found, lambda end: f"{end:.3g}")) is not None:
        return f"{value:.3g} ({ends})".replace("-", "−")
    low, high = found.get("low"), found.get("high")
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
