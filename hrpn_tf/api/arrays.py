"""Predictions of arrays: that of the file with the same pixels."""

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hrpn_tf.api.arguments import overrides_of
from hrpn_tf.api.show import facts_html, plane_html

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from hrpn_tf.workflows.networks.auto import Candidates


@dataclass(frozen=True, repr=False)
class IntervalArrays:
    """A prediction with bounds, in memory.

    Attributes:
        mean: (H, W) float32, the prediction, grey levels.
        lower, upper: (H, W) float32, bounds, grey levels.
        coverage: nominal share of pixels within the bounds, 0 to 1.
    """

    mean: "NDArray[np.float32]"
    lower: "NDArray[np.float32]"
    upper: "NDArray[np.float32]"
    coverage: float

    def __repr__(self) -> str:
        height, width = self.mean.shape
        return f"<IntervalArrays {height} x {width} px, coverage={self.coverage:g}>"

    def _repr_html_(self) -> str:
        planes = {"prediction": self.mean, "width of the interval": self.upper - self.lower}
        pictures = "".join(plane_html(name, plane) for name, plane in planes.items())
        return facts_html("IntervalArrays", {"coverage": self.coverage}) + pictures


def predict_array(
    candidates: "Candidates",
    array: "NDArray[Any]",
    pixel_size: float | None,
    intervals: bool,
    settings: Mapping[str, Any] | None,
) -> "NDArray[np.float32] | IntervalArrays":
    """Predict an array as the file of the same pixels, which lies in a temporary folder."""
    import numpy as np

    from hrpn_tf.slides import open_slide, write_slide
    from hrpn_tf.workflows.predict.options import Execution, PredictionOptions
    from hrpn_tf.workflows.predict.predict import predict_run

    contract = candidates.usual.contract()
    image = checked_image(array, contract.inputs, pixel_size)
    exact = {"format": "ome-zarr-0.5", "dtype": "float32"}
    options = PredictionOptions(
        pixel_size_um=pixel_size,
        channels={role: index for index, role in enumerate(contract.inputs)},
        overrides=(*overrides_of(settings), *overrides_of({"prediction": exact})),
    )
    with tempfile.TemporaryDirectory(prefix="hrpn-array-") as folder:
        source, out = Path(folder) / "array.ome.zarr", Path(folder) / "predicted.ome.zarr"
        write_slide(
            source,
            image,
            channels=contract.inputs,
            pixel_size_um=pixel_size,
            provenance={},
        )
        predict_run(
            candidates,
            [source],
            out=out,
            options=options,
            execution=Execution(on_done=lambda line: None),
        )
        with open_slide(out) as slide:
            info = slide.info
            planes = slide.read(0, 0, info.height, info.width, range(len(info.channels)))
    planes = planes.astype(np.float32, copy=False)
    if not intervals and contract.coverage is None:
        return np.ascontiguousarray(planes[..., 0])
    assert contract.coverage is not None
    mean, lower, upper = (np.ascontiguousarray(planes[..., i]) for i in range(3))
    return IntervalArrays(mean, lower, upper, contract.coverage)


def checked_image(
    array: "NDArray[Any]", inputs: Sequence[str], pixel_size: float | None
) -> "NDArray[Any]":
    """The array as a slide stores it: (H, W, inputs), uint8, uint16 or float32.

    Raises:
        UsageError: it is no such image.
        PixelSizeError: no pixel size, or one that is not positive.
        NonFinitePixelsError: NaN or infinite pixels.
    """
    import numpy as np

    from hrpn_tf.errors import NonFinitePixelsError, PixelSizeError, UsageError

    image = np.asarray(array)
    wanted = f"(height, width, {len(inputs)}) with the channels {', '.join(inputs)}"
    if image.ndim != 3 or image.shape[2] != len(inputs) or 0 in image.shape:
        raise UsageError(f"array of shape {image.shape}: the network takes {wanted}")
    if image.dtype.kind not in "uif":
        raise UsageError(f"array of type {image.dtype}: the network takes numbers")
    if pixel_size is None:
        raise PixelSizeError("an array states no pixel size; give pixel_size, um per pixel")
    if not (np.isfinite(pixel_size) and pixel_size > 0):
        raise PixelSizeError(f"pixel_size={pixel_size}: must be a positive number of um")
    if image.dtype not in (np.uint8, np.uint16, np.float32):
        image = image.astype(np.float32)
    finite = np.isfinite(image) if image.dtype.kind == "f" else None
    if finite is not None and not finite.all():
        row, column, channel = np.argwhere(~finite)[0]
        raise NonFinitePixelsError(
            f"array: NaN or infinite pixel at row {row}, column {column}, channel {channel}; "
            "replace such pixels first"
        )
    return image
