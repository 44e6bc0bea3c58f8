"""Take up a run where its last checkpoint left it."""

import logging
from pathlib import Path

from hrpn_tf.errors import CheckpointError, ForeignCheckpointError
from hrpn_tf.runs.folder import BEST, CHECKPOINTS
from hrpn_tf.runs.writing import add_environment, clear_leftovers, publish
from hrpn_tf.training.building import Built
from hrpn_tf.training.checkpoints import (
    TrainingState,
    list_checkpoints,
    load_checkpoint,
    remove_old,
    set_aside,
)
from hrpn_tf.training.environment import describe_environment

logger = logging.getLogger(__name__)


def restore(run: Path, built: Built) -> TrainingState:
    """Tidy up a run, load its last checkpoint that can be loaded, and show it.

    Args:
        run: the folder, which may be new.
        built: whose networks get the weights; they keep theirs if there is no checkpoint.

    Returns:
        The state of the checkpoint; that of the beginning if there is none.

    Raises:
        CheckpointError: there are checkpoints, but none can be loaded.
        ForeignCheckpointError: the last one is of another network.
    """
    chief, preset = built.batches.devices.chief, built.batches.config.model.preset
    if chief:
        clear_leftovers(run)
        remove_old(run / CHECKPOINTS)
        add_environment(run, describe_environment())
    damaged = None
    for checkpoint in reversed(list_checkpoints(run / CHECKPOINTS)):
        try:
            state = load_checkpoint(checkpoint, built.networks.trained, preset)
        except ForeignCheckpointError:
            raise
        except CheckpointError as error:
            damaged = error
            if chief:
                logger.warning(f"{error}; going back to the one before it")
                set_aside(checkpoint)
            continue
        if chief and state.rows:  # a killed process may not have shown it
            publish(run, checkpoint / BEST, state.rows)
        return state
    if damaged is not None:
        raise CheckpointError(f"{damaged}, and there is none before it; fit with --overwrite")
    return TrainingState()
