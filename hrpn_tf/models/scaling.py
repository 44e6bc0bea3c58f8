"""The scaling between grey levels and network units, learnt from the training set."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from hrpn_tf.errors import ConfigError

ScalingKind = Literal["log", "symmetric", "none"]


@dataclass(frozen=True)
class Scaling:
    """Statistics that convert grey levels to network units and back; they become layers.

    All values are grey levels over the pixels of the training tissue.

    Attributes:
        input_mean: mean of each input channel.
        input_std: standard deviation of each input channel, positive.
        target_scale: standard deviation of the target, positive.
        input_peak: largest grey level of each input channel, positive.
        target_peak: largest grey level of the target, positive.

    Raises:
        ConfigError: lengths differ, a deviation is not positive (a constant channel), or a peak
            is not (a black one).
    """

    input_mean: tuple[float, ...]
    input_std: tuple[float, ...]
    target_scale: float
    input_peak: tuple[float, ...]
    target_peak: float

    def __post_init__(self) -> None:
        means, deviations, peaks = map(len, (self.input_mean, self.input_std, self.input_peak))
        if not means == deviations == peaks:
            raise ConfigError(
                f"scaling: {means} means but {deviations} deviations and {peaks} peaks"
            )
        for value in (*self.input_std, self.target_scale):
            if not value > 0:
                raise ConfigError(
                    f"scaling: a standard deviation of {value} means a channel that is constant "
                    "over the training tissue; check the channels' names"
                )
        for value in (*self.input_peak, self.target_peak):
            if not value > 0:
                raise ConfigError(
                    f"scaling: a largest grey level of {value} means a channel that is black "
                    "over the training tissue; check the channels' names"
                )

    def unit(self, kind: ScalingKind) -> float:
        """Grey levels that count as one unit of the network's output."""
        units = {"log": self.target_scale, "symmetric": self.target_peak / 2, "none": 1.0}
        return units[kind]

    def to_json(self) -> dict[str, Any]:
        """The values, as JSON has them."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> "Scaling":
        """What :meth:`to_json` was made from.

        Raises:
            ConfigError: a value is missing or of another type, or see :class:`Scaling`.
        """
        try:
            return cls(
                input_mean=tuple(map(float, values["input_mean"])),
                input_std=tuple(map(float, values["input_std"])),
                target_scale=float(values["target_scale"]),
                input_peak=tuple(map(float, values["input_peak"])),
                target_peak=float(values["target_peak"]),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise ConfigError(f"scaling: not as hrpn-tf fit writes it ({error!r})") from None
