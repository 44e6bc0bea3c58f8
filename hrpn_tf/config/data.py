"""How slides become patches."""

import math
from typing import Annotated, Literal

from pydantic import Field, model_validator

from hrpn_tf.config.section import NO_UNIT, Section, unit

# Of the range of an integer type; ordinary exposures use more.
SMALL_PART = 0.125


class TissueConfig(Section):
    """Which parts of a slide count as tissue."""

    method: Literal["otsu", "threshold", "all"] = Field(
        "otsu",
        description="Method that separates tissue from background, on the mean of the input "
        "channels. `otsu` puts Otsu's threshold on the smoothed logarithm, `threshold` takes "
        "intensities above the key `threshold`, and `all` takes the whole slide.",
    )
    threshold: float = Field(
        0.0,
        ge=0,
        json_schema_extra=unit("grey levels"),
        description="Intensity above which a pixel is tissue. It applies to `method: threshold` "
        "only.",
    )
    scale_um: float = Field(
        8.0,
        gt=0,
        json_schema_extra=unit("µm"),
        description="Pixel size of the tissue mask.",
    )
    min_share: float = Field(
        0.05,
        ge=0,
        le=1,
        json_schema_extra=unit("fraction"),
        description="Smallest fraction of a patch that must be tissue for the patch to be kept.",
    )


class SplitConfig(Section):
    """Which groups (animals or slides) train, choose the checkpoint, and give the final metrics.

    Groups named in `validation` or `test` replace the fold. No group may be in both.
    """

    fold: int | None = Field(
        0,
        ge=0,
        json_schema_extra=NO_UNIT,
        description="Number of the leave-one-group-out fold, from 0. In fold k, group k of the "
        "sorted names is the test group and the next one validates. `null` requires "
        "`validation`.",
    )
    validation: tuple[str, ...] = Field(
        (), description="Groups whose validation loss chooses the checkpoint."
    )
    test: tuple[str, ...] = Field(
        (), description="Groups that are kept for the final metrics. `test` requires `validation`."
    )

    @model_validator(mode="after")
    def _named_groups_replace_the_fold(self) -> "SplitConfig":
        if set(self.validation) & set(self.test):
            raise ValueError("a group cannot be in both validation and test")
        return self


class AugmentationConfig(Section):
    """Random changes of a training patch; each depends on seed, epoch and patch alone."""

    flips: bool = Field(
        True, description="Mirror inputs and target together, horizontally and vertically."
    )
    quarter_turns: bool = Field(
        True, description="Rotate inputs and target together by multiples of 90°."
    )
    gain_jitter: float = Field(
        0.0,
        ge=0,
        lt=1,
        json_schema_extra=unit("fraction"),
        description="Largest relative change of an input's intensity. Each input channel is "
        "multiplied by its own factor between 1 - `gain_jitter` and 1 + `gain_jitter`; the target "
        "stays as it is.",
    )
    offset_jitter: float = Field(
        0.0,
        ge=0,
        allow_inf_nan=False,
        json_schema_extra=unit("grey levels"),
        description="Largest change of an input's background. A value of its own between "
        "-`offset_jitter` and `offset_jitter` is added to each input channel, after its gain.",
    )
    gamma_jitter: float = Field(
        0.0,
        ge=0,
        le=1,
        json_schema_extra=unit("fraction"),
        description="Largest bend of an input's intensity scale. Each input channel is raised to "
        "its own power between 1 / (1 + `gamma_jitter`) and 1 + `gamma_jitter`, before its gain. A "
        "bright level (mean + 2 standard deviations over the tissue of the first slide) stays as "
        "it is.",
    )

    @property
    def changes_intensity(self) -> bool:
        """Whether the inputs get other intensities."""
        return max(self.gain_jitter, self.offset_jitter, self.gamma_jitter) > 0


