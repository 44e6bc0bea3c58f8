"""The comparison of runs on the same slides: metrics, groups of seeds, differences."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from functools import cached_property
from typing import Any, Literal

import numpy as np

from hrpn_tf.errors import UsageError
from hrpn_tf.evaluation.bootstrap import (
    Difference,
    Groups,
    Interval,
    SlideSums,
    difference,
    interval,
)
from hrpn_tf.evaluation.metric_values import PERCENTILES

SCHEMA = "hrpn-tf comparison 1"
Kind = Literal["run", "group", "baseline"]

# name: (unit, definition)
COST_DEFINITIONS = {
    "parameters": ("1", "trainable numbers of the network"),
    "gmac": ("1e9", "multiply-accumulate operations for one input of 512 x 512 px, or of the next "
             "larger side that the network takes"),
    "steps_per_second": ("1/s", "training steps per second of an epoch, median over epochs, as "
                         "the run recorded it on its own machine"),
    "training_memory_mb": ("MB", "largest memory of the training, without what the process held "
                           "before the network was built, as the run recorded it"),
    "latency_ms": ("ms", "time of the network on one such input, batch 1, float32; median over "
                   "rounds in which all networks take turns"),
    "latency_ratio": ("1", "that time over the first network's in the same round; median"),
}  # fmt: skip


@dataclass(frozen=True)
class Cost:
    """The cost of a network; see ``COST_DEFINITIONS``. None stands for unknown."""

    parameters: float | None = None
    gmac: float | None = None
    steps_per_second: float | None = None
    training_memory_mb: float | None = None
    latency_ms: float | None = None
    latency_ratio: float | None = None

    def to_json(self) -> dict[str, float | None]:
        """As plain values."""
        return {each.name: getattr(self, each.name) for each in fields(self)}


@dataclass(frozen=True)
class ComparedSlides:
    """The slides that all runs are compared on.

    Attributes:
        names: of the slides.
        group_names: of the group (animal) of each slide.
        pixels: (slides,) pixels.
        true_mean, true_sd: (slides,) of the measured target, grey levels.
        true_low, true_high: least and largest grey level of the measured target.
        floor: (slides,) least mean squared error that any function of the inputs can reach on
            average, grey levels^2; None unless the slides are simulated.
        target: role of the measured target.
        true: "min", "max", "mean", "sd" and percentiles of the measured target, all slides pooled.
    """

    names: tuple[str, ...]
    group_names: tuple[str, ...]
    pixels: np.ndarray
    true_mean: np.ndarray
    true_sd: np.ndarray
    true_low: float
    true_high: float
    floor: np.ndarray | None
    target: str
    true: Mapping[str, float] = field(default_factory=dict)

    @cached_property
    def groups(self) -> Groups:
        """The groups, which the bootstrap draws."""
        return Groups.of(self.group_names)


@dataclass(frozen=True)
class StatedIntervals:
    """Calibrated prediction intervals.

    Attributes:
        stated: share of pixels that they are calibrated to hold.
        coverage: share of pixels of the calibration's test slides that they hold.
        mean_width: upper minus lower bound, grey levels, mean over these pixels.
    """

    stated: float
    coverage: float
    mean_width: float


@dataclass(frozen=True)
class Entry:
    """The prediction of all test slides by a run, a group of runs or a baseline.

    Attributes:
        label: unique.
        kind: run, group or baseline.
        mse: (slides,) mean squared error on each slide; of a group: its runs' mean.
        pooled: metrics over all pixels of all slides, as in ``METRICS``; of a group: means.
        spread: of a group: standard deviation of each metric between its runs (n - 1).
        predicted: "min", "max", "mean", "sd" and percentiles of the predicted grey levels; of a
            group: the outermost extremes, and means of the others.
        intervals: of a run: its calibrated prediction intervals, if it has any.
        cost: of the network; of a group: means.
        preset, seed: of a run.
        family: the same text for all runs that differ only in their seed.
        runs: labels of a group's runs.
    """

    label: str
    kind: Kind
    mse: np.ndarray
    pooled: Mapping[str, float | None]
    predicted: Mapping[str, float]
    cost: Cost = Cost()
    spread: Mapping[str, float | None] = field(default_factory=dict)
    preset: str | None = None
    seed: int | None = None
    family: str | None = None
    runs: tuple[str, ...] = ()
    intervals: StatedIntervals | None = None


@dataclass(frozen=True)
class Comparison:
    """The contents of the tables and pictures of a comparison.

    Attributes:
        slides: that all entries were compared on.
        entries: runs in the order they were named, each family's group after its last run,
            baselines at the end.
        reference: label of the entry that the others are compared with.
        peak: grey level of PSNR and SSIM, or None.
        remarks: for the reader, e.g. how latency was measured.
    """

    slides: ComparedSlides
    entries: tuple[Entry, ...]
    reference: str
    peak: float | None
    remarks: tuple[str, ...] = ()

    @cached_property
    def differences(self) -> dict[str, Difference]:
        """Label of every other entry: its difference from the reference."""
        reference = self.sums(self.entry(self.reference))
        return {
            entry.label: difference(self.sums(entry), reference, self.slides.groups)
            for entry in self.entries
            if entry.label != self.reference
        }

    @cached_property
    def mse(self) -> dict[str, Interval]:
        """Label: pooled MSE with its interval over the groups of the slides."""
        return {e.label: interval(self.sums(e).mse, self.slides.groups) for e in self.entries}

    def entry(self, label: str) -> Entry:
        """The entry of a label.

        Raises:
            UsageError: there is none.
        """
        for entry in self.entries:
            if entry.label == label:
                return entry
        labels = ", ".join(entry.label for entry in self.entries)
        raise UsageError(f"--reference {label}: nothing of this name; there are {labels}")

    def sums(self, entry: Entry) -> SlideSums:
        """An entry's slides, to be resampled."""
        slides = self.slides
        return SlideSums(
            slides.pixels, entry.mse * slides.pixels, slides.true_mean, slides.true_sd
        )  # fmt: skip

    def explained_share(self, entry: Entry) -> float | None:
        """(variance - MSE) / (variance - floor), pooled: 1 is all that the inputs can explain."""
        if self.slides.floor is None:
            return None
        sums, all_once = self.sums(entry), np.ones((1, len(self.slides.names)))
        floor = float(self.slides.floor @ sums.pixels / sums.pixels.sum())
        variance = float(sums.variance(all_once)[0])
        if variance <= floor:
            return None
        return (variance - float(sums.mse(all_once)[0])) / (variance - floor)

    def to_json(self) -> dict[str, Any]:
        """As plain values; definitions and units are added where it is written."""
        return {
            "schema": SCHEMA,
            "reference": self.reference,
            "peak": self.peak,
            "target": self.slides.target,
            "intervals": self.slides.groups.describe(),
            "resampled": self.slides.groups.what,
            "slides": [
                {
                    "slide": name,
                    "group": group,
                    "pixels": int(n),
                    "true_mean": float(mean),
                    "true_sd": float(sd),
                }
                for name, group, n, mean, sd in zip(
                    self.slides.names,
                    self.slides.group_names,
                    self.slides.pixels,
                    self.slides.true_mean,
                    self.slides.true_sd,
                    strict=True,
                )
            ],
            "error_floor": None if self.slides.floor is None else self.slides.floor.tolist(),
            "entries": [self._entry_json(entry) for entry in self.entries],
            "remarks": list(self.remarks),
        }

    def _entry_json(self, entry: Entry) -> dict[str, Any]:
        apart = self.differences.get(entry.label)
        return {
            "label": entry.label,
            "kind": entry.kind,
            "preset": entry.preset,
            "seed": entry.seed,
            "runs": list(entry.runs),
            **entry.pooled,
            "spread": dict(entry.spread),
            "explained_share": self.explained_share(entry),
            "predicted": dict(entry.predicted),
            **({"intervals": asdict(entry.intervals)} if entry.intervals else {}),
            **entry.cost.to_json(),
            "mse_interval": self.mse[entry.label].to_json(),
            "mse_by_slide": entry.mse.tolist(),
            "difference": None if apart is None else apart.to_json(),
        }


