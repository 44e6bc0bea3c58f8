"""How a slide is predicted and evaluated."""

from typing import Literal

from pydantic import Field

from hrpn_tf.config.section import Section


class PredictionConfig(Section):
    """Tiles and the written slide."""

    tile: int = Field(
        1024, ge=32, description="largest side of what a tile contributes, px; halo not counted"
    )
    dtype: Literal["float32", "uint16", "uint8"] = "float32"
    pixel_size_tolerance: float = Field(
        0.1, ge=0, description="largest relative difference from the contract's pixel size"
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
