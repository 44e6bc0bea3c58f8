"""What a model expects and gives, stated once and carried with it."""

import json
from dataclasses import asdict, dataclass
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
    """

    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    pixel_size_um: float | None
    stride_multiple: int
    receptive_field: int | None
    tile_exact: bool
    grey_max: float

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
        return json.dumps(asdict(self), indent=2)

    @classmethod
    def from_json(cls, text: str) -> "Contract":
        """Read what :meth:`to_json` wrote.

        Raises:
            ContractError: not JSON, or keys are missing or unknown.
        """
        try:
            values: dict[str, Any] = json.loads(text)
            for key, value in values.items():
                if isinstance(value, list):
                    values[key] = tuple(value)
            return cls(**values)
        except (ValueError, TypeError, AttributeError) as error:
            raise ContractError(f"not a contract: {error}") from None
