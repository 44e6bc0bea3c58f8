"""Predict one slide by tiles, in memory that does not depend on the slide's size."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from hrpn_export import Session
from numpy.typing import DTypeLike
from tqdm import tqdm

from hrpn_tf.errors import NonFinitePredictionError
from hrpn_tf.prediction.geometry import Tile, Tiling, plan_tiling
from hrpn_tf.prediction.reading import read_reflected
from hrpn_tf.slides import Slide, SlideWriter


@dataclass(frozen=True)
class PredictionSummary:
    """What one slide took.

    Attributes:
        path: the written slide.
        pixels: pixels of the slide.
        seconds: wall time from the first read to the finished file.
        session_seconds: the part of it spent in the network.
        tiling: the tiles that were used.
    """

    path: Path
    pixels: int
    seconds: float
    session_seconds: float
    tiling: Tiling


def predict_slide(
    session: Session,
    slide: Slide,
    channels: Sequence[int],
    out: Path,
    *,
    tile: int,
    dtype: DTypeLike,
    provenance: Mapping[str, Any],
    overwrite: bool,
    progress: bool,
    pixel_size_um: float | None = None,
) -> PredictionSummary:
    """Predict a slide of any size and write the result as a pyramidal OME-TIFF.

    With a tile-exact network the result does not depend on ``tile``: it equals what the network
    gives for the whole slide at once, extended by reflection on every side.

    Args:
        session: the network; its contract names the outputs and states the receptive field.
        slide: the open slide.
        channels: indices of the input channels in the slide, in the contract's order.
        out: path of the OME-TIFF to write, one channel per output of the contract.
        tile: largest side of what a tile contributes, px (a network that is not tile-exact reads
            tiles of this side and contributes their middle half).
        dtype: float32, or an unsigned integer type, to which grey levels are rounded and clipped.
        provenance: where the prediction comes from; how it was tiled is added to it.
        overwrite: replace an existing file.
        progress: show a progress bar on standard error.
        pixel_size_um: um per pixel, for a slide that states none.

    Raises:
        NonFinitePredictionError: the network gives NaN or infinite values.
        OutputExistsError: ``out`` exists and ``overwrite`` is false.
        DiskFullError: the disk filled up; nothing is left under ``out``.
    """
    contract, info = session.contract, slide.info
    tiling = plan_tiling(
        info.height,
        info.width,
        tile=tile,
        stride_multiple=contract.stride_multiple,
        receptive_field=contract.receptive_field if contract.tile_exact else None,
    )
    writer = SlideWriter(
        out,
        height=info.height,
        width=info.width,
        channels=contract.outputs,
        dtype=np.dtype(dtype),
        pixel_size_um=info.pixel_size_um or pixel_size_um,
        provenance={**provenance, "tiling": _describe(tiling)},
        overwrite=overwrite,
    )
    pixels = info.height * info.width
    bar = tqdm(total=pixels, desc=out.name, unit="px", unit_scale=True, disable=not progress)
    started, in_session = time.perf_counter(), 0.0
    with writer, bar:
        for place in tiling:
            batch = read_reflected(slide, place.y, place.x, *tiling.shape, channels)[None]
            before = time.perf_counter()
            answer = session(batch)[0]
            in_session += time.perf_counter() - before
            kept = _checked(answer[place.crop], place, out)
            writer.write(place.out_y, place.out_x, to_grey_levels(kept, np.dtype(dtype)))
            bar.update(place.out_height * place.out_width)
    seconds = time.perf_counter() - started
    return PredictionSummary(out, pixels, seconds, in_session, tiling)


def to_grey_levels(values: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """Values in a slide's type: floats as they are, integers rounded and clipped to the range."""
    if dtype.kind == "f":
        return values.astype(dtype, copy=False)
    limits = np.iinfo(dtype)
    return np.clip(np.rint(values), limits.min, limits.max).astype(dtype)


def _checked(kept: np.ndarray, place: Tile, out: Path) -> np.ndarray:
    if not np.isfinite(kept).all():
        raise NonFinitePredictionError(
            f"{out.name}: the network gives NaN or infinite values in the tile at row "
            f"{place.out_y}, column {place.out_x}; check the run's training history, "
            "or fit again in float32"
        )
    return kept


def _describe(tiling: Tiling) -> dict[str, Any]:
    return {
        "kept_px": [tiling.kept_height, tiling.kept_width],
        "halo_px": tiling.halo,
        "edges": "reflection",
        "exact": tiling.exact,
    }
