"""A prediction that was planned, and may be computed."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from hrpn_tf.prediction.change import FileStates
from hrpn_tf.prediction.planning import Plan


@dataclass(frozen=True)
class StartRecord:
    """What was found out when a prediction was started, as the unfinished result keeps it.

    Attributes:
        origin: where the result comes from, as plain values.
        work: name of the folder that it is computed in.
        seams: largest and mean error, grey levels, of a halo smaller than the receptive field; None
            for a sufficient halo.
        assessed: how the slide was assessed; see ``SlidePrediction.assess``.
    """

    origin: Mapping[str, Any]
    work: str
    seams: Mapping[str, float] | None = None
    assessed: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """As plain values."""
        return {
            "origin": self.origin,
            "seams": self.seams,
            "assessed": self.assessed,
            "work": self.work,
        }

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        """The inverse of :meth:`to_json`; earlier versions assessed nothing."""
        return cls(values["origin"], values["work"], values["seams"], values.get("assessed") or {})


@dataclass(frozen=True)
class StartedPrediction:
    """A prediction that may be computed.

    Attributes:
        plan: tiles and queues.
        record: what was found out when it was started.
        states: of the slide's files at :meth:`SlidePrediction.begin`.
        left: numbers of the blocks that are not finished.
    """

    plan: Plan
    record: StartRecord
    states: FileStates
    left: tuple[int, ...]
