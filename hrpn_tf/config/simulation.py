"""Parameters of the phantom simulator, with units and sources.

The sources are the publications on tumours that ``docs/guide/simulate.md`` lists. "(assumed)" marks
a value without a published source.
"""

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import (
    Field,
    SerializerFunctionWrapHandler,
    ValidationError,
    model_serializer,
    model_validator,
)

from hrpn_tf.config.anatomy import NucleiConfig, PermeabilityConfig, VesselConfig
from hrpn_tf.config.section import NO_UNIT, Section, unit

__all__ = [
    "ChannelNames",
    "NucleiConfig",
    "OpticsConfig",
    "PermeabilityConfig",
    "SimulationConfig",
    "TransportConfig",
    "VesselConfig",
]


# Keys that cohorts of before do not state; 0 is what they did.
_LATER_KEYS = (
    ("vessels", "lumen_stain"),
    ("nuclei", "over_vessels"),
    ("transport", "blood_share"),
)


class ChannelNames(Section):
    """Names of the channels in the simulated slides; all three must differ."""

    vessels: str = Field(
        "vessels", min_length=1, description="Name of the channel with the vessel stain (CD31)."
    )
    nuclei: str = Field(
        "nuclei", min_length=1, description="Name of the channel with the nuclear stain (DAPI)."
    )
    target: str = Field(
        "qd", min_length=1, description="Name of the channel with the quantum dots."
    )

    @model_validator(mode="after")
    def _names_differ(self) -> "ChannelNames":
        if len({self.vessels, self.nuclei, self.target}) < 3:
            raise ValueError("the three channels need different names")
        return self


class TransportConfig(Section):
    """Diffusion and uptake in the simulated tissue."""

    diffusivity_um2_per_s: float = Field(
        0.6,
        gt=0,
        json_schema_extra=unit("µm²/s"),
        description="Diffusion coefficient at the mean nuclear density (0.3 to 5 assumed).",
    )
    uptake_per_s: float = Field(
        1e-3,
        gt=0,
        json_schema_extra=unit("1/s"),
        description="Rate of uptake and other first-order loss (1e-5 to 1e-3 assumed).",
    )
    group_spread: float = Field(
        0.1,
        ge=0,
        le=1,
        json_schema_extra=NO_UNIT,
        description="Standard deviation between groups of the logarithm of dose, diffusivity and "
        "uptake (assumed). The inputs do not show it.",
    )
    blood_share: float = Field(
        0.0,
        ge=0,
        le=1,
        json_schema_extra=unit("fraction"),
        description="Concentration of the tracer that is left in the lumens, as a fraction of "
        "the nominal plasma concentration (assumed). 0: perfused before sectioning.",
    )
    grid_share: float = Field(
        0.1,
        gt=0,
        le=0.5,
        json_schema_extra=unit("fraction"),
        description="Largest grid step, as a fraction of the diffusion length.",
    )


class OpticsConfig(Section):
    """From concentration and stain to intensities.

    Grey levels are given for 8 bits, whatever `bits` is.
    """

    bits: Literal[8, 16] = Field(
        8,
        json_schema_extra=unit("bits"),
        description="Bits per pixel of the slides. 16 bits use the full range.",
    )
    psf_um: float = Field(
        0.45,
        ge=0,
        json_schema_extra=unit("µm"),
        description="Standard deviation of the Gaussian point spread function (assumed).",
    )
    vessel_level: float = Field(
        35.0,
        gt=0,
        json_schema_extra=unit("grey levels"),
        description="Intensity of the wall of a median vessel (assumed).",
    )
    nucleus_level: float = Field(
        90.0,
        gt=0,
        json_schema_extra=unit("grey levels"),
        description="Intensity of a mean nucleus (assumed).",
    )
    target_level: float = Field(
        175.0,
        gt=0,
        json_schema_extra=unit("grey levels"),
        description="Intensity that the plasma concentration would have in the target. The "
        "default gives the target a standard deviation of about 4, as published.",
    )
    autofluorescence: tuple[float, float, float] = Field(
        (6.0, 5.0, 1.5),
        json_schema_extra=unit("grey levels"),
        description="Mean intensity of unstained tissue in vessels, nuclei and target (assumed).",
    )
    autofluorescence_spread: float = Field(
        0.25,
        ge=0,
        le=1,
        json_schema_extra=unit("fraction"),
        description="Standard deviation of autofluorescence over the tissue, as a fraction of its "
        "mean (assumed).",
    )
    offset: float = Field(
        0.5,
        ge=0,
        json_schema_extra=unit("grey levels"),
        description="Intensity without light (assumed).",
    )
    bleed_nuclei_vessels: float = Field(
        0.02,
        ge=0,
        le=0.5,
        json_schema_extra=unit("fraction"),
        description="Fraction of the nuclear signal that appears in the vessel channel (assumed).",
    )
    bleed_nuclei_target: float = Field(
        0.003,
        ge=0,
        le=0.5,
        json_schema_extra=unit("fraction"),
        description="Fraction of the nuclear signal that appears in the target (assumed).",
    )
    bleed_vessels_target: float = Field(
        0.02,
        ge=0,
        le=0.5,
        json_schema_extra=unit("fraction"),
        description="Fraction of the vessel signal that appears in the target (assumed).",
    )
    uneven_light: float = Field(
        0.08,
        ge=0,
        lt=1,
        json_schema_extra=unit("fraction"),
        description="Loss of light at the corners of a field of view (assumed).",
    )
    field_um: float = Field(
        600.0,
        gt=0,
        json_schema_extra=unit("µm"),
        description="Side length of the scanner's field of view (assumed).",
    )
    photon_gain: float = Field(
        0.05,
        ge=0,
        json_schema_extra=unit("grey levels per photon"),
        description="Intensity of one photon (assumed). The variance of photon noise is this gain "
        "times the signal.",
    )
    read_noise: float = Field(
        0.3,
        ge=0,
        json_schema_extra=unit("grey levels"),
        description="Standard deviation of the read noise (assumed).",
    )


