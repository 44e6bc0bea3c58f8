"""A spatial evaluation as Markdown, made of what ``spatial.json`` holds."""

from collections.abc import Mapping, Sequence
from typing import Any

from hrpn_tf.evaluation.bootstrap import FEWEST, NOT_RESOLVED
from hrpn_tf.evaluation.spatial.ends import ends_in_words
from hrpn_tf.evaluation.tables import aligned
from hrpn_tf.text import markdown

_PROFILE = {
    "depth_1_e": ("penetration depth, excess falls to 1/e, um", 1),
    "depth_10_percent": ("penetration depth, excess falls to 10 %, um", 1),
    "decay_um": ("length of the fitted exponential, um", 1),
    "wall": ("excess at the vessel wall, grey levels", 2),
    "background": ("background, grey levels", 2),
}
_NUCLEI = {
    "true_share": "share positive, measured",
    "pred_share": "share positive, predicted",
    "sensitivity": "sensitivity",
    "specificity": "specificity",
    "kappa": "Cohen's kappa",
}


def to_markdown(values: Mapping[str, Any], pictures: Sequence[str]) -> str:
    """Tables, pictures, and how to read them."""
    parts = [
        "# Spatial evaluation\n",
        f"Intervals are 95 %; {values['intervals']}.\n",
        "## Agreement of predicted and measured\n",
        agreement_table(values),
        _reasons(values),
        "## Beside published figures\n",
        _published(values),
        values["published"]["remark"] + "\n",
        "## Distance to the nearest vessel\n",
        profile_table(values),
        "## Nuclei\n",
        _nuclei(values),
        "## Range of intensities, grey levels\n",
        _intensity(values),
        *(
            ["## What each input contributes\n", ablation_table(values)]
            if values["ablation"]
            else []
        ),
        *_regions(values),
        "## Slides\n",
        _slides(values),
        "## Figures\n",
        *(f"![{name}]({name})\n" for name in pictures if name.endswith(".png")),
        "## Definitions\n",
        *_definitions(values),
    ]
    return "\n".join(part for part in parts if part)


def agreement_table(values: Mapping[str, Any]) -> str:
    """Every kind of pairs: bias, limits of agreement, Pearson, ICC with intervals."""
    lines = [["", "pairs", "measured", "predicted", "bias", "limits of agreement", "r",
              "ICC(2,1)", "ICC(3,1)"]]  # fmt: skip
    for found in values["agreement"].values():
        if "bias" not in found:
            lines.append([found["title"], str(found["count"]), *["-"] * 7])
            continue
        limits = f"{_number(found['limit_low'], 3)} to {_number(found['limit_high'], 3)}"
        lines.append(
            [
                f"{found['title']}, {found['unit']}",
                str(found["count"]),
                _number(found["true_mean"], 3),
                _number(found["pred_mean"], 3),
                _number(found["bias"], 3),
                limits,
                *(_agreed(found, name) for name in ("pearson", "icc2", "icc3")),
            ]
        )
    return aligned(lines, left=1)


def profile_table(values: Mapping[str, Any]) -> str:
    """Penetration and extravasation, measured and predicted, with intervals."""
    profile = values["profile"]
    lines = [["", "measured", "predicted", "predicted - measured"]]
    for name, (title, digits) in _PROFILE.items():
        apart = profile["difference"].get(name)
        lines.append(
            [
                title,
                _estimate(profile["true"][name], digits),
                _estimate(profile["pred"][name], digits),
                "" if apart is None else _estimate(apart, digits),
            ]
        )
    far = values["extravasation"]
    lines.append(
        ["extravasation distance, um",
         *(_estimate(far[name], 1) for name in ("true_um", "pred_um", "difference_um"))]
    )  # fmt: skip
    reason = f"\nNo depths: {markdown(profile['undefined'])}.\n" if profile["undefined"] else ""
    return aligned(lines, left=1) + reason + _unresolved(profile)


def _unresolved(profile: Mapping[str, Any]) -> str:
    """Why values are missing, each reason once."""
    found = [
        f"{title}: {profile[which][name]['unresolved']}"
        for which, title in (("true", "measured"), ("pred", "predicted"))
        for name in _PROFILE
        if profile[which][name]["value"] is None and not profile["undefined"]
    ]
    return "".join(f"\nNot resolved, {reason}.\n" for reason in dict.fromkeys(found))


def ablation_table(values: Mapping[str, Any]) -> str:
    """Errors with and without each input."""
    lines = [["without", "MSE", "MSE without", "ratio", "R²", "R² without", "change of R²"]]
    for one in values["ablation"]:
        change = one["change"]
        lines.append(
            [
                markdown(one["input"]),
                _interval(one["mse"], 3),
                _interval(one["mse_without"], 3),
                _interval(change["mse_ratio"], 2),
                _interval(one["r2"], 3),
                _interval(one["r2_without"], 3),
                _interval(change["r2"], 3),
            ]
        )
    done = dict.fromkeys(one["description"] for one in values["ablation"])
    notes = "".join(f"\nWithout: {markdown(text)}.\n" for text in done)
    return aligned(lines, left=1) + notes


