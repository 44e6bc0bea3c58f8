"""What the comparison with the training slides cannot notice: it depends on their number."""

import numpy as np

from hrpn_tf.evaluation.out_of_distribution.limits import FEWEST
from hrpn_tf.evaluation.out_of_distribution.profile import TrainingProfile, reference_of
from hrpn_tf.text import counted

# With fewer groups the limits are so wide that a slide within them is hardly known to be similar.
FEW = 12
_LARGEST, _STEPS = 10.0, 400  # factor of brightness, and how many up to it are tried


def unnoticed(profile: TrainingProfile, share: float = 1.0) -> dict[str, tuple[float, float]]:
    """How much darker and brighter a channel may be without being noticed.

    The factors are those at which the average training slide itself would reach the limit of grey
    levels. A slide that differs by another cause, too, reaches it earlier.

    Args:
        profile: of the training slides.
        share: what scores are multiplied by; see ``judge``.

    Returns:
        Channel: (least, largest) factor of brightness, from 0.1 to 10; empty without limits.
    """
    reference = reference_of(profile)
    found = {}
    for index, channel in enumerate(profile.channels):
        limit = float(profile.grey_limits[index]) / share
        own = reference.quantiles[index]
        if np.isfinite(limit) and np.any(own):
            found[channel] = (_factor(own, limit, 1 / _LARGEST), _factor(own, limit, _LARGEST))
    return found


def _factor(own: np.ndarray, limit: float, extreme: float) -> float:
    """The factor between 1 and an extreme whose distance is the limit; the extreme beyond it."""
    logs = np.linspace(0, np.log(extreme), _STEPS)
    changed = np.arcsinh(np.exp(logs)[:, None] * np.sinh(own))
    distances = np.abs(changed - own).mean(axis=1)  # rising, as the logarithm does
    return float(np.exp(np.interp(limit, distances, logs)))


def caution(profile: TrainingProfile, factors: dict[str, tuple[float, float]]) -> str:
    """What a slide that is called "like the training slides" may hide, in words.

    Args:
        profile: of the training slides.
        factors: as of ``unnoticed``.

    >>> from hrpn_tf.evaluation.out_of_distribution.resolution import in_factors
    >>> in_factors({"vessels": (0.6, 1.7)})
    'vessels 0.6 to 1.7 times as bright'
    """
    groups = len(set(profile.groups))
    known = f"{counted(len(profile.slides), 'training slide')} of {counted(groups, 'group')}"
    if not profile.has_limits:
        return f"not compared with the training slides: {known}, and it takes {FEWEST}"
    passes = f"would pass as like them: {in_factors(factors)}"
    return f"{known} tell little; {passes}" if groups < FEW else f"{known}; {passes}"


def in_factors(factors: dict[str, tuple[float, float]]) -> str:
    """Factors of brightness in words; see ``caution``."""
    return ", ".join(
        f"{channel} {low:.2g} to {high:.2g} times as bright"
        for channel, (low, high) in factors.items()
    )
