"""A prediction that is planned and ready to be computed."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from hrpn_tf.prediction.change import FileStates
from hrpn_tf.prediction.planning import TilePlan


@dataclass(frozen=True)
class StartRecord:
    """Record of the start of a prediction, kept in the unfinished result.

    Attributes:
        origin: provenance of the result, as plain values.
        work: name of the folder with the blocks.
        seams: largest and mean error, in intensities, of a halo smaller than the receptive field;
            None for a sufficient halo.
        assessed: how the slide was assessed; see ``SlidePrediction.assess``.
    """

    origin: Mapping[str, Any]
    work: str
    seams: Mapping[str, float] | None = None
    assessed: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Convert to plain values."""
        return {
            "origin": self.origin,
            "seams": self.seams,
            "assessed": self.assessed,
            "work": self.work,
        }

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        """Inverse of :meth:`to_json`; records of earlier versions have no assessment."""
        return cls(values["origin"], values["work"], values["seams"], values.get("assessed") or {})


@dataclass(frozen=True)
class StartedPrediction:
    """A prediction that is ready to be computed.

    Attributes:
        plan: tiles and queues.
        record: record of the start.
        states: states of the slide's files at :meth:`SlidePrediction.begin`.
        left: indices of the unfinished blocks.
    """

    plan: TilePlan
    record: StartRecord
    states: FileStates
    left: tuple[int, ...]
