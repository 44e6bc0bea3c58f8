"""The tables of the report, as Markdown."""

import re
from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any

import numpy as np

from experiments.study.certificates import Certificates, uncertified
from experiments.study.design import Design
from experiments.study.differences import compare
from experiments.study.goals import Found, Records, goals, mean_mse
from experiments.study.record import Record

REFERENCE = "hrpn-m"


def markdown(heads: Sequence[str], rows: Sequence[Sequence[str]], left: int = 1) -> str:
    """A table; the first columns are texts, the others numbers."""
    rule = [("---" if i < left else "---:") for i in range(len(heads))]
    return "\n".join(f"| {' | '.join(row)} |" for row in (list(heads), rule, *rows))


def errors(records: Mapping[str, Sequence[Record]]) -> str:
    """One row for each seed, and the mean of several."""
    heads = ("network", "seed", "MSE", "R²", "r", "r²", "bias", "explained", "smoothed R²",
             "smoothed r", "axis excess", "published MSE (float, 8-bit)", "published R²",
             "predicted range")  # fmt: skip
    rows = []
    for name, seeds in records.items():
        rows += [[f"`{name}`", str(each.seed), *_errors(each)] for each in seeds]
        if len(seeds) > 1:
            rows.append([f"**{name}, mean of {len(seeds)}**", "", *_mean(seeds)])
    measured = next(iter(records.values()))[0].range_of("measured")
    note = f"Measured grey levels: {measured[0]:.0f} to {measured[1]:.0f}."
    if (r2 := next(iter(records.values()))[0].r2_of_noise) is not None:
        note += f" If the noise of the measured target were the only error, R² would be {r2:.3f}."
    return f"{markdown(heads, rows)}\n\n{note}"


def _errors(record: Record) -> list[str]:
    raw, smooth = record.pooled(), record.pooled("smoothed")
    low, high = record.range_of("predicted")
    explained = record.explained
    return [
        f"{raw.mse:.2f}", f"{raw.r2:.3f}", f"{raw.r:.3f}", f"{raw.r**2:.3f}", f"{raw.bias:+.2f}",
        "-" if explained is None else f"{explained:.3f}", f"{smooth.r2:.3f}", f"{smooth.r:.3f}",
        f"{record.excess:.2f}",
        f"{record.published('mse'):.2f}, {record.published('mse_wrapped'):.2f}",
        f"{record.published('r2_per_column'):.3f}", f"{low:.0f} to {high:.0f}",
    ]  # fmt: skip


def _mean(records: Sequence[Record]) -> list[str]:
    def spread(values: Sequence[float], digits: int) -> str:
        deviation = np.std(values, ddof=1)
        return f"{np.mean(values):.{digits}f} ± {deviation:.{digits}f}"

    raw = [each.pooled() for each in records]
    smooth = [each.pooled("smoothed") for each in records]
    explained = [each.explained for each in records if each.explained is not None]
    return [
        spread([s.mse for s in raw], 2), spread([s.r2 for s in raw], 3),
        spread([s.r for s in raw], 3), spread([s.r**2 for s in raw], 3),
        spread([s.bias for s in raw], 2),
        spread(explained, 3) if len(explained) == len(records) else "-",
        spread([s.r2 for s in smooth], 3), spread([s.r for s in smooth], 3),
        spread([each.excess for each in records], 2),
        ", ".join(f"{np.mean([r.published(name) for r in records]):.2f}"
                  for name in ("mse", "mse_wrapped")),
        f"{np.mean([r.published('r2_per_column') for r in records]):.3f}", "",
    ]  # fmt: skip


def trainings(records: Mapping[str, Sequence[Record]], design: Design) -> str:
    """What was chosen for each network, how long it trained, and why it stopped."""
    heads = ("network", "loss", "learning rate", "steps", "million pixels", "core-hours",
             "with the search", "last doubling lowered the error by", "ended", "training MB",
             "parameters", "processor")  # fmt: skip
    rows = []
    for name, seeds in records.items():
        for each in seeds[:1]:
            if each.values["ended"] == "extra" and "parameters" not in each.values:
                continue  # nothing was trained for it
            values, chosen = each.values, each.values["chosen"]
            gain = values.get("last_gain")
            hours = [chosen["core_seconds"], values.get("search_core_seconds")]
            rows.append([
                f"`{name}`", f"`{chosen['loss']}`", f"{chosen['learning_rate']:g}",
                f"{chosen['steps']:,}", f"{chosen['pixels'] / 1e6:,.0f}",
                *("-" if value is None else f"{value / 3600:.2f}" for value in hours),
                "-" if gain is None else f"{100 * gain:.1f} %", _ended(values["ended"], design),
                f"{values['training_memory_mb']:,.0f}" if "training_memory_mb" in values else "-",
                f"{values['parameters']:,}" if "parameters" in values else "-",
                short_processor(values["machine"]["processor"]),
            ])  # fmt: skip
    return markdown(heads, rows, left=2)


