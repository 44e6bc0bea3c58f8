"""Defaults of a training that starts from another network."""

from collections.abc import Mapping
from typing import Any

from hrpn_tf.config import TrainingConfig

# Of the learning rate that the preset has from random weights: enough to move to other slides in a
# few hundred steps, and little enough to keep what was learnt from more of them.
RATE_SHARE = 0.1
# The few weights of the ends are far from overfitting, and have further to go.
FROZEN_RATE_SHARE = 0.5
PATIENCE = 5  # epochs


def fine_tuning_defaults(training: TrainingConfig) -> dict[str, Any]:
    """Values of ``training`` that replace the defaults of a preset, where the user set none.

    Args:
        training: as it would be from random weights.
    """
    share = FROZEN_RATE_SHARE if training.freeze == "body" else RATE_SHARE
    rate = float(f"{training.optimizer.learning_rate * share:.3g}")  # 0.0002, without a tail
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
    if "learning_rate" not in given.get("optimizer", {}):
        rate = training.optimizer.learning_rate
        found.append(f"training.optimizer.learning_rate={rate:g}")
    return ", ".join(found)
