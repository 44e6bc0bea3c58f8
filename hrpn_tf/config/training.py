"""The model, and how it is trained."""

from typing import Literal

from pydantic import Field

from hrpn_tf.config.section import Section


class ModelConfig(Section):
    """Which network."""

    preset: str = Field("hrpn-m", description="a name that `hrpn-tf models` lists")


class OptimizerConfig(Section):
    """The optimizer; defaults are this project's recommendation."""

    name: Literal["adamw", "rmsprop"] = "adamw"
    learning_rate: float = Field(2e-3, gt=0)
    weight_decay: float = Field(0.05, ge=0)
    momentum: float = Field(0.0, ge=0, lt=1, description="rmsprop only")
    schedule: Literal["cosine", "constant"] = "cosine"
    warmup_share: float = Field(
        0.05, ge=0, lt=1, description="share of all steps with a linear warm-up"
    )
    clip_norm: float | None = Field(
        1.0, gt=0, description="largest global norm of the gradients; null: no clipping"
    )


class TrainingConfig(Section):
    """Epochs, batches, loss, precision."""

    epochs: int = Field(20, ge=1)
    batch_size: int = Field(32, ge=1)
    crop: int | None = Field(
        None, ge=16, description="train on random crops of this side, px; whole patches otherwise"
    )
    steps_per_epoch: int | None = Field(
        None, ge=1, description="steps that count as one epoch; one pass over the data otherwise"
    )
    loss: Literal["mse", "mae"] = Field(
        "mse", description="in units of the target's standard deviation"
    )
    optimizer: OptimizerConfig = OptimizerConfig()
    ema: float = Field(
        0.0,
        ge=0,
        lt=1,
        description="momentum of the averaged weights that are validated and kept; 0: no averaging",
    )
    precision: Literal["float32", "mixed_float16", "mixed_bfloat16"] = "float32"
    seed: int = Field(0, ge=0, lt=2**31)
    deterministic: bool = Field(
        True, description="the same seed gives the same weights on the same machine"
    )
