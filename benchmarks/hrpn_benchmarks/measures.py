"""Results of trackers: raw samples with their unit, and statistics of them."""

import math
from typing import Annotated, Literal, Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, model_validator

Unit = Literal["s", "byte", "px/s", "mm2/s", "patch/s", "1/s", "joule", "joule/mm2"]


class Strict(BaseModel):
    """Base of everything that is stored: unknown fields are refused, objects are frozen."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Samples(Strict):
    """Every single measurement in chronological order, outliers included.

    Attributes:
        unit: unit of the values.
        values: raw values.
        rounds: number of values of each round, in order; by default all values are one round.

    Example:
        >>> Samples(unit="s", values=(0.1, 0.2, 0.4)).median
        0.2
    """

    unit: Unit
    values: Annotated[tuple[float, ...], Field(min_length=1)]
    rounds: tuple[int, ...] = ()

    @model_validator(mode="after")
    def _rounds_hold_all_values(self) -> Self:
        if self.rounds and sum(self.rounds) != len(self.values):
            raise ValueError(f"rounds of {self.rounds} are not {len(self.values)} values")
        return self

    def by_round(self) -> list[np.ndarray]:
        """The values, split into rounds: one array of shape (values,) each."""
        ends = np.cumsum(self.rounds or (len(self.values),))
        return np.split(np.asarray(self.values), ends[:-1])

    def percentile(self, share: float) -> float:
        """The percentile of the values at ``share`` (0 to 100), interpolated linearly."""
        return float(np.percentile(self.values, share))

    @property
    def median(self) -> float:
        """The 50th percentile."""
        return self.percentile(50)

    @property
    def spread(self) -> float:
        """The interquartile range."""
        return self.percentile(75) - self.percentile(25)

    def joined(self, more: "Samples") -> "Samples":
        """These samples followed by those of further rounds.

        Raises:
            ValueError: the units differ.
        """
        if more.unit != self.unit:
            raise ValueError(f"samples in {self.unit} and in {more.unit} are not of one measure")
        lengths = (each.rounds or (len(each.values),) for each in (self, more))
        return Samples(
            unit=self.unit,
            values=(*self.values, *more.values),
            rounds=tuple(length for part in lengths for length in part),
        )


def least_samples(share: float) -> int:
    """The number of samples from which a percentile says anything.

    With fewer, more than 1 in 20 such sets would hold no value above the true percentile.

    Args:
        share: of the samples that lie below, 50 to 100.

    Example:
        >>> least_samples(90), least_samples(95), least_samples(99)
        (29, 59, 299)
    """
    return math.ceil(math.log(0.05) / math.log(share / 100))


class Measured(Strict):
    """What one process measured of its case.

    Attributes:
        measures: samples by name.
        unavailable: reasons why measures could not be read, by the name of the measure.
        parameters: number of trained parameters; None if this process did not count them.
        macs: multiply-accumulate operations for one tile or patch of the case's side; None if
            this process did not count them.
        cores: cores that the process was pinned to.
    """

    measures: dict[str, Samples]
    unavailable: dict[str, str] = Field(default_factory=dict)
    parameters: int | None = None
    macs: int | None = None
    cores: tuple[int, ...] = ()

    def joined(self, *others: "Measured") -> "Measured":
        """These results with those of other trackers of the same process."""
        measures, unavailable = dict(self.measures), dict(self.unavailable)
        for each in others:
            measures |= each.measures
            unavailable |= each.unavailable
        return self.model_copy(update={"measures": measures, "unavailable": unavailable})
