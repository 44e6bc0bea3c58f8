"""How a slide is predicted and evaluated."""

from typing import Literal

from pydantic import ByteSize, Field

from hrpn_tf.config.section import Section

# Keys of PredictionConfig that change how a result is made, but not what it is.
CONDITIONS = frozenset({"max_ram", "io_timeout"})


class PredictionConfig(Section):
    """Tiles, memory, and the written slide."""

    tile: int | None = Field(
        None,
        ge=32,
        description="largest side of what a tile contributes, px, halo not counted; null: the "
        "largest that max_ram allows, up to 2048",
    )
    halo: int | None = Field(
        None,
        ge=0,
        description="border of a tile that is thrown away, px; null: half the receptive field. A "
        "smaller one is faster, and its seams are measured and reported",
    )
    max_ram: ByteSize | None = Field(
        None,
        gt=0,
        description="memory of all processes on a machine together, e.g. 2GB; of each worker of a "
        "running cluster; null: half of what is free, or 70 % of such a worker's limit",
    )
    skip_empty: bool = Field(
        True, description="tiles without tissue get the network's answer to an empty tile"
    )
    dtype: Literal["float32", "uint16", "uint8"] = "float32"
    format: Literal["ome-tiff", "ome-zarr-0.5", "ome-zarr-0.4"] = "ome-tiff"
    compression: Literal["zlib", "zstd"] = Field("zlib", description="of OME-TIFF")
    pixel_size_tolerance: float = Field(
        0.1, ge=0, description="largest relative difference from the contract's pixel size"
    )
    resample: bool = Field(
        True, description="slides of another pixel size are resampled; false: refused"
    )
    io_timeout: float = Field(
        300.0, gt=0, description="longest wait for a drive that does not answer, s"
    )


class EvaluationConfig(Section):
    """How errors are reported."""

    peak: float | None = Field(
        None, gt=0, description="peak grey level of the PSNR; the range of the type otherwise"
    )
    smooth_px: float = Field(
        0.0, ge=0, description="also report on images smoothed with this sigma, px"
    )
    vessel_role: str = Field(
        "vessels", description="input that shows vessels, for the baseline of vessel distance"
    )
