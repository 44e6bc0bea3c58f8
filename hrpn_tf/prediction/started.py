"""A prediction that was planned, and may be computed."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hrpn_tf.prediction.change import FileStates
from hrpn_tf.prediction.planning import Plan


@dataclass(frozen=True)
class StartedPrediction:
    """A prediction that may be computed.

    Attributes:
        plan: tiles and queues.
        found: what was found out for it, as JSON holds it: the ``origin`` of the result, ``seams``
            of a halo smaller than the receptive field (or None), how the slide was ``assessed``,
            the name of its ``work``, and the states of the slide's ``files`` at
            :meth:`SlidePrediction.begin`.
        left: numbers of the blocks that are not finished.
    """

    plan: Plan
    found: Mapping[str, Any]
    left: tuple[int, ...]

    @property
    def states(self) -> FileStates:
        """Of the slide's files when it was begun."""
        return FileStates(
            tuple((name, s if s is None else tuple(s)) for name, s in self.found["files"])
        )
