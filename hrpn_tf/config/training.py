"""The model, and how it is trained."""

from typing import Annotated, Any, Literal

from pydantic import Field, NonNegativeFloat, StringConstraints, field_validator, model_validator

from hrpn_tf.config.optimizer import AdversarialConfig, OptimizerConfig
from hrpn_tf.config.section import NO_UNIT, Section, unit
from hrpn_tf.keras_backend import DEFAULT, BackendName
from hrpn_tf.losses import LOSSES

_ONE_LOSS = f"({'|'.join(LOSSES)})"
# What a file may say, for the JSON Schema: weights by name, or names joined by +.
_LOSS_IN_FILES: Any = (
    dict[Literal[tuple(LOSSES)], NonNegativeFloat]  # type: ignore[misc]
    | Annotated[str, StringConstraints(pattern=rf"^{_ONE_LOSS}(\+{_ONE_LOSS})*$")]
)


class ModelConfig(Section):
    """Which network is trained."""

    preset: str = Field(
        "hrpn-m",
        description="Name of the network; `hrpn-tf models` lists them. A preset that was published "
        "with its own training brings it, where the section `training` does not state other "
        "values.",
    )


class TrainingConfig(Section):
    """Epochs, batches, loss, optimizer and precision of a training.

    `accumulate` must divide `batch_size`. At most one of `steps_per_epoch`, `steps` and `minutes`
    may be set; `steps` must be at least `epochs`.
    """

    epochs: int = Field(
        20,
        ge=1,
        json_schema_extra=unit("epochs"),
        description="Length of the training. Each epoch ends with a validation.",
    )
    batch_size: int = Field(
        8,
        ge=1,
        json_schema_extra=unit("patches"),
        description="Number of patches in one step, on all devices together.",
    )
    accumulate: int = Field(
        1,
        ge=1,
        json_schema_extra=unit("parts"),
        description="Number of parts into which a batch is divided to save memory. They are "
        "computed one after another, and batch normalisation sees each part on its own.",
    )
    crop: Annotated[int, Field(ge=16)] | Literal["auto"] | None = Field(
        "auto",
        json_schema_extra=unit("px"),
        description="Side length of random crops of the training patches. `auto` takes 128 px and "
        "the halo of the network on both sides, at most 256 px, or the whole patch where it is "
        "smaller; `null` trains on whole patches. Validation always sees whole patches.",
    )
    context: Annotated[int, Field(ge=0)] | Literal["auto"] = Field(
        0,
        json_schema_extra=unit("px"),
        description="Width of the margin of a crop that the network sees, but that does not count "
        "in the loss and the metrics of training. `auto` takes the halo of the network, but at "
        "most a quarter of the crop.",
    )
    steps_per_epoch: int | None = Field(
        None,
        ge=1,
        json_schema_extra=unit("steps"),
        description="Number of steps that count as one epoch. `null` takes one pass over the "
        "training patches. All patches are used equally often in either case.",
    )
    steps: int | None = Field(
        None,
        ge=1,
        json_schema_extra=unit("steps"),
        description="Number of steps of the whole training, spread evenly over `epochs`. `null` "
        "takes `epochs` times the steps of an epoch.",
    )
    minutes: float | None = Field(
        None,
        gt=0,
        json_schema_extra=unit("min"),
        description="Duration of the whole training. The speed is measured before the first step, "
        "then the number of steps is fixed, and the learning rate falls to its end within this "
        "time. `null` does not look at the time.",
    )
    sampling: Literal["uniform", "target"] = Field(
        "uniform",
        description="How training patches and places of crops are drawn. `uniform` draws all "
        "alike; `target` draws those that hold more of the target more often, and weights the loss "
        "by the inverse, so that its mean stays that of all places.",
    )
    loss: dict[str, float] = Field(
        {"mse": 1.0},
        json_schema_extra=NO_UNIT,
        description="Weight of each part of the loss, by name. The names are "
        f"{', '.join(LOSSES)}; names joined by +, such as `mse+ssim`, have the weight 1. Errors "
        "are in units of the network's output, such as the standard deviation of the target.",
    )
    teacher: str | None = Field(
        None,
        description="Run or bundle whose predictions are a part of the target (distillation). It "
        "must take and predict the same as the network that is trained. `null` trains on the "
        "measured target alone.",
    )
    distillation: float = Field(
        0.8,
        ge=0,
        le=1,
        json_schema_extra=unit("fraction"),
        description="Weight of the prediction of `teacher` in the target; the measured target has "
        "the rest.",
    )
    start: str | None = Field(
        None,
        description="Run, bundle or Keras file whose network the training starts from, or the name "
        "of weights (fine-tuning); `hrpn-tf fit --from` sets it. The preset is then that of this "
        "network, and `early_stopping` and `reestimate_normalisation` have other defaults; with "
        "`freeze`, early stopping and the learning rate. `null` starts from random weights.",
    )
    start_tolerance: float = Field(
        0.1,
        ge=0,
        json_schema_extra=unit("fraction"),
        description="Largest relative difference between the pixel size of the patches and that of "
        "the network of `start`.",
    )
    freeze: Literal["body"] | None = Field(
        None,
        description="What is not trained of the network of `start`. `body` trains the first and "
        "last layers and the scales and offsets of normalisation only, with the statistics of "
        "`start`, for very few slides. `null` trains all.",
    )
    adversarial: AdversarialConfig | None = Field(
        None,
        description="`null` trains without a discriminator, and `{}` takes the defaults of this "
        "section. Presets with a discriminator bring their own values.",
    )
    optimizer: OptimizerConfig = Field(default_factory=OptimizerConfig)
    ema: float = Field(
        0.99,
        ge=0,
        lt=1,
        json_schema_extra=NO_UNIT,
        description="Momentum of the moving average of the weights, such as 0.99. The averaged "
        "weights are validated and kept. 0 disables averaging.",
    )
    freeze_normalisation: float | None = Field(
        None,
        gt=0,
        le=1,
        json_schema_extra=unit("fraction"),
        description="Fraction of all steps after which batch normalisation uses its moving "
        "statistics in training, too. `null` always uses those of the batch.",
    )
    reestimate_normalisation: int = Field(
        0,
        ge=0,
        json_schema_extra=unit("batches"),
        description="Number of training batches on which the statistics of batch normalisation are "
        "measured anew for the averaged weights before each validation. 0 takes the moving "
        "statistics of training.",
    )
    early_stopping: int | None = Field(
        None,
        ge=1,
        json_schema_extra=unit("epochs"),
        description="Number of epochs without a lower validation loss, smoothed as below, after "
        "which the training stops. `null` disables early stopping.",
    )
    smoothing: int = Field(
        3,
        ge=1,
        json_schema_extra=unit("epochs"),
        description="Number of epochs over which early stopping averages the validation loss. The "
        "kept network is that of the single epoch with the lowest loss.",
    )
    least_improvement: float = Field(
        0.0,
        ge=0,
        lt=1,
        json_schema_extra=unit("fraction"),
        description="Fraction by which the smoothed validation loss must fall below its lowest "
        "value so far to count as lower, for early stopping.",
    )
    checkpoint_steps: int | None = Field(
        None,
        ge=1,
        json_schema_extra=unit("steps"),
        description="Number of steps between checkpoints within an epoch. `null` saves at the end "
        "of each epoch only.",
    )
    pictures_every: int = Field(
        5,
        ge=0,
        json_schema_extra=unit("epochs"),
        description="Number of epochs between pictures of held-out patches in TensorBoard. 0 "
        "draws none.",
    )
    precision: Literal["float32", "mixed_float16", "mixed_bfloat16"] = Field(
        "float32",
        description="Number format of the computation. `mixed_float16` scales the loss "
        "dynamically. The kept network is always float32.",
    )
    backend: BackendName = Field(
        DEFAULT,
        description="Framework that trains; `hrpn-tf fit --backend` sets it. `jax` is for a GPU "
        "that is newer than TensorFlow's packages, and trains on one device. The kept network is "
        "the same kind of file, and other commands do not need JAX.",
    )
    seed: int = Field(
        0,
        ge=0,
        lt=2**31,
        json_schema_extra=NO_UNIT,
        description="Seed of the initial weights, the order of the patches, augmentation and "
        "dropout.",
    )
    deterministic: bool = Field(
        True,
        description="Use deterministic operations, so that the same seed gives the same weights on "
        "the same machine. `false` is faster on a GPU, where it also enables XLA.",
    )

    @field_validator("loss", mode="before", json_schema_input_type=_LOSS_IN_FILES)
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
    def _length_is_stated_once(self) -> "TrainingConfig":
        ways = ("steps_per_epoch", "steps", "minutes")
        if len(given := [name for name in ways if getattr(self, name) is not None]) > 1:
            raise ValueError(f"{' and '.join(given)} exclude each other; set all but one to null")
        if self.steps is not None and self.steps < self.epochs:
            raise ValueError(
                f"steps={self.steps} is less than epochs={self.epochs}, each of which has a step"
            )
        return self

    @model_validator(mode="after")
    def _parts_are_whole(self) -> "TrainingConfig":
        if self.batch_size % self.accumulate:
            raise ValueError(
                f"accumulate={self.accumulate} does not divide batch_size={self.batch_size}"
            )
        return self
