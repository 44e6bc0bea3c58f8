"""How slides become patches."""

from typing import Literal

from pydantic import Field, model_validator

from hrpn_tf.config.section import Section


class TissueConfig(Section):
    """Which parts of a slide count as tissue."""

    method: Literal["otsu", "threshold", "all"] = Field(
        "otsu", description="otsu: automatic on the mean of the inputs; all: the whole slide"
    )
    threshold: float = Field(0.0, ge=0, description="grey level above which is tissue (threshold)")
    scale_um: float = Field(8.0, gt=0, description="pixel size of the mask, um")
    min_share: float = Field(
        0.05, ge=0, le=1, description="share of a patch that must be tissue for it to be kept"
    )


class SplitConfig(Section):
    """Which groups (animals or slides) train, pick the checkpoint, and give the final figures."""

    fold: int | None = Field(
        0, ge=0, description="leave-one-group-out fold: this group tests, the next one validates"
    )
    validation: tuple[str, ...] = Field((), description="groups that pick the checkpoint")
    test: tuple[str, ...] = Field((), description="groups kept for the final figures")

    @model_validator(mode="after")
    def _named_groups_replace_the_fold(self) -> "SplitConfig":
        if set(self.validation) & set(self.test):
            raise ValueError("a group cannot be in both validation and test")
        return self


class AugmentationConfig(Section):
    """Random changes of a training patch; each is drawn from (seed, epoch, patch) alone."""

    flips: bool = True
    quarter_turns: bool = True
    gain_jitter: float = Field(
        0.0, ge=0, lt=1, description="inputs are multiplied by 1 +- this, one draw per channel"
    )


class DataConfig(Section):
    """Channels, patches, split and augmentation."""

    inputs: tuple[str, ...] = Field(("vessels", "nuclei"), min_length=1)
    target: str = "qd"
    channels: dict[str, str | int] = Field(
        default_factory=dict,
        description="role: channel name or index in the file; a role not named here is looked up "
        "by its own name",
    )
    pixel_size_um: float | None = Field(
        None, gt=0, description="um per pixel, for slides that state none"
    )
    patch: int = Field(512, ge=16, description="side of a patch, px")
    stride: int = Field(512, ge=1, description="step of the patch grid, px")
    edge: Literal["shift", "pad", "drop"] = Field(
        "shift",
        description="last row and column: moved inside, zero padded (as published), or left out",
    )
    tissue: TissueConfig = TissueConfig()
    split: SplitConfig = SplitConfig()
    augmentation: AugmentationConfig = AugmentationConfig()

    @model_validator(mode="after")
    def _roles_are_distinct(self) -> "DataConfig":
        roles = (*self.inputs, self.target)
        if len(set(roles)) != len(roles):
            raise ValueError("inputs and target must be different roles")
        if unknown := sorted(set(self.channels) - set(roles)):
            raise ValueError(f"channels names roles that are neither input nor target: {unknown}")
        return self
