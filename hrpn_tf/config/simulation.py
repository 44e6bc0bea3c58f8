"""Parameters of the phantom simulator, with units and sources.

Sources are the published figures for tumours listed in ``docs/guide/simulate.md``; "guess" marks
what nobody reported.
"""

from typing import Literal

from pydantic import Field, model_validator

from hrpn_tf.config.section import Section


class ChannelNames(Section):
    """Names of the channels in the written slides."""

    vessels: str = Field("vessels", min_length=1, description="vessel stain (CD31)")
    nuclei: str = Field("nuclei", min_length=1, description="nuclear stain (DAPI)")
    target: str = Field("qd", min_length=1, description="quantum dots")

    @model_validator(mode="after")
    def _names_differ(self) -> "ChannelNames":
        if len({self.vessels, self.nuclei, self.target}) < 3:
            raise ValueError("the three channels need different names")
        return self


class VesselConfig(Section):
    """The vessel network, and how its permeability shows."""

    length_density: float = Field(
        790.0,
        gt=0,
        le=1500,
        description="vessel length per tissue volume, mm/mm3, junctions counted in each branch; "
        "set to give about 275 profiles/mm2 (110 to 320) and 36 mm2 of wall per mm3 (34 to 45; "
        "PMC7078505)",
    )
    radius_um: float = Field(
        8.6, ge=2, le=30, description="median lumen radius, um (8 to 10; PMC7078505)"
    )
    radius_spread: float = Field(
        0.2, ge=0, le=0.5, description="standard deviation of log radius between vessels (guess)"
    )
    wall_um: float = Field(
        1.5, gt=0, le=10, description="thickness of the stained wall, um (guess)"
    )
    persistence_um: float = Field(
        80.0, gt=0, description="length over which a vessel keeps its direction, um (guess)"
    )
    roughness: float = Field(
        0.08,
        ge=0,
        le=0.3,
        description="median irregularity of the outline, share of radius (guess)",
    )
    tortuosity_spread: float = Field(
        0.5,
        ge=0,
        le=1,
        description="standard deviation of log roughness and log bending between vessels (guess)",
    )
    stain_spread: float = Field(
        0.6, ge=0, le=1, description="standard deviation of log stain between vessels (guess)"
    )


class PermeabilityConfig(Section):
    """How leaky the vessels are, and how much of it their look tells."""

    leaky_share: float = Field(
        0.2, gt=0, le=1, description="share of vessels that let particles out (21 %; Kingston 2021)"
    )
    median_cm_per_s: float = Field(
        1.2e-7,
        gt=0,
        description="median permeability of a leaky vessel, cm/s (two-pore theory, 15 nm particle)",
    )
    spread_decades: float = Field(
        2.0,
        ge=0,
        le=4,
        description="decades that hold 95 % of the leaky vessels (log-normal; nano-ISML: "
        "penetration differs 100-fold)",
    )
    visible_share: float = Field(
        0.96,
        ge=0,
        le=1,
        description="share of the variance of the permeability score that the look tells; the "
        "rest is hidden (guess, set so that the best predictor has R2 of about 0.9)",
    )
    stain_weight: float = Field(
        0.98, ge=-1, le=1, description="weight of stain intensity in the visible score (guess)"
    )
    radius_weight: float = Field(
        0.18, ge=-1, le=1, description="weight of the radius in the visible score (guess)"
    )
    tortuosity_weight: float = Field(
        0.08, ge=-1, le=1, description="weight of tortuosity in the visible score (guess)"
    )

    @model_validator(mode="after")
    def _something_shows(self) -> "PermeabilityConfig":
        if not (self.stain_weight or self.radius_weight or self.tortuosity_weight):
            raise ValueError("stain_weight, radius_weight and tortuosity_weight are all zero")
        return self


class NucleiConfig(Section):
    """Cell nuclei in the section."""

    density_per_mm2: float = Field(
        3900.0,
        ge=0,
        le=8000,
        description="nuclei per mm2 of tissue, 5 um section (3 900 derived; 4T1 3 000 to 8 000, "
        "guess)",
    )
    diameter_um: float = Field(8.5, ge=3, le=20, description="mean diameter, um (7 to 10, guess)")
    diameter_spread: float = Field(
        0.1, ge=0, le=0.3, description="standard deviation of the diameter, share of it (guess)"
    )
    crowding: float = Field(
        0.35, ge=0, le=1, description="standard deviation of the log of local density (guess)"
    )
    crowding_um: float = Field(
        60.0, gt=0, description="length over which the density changes, um (guess)"
    )
    cell_radius_um: float = Field(
        8.0, gt=0, description="cell radius, um (public pharmacokinetic models); sets the crowding"
    )


