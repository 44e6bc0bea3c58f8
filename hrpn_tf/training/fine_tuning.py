"""Defaults of a training that starts from another network."""

from collections.abc import Mapping
from typing import Any

from hrpn_tf.config import TrainingConfig

PATIENCE = 5  # epochs
# Batches on which the statistics of batch normalisation are measured before each validation. The
# moving ones are for hundreds of steps a mixture of old and new slides that fits neither: the
# validation error rises meanwhile, and early stopping would end the training.
MEASURED_BATCHES = 16
# Of the learning rate of the preset, for a frozen body. A network that is trained as a whole keeps
# that rate: lower ones were worse (docs/guide/fine-tune.md).
FROZEN_RATE_SHARE = 1 / 6


def fine_tuning_defaults(training: TrainingConfig) -> dict[str, Any]:
    """Values of ``training`` that replace the defaults of a preset, where the user set none.

    Args:
        training: as it would be from random weights.
    """
    if training.freeze != "body":
        return {"early_stopping": PATIENCE, "reestimate_normalisation": MEASURED_BATCHES}
    rate = float(f"{training.optimizer.learning_rate * FROZEN_RATE_SHARE:.3g}")  # without a tail
    return {"early_stopping": PATIENCE, "optimizer": {"learning_rate": rate}}


def chosen_defaults(given: Mapping[str, Any], training: TrainingConfig) -> str:
    """Which of them a training uses, as ``section.key=value``; empty if the user set them all.

    Args:
        given: keys of ``training`` that the user set, as plain values.
        training: resolved.
    """
    found = []
    if "early_stopping" not in given:
        found.append(f"training.early_stopping={training.early_stopping}")
    if training.freeze != "body" and "reestimate_normalisation" not in given:
        found.append(f"training.reestimate_normalisation={training.reestimate_normalisation}")
    if training.freeze == "body" and "learning_rate" not in given.get("optimizer", {}):
        found.append(f"training.optimizer.learning_rate={training.optimizer.learning_rate:g}")
    return ", ".join(found)
