"""What the simulated section holds: vessels, their permeability, and nuclei.

See :mod:`hrpn_tf.config.simulation` for the sources.
"""

from pydantic import Field, model_validator

from hrpn_tf.config.section import NO_UNIT, Section, unit


class VesselConfig(Section):
    """The simulated vessel network and its stain."""

    length_density: float = Field(
        790.0,
        gt=0,
        le=1500,
        json_schema_extra=unit("mm/mm³"),
        description="Vessel length per tissue volume; junctions count in each branch. The default "
        "gives about 275 profiles per mm² (published: 110 to 320) and 36 mm² of vessel wall per "
        "mm³ (published: 34 to 45; PMC7078505).",
    )
    radius_um: float = Field(
        8.6,
        ge=2,
        le=30,
        json_schema_extra=unit("µm"),
        description="Median radius of the lumen (published: 8 to 10; PMC7078505).",
    )
    radius_spread: float = Field(
        0.2,
        ge=0,
        le=0.5,
        json_schema_extra=NO_UNIT,
        description="Standard deviation of the logarithm of the radius between vessels (assumed).",
    )
    wall_um: float = Field(
        1.5,
        gt=0,
        le=10,
        json_schema_extra=unit("µm"),
        description="Thickness of the stained vessel wall (assumed).",
    )
    persistence_um: float = Field(
        80.0,
        gt=0,
        json_schema_extra=unit("µm"),
        description="Length over which a vessel keeps its direction (assumed).",
    )
    roughness: float = Field(
        0.08,
        ge=0,
        le=0.3,
        json_schema_extra=unit("fraction"),
        description="Median amplitude of the irregularities of a vessel's outline, as a fraction "
        "of its radius (assumed).",
    )
    tortuosity_spread: float = Field(
        0.5,
        ge=0,
        le=1,
        json_schema_extra=NO_UNIT,
        description="Standard deviation of the logarithm of tortuosity between vessels (assumed). "
        "Tortuosity multiplies the roughness and the bending of a vessel.",
    )
    stain_spread: float = Field(
        0.6,
        ge=0,
        le=1,
        json_schema_extra=NO_UNIT,
        description="Standard deviation of the logarithm of stain intensity between vessels "
        "(assumed).",
    )
    lumen_stain: float = Field(
        0.0,
        ge=0,
        le=1,
        json_schema_extra=unit("fraction"),
        description="Stain that appears over the lumen, as a fraction of the wall's (assumed). "
        "Thin sections of open vessels show none; collapsed vessels, and walls above and below the "
        "lumen in thick sections, fill it.",
    )


class PermeabilityConfig(Section):
    """How permeable the vessels are, and how far their appearance shows it.

    The three weights must not all be 0.
    """

    leaky_share: float = Field(
        0.2,
        gt=0,
        le=1,
        json_schema_extra=unit("fraction"),
        description="Fraction of the vessels that particles can leave (published: 21 %; Kingston "
        "2021).",
    )
    median_cm_per_s: float = Field(
        1.2e-7,
        gt=0,
        json_schema_extra=unit("cm/s"),
        description="Median permeability of a leaky vessel (two-pore theory, 15 nm particle).",
    )
    spread_decades: float = Field(
        2.0,
        ge=0,
        le=4,
        json_schema_extra=unit("decades"),
        description="Width of the log-normal distribution of permeability that holds 95 % of the "
        "leaky vessels (nano-ISML: penetration differs 100-fold).",
    )
    visible_share: float = Field(
        0.96,
        ge=0,
        le=1,
        json_schema_extra=unit("fraction"),
        description="Fraction of the variance of the permeability score that the appearance of a "
        "vessel explains (assumed). The rest is hidden. The default lets the best predictor reach "
        "an R² of about 0.9.",
    )
    stain_weight: float = Field(
        0.98,
        ge=-1,
        le=1,
        json_schema_extra=NO_UNIT,
        description="Weight of stain intensity in the visible score (assumed).",
    )
    radius_weight: float = Field(
        0.18,
        ge=-1,
        le=1,
        json_schema_extra=NO_UNIT,
        description="Weight of the radius in the visible score (assumed).",
    )
    tortuosity_weight: float = Field(
        0.08,
        ge=-1,
        le=1,
        json_schema_extra=NO_UNIT,
        description="Weight of tortuosity in the visible score (assumed).",
    )

    @model_validator(mode="after")
    def _something_shows(self) -> "PermeabilityConfig":
        if not (self.stain_weight or self.radius_weight or self.tortuosity_weight):
            raise ValueError("stain_weight, radius_weight and tortuosity_weight are all zero")
        return self


class NucleiConfig(Section):
    """Cell nuclei in the simulated section."""

    density_per_mm2: float = Field(
        3900.0,
        ge=0,
        le=8000,
        json_schema_extra=unit("nuclei/mm²"),
        description="Number of nuclei per area of tissue in a section of 5 µm (default derived; "
        "3000 to 8000 assumed for 4T1).",
    )
    diameter_um: float = Field(
        8.5,
        ge=3,
        le=20,
        json_schema_extra=unit("µm"),
        description="Mean diameter of a nucleus (7 to 10 assumed).",
    )
    diameter_spread: float = Field(
        0.1,
        ge=0,
        le=0.3,
        json_schema_extra=unit("fraction"),
        description="Standard deviation of the diameter, as a fraction of its mean (assumed).",
    )
    crowding: float = Field(
        0.35,
        ge=0,
        le=1,
        json_schema_extra=NO_UNIT,
        description="Standard deviation of the logarithm of the local density (assumed).",
    )
    crowding_um: float = Field(
        60.0,
        gt=0,
        json_schema_extra=unit("µm"),
        description="Length over which the density changes (assumed).",
    )
    over_vessels: float = Field(
        0.0,
        ge=0,
        le=1,
        json_schema_extra=unit("fraction"),
        description="Fraction of nuclei that vessels do not displace, as where they lie above or "
        "below a vessel within a thick section (assumed).",
    )
    cell_radius_um: float = Field(
        8.0,
        gt=0,
        json_schema_extra=unit("µm"),
        description="Radius of a cell, which sets how far crowded cells slow diffusion (public "
        "pharmacokinetic models).",
    )