def core_hours(records: Mapping[str, Sequence[Record]]) -> str:
    """Processor time of each training for equally many pixels, by processor.

    Core-hours of different processors cannot be compared; those of a column can.
    """
    hours: dict[str, dict[str, list[str]]] = {}
    for name, seeds in records.items():
        for each in seeds:
            if each.values["ended"] == "extra":
                continue
            chosen, machine = each.values["chosen"], each.values["machine"]["processor"]
            value = chosen["core_seconds"] / 3600 / (chosen["pixels"] / 1e9)
            on = hours.setdefault(name, {}).setdefault(short_processor(machine), [])
            on.append(f"{value:.2f}")
    processors = sorted({each for row in hours.values() for each in row})
    rows = [
        [f"`{name}`", *(", ".join(row.get(each, ["-"])) for each in processors)]
        for name, row in hours.items()
    ]
    return markdown(("network", *processors), rows)


def short_processor(name: str) -> str:
    """The name of a processor for a narrow column.

    Example:
        >>> short_processor("Intel(R) Xeon(R) Processor, 2 cores")
        'Intel Xeon'
    """
    return re.sub(r"\((R|TM)\)| Processor|, \d+ cores", "", name)


def _ended(ended: str, design: Design) -> str:
    rule = design.values["rule"]
    words = {
        "limit": f"not converged: limit of {rule['hours'] * rule['cores']:g} core-hours",
        "longest": "not converged: longest of all",
    }
    return words.get(ended, ended)


def differences(records: Mapping[str, Sequence[Record]]) -> str:
    """Every network against ``hrpn-m``."""
    if REFERENCE not in records:
        return f"No record of `{REFERENCE}` yet, so nothing to compare with."
    heads = ("network", "MSE over `hrpn-m`'s", "95 % interval", "Wilcoxon p", "seeds")
    rows = []
    slides = 0
    for name, seeds in records.items():
        if name == REFERENCE:
            continue
        found = compare(seeds, records[REFERENCE])
        slides = found.slides
        low_high = found.interval and f"{found.interval[0]:.3f} to {found.interval[1]:.3f}"
        p = "too few slides" if found.p is None else f"{found.p:.3g}"
        seeds_of = f"{found.seeds[0]} against {found.seeds[1]}"
        rows.append([f"`{name}`", f"{found.ratio:.3f}", low_high or "too few slides", p, seeds_of])
    if not rows:
        return "Only one network so far, so nothing to compare."
    return f"{markdown(heads, rows)}\n\nTest slides: {slides}."


def costs(values: Mapping[str, Any] | None) -> str:
    """Size and latency of each preset."""
    if values is None:
        return "No costs yet: `python benchmarks/experiments/study costs`."
    heads = ("preset", "parameters", "GMAC", "Keras, ms", "ONNX Runtime, ms")
    rows = [
        [
            f"`{name}`",
            f"{each['parameters']:,}",
            f"{each['gmac']:.2f}",
            *(f"{median(each['latency_ms'][runtime]):.1f}" for runtime in ("keras", "onnxruntime")),
        ]
        for name, each in values["presets"].items()
    ]
    note = f"One float32 tile of about 512 px on {values['device']}; medians of rounds in turn."
    return f"{markdown(heads, rows)}\n\n{note}"


def extras(records: Records, design: Design) -> str:
    """Gain and cost of symmetry average, ensemble and distillate."""
    heads = ("what", "of", "data set", "MSE", "MSE over the network's own", "R²",
             "cost of a prediction")  # fmt: skip
    rows = []
    for data, found in records.items():
        for name, extra in design.values.get("extras", {}).items():
            own, base = found.get(name), found.get(extra["of"])
            if own and base:
                # a mean is compared with its members; without seeds of its own an extra has those
                # of its network, of which some may be missing
                seeds = {each.seed for each in (base if "seeds" in extra else own)}
                seeds = set(extra.get("members", seeds))
                base = [each for each in base if each.seed in seeds]
                mse, r2 = mean_mse(own), np.mean([each.pooled().r2 for each in own])
                rows.append([
                    extra["title"], f"`{extra['of']}`", data, f"{mse:.2f}",
                    f"{mse / mean_mse(base):.3f}", f"{r2:.3f}", f"{extra['cost']} times",
                ])  # fmt: skip
    return markdown(heads, rows, left=3) if rows else "None of them is switched on yet."


def verdicts(found: Found) -> str:
    """The goals."""
    heads = ("where", "what", "goal", "measured", "")
    return markdown(heads, [goal.row(found) for goal in goals()], left=2)


def certificates(found: Certificates) -> str:
    """One row for each format of a network, and what is wrong with any."""
    if not found:
        return "Not measured: `python benchmarks/experiments/study certificates`."
    heads = ("network", "format", "certified in", "largest difference, grey levels", "MSE by")
    rows = []
    for piece, entries in found.items():
        for name in dict.fromkeys(f"{each['format']} {each['precision']}" for each in entries):
            own = [each for each in entries if f"{each['format']} {each['precision']}" == name]
            good = [each["runtime"] for each in own if not each["problem"]]
            ran = [each for each in own if each["largest"] is not None]
            worst = max((each["largest"] for each in ran), default=None)
            change = max((each["mse_change"] for each in ran), key=abs, default=None)
            rows.append([
                f"`{piece}`", name, ", ".join(good) or "**none**",
                "-" if worst is None else f"{worst:.2g}",
                "-" if change is None else f"{100 * change:+.2f} %",
            ])  # fmt: skip
    wrong = [f"- `{piece}`, {text}" for piece, each in found.items() for text in uncertified(each)]
    lines = ["", "Not certified:", "", *wrong] if wrong else []
    return "\n".join([markdown(heads, rows, left=3), *lines])