class TransportConfig(Section):
    """Diffusion and uptake in the tissue."""

    diffusivity_um2_per_s: float = Field(
        0.6,
        gt=0,
        description="diffusion coefficient at the mean nuclear density, um2/s (0.3 to 5, guess)",
    )
    uptake_per_s: float = Field(
        1e-3, gt=0, description="uptake and other first-order loss, 1/s (1e-5 to 1e-3, guess)"
    )
    group_spread: float = Field(
        0.1,
        ge=0,
        le=1,
        description="standard deviation between groups of the log of dose, diffusivity and "
        "uptake; hidden from the inputs (guess)",
    )
    grid_share: float = Field(
        0.1, gt=0, le=0.5, description="largest grid step, share of the diffusion length"
    )


class OpticsConfig(Section):
    """From concentration and stain to grey levels. Levels are given for 8 bits."""

    bits: Literal[8, 16] = Field(8, description="bits per pixel; 16 bits use the full range")
    psf_um: float = Field(
        0.45, ge=0, description="standard deviation of the point spread, um (guess)"
    )
    vessel_level: float = Field(
        35.0, gt=0, description="grey level of a median vessel wall (guess)"
    )
    nucleus_level: float = Field(90.0, gt=0, description="grey level of a mean nucleus (guess)")
    target_level: float = Field(
        175.0,
        gt=0,
        description="grey level that the plasma concentration would have; set so that the "
        "target's standard deviation is about 4 (as published)",
    )
    autofluorescence: tuple[float, float, float] = Field(
        (6.0, 5.0, 1.5),
        description="mean grey level of unstained tissue in vessels, nuclei, target (guess)",
    )
    autofluorescence_spread: float = Field(
        0.25, ge=0, le=1, description="its relative standard deviation over the tissue (guess)"
    )
    offset: float = Field(0.5, ge=0, description="grey level without light (guess)")
    bleed_nuclei_vessels: float = Field(
        0.02, ge=0, le=0.5, description="share of the nuclear signal seen in vessels (guess)"
    )
    bleed_nuclei_target: float = Field(
        0.003, ge=0, le=0.5, description="share of the nuclear signal seen in the target (guess)"
    )
    bleed_vessels_target: float = Field(
        0.02, ge=0, le=0.5, description="share of the vessel signal seen in the target (guess)"
    )
    uneven_light: float = Field(
        0.08, ge=0, lt=1, description="loss of light at the corner of a field of view (guess)"
    )
    field_um: float = Field(
        600.0, gt=0, description="side of the scanner's field of view, um (guess)"
    )
    photon_gain: float = Field(
        0.05,
        ge=0,
        description="grey levels per photon; photon noise variance = this x signal (guess)",
    )
    read_noise: float = Field(
        0.3, ge=0, description="standard deviation of the read noise, grey levels (guess)"
    )


class SimulationConfig(Section):
    """Parameters of one simulated cohort."""

    slides: int = Field(6, ge=1, le=999, description="number of slides (6 as published)")
    groups: int = Field(6, ge=1, description="number of groups (animals), filled in turn")
    height: int = Field(2048, ge=64, le=100_000, description="px")
    width: int = Field(2048, ge=64, le=100_000, description="px")
    pixel_size_um: float = Field(0.5, gt=0, le=2, description="um per pixel (0.25 to 0.5 is usual)")
    seed: int = Field(0, ge=0, description="the same seed gives the same bytes")
    tissue_share: float = Field(0.8, ge=0.01, le=1, description="share of the slide that is tissue")
    floor_draws: int = Field(16, ge=2, description="redraws of what is hidden, for the error floor")
    channels: ChannelNames = ChannelNames()
    vessels: VesselConfig = VesselConfig()
    permeability: PermeabilityConfig = PermeabilityConfig()
    nuclei: NucleiConfig = NucleiConfig()
    transport: TransportConfig = TransportConfig()
    optics: OpticsConfig = OpticsConfig()

    @model_validator(mode="after")
    def _every_group_has_a_slide(self) -> "SimulationConfig":
        if self.groups > self.slides:
            raise ValueError(f"{self.groups} groups need at least as many slides")
        return self