class SimulationConfig(Section):
    """Parameters of one simulated cohort.

    "(assumed)" marks a value without a published source. There must be at least as many slides as
    groups.
    """

    slides: int = Field(
        6,
        ge=1,
        le=999,
        json_schema_extra=unit("slides"),
        description="Number of slides (published: 6).",
    )
    groups: int = Field(
        6,
        ge=1,
        json_schema_extra=unit("groups"),
        description="Number of groups (animals). Slides are assigned to them in turn.",
    )
    height: int = Field(
        2048, ge=64, le=100_000, json_schema_extra=unit("px"), description="Height of a slide."
    )
    width: int = Field(
        2048, ge=64, le=100_000, json_schema_extra=unit("px"), description="Width of a slide."
    )
    pixel_size_um: float = Field(
        0.5,
        ge=0.02,  # finer pixels are no pixels of a microscope slide, and refused as such
        le=2,
        json_schema_extra=unit("µm/px"),
        description="Pixel size of the slides (0.25 to 0.5 is usual).",
    )
    seed: int = Field(
        0,
        ge=0,
        json_schema_extra=NO_UNIT,
        description="Seed of all random numbers. The same seed gives the same bytes.",
    )
    tissue_share: float = Field(
        0.8,
        ge=0.01,
        le=1,
        json_schema_extra=unit("fraction"),
        description="Fraction of a slide that is tissue.",
    )
    floor_draws: int = Field(
        16,
        ge=2,
        json_schema_extra=unit("draws"),
        description="Number of random draws of the hidden parameters from which the error floor "
        "is computed.",
    )
    channels: ChannelNames = ChannelNames()
    vessels: VesselConfig = Field(default_factory=VesselConfig)
    permeability: PermeabilityConfig = Field(default_factory=PermeabilityConfig)
    nuclei: NucleiConfig = Field(default_factory=NucleiConfig)
    transport: TransportConfig = Field(default_factory=TransportConfig)
    optics: OpticsConfig = Field(default_factory=OpticsConfig)
    vary: dict[str, dict[str, tuple[float, float]]] = Field(
        {},
        json_schema_extra=NO_UNIT,
        description="Least and largest value of keys that differ from slide to slide, such as "
        "`optics: {psf_um: [0.3, 0.9]}`, in the unit of the key. Keys of the sections above are "
        "allowed. Values are drawn log-uniformly, or uniformly where the least one is 0.",
    )

    @property
    def ranges(self) -> dict[str, tuple[float, float]]:
        """What varies, by key with its section, such as ``optics.psf_um``."""
        return {
            f"{section}.{key}": ends
            for section, keys in self.vary.items()
            for key, ends in keys.items()
        }

    @model_serializer(mode="wrap")
    def _without_later_keys(self, serialise: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Slides without what a later key brings state what they did before there was the key."""
        values: dict[str, Any] = serialise(self)
        if not self.vary:
            values.pop("vary", None)
        for section, key in _LATER_KEYS:
            if not getattr(getattr(self, section), key):
                values.get(section, {}).pop(key, None)
        return values

    @model_validator(mode="after")
    def _ranges_make_sense(self) -> "SimulationConfig":
        for key, (low, high) in self.ranges.items():
            if low > high:
                raise ValueError(f"vary.{key}: {low:g} is more than {high:g}")
            for value in (low, high):
                _refuse_value(self, key, value)
        return self

    @model_validator(mode="after")
    def _every_group_has_a_slide(self) -> "SimulationConfig":
        if self.groups > self.slides:
            raise ValueError(
                f"{self.groups} groups need at least as many slides, not {self.slides}"
            )
        return self


def with_values(config: SimulationConfig, values: Mapping[str, float]) -> SimulationConfig:
    """A configuration in which nothing varies, with other values of some keys.

    Args:
        config: of a cohort.
        values: by key of a section, such as ``optics.psf_um``.
    """
    plain = config.model_dump(exclude={"vary"})
    for key, value in values.items():
        section, _, name = key.partition(".")
        plain[section][name] = value
    return SimulationConfig.model_validate(plain)


def _refuse_value(config: SimulationConfig, key: str, value: float) -> None:
    """Refuse a value that a key may not have.

    Raises:
        ValueError: says why.
    """
    section, _, name = key.partition(".")
    field = SimulationConfig.model_fields.get(section)
    inner = field.annotation if field is not None else None
    fields = getattr(inner, "model_fields", {})
    if name not in fields or fields[name].annotation is not float:
        raise ValueError(f"vary.{key}: no number of a section, such as optics.psf_um")
    try:
        with_values(config, {key: value})
    except ValidationError as error:
        raise ValueError(f"vary.{key}: {value:g}: {error.errors()[0]['msg']}") from None
