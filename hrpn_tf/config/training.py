"""The model, and how it is trained."""

from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from hrpn_tf.config.section import Section
from hrpn_tf.losses import LOSSES


class ModelConfig(Section):
    """Which network."""

    preset: str = Field("hrpn-m", description="a name that `hrpn-tf models` lists")


class OptimizerConfig(Section):
    """The optimizer; defaults are this project's recommendation."""

    name: Literal["adamw", "adam", "rmsprop"] = "adamw"
    learning_rate: float = Field(2e-3, gt=0, description="the peak")
    weight_decay: float = Field(0.05, ge=0)
    beta_1: float = Field(0.9, ge=0, lt=1, description="adam and adamw only")
    momentum: float = Field(0.0, ge=0, lt=1, description="rmsprop only")
    schedule: Literal["cosine", "linear", "constant"] = "cosine"
    warmup_share: float = Field(
        0.05, ge=0, lt=1, description="share of all steps with a linear warm-up"
    )
    hold_share: float = Field(
        0.0, ge=0, lt=1, description="share of all steps at the peak before the decay begins"
    )
    clip_norm: float | None = Field(
        1.0, gt=0, description="largest global norm of the gradients; null: no clipping"
    )

    @model_validator(mode="after")
    def _shares_leave_room_to_decay(self) -> "OptimizerConfig":
        if self.warmup_share + self.hold_share >= 1:
            raise ValueError("warmup_share and hold_share together must be below 1")
        return self


class AdversarialConfig(Section):
    """The adversarial part of the loss, for presets that have a discriminator.

    The generator minimises ``weight`` x adversarial + ``reconstruction`` x ``training.loss``; the
    discriminator ``discriminator`` x (loss on measured + loss on predicted targets).
    """

    loss: Literal["least_squares", "cross_entropy"] = "least_squares"
    weight: float = Field(1.0, ge=0)
    reconstruction: float = Field(10.0, ge=0)
    discriminator: float = Field(0.5, gt=0)


class TrainingConfig(Section):
    """Epochs, batches, loss, precision."""

    epochs: int = Field(20, ge=1)
    batch_size: int = Field(32, ge=1, description="patches of one step, on all devices together")
    accumulate: int = Field(
        1, ge=1, description="parts that a batch is computed in, one after another, to save memory"
    )
    crop: int | None = Field(
        None, ge=16, description="train on random crops of this side, px; whole patches otherwise"
    )
    steps_per_epoch: int | None = Field(
        None, ge=1, description="steps that count as one epoch; one pass over the data otherwise"
    )
    loss: dict[str, float] = Field(
        {"mse": 1.0},
        description=f"weights of {', '.join(LOSSES)}, or names joined by +, such as mse+ssim; in "
        "units of the target's standard deviation",
    )
    adversarial: AdversarialConfig | None = Field(
        None, description="null: no discriminator is trained"
    )
    optimizer: OptimizerConfig = OptimizerConfig()
    ema: float = Field(
        0.0,
        ge=0,
        lt=1,
        description="momentum of the averaged weights that are validated and kept; 0: no averaging",
    )
    early_stopping: int | None = Field(
        None, ge=1, description="stop after this many epochs without a better validation loss"
    )
    checkpoint_steps: int | None = Field(
        None, ge=1, description="also save every so many steps within an epoch"
    )
    pictures_every: int = Field(
        5, ge=0, description="epochs between pictures of held-out patches in TensorBoard; 0: none"
    )
    precision: Literal["float32", "mixed_float16", "mixed_bfloat16"] = "float32"
    seed: int = Field(0, ge=0, lt=2**31)
    deterministic: bool = Field(
        True, description="the same seed gives the same weights on the same machine"
    )

    @field_validator("loss", mode="before")
    @classmethod
    def _names_to_weights(cls, value: Any) -> Any:
        """``mse+ssim`` counts each part once."""
        return dict.fromkeys(value.split("+"), 1.0) if isinstance(value, str) else value

    @field_validator("loss")
    @classmethod
    def _losses_are_known(cls, value: dict[str, float]) -> dict[str, float]:
        if unknown := sorted(set(value) - set(LOSSES)):
            raise ValueError(f"no loss {unknown[0]!r}; there are {', '.join(LOSSES)}")
        if not value or min(value.values()) < 0 or not any(value.values()):
            raise ValueError("a loss needs at least one part with a positive weight")
        return value

    @model_validator(mode="after")
    def _parts_are_whole(self) -> "TrainingConfig":
        if self.batch_size % self.accumulate:
            raise ValueError(
                f"accumulate={self.accumulate} does not divide batch_size={self.batch_size}"
            )
        return self
