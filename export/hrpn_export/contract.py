"""The contract of a model: what it expects and what it gives."""

import json
from dataclasses import asdict, dataclass, replace
from numbers import Integral, Real
from typing import Any

import numpy as np

from hrpn_export.errors import ContractError


@dataclass(frozen=True)
class Contract:
    """What an image-to-image model expects and gives.

    Arrays are NHWC; values are grey levels (intensities) as stored in the image file. With
    ``reference_levels`` the inputs are these times a gain plus an offset per channel, which is the
    same for all pixels of a slide and is applied before the model.

    Attributes:
        inputs: channel roles of the input, in order.
        outputs: names of the output channels, in order.
        pixel_size_um: pixel size of the training slides, micrometres; None if unknown.
        stride_multiple: height and width of an input must be multiples of this, px.
        receptive_field: side of the input square that one output pixel depends on, px; None if
            it depends on the whole input.
        tile_exact: whether a pixel's prediction is the same in every tile that contains its
            receptive field.
        grey_max: largest grey level of the data type of the training slides, e.g. 255 or 65535.
        coverage: nominal coverage of the prediction intervals, e.g. 0.9: the three outputs are
            then the mean, the lower and the upper bound; None for a model without intervals.
        reference_levels: dark and bright level of each input, to which those of a slide (its 1 %
            and 99 % quantiles over tissue) are mapped; None for grey levels as stored.

    Raises:
        ContractError: a value has the wrong type, or is not possible.

    Example:
        >>> Contract(("vessels", "nuclei"), ("qd",), 0.5, 32, 477, True, 255.0).points
        1
    """

    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    pixel_size_um: float | None
    stride_multiple: int
    receptive_field: int | None
    tile_exact: bool
    grey_max: float
    coverage: float | None = None
    reference_levels: tuple[tuple[float, float], ...] | None = None

    def __post_init__(self) -> None:
        _check_names("inputs", self.inputs)
        _check_names("outputs", self.outputs)
        if self.pixel_size_um is not None:
            _check_range("pixel_size_um", self.pixel_size_um, *_PIXEL_SIZES)
        _check_count("stride_multiple", self.stride_multiple)
        if self.receptive_field is not None:
            _check_count("receptive_field", self.receptive_field)
        if not isinstance(self.tile_exact, bool):
            raise ContractError(f"tile_exact must be true or false, got {_short(self.tile_exact)}")
        _check_range("grey_max", self.grey_max, *_GREY_LEVELS)
        if self.coverage is not None:
            _check_coverage(self.coverage, self.outputs)
        if self.reference_levels is not None:
            _check_levels(self.reference_levels, self.inputs)

    @property
    def points(self) -> int:
        """Number of outputs that are predictions; the outputs after them are bounds."""
        return len(self.outputs) if self.coverage is None else 1

    def without_intervals(self) -> "Contract":
        """The contract of the same model without the bounds among its outputs."""
        return replace(self, outputs=self.outputs[: self.points], coverage=None)

    def check(self, batch: np.ndarray) -> None:
        """Refuse a batch (N, H, W, C) that the model cannot take.

        Raises:
            ContractError: wrong number of dimensions or channels, no image or no pixel (some
                runtimes end the process on one), or a height or width that is no multiple of the
                stride multiple.
        """
        if batch.ndim != 4:
            raise ContractError(f"expected an array (N, H, W, C), got {batch.ndim} dimensions")
        images, height, width, channels = batch.shape
        if channels != len(self.inputs):
            raise ContractError(
                f"the model takes {len(self.inputs)} channels ({', '.join(self.inputs)}), "
                f"got {channels}"
            )
        if not (images and height and width):
            raise ContractError(
                f"a batch holds at least one image of at least one pixel, got {images} of "
                f"{height} x {width}"
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
        """The values by name, as JSON stores them.

        ``coverage`` and ``reference_levels`` are included only if there are any, so that older
        programs can read the contract of a model without.
        """
        values: dict[str, Any] = json.loads(json.dumps(asdict(self)))
        optional = ("coverage", "reference_levels")
        return {k: v for k, v in values.items() if k not in optional or v is not None}

    @classmethod
    def from_json(cls, text: str) -> "Contract":
        """Read a contract that :meth:`to_json` wrote.

        Raises:
            ContractError: the text is not JSON, keys are missing or unknown, or a value is not
                possible.
        """
        try:
            values: dict[str, Any] = json.loads(text)
            for key, value in values.items():
                if isinstance(value, list):
                    values[key] = tuple(tuple(v) if isinstance(v, list) else v for v in value)
            return cls(**values)
        except (ValueError, TypeError, AttributeError, RecursionError) as error:
            raise ContractError(f"not a contract: {' '.join(str(error).split())}") from None


# Larger values are a mistake, or an attempt to exhaust memory.
_MOST_CHANNELS, _LARGEST_COUNT, _LONGEST_NAME = 1024, 2**16, 200
# The finest pixels are those of electron microscopes, the coarsest those of whole animals (um).
_PIXEL_SIZES = (1e-6, 1e6)
# Squares of grey levels are summed, and results are stored as float32.
_GREY_LEVELS = (1e-12, 1e12)


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
        raise ContractError(
            f"{field} must be a whole number of pixels from 1 to {_LARGEST_COUNT}, "
            f"got {_short(value)}"
        )


def _check_range(field: str, value: object, least: float, most: float) -> None:
    real = isinstance(value, Real) and not isinstance(value, bool)
    # compared as it is: a whole number may be too large for a float
    if not (real and value > 0):  # type: ignore[operator]
        raise ContractError(f"{field} must be a number above 0, got {_short(value)}")
    if not least <= value <= most:  # type: ignore[operator]
        raise ContractError(f"{field} must lie between {least:g} and {most:g}, got {_short(value)}")


def _check_coverage(value: object, outputs: tuple[str, ...]) -> None:
    real = isinstance(value, Real) and not isinstance(value, bool)
    if not (real and 0 < float(value) < 1):  # type: ignore[arg-type]
        raise ContractError(f"coverage must be a number between 0 and 1, got {_short(value)}")
    if len(outputs) != 3:
        raise ContractError(
            f"a model with intervals has three outputs (mean, lower, upper), got {len(outputs)}"
        )


def _check_levels(value: object, inputs: tuple[str, ...]) -> None:
    fits = isinstance(value, tuple) and len(value) == len(inputs)
    pairs = value if fits and isinstance(value, tuple) else ((),)
    for pair in pairs:
        real = isinstance(pair, tuple) and len(pair) == 2
        real = real and all(isinstance(v, Real) and not isinstance(v, bool) for v in pair)
        if not real or not -_GREY_LEVELS[1] <= pair[0] < pair[1] <= _GREY_LEVELS[1]:
            raise ContractError(
                "reference_levels must be a dark and a brighter level for each input, got "
                f"{_short(value)}"
            )


def _short(value: object) -> str:
    try:
        return repr(value)[:80]
    except ValueError:  # a whole number of more digits than Python writes
        return "a number of thousands of digits"
