"""How the weights of a network, and of its adversary, are updated."""

from typing import Literal

from pydantic import Field, model_validator

from hrpn_tf.config.section import NO_UNIT, Section, unit


class OptimizerConfig(Section):
    """The optimizer; the defaults are the recommended settings.

    `warmup_share` and `hold_share` together must be below 1.
    """

    name: Literal["adamw", "adam", "rmsprop"] = Field(
        "adamw",
        description="Algorithm that updates the weights. `rmsprop` is that of the published HRPN.",
    )
    learning_rate: float = Field(
        6e-3, gt=0, json_schema_extra=NO_UNIT, description="Largest learning rate of the schedule."
    )
    weight_decay: float = Field(
        0.05,
        ge=0,
        json_schema_extra=NO_UNIT,
        description="Weight decay of each step, multiplied by the learning rate. `adamw` decays "
        "kernels only; `adam` and `rmsprop` also decay biases and normalisation.",
    )
    beta_1: float = Field(
        0.9,
        ge=0,
        lt=1,
        json_schema_extra=NO_UNIT,
        description="Decay rate of the running mean of gradients, for `adamw` and `adam`.",
    )
    momentum: float = Field(
        0.0, ge=0, lt=1, json_schema_extra=NO_UNIT, description="Momentum, for `rmsprop`."
    )
    schedule: Literal["cosine", "linear", "constant"] = Field(
        "cosine",
        description="Shape of the learning rate after warm-up and hold. `cosine` and `linear` fall "
        "to 0 at the last step.",
    )
    warmup_share: float = Field(
        0.05,
        ge=0,
        lt=1,
        json_schema_extra=unit("fraction"),
        description="Fraction of all steps in which the learning rate rises linearly.",
    )
    hold_share: float = Field(
        0.0,
        ge=0,
        lt=1,
        json_schema_extra=unit("fraction"),
        description="Fraction of all steps at the largest learning rate, before it falls.",
    )
    clip_norm: float | None = Field(
        1.0,
        gt=0,
        json_schema_extra=NO_UNIT,
        description="Largest global norm of the gradients; larger ones are scaled down to it. "
        "`null` disables clipping.",
    )

    @model_validator(mode="after")
    def _shares_leave_room_to_decay(self) -> "OptimizerConfig":
        if self.warmup_share + self.hold_share >= 1:
            raise ValueError("warmup_share and hold_share together must be below 1")
        return self


class AdversarialConfig(Section):
    """Adversarial training, for presets that have a discriminator.

    The generator minimises `weight` × adversarial loss + `reconstruction` × `training.loss`. The
    discriminator minimises `discriminator` × (loss on measured + loss on predicted targets).
    """

    loss: Literal["least_squares", "cross_entropy"] = Field(
        "least_squares", description="Adversarial loss of generator and discriminator."
    )
    weight: float = Field(
        1.0,
        ge=0,
        json_schema_extra=NO_UNIT,
        description="Weight of the adversarial loss of the generator.",
    )
    reconstruction: float = Field(
        10.0,
        ge=0,
        json_schema_extra=NO_UNIT,
        description="Weight of the reconstruction loss, `training.loss`.",
    )
    discriminator: float = Field(
        0.5,
        gt=0,
        json_schema_extra=NO_UNIT,
        description="Weight of the discriminator's own loss.",
    )
