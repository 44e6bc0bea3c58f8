"""How predicted and measured targets are compared in space."""

from typing import Literal

from pydantic import Field

from hrpn_tf.config.section import Section


class SpatialConfig(Section):
    """Vessels, distances, nuclei and sub-areas of ``hrpn-tf evaluate --spatial``."""

    vessel_threshold: float | Literal["multi-otsu", "otsu"] = Field(
        "multi-otsu",
        description="grey level above which a pixel is vessel; multi-otsu: the upper of two "
        "thresholds on the logarithm of grey levels (glass, tissue, stain); otsu: Otsu's",
    )
    vessel_min_um2: float = Field(
        20.0, ge=0, description="connected vessel pixels of a smaller area are no vessel, um2"
    )
    lumen_um2: float = Field(
        1000.0, ge=0, description="holes in vessels up to this area are lumens and count as vessel"
    )
    max_distance_um: float = Field(
        200.0, gt=0, description="distances up to this are exact; farther pixels are one open bin"
    )
    bin_um: float = Field(2.0, gt=0, description="width of a bin of distance, um")
    background: float | Literal["auto", "fit", "far"] = Field(
        "auto",
        description="grey level far from vessels, which the excess is counted from; fit: the "
        "offset of an exponential fitted to the profile; far: the mean of the farthest hundredth "
        "of the pixels outside vessels; auto: fit where the measured profile is exponential, else "
        "far",
    )
    perivascular_um: float = Field(
        10.0, gt=0, description="pixels up to this distance are the surroundings of a vessel, um"
    )
    grid_um: float = Field(100.0, gt=0, description="side of a sub-area, um")
    positive_threshold: float | Literal["otsu"] = Field(
        "otsu",
        description="target grey level above which a pixel or nucleus is positive, measured and "
        "predicted alike; otsu: Otsu's of the measured target",
    )
    nucleus_role: str = Field("nuclei", description="input that shows nuclei")
    nucleus_threshold: float | Literal["otsu"] = Field(
        "otsu", description="grey level above which a pixel is nucleus"
    )
    nucleus_diameter_um: float = Field(
        8.5, gt=0, description="usual diameter of a nucleus, um: scale of smoothing and splitting"
    )
    perinuclear_um: float = Field(
        0.0, ge=0, le=20, description="nuclei are grown by this to measure their target, um"
    )
    region: Literal["tissue", "whole"] = Field(
        "tissue", description="pixels that count: the tissue as for training, or all"
    )
    block_um: float = Field(
        250.0, gt=0, description="side of the blocks that the bootstrap draws of a single slide, um"
    )
    shuffle_um: float = Field(
        64.0,
        gt=0,
        description="side of the blocks that --ablate-by shuffle moves, um: larger than a vessel "
        "and its surroundings",
    )
