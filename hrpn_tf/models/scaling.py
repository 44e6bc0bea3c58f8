"""Grey levels in, grey levels out: the scaling learnt from the training set, as numbers."""

from dataclasses import dataclass

from hrpn_tf.errors import ConfigError


@dataclass(frozen=True)
class Scaling:
    """What turns grey levels into a network's numbers and back; becomes layers of the model.

    Attributes:
        input_mean: mean of each input channel over training tissue pixels, grey levels.
        input_std: standard deviation of each input channel, grey levels, positive.
        target_scale: standard deviation of the target over the same pixels, grey levels,
            positive: the network's output is multiplied by it.

    Raises:
        ConfigError: lengths differ, or a deviation is not positive (a constant channel).
    """

    input_mean: tuple[float, ...]
    input_std: tuple[float, ...]
    target_scale: float

    def __post_init__(self) -> None:
        if len(self.input_mean) != len(self.input_std):
            raise ConfigError(
                f"scaling: {len(self.input_mean)} means but {len(self.input_std)} deviations"
            )
        for value in (*self.input_std, self.target_scale):
            if not value > 0:
                raise ConfigError(
                    f"scaling: a standard deviation of {value} means a channel that is constant "
                    "over the training tissue; check the channels' names"
                )
