"""How predicted and measured targets are compared in space."""

from typing import Literal

from pydantic import Field

from hrpn_tf.config.section import Section, unit


class SpatialConfig(Section):
    """Vessels, distances, nuclei and sub-areas of `hrpn-tf evaluate --spatial`."""

    vessel_threshold: float | Literal["multi-otsu", "otsu"] = Field(
        "multi-otsu",
        json_schema_extra=unit("grey levels"),
        description="Intensity above which a pixel is vessel, or the method that finds it. "
        "`multi-otsu` takes the upper of two thresholds on the logarithm of intensities, which "
        "separate glass, tissue and stain. `otsu` takes Otsu's threshold.",
    )
    vessel_min_um2: float = Field(
        20.0,
        ge=0,
        json_schema_extra=unit("µm²"),
        description="Smallest area of a vessel. Smaller groups of connected vessel pixels are "
        "left out.",
    )
    lumen_um2: float = Field(
        1000.0,
        ge=0,
        json_schema_extra=unit("µm²"),
        description="Largest area of a hole that is filled as the lumen of a vessel, whatever it "
        "holds.",
    )
    empty_lumen_um2: float = Field(
        20_000.0,
        ge=0,
        json_schema_extra=unit("µm²"),
        description="Largest area that is filled as a lumen because it is as dark as glass and has "
        "a vessel wall along at least half its outline. 0 fills none. It does not apply to masks "
        "made elsewhere.",
    )
    max_distance_um: float = Field(
        200.0,
        gt=0,
        json_schema_extra=unit("µm"),
        description="Largest distance from a vessel that is measured exactly. Pixels farther away "
        "form one open bin.",
    )
    bin_um: float = Field(
        2.0, gt=0, json_schema_extra=unit("µm"), description="Width of a bin of distance."
    )
    background: float | Literal["auto", "fit", "far"] = Field(
        "auto",
        json_schema_extra=unit("grey levels"),
        description="Intensity far from vessels, above which the excess is measured, or the "
        "method that finds it. `fit` takes the offset of an exponential fitted to the profile. "
        "`far` takes the mean of the farthest hundredth of the pixels outside vessels. `auto` is "
        "`fit` where the measured profile is exponential, and `far` elsewhere.",
    )
    perivascular_um: float = Field(
        10.0,
        gt=0,
        json_schema_extra=unit("µm"),
        description="Largest distance of the pixels that form the surroundings of a vessel.",
    )
    grid_um: float = Field(
        100.0, gt=0, json_schema_extra=unit("µm"), description="Side length of a sub-area."
    )
    positive_threshold: float | Literal["otsu"] = Field(
        "otsu",
        json_schema_extra=unit("grey levels"),
        description="Intensity of the target above which a pixel or nucleus is positive, in the "
        "measured and the predicted slide. `otsu` takes Otsu's threshold of the measured target.",
    )
    nucleus_role: str = Field("nuclei", description="Channel role of the input that shows nuclei.")
    nucleus_threshold: float | Literal["otsu"] = Field(
        "otsu",
        json_schema_extra=unit("grey levels"),
        description="Intensity above which a pixel is nucleus. `otsu` takes Otsu's threshold.",
    )
    nucleus_diameter_um: float = Field(
        8.5,
        gt=0,
        json_schema_extra=unit("µm"),
        description="Usual diameter of a nucleus. It sets the scale on which nuclei are smoothed "
        "and separated.",
    )
    perinuclear_um: float = Field(
        0.0,
        ge=0,
        le=20,
        json_schema_extra=unit("µm"),
        description="Distance by which nuclei are grown before the target in them is measured.",
    )
    region: Literal["tissue", "whole"] = Field(
        "tissue",
        description="Pixels that count. `tissue` takes the tissue mask of the training, and "
        "`whole` takes all pixels.",
    )
    block_um: float = Field(
        250.0,
        gt=0,
        json_schema_extra=unit("µm"),
        description="Side length of the blocks that the bootstrap resamples within a single slide.",
    )
    shuffle_um: float = Field(
        64.0,
        gt=0,
        json_schema_extra=unit("µm"),
        description="Side length of the blocks that `--ablate-by shuffle` moves. It should be "
        "larger than a vessel and its surroundings.",
    )
