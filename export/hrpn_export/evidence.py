"""The images that an export is measured on: held-out patches, and whole slides with a target."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from hrpn_export.contract import Contract
from hrpn_export.errors import ContractError
from hrpn_export.session import Session


class WholeSlide(Protocol):
    """A slide of any size that can be predicted in bands of whole rows, from the top down.

    Attributes:
        name: name of the slide.
        height, width: size, px.
    """

    name: str
    height: int
    width: int

    def predict(self, session: Session) -> Iterator[np.ndarray]:
        """Bands (rows, width, outputs) of the prediction, grey levels."""
        ...

    def target(self) -> Iterator[np.ndarray]:
        """Bands (rows, width, predictions) of the measured target with the same rows."""
        ...


@dataclass(frozen=True)
class Evidence:
    """Images that were used neither to train nor to select the model.

    Attributes:
        patches: (N, H, W, inputs) grey levels.
        targets: (N, H, W, predictions) measured grey levels; bounds have no target.
        slides: whole slides.
        origin: description of the images.

    Example:
        ``Evidence(patches, targets, [ArraySlide("slide-7", image, truth)], "test groups")``
    """

    patches: np.ndarray
    targets: np.ndarray
    slides: Sequence[WholeSlide] = field(default=())
    origin: str = ""

    def check(self, contract: Contract) -> None:
        """Refuse evidence that does not fit a contract.

        Raises:
            ContractError: the shapes do not fit, or pixels are not finite.
        """
        contract.check(self.patches)
        expected = (*self.patches.shape[:3], contract.points)
        if self.targets.shape != expected or not len(self.patches):
            raise ContractError(
                f"targets of a certificate must be {expected} and not empty, got "
                f"{self.targets.shape}"
            )
        for what, array in (("patches", self.patches), ("targets", self.targets)):
            if not np.isfinite(array).all():
                raise ContractError(f"{what} of a certificate hold NaN or infinite pixels")


@dataclass(frozen=True)
class ArraySlide:
    """A slide in memory that is predicted at once.

    Attributes:
        name: name of the slide.
        image: (H, W, inputs) grey levels.
        truth: (H, W, outputs) measured grey levels.
    """

    name: str
    image: np.ndarray
    truth: np.ndarray

    @property
    def height(self) -> int:
        """Height of the slide, px."""
        return int(self.image.shape[0])

    @property
    def width(self) -> int:
        """Width of the slide, px."""
        return int(self.image.shape[1])

    def predict(self, session: Session) -> Iterator[np.ndarray]:
        """The prediction as one band (height, width, outputs)."""
        multiple = session.contract.stride_multiple
        pads = [(0, -side % multiple) for side in self.image.shape[:2]]
        padded = np.pad(self.image, (*pads, (0, 0)), mode="symmetric")
        yield session(padded[None])[0, : self.height, : self.width]

    def target(self) -> Iterator[np.ndarray]:
        """The truth, as one band."""
        yield self.truth
