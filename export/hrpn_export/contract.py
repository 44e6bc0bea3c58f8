"""What a model expects and gives, stated once and carried with it."""

import json
import math
from dataclasses import asdict, dataclass, replace
from numbers import Integral, Real
from typing import Any

import numpy as np

from hrpn_export.errors import ContractError


@dataclass(frozen=True)
class Contract:
    """The promise of an image-to-image model about its input and output.

    Arrays are NHWC; values are grey levels as stored in the file.

    Attributes:
        inputs: roles of the input channels, in order.
        outputs: names of the output channels, in order.
        pixel_size_um: micrometres per pixel of the training slides; None if they stated none.
        stride_multiple: height and width of an input must be multiples of this, px.
        receptive_field: side of the input square that one output pixel depends on, px; None if
            the whole input matters.
        tile_exact: whether a pixel's prediction is the same in any tile that holds its
            receptive field.
        grey_max: largest grey level of the training slides' type, e.g. 255 or 65535.
        coverage: of a prediction interval, e.g. 0.9: the three outputs are then the mean and the
            lower and upper bound, in this order; None for a model without intervals.

    Raises:
        ContractError: a value is of the wrong type, or is not possible.
    """

    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    pixel_size_um: float | None
    stride_multiple: int
    receptive_field: int | None
    tile_exact: bool
    grey_max: float
    coverage: float | None = None

    def __post_init__(self) -> None:
        _check_names("inputs", self.inputs)
        _check_names("outputs", self.outputs)
        if self.pixel_size_um is not None:
            _check_positive("pixel_size_um", self.pixel_size_um)
        _check_count("stride_multiple", self.stride_multiple)
        if self.receptive_field is not None:
            _check_count("receptive_field", self.receptive_field)
        if not isinstance(self.tile_exact, bool):
            raise ContractError(f"tile_exact must be true or false, got {_short(self.tile_exact)}")
        _check_positive("grey_max", self.grey_max)
        if self.coverage is not None:
            _check_coverage(self.coverage, self.outputs)

    @property
    def points(self) -> int:
        """How many of the outputs, from the first, are predictions; the others are bounds."""
        return len(self.outputs) if self.coverage is None else 1

    def without_intervals(self) -> "Contract":
        """The contract of a model that gives the predictions alone."""
        return replace(self, outputs=self.outputs[: self.points], coverage=None)

    def check(self, batch: np.ndarray) -> None:
        """Refuse a batch (N, H, W, C) that the model cannot take.

        Raises:
            ContractError: wrong rank, channels, or a side off the stride multiple.
        """
        if batch.ndim != 4:
            raise ContractError(f"expected an array (N, H, W, C), got {batch.ndim} dimensions")
        _, height, width, channels = batch.shape
        if channels != len(self.inputs):
            raise ContractError(
                f"the model takes {len(self.inputs)} channels ({', '.join(self.inputs)}), "
                f"got {channels}"
            )
        if height % self.stride_multiple or width % self.stride_multiple:
            raise ContractError(
                f"height and width must be multiples of {self.stride_multiple}, "
                f"got {height} x {width}"
            )

    def to_json(self) -> str:
        """The contract as JSON text."""
        return json.dumps(self.fields(), indent=2)

    def fields(self) -> dict[str, Any]:
        """The values by name, as JSON holds them; ``coverage`` only where there are intervals.

        Programs that know nothing of intervals can then read the contract of a model without.
        """
        values: dict[str, Any] = json.loads(json.dumps(asdict(self)))
        return {k: v for k, v in values.items() if k != "coverage" or v is not None}

    @classmethod
    def from_json(cls, text: str) -> "Contract":
        """Read what :meth:`to_json` wrote.

        Raises:
            ContractError: not JSON, keys are missing or unknown, or a value is not possible.
        """
        try:
            values: dict[str, Any] = json.loads(text)
            for key, value in values.items():
                if isinstance(value, list):
                    values[key] = tuple(value)
            return cls(**values)
        except (ValueError, TypeError, AttributeError, RecursionError) as error:
            raise ContractError(f"not a contract: {' '.join(str(error).split())}") from None


# What a model needs more than this of is a mistake, or is meant to exhaust memory.
_MOST_CHANNELS, _LARGEST_COUNT, _LONGEST_NAME = 1024, 2**20, 200


def _check_names(field: str, names: object) -> None:
    if not isinstance(names, tuple) or not 1 <= len(names) <= _MOST_CHANNELS:
        raise ContractError(
            f"{field} must be 1 to {_MOST_CHANNELS} names of channels, got {_short(names)}"
        )
    for name in names:
        if not isinstance(name, str) or not 1 <= len(name) <= _LONGEST_NAME:
            raise ContractError(f"{field}: {_short(name)} is no name of a channel")
        if not name.isprintable():
            raise ContractError(f"{field}: {_short(name)} holds characters that do not print")
    if len(set(names)) < len(names):
        raise ContractError(f"{field}: a name of a channel is there twice: {', '.join(names)}")


def _check_count(field: str, value: object) -> None:
    whole = isinstance(value, Integral) and not isinstance(value, bool)
    if not (whole and 1 <= int(value) <= _LARGEST_COUNT):  # type: ignore[call-overload]
        raise ContractError(f"{field} must be a whole number of pixels from 1, got {_short(value)}")


def _check_positive(field: str, value: object) -> None:
    real = isinstance(value, Real) and not isinstance(value, bool)
    if not (real and 0 < float(value) < math.inf):  # type: ignore[arg-type]
        raise ContractError(f"{field} must be a number above 0, got {_short(value)}")


def _check_coverage(value: object, outputs: tuple[str, ...]) -> None:
    real = isinstance(value, Real) and not isinstance(value, bool)
    if not (real and 0 < float(value) < 1):  # type: ignore[arg-type]
        raise ContractError(f"coverage must be a number between 0 and 1, got {_short(value)}")
    if len(outputs) != 3:
        raise ContractError(
            f"a model with intervals has three outputs (mean, lower, upper), got {len(outputs)}"
        )


def _short(value: object) -> str:
    return repr(value)[:80]
