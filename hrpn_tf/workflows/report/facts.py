"""Tables of facts in a report: model, data, training, prediction."""

from collections.abc import Mapping
from typing import Any

from hrpn_tf.errors import RunError
from hrpn_tf.runs.folder import CONTRACT, ENVIRONMENT, RESOURCES, SPLIT
from hrpn_tf.text import counted
from hrpn_tf.workflows.report.sources import Sources

Facts = list[dict[str, Any]]


def run_facts(sources: Sources) -> list[dict[str, Any]]:
    """Groups of facts of the run: model, data, training.

    Raises:
        RunError: a file of the run is damaged.
    """
    try:
        return [
            {"title": "Model", "facts": _model(sources)},
            {"title": "Data", "facts": _data(sources)},
            {"title": "Training", "facts": _training(sources)},
        ]
    except (KeyError, TypeError, ValueError, AttributeError, IndexError):
        raise RunError(
            f"{sources.run}: {CONTRACT}, {SPLIT}, {RESOURCES} or {ENVIRONMENT} is damaged; "
            "copy the run again"
        ) from None


def slide_facts(
    info: Mapping[str, Any],
    row: Mapping[str, Any],
    coverage: float | None,
    provenance: Mapping[str, Any],
) -> list[dict[str, Any]]:
    """Groups of facts of one slide.

    Args:
        info: properties of the slide by name.
        row: row of the evaluation.
        coverage: share of pixels within their prediction interval, or None.
        provenance: provenance of the prediction.
    """
    levels = []
    for key, name in (("true", "measured"), ("predicted", "predicted")):
        if values := row.get(key):
            levels.append(
                fact(
                    name,
                    f"mean {values['mean']:.3g}, standard deviation {values['sd']:.3g}, "
                    f"{values['min']:.3g} to {values['max']:.3g}",
                )
            )
    if coverage is not None:
        levels.append(fact("within interval", f"{coverage:.1%} of pixels"))
    return [
        {"title": "Slide", "facts": [fact(name, value) for name, value in info.items()]},
        {"title": "Grey levels", "facts": levels},
        {
            "title": "Prediction",
            "facts": flat(_brief(provenance)),
        },
    ]


def _brief(provenance: Mapping[str, Any]) -> dict[str, Any]:
    """Without the configuration, and without the outlines of a region."""
    facts = {key: value for key, value in provenance.items() if key != "configuration"}
    if isinstance(anchor := facts.get("anchor"), Mapping):
        facts["anchor"] = {key: value for key, value in anchor.items() if key != "region_px"}
    return facts


def fact(name: str, value: Any) -> dict[str, str]:
    """One line."""
    return {"name": name, "value": str(value)}


def flat(values: Mapping[str, Any], prefix: str = "") -> Facts:
    """Nested values as lines, with shortened checksums."""
    facts: Facts = []
    for key, value in values.items():
        name = f"{prefix} {key}".strip().replace("_", " ")
        if isinstance(value, Mapping):
            facts += flat(value, name)
        elif value is not None and value != "":
            text = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
            is_checksum = len(text) == 64 and set(text) <= set("0123456789abcdef")
            facts.append(fact(name, f"{text[:16]}..." if is_checksum else text))
    return facts


def _model(sources: Sources) -> Facts:
    contract = sources.run.records.contract
    resources = sources.run.records.resources
    facts = [fact("network", sources.config.model.preset)]
    if "parameters" in resources:
        facts.append(fact("parameters", f"{int(resources['parameters']):,}".replace(",", " ")))
    facts.append(fact("inputs", ", ".join(sources.config.data.inputs)))
    facts.append(fact("target", sources.config.data.target))
    if "pixel_size_um" in contract:
        facts.append(fact("pixel size", f"{contract['pixel_size_um']:g} µm/px"))
    if contract.get("receptive_field"):
        facts.append(fact("receptive field", f"{contract['receptive_field']} px"))
    if averaged := len(sources.metrics.symmetries):
        every = counted(len(sources.metrics.slides), "slide")
        facts.append(fact("symmetries", f"mean of 8 orientations for {averaged} of {every}"))
    facts += [fact("checksum", f"{network[:16]}...") for network in sources.metrics.networks]
    return facts


def _data(sources: Sources) -> Facts:
    facts = []
    split = sources.run.records.split
    for subset in ("train", "validation", "test"):
        part = split.get(subset) or {}
        slides, groups = part.get("slides") or [], part.get("groups") or []
        if groups:
            name = "training" if subset == "train" else subset
            facts.append(
                fact(name, f"{counted(len(slides), 'slide')} of {counted(len(groups), 'group')}: "
                     f"{', '.join(groups)}")
            )  # fmt: skip
    subsets = dict.fromkeys(
        sources.metrics.model(name)["subset"] for name in sources.metrics.slides
    )
    facts.append(
        fact("evaluated", f"{counted(len(sources.metrics.slides), 'slide')} ({', '.join(subsets)})")
    )
    facts.append(fact("measured type", sources.metrics.target_type))
    if sources.metrics.peak is not None:
        facts.append(fact("peak", f"{sources.metrics.peak:g} grey levels"))
    return facts


def _training(sources: Sources) -> Facts:
    training = sources.config.training
    rows = sources.run.history
    parts = training.loss.items()
    loss = " + ".join(name if weight == 1 else f"{weight:g} {name}" for name, weight in parts)
    facts = []
    if training.teacher is not None:
        how = f"{training.teacher}, {training.distillation:g} of the target"
        facts.append(fact("teacher", how))
    if training.start is not None:
        facts.append(fact("started from", training.start))
        if training.freeze is not None:
            facts.append(fact("frozen", training.freeze))
    facts += [fact("epochs", f"{sources.run.epochs} of {training.epochs}"), fact("loss", loss)]
    best = min((row for row in rows if row.get("val_loss")), default=None,
               key=lambda row: float(row["val_loss"]))  # fmt: skip
    if best is not None:
        facts.append(fact("best epoch", f"{best['epoch']} (validation loss {best['val_loss']:.6})"))
    facts.append(fact("batch size", training.batch_size))
    facts.append(fact("seed", training.seed))
    seconds = sources.run.records.resources.get("seconds")
    if seconds:
        facts.append(fact("time", f"{seconds / 60:.0f} min"))
    starts = sources.run.records.environment.get("starts") or []
    if starts:
        last = starts[-1]
        facts.append(fact("started", str(starts[0].get("started", ""))[:10]))
        facts.append(fact("machine", ", ".join(
            str(part) for part in (last.get("cpu"), *(last.get("gpus") or ())) if part
        )))  # fmt: skip
        versions = last.get("versions") or {}
        facts.append(fact("versions", ", ".join(f"{k} {v}" for k, v in versions.items())))
    return facts
