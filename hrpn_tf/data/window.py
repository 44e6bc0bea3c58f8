"""What a network is shown of a training patch, and the part of it that counts in the loss."""

from dataclasses import dataclass

import numpy as np

from hrpn_tf.config import TrainingConfig
from hrpn_tf.errors import ConfigError

LEAST_CORE = 16  # px, as the least crop


@dataclass(frozen=True)
class Window:
    """A square crop, and the margin of it that gives context only.

    Attributes:
        side: of the crop, px.
        context: width of the margin, px; its pixels are seen, but do not count.
    """

    side: int
    context: int = 0

    @property
    def core(self) -> int:
        """Side of the square that counts, px."""
        return self.side - 2 * self.context

    @property
    def room(self) -> int:
        """Number of pixels by which the core can be moved within the crop."""
        return 2 * self.context

    def place(self, patch: int, core: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The crop around a core, kept within the patch.

        At the border of a patch there is no more context: the core then lies nearer to that side of
        the crop than ``context``.

        Args:
            patch: side of the patch, px.
            core: (2,) int, first row and column of the core in the patch.

        Returns:
            First row and column of the crop in the patch, and of the core in the crop, (2,) int.

        Example:
            >>> window = Window(side=64, context=16)
            >>> crop, core = window.place(128, np.array([40, 96]))
            >>> crop.tolist(), core.tolist()
            ([24, 64], [16, 32])
        """
        crop = np.clip(core - self.context, 0, patch - self.side)
        return crop, core - crop


def window_of(training: TrainingConfig, patch: int) -> Window:
    """The window of a resolved configuration.

    Args:
        training: without ``auto``.
        patch: side of the patches, px.

    Raises:
        ConfigError: the crop is larger than the patch, or too little of it counts.
    """
    if isinstance(training.crop, str) or isinstance(training.context, str):
        raise ConfigError("training.crop and training.context are not resolved yet")
    side = training.crop or patch
    if side > patch:
        raise ConfigError(f"training.crop={side} is larger than the patch of {patch} px")
    window = Window(side, training.context)
    if training.context and window.core < LEAST_CORE:
        raise ConfigError(
            f"training.context={training.context} leaves less than {LEAST_CORE} px of "
            f"{f'training.crop={side}' if training.crop else f'the patch of {patch} px'}; set it "
            f"to {max((side - LEAST_CORE) // 2, 0)} or less"
        )
    return window