def with_groups(runs: Sequence[Entry]) -> list[Entry]:
    """The runs, with the group of each family of several runs after its last run."""
    arranged: list[Entry] = []
    for i, run in enumerate(runs):
        arranged.append(run)
        family = [each for each in runs if each.family == run.family]
        if len(family) > 1 and run.family not in [each.family for each in runs[i + 1 :]]:
            arranged.append(_group(family, _group_label(family, runs)))
    return arranged


def _group_label(family: Sequence[Entry], runs: Sequence[Entry]) -> str:
    """By the preset; by the first run, too, if runs of this preset form several families."""
    preset, first = family[0].preset, family[0]
    families = {run.family for run in runs if run.preset == preset}
    name = f"{preset}" if len(families) == 1 else f"{preset} as {first.label}"
    return f"{name}, mean of {len(family)}"


def _group(family: Sequence[Entry], label: str) -> Entry:
    predicted = [run.predicted for run in family]
    names = family[0].pooled
    return Entry(
        label=label,
        kind="group",
        mse=np.mean([run.mse for run in family], axis=0),
        pooled={name: _mean([run.pooled[name] for run in family]) for name in names},
        spread={name: _sd([run.pooled[name] for run in family]) for name in names},
        predicted={
            "min": min(each["min"] for each in predicted),
            "max": max(each["max"] for each in predicted),
            "mean": float(np.mean([each["mean"] for each in predicted])),
            **{
                name: float(np.mean([each[name] for each in predicted]))
                for name in ("sd", *PERCENTILES)
                if all(name in each for each in predicted)
            },
        },
        cost=Cost(
            **{
                each.name: _mean([getattr(run.cost, each.name) for run in family])
                for each in fields(Cost)
            }
        ),
        preset=family[0].preset,
        family=family[0].family,
        runs=tuple(run.label for run in family),
    )


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if len(known) == len(values) else None


def _sd(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.std(known, ddof=1)) if len(known) == len(values) else None
