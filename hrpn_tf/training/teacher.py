"""Distillation: a trained network whose predictions are a part of the target.

The target of a training step becomes ``(1 - w) * measured + w * predicted by the teacher``, where w
is ``training.distillation``. Validation is against the measured target alone.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hrpn_export import Contract
from keras import ops

from hrpn_tf.config import Config
from hrpn_tf.data.splits import Split
from hrpn_tf.errors import ConfigError, NoNetworkError, WrongKindError
from hrpn_tf.runs.agreement import refuse_different
from hrpn_tf.runs.source import Source, find_source
from hrpn_tf.training.backend import backend
from hrpn_tf.training.core import core_of

logger = logging.getLogger(__name__)

KEY = "training.teacher"


@dataclass(frozen=True)
class Teacher:
    """A trained network, frozen.

    Attributes:
        path: run or bundle.
        sha256: checksum of its Keras file.
        weight: of its prediction in the target, 0 to 1.
        accumulate: parts in which a batch is predicted, one after another.
        predict: of (N, H, W, inputs) to (N, H, W, 1 or more), grey levels.
    """

    path: Path
    sha256: str
    weight: float
    accumulate: int
    predict: Callable[[Any], Any]

    def record(self) -> dict[str, str]:
        """What the run folder says of it."""
        return {"path": str(self.path.resolve()), "sha256": self.sha256}

    def taught(self, data: Any) -> Any:
        """A batch of the pipeline with the mixed target.

        The teacher sees the inputs as they are turned and cropped, but before the random gains,
        since these leave the measured target as it is, too.

        Args:
            data: inputs, target and, if there are any, values by name; see ``make_dataset``.
        """
        inputs, target, *more = data
        places = dict(more[0]) if more else {}
        gains = places.pop("gains", None)
        clean = inputs if gains is None else inputs / gains[:, None, None, :]
        predicted = ops.stop_gradient(self._predicted(clean))
        predicted = core_of(predicted, places, target.shape[1])
        mixed = (1 - self.weight) * target + self.weight * predicted
        return (inputs, mixed, places) if places else (inputs, mixed)

    def _predicted(self, inputs: Any) -> Any:
        if self.accumulate == 1:
            return self.predict(inputs)[..., :1]
        return backend.map_parts(lambda part: self.predict(part)[..., :1], inputs, self.accumulate)


def open_teacher(config: Config, contract: Contract, split: Split, side: int) -> Teacher | None:
    """The teacher that the configuration names; None if it names none.

    Args:
        config: the resolved configuration.
        contract: of the network that learns.
        split: its groups.
        side: of a training crop, px.

    Raises:
        ConfigError: there is no such run or bundle, it cannot be combined with the configuration,
            or it learnt from groups that are held back here.
        UsageError: it does not take and predict the same.
        HrpnError, BundleError: it is damaged.
    """
    training = config.training
    if training.teacher is None:
        return None
    if training.adversarial is not None:
        raise ConfigError(
            f"{KEY}: a discriminator separates predicted from measured targets, and the target of "
            "a teacher is neither; leave out training.adversarial or the teacher"
        )
    path = Path(training.teacher)
    try:
        found = find_source(training.teacher)
    except (NoNetworkError, WrongKindError) as error:
        raise ConfigError(f"{KEY}: {error}") from None
    own = found.contract
    if own is None:
        raise ConfigError(f"{KEY}: {path} does not state its channels; give its run or bundle")
    refuse_different(f"the teacher {path}", own, "this training", contract)
    if side % own.stride_multiple:
        raise ConfigError(
            f"{KEY}: {path} takes multiples of {own.stride_multiple} px, and a training "
            f"crop has {side} px; set training.crop"
        )
    for warning in refuse_seen(found, split):
        logger.warning(f"{KEY}: {warning}")
    predict = backend.frozen(found.load(), len(contract.inputs))
    weight = training.distillation
    logger.info(f"{path}: teaches with {weight:g} of the target")
    return Teacher(path, found.sha256, weight, training.accumulate, predict)


def refuse_seen(source: Source, split: Split) -> list[str]:
    """Refuse a teacher that knows what is held back here: it would pass it on.

    Returns:
        A warning where that is not known.

    Raises:
        ConfigError: names the group.
    """
    if source.simulated or not source.subsets:
        return source.doubts()
    for group, held, used in split.seen_by(source.subsets):
        raise ConfigError(
            f"{KEY}: {source.name} used {group} for {used}, and it is a {held} group here, which "
            "the teacher would pass on; give all networks the same data.split"
        )
    return []
