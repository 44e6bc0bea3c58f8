"""How a slide is predicted and evaluated."""

from typing import Annotated, Literal

from pydantic import ByteSize, Field, WithJsonSchema

from hrpn_tf.config.section import Section, unit

# Keys of PredictionConfig that change how a result is made, but not what it is.
CONDITIONS = frozenset({"max_ram", "io_timeout"})

# pydantic states the limit of a ByteSize by a word that JSON Schema does not have.
Memory = Annotated[
    ByteSize,
    Field(gt=0),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "integer", "exclusiveMinimum": 0},
                {"type": "string", "pattern": r"^\s*(\d*\.?\d+)\s*(\w+)?$"},
            ]
        }
    ),
]


class PredictionConfig(Section):
    """Tiles, memory, and the file of the predicted slide."""

    tile: int | None = Field(
        None,
        ge=32,
        json_schema_extra=unit("px"),
        description="Largest side length of a tile, without its halo. `null` chooses height and "
        "width so that the fewest pixels are computed within `max_ram`.",
    )
    halo: int | None = Field(
        None,
        ge=0,
        json_schema_extra=unit("px"),
        description="Width of the border of a tile that is computed and discarded. `null` takes "
        "half the receptive field, which makes the result independent of the tiles. A smaller "
        "halo is faster, and the seams that it causes are measured and reported.",
    )
    max_ram: Memory | None = Field(
        None,
        json_schema_extra=unit("bytes"),
        description="Memory that all processes on this machine may use together, as a number or "
        "as text such as `2GB`. On a running Dask cluster it is the memory of each worker. `null` "
        "takes half of the free memory, or 70 % of the limit of such a worker.",
    )
    skip_empty: bool = Field(
        True,
        description="Skip tiles without tissue. They get the network's output for a tile of the "
        "slide's background.",
    )
    symmetries: bool = Field(
        False,
        description="Predict each tile in its eight orientations (four quarter turns, each also "
        "mirrored) and average the results. This takes eight times the time in the network.",
    )
    dtype: Literal["float32", "uint16", "uint8"] = Field(
        "float32",
        description="Data type of the predicted intensities. Integers are rounded and clipped to "
        "the range of the type.",
    )
    format: Literal["ome-tiff", "ome-zarr-0.5", "ome-zarr-0.4"] = Field(
        "ome-tiff",
        description="File format of the predicted slides. A single result whose name ends in "
        "`.zarr` is an OME-Zarr in any case.",
    )
    compression: Literal["zlib", "zstd"] = Field(
        "zlib", description="Compression of predicted slides in OME-TIFF."
    )
    pixel_size_tolerance: float = Field(
        0.1,
        ge=0,
        json_schema_extra=unit("fraction"),
        description="Largest relative difference between the pixel size of a slide and that of "
        "the network at which the slide is used as it is.",
    )
    resample: bool = Field(
        True,
        description="Resample slides whose pixel size differs by more than "
        "`pixel_size_tolerance`. `false` refuses them.",
    )
    io_timeout: float = Field(
        300.0,
        gt=0,
        json_schema_extra=unit("s"),
        description="Longest wait for a drive that does not respond.",
    )


class EvaluationConfig(Section):
    """How predicted slides are compared with the measured target."""

    peak: float | None = Field(
        None,
        gt=0,
        json_schema_extra=unit("grey levels"),
        description="Peak intensity for PSNR, and data range for SSIM. `null` takes "
        "`data.grey_max`, or else the largest value of the target's integer type, 255 or 65535; "
        "for a float32 target both metrics are then undefined.",
    )
    smooth_px: float = Field(
        0.0,
        ge=0,
        json_schema_extra=unit("px"),
        description="Standard deviation of a Gaussian that smooths prediction and target for one "
        "more set of metrics. 0 leaves this set out.",
    )
    vessel_role: str = Field(
        "vessels",
        description="Channel role of the input that shows vessels. The vessel-distance baseline "
        "and the spatial evaluation use it.",
    )