class DataConfig(Section):
    """Channels, patches, split and augmentation of the training data.

    A channel role names what a channel shows (such as `vessels`), whatever the channel is called
    in the file. All roles in `inputs` and `target` must differ.
    """

    inputs: tuple[str, ...] = Field(
        ("vessels", "nuclei"),
        min_length=1,
        description="Channel roles that the network gets as inputs, in this order.",
    )
    target: str = Field("qd", description="Channel role that the network predicts.")
    channels: dict[str, str | int] = Field(
        {},
        description="Channel of each role in the slide files, by name or by index from 0. A role "
        "that is missing here is looked up by its own name. A slide list may state other channels "
        "for single slides.",
    )
    pixel_size_um: float | None = Field(
        None,
        gt=0,
        json_schema_extra=unit("µm/px"),
        description="Pixel size of slides whose files state none. `null` refuses such slides.",
    )
    z: Annotated[int, Field(ge=1)] | Literal["max", "mean"] | None = Field(
        None,
        json_schema_extra=NO_UNIT,
        description="For stacks of focal planes: the plane to read, counted from 1, or "
        "`max` or `mean` of all planes at each pixel. Slides with one plane stay as they are. "
        "`null` refuses stacks.",
    )
    grey_max: float | None = Field(
        None,
        gt=0,
        allow_inf_nan=False,
        json_schema_extra=unit("grey levels"),
        description="Largest grey level that the slides can have, such as 4095 for 12-bit counts "
        "in a 16-bit type. PSNR, SSIM and the limits of the certificate of an exported network are "
        "relative to it. `null` takes the largest value of an unsigned integer type, 255 or 65535, "
        "and the largest grey level of the training tissue of other types.",
    )
    patch: int = Field(
        512, ge=16, json_schema_extra=unit("px"), description="Side length of a training patch."
    )
    stride: int = Field(
        512,
        ge=1,
        json_schema_extra=unit("px"),
        description="Distance between neighbouring patches of the grid.",
    )
    edge: Literal["shift", "pad", "drop"] = Field(
        "shift",
        description="Treatment of the last row and column of patches where they would cross the "
        "edge of the slide. `shift` moves them inside, `pad` fills them up with zeros (as in the "
        "published method), and `drop` leaves them out.",
    )
    normalisation: Literal["none", "slide"] = Field(
        "none",
        description="Normalisation of the inputs before the network sees them. `slide` maps the "
        "dark and the bright level of each input of a slide (1 % and 99 % quantiles over its "
        "tissue) to those of `reference`, by one gain and one offset for all of its pixels. The "
        "target is never normalised.",
    )
    reference: dict[str, tuple[float, float]] = Field(
        {},
        json_schema_extra=unit("grey levels"),
        description="Dark and bright level of each input that `normalisation: slide` maps to. `{}` "
        "takes the median over the slides that are prepared.",
    )
    tissue: TissueConfig = Field(default_factory=TissueConfig)
    split: SplitConfig = Field(default_factory=SplitConfig)
    augmentation: AugmentationConfig = Field(default_factory=AugmentationConfig)

    @property
    def reference_levels(self) -> tuple[tuple[float, float], ...] | None:
        """``reference`` in the order of the inputs; None where they are not normalised."""
        if self.normalisation == "none" or not self.reference:
            return None
        return tuple(self.reference[role] for role in self.inputs)

    @model_validator(mode="after")
    def _roles_are_distinct(self) -> "DataConfig":
        roles = (*self.inputs, self.target)
        if len(set(roles)) != len(roles):
            raise ValueError("inputs and target must be different roles")
        if unknown := sorted(set(self.channels) - set(roles)):
            raise ValueError(f"channels names roles that are neither input nor target: {unknown}")
        if self.reference and set(self.reference) != set(self.inputs):
            raise ValueError("reference must state the levels of all inputs, and of no other role")
        if any(not dark < bright < math.inf for dark, bright in self.reference.values()):
            raise ValueError("reference: the bright level of an input must be above its dark level")
        return self
