"""What an exported model is measured on: held-out patches, and whole slides with known truth."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from hrpn_export.contract import Contract
from hrpn_export.errors import ContractError
from hrpn_export.session import Session


class WholeSlide(Protocol):
    """A slide of any size that knows how to be predicted, in bands of whole rows from the top."""

    name: str
    height: int
    width: int

    def predict(self, session: Session) -> Iterator[np.ndarray]:
        """Bands (rows, width, outputs) of the prediction, grey levels."""
        ...

    def target(self) -> Iterator[np.ndarray]:
        """Bands (rows, width, predictions) of the measured target, grey levels, cut alike."""
        ...


@dataclass(frozen=True)
class Evidence:
    """Images that the model was neither trained nor chosen with.

    Attributes:
        patches: (N, H, W, inputs) grey levels.
        targets: (N, H, W, predictions) measured grey levels; bounds have no target.
        slides: whole slides.
        origin: what they are, in words.
    """

    patches: np.ndarray
    targets: np.ndarray
    slides: Sequence[WholeSlide] = field(default=())
    origin: str = ""

    def check(self, contract: Contract) -> None:
        """Refuse evidence that does not fit a contract.

        Raises:
            ContractError: says what does not fit.
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
    """A slide that fits into memory, predicted at once.

    Attributes:
        name: of the slide.
        image: (H, W, inputs) grey levels.
        truth: (H, W, outputs) measured grey levels.
    """

    name: str
    image: np.ndarray
    truth: np.ndarray

    @property
    def height(self) -> int:
        """Of the slide, px."""
        return int(self.image.shape[0])

    @property
    def width(self) -> int:
        """Of the slide, px."""
        return int(self.image.shape[1])

    def predict(self, session: Session) -> Iterator[np.ndarray]:
        """The prediction (height, width, outputs), as one band."""
        multiple = session.contract.stride_multiple
        pads = [(0, -side % multiple) for side in self.image.shape[:2]]
        padded = np.pad(self.image, (*pads, (0, 0)), mode="symmetric")
        yield session(padded[None])[0, : self.height, : self.width]

    def target(self) -> Iterator[np.ndarray]:
        """The truth, as one band."""
        yield self.truth
