"""All slides of an analysis: measures over animals, conditions, and margins."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from hrpn_tf.evaluation.analysis.conditions import (
    Contrast,
    Observation,
    animal_means,
    compare_conditions,
)
from hrpn_tf.evaluation.analysis.margins import Margin, error_of, margin
from hrpn_tf.evaluation.analysis.measures import MEASURES, SlideAnalysis
from hrpn_tf.evaluation.bootstrap import percentile_bounds, resample_counts


@dataclass(frozen=True)
class CohortAnalysis:
    """The slides of an analysis.

    Attributes:
        slides: one entry per slide.
        paired: compare animals with themselves.
        held_back: predicted and measured slides of groups that trained nothing: (predicted,
            measured) of each; empty for none.
        coverage: nominal, of the margins.
        origin: what was analysed, as plain values.
    """

    slides: Sequence[SlideAnalysis]
    paired: bool = False
    held_back: Sequence[tuple[SlideAnalysis, SlideAnalysis]] = ()
    coverage: float = 0.9
    origin: Mapping[str, Any] = field(default_factory=dict)

    @property
    def has_conditions(self) -> bool:
        """Whether there is anything to compare."""
        return len({slide.condition for slide in self.slides if slide.condition}) > 1

    @cached_property
    def observations(self) -> list[Observation]:
        """The measures of each slide."""
        return [
            Observation(
                slide.group,
                slide.condition,
                {name: found["value"] for name, found in slide.values.items()},
            )
            for slide in self.slides
        ]

    @cached_property
    def contrasts(self) -> list[Contrast]:
        """Every pair of conditions in every measure."""
        if not self.has_conditions:
            return []
        return compare_conditions(self.observations, list(MEASURES), self.paired)

    @cached_property
    def overall(self) -> list[dict[str, Any]]:
        """Per condition and measure: the mean over animals, with a bootstrap over animals."""
        rows = []
        for name in MEASURES:
            for condition, animals in animal_means(self.observations, name).items():
                values = np.array(list(animals.values()))
                counts = resample_counts(len(values))
                drawn = counts @ values / len(values)
                bounds, reason = percentile_bounds(drawn, len(values), "animals")
                low, high = bounds or (None, None)
                rows.append(
                    {
                        "condition": condition,
                        "measure": name,
                        "animals": len(values),
                        "mean": float(values.mean()),
                        "low": low,
                        "high": high,
                        "unresolved": reason,
                    }
                )
        return rows

    @cached_property
    def margins(self) -> dict[str, Margin]:
        """By measure, how far a prediction may lie from the truth; empty without held-back ones."""
        if not self.held_back:
            return {}
        found = {}
        for name in MEASURES:
            errors: dict[str, list[float]] = {}
            for predicted, measured in self.held_back:
                error = error_of(predicted.values[name], measured.values[name])
                if error is not None:
                    errors.setdefault(predicted.group, []).append(error)
            found[name] = margin(errors, self.coverage)
        return found