def _published(values: Mapping[str, Any]) -> str:
    lines = [["", "paper", "figure", "published", "here: ICC(2,1)", "here: ICC(3,1)", "here: r²"]]
    for one in values["published"]["figures"]:
        found = values["agreement"][one["kind"]]
        r = found.get("pearson")
        lines.append(
            [
                found["title"], one["paper"], one["figure"], f"{one['value']:g}",
                _number(found.get("icc2"), 3), _number(found.get("icc3"), 3),
                _number(None if r is None else r * r, 3),
            ]
        )  # fmt: skip
    return aligned(lines, left=3)


def _nuclei(values: Mapping[str, Any]) -> str:
    nuclei = values["nuclei"]
    if not nuclei["count"]:
        return "No nuclei were found, or no input shows them.\n"
    lines = [[f"{nuclei['count']} nuclei", "value"]]
    lines += [[title, _estimate(nuclei[name], 3)] for name, title in _NUCLEI.items()]
    return aligned(lines, left=1)


def _intensity(values: Mapping[str, Any]) -> str:
    true, pred = values["intensity"]["true"], values["intensity"]["pred"]
    if not true:
        return "No pixel counts.\n"
    names = ["min", *(f"p{p}" for p in true["percentiles"]), "max", "mean", "sd"]
    lines = [["", *names]]
    for title, found in (("measured", true), ("predicted", pred)):
        flat = {**found, **{f"p{p}": v for p, v in found["percentiles"].items()}}
        lines.append([title, *(_number(flat[name], 2) for name in names)])
    return aligned(lines, left=1)


def _regions(values: Mapping[str, Any]) -> list[str]:
    lines = [["region", "slide", "pixels", "measured", "predicted"]]
    for slide in values["slides"]:
        lines += [
            [markdown(name), markdown(slide["name"]), str(one["pixels"]),
             _number(one["true_mean"], 3), _number(one["pred_mean"], 3)]
            for name, one in slide["regions"].items()
        ]  # fmt: skip
    return ["## Regions\n", aligned(lines, left=2)] if len(lines) > 1 else []


def _slides(values: Mapping[str, Any]) -> str:
    lines = [["slide", "vessels", "found by", "nuclei", "positive above", "1/e measured, um",
              "1/e predicted, um", "ICC(2,1) of pixels"]]  # fmt: skip
    for slide in values["slides"]:
        profile = slide["profile"]
        lines.append(
            [
                markdown(slide["name"]),
                str(slide["vessels"]["count"]),
                markdown(slide["vessels"]["source"]),
                str(slide["nuclei"]["count"]),
                _number(slide["positive_threshold"], 2),
                _estimate(profile["true"]["depth_1_e"], 1),
                _estimate(profile["pred"]["depth_1_e"], 1),
                _number(slide["pixels"]["icc2"], 3),
            ]
        )
    return aligned(lines, left=3) + "\nIntervals of single slides are over their blocks.\n"


def _definitions(values: Mapping[str, Any]) -> list[str]:
    lines = [f"- {one['title']} ({one['unit']}): {one['definition']}."
             for one in values["agreement"].values()]  # fmt: skip
    settings = ", ".join(f"`{key}` {markdown(value)}" for key, value in values["settings"].items())
    return [
        *lines,
        "- Bias: mean of predicted minus measured. Limits of agreement: bias ± 1.96 standard "
        "deviations of the differences (Bland and Altman 1986).",
        "- ICC(2,1) counts a bias as disagreement, ICC(3,1) does not (Shrout and Fleiss 1979). In "
        "brackets the interval of the bootstrap; `spatial.json` also holds the F interval, which "
        "takes pairs as independent and is too narrow for neighbours.",
        f"- {NOT_RESOLVED.capitalize()}: the data cannot tell. An interval takes at least {FEWEST} "
        "animals (or slides that are an animal each, or blocks) whose resamples differ; a length "
        "below the bin width cannot be told from none. An end with > or < is out of reach.",
        f"- Settings: {settings}.\n",
    ]


def _reasons(values: Mapping[str, Any]) -> str:
    return "".join(
        f"- No figures of {one['title']}: {markdown(one['undefined'])}.\n"
        for one in values["agreement"].values()
        if one["undefined"]
    )


def _agreed(found: Mapping[str, Any], name: str) -> str:
    bounds = found["interval_bootstrap"].get(name)
    return _bracketed(found[name], bounds, 3, found["unresolved"].get(name, ""))


def _estimate(found: Mapping[str, Any], digits: int) -> str:
    if "below_um" in found:
        return f"< {found['below_um']:.{digits}f}"
    if "above_um" in found:
        return f"> {found['above_um']:.{digits}f}"
    if (ends := ends_in_words(found, lambda end: f"{end:.{digits}f}")) is not None:
        return f"{found['value']:.{digits}f} ({ends})"
    return _bracketed(found["value"], None, digits, found["unresolved"])


def _interval(found: Mapping[str, Any], digits: int) -> str:
    low, high = found["low"], found["high"]
    bounds = None if low is None else (low, high)
    return _bracketed(found["estimate"], bounds, digits, found["unresolved"])


def _bracketed(
    value: float | None, bounds: Sequence[float] | None, digits: int, unresolved: str
) -> str:
    if value is None or bounds is None:
        return _number(value, digits) + (f" ({NOT_RESOLVED})" if unresolved else "")
    return f"{value:.{digits}f} ({bounds[0]:.{digits}f} to {bounds[1]:.{digits}f})"


def _number(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:.{digits}f}"
