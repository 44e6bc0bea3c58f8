"""What trackers give: raw samples with their unit, and what is read off them."""

from typing import Annotated, Literal, Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, model_validator

Unit = Literal["s", "byte", "px/s", "mm2/s", "patch/s", "joule", "joule/mm2"]


class Strict(BaseModel):
    """Base of everything that is stored: unknown fields are refused, nothing changes later."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Samples(Strict):
    """Every single measurement, in the order in which it was made; outliers stay.

    Attributes:
        unit: of the values.
        values: raw.
        rounds: how many values each round gave, in order; together all of them. One by default.
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
        """The values of each round."""
        ends = np.cumsum(self.rounds or (len(self.values),))
        return np.split(np.asarray(self.values), ends[:-1])

    def percentile(self, share: float) -> float:
        """The value below which this percentage of the samples lies, interpolated linearly."""
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
        """These samples and those of another round.

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


class Measured(Strict):
    """What one process found out about its cell.

    Attributes:
        measures: by name.
        unavailable: why a measure that belongs here could not be read, by its name.
        parameters: numbers that the network learnt; None if this process did not count them.
        macs: multiplications of one tile or patch of the cell's side; None likewise.
        cores: that the process was kept to.
    """

    measures: dict[str, Samples]
    unavailable: dict[str, str] = Field(default_factory=dict)
    parameters: int | None = None
    macs: int | None = None
    cores: tuple[int, ...] = ()

    def joined(self, *others: "Measured") -> "Measured":
        """This with what other instruments read in the same process."""
        measures, unavailable = dict(self.measures), dict(self.unavailable)
        for each in others:
            measures |= each.measures
            unavailable |= each.unavailable
        return self.model_copy(update={"measures": measures, "unavailable": unavailable})
