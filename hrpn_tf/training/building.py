"""The networks of a training, and what is known once they are built."""

from dataclasses import dataclass
from pathlib import Path

import keras
from hrpn_export import Contract

from hrpn_tf.models.contract import contract_of
from hrpn_tf.models.scaling import Scaling
from hrpn_tf.training.batches import Batches
from hrpn_tf.training.checks import check_sizes, grey_range
from hrpn_tf.training.networks import Networks, build_kept, build_trained
from hrpn_tf.training.plan import TrainingPlan, plan_of
from hrpn_tf.training.run import refuse_other_teacher
from hrpn_tf.training.teacher import Teacher, open_teacher


@dataclass(frozen=True)
class Built:
    """All that trains.

    Attributes:
        networks: with random weights.
        batches: that they are trained and validated on.
        contract: of the network.
        scaling: learnt from the training set.
        plan: of the steps; None where ``training.minutes`` is a matter of speed.
        teacher: network whose predictions are a part of the target; None for none.
    """

    networks: Networks
    batches: Batches
    contract: Contract
    scaling: Scaling
    plan: TrainingPlan | None
    teacher: Teacher | None


def build(batches: Batches, *, resumed: Path | None) -> Built:
    """Build the networks and open the teacher.

    Args:
        batches: of the training and validation set.
        resumed: the run that goes on; None for a new one.

    Raises:
        ConfigError: the network does not fit the patches; or the teacher is missing, or knows
            groups that are held back here.
        UsageError: the teacher does not take and predict the same.
        RunError: the run was begun with another teacher.
    """
    config = batches.config
    scaling = Scaling(**batches.store.statistics(batches.split.train))
    kept = build_kept(config, scaling)
    contract = _contract(kept, batches)
    check_sizes(config, batches.patches, contract.stride_multiple)
    plan = plan_of(config.training, batches.patches)
    steps = config.training.epochs if plan is None else plan.total  # not measured yet
    core = batches.window.core
    trained = build_trained(config, scaling, batches.devices, core=core, steps=steps)
    # loaded after the networks are built: it draws random numbers, and they start as without it
    teacher = open_teacher(config, contract, batches.split, batches.side)
    if resumed is not None:
        refuse_other_teacher(resumed, None if teacher is None else teacher.record())
    return Built(Networks(trained, kept), batches, contract, scaling, plan, teacher)


def _contract(network: keras.Model, batches: Batches) -> Contract:
    data = batches.config.data
    return contract_of(
        network,
        inputs=data.inputs,
        target=data.target,
        pixel_size_um=batches.store.pixel_size_um,
        grey_max=grey_range(batches.config, batches.store, batches.split.train),
        reference_levels=data.reference_levels,
    )
