"""Values that differ from slide to slide: drawn from ranges, from the seed and the slide alone."""

import numpy as np

from hrpn_tf.config.simulation import SimulationConfig, with_values

_STREAM = 2  # those of animals and slides are 0 and 1; see ``phantom``


def drawn_values(config: SimulationConfig, slide: int) -> dict[str, float]:
    """The values of slide number ``slide``, by key with its section.

    Log-uniform between the ends where both are above 0, so that halving is as likely as doubling;
    uniform otherwise. Each key has a stream of its own: another key more changes no other value.

    Example:
        >>> config = SimulationConfig(vary={"optics": {"psf_um": (0.2, 0.8)}})
        >>> value = drawn_values(config, 0)["optics.psf_um"]
        >>> 0.2 <= value <= 0.8, value == drawn_values(config, 1)["optics.psf_um"]
        (True, False)
    """
    values = {}
    for key, (low, high) in config.ranges.items():
        stream = [config.seed, _STREAM, slide, *key.encode()]
        share = float(np.random.default_rng(stream).random())
        if low > 0:
            values[key] = low * (high / low) ** share
        else:
            values[key] = low + (high - low) * share
    return values


def of_slide(config: SimulationConfig, slide: int) -> SimulationConfig:
    """The configuration of one slide; the same where nothing varies."""
    return with_values(config, drawn_values(config, slide)) if config.vary else config
